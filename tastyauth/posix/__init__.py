"""Being asked to stop: INT, QUIT, TERM and HUP raise, so that a run can still say how it ended."""

from _signal import (  # type: ignore[import-not-found]  # the public module imports enum
    SIG_IGN,
    SIGHUP,
    SIGINT,
    SIGQUIT,
    SIGTERM,
    getsignal,
    raise_signal,
    signal,
)

from tastyauth.errors import Stopped

_STOPPING = (SIGINT, SIGQUIT, SIGTERM, SIGHUP)


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


class HeldBack:
    """A context at whose end a signal takes effect that has come in it, whatever handles it.

    For what must not be left half-done: a new refresh token that is nowhere else, a program that
    has been started and that nobody could end yet. Threads other than the main one are never
    interrupted, so nothing is held back there.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, object] = {}
        self._came: list[int] = []

    def __enter__(self) -> None:
        try:
            for number in _STOPPING:
                handler = getsignal(number)
                if handler not in (SIG_IGN, None):
                    self._handlers[number] = handler
                    signal(number, self._note)
        except ValueError:
            self._handlers.clear()  # another thread
        except BaseException:
            self._restore()
            raise

    def __exit__(self, *_: object) -> None:
        try:
            self._restore()
        finally:  # one that has just been restored may have raised
            self._restore()
        if self._came:
            raise_signal(self._came[0])

    def _restore(self) -> None:
        for number, handler in self._handlers.items():
            signal(number, handler)

    def _note(self, number: int, _: object) -> None:
        self._came.append(number)
