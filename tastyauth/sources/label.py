"""References in words, fit for messages and plans."""

import shlex

from tastyauth.secret import mask, with_tilde
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
    SystemdCredential,
)


def describe(reference: Reference, home: str = "") -> str:
    """A short label: `env TT_SECRET`, `file ~/x`, `command pass show brokers/tastytrade`.

    Paths below `home` begin with `~`. A secret that somebody pasted is masked, and control
    characters are escaped.
    """
    return f"{reference.kind} {_detail(reference, home)}"


def printable(text: str) -> str:
    """`text` with everything escaped that would steer a terminal."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def _detail(reference: Reference, home: str) -> str:
    match reference:
        case Env(name):
            return printable(name)  # its pattern leaves no room for a secret, only for long names
        case File(path):
            return _masked(with_tilde(path, home))
        case SystemdCredential(name):
            return _masked(name)
        case Dotenv(path, name):
            return f"{_masked(with_tilde(path, home))} {printable(name)}"
        case Keyring(service, username):
            return _masked(f"{service} {username}")
        case Command(argv):
            return _masked(with_tilde(shlex.join(argv), home))
        case OnePassword(uri):
            return _masked(uri)
        case Pass(entry):
            return _masked(entry)
        case FirstOf(references):
            return f"({', '.join(describe(member, home) for member in references)})"


def _masked(text: str) -> str:
    # Between slashes: a whole path is as long, and made of the same characters, as a secret.
    return printable("/".join(map(mask, text.split("/"))))
