"""Being asked to stop: INT, TERM and HUP raise, so that a run can still say how it ended."""

from _signal import (  # type: ignore[import-not-found]  # the public module imports enum
    SIG_IGN,
    SIGHUP,
    SIGINT,
    SIGTERM,
    getsignal,
    signal,
)

from tastyauth.errors import Stopped

_STOPPING = (SIGINT, SIGTERM, SIGHUP)


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
    raise Stopped(number)
