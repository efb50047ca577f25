"""Checks a document against the JSON Schema, and for what no schema can say; returns problems.

The schema is the contract that editors and other validators read, too, and it holds the messages
(`x-problems`): a library's own messages repeat the value that they complain about.
"""

import importlib.util
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from tastyauth.errors import APPLICATIONS_PAGE
from tastyauth.validation import consistency, pasted_secrets, schema
from tastyauth.validation.problem import Data, Document, Label, Path, Problem, in_order
from tastyauth.validation.schema import text

__all__ = ["WORDS", "Failure", "check", "text"]


def check(
    document: Document, installed: Callable[[str], bool] | None = None
) -> tuple[Problem, ...]:
    """Everything that is wrong with `document`, in the order of the file.

    That is its YAML, the schema, what a schema cannot say, and secrets pasted into it. No secret
    source, command or network is touched. `installed` says of a library whether it can be imported
    here.
    """
    problems = [*document.problems, *pasted_secrets.in_document(document)]
    if document.data is not None:
        installed = installed or (lambda library: importlib.util.find_spec(library) is not None)
        problems += _refused(document, document.data)
        malformed = {(problem.path, problem.on_key) for problem in problems}
        problems += [
            problem
            for problem in consistency.problems(document, installed)
            if (problem.path, problem.on_key) not in malformed
        ]
    return in_order(problems)


# What the schema refuses


class Failure(NamedTuple):
    """A value, or a key, that one keyword of the schema refuses.

    `rules` is the subschema with that keyword, `limit` the keyword's own value there; `source` is
    the kind of source that the value looks like.
    """

    document: Document
    keyword: str
    limit: Any
    path: Path
    value: Data
    rules: schema.Node
    on_key: bool
    source: str = ""

    @property
    def text(self) -> str:
        return self.value if isinstance(self.value, str) else ""


def _refused(document: Document, data: Data) -> list[Problem]:
    """What the schema refuses: one mistake is one problem.

    A misspelt key explains the key that is missing, and an empty reference whose source was not
    indented is reported as that.
    """
    # Late: a config that is known to be valid is read without it, and it takes 80 ms to import.
    from jsonschema import Draft202012Validator

    found: list[Problem] = []
    failures: list[Failure] = []
    explained: set[Path] = set()
    refusal: Any
    for refusal in Draft202012Validator(schema.root()).iter_errors(data):
        path: Path = tuple(refusal.absolute_path)
        if refusal.validator == "additionalProperties":
            known = tuple(refusal.schema["properties"])
            present = tuple(refusal.instance)
            strange, causes = consistency.unknown_keys(document, path, present, known)
            found += strange
            explained |= causes
            continue
        on_key = "propertyNames" in refusal.absolute_schema_path
        place = (*path, refusal.instance) if on_key else path
        rule = (refusal.validator, refusal.validator_value)
        value, rules = refusal.instance, refusal.schema
        failures.append(Failure(document, *rule, place, value, rules, on_key))
    lacking: set[Path] = set()
    for failure in failures:
        if failure.keyword == "required":  # one for each missing key; the problem names them all
            there: Any = failure.value
            missing = [key for key in failure.limit if key not in there]
            missing = [key for key in missing if (*failure.path, key) not in explained]
            if not missing or failure.path in lacking:
                continue
            lacking.add(failure.path)
            failure = failure._replace(limit=missing)
        elif failure.path in explained:
            continue
        problem = _problem(failure)
        found += [problem] if problem else []
    return found


def _problem(failure: Failure) -> Problem | None:
    """None for one source beside an unknown key, which is reported on its own."""
    document, path, on_key = failure.document, failure.path, failure.on_key
    labels: tuple[Label, ...] = ()
    span = document.key_span(path) if on_key else document.value_span(path)
    if failure.keyword == "required":
        on_key, span = True, document.key_span(path)
    if failure.keyword == "maxProperties":
        keys = [document.key_span((*path, kind)) for kind in _sources(failure)]
        if len(keys) < 2:
            return None
        first, span, *others = keys
        labels = (Label(first, "or this one"), *(Label(key, "and this one") for key in others))
    usual = schema.root()["x-usual-problems"][failure.keyword]
    entry = {**usual, **failure.rules.get("x-problems", {}).get(failure.keyword, {})}
    cases = (case for case in entry.get("cases", ()) if _applies(case["when"], failure))
    said: schema.Node = {**entry, **next(cases, {})}
    failure = failure._replace(source=said.get("source", ""))
    texts = (said["message"], said["label"], *said["help"])
    message, label, *help = (_filled(text, failure) for text in texts)
    return Problem(said["code"], "error", message, path, span, label, labels, tuple(help), on_key)


def _applies(condition: dict[str, str], failure: Failure) -> bool:
    """Whether all of a case's conditions hold: JSON type, type needed, pattern, known word."""
    kind = _TYPES.get(type(failure.value), "number")
    if condition.get("type", kind) != kind:
        return False
    if condition.get("needed", failure.limit) != failure.limit:
        return False
    if "pattern" in condition and not re.search(condition["pattern"], failure.text):
        return False
    return "has" not in condition or bool(WORDS[condition["has"]](failure))


def _filled(text: str, failure: Failure) -> str:
    """`text` with what each word in braces stands for, which may have such words itself."""
    return re.sub(r"\{(\w+)\}", lambda word: _filled(WORDS[word[1]](failure), failure), text)


_TYPES = {dict: "object", list: "array", bool: "boolean", str: "string", type(None): "null"}
_KINDS = {dict: "a mapping", list: "a list", bool: "a boolean", str: "text"}
_NEEDED = {
    "object": "a mapping (key: value)",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
}


def _sources(failure: Failure) -> list[str]:
    present: Any = failure.value
    return [key for key in present if key in schema.source_kinds()]


def _keys(failure: Failure) -> str:
    names = [f'"{key}"' for key in failure.limit]
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    where = f" in {schema.quoted(failure.path)}" if failure.path else ""
    return f"key{'' if len(names) == 1 else 's'} {listed}{where}"


def _example(failure: Failure) -> str:
    """What belongs here, ready to paste: the missing keys, else the key itself."""
    path, required = failure.path, schema.at(failure.path).get("required")
    if failure.keyword == "required":
        return schema.examples(failure.limit, path)
    if required and "examples" not in schema.at(path):
        return schema.examples(required, path)
    return schema.examples([path[-1]], path[:-1])


def _advice(failure: Failure) -> str:
    """What to write here, from the nearest part of the schema that says so."""
    if "x-help" in failure.rules:
        return str(failure.rules["x-help"])
    path = failure.path
    while path and not {"x-help", "examples"} & schema.at(path).keys():
        path = path[:-1]
    help = str(schema.at(path).get("x-help", "{example}"))
    return help.replace("{example}", _example(failure._replace(path=path)))


def _word(failure: Failure) -> str:
    """The known word that the value begins with, when a colon follows."""
    word, colon, rest = failure.text.partition(":")
    known = colon and word in schema.vocabulary() and rest and not rest[0].isspace()
    return word if known and "://" not in failure.text else ""


def _item(failure: Failure) -> str:
    """The first item of a list, as it should be written, if its dash lacks the space."""
    line, column, _, _ = failure.document.value_span(failure.path)
    before, rest = (text := failure.document.lines[line - 1])[: column - 1], text[column - 1 :]
    return "" if before.strip() else schema.corrected_item(rest)


def _upper(failure: Failure) -> str:
    """The key as the name of a variable, if it can be shown."""
    upper = failure.text[:80].replace("-", "_").upper()
    return upper if schema.shown_variable(upper) == upper else ""


WORDS: dict[str, Callable[[Failure], str]] = {
    "advice": _advice,
    "allowed": lambda failure: ", ".join(str(each) for each in failure.limit),
    "choices": lambda failure: "\n".join(f"  - {kind}: ..." for kind in _sources(failure)),
    "count": lambda failure: str(len(_sources(failure))),
    "example": _example,
    "fixed": lambda failure: schema.corrected(_word(failure), failure.text.partition(":")[2]),
    "item": _item,
    "keys": _keys,
    "kind": lambda failure: _KINDS.get(type(failure.value), "a number"),
    "kinds": lambda _: ", ".join(schema.source_kinds()),
    "leaked": lambda failure: str(schema.at(failure.path[:2])["x-leaked"][failure.path[2]]),
    "length": lambda failure: str(len(failure.text)),
    "limit": lambda failure: str(failure.limit),
    "meant": lambda failure: schema.meant(failure.text, map(str, failure.limit)) or "",
    "name": lambda failure: (
        failure.text
        if failure.text in {*schema.reserved_names(), schema.shown_path(failure.text)}
        else schema.shown(failure.text)
    ),
    "needed": lambda failure: _NEEDED[failure.limit],
    "nothing": lambda failure: (
        "no value" if failure.document.is_empty(failure.path) else "null is no value"
    ),
    "page": lambda _: APPLICATIONS_PAGE,
    "place": lambda failure: schema.quoted(failure.path),
    "prefix": lambda failure: failure.text.partition(":")[0],
    "profile": lambda failure: schema.quoted(failure.path[:2]),
    "quoted": lambda failure: schema.in_quotes(str(failure.value).lower()),
    "reference": lambda failure: schema.example(failure.path, failure.source or _word(failure)),
    "scheme": lambda failure: next(
        (kind for kind in schema.source_kinds() if failure.text.startswith(f"{kind}:")), ""
    ),
    "shape": lambda failure: pasted_secrets.KNOWN[pasted_secrets.shape(failure.text)][1],
    "sources": lambda failure: ", ".join(_sources(failure)),
    "upper": _upper,
    "word": _word,
}
"""What stands for each word in braces in the messages of the schema."""
