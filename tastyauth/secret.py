"""The masked type: a secret shows itself only to whoever asks for it by name."""

import re
from collections.abc import Iterable
from typing import NoReturn, Self

from tastyauth.broker import UUID

MASK = "[hidden]"

_SHORTEST_FRAGMENT = 8
"""Characters. A shorter run of a secret says nothing about it, and would mask common words."""

_LOWER = str.maketrans({letter: letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"})
"""Not `str.lower`, which may change the length of foreign text."""

# Not compiled until something is said: most runs say nothing, and it would take a millisecond.
_OWN_SHAPE = (
    r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*"  # a refresh or access token
    r"|(?<![0-9A-Za-z])[0-9A-Fa-f]{32,}(?![0-9A-Za-z])"  # a client secret
)

_CREDENTIAL_SHAPE = (
    r"eyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)*"  # a JWT, or the beginning of one
    rf"|(?<![A-Za-z0-9+/_=-])(?!{UUID}(?![A-Za-z0-9+/_=-]))"
    r"[A-Za-z0-9+/_=-]{32,}"  # hex, base64 or a token; a UUID is public and stays
)


class Secret:
    """A value that no repr, str, format, pickle or copy gives away; `reveal` does."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one place that needs it."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, specification: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return self._value == other._value

    __hash__ = None  # type: ignore[assignment]  # a hash in a log would be a fingerprint

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not pickled")


def mask(text: str, secrets: Iterable[Secret] = ()) -> str:
    """`text` without any fragment of `secrets`, and without anything shaped like a credential.

    Foreign text may echo a secret cut, escaped or re-encoded. So every run of eight or more
    characters that also occurs in a secret goes, and so does every JWT and every long run of
    token characters, whoever it belongs to.
    """
    hidden = [False] * len(text)
    for secret in secrets:
        _mark_fragments(text, secret.reveal(), hidden)
    for found in re.finditer(_CREDENTIAL_SHAPE, text):
        hidden[found.start() : found.end()] = [True] * (found.end() - found.start())
    return _without(text, hidden)


def shown(text: str) -> str:
    """`text` of ours, in which somebody's mistyped word or odd path may stand, fit for a terminal.

    What is shaped like a credential of tastytrade goes, and what would steer a terminal is escaped;
    long names of directories stay.
    """
    text = re.sub(_OWN_SHAPE, MASK, text)
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def with_tilde(text: str, home: str) -> str:
    """`text` with `~` for the home directory wherever a path in it begins with that."""
    home = home.rstrip("/")
    return re.sub(rf"(?<![\w./~-]){re.escape(home)}(?![\w.-])", "~", text) if home else text


def _mark_fragments(text: str, value: str, hidden: list[bool]) -> None:
    text, value = text.translate(_LOWER), value.translate(_LOWER)
    width = min(_SHORTEST_FRAGMENT, len(value))
    fragments = {value[i : i + width] for i in range(len(value) - width + 1)}
    for i in range(len(text) - width + 1):
        if text[i : i + width] in fragments:
            hidden[i : i + width] = [True] * width


def _without(text: str, hidden: list[bool]) -> str:
    parts: list[str] = []
    for character, hide in zip(text, hidden, strict=True):
        if not hide:
            parts.append(character)
        elif not parts or parts[-1] != MASK:
            parts.append(MASK)
    return "".join(parts)
