"""Files that hold what the program makes or says: `scripts/test --write TESTS` renews them."""

from collections.abc import Callable

Golden = Callable[[str, str], None]
"""Takes a path and what is made now."""


def compared(path: str, made: str) -> None:
    """What is made is what the file holds."""
    with open(path, encoding="utf-8") as file:
        assert file.read() == made, "scripts/test --write THIS-TEST renews the file"


def written(path: str, made: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(made)
