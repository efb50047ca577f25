"""A document against the JSON Schema, and against what no schema can say, to problems.

The schema is the contract that editors and other validators read, too; the messages are ours,
since theirs repeat the value they complain about.
"""

import json
import os
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from tastyauth.validation import consistency, pasted_secrets
from tastyauth.validation.problem import Data, Document, Problem, error

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

__all__ = ["check", "text"]

_FILE = "tastyauth.schema.json"

_MOST = 200
"""Problems that are told. A file with more is something else."""


def text() -> str:
    """The JSON Schema (2020-12) of the config, as it is in the repository."""
    package = os.path.dirname(os.path.dirname(__file__))
    installed = os.path.join(package, _FILE)
    beside = os.path.join(os.path.dirname(package), "schema", _FILE)
    with open(installed if os.path.exists(installed) else beside, encoding="utf-8") as file:
        return file.read()


def check(
    document: Document, installed: Callable[[str], bool] | None = None
) -> tuple[Problem, ...]:
    """Everything that is wrong with `document`, in the order of the file.

    That is its YAML, the schema, what a schema cannot say, and secrets pasted into it. No secret
    source, command or network is touched. `installed` says of a library whether it can be imported
    here.
    """
    installed = installed or _is_installed
    problems = [*document.problems, *pasted_secrets.in_document(document)]
    if document.data is not None:
        problems += _refused(document, document.data)
        malformed = {(problem.path, problem.on_key) for problem in problems}
        problems += [
            problem
            for problem in consistency.problems(document, installed)
            if (problem.path, problem.on_key) not in malformed
        ]
    return tuple(_limited(sorted(_causes(problems), key=_position)))


def _refused(document: Document, data: Data) -> list[Problem]:
    refusals: list[Any] = list(_validator().iter_errors(data))
    if not refusals:
        return []
    from tastyauth.validation import keywords  # late: most files have nothing to be told

    return keywords.problems(
        document,
        [
            keywords.Failure(
                keyword=refusal.validator,
                limit=refusal.validator_value,
                path=tuple(refusal.absolute_path),
                instance=refusal.instance,
                known=tuple(refusal.schema.get("properties", ())),
                of_name="propertyNames" in refusal.absolute_schema_path,
            )
            for refusal in refusals
        ],
    )


@cache
def _validator() -> "Validator":
    # Late: a config that is known to be valid is read without it, and it takes 80 ms to import.
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(text(), object_hook=_ending_as_in_ecma))


def _ending_as_in_ecma(keywords: dict[str, Any]) -> dict[str, Any]:
    """Patterns in Python's words: `$` of ECMA 262 is the very end, not before a last newline."""
    pattern = keywords.get("pattern")
    if isinstance(pattern, str) and pattern.endswith("$"):
        keywords["pattern"] = pattern[:-1] + r"\Z"
    return keywords


def _is_installed(library: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(library) is not None


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


def _limited(problems: list[Problem]) -> list[Problem]:
    """The first of too many `problems`, pasted secrets before all others, and a word about it."""
    if len(problems) <= _MOST:
        return problems
    secrets_first = sorted(problems, key=lambda each: not each.code.startswith("TA2"))
    told = sorted(secrets_first[:_MOST], key=_position)
    last = told[-1].span
    message = f"the file has {len(problems) - _MOST} more problems"
    advice = "repair these first; or is this the right file?"
    return [*told, error("TA017", message, (), last, "after this one", help=(advice,))]


def _rank(problem: Problem) -> int:
    """The smaller, the nearer to the cause."""
    if problem.code in {"TA201", "TA205"}:
        return 0
    return {"TA2": 1, "TA0": 2, "TA1": 3}[problem.code[:3]]


def _position(problem: Problem) -> tuple[int, int, str]:
    return (problem.span.line, problem.span.column, problem.code)
