"""What a source may look at besides its reference: variables, the terminal's presence, the home."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The world of one run, as far as sources see it.

    `interactive` says that a program may ask the user; `patience` is the time limit in seconds for
    whatever names none of its own, None for the default of `limit`.
    """

    environ: Mapping[str, str] = field(repr=False)
    interactive: bool
    home: str
    patience: float | None = None
    withheld: frozenset[str] = frozenset()

    @property
    def passed_on(self) -> Mapping[str, str]:
        """The environment of a source's program: without the variables that hold other secrets."""
        return {k: v for k, v in self.environ.items() if k not in self.withheld}

    def withholding(self, names: Iterable[str]) -> "Surroundings":
        """The same, with variables that no program gets."""
        return replace(self, withheld=self.withheld.union(names))

    @property
    def limit(self) -> float:
        """Seconds: two minutes for a person to find a password, half a minute for a program."""
        if self.patience is not None:
            return self.patience
        return 120.0 if self.interactive else 30.0

    def with_variable(self, name: str, value: str) -> "Surroundings":
        """The same, with one variable more."""
        return replace(self, environ={**self.environ, name: value})
