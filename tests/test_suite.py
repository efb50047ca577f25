"""The suite keeps to what tests/README.md says of it."""

import ast
import os
from collections.abc import Iterator
from glob import glob

import pytest
from needs import missing
from world import REPOSITORY

TESTS = os.path.join(REPOSITORY, "tests")
MODULES = sorted(glob(f"{TESTS}/**/*.py", recursive=True))
SKIPPING = {"skip", "skipif", "importorskip", "xfail"}


def names(path: str) -> Iterator[str]:
    """What a module calls or reads as an attribute."""
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
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
