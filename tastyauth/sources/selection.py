"""One secret out of what a program wrote: a line, or a string in its JSON."""

import json
import re

from tastyauth.errors import SecretError
from tastyauth.sources.label import printable
from tastyauth.sources.value import without_line_ending

_INDEX = re.compile(r"0|[1-9][0-9]*", re.ASCII)

_JSON_TYPES = {dict: "an object", list: "an array", bool: "a boolean", type(None): "null"}


def pick_line(text: str, number: int, label: str) -> str:
    """Line `number` of `text`, from 1; raises SecretError when there are fewer."""
    lines = without_line_ending(text).split("\n")
    if number > len(lines):
        count = "1 line" if len(lines) == 1 else f"{len(lines)} lines"
        raise SecretError(
            f"{label} gave {count}, and `line: {number}` asks for more",
            "correct `line` in the config",
        )
    return lines[number - 1].removesuffix("\r")


def pick_json(text: str, pointer: str, label: str) -> str:
    """The string at `pointer` (RFC 6901) in the JSON `text`; raises SecretError without one."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise SecretError(
            f"{label} did not give JSON", "leave `json` out, or have the program write JSON"
        ) from None
    where = f"`json: {printable(pointer)}`"
    for token in pointer.split("/")[1:]:
        value = _step(value, token.replace("~1", "/").replace("~0", "~"))
        if value is _NOTHING:
            raise SecretError(
                f"{label} has nothing at {where}",
                "correct the JSON Pointer in the config (RFC 6901)",
            )
    if not isinstance(value, str):
        what = _JSON_TYPES.get(type(value), "a number")
        raise SecretError(f"{label} has {what} at {where}, not a string", "point at a string")
    return value


_NOTHING = object()


def _step(value: object, token: str) -> object:
    if isinstance(value, dict):
        return value.get(token, _NOTHING)
    if isinstance(value, list) and _INDEX.fullmatch(token) and int(token) < len(value):
        return value[int(token)]
    return _NOTHING
