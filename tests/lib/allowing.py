"""`tastyauth allow` at a terminal, and what it has recorded."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pexpect
from terminals import spawned
from world import COMMAND, World


@contextmanager
def terminal(world: World, *words: str, **variables: str) -> Iterator["pexpect.spawn[str]"]:
    """The command at a terminal."""
    with spawned(world, COMMAND, *words, **variables) as child:
        yield child


def ended(child: "pexpect.spawn[str]") -> tuple[int, str]:
    """Waits for the end; the exit code, and what was shown until then."""
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus, (child.before or "").replace("\r\n", "\n")


def allow(world: World, answer: str, *words: str, **variables: str) -> tuple[int, str, str]:
    """What is shown, the exit code, and what is said after the answer."""
    with terminal(world, "allow", *words, **variables) as child:
        child.expect_exact("allow it? [y/N] ")
        shown = (child.before or "").replace("\r\n", "\n")
        child.sendline(answer)
        code, said = ended(child)
    return code, shown, said


def records(world: World) -> list[str]:
    directory = f"{world.home}/.local/state/tastyauth/allowed"
    return sorted(os.listdir(directory)) if os.path.isdir(directory) else []
