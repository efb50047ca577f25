"""A value of the wrong kind: a number where text is needed, text where a mapping is, or nothing."""

import re

from tastyauth.validation import example, literals, masking, patterns, place
from tastyauth.validation.masking import quoted
from tastyauth.validation.problem import Data, Document, Path, Problem, error

_NEEDED = {
    "object": "a mapping (key: value)",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
}
_MISSING_BLANK = re.compile(r"([A-Za-z_]+):\S.*", re.DOTALL)


def problem(document: Document, path: Path, value: Data, needed: str) -> Problem:
    """What to say about `value`, which is not of the JSON type that is `needed`."""
    if value is None:
        return _nothing(document, path, needed)
    if needed == "object" and isinstance(value, str):
        if _lacks_blank(value):
            return _missing_blank(document, path, value)
        if place.is_reference(path):
            return literals.problem(document, path, value)
    if needed == "string" and path[-1:] == ("client_id",):
        return patterns.value_problem(document, path, "")
    if needed == "string" and isinstance(value, bool | int | float):
        return _quote_it(document, path, value)
    return error(
        "TA102",
        f"{quoted(path)} must be {_NEEDED[needed]}, not {_name(value)}",
        path,
        document.value_span(path),
        f"{_name(value)} stands here",
        help=(_advice(path, needed),),
    )


def _name(value: Data) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "a boolean"
    return "text" if isinstance(value, str) else "a number"


def _advice(path: Path, needed: str) -> str:
    if not path:
        return f"a config begins with its version, {example.lines(['version', 'profiles'])}"
    key = next((step for step in reversed(path) if isinstance(step, str)), "")
    if place.is_reference(path):
        return f"write where to read it from, for example\n{example.reference('file', path)}"
    if place.is_profile(path):
        keys = ["environment", "client_id", "client_secret", "refresh_token"]
        return f"a profile is a mapping, {example.lines(keys, path)}"
    if key in {"command", "argv"} and needed == "array":
        return f"nothing is run by a shell; write a list, {example.lines([key], path)}"
    if key == "first_of" and needed == "array":
        return "begin each reference on a line of its own with -"
    if key in masking.VOCABULARY and example.has(key):
        return example.lines([key], path)
    return "write one word or a text in quotes"


def _quote_it(document: Document, path: Path, value: float) -> Problem:
    kind = _name(value)
    text = str(value).lower()
    return error(
        "TA102",
        f"{quoted(path)} must be text, but YAML reads it as {kind}",
        path,
        document.value_span(path),
        f"without quotes this is {kind}",
        help=(f'quote it: "{text if masking.is_harmless(text) else "..."}"',),
    )


def _lacks_blank(text: str) -> bool:
    found = _MISSING_BLANK.fullmatch(text)
    return found is not None and found[1] in masking.VOCABULARY and "://" not in text


def _missing_blank(document: Document, path: Path, text: str) -> Problem:
    key = text.partition(":")[0]
    return error(
        "TA102",
        f"{quoted(path)} must be a mapping (key: value), not text",
        path,
        document.value_span(path),
        f'a blank is missing after "{key}:"',
        help=(f"write {key}: followed by a blank",),
    )


def _nothing(document: Document, path: Path, needed: str) -> Problem:
    if path[-1:] == ("client_id",):
        return empty_value(document, path, f"write the client ID, {example.lines(['client_id'])}")
    if place.is_reference(path):
        return empty_reference(document, path)
    return empty_value(document, path, _advice(path, needed))


def empty_value(document: Document, path: Path, advice: str) -> Problem:
    """What to say about a key without a value."""
    written = not document.is_empty(path)
    return error(
        "TA104",
        f"{quoted(path)} is empty",
        path,
        document.value_span(path),
        "null is nothing" if written else "nothing stands here",
        help=(advice,),
    )


def empty_reference(document: Document, path: Path) -> Problem:
    """What to say about a reference that names no source."""
    return error(
        "TA104",
        f"{quoted(path)} has no source",
        path,
        document.value_span(path),
        "say here where to read it from",
        help=(
            f"for example\n{example.reference('file', path)}",
            f"source kinds: {', '.join(masking.SOURCE_KINDS)}",
        ),
    )
