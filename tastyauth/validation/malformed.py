"""What is wrong with YAML that can be parsed: its characters, and what a config does without."""

import re
from typing import Final

from tastyauth.validation.masking import is_harmless, quoted, shown
from tastyauth.validation.problem import Label, Path, Problem, Span, error, warning
from tastyauth.validation.scalar import Doubtful

CONTROL_CHARACTER: Final = "TA013"

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ODD_LINE_END = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
_FIRST_CHARACTER = Span(1, 1, 1, 2)


def too_large(largest: int) -> Problem:
    return error(
        "TA002",
        f"the file is larger than {largest // 1024} KiB",
        (),
        _FIRST_CHARACTER,
        "a config is a page or two",
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
    return text, error(
        "TA001",
        message,
        (),
        Span(line, column, line, column + 1),
        "the first byte that cannot be read",
        help=("save the file as UTF-8",),
    )


def byte_order_mark() -> Problem:
    return warning(
        "TA015",
        "the file begins with a byte order mark",
        (),
        _FIRST_CHARACTER,
        "an invisible character stands before this one",
        help=('save the file as "UTF-8" rather than "UTF-8 with BOM"',),
    )


def in_lines(text: str, lines: tuple[str, ...]) -> list[Problem]:
    """What is wrong with single characters: control characters, odd ends of lines."""
    problems = []
    if "\r\n" in text:
        problems.append(_windows_line_ends(text, lines))
    odd = _ODD_LINE_END.search(text)
    if odd:
        problems.append(_odd_line_end(odd.group(), _at(text, odd.start(), lines)))
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
    return warning(
        "TA016",
        "lines end with CR LF, as on Windows",
        (),
        span,
        "the first such line ends here",
        help=("save the file with LF line ends; in git: tastyauth.yaml text eol=lf",),
    )


_LINE_ENDS = {
    "\r": "a CR without an LF",
    "\x85": "a NEL (U+0085)",
    "\u2028": "a line separator (U+2028)",
    "\u2029": "a paragraph separator (U+2029)",
}


def _odd_line_end(character: str, span: Span) -> Problem:
    return error(
        "TA014",
        "a line ends with a character that editors do not show as an end of line",
        (),
        span,
        f"{_LINE_ENDS[character]} stands here",
        help=("retype the end of this line; only LF and CR LF end a line everywhere",),
    )


def control_character(span: Span, path: Path = (), *, on_key: bool = False) -> Problem:
    return error(
        CONTROL_CHARACTER,
        f"{quoted(path)} holds a control character",
        path,
        span,
        "an escape in here makes one" if path else "an invisible character stands here",
        help=("remove the escape" if path else "delete it, or retype the line",),
        on_key=on_key,
    )


def empty() -> Problem:
    return error(
        "TA004",
        "the file is empty",
        (),
        _FIRST_CHARACTER,
        "a config begins with its version",
        help=("write one with: tastyauth init",),
    )


def second_document(span: Span) -> Problem:
    return error(
        "TA008",
        "the file holds a second YAML document",
        (),
        Span(span.line, span.column, span.line, span.column + 3),
        "it begins here",
        help=("keep one document; several accounts are several entries under profiles",),
    )


def too_deep(deepest: int, path: Path, span: Span) -> Problem:
    return error(
        "TA007",
        f"the file is nested more than {deepest} levels deep",
        path[:3],
        span,
        "reading stopped here",
        help=("a config needs seven levels at most",),
    )


def alias(path: Path, span: Span) -> Problem:
    return error(
        "TA009",
        f"{quoted(path)} is an alias",
        path,
        span,
        "stands for something said elsewhere",
        help=("write the value out: profiles stand alone, so that none picks up another's secret",),
    )


def anchor(path: Path, span: Span) -> Problem:
    return error(
        "TA009",
        f"{quoted(path)} has an anchor",
        path,
        Span(span.line, span.column, span.line, span.column + 1),
        "an anchor begins here",
        help=("remove it: profiles stand alone, so that none picks up another's secret",),
    )


def merge(parent: Path, span: Span) -> Problem:
    return error(
        "TA009",
        f"{quoted(parent)} has a merge key",
        parent,
        span,
        "takes keys from elsewhere",
        help=("write the keys out: profiles stand alone, so that none picks up another's secret",),
        on_key=True,
    )


def tag(path: Path, span: Span) -> Problem:
    return error(
        "TA010",
        f"{quoted(path)} has a YAML tag",
        path,
        Span(span.line, span.column, span.line, span.column + 1),
        "a tag begins here",
        help=("remove the tag, the word that begins with !",),
    )


def odd_key(parent: Path, span: Span) -> Problem:
    return error(
        "TA011",
        f"a key in {quoted(parent)} is not a word",
        parent,
        span,
        "a list or a mapping stands where a key belongs",
        help=("write key: value; quote a value that begins with { or [",),
        on_key=True,
    )


def key_not_text(path: Path, span: Span) -> Problem:
    return error(
        "TA011",
        f"a key in {quoted(path[:-1])} is not text",
        path,
        span,
        "without quotes YAML reads this as something else",
        help=("quote it, or choose a name that begins with a letter",),
        on_key=True,
    )


def duplicate(path: Path, span: Span, first: Span) -> Problem:
    return error(
        "TA003",
        f'key "{shown(str(path[-1]))}" is given twice',
        path,
        span,
        "second time here",
        labels=(Label(first, "first time here"),),
        help=("keep one of the two; a YAML parser would silently keep only the last",),
        on_key=True,
    )


def doubtful(
    path: Path, span: Span, text: str, reading: Doubtful, *, on_key: bool = False
) -> Problem:
    """A plain scalar that YAML 1.1 (most programs) and 1.2 (most editors) read differently."""
    what = f"the key {quoted(path)}" if on_key else quoted(path)
    if reading.in_1_1 == reading.in_1_2:
        message = f"{what} is a number that not every program reads alike"
        return error(
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
    return error(
        "TA012",
        f"{what} is text for some programs, but {version} it as {_ARTICLES[odd]}",
        path,
        span,
        f"without quotes this may be {_ARTICLES[odd]}",
        help=(f'quote it: "{text if is_harmless(text) else "..."}"',),
        on_key=on_key,
    )


_ARTICLES = {
    "boolean": "a boolean",
    "number": "a number",
    "date": "a date",
    "special": "a special value",
}
