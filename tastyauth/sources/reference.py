"""A reference says where a secret lives, never what it is."""

import os
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from tastyauth.errors import ConfigError


class Env(NamedTuple):
    """An environment variable."""

    name: str
    kind: Literal["env"] = "env"


class File(NamedTuple):
    """A regular file or a named pipe; `path` is absolute."""

    path: str
    any_permissions: bool = False
    kind: Literal["file"] = "file"


class SystemdCredential(NamedTuple):
    """A file of `$CREDENTIALS_DIRECTORY` (systemd.exec, section Credentials)."""

    name: str
    kind: Literal["systemd_credential"] = "systemd_credential"


class Dotenv(NamedTuple):
    """One variable of a .env file; `path` is absolute."""

    path: str
    name: str
    kind: Literal["dotenv"] = "dotenv"


class Keyring(NamedTuple):
    """An entry of the desktop's keyring."""

    service: str
    username: str
    kind: Literal["keyring"] = "keyring"


class Command(NamedTuple):
    """What a program writes to its stdout.

    `line` picks one line, from 1; `json` is a JSON Pointer (RFC 6901) to a string; `timeout` is in
    seconds, None for the default.
    """

    argv: tuple[str, ...]
    line: int | None = None
    json: str | None = None
    timeout: float | None = None
    kind: Literal["command"] = "command"


class OnePassword(NamedTuple):
    """An item field of 1Password, as its own `op://vault/item/field`."""

    uri: str
    kind: Literal["onepassword"] = "onepassword"


class Pass(NamedTuple):
    """An entry of the password store of `pass`."""

    entry: str
    kind: Literal["pass"] = "pass"


Single = Env | File | SystemdCredential | Dotenv | Keyring | Command | OnePassword | Pass


class FirstOf(NamedTuple):
    """The first of `references` that is here at all; never nested."""

    references: tuple[Single, ...]
    kind: Literal["first_of"] = "first_of"


Reference = Single | FirstOf


def parse(value: object, *, directory: str, home: str) -> Reference:
    """The reference in `value`, a one-key mapping that the schema has found valid.

    `directory` (the config's) and `home` are absolute: what relative paths and `~` start from.
    """
    match value:
        case {"env": str(name)}:
            return Env(name)
        case {"file": str(path)}:
            return File(_absolute(path, directory, home))
        case {"file": {"path": str(path), **options}}:
            return File(_absolute(path, directory, home), options.get("permissions") == "any")
        case {"systemd_credential": str(name)}:
            return SystemdCredential(name)
        case {"dotenv": {"path": str(path), "name": str(name)}}:
            return Dotenv(_absolute(path, directory, home), name)
        case {"keyring": {"service": str(service), "username": str(username)}}:
            return Keyring(service, username)
        case {"command": [str(), *_] as argv}:
            return Command(_argv(argv, directory, home))
        case {"command": {"argv": [str(), *_] as argv, **options}}:
            return _command_with(options, _argv(argv, directory, home))
        case {"onepassword": str(uri)}:
            return OnePassword(uri)
        case {"pass": str(entry)}:
            return Pass(entry)
        case {"first_of": [_, *_] as members}:
            return _first_of(members, directory, home)
    raise ConfigError(
        "a reference is not a mapping with one known source kind", "see: tastyauth validate"
    )


def expand(path: str, home: str) -> str:
    """`path` with a leading `~/` replaced by `home`; `~name` of other users is not read."""
    if path == "~" or path.startswith("~/"):
        return home + path[1:]
    return path


def _command_with(options: Mapping[object, object], argv: tuple[str, ...]) -> Command:
    line, json, timeout = (options.get(key) for key in ("line", "json", "timeout"))
    return Command(
        argv,
        line=int(line) if isinstance(line, int | float) else None,  # 2.0 is an integer, too
        json=json if isinstance(json, str) else None,
        timeout=float(timeout) if isinstance(timeout, int | float) else None,
    )


def _first_of(members: Sequence[object], directory: str, home: str) -> FirstOf:
    found: list[Single] = []
    for member in members:
        reference = parse(member, directory=directory, home=home)
        # A list in a list means what one longer list means; flat, no reader can miss a member.
        found += reference.references if isinstance(reference, FirstOf) else [reference]
    return FirstOf(tuple(found))


def _argv(argv: Sequence[object], directory: str, home: str) -> tuple[str, ...]:
    program, *arguments = map(str, argv)
    return (
        expand(program, home),
        *(
            _against(directory, argument) if argument.startswith(("./", "../")) else argument
            for argument in arguments
        ),
    )


def _absolute(path: str, directory: str, home: str) -> str:
    return _against(directory, expand(path, home))


def _against(directory: str, path: str) -> str:
    joined = os.path.join(directory, path)
    # `..` after a symbolic link is for the kernel to follow; spelling it away may lead elsewhere.
    return joined if ".." in joined.split("/") else os.path.normpath(joined)
