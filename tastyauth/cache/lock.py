"""Single flight: one process at a time does what all the others are waiting for.

A kernel lock on a file of its own, so that a killed holder frees it at once. The file holds the
holder's pid and the moment, on the machine's monotonic clock, by which it will be done; nobody
waits longer than that, and nobody goes on without the lock while somebody has it.
"""

import _thread  # built in, where `threading` is a module to load
import fcntl
import os
import time

from tastyauth import locate
from tastyauth.errors import TemporaryError
from tastyauth.posix import files

LONGEST_WAIT = 180.0
"""Seconds, whatever the holder promises."""

_LONGEST_SLEEP = 2.0
"""Seconds between two looks while nothing happens."""

_PATIENCE = 1.0
"""Seconds that a new holder may take until it has written its own promise."""

_BREATH = 0.005
"""Seconds before a look: those who wake up together must not keep the lock from each other."""

_WIDTH = 48
"""Bytes of a promise; all have the same, so that a new one replaces an old one in one write."""

_FIRST_PROMISE = 30.0
"""Seconds a holder gets before it has said how long it will take."""


class Lock:
    """A lock that is held; `release` it, or end."""

    __slots__ = ("_descriptor", "path")

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._promise(_FIRST_PROMISE)

    def promise(self, seconds: float) -> None:
        """Tells those who wait when this holder will be done at the latest."""
        try:
            self._promise(seconds)
        except OSError:
            return  # a disk that is full by now; the promise before this one stands

    def _promise(self, seconds: float) -> None:
        promised = f"{os.getpid()} {time.monotonic() + seconds:.3f}"
        os.pwrite(self._descriptor, promised.ljust(_WIDTH).encode(), 0)

    def release(self) -> None:
        """Gives the lock up; again is harmless."""
        if self._descriptor >= 0:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)  # a forked child may have it open, too
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
            if os.fstat(descriptor).st_mode & 0o777 == 0:
                os.fchmod(descriptor, 0o600)  # made under a umask that denies the owner, too
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


def remove_unless_held(path: str) -> None:
    """Removes `path`, but not a lock that somebody holds; raises OSError."""
    if path.endswith(".lock"):
        held = try_acquire(path)
        if held is None:
            return
        with held:
            files.remove(path)
    else:
        files.remove(path)


class Waiter:
    """Waits for a lock until it is free, or its holder's time is over."""

    def __init__(self, path: str, longest: float = LONGEST_WAIT) -> None:
        self.path = path
        self._until = time.monotonic() + longest
        self._overdue = ("", 0.0)  # a broken promise, and since when it was seen
        self._released: _thread.LockType | None = None

    def poll(self) -> Lock | None:
        """The lock, or None after a short sleep; raises TemporaryError when the wait is over."""
        lock = try_acquire(self.path)
        if lock is not None:
            return lock
        holder = _read(self.path)
        pid, _, promised = holder.partition(" ")
        now = time.monotonic()
        # the promise of a killed holder stands until the next one has written its own, so a
        # promise counts as broken only when it has stood there for a while
        if not _is_past(promised, now):
            self._overdue = ("", now)
        elif holder != self._overdue[0]:
            self._overdue = (holder, now)
        if now > self._until or (self._overdue[0] and now > self._overdue[1] + _PATIENCE):
            raise TemporaryError(
                f"another tastyauth (pid {pid or 'unknown'}) is getting this token and is late",
                "try again; if it stays, look at what that process is waiting for",
            )
        self._sleep(_seconds_to(promised, now))
        return None

    def _sleep(self, seconds: float) -> None:
        """Until the holder lets go, or for so many seconds.

        A thread waits in the kernel, which no limit can be given, and this one for the thread: a
        signal ends that wait, and looking again and again would cost two hundred waiting
        processes more than the exchange they wait for.
        """
        if self._released is None:
            self._released = _thread.allocate_lock()
            self._released.acquire()
            _thread.start_new_thread(_tell_when_free, (self.path, self._released))
        if self._released.acquire(timeout=seconds):
            self._released = None
        time.sleep(_BREATH)


def _tell_when_free(path: str, released: _thread.LockType) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)  # shared: all who wait are told at once
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            os.close(descriptor)
    except OSError:
        return  # swept away, or no locks here: the next look finds that out
    finally:
        released.release()


def _seconds_to(promised: str, now: float) -> float:
    """How long to sleep so as not to miss the moment that the holder has promised."""
    try:
        left = float(promised) - now
    except ValueError:
        left = _LONGEST_SLEEP
    return min(max(left, 0.05), _LONGEST_SLEEP)


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
    opened = os.fstat(descriptor)
    if opened.st_nlink > 1:  # a promise would be written into what somebody has linked here
        raise locate.not_private(f"{path} is not a file of its own; remove it")
    return os.path.samestat(there, opened)


def _read(path: str) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(descriptor, 128).decode("ascii", "replace").strip()
    finally:
        os.close(descriptor)
