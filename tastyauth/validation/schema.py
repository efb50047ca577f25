"""The JSON Schema of a config: what it says about a place, and what of a file may be repeated.

Besides what JSON Schema defines, it holds `x-problems` (what a report says when a keyword refuses
a value), `x-help` (what to write there), `x-aliases` and `x-meant` (what people write instead), and
`x-extra` (the library that a source kind needs).

A config can hold a secret by mistake, in any place. So a report repeats nothing out of a file
unless it is a word of the schema, a usual word for one, or shaped like a name that people give to
things; everything else is `[hidden]`.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""The keys and indexes that lead to a value, from the root."""

Node: TypeAlias = "dict[str, Any]"

CREDENTIALS = ("client_id", "client_secret", "refresh_token")

ANY_PROFILE = ("profiles", "live")
ANY_REFERENCE = (*ANY_PROFILE, "refresh_token")

PASSWORD = ("shared", "valkey", "password")
"""Where in a profile the password of an engine is referred to."""

HIDDEN = "[hidden]"


def text() -> str:
    """The JSON Schema (2020-12) of the config, as it is in the repository."""
    name, package = "tastyauth.schema.json", os.path.dirname(os.path.dirname(__file__))
    installed = os.path.join(package, name)
    beside = os.path.join(os.path.dirname(package), "schema", name)
    with open(installed if os.path.exists(installed) else beside, encoding="utf-8") as file:
        return file.read()


@cache
def root() -> Node:
    """The schema, its patterns in Python's syntax."""

    def ending_as_in_ecma(node: Node) -> Node:
        # `$` of ECMA 262 is the very end, Python's also matches before a last newline.
        pattern = node.get("pattern")
        if isinstance(pattern, str) and pattern.endswith("$") and not pattern.endswith("\\$"):
            node["pattern"] = pattern[:-1] + r"\Z"
        return node

    schema: Node = json.loads(text(), object_hook=ending_as_in_ecma)
    return schema


def at(path: Path) -> Node:
    """What the schema says about the value at `path`; empty where it knows nothing."""
    node = root()
    for step in path:
        inner: object = None
        for branch in (node, node.get("then", {}), node.get("else", {})):
            rules = _resolved(branch)
            known = rules if isinstance(step, int) else rules.get("properties", {})
            inner = known.get("items" if isinstance(step, int) else step)
            inner = inner or rules.get("additionalProperties")
            if isinstance(inner, dict):
                break
        node = _resolved(inner) if isinstance(inner, dict) else {}
    return node


def _resolved(node: Node) -> Node:
    if "$ref" not in node:
        return node
    return {**root()["$defs"][node["$ref"].rpartition("/")[2]], **node}


def keys(path: Path) -> tuple[str, ...]:
    """The keys of the mapping at `path`, even if another type is allowed there too."""
    node = at(path)
    inner = node.get("properties") or node.get("then", {}).get("properties", {})
    return tuple(inner)


def source_kinds() -> tuple[str, ...]:
    return keys(ANY_REFERENCE)


def reserved_names() -> frozenset[str]:
    """Names of variables that change how shells and programs behave, and must not be exported."""
    names = at(("profiles", "", "exports"))["propertyNames"]
    return frozenset(names["not"]["enum"])


def is_reference(path: Path) -> bool:
    """Whether a reference belongs at `path` (or, for a client ID, may be there)."""
    if len(path) == 3 and path[0] == "profiles":
        return path[2] in CREDENTIALS
    if path[2:] == PASSWORD:
        return True
    return len(path) > 4 and path[-2] == "first_of" and isinstance(path[-1], int)


@cache
def vocabulary() -> frozenset[str]:
    """The keys and fixed values of a config."""
    words: set[str] = set()
    for node in _nodes(root()):
        words.update(node.get("properties", ()))
        words.update(word for word in node.get("enum", ()) if isinstance(word, str))
    return frozenset(words)


@cache
def aliases() -> dict[str, set[str]]:
    """What people write instead of each word of the vocabulary, in lower case, letters only."""
    found: dict[str, set[str]] = {}
    for node in _nodes(root()):
        for word, inner in node.get("properties", {}).items():
            found.setdefault(word, set()).update(inner.get("x-aliases", ()))
        for word, others in node.get("x-meant", {}).items():
            found.setdefault(word, set()).update(others)
    return found


def _nodes(node: Node) -> Iterator[Node]:
    """The subschemas that describe keys and values, not those that name what is refused."""
    yield node
    for key in ("then", "else", "additionalProperties", "items"):
        if isinstance(node.get(key), dict):
            yield from _nodes(node[key])
    for key in ("properties", "$defs"):
        for inner in node.get(key, {}).values():
            yield from _nodes(inner)


# What a report may repeat

_LONGEST_SHOWN = 48
# Not compiled until there is a problem to report: most files have none.
_PIECE = r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])"
_WORD_LIKE = r"[A-Za-z]+(?:[_. -][A-Za-z]+)*(?:[_.-]?[0-9]{1,2})?"
_LONGEST_PIECE = 14
_PRONOUNCEABLE_FROM = 6
_ACCOUNT_NUMBER = r"[0-9][A-Z]{2}[0-9]{5}"
_HARMLESS = r"(?i:[-+]?[0-9]{1,4}(?:\.[0-9]{0,3})?|~|null|true|false|yes|no|on|off|y|n)"


def is_harmless(text: str) -> bool:
    """Whether `text` is too short a number, or too common a word, to be anybody's secret."""
    return re.fullmatch(_HARMLESS, text) is not None


def in_quotes(text: str) -> str:
    """`text` in quotes if it is harmless, else three dots."""
    return f'"{text if is_harmless(text) else "..."}"'


def shown(text: str) -> str:
    """`text` when it reads like a name somebody gave to a thing, else `[hidden]`.

    A name is made of words: letters with vowels, at most 14 in a row, with at most two digits at
    the end. Keys, tokens and generated passwords are not. An account number keeps its last four,
    and a known word what it is when more follows it.
    """
    if len(text) > _LONGEST_SHOWN:
        first, space, _ = text[: _LONGEST_SHOWN + 1].partition(" ")
    else:
        if is_known(text) or _reads_like_a_name(text):
            return text
        if re.fullmatch(_ACCOUNT_NUMBER, text):
            return f"****{text[-4:]}"
        first, space, _ = text.partition(" ")
    return f"{first} {HIDDEN}" if space and first in vocabulary() else HIDDEN


def _reads_like_a_name(text: str) -> bool:
    if not re.fullmatch(_WORD_LIKE, text):
        return False
    for piece in re.findall(_PIECE, text):
        vowels = sum(letter in "aeiouy" for letter in piece.lower())
        if len(piece) > _LONGEST_PIECE:
            return False
        if len(piece) >= _PRONOUNCEABLE_FROM and vowels * 5 < len(piece):
            return False
    return True


def is_known(text: str) -> bool:
    """Whether `text` is a word of a config, or one that people use for such a word."""
    meant = normalized(text) if text.isascii() else ""
    return text in vocabulary() or any(meant in words for words in aliases().values())


def normalized(word: str) -> str:
    """`word` without case and without what separates its parts."""
    return "".join(character for character in word.lower() if character.isalnum())


def shown_variable(text: str) -> str:
    """What `shown` says of a name that every shell can set and read, else `[hidden]`."""
    return shown(text) if re.search(at((*ANY_REFERENCE, "env"))["pattern"], text) else HIDDEN


def shown_path(text: str) -> str:
    """A path of the file system when all its steps read like names, else `[hidden]`.

    Home directories name people, and are hidden.
    """
    if len(text) > _LONGEST_SHOWN:
        return HIDDEN
    steps = text.removeprefix("~").split("/")
    if steps[1:2] in (["home"], ["Users"], ["root"]):
        return HIDDEN
    readable = all(not step.strip(".") or shown(step.lstrip(".")) != HIDDEN for step in steps)
    return text if readable else HIDDEN


def quoted(path: Path) -> str:
    """The place in quotes, as in `"live.refresh_token.env"`, or "the file" for the root."""
    name = ""
    for step in path[1:] if len(path) > 1 and path[0] == "profiles" else path:
        if isinstance(step, int):
            name += f"[{step}]"
        else:
            name += f".{shown(step)}" if name else shown(step)
    return f'"{name}"' if path else "the file"


def pointer(path: Path) -> str:
    """The place as a JSON Pointer (RFC 6901, section 5), `[hidden]` where needed."""
    steps = (str(step) if isinstance(step, int) else shown(step) for step in path)
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def examples(keys: Iterable[str | int], path: Path = ()) -> str:
    """`for example`, and below it lines with all of `keys` for the mapping at `path`."""
    return "\n".join(["for example", *(example((*path, key)) for key in keys)])


def example(path: Path, source: str = "") -> str:
    """The key at `path` with the schema's example, ready to paste; a reference of kind `source`."""
    value = at((*path, source) if source else path)["examples"][0]
    return "\n".join(_yaml(path[-1], {source: value} if source else value, path))


def _yaml(key: str | int, value: object, path: Path) -> list[str]:
    if isinstance(key, int):
        return [f"- {_flow(value, path)}"]
    if isinstance(value, dict) and any(isinstance(each, dict) for each in value.values()):
        inner = (line for name, each in value.items() for line in _yaml(name, each, path))
        return [f"{key}:", *(f"  {line}" for line in inner)]
    return [f"{key}: {_flow(value, path)}"]


def _flow(value: object, path: Path) -> str:
    """A value on one line, with the profile and the credential that `path` is about."""
    if isinstance(value, dict):
        pairs = (f"{key}: {_flow(each, path)}" for key, each in value.items())
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list):
        return f"[{', '.join(_flow(each, path) for each in value)}]"
    text = str(value)
    if len(path) > 1 and path[0] == "profiles":
        profile = shown(str(path[1]))
        if HIDDEN not in profile and "*" not in profile:
            text = re.sub(r"\blive\b", profile, text)
    if len(path) > 2 and path[2] in CREDENTIALS:
        first, second = str(path[2]).split("_")
        for one, two in ((first, second), (first.upper(), second.upper())):
            old = "(?:client|refresh)([-_])(?:secret|token)"
            text = re.sub(old.upper() if one.isupper() else old, rf"{one}\1{two}", text)
    return text


ODD_SPACES = "\xa0\u2002\u2003\u2007\u2009\u202f\u3000\u200b"
ODD_QUOTES = "\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u201b\xab\xbb\uff02\uff07"
"""What people paste in place of a space or a quote."""


def corrected(key: str, value: str) -> str:
    """`key: value` as it should be written; of the value only what may be shown."""
    value = value.partition(" #")[0].strip(ODD_SPACES + ODD_QUOTES + " \t")
    if value[:1] in ("{", "["):
        value = "{ ... }" if value[0] == "{" else "[...]"
    elif value:
        value = value if is_known(value) or is_harmless(value) else "..."
    return f"{key}: {value}".rstrip()


def corrected_item(line: str) -> str:
    """`- item` for the start of a line whose dash lacks its space; "" for any other."""
    found = re.match(r"-([A-Za-z_.~/][^\s:]*)(:?)", line)
    if not found:
        return ""
    item = found[1] if shown(found[1]) == found[1] else "..."
    return f"- {item}{': ...' if found[2] else ''}"


_LONGEST_MISTYPED = 28
"""Letters. No word of a config is half as long."""


def meant(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `word` was most likely meant to be, or None.

    First the same word in another case or with other separators, then a word that other programs
    use for it, then one or two mistyped letters (one for short words, a third of longer ones).
    """
    candidates = tuple(known)
    plain = normalized(word[: 2 * _LONGEST_MISTYPED])
    for candidate in candidates:
        if plain and normalized(candidate) == plain:
            return candidate
    for candidate in candidates:
        if plain in aliases().get(candidate, ()):
            return candidate
    if not 3 <= len(plain) <= _LONGEST_MISTYPED:
        return None
    allowed = 1 if len(plain) <= 5 else min(len(plain) // 3, 3)
    likely = [each for each in candidates if abs(len(normalized(each)) - len(plain)) <= allowed]
    distances = [(_distance(plain, normalized(each)), each) for each in likely]
    distance, nearest = min(distances, default=(allowed + 1, ""), key=lambda pair: pair[0])
    return nearest if distance <= allowed else None


def _distance(left: str, right: str) -> int:
    """Insertions, deletions, replacements and swaps of neighbours that turn one into the other."""
    rows = [list(range(len(right) + 1))]
    for i, a in enumerate(left, 1):
        row = [i]
        for j, b in enumerate(right, 1):
            cost = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]
