"""From nothing to a config: the texts, the shapes of credentials, and where they may be kept."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tastyauth import document, pasted
from tastyauth.errors import APPLICATIONS_PAGE, ConfigError, RefusedError
from tastyauth.secret import Secret

EXPLANATION = f"""\
tastyauth needs three things from tastytrade. They are on the OAuth Applications page:
  {APPLICATIONS_PAGE}

  client ID      New OAuth client; public, shown beside the application from then on
  client secret  shown once, when the client is made. Lost it? Regenerating it ends all grants
  refresh token  Manage → Create Grant. It never expires: one grant per machine, so that one can be
                 deleted alone; tick only read, unless your bot places orders

Send the last two to nobody, chat assistants included. They are asked for without being shown."""

MODELINE = "# yaml-language-server: $schema=tastyauth.schema.json\n"

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

_OLD_NAMES = {
    "client_id": ("TASTYTRADE_CLIENT_ID", "TT_CLIENT_ID", "TASTY_CLIENT_ID", "TT_API_CLIENT_ID"),
    "client_secret": (
        "TASTYTRADE_CLIENT_SECRET",
        "TT_CLIENT_SECRET",
        "TT_SECRET",
        "TT_PROVIDER_SECRET",
        "TASTY_CLIENT_SECRET",
        "TT_API_CLIENT_SECRET",
        "OAUTH_CLIENT_SECRET",
    ),
    "refresh_token": (
        "TASTYTRADE_REFRESH_TOKEN",
        "TT_REFRESH_TOKEN",
        "TT_REFRESH",
        "TASTY_REFRESH_TOKEN",
        "OAUTH_REFRESH_TOKEN",
    ),
}
"""What bots and SDKs call the credentials in their .env files."""


@dataclass(frozen=True, slots=True)
class NewProfile:
    """What is written into the config for one profile."""

    name: str
    environment: str
    api_url: str | None
    client_id: str
    client_secret: str
    refresh_token: str

    def block(self) -> str:
        """The profile as YAML, indented by two; the last two are references in flow form."""
        lines = [f"  {self.name}:", f"    environment: {self.environment}"]
        if self.api_url is not None:
            lines.append(f"    api_url: {self.api_url}")
        lines += [
            f"    client_id: {self.client_id}",
            f"    client_secret: {self.client_secret}",
            f"    refresh_token: {self.refresh_token}",
        ]
        return "".join(f"{line}\n" for line in lines)


def reference(store: str, profile: str, field: str) -> str:
    """The reference that is written for a store: `file`, `keyring` or `pass`."""
    if store == "file":
        return f"{{ file: {profile}.{field.replace('_', '-')} }}"
    if store == "keyring":
        return f"{{ keyring: {{ service: tastyauth, username: {profile}/{field} }} }}"
    return f"{{ pass: tastyauth/{profile}/{field} }}"


def new_config(profile: NewProfile) -> str:
    """A config with this profile alone."""
    return f"{MODELINE}version: 1\nprofiles:\n{profile.block()}"


def with_profile(content: bytes, name: str, profile: NewProfile) -> str:
    """The config in `content` with one profile more, every other byte as it was.

    Where there was one profile and no `default_profile`, the old one becomes the default, so that
    what worked without -p still means the same. Raises ConfigError for a form of YAML into which
    nothing can be put.
    """
    found = document.read(content, name)
    profiles = found.data.get("profiles") if isinstance(found.data, dict) else None
    if not isinstance(profiles, dict) or not profiles:
        raise ConfigError(
            f"{name} has no profiles to add one to", f"run: tastyauth validate {name}"
        )
    first = found.key_span(("profiles", next(iter(profiles))))
    head = found.key_span(("profiles",))
    if first.line == head.line:
        raise ConfigError(
            f"the profiles of {name} stand on one line", "give each profile lines of its own"
        )
    lines = content.decode().splitlines(keepends=True)
    ending = "\r\n" if lines[0].endswith("\r\n") else "\n"
    indent = " " * (first.column - 1)
    block = "".join(f"{indent}{line[2:]}{ending}" for line in profile.block().splitlines())
    lines.insert(head.line, block)
    if len(profiles) == 1 and isinstance(found.data, dict) and "default_profile" not in found.data:
        lines.insert(head.line - 1, f"default_profile: {next(iter(profiles))}{ending}")
    return "".join(lines)


def check_shape(field: str, value: Secret) -> None:
    """Raises RefusedError when `value` is positively something else than `field`."""
    text = value.reveal()
    if text[0] in "\"'" and text[-1] == text[0]:
        raise RefusedError(f"the {_spoken(field)} has quotes around it", "enter it without them")
    is_id = _UUID.fullmatch(text) is not None
    shape = pasted.shape(text)
    if field == "client_id":
        if not is_id:
            what = f", it looks like {pasted.looks_like(shape)}" if shape else ""
            raise RefusedError(f"this is not a client ID{what}", "a client ID is a UUID")
    elif is_id:
        raise RefusedError(
            f"this is a client ID, not a {_spoken(field)}", f"look again: {APPLICATIONS_PAGE}"
        )
    elif shape is not None and shape not in _FITTING[field]:
        raise RefusedError(
            f"this is not a {_spoken(field)}, it looks like {pasted.looks_like(shape)}",
            f"look again: {APPLICATIONS_PAGE}",
        )


_FITTING = {"client_secret": ("client secret",), "refresh_token": ("refresh token", "JWT")}


def _spoken(field: str) -> str:
    return field.replace("_", " ")


def taken_over(variables: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The credentials in a bot's .env: field to the name it had there, and its value."""
    return {
        field: (name, variables[name])
        for field, names in _OLD_NAMES.items()
        for name in reversed(names)
        if variables.get(name)
    }
