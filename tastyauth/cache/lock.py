"""Single flight: one process gets a token, while the others wait for the outcome.

A kernel lock on a file of its own, so that a killed holder frees it at once. The file holds the
holder's pid and its promise: the time, on the machine's monotonic clock, by which it will be done.
Nobody waits longer than that, or goes on without the lock while another process has it.
"""

import _thread  # built in, where `threading` is a module to load
import fcntl
import os
import time
from _weakref import ref
from io import FileIO

from tastyauth import cache, locate
from tastyauth.cache import Asked, Terms, View, last_attempt
from tastyauth.errors import TastyauthError, TemporaryError
from tastyauth.posix import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_WAIT = 180.0
"""Seconds to wait at most, whatever the holder promises."""

_LONGEST_SLEEP = 2.0
"""Seconds between two looks while nothing changes."""

_PATIENCE = 1.0
"""Seconds that a new holder may take until it has written its own promise."""

_BREATH = 0.005
"""Seconds before a look, so that processes woken together do not block each other."""

_POLL = 0.02
"""Seconds between two looks where no thread can wait in the kernel, or may not."""

_WIDTH = 48
"""Bytes of a promise; all have the same length, so that one write replaces it."""

_FIRST_PROMISE = 30.0
"""Seconds a holder has until it says how long it will take."""

_ANSWERS = (cache.SERVE, cache.AHEAD)


class Lock(FileIO):
    """A context in which locks can be taken, one at a time; leaving it frees the lock.

    It is a file because files are closed in C, where no signal can interrupt: leaving the block or
    dropping the object always frees the lock. `path` is what is locked now, or empty.
    """

    path = ""

    def __init__(self) -> None:
        super().__init__(os.devnull, "r+")
        _locks[:] = [it for it in _locks if (lock := it()) and not lock.closed] + [ref(self)]

    def try_take(self, path: str) -> bool:
        """Takes the lock at `path` if it is free, and gives up the previous one.

        Raises OSError where locks do not work.
        """
        self.path = ""
        while True:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(path, flags, 0o600)
            try:
                if os.fstat(descriptor).st_mode & 0o600 != 0o600:
                    os.fchmod(descriptor, 0o600)  # made under a umask that denies the owner, too
                os.dup2(descriptor, self.fileno(), inheritable=False)
            finally:
                os.close(descriptor)
            try:
                fcntl.flock(self.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            if _is_still(path, self.fileno()):  # else somebody has just removed it
                self.path = path
                self._promise(_FIRST_PROMISE)
                return True

    def take(self, path: str, longest: float = LONGEST_WAIT) -> None:
        """Takes the lock at `path`; raises OSError, and TemporaryError when its holder is late."""
        waiter = Waiter(path, longest)
        while not self.try_take(path):
            waiter.wait()

    def turn(
        self, look: "Callable[[], View]", answers: "Callable[[View], bool]"
    ) -> tuple[View, bool]:
        """A view and whether it answers; if not, the lock of what is missing is held.

        Looks again after each wait, and once more under the lock. Once an outline that it waited
        for has come, it moves on to the lock of the entry. Raises TemporaryError when a holder is
        late, OSError where there can be no lock.
        """
        waiter: Waiter | None = None
        view = look()
        while not (answered := answers(view)) and self.path != view.lock_path:
            if waiter is None or waiter.path != view.lock_path:
                waiter = Waiter(view.lock_path)
            if not self.try_take(view.lock_path):
                waiter.wait()
            view = look()
        if answered and waiter is not None:
            self.let_go()  # the next one is waiting for no more than this
        return view, answered

    def promise(self, seconds: float) -> None:
        """Promises to those who wait to be done within `seconds`."""
        try:
            self._promise(seconds)
        except (OSError, ValueError):
            return  # a full disk or a forked child; the earlier promise still holds

    def let_go(self) -> None:
        """Frees what is locked; calling it again is harmless."""
        self.path = ""
        try:
            if not self.closed:
                fcntl.flock(self.fileno(), fcntl.LOCK_UN)
        except OSError:
            return  # a file system without locks: nothing was locked

    def _promise(self, seconds: float) -> None:
        promised = f"{os.getpid()} {time.monotonic() + seconds:.3f}"
        os.pwrite(self.fileno(), promised.ljust(_WIDTH).encode(), 0)


_locks: "list[ref[Lock]]" = []


def _close_in_child() -> None:
    """Closes the locks in a forked child, which would otherwise hold them while it lives."""
    for reference in _locks:
        if (lock := reference()) is not None:
            lock.close()


os.register_at_fork(after_in_child=_close_in_child)

_handed_on: list[Lock] = []


def handed_on() -> Lock:
    """The lock that the fast lane of this process has taken, else a new one."""
    return _handed_on.pop() if _handed_on else Lock()


def line_up(asked: Asked, started_at: float) -> View | None:
    """A view to serve to a caller on default terms, after waiting for another process if need be.

    None when this process is to get or renew the token; the lock is then handed on. Raises
    TemporaryError, the failure of the last attempt, and OSError where there can be no cache.
    """
    files.make_directory(locate.cache_directory(asked.environ))
    terms = Terms(started_at=started_at)

    def decide(view: View, attempt: "last_attempt.Attempt | None" = None) -> str:
        return cache.decide(view.entry, attempt, terms, time.time())

    lock = Lock()
    try:
        view, answered = lock.turn(lambda: cache.look(asked), lambda view: decide(view) in _ANSWERS)
        attempt = last_attempt.read(view.attempt_path)
        decision = decide(view, attempt)
        if answered and not (decision == cache.AHEAD and lock.try_take(view.lock_path)):
            return view
        if not answered and view.name and decision == cache.HOLD:
            raise attempt.failure(started_at, time.time())  # before anything heavy is imported
        _handed_on.append(lock)
        return None
    except TastyauthError as error:
        profile = cache.look(asked).profile
        error.about = f"{profile.name}, {profile.behind}" if profile is not None else ""
        raise
    finally:
        if lock not in _handed_on:
            lock.close()


def remove_unless_held(path: str) -> None:
    """Removes `path`, unless it is a lock that is held; raises OSError."""
    if not path.endswith(".lock"):
        files.remove(path)
        return
    with Lock() as lock:
        if lock.try_take(path):
            files.remove(path)


class Waiter:
    """Waits for a lock until it may be free, or its holder is late."""

    def __init__(self, path: str, longest: float = LONGEST_WAIT) -> None:
        self.path = path
        self._until = time.monotonic() + longest
        self._overdue = ("", 0.0)  # a broken promise, and when it was first seen
        self._released: _thread.LockType | None = None

    def wait(self) -> None:
        """Sleeps a little, less when the lock becomes free; raises TemporaryError."""
        holder = _read(self.path)
        pid, _, promised = holder.partition(" ")
        now = time.monotonic()
        try:
            left = float(promised) - now
        except ValueError:
            left = _LONGEST_SLEEP  # it is being written right now
        # the promise of a killed holder stays until the next one has written its own, so a promise
        # counts as broken only after a while
        if left >= 0:
            self._overdue = ("", now)
        elif holder != self._overdue[0]:
            self._overdue = (holder, now)
        if now > self._until or (self._overdue[0] and now > self._overdue[1] + _PATIENCE):
            raise TemporaryError(
                f"another tastyauth (pid {pid or 'unknown'}) is fetching this token and is"
                " taking too long",
                "try again; if it happens again, see what that process is waiting for",
            )
        # with gevent and the like, a thread that waits in the kernel would stop all the others
        are_replaced = not isinstance(_thread.start_new_thread, type(len))
        if pid == str(os.getpid()) or are_replaced:
            time.sleep(_POLL)
        else:
            self._sleep(min(max(left, 0.05), _LONGEST_SLEEP))

    def _sleep(self, seconds: float) -> None:
        """Waits until the holder lets go, or for `seconds`.

        A second thread waits in the kernel, where no time limit can be set; this one waits for that
        thread, so that a signal can interrupt it. Polling would cost two hundred waiting processes
        more than the exchange they wait for.
        """
        if self._released is None:
            self._released = _thread.allocate_lock()
            self._released.acquire()
            try:
                _thread.start_new_thread(_tell_when_free, (self.path, self._released))
            except RuntimeError:  # no thread to spare (RLIMIT_NPROC): look again soon
                self._released = None
                time.sleep(min(seconds, _POLL))
                return
        if self._released.acquire(timeout=seconds):
            self._released = None
        time.sleep(_BREATH)


def _tell_when_free(path: str, released: _thread.LockType) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)  # shared: wakes all waiters at once
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            os.close(descriptor)
    except OSError:
        return  # it was deleted, or locks do not work here: the next look finds out
    finally:
        released.release()


def _is_still(path: str, descriptor: int) -> bool:
    try:
        there = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    opened = os.fstat(descriptor)
    if opened.st_nlink > 1:  # a promise would be written into whatever file somebody linked here
        raise locate.not_private(f"{path} is a hard link; remove it")
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
