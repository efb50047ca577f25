"""The clock of the machine is set while many processes wait: one exchange for each time it is."""

import glob
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from test_herd import Gate, codes, outputs, started
from world import LIMIT, World, finish

from tastyauth.simulator.messages import Answer, Request

from .parts import missing

COUNT = 200

LIBRARY = "/usr/lib/*/faketime/libfaketime.so.1"
"""Where Debian has it."""


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock that can be set while processes go by it."""

    file: str
    variables: dict[str, str]

    def set(self, offset: str) -> None:
        """`offset` is that from the true time, as `+15m`."""
        with open(f"{self.file}.new", "w", encoding="ascii") as file:
            file.write(f"{offset}\n")
        os.rename(f"{self.file}.new", self.file)


@pytest.fixture
def clock(tmp_path: os.PathLike[str]) -> Clock:
    found = glob.glob(LIBRARY)
    if not found:
        missing("faketime is missing; run tests/e2e/install")
    file = f"{os.fspath(tmp_path)}/offset"
    clock = Clock(
        file,
        {
            "LD_PRELOAD": found[0],
            "FAKETIME_TIMESTAMP_FILE": file,
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # setting a clock leaves that one alone
            "NO_FAKE_STAT": "1",  # and so it does the times of files
        },
    )
    clock.set("+0")
    return clock


class Asked(Gate):
    """A gate that tells when somebody stands before it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()

    def answer(self, request: Request) -> Answer:
        self.asked.set()
        return super().answer(request)


@pytest.fixture
def gated(tmp_path: os.PathLike[str]) -> Iterator[tuple[World, Asked]]:
    with Asked() as gate:
        world = World(os.fspath(tmp_path), gate)
        world.configure()
        yield world, gate


@pytest.mark.parametrize(("offset", "exchanges"), [("+20m", 2), ("-1h", 2), ("+30s", 1)])
def test_a_clock_that_is_set_while_all_wait_costs_one_exchange_at_the_most(
    offset: str, exchanges: int, clock: Clock, gated: tuple[World, Asked]
) -> None:
    """One more is for a token that seems over by then, or to be of the future."""
    world, gate = gated
    with started(world, [("token",)] * COUNT, **clock.variables) as processes:
        assert gate.asked.wait(LIMIT)
        clock.set(offset)
        gate.open.set()
        ended = [finish(process) for process in processes]
    assert codes(ended) == {0}
    assert gate.token_requests == len(outputs(ended)) == exchanges
    assert world.run("token", **clock.variables).out in outputs(ended)


def test_a_clock_that_is_set_again_and_again_costs_one_exchange_each_time(
    clock: Clock, gated: tuple[World, Asked]
) -> None:
    world, gate = gated
    gate.open.set()
    offsets = ("+20m", "-1h", "+1d", "+0")
    with started(world, [("token",)] * COUNT, **clock.variables) as processes:
        for offset in offsets:
            time.sleep(0.7)
            clock.set(offset)
        ended = [finish(process) for process in processes]
    assert codes(ended) == {0}
    assert gate.token_requests == len(outputs(ended)) <= 1 + len(offsets)
