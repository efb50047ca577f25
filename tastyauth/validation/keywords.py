"""What the JSON Schema refuses, keyword by keyword, in the words of somebody who has to repair it.

One mistake is one problem: a misspelt key explains the key that is missing, two sources at once are
told once, and an empty reference whose source was not indented is told as that.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias, cast

from tastyauth.validation import example, masking, patterns, place, types, unknown_keys
from tastyauth.validation.masking import quoted
from tastyauth.validation.problem import Data, Document, Label, Path, Problem, error


class Failure(NamedTuple):
    """What one keyword of the schema says no to.

    `limit` is the keyword's own value, `known` the keys that the schema lists at this place;
    `of_name` says that the instance is a key, not a value.
    """

    keyword: str
    limit: Any
    path: Path
    instance: Data
    known: Sequence[str]
    of_name: bool


_Told: TypeAlias = Problem | None


def problems(document: Document, failures: Sequence[Failure]) -> list[Problem]:
    """The problems that `failures` amount to, in no particular order."""
    found: list[Problem] = []
    explained: set[Path] = set()
    for failure in failures:
        if failure.keyword == "additionalProperties":
            present = tuple(cast(dict[str, Data], failure.instance))
            strange, causes = unknown_keys.problems(document, failure.path, present, failure.known)
            found += strange
            explained |= causes
    told = [TELL[each.keyword](document, each) for each in failures if each.path not in explained]
    found += [problem for problem in told if problem is not None]
    return found + _missing(document, failures, explained)


def _missing(
    document: Document, failures: Sequence[Failure], explained: set[Path]
) -> list[Problem]:
    """One problem for each mapping that lacks keys, with the block to paste."""
    lacking: dict[Path, list[str]] = {}
    for failure in failures:
        if failure.keyword == "required":
            present = cast(dict[str, Data], failure.instance)
            lacking[failure.path] = [
                key
                for key in failure.limit
                if key not in present and (*failure.path, key) not in explained
            ]
    return [_lacks(document, path, keys) for path, keys in lacking.items() if keys]


def _lacks(document: Document, path: Path, keys: Sequence[str]) -> Problem:
    noun = "key" if len(keys) == 1 else "keys"
    where = f" in {quoted(path)}" if path else ""
    return error(
        "TA110",
        f"missing {noun} {_listed(keys)}{where}",
        path,
        document.key_span(path) if path else document.first_key(),
        "add to this mapping" if path else "add to the file",
        help=(example.lines(keys, (*path, keys[0])),),
        on_key=True,
    )


def _listed(keys: Sequence[str]) -> str:
    names = [f'"{key}"' for key in keys]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _several_sources(document: Document, failure: Failure) -> _Told:
    path = failure.path
    present = cast(dict[str, Data], failure.instance)
    kinds = [key for key in present if key in masking.SOURCE_KINDS]
    if len(kinds) < 2:
        return None  # the unknown key beside the one source is told as such
    first, *others = kinds
    items = [f"  - {kind}: ..." for kind in kinds]
    return error(
        "TA103",
        f"{quoted(path)} has {len(kinds)} sources ({', '.join(kinds)}); give exactly one",
        path,
        document.key_span((*path, others[0])),
        "remove this one",
        labels=(
            Label(document.key_span((*path, first)), "or this one"),
            *(Label(document.key_span((*path, kind)), "and this one") for kind in others[1:]),
        ),
        help=("or try one after the other\n" + "\n".join(["first_of:", *items]),),
    )


def _nothing_in_it(document: Document, failure: Failure) -> _Told:
    path = failure.path
    if place.is_reference(path):
        return types.empty_reference(document, path)
    message, advice = {
        "profiles": ("names no profile", example.lines(["profiles"])),
        "exports": (
            "exports nothing",
            f"remove the key, or name what to export, {example.lines(['exports'], path)}",
        ),
    }.get(str(path[-1]), ("is empty", "write something, or remove the key"))
    return error(
        "TA104",
        f"{quoted(path)} {message}",
        path,
        document.value_span(path),
        "nothing in it",
        help=(advice,),
    )


def _empty_list(document: Document, failure: Failure) -> _Told:
    key = next(step for step in reversed(failure.path) if isinstance(step, str))
    return error(
        "TA104",
        f"{quoted(failure.path)} is empty",
        failure.path,
        document.value_span(failure.path),
        "nothing in it",
        help=(example.lines([key], failure.path),),
    )


def _not_allowed(document: Document, failure: Failure) -> _Told:
    path, value = failure.path, failure.instance
    allowed = [str(each) for each in failure.limit]
    key = str(path[-1])
    if value is None:
        return types.empty_value(document, path, f"write one of: {', '.join(allowed)}")
    if key == "version":
        label = "remove the quotes" if value == "1" else "not a version of this format"
        return _choice(document, path, "must be 1", label, "write version: 1")
    meant = masking.meant(value, allowed) if isinstance(value, str) else None
    label = f'did you mean "{meant}"?' if meant else "not one of these"
    if len(allowed) == 1:
        advice = f"write {allowed[0]}, or remove the key"
        return _choice(document, path, f'can only be "{allowed[0]}"', label, advice)
    if key == "environment":
        advice = "production trades real money; sandbox is the certification environment"
        return _choice(document, path, "must be production, sandbox or custom", label, advice)
    advice = f"one of: {', '.join(allowed)}"
    return _choice(document, path, "is nothing that can be exported", label, advice)


def _choice(document: Document, path: Path, message: str, label: str, advice: str) -> Problem:
    return error(
        "TA105",
        f"{quoted(path)} {message}",
        path,
        document.value_span(path),
        label,
        help=(advice,),
    )


def _out_of_range(document: Document, failure: Failure) -> _Told:
    path, limit = failure.path, failure.limit
    least = failure.keyword == "minimum"
    unit = ("" if path[-1] == "line" else " second") + ("s" if limit != 1 else "")
    return error(
        "TA106",
        f"{quoted(path)} must be at {'least' if least else 'most'} {limit}{unit}",
        path,
        document.value_span(path),
        "too small" if least else "too large",
        help=(_RANGES[str(path[-1]), len(path) == 3],),
    )


_RANGES = {
    ("timeout", True): "write 1 to 120 seconds for a whole exchange, or leave it out for 15",
    ("timeout", False): "write 1 to 600 seconds until the program is ended",
    ("line", False): "lines count from 1",
}


def _not_of_the_form(document: Document, failure: Failure) -> _Told:
    text = str(failure.instance)
    if failure.of_name:
        return patterns.name_problem(document, failure.path, text)
    return patterns.value_problem(document, failure.path, text)


def _wrong_type(document: Document, failure: Failure) -> _Told:
    return types.problem(document, failure.path, failure.instance, failure.limit)


def _told_elsewhere(_: Document, __: Failure) -> _Told:
    return None


TELL: dict[str, Callable[[Document, Failure], _Told]] = {
    "additionalProperties": _told_elsewhere,
    "required": _told_elsewhere,
    "type": _wrong_type,
    "enum": _not_allowed,
    "pattern": _not_of_the_form,
    "not": _not_of_the_form,
    "minimum": _out_of_range,
    "maximum": _out_of_range,
    "minItems": _empty_list,
    "minProperties": _nothing_in_it,
    "maxProperties": _several_sources,
}
"""What to say for each keyword that the schema uses; a test keeps this complete."""
