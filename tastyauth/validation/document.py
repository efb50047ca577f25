"""YAML text to plain data with the position of everything; hostile YAML is refused, never run.

The text is only parsed into events: nothing is constructed, so no tag, date or number of PyYAML's
own can raise. The pure loader gives the same verdict on every platform, and the C one crashes on
deep nesting. What goes beyond plain mappings, lists and scalars (anchors, aliases, merge keys,
tags, a second document) is a problem with a position, not a feature.

A plain scalar means what YAML 1.1 (PyYAML) and YAML 1.2 (editors) both read. `on`, `012`, `12:30`
and `1e3` are different things to them: the file would be valid here and red in the editor, or the
reverse, so they are refused with the advice to quote them.
"""

import re
from collections.abc import Iterator
from math import isinf
from types import ModuleType
from typing import Literal, NamedTuple, TypeAlias

import yaml

from tastyauth.validation.problem import Data, Document, Label, Path, Problem, Scalar, Span, problem
from tastyauth.validation.schema import shown

Plain: TypeAlias = str | int | float | bool | None

LARGEST = 64 * 1024
"""Bytes of a config. PyYAML reads about 100 KiB a second; a real config has 1 or 2."""

DEEPEST = 20
"""Levels of mappings and lists. A real config has 7."""

_NO_KEY = "\0"
"""Stands for something that is not a key; no valid key looks like this."""

_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # where PyYAML ends a line


def read(content: bytes, name: str) -> Document:
    """The document in `content`, which is called `name` in reports.

    Never raises for what is in it: what is wrong is in the `problems` of the document, whose `data`
    is None when the text yields none.
    """
    if len(content) > LARGEST:
        return Document(name, "", ("",), None, (problem("too large"),))
    problems: list[Problem] = []
    is_plain = content.isascii() and content.replace(b"\n", b"").decode().isprintable()
    if is_plain:
        text = content.decode()
        lines = tuple(text.split("\n"))
    else:
        yaml_problems = _yaml_problems()
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            text, wrong = yaml_problems.not_utf8(content, error.start)
            return Document(name, text, tuple(_LINE_END.split(text)), None, (wrong,))
        if text.startswith("\ufeff"):
            text = text[1:]
            problems.append(problem("byte order mark"))
        lines = tuple(_LINE_END.split(text))
        problems += yaml_problems.in_characters(text)
        if any(each.code == "TA013" for each in problems):
            return Document(name, text, lines, None, tuple(problems))
    parsed = _Composition(lines)
    data = parsed.run(text)
    scalars = tuple(parsed.scalars)
    if not is_plain and not text.isascii():
        problems += yaml_problems.look_alikes(
            lines, scalars, parsed.problems if data is None else None
        )
        if any(each.code == "TA018" and not each.path for each in problems):
            return Document(name, text, lines, None, tuple(problems), scalars)
    problems += parsed.problems
    return Document(name, text, lines, data, tuple(problems), scalars, parsed.keys, parsed.values)


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
        self._events = iter(loader.get_event, None)
        try:
            next(self._events)  # the stream
            if isinstance(next(self._events), yaml.StreamEndEvent):
                self.problems.append(problem("empty"))
                return None
            first = next(self._events)
            data = self._node(first, (), 1)
            next(self._events)  # the end of the document
            following = next(self._events)
            if not isinstance(following, yaml.StreamEndEvent):
                line, column, *_ = _span(following)
                self._report("second document", Span(line, column, line, column + 3))
            elif data is None and isinstance(first, yaml.ScalarEvent) and not self.problems:
                self.problems.append(problem("empty"))
            return data
        except _Stop:
            return None
        except yaml.MarkedYAMLError as error:
            self.problems.append(_yaml_problems().syntax(error, self._lines))
        except (ValueError, OverflowError):  # the number in an escape or in %YAML is absurd
            mark = loader.get_mark()
            line, column = mark.line + 1, mark.column + 1
            self._report("absurd number", Span(line, column, line, column + 1))
        return None

    def _report(self, name: str, span: Span, path: Path = (), *, on_key: bool = False) -> None:
        self.problems.append(problem(name, span, path, on_key=on_key))

    def _node(self, event: yaml.Event, path: Path, depth: int) -> Data:
        if depth > DEEPEST and not isinstance(event, yaml.ScalarEvent):
            self._report("too deep", _span(event), path[:3])
            raise _Stop
        if isinstance(event, yaml.AliasEvent):
            self.values[path] = _span(event)
            self._report("alias", _span(event), path)
            return None
        assert isinstance(event, yaml.NodeEvent)
        self._refuse_properties(event, path)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(event, path, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Data] = []
            while not isinstance(end := next(self._events), yaml.SequenceEndEvent):
                items.append(self._node(end, (*path, len(items)), depth + 1))
            self.values[path] = self._trimmed(event, end)
            return items
        assert isinstance(event, yaml.ScalarEvent)
        text: str = event.value
        is_block = event.style in ("|", ">")
        span = self._trimmed(event, event) if is_block else _span(event)
        self.scalars.append(Scalar(path, span, text, is_key=False, plain=not event.style))
        self.values[path] = span
        if re.search(_UNUSABLE, text):
            self._report("escape", span, path)
        return text if event.style else self._plain(self.scalars[-1])

    def _refuse_properties(self, event: yaml.NodeEvent, path: Path) -> None:
        line, column, *_ = _span(event)
        for name, found in (("anchor", event.anchor), ("tag", getattr(event, "tag", None))):
            if found is not None:
                self._report(name, Span(line, column, line, column + 1), path)

    def _mapping(self, start: yaml.Event, path: Path, depth: int) -> Data:
        mapping: dict[str, Data] = {}
        seen: dict[str, Span] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, path, depth)
            place = (*path, key)
            value = self._node(next(self._events), place, depth + 1)
            if key in seen:
                labels, name = (Label(seen[key], "first given here"),), shown(key)
                again = self.keys[place]
                twice = problem("duplicate", again, place, on_key=True, labels=labels, name=name)
                self.problems.append(twice)
            if place in self.keys:
                seen[key] = self.keys[place]
                mapping[key] = value
        self.values[path] = self._trimmed(start, event)
        return mapping

    def _key(self, event: yaml.Event, parent: Path, depth: int) -> str:
        """The key of a pair; one that cannot be a key gets a problem and no position."""
        span = _span(event)
        if not isinstance(event, yaml.ScalarEvent):
            self._report("odd key", span, parent, on_key=True)
            self._node(event, (*parent, _NO_KEY), depth + 1)
            return _NO_KEY
        self._refuse_properties(event, parent)
        key: str = event.value
        path = (*parent, key)
        self.scalars.append(Scalar(path, span, key, is_key=True, plain=not event.style))
        if not event.style and key == "<<":
            self._report("merge", span, parent, on_key=True)
            return _NO_KEY
        self.keys[path] = span
        if re.search(_UNUSABLE, key):
            self._report("escape", span, path, on_key=True)
        elif not event.style and not isinstance(self._plain(self.scalars[-1]), str):
            self._report("key not text", span, path, on_key=True)
        return key

    def _plain(self, scalar: Scalar) -> Plain:
        """What a plain scalar means; its text when that is doubtful, which is a problem."""
        reading = plain(scalar.text)
        if not isinstance(reading, Doubtful):
            return reading
        self.problems.append(_yaml_problems().doubtful(scalar, *reading))
        return scalar.text

    def _trimmed(self, start: yaml.Event, end: yaml.Event) -> Span:
        """From `start` to `end`, without what PyYAML counts to a block: empty lines, comments."""
        span, (*_, line, column) = _span(start), _span(end)
        while line > span.line:
            before = self._lines[line - 1][: column - 1].rstrip()
            if before and not before.lstrip().startswith("#"):
                return Span(span.line, span.column, line, len(before) + 1)
            line -= 1
            column = len(self._lines[line - 1]) + 1
        return Span(span.line, span.column, line, max(column, span.column))


def _yaml_problems() -> ModuleType:
    from tastyauth.validation import yaml_problems  # late: most files are plain, and YAML

    return yaml_problems


def _span(event: yaml.Event) -> Span:
    start, end = event.start_mark, event.end_mark
    assert start is not None
    assert end is not None
    return Span(start.line + 1, start.column + 1, end.line + 1, end.column + 1)


# Plain scalars

Kind: TypeAlias = Literal["text", "nothing", "boolean", "number", "date", "special"]


class Doubtful(NamedTuple):
    """A plain scalar that not every reader of YAML reads alike."""

    in_1_1: Kind
    in_1_2: Kind


_WORDS: dict[str, Plain | Doubtful] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), Doubtful("boolean", "text")),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF"), Doubtful("boolean", "text")),
    **dict.fromkeys(("=", "<<"), Doubtful("special", "text")),
}

_LONGEST_NUMBER = 15
"""Characters. Longer ones lose digits in the JSON readers of other languages (IEEE 754)."""

# Not compiled until a config holds something of the kind: few do, and it would take a millisecond.
_INTEGER = r"[-+]?(?:0|[1-9][0-9]*)"
_HEXADECIMAL = r"0x[0-9a-fA-F]+"
_DECIMAL = r"(?:[-+]?(?:0|[1-9][0-9]*))?\.[0-9]*(?:[eE][-+][0-9]+)?"  # PyYAML: -.5 is text
_NUMBER_IN_1_1 = (  # yaml.org/type/int.html, yaml.org/type/float.html
    r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]+|(?:0|[1-9][0-9_]*)"
    r"|[1-9][0-9_]*(?::[0-5]?[0-9])+|[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*"
    r"|(?:[0-9][0-9_]*)?\.[0-9_]*(?:[eE][-+]?[0-9]+)?"
    r"|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)"
)
_NUMBER_IN_1_2 = (  # YAML 1.2.2, section 10.3.2
    r"0o[0-7]+|0x[0-9a-fA-F]+|[-+]?[0-9]+"
    r"|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_DATE_IN_1_1 = r"(?s:[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt\s].*)?)"

_NUMERIC_BEGINNINGS = frozenset("-+.0123456789")
_MOST_DASHES = 3
"""In a number or a date with a time zone; a UUID has four."""


def plain(text: str) -> Plain | Doubtful:
    """The value of a plain scalar that means the same in YAML 1.1 and 1.2, else the two readings.

    Numbers count as doubtful, too, when they are infinite, not a number, or so long that readers
    round them differently.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC_BEGINNINGS or text.count("-") > _MOST_DASHES:
        return text
    number = _number(text)
    if number is not None:
        return number
    in_1_1: Kind = "text"
    if re.fullmatch(_DATE_IN_1_1, text):
        in_1_1 = "date"
    elif any(map(str.isalnum, text)) and re.fullmatch(_NUMBER_IN_1_1, text):
        in_1_1 = "number"
    in_1_2: Kind = "number" if re.fullmatch(_NUMBER_IN_1_2, text) else "text"
    return text if in_1_1 == in_1_2 == "text" else Doubtful(in_1_1, in_1_2)


def _number(text: str) -> int | float | None:
    if len(text) > _LONGEST_NUMBER:
        return None
    if text.isascii() and text.isdecimal() and text[0] != "0":
        return int(text)  # the usual form of numbers in a config
    if re.fullmatch(_INTEGER, text):
        return int(text)
    if re.fullmatch(_HEXADECIMAL, text):
        return int(text, 16)
    if re.fullmatch(_DECIMAL, text) and re.fullmatch(_NUMBER_IN_1_2, text):
        number = float(text)
        return None if isinf(number) else number
    return None
