"""A text with its positions, and the problems of a config: values, words and order.

Lines and columns count from 1, columns in code points, as editors and GitHub show them. (Named
tuples, since a frozen dataclass takes six times as long to define.)
"""

import os
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, NamedTuple, TypeAlias

from tastyauth.validation.schema import Path as Path
from tastyauth.validation.schema import quoted

Data: TypeAlias = "dict[str, Data] | list[Data] | str | int | float | bool | None"
"""What a YAML file can hold when it is read as JSON is."""

Severity: TypeAlias = Literal["error", "warning"]


class Span(NamedTuple):
    """A stretch of text; the end column is the first one that no longer belongs to it."""

    line: int
    column: int
    end_line: int
    end_column: int


class Label(NamedTuple):
    """A second place that a problem points at, and what is said there."""

    span: Span
    text: str


class Problem(NamedTuple):
    """One thing that is wrong, reported without repeating anything that may be a secret.

    `message` is one sentence, `label` what is said under the carets at `span`, `help` what to do
    next, each ready to paste (further lines of one help are indented by the report). `path` leads
    to the value in question, or to its key (`on_key`), and may hold a secret as its last step.
    """

    code: str
    severity: Severity
    message: str
    path: Path
    span: Span
    label: str = ""
    labels: tuple[Label, ...] = ()
    help: tuple[str, ...] = ()
    on_key: bool = False

    def __repr__(self) -> str:
        return f"<{self.code} at {self.span.line}:{self.span.column}: {self.message}>"


class Scalar(NamedTuple):
    """A key or a value that is one piece of text, and its position."""

    path: Path
    span: Span
    text: str
    is_key: bool
    plain: bool

    def __repr__(self) -> str:
        return f"<scalar at {self.span.line}:{self.span.column}>"


class Document(NamedTuple):
    """A file as it was read: its text, its data, the position of everything, and what is wrong.

    `data` is None when the text yields none; `problems` then says why. It may also hold data *and*
    have problems (a key given twice): only a document without errors is a config.
    """

    name: str
    text: str
    lines: tuple[str, ...]
    data: Data
    problems: tuple[Problem, ...] = ()
    scalars: tuple[Scalar, ...] = ()
    keys: Mapping[Path, Span] = {}
    values: Mapping[Path, Span] = {}

    def __repr__(self) -> str:
        return f"<document {self.name}, {len(self.lines)} lines>"

    def key_span(self, path: Path) -> Span:
        """Where the key (or the list item) at `path` is; for the root, the first key."""
        if not path:
            return min(self.keys.values(), default=_TOP)
        return self.keys.get(path) or self.values.get(path) or _TOP

    def value_span(self, path: Path) -> Span:
        """Where the value at `path` is, else its key."""
        return self.values.get(path) or self.key_span(path)

    def is_empty(self, path: Path) -> bool:
        """Whether nothing at all is written where the value at `path` belongs."""
        span = self.values.get(path)
        return span is not None and span[:2] == span[2:]


class Checked(NamedTuple):
    """A document and everything that is wrong with it, in the order of the file."""

    document: Document
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> int:
        return sum(problem.severity == "error" for problem in self.problems)

    @property
    def warnings(self) -> int:
        return len(self.problems) - self.errors


_TOP = Span(1, 1, 1, 1)


@cache
def table() -> dict[str, tuple[str, Severity, list[str]]]:
    """What is reported for each problem that the schema does not describe: `problems.txt`.

    By name: code, severity, and the texts: message, label and help.
    """
    path = os.path.join(os.path.dirname(__file__), "problems.txt")
    with open(path, encoding="utf-8") as file:
        _, *parts = re.split(r"^\[(.*)\] (TA\d{3})( warning)?\n", file.read(), flags=re.MULTILINE)
    return {
        name: (code, "warning" if is_warning else "error", text.strip().split("\n"))
        for name, code, is_warning, text in zip(*(parts[i::4] for i in range(4)), strict=True)
    }


def problem(
    name: str,
    span: Span = Span(1, 1, 1, 2),  # noqa: B008  # a tuple
    path: Path = (),
    /,
    *,
    on_key: bool = False,
    labels: tuple[Label, ...] = (),
    **words: object,
) -> Problem:
    """The problem that is called `name` in the table, with `words` filled in."""
    words = {"place": quoted(path), "parent": quoted(path[:-1]), **words}
    code, severity, texts = table()[name]
    message, label, *help = (
        re.sub(r"\{(\w+)\}", lambda word: str(words[word[1]]), text.replace("|", "\n"))
        for text in texts
    )
    return Problem(code, severity, message, path, span, label, labels, tuple(help), on_key)


def about(
    document: Document,
    name: str,
    path: Path,
    /,
    *,
    on_key: bool = False,
    **words: Any,  # noqa: ANN401
) -> Problem:
    """The problem called `name` of the value at `path` in `document`, or of its key."""
    span = document.key_span(path) if on_key else document.value_span(path)
    return problem(name, span, path, on_key=on_key, **words)


_MOST = 200
"""Problems that are reported. A file with more is something else."""


def in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    """`problems` in the order of the file, without those that follow from others, and not too many.

    A pasted secret explains whatever else is wrong with that value, and so does broken YAML. Of too
    many, pasted secrets are reported before all others.
    """
    ranks = {"TA201": 0, "TA205": 0, "TA2": 1, "TA0": 2, "TA1": 3}
    best: dict[object, int] = {}
    ranked = [(ranks.get(each.code, ranks[each.code[:3]]), each) for each in problems]
    for rank, each in ranked:
        if each.severity == "error" and each.path:
            place = (each.path, each.on_key)
            best[place] = min(best.get(place, 3), rank)
    causes = [
        each
        for rank, each in ranked
        if each.severity == "warning" or rank <= best.get((each.path, each.on_key), 3)
    ]
    causes.sort(key=lambda each: (each.span.line, each.span.column, each.code))
    if len(causes) <= _MOST:
        return tuple(causes)
    secrets_first = sorted(causes, key=lambda each: not each.code.startswith("TA2"))
    reported = sorted(secrets_first[:_MOST], key=causes.index)
    return (*reported, problem("too many", reported[-1].span, count=len(causes) - _MOST))
