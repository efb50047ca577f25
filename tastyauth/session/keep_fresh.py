"""Runs a command that outlives its token, and supplies it with fresh ones.

The parent passes signals on, renews the token before it expires, and ends as the command ended. It
renews in another process, so that a server or secret store that hangs delays neither a signal nor
the end.
"""

import os
import select
import signal
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from json import dumps, loads
from shutil import rmtree
from types import FrameType
from typing import NoReturn

from tastyauth import cache, locate
from tastyauth.cache import Entry, Terms
from tastyauth.errors import OutputError, reason_of
from tastyauth.posix import files, process
from tastyauth.secret import Secret

_PASSED_ON = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGWINCH)
"""Signals that a terminal sends to the command itself: passed on, they would arrive twice."""

_HANDLED = (*_PASSED_ON, *_FROM_TERMINAL, signal.SIGCONT, signal.SIGCHLD)

_JOB_CONTROL = (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
"""Signals that stop a job; the shell watches this process, so it has to stop as well."""

_LOOK = 15.0
"""Seconds between two looks at the clock, since timers stand still while a machine sleeps; a
twentieth of a shorter life."""

_DRAIN = 0.2
"""Seconds between two looks at the pipe of a renewal; its end is a signal, and seen at once."""

_LONGEST_PAUSE = 60.0
"""Seconds between two tries after a failure."""

_SILENCE = 300.0
"""Seconds between two reports of a failure."""

Renewal = tuple[Entry | None, tuple[str, ...]]
"""How an attempt at a new token ended: with a token, with troubles to report, or with both."""

_PIECE = 64 * 1024

_NO_ANSWER = "the renewal ended without an answer"


class Background:
    """Work in a process of its own, which outlives a parent that ends."""

    def __init__(self, work: Callable[[], bytes], handled: Iterable[signal.Signals]) -> None:
        """Begins it; `handled` are the signals that are handled, or blocked, in the parent only.

        Raises OSError when the system has no process to spare.
        """
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        self._answer = b""
        try:
            self._pid = os.fork()
        except OSError:
            os.close(self._reader)
            os.close(writer)
            raise
        if self._pid == 0:
            os.close(self._reader)  # or it would wait for itself to read, once nobody else can
            _work(work, writer, handled)
        os.close(writer)

    def wait(self, seconds: float) -> bytes | None:
        """As `read`, once it has ended or `seconds` have passed."""
        until = time.monotonic() + seconds
        while (answer := self.read()) is None and (left := until - time.monotonic()) > 0:
            select.select([self._reader], [], [], left)
        return answer

    def read(self) -> bytes | None:
        """What the work returned, once it has ended, else None; empty when it has failed."""
        try:
            while piece := os.read(self._reader, _PIECE):
                self._answer += piece
        except BlockingIOError:
            return None
        os.close(self._reader)
        with suppress(ChildProcessError):  # somebody else has waited for all children
            os.waitpid(self._pid, 0)
        return self._answer


def _work(work: Callable[[], bytes], writer: int, handled: Iterable[signal.Signals]) -> NoReturn:
    """Runs in the new process, in its own session and without the parent's terminal."""
    try:
        os.setsid()
        for number in handled:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, handled)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):  # a reader of these waits for the parent only
            os.dup2(nowhere, descriptor)
        answer = work()
        while answer:
            answer = answer[os.write(writer, answer) :]
    finally:
        os._exit(0)  # in a copy of the parent, nothing else may run


class Supply:
    """The tokens of one command: the present one, and the way to the next.

    `renew` gets one and is run in the background, `hand_over` gives it to the command, `report`
    tells the user. `min_valid` is in seconds, None for the default.
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
        self._terms = Terms(min_valid)
        self._renew, self._hand_over, self._report = renew, hand_over, report
        self._renewing: Background | None = None
        self._failures = 0
        self._not_before = time.monotonic() + self._pause()
        # by whether the command still has a good token
        self._silent_until: dict[bool, float] = {}

    def attend(self, handled: Iterable[signal.Signals]) -> float:
        """Begins a renewal when it is time, takes what one has brought; seconds to the next look.

        `handled` is what `Background` is given.
        """
        answer = self._renewing.read() if self._renewing else None
        if answer is not None:
            self._renewing = None
            parts, troubles = loads(answer) if answer else (None, [_NO_ANSWER])
            self._receive(Entry(*parts) if parts else None, tuple(troubles))
        due = time.monotonic() >= self._not_before and self._decision() != cache.SERVE
        if self._renewing is None and due:
            try:
                self._renewing = Background(self._renewed, handled)
            except OSError as error:
                self._failed((f"cannot start a process to renew it: {reason_of(error)}",))
        return _DRAIN if self._renewing else min(_LOOK, self._entry.life / 20)

    def _renewed(self) -> bytes:
        """The outcome of a renewal, as the process that makes it sends it to the parent."""
        entry, troubles = self._renew()
        parts = entry and (entry.fields, entry.issued_at, entry.stored_at, entry.ahead)
        return dumps((parts, troubles)).encode()

    def _receive(self, entry: Entry | None, troubles: tuple[str, ...]) -> None:
        if entry is not None and entry.fields != self._entry.fields:
            try:
                self._hand_over(entry)
                self._entry = entry
            except OSError as error:
                troubles += (f"it cannot be written: {reason_of(error)}",)
        if self._decision() != cache.SERVE:
            self._failed(troubles)
            return
        for trouble in troubles:
            self._report(trouble)
        if self._silent_until:
            self._report("the token can be renewed again")
        self._failures = 0
        self._silent_until.clear()

    def _decision(self) -> str:
        return cache.decide(self._entry, None, self._terms, time.time())

    def _failed(self, troubles: tuple[str, ...]) -> None:
        now = time.monotonic()
        self._failures += bool(troubles)
        self._not_before = now + self._pause()
        is_good = self._decision() == cache.AHEAD
        if troubles and now >= self._silent_until.get(is_good, now):
            self._silent_until[is_good] = now + _SILENCE
            for trouble in troubles:
                self._report(trouble)

    def _pause(self) -> float:
        """Shorter towards the end of the token, longer with each failure."""
        left = self._entry.expires_at - time.time()
        return min(max(left / 4, 2.0 ** min(self._failures, 10)), _LONGEST_PAUSE)


def keep(argv: list[str], environment: Mapping[str, str], supply: Supply) -> int:
    """Runs `argv`, supplies it until it ends, and returns its exit code, 128+n for a signal.

    What the caller had ignored stays ignored, here and in the command. Raises CannotStart.
    """
    handled = [each for each in _HANDLED if signal.getsignal(each) is not signal.SIG_IGN]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, handled)
    for each in handled:
        signal.signal(each, _note)

    def unblock() -> None:
        for each in handled:
            signal.signal(each, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    command = _Command(process.spawn(argv, environment, unblock))
    nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for descriptor in (0, 1):  # what the command closes is then closed for the other end, too
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
    while True:
        number, is_from_kernel = _next_signal(handled, supply.attend(handled))
        if number in (signal.SIGCHLD, signal.SIGCONT):
            code = command.code()
            if code is not None:
                return code
        if number and number != signal.SIGCHLD:
            command.receive(number, is_from_kernel)


def _next_signal(handled: list[signal.Signals], seconds: float) -> tuple[int, bool]:
    """The next signal, 0 when there is none in time, and whether the kernel sent it by itself.

    Where that cannot be known (macOS), every signal counts as the kernel's.
    """
    if hasattr(signal, "sigtimedwait"):
        info = signal.sigtimedwait(handled, seconds)
        return (0, False) if info is None else (info.si_signo, info.si_code > 0)
    signal.signal(signal.SIGALRM, _note)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    signal.setitimer(signal.ITIMER_REAL, seconds)
    number = signal.sigwait([*handled, signal.SIGALRM])
    return (0 if number == signal.SIGALRM else number), True


def _note(number: int, frame: FrameType | None) -> None:
    """A signal that has no handler, and is not waited for on its own, may be dropped."""


class _Command:
    """The command that runs, a child of this process."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._is_stopped = False

    def receive(self, number: int, is_from_kernel: bool) -> None:  # noqa: FBT001
        """Passes a signal on, unless the command has it already."""
        if has_terminal():
            # a terminal signals the whole job, and so does a shell that continues one
            if number in _FROM_TERMINAL and is_from_kernel:
                return
            if number == signal.SIGCONT and not self._is_stopped:
                return
        with suppress(ProcessLookupError, PermissionError):
            os.kill(self._pid, number)

    def code(self) -> int | None:
        """The exit code, if it has ended; other children may end too, when this process is init."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
                if pid == 0:
                    return None
                if pid != self._pid:
                    continue
                if os.WIFCONTINUED(status):
                    self._is_stopped = False
                elif os.WIFSTOPPED(status):
                    self._is_stopped = True
                    _stop_too(os.WSTOPSIG(status))
                else:
                    code = os.waitstatus_to_exitcode(status)
                    return code if code >= 0 else 128 - code
        return None


def _stop_too(number: int) -> None:
    """Stops as the command was stopped, and returns when the shell goes on with the job."""
    if number not in _JOB_CONTROL or not has_terminal():
        return
    before = signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)  # if the terminal's own is pending too, the two become one
    mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    signal.signal(number, before)


def has_terminal() -> bool:
    """Whether this process has a controlling terminal."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


@contextmanager
def token_file(token: Secret, environ: locate.Environ, prefix: str) -> Iterator[str]:
    """The path of a new file that holds `token` and nothing else, until the context is left.

    It lies in a directory of its own (mode 0700): below `$XDG_RUNTIME_DIR`, which is in memory and
    ends with the session, where that is there and private, else among the temporary files. Raises
    OutputError when neither can be used.
    """
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    directory = None
    try:
        with suppress(OSError):  # the temporary files are the second choice
            if runtime.startswith("/"):
                locate.check_private(runtime)
                directory = tempfile.mkdtemp(prefix=prefix, dir=runtime)
        try:
            directory = directory or tempfile.mkdtemp(prefix=prefix)
            os.chmod(directory, 0o700)  # a umask may have taken away the owner's rights
            path = os.path.join(directory, "access-token")
            write_token(path, token)
        except OSError as error:
            raise OutputError(
                f"the token file cannot be written: {reason_of(error)}",
                "set TMPDIR to a directory that can be written to",
            ) from None
        yield path
    finally:
        if directory:
            rmtree(directory, ignore_errors=True)


def write_token(path: str, token: Secret) -> None:
    """Replaces the token: a reader sees the old or the new one, whole. Raises OSError."""
    files.write(path, token.reveal().encode("ascii"))
