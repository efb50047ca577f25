"""Keys that the schema does not know: mistyped, in the wrong place, or not needed at all."""

from collections.abc import Iterable, Sequence

from tastyauth.validation import schema
from tastyauth.validation.problem import Document, Label, Path, Problem, about
from tastyauth.validation.schema import (
    corrected,
    example,
    examples,
    meant,
    normalized,
    quoted,
    shown,
)

_ONE_LEVEL_UP = "belongs one level up, in the profile"


def problems(
    document: Document, path: Path, present: Sequence[str], known: Sequence[str]
) -> tuple[list[Problem], set[Path]]:
    """The problems of those keys of the mapping at `path` that are not `known`, of all `present`.

    Also what these explain: the places of keys that were only misspelt, misplaced or not indented,
    since that those are missing, or empty, is no second mistake.
    """
    unknown = [key for key in present if key not in known]
    found: list[Problem] = []
    explained: set[Path] = set()
    outside = [key for key in unknown if key in schema.profile_keys()]
    if not path and len(outside) > 1:
        unknown = [key for key in unknown if key not in outside]
        others = (document.key_span((key,)) for key in outside[1:])
        labels = tuple(Label(other, "this one, too") for other in others)
        first, example = (outside[0],), examples(["profiles"])
        found.append(about(document, "outside", first, on_key=True, labels=labels, example=example))
        explained.add(("profiles",))
    missing = [key for key in known if key not in present]
    for key in unknown:
        owner = _empty_above(document, path, present, key)
        if owner is not None:
            found.append(_not_indented(document, path, key, owner))
            explained.add(owner)
            continue
        word, colon, rest = key.partition(":")
        if colon and word in missing and rest[:1].strip(" /"):
            found.append(_punctuation(document, (*path, key), "a space", word, rest))
            explained.add((*path, word))
            continue
        word, _, rest = key.partition(" ")
        if word in missing:
            found.append(_punctuation(document, (*path, key), "a colon", word, rest))
            explained.add((*path, word))
            continue
        misplaced = _misplaced(path, present, key)
        intended = None if misplaced else meant(key, missing)
        found.append(_unknown(document, (*path, key), known, misplaced, intended))
        if intended:
            explained.add((*path, intended))
    return found, explained


def _unknown(
    document: Document, path: Path, known: Sequence[str], misplaced: str | None, meant: str | None
) -> Problem:
    *parent, key = path
    label = misplaced or (f'did you mean "{meant}"?' if meant else "not a key of this mapping")
    found = about(
        document,
        "unknown key",
        path,
        on_key=True,
        name=shown(str(key)),
        where=f" in {quoted(tuple(parent))}" if parent else "",
        label=label,
        known=", ".join(known),
    )
    help = () if meant else _advice(tuple(parent), str(key), misplaced)
    return found._replace(help=(*help, *found.help))


def _misplaced(path: Path, present: Sequence[str], key: str) -> str | None:
    """Where a key that is known elsewhere belongs."""
    if schema.is_reference(path):
        owner = _owner(key)
        if owner in present:
            return f'belongs inside "{owner}"'
        if key in schema.profile_keys() and len(present) > 1:
            return _ONE_LEVEL_UP
    if len(path) == 2 and path[0] == "profiles":
        if key in schema.keys(()):
            return "belongs at the top of the file"
        if key in schema.source_kinds():
            return "a source kind belongs under client_secret or refresh_token"
    if not path and key in schema.profile_keys():
        return "belongs inside a profile"
    return None


def _owner(key: str) -> str | None:
    """The source kind whose own mapping has this key."""
    reference = ("profiles", "live", "refresh_token")
    kinds = schema.source_kinds()
    return next((kind for kind in kinds if key in schema.keys((*reference, kind))), None)


def _advice(path: Path, key: str, misplaced: str | None) -> Iterable[str]:
    plain = normalized(key)
    owner = _owner(key)
    if schema.is_reference(path) and owner and misplaced != _ONE_LEVEL_UP:
        first = schema.keys((*path, owner))[:1]
        inner = [example((*path, owner, name)) for name in dict.fromkeys((*first, key))]
        yield f"write {owner}: {{ {', '.join(inner)} }}"
    elif schema.is_reference(path) and plain in schema.root()["$defs"]["reference"]["x-programs"]:
        yield f"run its program, for example\n{example((*path, 'command'))}"
    elif plain in schema.root()["x-unneeded"]:
        yield schema.root()["x-unneeded"][plain]


def _empty_above(document: Document, path: Path, present: Sequence[str], key: str) -> Path | None:
    """The empty reference just above a source kind that was not indented under it."""
    index = present.index(key)
    if len(path) != 2 or path[0] != "profiles" or key not in schema.source_kinds() or not index:
        return None
    above = (*path, present[index - 1])
    return above if above[-1] in schema.CREDENTIALS and document.is_empty(above) else None


def _punctuation(document: Document, path: Path, missing: str, word: str, rest: str) -> Problem:
    """A known key whose colon, or the space after it, is missing."""
    written = f"{word}:" if missing == "a space" else word
    return about(
        document,
        "unpunctuated",
        path,
        on_key=True,
        name=shown(str(path[-1])),
        missing=missing,
        written=written,
        fixed=corrected(word, rest),
    )


def _not_indented(document: Document, path: Path, key: str, owner: Path) -> Problem:
    labels = (Label(document.key_span(owner), "this one is empty"),)
    return about(
        document,
        "not indented",
        (*path, key),
        on_key=True,
        labels=labels,
        key=key,
        owner=owner[-1],
        example=example((*owner, key)),
    )
