"""A clock that is set."""

import time
from dataclasses import dataclass

START = float(int(time.time()))
"""Epoch seconds at which such a clock stands at first; files get their times from the kernel,
which knows of no other clock."""


@dataclass(slots=True)
class Clock:
    """The clock of this machine, as far as a test goes; the fixture `clock` puts it in place."""

    now: float = START

    def __call__(self) -> float:
        return self.now
