"""Ends a call that has no reliable time limit of its own: a name server may hang, a server drip."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from tastyauth.errors import no_thread

T = TypeVar("T")


_A_WHILE = 0.2
"""Seconds after which a call counts as slow."""


def within(
    seconds: float,
    call: Callable[[], T],
    cut: Callable[[], object],
    meanwhile: Callable[[], object] | None = None,
) -> T:
    """What `call` returns or raises; TimeoutError when it takes longer than `seconds`.

    It runs in a thread, and `cut` ends what that waits for, also when the call has ended;
    `meanwhile` is done when it takes a while. Raises TemporaryError where no thread can be started
    (RLIMIT_NPROC).
    """
    deadline = time.monotonic() + seconds
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it is raised again, in the caller's thread
            outcome.set_exception(error)

    try:
        threading.Thread(target=run, name="tastyauth exchange", daemon=True).start()
    except RuntimeError:
        raise no_thread() from None
    try:
        if meanwhile and not wait([outcome], min(_A_WHILE, seconds)).done:
            meanwhile()
        if not wait([outcome], max(0.0, deadline - time.monotonic())).done:
            raise TimeoutError
        return outcome.result()
    finally:
        cut()
