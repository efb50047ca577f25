"""A server that replaces the refresh token with every exchange: the newest one is never lost."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from aging import entries
from gated import Meddling
from herds import Gate
from needs import missing
from world import COMMAND, CONFIG, LIMIT, Completed, World, content, finish, until

from tastyauth.secret import Secret
from tastyauth.session.rotation import Grant
from tastyauth.simulator import Simulator
from tastyauth.simulator.messages import Answer, Request

pytestmark = pytest.mark.warm


class Ponderous(Simulator):
    """A broker that has replaced the refresh token, and does not say so until it may.

    That is so from exchange number `silent_from` on; those before are answered at once.
    """

    def __init__(self, silent_from: int = sys.maxsize, lifetime: int = 900) -> None:
        super().__init__(rotate=True, lifetime=lifetime)
        self.silent_from = silent_from
        self.may_answer = threading.Event()

    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        if self.exchanges >= self.silent_from:
            self.may_answer.wait(LIMIT)
        return answer


class Rotating(Ponderous):
    """The same, but that it still takes the last token that it has replaced.

    An answer can be lost on its way, and a client that is killed then has the old token alone; so
    servers that rotate take it until the new one has been used. A client that comes with anything
    older has lost its grant.
    """

    replaced = ""

    def answer(self, request: Request) -> Answer:
        body = json.loads(request.body)
        current = self.application.refresh_token.reveal()
        if body["refresh_token"] == self.replaced:
            body["refresh_token"] = current
            request = replace(request, body=json.dumps(body).encode())
        elif body["refresh_token"] == current:
            self.replaced = current
        return super().answer(request)


class Odd(Ponderous):
    """A broker that has replaced the refresh token, and whose answer is no use besides."""

    def __init__(self, fields: Mapping[str, object]) -> None:
        super().__init__()
        self.fields = dict(fields)

    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        fields = json.loads(answer.body) | self.fields
        return replace(answer, body=json.dumps(fields).encode())


FROM_ENV = CONFIG.replace("{{ file: live.refresh-token }}", "{{ env: TT_REFRESH }}")
SOURCES = {"file": CONFIG, "env": FROM_ENV}


IN_PASS = CONFIG.replace("{{ file: live.refresh-token }}", "{{ pass: tastytrade }}")
EXPORTED = "    exports: {{ MY_TOKEN: access_token, MY_REFRESH: refresh_token }}\n"


def in_pass(world: World, script: str, config: str = IN_PASS) -> None:
    """The refresh token is in pass, for which this script stands in."""
    world.script("pass", script)
    world.write(f"{world.home}/.password-store/.gpg-id", "me\n")
    world.configure(config)


def two_profiles(config: str) -> str:
    head, live = config.split("  live:\n")
    return f"{head}  live:\n{live}  twin:\n{live}default_profile: live\n"


@pytest.fixture
def rotating(tmp_path: os.PathLike[str]) -> Iterator[World]:
    """A world with a broker that rotates; `$TT_REFRESH` holds its first refresh token."""
    with Simulator(rotate=True) as simulator:
        yield world_of(simulator, tmp_path)


@pytest.fixture
def forgiving(tmp_path: os.PathLike[str]) -> Iterator[World]:
    """The same, where an answer that was lost on its way does not cost the grant."""
    with Rotating() as simulator:
        yield world_of(simulator, tmp_path)


def world_of(simulator: Simulator, root: os.PathLike[str]) -> World:
    world = World(os.fspath(root), simulator)
    world.configure()
    world.environ["TT_REFRESH"] = world.refresh_token
    return world


def journal_of(world: World) -> str:
    return f"{world.home}/.local/state/tastyauth/grants"


def file_of(world: World) -> str:
    return f"{world.config_directory}/live.refresh-token"


def test_a_file_is_written_back(rotating: World) -> None:
    before = rotating.refresh_token
    done = rotating.run("token")
    assert (done.code, done.err) == (0, "")
    assert rotating.refresh_token != before
    assert content(file_of(rotating)) == f"{rotating.refresh_token}\n"
    assert os.stat(file_of(rotating)).st_mode & 0o777 == 0o600


def test_what_a_killed_writer_has_left_beside_the_file_goes_with_the_next_rotation(
    rotating: World,
) -> None:
    for name, age in (("live.refresh-token.1.2.new", 7200), ("live.refresh-token.3.4.new", 60)):
        path = rotating.write(f"{rotating.config_directory}/{name}", "a refresh token")
        os.utime(path, (time.time() - age,) * 2)
    assert rotating.run("token").code == 0
    left = [name for name in os.listdir(rotating.config_directory) if name.endswith(".new")]
    assert left == ["live.refresh-token.3.4.new"]


@pytest.mark.parametrize("config", SOURCES.values(), ids=SOURCES)
def test_a_rotated_token_does_not_cost_the_cached_access_token(
    rotating: World, config: str
) -> None:
    rotating.configure(config)
    first = rotating.run("token")
    assert {rotating.run("token").out for _ in range(3)} == {first.out}
    assert rotating.simulator.exchanges == 1
    second = rotating.run("token", "--refresh")
    assert second.out != first.out
    assert {rotating.run("token").out for _ in range(3)} == {second.out}
    assert rotating.simulator.exchanges == 2


def test_where_the_source_cannot_be_written_the_journal_keeps_the_token_and_says_so(
    rotating: World,
) -> None:
    rotating.configure(FROM_ENV)
    done = rotating.run("token")
    assert done.code == 0
    assert "warning" in done.err
    assert "TT_REFRESH" in done.err
    assert journal_of(rotating) in done.err
    for _ in range(3):
        assert rotating.run("token", "--refresh").code == 0
    assert rotating.simulator.exchanges == 4
    for name in os.listdir(journal_of(rotating)):
        assert os.stat(f"{journal_of(rotating)}/{name}").st_mode & 0o777 == 0o600
    assert rotating.refresh_token not in done.err + done.out


@pytest.mark.parametrize("config", SOURCES.values(), ids=SOURCES)
def test_neither_a_comment_nor_clear_loses_it(rotating: World, config: str) -> None:
    path = rotating.configure(config)
    assert rotating.run("token").code == 0
    with open(path, "a", encoding="utf-8") as file:
        file.write("# a comment\n")
    assert rotating.run("token").code == 0
    assert rotating.run("clear", "--all").code == 0
    assert rotating.run("token").code == 0
    assert rotating.simulator.exchanges == 3


@pytest.mark.parametrize("config", SOURCES.values(), ids=SOURCES)
def test_clear_during_an_exchange_that_rotates_costs_neither_token_nor_grant(
    config: str, tmp_path: os.PathLike[str]
) -> None:
    with Ponderous(silent_from=1) as simulator:
        world = world_of(simulator, tmp_path)
        world.configure(config)
        with world.started(COMMAND, "token") as process:
            until(lambda: simulator.exchanges == 1)
            assert world.run("clear", "--all").code == 0
            assert process.poll() is None
            simulator.may_answer.set()
            done = finish(process)
        assert (done.code, done.out != "") == (0, True), done.err
        assert world.run("token", "--refresh").code == 0
        assert simulator.exchanges == 2


def test_a_file_that_cannot_be_replaced_stays_and_the_journal_has_the_token(
    rotating: World,
) -> None:
    os.rename(file_of(rotating), f"{rotating.root}/mounted")
    os.symlink(f"{rotating.root}/mounted", file_of(rotating))
    before = content(file_of(rotating))
    for _ in range(3):
        done = rotating.run("token", "--refresh")
        assert done.code == 0
        assert "warning" in done.err
    assert content(file_of(rotating)) == before
    assert os.path.islink(file_of(rotating))


def test_where_nothing_can_be_written_the_access_token_comes_and_the_loss_is_reported(
    rotating: World,
) -> None:
    rotating.configure(FROM_ENV)
    rotating.write(f"{rotating.home}/.local/state/tastyauth", "a file in place of a directory")
    done = rotating.run("token")
    assert done.code == 0
    assert done.out != ""
    assert "cannot be stored" in done.err


def open_files(directory: str) -> None:
    for name in os.listdir(directory):
        os.chmod(f"{directory}/{name}", 0o644)


def open_directory(directory: str) -> None:
    os.chmod(directory, 0o755)


@pytest.mark.parametrize("damage", [open_files, open_directory])
def test_a_journal_that_cannot_be_used_is_named_and_no_old_token_is_sent(
    rotating: World, damage: Callable[[str], None]
) -> None:
    """As a restored backup leaves it; a server may end a grant of which it sees an old token."""
    rotating.configure(FROM_ENV)
    for _ in range(2):
        assert rotating.run("token", "--refresh").code == 0
    damage(journal_of(rotating))
    done = rotating.run("token", "--refresh")
    assert (done.code, done.out) == (69, "")
    assert journal_of(rotating) in done.err
    assert rotating.simulator.token_requests == 2
    mended = re.search(r"chmod -R [^;\n]+", done.err)
    assert mended is not None
    assert rotating.shell(mended[0]).code == 0
    assert rotating.run("token", "--refresh").code == 0


@pytest.mark.parametrize("words", ["exec -- printenv MY_REFRESH", "doctor --offline"])
def test_asking_for_the_newest_token_fails_when_it_cannot_be_read(
    rotating: World, words: str
) -> None:
    rotating.configure(FROM_ENV + EXPORTED)
    assert rotating.run("token").code == 0
    open_files(journal_of(rotating))
    done = rotating.run(*words.split())
    assert done.code == (1 if "doctor" in words else 69)
    assert ".local/state/tastyauth/grants" in done.err + done.out
    assert "eyJ" not in done.err + done.out


def test_a_damaged_link_is_left_behind_with_a_new_grant(rotating: World) -> None:
    rotating.configure(FROM_ENV)
    assert rotating.run("token").code == 0
    (link,) = links_of(rotating)
    Path(link).write_bytes(b"\xff\n")
    done = rotating.run("token", "--refresh")
    assert (done.code, rotating.simulator.token_requests) == (69, 1)
    assert "Create Grant" in done.err
    rotating.environ["TT_REFRESH"] = rotating.refresh_token
    assert rotating.run("token", "--refresh").code == 0


def test_an_open_journal_keeps_nobody_from_a_token_whose_grant_was_never_rotated(
    world: World,
) -> None:
    assert world.run("token").code == 0
    open_directory(journal_of(world))
    assert world.run("token", "--refresh").code == 0


ODD = {
    "no life": {"expires_in": 0},
    "a life in words": {"expires_in": "PT15M"},
    "of another type": {"token_type": "mac"},
    "no access token": {"access_token": None},
}


@pytest.mark.parametrize("fields", ODD.values(), ids=ODD)
@pytest.mark.parametrize("config", SOURCES.values(), ids=SOURCES)
def test_a_new_refresh_token_is_kept_whatever_else_is_wrong_with_the_answer(
    fields: dict[str, object], config: str, tmp_path: os.PathLike[str]
) -> None:
    with Odd(fields) as simulator:
        world = world_of(simulator, tmp_path)
        world.configure(config)
        done = world.run("token")
        assert (done.code, done.out, simulator.token_requests) == (76, "", 1)
        assert "eyJ" not in done.err
        kept = [file_of(world)] if config == CONFIG else links_of(world)
        assert [content(path) for path in kept] == [f"{world.refresh_token}\n"]
        simulator.fields.clear()
        assert world.run("token", "--refresh").code == 0
        assert simulator.token_requests == simulator.exchanges == 2


def test_exec_hands_out_the_newest_refresh_token(rotating: World) -> None:
    rotating.configure(FROM_ENV + EXPORTED)
    for _ in range(2):
        done = rotating.run("exec", "--refresh", "--", "printenv", "MY_REFRESH")
        assert done.code == 0
        assert done.out.strip() == rotating.refresh_token


def test_a_secret_replaced_by_hand_takes_precedence_over_the_journal(rotating: World) -> None:
    rotating.configure(FROM_ENV)
    assert rotating.run("token").code == 0
    rotating.environ["TT_REFRESH"] = rotating.refresh_token
    assert rotating.run("token", "--refresh").code == 0
    assert rotating.simulator.exchanges == 2


@pytest.mark.parametrize(("source", "count"), [("env", 30), ("file", 10)])
def test_many_processes_of_two_profiles_share_a_grant_and_keep_it(
    rotating: World, source: str, count: int
) -> None:
    rotating.configure(two_profiles(SOURCES[source]))
    profiles = ["live", "twin"] * (count // 2)
    ended = together(rotating, [("token", "--refresh", "-p", profile) for profile in profiles])
    assert [each.err for each in ended if each.code] == []
    assert rotating.simulator.token_requests == rotating.simulator.exchanges
    for profile in ("live", "twin"):
        assert rotating.run("token", "--refresh", "-p", profile).code == 0
    assert [name for name in os.listdir(journal_of(rotating)) if name.endswith(".lock")] == []


def together(world: World, commands: Sequence[Sequence[str]]) -> list[Completed]:
    with ExitStack() as stack:
        processes: list[subprocess.Popen[bytes]] = [
            stack.enter_context(world.started(COMMAND, *words)) for words in commands
        ]
        return [finish(process) for process in processes]


@pytest.mark.parametrize("config", SOURCES.values(), ids=SOURCES)
def test_a_kill_at_any_moment_does_not_lose_the_grant(forgiving: World, config: str) -> None:
    forgiving.configure(config)
    moments = random.Random(4)  # the same ones every time
    for _ in range(20):
        before = forgiving.simulator.token_requests
        with forgiving.started(COMMAND, "token", "--refresh") as process:
            wait_for_request_or_end(forgiving, process, before)
            time.sleep(moments.random() * 0.06)
            process.kill()
    last = forgiving.run("token", "--refresh")
    assert (last.code, forgiving.run("token").out) == (0, last.out)
    assert forgiving.simulator.token_requests == forgiving.simulator.exchanges
    assert len(entries(forgiving.cache)) >= 1


def wait_for_request_or_end(world: World, process: "subprocess.Popen[bytes]", before: int) -> None:
    """Until the server has been asked: what matters happens then."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        if world.simulator.token_requests > before:
            return
        time.sleep(0.002)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("config", SOURCES.values(), ids=SOURCES)
def test_being_asked_to_stop_while_the_answer_comes_does_not_lose_the_grant(
    number: signal.Signals, config: str, tmp_path: os.PathLike[str]
) -> None:
    """Where the server takes the last token once more; a strict one wants a new grant then."""
    with Rotating(silent_from=1) as simulator:
        world = world_of(simulator, tmp_path)
        world.configure(config)
        with world.started(COMMAND, "token") as process:
            until(lambda: simulator.exchanges == 1)
            process.send_signal(number)
            simulator.may_answer.set()
            assert finish(process).code == 128 + number
        assert world.run("token").code == 0
        assert simulator.token_requests == simulator.exchanges == 2


_INTERRUPTED = """
import os, signal, sys
import tastyauth
from tastyauth.posix import files
write, kept = files.write, []

def interrupted(path, content, **named):
    if "/grants/" in path and not kept:
        kept.append(path)
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
    write(path, content, **named)

files.write = interrupted
try:
    tastyauth.get_credential()
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_while_a_new_refresh_token_is_written_waits_for_that(
    rotating: World, name: str
) -> None:
    """In a program that uses the library, which handles no signal of its own."""
    rotating.configure(FROM_ENV)
    with rotating.started(sys.executable, "-c", _INTERRUPTED, name) as process:
        ended = finish(process)
    assert (ended.code, ended.out) == ((0, "interrupted\n") if name == "SIGINT" else (-15, ""))
    assert [content(path) for path in links_of(rotating)] == [f"{rotating.refresh_token}\n"]
    assert rotating.run("token").code == 0


@pytest.mark.parametrize("config", SOURCES.values(), ids=SOURCES)
def test_the_newest_token_is_in_clear_only_where_its_source_cannot_be_written(
    rotating: World, config: str
) -> None:
    rotating.configure(config)
    for _ in range(3):
        assert rotating.run("token", "--refresh").code == 0
    assert len(links_of(rotating)) == (1 if config == FROM_ENV else 0)


def test_a_new_secret_is_not_overwritten_by_a_rotation_with_a_slow_store(rotating: World) -> None:
    """`secret set` waits until the rotation has written its token."""
    shelf = f"{rotating.root}/shelf"
    rotating.write(f"{shelf}.tastytrade", f"{rotating.refresh_token}\n")
    in_pass(  # the first to write is the slow one
        rotating,
        f"for entry; do :; done; [ $1 != show ] || exec cat {shelf}.$entry\n"
        f'read -r new; mkdir {shelf}.inserting && sleep 3; echo "$new" >{shelf}.$entry',
    )
    with rotating.started(COMMAND, "token") as process:
        until(lambda: os.path.exists(f"{shelf}.inserting"))
        rotating.simulator.fail = "429"  # secrets that cannot be tried are stored at once
        rotating.environ["TASTYAUTH_NON_INTERACTIVE"] = "1"
        done = rotating.run("secret", "set", "--only", "refresh_token", given="another-token\n")
        assert (done.code, finish(process).code) == (0, 0), done.err
    assert content(f"{shelf}.tastytrade") == "another-token\n"


def test_who_read_a_source_before_a_writer_was_killed_at_it_reads_it_again(rotating: World) -> None:
    """The source has the newest token then, and the file of the grant has it still.

    Those who read the source earlier and later would ask for it under two locks, both at once.
    """
    simulator, first = rotating.simulator, rotating.refresh_token
    shelf = rotating.write(f"{rotating.root}/shelf", f"{first}\n")
    in_pass(  # whoever looks first waits with what it has seen
        rotating,
        f"for entry; do :; done; [ $1 = show ] || exec tee {shelf} >{shelf}.written\n"
        f"seen=$(cat {shelf}); echo >>{shelf}.looks\n"
        f"! mkdir {shelf}.first 2>/dev/null || until [ -e {shelf}.go ]; do sleep 0.02; done\n"
        "echo $seen",
        two_profiles(IN_PASS),
    )
    where = (f"{simulator.origin}/oauth/token", simulator.application.client_id)
    with rotating.started(COMMAND, "token", "-p", "twin") as early:
        until(lambda: os.path.exists(f"{shelf}.first"))
        assert rotating.run("token").code == 0
        second = Secret(rotating.refresh_token)
        shutil.rmtree(journal_of(rotating))
        Grant(journal_of(rotating), *where, Secret(first)).keep(second)
        with Grant(journal_of(rotating), *where, second).sole_use(5):
            looks = content(f"{shelf}.looks")
            rotating.write(f"{shelf}.go", "")
            until(lambda: content(f"{shelf}.looks") != looks or simulator.token_requests > 1)
            assert simulator.token_requests == 1
        assert finish(early).code == 0
    assert content(shelf) == f"{rotating.refresh_token}\n" != f"{second.reveal()}\n"


def test_a_source_that_another_process_has_changed_is_not_reported_as_unwritable(
    tmp_path: os.PathLike[str],
) -> None:
    """Another process was faster here: what is there by now is not ours to replace."""
    with Meddling() as simulator:
        world = world_of(simulator, tmp_path)
        simulator.meanwhile = lambda: world.write(file_of(world), "another-token\n")
        done = world.run("token")
    assert (done.code, done.err) == (0, "")
    assert content(file_of(world)) == "another-token\n"


def test_a_stop_does_not_wait_for_the_store_that_a_new_token_is_written_to(rotating: World) -> None:
    """The journal has it by then."""
    in_pass(rotating, f'[ "$1" != insert ] || exec sleep 60\necho {rotating.refresh_token}')
    with rotating.started(COMMAND, "token") as process:
        until(lambda: bool(links_of(rotating)))
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert finish(process).code == 143
        assert time.monotonic() - began < 30
    rotating.script("pass", f"echo {content(links_of(rotating)[0])}")
    assert rotating.run("token").code == 0


def links_of(world: World) -> list[str]:
    directory = journal_of(world)
    names = os.listdir(directory) if os.path.isdir(directory) else []
    return [f"{directory}/{name}" for name in names if not name.endswith((".lock", ".moved"))]


def test_stopping_all_processes_of_a_service_does_not_lose_the_grant(
    tmp_path: os.PathLike[str],
) -> None:
    """Also the one in which `exec --keep-fresh` renews its token."""
    if sys.platform != "linux":
        missing("only Linux tells the children of another process")
    with Rotating(silent_from=2, lifetime=6) as simulator:
        world = world_of(simulator, tmp_path)
        with world.started(COMMAND, "exec", "--keep-fresh", "--", "sleep", "60") as process:
            until(lambda: simulator.exchanges == 2)
            children = content(f"/proc/{process.pid}/task/{process.pid}/children")
            for pid in map(int, children.split()):
                os.kill(pid, signal.SIGTERM)
            simulator.may_answer.set()
            assert finish(process).code == 143
        assert world.run("token").code == 0


def test_an_answer_that_does_not_come_delays_no_stop(tmp_path: os.PathLike[str]) -> None:
    with Gate() as simulator:
        world = world_of(simulator, tmp_path)
        with world.started(COMMAND, "env") as process:
            assert simulator.asked.wait(LIMIT)
            process.send_signal(signal.SIGTERM)
            ended = finish(process)
        simulator.open.set()
    assert ended.code == 143
    assert "(exit 143);" in ended.out


def test_a_process_killed_before_the_answer_may_need_a_new_grant(
    tmp_path: os.PathLike[str],
) -> None:
    """Nobody can know what was in flight; the next run says what to do, and then all is well."""
    with Ponderous(silent_from=1) as simulator:
        world = world_of(simulator, tmp_path)
        with world.started(COMMAND, "token") as process:
            until(lambda: simulator.exchanges == 1)
            process.kill()
        simulator.may_answer.set()
        done = world.run("token")
        assert (done.code, "Create Grant" in done.err) == (77, True)
        new = world.refresh_token
        assert world.run("secret", "set", "--only", "refresh_token", given=f"{new}\n").code == 0
        assert world.run("token").code == 0
