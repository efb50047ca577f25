"""The real command on machines with homes of their own, through a real Valkey."""

import json
import os
import random
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import aging
import pytest
from engines import Between, Running, engine, noise
from herds import Gate, codes, outputs
from machines import all_at_once, forget, machines, said, sharing
from ports import closed_port
from world import COMMAND, CONFIG, World, finish, until

from tastyauth.simulator import Simulator


@pytest.fixture
def worlds(valkey: Running, simulator: Simulator, tmp_path: os.PathLike[str]) -> list[World]:
    return machines(tmp_path, simulator, 3, valkey.url)


# -- one token ------------------------------------------------------------------------------------


def test_machines_with_one_grant_cause_one_exchange(
    worlds: list[World], simulator: Simulator
) -> None:
    """And what expires on one expires on all of them at the same moment."""
    ended = all_at_once(worlds, "env", "--format", "json")
    assert said(ended) == {(0, "")}
    assert simulator.token_requests == 1
    expiries = [json.loads(each.out)["expires_at"] for each in ended]
    assert max(expiries) - min(expiries) <= 1
    assert len({json.loads(it.out)["exports"]["TASTYTRADE_ACCESS_TOKEN"] for it in ended}) == 1


@pytest.mark.warm
def test_a_forced_refresh_replaces_the_token_for_everybody(
    worlds: list[World], simulator: Simulator
) -> None:
    first, second, _ = worlds
    old, new = first.run("token").out, second.run("token", "--refresh").out
    assert new != old
    forget([first])
    assert first.run("token").out == new
    assert simulator.token_requests == 2


@pytest.mark.warm
def test_what_lives_too_short_for_a_caller_is_replaced_and_not_adopted(
    worlds: list[World], simulator: Simulator, valkey: Running
) -> None:
    first, second, _ = worlds
    first.run("token")
    assert second.run("token", "--min-valid", "800").code == 0
    assert simulator.token_requests == 1
    valkey.client.flushall()
    with Simulator(lifetime=100) as hasty:
        os.mkdir(f"{first.root}/others", 0o700)
        one, other = machines(f"{first.root}/others", hasty, 2, valkey.url)
        one.run("token")
        until(lambda: valkey.client.pttl(valkey.client.keys("*token")[0]) < 98_000)
        assert other.run("token", "--min-valid", "98").code == 0
        assert hasty.token_requests == 2


@pytest.mark.warm
def test_clearing_is_local(worlds: list[World], simulator: Simulator) -> None:
    first, second, _ = worlds
    first.run("token")
    assert first.run("clear").code == 0
    assert second.run("token").code == first.run("token").code == 0
    assert simulator.token_requests == 1


@pytest.mark.warm
def test_a_grant_of_another_environment_or_client_shares_nothing(
    worlds: list[World], tmp_path: os.PathLike[str], valkey: Running
) -> None:
    worlds[0].run("token")
    with Simulator() as other:
        os.mkdir(f"{os.fspath(tmp_path)}/others", 0o700)
        machines(f"{os.fspath(tmp_path)}/others", other, 1, valkey.url)[0].run("token")
        assert other.token_requests == 1
    assert len(valkey.client.keys("*")) == 2


@pytest.mark.warm
def test_a_machine_that_can_write_nothing_takes_the_token_of_another(
    worlds: list[World], simulator: Simulator
) -> None:
    """As a pod with a read-only root."""
    first, second, _ = worlds
    token = first.run("token").out
    ended = second.run("token", TASTYAUTH_CACHE_DIR="/dev/null/cache")
    assert (ended.code, ended.out) == (0, token)
    assert simulator.token_requests == 1


# -- renewing ahead -------------------------------------------------------------------------------


@pytest.mark.warm
def test_who_renews_ahead_waits_for_nobody(
    worlds: list[World], simulator: Simulator, valkey: Running
) -> None:
    """Another machine is renewing, and the token is still good: nothing is reported."""
    world = worlds[0]
    token = world.run("token").out
    [key] = valkey.client.keys("*token")
    valkey.client.delete(key)
    valkey.client.set(key.replace(b":token", b":lease"), "another's", px=20_000)
    aging.set_left(world.cache, 61, time.time())
    ended = world.run("token")
    assert (ended.code, ended.out, ended.err) == (0, token, "")
    assert aging.only_record(world.cache).code == 0
    assert simulator.token_requests == 1


@pytest.mark.warm
def test_what_one_machine_renews_ahead_the_others_adopt(
    worlds: list[World], simulator: Simulator, valkey: Running
) -> None:
    first, second, _ = worlds
    old = {first.run("token").out, second.run("token").out}
    for world in (first, second):
        aging.set_left(world.cache, 61, time.time())
    valkey.client.delete(*valkey.client.keys("*"))  # it has aged as well
    new = first.run("token").out
    assert {new, *old} > old
    assert second.run("token").out == new
    assert simulator.token_requests == 2


@pytest.mark.warm
def test_a_shared_token_is_renewed_at_a_moment_of_each_machine(worlds: list[World]) -> None:
    """Between 300 and 60 s before its end, so that they do not all renew it at the same time."""
    moments = []
    for world in worlds:
        world.run("token")
        moments.append(aging.only_entry(world.cache).ahead)
    assert len(set(moments)) == len(worlds)
    assert all(60 <= each <= 300 for each in moments)


@pytest.mark.warm
def test_the_hook_asks_again_at_that_moment(worlds: list[World]) -> None:
    for world in worlds:
        assert world.run("token").code == 0  # the hook itself waits for one for two seconds only
        new = world.run("hook", "bash", "-p", "live", "--answer", "first").out
        left, wait = map(int, re.findall(r"_tastyauth_(?:left|wait)=(\d+)", new))
        assert abs(left - wait - aging.only_entry(world.cache).ahead) <= 1


@pytest.mark.warm
def test_a_server_that_rotates_refresh_tokens_is_warned_of(
    tmp_path: os.PathLike[str], valkey: Running
) -> None:
    with Simulator(rotate=True) as simulator:
        [world] = machines(tmp_path, simulator, 1, valkey.url)
        ended = world.run("token")
        assert ended.code == 0
        said = "the server rotates refresh tokens, so only one machine can use this grant"
        assert said in ended.err


# -- what failed ----------------------------------------------------------------------------------


@pytest.mark.warm
@pytest.mark.parametrize(("kind", "code"), [("grant-revoked", 77), ("429", 75), ("not-json", 76)])
def test_what_the_server_has_refused_to_one_machine_is_not_asked_by_another(
    kind: str, code: int, worlds: list[World], simulator: Simulator
) -> None:
    simulator.fail = kind
    first, second, third = worlds
    assert first.run("token").code == code
    asked = simulator.token_requests
    held_back = second.run("token")
    assert (held_back.code, held_back.out) == (code, "")
    assert "no retry for" in held_back.err
    assert simulator.token_requests == asked
    simulator.fail = None
    assert second.run("token").code == code  # as its own record says by now
    words = held_back.err.rpartition("to retry the same one now: ")[2]
    assert third.shell(words).code == 0


def test_a_failure_is_that_of_all_who_were_waiting(
    tmp_path: os.PathLike[str], valkey: Running
) -> None:
    with Gate() as simulator, ExitStack() as stack:
        simulator.fail = "grant-revoked"
        worlds = machines(tmp_path, simulator, 3, valkey.url)
        running = [stack.enter_context(it.started(COMMAND, "token")) for it in worlds]
        until(lambda: valkey.client.keys("*lease") != [])
        simulator.open.set()
        ended = [finish(process) for process in running]
        assert codes(ended) == {77}
        assert simulator.token_requests == 1


@pytest.mark.warm
def test_a_machine_without_a_way_to_the_server_does_not_fail_the_others(
    worlds: list[World], simulator: Simulator, valkey: Running
) -> None:
    first, second, _ = worlds
    text = sharing(valkey.url).replace("{origin}", f"http://127.0.0.1:{closed_port()}")
    first.configure(text)
    assert first.run("token").code == 75
    assert valkey.client.keys("*") == []
    assert second.run("token").code == 0


# -- trouble with the engine: every process gets its token, alone ---------------------------------


@contextmanager
def named(url: str) -> Iterator[str]:
    yield url


@contextmanager
def refused() -> Iterator[str]:
    yield f"valkey://127.0.0.1:{closed_port()}"


@contextmanager
def frozen() -> Iterator[str]:
    with engine() as it:
        it.process.send_signal(signal.SIGSTOP)
        yield it.url


@contextmanager
def unroutable() -> Iterator[str]:
    """A port whose queue is full, so that a connection is never answered."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"valkey://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def garbled(said: Callable[[], bytes]) -> Iterator[str]:
    with Between() as it:
        it.garbage = said
        yield it.url


def with_settings(*settings: str) -> Callable[[], AbstractContextManager[str]]:
    @contextmanager
    def started() -> Iterator[str]:
        with engine(*settings) as it:
            yield it.url

    return started


@contextmanager
def without_tls() -> Iterator[str]:
    with engine() as it:
        yield it.url.replace("valkey:", "valkeys:")


@contextmanager
def with_another_password() -> Iterator[str]:
    with engine("--requirepass", "right") as it:
        yield it.url.replace("//", "//default@")


TROUBLES: dict[str, tuple[Callable[[], AbstractContextManager[str]], str]] = {
    "refused": (refused, "nothing listens there"),
    "frozen": (frozen, "it does not answer in time"),
    "unroutable": (unroutable, "it does not answer in time"),
    "no name": (lambda: named("valkey://nowhere.invalid"), "its name cannot be resolved"),
    "no socket": (lambda: named("unix:///nowhere/valkey.sock"), "no such file or directory"),
    "full": (with_settings("--maxmemory", "1"), "it is full"),
    "NOAUTH": (with_settings("--requirepass", "x"), "it asks for a password"),
    "WRONGPASS": (with_another_password, "it refuses this user and password"),
    "no EVAL": (with_settings("--rename-command", "EVAL", ""), "it does not support EVAL"),
    "no rights": (
        with_settings("--user", "default", "on", "nopass", "~*", "-@all", "+mget", "+time"),
        "its user lacks the rights that tastyauth needs",
    ),
    "replica": (with_settings("--replicaof", "127.0.0.1", "1"), "it is a read-only replica"),
    "no TLS": (without_tls, "it does not answer in time"),
    "another protocol": (
        lambda: garbled(lambda: b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        "what answers there does not speak its protocol",
    ),
    "an answer to another question": (
        lambda: garbled(lambda: b"+OK\r\n"),
        "its answer does not fit the request",
    ),
}


@pytest.mark.warm
@pytest.mark.parametrize(("trouble", "reason"), TROUBLES.values(), ids=TROUBLES)
def test_with_an_engine_in_trouble_each_machine_gets_a_token_of_its_own(
    trouble: Callable[[], AbstractContextManager[str]],
    reason: str,
    simulator: Simulator,
    tmp_path: os.PathLike[str],
) -> None:
    with trouble() as url:
        worlds = machines(tmp_path, simulator, 2, url)
        trouble_is = f"{url} is not used: {reason}; this machine goes on alone\n"
        warning = f"tastyauth: warning: live, custom: {trouble_is}"
        assert said([world.run("token") for world in worlds]) == {(0, warning)}
        assert simulator.token_requests == 2
        status = worlds[0].run("status").out
        assert f"not used for 0 s: {reason}" in status or f": {reason}" in status


@pytest.mark.warm
@pytest.mark.parametrize("seed", range(6))
def test_whatever_an_engine_answers_the_token_comes_with_one_warning(
    seed: int, simulator: Simulator, tmp_path: os.PathLike[str]
) -> None:
    choice = random.Random(seed)
    with garbled(lambda: noise(choice)) as url:
        [world] = machines(tmp_path, simulator, 1, url)
        ended = world.run("token")
        assert (ended.code, ended.err.count("\n")) == (0, 1)
        assert ended.err.endswith("; this machine goes on alone\n")


def test_without_the_extra_each_machine_gets_a_token_of_its_own(
    worlds: list[World], simulator: Simulator
) -> None:
    world = worlds[0]
    world.write(f"{world.root}/lib/valkey/__init__.py", "raise ImportError('not here')")
    ended = world.run("token", PYTHONPATH=f"{world.root}/lib")
    assert ended.code == 0
    assert "is not used: the extra is not installed (pipx inject" in ended.err
    assert simulator.token_requests == 1


@pytest.mark.warm
def test_a_password_that_is_not_there_is_trouble_too(world: World, valkey: Running) -> None:
    given = f'{{{{ url: "{valkey.url}", password: {{{{ file: nowhere }}}} }}}}'
    world.configure(f"{CONFIG}    shared: {{{{ valkey: {given} }}}}\n")
    ended = world.run("token")
    assert ended.code == 0
    assert f"{valkey.url} is not used: its password: " in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.warm
def test_authorities_that_are_not_there_are_trouble_too(world: World, valkey: Running) -> None:
    url = valkey.url.replace("valkey:", "valkeys:")
    given = f'{{{{ url: "{url}", certificate_authorities: nowhere.pem }}}}'
    world.configure(f"{CONFIG}    shared: {{{{ valkey: {given} }}}}\n")
    ended = world.run("token")
    assert ended.code == 0
    assert f"{url} is not used: its certificate_authorities: no such file" in ended.err


@pytest.mark.warm
@pytest.mark.parametrize("milliseconds", [None, 10**7], ids=["without end", "too long"])
def test_a_hostile_lease_keeps_nobody(
    milliseconds: int | None, worlds: list[World], valkey: Running, simulator: Simulator
) -> None:
    worlds[0].run("token")
    [key] = valkey.client.keys("*token")
    valkey.client.flushall()
    forget(worlds[:1])
    valkey.client.set(key.replace(b":token", b":lease"), "mine", px=milliseconds)
    ended = worlds[0].run("token")
    assert ended.code == 0
    assert "is not used: another machine has held the lease for too long;" in ended.err
    assert simulator.token_requests == 2


@pytest.mark.warm
@pytest.mark.parametrize("value", [b"x" * 10_000_000, b"", b"\0" * 40], ids=["10 MB", "empty", "0"])
def test_a_value_that_nobody_sealed_is_replaced(
    value: bytes, worlds: list[World], valkey: Running, simulator: Simulator
) -> None:
    worlds[0].run("token")
    [key] = valkey.client.keys("*token")
    valkey.client.set(key, value)
    assert said([world.run("token") for world in worlds[1:]]) == {(0, "")}
    assert simulator.token_requests == 2


@pytest.mark.alone
@pytest.mark.parametrize("delay", [0.1, 0.3, 0.6])
def test_a_slow_engine_still_saves_the_exchanges(
    delay: float, valkey: Running, simulator: Simulator, tmp_path: Path
) -> None:
    """On a machine that halts for a moment itself, the engine seems too slow; hence five tries."""
    with Between(valkey.port) as between:
        between.delay = delay
        for number in range(5):
            valkey.client.flushall()
            worlds = machines(tmp_path / str(number), simulator, 3, between.url)
            before = simulator.token_requests
            ended = all_at_once(worlds, "token")
            if said(ended) == {(0, "")}:
                break
        assert said(ended) == {(0, "")}
        assert len(outputs(ended)) == simulator.token_requests - before == 1


# -- who holds the lease --------------------------------------------------------------------------


def test_when_the_holder_is_killed_another_takes_over(
    valkey: Running, tmp_path: os.PathLike[str]
) -> None:
    with Gate() as simulator, ExitStack() as stack:
        first, *others = machines(tmp_path, simulator, 3, valkey.url)
        for world in others:
            world.configure(sharing(valkey.url, "    timeout: 5\n"))
        first.configure(sharing(valkey.url, "    timeout: 1\n"))
        holder = stack.enter_context(first.started(COMMAND, "token"))
        until(lambda: valkey.client.keys("*lease") != [])
        holder.kill()
        running = [stack.enter_context(it.started(COMMAND, "token")) for it in others]
        simulator.open.set()
        ended = [finish(process) for process in running]
        assert said(ended) == {(0, "")}
        assert len(outputs(ended)) == 1
        assert simulator.token_requests <= 2


def test_a_holder_that_was_frozen_past_its_lease_changes_nothing(
    valkey: Running, tmp_path: os.PathLike[str]
) -> None:
    with Gate() as simulator, ExitStack() as stack:
        first, second, third = machines(tmp_path, simulator, 3, valkey.url)
        first.configure(sharing(valkey.url, "    timeout: 60\n"))
        frozen = stack.enter_context(first.started(COMMAND, "token"))
        until(lambda: simulator.asked.is_set())
        frozen.send_signal(signal.SIGSTOP)
        [lease] = valkey.client.keys("*lease")
        valkey.client.delete(lease)  # it has run out
        simulator.open.set()
        token = second.run("token").out
        frozen.send_signal(signal.SIGCONT)
        late = finish(frozen)
        assert (late.code, late.err) == (0, "")
        assert late.out != token
        assert third.run("token").out == token
        assert simulator.token_requests == 2


def test_an_interrupted_holder_gives_the_lease_back(
    valkey: Running, tmp_path: os.PathLike[str]
) -> None:
    with Gate() as simulator:
        [world] = machines(tmp_path, simulator, 1, valkey.url)
        with world.started(COMMAND, "token") as process:
            until(lambda: simulator.asked.is_set())
            process.terminate()
            assert finish(process).code == 143
        assert valkey.client.keys("*") == []
        simulator.open.set()
