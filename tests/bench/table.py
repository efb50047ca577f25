"""The report: rows of a Markdown table."""

from collections.abc import Iterable
from dataclasses import dataclass

_HEAD = """\
| row | median | goal | met | rounds | ms | peak MiB |
|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; where there is none, `absent` says why."""

    what: str
    figure: float | None
    goal: float | None = None
    absent: str = ""
    rounds: int = 0
    times: str = ""
    peaks: str = ""

    @property
    def missed(self) -> bool:
        """Whether there was a goal, a figure, and the figure is beyond the goal."""
        return self.figure is not None and self.goal is not None and self.figure > self.goal

    def __str__(self) -> str:
        if self.figure is None:
            return f"| {self.what} | {self.absent} | | | | | |"
        goal = "" if self.goal is None else f"≤ {self.goal:.2f}"
        met = "" if self.goal is None else "**no**" if self.missed else "yes"
        cells = (self.what, f"{self.figure:.2f}", goal, met, str(self.rounds))
        return f"| {' | '.join((*cells, self.times, self.peaks))} |"


def table(rows: Iterable[Row]) -> str:
    """The whole table, ending with a line break."""
    return _HEAD + "".join(f"{row}\n" for row in rows)
