"""Tests that walk a table, one case for all of its rows; and tables of single words."""

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

import pytest


def for_each(names: str | tuple[str, ...], rows: Iterable[Any]) -> Callable[[Any], Any]:
    """Like `parametrize`, in one test; for what leaves nothing behind.

    Every row is tried. The first failure is raised, with a note of all rows that fail.
    """
    table = [{names: row} if isinstance(names, str) else _named(names, row) for row in rows]
    assert table, "a table without rows would prove nothing"

    def walking(test: Callable[..., None]) -> Callable[..., None]:
        @wraps(test)
        def walked(**fixtures: Any) -> None:
            failed: list[tuple[str, BaseException]] = []
            for row in table:
                try:
                    test(**row, **fixtures)
                except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - raised below
                    failed.append((f"{row}"[:300], error))
            if failed:
                first = failed[0][1]
                first.add_note("\n".join(f"fails with {row}" for row, _ in failed))
                raise first

        signature = inspect.signature(test)
        others = [it for name, it in signature.parameters.items() if name not in table[0]]
        vars(walked)["__signature__"] = signature.replace(parameters=others)
        return walked

    return walking


def _named(names: tuple[str, ...], row: Iterable[Any]) -> dict[str, Any]:
    return dict(zip(names, row, strict=True))


def words(text: str) -> tuple[str, ...]:
    """Many short words that would take a line each as a list."""
    return tuple(text.split())
