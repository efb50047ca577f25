"""Files that only their owner can read, written whole or not at all."""

import errno
import os
import resource
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from needs import needs_root, needs_user

from tastyauth import locate
from tastyauth.posix import files

NOBODY = 65534


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777])
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.fixture
def place(tmp_path: Path) -> str:
    """A private directory."""
    os.chmod(tmp_path, 0o700)
    return str(tmp_path)


def mode(path: str) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


# -- writing and reading --------------------------------------------------------------------------


@pytest.mark.usefixtures("_umask")
def test_a_file_is_closed_to_others_whatever_the_umask(place: str) -> None:
    files.write(f"{place}/a", b"secret")
    assert mode(f"{place}/a") == 0o600
    assert locate.read_private(f"{place}/a") == b"secret"


@pytest.mark.parametrize("content", [b"", b"a\n", bytes(range(256)) * 100])
def test_what_is_written_is_read(place: str, content: bytes) -> None:
    files.write(f"{place}/a", content)
    assert locate.read_private(f"{place}/a") == content
    assert os.listdir(place) == ["a"]


def test_a_file_that_is_not_there_is_none(place: str) -> None:
    assert locate.read_private(f"{place}/a") is None


@pytest.mark.usefixtures("_umask")
def test_an_open_file_is_replaced_by_a_closed_one(place: str) -> None:
    Path(f"{place}/a").touch()
    os.chmod(f"{place}/a", 0o666)
    files.write(f"{place}/a", b"new")
    assert mode(f"{place}/a") == 0o600


def test_a_reader_with_the_old_file_open_keeps_it_whole(place: str) -> None:
    files.write(f"{place}/a", b"old content")
    with open(f"{place}/a", "rb") as old:
        files.write(f"{place}/a", b"new")
        assert old.read() == b"old content"
    assert locate.read_private(f"{place}/a") == b"new"


def test_a_reader_sees_the_old_or_the_new_file_never_a_part(place: str) -> None:
    old, new = b"o" * 100_000, b"n" * 100_000
    files.write(f"{place}/a", old)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            files.write(f"{place}/a", new)
            files.write(f"{place}/a", old)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = {locate.read_private(f"{place}/a") for _ in range(500)}
    finally:
        stop.set()
        writer.join()
    assert seen <= {old, new}


def test_a_leftover_of_a_killed_process_is_no_obstacle(place: str) -> None:
    """Of one with the same number, and with more in it than what is written now."""
    leftover = f"{place}/a.{os.getpid()}.{threading.get_ident()}.new"
    Path(leftover).write_bytes(b"half of something longer")
    os.chmod(leftover, 0o666)
    files.write(f"{place}/a", b"new")
    assert locate.read_private(f"{place}/a") == b"new"
    assert mode(f"{place}/a") == 0o600
    assert os.listdir(place) == ["a"]


def test_a_leftover_that_is_a_link_is_not_followed(place: str) -> None:
    Path(f"{place}/victim").write_bytes(b"mine")
    os.symlink("victim", f"{place}/a.{os.getpid()}.{threading.get_ident()}.new")
    files.write(f"{place}/a", b"new")
    assert Path(f"{place}/victim").read_bytes() == b"mine"
    assert locate.read_private(f"{place}/a") == b"new"


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_link_is_replaced_and_its_target_left_alone(
    place: str, link: Callable[[str, str], None]
) -> None:
    Path(f"{place}/victim").write_bytes(b"mine")
    link(f"{place}/victim", f"{place}/a")
    files.write(f"{place}/a", b"new")
    assert Path(f"{place}/victim").read_bytes() == b"mine"
    assert not os.path.islink(f"{place}/a")
    assert locate.read_private(f"{place}/a") == b"new"
    assert mode(f"{place}/a") == 0o600


def test_what_cannot_be_written_leaves_no_part_of_it(place: str) -> None:
    """On a disk that is full after the first block."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(OSError):
            files.write(f"{place}/a", b"x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert os.listdir(place) == []


def test_only_what_killed_writers_of_a_file_have_left_is_removed(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = {*(f"a.7.{number}.new" for number in range(3)), "a.12.345.new"}
    others = {"a", "a.new", "a.old.new", "a.12.345.new.bak", "1.2.new", "a.1.2.3.new", "a.1.2"}
    others |= {"a.1.new.x", "b.1.2.new", "xa.1.2.new", "aa.1.2.new", "b.12.345.new"}
    for name in theirs | others:
        Path(f"{place}/{name}").touch()
    files.remove_unfinished(f"{place}/a")
    assert set(os.listdir(place)) == theirs | others  # somebody may be writing them
    for name in theirs | others:
        os.utime(f"{place}/{name}", (1000, 1000))
    Path(f"{place}/a.77.8.new").touch()
    found = ["a.8.8.new", *sorted(os.listdir(place))]  # one is gone before it is looked at
    monkeypatch.setattr(os, "listdir", lambda _: found)
    files.remove_unfinished(f"{place}/a")
    monkeypatch.undo()
    assert set(os.listdir(place)) == {*others, "a.77.8.new"}


def test_a_file_is_made_for_its_owner_alone_and_never_through_a_link(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even for a moment; and not if a link appears once the old file is removed."""

    def unexpected(*_: object) -> None:
        raise AssertionError("it was not closed from the start")

    before = os.umask(0)
    monkeypatch.setattr(os, "fchmod", unexpected)
    files.write(f"{place}/a", b"secret")
    os.umask(before)
    Path(f"{place}/victim").write_bytes(b"kept")
    os.symlink(f"{place}/victim", files._beside(f"{place}/a"))
    monkeypatch.setattr(os, "unlink", lambda _: None)
    with pytest.raises(FileExistsError):
        files.write(f"{place}/a", b"other")
    assert Path(f"{place}/victim").read_bytes() == b"kept"


def test_what_must_survive_a_power_cut_is_on_the_disk_before_it_takes_its_place(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[int, bool]] = []

    def sync(descriptor: int) -> None:
        synced.append((os.fstat(descriptor).st_ino, os.path.exists(f"{place}/a")))

    monkeypatch.setattr(os, "fsync", sync)
    files.write(f"{place}/b", b"b")
    assert synced == []
    files.write(f"{place}/a", b"a", durable=True)
    inode, directory = os.stat(f"{place}/a").st_ino, os.stat(place).st_ino
    assert synced == [(inode, False), (directory, True)]
    os.unlink(f"{place}/a")
    synced.clear()
    contents = {f"{place}/a": (b"a", 0o600)}
    files.write_beside(contents)
    assert [seen for _, seen in synced] == [False]
    files.rename_all(contents)
    assert synced == [(os.stat(f"{place}/a").st_ino, False), (directory, True)]


def test_a_full_disk_has_room_in_the_file_that_is_there_or_the_error_stays(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    files.write(f"{place}/a", b"something longer")
    inode = os.stat(f"{place}/a").st_ino
    files.overwrite(f"{place}/a", b"new", full)
    assert locate.read_private(f"{place}/a") == b"new"
    assert os.stat(f"{place}/a").st_ino == inode
    os.symlink("a", f"{place}/link")
    for name in ("gone", "link", "a"):
        if name == "a":
            monkeypatch.setattr(os, "pwrite", lambda *_: 2)
        with pytest.raises(OSError) as caught:
            files.overwrite(f"{place}/{name}", b"more", full)
        assert caught.value is full
    assert locate.read_private(f"{place}/a") == b"new"


def test_a_file_is_older_once_that_long_has_passed_and_never_once_it_is_gone(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(f"{place}/a").touch()
    os.utime(f"{place}/a", (1000, 1000))
    monkeypatch.setattr(time, "time", lambda: 1060.0)
    assert [files.is_older(f"{place}/a", age) for age in (59.0, 60.0, 61.0)] == [True, False, False]
    assert not files.is_older(f"{place}/gone", 0.0)


def test_what_cannot_be_written_leaves_everything_as_it_was(place: str) -> None:
    os.mkdir(f"{place}/a")
    with pytest.raises(IsADirectoryError):
        files.write(f"{place}/a", b"new")
    assert os.listdir(place) == ["a"]
    with pytest.raises(FileNotFoundError):
        files.write(f"{place}/missing/a", b"new")
    assert os.listdir(place) == ["a"]


@needs_user
def test_in_a_closed_directory_nothing_is_written(place: str) -> None:
    os.chmod(place, 0o500)
    with pytest.raises(PermissionError):
        files.write(f"{place}/a", b"new")


def as_link(path: str) -> None:
    files.write(f"{path}.target", b"secret")
    os.symlink(f"{path}.target", path)


def as_hard_to_find_link(path: str) -> None:
    os.symlink("nowhere", path)


def as_directory(path: str) -> None:
    os.mkdir(path, 0o700)


def as_pipe(path: str) -> None:
    os.mkfifo(path, 0o600)


def readable_by(bits: int) -> Callable[[str], None]:
    def make(path: str) -> None:
        files.write(path, b"secret")
        os.chmod(path, 0o600 | bits)

    return make


def of_somebody_else(path: str) -> None:
    files.write(path, b"secret")
    os.chown(path, NOBODY, NOBODY)


@pytest.mark.parametrize(
    "make",
    [
        as_link,
        as_hard_to_find_link,
        as_directory,
        as_pipe,
        *map(readable_by, [0o040, 0o004, 0o020, 0o002, 0o010, 0o001, 0o044]),
        pytest.param(of_somebody_else, marks=needs_root),
    ],
)
def test_what_others_could_have_made_is_not_read(place: str, make: Callable[[str], None]) -> None:
    make(f"{place}/a")
    with pytest.raises(OSError, match="a") as caught:
        locate.read_private(f"{place}/a")
    assert caught.value.strerror


def test_an_open_file_or_directory_says_what_to_do(place: str) -> None:
    readable_by(0o044)(f"{place}/a")
    with pytest.raises(OSError) as caught:
        locate.read_private(f"{place}/a")
    assert caught.value.strerror == f"{place}/a is open to other users; chmod 600 it"
    open_directory(0o055)(f"{place}/b")
    with pytest.raises(OSError) as caught:
        locate.check_private(f"{place}/b")
    assert caught.value.strerror == f"{place}/b is open to other users; chmod 700 it"


def test_the_largest_file_is_read_whole_and_a_larger_one_not_at_all(place: str) -> None:
    files.write(f"{place}/a", b"x" * locate.LARGEST_FILE)
    assert locate.read_private(f"{place}/a") == b"x" * locate.LARGEST_FILE
    files.write(f"{place}/a", b"x" * (locate.LARGEST_FILE + 1))
    with pytest.raises(OSError):
        locate.read_private(f"{place}/a")


def test_removing_is_sure_and_again_harmless(place: str) -> None:
    files.write(f"{place}/a", b"")
    files.remove(f"{place}/a")
    files.remove(f"{place}/a")
    assert os.listdir(place) == []
    os.mkdir(f"{place}/a")
    with pytest.raises(OSError):
        files.remove(f"{place}/a")


def in_children(*work: Callable[[], object]) -> None:
    """Does all of this at once, each in a process of its own, which must succeed."""
    children = []
    for each in work:
        child = os.fork()
        if child == 0:
            try:
                each()
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * len(work)


def test_many_writers_of_one_file_leave_one_whole_file(place: str) -> None:
    """Threads of several processes."""
    contents = [bytes([65 + number]) * 50_000 for number in range(8)]

    def write(content: bytes) -> None:
        for _ in range(20):
            files.write(f"{place}/a", content)
            assert locate.read_private(f"{place}/a") in contents

    def write_both(two: list[bytes]) -> None:
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(write, two))

    in_children(*(partial(write_both, contents[first : first + 2]) for first in (0, 2, 4, 6)))
    assert locate.read_private(f"{place}/a") in contents
    assert os.listdir(place) == ["a"]


# -- directories ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("_umask")
def test_missing_directories_are_made_closed(place: str) -> None:
    files.make_directory(f"{place}/a/b/c")
    assert [mode(f"{place}/{name}") for name in ("a", "a/b", "a/b/c")] == [0o700] * 3


def test_each_directory_may_be_made_by_another_process_first(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = os.mkdir

    def late(path: str, mode: int) -> None:
        make(path, mode)
        make(path, mode)

    monkeypatch.setattr(os, "mkdir", late)
    files.make_directory(f"{place}/a/b/c")
    assert mode(f"{place}/a/b/c") == 0o700


def test_a_directory_that_is_there_is_left_as_it_is(place: str) -> None:
    files.make_directory(f"{place}/a")
    before = os.stat(f"{place}/a")
    files.make_directory(f"{place}/a")
    assert os.stat(f"{place}/a") == before


def test_only_the_last_directory_must_be_closed(place: str) -> None:
    """`~/.cache` is often open."""
    os.mkdir(f"{place}/a")
    os.chmod(f"{place}/a", 0o755)
    files.make_directory(f"{place}/a/b")
    assert mode(f"{place}/a") == 0o755
    assert mode(f"{place}/a/b") == 0o700


def test_two_may_make_it_at_once(place: str) -> None:
    in_children(*[lambda: files.make_directory(f"{place}/a/b/c/d/e/f")] * 16)


def open_directory(bits: int) -> Callable[[str], None]:
    def make(path: str) -> None:
        os.mkdir(path)
        os.chmod(path, 0o700 | bits)

    return make


def linked_directory(path: str) -> None:
    os.mkdir(f"{path}.target", 0o700)
    os.symlink(f"{path}.target", path)


def foreign_directory(path: str) -> None:
    os.mkdir(path, 0o700)
    os.chown(path, NOBODY, NOBODY)


@pytest.mark.parametrize(
    "make",
    [
        *map(open_directory, [0o040, 0o004, 0o020, 0o002, 0o010, 0o001, 0o055]),
        linked_directory,
        pytest.param(foreign_directory, marks=needs_root),
    ],
)
def test_a_directory_that_others_reach_is_not_used(place: str, make: Callable[[str], None]) -> None:
    make(f"{place}/a")
    before = os.lstat(f"{place}/a")
    for use in (locate.check_private, files.make_directory):
        with pytest.raises(OSError, match="/a "):
            use(f"{place}/a")
    assert os.lstat(f"{place}/a") == before


def test_a_file_in_the_way_is_an_error(place: str) -> None:
    Path(f"{place}/a").touch()
    with pytest.raises(NotADirectoryError):
        files.make_directory(f"{place}/a/b")


def test_checking_what_is_not_there_is_an_error(place: str) -> None:
    with pytest.raises(FileNotFoundError):
        locate.check_private(f"{place}/a")


def test_a_directory_that_cannot_be_made_is_an_error() -> None:
    with pytest.raises(OSError) as caught:
        files.make_directory("/proc/self/tastyauth/cache")
    assert caught.value.errno in {errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS}


@needs_root
def test_root_makes_nothing_below_a_directory_of_another_user(place: str) -> None:
    """`sudo` keeps `$HOME`: root's files there would lock their owner out."""
    os.mkdir(f"{place}/home")
    os.chown(f"{place}/home", NOBODY, NOBODY)
    with pytest.raises(OSError, match="belongs to another user"):
        files.make_directory(f"{place}/home/.cache/tastyauth")
    assert os.listdir(f"{place}/home") == []


# -- several files at once ------------------------------------------------------------------------


def test_several_files_are_replaced_when_all_are_written(place: str) -> None:
    Path(f"{place}/a").write_bytes(b"old")
    contents = {f"{place}/a": (b"a", 0o600), f"{place}/b/c": (b"c", 0o644)}
    files.write_beside(contents)
    assert Path(f"{place}/a").read_bytes() == b"old"
    assert not os.path.exists(f"{place}/b/c")
    files.rename_all(contents)
    assert (Path(f"{place}/a").read_bytes(), mode(f"{place}/a")) == (b"a", 0o600)
    assert (Path(f"{place}/b/c").read_bytes(), mode(f"{place}/b/c")) == (b"c", 0o644)
    assert sorted(os.listdir(place)) == ["a", "b"]


def test_what_is_discarded_replaces_nothing(place: str) -> None:
    Path(f"{place}/a").write_bytes(b"old")
    contents = {f"{place}/a": (b"a", 0o600), f"{place}/b": (b"b", 0o600)}
    files.write_beside(contents)
    files.discard_all(contents)
    assert os.listdir(place) == ["a"]
    assert Path(f"{place}/a").read_bytes() == b"old"


def test_which_one_cannot_be_written_is_said(place: str) -> None:
    os.mkdir(f"{place}/b")
    contents = {f"{place}/a": (b"a", 0o600), f"{place}/b": (b"b", 0o600)}
    with pytest.raises(OSError) as caught:
        files.write_beside(contents)
    assert caught.value.filename == f"{place}/b"
    assert f"{place}/b is a directory" in str(caught.value)
    Path(f"{place}/plain").touch()
    files.discard_all({f"{place}/plain/c": (b"", 0o600), **contents})
    assert sorted(os.listdir(place)) == ["b", "plain"]


def test_a_path_leads_out_by_a_link_on_the_way_or_at_its_end(place: str) -> None:
    home = f"{place}/homeX"
    os.makedirs(f"{home}/in")
    os.mkdir(f"{place}/homeX2")
    for link, target in (("same", "in"), ("out", "../homeX2"), ("up", ".."), ("self", ".")):
        os.symlink(target, f"{home}/{link}")
    inside = ("in", "in/new", "same/new", "self", "self/in/a", "up/homeX/in", ".")
    assert [it for it in inside if files.leads_out(f"{home}/{it}", home)] == []
    outside = ("out", "out/new", "up", "up/new", "same/../../x", "../homeX2")
    assert [it for it in outside if not files.leads_out(f"{home}/{it}", home)] == []
    assert not files.leads_out(f"{home}/in", f"{home}/")
    assert not files.leads_out(f"{home}/in", f"{home}/self")
    assert not files.leads_out("/etc", "/")


@pytest.mark.parametrize(
    ("reason", "command"),
    [
        ("/a b can be written by somebody named in its ACL", "setfacl -b '/a b'"),
        ("/a b can be written by everybody", "chmod go-w '/a b'"),
        ("/a can be written by its group", "chmod go-w /a"),
        ("/a can be written/b can be written by its group", "chmod go-w '/a can be written/b'"),
        ("/a belongs to another user", "sudo chown $(id -u) /a"),
        ("/a cannot be checked", "look at it: ls -ld /a"),
        ("anything else", "remove that permission"),
    ],
)
def test_how_to_close_what_others_can_write_is_a_command(reason: str, command: str) -> None:
    assert files.how_to_close(reason) == command
