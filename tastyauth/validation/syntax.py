"""What PyYAML complains about, retold: its own messages repeat the line, which may hold a secret.

Only the beginning of a complaint, which is fixed text, and its position are taken over.
"""

from typing import NamedTuple

import yaml

from tastyauth.validation.problem import Problem, Span, error


class _Retold(NamedTuple):
    beginning: str
    code: str
    message: str
    label: str
    advice: str


_QUOTE = "close the quote on the same line"
_ESCAPE = "use single quotes, in which a backslash is a backslash"
_TAB = "found character '\\t'"
_TAG = "found undefined tag handle"
_NO_COLON = "could not find expected ':'"
_OPEN_QUOTE = ("found unexpected end of stream", "found unexpected document separator")

_RETOLD = (
    _Retold(
        _TAB,
        "TA006",
        "a tab stands where YAML wants spaces",
        "a tab",
        "use spaces, two for each level",
    ),
    _Retold(
        "found character",
        "TA005",
        "a value begins with a character that YAML reserves",
        "this character",
        "quote the value",
    ),
    _Retold(
        "mapping values are not allowed",
        "TA005",
        "a second colon, or a wrong indentation",
        "unexpected here",
        "quote the value when it holds a colon and a space; else check the indentation",
    ),
    _Retold(
        _NO_COLON,
        "TA005",
        "a key without a colon",
        "no colon follows",
        "write key: value, with a space after the colon",
    ),
    _Retold(
        "sequence entries are not allowed",
        "TA005",
        "a list entry stands where none can be",
        "unexpected here",
        "begin a list on a line of its own, or write it as [one, two]",
    ),
    _Retold(
        "mapping keys are not allowed",
        "TA005",
        "a key stands where none can be",
        "unexpected here",
        "begin a mapping on a line of its own",
    ),
    _Retold(_OPEN_QUOTE[0], "TA005", "a quote is never closed", "opened here", _QUOTE),
    _Retold(_OPEN_QUOTE[1], "TA005", "a quote is never closed", "opened here", _QUOTE),
    _Retold(
        "found unknown escape character",
        "TA005",
        "an unknown escape in a double-quoted text",
        "this is no escape",
        _ESCAPE,
    ),
    _Retold(
        "expected escape sequence",
        "TA005",
        "an incomplete escape in a double-quoted text",
        "this is no escape",
        _ESCAPE,
    ),
    _Retold(
        "expected alphabetic or numeric character",
        "TA009",
        "an anchor or alias, which a config cannot have",
        "begins here",
        "quote a value that begins with & or *",
    ),
    _Retold(_TAG, "TA010", "a YAML tag", "begins here", "remove the tag"),
    _Retold(
        "expected ',' or ']'",
        "TA005",
        "a list in brackets is not closed",
        "unexpected here",
        "separate entries by commas and close the bracket: [one, two]",
    ),
    _Retold(
        "expected ',' or '}'",
        "TA005",
        "a mapping in braces is not closed",
        "unexpected here",
        "separate entries by commas and close the brace: { key: value }",
    ),
    _Retold(
        "expected <block end>",
        "TA005",
        "the indentation does not fit",
        "not in line with what is above",
        "give all keys of one mapping the same indentation",
    ),
    _Retold(
        "expected the node content",
        "TA005",
        "a value is missing",
        "unexpected here",
        "write the value, or remove what stands here",
    ),
    _Retold(
        "expected '<document start>'",
        "TA005",
        "something stands where the file should end",
        "unexpected here",
        "check the indentation: keys of one mapping begin in the same column",
    ),
    _Retold(
        "found incompatible YAML document",
        "TA005",
        "an unknown version of YAML",
        "in this line",
        "remove the line that begins with %YAML",
    ),
    _Retold(
        "",
        "TA005",
        "this is not YAML",
        "cannot be read from here on",
        "see what a config looks like: tastyauth explain TA004",
    ),
)


def problem(failure: yaml.MarkedYAMLError, lines: tuple[str, ...]) -> Problem:
    """The problem that PyYAML's `failure` to read `lines` is."""
    complaint = failure.problem or ""
    mark = failure.problem_mark or failure.context_mark
    if complaint.startswith((*_OPEN_QUOTE, _NO_COLON)) and failure.context_mark:
        mark = failure.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    if (failure.context or "").startswith(("while scanning a tag", "while parsing a tag")):
        complaint = _TAG
    if _stands_after_tab(lines, line, column):
        complaint = _TAB
    told = next(each for each in _RETOLD if complaint.startswith(each.beginning))
    span = Span(line, column, line, column + 1)
    return error(told.code, told.message, (), span, told.label, help=(told.advice,))


def absurd_number(line: int, column: int) -> Problem:
    """An escape or a %YAML line with a number that PyYAML cannot even convert."""
    span = Span(line, column, line, column + 1)
    message = "a number in an escape or in a %YAML line is too large"
    return error("TA005", message, (), span, "near here", help=(_ESCAPE,))


def _stands_after_tab(lines: tuple[str, ...], line: int, column: int) -> bool:
    text = lines[line - 1] if line <= len(lines) else ""
    return text[column - 1 : column] == "\t" or "\t" in text[: len(text) - len(text.lstrip())]
