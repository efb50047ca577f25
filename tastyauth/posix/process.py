"""Runs programs without a shell and within a time limit; an answer is complete at the exit."""

import atexit
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import IO, Self, cast

from tastyauth import posix
from tastyauth.errors import reason_of
from tastyauth.posix import HeldBack

STDOUT_LIMIT = 64 * 1024
"""Bytes. Four times the longest possible secret; more is not an answer."""

STDERR_TAIL = 4 * 1024
"""Bytes. What is kept of the end of stderr, where programs say why they failed."""

_DRAIN = 0.1
"""Seconds. How long after the exit a last filter (`cmd > >(sed …)`) may still be writing."""

_GRACE = 0.2
"""Seconds. How long a program may take to restore the terminal and remove its lock files."""

_LOOK = 0.05
"""Seconds. How often the exit is looked for while somebody keeps a pipe open."""

_BREATH = 0.005
"""Seconds. How often it is looked for once nobody has a pipe."""

_REAP = 1.0
"""Seconds. A killed program is gone at once; one that became another user cannot be killed."""


class ProcessError(Exception):
    """A program gave no answer; the subclasses say why."""


class CannotStart(ProcessError):
    """The system refuses to execute it; the text is its reason."""


class TooMuchOutput(ProcessError):
    """It wrote more than STDOUT_LIMIT bytes to stdout, and was ended."""


class ExitCodeLost(ProcessError):
    """It ended, and something else in this process waited for it, so nobody knows how."""

    def __init__(self) -> None:
        super().__init__(
            "its exit code is lost: this process waits for all children, not only for its own"
        )


class TimedOut(ProcessError):
    """It had not exited at the limit, and was ended; `stderr` is the end of what it said."""

    def __init__(self, stderr: bytes) -> None:
        super().__init__("timed out")
        self.stderr = stderr


@dataclass(frozen=True, slots=True)
class Completed:
    """How a program ended (negative: by that signal) and what it wrote.

    stderr is its end only, and empty for an interactive program: the user has seen it.
    """

    returncode: int
    stdout: bytes = field(repr=False)
    stderr: bytes = field(repr=False)


@dataclass(eq=False, repr=False)
class Running:
    """A running program; as a context manager it leaves nothing running."""

    _program: subprocess.Popen[bytes]
    _stdin: bytes
    _owns_group: bool
    _holds_exit_codes: bool
    _started: float = field(default_factory=time.monotonic)
    _stdout: bytearray = field(default_factory=bytearray)
    _stderr: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        _running.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait(self, timeout: float) -> Completed:
        """The answer, at most `timeout` seconds after the start.

        Complete means that the program itself has exited: an agent that it left behind may hold
        its stdout for ever. Raises TimedOut, TooMuchOutput and ExitCodeLost. However this ends, the
        program has ended and its pipes are closed.
        """
        try:
            returncode = self._collect(self._started + timeout)
        finally:
            self.stop()
        return Completed(returncode, bytes(self._stdout), bytes(self._stderr))

    def stop(self) -> None:
        """Ends the program if it still runs, and closes its pipes; may be called again."""
        try:
            if self._program.poll() is None:
                self._kill()
        finally:
            _running.discard(self)
            for pipe in (self._program.stdin, self._program.stdout, self._program.stderr):
                if pipe is not None:
                    pipe.close()
            if self._holds_exit_codes:
                self._holds_exit_codes = False
                _let_exit_codes_go()

    def _collect(self, deadline: float) -> int:
        with selectors.DefaultSelector() as pipes:
            for pipe, event in (
                (self._program.stdin, selectors.EVENT_WRITE),
                (self._program.stdout, selectors.EVENT_READ),
                (self._program.stderr, selectors.EVENT_READ),
            ):
                if pipe is not None:
                    os.set_blocking(pipe.fileno(), False)
                    pipes.register(pipe, event)
            while (returncode := self._code()) is None:
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    self._transfer(pipes, 0)
                    raise TimedOut(bytes(self._stderr))
                self._transfer(pipes, min(remaining, _LOOK))
            drained = time.monotonic() + _DRAIN
            while pipes.get_map() and (remaining := drained - time.monotonic()) > 0:
                self._transfer(pipes, remaining)
        return returncode

    def _code(self) -> int | None:
        """The exit code, None while it runs; `Popen` would take a lost one for success."""
        if self._program.returncode is None:
            try:
                pid, status = os.waitpid(self._program.pid, os.WNOHANG)
            except ChildProcessError:
                self._program.returncode = -1  # its number is not ours to signal any more
                raise ExitCodeLost from None
            if pid:
                self._program.returncode = os.waitstatus_to_exitcode(status)
        return self._program.returncode

    def _transfer(self, pipes: selectors.BaseSelector, seconds: float) -> None:
        """Reads and writes the pipes for at most `seconds`; closes those that are done."""
        if not pipes.get_map():
            time.sleep(min(seconds, _BREATH))
            return
        for key, _ in pipes.select(seconds):
            pipe = cast(IO[bytes], key.fileobj)
            if pipe is self._program.stdin:
                try:
                    self._stdin = self._stdin[os.write(key.fd, self._stdin) :]
                except BrokenPipeError:  # it does not read its input
                    self._stdin = b""
                is_open = bool(self._stdin)
            else:
                chunk = os.read(key.fd, STDOUT_LIMIT)
                is_open = bool(chunk)
                if pipe is self._program.stdout:
                    self._stdout += chunk
                else:
                    self._stderr += chunk
            if len(self._stdout) > STDOUT_LIMIT:
                raise TooMuchOutput(f"wrote more than {STDOUT_LIMIT} bytes")
            del self._stderr[:-STDERR_TAIL]
            if not is_open:
                pipes.unregister(pipe)
                pipe.close()

    def _kill(self) -> None:
        # A plain sleep: to see the leader end is to reap it, and that would set its number free
        # before the last signal to the group is sent.
        end = os.killpg if self._owns_group else os.kill
        # macOS answers EPERM for a group of which only a zombie is left.
        gone = suppress(ProcessLookupError, PermissionError)
        try:
            with gone:
                end(self._program.pid, signal.SIGTERM)
            time.sleep(_GRACE)
        finally:
            with gone:
                end(self._program.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                self._program.wait(_REAP)


_running: set[Running] = set()
os.register_at_fork(after_in_child=_running.clear)  # they are the parent's


@atexit.register
def _end() -> None:
    """Ends what a daemon thread waits for: it cannot, once this process has ended."""
    for each in tuple(_running):
        if each._program.poll() is None:
            each._kill()


def start(
    argv: Sequence[str],
    *,
    environ: Mapping[str, str],
    interactive: bool,
    directory: str,
    stdin: bytes = b"",
) -> Running:
    """Starts `argv`, whose first item is the path of the program, in `directory`.

    Not interactive: stdin is the null device and the session is its own, so that nothing can ask
    and all of it can be killed. Interactive: it shares the session, process group and terminal of
    tastyauth (in a group of its own its first read of the terminal would stop it), stdin and stderr
    pass through, and at the limit only the program itself is ended. `stdin` replaces either stdin
    and is written while `wait` runs. Raises CannotStart.
    """
    given = subprocess.PIPE if stdin else None if interactive else subprocess.DEVNULL
    running: Running | None = None
    holds_exit_codes = _hold_exit_codes()
    try:
        with HeldBack():  # a stop that comes while it starts would leave it running
            program = subprocess.Popen(
                argv,
                bufsize=0,
                cwd=directory,
                env=environ,
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=None if interactive else subprocess.PIPE,
                start_new_session=not interactive,
            )
            running = Running(program, stdin, not interactive, holds_exit_codes)
        return running  # noqa: RET504  # a stop is raised where this ends, and `running` is stopped
    except BaseException as error:
        if running is not None:
            running.stop()
        elif holds_exit_codes:
            _let_exit_codes_go()
        if isinstance(error, OSError):
            raise CannotStart(reason_of(error)) from None
        if isinstance(error, ValueError):
            raise CannotStart(
                "an argument or variable that cannot be passed to a program"
            ) from None
        raise


_holders = 0
"""Programs that run while the process does not handle SIGCHLD in its own way."""

_own: Callable[[int, FrameType | None], object] | int = signal.SIG_DFL
"""That way."""


def _hold_exit_codes() -> bool:
    """Sets aside what a program that uses the library does at SIGCHLD; whether there was anything.

    While it is ignored, the system forgets how children end, and each would seem to have succeeded;
    a handler may wait for any child. Raises CannotStart outside the main thread, where it cannot be
    changed, if it is ignored.
    """
    global _holders, _own
    if not _holders:
        own = signal.getsignal(signal.SIGCHLD)
        if own in (signal.SIG_DFL, None):
            return False
        try:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        except ValueError:
            if own is not signal.SIG_IGN:
                return False
            raise CannotStart(
                "this process ignores SIGCHLD, so only its main thread can learn how a program ends"
            ) from None
        _own = own or signal.SIG_DFL
    _holders += 1
    return True


def _let_exit_codes_go() -> None:
    global _holders
    _holders -= 1
    if not _holders:
        with suppress(ValueError):  # in another thread than the one that began it
            signal.signal(signal.SIGCHLD, _own)
            signal.raise_signal(signal.SIGCHLD)  # a handler hears of children that ended meanwhile


def run(
    argv: Sequence[str],
    *,
    environ: Mapping[str, str],
    interactive: bool,
    directory: str,
    timeout: float,
    stdin: bytes = b"",
) -> Completed:
    """`start` and `wait` in one; `timeout` in seconds; raises any ProcessError."""
    with start(
        argv, environ=environ, interactive=interactive, directory=directory, stdin=stdin
    ) as running:
        return running.wait(timeout)


def spawn(argv: list[str], environ: Mapping[str, str], prepare: Callable[[], None]) -> int:
    """Starts `argv` as a child in the same process group; its process ID. Raises posix.CannotStart.

    `prepare` is called in the child, before it becomes the program.
    """
    if not argv[0]:
        raise posix.CannotStart(argv[0], ValueError())
    posix.forbid_core_dumps(undo=True)
    try:
        # with a function to call, posix_spawn is not used: it leaves two signals ignored
        child = subprocess.Popen(argv, env=environ, close_fds=False, preexec_fn=prepare)
    except (OSError, ValueError) as error:
        raise posix.CannotStart(argv[0], error, environ) from None
    finally:
        posix.forbid_core_dumps()
    child.returncode = 0  # who has its ID waits for it
    return child.pid
