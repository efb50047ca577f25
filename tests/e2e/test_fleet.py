"""Fifty machines that share a token, with engines of either kind, and whatever happens to them.

FLEET_ROUNDS=10 says how often fifty machines want a token at once, FLEET_SOAK=200 for how many
seconds twenty-five of them are killed, frozen and flushed.
"""

import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import yaml
from engines import RIGHTS, Between, Running, engine, redis_server, valkey_server
from herds import outputs
from machines import all_at_once, forget, machines, said, sharing
from needs import missing
from ports import free_port, listens
from world import COMMAND, CONFIG, World, until

from tastyauth.simulator import Simulator

from .certificates import Authority
from .parts import program
from .recipes import adapted, recipe

ROUNDS = int(os.environ.get("FLEET_ROUNDS", "1"))
MACHINES = int(os.environ.get("FLEET", "50"))
SOAK = float(os.environ.get("FLEET_SOAK", "12"))
"""Seconds."""

PASSWORD = "a-pass-word-of-its-own"
ENGINES = {"valkey": valkey_server, "redis": redis_server}


@pytest.mark.alone
@pytest.mark.parametrize("kind", ENGINES)
def test_fifty_machines_cause_one_exchange_each_time(
    kind: str, tmp_path: os.PathLike[str], simulator: Simulator
) -> None:
    with engine(program=ENGINES[kind]) as it:
        worlds = machines(tmp_path, simulator, MACHINES, it.url)
        for number in range(ROUNDS):
            ended = all_at_once(worlds, "token")
            assert said(ended) == {(0, "")}
            assert len(outputs(ended)) == 1
            assert simulator.token_requests == number + 1
            forget(worlds)
            it.client.flushall()
    print(f"{kind}: {MACHINES} machines, {ROUNDS} rounds, {simulator.token_requests} exchanges")


# -- TLS, a user with the least rights, and what can be seen on the way ---------------------------


@pytest.fixture
def authority(tmp_path: os.PathLike[str]) -> Authority:
    return Authority(f"{os.fspath(tmp_path)}/certificates")


@contextmanager
def guarded(authority: Authority, *names: str) -> Iterator[Running]:
    """A Redis with TLS, whose user `bot` may do what docs/fleet.md says and nothing else."""
    certificate = authority.issue(*names)
    users = ("--user", "bot", "on", f">{PASSWORD}", *RIGHTS.split(" "))
    users += ("--user", "default", "on", ">admin", "~*", "+@all")
    with engine(
        *users, program=redis_server, tls=certificate, authority=authority.file, password="admin"
    ) as it:
        yield it


def guarded_config(it: Running, authority: Authority, *, trusted: bool = True) -> str:
    url = it.url.replace("//", "//bot@")
    trust = f", certificate_authorities: {authority.file}" if trusted else ""
    given = f'{{{{ url: "{url}", password: {{{{ file: cache.password }}}}{trust} }}}}'
    return f"{CONFIG}    shared: {{{{ valkey: {given} }}}}\n"


def with_password(world: World, password: str = PASSWORD) -> World:
    world.write(f"{world.config_directory}/cache.password", password)
    return world


def test_with_tls_and_the_least_rights_machines_share_a_token(
    authority: Authority, tmp_path: os.PathLike[str], simulator: Simulator
) -> None:
    with guarded(authority, "127.0.0.1") as it:
        worlds = machines(tmp_path, simulator, 3, it.url)
        for world in worlds:
            with_password(world).configure(guarded_config(it, authority))
        assert said(all_at_once(worlds, "token")) == {(0, "")}
        assert simulator.token_requests == 1
        report = worlds[0].run("doctor").out
        assert "shared         passed: valkeys://bot@127.0.0.1" in report


def test_a_certificate_that_is_not_trusted_or_for_another_name_is_trouble(
    authority: Authority, tmp_path: os.PathLike[str], simulator: Simulator
) -> None:
    [world] = machines(tmp_path, simulator, 1, "")
    with_password(world)
    with guarded(authority, "127.0.0.1") as it:
        world.configure(guarded_config(it, authority, trusted=False))
        assert "its certificate is refused: " in world.run("token").err
    forget([world])
    with guarded(authority, "elsewhere.example") as it:
        world.configure(guarded_config(it, authority))
        ended = world.run("token", "--refresh")
        assert ended.code == 0
        assert "its certificate is refused: IP address mismatch" in ended.err


def test_a_wrong_password_is_trouble(
    authority: Authority, tmp_path: os.PathLike[str], simulator: Simulator
) -> None:
    [world] = machines(tmp_path, simulator, 1, "")
    with_password(world, "wrong")
    with guarded(authority, "127.0.0.1") as it:
        world.configure(guarded_config(it, authority))
        ended = world.run("token")
        assert ended.code == 0
        assert "is not used: it refuses this user and password;" in ended.err
        assert "wrong" not in ended.err


@pytest.mark.parametrize("fail", [None, "grant-revoked"])
def test_nothing_that_is_secret_is_in_the_engine_or_in_transit_to_it(
    fail: str | None, tmp_path: os.PathLike[str], simulator: Simulator
) -> None:
    """Tokens, secrets, the client ID, the name of the profile, where it belongs: all is sealed."""
    simulator.fail = fail
    with engine() as it, Between(it.port) as between:
        worlds = machines(tmp_path, simulator, 2, between.url)
        for world in worlds:
            world.configure(sharing(between.url).replace("  live:", "  account-of-mine:"))
        token = worlds[0].run("token").out.strip()
        worlds[1].run("token")
        seen = bytes(between.seen) + it.dump()
        assert len(seen) > 1000
        application = simulator.application
        secrets = {
            application.client_secret.reveal(),
            application.refresh_token.reveal(),
            application.client_id,
            "account-of-mine",
            *token.split("."),
        } - {""}
        for secret in secrets:
            for part in (secret[:12], secret[-12:]):
                assert part.encode() not in seen, secret
        assert (token != "") == (fail is None)


# -- the page -----------------------------------------------------------------------------------


def test_the_steps_of_the_page_make_an_engine_that_machines_share_through(
    tmp_path: os.PathLike[str], simulator: Simulator
) -> None:
    """Its certificates by openssl, its config, its user, and the profile of the page."""
    [world, other] = machines(tmp_path, simulator, 2, "")
    program("openssl")
    steps = recipe("sh", "# an authority for a year")
    made = world.shell(f"set -e; {steps}", ENGINE="localhost", ALTERNATIVE="IP:127.0.0.1")
    assert made.code == 0, made.err
    port = free_port()
    conf = adapted(recipe("conf", "# valkey.conf"), {"6379": str(port)})
    world.write(f"{world.project}/valkey.conf", conf)
    profile = adapted(
        recipe("yaml", "shared:\n  valkey:\n    url"),
        {"cache.example.com:6379": f"127.0.0.1:{port}"},
    )
    indented = "".join(f"    {line}\n" for line in profile.splitlines())
    with world.started(redis_server(), "valkey.conf"):
        until(lambda: listens(port))
        for it in (world, other):
            it.configure(CONFIG + indented.replace("{", "{{").replace("}", "}}"))
            with_password(it, "a-long-random-password")
            shutil.copy(f"{world.project}/ca.pem", it.config_directory)
        assert said([it.run("token") for it in (world, other)]) == {(0, "")}
    assert simulator.token_requests == 1
    assert RIGHTS in conf


def test_the_engine_of_the_page_for_a_cluster_takes_its_arguments(
    tmp_path: os.PathLike[str], simulator: Simulator
) -> None:
    """There is no cluster here; the same program runs with the arguments of the container."""
    [container] = yaml.safe_load(recipe("yaml", "# a part of valkey.yaml"))["containers"]
    settings = [word.replace("$(PASSWORD)", PASSWORD) for word in container["args"]]
    with engine(*settings, user="bot", password=PASSWORD) as it:
        [world] = machines(tmp_path, simulator, 1, "")
        url = it.url.replace("//", "//bot@")
        given = f'{{{{ url: "{url}", password: {{{{ file: cache.password }}}} }}}}'
        with_password(world).configure(f"{CONFIG}    shared: {{{{ valkey: {given} }}}}\n")
        assert said([world.run("token")]) == {(0, "")}


# -- clocks ---------------------------------------------------------------------------------------


def test_machines_whose_clocks_differ_agree_when_a_token_ends(
    tmp_path: os.PathLike[str], simulator: Simulator
) -> None:
    """Sixteen of them, up to two minutes fast or slow."""
    if not os.path.exists("/usr/bin/faketime"):
        missing("faketime is missing: apt-get install faketime")
    with engine() as it:
        worlds = machines(tmp_path, simulator, 16, it.url)
        expiries = []
        for number, world in enumerate(worlds):
            shift = -120 + 16 * number
            argv = ("faketime", "-f", f"{shift:+d}s", COMMAND, "env", "--format", "json")
            ended = world.run_program(*argv)
            assert ended.code == 0, ended
            found = ended.out.partition('_EXPIRES_AT": "')[2].partition('"')[0]
            expiries.append(int(found) - shift)
        assert simulator.token_requests == 1
        assert all(0 <= expiries[0] - it <= 1 for it in expiries), expiries  # the first got it


def test_a_lease_that_is_held_for_ever_is_waited_for_twice_as_long_as_it_may_last(
    tmp_path: os.PathLike[str], simulator: Simulator
) -> None:
    with engine() as it:
        [world] = machines(tmp_path, simulator, 1, it.url)
        world.configure(sharing(it.url, "    timeout: 1\n"))
        assert world.run("token").code == 0
        [key] = it.client.keys("*token")
        it.client.delete(key)
        it.client.set(key.replace(b":token", b":lease"), "another's", px=100_000)
        forget([world])
        begin = time.monotonic()
        ended = world.run("token")
        assert ended.code == 0
        assert "another machine has held the lease for too long;" in ended.err
        assert 12 <= time.monotonic() - begin < 30


# -- whatever happens -----------------------------------------------------------------------------


@pytest.mark.alone
def test_whatever_happens_no_call_fails(tmp_path: os.PathLike[str]) -> None:
    """Machines ask without a pause; holders are killed and the engine is frozen and flushed."""
    over = threading.Event()
    failed: list[str] = []
    calls = killed = 0
    choice = random.Random(time.time_ns())
    with Simulator(lifetime=6) as simulator, engine() as it:
        worlds = machines(tmp_path, simulator, 25, it.url)

        def ask(world: World) -> None:
            nonlocal calls, killed
            while not over.is_set():
                with world.started(COMMAND, "token") as process:
                    victim = choice.random() < 0.05
                    if victim:
                        time.sleep(choice.uniform(0, 0.5))
                        process.kill()
                        killed += 1
                    _, err = process.communicate(timeout=120)
                    calls += 1
                    if process.returncode != 0 and not victim:
                        failed.append(f"{process.returncode} {err.decode()}")

        threads = [threading.Thread(target=ask, args=(world,)) for world in worlds]
        for thread in threads:
            thread.start()
        end = time.monotonic() + SOAK
        while time.monotonic() < end:
            time.sleep(SOAK / 8)
            it.client.flushall()
            it.process.send_signal(signal.SIGSTOP)
            time.sleep(choice.uniform(0, 3))
            it.process.send_signal(signal.SIGCONT)
        over.set()
        for thread in threads:
            thread.join(150)
        with suppress(ProcessLookupError):
            it.process.send_signal(signal.SIGCONT)
        print(f"{calls} calls, {killed} killed, {simulator.token_requests} exchanges")
    assert failed == []
    assert calls > 25
