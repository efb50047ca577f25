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

ODD_TO_USERS = {
    r"\b(?:run|runs|store|write|try|unlock|change) (?:it |them )?by hand\b": "yourself",
    r"\b(?:for|of) (?:you|this machine) alone\b": "only you, only this machine",
    r"\bends? with (?:code )?[67]\d\b": "exits with, is refused (78)",
    r"\bfor ever\b|\bwhence\b|\bso many seconds\b": "forever, from where, N seconds",
    r"\ban URL\b": "a URL",
    r"\bin clear\b": "unencrypted, in the clear",
    r"\bon the way\b": "in transit",
    r"\bbugs? of\b": "a bug in",
    r"\bnot asked again\b": "no retry",
    r"\ba person must\b": "somebody has to",
    r"\bthe main job\b": "a whole run, the main path",
    r"\b[Hh]ears? of\b": "find out about",
    r"\bis not one that\b|\bis no (?!longer\b|such\b)\w+ of\b": "is not a",
    r"\ball the same\b": "anyway, still",
    r"\buntried\b": "untested",
}
"""The same, for everything but docstrings."""

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
    *("tastyauth/validation/problems.txt", "tastyauth/cli/details.txt", "tests/hints.txt"),
)


def messages(*, docstrings: bool) -> list[str]:
    """The text constants of the package."""
    found = []
    for path in glob(f"{REPOSITORY}/tastyauth/**/*.py", recursive=True):
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
        alone = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and not docstrings
        }
        for node in ast.walk(tree):
            if id(node) in alone:
                continue
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


@for_each("odd", ODD)
def test_no_odd_word_is_written(odd: str) -> None:
    texts = {name: documents.text(name) for name in FILES} | {
        each: each for each in messages(docstrings=odd in ODD) if " " in each
    }
    used = [name for name, text in texts.items() if re.search(odd, text)]
    assert used == [], f"write: {(ODD | ODD_TO_USERS)[odd]}"
