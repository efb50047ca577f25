"""YAML text to plain data with the position of everything; hostile YAML is refused, never run.

The text is only parsed into events: nothing is constructed, so no tag, date or number of PyYAML's
own can raise. The pure loader gives the same verdict on every platform, and the C one crashes on
deep nesting. What goes beyond plain mappings, lists and scalars (anchors, aliases, merge keys,
tags, a second document) is a problem with a position, not a feature.
"""

import re
from collections.abc import Iterator

import yaml

from tastyauth.validation import malformed, scalar
from tastyauth.validation.problem import Data, Document, Label, Path, Problem, Scalar, Span

__all__ = ["LARGEST", "Data", "Document", "Label", "Path", "Problem", "Scalar", "Span", "read"]

LARGEST = 64 * 1024
"""Bytes of a config. PyYAML reads about 100 KiB a second; a real config has 1 or 2."""

DEEPEST = 20
"""Levels of mappings and lists. A real config has 7."""

_NO_KEY = "\0"
"""Stands for a key that is none; a key that is written so is refused anyway."""

_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # where PyYAML ends a line


def read(content: bytes, name: str) -> Document:
    """The document in `content`, which is called `name` in reports.

    Never raises for what is in it: what is wrong is in the `problems` of the document, whose `data`
    is None when the text yields none.
    """
    if len(content) > LARGEST:
        return _unreadable(name, "", malformed.too_large(LARGEST))
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        return _unreadable(name, *malformed.not_utf8(content, error.start))
    text, problems = _without_byte_order_mark(text)
    lines = tuple(_LINE_END.split(text))
    problems += malformed.in_lines(text, lines)
    if any(problem.code == malformed.CONTROL_CHARACTER for problem in problems):
        return Document(name, text, lines, None, tuple(problems))
    composed = _Composition(lines)
    data = composed.run(text)
    return Document(
        name,
        text,
        lines,
        data,
        (*problems, *composed.problems),
        tuple(composed.scalars),
        composed.keys,
        composed.values,
    )


def _unreadable(name: str, text: str, problem: Problem) -> Document:
    return Document(name, text, tuple(_LINE_END.split(text)), None, (problem,))


def _without_byte_order_mark(text: str) -> tuple[str, list[Problem]]:
    if not text.startswith("\ufeff"):
        return text, []
    return text[1:], [malformed.byte_order_mark()]


_BLOCK_STYLES = ("|", ">")

_UNUSABLE = "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]"
"""What an escape in double quotes can make, and no name, path or argument can hold."""


class _Stop(Exception):
    """Nothing after this can be read."""


class _Composition:
    """One pass over the events of one text: data, positions and problems grow as it goes."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        self.problems: list[Problem] = []
        self.scalars: list[Scalar] = []
        self.keys: dict[Path, Span] = {}
        self.values: dict[Path, Span] = {}
        self._lines = lines
        self._events: Iterator[yaml.Event] = iter(())

    def run(self, text: str) -> Data:
        loader = yaml.SafeLoader(text)
        self._events = _events_of(loader)
        try:
            return self._document()
        except _Stop:
            return None
        except yaml.MarkedYAMLError as error:
            from tastyauth.validation import syntax  # late: most files are YAML

            self.problems.append(syntax.problem(error, self._lines))
        except (ValueError, OverflowError):  # the number in an escape or in %YAML is absurd
            from tastyauth.validation import syntax

            mark = loader.get_mark()
            self.problems.append(syntax.absurd_number(mark.line + 1, mark.column + 1))
        return None

    def _document(self) -> Data:
        next(self._events)  # the stream
        if isinstance(next(self._events), yaml.StreamEndEvent):
            self.problems.append(malformed.empty())
            return None
        first = next(self._events)
        data = self._node(first, (), 1)
        next(self._events)  # the end of the document
        following = next(self._events)
        if not isinstance(following, yaml.StreamEndEvent):
            self.problems.append(malformed.second_document(_span(following)))
        elif data is None and isinstance(first, yaml.ScalarEvent) and not self.problems:
            self.problems.append(malformed.empty())
        return data

    def _node(self, event: yaml.Event, path: Path, depth: int) -> Data:
        if depth > DEEPEST and not isinstance(event, yaml.ScalarEvent):
            raise self._stop(malformed.too_deep(DEEPEST, path, _span(event)))
        if isinstance(event, yaml.AliasEvent):
            self.values[path] = _span(event)
            self.problems.append(malformed.alias(path, _span(event)))
            return None
        assert isinstance(event, yaml.NodeEvent)
        self._refuse_properties(event, path)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(event, path, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(event, path, depth)
        assert isinstance(event, yaml.ScalarEvent)
        return self._value(event, path)

    def _stop(self, problem: Problem) -> _Stop:
        self.problems.append(problem)
        return _Stop()

    def _refuse_properties(self, event: yaml.NodeEvent, path: Path) -> None:
        if event.anchor is not None:
            self.problems.append(malformed.anchor(path, _span(event)))
        tag = getattr(event, "tag", None)
        if tag is not None:
            self.problems.append(malformed.tag(path, _span(event)))

    def _sequence(self, start: yaml.Event, path: Path, depth: int) -> Data:
        items: list[Data] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items)), depth + 1))
        self.values[path] = self._collection(start, event)
        return items

    def _mapping(self, start: yaml.Event, path: Path, depth: int) -> Data:
        mapping: dict[str, Data] = {}
        seen: dict[str, Span] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, path, depth)
            value = self._node(next(self._events), (*path, key), depth + 1)
            if key in seen:
                self.problems.append(
                    malformed.duplicate((*path, key), self.keys[*path, key], seen[key])
                )
            if (*path, key) in self.keys:
                seen[key] = self.keys[*path, key]
                mapping[key] = value
        self.values[path] = self._collection(start, event)
        return mapping

    def _key(self, event: yaml.Event, parent: Path, depth: int) -> str:
        """The key of a pair; one that cannot be a key gets a problem and no position."""
        span = _span(event)
        if not isinstance(event, yaml.ScalarEvent):
            self.problems.append(malformed.odd_key(parent, span))
            self._node(event, (*parent, _NO_KEY), depth + 1)
            return _NO_KEY
        self._refuse_properties(event, parent)
        key: str = event.value
        path = (*parent, key)
        self.scalars.append(Scalar(path, span, key, is_key=True, plain=not event.style))
        if not event.style and key == "<<":
            self.problems.append(malformed.merge(parent, span))
            return _NO_KEY
        self.keys[path] = span
        if _is_unusable(key):
            self.problems.append(malformed.control_character(span, path, on_key=True))
        elif not event.style:
            self._judge_plain_key(key, path, span)
        return key

    def _judge_plain_key(self, key: str, path: Path, span: Span) -> None:
        reading = scalar.read(key)
        if isinstance(reading, scalar.Doubtful):
            self.problems.append(malformed.doubtful(path, span, key, reading, on_key=True))
        elif not isinstance(reading, str):
            self.problems.append(malformed.key_not_text(path, span))

    def _value(self, event: yaml.ScalarEvent, path: Path) -> Data:
        text: str = event.value
        span = self._trimmed(_span(event)) if event.style in _BLOCK_STYLES else _span(event)
        self.scalars.append(Scalar(path, span, text, is_key=False, plain=not event.style))
        self.values[path] = span
        if _is_unusable(text):
            self.problems.append(malformed.control_character(span, path))
        if event.style:
            return text
        reading = scalar.read(text)
        if isinstance(reading, scalar.Doubtful):
            self.problems.append(malformed.doubtful(path, span, text, reading))
            return text
        return reading

    def _collection(self, start: yaml.Event, end: yaml.Event) -> Span:
        first, last = _span(start), _span(end)
        return self._trimmed(Span(first.line, first.column, last.end_line, last.end_column))

    def _trimmed(self, span: Span) -> Span:
        """`span` without the blank lines and comments that PyYAML counts to a block."""
        line, column = span.end_line, span.end_column
        while line > span.line:
            before = self._lines[line - 1][: column - 1].rstrip()
            if before and not before.lstrip().startswith("#"):
                return Span(span.line, span.column, line, len(before) + 1)
            line -= 1
            column = len(self._lines[line - 1]) + 1
        return Span(span.line, span.column, line, max(column, span.column))


def _is_unusable(text: str) -> bool:
    return not text.isprintable() and re.search(_UNUSABLE, text) is not None


def _events_of(loader: yaml.SafeLoader) -> Iterator[yaml.Event]:
    while loader.check_event():
        yield loader.get_event()  # type: ignore[no-untyped-call]


def _span(event: yaml.Event) -> Span:
    start, end = event.start_mark, event.end_mark
    assert start is not None
    assert end is not None
    return Span(start.line + 1, start.column + 1, end.line + 1, end.column + 1)
