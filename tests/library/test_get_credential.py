"""`get_credential` and `aget_credential`: the command line's token, in a program of one's own."""

import asyncio
import dataclasses
import errno
import json
import logging
import os
import pickle
import pydoc
import rlcompleter
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from unittest.mock import create_autospec

import pexpect
import pytest
from aging import set_left
from gated import Gated
from ports import closed_port
from world import CONFIG, LIMIT, PYTHON, Completed, World, finish, profile_named, until

import tastyauth
from tastyauth import errors
from tastyauth.cache import store
from tastyauth.simulator import Simulator

pytestmark = pytest.mark.usefixtures("in_world")

PUBLIC = {
    "Credential": "tastyauth.library",
    "Secret": "tastyauth.secret",
    "TastyauthError": "tastyauth.errors",
    "TastytradeAuth": "tastyauth.library.auth",
    "aget_credential": "tastyauth.library",
    "errors": "tastyauth.errors",
    "get_credential": "tastyauth.library",
    "profiles": "tastyauth.library.configs",
    "sdk": "tastyauth.library.sdk",
    "validate": "tastyauth.library.configs",
}
"""Each public name, and the module in which it is defined or which it is."""


@pytest.fixture
def simulator() -> Iterator[Gated]:
    """The broker of the world."""
    with Gated() as simulator:
        yield simulator


def token(credential: tastyauth.Credential) -> str:
    return credential.access_token.reveal()


def python(world: World, program: str, *options: str, **variables: str) -> Completed:
    """Runs a user's program to its end."""
    return world.run_program(sys.executable, *options, "-c", program, **variables)


# -- one token for everybody ----------------------------------------------------------------------


def test_a_program_and_the_commands_beside_it_share_one_token(world: World) -> None:
    first = world.run("token").out.strip()
    assert token(tastyauth.get_credential()) == first
    newer = token(tastyauth.get_credential("live", refresh=True))
    assert newer != first
    assert world.run("token").out.strip() == newer
    assert world.simulator.exchanges == 2


def test_a_credential_says_whose_it_is_and_shows_no_token(world: World) -> None:
    before = int(time.time())
    credential = tastyauth.get_credential()
    assert (credential.profile, credential.environment) == ("live", "sandbox")
    assert credential.api_url == world.simulator.origin
    assert credential.client_id == world.simulator.application.client_id
    assert before <= credential.issued_at <= int(time.time())
    assert credential.expires_at == credential.issued_at + 900
    assert token(credential).startswith("eyJ")
    assert "eyJ" not in f"{credential} {credential!r} {dataclasses.asdict(credential)}"
    with pytest.raises(dataclasses.FrozenInstanceError):
        credential.profile = "paper"  # type: ignore[misc]
    with pytest.raises(TypeError):
        pickle.dumps(credential)


def test_a_token_with_less_left_than_asked_for_is_replaced(world: World) -> None:
    first = token(tastyauth.get_credential())
    set_left(world.cache, 400, time.time())
    assert token(tastyauth.get_credential(min_valid=390)) == first
    assert token(tastyauth.get_credential(min_valid=410)) != first


@pytest.mark.parametrize(
    "seconds", [-1.0, 841.0, float("nan"), float("inf"), pytest.param(10**5000, id="digits")]
)
def test_a_token_cannot_be_asked_to_live_longer_than_tokens_do(
    world: World, seconds: float
) -> None:
    with pytest.raises(errors.UsageError):
        tastyauth.get_credential(min_valid=seconds)
    assert world.simulator.token_requests == 0


def test_the_profile_and_the_config_are_found_as_on_the_command_line(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = CONFIG.replace("  live:\n", "  paper:\n")
    path = world.configure(one, directory=f"{world.root}/other")
    assert tastyauth.get_credential(config=path).profile == "paper"
    monkeypatch.chdir(world.root)
    assert (
        tastyauth.get_credential(config=os.path.join("other", "tastyauth.yaml")).profile == "paper"
    )
    monkeypatch.setenv("TASTYAUTH_PROFILE", "paper")
    with pytest.raises(errors.UsageError, match="no profile 'paper'"):
        tastyauth.get_credential()
    assert tastyauth.get_credential("live").profile == "live"


# -- many at once ---------------------------------------------------------------------------------


def test_threads_that_ask_at_once_cause_one_exchange(world: World, simulator: Gated) -> None:
    assert len(set(at_once(32, lambda: token(tastyauth.get_credential())))) == 1
    assert simulator.token_requests == 1


def at_once(number: int, ask: Callable[[], Any]) -> list[Any]:
    """What that many threads get that ask at the same moment."""
    together = threading.Barrier(number)

    def asked(_: int) -> Any:
        together.wait()
        return ask()

    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(asked, range(number)))


def failure(**terms: Any) -> errors.TastyauthError:
    with pytest.raises(errors.TastyauthError) as raised:
        tastyauth.get_credential(**terms)
    return raised.value


def test_threads_that_ask_a_failing_server_at_once_fail_together(
    world: World, simulator: Gated
) -> None:
    """The outcome of the one who asks is that of all who were waiting."""
    simulator.fail = "grant-revoked"
    assert {it.exit_code for it in at_once(32, lambda: failure(refresh=True))} == {77}
    assert simulator.token_requests == 1


FORKING = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
"""Python from 3.12 on warns of what these tests are about."""


@FORKING
def test_a_forked_child_asks_as_well_as_its_parent(world: World) -> None:
    first = token(tastyauth.get_credential())
    asyncio.run(tastyauth.aget_credential())  # there are threads now, which no child has
    assert in_child(lambda: token(tastyauth.get_credential())) == first
    again = in_child(lambda: token(asyncio.run(tastyauth.aget_credential())))
    assert again == first
    assert world.simulator.exchanges == 1


def in_child(work: Callable[[], str]) -> str:
    """What a forked child makes of some work."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(int(LIMIT))  # waiting for threads that it has not got, it would never end
        with suppress(BaseException):
            os.write(writer, work().encode())
        os._exit(0)
    os.close(writer)
    with open(reader, encoding="ascii") as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return text


@FORKING
def test_a_child_forked_during_an_exchange_does_not_keep_others_waiting(
    world: World, simulator: Gated
) -> None:
    """It inherits whatever is open, the lock too, and may run for days."""
    simulator.shut()
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(tastyauth.get_credential)
        assert simulator.is_asked.wait(LIMIT)
        child = os.fork()
        if child == 0:
            signal.pause()
        try:
            simulator.gate.set()
            asked.result()
            assert world.run("token", "--refresh").code == 0
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


# -- where there is no cache ----------------------------------------------------------------------


@pytest.fixture(params=["no directory", "nothing can be written"])
def uncached(request: pytest.FixtureRequest, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process can keep a token in memory alone."""
    if request.param == "no directory":
        monkeypatch.setenv("TASTYAUTH_CACHE_DIR", world.write("no-directory", ""))
        return

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store, "write_entry", full)  # stands in for a disk that has just filled up


@pytest.mark.usefixtures("uncached")
def test_a_process_without_a_cache_asks_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """And its threads, and its children; a warning says so once."""
    with ThreadPoolExecutor(16) as threads:
        tokens = set(threads.map(lambda _: token(tastyauth.get_credential()), range(32)))
    tokens.add(token(asyncio.run(tastyauth.aget_credential("live"))))
    tokens.add(token(asyncio.run(tastyauth.aget_credential("live"))))
    assert (len(tokens), world.simulator.exchanges) == (1, 1)
    exchanges = world.simulator.exchanges
    caplog.clear()
    assert token(tastyauth.get_credential()) in tokens
    assert caplog.records == []
    assert world.simulator.exchanges == exchanges


@FORKING
@pytest.mark.usefixtures("uncached")
def test_a_forked_child_without_a_cache_has_the_token_of_its_parent(world: World) -> None:
    first = token(tastyauth.get_credential())
    assert in_child(lambda: token(tastyauth.get_credential())) == first
    assert world.simulator.exchanges == 1


@pytest.mark.usefixtures("uncached")
def test_a_token_in_memory_is_dropped_when_it_is_not_what_is_asked_for(world: World) -> None:
    first = token(tastyauth.get_credential())
    assert token(tastyauth.get_credential(refresh=True)) != first
    with Simulator() as other:
        world.simulator = other
        world.configure()
        assert tastyauth.get_credential().api_url == other.origin
        world.write(f"{world.config_directory}/live.client-secret", "0" * 40)
        with pytest.raises(errors.RefusedError):
            tastyauth.get_credential()


@pytest.mark.usefixtures("uncached")
def test_a_token_in_memory_is_renewed_ahead_and_served_while_that_fails(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, begun = token(tastyauth.get_credential()), time.time()
    monkeypatch.setattr(time, "time", lambda: begun + 620)
    world.simulator.fail = "503"
    for _ in range(5):
        assert token(tastyauth.get_credential()) == first
    assert world.simulator.token_requests == 2
    assert caplog.text.count("could not be renewed ahead") == 1
    monkeypatch.setattr(time, "time", lambda: begun + 690)
    world.simulator.fail = None
    assert token(tastyauth.get_credential()) != first


@pytest.mark.usefixtures("uncached")
def test_a_thread_with_a_good_token_in_memory_waits_for_no_other(
    world: World, simulator: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, begun = token(tastyauth.get_credential()), time.time()
    monkeypatch.setattr(time, "time", lambda: begun + 620)
    simulator.shut()
    with ThreadPoolExecutor(1) as threads:
        hung = threads.submit(tastyauth.get_credential, min_valid=600)
        assert simulator.is_asked.wait(LIMIT)
        assert token(tastyauth.get_credential()) == first
        assert not hung.done()
        simulator.gate.set()
        assert token(hung.result()) != first


# -- asyncio --------------------------------------------------------------------------------------


def test_tasks_that_wait_share_one_exchange_and_leave_asyncios_own_threads_to_others(
    world: World, simulator: Gated
) -> None:
    """Those also look up host names, for connections that have nothing to do with tastytrade.

    The event loop goes on meanwhile: it is what opens the gate.
    """

    async def ask() -> set[str]:
        asking = asyncio.gather(*(tastyauth.aget_credential() for _ in range(200)))
        await simulator.asked()
        await asyncio.gather(*(asyncio.to_thread(time.sleep, 0) for _ in range(20)))
        assert not asking.done()
        simulator.gate.set()
        return {token(credential) for credential in await asking}

    simulator.shut()
    assert asyncio.run(ask()) == {world.run("token").out.strip()}
    assert simulator.token_requests == 1


def test_a_task_that_is_cancelled_is_so_at_once_and_its_token_is_kept(
    world: World, simulator: Gated
) -> None:
    async def cancel() -> None:
        asking = asyncio.create_task(tastyauth.aget_credential())
        await simulator.asked()
        asking.cancel()
        await asking

    simulator.shut()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel())
    simulator.gate.set()
    assert token(tastyauth.get_credential()).startswith("eyJ")
    assert simulator.token_requests == 1


TWO = (CONFIG + profile_named("paper")).replace("profiles:", "default_profile: live\nprofiles:")


def test_where_no_thread_can_be_started_each_task_gets_an_error(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with RLIMIT_NPROC; and the next one, when there is a thread again, gets its token."""

    def none_to_spare(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as limited:
        limited.setattr(threading.Thread, "start", none_to_spare)
        for _ in range(2):
            with pytest.raises(errors.TemporaryError, match="cannot start another thread"):
                asyncio.run(asyncio.wait_for(tastyauth.aget_credential(), LIMIT))
    assert asyncio.run(tastyauth.aget_credential()).access_token.reveal().startswith("eyJ")


def test_a_hung_exchange_of_one_profile_keeps_no_other_and_nothing_cached_waiting(
    world: World, simulator: Gated
) -> None:
    world.configure(TWO)
    cached = token(tastyauth.get_credential("live"))

    async def ask() -> tuple[str, float]:
        hung = [asyncio.create_task(tastyauth.aget_credential("paper")) for _ in range(8)]
        await simulator.asked()
        started = time.monotonic()
        credential = await tastyauth.aget_credential("live")
        took = time.monotonic() - started
        assert not any(each.done() for each in hung)
        simulator.gate.set()
        assert len({token(each) for each in await asyncio.gather(*hung)}) == 1
        return token(credential), took

    simulator.shut()
    found, took = asyncio.run(ask())
    assert found == cached
    assert took < SOON


def test_a_task_with_a_good_token_does_not_wait_for_one_that_wants_a_longer_life(
    world: World, simulator: Gated
) -> None:
    """Even if it is to be renewed ahead of time: it could expire while it waits."""
    good = token(tastyauth.get_credential())
    set_left(world.cache, 200, time.time())

    async def ask() -> str:
        hung = asyncio.create_task(tastyauth.aget_credential(min_valid=600))
        await simulator.asked()
        found = token(await tastyauth.aget_credential())
        assert not hung.done()
        simulator.gate.set()
        assert token(await hung) != good
        return found

    simulator.shut()
    assert asyncio.run(ask()) == good


SOON = 10.0
"""Seconds: less than the fifteen that a hung exchange has."""

INTERRUPTED = """\
import asyncio, tastyauth
asyncio.run(tastyauth.aget_credential())
"""


def test_an_interruption_while_an_exchange_hangs_ends_the_program(
    world: World, simulator: Gated
) -> None:
    simulator.shut()
    with world.started(sys.executable, "-c", INTERRUPTED) as process:
        until(simulator.is_asked.is_set)
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        assert finish(process).code == -signal.SIGINT
        assert time.monotonic() - started < SOON
    simulator.gate.set()


def test_an_interruption_while_a_secrets_program_hangs_leaves_nothing_running(world: World) -> None:
    program, noted = f"{world.root}/hangs", f"{world.root}/pid"
    world.write(program, f"#!/bin/sh\necho $$ >{noted}.new; mv {noted}.new {noted}; sleep 600\n")
    os.chmod(program, 0o700)
    world.configure(CONFIG.replace("file: live.client-secret", f"command: [{program}]"))
    with world.started(sys.executable, "-c", INTERRUPTED) as process:
        until(lambda: os.path.exists(noted))
        process.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in finish(process).err
    with open(noted, encoding="ascii") as file:
        group = int(file.read())

    def is_gone() -> bool:  # as soon as init has noticed
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        return False

    until(is_gone)


# -- when there is no token -----------------------------------------------------------------------

BROKEN = "version: 1\nprofiles: {{}}\n"
NO_SECRET = CONFIG.replace("file: live.client-secret", "env: NOT_SET")
NOBODY = CONFIG.replace("{origin}", f"http://127.0.0.1:{closed_port()}") + "    timeout: 1\n"

FAILURES: dict[str, tuple[str, str | None, type[errors.TastyauthError]]] = {
    "no such profile": (CONFIG, None, errors.UsageError),
    "an invalid config": (BROKEN, None, errors.ConfigError),
    "no secret": (NO_SECRET, None, errors.SecretAbsent),
    "nobody there": (NOBODY, None, errors.TemporaryError),
    "refused": (CONFIG, "grant-revoked", errors.RefusedError),
    "another protocol": (CONFIG, "not-json", errors.ProtocolError),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_an_error_of_its_kind_and_is_not_printed(
    world: World, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    config, fail, expected = FAILURES[name]
    world.configure(config)
    world.simulator.fail = fail
    with pytest.raises(errors.TastyauthError) as raised:
        tastyauth.get_credential("nobody" if name == "no such profile" else None)
    assert type(raised.value) is expected
    assert raised.value.hint
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("fail", "kind", "pause"),
    [("429", errors.TemporaryError, 30), ("grant-revoked", errors.RefusedError, 300)],
)
def test_callers_that_wait_or_come_later_learn_what_the_first_one_did(
    world: World, simulator: Gated, fail: str, kind: type, pause: int
) -> None:
    """The kind of failure, and for how long the server is left alone, as the first one does."""
    simulator.fail = fail
    raised = [*at_once(8, failure), failure()]
    assert {type(error) for error in raised} == {kind}
    assert len({error.reason for error in raised}) == 1
    assert all(0 < (error.retry_after or 0) <= pause for error in raised), raised


def test_a_missing_secret_is_one_to_all_who_ask(world: World) -> None:
    world.configure(NO_SECRET)
    assert {type(error) for error in at_once(4, failure)} == {errors.SecretAbsent}


class InBytes(os.PathLike[bytes]):
    """A path as `os.scandir` has them when it is given bytes."""

    def __fspath__(self) -> bytes:
        return b"tastyauth.yaml"


@pytest.mark.parametrize(
    "wrong",
    [
        {"profile": 5},
        {"profile": ""},
        {"min_valid": "60"},
        {"min_valid": True},
        {"config": 5},
        {"config": ""},
        {"config": InBytes()},
    ],
)
def test_a_wrong_argument_is_a_usage_error_at_once(world: World, wrong: dict[str, Any]) -> None:
    for call in (tastyauth.get_credential, tastyauth.TastytradeAuth, tastyauth.sdk.session):
        with pytest.raises(errors.UsageError) as raised:
            call(**wrong)
        assert raised.value.hint
    assert world.simulator.requests == []


def test_a_config_of_a_project_does_nothing_before_it_is_allowed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.configure(directory=world.project)
    with pytest.raises(errors.ConfigNotAllowed):
        tastyauth.get_credential()
    assert world.simulator.token_requests == 0
    approved = world.run("allow", "--print").out.rpartition("sha256: ")[2].strip()
    monkeypatch.setenv("TASTYAUTH_TRUST_SHA256", approved)
    assert token(tastyauth.get_credential()).startswith("eyJ")


@pytest.mark.parametrize(("found", "expected"), [("", "not installed"), ("11.1.0", "too old")])
def test_without_its_extra_a_session_says_what_to_install(
    world: World, monkeypatch: pytest.MonkeyPatch, found: str, expected: str
) -> None:
    if found:
        metadata = f"Metadata-Version: 2.1\nName: tastytrade\nVersion: {found}\n"
        world.write(f"packages/tastytrade-{found}.dist-info/METADATA", metadata)
        monkeypatch.syspath_prepend(f"{world.root}/packages")
    with pytest.raises(errors.UsageError, match=expected) as raised:
        tastyauth.sdk.session("live")
    assert "pip install 'tastyauth[sdk]'" in raised.value.hint
    assert world.simulator.requests == []


# -- a guest in somebody else's program -----------------------------------------------------------


def test_it_leaves_signals_and_streams_alone_in_any_thread(world: World) -> None:
    handled = {number: signal.getsignal(number) for number in signal.valid_signals()}
    command = "{{ command: [cat, {config}] }}".replace(
        "{config}", f"{world.config_directory}/live.client-secret"
    )
    world.configure(CONFIG.replace("{{ file: live.client-secret }}", command))
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(token(tastyauth.get_credential())))]
    threads[0].start()
    threads[0].join()
    assert got
    assert tastyauth.get_credential(refresh=True)
    assert {number: signal.getsignal(number) for number in signal.valid_signals()} == handled


def test_nothing_is_asked_even_at_a_terminal(world: World) -> None:
    """Not by the programs of sources either: they find no terminal."""
    world.script("vault", f"tty >&2; ! tty -s && cat '{world.config_directory}/live.client-secret'")
    world.configure(CONFIG.replace("file: live.client-secret", "command: [vault]"))
    program = "import tastyauth; print(tastyauth.get_credential().profile)"
    shown, status = pexpect.run(
        f"{PYTHON} -c '{program}'",
        cwd=world.project,
        env=world.environ,
        timeout=LIMIT,
        withexitstatus=True,
    )
    assert (shown.decode().split(), status) == (["live"], 0)


def test_a_warning_goes_to_the_log_of_the_program(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASTYAUTH_CACHE_DIR", world.write("no-directory", ""))
    assert token(tastyauth.get_credential()).startswith("eyJ")
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("tastyauth", logging.WARNING)
    assert "the token cache is not used" in record.getMessage()


def test_the_log_never_hears_a_secret(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "tastyauth")
    got = token(tastyauth.get_credential())
    world.simulator.fail = "echo"
    with pytest.raises(errors.RefusedError):
        tastyauth.get_credential(refresh=True)
    said = "\n".join(record.getMessage() for record in caplog.records if record.name == "tastyauth")
    assert world.simulator.origin in said
    for secret in (got, world.client_secret, world.refresh_token):
        assert secret not in said


def test_where_a_program_logs_nothing_a_warning_is_on_stderr(world: World) -> None:
    """What Python does by itself: a warning that nobody could see would be none."""
    world.write("no-directory", "")
    done = python(
        world,
        "import tastyauth; tastyauth.get_credential()",
        TASTYAUTH_CACHE_DIR=f"{world.root}/no-directory",
    )
    assert (done.code, done.out) == (0, "")
    assert "the token cache is not used" in done.err


# -- what importing costs, and what it gives ------------------------------------------------------

LOADED = """\
import sys, json
before = set(sys.modules)
{}
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded_by(world: World, statement: str) -> set[str]:
    done = python(world, LOADED.format(statement))
    assert (done.code, done.err) == (0, "")
    return set(json.loads(done.out.splitlines()[-1]))


def test_importing_it_loads_nothing_besides(world: World) -> None:
    assert loaded_by(world, "import tastyauth") == {"tastyauth"}


HEAVY = {"httpx", "httpx2", "httpcore", "yaml", "jsonschema", "keyring", "dotenv", "tastytrade"}


@pytest.mark.parametrize(
    "statement",
    [
        "from tastyauth import *",
        "import tastyauth; tastyauth.get_credential()",
        "import asyncio, tastyauth; asyncio.run(tastyauth.aget_credential())",
        "import tastyauth; tastyauth.TastytradeAuth().bearer.obtain()",
    ],
)
def test_a_cached_token_needs_no_library(world: World, statement: str) -> None:
    assert world.run("token").code == 0
    loaded = {name.partition(".")[0] for name in loaded_by(world, statement)}
    assert "tastyauth" in loaded
    assert not loaded & HEAVY


FIRST = {
    "nothing": "",
    "the command line": "import tastyauth._entry, tastyauth.cli",
    "everything": (
        "import pkgutil, importlib\n"
        "for found in pkgutil.walk_packages(tastyauth.__path__, 'tastyauth.'):\n"
        "    if not found.name.endswith(('__main__', '_child')):\n"
        "        importlib.import_module(found.name)"
    ),
}


EACH = """
import os
for name, home in {public}.items():
    process = os.fork()
    if process == 0:
        scope = dict()
        exec(f"from tastyauth import {{name}}", scope)
        thing = scope[name]
        assert thing is getattr(tastyauth, name)
        assert (getattr(thing, "__module__", None) or thing.__name__) == home, name
        os._exit(0)
    assert os.waitpid(process, 0)[1] == 0, name
"""
"""Imports each public name first in a process."""


@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST)
def test_a_public_name_means_the_same_whatever_was_imported_before(
    world: World, first: str
) -> None:
    """No module has the name of a thing."""
    done = python(world, f"import tastyauth\n{first}\n{EACH.format(public=PUBLIC)}")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_there_are_no_other_public_names() -> None:
    assert set(tastyauth.__all__) == set(PUBLIC)
    assert set(PUBLIC) <= set(dir(tastyauth))
    with pytest.raises(AttributeError, match="get_credentials"):
        tastyauth.get_credentials  # type: ignore[attr-defined]  # noqa: B018


def test_tools_that_look_at_a_module_see_the_public_names() -> None:
    page = pydoc.plain(pydoc.render_doc(tastyauth))
    spec = create_autospec(tastyauth)
    offered: list[str] = rlcompleter.Completer({"tastyauth": tastyauth}).attr_matches("tastyauth.")
    for name in PUBLIC:
        assert name in page
        assert hasattr(spec, name)
        assert any(it.partition("(")[0] == f"tastyauth.{name}" for it in offered)
    with pytest.raises(TypeError):
        spec.get_credential(profil="live")


TYPED = """\
import asyncio
import httpx
import tastyauth
from tastyauth import TastytradeAuth, aget_credential, errors, get_credential, sdk

credential: tastyauth.Credential = get_credential("live", min_valid=60)
headers: dict[str, str] = credential.headers()
made = tastyauth.Credential(tastyauth.Secret("token"))
codes: list[str] = [each.code for each in tastyauth.validate("tastyauth.yaml")]
names: list[str] = [each.name for each in tastyauth.profiles()]
left: int = credential.expires_at - credential.issued_at
later: tastyauth.Credential = asyncio.run(aget_credential())
client = httpx.Client(auth=TastytradeAuth("live"))
other = httpx.AsyncClient(auth=tastyauth.TastytradeAuth(config="tastyauth.yaml"))
try:
    sdk.session("live", timeout=5)
except errors.TemporaryError as error:
    wait: float | None = error.retry_after
except tastyauth.TastyauthError as error:
    code: int = error.exit_code
"""

MISTAKES = {
    'tastyauth.get_credential(profil="live")': "call-arg",
    "tastyauth.get_credential(60)": "arg-type",
    "tastyauth.get_credentials()": "attr-defined",
    "header: str = tastyauth.get_credential().access_token": "assignment",
    'tastyauth.get_credential().profile = "paper"': "misc",
    "tastyauth.sdk.sessions()": "attr-defined",
}


def test_a_type_checker_reads_a_program_and_finds_its_mistakes(world: World) -> None:
    world.write(f"{world.project}/right.py", TYPED)
    for number, mistake in enumerate(MISTAKES):
        world.write(f"{world.project}/wrong{number}.py", f"import tastyauth\n{mistake}\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "."],
        cwd=world.project,
        env={"PATH": os.environ["PATH"], "HOME": world.home},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stderr == ""
    found = {}
    for line in done.stdout.splitlines():
        if ": error: " in line:
            found[line.partition(":")[0]] = line.rpartition("[")[2].rstrip("]")
    assert found == {f"wrong{number}.py": code for number, code in enumerate(MISTAKES.values())}
