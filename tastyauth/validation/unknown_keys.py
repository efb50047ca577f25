"""Keys that the schema does not know: mistyped, in the wrong place, or not needed at all."""

from collections.abc import Sequence

from tastyauth.validation import schema
from tastyauth.validation.problem import Document, Label, Path, Problem, about
from tastyauth.validation.schema import corrected, example, examples, meant, quoted, shown

_ONE_LEVEL_UP = "belongs one level up, in the profile"


def unknown_keys(
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
        first, text = (outside[0],), examples(["profiles"])
        found.append(about(document, "outside", first, on_key=True, labels=labels, example=text))
        explained.add(("profiles",))
    missing = [key for key in known if key not in present]
    for key in unknown:
        place = (*path, key)
        owner = _empty_above(document, path, present, key)
        if owner is not None:
            labels = (Label(document.key_span(owner), "this one is empty"),)
            found.append(
                about(
                    document,
                    "not indented",
                    place,
                    on_key=True,
                    labels=labels,
                    key=key,
                    owner=owner[-1],
                    example=example((*owner, key)),
                )
            )
            explained.add(owner)
            continue
        word, _, rest = key.partition(":")
        written, lacks = f"{word}:", "a space"
        if word not in missing or not rest[:1].strip(" /"):
            word, _, rest = key.partition(" ")
            written, lacks = word, "a colon"
        if word in missing:
            found.append(
                about(
                    document,
                    "unpunctuated",
                    place,
                    on_key=True,
                    name=shown(key),
                    missing=lacks,
                    written=written,
                    fixed=corrected(word, rest),
                )
            )
            explained.add((*path, word))
            continue
        misplaced = _misplaced(path, present, key)
        intended = None if misplaced else meant(key, missing)
        found.append(_unknown(document, path, key, known, misplaced, intended))
        if intended:
            explained.add((*path, intended))
    return found, explained


def _unknown(
    document: Document,
    path: Path,
    key: str,
    known: Sequence[str],
    misplaced: str | None,
    intended: str | None,
) -> Problem:
    label = misplaced or (
        f'did you mean "{intended}"?' if intended else "not a key of this mapping"
    )
    found = about(
        document,
        "unknown key",
        (*path, key),
        on_key=True,
        name=shown(key),
        where=f" in {quoted(path)}" if path else "",
        label=label,
        known=", ".join(known),
    )
    if intended:
        return found
    plain, owner, is_reference = schema.normalized(key), _owner(key), schema.is_reference(path)
    programs = schema.root()["$defs"]["reference"]["x-programs"]
    help = []
    if is_reference and owner and misplaced != _ONE_LEVEL_UP:
        first = schema.keys((*path, owner))[:1]
        inner = [example((*path, owner, name)) for name in dict.fromkeys((*first, key))]
        help = [f"write {owner}: {{ {', '.join(inner)} }}"]
    elif is_reference and plain in programs:
        help = [f"run its program, for example\n{example((*path, 'command'))}"]
    elif plain in schema.root()["x-unneeded"]:
        help = [schema.root()["x-unneeded"][plain]]
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


def _empty_above(document: Document, path: Path, present: Sequence[str], key: str) -> Path | None:
    """The empty reference just above a source kind that was not indented under it."""
    index = present.index(key)
    if len(path) != 2 or path[0] != "profiles" or key not in schema.source_kinds() or not index:
        return None
    above = (*path, present[index - 1])
    return above if above[-1] in schema.CREDENTIALS and document.is_empty(above) else None
