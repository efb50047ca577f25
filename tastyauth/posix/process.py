"""Programs run without a shell and within a time limit, and have answered when they exit."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

from tastyauth.errors import Stopped, reason_of
from tastyauth.posix.signals import DELAY

STDOUT_LIMIT = 64 * 1024
"""Bytes. Four times the longest secret there may be; more is not an answer."""

STDERR_TAIL = 4 * 1024
"""Bytes. What is kept of the end of stderr, where programs say why they failed."""

_DRAIN = 0.1
"""Seconds. How long after the exit a last filter (`cmd > >(sed …)`) may still be writing."""

_GRACE = 0.2
"""Seconds. What a program gets for putting the terminal and its lock files in order."""

_LOOK = 0.05
"""Seconds. How often the exit is looked for while somebody keeps a pipe open."""

_REAP = 1.0
"""Seconds. A killed program is gone at once; one that became another user cannot be killed."""


class ProcessError(Exception):
    """A program gave no answer; its subclasses say why."""


class CannotStart(ProcessError):
    """The system refuses to execute it; the text is the system's reason."""


class TooMuchOutput(ProcessError):
    """It wrote more than STDOUT_LIMIT bytes to stdout, and was ended."""


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


class Running:
    """A program on its way; as a context manager it leaves nothing running behind."""

    def __init__(self, program: subprocess.Popen[bytes], *, owns_group: bool) -> None:
        self._program = program
        self._owns_group = owns_group
        self._started = time.monotonic()
        self._stdout = bytearray()
        self._stderr = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait(self, timeout: float) -> Completed:
        """The answer, at most `timeout` seconds after the start.

        Complete means that the program itself has exited: an agent that it left behind may hold
        its stdout for ever. Raises TimedOut and TooMuchOutput. However this ends, the program is
        over and its pipes are closed.
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
            for pipe in (self._program.stdout, self._program.stderr):
                if pipe is not None:
                    pipe.close()

    def _collect(self, deadline: float) -> int:
        with selectors.DefaultSelector() as pipes:
            self._watch(pipes)
            while (returncode := self._program.poll()) is None:
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    self._read(pipes, 0)
                    raise TimedOut(bytes(self._stderr))
                self._read(pipes, min(remaining, _LOOK))
            drained = time.monotonic() + _DRAIN
            while pipes.get_map() and (remaining := drained - time.monotonic()) > 0:
                self._read(pipes, remaining)
        return returncode

    def _watch(self, pipes: selectors.BaseSelector) -> None:
        for pipe, keep in (
            (self._program.stdout, self._keep_stdout),
            (self._program.stderr, self._keep_stderr),
        ):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                pipes.register(pipe, selectors.EVENT_READ, keep)

    def _read(self, pipes: selectors.BaseSelector, seconds: float) -> None:
        if not pipes.get_map():
            with suppress(subprocess.TimeoutExpired):
                self._program.wait(seconds)
            return
        for key, _ in pipes.select(seconds):
            keep: Callable[[bytes], None] = key.data
            chunk = os.read(key.fd, STDOUT_LIMIT)
            keep(chunk)
            if not chunk:
                pipes.unregister(key.fileobj)

    def _keep_stdout(self, chunk: bytes) -> None:
        self._stdout += chunk
        if len(self._stdout) > STDOUT_LIMIT:
            raise TooMuchOutput(f"wrote more than {STDOUT_LIMIT} bytes")

    def _keep_stderr(self, chunk: bytes) -> None:
        self._stderr += chunk
        del self._stderr[:-STDERR_TAIL]

    def _kill(self) -> None:
        # A plain sleep: to see the leader end is to reap it, and that would set its number free
        # before the last signal to the group is sent.
        try:
            self._signal(signal.SIGTERM)
            time.sleep(_GRACE)
        finally:
            self._signal(signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                self._program.wait(_REAP)

    def _signal(self, number: signal.Signals) -> None:
        # macOS answers EPERM for a group of which only a zombie is left.
        with suppress(ProcessLookupError, PermissionError):
            if self._owns_group:
                os.killpg(self._program.pid, number)
            else:
                os.kill(self._program.pid, number)


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
    and all of it can be killed. Interactive: session, process group and terminal are ours (in a
    group of its own a program is stopped by its first read of the terminal), stdin and stderr
    pass through; at the limit only the program itself is ended. `stdin`, at most what a pipe
    holds (4 KiB everywhere, 64 KiB on Linux), is given to it instead. Raises CannotStart.
    """
    given = subprocess.PIPE if stdin else None if interactive else subprocess.DEVNULL
    running: Running | None = None
    try:
        with DELAY:  # a stop that comes while it starts would leave it running
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
            running = Running(program, owns_group=not interactive)
    except OSError as error:
        raise CannotStart(reason_of(error)) from None
    except ValueError:
        raise CannotStart("an argument or variable that no program can be given") from None
    except Stopped:
        if running is not None:
            running.stop()
        raise
    try:
        if program.stdin is not None:
            with suppress(BrokenPipeError), program.stdin as pipe:
                pipe.write(stdin)
    except BaseException:
        running.stop()
        raise
    return running


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
