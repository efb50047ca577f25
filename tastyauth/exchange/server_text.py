"""What a server sent: JSON and headers read strictly, and text made safe to show."""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import cast

from tastyauth.secret import MASK, Secret, fragments, mask

LONGEST_BODY = 64 * 1024
"""Bytes. A token response has one or two KiB; anything larger is not one."""

_LONGEST_SHOWN = 200
"""Characters of a server's text in a message."""

# The three forms of RFC 9110, section 5.6.7: IMF-fixdate, RFC 850 and asctime.
_TIME = "[0-9]{2}:[0-9]{2}:[0-9]{2}"
DATE = (
    rf"[A-Z][a-z]{{2}}, [0-9]{{2}} [A-Z][a-z]{{2}} [0-9]{{4}} {_TIME} GMT"
    rf"|[A-Z][a-z]{{5,8}}, [0-9]{{2}}-[A-Z][a-z]{{2}}-[0-9]{{2}} {_TIME} GMT"
    rf"|[A-Z][a-z]{{2}} [A-Z][a-z]{{2}} [ 0-9][0-9] {_TIME} [0-9]{{4}}"
)

# a row of backslashes is tried once, from its beginning: a long one would take forever otherwise
_ESCAPED = re.compile(r"(?<!\\)\\+(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))|%([0-9a-fA-F]{2})")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")


class Fields:
    """The fields of a JSON object that a server sent.

    Neither this nor Answer is a mapping or a tuple, and their repr shows nothing: error trackers
    log the local variables of a traceback, and would log a new refresh token with them.
    """

    __slots__ = ("_content",)

    def __init__(self, content: Mapping[str, object]) -> None:
        self._content = content

    def get(self, name: str) -> object:
        """The value of a field; None without one."""
        return self._content.get(name)

    def secret(self, name: str) -> Secret | None:
        """The value of a field, masked; empty for anything but a string."""
        value = self._content.get(name)
        return None if value is None else Secret(value if isinstance(value, str) else "")


class Answer:
    """An HTTP response, not read yet; of a body that is too long only the beginning."""

    __slots__ = ("_headers", "body", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.body = body
        self._headers = {name.lower(): value for name, value in headers.items()}

    def __repr__(self) -> str:
        return f"<Answer {self.status}>"

    def header(self, name: str) -> str:
        """The value of the header `name` (lower case), or ''; doubled ones are joined by commas."""
        return self._headers.get(name, "")

    def fields(self) -> Fields:
        """The JSON object in the body; ValueError says what it is instead."""
        if self.header("content-encoding").strip().lower() not in ("", "identity"):
            raise ValueError("compressed, which was not asked for")
        if len(self.body) > LONGEST_BODY:
            raise ValueError(f"larger than {LONGEST_BODY // 1024} KiB")
        return Fields(read_object(self.body))

    def fields_or_none(self) -> Fields:
        """The JSON object in the body, or an empty one."""
        try:
            return self.fields()
        except ValueError:
            return Fields({})

    @property
    def is_html(self) -> bool:
        """Whether it is a page for people, as gateways and sign-in pages of networks send."""
        is_named = "html" in self.header("content-type").lower()
        return is_named or self.body.lstrip()[:1] == b"<"


def read_object(data: bytes) -> dict[str, object]:
    """The one JSON object in `data` (RFC 8259), or ValueError.

    Refused are a key that is given twice (two readers would see two answers), NaN, other encodings
    than UTF-8, and nesting or numbers beyond the parser's limits.
    """
    try:  # `int` takes no NaN
        value = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=int)
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None
    if isinstance(value, dict):
        return cast(dict[str, object], value)
    raise ValueError("not a JSON object")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key is given twice")
    return fields


def http_date(text: str) -> float | None:
    """An HTTP date (RFC 9110, section 5.6.7) in epoch seconds; None for anything else."""
    if not re.fullmatch(DATE, text):
        return None
    try:
        return parsedate_to_datetime(text).replace(tzinfo=UTC).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None


def shown(text: str, secrets: Iterable[Secret]) -> str:
    """`text` of a server as a message may quote it: printable, masked, about 200 characters.

    A secret in plain is masked. If a secret turns out to be there in another spelling (JSON or
    percent escapes, base64, broken over lines), nothing of the text is shown.
    """
    secrets = tuple(secrets)
    printable = "".join(c if c.isprintable() else " " * c.isspace() for c in text)
    masked = " ".join(mask(printable, secrets).split())
    for spelling in spellings(masked):
        if any(True for secret in secrets for _ in fragments(spelling, secret)):
            return MASK
    too_long = len(masked) > _LONGEST_SHOWN
    return masked[:_LONGEST_SHOWN].rstrip() + "..." if too_long else masked


def spellings(text: str) -> Iterable[str]:
    """`text` without spaces, with escapes resolved, and decoded from base64 at each alignment."""
    whole = text
    for _ in range(3):  # an escaped escape of an escape, after a chain of gateways
        text = _ESCAPED.sub(lambda found: chr(int(found[found.lastindex or 1], 16)), text)
    plain, compact = ("".join(it.split()).replace("\\", "") for it in (whole, text))
    yield from (plain, compact)
    encoded = _NOT_BASE64.sub("", compact.translate({ord("-"): "+", ord("_"): "/"}))
    for lead in range(4):  # it may be cut anywhere, so each of the four alignments is read
        filled = "A" * lead + encoded
        yield base64.b64decode(filled + "A" * (-len(filled) % 4)).decode("latin-1")
