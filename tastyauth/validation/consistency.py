"""Checks that JSON Schema cannot express: which key was meant, and what contradicts."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeAlias

from tastyauth.errors import API_HOSTS, ENVIRONMENTS, LOOPBACK, is_host
from tastyauth.export import DEFAULT_EXPORTS
from tastyauth.validation import schema
from tastyauth.validation.problem import Data, Document, Label, Path, Problem, about, problem
from tastyauth.validation.schema import corrected, example, examples, meant, quoted, shown

_Mapping: TypeAlias = Mapping[str, Data]
_Exported: TypeAlias = dict[str, list[tuple[str, str, bool]]]


def problems(document: Document, installed: Callable[[str], bool]) -> Iterator[Problem]:
    """Contradictions in `document`; parts of a wrong type are skipped."""
    data = _mapping(document.data)
    profiles = {
        name: profile
        for name, profile in _mapping(data.get("profiles")).items()
        if isinstance(profile, dict)
    }
    yield from _default_profile(document, data, profiles)
    exported = _exported(profiles)
    for name, profile in profiles.items():
        path = ("profiles", name)
        yield from _api_url(document, path, profile)
        yield from _shared(document, path, profile, installed)
        values: dict[Path, Data] = {(each,): profile.get(each) for each in schema.CREDENTIALS}
        engine = _mapping(_mapping(profile.get("shared")).get("valkey"))
        values[schema.PASSWORD] = engine.get("password")
        for where, value in values.items():
            for place, reference in _references((*path, *where), value):
                yield from _variable(document, place, reference, exported)
                yield from _program(document, place, reference)
                yield from _literals(document, place, reference)
                for kind in reference:
                    at = (*place, kind)
                    library = schema.at(at).get("x-extra")
                    if library and not installed(kind):
                        yield _extra(document, at, kind, library)


def _mapping(value: Data) -> _Mapping:
    return value if isinstance(value, dict) else {}


def _default_profile(document: Document, data: _Mapping, profiles: _Mapping) -> Iterator[Problem]:
    name = data.get("default_profile")
    if not isinstance(name, str) or name in profiles or not profiles:
        return
    nearest = meant(name, profiles)
    known = ", ".join(shown(each) for each in islice(profiles, 12))
    label = f'did you mean "{shown(nearest)}"?' if nearest else "no profile has this name"
    yield about(document, "default", ("default_profile",), label=label, known=known)


_NO_HOSTS = (
    r"(?!api\.sandbox\.tastytrade)(?:(?:api|cert|sandbox)\.)+tasty(?:works|trade)\.com"
    r"|signin\.tastytrade\.com"
)
"""Mistaken hosts of the broker: the right words in the wrong order or domain."""


def _api_url(document: Document, path: Path, profile: _Mapping) -> Iterator[Problem]:
    environment, url = profile.get("environment"), profile.get("api_url")
    place, beside = (*path, "api_url"), (*path, "environment")
    if environment in ("production", "sandbox"):  # a set would have to hash it
        labels = (Label(document.value_span(beside), "this says where it is"),)
        for key in ("api_url", "stands_for"):
            if key in profile:
                where = (*path, key)
                yield about(document, "only custom", where, on_key=True, labels=labels)
    if environment == "custom" and "api_url" not in profile:
        example = examples(["api_url"], path)
        yield about(document, "custom", beside, profile=quoted(path), example=example)
    host = _host(str(url))
    if host and not is_host(host):
        yield about(document, "host of an api", place)
    elif host in ENVIRONMENTS:
        yield about(document, "host", place, environment=ENVIRONMENTS[host])
    elif re.fullmatch(_NO_HOSTS, host):
        hosts = (f"{host} (environment: {name})" for name, host in API_HOSTS.items())
        yield about(document, "no host", place, hosts=" and ".join(hosts))


def _shared(
    document: Document, path: Path, profile: _Mapping, installed: Callable[[str], bool]
) -> Iterator[Problem]:
    shared, place = profile.get("shared"), (*path, "shared")
    if shared is None:
        return
    library = schema.at(place)["x-extra"]
    if not all(installed(each) for each in library.split()):
        yield _extra(document, place, "shared", library)
    place = (*place, "valkey")
    engine = _mapping(shared).get("valkey")
    if isinstance(engine, dict):
        engine, place = engine.get("url"), (*place, "url")
    host, scheme = _host(str(engine)), str(engine).partition(":")[0]
    if host and not is_host(host):
        yield about(document, "host of an engine", place)
    elif host not in ("", *LOOPBACK) and scheme in ("valkey", "redis"):
        yield about(document, "unencrypted", place)


def _host(url: str) -> str:
    """The host in a URL whose form the schema checks; empty where there is none."""
    return "".join(re.findall(r"^[a-z]+://(?:[^/@]*@)?(\[[^]]*\]|[^:/?#]*)", url.lower()))


def _extra(document: Document, path: Path, kind: str, packages: str) -> Problem:
    library, span = packages.replace(" ", " and "), document.key_span(path)
    name = "extra in pre-commit" if os.environ.get("PRE_COMMIT") else "extra"
    listed = packages.replace(" ", ", ")
    return problem(name, span, path, kind=kind, library=library, packages=packages, listed=listed)


def _exported(profiles: _Mapping) -> _Exported:
    """Which profile exports each name, its field, and whether the config itself says so."""
    exported: _Exported = {}
    for profile, content in profiles.items():
        declared = _mapping(content).get("exports")
        pairs = declared.items() if isinstance(declared, dict) else DEFAULT_EXPORTS
        for name, field in pairs:
            exported.setdefault(name, []).append((profile, str(field), isinstance(declared, dict)))
    return exported


def _references(path: Path, value: Data) -> Iterator[tuple[Path, _Mapping]]:
    """The reference at `path` and those inside it."""
    if not isinstance(value, dict):
        return
    yield path, value
    members = value.get("first_of")
    for index, member in enumerate(members if isinstance(members, list) else ()):
        yield from _references((*path, "first_of", index), member)


def _variable(
    document: Document, path: Path, reference: _Mapping, exported: _Exported
) -> Iterator[Problem]:
    """An `env` reference to a variable that tastyauth itself sets to something else."""
    name = reference.get("env")
    if not isinstance(name, str):
        return
    for profile, field, declared in exported.get(name, ()):
        if (profile, field) == path[1:3]:
            continue
        place = ("profiles", profile, "exports", name)
        labels = (Label(document.key_span(place), "exported here"),) if declared else ()
        where, who, field = (*path, "env"), shown(profile), shown(field)
        yield about(document, "own variable", where, labels=labels, field=field, profile=who)
        return


def _arguments(path: Path, reference: _Mapping) -> tuple[Path, list[Data]]:
    """The command of a reference, and where it is; an empty list when there is none."""
    command, place = reference.get("command"), (*path, "command")
    if isinstance(command, dict):
        command, place = command.get("argv"), (*place, "argv")
    return place, command if isinstance(command, list) else []


def _program(document: Document, path: Path, reference: _Mapping) -> Iterator[Problem]:
    """A program that would be looked up relative to wherever tastyauth happens to run."""
    place, command = _arguments(path, reference)
    program = command[0] if command else None
    if not isinstance(program, str):
        return
    advice = "commands run in the home directory; write ~/bin/program or /usr/bin/program"
    if not program.strip():
        label = "empty"
    elif "\n" in program:
        label = "more than one line"
    elif program.startswith(("/", "~/")):
        return
    elif " " in program:
        label = "several words in one entry"
        advice = "nothing is run by a shell: make each word an entry, [pass, show, NAME]"
    elif "/" in program:
        label = "a relative path"
    else:
        return
    yield about(document, "program", (*place, 0), label=label, advice=advice)


_SHELLS = re.compile(r"(?:.*/)?(?:ba|da|fi|k|z)?sh")

_LITERALS = (  # what is taken as it is written, with what to do instead
    (
        r"\$\{?[A-Za-z_][A-Za-z0-9_]*\}?(?:/.*)?|\$\(.*|`.*",
        "variables are not expanded here",
        "write the path itself; ~/ is your home directory",
    ),
    (
        r"~[^/]+(?:/.*)?",
        "only ~/ is expanded, to your own home directory",
        "write the whole path, from /",
    ),
    (
        r"[A-Za-z]:[\\/].*",
        "a Windows path",
        "write it as this system does; in WSL, drive C is /mnt/c",
    ),
)
_IN_ARGUMENTS = (
    (
        r"\|\|?|&&?|;|<|[0-9]?>{1,2}(?:[/~&.].*)?|\$\(.*|`.*",
        "nothing is run by a shell, so the program gets this as an argument",
        "remove it; where a shell is needed: [sh, -c, 'one | two']",
    ),
    *_LITERALS,
)


def _literals(document: Document, path: Path, reference: _Mapping) -> Iterator[Problem]:
    """Paths and arguments that only a shell, or Windows, would understand as they are meant."""
    texts: list[tuple[Path, Data]] = []
    for kind in ("file", "dotenv"):
        value = reference.get(kind)
        inner = isinstance(value, dict)
        where = (*path, kind, "path") if inner else (*path, kind)
        texts.append((where, _mapping(value).get("path") if inner else value))
    place, command = _arguments(path, reference)
    if not _SHELLS.fullmatch(str(command[:1] and command[0])):
        texts += (((*place, index), word) for index, word in enumerate(command))
    for where, text in texts:
        rules = _IN_ARGUMENTS if isinstance(where[-1], int) else _LITERALS
        for pattern, label, advice in rules:
            if isinstance(text, str) and re.fullmatch(pattern, text, re.DOTALL):
                yield about(document, "as written", where, label=label, advice=advice)
                break


# Keys that the schema does not know: mistyped, in the wrong place, or not needed at all

_ONE_LEVEL_UP = "belongs one level up, in the profile"


def unknown_keys(
    document: Document, path: Path, present: Sequence[str], known: Sequence[str]
) -> tuple[list[Problem], set[Path]]:
    """The problems of those keys of the mapping at `path` that are not `known`, of all `present`.

    Also the places that these explain: a key that was only misspelt, misplaced or not indented is
    not reported as missing or empty as well.
    """
    unknown = [key for key in present if key not in known]
    found: list[Problem] = []
    explained: set[Path] = set()
    outside = [key for key in unknown if key in schema.keys(schema.ANY_PROFILE)]
    if not path and len(outside) > 1:
        unknown = [key for key in unknown if key not in outside]
        others = (document.key_span((key,)) for key in outside[1:])
        labels = tuple(Label(other, "this one, too") for other in others)
        first, text = (outside[0],), examples(["profiles"])
        found.append(about(document, "outside", first, on_key=True, labels=labels, example=text))
        explained.add(("profiles",))
    missing = [key for key in known if key not in present]
    for key in unknown:
        problem, cause = (
            _not_indented(document, path, key, present)
            or _unpunctuated(document, path, key, missing)
            or _unknown(document, path, key, known, present)
        )
        found.append(problem)
        explained |= {cause} if cause else set()
    return found, explained


def _not_indented(
    document: Document, path: Path, key: str, present: Sequence[str]
) -> tuple[Problem, Path] | None:
    """A source kind below the empty reference it belongs to, whose place comes with it."""
    index = present.index(key)
    if len(path) != 2 or path[0] != "profiles" or key not in schema.source_kinds() or not index:
        return None
    above = (*path, present[index - 1])
    if above[-1] not in schema.CREDENTIALS or not document.is_empty(above):
        return None
    labels = (Label(document.key_span(above), "this one is empty"),)
    words = {"key": key, "owner": above[-1], "example": example((*above, key)), "labels": labels}
    return about(document, "not indented", (*path, key), on_key=True, **words), above


def _unpunctuated(
    document: Document, path: Path, key: str, missing: Sequence[str]
) -> tuple[Problem, Path] | None:
    """A key without its colon, or without the space after that; with the place of what it is."""
    word, _, rest = key.partition(":")
    written, lacks = f"{word}:", "a space"
    if word not in missing or not rest[:1].strip(" /"):
        word, _, rest = key.partition(" ")
        written, lacks = word, "a colon"
    if word not in missing:
        return None
    words = {"name": shown(key), "missing": lacks, "written": written}
    words["fixed"] = corrected(word, rest)
    return about(document, "unpunctuated", (*path, key), on_key=True, **words), (*path, word)


def _unknown(
    document: Document, path: Path, key: str, known: Sequence[str], present: Sequence[str]
) -> tuple[Problem, Path | None]:
    """The problem of one key, and the place of the key that was probably meant."""
    kinds, above = schema.source_kinds(), schema.ANY_REFERENCE
    owner = next((kind for kind in kinds if key in schema.keys((*above, kind))), None)
    misplaced = _misplaced(path, present, key, owner)
    intended = None if misplaced else meant(key, [it for it in known if it not in present])
    said = f'did you mean "{intended}"?' if intended else "not a key of this mapping"
    label = misplaced or said
    where = f" in {quoted(path)}" if path else ""
    words = {"name": shown(key), "where": where, "known": ", ".join(known), "label": label}
    found = about(document, "unknown key", (*path, key), on_key=True, **words)
    if intended:
        return found, (*path, intended)
    plain, is_reference = schema.normalized(key), schema.is_reference(path)
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
    return found._replace(help=(*help, *found.help)), None


def _misplaced(path: Path, present: Sequence[str], key: str, owner: str | None) -> str | None:
    """Where a key that is known elsewhere belongs; `owner` is the kind of source that has it."""
    if schema.is_reference(path):
        if owner in present:
            return f'belongs inside "{owner}"'
        if key in schema.keys(schema.ANY_PROFILE) and len(present) > 1:
            return _ONE_LEVEL_UP
    if len(path) == 2 and path[0] == "profiles":
        if key in schema.keys(()):
            return "belongs at the top of the file"
        if key in schema.source_kinds():
            return "a source kind belongs under client_secret or refresh_token"
    if not path and key in schema.keys(schema.ANY_PROFILE):
        return "belongs inside a profile"
    return None
