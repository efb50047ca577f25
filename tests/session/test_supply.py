"""The parts of `exec --keep-fresh`, in this process or a copy of it, with clocks that are set."""

import errno
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from types import SimpleNamespace
from typing import cast

import pytest
from forked import forked, lowest_free
from needs import missing
from world import content

from tastyauth.cache import Entry
from tastyauth.errors import OutputError
from tastyauth.posix import process
from tastyauth.secret import Secret
from tastyauth.session import keep_fresh
from tastyauth.session.keep_fresh import Background, Renewal, Supply, token_file

LIFE = 900
START = 1_800_000_000.0


def entry(name: str, issued_at: float, life: int = LIFE, ahead: float | None = None) -> Entry:
    fields = {"access_token": name, "expires_at": str(int(issued_at) + life)}
    return Entry(fields, int(issued_at), issued_at, ahead)


@dataclass
class Watched:
    """A supply whose clocks and renewals are set, and what it has done.

    A renewal ends at once, in this process; a test puts it off, or lets it fail, by `fork`.
    """

    patch: pytest.MonkeyPatch
    life: int = LIFE
    ahead: float | None = None
    min_valid: float | None = None
    now: float = START
    outcome: Renewal = (None, ("refused",))
    begun: int = 0
    ended: bool = True
    fork_fails: bool = False
    silent: bool = False
    written: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    handled: list[object] = field(default_factory=list)
    full: bool = False

    def __post_init__(self) -> None:
        self.patch.setattr(time, "time", lambda: self.now)
        self.patch.setattr(time, "monotonic", lambda: self.now - START)
        self.patch.setattr(keep_fresh, "Background", self._background)
        self.supply = Supply(
            entry("first", START, self.life, self.ahead),
            self.min_valid,
            renew=lambda: self.outcome,
            hand_over=self._hand_over,
            report=self.said.append,
        )

    def _background(self, work: Callable[[], bytes], handled: object) -> object:
        if self.fork_fails:
            raise OSError(errno.EAGAIN, "no process")
        self.begun += 1
        self.handled.append(handled)

        def answer() -> bytes | None:
            if not self.ended:
                return None
            return b"" if self.silent else work()

        return SimpleNamespace(read=answer)

    def _hand_over(self, entry: Entry) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "full")
        self.written.append(entry.fields["access_token"])

    def at(self, seconds: float) -> float:
        """One look, so many seconds after the start; seconds to the next."""
        self.now = START + seconds
        return self.supply.attend((signal.SIGHUP,))

    def tries(self, first: int, last: int) -> list[int]:
        """In which of these seconds a renewal began."""
        found = []
        for second in range(first, last):
            before = self.begun
            self.at(second)
            if self.begun > before:
                found.append(second)
        return found


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


def test_in_the_last_five_minutes_the_token_is_renewed_and_handed_over(watched: Watched) -> None:
    assert watched.at(599) == 15.0
    assert watched.begun == 0
    watched.ended = False
    assert [watched.at(601), watched.at(602)] == [0.2, 0.2]
    assert (watched.begun, watched.handled) == (1, [(signal.SIGHUP,)])
    watched.ended, watched.outcome = True, (entry("second", START + 602), ())
    assert watched.at(603) == 15.0
    assert (watched.written, watched.said, watched.begun) == (["second"], [], 1)
    assert watched.at(602 + 599) == 15.0
    assert watched.begun == 1
    watched.at(602 + 601)
    assert watched.begun == 2


def test_what_machines_draw_by_lot_comes_over_from_the_process_that_renews(
    watched: Watched,
) -> None:
    watched.outcome = (entry("second", START + 601, ahead=100.0), ())
    assert watched.tries(601, 601 + 803) == [601, 601 + 801]


def test_the_shorter_a_token_lives_the_more_often_it_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = {life: Watched(monkeypatch, life=life).at(0) for life in (900, 300, 200, 60)}
    assert looks == {900: 15.0, 300: 15.0, 200: 10.0, 60: 3.0}


def test_a_token_that_is_due_at_the_start_is_first_left_alone_for_a_quarter_of_its_life(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched = Watched(monkeypatch, life=100, ahead=100.0)
    watched.ended = False
    assert watched.tries(0, 60) == [25]


def test_tries_are_a_minute_apart_then_closer_towards_the_end_and_then_twice_as_far(
    watched: Watched,
) -> None:
    """A quarter of what is left, but 2 ** failures at least and a minute at most, from the end of
    the try before, which is seen a second after it began."""
    begun = [601, 662, 723, 768, 802, 835, 896, 957, 1018, 1079, 1140]
    assert watched.tries(601, 1200) == begun


def test_a_failure_is_told_every_five_minutes_and_once_more_when_the_token_is_no_good(
    watched: Watched,
) -> None:
    told = []
    for second in range(601, 1300):
        watched.at(second)
        if watched.said:
            told.append((second, watched.said[:]))
            watched.said.clear()
    assert told == [(602, ["refused"]), (897, ["refused"]), (1202, ["refused"])]
    watched.outcome = (entry("second", START + 1300), ("by another machine",))
    watched.tries(1300, 1400)
    assert watched.said == ["by another machine", "the token can be renewed again"]
    assert watched.written == ["second"]
    watched.outcome = (None, ("refused again",))
    watched.said.clear()
    watched.tries(1300 + 601, 1300 + 610)
    assert watched.said == ["refused again"]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("fork_fails", "cannot start a process to renew it: "),
        ("silent", "the renewal ended without an answer"),
        ("full", "it cannot be written: "),
    ],
)
def test_each_kind_of_trouble_is_told(what: str, said: str, watched: Watched) -> None:
    watched.outcome = (entry("second", START + 600), ())
    setattr(watched, what, True)
    watched.tries(601, 604)
    [told] = watched.said
    assert told.startswith(said)
    assert (watched.written, watched.begun) == ([], what != "fork_fails")
    setattr(watched, what, False)
    watched.tries(604, 800)
    assert watched.written == ["second"]
    assert watched.said == [told, "the token can be renewed again"]


def test_what_cannot_be_written_is_told_besides_what_came_with_it(watched: Watched) -> None:
    watched.outcome, watched.full = (entry("second", START + 600), ("by another machine",)), True
    watched.tries(601, 604)
    assert watched.said == ["by another machine", "it cannot be written: full"]


def test_after_a_success_failures_are_counted_from_none(watched: Watched) -> None:
    watched.tries(601, 800)
    watched.outcome = (entry("second", START + 800), ())
    watched.tries(800, 900)
    watched.outcome = (None, ("refused",))
    assert watched.tries(800 + 896, 800 + 960) == [1696, 1699, 1704, 1713, 1730]


def test_who_is_given_the_same_token_writes_nothing_and_waits(watched: Watched) -> None:
    """Somebody else may be renewing it."""
    watched.outcome = (entry("first", START), ())
    assert watched.tries(601, 700) == [601, 662]
    assert (watched.written, watched.said) == ([], [])


def test_a_command_that_wants_more_is_renewed_earlier(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, min_valid=500.0)
    watched.outcome = (entry("second", START + 401), ())
    assert watched.tries(390, 500) == [401]
    assert watched.written == ["second"]


# Processes


def test_background_work_is_waited_for_only_so_long() -> None:
    reader, writer = os.pipe()

    def work() -> bytes:
        os.read(reader, 1)
        return b"done"

    background = Background(work, ())
    started = time.monotonic()
    assert background.wait(0.05) is None
    assert time.monotonic() - started >= 0.05
    os.write(writer, b"x")
    assert background.wait(300) == b"done"
    os.close(reader)
    os.close(writer)


def test_background_work_has_no_terminal_no_handlers_and_no_streams() -> None:
    def look() -> bytes:
        streams = {os.fstat(number).st_rdev for number in (0, 1, 2)}
        handler = signal.getsignal(signal.SIGUSR1)
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        found = (
            streams == {os.stat(os.devnull).st_rdev},
            os.getsid(0) == os.getpid(),
            handler == signal.SIG_DFL,
            signal.SIGUSR1 in blocked,
        )
        return repr(found).encode()

    def act() -> None:
        os.dup2(os.open("/", os.O_RDONLY), 0)
        signal.signal(signal.SIGUSR1, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
        answer = Background(look, [signal.SIGUSR1]).wait(300)
        print(answer)

    assert forked(act) == (0, "b'(True, True, True, False)'\n")


def test_without_a_process_to_spare_nothing_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_process() -> int:
        raise OSError(errno.EAGAIN, "no process")

    before = lowest_free()
    monkeypatch.setattr(os, "fork", no_process)
    with pytest.raises(OSError, match="no process"):
        Background(lambda: b"", ())
    assert lowest_free() == before


def test_background_work_leaves_no_zombie_and_nothing_open() -> None:
    before = lowest_free()
    said = Background(lambda: b"%d" % os.getpid() + b"x" * 200_000, ()).wait(300)
    assert said
    assert said.endswith(b"x" * 200_000)
    assert lowest_free() == before
    with pytest.raises(ChildProcessError):
        os.waitpid(int(said.rstrip(b"x")), os.WNOHANG)


def test_the_first_signal_is_taken_and_whether_the_kernel_sent_it() -> None:
    if not hasattr(signal, "sigtimedwait"):
        missing("macOS does not tell who sent a signal")

    def act() -> None:
        both = [signal.SIGALRM, signal.SIGUSR1]
        signal.pthread_sigmask(signal.SIG_BLOCK, both)
        print(keep_fresh._next_signal(both, 0.01))
        os.kill(os.getpid(), signal.SIGUSR1)
        print(keep_fresh._next_signal(both, 300))
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        print(keep_fresh._next_signal(both, 300))

    expected = [(0, False), (int(signal.SIGUSR1), False), (int(signal.SIGALRM), True)]
    assert forked(act) == (0, "".join(f"{each}\n" for each in expected))


def test_where_the_sender_cannot_be_known_each_signal_counts_as_the_kernels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """macOS has no sigtimedwait; this takes it away."""
    monkeypatch.delattr(signal, "sigtimedwait", raising=False)

    def act() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
        print(keep_fresh._next_signal([signal.SIGUSR1], 0.01))
        os.kill(os.getpid(), signal.SIGUSR1)
        print(keep_fresh._next_signal([signal.SIGUSR1], 300))

    assert forked(act) == (0, f"(0, True)\n({signal.SIGUSR1!r}, True)\n")


def end_of(act: Callable[[], object], *, others: int = 0) -> str:
    """What `_Command` makes of a child that does `act`, besides `others` that end first."""

    def parent() -> None:
        for _ in range(others):
            if (other := os.fork()) == 0:
                os._exit(9)
            os.waitid(os.P_PID, other, os.WEXITED | os.WNOWAIT)
        child = os.fork()
        if child == 0:
            act()
            os._exit(5)
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        command = keep_fresh._Command(child)
        print(command.code(), command.code())

    code, printed = forked(parent)
    assert code == 0, printed
    return printed


def test_the_code_of_a_command_is_its_own_also_among_other_children() -> None:
    killed = lambda: os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731
    assert end_of(lambda: None) == "5 None\n"
    assert end_of(lambda: os._exit(0)) == "0 None\n"
    assert end_of(killed) == "137 None\n"
    assert end_of(lambda: None, others=2) == "5 None\n"


def test_an_answer_is_there_though_somebody_else_has_waited_for_all_children() -> None:
    def act() -> None:
        work = Background(lambda: b"done", ())
        os.wait()
        print(work.wait(300))

    assert forked(act) == (0, "b'done'\n")


def test_a_command_that_stops_and_goes_on_is_known_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    by: list[int] = []
    monkeypatch.setattr(keep_fresh, "_stop_too", by.append)

    def act() -> None:
        child = os.fork()
        if child == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
            time.sleep(300)
            os._exit(5)
        command = keep_fresh._Command(child)
        for number, stopped in [(0, True), (signal.SIGCONT, False), (signal.SIGSTOP, True)]:
            os.kill(child, number)
            while command._is_stopped is not stopped:
                assert command.code() is None
        os.kill(child, signal.SIGKILL)
        while (code := command.code()) is None:
            pass
        print(code, by == [signal.SIGSTOP] * 2)

    assert forked(act) == (0, "137 True\n")


def test_a_signal_is_passed_on_unless_the_terminal_or_the_shell_has_sent_it_to_the_whole_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    command = keep_fresh._Command(4711)
    for terminal, kernel, stopped in product((True, False), repeat=3):
        monkeypatch.setattr(keep_fresh, "has_terminal", lambda found=terminal: found)
        for number in (*keep_fresh._PASSED_ON, *keep_fresh._FROM_TERMINAL, signal.SIGCONT):
            sent.clear()
            command._is_stopped = stopped
            command.receive(number, kernel)
            has_it = number in keep_fresh._FROM_TERMINAL and kernel
            has_it |= number == signal.SIGCONT and not stopped
            assert sent == ([] if terminal and has_it else [(4711, number)])


def test_a_signal_for_a_command_that_has_ended_or_is_not_ours_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for error in (ProcessLookupError, PermissionError):

        def fail(pid: int, number: int, error: type[OSError] = error) -> None:
            raise error

        monkeypatch.setattr(os, "kill", fail)
        keep_fresh._Command(4711).receive(signal.SIGTERM, False)


@pytest.mark.parametrize(
    ("number", "terminal", "stops"),
    [
        *((each, True, True) for each in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)),
        (signal.SIGTSTP, False, False),
        (signal.SIGSTOP, True, False),
    ],
)
def test_who_stops_as_the_command_did_goes_on_with_the_same_handlers_and_mask(
    number: signal.Signals, terminal: bool, stops: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keep_fresh, "has_terminal", lambda: terminal)

    def job() -> None:
        os.setpgid(0, 0)  # the kernel stops no job that nobody could continue
        if number != signal.SIGSTOP:
            signal.signal(number, keep_fresh._note)
        signal.pthread_sigmask(signal.SIG_BLOCK, [number])
        before = signal.getsignal(number), signal.pthread_sigmask(signal.SIG_BLOCK, ())
        keep_fresh._stop_too(number)
        after = signal.getsignal(number), signal.pthread_sigmask(signal.SIG_BLOCK, ())
        os._exit(4 if before == after else 5)

    def shell() -> None:
        child = os.fork()
        if child == 0:
            job()
        _, status = os.waitpid(child, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            print("stopped by", os.WSTOPSIG(status))
            os.kill(child, signal.SIGCONT)
            _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status))

    assert forked(shell) == (0, f"stopped by {int(number)}\n4\n" if stops else "4\n")


def test_a_terminal_is_the_one_that_controls_the_process() -> None:
    if sys.platform != "linux":
        missing("only Linux makes the first terminal that is opened the one in control")

    def act() -> None:
        os.setsid()
        print(keep_fresh.has_terminal())
        _, terminal = os.openpty()
        os.close(os.open(os.ttyname(terminal), os.O_RDWR))  # the first becomes that
        lowest = lowest_free()
        print(keep_fresh.has_terminal(), lowest == lowest_free())

    assert forked(act) == (0, "False\nTrue True\n")


def kept(*argv: str, before: Callable[[], object] = lambda: None, looks: int = 300) -> str:
    """What `keep` prints and returns in a copy of this process, whose supply looks that often."""

    def act() -> None:
        os.dup2(os.open("/", os.O_RDONLY), 0)
        before()
        attended: list[list[signal.Signals]] = []

        def attend(handled: list[signal.Signals]) -> float:
            attended.append(handled)
            assert len(attended) < looks
            return 300.0  # the end is a signal

        supply = cast("Supply", SimpleNamespace(attend=attend))
        code = keep_fresh.keep(list(argv), os.environ | {"ADDED": "by the caller"}, supply)
        streams = [os.fstat(number).st_rdev for number in (0, 1)]
        assert streams == [os.stat(os.devnull).st_rdev] * 2
        assert os.fstat(2).st_rdev != os.stat(os.devnull).st_rdev
        os.write(2, f"{code} {len(attended[0])}\n".encode())

    code, printed = forked(act)
    assert code == 0, printed
    return printed


ALL = len(keep_fresh._HANDLED)


def test_a_command_is_kept_until_it_ends() -> None:
    assert kept("sh", "-c", "exit 3") == f"3 {ALL}\n"
    assert kept("sh", "-c", 'echo "$ADDED"') == f"by the caller\n0 {ALL}\n"
    assert kept("sh", "-c", "kill -9 $$") == f"137 {ALL}\n"
    assert kept("sh", "-c", "echo out; echo err >&2; exit 1") == f"out\nerr\n1 {ALL}\n"


def test_what_the_caller_ignores_or_blocks_the_command_ignores_and_blocks() -> None:
    if sys.platform != "linux":
        missing("only Linux tells the signals of a process")

    def before() -> None:
        for number in range(1, 32):
            if number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGALRM):
                signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, [signal.SIGUSR2])

    ignored, blocked = (1 << signal.SIGHUP - 1, 1 << signal.SIGUSR2 - 1)
    *lines, end = kept("cat", "/proc/self/status", before=before).splitlines()
    found = dict(line.split(":\t", 1) for line in lines)
    masks = [int(found[name], 16) for name in ("SigBlk", "SigIgn", "SigCgt")]
    assert masks == [blocked, ignored, 0]
    assert end == f"0 {ALL - 1}"


def test_the_end_of_a_renewal_is_no_signal_for_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signals come as listed here, and the command is a stand-in."""
    coming = [
        *((0, False), (signal.SIGCHLD, True), (signal.SIGCONT, False)),
        *((signal.SIGTERM, True), (signal.SIGCHLD, True)),
    ]
    heard: list[object] = []

    def code() -> int | None:
        heard.append("looked")
        return None if coming else 5

    def receive(number: int, is_from_kernel: bool) -> None:
        heard.append((int(number), is_from_kernel))

    command = SimpleNamespace(code=code, receive=receive)
    monkeypatch.setattr(process, "spawn", lambda *_: 4711)
    monkeypatch.setattr(keep_fresh, "_Command", lambda pid: command)
    monkeypatch.setattr(keep_fresh, "_next_signal", lambda *_: coming.pop(0))

    def act() -> None:
        code = keep_fresh.keep([], {}, cast("Supply", SimpleNamespace(attend=lambda _: 1.0)))
        os.write(2, f"{code} {heard}".encode())

    passed_on = [(int(signal.SIGCONT), False), (int(signal.SIGTERM), True)]
    assert forked(act) == (0, f"5 {['looked', 'looked', *passed_on, 'looked']}")


@pytest.mark.parametrize("number", keep_fresh._PASSED_ON)
def test_a_signal_on_its_way_to_the_command_arrives(number: signal.Signals) -> None:
    name = number.name.removeprefix("SIG")
    script = f"trap 'echo got it; exit 6' {name}; kill -{name} $PPID; while :; do sleep 0.1; done"
    assert kept("sh", "-c", script) == f"got it\n6 {ALL}\n"


# The file


def test_a_private_runtime_directory_holds_the_file(
    tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime, temporary = f"{tmp_path}/runtime", f"{tmp_path}/temporary"
    os.mkdir(runtime, 0o700)
    os.mkdir(temporary, 0o700)
    monkeypatch.setattr(tempfile, "tempdir", temporary)
    monkeypatch.chdir(tmp_path)
    for named, where in [(runtime, runtime), ("", temporary), ("runtime", temporary)]:
        with token_file(Secret("the-token"), {"XDG_RUNTIME_DIR": named}, "mine-") as path:
            assert path.startswith(f"{where}/mine-")
            assert path.endswith("/access-token")
            assert content(path) == "the-token"
            modes = [os.stat(it).st_mode & 0o777 for it in (path, os.path.dirname(path))]
            assert modes == [0o600, 0o700]
        assert os.listdir(runtime) == os.listdir(temporary) == []


def test_where_there_is_no_room_for_the_file_the_error_says_what_to_set(
    tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", f"{tmp_path}/gone")
    with pytest.raises(OutputError) as caught, token_file(Secret("x"), {}, "mine-"):
        pass
    assert caught.value.message == "the token file cannot be written: no such file or directory"
    assert "TMPDIR" in caught.value.hint
