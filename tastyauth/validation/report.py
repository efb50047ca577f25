"""Problems as text: for a person, for a program, for GitHub; none of them can show a secret.

A config that needs a report may hold a secret anywhere. So a line of it is put together from what
is known to be harmless, never by taking out what is known to be secret: keys that read like names,
and values in the few places that hold none, when they have the shape that belongs there.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from tastyauth.validation import schema
from tastyauth.validation.problem import Checked, Document, Label, Problem, Scalar, Span
from tastyauth.validation.schema import HIDDEN, pointer

_RED, _YELLOW, _BLUE, _BOLD, _PLAIN = "\x1b[1;31m", "\x1b[1;33m", "\x1b[34m", "\x1b[1m", "\x1b[0m"

_MOST = 50
"""Problems of one file that are shown in full; more would only repeat them."""


def human(files: Sequence[Checked], color: bool = False) -> str:  # noqa: FBT001, FBT002
    """For a person: each problem as a paragraph, then a line for each file that has some."""
    parts = []
    for checked in (each for each in files if each.problems):
        name, lines = checked.document.name, _Lines(checked.document)
        parts += [_paragraph(each, name, lines, color) for each in checked.problems[:_MOST]]
        counts = [
            f"{count} {noun}{'' if count == 1 else 's'}"
            for count, noun in ((checked.errors, "error"), (checked.warnings, "warning"))
            if count
        ]
        rest = len(checked.problems) - _MOST
        more = f" ({rest} more not shown)" if rest > 0 else ""
        parts.append(f"{name}: {', '.join(counts)}{more}\n")
    return "\n".join(parts)


def _paragraph(problem: Problem, name: str, document: "_Lines", colors: bool) -> str:  # noqa: FBT001
    """The problem, the lines that it points at, in the order of the file, and what to do."""

    def paint(color: str, text: str) -> str:
        return f"{color}{text}{_PLAIN}" if colors and text.strip() else text

    color = _RED if problem.severity == "error" else _YELLOW
    primary = Label(problem.span, problem.label)
    labels = sorted([primary, *problem.labels], key=lambda each: each.span)
    width = len(str(labels[-1].span.line))
    margin = " " * width
    bar = paint(_BLUE, f"{margin} |")
    where = f"{name}:{problem.span.line}:{problem.span.column}"
    lines = [
        paint(color, f"{problem.severity}[{problem.code}]") + paint(_BOLD, f": {problem.message}"),
        f"{margin}{paint(_BLUE, '-->')} {where}",
        bar,
    ]
    before: int | None = None
    for label in labels:
        number = label.span.line
        text, start, end = document.line(label.span)
        if number != before:
            if before is not None and number > before + 1:
                lines.append(paint(_BLUE, "..."))
            lines.append(f"{paint(_BLUE, f'{number:>{width}} |')} {text}".rstrip())
        mark, tint = ("^", color) if label is primary else ("-", _BLUE)
        marks = f"{mark * (end - start)} {label.text}".rstrip()
        lines.append(f"{bar} {' ' * start}{paint(tint, marks)}")
        before = number
    lines.append(bar)
    equals = paint(_BLUE, f"{margin} =")
    for text in problem.help:
        first, *block = text.split("\n")
        lines.append(f"{equals} help: {first}")
        lines += [f"{margin}     {line}" for line in block]
    lines.append(f"{equals} more: tastyauth explain {problem.code}")
    return "\n".join(lines) + "\n"


FORMAT_VERSION = 1
"""Rises when a field changes its meaning or goes; new fields may come at any time."""


def json_report(files: Sequence[Checked], color: bool = False) -> str:  # noqa: ARG001, FBT001, FBT002
    """For a program: one JSON object, positions from 1, ranges in code points."""

    content = {
        "format_version": FORMAT_VERSION,
        "files": [
            {
                "path": checked.document.name,
                "valid": not checked.errors,
                "errors": checked.errors,
                "warnings": checked.warnings,
            }
            for checked in files
        ],
        "problems": [
            {
                "code": problem.code,
                "severity": problem.severity,
                "path": checked.document.name,
                "pointer": pointer(problem.path),
                **problem.span._asdict(),
                "message": problem.message,
                "label": problem.label,
                "labels": [{**it.span._asdict(), "text": it.text} for it in problem.labels],
                "help": list(problem.help),
            }
            for checked in files
            for problem in checked.problems
        ],
    }
    return json.dumps(content, indent=2) + "\n"


_ESCAPED = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_LISTED = {**_ESCAPED, ord(":"): "%3A", ord(","): "%2C"}


def github(files: Sequence[Checked], color: bool = False) -> str:  # noqa: ARG001, FBT001, FBT002
    """For GitHub Actions: one workflow command for each problem (ten of a kind are shown)."""

    commands = []
    for checked, problem in ((each, problem) for each in files for problem in each.problems):
        properties = {
            "file": checked.document.name,
            **dict(zip(("line", "col", "endLine", "endColumn"), problem.span, strict=True)),
            "title": problem.code,
        }
        listed = ",".join(f"{it}={str(properties[it]).translate(_LISTED)}" for it in properties)
        text = "\n".join([f"{problem.message}: {problem.label}", *problem.help])
        text = text.translate(_ESCAPED)
        commands.append(f"::{problem.severity} {listed}::{text}\n")
    return "".join(commands)


FORMATS: dict[str, Callable[[Sequence[Checked], bool], str]] = {
    "human": human,
    "json": json_report,
    "github": github,
}
"""Each format: from what was checked, and whether colours are wanted, to the text to print."""


# A line of a config: structure and known words; all else is `[hidden]`

_WIDEST = 96
"""Columns of a line that are shown; longer lines are cut around what is pointed at."""

_BEFORE = 36
_CUT = "..."


class _Piece(NamedTuple):
    """Part of a line: its columns in the file (from 1, end exclusive) and what is shown for it."""

    start: int
    end: int
    shown: str
    verbatim: bool = True
    comment: bool = False


class _Lines:
    """The lines of one document as a report may show them, each prepared once."""

    def __init__(self, document: Document) -> None:
        self._lines = document.lines
        self._scalars: dict[int, list[Scalar]] = {}
        for scalar in document.scalars:
            if scalar.plain and scalar.span.line != scalar.span.end_line:
                continue  # lines that YAML has joined, mostly because a colon is missing
            for number in range(scalar.span.line, scalar.span.end_line + 1):
                self._scalars.setdefault(number, []).append(scalar)
        self._pieces = cache(self._cut_up)

    def line(self, span: Span) -> tuple[str, int, int]:
        """The first line of `span`, cut around it, and where in it the span starts and ends."""
        whole = self._pieces(span.line)
        pieces = [it for it in whole if not it.comment or it.start < span.end_column]
        text = "".join(piece.shown for piece in pieces).rstrip()
        start, end = min(_offset(pieces, span.column), len(text) + 1), len(text)
        if span.end_line == span.line:
            end = min(_offset(pieces, span.end_column, end=True), end)
        if len(text) > _WIDEST and start > _BEFORE:
            moved = start - _BEFORE - len(_CUT)
            text = _CUT + text[start - _BEFORE :]
            start, end = start - moved, end - moved
        if len(text) > _WIDEST:
            text = text[: _WIDEST - len(_CUT)] + _CUT
        return text, start, max(min(end, len(text)), start + 1)

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
            written, shown = text[start - 1 : end - 1], _shown(scalar)
            if shown == HIDDEN or scalar.span.line != scalar.span.end_line:
                pieces.append(_Piece(start, end, HIDDEN, verbatim=False))
            elif written.strip("'\"") == shown:
                pieces.append(_Piece(start, end, written))
            else:
                pieces.append(_Piece(start, end, shown, verbatim=False))
            column = end
        return (*pieces, *_between(text[column - 1 :], column))


def _offset(pieces: list[_Piece], column: int, *, end: bool = False) -> int:
    """Where `column` is in the shown text; with `end`, the end of the character before it."""
    offset = 0
    for piece in pieces:
        if column < piece.end + end:
            if piece.verbatim:
                return offset + column - piece.start
            return offset + (len(piece.shown) if end else 0)
        offset += len(piece.shown)
    return offset


_BETWEEN = re.compile(
    r"(?P<comment>(?:(?<=\s)|^)\#.*)"
    r"|(?P<tab>\t)"
    r"|(?P<structure>[ ]+|---$|\.\.\.$|[|>][0-9+-]{0,2}$|[-?:](?=\s|$)|[][{},='\"&*!])"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*):?"  # as a whole, or a line of letters would take forever
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
        if found["name"] and not _may_be_shown(text, found):
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


def _may_be_shown(text: str, name: re.Match[str]) -> bool:
    """Whether a name is a key or a variable, or a known word that is all that follows a colon."""
    word, known = name["name"], name["name"] in schema.vocabulary()
    is_variable = word.isupper() and "_" in word and schema.shown(word) == word
    if (known or is_variable) and _FOLLOWS_NAME.match(text, name.end("name")):
        return True
    alone = text[: name.start()].rstrip().endswith(":") and not text[name.end() :].strip()
    return alone and name.group() == word and known


def _shown(scalar: Scalar) -> str:
    """What may be shown for a key or value."""
    text, path = scalar.text, scalar.path
    in_exports = path[-2:-1] == ("exports",)
    if scalar.is_key:
        return text if in_exports and text in schema.reserved_names() else schema.shown(text)
    if scalar.plain and schema.is_harmless(text):
        return text
    if in_exports or path[-2:-1] == ("scopes",):
        return _known(text)
    key = path[-1] if path else ""
    if isinstance(key, str) and key not in _PLACES:  # mistyped, it is what it was meant to be
        key = schema.meant(key, map(str, _PLACES)) or key
    rule = _PLACES.get(key)
    return rule(text) if rule else HIDDEN


_KNOWN_ORIGIN = re.compile(
    r"https?://(?:localhost|127\.0\.0\.1|\[::1\]"
    r"|(?:(?:api|cert|sandbox|signin|my)\.){0,3}tasty(?:works|trade)\.com)"
    r"(?::[0-9]{1,5})?/?(?:oauth2?/token/?)?"
)


def _known(text: str) -> str:
    """A word of a config, one that was mistyped, or another short word in small letters."""
    is_short = re.fullmatch("[a-z]{2,10}", text) and schema.shown(text) == text
    is_plain = re.fullmatch("[A-Za-z0-9_. -]+", text)
    mistyped = is_plain and schema.meant(text, schema.vocabulary())
    return text if is_short or mistyped or schema.is_known(text) else HIDDEN


_CLIENT_ID = (*schema.ANY_PROFILE, "client_id")
_PLACES: dict[str | int, Callable[[str], str]] = {
    "version": lambda text: text if schema.is_harmless(text) else HIDDEN,
    "environment": _known,
    "scopes": _known,
    "stands_for": _known,
    "permissions": _known,
    "default_profile": schema.shown,
    "client_id": lambda text: (
        text if re.search(schema.at(_CLIENT_ID)["else"]["pattern"], text) else HIDDEN
    ),
    "api_url": lambda text: text if _KNOWN_ORIGIN.fullmatch(text) else HIDDEN,
    "env": schema.shown_variable,
    "name": schema.shown_variable,
    "file": schema.shown_path,
    "path": schema.shown_path,
}
"""The keys whose values may be shown, each if it has the shape that belongs there."""
