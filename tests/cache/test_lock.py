"""Single flight: one holder at a time, freed by death, and nobody waits longer than promised."""

import _thread
import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from forked import lowest_free
from locks import acquired, poll, try_acquire, waited_for
from world import content, until

from tastyauth.cache import lock
from tastyauth.cache.lock import Lock, Waiter
from tastyauth.errors import TemporaryError

if TYPE_CHECKING:
    from _typeshed import TraceFunction

    from tastyauth.cache import View

AT_ONCE = 20.0
"""Seconds: less than what is promised, and much for a busy machine."""


@pytest.fixture
def path(tmp_path: os.PathLike[str]) -> str:
    return f"{os.fspath(tmp_path)}/name.lock"


_HOLDER = """
import sys, time
from tastyauth.cache.lock import Lock
held = Lock()
assert held.try_take(sys.argv[1])
held.promise(float(sys.argv[2]))
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def holder(path: str, promise: float) -> "Iterator[subprocess.Popen[str]]":
    """Another process that has the lock, until its stdin is closed or it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, path, str(promise)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_lock_has_one_holder_until_it_is_released(path: str) -> None:
    first = acquired(path)
    assert (first.path, Waiter(path).path) == (path, path)
    assert try_acquire(path) is None
    first.close()
    with acquired(path):
        assert try_acquire(path) is None
    first.close()  # again is harmless
    acquired(path).close()


def test_a_second_release_does_not_free_the_lock_of_the_next_holder(path: str) -> None:
    first = acquired(path)
    first.close()
    with acquired(path):
        first.close()
        assert try_acquire(path) is None
    assert [os.path.exists(f"/dev/fd/{descriptor}") for descriptor in range(3)] == [True] * 3


def test_a_promise_says_who_and_until_when_in_one_width(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a new one replaces an old one in one write."""
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    with acquired(path) as held:
        for seconds in (30.0, 5.0, 1000.0):
            if seconds != 30.0:  # which is what every holder gets at first
                held.promise(seconds)
            assert content(path) == f"{os.getpid()} {100 + seconds:.3f}".ljust(48)


def test_a_promise_that_cannot_be_written_leaves_the_one_before(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk that is full."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with acquired(path) as held:
        before = lock._read(path)
        monkeypatch.setattr(os, "pwrite", full)
        held.promise(1000)
        assert lock._read(path) == before


def test_a_lock_is_released_without_a_standard_input_too(path: str) -> None:
    """Its descriptor is then the lowest of all, 0."""
    saved = os.dup(0)
    os.close(0)
    try:
        acquired(path).close()
        acquired(path).close()
    finally:
        os.dup2(saved, 0)
        os.close(saved)


def test_another_process_holds_it_until_it_ends_and_a_waiter_has_it_soon_after(path: str) -> None:
    with holder(path, 30) as process:
        assert try_acquire(path) is None
        assert poll(Waiter(path)) is None
        process.communicate("")
        started = time.monotonic()
        waited_for(path).close()  # the waiter above has it for a moment, to be told
        assert time.monotonic() - started < AT_ONCE


def test_the_lock_of_a_killed_holder_is_free_at_once(path: str) -> None:
    with holder(path, 30) as process:
        threading.Timer(0.2, process.kill).start()
        started = time.monotonic()
        waited_for(path).close()
        assert time.monotonic() - started < 0.2 + AT_ONCE


def test_a_child_of_a_killed_holder_does_not_keep_the_lock(path: str) -> None:
    script = (
        "import sys, subprocess\nfrom tastyauth.cache.lock import Lock\n"
        "held = Lock()\nassert held.try_take(sys.argv[1])\n"
        "child = subprocess.Popen(['sleep', '30'], close_fds=False)\n"
        "print(child.pid, flush=True)\nsys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        try:
            assert try_acquire(path) is None
            process.kill()
            process.wait()
            os.kill(child, 0)
            acquired(path).close()
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_stopped_holder_is_late_after_its_promise_and_not_before(path: str) -> None:
    promise = 1.0
    with holder(path, 30) as process:
        os.kill(process.pid, signal.SIGSTOP)
        started = time.monotonic()
        # as it would have promised it
        Path(path).write_text(f"{process.pid} {started + promise:.3f}\n")
        with pytest.raises(TemporaryError, match=rf"\(pid {process.pid}\)") as caught:
            waited_for(path)
        assert caught.value.hint
        assert promise <= time.monotonic() - started < promise + 1.5 + AT_ONCE


def test_a_holder_that_promises_more_while_it_works_is_not_late(path: str) -> None:
    with acquired(path) as held:
        held.promise(0.2)
        waiter = Waiter(path)
        until_monotonic = time.monotonic() + 0.8
        while time.monotonic() < until_monotonic:
            held.promise(0.2)
            assert poll(waiter) is None


def test_the_promise_of_a_dead_holder_is_nobodys(path: str) -> None:
    with holder(path, -100) as process:
        process.kill()
        process.wait()
    waited_for(path).close()


def test_a_new_holder_has_time_to_make_its_own_promise(path: str) -> None:
    """On a busy machine a process may be set aside between getting the lock and writing to it."""
    with holder(path, -100) as process:
        process.kill()
        process.wait()
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        waiter = Waiter(path)
        set_aside_until = time.monotonic() + 0.4
        while time.monotonic() < set_aside_until:
            assert poll(waiter) is None
    finally:
        os.close(descriptor)
    waited_for(path).close()


def test_nobody_waits_longer_than_three_minutes_whatever_is_promised(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with acquired(path) as held:
        held.promise(1_000_000)
        waiter = Waiter(path)
        started = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: started + 179)
        assert poll(waiter) is None
        monkeypatch.setattr(time, "monotonic", lambda: started + 181)
        with pytest.raises(TemporaryError):
            poll(waiter)


def test_who_has_less_time_waits_no_longer_than_that(path: str) -> None:
    with acquired(path) as held:
        held.promise(1_000_000)
        began = time.monotonic()
        with Lock() as other, pytest.raises(TemporaryError):
            other.take(path, 0.1)
        assert time.monotonic() - began < AT_ONCE


def test_a_holder_that_left_no_name_is_unknown(path: str) -> None:
    with pytest.raises(TemporaryError, match=r"\(pid unknown\)"):
        Waiter(f"{path}.gone", longest=-1).wait()


def test_a_promise_is_bound_to_the_clock_that_cannot_be_set(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with acquired(path) as held:
        waiter = Waiter(path)
        for now in (0.0, 9e9, 8e18):
            monkeypatch.setattr(time, "time", lambda: 1.0)
            held.promise(0.3)
            monkeypatch.setattr(time, "time", lambda now=now: now)
            assert poll(waiter) is None


def test_a_lock_file_that_was_swept_away_is_made_anew(path: str) -> None:
    first = acquired(path)
    os.unlink(path)
    first.close()
    with acquired(path):
        assert os.path.exists(path)
        assert try_acquire(path) is None


_SWEEPER = """
import os, sys
from tastyauth.cache.lock import Lock
path, counter = sys.argv[1:]
for _ in range(150):
    with Lock() as held:
        held.take(path)
        with open(counter, "r+") as file:
            count = int(file.read() or 0)
            file.seek(0)
            file.write(str(count + 1))
        os.unlink(path)
"""


def test_there_is_one_holder_though_every_holder_sweeps_the_file_away(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = Path(f"{path}.counter")
    counter.touch()
    # a wait that only busy-looks makes collisions likely
    sweeper = _SWEEPER.replace(
        "import os, sys", "import os, sys, time; time.sleep = lambda _: None"
    )
    processes = [subprocess.Popen([sys.executable, "-c", sweeper, path, counter]) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    assert counter.read_text() == "600"


class Sleeper:
    """Replaces the lock that a waiter waits for: records for how long, and is never free."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if timeout >= 0:
            self.slept.append(timeout)
        return timeout < 0

    def release(self) -> None:
        pass


def allocate(monkeypatch: pytest.MonkeyPatch, made: Callable[[], Sleeper]) -> None:
    """Replaces the locks that waiters make, and no others: an import takes one as well."""
    replaced = SimpleNamespace(**vars(_thread) | {"allocate_lock": made})
    monkeypatch.setattr(lock, "_thread", replaced)


@pytest.mark.parametrize(
    ("promise", "seconds"), [("1 110.000", 2.0), ("1 100.500", 0.5), ("1 99.000", 0.05), ("", 2.0)]
)
def test_a_waiter_sleeps_until_the_promise_but_never_for_long(
    path: str, promise: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And while one is being written, until the next look."""
    sleeper = Sleeper()
    allocate(monkeypatch, lambda: sleeper)
    monkeypatch.setattr(lock, "_tell_when_free", lambda *_: None)
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    with acquired(path):
        Path(path).write_text(promise)
        assert poll(Waiter(path)) is None
    assert sleeper.slept == [pytest.approx(seconds)]


def test_a_waiter_that_was_woken_can_wait_again(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one may have been quicker."""
    started: list[object] = []
    allocate(monkeypatch, Woken)
    monkeypatch.setattr(lock, "_tell_when_free", lambda *facts: started.append(facts))
    with holder(path, 30):
        waiter = Waiter(path)
        assert [poll(waiter), poll(waiter), poll(waiter)] == [None] * 3
    until(lambda: len(started) == 3)


class Woken(Sleeper):
    """The same, but always free."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        return True


@pytest.mark.parametrize(("seconds", "slept"), [(2.0, 0.02), (0.001, 0.001)])
def test_a_system_without_a_thread_to_spare_is_polled(
    path: str, seconds: float, slept: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with RLIMIT_NPROC; each look tries again."""
    tried: list[object] = []
    pauses: list[float] = []

    def fail(*facts: object) -> int:
        tried.append(facts)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", fail)
    monkeypatch.setattr(time, "sleep", pauses.append)
    waiter = Waiter(path)
    for _ in range(2):
        waiter._sleep(seconds)
    assert (len(tried), pauses) == (2, [slept, slept])


# Whose turn it is.


class Board:
    """What a caller looks at: the lock of what it asks for, and whether there is an answer."""

    def __init__(self, *looks: tuple[str, bool]) -> None:
        self.looks = list(looks)
        self.lock_path, self.is_there = looks[0]

    def look(self) -> "View":
        self.lock_path, self.is_there = self.looks.pop(0)
        return cast("View", self)


def turn(held: Lock, board: Board) -> bool:
    """Whether it has an answer once it is this lock's turn; every look has been taken."""
    view, answered = held.turn(board.look, lambda view: cast("Board", view).is_there)
    assert view is cast("View", board)
    assert board.looks == []
    return answered


def test_who_finds_an_answer_takes_no_lock(path: str) -> None:
    with Lock() as held:
        assert turn(held, Board((path, True)))
        assert held.path == ""
    assert not os.path.exists(path)


def test_who_finds_none_has_the_lock_and_looks_once_more(path: str) -> None:
    with Lock() as held:
        assert not turn(held, Board((path, False), (path, False)))
        assert held.path == path
        assert try_acquire(path) is None


def test_who_finds_one_under_the_lock_lets_it_go(path: str) -> None:
    with Lock() as held:
        assert turn(held, Board((path, False), (path, True)))
        assert held.path == ""
        acquired(path).close()


def test_a_lock_that_was_held_before_stays_with_an_answer(path: str) -> None:
    with Lock() as held:
        held.take(path)
        assert turn(held, Board((path, True)))
        assert held.path == path


def test_once_the_outline_has_come_the_lock_of_the_entry_is_taken(path: str) -> None:
    with Lock() as held:
        entry = f"{path}.entry"
        assert not turn(held, Board((path, False), (entry, False), (entry, False)))
        assert held.path == entry
        acquired(path).close()


def test_waiting_for_a_turn_ends_when_the_holder_is_late(path: str) -> None:
    with acquired(path) as other, Lock() as held:
        other.promise(-100)
        board = Board(*[(path, False)] * 1000)
        with pytest.raises(TemporaryError):
            held.turn(board.look, lambda view: cast("Board", view).is_there)
        assert board.looks != []


def test_only_a_lock_that_nobody_holds_is_removed(path: str) -> None:
    with acquired(path), Lock() as second:
        assert not second.try_take(path)
        assert second.path == ""
        lock.remove_unless_held(path)
        assert os.path.exists(path)
    lock.remove_unless_held(path)
    assert not os.path.exists(path)
    other = Path(f"{path}.entry")
    other.touch()
    lock.remove_unless_held(str(other))
    assert not other.exists()


@pytest.mark.parametrize("promise", [b"", b"123", b"123 soon", b"\xff\xfe"])
def test_what_is_no_promise_is_not_a_broken_one(
    path: str, promise: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is being written; the longest wait holds all the same, and nobody is named for it."""
    with acquired(path):
        Path(path).write_bytes(promise)
        waiter = Waiter(path)
        started = time.monotonic()
        for later in (0, 2, 4):
            monkeypatch.setattr(time, "monotonic", lambda later=later: started + later)
            monkeypatch.setattr(lock, "_LONGEST_SLEEP", 0.01)
            assert poll(waiter) is None
        monkeypatch.setattr(time, "monotonic", lambda: started + 181)
        with pytest.raises(TemporaryError, match="unknown" if promise == b"" else "pid"):
            poll(waiter)


@pytest.fixture
def nothing_stays_open() -> Iterator[None]:
    before = lowest_free()
    yield
    assert lowest_free() == before


def swept(path: str) -> None:
    os.unlink(path)


def turned_into_a_link(path: str) -> None:
    os.rename(path, f"{path}.moved")
    os.symlink(f"{path}.moved", path)


def once(before: Callable[[str], None], path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets something happen between the opening of the file and its lock."""
    flock, left = fcntl.flock, [before]

    def late(descriptor: int, operation: int) -> None:
        if left:
            left.pop()(path)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)


@pytest.mark.usefixtures("nothing_stays_open")
def test_a_file_that_was_swept_away_while_it_was_opened_is_no_lock(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    once(swept, path, monkeypatch)
    with acquired(path):
        assert try_acquire(path) is None


@pytest.mark.usefixtures("nothing_stays_open")
def test_a_file_that_became_a_link_while_it_was_opened_is_no_lock(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    once(turned_into_a_link, path, monkeypatch)
    with pytest.raises(OSError, match="link"):
        try_acquire(path)


@pytest.mark.usefixtures("nothing_stays_open")
def test_where_there_are_no_locks_is_an_error_and_nothing_stays_open(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a network file system without them."""

    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with pytest.raises(OSError, match="No locks available"):
        try_acquire(path)


def test_threads_of_one_process_exclude_each_other_too(path: str) -> None:
    taken: list[Lock | None] = []
    with acquired(path):
        thread = threading.Thread(target=lambda: taken.append(try_acquire(path)))
        thread.start()
        thread.join()
    assert taken == [None]


@pytest.mark.parametrize("mask", [0, 0o077, 0o277, 0o477, 0o777])
def test_the_file_is_private(path: str, mask: int) -> None:
    before = os.umask(mask)
    try:
        acquired(path).close()
    finally:
        os.umask(before)
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_there_is_no_lock_in_a_directory_that_is_not_there(path: str) -> None:
    with pytest.raises(FileNotFoundError):
        try_acquire(f"{path}/name.lock")


@pytest.mark.parametrize(("link", "said"), [(os.symlink, "link"), (os.link, "is a hard link")])
def test_there_is_no_lock_behind_a_link(
    path: str, link: Callable[[str, str], None], said: str
) -> None:
    """It would be written into: somebody may have linked it here while the directory was open."""
    precious = Path(f"{path}.precious")
    precious.write_text("precious")
    link(str(precious), path)
    with pytest.raises(OSError, match=said):
        try_acquire(path)
    assert precious.read_text() == "precious"


def test_a_lock_that_cannot_be_had_leaves_no_descriptor_open(path: str) -> None:
    with acquired(path):
        before = lowest_free()
        for _ in range(5):
            assert try_acquire(path) is None
        with pytest.raises(OSError):
            try_acquire(f"{path}/name.lock")
        assert lowest_free() == before


def test_waiting_does_not_keep_the_processor_busy(path: str) -> None:
    with holder(path, 30):
        waiter = Waiter(path)
        before = time.process_time()
        began = time.monotonic()
        looks = 0
        while time.monotonic() - began < 0.5:
            assert poll(waiter) is None
            looks += 1
        assert looks <= 20
        assert time.process_time() - before < 0.25


# Whatever ends its block.


class Ended(BaseException):
    """What ends a block in these tests; no `except Exception` stops it."""


def raise_at(number: int, file: str) -> None:
    """Raises at the nth line from now that is run in this file."""
    left = [number]

    def trace(frame: FrameType, event: str, _: object) -> "TraceFunction | None":
        if not frame.f_code.co_filename.endswith(file):
            return None
        if event == "line":
            left[0] -= 1
            if left[0] == 0:
                sys.settrace(None)
                raise Ended
        return trace

    sys.settrace(trace)


def test_a_lock_is_free_whatever_line_an_interruption_comes_at(path: str) -> None:
    """Also while the exception is kept, as a debugger or a test does."""
    kept: list[BaseException] = []
    number = 0
    while len(kept) == number:
        number += 1
        held = Lock()
        raise_at(number, "cache/lock.py")
        try:
            with held:
                held.take(path)
                held.promise(5)
        except Ended as error:
            kept.append(error)
        finally:
            sys.settrace(None)
        acquired(path).close()
    assert len(kept) > 15


def test_a_forked_child_does_not_keep_the_lock(path: str) -> None:
    with acquired(path) as held, Lock():
        reader, writer = os.pipe()
        alive, begun = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(writer)
            held.promise(30)  # which is not its own to give
            os.write(begun, b"!")
            os.read(reader, 1)
            os._exit(0)
        os.read(alive, 1)
    try:
        acquired(path).close()
    finally:
        os.close(writer)
        assert os.waitpid(child, 0)[1] == 0
        for descriptor in (reader, alive, begun):
            os.close(descriptor)


@pytest.mark.parametrize("is_holder_known", [True, False])
def test_where_threads_take_turns_nobody_waits_in_the_kernel(
    path: str, is_holder_known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after gevent's `monkey.patch_all`: one thread that waits there stops all the others."""

    monkeypatch.setattr(_thread, "start_new_thread", never_called)
    with acquired(path):
        if not is_holder_known:
            os.truncate(path, 0)
        waiter = Waiter(path)
        started = time.monotonic()
        for _ in range(3):
            assert poll(waiter) is None
        assert time.monotonic() - started < AT_ONCE


def test_the_lock_of_another_thread_is_polled(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be a greenlet, that this wait keeps from going on."""
    monkeypatch.setattr(lock, "_tell_when_free", never_called)
    with acquired(path):
        assert poll(Waiter(path)) is None


def never_called(*_: object) -> int:
    raise AssertionError("a thread waits in the kernel")
