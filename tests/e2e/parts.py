"""The real programs that these tests drive: where they are, or why a test goes without."""

import os
import shutil

from needs import missing

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def installed(place: str) -> str:
    """The path of what `tests/e2e/install` has put below .e2e."""
    path = os.path.join(REPOSITORY, ".e2e", place)
    if not os.path.exists(path):
        missing(f".e2e/{place} is missing; run tests/e2e/install")
    return path


def program(name: str) -> str:
    """The path of a program of this machine."""
    path = shutil.which(name, path=PATH) or shutil.which(name)
    if path is None:
        missing(f"{name} is missing; run tests/e2e/install")
    return path


def tastyauth() -> str:
    """The program under test, as `scripts/setup` leaves it."""
    return os.path.join(REPOSITORY, ".venv", "bin", "tastyauth")


def text_of(name: str) -> str:
    """A file that lies beside these tests."""
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read()
