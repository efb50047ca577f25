"""What can be wrong with the YAML itself, each in our own words.

PyYAML's messages repeat the line they complain about, which may hold a secret; only the position
and the kind of a complaint are taken from it.
"""

import re
from typing import Final

import yaml

from tastyauth.diagnostic import Label, Path, Problem, Severity, Span
from tastyauth.document.scalar import Doubtful
from tastyauth.words import quoted, shown

CONTROL_CHARACTER: Final = "TA013"

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ODD_LINE_END = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
_FIRST_CHARACTER = Span(1, 1, 1, 2)


def too_large(largest: int) -> Problem:
    return _problem(
        "TA002",
        f"the file is larger than {largest // 1024} KiB",
        span=_FIRST_CHARACTER,
        label="a config is a page or two",
        help=("name the config itself; this looks like another file",),
    )


def not_utf8(content: bytes, position: int) -> tuple[str, Problem]:
    """The text before the first byte that is not UTF-8, and the problem that byte is."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        message, position = "the file is UTF-16, not UTF-8", 0
    else:
        message = "the file is not UTF-8"
    text = content[:position].decode("utf-8")
    lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", text)
    line, column = len(lines), len(lines[-1]) + 1
    return text, _problem(
        "TA001",
        message,
        span=Span(line, column, line, column + 1),
        label="the first byte that cannot be read",
        help=("save the file as UTF-8",),
    )


def byte_order_mark() -> Problem:
    return _problem(
        "TA015",
        "the file begins with a byte order mark",
        span=_FIRST_CHARACTER,
        label="an invisible character stands before this one",
        help=('save the file as "UTF-8" rather than "UTF-8 with BOM"',),
        severity="warning",
    )


def in_lines(text: str, lines: tuple[str, ...]) -> list[Problem]:
    """What is wrong with single characters: control characters, odd ends of lines."""
    problems = []
    if "\r\n" in text:
        problems.append(_windows_line_ends(text, lines))
    odd = _ODD_LINE_END.search(text)
    if odd:
        problems.append(_odd_line_end(_at(text, odd.start(), lines)))
    control = _UNPRINTABLE.search(text)
    if control:
        problems.append(control_character(_at(text, control.start(), lines)))
    return problems


def _at(text: str, position: int, lines: tuple[str, ...]) -> Span:
    before = text[:position]
    number = len(re.findall("\r\n|[\n\r\x85\u2028\u2029]", before))
    column = position - max(before.rfind(end) for end in "\n\r\x85\u2028\u2029")
    assert number < len(lines)
    return Span(number + 1, column, number + 1, column + 1)


def _windows_line_ends(text: str, lines: tuple[str, ...]) -> Problem:
    span = _at(text, text.index("\r\n"), lines)
    return _problem(
        "TA016",
        "lines end with CR LF, as on Windows",
        span=span,
        label="the first such line ends here",
        help=("save the file with LF line ends; in git: tastyauth.yaml text eol=lf",),
        severity="warning",
    )


def _odd_line_end(span: Span) -> Problem:
    return _problem(
        "TA014",
        "a line ends with a character that editors do not show as an end of line",
        span=span,
        label="CR, NEL, LS or PS stands here",
        help=("retype the end of this line; only LF and CR LF end a line everywhere",),
    )


def control_character(span: Span, path: Path = (), *, on_key: bool = False) -> Problem:
    return _problem(
        CONTROL_CHARACTER,
        f"{quoted(path)} holds a control character",
        path=path,
        span=span,
        label="an invisible character stands here",
        help=("delete it, or retype the line",),
        on_key=on_key,
    )


def absurd_number(line: int, column: int) -> Problem:
    return _problem(
        "TA005",
        "a number in an escape or in a %YAML line is too large",
        span=Span(line, column, line, column + 1),
        label="near here",
        help=("use single quotes, in which a backslash is a backslash",),
    )


def empty() -> Problem:
    return _problem(
        "TA004",
        "the file is empty",
        span=_FIRST_CHARACTER,
        label="a config begins with its version",
        help=("write one with: tastyauth init",),
    )


def second_document(span: Span) -> Problem:
    return _problem(
        "TA008",
        "the file holds a second YAML document",
        span=Span(span.line, span.column, span.line, span.column + 3),
        label="it begins here",
        help=("keep one document; several accounts are several entries under profiles",),
    )


def too_deep(deepest: int, path: Path, span: Span) -> Problem:
    return _problem(
        "TA007",
        f"the file is nested more than {deepest} levels deep",
        path=path[:3],
        span=span,
        label="reading stopped here",
        help=("a config needs seven levels at most",),
    )


def alias(path: Path, span: Span) -> Problem:
    return _problem(
        "TA009",
        f"{quoted(path)} is an alias",
        path=path,
        span=span,
        label="stands for something said elsewhere",
        help=("write the value out: profiles stand alone, so that none picks up another's secret",),
    )


def anchor(path: Path, span: Span) -> Problem:
    return _problem(
        "TA009",
        f"{quoted(path)} has an anchor",
        path=path,
        span=Span(span.line, span.column, span.line, span.column + 1),
        label="an anchor begins here",
        help=("remove it: profiles stand alone, so that none picks up another's secret",),
    )


def merge(parent: Path, span: Span) -> Problem:
    return _problem(
        "TA009",
        f"{quoted(parent)} has a merge key",
        path=parent,
        span=span,
        label="takes keys from elsewhere",
        help=("write the keys out: profiles stand alone, so that none picks up another's secret",),
        on_key=True,
    )


def tag(path: Path, span: Span) -> Problem:
    return _problem(
        "TA010",
        f"{quoted(path)} has a YAML tag",
        path=path,
        span=Span(span.line, span.column, span.line, span.column + 1),
        label="a tag begins here",
        help=("remove the tag, the word that begins with !",),
    )


def odd_key(parent: Path, span: Span) -> Problem:
    return _problem(
        "TA011",
        f"a key in {quoted(parent)} is not a word",
        path=parent,
        span=span,
        label="a list or a mapping stands where a key belongs",
        help=("write key: value; quote a value that begins with { or [",),
        on_key=True,
    )


def key_not_text(path: Path, span: Span) -> Problem:
    return _problem(
        "TA011",
        f"a key in {quoted(path[:-1])} is not text",
        path=path,
        span=span,
        label="without quotes YAML reads this as something else",
        help=("quote it, or choose a name that begins with a letter",),
        on_key=True,
    )


def duplicate(path: Path, span: Span, first: Span) -> Problem:
    return _problem(
        "TA003",
        f'key "{shown(str(path[-1]))}" is given twice',
        path=path,
        span=span,
        label="second time here",
        labels=(Label(first, "first time here"),),
        help=("keep one of the two; a YAML parser would silently keep only the last",),
        on_key=True,
    )


def doubtful(path: Path, span: Span, reading: Doubtful, *, on_key: bool = False) -> Problem:
    """A plain scalar that YAML 1.1 (most programs) and 1.2 (most editors) read differently."""
    what = f"the key {quoted(path)}" if on_key else quoted(path)
    if reading.in_1_1 == reading.in_1_2:
        message = f"{what} is a number that not every program reads alike"
        return _problem(
            "TA012",
            message,
            path=path,
            span=span,
            label="not a plain decimal number",
            help=("write it in plain decimal digits, or quote it when it is a name",),
            on_key=on_key,
        )
    odd = reading.in_1_1 if reading.in_1_1 != "text" else reading.in_1_2
    version = "YAML 1.1 reads" if reading.in_1_1 != "text" else "YAML 1.2 (most editors) reads"
    return _problem(
        "TA012",
        f"{what} is text for some programs, but {version} it as {_ARTICLES[odd]}",
        path=path,
        span=span,
        label=f"without quotes this may be {_ARTICLES[odd]}",
        help=('quote it: "..."',),
        on_key=on_key,
    )


_ARTICLES = {
    "boolean": "a boolean",
    "number": "a number",
    "date": "a date",
    "special": "a special value",
}


_SYNTAX: tuple[tuple[str, str, str, str, str], ...] = (
    # what PyYAML's problem begins with: code, message, label, help
    (
        "found character '\\t'",
        "TA006",
        "a tab stands where YAML wants spaces",
        "a tab",
        "use spaces, two for each level",
    ),
    (
        "found character",
        "TA005",
        "a value begins with a character that YAML reserves",
        "this character",
        "quote the value",
    ),
    (
        "mapping values are not allowed",
        "TA005",
        "a second colon, or a wrong indentation",
        "unexpected here",
        "quote the value when it holds a colon and a space; else check the indentation",
    ),
    (
        "could not find expected ':'",
        "TA005",
        "a key without a colon",
        "expected a colon before this",
        "write key: value, with a space after the colon",
    ),
    (
        "sequence entries are not allowed",
        "TA005",
        "a list entry stands where none can be",
        "unexpected here",
        "begin a list on a line of its own, or write it as [one, two]",
    ),
    (
        "mapping keys are not allowed",
        "TA005",
        "a key stands where none can be",
        "unexpected here",
        "begin a mapping on a line of its own",
    ),
    (
        "found unexpected end of stream",
        "TA005",
        "a quote is never closed",
        "opened here",
        "close the quote on the same line",
    ),
    (
        "found unexpected document separator",
        "TA005",
        "a quote is never closed",
        "opened here",
        "close the quote on the same line",
    ),
    (
        "found unknown escape character",
        "TA005",
        "an unknown escape in a double-quoted text",
        "this is no escape",
        "use single quotes, in which a backslash is a backslash",
    ),
    (
        "expected escape sequence",
        "TA005",
        "an incomplete escape in a double-quoted text",
        "this is no escape",
        "use single quotes, in which a backslash is a backslash",
    ),
    (
        "expected alphabetic or numeric character",
        "TA009",
        "an anchor or alias, which a config cannot have",
        "begins here",
        "quote a value that begins with & or *",
    ),
    ("found undefined tag handle", "TA010", "a YAML tag", "begins here", "remove the tag"),
    (
        "expected ',' or ']'",
        "TA005",
        "a list in brackets is not closed",
        "unexpected here",
        "separate entries by commas and close the bracket: [one, two]",
    ),
    (
        "expected ',' or '}'",
        "TA005",
        "a mapping in braces is not closed",
        "unexpected here",
        "separate entries by commas and close the brace: { key: value }",
    ),
    (
        "expected <block end>",
        "TA005",
        "the indentation does not fit",
        "not in line with what is above",
        "give all keys of one mapping the same indentation",
    ),
    (
        "expected the node content",
        "TA005",
        "a value is missing",
        "unexpected here",
        "write the value, or remove what stands here",
    ),
    (
        "expected '<document start>'",
        "TA005",
        "something stands where the file should end",
        "unexpected here",
        "check the indentation: keys of one mapping begin in the same column",
    ),
    (
        "found incompatible YAML document",
        "TA005",
        "an unknown version of YAML",
        "in this line",
        "remove the line that begins with %YAML",
    ),
)

_OPENED_EARLIER = ("found unexpected end of stream", "found unexpected document separator")


def syntax(error: yaml.MarkedYAMLError, lines: tuple[str, ...]) -> Problem:
    """What PyYAML complains about, by the beginning of its complaint and its position."""
    complaint = error.problem or ""
    mark = error.problem_mark or error.context_mark
    if complaint.startswith(_OPENED_EARLIER) and error.context_mark:
        mark = error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    span = Span(line, column, line, column + 1)
    if (error.context or "").startswith(("while scanning a tag", "while parsing a tag")):
        complaint = "found undefined tag handle"
    if _tab_at(lines, line, column):
        complaint = "found character '\\t'"
    for beginning, code, message, label, advice in _SYNTAX:
        if complaint.startswith(beginning):
            return _problem(code, message, span=span, label=label, help=(advice,))
    return _problem(
        "TA005",
        "this is not YAML",
        span=span,
        label="cannot be read from here on",
        help=("compare with the example: tastyauth.yaml.example",),
    )


def _tab_at(lines: tuple[str, ...], line: int, column: int) -> bool:
    text = lines[line - 1] if line <= len(lines) else ""
    return text[column - 1 : column] == "\t" or "\t" in text[: len(text) - len(text.lstrip())]


def _problem(
    code: str,
    message: str,
    *,
    span: Span,
    label: str,
    help: tuple[str, ...],
    path: Path = (),
    labels: tuple[Label, ...] = (),
    severity: Severity = "error",
    on_key: bool = False,
) -> Problem:
    return Problem(code, severity, message, path, span, label, labels, help, on_key)
