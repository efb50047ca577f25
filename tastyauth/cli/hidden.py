"""A line that is typed unseen: no echo while it is read, nor after Ctrl-Z, with `fg` or without."""

import errno
import os
import signal
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_LINE = 4096
"""Bytes: what a terminal hands over at once (termios(3), canonical mode)."""


def read_line(prompt: str) -> bytes | None:
    """What is typed at the prompt on the terminal; None when its input has ended (Ctrl-D).

    stdin and stderr are that terminal. However this ends, it echoes again. Half a line without
    its Enter counts for nothing.
    """
    with _unseen(prompt):
        line = b""
        while not line.endswith(b"\n"):
            try:
                typed = os.read(0, _LINE)
            except OSError:
                return None  # the terminal hung up
            if not typed:
                return None
            line += typed
        return line


@contextmanager
def _unseen(prompt: str) -> Iterator[None]:
    shown = termios.tcgetattr(0)
    unseen = [*shown[:3], shown[3] & ~termios.ECHO, *shown[4:]]

    def hide(*_: object) -> None:
        _set(unseen)
        os.write(2, prompt.encode())

    def stop(*_: object) -> None:
        # The shell gets its terminal as it was (not every shell puts that right itself), and many
        # hand it back with the echo on: SIGCONT hides anew.
        _set(shown)
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, stop)
        if termios.tcgetattr(0)[3] & termios.ECHO:
            hide()  # nothing was stopped: the system leaves a group alone that no shell looks after

    before = [(signal.SIGCONT, signal.signal(signal.SIGCONT, hide))]
    if signal.getsignal(signal.SIGTSTP) is not signal.SIG_IGN:  # no job control: it stays ignored
        before.append((signal.SIGTSTP, signal.signal(signal.SIGTSTP, stop)))
    try:
        hide()
        yield
    finally:
        for number, handler in before:  # first, or they might hide it again
            signal.signal(number, handler)
        with suppress(OSError, termios.error):  # a terminal that hung up is not what went wrong
            _set(shown)
            os.write(2, b"\n")


def _set(mode: list[int | list[bytes | int]]) -> None:
    """Sets the terminal, and drops what was typed ahead of a question nobody had seen."""
    while True:
        try:
            termios.tcsetattr(0, termios.TCSAFLUSH, mode)
            return
        except termios.error as error:
            if error.args[0] != errno.EINTR:  # stopped in the background; there is a `fg` to come
                raise
