"""Where secrets live: a config's references, one object per kind of source."""

from importlib import import_module
from typing import TYPE_CHECKING

from tastyauth.errors import ConfigError
from tastyauth.sources.reference import (
    Reference,
    Surroundings,
    accept,
    resolve_program,
)

if TYPE_CHECKING:  # this is also where freezers such as PyInstaller find these modules
    from tastyauth.sources import (  # noqa: F401
        command,
        dotenv,
        env,
        file,
        first_of,
        keyring,
        onepassword,
        pass_store,
    )

__all__ = [
    "KINDS",
    "Reference",
    "Surroundings",
    "accept",
    "kind_of",
    "parse",
    "resolve_program",
]

KINDS = {
    "env": "env.Env",
    "file": "file.File",
    "systemd_credential": "file.SystemdCredential",
    "dotenv": "dotenv.Dotenv",
    "keyring": "keyring.Keyring",
    "command": "command.Command",
    "onepassword": "onepassword.OnePassword",
    "pass": "pass_store.Pass",
    "first_of": "first_of.FirstOf",
}
"""Each kind of reference, and its class in this folder: imported when a config uses it."""


def kind_of(name: str) -> type[Reference]:
    """The class of a kind of `KINDS`."""
    module, _, attribute = KINDS[name].partition(".")
    found: type[Reference] = getattr(import_module(f"tastyauth.sources.{module}"), attribute)
    return found


def parse(value: object, *, directory: str, home: str) -> Reference:
    """The reference in `value`, a one-key mapping that the schema has found valid.

    `directory` (the config's) and `home` are absolute: relative paths and `~` start there.
    """
    if isinstance(value, dict) and len(value) == 1:
        [(kind, content)] = value.items()
        found = kind_of(kind).parse(content, directory, home) if kind in KINDS else None
        if found is not None:
            return found
    raise ConfigError(
        "a reference is not a mapping with one known source kind", "see: tastyauth validate"
    )
