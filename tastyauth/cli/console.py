"""The terminal: stdout carries the product, stderr everything else, nothing is asked unseen.

* stdout is written once, whole, and checked; a pipe that is closed or a disk that is full is 74.
* Every line on stderr begins with `tastyauth: `. An error is one sentence, its hint another.
* Nothing is asked when stdin or stderr is not a terminal, or in CI.
"""

import _signal  # type: ignore[import-not-found]  # the public module imports enum
import errno
import os
import sys
from _signal import SIG_DFL, SIG_IGN, getsignal, signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Timer
from typing import TYPE_CHECKING

from tastyauth import errors
from tastyauth.errors import OutputError, Stopped, TastyauthError, UsageError
from tastyauth.locate import home_directory
from tastyauth.secret import has_credential, shown

with suppress(ImportError):  # Windows has no termios; nothing is asked there
    import termios

if TYPE_CHECKING:
    from tastyauth.sources import Surroundings

_PATIENCE = 0.5
"""Seconds before a terminal shows what is being waited for."""

_LONGEST_LINE = 64 * 1024
"""Characters of stdin that are read for a secret; none is that long."""

_TYPED_LINE = 4096
"""Bytes that a terminal hands over at once (termios(3), canonical mode)."""

_RED, _YELLOW, _BOLD, _PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[1m", "\x1b[0m"


class Console:
    """Where this run reads and prints, how much it says, and whether it has warned."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.command = ""  # what to run again once a question was left without an answer
        self.about = ""  # as of an error: whatever warns or asks from here on is about this profile
        self.withheld: frozenset[str] = frozenset()  # variables that no program gets
        self.quiet = False
        self.verbose = False
        self.color = "auto"
        self.warned = set[str]()

    @property
    def interactive(self) -> bool:
        """Whether there is somebody to ask."""
        silenced = self.environ.get("CI") or self.environ.get("TASTYAUTH_NON_INTERACTIVE")
        return not silenced and _is_terminal(0) and _is_terminal(2)

    @property
    def surroundings(self) -> "Surroundings":
        """What sources may look at in this run."""
        from tastyauth.sources import Surroundings  # late: it brings all sources

        home = home_directory(self.environ)
        return Surroundings(self.environ, self.interactive, home, withheld=self.withheld)

    @property
    def stdout_is_terminal(self) -> bool:
        return _is_terminal(1)

    def colors(self, descriptor: int) -> bool:
        """Whether text for `descriptor` (1 or 2) may carry colours (no-color.org)."""
        if self.color != "auto":
            return self.color == "always"
        if self.environ.get("NO_COLOR"):
            return False
        if self.environ.get("FORCE_COLOR"):
            return True
        return _is_terminal(descriptor) and self.environ.get("TERM") != "dumb"

    def out(self, text: str) -> None:
        """Writes the product; raises OutputError unless all of it is written."""
        if sys.stdout is None:
            raise OutputError("stdout is closed", "give tastyauth a stdout to write to")
        try:
            _write(1, text, "surrogateescape")  # a shell needs the very bytes of a path
        except OSError as error:
            raise errors.cannot_write(error) from None

    def say(self, text: str) -> None:
        """A remark for the user, unless --quiet."""
        if not self.quiet:
            self._stderr(_lines_shown(text))

    def detail(self, text: str) -> None:
        """A remark that only --verbose shows."""
        if self.verbose:
            self._stderr(_lines_shown(text))

    def warn(self, text: str) -> None:
        """A warning, once, unless --quiet."""
        if not self.quiet and text not in self.warned:
            self._stderr(self._paint(_YELLOW, "warning") + f": {_lines_shown(self._named(text))}")
        self.warned.add(text)

    def error(self, error: TastyauthError) -> None:
        """The message and the hint, even with --quiet."""
        if isinstance(error, errors.OF_A_PROFILE):
            error.about = error.about or self.about
        self._stderr(self._paint(_RED, "error") + f": {shown(str(error))}")
        if error.hint:
            hint = _lines_shown(error.hint).replace("\n", "\n  ")
            self._stderr(f"{self._paint(_BOLD, 'hint')}: {hint}")

    def ask(self, facts: str, question: str, *, usual: bool = False) -> bool:
        """Asks below the facts until the answer is yes or no; Enter is `usual`.

        Raises UsageError when the input ends.
        """
        if facts:
            self._stderr(facts)
        while True:
            answer = self._answered(question, f" [{'Y/n' if usual else 'y/N'}] ").lower()
            if answer in {"", "y", "yes", "n", "no"}:
                return (answer or "ny"[usual])[0] == "y"
            self._stderr("please answer y or n")

    def ask_text(self, question: str, flag: str, default: str = "") -> str:
        """Asks for a line of text; raises UsageError if nobody can be asked, or the input ends."""
        if not self.interactive:
            raise UsageError(f"no {question} was given", f"give it with {flag}")
        while True:
            answer = self._answered(question, f"{f' [{default}]' if default else ''}: ") or default
            if answer:
                return answer

    def ask_hidden(self, question: str) -> str:
        """Asks for a line that is not shown while it is typed, or reads it from stdin.

        Bytes that are not UTF-8 become lone surrogates (PEP 383). Raises UsageError when there is
        no line, and on a terminal that would show it.
        """
        if self.interactive:
            line = _typed_unseen(f"tastyauth: {self._named(question)} (not shown): ")
            if line is None:
                raise self._unanswered(question)
            return line.decode("utf-8", "surrogateescape")
        if _is_terminal(0):
            raise UsageError(
                f"cannot ask for the {question} here: your typing would be visible",
                "pipe it into stdin, or run this at a terminal, with CI and"
                " TASTYAUTH_NON_INTERACTIVE unset and stderr not redirected",
            )
        try:
            text = sys.stdin.readline(_LONGEST_LINE) if sys.stdin is not None else ""
        except UnicodeDecodeError:
            return "\udcff"
        if not text:
            raise UsageError(f"no {question} on stdin", "give one line for each value")
        return text

    def choose(
        self, question: str, options: Mapping[str, str], flag: str, default: str = ""
    ) -> str:
        """Asks for one of `options`, which are explained; a prefix in any case is enough."""
        if self.interactive:
            width = max(map(len, options))
            self._stderr("\n".join(f"  {name:<{width}}  {why}" for name, why in options.items()))
        names = ", ".join(options)
        while True:
            answer = self.ask_text(f"{question} ({names})", flag, default)
            meant = [name for name in options if name.startswith(answer.lower())]
            if len(meant) == 1:
                return meant[0]
            self._stderr(f"answer with one of these: {names}")

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Shows what is being waited for when it takes long, and erases that afterwards."""
        if self.quiet or not _is_terminal(2):
            yield
            return
        shown = False

        def show() -> None:
            nonlocal shown
            shown = True
            text = f"tastyauth: waiting for {what} ..."
            with suppress(OSError):
                width = os.get_terminal_size(2).columns
                if 0 < width <= len(text):  # only one line can be erased
                    text = text[: width - 1]
            _write(2, text)

        timer = Timer(_PATIENCE, show)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            if shown:
                with suppress(OSError):  # a terminal that hung up is not the error to report
                    _write(2, "\r\x1b[K")

    def _answered(self, question: str, rest: str) -> str:
        """A line that is echoed as it is typed; asks again when it holds a secret."""
        while True:
            _write(2, f"tastyauth: {self._named(question)}{rest}")
            try:
                typed = sys.stdin.buffer.readline()
                if not typed:  # Ctrl-D
                    _write(2, "\n")
            except Stopped:
                _write(2, "\n")
                raise
            except OSError:
                typed = b""  # the terminal hung up
            if not typed:
                raise self._unanswered(question)
            line = typed.decode("utf-8", "replace")
            if not has_credential(line):
                return line.strip()
            what = "what you entered looks like a secret, and it was shown on the screen"
            hint = "clear the screen and its scrollback, then answer the question"
            self.error(UsageError(what, hint))

    def _unanswered(self, question: str) -> UsageError:
        hint = f"nothing was changed; run tastyauth {self.command} again"
        what = f'answer to "{question}"' if question.endswith("?") else question
        return UsageError(f"no {what} was given", hint)

    def _named(self, text: str) -> str:
        return f"{self.about}: {text}" if self.about else text

    def _paint(self, color: str, text: str) -> str:
        return f"{color}{text}{_PLAIN}" if self.colors(2) else text

    def _stderr(self, text: str) -> None:
        if sys.stderr is None:
            return
        lines = "".join(f"tastyauth: {line}".rstrip() + "\n" for line in text.split("\n"))
        with suppress(OSError):  # nobody reads it, and the exit code is still right
            _write(2, lines)


def reserve_standard_descriptors() -> None:
    """Opens 0, 1 and 2 if the caller closed them, so that no file or socket gets their numbers."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one


def _is_terminal(descriptor: int) -> bool:
    stream = (sys.stdin, sys.stdout, sys.stderr)[descriptor]
    return stream is not None and os.isatty(descriptor)


def _lines_shown(text: str) -> str:
    return "\n".join(map(shown, text.split("\n")))


def _write(descriptor: int, text: str, errors: str = "backslashreplace") -> None:
    try:
        data = text.encode("utf-8", errors)
    except UnicodeEncodeError:  # half of a UTF-16 pair has no bytes
        data = text.encode("utf-8", "backslashreplace")
    while data:
        data = data[os.write(descriptor, data) :]


def _typed_unseen(prompt: str) -> bytes | None:
    """A line typed at the terminal without echo; None at the end of its input (Ctrl-D).

    stdin and stderr are that terminal. However this ends, it echoes again. A line without its
    Enter does not count.
    """
    line = b""
    with _echo_off(prompt), suppress(OSError):  # the terminal hung up
        while typed := os.read(0, _TYPED_LINE):
            line += typed
            if line.endswith(b"\n"):
                return line
    return None


@contextmanager
def _echo_off(prompt: str) -> Iterator[None]:
    """Hides what is typed, and shows the prompt, also after Ctrl-Z, with `fg` or without."""
    echoing = termios.tcgetattr(0)
    hidden = [*echoing[:3], echoing[3] & ~termios.ECHO, *echoing[4:]]

    def hide(*_: object) -> None:
        _set_terminal(hidden)
        os.write(2, prompt.encode())

    def stop(*_: object) -> None:
        # Not every shell restores the terminal itself, and many hand it back with the echo on:
        # SIGCONT hides again.
        _set_terminal(echoing)
        signal(_signal.SIGTSTP, SIG_DFL)
        os.kill(os.getpid(), _signal.SIGTSTP)
        signal(_signal.SIGTSTP, stop)
        if termios.tcgetattr(0)[3] & termios.ECHO:
            hide()  # nothing was stopped: the system spares a group that no shell looks after

    def resume(*_: object) -> None:
        with suppress(OSError, termios.error):  # SIGCONT also comes when a terminal hangs up
            hide()

    before = [(_signal.SIGCONT, signal(_signal.SIGCONT, resume))]
    if getsignal(_signal.SIGTSTP) is not SIG_IGN:  # no job control: it stays ignored
        before.append((_signal.SIGTSTP, signal(_signal.SIGTSTP, stop)))
    try:
        hide()
        yield
    finally:
        for number, handler in before:  # first, or they might hide it again
            signal(number, handler)
        with suppress(OSError, termios.error):  # a terminal that hung up is not the error to report
            _set_terminal(echoing)
            os.write(2, b"\n")


def _set_terminal(mode: list[int | list[bytes | int]]) -> None:
    """Sets the terminal, and drops what was typed before the question was shown."""
    while True:
        try:
            termios.tcsetattr(0, termios.TCSAFLUSH, mode)
            return
        except termios.error as error:
            if error.args[0] != errno.EINTR:  # stopped in the background; continues after `fg`
                raise
