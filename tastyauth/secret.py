"""The masked type, and text with every credential masked."""

import re
from collections.abc import Iterable, Iterator
from typing import NoReturn, Self

from tastyauth.errors import UsageError

MASK = "[hidden]"

_SHORTEST_FRAGMENT = 8
"""Characters. A shorter run of a secret says nothing about it, and would mask common words."""

_LOWER = str.maketrans({letter: letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"})
"""Not `str.lower`, which may change the length of foreign text."""

# Not compiled until there is a message: most runs print none, and it takes a millisecond.
_OWN_SHAPE = (
    r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*"  # a refresh or access token
    r"|(?<![0-9A-Za-z])[0-9A-Fa-f]{32,}(?![0-9A-Za-z])"  # a client secret
)

_CERTAIN = r"eyJ[A-Za-z0-9_-]{8}|(?<![0-9A-Za-z])[0-9A-Fa-f]{40}(?![0-9A-Za-z])"

UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
"""The pattern of a client ID, which is public."""

_CREDENTIAL_SHAPE = (
    r"eyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)*"  # a JWT, or the beginning of one
    rf"|(?<![A-Za-z0-9+/_=-])(?!{UUID}(?![A-Za-z0-9+/_=-]))"
    r"[A-Za-z0-9+/_=-]{32,}"  # hex, base64 or a token; a UUID is public and stays
)

_ACCOUNT_NUMBER = r"(?<![A-Za-z0-9])[0-9][A-Z]{2}[0-9](?=[0-9]{4}(?![A-Za-z0-9]))"


def is_uuid(text: str) -> bool:
    """Whether `text` could be a client ID."""
    return re.fullmatch(UUID, text, re.IGNORECASE) is not None


def has_credential(text: str) -> bool:
    """Whether `text` holds what can only be a client secret or a token of tastytrade."""
    return re.search(_CERTAIN, text) is not None


def is_made_up(text: str) -> bool:
    """Whether `text` is 40 digits of filler: zeros, deadbeef again and again, counting up."""
    digits = text.lower()
    if not re.fullmatch("[0-9a-f]{40}", digits):
        return False
    if digits.isdecimal() or len(set(digits)) < 8:
        return True
    return any(digits[period:] == digits[:-period] for period in range(1, 21))


class Secret:
    """A value that only `reveal` shows: repr, str and format are masked, and pickle is refused."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Raises UsageError for what is not text."""
        if not isinstance(value, str):
            raise UsageError(f"a Secret is text, not {type(value).__name__}", "give it a str")
        self._value = value

    def reveal(self) -> str:
        """The value itself."""
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

    def __deepcopy__(self, _: object = None) -> Self:
        return self

    __copy__ = __deepcopy__

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret cannot be pickled")


def mask(text: str, secrets: Iterable[Secret] = ()) -> str:
    """`text` without any fragment of `secrets`, and without anything shaped like a credential.

    Text from elsewhere may repeat a secret cut, escaped or encoded. So every run of eight or more
    characters that is also in a secret is masked, and so is every JWT and every long run of
    token characters.
    """
    hidden = [False] * len(text)
    for secret in secrets:
        for start, end in fragments(text, secret):
            hidden[start:end] = [True] * (end - start)
    for found in re.finditer(_CREDENTIAL_SHAPE, text):
        hidden[found.start() : found.end()] = [True] * (found.end() - found.start())
    parts: list[str] = []
    for character, hide in zip(text, hidden, strict=True):
        if not hide:
            parts.append(character)
        elif not parts or parts[-1] != MASK:
            parts.append(MASK)
    return "".join(parts)


def fragments(text: str, secret: Secret) -> Iterator[tuple[int, int]]:
    """Where `text` holds eight consecutive characters of `secret`, or all of a shorter one.

    Upper and lower case count as the same.
    """
    text, value = text.translate(_LOWER), secret.reveal().translate(_LOWER)
    width = min(_SHORTEST_FRAGMENT, len(value))
    known = {value[i : i + width] for i in range(len(value) - width + 1)}
    for i in range(len(text) - width + 1):
        if text[i : i + width] in known:
            yield i, i + width


def shown(text: str) -> str:
    """`text` fit for a terminal, without what looks like a credential of tastytrade.

    For messages of tastyauth, which may quote a mistyped word or an odd path: control characters
    are escaped, and long names of directories stay.
    """
    return printable(re.sub(_OWN_SHAPE, MASK, text))


def printable(text: str) -> str:
    """`text` with every control character escaped that could steer a terminal."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def with_tilde(text: str, home: str) -> str:
    """`text` with `~` for the home directory wherever a path in it begins with that."""
    home = home.rstrip("/")
    return re.sub(rf"(?<![\w./~-]){re.escape(home)}(?![\w.-])", "~", text) if home else text


def addressed(hint: str, flags: str) -> str:
    """`hint` with `flags` of `inputs.flags_of` in each command of tastyauth that lacks them."""

    def complete(found: re.Match[str]) -> str:
        parts = [it for it in re.split(" (?=--config )", flags, maxsplit=1) if it]
        there = {"-p": " (?:-p|--profile)\\b", "--config": " --config\\b"}
        lacking = [it for it in parts if not re.search(there[it.split()[0]], found[2])]
        return " ".join([found[1], *lacking])

    return re.sub(
        r"(tastyauth (?:env|token|exec|secret set|status(?! lists)|doctor|clear|as-curl|init|hook"
        r"|(?:allow|deny|validate)(?=$|\n)))\b(?! --help)"
        r"(?=([^;,)\n]*?)(?: -- |[;,)\n]|$))",  # what follows -- is another program's
        complete,
        hint,
    )


def fit_to_paste(text: str, home: str) -> str:
    """`text` on one line, with `~` for the home directory and four digits of account numbers.

    The `~` goes before the quotes of a word, since a shell does not expand it inside.
    """
    text = re.sub(_ACCOUNT_NUMBER, "****", printable(text))
    return with_tilde(text.replace(f"'{home}/", f"{home}/'") if home.strip("/") else text, home)
