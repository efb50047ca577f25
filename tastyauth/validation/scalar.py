"""What a plain YAML scalar is: only what YAML 1.1 and YAML 1.2 read alike means anything.

PyYAML follows YAML 1.1, editors and most other tools YAML 1.2: `on`, `012`, `12:30` and `1e3` are
different things to them. A file that holds such a scalar would be valid here and red in the editor,
or the reverse, so it is refused with the advice to quote it.
"""

import re
from math import isinf
from typing import Literal, NamedTuple, TypeAlias

Value: TypeAlias = str | int | float | bool | None

Kind: TypeAlias = Literal["text", "nothing", "boolean", "number", "date", "special"]

_LONGEST_NUMBER = 15
"""Characters. Longer ones lose digits in the JSON readers of other languages (IEEE 754)."""

_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_BOOLEAN_IN_1_1 = frozenset(
    spelling
    for word in ("y", "n", "yes", "no", "on", "off")
    for spelling in (word, word.capitalize(), word.upper())
)
_SPECIAL_IN_1_1 = frozenset({"=", "<<"})

# Not compiled until a config holds something of the kind: few do, and it would take a millisecond.
_INTEGER = r"[-+]?(?:0|[1-9][0-9]*)"
_HEXADECIMAL = r"0x[0-9a-fA-F]+"
_DECIMAL = r"[-+]?(?:0|[1-9][0-9]*)?\.[0-9]*(?:[eE][-+][0-9]+)?"
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


class Doubtful(NamedTuple):
    """A plain scalar that not every reader of YAML reads alike."""

    in_1_1: Kind
    in_1_2: Kind


def read(text: str) -> Value | Doubtful:
    """The value of a plain scalar that means the same in YAML 1.1 and 1.2, else the two readings.

    Numbers count as doubtful, too, when they are infinite, not a number, or so long that readers
    round them differently.
    """
    if text in _NOTHING:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if text[0] not in _NUMERIC_BEGINNINGS or text.count("-") > _MOST_DASHES:
        if text in _BOOLEAN_IN_1_1:
            return Doubtful("boolean", "text")
        return Doubtful("special", "text") if text in _SPECIAL_IN_1_1 else text
    number = _number(text)
    if number is not None:
        return number
    readings = Doubtful(_kind_in_1_1(text), _kind_in_1_2(text))
    return text if readings == ("text", "text") else readings


def _number(text: str) -> int | float | None:
    if len(text) > _LONGEST_NUMBER:
        return None
    if text.isascii() and text.isdecimal() and text[0] != "0":
        return int(text)  # as nearly all numbers of a config are written
    if re.fullmatch(_INTEGER, text):
        return int(text)
    if re.fullmatch(_HEXADECIMAL, text):
        return int(text, 16)
    if re.fullmatch(_DECIMAL, text) and re.fullmatch(_NUMBER_IN_1_2, text):
        number = float(text)
        return None if isinf(number) else number
    return None


def _kind_in_1_1(text: str) -> Kind:
    if re.fullmatch(_DATE_IN_1_1, text):
        return "date"
    is_number = any(map(str.isalnum, text)) and re.fullmatch(_NUMBER_IN_1_1, text)
    return "number" if is_number else "text"


def _kind_in_1_2(text: str) -> Kind:
    return "number" if re.fullmatch(_NUMBER_IN_1_2, text) else "text"
