"""Real processes, with no variable that was not given to them; none outlives its test."""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from world import Completed

from .parts import PATH

_LONGEST = 180.0
"""Seconds. Nothing here takes five, unless the machine is very busy."""


@dataclass(slots=True)
class Place:
    """Where processes run: a home of their own and, perhaps, `enter`, which leads elsewhere."""

    home: str
    variables: dict[str, str] = field(default_factory=dict)
    enter: tuple[str, ...] = ()

    def run_program(self, *argv: str, given: str = "", **variables: str) -> Completed:
        """Runs a program to its end; `given` is its standard input."""
        with _process(self, argv, variables) as process:
            out, err = process.communicate(given, _LONGEST)
        return Completed(process.returncode, out, err)

    @contextmanager
    def started(self, *argv: str, **variables: str) -> Iterator["subprocess.Popen[str]"]:
        """A server for as long as the context lasts; its streams are pipes."""
        with _process(self, argv, variables) as process:
            yield process


@contextmanager
def _process(
    place: Place, argv: Sequence[str], variables: dict[str, str]
) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        (*place.enter, *argv),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=place.home,
        env={"PATH": PATH, "HOME": place.home, "LANG": "C.UTF-8", **place.variables, **variables},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
