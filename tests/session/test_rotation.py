"""The journal: of all refresh tokens that a server handed out, the newest is never lost."""

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator

import pytest
from locks import try_acquire

from tastyauth import locate
from tastyauth.errors import SecretError
from tastyauth.posix import files
from tastyauth.secret import Secret
from tastyauth.session.rotation import Journal

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
def journal(directory: str) -> Journal:
    return Journal(directory, ENDPOINT, CLIENT)


def token(number: int) -> Secret:
    return Secret(f"refresh-token-{number}")


def latest(journal: Journal, number: int) -> str:
    return journal.latest(token(number)).reveal()


def links(directory: str) -> list[str]:
    return sorted(os.listdir(directory))


def test_a_token_that_was_never_rotated_is_the_newest_itself(
    journal: Journal, directory: str
) -> None:
    assert latest(journal, 0) == "refresh-token-0"
    assert not os.path.exists(directory)


def test_a_chain_is_followed_to_its_end_from_everywhere(journal: Journal) -> None:
    for number in range(5):
        journal.record(token(number), token(number), token(number + 1))
    assert [latest(journal, number) for number in range(6)] == ["refresh-token-5"] * 6


def test_the_declared_token_leads_to_the_newest_in_one_step(
    journal: Journal, directory: str
) -> None:
    for number in range(5):
        journal.record(token(0), token(number), token(number + 1))
    for link in set(links(directory)) - {link_of(0, directory)}:
        os.unlink(f"{directory}/{link}")
    assert latest(journal, 0) == "refresh-token-5"


def link_of(number: int, directory: str) -> str:
    """The name of the file that tells what a token was rotated into."""
    apart = f"{directory}-{number}"
    Journal(apart, ENDPOINT, CLIENT).record(token(number), token(number), token(99))
    (name,) = links(apart)
    return name


def test_two_profiles_of_one_grant_follow_each_other(directory: str) -> None:
    """One declares the first token still, the other was given a later one."""
    one, other = (Journal(directory, ENDPOINT, CLIENT) for _ in range(2))
    one.record(token(0), token(0), token(1))
    other.record(token(1), token(1), token(2))
    one.record(token(0), token(2), token(3))
    for number in range(4):
        assert latest(one, number) == latest(other, number) == "refresh-token-3"


@pytest.mark.parametrize(
    ("endpoint", "client"),
    [
        ("https://api.cert.tastyworks.com/oauth/token", CLIENT),
        (ENDPOINT, "11111111-2222-4333-8444-555555555555"),
    ],
)
def test_links_of_another_server_or_client_are_not_followed(
    journal: Journal, directory: str, endpoint: str, client: str
) -> None:
    journal.record(token(0), token(0), token(1))
    assert Journal(directory, endpoint, client).latest(token(0)) == token(0)


def test_a_client_id_is_the_same_in_any_case(journal: Journal, directory: str) -> None:
    journal.record(token(0), token(0), token(1))
    assert Journal(directory, ENDPOINT, CLIENT.upper()).latest(token(0)) == token(1)


def test_a_crash_between_the_two_writes_loses_nothing(journal: Journal, directory: str) -> None:
    """First the link of the old token is written, then that of the declared one."""
    for number in range(3):
        journal.record(token(0), token(number), token(number + 1))
    of_declared = f"{directory}/{link_of(0, directory)}"
    before = locate.read_private(of_declared)
    journal.record(token(0), token(3), token(4))
    assert before is not None
    files.write(of_declared, before)
    assert latest(journal, 0) == "refresh-token-4"
    journal.record(token(0), token(4), token(5))
    assert latest(journal, 0) == "refresh-token-5"


_RECORDER = """
import sys
from tastyauth.session.rotation import Journal
from tastyauth.secret import Secret
directory, endpoint, client = sys.argv[1:]
journal = Journal(directory, endpoint, client)
declared = Secret("refresh-token-0")
number = int(journal.latest(declared).reveal().rpartition("-")[2])
while True:
    old, new = (Secret(f"refresh-token-{it}") for it in (number, number + 1))
    journal.record(declared, old, new)
    number += 1
    print(number, flush=True)
"""


def test_what_was_recorded_survives_a_kill_at_any_moment(journal: Journal, directory: str) -> None:
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
        newest = int(latest(journal, 0).rpartition("-")[2])
        assert newest in (recorded, recorded + 1)
        assert latest(journal, recorded) == latest(journal, 0)  # whichever of them is declared


def test_files_are_private_and_name_no_token(journal: Journal, directory: str) -> None:
    before = os.umask(0)
    try:
        journal.record(token(0), token(0), token(1))
    finally:
        os.umask(before)
    assert os.stat(directory).st_mode & 0o777 == 0o700
    for link in links(directory):
        assert os.stat(f"{directory}/{link}").st_mode & 0o777 == 0o600
        assert "refresh-token" not in link


def test_a_server_that_hands_an_older_token_out_again_is_followed(journal: Journal) -> None:
    journal.record(token(0), token(0), token(1))
    journal.record(token(0), token(1), token(0))
    assert latest(journal, 0) == "refresh-token-0"
    assert latest(journal, 1) == "refresh-token-0"
    journal.record(token(0), token(0), token(2))
    assert latest(journal, 0) == latest(journal, 1) == "refresh-token-2"


def test_a_declared_token_that_comes_back_is_the_newest(journal: Journal) -> None:
    for old, new in ((0, 1), (1, 2), (2, 1)):
        journal.record(token(1), token(old), token(new))
    assert latest(journal, 1) == latest(journal, 0) == latest(journal, 2) == "refresh-token-1"


def test_a_token_that_comes_back_to_whoever_declares_the_other_is_the_newest(
    journal: Journal,
) -> None:
    journal.record(token(0), token(0), token(1))
    journal.record(token(1), token(1), token(0))
    assert latest(journal, 0) == latest(journal, 1) == "refresh-token-0"


def test_a_loop_of_links_comes_to_an_end(journal: Journal, directory: str) -> None:
    for number in (0, 1):
        journal.record(token(number), token(number), token(number + 1))
    files.write(f"{directory}/{link_of(1, directory)}", token(0).reveal().encode() + b"\n")
    assert latest(journal, 0) in ("refresh-token-0", "refresh-token-1")


@pytest.mark.parametrize("damage", ["open", "link", "not ASCII", "directory"])
def test_a_link_that_cannot_be_read_is_an_error_not_an_old_token(
    journal: Journal, directory: str, damage: str
) -> None:
    """It names the journal, and what makes it readable again."""
    journal.record(token(0), token(0), token(1))
    (link,) = links(directory)
    path = f"{directory}/{link}"
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
        journal.latest(token(0))
    with pytest.raises(SecretError) as used, journal.sole_use(token(0), 30):
        pass
    for error in (looked.value, used.value):
        assert directory in error.message
        assert link not in error.message
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


@pytest.mark.parametrize("closed", [".", ".."], ids=["the journal", "what it is in"])
@pytest.mark.parametrize("mode", [0o000, 0o600])
def test_a_directory_of_ours_that_is_closed_may_hold_a_newer_token(
    somebodys: str, closed: str, mode: int
) -> None:
    journal = Journal(somebodys, ENDPOINT, CLIENT)
    journal.record(token(0), token(0), token(1))
    os.chmod(os.path.normpath(f"{somebodys}/{closed}"), mode)
    with pytest.raises(SecretError, match="permission denied"):
        journal.latest(token(0))
    with pytest.raises(SecretError), journal.sole_use(token(0), 30):
        pass


def test_a_home_that_is_hidden_or_gone_holds_no_newer_token(somebodys: str) -> None:
    """Services are shown none (systemd.exec, ProtectHome=)."""
    home = somebodys.partition("/state")[0]
    journal = Journal(somebodys, ENDPOINT, CLIENT)
    for mode in (None, 0o000, 0o500):
        if mode is not None:
            os.makedirs(home, exist_ok=True)
            os.chmod(home, mode)
        assert journal.latest(token(0)) == token(0)
        if mode is not None:
            with journal.sole_use(token(0), 30) as newest:
                assert newest == token(0)


def test_a_link_whose_writer_was_killed_at_it_is_none(journal: Journal, directory: str) -> None:
    """And it is no obstacle to the next one."""
    journal.record(token(0), token(0), token(1))
    path = f"{directory}/{link_of(1, directory)}"
    for part in (b"", b"refresh-", b"refresh-token-2"):
        files.write(path, part)
        assert latest(journal, 0) == "refresh-token-1"
    journal.record(token(0), token(1), token(3))
    assert latest(journal, 0) == latest(journal, 1) == "refresh-token-3"


def test_what_killed_writers_have_left_goes_with_the_next_rotation(
    journal: Journal, directory: str
) -> None:
    journal.record(token(0), token(0), token(1))
    kept = links(directory)
    for name, age in (("a.1.2.new", 7200), ("b.lock", 7200), ("c.1.2.new", 60), ("d.lock", 60)):
        files.write(f"{directory}/{name}", b"")
        os.utime(f"{directory}/{name}", (time.time() - age,) * 2)
    held = try_acquire(f"{directory}/e.lock")
    assert held is not None
    os.utime(f"{directory}/e.lock", (1, 1))
    with held:
        journal.record(token(0), token(1), token(2))
    left = set(links(directory)) - {*kept, link_of(1, directory)}
    assert left == {"c.1.2.new", "d.lock", "e.lock"}


# One exchange at a time.


def test_a_grant_is_one_callers_alone_and_the_next_gets_the_newest_token(journal: Journal) -> None:
    got: list[str] = []

    def next_one() -> None:
        with journal.sole_use(token(0), 30) as newest:
            got.append(newest.reveal())

    with journal.sole_use(token(0), 30) as newest:
        assert newest == token(0)
        waiting = threading.Thread(target=next_one)
        waiting.start()
        time.sleep(0.2)
        assert got == []
        journal.record(token(0), token(0), token(1))
    waiting.join(10)
    assert got == ["refresh-token-1"]


def test_whoever_declares_a_later_token_of_the_grant_waits_too(journal: Journal) -> None:
    journal.record(token(0), token(0), token(1))
    got: list[str] = []

    def next_one() -> None:
        with journal.sole_use(token(1), 30) as newest:
            got.append(newest.reveal())

    with journal.sole_use(token(0), 30) as newest:
        assert newest == token(1)
        waiting = threading.Thread(target=next_one)
        waiting.start()
        time.sleep(0.2)
        assert got == []
    waiting.join(10)
    assert got == ["refresh-token-1"]


def test_other_grants_do_not_wait(journal: Journal) -> None:
    with journal.sole_use(token(0), 30), journal.sole_use(token(1), 30) as newest:
        assert newest == token(1)


def test_no_lock_files_pile_up(journal: Journal, directory: str) -> None:
    for number in range(3):
        with journal.sole_use(token(0), 30) as newest:
            journal.record(token(0), newest, token(number + 1))
    assert not [name for name in os.listdir(directory) if name.endswith(".lock")]


def test_a_failing_exchange_frees_the_grant(journal: Journal) -> None:
    with pytest.raises(ValueError, match="failed"), journal.sole_use(token(0), 30):
        raise ValueError("failed")
    with journal.sole_use(token(0), 30) as newest:
        assert newest == token(0)


def test_where_nothing_can_be_written_a_token_that_was_never_rotated_is_used(
    tmp_path: os.PathLike[str],
) -> None:
    path = f"{os.fspath(tmp_path)}/file"
    with open(path, "w", encoding="ascii"):
        pass
    with Journal(f"{path}/grants", ENDPOINT, CLIENT).sole_use(token(0), 30) as newest:
        assert newest == token(0)


@pytest.mark.parametrize(("mode", "reason"), [(0o755, "open to other"), (0o500, "permission")])
def test_a_token_is_not_used_up_where_the_next_one_cannot_be_kept(
    somebodys: str, mode: int, reason: str
) -> None:
    """Its server rotates: whoever knows an older token of the grant would lose it."""
    journal = Journal(somebodys, ENDPOINT, CLIENT)
    journal.record(token(0), token(0), token(1))
    os.chmod(somebodys, mode)
    with pytest.raises(SecretError, match=reason) as caught, journal.sole_use(token(0), 30):
        pass
    assert somebodys in caught.value.message
    assert journal.latest(token(0)) == token(1)
    with journal.sole_use(token(1), 30) as newest:
        assert newest == token(1)
    os.chmod(somebodys, 0o700)
    with journal.sole_use(token(0), 30) as newest:
        assert newest == token(1)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_the_newest_token_is_used_where_a_file_system_has_no_locks(
    journal: Journal, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    journal.record(token(0), token(0), token(1))
    monkeypatch.setattr(fcntl, "flock", no_locks)
    with journal.sole_use(token(0), 30) as newest:
        assert newest == token(1)
        journal.record(token(0), newest, token(2))
    assert latest(journal, 0) == "refresh-token-2"
