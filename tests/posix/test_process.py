"""Programs: real ones, with real time limits, signals, pipes and a real terminal."""

import hashlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pexpect
import pytest
from tables import for_each

from tastyauth.posix import process

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}
LONG = 60.0
"""Seconds. Far more than any program here needs: reaching it is a failure."""


def started(*argv: str, **options: Any) -> process.Running:
    """A program that may not ask, in the root directory."""
    options = {"environ": ENVIRON, "interactive": False, "directory": "/", **options}
    return process.start(argv, **options)


def start(script: str, *arguments: str) -> process.Running:
    return started("/bin/sh", "-c", script, "sh", *arguments)


def ended(*argv: str, timeout: float = LONG, **options: Any) -> process.Completed:
    """The same, and how it ended."""
    options = {"environ": ENVIRON, "interactive": False, "directory": "/", **options}
    return process.run(argv, timeout=timeout, **options)


def run_script(script: str, *arguments: str, timeout: float = LONG) -> process.Completed:
    return ended("/bin/sh", "-c", script, "sh", *arguments, timeout=timeout)


class Pulse:
    """A named pipe that ends when the last program holding it is gone."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = str(path)
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def await_beat(self) -> None:
        """Returns when a program has written to the pipe."""
        assert select.select([self._descriptor], [], [], LONG)[0], "no program came"
        assert os.read(self._descriptor, 100), "the program was gone at once"

    def has_ended(self, within: float = LONG) -> bool:
        """Whether every program that held the pipe is gone within that many seconds."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            with suppress(BlockingIOError):
                if not os.read(self._descriptor, 100):
                    return True
            time.sleep(0.01)
        return False

    def close(self) -> None:
        os.close(self._descriptor)


HOLD = 'exec 3>"$1"; echo beat >&3; '
"""Shell: this program, and all it starts, holds the pulse named by its first argument."""


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[Pulse]:
    found = Pulse(tmp_path / "pulse")
    yield found
    found.close()


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_the_answer_is_exit_code_stdout_and_stderr() -> None:
    completed = run_script("printf out; printf err >&2; exit 7")
    assert (completed.returncode, completed.stdout, completed.stderr) == (7, b"out", b"err")


def test_a_program_ended_by_a_signal_has_its_negative_number() -> None:
    assert run_script("kill -KILL $$").returncode == -signal.SIGKILL


def test_no_shell_reads_the_arguments() -> None:
    argument = "$HOME; `id` * 'x"
    assert run_script('printf %s "$1"', argument).stdout == argument.encode()


def test_the_program_sees_exactly_the_given_variables_and_directory(tmp_path: Path) -> None:
    script = "import os; print(os.environ['A'], os.getcwd(), len(os.environ))"
    given = {"A": "1", "LC_ALL": "C"}
    completed = ended(sys.executable, "-c", script, environ=given, directory=str(tmp_path))
    assert completed.stdout.decode().split() == ["1", str(tmp_path.resolve()), "2"]


def test_what_a_program_wrote_does_not_show_in_a_repr() -> None:
    assert "hunter2" not in repr(run_script("echo hunter2; echo hunter2 >&2"))


def test_signals_that_python_ignores_have_their_default_again() -> None:
    assert run_script("kill -PIPE $$; echo survived").returncode == -signal.SIGPIPE


def test_a_program_that_may_not_ask_finds_no_input_and_no_terminal() -> None:
    script = "cat; (: </dev/tty) 2>/dev/null && echo terminal; exit 0"
    driver = (
        "from tastyauth.posix import process; print(process.run(['/bin/sh', '-c', "
        f"{script!r}], environ={{}}, interactive=False, directory='/', timeout=60).stdout)"
    )
    done = subprocess.run([sys.executable, "-c", driver], input=b"typed\n", capture_output=True)
    assert (done.stdout, done.stderr) == (b"b''\n", b"")


def test_a_program_that_may_not_ask_leads_a_session_of_its_own() -> None:
    script = "import os; print(os.getpid() == os.getsid(0) == os.getpgrp())"
    assert ended(sys.executable, "-c", script).stdout == b"True\n"


def test_an_agent_that_keeps_stdout_open_is_not_waited_for_and_lives_on(pulse: Pulse) -> None:
    began = time.monotonic()
    completed = run_script(HOLD + "sleep 60 & echo $!; exec 3>&-; echo value", pulse.path)
    took = time.monotonic() - began
    agent, value = completed.stdout.split()
    alive = not pulse.has_ended(within=0.2)
    os.kill(int(agent), signal.SIGKILL)
    assert (value, alive) == (b"value", True)
    assert took < 30


def test_all_that_was_written_before_the_exit_is_kept_though_an_agent_holds_the_pipe() -> None:
    completed = run_script("sleep 60 & echo $! >&2; head -c 60000 /dev/zero")
    os.kill(int(completed.stderr), signal.SIGKILL)
    assert len(completed.stdout) == 60000


def test_a_program_that_closes_its_pipes_is_still_waited_for() -> None:
    assert run_script("exec >&- 2>&-; sleep 0.2; exit 3").returncode == 3


def test_much_stderr_blocks_nothing_and_its_end_is_kept() -> None:
    completed = run_script("head -c 1000000 /dev/zero >&2; printf end >&2; printf out")
    assert completed.stdout == b"out"
    assert completed.stderr.endswith(b"\0end")
    assert len(completed.stderr) == process.STDERR_TAIL


def test_stdout_may_be_64_kib() -> None:
    assert len(run_script("head -c 65536 /dev/zero").stdout) == 65536


@pytest.mark.parametrize("script", ["head -c 65537 /dev/zero", HOLD + "yes"])
def test_more_stdout_ends_the_program(script: str, pulse: Pulse) -> None:
    with pytest.raises(process.TooMuchOutput):
        run_script(script, pulse.path)
    if script.startswith(HOLD):
        pulse.await_beat()
    assert pulse.has_ended()


def test_at_the_limit_the_whole_group_is_killed_though_it_ignores_sigterm(pulse: Pulse) -> None:
    with start("trap '' TERM; " + HOLD + "sleep 60 & sleep 60", pulse.path) as running:
        pulse.await_beat()
        with pytest.raises(process.TimedOut):
            running.wait(0.1)
    assert pulse.has_ended()


def test_at_the_limit_a_program_may_tidy_up(tmp_path: Path, pulse: Pulse) -> None:
    script = "trap 'echo tidy >\"$2\"; exit' TERM; " + HOLD + "sleep 60 & wait"
    with start(script, pulse.path, str(tmp_path / "note")) as running:
        pulse.await_beat()
        with pytest.raises(process.TimedOut):
            running.wait(0.1)
    assert (tmp_path / "note").read_text() == "tidy\n"


def test_a_program_that_was_late_has_said_why(pulse: Pulse) -> None:
    with start("echo waiting for you >&2; " + HOLD + "exec sleep 60", pulse.path) as running:
        pulse.await_beat()
        with pytest.raises(process.TimedOut) as late:
            running.wait(0)
    assert late.value.stderr == b"waiting for you\n"


def test_the_limit_counts_from_the_start() -> None:
    with start("sleep 1") as running:
        time.sleep(0.6)
        with pytest.raises(process.TimedOut):
            running.wait(0.5)


def test_a_program_that_ended_in_time_may_be_asked_late() -> None:
    with start("echo value") as running:
        os.waitid(os.P_PID, running._program.pid, os.WEXITED | os.WNOWAIT)
        assert running.wait(0).stdout == b"value\n"


def test_a_program_that_leaves_nothing_behind_is_not_lingered_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "_DRAIN", LONG)
    began = time.monotonic()
    run_script("echo value")
    assert time.monotonic() - began < LONG / 2


def test_programs_run_side_by_side_until_they_are_collected(pulse: Pulse) -> None:
    with start(HOLD + "echo one", pulse.path) as one, start("echo two") as two:
        pulse.await_beat()
        assert two.wait(LONG).stdout == b"two\n"
        assert one.wait(LONG).stdout == b"one\n"


def test_what_nobody_waited_for_is_ended_when_the_context_is_left(pulse: Pulse) -> None:
    with start(HOLD + "sleep 60 & wait", pulse.path):
        pulse.await_beat()
    assert pulse.has_ended()


def test_an_interrupted_wait_ends_the_program(pulse: Pulse) -> None:
    running = start("trap '' INT TERM; " + HOLD + "sleep 60 & wait", pulse.path)
    pulse.await_beat()
    with pytest.raises(KeyboardInterrupt), interrupted_after(0.1):
        running.wait(LONG)
    assert pulse.has_ended()


def test_neither_zombies_nor_descriptors_are_left() -> None:
    with suppress(ChildProcessError):  # of other tests
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    before = len(os.listdir("/dev/fd"))
    run_script("exit 1")
    with pytest.raises(process.TimedOut):
        run_script("sleep 60", timeout=0.05)
    with pytest.raises(process.TooMuchOutput):
        run_script("yes")
    with start("sleep 60"):
        pass
    with pytest.raises(process.CannotStart):
        started("/nowhere")
    assert len(os.listdir("/dev/fd")) == before
    with suppress(ChildProcessError):
        assert os.waitpid(-1, os.WNOHANG) == (0, 0)


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        ("#!/bin/sh\n", 0o600, "permission denied"),
        ("no program\n", 0o700, "exec format error"),
        ("#!/nowhere/interpreter\n", 0o700, "no such file or directory"),
    ],
)
def test_what_cannot_be_executed_is_named_by_the_reason_of_the_system(
    content: str, mode: int, reason: str, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    program.write_text(content)
    program.chmod(mode)
    with pytest.raises(process.CannotStart, match=reason):
        started(str(program))


@for_each("argument", ["a\0b", "a\ud800b"])
def test_an_argument_that_no_program_can_be_given_is_not_repeated(argument: str) -> None:
    with pytest.raises(process.CannotStart) as refused:
        started("/bin/echo", argument)
    assert argument not in str(refused.value)


DRIVER = """
import json, os, sys
from tastyauth.posix import process
result, script, timeout = sys.argv[1:]
try:
    done = process.run(["/bin/sh", "-c", script], environ=os.environ, interactive=True,
                       directory="/", timeout=float(timeout))
    answer = [done.returncode, done.stdout.decode(), done.stderr.decode()]
except process.TimedOut:
    answer = "timed out"
with open(result, "w") as file:
    json.dump([answer, os.getsid(0), os.getpgrp()], file)
"""


def test_a_program_that_may_ask_shares_terminal_session_and_group(tmp_path: Path) -> None:
    script = (
        "printf 'pass phrase? ' >/dev/tty; read -r phrase </dev/tty; echo thanks >&2;"
        'read -r more; printf "%s %s " "$phrase" "$more"; exec "$PYTHON" -c '
        "'import os; print(os.getsid(0), os.getpgrp())'"
    )
    result = tmp_path / "result"
    terminal = pexpect.spawn(
        sys.executable,
        ["-c", DRIVER, str(result), script, str(LONG)],
        env={**os.environ, "PYTHON": sys.executable},
        encoding="utf-8",
        timeout=LONG,
    )
    terminal.expect_exact("pass phrase? ")
    terminal.sendline("sesame")
    terminal.expect_exact("thanks")
    terminal.sendline("open")
    terminal.expect(pexpect.EOF)
    terminal.close()
    answer, session, group = json.loads(result.read_text())
    assert answer == [0, f"sesame open {session} {group}\n", ""]


def test_a_program_that_may_ask_and_gets_no_answer_is_ended_at_the_limit(tmp_path: Path) -> None:
    result = tmp_path / "result"
    script = "trap '' TERM; printf 'pass phrase? ' >/dev/tty; read -r phrase </dev/tty"
    terminal = pexpect.spawn(
        sys.executable, ["-c", DRIVER, str(result), script, "0.5"], encoding="utf-8", timeout=LONG
    )
    terminal.expect_exact("pass phrase? ")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert json.loads(result.read_text())[0] == "timed out"


STOPPED_AT_ITS_START = """
import os, signal, sys
from tastyauth import posix
from tastyauth.posix import process
from tastyauth.errors import Stopped

def right_behind_the_fork(frame, event, called):
    if event == "c_return" and called.__name__ == "fork_exec":
        sys.setprofile(None)
        os.kill(os.getpid(), signal.SIGTERM)

def start():
    sleep = ["/bin/sleep", "60"]
    return process.start(sleep, environ={}, interactive=False, directory="/")

posix.raise_when_stopped()
sys.setprofile(right_behind_the_fork)
"""

STOPPED_AND_ALONE = """
except Stopped as stopped:
    print(stopped.exit_code)
try:
    print(os.waitpid(-1, os.WNOHANG))
except ChildProcessError:
    print("no child")
"""


def _said_by(script: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_a_stop_at_the_very_start_of_a_program_leaves_none_behind() -> None:
    script = f"""{STOPPED_AT_ITS_START}
try:
    start()
{STOPPED_AND_ALONE}"""
    assert _said_by(script) == ["143", "no child"]


def test_the_start_of_a_program_does_not_end_what_a_stop_was_waiting_for() -> None:
    script = f"""{STOPPED_AT_ITS_START}
try:
    with posix.HeldBack():
        start().stop()
        print("done")
    print("never")
except Stopped as stopped:
    print(stopped.exit_code)
"""
    assert _said_by(script) == ["done", "143"]


def test_a_stop_while_a_program_does_not_read_ends_it_too() -> None:
    script = f"""
import os, signal, threading
from tastyauth import posix
from tastyauth.posix import process
from tastyauth.errors import Stopped

posix.raise_when_stopped()
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
try:
    process.run(
        ["/bin/sleep", "60"],
        environ={{}}, interactive=False, directory="/", timeout=60, stdin=b"x" * 200_000,
    )
{STOPPED_AND_ALONE}"""
    assert _said_by(script) == ["143", "no child"]


# -- input, and how a program ended ---------------------------------------------------------------


def test_more_input_than_a_pipe_holds_arrives_whole() -> None:
    text = b"".join(b"%d\n" % number for number in range(40_000))
    script = "import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())"
    done = ended(sys.executable, "-c", script, environ={}, stdin=text)
    assert done.stdout.decode().strip() == hashlib.sha256(text).hexdigest()


@for_each("script", ["exec sleep 60", "exec sleep 60 <&-", "exec sleep 60 >&- 2>&-"])
def test_a_program_that_does_not_read_its_input_is_ended_at_the_limit(script: str) -> None:
    began = time.monotonic()
    with pytest.raises(process.TimedOut):
        ended("/bin/sh", "-c", script, environ={}, timeout=0.5, stdin=b"x" * 200_000)
    assert time.monotonic() - began < LONG


SIGCHLD_IGNORED = """
import signal, sys, threading, time
from tastyauth.posix import process

def start(script):
    return process.start(
        ["/bin/sh", "-c", script], environ={}, interactive=False, directory="/"
    )

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
"""


def test_a_program_that_fails_has_failed_though_its_parent_ignores_sigchld() -> None:
    """Two at once, of which the first ends first; and afterwards the parent ignores it again."""
    script = f"""{SIGCHLD_IGNORED}
with start("exit 3") as first, start("sleep 0.3; kill -9 $$") as second:
    print(first.wait(60).returncode)
    print(second.wait(60).returncode)
try:
    start("\\0")
except process.CannotStart:
    print(signal.getsignal(signal.SIGCHLD).name)
"""
    assert _said_by(script) == ["3", "-9", "SIG_IGN"]


def test_nor_does_a_handler_that_waits_for_all_children_learn_it_first() -> None:
    """It hears of its own children afterwards."""
    script = f"""{SIGCHLD_IGNORED}
import os
heard = []

def reap(*_):
    try:
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            heard.append(ended[0])
    except ChildProcessError:
        pass

signal.signal(signal.SIGCHLD, reap)
with start("exit 3") as program:
    own = os.fork() or os._exit(0)
    time.sleep(0.2)
    print(program.wait(60).returncode)
print(heard == [own], signal.getsignal(signal.SIGCHLD) is reap)
"""
    assert _said_by(script) == ["3", "True True"]


def test_a_program_whose_exit_code_somebody_else_has_taken_has_not_succeeded() -> None:
    script = f"""{SIGCHLD_IGNORED}
import os
signal.signal(signal.SIGCHLD, signal.SIG_DFL)
with start("exit 3") as program:
    os.waitpid(-1, 0)
    try:
        print(program.wait(60))
    except process.ExitCodeLost:
        print("lost")
"""
    assert _said_by(script) == ["lost"]


def test_a_thread_that_could_not_learn_how_a_program_ends_starts_none() -> None:
    script = f"""{SIGCHLD_IGNORED}
def work():
    try:
        start("exit 3")
    except process.CannotStart as error:
        print("ignores SIGCHLD" in str(error))

thread = threading.Thread(target=work)
thread.start()
thread.join()
"""
    assert _said_by(script) == ["True"]
