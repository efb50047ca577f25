"""Keys that the schema does not know: mistyped, in the wrong place, or not needed at all."""

from collections.abc import Iterable, Sequence

from tastyauth.validation import example, masking, place
from tastyauth.validation.masking import HIDDEN, quoted, shown
from tastyauth.validation.problem import Document, Label, Path, Problem, error

_BELONGS_UNDER = {
    "permissions": "file",
    "path": "file",
    "argv": "command",
    "line": "command",
    "json": "command",
    "timeout": "command",
    "service": "keyring",
    "username": "keyring",
    "name": "dotenv",
}
"""Keys of a source's own mapping, and which source that is."""

_WITHIN = {
    "file": "{ path: ..., permissions: any }",
    "command": "{ argv: [...], line: 1 }",
    "keyring": "{ service: ..., username: ... }",
    "dotenv": "{ path: ..., name: ... }",
}

_NOT_NEEDED = {
    "accesstoken": "an access token is fetched, never configured",
    "password": "tastytrade's API takes no password; create a grant for a refresh token",
    "login": "tastytrade's API takes no password; create a grant for a refresh token",
    "username": "tastytrade's API takes no password; create a grant for a refresh token",
    "scope": "what a token may do is set when its grant is created",
    "scopes": "what a token may do is set when its grant is created",
    "redirecturi": "a refresh needs none",
    "granttype": "it is always refresh_token",
    "accountnumber": "a token is for all accounts of its owner",
    "value": "a config never holds a secret, only where to read it",
    "literal": "a config never holds a secret, only where to read it",
    "plain": "a config never holds a secret, only where to read it",
    "description": "write a comment instead: # ...",
    "comment": "write a comment instead: # ...",
    "extends": "profiles stand alone, so that none picks up another's secret",
    "inherit": "profiles stand alone, so that none picks up another's secret",
}

_STORE_PROGRAMS = """
vault aws gcloud gcp azure bitwarden bw rbw lastpass lpass sops age gpg doppler infisical gopass
secrettool chamber security kwallet
"""

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
    outside = [key for key in unknown if key in masking.PROFILE_KEYS]
    if not path and len(outside) > 1:
        unknown = [key for key in unknown if key not in outside]
        found.append(_outside_profiles(document, outside))
        explained.add(("profiles",))
    missing = [key for key in known if key not in present]
    for key in unknown:
        owner = _empty_above(document, path, present, key)
        if owner is not None:
            found.append(_not_indented(document, path, key, owner))
            explained.add(owner)
            continue
        first_word = key.split(" ")[0]
        if first_word in missing:
            found.append(_colon_missing(document, (*path, key), first_word))
            explained.add((*path, first_word))
            continue
        misplaced = _misplaced(path, present, key)
        meant = None if misplaced else masking.meant(key, missing)
        found.append(_unknown(document, (*path, key), known, misplaced, meant))
        if meant:
            explained.add((*path, meant))
    return found, explained


def _unknown(
    document: Document, path: Path, known: Sequence[str], misplaced: str | None, meant: str | None
) -> Problem:
    *parent, key = path
    where = f" in {quoted(tuple(parent))}" if parent else ""
    label = misplaced or (f'did you mean "{meant}"?' if meant else "not a key of this mapping")
    help = () if meant else _advice(tuple(parent), str(key), misplaced)
    return error(
        "TA101",
        f'unknown key "{shown(str(key))}"{where}',
        path,
        document.key_span(path),
        label,
        help=(*help, f"known keys here: {', '.join(known)}"),
        on_key=True,
    )


def _misplaced(path: Path, present: Sequence[str], key: str) -> str | None:
    """Where a key that is known elsewhere belongs."""
    if place.is_reference(path):
        if _BELONGS_UNDER.get(key) in present:
            return f'belongs inside "{_BELONGS_UNDER[key]}"'
        if key in masking.PROFILE_KEYS and len(present) > 1:
            return _ONE_LEVEL_UP
    if place.is_profile(path):
        if key in masking.ROOT_KEYS:
            return "belongs at the top of the file"
        if key in masking.SOURCE_KINDS:
            return "a source kind belongs under client_secret or refresh_token"
    if not path and key in masking.PROFILE_KEYS:
        return "belongs inside a profile"
    return None


def _advice(path: Path, key: str, misplaced: str | None) -> Iterable[str]:
    plain = masking.normalized(key)
    owner = _BELONGS_UNDER.get(key)
    if place.is_reference(path) and owner and misplaced != _ONE_LEVEL_UP:
        yield f"write {owner}: {_WITHIN[owner]}"
    elif place.is_reference(path) and plain in _STORE_PROGRAMS.split():
        yield f"run its program, for example\n{example.line('command', path)}"
    elif plain in _NOT_NEEDED:
        yield _NOT_NEEDED[plain]


def _empty_above(document: Document, path: Path, present: Sequence[str], key: str) -> Path | None:
    """The empty reference just above a source kind that was not indented under it."""
    if not place.is_profile(path) or key not in masking.SOURCE_KINDS:
        return None
    index = present.index(key)
    above = (*path, present[index - 1])
    if not index or above[-1] not in masking.CREDENTIALS or not document.is_empty(above):
        return None
    return above


def _not_indented(document: Document, path: Path, key: str, owner: Path) -> Problem:
    return error(
        "TA101",
        f'"{key}" stands beside "{owner[-1]}", not under it',
        (*path, key),
        document.key_span((*path, key)),
        f'indent this line to put it under "{owner[-1]}"',
        labels=(Label(document.key_span(owner), "this one is empty"),),
        help=(f"write\n{owner[-1]}:\n  {example.line(key, owner)}",),
        on_key=True,
    )


def _colon_missing(document: Document, path: Path, word: str) -> Problem:
    return error(
        "TA101",
        f'unknown key "{word} {HIDDEN}" in {quoted(path[:-1])}',
        path,
        document.key_span(path),
        f'a colon is missing after "{word}"',
        help=(f"write {word}: followed by a blank",),
        on_key=True,
    )


def _outside_profiles(document: Document, keys: Sequence[str]) -> Problem:
    first, *others = keys
    return error(
        "TA101",
        "the keys of a profile stand outside of any profile",
        (first,),
        document.key_span((first,)),
        "belongs inside a profile",
        labels=tuple(Label(document.key_span((key,)), "this one, too") for key in others),
        help=(f"give the account a name and indent its keys, {example.lines(['profiles'])}",),
        on_key=True,
    )
