"""A document against the JSON Schema, and against what no schema can say, to problems.

The schema is the contract that editors and other validators read, too; the messages are ours,
since theirs repeat the value they complain about.
"""

import importlib.util
import json
import os
import re
from collections.abc import Collection, Iterator
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from tastyauth import pasted
from tastyauth.diagnostic import Data, Document, Problem
from tastyauth.schema import keywords, meaning
from tastyauth.schema.keywords import Failure

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

__all__ = ["check", "text"]

_FILE = "tastyauth.schema.json"

_MOST = 500
"""Failures that are told. A file with more is something else, and each one costs time."""


def text() -> str:
    """The JSON Schema (2020-12) of the config, as it is in the repository."""
    package = os.path.dirname(os.path.dirname(__file__))
    installed = os.path.join(package, _FILE)
    beside = os.path.join(os.path.dirname(package), "schema", _FILE)
    with open(installed if os.path.exists(installed) else beside, encoding="utf-8") as file:
        return file.read()


def check(document: Document, extras: Collection[str] | None = None) -> tuple[Problem, ...]:
    """Everything that is wrong with `document`, in the order of the file.

    That is its YAML, the schema, what a schema cannot say, and secrets pasted into it. No secret
    source, command or network is touched. `extras` are the installed ones of `keyring` and
    `dotenv`; left out, they are looked for.
    """
    problems = [*document.problems, *pasted.in_document(document)]
    if document.data is not None:
        problems += keywords.problems(document, _failures(document.data))
        problems += meaning.problems(document, _installed() if extras is None else extras)
    return tuple(sorted(_causes(problems), key=_position))


def _failures(data: Data) -> list[Failure]:
    return list(islice(_each_failure(data), _MOST))


def _each_failure(data: Data) -> Iterator[Failure]:
    for each in _validator().iter_errors(data):
        error: Any = each  # its fields may be "unset" to the type checker; these are not
        yield Failure(
            keyword=error.validator,
            limit=error.validator_value,
            path=tuple(error.absolute_path),
            instance=error.instance,
            known=tuple(error.schema.get("properties", ())),
            of_name="propertyNames" in error.absolute_schema_path,
        )


@cache
def _validator() -> "Validator":
    # Late: a config that is known to be valid is read without it, and it takes 80 ms to import.
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    checker: type[Validator] = extend(  # type: ignore[no-untyped-call]
        Draft202012Validator, {"pattern": _pattern}
    )
    return checker(json.loads(text()))


def _pattern(_: object, pattern: str, instance: object, __: object) -> Iterator[Any]:
    """`pattern` as ECMA 262 means it, whose `$` is the very end: not before a last newline.

    Every pattern of the schema begins with `^` and ends with `$`.
    """
    from jsonschema import ValidationError

    if isinstance(instance, str) and not re.fullmatch(pattern, instance):
        yield ValidationError("does not match")


def _installed() -> frozenset[str]:
    return frozenset(name for name in ("keyring", "dotenv") if importlib.util.find_spec(name))


def _causes(problems: list[Problem]) -> list[Problem]:
    """`problems` without those that follow from another one at the same place.

    A pasted secret explains whatever else is wrong with that value, and so does broken YAML.
    """
    best: dict[object, int] = {}
    for problem in problems:
        if problem.severity == "error" and problem.path:
            place = (problem.path, problem.on_key)
            best[place] = min(best.get(place, _rank(problem)), _rank(problem))
    return [
        problem
        for problem in problems
        if problem.severity == "warning"
        or _rank(problem) <= best.get((problem.path, problem.on_key), _rank(problem))
    ]


def _rank(problem: Problem) -> int:
    """The smaller, the nearer to the cause."""
    if problem.code in {"TA201", "TA205"}:
        return 0
    return {"TA2": 1, "TA0": 2, "TA1": 3}[problem.code[:3]]


def _position(problem: Problem) -> tuple[int, int, str]:
    return (problem.span.line, problem.span.column, problem.code)
