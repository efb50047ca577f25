"""What is wrong with YAML: characters, syntax, and features that a config does without.

PyYAML's own messages repeat the line, which may hold a secret. Only the position of a complaint is
used, and its beginning, which is fixed text. What is said instead is in `yaml_problems.txt`.
"""

import os
import re
from functools import cache
from typing import NamedTuple

import yaml

from tastyauth.validation.masking import is_harmless, quoted, shown
from tastyauth.validation.problem import Label, Path, Problem, Scalar, Severity, Span

_LINE_END = "\r\n|[\n\r\x85\u2028\u2029]"
_UNPRINTABLE = "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_ODD_LINE_ENDS = {
    "\r": "a CR without an LF",
    "\x85": "a NEL (U+0085)",
    "\u2028": "a line separator (U+2028)",
    "\u2029": "a paragraph separator (U+2029)",
}
_FIRST_CHARACTER = Span(1, 1, 1, 2)
_KINDS = {
    "boolean": "a boolean",
    "number": "a number",
    "date": "a date",
    "special": "a special value",
}
_AT_THE_BEGINNING = (
    "PyYAML: found unexpected end of stream",
    "PyYAML: found unexpected document separator",
    "PyYAML: could not find expected ':'",
)
"""Complaints whose cause is where what was being read began, not where reading stopped."""


class _Said(NamedTuple):
    code: str
    message: str
    label: str
    help: str


@cache
def _table() -> dict[str, _Said]:
    path = os.path.join(os.path.dirname(__file__), "yaml_problems.txt")
    with open(path, encoding="utf-8") as file:
        _, *blocks = re.split(r"^\[(.*)\] (TA\d{3})\n", file.read(), flags=re.MULTILINE)
    each = zip(blocks[::3], blocks[1::3], blocks[2::3], strict=True)
    return {name: _Said(code, *text.strip().split("\n")) for name, code, text in each}


def problem(
    name: str,
    span: Span = _FIRST_CHARACTER,
    path: Path = (),
    /,
    *,
    on_key: bool = False,
    severity: Severity = "error",
    labels: tuple[Label, ...] = (),
    **words: str,
) -> Problem:
    """The problem that is called `name` in the table, with `words` filled in."""
    said = _table()[name]
    words = {"place": quoted(path), "parent": quoted(path[:-1]), **words}
    message, label, help = (
        re.sub(r"\{(\w+)\}", lambda word: words[word[1]], text) for text in said[1:]
    )
    return Problem(said.code, severity, message, path, span, label, labels, (help,), on_key)


def not_utf8(content: bytes, position: int) -> tuple[str, Problem]:
    """The text before the first byte that is not UTF-8, at `position`, and the problem it is."""
    name = "not UTF-8"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        name, position = "UTF-16", 0
    text = content[:position].decode("utf-8")
    return text, problem(name, _at(text, len(text)))


def in_characters(text: str) -> list[Problem]:
    """Control characters, and the first odd end of a line of each kind."""
    problems = []
    windows = text.find("\r\n")
    if windows >= 0:
        problems.append(problem("Windows line ends", _at(text, windows), severity="warning"))
    odd = re.search("\r(?!\n)|[\x85\u2028\u2029]", text)
    if odd:
        name = _ODD_LINE_ENDS[odd.group()]
        problems.append(problem("odd line end", _at(text, odd.start()), name=name))
    control = re.search(_UNPRINTABLE, text)
    if control:
        problems.append(problem("control character", _at(text, control.start())))
    return problems


def _at(text: str, position: int) -> Span:
    lines = re.split(_LINE_END, text[:position])
    line, column = len(lines), len(lines[-1]) + 1
    return Span(line, column, line, column + 1)


def duplicate(path: Path, span: Span, first: Span) -> Problem:
    labels = (Label(first, "first time here"),)
    name = shown(str(path[-1]))
    return problem("duplicate", span, path, on_key=True, labels=labels, name=name)


def doubtful(scalar: Scalar, in_1_1: str, in_1_2: str) -> Problem:
    """A plain scalar that YAML 1.1 (most programs) and 1.2 (most editors) read differently."""
    kind = in_1_1 if in_1_1 != "text" else in_1_2
    name = "odd number" if in_1_1 == in_1_2 else "YAML 1.2" if in_1_1 == "text" else "YAML 1.1"
    return problem(
        name,
        scalar.span,
        scalar.path,
        on_key=scalar.is_key,
        place=f"the key {quoted(scalar.path)}" if scalar.is_key else quoted(scalar.path),
        kind=_KINDS[kind],
        quoted=f'"{scalar.text if is_harmless(scalar.text) else "..."}"',
    )


def syntax(failure: yaml.MarkedYAMLError, lines: tuple[str, ...]) -> Problem:
    """The problem that PyYAML's `failure` to read `lines` is."""
    complaint = f"PyYAML: {failure.problem or ''}"
    mark = failure.problem_mark or failure.context_mark
    if complaint.startswith(_AT_THE_BEGINNING) and failure.context_mark:
        mark = failure.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    if (failure.context or "").startswith(("while scanning a tag", "while parsing a tag")):
        complaint = "PyYAML: found undefined tag handle"
    if _follows_tab(lines[line - 1] if line <= len(lines) else "", column):
        complaint = "PyYAML: found character '\\t'"
    names = (name for name in _table() if name.startswith("PyYAML:"))
    name = next(name for name in names if complaint.startswith(name))
    return problem(name, Span(line, column, line, column + 1))


def _follows_tab(text: str, column: int) -> bool:
    return text[column - 1 : column] == "\t" or "\t" in text[: len(text) - len(text.lstrip())]
