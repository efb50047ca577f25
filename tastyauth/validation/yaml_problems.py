"""What is wrong with YAML: characters, syntax, and features that a config does without.

PyYAML's own messages repeat the line, which may hold a secret. Only the position of a complaint is
used, and its beginning, which is fixed text. What is said instead is in `problems.txt`.
"""

import re
import unicodedata
from collections.abc import Iterable
from unicodedata import normalize

import yaml

from tastyauth.secret import UUID
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
"""Complaints whose cause is at the start of the construct, not where reading stopped."""

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

_LINE = re.compile(r"\s*(?:- +)?([A-Za-z_][A-Za-z0-9_]*)(?: *(:)(?![\s/])|(?: *[=;])? +|$)(.*)")
_NAME = re.compile(r"( *)([\w.-]+) *(?:#.*)?$")
_KEY = re.compile(r"\s*(?:- +)?[\w.-]+:(?:\s|$)")
_MOST_ABOVE = 10
"""Lines above a complaint that are looked at: YAML joins lines that have no key."""


def _unpunctuated(lines: tuple[str, ...], line: int) -> Problem | None:
    """The line at or above `line` whose known key lacks its colon, or the space after it.

    Or any name above it that lacks its colon, where `line` is indented further.
    """
    below = lines[line - 1] if line <= len(lines) else ""
    indentation = len(below) - len(below.lstrip())
    for number in range(min(line, len(lines)), max(line - _MOST_ABOVE, 0), -1):
        text = lines[number - 1]
        if fixed := _glued(lines, number):
            column = len(text) - len(text.lstrip()) + 1
            words = {"missing": "space", "where": "after a dash", "written": "-", "fixed": fixed}
            span = Span(number, column, number, column + 1)
            return problem("unpunctuated line", span, on_key=False, labels=(), **words)
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
        name = _NAME.match(text)
        if name and len(name[1]) <= indentation and (key := shown(name[2])) != HIDDEN:
            span = Span(number, name.start(2) + 1, number, name.end(2) + 1)
            words = {"missing": "colon", "where": "after a key", "written": key}
            return problem(
                "unpunctuated line", span, on_key=False, labels=(), fixed=f"{key}:", **words
            )
    return None


def _glued(lines: tuple[str, ...], number: int) -> str:
    """How an item of a list, beside others, should be written whose dash lacks its space, or ""."""
    text = lines[number - 1]
    dash = text[: len(text) - len(text.lstrip())] + "- "
    beside = (*lines[max(number - 2, 0) : number - 1], *lines[number : number + 1])
    is_item = any(line.startswith(dash) for line in beside)
    return schema.corrected_item(text.lstrip()) if is_item else ""


# Characters that look like those of YAML

_COLONS = "\uff1a\ufe55\u2236\ua789\ufe13"
_DASHES = "\u2013\u2014\u2212\u2010\u2011\uff0d"
_OPENERS, _CLOSERS = "\uff5b\uff3b\u3010", "\uff5d\uff3d\u3011"
_COMMAS, _HASH = "\uff0c\u3001", "\uff03"
_CYRILLIC = "\u0430\u0441\u0501\u0435\u0456\u0458\u043e\u0440\u0455\u0445\u0443"
_INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\xad"
_USUAL = {
    **dict.fromkeys(_COLONS, (":", "a colon")),
    **dict.fromkeys(ODD_SPACES, (" ", "a space")),
    **dict.fromkeys(ODD_QUOTES, ('"', "a straight quote")),
    **dict.fromkeys(_DASHES, ("-", "a hyphen")),
    **dict.fromkeys(_COMMAS, (",", "a comma")),
    _HASH: ("#", "a hash"),
    **dict(zip("\uff5b\uff5d", (("{", "a brace"), ("}", "a brace")), strict=True)),
    **dict.fromkeys("\uff3b\u3010", ("[", "a bracket")),
    **dict.fromkeys("\uff3d\u3011", ("]", "a bracket")),
    **{odd: (usual, f'"{usual}"') for odd, usual in zip(_CYRILLIC, "acdeijopsxy", strict=True)},
    **dict.fromkeys(_INVISIBLE, ("", "a letter")),
}
"""What each of them is in place of: the character, and in words."""

_MEANT = str.maketrans({odd: usual for odd, (usual, _) in _USUAL.items()})
_NAMES = {
    "\xa0": "a no-break space",
    "\ufeff": "a byte order mark",
    "\u200b": "a zero-width space",
    **dict.fromkeys(ODD_QUOTES[:-2], "a curly quote"),
}
_BETTER = {"fullwidth": "full-width", "zero width": "zero-width", "cyrillic": "Cyrillic"}
_ODD = re.compile(f"[{_COLONS}{ODD_SPACES}{ODD_QUOTES}{_DASHES}]")
_PAIR = re.compile(
    rf"(?:^[ {ODD_SPACES}]*(?P<dash>[-{_DASHES}][ {ODD_SPACES}]+)?|[{{,][ {ODD_SPACES}]*)"
    rf"(?P<key>[{ODD_QUOTES}]?[A-Za-z_][\w.-]*[{ODD_QUOTES}]?)"
    rf"(?P<colon>[ {ODD_SPACES}]*[:{_COLONS}][ {ODD_SPACES}]*)(?=(?P<value>[^,}}]{{0,200}}))"
)
_OPAQUE = re.compile(r"""\"(?:[^"\\]|\\.)*\"|'[^']*'|(?:^|(?<=\s))#.*""")
"""Text in quotes, and comments, where any character may be."""

_STRUCTURE = re.compile(
    rf"(?<![^\s{ODD_SPACES}]){_HASH}"
    rf"|(?<![^\s:\[{{,{ODD_SPACES}{_COLONS}{_OPENERS}{_COMMAS}])[{_OPENERS}]"
)
_INSIDE = re.compile(rf"[\[{{{_OPENERS}].*?([{_COMMAS}](?=\s))")
_INSIDE_BROKEN = re.compile(rf"[\[{{{_OPENERS}].*?([{_COMMAS}{_CLOSERS}])")


def look_alikes(
    lines: tuple[str, ...], scalars: Iterable[Scalar], broken: Iterable[Problem] | None
) -> list[Problem]:
    """Characters in place of those of YAML, the first of each pair, and the first of each line.

    In a text that is YAML (nothing is `broken`), only where hardly anything else can be meant:
    beside known keys, at the ends of plain values, in known words. Elsewhere it may be a text.
    """
    found, is_yaml = [], broken is None
    torn = {each.span.line for each in broken or ()}
    for number, line in enumerate(lines, 1):
        if line.isascii():
            continue
        for pair in _PAIR.finditer(line):
            key = pair["key"].strip(ODD_QUOTES)
            odd = _ODD.search(line[: pair.end("colon")], pair.start())
            if not odd and not is_yaml and pair["value"][:1] in tuple(ODD_QUOTES):
                odd = _ODD.match(line, pair.start("value"))
            if odd and (not is_yaml or key in schema.vocabulary()):
                span = Span(number, odd.start() + 1, number, odd.end() + 1)
                found.append(
                    _look_alike(span, (), odd[0], key, pair["value"], "- " * bool(pair["dash"]))
                )
        code = _OPAQUE.sub(lambda it: " " * len(it[0]), line)
        inside = _INSIDE_BROKEN if number in torn else _INSIDE
        odd = _STRUCTURE.search(code) or inside.search(code)
        if odd and not any(each.span.line == number for each in found):
            start, end = odd.span(odd.lastindex or 0)
            first = _PAIR.match(line)
            named = (first["key"], line[first.end() :]) if first else ("#", "")
            span = Span(number, start + 1, number, end + 1)
            found.append(_look_alike(span, (), line[start], *named))
    reported = {each.span.line for each in found}
    plain = (each for each in scalars if is_yaml and each.plain and not each.text.isascii())
    at_ends = (_in_plain(each) for each in plain if each.span.line not in reported)
    return [*found, *(each for each in at_ends if each)]


def _in_plain(scalar: Scalar) -> Problem | None:
    """A curly quote or an odd space at an end of a plain key or value, or any in a known word."""
    text, (line, column, end_line, end_column) = scalar.text, scalar.span
    meant = normalize("NFKC", text.translate(_MEANT)).strip('" ')
    if line == end_line and (schema.is_known(meant) or re.fullmatch(f"[0-9]|{UUID}", meant)):
        at = next(it for it, character in enumerate(text) if not character.isascii())
        column += at
    elif text[0] in ODD_QUOTES + ODD_SPACES:
        at = 0
    elif text[-1] in ODD_QUOTES + ODD_SPACES:
        at, line, column = -1, end_line, end_column - 1
    else:
        return None
    span = Span(line, column, line, column + 1)
    if scalar.is_key:
        return _look_alike(span, (), text[at], meant, "...")
    return _look_alike(span, scalar.path, text[at], scalar.path[-1] if scalar.path else "", meant)


def _look_alike(
    span: Span, path: Path, character: str, key: str | int, value: str, before: str = ""
) -> Problem:
    usual = _USUAL.get(character, ("", f'"{normalize("NFKC", character)}"'))[1]
    words = unicodedata.name(character, "odd character").lower()
    for word, better in _BETTER.items():
        words = words.replace(word, better)
    called = _NAMES.get(character, f"{'an' if words[0] in 'aeiou' else 'a'} {words}")
    name = f"{called} (U+{ord(character):04X})"
    if isinstance(key, int):
        fixed = '"..."'
    elif key == "#":
        fixed = "# ..."
    else:
        fixed = before + corrected(key if shown(key) == key else HIDDEN, value.translate(_MEANT))
    return problem("look-alike", span, path, name=name, usual=usual, fixed=fixed)
