"""Whose turn it is: an answer from the cache as soon as there is one, else the lock to get it."""

import time

from tastyauth import cache, locate
from tastyauth.cache import Asked, Terms, View, last_attempt, lock
from tastyauth.cache.lock import Lock, Waiter
from tastyauth.posix import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_ANSWERS = (cache.SERVE, cache.AHEAD)


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

    terms = Terms(started_at=started_at)
    view, held = take(
        lambda: cache.look(asked),
        lambda view: cache.decide(view.entry, None, terms, time.time()) in _ANSWERS,
    )
    if held is None or not view.name:
        record = last_attempt.read(view.attempt_path)
        if held is None and cache.decide(view.entry, record, terms, time.time()) == cache.AHEAD:
            return view, lock.try_acquire(view.lock_path)
        return view, held
    record, now = last_attempt.read(view.attempt_path), time.time()
    if cache.decide(view.entry, record, terms, now) == cache.HOLD:
        held.release()
        raise record.failure(started_at, now)  # before anything heavy is imported for it
    return view, held
