"""The table of attacks is complete: its tests exist, and the threat model covers all of it."""

import ast
import glob
import os
import re
from collections.abc import Iterator

from attacks import ATTACKS
from tables import for_each
from world import REPOSITORY

TESTS = os.path.join(REPOSITORY, "tests")
MADE_FOR_THIS = (*glob.glob(f"{TESTS}/test_attack_*.py"), f"{TESTS}/e2e/test_system_calls.py")
"""Files that hold nothing but attacks."""

ROWS = [row for rows in ATTACKS.values() for row in rows]


def test_every_attack_has_a_test() -> None:
    files = {row.test.partition("::")[0] for row in ROWS}
    found = {test for file in files for test in defined(f"{TESTS}/{file}")}
    assert [row.test for row in ROWS if row.test not in found] == []


def test_no_attack_is_listed_twice() -> None:
    for names in ([row.attack for row in ROWS], [row.test for row in ROWS]):
        assert sorted(names) == sorted(set(names))


def test_every_part_that_a_defence_names_is_there() -> None:
    named = {it for row in ROWS for it in re.findall(r"\b([a-z_]+)\.([A-Za-z_]+)", row.defence)}
    assert named
    missing = []
    for module, name in sorted(named):
        paths = glob.glob(f"{REPOSITORY}/tastyauth/**/{module}.py", recursive=True)
        paths += glob.glob(f"{REPOSITORY}/tastyauth/**/{module}/__init__.py", recursive=True)
        if not any(name in every_name(path) for path in paths):
            missing.append(f"{module}.{name}")
    assert missing == []


def every_name(path: str) -> set[str]:
    """What a module defines or imports at its top."""
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)} | {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def defined(path: str) -> Iterator[str]:
    """The tests of a file, as the table names them."""
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield f"{os.path.relpath(path, TESTS)}::{node.name}"


@for_each("path", MADE_FOR_THIS)
def test_every_test_that_is_an_attack_is_in_the_table(path: str) -> None:
    assert set(defined(path)) <= {row.test for row in ROWS}


def test_the_threat_model_names_every_class_and_no_other() -> None:
    with open(f"{REPOSITORY}/SECURITY.md", encoding="utf-8") as file:
        named = re.findall(r"^\| \*\*(\w+)\*\* \|", file.read(), re.MULTILINE)
    assert named == list(ATTACKS)
