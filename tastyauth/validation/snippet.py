"""A line of a config as a report may show it: structure and known words; all else is `[hidden]`.

A config that needs a report may hold a secret anywhere. So a line is put together from what is
known to be harmless, never by taking out what is known to be secret: keys that read like names,
and values in the few places that hold none, when they have the shape that belongs there.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from tastyauth.validation import masking, schema
from tastyauth.validation.masking import HIDDEN
from tastyauth.validation.problem import Document, Scalar, Span

_WIDEST = 96
"""Columns of a line that are shown; more are cut around what is pointed at."""

_BEFORE = 36
_CUT = "..."


class Line(NamedTuple):
    """What is shown of a line, and the stretch of it that is pointed at (from 0, end exclusive)."""

    text: str
    start: int
    end: int


class _Piece(NamedTuple):
    """Part of a line: its columns in the file (from 1, end exclusive) and what is shown for it."""

    start: int
    end: int
    shown: str
    verbatim: bool = True
    comment: bool = False


class Snippets:
    """The lines of one document, each prepared once."""

    def __init__(self, document: Document) -> None:
        self._lines = document.lines
        self._scalars: dict[int, list[Scalar]] = {}
        for scalar in document.scalars:
            if scalar.plain and scalar.span.line != scalar.span.end_line:
                continue  # lines that YAML has joined, mostly because a colon is missing
            for number in range(scalar.span.line, scalar.span.end_line + 1):
                self._scalars.setdefault(number, []).append(scalar)
        self._pieces = cache(self._cut_up)

    def line(self, span: Span) -> Line:
        """The first line of `span`, and where in what is shown of it the span is."""
        pieces = [
            piece
            for piece in self._pieces(span.line)
            if not piece.comment or piece.start < span.end_column
        ]
        text = "".join(piece.shown for piece in pieces).rstrip()
        start = min(_offset(pieces, span.column), len(text) + 1)
        end = (
            _offset(pieces, span.end_column, end=True) if span.end_line == span.line else len(text)
        )
        return _window(text, start, max(min(end, len(text)), start + 1))

    def _cut_up(self, number: int) -> tuple[_Piece, ...]:
        text = self._lines[number - 1] if number <= len(self._lines) else ""
        pieces: list[_Piece] = []
        column = 1
        for scalar in sorted(self._scalars.get(number, ()), key=lambda each: each.span):
            start = scalar.span.column if scalar.span.line == number else 1
            end = scalar.span.end_column if scalar.span.end_line == number else len(text) + 1
            if start < column or start == end:
                continue
            pieces += _between(text[column - 1 : start - 1], column)
            pieces.append(_scalar(text[start - 1 : end - 1], start, end, scalar))
            column = end
        return (*pieces, *_between(text[column - 1 :], column))


def _offset(pieces: list[_Piece], column: int, *, end: bool = False) -> int:
    """Where in what is shown `column` is; with `end`, the end of the character before it."""
    offset = 0
    for piece in pieces:
        if column < piece.end + end:
            if piece.verbatim:
                return offset + column - piece.start
            return offset + (len(piece.shown) if end else 0)
        offset += len(piece.shown)
    return offset


def _window(text: str, start: int, end: int) -> Line:
    if len(text) > _WIDEST and start > _BEFORE:
        cut = start - _BEFORE
        text, start, end = _CUT + text[cut:], start - cut + len(_CUT), end - cut + len(_CUT)
    if len(text) > _WIDEST:
        text = text[: _WIDEST - len(_CUT)] + _CUT
    return Line(text, start, max(min(end, len(text)), start + 1))


_BETWEEN = re.compile(
    r"(?P<comment>(?:(?<=\s)|^)\#.*)"
    r"|(?P<tab>\t)"
    r"|(?P<structure>[ ]+|---$|\.\.\.$|[|>][0-9+-]{0,2}$|[-?:](?=\s|$)|[][{},='\"&*!])"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*):?"  # whole, or a line of letters would take for ever
    r"|(?P<other>.)",
    re.DOTALL | re.VERBOSE,
)


_FOLLOWS_NAME = re.compile("['\"]?\\s?[:=\uff1a]")

_LONGEST_SHOWN = 1000
"""Characters between two scalars. More are hidden as a whole: nobody wrote them by hand."""


def _between(text: str, column: int) -> Iterator[_Piece]:
    """What is between scalars, and all that could not be parsed."""
    if len(text) > _LONGEST_SHOWN:
        yield _Piece(column, column + len(text), HIDDEN, verbatim=False)
        return
    hidden_from = None
    for found in _BETWEEN.finditer(text):
        start, end = column + found.start(), column + found.end()
        kind = found.lastgroup
        word = found.group()
        name = found["name"]
        if name and not (
            (_FOLLOWS_NAME.match(text, found.end("name")) and _is_harmless_name(name))
            or _is_known_value(text, found.start(), word)
        ):
            kind = "other"
        if kind == "other":
            hidden_from = hidden_from or start
            continue
        if hidden_from:
            yield _Piece(hidden_from, start, HIDDEN, verbatim=False)
            hidden_from = None
        if kind == "comment":
            yield _Piece(start, end, f"# {HIDDEN}", verbatim=False, comment=True)
        elif kind == "tab":
            yield _Piece(start, end, "<tab>", verbatim=False)
        else:
            yield _Piece(start, end, word)
    if hidden_from:
        yield _Piece(hidden_from, column + len(text), HIDDEN, verbatim=False)


def _is_known_value(text: str, start: int, word: str) -> bool:
    """Whether a known word is all that follows a colon."""
    alone = text[:start].rstrip().endswith(":") and not text[start + len(word) :].strip()
    return alone and word in schema.vocabulary()


def _is_harmless_name(word: str) -> bool:
    """The name on the left of a colon or an equals sign, where nothing else is known."""
    if word in schema.vocabulary():
        return True
    return word.isupper() and "_" in word and masking.shown(word) == word


def _scalar(text: str, start: int, end: int, scalar: Scalar) -> _Piece:
    shown = _shown(scalar)
    if shown == HIDDEN or scalar.span.line != scalar.span.end_line:
        return _Piece(start, end, HIDDEN, verbatim=False)
    if text.strip("'\"") == shown:
        return _Piece(start, end, text)
    return _Piece(start, end, shown, verbatim=False)


def _shown(scalar: Scalar) -> str:
    """What may be shown for a key or value."""
    text, path = scalar.text, scalar.path
    in_exports = path[-2:-1] == ("exports",)
    if scalar.is_key:
        return text if in_exports and text in schema.reserved_names() else masking.shown(text)
    if scalar.plain and masking.is_harmless(text):
        return text
    if in_exports:
        return _known(text)
    rule = _PLACES.get(path[-1]) if path else None
    return rule(text) if rule else HIDDEN


_KNOWN_ORIGIN = re.compile(
    r"https?://(?:localhost|127\.0\.0\.1|\[::1\]"
    r"|(?:(?:api|cert|sandbox|signin|my)\.){0,3}tasty(?:works|trade)\.com)"
    r"(?::[0-9]{1,5})?/?(?:oauth2?/token/?)?"
)


def _known(text: str) -> str:
    return text if masking.is_known(text) else HIDDEN


def _variable(text: str) -> str:
    return masking.shown(text) if schema.is_variable_name(text) else HIDDEN


_PLACES: dict[str | int, Callable[[str], str]] = {
    "version": lambda text: text if masking.is_harmless(text) else HIDDEN,
    "environment": _known,
    "permissions": _known,
    "default_profile": masking.shown,
    "client_id": lambda text: text if re.search(schema.client_id_pattern(), text) else HIDDEN,
    "api_url": lambda text: text if _KNOWN_ORIGIN.fullmatch(text) else HIDDEN,
    "env": _variable,
    "name": _variable,
    "file": masking.shown_path,
    "path": masking.shown_path,
}
"""The keys whose values may be shown, each if it has the shape that belongs there."""
