"""Of all refresh tokens of a grant, the newest is in one file until its source has it."""

import errno
import fcntl
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from locks import acquired
from world import content

from tastyauth.errors import SecretError, TemporaryError
from tastyauth.posix import files
from tastyauth.secret import Secret
from tastyauth.session import refresh
from tastyauth.session.refresh import Secrets
from tastyauth.session.rotation import Grant, MovedError, sole_writer

ENDPOINT = "https://api.tastyworks.com/oauth/token"
CLIENT = "0c7b8898-a2f1-49bb-a23d-843e47b68631"
SOMEBODY = 54321
"""A user ID that no password database knows."""


@pytest.fixture
def directory(tmp_path: os.PathLike[str]) -> str:
    """Where a journal will be; nothing is there yet."""
    os.chmod(tmp_path, 0o700)
    return f"{os.fspath(tmp_path)}/state/grants"


@pytest.fixture
def grant(directory: str) -> Grant:
    """The grant of somebody who declares the first of its tokens."""
    return grant_of(directory)


def grant_of(directory: str, declared: int = 0) -> Grant:
    return Grant(directory, ENDPOINT, CLIENT, token(declared))


def token(number: int) -> Secret:
    return Secret(f"refresh-token-{number}")


def newest(grant: Grant) -> str:
    return grant.newest().reveal()


def names(directory: str) -> list[str]:
    return sorted(os.listdir(directory))


def test_a_token_that_was_never_rotated_is_the_newest_itself(grant: Grant, directory: str) -> None:
    assert newest(grant) == "refresh-token-0"
    assert not os.path.exists(directory)


def test_one_file_holds_the_newest_however_often_it_is_rotated(
    grant: Grant, directory: str
) -> None:
    for number in range(5):
        grant.keep(token(number + 1))
        assert newest(grant) == f"refresh-token-{number + 1}"
        assert len(names(directory)) == 1


def link_of(number: int, directory: str) -> str:
    """The name of the file that says what a token was rotated into."""
    apart = f"{directory}-{number}"
    grant_of(apart, number).keep(token(99))
    (name,) = names(apart)
    return name


def link(directory: str, old: int, new: int) -> None:
    """What version 0.1 wrote for each rotation."""
    files.make_directory(directory)
    files.write(f"{directory}/{link_of(old, directory)}", f"refresh-token-{new}\n".encode())


def test_the_links_of_the_former_version_are_followed_once(grant: Grant, directory: str) -> None:
    for number in range(3):
        link(directory, number, number + 1)
    assert newest(grant) == "refresh-token-3"
    grant.keep(token(4))
    assert newest(grant) == "refresh-token-4"
    assert names(directory) == sorted([link_of(0, directory), link_of(3, directory)][:1])


def test_a_token_that_is_in_its_source_is_nowhere_else(grant: Grant, directory: str) -> None:
    grant.keep(token(1))
    grant.moved(token(1), "file ~/live.refresh-token")
    (note,) = names(directory)
    assert content(f"{directory}/{note}") == "file ~/live.refresh-token"
    assert newest(grant_of(directory, 1)) == "refresh-token-1"


def test_a_process_that_read_a_source_before_it_was_written_reads_it_again(
    grant: Grant, directory: str
) -> None:
    grant.keep(token(1))
    grant.moved(token(1), "file ~/live.refresh-token")
    with pytest.raises(MovedError, match="file ~/live") as caught:
        grant_of(directory).newest()
    assert "make a new grant" in caught.value.hint
    (note,) = names(directory)
    files.write(f"{directory}/{note}", b"file ~/\xff")
    with pytest.raises(MovedError, match="file ~/\ufffd"):
        grant_of(directory).newest()
    with pytest.raises(MovedError), grant_of(directory).sole_use(30):
        pass
    grant.keep(token(2))  # somebody has put the old token back, and the server has taken it
    assert newest(grant) == "refresh-token-2"


@pytest.mark.parametrize(
    ("endpoint", "client"),
    [
        ("https://api.cert.tastyworks.com/oauth/token", CLIENT),
        (ENDPOINT, "11111111-2222-4333-8444-555555555555"),
    ],
)
def test_tokens_of_another_server_or_client_are_not_used(
    grant: Grant, directory: str, endpoint: str, client: str
) -> None:
    grant.keep(token(1))
    assert Grant(directory, endpoint, client, token(0)).newest() == token(0)


def test_a_client_id_is_the_same_in_any_case(grant: Grant, directory: str) -> None:
    grant.keep(token(1))
    assert Grant(directory, ENDPOINT, CLIENT.upper(), token(0)).newest() == token(1)


_RECORDER = """
import sys
from tastyauth.session.rotation import Grant
from tastyauth.secret import Secret
directory, endpoint, client = sys.argv[1:]
grant = Grant(directory, endpoint, client, Secret("refresh-token-0"))
number = int(grant.newest().reveal().rpartition("-")[2])
while True:
    number += 1
    grant.keep(Secret(f"refresh-token-{number}"))
    print(number, flush=True)
"""


def test_what_was_recorded_survives_a_kill_at_any_moment(grant: Grant, directory: str) -> None:
    for moment in range(8):
        with subprocess.Popen(
            [sys.executable, "-c", _RECORDER, directory, ENDPOINT, CLIENT],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            recorded = int(process.stdout.readline())
            time.sleep(moment * 0.0037)
            process.send_signal(signal.SIGKILL)
            told = process.stdout.read().split("\n")[:-1]  # a number that was cut does not count
        recorded = int(told[-1]) if told else recorded
        assert int(newest(grant).rpartition("-")[2]) in (recorded, recorded + 1)


def test_files_are_private_and_name_no_token(grant: Grant, directory: str) -> None:
    before = os.umask(0)
    try:
        grant.keep(token(1))
    finally:
        os.umask(before)
    assert os.stat(directory).st_mode & 0o777 == 0o700
    for name in names(directory):
        assert os.stat(f"{directory}/{name}").st_mode & 0o777 == 0o600
        assert "refresh-token" not in name


def test_a_server_that_hands_the_declared_token_out_again_is_followed(
    grant: Grant, directory: str
) -> None:
    grant.keep(token(1))
    grant.keep(token(0))
    assert newest(grant) == "refresh-token-0"
    grant.moved(token(0), "file ~/live.refresh-token")
    assert (newest(grant), names(directory)) == ("refresh-token-0", [])


def test_a_loop_of_links_comes_to_an_end(grant: Grant, directory: str) -> None:
    link(directory, 0, 1)
    link(directory, 1, 0)
    assert newest(grant) in ("refresh-token-0", "refresh-token-1")


@pytest.mark.parametrize("failing", ["open", "fsync", "replace"])
def test_a_disk_that_is_full_at_the_second_rotation_loses_nothing(
    grant: Grant, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that is there has room for a token of the same length."""
    real = getattr(os, failing)

    def full(*words: Any, **named: Any) -> Any:
        if failing == "fsync" or ".new" in str(words[0]):
            monkeypatch.setattr(os, failing, real)
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*words, **named)

    grant.keep(token(1))
    monkeypatch.setattr(os, failing, full)
    grant.keep(token(2))
    assert newest(grant) == "refresh-token-2"


def test_what_cannot_be_removed_is_no_reason_to_lose_a_token(
    grant: Grant, directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stays(path: str) -> None:
        if not path.endswith(".new"):
            raise PermissionError(errno.EPERM, "Operation not permitted", path)

    for number in range(2):
        link(directory, number, number + 1)
    monkeypatch.setattr(os, "unlink", stays)
    grant.keep(token(3))
    grant.moved(token(3), "file ~/live.refresh-token")
    assert newest(grant) == "refresh-token-3"


@pytest.mark.parametrize("damage", ["open", "link", "not ASCII", "directory"])
def test_a_file_that_cannot_be_read_is_an_error_not_an_old_token(
    grant: Grant, directory: str, damage: str
) -> None:
    """It names the directory, and what makes it readable again."""
    grant.keep(token(1))
    (name,) = names(directory)
    path = f"{directory}/{name}"
    if damage == "open":
        os.chmod(path, 0o644)
    elif damage == "link":
        os.rename(path, f"{directory}/away")
        os.symlink("away", path)
    elif damage == "not ASCII":
        files.write(path, b"\xff\xfe")
    else:
        os.unlink(path)
        os.mkdir(path)
    with pytest.raises(SecretError) as looked:
        grant.newest()
    with pytest.raises(SecretError) as used, grant.sole_use(30):
        pass
    for error in (looked.value, used.value):
        assert directory in error.message
        assert name not in error.message
        assert ("damaged" in error.message) is (damage == "not ASCII")
        assert f"chmod -R u=rwX,go= {directory}" in error.hint
        assert "Create Grant" in error.hint


@pytest.fixture
def somebodys() -> Iterator[str]:
    """Where a journal of a user will be for whom modes mean something; root may read everything."""
    root = tempfile.mkdtemp(prefix="tastyauth-test-")
    is_root = os.geteuid() == 0
    try:
        if is_root:
            os.chown(root, SOMEBODY, SOMEBODY)
            os.seteuid(SOMEBODY)
        yield f"{root}/home/state/tastyauth/grants"
    finally:
        if is_root:
            os.seteuid(0)
        subprocess.run(["chmod", "-R", "u+rwX", root], check=True)
        shutil.rmtree(root)


def test_a_process_that_can_open_no_more_files_gets_an_error_that_says_so(grant: Grant) -> None:
    """Whatever is in the file can be read a moment later."""
    grant.keep(token(1))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        with pytest.raises(TemporaryError, match="too many open files") as caught:
            grant.newest()
        assert "ulimit -n" in caught.value.hint
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert newest(grant) == "refresh-token-1"


@pytest.mark.parametrize("closed", [".", ".."], ids=["the directory", "what it is in"])
@pytest.mark.parametrize("mode", [0o000, 0o600])
def test_a_directory_of_ours_that_is_closed_may_hold_a_newer_token(
    somebodys: str, closed: str, mode: int
) -> None:
    grant = grant_of(somebodys)
    grant.keep(token(1))
    os.chmod(os.path.normpath(f"{somebodys}/{closed}"), mode)
    with pytest.raises(SecretError, match="permission denied"):
        grant.newest()
    with pytest.raises(SecretError), grant.sole_use(30):
        pass


def test_a_home_that_is_hidden_or_gone_holds_no_newer_token(somebodys: str) -> None:
    """Services are shown none (systemd.exec, ProtectHome=)."""
    home = somebodys.partition("/state")[0]
    grant = grant_of(somebodys)
    assert grant.newest() == token(0)
    os.makedirs(home)
    for mode in (0o000, 0o500):
        os.chmod(home, mode)
        assert grant.newest() == token(0)
        with grant.sole_use(30) as newest:
            assert newest == token(0)


def test_a_file_whose_writer_was_killed_at_it_is_none(grant: Grant, directory: str) -> None:
    """And it is no obstacle to the next one."""
    path = f"{directory}/{link_of(0, directory)}"
    files.make_directory(directory)
    for part in (b"", b"refresh-", b"refresh-token-2"):
        files.write(path, part)
        assert newest(grant) == "refresh-token-0"
    files.write(path, b"refresh-token-2\nof a longer one\n")  # killed before it could be cut
    assert newest(grant) == "refresh-token-2"
    grant.keep(token(3))
    assert newest(grant) == "refresh-token-3"


def test_what_killed_writers_have_left_goes_with_the_next_rotation(
    grant: Grant, directory: str
) -> None:
    grant.keep(token(1))
    old, young = ("a.1.2.new", "b.lock", "f.moved"), ("c.1.2.new", "d.lock", "g.moved")
    for name in (*old, *young):
        files.write(f"{directory}/{name}", b"")
        age = 7200 if name in old else 60
        os.utime(f"{directory}/{name}", (time.time() - age,) * 2)
    with acquired(f"{directory}/e.lock"):
        os.utime(f"{directory}/e.lock", (1, 1))
        grant.moved(token(1), "file ~/live.refresh-token")
    assert set(names(directory)) == {*young, "e.lock", f"{link_of(0, directory)}.moved"}


# One exchange at a time.


def test_a_grant_is_one_callers_alone_and_the_next_gets_the_newest_token(
    grant: Grant, directory: str
) -> None:
    got: list[str] = []

    def next_one() -> None:
        with grant_of(directory).sole_use(30) as newest:
            got.append(newest.reveal())

    with grant.sole_use(30) as newest:
        assert newest == token(0)
        waiting = threading.Thread(target=next_one)
        waiting.start()
        time.sleep(0.2)
        assert got == []
        grant.keep(token(1))
    waiting.join(10)
    assert got == ["refresh-token-1"]


def test_other_grants_do_not_wait(grant: Grant, directory: str) -> None:
    with grant.sole_use(30), grant_of(directory, 1).sole_use(30) as newest:
        assert newest == token(1)


def test_one_source_has_one_writer(directory: str) -> None:
    with sole_writer(directory, "pass tastytrade", 30):
        with sole_writer(directory, "pass other", 30):
            pass
        started = time.monotonic()
        with pytest.raises(TemporaryError), sole_writer(directory, "pass tastytrade", 0.3):
            pass
        assert time.monotonic() - started < 10
    with sole_writer(directory, "pass tastytrade", 0.3):
        pass
    assert names(directory) == []


def test_no_lock_files_pile_up(grant: Grant, directory: str) -> None:
    for number in range(3):
        with grant.sole_use(30):
            grant.keep(token(number + 1))
    assert not [name for name in names(directory) if name.endswith(".lock")]


def test_where_nothing_can_be_written_a_token_that_was_never_rotated_is_used(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    with grant_of(f"{tmp_path}/file/grants").sole_use(30) as newest:
        assert newest == token(0)


@pytest.mark.parametrize(("mode", "reason"), [(0o755, "open to other"), (0o500, "permission")])
def test_a_token_is_not_used_up_where_the_next_one_cannot_be_kept(
    somebodys: str, mode: int, reason: str
) -> None:
    """Its server rotates: whoever knows an older token of the grant would lose it."""
    grant = grant_of(somebodys)
    grant.keep(token(1))
    os.chmod(somebodys, mode)
    with pytest.raises(SecretError, match=reason) as caught, grant.sole_use(30):
        pass
    assert somebodys in caught.value.message
    assert grant.newest() == token(1)
    os.chmod(somebodys, 0o700)
    with grant.sole_use(30) as newest:
        assert newest == token(1)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_the_newest_token_is_used_where_a_file_system_has_no_locks(
    grant: Grant, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    grant.keep(token(1))
    monkeypatch.setattr(fcntl, "flock", no_locks)
    with grant.sole_use(30) as newest:
        assert newest == token(1)
        grant.keep(token(2))
    assert grant.newest() == token(2)


def test_a_token_is_followed_for_as_long_as_its_source_has_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secrets = [Secrets(CLIENT, Secret("s"), token(number)) for number in (1, 2, 3, 3)]
    later = secrets[1:]
    sent: list[Secrets] = []
    nothing: Any = None

    def moved(_: object, secrets: Secrets, *__: object, **___: object) -> None:
        sent.append(secrets)
        raise MovedError("it has moved")

    monkeypatch.setattr(refresh, "refresh", moved)
    monkeypatch.setattr(refresh, "resolve_secrets", lambda *_: later.pop(0))
    with pytest.raises(MovedError):  # the last one is where the source says, and no use either
        refresh.refresh_stored(nothing, secrets[0])
    assert sent == secrets[:3]
    assert later == []


def test_a_lock_is_free_and_leaves_no_file_however_its_use_ends(
    grant: Grant, directory: str
) -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), grant.sole_use(5):
            _ = 1 / 0
    with pytest.raises(ZeroDivisionError), sole_writer(directory, "file x", 5):
        _ = 1 / 0
    grant.keep(token(1))
    grant.moved(token(1), "file x")
    with pytest.raises(MovedError), grant.sole_use(5):
        pass
    assert [name for name in names(directory) if not name.endswith(".moved")] == []


def test_a_rotation_is_on_the_disk_before_anything_else_happens(
    grant: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    grant.keep(token(1))
    assert len(synced) >= 2  # the file, and the directory that names it


def test_a_first_rotation_on_a_full_disk_says_why(
    grant: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(OSError) as caught:
        grant.keep(token(1))
    assert caught.value.errno == errno.ENOSPC


def test_a_token_may_have_moved_to_a_path_that_is_no_text(grant: Grant, directory: str) -> None:
    grant.moved(token(1), "file ~/there-is-no-directory-yet")
    grant.keep(token(1))
    grant.moved(token(1), "file ~/\udcff")
    (note,) = names(directory)
    assert content(f"{directory}/{note}") == "file ~/?"


def test_what_somebody_else_sweeps_away_at_the_same_time_is_gone(
    grant: Grant, directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own directory alone: pytest looks at files, too, when a test fails."""
    grant.keep(token(1))
    files.write(f"{directory}/a.lock", b"")
    look = os.lstat

    def gone(path: Any, **named: Any) -> os.stat_result:
        if path == f"{directory}/a.lock":
            raise FileNotFoundError(path)
        return look(path, **named)

    with monkeypatch.context() as patch:
        patch.setattr(os, "lstat", gone)
        grant.moved(token(1), "file ~/live.refresh-token")
    assert "a.lock" in names(directory)
