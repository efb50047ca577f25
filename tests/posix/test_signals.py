"""Being asked to stop: the first signal ends a run in order, and those after it change nothing."""

import signal
import subprocess
import sys

from tables import for_each

STOPPED = """\
import os, sys
from tastyauth.errors import Stopped
from tastyauth.posix import HeldBack, raise_when_stopped

first, second = map(int, sys.argv[1:])
raise_when_stopped()
try:
    with HeldBack():
        os.kill(os.getpid(), first)
        print("finished what was on its way")
except Stopped as stopped:
    os.kill(os.getpid(), second)
    print(f"ended in order with {stopped.exit_code}")
"""

STOPPING = [signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP]


@for_each("second", STOPPING)
@for_each("first", STOPPING)
def test_a_second_signal_does_not_disturb_how_the_first_ends_a_run(
    first: signal.Signals, second: signal.Signals
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STOPPED, str(int(first)), str(int(second))],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    said = f"finished what was on its way\nended in order with {128 + first}\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")
