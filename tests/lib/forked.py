"""What a copy of this process does, for what could not be undone: signals, limits, a program."""

import os
import signal
import sys
from collections.abc import Callable

AT_MOST = 300
"""Seconds; an alarm outlives the start of another program."""


def forked(act: Callable[[], object]) -> tuple[int, str]:
    """How a child that does `act` ends (negative: by that signal), and what it prints."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            os.dup2(writer, 1)
            os.dup2(writer, 2)
            sys.stdout = sys.stderr = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(AT_MOST)
            act()
            code = 0
        except SystemExit as error:
            code = int(error.code or 0)
        except BaseException as error:  # noqa: BLE001  # the test sees it in the output
            print(f"{type(error).__name__}: {error}")
        finally:
            sys.stdout.flush()
            os._exit(code)
    os.close(writer)
    with open(reader, encoding="utf-8") as file:
        printed = file.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), printed


def lowest_free() -> int:
    """The descriptor that the next file gets; another one than before if something stays open."""
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    return descriptor
