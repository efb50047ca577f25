"""One variable of a .env file, read by python-dotenv (extra `dotenv`)."""

import io
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from tastyauth.errors import SecretAbsent, SecretError
from tastyauth.posix import how_to_install, interpreter
from tastyauth.secret import Secret, printable
from tastyauth.sources import Reference, Surroundings, absolute, accept, shown
from tastyauth.sources.file import File

if TYPE_CHECKING:
    from dotenv.parser import Binding

_PRINT = (
    "import sys, dotenv; print(dotenv.dotenv_values(sys.argv[1], interpolate=False)[sys.argv[2]])"
)
"""For scripts: python-dotenv knows what quotes and comments mean in a .env, sed does not."""


@dataclass(frozen=True, slots=True)
class Dotenv(Reference):
    """One variable of a .env file; `path` is absolute."""

    path: str
    name: str
    kind = "dotenv"
    reads = "file"
    by_hand = "change the line {name}=... yourself: ${{EDITOR:-vi}} {path}"

    @classmethod
    def parse(cls, value: object, directory: str, home: str) -> Reference | None:
        match value:
            case {"path": str(path), "name": str(name)}:
                return cls(absolute(path, directory, home), name)
        return None

    def detail(self, home: str) -> str:
        return f"{shown(self.path, home)} {printable(self.name)}".rstrip()

    def resolve(self, around: Surroundings) -> Secret:
        """The value as it is written, with nothing expanded.

        A name that is given twice is an error: readers disagree about which one counts.
        """
        label = self.describe(around.home)
        found = [value for name, value in self._bindings(around) if name == self.name]
        if not found or not found[0]:
            raise SecretAbsent(f"{label} is missing or empty", "add it to the file")
        if len(found) > 1:
            raise SecretError(f"{label} is given {len(found)} times", "keep one of the lines")
        return accept(found[0].encode("utf-8"), label)

    def look(self, around: Surroundings) -> bool:
        label = self.describe(around.home)
        _parser(label)
        return File(self.path).look(around, label)

    def shell_word(self, around: Surroundings) -> str:
        words = [interpreter() or "python3", "-P", "-c", _PRINT, self.path, self.name]
        return f'"$({shlex.join(words)})"'

    def _bindings(
        self, around: Surroundings, if_absent: str = ""
    ) -> list[tuple[str | None, str | None]]:
        label = self.describe(around.home)
        parse_stream = _parser(label)
        try:
            text = File(self.path).read(around, label, if_absent).decode("utf-8")
        except UnicodeDecodeError:
            what, hint = f"{label} is not UTF-8 text", "store it again as plain text"
            raise SecretError(what, hint) from None
        return [(it.key, it.value) for it in parse_stream(io.StringIO(text))]


def variables(path: str, around: Surroundings) -> dict[str, str]:
    """Everything a .env file sets, as it is written; raises SecretAbsent and SecretError."""
    bindings = Dotenv(path, "")._bindings(around, "is the path right?")
    return {name: value for name, value in bindings if name and value}


def _parser(label: str) -> "Callable[[IO[str]], Iterator[Binding]]":
    try:
        from dotenv.parser import parse_stream
    except ImportError:
        what = f"{label} needs python-dotenv, which is not installed"
        raise SecretAbsent(what, how_to_install("python-dotenv")) from None
    return parse_stream
