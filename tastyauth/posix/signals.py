"""Being asked to stop: INT, QUIT, TERM and HUP raise, so that a run can still say how it ended.

They wait while something is on its way that exists nowhere else: an answer that may bring a new
refresh token, and for which the server forgets the old one (it is given a second); a program that
has been started, and that nobody could end yet.
"""

import time
from _signal import (  # type: ignore[import-not-found]  # the public module imports enum
    SIG_IGN,
    SIGHUP,
    SIGINT,
    SIGQUIT,
    SIGTERM,
    getsignal,
    signal,
)

from tastyauth.errors import Stopped

_STOPPING = (SIGINT, SIGQUIT, SIGTERM, SIGHUP)

_PATIENCE = 1.0
"""Seconds for what is on its way, once this process has been asked to stop."""


def raise_when_stopped() -> None:
    """From now on the first of these signals raises Stopped, and the others are ignored.

    What the caller had ignored stays ignored: `nohup`, a background job.
    """
    for number in _STOPPING:
        if getsignal(number) is not SIG_IGN:
            signal(number, _stop)


def _stop(number: int, _: object) -> None:
    for each in _STOPPING:
        signal(each, SIG_IGN)
    DELAY.stop(number)


class Delay:
    """A context within which a stop is put off to the end, which then comes within a second."""

    def __init__(self) -> None:
        self._is_on = False
        self._outside: list[bool] = []
        self._asked = 0
        self.until = float("inf")
        """By when it has to end, in seconds of the monotonic clock."""

    def stop(self, number: int) -> None:
        """Raises Stopped, or sees to it that the end of the context will."""
        if not self._is_on:
            raise Stopped(number)
        self._asked = number
        self.until = time.monotonic() + _PATIENCE

    def sleep(self, seconds: float) -> None:
        """Sleeps; nothing is on its way meanwhile, so a stop ends it at once."""
        before = self._is_on
        self.end()
        try:
            time.sleep(seconds)
        finally:
            self._is_on = before

    def __enter__(self) -> None:
        self._outside.append(self._is_on)
        self._is_on = True

    def __exit__(self, *_: object) -> None:
        if not self._outside.pop():  # else a stop still waits, for the end of the outer context
            self.end()

    def end(self) -> None:
        """From here on a stop is immediate; raises Stopped when it was asked for before."""
        self._is_on = False
        number, self._asked, self.until = self._asked, 0, float("inf")
        if number:
            raise Stopped(number)


DELAY = Delay()
"""The one of this process; whoever has not called `raise_when_stopped` is not affected."""
