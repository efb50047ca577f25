"""The terminal: stdout carries the product, stderr everything else, nothing is asked unseen.

* stdout is written once, whole, and checked; a pipe that is closed or a disk that is full is 74.
* Every line on stderr begins with `tastyauth: `. An error is one sentence, its hint another.
* Nothing is asked when stdin or stderr is not a terminal, or in CI.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Timer

from tastyauth.errors import OutputError, Stopped, TastyauthError, UsageError, cannot_write
from tastyauth.secret import shown

_PATIENCE = 0.5
"""Seconds of waiting in silence on a terminal."""

_LONGEST_LINE = 64 * 1024
"""Characters of stdin that are looked at; no secret is that long."""

_RED, _YELLOW, _BOLD, _PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[1m", "\x1b[0m"


class Console:
    """Where this run reads and prints, and how much it says."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.quiet = False
        self.verbose = False  # the name and type that refresh.Audience asks for
        self.color = "auto"

    @property
    def interactive(self) -> bool:
        """Whether somebody is there to be asked."""
        silenced = self.environ.get("CI") or self.environ.get("TASTYAUTH_NON_INTERACTIVE")
        return not silenced and _is_terminal(0) and _is_terminal(2)

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
        """Writes the product; raises OutputError when it does not arrive whole."""
        if sys.stdout is None:
            raise OutputError("stdout is closed", "give tastyauth a stdout to write to")
        try:
            _write(1, text, "surrogateescape")  # the bytes of an odd path are what a shell needs
        except OSError as error:
            raise cannot_write(error) from None

    def say(self, text: str) -> None:
        """A remark for the person at the terminal, left out by --quiet."""
        if not self.quiet:
            self._stderr(_lines_shown(text))

    def detail(self, text: str) -> None:
        """A remark that only --verbose shows."""
        if self.verbose:
            self._stderr(_lines_shown(text))

    def warn(self, text: str) -> None:
        if not self.quiet:
            self._stderr(self._paint(_YELLOW, "warning") + f": {_lines_shown(text)}")

    def error(self, error: TastyauthError) -> None:
        """The message and the hint, whatever --quiet says."""
        self._stderr(self._paint(_RED, "error") + f": {shown(error.message)}")
        if error.hint:
            self._stderr(self._paint(_BOLD, "hint") + f": {shown(error.hint)}")

    def ask(self, facts: str, question: str) -> bool:
        """A yes-or-no question on the terminal, below the facts; anything but y or yes is no."""
        self._stderr(facts)
        _write(2, f"tastyauth: {question} [y/N] ")
        try:
            return sys.stdin.readline().strip().lower() in {"y", "yes"}
        except UnicodeDecodeError:
            return False

    def ask_text(self, question: str, flag: str, default: str = "") -> str:
        """A line of text; raises UsageError, naming the flag, where nobody can be asked."""
        if not self.interactive:
            raise UsageError(f"no {question} was given", f"give it with {flag}")
        prompt = f"tastyauth: {question}{f' [{default}]' if default else ''}: "
        while True:
            line = _typed(prompt)
            if line is None:
                raise UsageError(f"no {question} was given", f"enter it, or give it with {flag}")
            if line.strip() or default:
                return line.strip() or default

    def ask_hidden(self, question: str) -> str:
        """A line that is not shown while it is typed; from stdin where nobody can be asked.

        Bytes that are no UTF-8 arrive as lone surrogates (PEP 383). Raises UsageError when there
        is no line, and on a terminal on which it would be seen.
        """
        if self.interactive:
            from tastyauth.cli import hidden

            line = hidden.read_line(f"tastyauth: {question} (not shown): ")
            if line is None:
                raise UsageError(f"no {question} was given", "enter it, and press Enter")
            return line.decode("utf-8", "surrogateescape")
        if _is_terminal(0):
            raise UsageError(
                f"the {question} is not asked for here: what is typed would be seen",
                "pipe it into stdin; or be asked: without CI, TASTYAUTH_NON_INTERACTIVE and 2>",
            )
        try:
            text = sys.stdin.readline(_LONGEST_LINE) if sys.stdin is not None else ""
        except UnicodeDecodeError:
            return "\udcff"
        if not text:
            raise UsageError(f"no {question} on stdin", "give one line for each that is asked for")
        return text

    def choose(
        self, question: str, options: Mapping[str, str], flag: str, default: str = ""
    ) -> str:
        """One of `options`, each of which comes with an explanation."""
        if self.interactive:
            width = max(map(len, options))
            self._stderr("\n".join(f"  {name:<{width}}  {why}" for name, why in options.items()))
        names = ", ".join(options)
        while True:
            answer = self.ask_text(f"{question} ({names})", flag, default)
            if answer in options:
                return answer
            self._stderr(f"answer with one of these: {names}")

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Says what is being waited for when it takes long, and wipes it out again."""
        if self.quiet or not _is_terminal(2):
            yield
            return
        shown = False

        def show() -> None:
            nonlocal shown
            shown = True
            _write(2, _fitting(f"tastyauth: waiting for {what} ..."))

        timer = Timer(_PATIENCE, show)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            if shown:
                with suppress(OSError):  # a terminal that hung up is not what went wrong
                    _write(2, "\r\x1b[K")

    def _paint(self, color: str, text: str) -> str:
        return f"{color}{text}{_PLAIN}" if self.colors(2) else text

    def _stderr(self, text: str) -> None:
        if sys.stderr is None:
            return
        lines = "".join(f"tastyauth: {line}".rstrip() + "\n" for line in text.split("\n"))
        try:
            _write(2, lines)
        except OSError:
            return  # nobody listens, and the exit code still tells


def reserve_standard_descriptors() -> None:
    """Keeps 0, 1 and 2 from being given to a file or socket when the caller closed them."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one


def _is_terminal(descriptor: int) -> bool:
    stream = (sys.stdin, sys.stdout, sys.stderr)[descriptor]
    return stream is not None and os.isatty(descriptor)


def _typed(prompt: str) -> str | None:
    """A line of the terminal; None when its input has ended (Ctrl-D)."""
    _write(2, prompt)
    try:
        line = sys.stdin.buffer.readline()
    except Stopped:
        _write(2, "\n")
        raise
    except OSError:
        return None  # the terminal hung up
    if not line:
        _write(2, "\n")
        return None
    return line.decode("utf-8", "replace")


def _encoded(text: str, errors: str) -> bytes:
    try:
        return text.encode("utf-8", errors)
    except UnicodeEncodeError:  # half a character of UTF-16, which no bytes stand for
        return text.encode("utf-8", "backslashreplace")


def _lines_shown(text: str) -> str:
    return "\n".join(map(shown, text.split("\n")))


def _fitting(text: str) -> str:
    """`text` on one line of the terminal: of more, only the last would be wiped out again."""
    try:
        width = os.get_terminal_size(2).columns
    except OSError:
        return text
    return text if not 0 < width <= len(text) else text[: width - 1]


def _write(descriptor: int, text: str, errors: str = "backslashreplace") -> None:
    data = _encoded(text, errors)
    while data:
        data = data[os.write(descriptor, data) :]
