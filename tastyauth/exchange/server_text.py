"""What others wrote: JSON read strictly, headers and dates read warily, text made safe to show."""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import NoReturn, cast

from tastyauth.secret import MASK, Secret, mask

LONGEST_BODY = 64 * 1024
"""Bytes. A token response is one or two KiB; whatever is larger is not one."""

_LONGEST_SHOWN = 200
"""Characters of somebody else's text in a message of ours."""

_FRAGMENT = 8
"""Characters of a secret that may not appear together, as in `secret.mask`."""

_ESCAPED = re.compile(r"\\+u([0-9a-fA-F]{4})|(?:\\+x|%)([0-9a-fA-F]{2})")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")


def read_object(data: bytes) -> dict[str, object]:
    """The one JSON object in `data` (RFC 8259), or ValueError.

    A key given twice is refused (two readers would see two answers), as are NaN, other encodings
    than UTF-8, and nesting or numbers beyond what the parser bears.
    """
    try:
        value = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_not_json)
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


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def read_body(headers: Mapping[str, str], body: bytes) -> dict[str, object]:
    """The JSON object that is the body of an answer, or ValueError saying what it is instead."""
    if header(headers, "content-encoding").strip().lower() not in ("", "identity"):
        raise ValueError("compressed, which was not asked for")
    if len(body) > LONGEST_BODY:
        raise ValueError(f"larger than {LONGEST_BODY // 1024} KiB")
    return read_object(body)


def is_html(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether an answer is a page for people, as gateways and captive portals give."""
    return "html" in header(headers, "content-type").lower() or body.lstrip()[:1] == b"<"


def header(headers: Mapping[str, str], name: str) -> str:
    """The value of the header `name` (lower case), whatever the case of its key; or ''."""
    return next((value for key, value in headers.items() if key.lower() == name), "")


def http_date(text: str) -> float | None:
    """An HTTP date (RFC 9110, section 5.6.7) in epoch seconds, or None when it is not one."""
    if len(text) > 64 or not text.endswith("GMT"):
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None


def shown(text: str, secrets: Iterable[Secret]) -> str:
    """`text` as it may stand in a message: printable, masked, about 200 characters.

    A secret is masked where it stands as it is. Where it turns out to be spelled in another way
    (JSON or percent escapes, base64, broken over lines) nothing of the text is shown at all.
    """
    secrets = tuple(secrets)
    printable = "".join(c if c.isprintable() else " " * c.isspace() for c in text)
    masked = " ".join(mask(printable, secrets).split())
    if any(_holds(spelling, secret) for secret in secrets for spelling in _spellings(masked)):
        return MASK
    if len(masked) <= _LONGEST_SHOWN:
        return masked
    return masked[:_LONGEST_SHOWN].rstrip() + "..."


def _spellings(text: str) -> Iterable[str]:
    yield _compact(text)
    for _ in range(3):  # an escaped escape of an escape: what a chain of gateways makes of a body
        text = _ESCAPED.sub(lambda found: chr(int(found[1] or found[2], 16)), text)
    compact = _compact(text)
    yield compact
    encoded = _NOT_BASE64.sub("", compact.translate({ord("-"): "+", ord("_"): "/"}))
    for lead in range(4):  # it may be cut anywhere, so each of the four alignments is read
        filled = "A" * lead + encoded
        yield base64.b64decode(filled + "A" * (-len(filled) % 4)).decode("latin-1")


def _compact(text: str) -> str:
    return "".join(text.split()).replace("\\", "")


def _holds(text: str, secret: Secret) -> bool:
    value, text = secret.reveal().lower(), text.lower()
    width = min(_FRAGMENT, len(value))
    fragments = {value[i : i + width] for i in range(len(value) - width + 1)}
    return any(text[i : i + width] in fragments for i in range(len(text) - width + 1))
