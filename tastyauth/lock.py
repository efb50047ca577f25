"""Single flight: one process at a time does what all the others are waiting for.

A kernel lock on a file of its own, so that a killed holder frees it at once. The file holds the
holder's pid and the moment, on the machine's monotonic clock, by which it will be done; nobody
waits longer than that, and nobody goes on without the lock while somebody has it.
"""

import fcntl
import os
import time

from tastyauth.errors import TemporaryError

LONGEST_WAIT = 180.0
"""Seconds, whatever the holder promises."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.03, 0.15
"""Seconds between two looks, growing: most exchanges are short, and two hundred may wait."""

_FIRST_PROMISE = 30.0
"""Seconds a holder gets before it has said how long it will take."""


class Lock:
    """A lock that is held; `release` it, or end."""

    __slots__ = ("_descriptor", "path")

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self.promise(_FIRST_PROMISE)

    def promise(self, seconds: float) -> None:
        """Tells those who wait when this holder will be done at the latest."""
        promised = f"{os.getpid()} {time.monotonic() + seconds:.3f}\n"
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, promised.encode(), 0)

    def release(self) -> None:
        """Gives the lock up; again is harmless."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> "Lock":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def try_acquire(path: str) -> Lock | None:
    """The lock, or None while another process has it; raises OSError where there can be none."""
    while True:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(path, descriptor):
                return Lock(path, descriptor)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # it was swept away in between; what is there now is the lock


class Waiter:
    """Polls for a lock until it is free, or its holder's time is over."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._until = time.monotonic() + LONGEST_WAIT
        self._overdue: str | None = None
        self._pause = _FIRST_PAUSE

    def poll(self) -> Lock | None:
        """The lock, or None after a short sleep; raises TemporaryError when the wait is over."""
        lock = try_acquire(self.path)
        if lock is not None:
            return lock
        holder = _read(self.path)
        pid, _, promised = holder.partition(" ")
        now = time.monotonic()
        # the promise of a killed holder stands until the next one has written its own, so a
        # promise counts as broken only when it is still there at the next look
        overdue = _is_past(promised, now)
        if now > self._until or (overdue and holder == self._overdue):
            raise TemporaryError(
                f"another tastyauth (pid {pid or 'unknown'}) is getting this token and is late",
                "try again; if it stays, look at what that process is waiting for",
            )
        self._overdue = holder if overdue else None
        time.sleep(self._pause)
        self._pause = min(self._pause * 1.3, _LONGEST_PAUSE)
        return None


def _is_past(promised: str, now: float) -> bool:
    try:
        return now > float(promised)
    except ValueError:
        return False  # being written at this moment


def _is_still(path: str, descriptor: int) -> bool:
    try:
        there = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(descriptor))


def _read(path: str) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(descriptor, 128).decode("ascii", "replace").strip()
    finally:
        os.close(descriptor)
