"""Many processes at once, and a broker that lets them wait."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from world import COMMAND, LIMIT, Completed, World, finish

from tastyauth.simulator import Simulator
from tastyauth.simulator.messages import Answer, Request

Process = subprocess.Popen[bytes]


@contextmanager
def started(
    world: World, commands: list[tuple[str, ...]], **variables: str
) -> "Iterator[list[Process]]":
    """A process for each command line, all on their way at once."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(world.started(COMMAND, *words, **variables)) for words in commands
        ]


def herd(world: World, commands: list[tuple[str, ...]], **variables: str) -> list[Completed]:
    """Starts that many processes at once; how each has ended."""
    with started(world, commands, **variables) as processes:
        return [finish(process) for process in processes]


def outputs(ended: list[Completed]) -> set[str]:
    return {each.out for each in ended}


def codes(ended: list[Completed]) -> set[int]:
    return {each.code for each in ended}


def begun(processes: list[Process]) -> None:
    """Waits until every one of them has said what it is about to do, as `-v` makes it."""
    for process in processes:
        assert process.stderr is not None
        assert b"config" in process.stderr.readline()


class Gate(Simulator):
    """A broker that lets token requests wait until its gate is opened."""

    def __init__(self, lifetime: int = 900) -> None:
        super().__init__(lifetime=lifetime)
        self.open = threading.Event()
        self.asked = threading.Event()
        """Set once a request waits at the gate."""

    def answer(self, request: Request) -> Answer:
        self.asked.set()
        self.open.wait(LIMIT)
        return super().answer(request)
