"""What is wrong with YAML: characters, syntax, and features that a config does without.

PyYAML's own messages repeat the line, which may hold a secret. Only the position of a complaint is
used, and its beginning, which is fixed text. What is said instead is in `problems.txt`.
"""

import re
from collections.abc import Iterable

import yaml

from tastyauth.validation import schema
from tastyauth.validation.problem import Path, Problem, Scalar, Span, problem, table
from tastyauth.validation.schema import HIDDEN, ODD_QUOTES, ODD_SPACES, corrected, quoted, shown

_LINE_END = "\r\n|[\n\r\x85\u2028\u2029]"
_UNPRINTABLE = "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_ODD_LINE_ENDS = {
    "\r": "a CR without an LF",
    "\x85": "a NEL (U+0085)",
    "\u2028": "a line separator (U+2028)",
    "\u2029": "a paragraph separator (U+2029)",
}
_AT_THE_BEGINNING = (
    "PyYAML: found unexpected end of stream",
    "PyYAML: found unexpected document separator",
    "PyYAML: could not find expected ':'",
)
"""Complaints whose cause is where the construct began, not where reading stopped."""

_UNCLOSED = {
    "PyYAML: expected ',' or '}'": "PyYAML: unclosed brace",
    "PyYAML: expected ',' or ']'": "PyYAML: unclosed bracket",
}
"""Complaints about a later line than that of the brace, which is probably right."""


def not_utf8(content: bytes, position: int) -> tuple[str, Problem]:
    """The text before the first byte that is not UTF-8, at `position`, and the problem it is."""
    name = "not UTF-8"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        name, position = "UTF-16", 0
    text = content[:position].decode("utf-8")
    return text, problem(name, _at(text, len(text)))


def in_characters(text: str) -> list[Problem]:
    """Control characters, and the first unusual line ending of each kind."""
    problems = []
    windows = text.find("\r\n")
    if windows >= 0:
        problems.append(problem("Windows line endings", _at(text, windows)))
    odd = re.search("\r(?!\n)|[\x85\u2028\u2029]", text)
    if odd:
        name = _ODD_LINE_ENDS[odd.group()]
        problems.append(problem("odd line ending", _at(text, odd.start()), name=name))
    control = re.search(_UNPRINTABLE, text)
    if control:
        problems.append(problem("control character", _at(text, control.start())))
    return problems


def _at(text: str, position: int) -> Span:
    lines = re.split(_LINE_END, text[:position])
    line, column = len(lines), len(lines[-1]) + 1
    return Span(line, column, line, column + 1)


def doubtful(scalar: Scalar, in_1_1: str, in_1_2: str) -> Problem:
    """A plain scalar that YAML 1.1 (most programs) and 1.2 (most editors) read differently."""
    kind = (in_1_1 if in_1_1 != "text" else in_1_2).replace("special", "special value")
    name = "odd number" if in_1_1 == in_1_2 else "YAML 1.2" if in_1_1 == "text" else "YAML 1.1"
    place = f"the key {quoted(scalar.path)}" if scalar.is_key else quoted(scalar.path)
    words = {"place": place, "kind": f"a {kind}", "quoted": schema.in_quotes(scalar.text)}
    return problem(name, scalar.span, scalar.path, on_key=scalar.is_key, labels=(), **words)


def syntax(failure: yaml.MarkedYAMLError, lines: tuple[str, ...]) -> Problem:
    """The problem that PyYAML's `failure` to read `lines` is."""
    complaint = f"PyYAML: {failure.problem or ''}"
    mark = failure.problem_mark or failure.context_mark
    if complaint.startswith(_AT_THE_BEGINNING) and failure.context_mark:
        mark = failure.context_mark
    begun = failure.context_mark
    if complaint.startswith(tuple(_UNCLOSED)) and begun and mark and begun.line < mark.line:
        mark, complaint = begun, _UNCLOSED[complaint[: len("PyYAML: expected ',' or '}'")]]
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    if (failure.context or "").startswith(("while scanning a tag", "while parsing a tag")):
        complaint = "PyYAML: found undefined tag handle"
    text = lines[line - 1] if line <= len(lines) else ""
    indentation = text[: len(text) - len(text.lstrip())]
    if "\t" in text[column - 1 : column] or "\t" in indentation:
        complaint = "PyYAML: found character '\\t'"
    elif complaint.startswith(_UNPUNCTUATED):
        cause = _unpunctuated(lines, line)
        if cause:
            return cause
    names = (name for name in table() if name.startswith("PyYAML:"))
    name = next(name for name in names if complaint.startswith(name))
    return problem(name, Span(line, column, line, column + 1))


_UNPUNCTUATED = (
    "PyYAML: mapping values are not allowed",
    "PyYAML: could not find expected ':'",
    "PyYAML: expected <block end>",
)
"""Complaints that follow a line whose key has no colon, or no space after it."""

_LINE = re.compile(r"\s*(?:- +)?([A-Za-z_][A-Za-z0-9_]*)(?: *(:)(?![\s/])|(?: *=)? +|$)(.*)")
_KEY = re.compile(r"\s*(?:- +)?[\w.-]+:(?:\s|$)")
_MOST_ABOVE = 10
"""Lines above a complaint that are looked at: YAML joins lines that have no key."""


def _unpunctuated(lines: tuple[str, ...], line: int) -> Problem | None:
    """The line at or above `line` whose known key lacks its colon, or the space after it."""
    for number in range(min(line, len(lines)), max(line - _MOST_ABOVE, 0), -1):
        text = lines[number - 1]
        has_key, found = _KEY.match(text), _LINE.match(text)
        if found and not has_key and found[1] in schema.vocabulary():
            lacks = ("space", "after a colon") if found[2] else ("colon", "after a key")
            written = found[1] + (found[2] or "")
            span = Span(number, found.start(1) + 1, number, found.start(1) + len(written) + 1)
            words = {"missing": lacks[0], "where": lacks[1], "written": written}
            words["fixed"] = corrected(found[1], found[3])
            return problem("unpunctuated line", span, on_key=False, labels=(), **words)
        if has_key and number < line:
            return None
    return None


# Characters that look like those of YAML

_COLONS = "\uff1a\ufe55\u2236\ua789\ufe13"
_LOOK_ALIKE = {
    "\uff1a": "a full-width colon",
    "\xa0": "a no-break space",
    "\u202f": "a narrow no-break space",
    "\u3000": "an ideographic space",
    "\u200b": "a zero-width space",
    "\u2013": "an en dash",
    "\u2014": "an em dash",
    **dict.fromkeys(ODD_QUOTES, "a curly quote"),
}
_DASHES = "\u2013\u2014\u2212\u2010"
_ODD = re.compile(f"[{_COLONS}{ODD_SPACES}{ODD_QUOTES}{_DASHES}]")
_PAIR = re.compile(
    rf"(?:^[ {ODD_SPACES}]*(?:[-{_DASHES}][ {ODD_SPACES}]+)?|[{{,][ {ODD_SPACES}]*)"
    rf"(?P<key>[{ODD_QUOTES}]?[A-Za-z_][\w.-]*[{ODD_QUOTES}]?)"
    rf"(?P<colon>[ {ODD_SPACES}]*[:{_COLONS}][ {ODD_SPACES}]*)(?=(?P<value>[^,}}]{{0,200}}))"
)


def look_alikes(
    lines: tuple[str, ...], scalars: Iterable[Scalar], *, is_yaml: bool
) -> list[Problem]:
    """Characters in place of a colon, a space or a quote of YAML, the first of each pair.

    In a text that is YAML, only beside known keys and at the ends of plain values: elsewhere it
    may be part of a text in quotes.
    """
    found = []
    for number, line in enumerate(lines, 1):
        for pair in _PAIR.finditer(line) if _ODD.search(line) else ():
            key = pair["key"].strip(ODD_QUOTES)
            odd = _ODD.search(line[: pair.end("colon")], pair.start())
            if not odd and not is_yaml and pair["value"][:1] in tuple(ODD_QUOTES):
                odd = _ODD.match(line, pair.start("value"))
            if odd and (not is_yaml or key in schema.vocabulary()):
                span = Span(number, odd.start() + 1, number, odd.end() + 1)
                found.append(_look_alike(span, (), odd[0], key, pair["value"]))
    reported = {each.span.line for each in found}
    plain = (each for each in scalars if is_yaml and each.plain and each.text)
    at_ends = (_at_an_end(each) for each in plain if each.span.line not in reported)
    return [*found, *(each for each in at_ends if each)]


def _at_an_end(scalar: Scalar) -> Problem | None:
    """A curly quote, or an odd space, at an end of a plain key or value."""
    line, column, end_line, end_column = scalar.span
    ends = ((scalar.text[0], line, column), (scalar.text[-1], end_line, end_column - 1))
    for character, row, start in ends:
        if character in ODD_QUOTES + ODD_SPACES:
            span, last = Span(row, start, row, start + 1), scalar.path[-1] if scalar.path else ""
            if scalar.is_key:
                key = scalar.text.strip(ODD_SPACES + ODD_QUOTES)
                return _look_alike(span, (), character, key, "...")
            return _look_alike(span, scalar.path, character, last, scalar.text)
    return None


def _look_alike(span: Span, path: Path, character: str, key: str | int, value: str) -> Problem:
    usual = "a colon" if character in _COLONS else "a space"
    usual = "a straight quote" if character in ODD_QUOTES else usual
    usual = "a hyphen" if character in _DASHES else usual
    name = _LOOK_ALIKE.get(character, f"a character that looks like {usual}")
    name = f"{name} (U+{ord(character):04X})"
    if isinstance(key, int):
        fixed = '"..."'
    else:
        fixed = corrected(key if shown(key) == key else HIDDEN, value)
    return problem("look-alike", span, path, name=name, usual=usual, fixed=fixed)
