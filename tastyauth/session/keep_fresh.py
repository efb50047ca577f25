"""A command that outlives its token: started, left alone, and supplied with fresh ones as it runs.

The keeper is the command's parent. It passes signals on, has a token renewed before the old one is
over, and ends as the command ended. Renewing takes place in the background: a server or a secret
store that hangs keeps neither a signal nor the end waiting.
"""

import os
import select
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from json import dumps, loads
from types import FrameType
from typing import NamedTuple

from tastyauth import cache, launch
from tastyauth.cache import Entry
from tastyauth.errors import reason_of
from tastyauth.session.background import Background

_PASSED_ON = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCONT)
_FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGWINCH)
"""What a terminal sends to the command itself: passed on too, it would arrive twice."""

_HANDLED = (*_PASSED_ON, *_FROM_TERMINAL, signal.SIGCHLD)

_JOB_CONTROL = (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
"""What stops a job; its shell must see the job stopped, and that is this process."""

_LOOK = 15.0
"""Seconds between two looks at the clock, since timers stand still while a machine sleeps; a
twentieth of a shorter life."""

_LONGEST_PAUSE = 60.0
"""Seconds between two tries at a token that does not come."""

_SILENCE = 300.0
"""Seconds between two reports that it does not."""


class Renewal(NamedTuple):
    """How an attempt at a new token ended: with a token, with troubles to report, or with both."""

    entry: Entry | None
    troubles: tuple[str, ...]


class Supply:
    """The tokens of one command: the present one, and the way to the next.

    `renew` gets one and is run in the background, `hand_over` gives it to the command, `report`
    tells the user. `min_valid` is in seconds, None for the default of `cache.judge`.
    """

    def __init__(
        self,
        entry: Entry,
        min_valid: float | None,
        *,
        renew: Callable[[], Renewal],
        hand_over: Callable[[Entry], None],
        report: Callable[[str], None],
    ) -> None:
        self._entry = entry
        self._min_valid = min_valid
        self._renew, self._hand_over, self._report = renew, hand_over, report
        self._renewing: Background | None = None
        self._failures = 0
        self._not_before = time.monotonic() + self._pause()
        self._silent_until: dict[bool, float] = {}  # by whether the command still has a good token

    def begin(self) -> Background | None:
        """The renewal under way; one is begun when the token is nearly over."""
        if self._renewing is None and not self._is_fresh() and time.monotonic() >= self._not_before:
            try:
                self._renewing = Background(lambda: _encoded(self._renew()), _HANDLED)
            except OSError as error:
                self._failed((f"no process to renew it with: {reason_of(error)}",))
        return self._renewing

    def receive(self) -> None:
        """Takes what the renewal has to say."""
        answer = self._renewing.read() if self._renewing else None
        if answer is None:
            return
        self._renewing = None
        renewal = _decoded(answer)
        troubles = renewal.troubles
        if renewal.entry is not None and renewal.entry.fields != self._entry.fields:
            try:
                self._hand_over(renewal.entry)
                self._entry = renewal.entry
            except OSError as error:
                troubles += (f"it cannot be written: {reason_of(error)}",)
        if self._is_fresh():
            self._succeeded(troubles)
        else:
            self._failed(troubles)

    @property
    def patience(self) -> float:
        """Seconds until the token must be looked at again."""
        return min(_LOOK, self._entry.life / 20)

    def _is_fresh(self) -> bool:
        return self._verdict() == cache.FRESH

    def _verdict(self) -> str:
        return cache.judge(self._entry, time.time(), self._min_valid)

    def _succeeded(self, warnings: tuple[str, ...]) -> None:
        for warning in warnings:
            self._report(warning)
        if self._silent_until:
            self._report("the token is renewed again")
        self._failures = 0
        self._silent_until.clear()

    def _failed(self, troubles: tuple[str, ...]) -> None:
        now = time.monotonic()
        self._failures += bool(troubles)
        self._not_before = now + self._pause()
        is_good = self._verdict() == cache.SOFT
        if troubles and now >= self._silent_until.get(is_good, now):
            self._silent_until[is_good] = now + _SILENCE
            for trouble in troubles:
                self._report(trouble)

    def _pause(self) -> float:
        """Shorter towards the end of the token, longer with each failure."""
        left = self._entry.expires_at - time.time()
        return min(max(left / 4, 2.0 ** min(self._failures, 10)), _LONGEST_PAUSE)


def keep(argv: list[str], environment: Mapping[str, str], supply: Supply) -> int:
    """Runs `argv` and has it supplied until it ends; returns its exit code, 128+n for a signal.

    Raises CannotStart.
    """
    signals = _listen()
    child = launch.spawn(argv, environment)
    _let_go_of_streams()
    while True:
        renewal = supply.begin()
        ready = _wait([signals, renewal.fileno()] if renewal else [signals], supply.patience)
        if renewal and renewal.fileno() in ready:
            supply.receive()
        for number in os.read(signals, 512) if signals in ready else b"":
            code = _handle(number, child)
            if code is not None:
                return code


def _listen() -> int:
    """From now on each signal is a byte to be read from the descriptor that is returned.

    What the caller had ignored stays ignored, here and in the command.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in _HANDLED:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _note)
    return reader


def _note(number: int, frame: FrameType | None) -> None:
    """Without a handler of Python's no byte would be written."""


def _wait(descriptors: list[int], seconds: float) -> list[int]:
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return [descriptor for descriptor, _ in poll.poll(seconds * 1000)]


def _handle(number: int, child: int) -> int | None:
    """The exit code, when the signal says that the child has ended; else it is passed on."""
    if number == signal.SIGCHLD:
        return _ended(child)
    if number in _PASSED_ON or not _has_terminal():
        with suppress(ProcessLookupError, PermissionError):
            os.kill(child, number)
    return None


def _ended(child: int) -> int | None:
    """The exit code of the child, if it has ended; others may end as well, where this is init."""
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            if pid == 0:
                return None
            if pid != child:
                continue
            if os.WIFSTOPPED(status):
                _stop_too(os.WSTOPSIG(status))
                continue
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
    return None


def _stop_too(number: int) -> None:
    """Stops as the child was stopped, and returns when the shell goes on with the job."""
    if number in _JOB_CONTROL and _has_terminal():
        before = signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(number, before)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _let_go_of_streams() -> None:
    """What the command closes is then closed, for whoever reads or writes the other end."""
    nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for descriptor in (0, 1):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _encoded(renewal: Renewal) -> bytes:
    entry = renewal.entry and (
        renewal.entry.fields,
        renewal.entry.issued_at,
        renewal.entry.stored_at,
    )
    return dumps((entry, renewal.troubles)).encode()


def _decoded(answer: bytes) -> Renewal:
    if not answer:
        return Renewal(None, ("the renewal ended without an answer",))
    entry, troubles = loads(answer)
    return Renewal(Entry(*entry) if entry else None, tuple(troubles))
