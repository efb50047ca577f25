"""Work beside an event loop, of asyncio or trio, in a thread for each profile."""

import atexit
import os
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

from tastyauth import cache
from tastyauth.cache import Entry
from tastyauth.errors import no_thread
from tastyauth.library.wanted import Wanted

T = TypeVar("T")

_PATIENCE = 0.5
"""Seconds for an exchange that is under way when the program ends."""


async def renewed(wanted: Wanted, entry: Entry | None, work: Callable[[], Entry]) -> Entry:
    """What `off_the_loop` gets, but `entry` while that is good and the thread is busy.

    That thread may be renewing it, or wait for a server that hangs.
    """
    worker = _WORKERS.get((wanted.found, wanted.profile_name))
    if entry and worker and worker.is_busy and wanted.decide(entry) == cache.AHEAD:
        return entry
    return await off_the_loop(wanted, work)


async def off_the_loop(wanted: Wanted, work: Callable[[], T]) -> T:
    """What `work` returns or raises, done in the thread of its profile; for asyncio and trio.

    A task that is cancelled leaves it behind.
    """
    result = Future[T]()

    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as error:  # noqa: BLE001  # for the task that waits
            result.set_exception(error)
        worker.is_busy = not worker.work.empty()  # before the task goes on, which may ask again
        with suppress(RuntimeError):  # the loop has ended
            wake()

    wake, wait = _event()
    worker = _WORKERS.setdefault((wanted.found, wanted.profile_name), _Worker())
    worker.put(run)
    await wait()
    return result.result()


def _event() -> tuple[Callable[[], object], Callable[[], Awaitable[object]]]:
    """A function that wakes this task from another thread, and one to wait with."""
    trio = sys.modules.get("trio")
    if trio is not None:
        with suppress(RuntimeError):  # trio is loaded, but does not run this
            token, event = trio.lowlevel.current_trio_token(), trio.Event()
            return partial(token.run_sync_soon, event.set), event.wait
    import asyncio  # costs more than everything else such a program loads

    loop, done = asyncio.get_running_loop(), asyncio.Event()
    return partial(loop.call_soon_threadsafe, done.set), done.wait


class _Worker:
    """A thread that gets the tokens of one profile, one after the other.

    It is not one of asyncio's, which also look up host names, nor one for all profiles, so a server
    that hangs delays nothing else, and not the end of the program.
    """

    def __init__(self) -> None:
        self.work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()  # None ends the thread
        self._begun = False
        self.is_busy = False

    def put(self, work: Callable[[], None]) -> None:
        """Runs `work`, which raises nothing; raises TemporaryError if no thread can be started."""
        if not self._begun:
            try:
                Thread(target=self._run, name="tastyauth", daemon=True).start()
            except RuntimeError:
                raise no_thread() from None
            self._begun = True
        self.is_busy = True
        self.work.put(work)

    def _run(self) -> None:
        while (work := self.work.get()) is not None:
            self.is_busy = True
            work()


_WORKERS: dict[tuple[tuple[str, str], str | None], _Worker] = {}


def dismiss(config: str) -> None:
    """Ends the threads of a config that is no longer used."""
    for key in [it for it in _WORKERS if it[0][0] == config]:
        _WORKERS.pop(key).work.put(None)


@atexit.register
def _finish() -> None:
    """Gives an exchange that is under way a moment at the end of the program."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and any(each.is_busy for each in _WORKERS.values()):
        time.sleep(0.01)


os.register_at_fork(after_in_child=_WORKERS.clear)  # the child has none of the threads
