"""Problems as text: for a person, for a program, for GitHub; none of them can show a secret.

All three use the same masked words, about any number of checked files.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from tastyauth.validation.masking import pointer
from tastyauth.validation.problem import Checked, Label, Problem, Span
from tastyauth.validation.snippet import Snippets

_RED, _YELLOW, _BLUE, _BOLD, _PLAIN = "\x1b[1;31m", "\x1b[1;33m", "\x1b[34m", "\x1b[1m", "\x1b[0m"

_MOST = 50
"""Problems of one file that are shown in full; what is wrong with more is the same thing."""


class _Paint(NamedTuple):
    """Colours, when they are wanted; the words say everything without them."""

    wanted: bool

    def __call__(self, color: str, text: str) -> str:
        return f"{color}{text}{_PLAIN}" if self.wanted and text.strip() else text


def human(files: Sequence[Checked], color: bool = False) -> str:  # noqa: FBT001, FBT002
    """For a person: each problem as a paragraph, then a line for each file that has some."""
    paint = _Paint(color)
    parts = [part for checked in files for part in _file(checked, paint)]
    return "\n".join(parts)


def _file(checked: Checked, paint: _Paint) -> Iterator[str]:
    if not checked.problems:
        return
    snippets = Snippets(checked.document)
    for problem in checked.problems[:_MOST]:
        yield _problem(problem, checked.document.name, snippets, paint)
    counts = [
        f"{count} {noun}{'' if count == 1 else 's'}"
        for count, noun in ((checked.errors, "error"), (checked.warnings, "warning"))
        if count
    ]
    rest = len(checked.problems) - _MOST
    more = f" ({rest} more not shown)" if rest > 0 else ""
    yield f"{checked.document.name}: {', '.join(counts)}{more}\n"


def _problem(problem: Problem, name: str, snippets: Snippets, paint: _Paint) -> str:
    color = _RED if problem.severity == "error" else _YELLOW
    labels = [Label(problem.span, problem.label), *problem.labels]
    width = len(str(max(label.span.line for label in labels)))
    margin = " " * width
    bar = paint(_BLUE, f"{margin} |")
    where = f"{name}:{problem.span.line}:{problem.span.column}"
    lines = [
        paint(color, f"{problem.severity}[{problem.code}]") + paint(_BOLD, f": {problem.message}"),
        f"{margin}{paint(_BLUE, '-->')} {where}",
        bar,
        *_snippet(labels, snippets, width, color, paint),
        bar,
    ]
    equals = paint(_BLUE, f"{margin} =")
    for text in problem.help:
        first, *block = text.split("\n")
        lines.append(f"{equals} help: {first}")
        lines += [f"{margin}     {line}" for line in block]
    lines.append(f"{equals} more: tastyauth explain {problem.code}")
    return "\n".join(lines) + "\n"


def _snippet(
    labels: Sequence[Label], snippets: Snippets, width: int, color: str, paint: _Paint
) -> Iterator[str]:
    """The lines that `labels` point at, in the order of the file, with a mark under each."""
    primary = labels[0]
    margin = paint(_BLUE, f"{' ' * width} |")
    before: int | None = None
    for label in sorted(labels, key=lambda each: each.span):
        number = label.span.line
        shown = snippets.line(label.span)
        if number != before:
            if before is not None and number > before + 1:
                yield paint(_BLUE, "...")
            yield f"{paint(_BLUE, f'{number:>{width}} |')} {shown.text}".rstrip()
        mark, tint = ("^", color) if label is primary else ("-", _BLUE)
        marks = mark * (shown.end - shown.start)
        yield f"{margin} {' ' * shown.start}{paint(tint, f'{marks} {label.text}'.rstrip())}"
        before = number


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
            _as_json(checked.document.name, problem)
            for checked in files
            for problem in checked.problems
        ],
    }
    return json.dumps(content, indent=2) + "\n"


def _as_json(name: str, problem: Problem) -> dict[str, object]:
    return {
        "code": problem.code,
        "severity": problem.severity,
        "path": name,
        "pointer": pointer(problem.path),
        **_range(problem.span),
        "message": problem.message,
        "label": problem.label,
        "labels": [{**_range(label.span), "text": label.text} for label in problem.labels],
        "help": list(problem.help),
    }


def _range(span: Span) -> dict[str, int]:
    return dict(zip(("line", "column", "end_line", "end_column"), span, strict=True))


def github(files: Sequence[Checked], color: bool = False) -> str:  # noqa: ARG001, FBT001, FBT002
    """For GitHub Actions: one workflow command for each problem (ten of a kind are shown)."""
    return "".join(
        _annotation(checked.document.name, problem)
        for checked in files
        for problem in checked.problems
    )


def _annotation(name: str, problem: Problem) -> str:
    span = problem.span
    properties = {
        "file": name,
        "line": span.line,
        "col": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
        "title": problem.code,
    }
    listed = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
    text = "\n".join([f"{problem.message}: {problem.label}", *problem.help])
    return f"::{problem.severity} {listed}::{_data(text)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


FORMATS: dict[str, Callable[[Sequence[Checked], bool], str]] = {
    "human": human,
    "json": json_report,
    "github": github,
}
"""Each format: from what was checked, and whether colours are wanted, to the text to print."""
