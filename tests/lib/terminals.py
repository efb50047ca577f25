"""Programs at a terminal, in a world."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pexpect
from world import LIMIT, World, until


def spawn(world: World, *argv: str, **variables: str) -> "pexpect.spawn[str]":
    """A program whose streams are a terminal of its own, in the project."""
    return pexpect.spawn(
        argv[0],
        list(argv[1:]),
        cwd=world.project,
        env={**world.environ, "TERM": "dumb", **variables},
        encoding="utf-8",
        timeout=LIMIT,
        dimensions=(60, 400),
    )


@contextmanager
def spawned(world: World, *argv: str, **variables: str) -> Iterator["pexpect.spawn[str]"]:
    """The same until the context is left, when it is killed."""
    child = spawn(world, *argv, **variables)
    try:
        yield child
    finally:
        end(child)


def end(child: "pexpect.spawn[str]") -> None:
    """Kills it, and waits until it has ended; `close` alone gives up within a second."""
    with suppress(ProcessLookupError):
        os.kill(child.pid, signal.SIGKILL)
    until(lambda: not child.isalive())
    child.close()
