"""Records what a session reports."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Listener:
    """An audience that remembers what was reported to it."""

    about: str = ""
    verbose: bool = False
    warnings: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        self.waits.append(what)
        yield

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def detail(self, text: str) -> None:
        self.details.append(text)
