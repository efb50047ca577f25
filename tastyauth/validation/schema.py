"""The JSON Schema of a config: its text, what it says about a place, and the words that it knows.

Besides what JSON Schema defines, it holds `x-problems` (what a report says when a keyword refuses
a value), `x-help` (what to write there), `x-aliases` and `x-meant` (what people write instead), and
`x-extra` (the library that a source kind needs).
"""

import json
import os
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""The keys and indexes that lead to a value, from the root."""

Node: TypeAlias = "dict[str, Any]"

CREDENTIALS = ("client_id", "client_secret", "refresh_token")

_FILE = "tastyauth.schema.json"


def text() -> str:
    """The JSON Schema (2020-12) of the config, as it is in the repository."""
    package = os.path.dirname(os.path.dirname(__file__))
    installed = os.path.join(package, _FILE)
    beside = os.path.join(os.path.dirname(package), "schema", _FILE)
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
        node = _resolved(_child(node, step))
    return node


def _child(node: Node, step: str | int) -> Node:
    for branch in (node, node.get("then", {}), node.get("else", {})):
        rules = _resolved(branch)
        inner = (
            rules.get("items") if isinstance(step, int) else rules.get("properties", {}).get(step)
        )
        inner = inner or rules.get("additionalProperties")
        if isinstance(inner, dict):
            return inner
    return {}


def _resolved(node: Node) -> Node:
    if "$ref" not in node:
        return node
    return {**root()["$defs"][node["$ref"].rpartition("/")[2]], **node}


def keys(path: Path) -> tuple[str, ...]:
    """The keys of the mapping at `path`, also where another type is allowed as well."""
    node = at(path)
    inner = node.get("properties") or node.get("then", {}).get("properties", {})
    return tuple(inner)


def profile_keys() -> tuple[str, ...]:
    return tuple(root()["$defs"]["profile"]["properties"])


def reference() -> Node:
    """What the schema says about every reference."""
    rules: Node = root()["$defs"]["reference"]
    return rules


def source_kinds() -> tuple[str, ...]:
    return tuple(reference()["properties"])


def reserved_names() -> frozenset[str]:
    """Names of variables that change how shells and programs behave, and must not be exported."""
    names = at(("profiles", "", "exports"))["propertyNames"]
    return frozenset(names["not"]["enum"])


def is_variable_name(name: str) -> bool:
    """Whether every shell can set and read a variable of that name."""
    return re.search(at(("profiles", "", "client_secret", "env"))["pattern"], name) is not None


def client_id_pattern() -> str:
    return str(at(("profiles", "", "client_id"))["else"]["pattern"])


def is_reference(path: Path) -> bool:
    """Whether a reference belongs at `path` (or, for a client ID, may be there)."""
    if len(path) == 3 and path[0] == "profiles":
        return path[2] in CREDENTIALS
    return len(path) > 4 and path[-2] == "first_of" and isinstance(path[-1], int)


@cache
def vocabulary() -> frozenset[str]:
    """The keys and fixed values of a config."""
    return frozenset(word for node in _nodes(root()) for word in _words(node))


def _words(node: Node) -> Iterator[str]:
    yield from node.get("properties", ())
    yield from (word for word in node.get("enum", ()) if isinstance(word, str))


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


@cache
def alias_words() -> frozenset[str]:
    return frozenset(word for words in aliases().values() for word in words)


def _nodes(node: Node) -> Iterator[Node]:
    """The subschemas that describe keys and values, not those that name what is refused."""
    yield node
    for key in ("then", "else", "additionalProperties", "items"):
        if isinstance(node.get(key), dict):
            yield from _nodes(node[key])
    for key in ("properties", "$defs"):
        for inner in node.get(key, {}).values():
            yield from _nodes(inner)
