"""Finds secrets in files that are not configs; reports only what can hardly be anything else.

A refresh token is recognised anywhere. A client secret is 40 hexadecimal digits, like a commit, so
its line (or the key on the line before) must speak of it. Base64 is decoded.
"""

import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from tastyauth.secret import is_made_up
from tastyauth.validation import pasted_secrets
from tastyauth.validation.pasted_secrets import Find, Shape
from tastyauth.validation.problem import Problem, Span

ALLOWANCE = "tastyauth: allow"
"""A line that says this (in a comment) is not searched."""

_ALLOW = (
    "if it is a harmless example, add a comment to this line, or to the one that opens its block"
    f" (in JSON there are none: leave the file out): {ALLOWANCE}"
)

_AROUND = 400
"""Characters before and after a find, on its line, that are looked at."""

_FAR = 4000
"""Characters before a find in which a heading may say what it is."""

_FORTY_DIGITS = re.compile(  # also in a URL, after an encoded `=`
    r"(?:(?<![0-9A-Za-z+/_])(?<!(?<!:)-)|(?<=%3[Dd]))[0-9A-Fa-f]{40}(?![0-9A-Za-z+/_-])"
)
_BASE64 = re.compile(r"[A-Za-z0-9+/]{54,}")  # 54 characters are 40 bytes
_SECRET = re.compile(r"secret|(?<![a-z0-9])tt_", re.IGNORECASE)
_TASTY = re.compile(r"tasty", re.IGNORECASE)
_KUBERNETES = re.compile(r"""^ *["']?kind["']?: *["']?Secret\b""", re.MULTILINE)
_STRING_DATA = re.compile(  # up to a line that is in it
    r"""^( *)["']?stringData["']?:[^\n]*\n(?:(?:\1[ \t]+[^\n]*)?\n)*\Z""", re.MULTILINE
)
_NETRC = re.compile(r"\bmachine\s+\S*tasty\S*\s+(?:(?:login|account)\s+\S+\s+)*password\s+\Z")
_CELL_ENDS = re.compile("[,;\t]")
_COLUMN = re.compile(r"""\s*["']?(?:\w+ )?[\w.-]*secret[\w.-]*["']?\s*""", re.IGNORECASE)

_ASSIGNED = re.compile(r"""(?:=>?\s*|:\s+|:-|["'])["']?$""")
_PINNED = re.compile(  # what precedes a commit, a checksum or the tag of an image
    r"(?:[@#/]|\.\.|\bfrom |/[a-z0-9._-]+:"
    r"|(?:sha-?[0-9]*|commit(?:_?(?:id|sha|hash))?|revision|rev|reference|ref|hash|hashed_secret"
    r"|digest|checksum|fingerprint|integrity|image|tag|version|build|branch|head|tree|blob|oid)"
    r"[^\w\n]{0,4})$",
    re.IGNORECASE,
)
_LISTED = re.compile(r"\s+\*?(?!#|//|;|--)\S|:[\w./-]|\.\.")
"""What follows a hash at the beginning of a line: in sha1sum, git log, .gitleaksignore."""

_ALONE_BEFORE = re.compile(r"""(?:[\s"'`\[({,>+-]|<\w+>)*""")
_OF_A_NAME = re.compile(
    r"""[\s{-]*(?:["']?(?:value|default)["']?\s*[:=]\s*["']?|<value>)""", re.IGNORECASE
)
"""What precedes a value whose name is on a line above."""

_NAMES = re.compile(r"\bname\b|[:{]\s*$", re.IGNORECASE)
_HIGHEST = 3
"""How many lines above that name may be."""

_ALONE_AFTER = re.compile(r"""(?:["'`\])},;\s\\]|</\w+>)*(?:(?:#|//).*)?""")
_OPENS = re.compile(
    r"""(?:[:=,(\[{\\]|[|>][0-9+-]{0,2}|<<[-~]?["']?\w+["']?|"{3}|'{3})\s*(?:#.*)?$"""
)
"""The end of a line whose value is on the next one."""


class _Context(NamedTuple):
    """What is around a find: on its line, and the line above when that is where its key is."""

    before: str
    after: str
    above: str


def decoded(content: bytes) -> str:
    """Any file as text in which ASCII is found, also UTF-16 without a byte order mark, or UTF-32.

    Decoded as UTF-16, ASCII in UTF-32 is interspersed with NULs, which are removed.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace").replace("\0", "")
    sample = content[:4096]
    for encoding, zeros in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[::2])):
        if zeros.count(0) * 2 > len(zeros):
            return content.decode(encoding, "replace").replace("\0", "")
    return content.decode("utf-8", "replace")


def problems(text: str, name: str = "") -> list[Problem]:
    """Refresh tokens and client secrets in `text`, the content of the file `name`.

    40 hexadecimal digits on a line of their own count where the file's name speaks of secrets.
    """
    speaks = bool(_SECRET.search(name) or _TASTY.search(name))
    found: list[Problem] = []
    line, line_start, counted = 1, 0, 0
    for find in sorted(set(_finds(text, name_speaks=speaks))):
        line += text.count("\n", counted, find.start)
        line_start = text.rfind("\n", counted, find.start) + 1 or line_start
        counted = find.start
        column = find.start - line_start + 1
        span = Span(line, column, line, column + find.end - find.start)
        problem = pasted_secrets.pasted("secret in a line", span, find.shape, "this line")
        found.append(problem._replace(help=(*problem.help, _ALLOW)))
    return found


def _finds(text: str, *, name_speaks: bool) -> Iterator[Find]:
    is_kubernetes = cache(lambda: _KUBERNETES.search(text) is not None)
    for start, end, shape in pasted_secrets.tokens(text):
        if shape == "refresh token" and _around(text, start, end):
            yield Find(start, end, shape)
    for digits in _FORTY_DIGITS.finditer(text):
        around = None if is_made_up(digits.group()) else _around(text, *digits.span())
        if not around:
            continue
        speaks = _under_a_heading(text, digits.start(), around, is_kubernetes)
        if speaks or _is_client_secret(around, name_speaks=name_speaks):
            yield Find(*digits.span(), "client secret")
    for run in _BASE64.finditer(text):
        inner, found = _in_base64(run.group())
        around = _around(text, *run.span()) if found else None
        if not found or not around:
            continue
        speaks = found == "refresh token" or _SECRET.search(inner) is not None
        speaks = speaks or any(_SECRET.search(part) or _TASTY.search(part) for part in around)
        if speaks or is_kubernetes():
            yield Find(*run.span(), found)


def _around(text: str, start: int, end: int) -> _Context | None:
    """The context of a find, None where a comment allows it."""
    newline = text.rfind("\n", max(0, start - _AROUND), start)
    before = text[newline + 1 if newline >= 0 else max(0, start - _AROUND) : start]
    after = text[end : end + _AROUND].partition("\n")[0]
    above = ""
    if newline >= 0 and _ALONE_AFTER.fullmatch(after):
        lines = text[max(0, newline - _AROUND) : newline].rstrip().split("\n")
        if _OF_A_NAME.fullmatch(before):
            above = next((it for it in lines[: -_HIGHEST - 1 : -1] if _NAMES.search(it)), "")
        elif _ALONE_BEFORE.fullmatch(before):
            fenced = len(lines) > 1 and lines[-1].strip().startswith(("```", "~~~"))
            above = "\n".join(lines[:-1]).rstrip().rpartition("\n")[2] if fenced else lines[-1]
            above = above if _OPENS.search(above) else ""
    found = _Context(before, after, above)
    return None if any(ALLOWANCE in part for part in found) else found


def _under_a_heading(
    text: str, start: int, around: _Context, is_kubernetes: Callable[[], bool]
) -> bool:
    """Whether .netrc, a column of a table or a Kubernetes Secret says that this is a secret."""
    before, after, _ = around
    if _NETRC.search(text[max(0, start - _AROUND) : start]):
        return True
    names, column = _CELL_ENDS.split(text[:_AROUND].partition("\n")[0]), _CELL_ENDS.findall(before)
    if len(names) == len(column) + len(_CELL_ENDS.findall(after)) + 1 > 1:
        return bool(_COLUMN.fullmatch(names[len(column)]))
    if not is_kubernetes() or _PINNED.search(before[-40:]):
        return False
    line = start - len(before)
    return bool(_STRING_DATA.search(text[max(0, line - _FAR) : line]))


def _is_client_secret(around: _Context, *, name_speaks: bool) -> bool:
    before, after, above = around
    if above:
        before = re.sub(r"\W+$", "", above) + ": "
    elif not before.strip() and not after.strip():
        return name_speaks
    elif not before.strip(" \t+*|") and _LISTED.match(after):
        return False
    if _PINNED.search(before[-40:]) or after.startswith(".."):
        return False
    if _SECRET.search(before) or _SECRET.search(after):
        return True
    tasty = _TASTY.search(before) or _TASTY.search(after)
    return bool(tasty and _ASSIGNED.search(before[-9:]))


def _in_base64(run: str) -> tuple[str, Shape | None]:
    """The ASCII text that `run` encodes, if any, and the secret in it."""
    try:
        inner = b64decode(run + "=" * (-len(run) % 4)).decode("ascii")
    except ValueError:
        return "", None
    if any(find.shape == "refresh token" for find in pasted_secrets.tokens(inner)):
        return inner, "refresh token"
    digits = _FORTY_DIGITS.search(inner)
    return inner, "client secret" if digits and not is_made_up(digits.group()) else None
