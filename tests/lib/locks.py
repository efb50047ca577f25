"""Locks for tests: taken at once, or waited for."""

from tastyauth.cache.lock import Lock, Waiter


def try_acquire(path: str) -> Lock | None:
    """The lock, or None while somebody else has it."""
    lock = Lock()
    try:
        if lock.try_take(path):
            return lock
    except BaseException:
        lock.close()
        raise
    lock.close()
    return None


def acquired(path: str) -> Lock:
    """The lock, which nobody has."""
    held = try_acquire(path)
    assert held is not None
    return held


def poll(waiter: Waiter) -> Lock | None:
    """The lock, or None after a short sleep."""
    held = try_acquire(waiter.path)
    if held is None:
        waiter.wait()
    return held


def waited_for(path: str) -> Lock:
    """The lock, as soon as it is free."""
    lock = Lock()
    try:
        lock.take(path)
    except BaseException:
        lock.close()
        raise
    return lock
