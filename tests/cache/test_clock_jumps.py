"""The machine's clock is changed while many processes wait: one exchange for each change."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest
from herds import Gate, codes, outputs
from world import LIMIT, World, finish

COUNT = 40

PROGRAM = """\
import sys, time
file, true = sys.argv.pop(1), time.time
def now():
    with open(file) as offset:
        return true() + float(offset.read())
time.time = now
from tastyauth._entry import main
main()
"""
"""The program under test on a machine whose clock is off by as much as a file says.

libfaketime cannot set the clock and leave the monotonic one alone, as the kernel does: CPython's
sleep fails then (seen with 0.9.10).
"""


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock that can be set while processes read it."""

    file: str

    def set(self, seconds: float) -> None:
        """To that many seconds ahead of the true time."""
        with open(f"{self.file}.new", "w", encoding="ascii") as file:
            file.write(str(seconds))
        os.rename(f"{self.file}.new", self.file)


@pytest.fixture
def clock(tmp_path: os.PathLike[str]) -> Clock:
    clock = Clock(f"{os.fspath(tmp_path)}/offset")
    clock.set(0)
    return clock


@contextmanager
def herd(world: World, clock: Clock) -> "Iterator[list[subprocess.Popen[bytes]]]":
    argv = (sys.executable, "-c", PROGRAM, clock.file, "token")
    with ExitStack() as stack:
        yield [stack.enter_context(world.started(*argv)) for _ in range(COUNT)]


@pytest.fixture
def gated(tmp_path: os.PathLike[str]) -> Iterator[tuple[World, Gate]]:
    with Gate() as gate:
        world = World(os.fspath(tmp_path), gate)
        world.configure()
        yield world, gate


@pytest.mark.parametrize(("offset", "exchanges"), [(1200, 2), (-3600, 2), (30, 1)])
def test_a_clock_that_is_set_while_all_wait_costs_one_exchange_at_the_most(
    offset: float, exchanges: int, clock: Clock, gated: tuple[World, Gate]
) -> None:
    """One more is for a token that seems to have expired by then, or to come from the future."""
    world, gate = gated
    with herd(world, clock) as processes:
        assert gate.asked.wait(LIMIT)
        clock.set(offset)
        gate.open.set()
        ended = [finish(process) for process in processes]
    assert codes(ended) == {0}
    assert gate.token_requests == len(outputs(ended)) == exchanges
    with world.started(sys.executable, "-c", PROGRAM, clock.file, "token") as later:
        assert finish(later).out in outputs(ended)
    assert gate.token_requests == exchanges


def test_a_clock_that_is_set_again_and_again_costs_one_exchange_each_time(
    clock: Clock, gated: tuple[World, Gate]
) -> None:
    world, gate = gated
    gate.open.set()
    offsets = (1200, -3600, 86400, 0)
    with herd(world, clock) as processes:
        for offset in offsets:
            time.sleep(0.7)
            clock.set(offset)
        ended = [finish(process) for process in processes]
    assert codes(ended) == {0}
    assert gate.token_requests == len(outputs(ended)) <= 1 + len(offsets)
