"""Machines that hold one grant: worlds with homes of their own, and one broker for all of them."""

import os
from contextlib import ExitStack

from world import COMMAND, CONFIG, Completed, World, finish

from tastyauth.simulator import Simulator


def machines(
    root: str | os.PathLike[str], simulator: Simulator, count: int, url: str
) -> list[World]:
    """That many homes whose config shares the token through the engine at `url`."""
    found = []
    for number in range(count):
        place = f"{os.fspath(root)}/{number}"
        os.makedirs(place, 0o700)
        found.append(World(place, simulator))
        found[-1].configure(sharing(url))
    return found


def sharing(url: str, more: str = "") -> str:
    """A config whose profile shares through `url`; `more` are further lines of the profile."""
    return f'{CONFIG}    shared: {{{{ valkey: "{url}" }}}}\n{more}'


def all_at_once(worlds: list[World], *words: str, **variables: str) -> list[Completed]:
    """How the same command has ended on all of them, begun at the same moment."""
    with ExitStack() as stack:
        running = [
            stack.enter_context(world.started(COMMAND, *words, **variables)) for world in worlds
        ]
        return [finish(process) for process in running]


def forget(worlds: list[World]) -> None:
    """Leaves no machine with a token of its own; what they know of the config stays."""
    for world in worlds:
        for name in os.listdir(world.cache):
            if name.endswith(".entry"):
                os.unlink(f"{world.cache}/{name}")


def said(ended: list[Completed]) -> set[tuple[int, str]]:
    """How processes ended, and what they said besides their token."""
    return {(each.code, each.err) for each in ended}
