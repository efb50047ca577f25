"""Whose turn it is: an answer from the cache as soon as there is one, else the lock to get it."""

import time

from tastyauth import cache, locate
from tastyauth.cache import Asked, View, last_attempt, lock
from tastyauth.cache.lock import Lock, Waiter
from tastyauth.posix import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def take(
    look: "Callable[[], View]", answers: "Callable[[View], bool]", held: Lock | None = None
) -> tuple[View, Lock | None]:
    """A view that answers; or a view that does not, with the lock of what is to be got.

    Looks again after each wait, and once more under the lock. Where the lock of an outline was
    waited for and the outline has come, it moves on to the lock of the entry. A lock that the
    caller brought comes back. Raises TemporaryError when a holder is late, OSError where there can
    be no lock.
    """
    view = look()
    if answers(view):
        return view, held
    waiter: Waiter | None = None
    while held is None or held.path != view.lock_path:
        if held is not None:
            held.release()
        if waiter is None or waiter.path != view.lock_path:
            waiter = Waiter(view.lock_path)
        held = waiter.poll()
        view = look()
        if answers(view):
            if held is not None:
                held.release()
            return view, None
    return view, held


def line_up(asked: Asked, started_at: float) -> tuple[View, Lock | None]:
    """The same for a caller on default terms, who also gets the lock when it is to renew ahead.

    Raises TemporaryError, and OSError where there can be no cache.
    """
    files.make_directory(locate.cache_directory(asked.environ))

    def answers(view: View) -> bool:
        if view.entry is None:
            return False
        min_valid = 0.0 if view.entry.stored_at >= started_at else None
        return cache.judge(view.entry, time.time(), min_valid) != cache.STALE

    view, held = take(lambda: cache.look(asked), answers)
    if held is None and _is_to_be_renewed(view, started_at):
        return view, lock.try_acquire(view.lock_path)
    if held is not None and view.name:
        _tell_what_is_known(view, held, started_at)
    return view, held


def _tell_what_is_known(view: View, held: Lock, started_at: float) -> None:
    """Raises the failure that is this caller's too, before anything heavy is imported for it."""
    record, now = last_attempt.read(view.attempt_path), time.time()
    if record.ended_while_waiting(started_at, now):
        held.release()
        raise record.error()
    if record.forbids(now):
        held.release()
        raise record.reminder(now)


def _is_to_be_renewed(view: View, started_at: float) -> bool:
    now = time.time()
    return (
        view.entry is not None
        and view.entry.stored_at < started_at
        and cache.judge(view.entry, now) == cache.SOFT
        and last_attempt.read(view.attempt_path).may_renew_ahead(now)
    )
