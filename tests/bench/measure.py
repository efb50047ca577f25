"""Whole processes, from spawn to reap: how long they take, and how much memory they take."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

_WARM_UP = 2
"""Runs of each command before the first that counts."""

PEAKS = 3
"""Runs of each command whose memory is looked at."""

_NULL = (
    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
)

# rusage gives a process no less than its parent had when it was spawned. What has replaced a shell
# still knows the shell's children, and they only had a shell before them.
_PEAK = """\
"$@" </dev/null >/dev/null
exec "$0" -I -c 'import resource; print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)'
"""

_MEBIBYTE = 1024 * 1024 if sys.platform == "darwin" else 1024
"""In the units of ru_maxrss (getrusage(2))."""


class Broken(Exception):
    """A process that is measured has failed, so there is nothing to compare."""


def nothing() -> None:
    """What most commands need before they run."""


@dataclass(frozen=True, slots=True)
class Command:
    """A process, or `together` of them at once; `before` puts in place what a run needs."""

    name: str
    argv: tuple[str, ...]
    environ: Mapping[str, str]
    before: Callable[[], None] = nothing
    together: int = 1


@dataclass(frozen=True, slots=True)
class Measured:
    """By the name of a command: the seconds of every round, and the MiB that one process took."""

    seconds: Mapping[str, Sequence[float]]
    peaks: Mapping[str, float]
    rounds: int

    def ratio(self, command: Command, beside: Command) -> float:
        """How often the time of `beside` goes into that of `command`: the median of all rounds."""
        pairs = zip(self.seconds[command.name], self.seconds[beside.name], strict=True)
        return median(one / other for one, other in pairs)

    def milliseconds(self, command: Command) -> float:
        """How long `command` took: the median of all rounds."""
        return median(self.seconds[command.name]) * 1000


def measure(commands: Sequence[Command], rounds: int) -> Measured:
    """Runs `commands` in turns; raises Broken when one exits with a code other than 0."""
    seconds: dict[str, list[float]] = {command.name: [] for command in commands}
    for command in commands:
        for _ in range(_WARM_UP):
            _run(command)
    for _ in range(rounds):
        for command in random.sample(commands, len(commands)):
            seconds[command.name].append(_run(command))
    return Measured(seconds, {command.name: _peak(command) for command in commands}, rounds)


def _run(command: Command) -> float:
    command.before()
    start = time.perf_counter()
    started = [
        os.posix_spawn(command.argv[0], command.argv, command.environ, file_actions=_NULL)
        for _ in range(command.together)
    ]
    ended = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in started]
    seconds = time.perf_counter() - start
    if any(ended):
        raise Broken(f"{command.name} ended with {max(ended, key=abs)}")
    return seconds


def _peak(command: Command) -> float:
    argv = ("/bin/sh", "-c", _PEAK, sys.executable, *command.argv)
    found = []
    for _ in range(PEAKS):
        command.before()
        done = subprocess.run(argv, env=command.environ, stdout=subprocess.PIPE, check=True)
        found.append(int(done.stdout) / _MEBIBYTE)
    return median(found)
