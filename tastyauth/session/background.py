"""Work in a process of its own: nobody waits for it, and it outlives a parent that ends."""

import os
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NoReturn

_PIECE = 64 * 1024


class Background:
    """Work under way; `fileno` becomes readable when there is something to `read`."""

    def __init__(self, work: Callable[[], bytes], handled: Iterable[signal.Signals]) -> None:
        """Begins it; `handled` are the signals whose handlers are the parent's alone.

        Raises OSError when the system has no process to spare.
        """
        self._reader, writer = os.pipe()
        self._answer = b""
        try:
            self._pid = os.fork()
        except OSError:
            os.close(self._reader)
            os.close(writer)
            raise
        if self._pid == 0:
            os.close(self._reader)  # else it would wait for itself to read, once nobody else can
            _work(work, writer, handled)
        os.close(writer)

    def fileno(self) -> int:
        return self._reader

    def read(self) -> bytes | None:
        """What the work has returned, once it has ended, else None; empty when it has failed."""
        piece = os.read(self._reader, _PIECE)
        if piece:
            self._answer += piece
            return None
        os.close(self._reader)
        with suppress(ChildProcessError):  # somebody has waited for all children
            os.waitpid(self._pid, 0)
        return self._answer


def _work(work: Callable[[], bytes], writer: int, handled: Iterable[signal.Signals]) -> NoReturn:
    """What the new process does, in a session of its own and without the parent's terminal."""
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in handled:
            signal.signal(number, signal.SIG_DFL)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):  # whoever reads these waits for the parent, not for us
            os.dup2(nowhere, descriptor)
        answer = work()
        while answer:
            answer = answer[os.write(writer, answer) :]
    finally:
        os._exit(0)  # in a copy of the parent, nothing else may run
