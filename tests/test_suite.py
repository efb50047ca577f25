"""The suite keeps to what tests/README.md says of it."""

import ast
import inspect
import os
import re
from collections.abc import Iterator
from glob import glob

import pytest
from needs import missing
from tables import for_each
from world import REPOSITORY

TESTS = os.path.join(REPOSITORY, "tests")
MODULES = sorted(glob(f"{TESTS}/**/*.py", recursive=True))
SKIPPING = {"skip", "skipif", "importorskip", "xfail"}


def text_of(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def names(path: str) -> Iterator[str]:
    """What a module calls or reads as an attribute."""
    tree = ast.parse(text_of(path))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr


def test_every_skip_goes_through_the_helper_that_fails_in_ci() -> None:
    helper = f"{TESTS}/lib/needs.py"
    others = set(MODULES) - {helper, os.path.abspath(__file__)}
    skipping = [path for path in others if SKIPPING & set(names(path))]
    assert skipping == []


def test_in_ci_a_part_that_is_missing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception):
        missing("a part")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception):
        missing("a part")


LINUX = re.compile(r"/proc/(self/(status|fd)|\{|\$)|/dev/full|stat -c|sed -i")
"""What other systems lack, or spell otherwise."""


def test_what_needs_linux_says_so_through_the_helper() -> None:
    assert [name for path in OWN_PROCESS for name in for_linux_alone(path)] == []


OWN_PROCESS = [path for path in MODULES if not re.search("/(e2e|bench|lib|mutation)/", path)]
"""Modules of tests but for those that need Debian, and the helpers."""


def for_linux_alone(path: str) -> Iterator[str]:
    """The functions of a module that mention such a thing, and no helper."""
    text = text_of(path)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and path != os.path.abspath(__file__):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            code = "\n".join(text.splitlines()[first - 1 : node.end_lineno])
            if LINUX.search(code) and not re.search(r"needs|missing\(|except OSError", code):
                yield f"{path}::{node.name}"


def test_no_test_imports_from_another() -> None:
    """What two of them need is in tests/lib, or for end-to-end tests beside them."""
    assert [path for path in MODULES for name in imported(path) if name.startswith("test_")] == []


def imported(path: str) -> Iterator[str]:
    """The last part of each module from which a module imports something."""
    tree = ast.parse(text_of(path))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.rpartition(".")[2]


def test_a_table_is_walked_to_its_end_and_names_the_rows_that_fail() -> None:
    @for_each("factor", [1, 0])
    @for_each(("number", "square"), [(2, 4), (3, 10), (4, 5), (5, 25)])
    def walked(number: int, square: int, factor: int, fixture: int) -> None:
        assert fixture * number * number == square * factor

    assert list(inspect.signature(walked).parameters) == ["fixture"]
    with pytest.raises(AssertionError) as caught:
        walked(fixture=1)
    rows = " ".join(caught.value.__notes__)
    assert [it in rows for it in ("'number': 3", "'number': 4", "'factor': 0")] == [True] * 3
    assert "'number': 2" not in caught.value.__notes__[0]


def test_run_and_read_have_one_meaning() -> None:
    """`World.run` runs the command under test; no other helper is called so, and none `read`."""
    helper = re.compile(r"^ *(?:async )?def (?:run|read)\(", re.MULTILINE)
    found = [path for path in MODULES for _ in helper.findall(text_of(path))]
    assert found == [f"{TESTS}/lib/world.py"]
