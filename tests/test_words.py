"""Plain words: what a user reads has none of those that a native reader stops at."""

import ast
import re
from glob import glob

import documents
from tables import for_each
from world import REPOSITORY

ODD = {
    r"\bblanks?\b": "space",
    r"\bmend": "fix",
    r"\bis over\b|\bnearly over\b": "has expired, is about to expire",
    r"\bno path\b": "not a path",
    r"\bof ours\b|\bof one's own\b": "say whose",
    r"\bpassed over\b": "ignored",
    r"\btake that (?:right )?away\b": "remove that permission",
    r"\bstands? (?:here|there|beside|where|in the)\b": "is",
    r"\b(?:is|are) told\b": "is reported",
    r"\bthe roots\b|\bother roots\b": "certificate authorities",
    r"\b(?:line ends|end of line)\b(?! with| here| only)": "line ending",
    r"\bin the place of\b": "in place of",
}
"""Patterns, and what to write instead."""

FILES = (
    *documents.PAGES,
    *(
        "CONTRIBUTING.md",
        "SECURITY.md",
        "CHANGELOG.md",
        "tastyauth.yaml.example",
        "man/tastyauth.1",
    ),
    *("schema/tastyauth.schema.json", "tastyauth/validation/explain.md"),
    *("tastyauth/validation/problems.txt", "tests/hints.txt"),
)


def messages() -> list[str]:
    """The text constants of the package; docstrings and messages alike."""
    found = []
    for path in glob(f"{REPOSITORY}/tastyauth/**/*.py", recursive=True):
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


@for_each("odd", ODD)
def test_no_odd_word_is_written(odd: str) -> None:
    texts = {name: documents.text(name) for name in FILES} | {
        each: each for each in messages() if " " in each
    }
    used = [name for name, text in texts.items() if re.search(odd, text)]
    assert used == [], f"write: {ODD[odd]}"
