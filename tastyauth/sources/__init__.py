"""Where secrets live: references, and a source for each kind of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from tastyauth.errors import SecretAbsent, SecretError
from tastyauth.posix import files
from tastyauth.secret import Secret
from tastyauth.sources.file import resolve_credential, resolve_file
from tastyauth.sources.label import describe
from tastyauth.sources.limits import time_limit
from tastyauth.sources.program import resolve_program
from tastyauth.sources.reference import (
    Command,
    Dotenv,
    Env,
    File,
    FirstOf,
    Keyring,
    OnePassword,
    Pass,
    Reference,
    Single,
    SystemdCredential,
    parse,
)
from tastyauth.sources.surroundings import Surroundings
from tastyauth.sources.value import accept

__all__ = [
    "SOURCES",
    "Command",
    "Dotenv",
    "Env",
    "File",
    "FirstOf",
    "Keyring",
    "OnePassword",
    "Pass",
    "Reference",
    "Single",
    "Surroundings",
    "SystemdCredential",
    "begin",
    "command_of",
    "describe",
    "is_available",
    "members",
    "parse",
    "put",
    "remove",
    "replace",
    "resolve",
    "resolve_program",
    "time_limit",
]


def resolve(reference: Reference, surroundings: Surroundings) -> Secret:
    """The secret that `reference` points at.

    Raises SecretAbsent when it is not available here (no such variable, file, program, directory),
    and SecretError when it is here but locked, denied, malformed, late or broken.
    """
    return SOURCES[reference.kind](reference, surroundings)


@contextmanager
def begin(reference: Reference, surroundings: Surroundings) -> Iterator[Callable[[], Secret]]:
    """Starts what takes time, and gives the function that collects the secret, to be called once.

    Only a command is started early, and only when it cannot ask: two that ask at once would do so
    on one terminal. What has not been collected is ended when the context is left. Both entering
    and collecting raise what `resolve` raises.
    """
    if surroundings.interactive or not isinstance(reference, Command):
        yield partial(resolve, reference, surroundings)
        return
    from tastyauth.sources import command

    with command.start(reference, surroundings) as running:
        yield partial(command.collect, reference, running, surroundings)


def put(reference: Single, value: Secret, surroundings: Surroundings) -> None:
    """Writes `value` to where `reference` points; raises SecretError when that cannot be."""
    write = STORES.get(reference.kind)
    if write is None:
        raise SecretError(
            f"{describe(reference, surroundings.home)} cannot be written by tastyauth",
            "store the secret there by hand",
        )
    write(reference, value, surroundings)


def remove(reference: Single, surroundings: Surroundings) -> None:
    """Removes what `put` has written where nothing was before; raises SecretError or OSError."""
    match reference:
        case File(path):
            files.remove(path)
        case Keyring():
            from tastyauth.sources import keyring

            keyring.remove_keyring(reference, surroundings)
        case Pass():
            from tastyauth.sources import storing

            storing.remove_pass(reference, surroundings)


def is_available(kind: str, surroundings: Surroundings) -> bool:
    """Whether secrets can be stored in sources of this kind here."""
    if kind == "keyring":
        from tastyauth.sources import keyring

        return keyring.is_available(surroundings)
    if kind == "pass":
        from tastyauth.sources import preset

        return preset.is_pass_available(surroundings)
    return kind in STORES


def members(reference: Reference) -> tuple[Single, ...]:
    """What `first_of` lists, or the reference itself."""
    return reference.references if isinstance(reference, FirstOf) else (reference,)


def replace(reference: Reference, old: Secret, new: Secret, surroundings: Surroundings) -> bool:
    """Replaces `old` by `new` where it came from; False when that cannot be written.

    Of a `first_of`, the member that holds `old` is written, and no other.
    """
    for member in members(reference):
        if member.kind in STORES and _holds(member, old, surroundings):
            try:
                put(member, new, surroundings)
            except SecretError:
                return False
            return True
    return False


def _holds(reference: Reference, value: Secret, surroundings: Surroundings) -> bool:
    try:
        return resolve(reference, surroundings) == value
    except SecretError:
        return False


def command_of(reference: Reference) -> Command | None:
    """The command that resolving `reference` runs, None when it runs none."""
    if isinstance(reference, OnePassword | Pass):
        from tastyauth.sources import preset

        return preset.command_of(reference)
    return reference if isinstance(reference, Command) else None


def _resolve_env(reference: Env, surroundings: Surroundings) -> Secret:
    label = describe(reference)
    value = surroundings.environ.get(reference.name)
    if not value:
        state = "is not set" if value is None else "is empty"
        raise SecretAbsent(f"{label} {state}", "export it; cron passes on no variable of a shell")
    # Bytes that are no UTF-8 arrive as lone surrogates (PEP 383) and stay invalid on the way back.
    return accept(value.encode("utf-8", "surrogatepass"), label)


def _resolve_command(reference: Command, surroundings: Surroundings) -> Secret:
    # Imported late: subprocess is dearer than all the rest of the package, and few configs run
    # a command.
    from tastyauth.sources import command

    return command.resolve(reference, surroundings)


def _resolve_first_of(reference: FirstOf, surroundings: Surroundings) -> Secret:
    reasons = []
    for member in reference.references:
        try:
            return resolve(member, surroundings)
        except SecretAbsent as absent:
            reasons.append(absent.message)
    raise SecretAbsent(
        f"none of {len(reasons)} sources has the secret: {'; '.join(reasons)}",
        "make one of them available",
    )


def _resolve_preset(reference: OnePassword | Pass, surroundings: Surroundings) -> Secret:
    from tastyauth.sources import preset

    return preset.resolve_preset(reference, surroundings)


def _resolve_dotenv(reference: Dotenv, surroundings: Surroundings) -> Secret:
    from tastyauth.sources import dotenv

    return dotenv.resolve_dotenv(reference, surroundings)


def _resolve_keyring(reference: Keyring, surroundings: Surroundings) -> Secret:
    from tastyauth.sources import keyring

    return keyring.resolve_keyring(reference, surroundings)


def _put_file(reference: File, value: Secret, surroundings: Surroundings) -> None:
    from tastyauth.sources import storing

    storing.put_file(reference, value, surroundings)


def _put_keyring(reference: Keyring, value: Secret, surroundings: Surroundings) -> None:
    from tastyauth.sources import keyring

    keyring.put_keyring(reference, value, surroundings)


def _put_pass(reference: Pass, value: Secret, surroundings: Surroundings) -> None:
    from tastyauth.sources import storing

    storing.put_pass(reference, value, surroundings)


SOURCES: dict[str, Callable[[Any, Surroundings], Secret]] = {  # each takes its own kind
    "env": _resolve_env,
    "file": resolve_file,
    "systemd_credential": resolve_credential,
    "dotenv": _resolve_dotenv,
    "keyring": _resolve_keyring,
    "command": _resolve_command,
    "onepassword": _resolve_preset,
    "pass": _resolve_preset,
    "first_of": _resolve_first_of,
}
"""From the kind of a reference to the function that resolves it."""

STORES: dict[str, Callable[[Any, Secret, Surroundings], None]] = {
    "file": _put_file,
    "keyring": _put_keyring,
    "pass": _put_pass,
}
"""From the kind of a reference to the function that writes a secret to it, where there is one."""
