"""The report for a person: the line, what is wrong under it, and what to do next."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tastyauth.validation.problem import Checked, Label, Problem
from tastyauth.validation.snippet import Snippets

_RED, _YELLOW, _BLUE, _BOLD, _PLAIN = "\x1b[1;31m", "\x1b[1;33m", "\x1b[34m", "\x1b[1m", "\x1b[0m"

_MOST = 50
"""Problems of one file that are shown in full; what is wrong with more is the same thing."""


class _Paint(NamedTuple):
    """Colours, when they are wanted; the words say everything without them."""

    wanted: bool

    def __call__(self, color: str, text: str) -> str:
        return f"{color}{text}{_PLAIN}" if self.wanted and text.strip() else text


def report(files: Sequence[Checked], color: bool = False) -> str:  # noqa: FBT001, FBT002
    """Every problem of every file, each as a paragraph, then a line for each file that has some."""
    paint = _Paint(color)
    parts = [part for checked in files for part in _file(checked, paint)]
    return "\n".join(parts)


def _summary(checked: Checked) -> str:
    counts = [
        f"{count} {noun}{'' if count == 1 else 's'}"
        for count, noun in ((checked.errors, "error"), (checked.warnings, "warning"))
        if count
    ]
    return f"{checked.document.name}: {', '.join(counts)}"


def _file(checked: Checked, paint: _Paint) -> Iterator[str]:
    if not checked.problems:
        return
    snippets = Snippets(checked.document)
    for problem in checked.problems[:_MOST]:
        yield _problem(problem, checked.document.name, snippets, paint)
    rest = len(checked.problems) - _MOST
    more = f" ({rest} more not shown)" if rest > 0 else ""
    yield f"{_summary(checked)}{more}\n"


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
