"""The main path over time: one token for everybody, renewed in time, never served expired."""

import errno
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
from aging import only_entry, only_record
from clocks import START, Clock
from listener import Listener
from locks import acquired, try_acquire
from refreshing import Machine
from world import CONFIG, World, content, profile_named

from tastyauth import cache
from tastyauth.cache import Asked, Entry, Outline, Terms, lock, store
from tastyauth.cache.last_attempt import Attempt
from tastyauth.errors import (
    ConfigError,
    ProtocolError,
    RefusedError,
    SecretError,
    TastyauthError,
    TemporaryError,
    UsageError,
)
from tastyauth.session import Session, duration, exchanging, granted
from tastyauth.simulator import Simulator
from tastyauth.simulator.messages import Answer, Request
from tastyauth.sources import Surroundings

HOUR = 3600.0


class Broker(Simulator):
    """A broker whose every answer takes a moment, and who may ask to be left alone for long.

    During its next answer `meanwhile` happens on the machine of the caller.
    """

    def __init__(self, clock: Clock, **settings: Any) -> None:
        super().__init__(now=clock, **settings)
        self.clock = clock
        self.takes = 0.2  # of that clock
        self.sleeps = 0.0
        self.retry_after = 30
        self.meanwhile: Callable[[], object] | None = None

    def answer(self, request: Request) -> Answer:
        time.sleep(self.sleeps)
        self.clock.now += self.takes
        answer = super().answer(request)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        if answer.status == 429:
            return replace(answer, headers=(("Retry-After", str(self.retry_after)),))
        return answer


class Caller:
    """A caller that runs tastyauth again and again, each time as a new process would."""

    def __init__(self, broker: Broker, root: str) -> None:
        self.broker, self.clock = broker, broker.clock
        self.world = World(root, broker)
        self.world.configure()
        self.warnings: list[str] = []
        self.details: list[str] = []
        self.waits: list[str] = []

    def ask(
        self,
        *,
        profile: str | None = None,
        min_valid: float | None = None,
        refresh: bool = False,
        heedful: bool = False,
        verbose: bool = False,
        interactive: bool = False,
        required: str = "",
        **variables: str,
    ) -> Entry:
        self.clock.now += 0.05  # no process starts at the moment at which another ends
        environ = self.world.environ | variables
        text = Path(self.world.config).read_bytes()
        asked = Asked((self.world.config, "user"), text, profile, environ, required)
        surroundings = Surroundings(environ, interactive=interactive, home=self.world.home)
        listener = Listener(verbose=verbose)
        terms = Terms(min_valid, refresh, self.clock.now, heedful)
        try:
            return Session(asked, terms, surroundings, listener).obtain()
        finally:
            self.warnings, self.details = listener.warnings, listener.details
            self.waits = listener.waits


@pytest.fixture
def of_a_broker(clock: Clock, tmp_path: os.PathLike[str]) -> Iterator[Callable[..., Caller]]:
    """Makes the caller of a broker with these settings."""
    with ExitStack() as stack:
        yield lambda **settings: Caller(
            stack.enter_context(Broker(clock, **settings)), os.fspath(tmp_path)
        )


@pytest.fixture
def caller(of_a_broker: Callable[..., Caller]) -> Caller:
    return of_a_broker()


@pytest.fixture
def broker(caller: Caller) -> Broker:
    return caller.broker


@pytest.fixture(params=["cached", "kept by this process"])
def anywhere(request: pytest.FixtureRequest, caller: Caller) -> Caller:
    """A caller whose token is in the cache, or in this process alone."""
    if request.param != "cached":
        caller.world.environ["TASTYAUTH_CACHE_DIR"] = "/proc/tastyauth"
    return caller


def asked_by(caller: Caller, path: str = "") -> Asked:
    """What a caller without options asks for, of this config or of its own."""
    path = path or caller.world.config
    return Asked((path, "user"), Path(path).read_bytes(), None, caller.world.environ)


def token_of(entry: Entry) -> str:
    return entry.fields["access_token"]


# One token, for as long as it is fresh.


def test_an_entry_has_what_a_config_may_export(caller: Caller, broker: Broker) -> None:
    entry = caller.ask()
    token = token_of(entry)
    assert entry.fields == {
        "access_token": token,
        "authorization": f"Bearer {token}",
        "expires_at": str(int(START) + 900),
        "environment": "sandbox",
        "profile": "live",
        "api_url": broker.origin,
        "client_id": broker.application.client_id,
    }
    exports = "".join(f"      {field.upper()}: {field}\n" for field in entry.fields)
    caller.world.configure(f"{CONFIG}    exports:\n{exports}")
    assert caller.ask().fields.keys() == entry.fields.keys()


def test_a_token_is_fetched_once_and_served_while_it_is_fresh(caller: Caller) -> None:
    first = caller.ask()
    assert caller.warnings == []
    assert caller.waits[0] == "another tastyauth that is getting this token"
    assert first.expires_at == int(START) + 900
    for _ in range(5):
        caller.clock.now += 119
        assert token_of(caller.ask()) == token_of(first)
    assert caller.broker.token_requests == 1


def test_another_process_that_has_read_a_newer_config_is_no_trouble_with_the_cache(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It writes its outline in the moment between our writing and reading."""
    text = content(caller.world.config)
    caller.world.write(caller.world.config, f"{text}# newer\n")
    caller.ask()
    (newer,) = (it for it in os.listdir(caller.world.cache) if it.endswith(".outline"))
    outline = Path(f"{caller.world.cache}/{newer}").read_bytes()
    caller.world.write(caller.world.config, text)
    replaced = os.replace

    def replace_and_be_late(source: str, target: str) -> None:
        replaced(source, target)
        if target.endswith(".outline"):
            Path(target).write_bytes(outline)

    monkeypatch.setattr(os, "replace", replace_and_be_late)
    assert token_of(caller.ask()).startswith("eyJ")
    assert caller.warnings == []


def test_in_the_last_third_one_caller_renews_and_the_token_is_the_new_one_from_then_on(
    anywhere: Caller, broker: Broker, clock: Clock
) -> None:
    first = anywhere.ask()
    clock.now = START + 599
    assert token_of(anywhere.ask()) == token_of(first)
    clock.now = START + 601
    second = anywhere.ask()
    assert token_of(second) != token_of(first)
    assert token_of(anywhere.ask()) == token_of(second)
    assert anywhere.warnings == []
    assert broker.token_requests == 2


def test_when_renewing_ahead_fails_the_living_token_is_served_and_it_is_tried_once_a_minute(
    anywhere: Caller, broker: Broker, clock: Clock
) -> None:
    first = anywhere.ask()
    broker.fail = "503"
    clock.now = START + 610
    assert token_of(anywhere.ask()) == token_of(first)
    assert "could not be renewed ahead of time: " in anywhere.warnings[-1]
    assert broker.token_requests == 2
    for _ in range(10):
        clock.now += 5
        assert token_of(anywhere.ask()) == token_of(first)
        assert anywhere.warnings == []
    assert broker.token_requests == 2
    clock.now += 15
    assert token_of(anywhere.ask()) == token_of(first)
    assert broker.token_requests == 3
    broker.fail = None  # who needs a new one need not wait: there was one try, and it was hurried
    assert token_of(anywhere.ask(min_valid=800)) != token_of(first)


def test_a_caller_that_finds_the_lock_taken_is_served_the_living_token_at_once(
    caller: Caller, broker: Broker, clock: Clock
) -> None:
    first = caller.ask()
    clock.now = START + 650
    view = cache.look(asked_by(caller))
    with acquired(view.lock_path):
        assert token_of(caller.ask()) == token_of(first)
    assert broker.token_requests == 1
    assert token_of(caller.ask()) != token_of(first)


@pytest.mark.parametrize("is_cleared", [False, True])
def test_a_caller_that_gets_the_lock_when_somebody_has_just_had_it_serves_what_is_there(
    is_cleared: bool, caller: Caller, broker: Broker, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, clock.now = caller.ask(), START + 650
    newer: list[Entry] = []
    take = lock.Lock.try_take

    def late(held: lock.Lock, path: str) -> bool:
        monkeypatch.setattr(lock.Lock, "try_take", take)
        newer.append(caller.ask())
        if is_cleared:
            store.clear(caller.world.cache)
        return held.try_take(path)

    monkeypatch.setattr(lock.Lock, "try_take", late)
    served = caller.ask()
    assert token_of(served) == token_of(first if is_cleared else newer[0])
    assert broker.token_requests == 2


def test_who_wants_details_hears_where_a_token_came_from(anywhere: Caller, clock: Clock) -> None:
    anywhere.ask(verbose=True)
    assert anywhere.details[-1] == "live: from the server, 15 min left"
    clock.now = START + 300
    anywhere.ask(verbose=True)
    assert anywhere.details == ["live: from the cache, 10 min left"]
    anywhere.ask()
    assert anywhere.details == []


@pytest.mark.parametrize("is_cached", [True, False])
def test_a_profile_of_another_environment_than_the_required_one_gives_no_token(
    is_cached: bool, caller: Caller, broker: Broker
) -> None:
    if is_cached:
        caller.ask()
    with pytest.raises(ConfigError, match="live") as caught:
        caller.ask(required="production")
    assert caught.value.about == "live, custom"
    assert broker.token_requests == is_cached


def test_where_nothing_can_be_cached_a_warning_says_why_and_this_process_keeps_the_token(
    caller: Caller, broker: Broker
) -> None:
    shared = f"{caller.world.root}/shared"
    os.mkdir(shared)
    os.chmod(shared, 0o777)
    advice = "$TASTYAUTH_CACHE_DIR can name another directory"
    for directory, why in {
        "/proc/tastyauth": "/proc/tastyauth: no such file or directory",
        shared: f"{shared} is open to other users; chmod 700 it",
    }.items():
        caller.world.environ["TASTYAUTH_CACHE_DIR"] = directory
        first = caller.ask(refresh=True)
        assert caller.warnings == [f"the token cache is not used: {why}; {advice}"]
        assert token_of(caller.ask()) == token_of(first)
        assert caller.warnings == []
    assert broker.exchanges == 2


# The fast lane lines up before anything heavy is loaded.


def test_the_fast_lane_is_served_what_is_fresh(
    caller: Caller, broker: Broker, clock: Clock
) -> None:
    token = token_of(caller.ask())
    view = lock.line_up(asked_by(caller), clock.now)
    assert view is not None
    assert view.entry is not None
    assert token_of(view.entry) == token
    acquired(view.lock_path).close()
    clock.now = START + 650
    with acquired(view.lock_path):  # by whoever renews it ahead of time
        assert lock.line_up(asked_by(caller), clock.now) is not None
    assert broker.token_requests == 1


@pytest.mark.parametrize("age", [None, 650, 890], ids=["none", "to be renewed", "nearly expired"])
def test_the_fast_lane_hands_on_the_lock_of_what_it_is_to_get(
    age: float | None, caller: Caller, broker: Broker, clock: Clock
) -> None:
    path = None
    if age is not None:
        caller.ask()
        clock.now = START + age
        path = cache.look(asked_by(caller)).lock_path
    assert lock.line_up(asked_by(caller), clock.now) is None
    with lock.handed_on() as held:
        assert held.path
        assert path in (None, held.path)
        assert try_acquire(held.path) is None
    with lock.handed_on() as another:
        assert another.path == ""


def test_the_fast_lane_repeats_a_failure_and_keeps_no_lock(
    caller: Caller, broker: Broker, clock: Clock
) -> None:
    caller.ask()
    clock.now = START + 1000
    broker.fail = "429"
    with pytest.raises(TemporaryError):
        caller.ask()
    clock.now += 10
    with pytest.raises(TemporaryError, match="no retry for"):
        lock.line_up(asked_by(caller), clock.now)
    with pytest.raises(TemporaryError) as own:  # of whoever had started before it failed
        lock.line_up(asked_by(caller), START)
    assert "no retry for" not in own.value.message
    assert own.value.about == "live, custom"
    acquired(cache.look(asked_by(caller)).lock_path).close()
    assert broker.token_requests == 2


def test_the_fast_lane_makes_the_directory_and_waits_for_nobody_who_is_late(caller: Caller) -> None:
    assert not os.path.exists(caller.world.cache)
    assert lock.line_up(asked_by(caller), caller.clock.now) is None
    lock.handed_on().close()
    assert os.stat(caller.world.cache).st_mode & 0o777 == 0o700
    with acquired(cache.look(asked_by(caller)).lock_path) as held:
        held.promise(-100)
        with pytest.raises(TemporaryError) as late:
            lock.line_up(asked_by(caller), caller.clock.now)
    assert late.value.about == ""  # of which profile is not known before the config is read


def test_without_a_token_a_failure_is_the_outcome(caller: Caller) -> None:
    caller.broker.fail = "not-a-customer"
    with pytest.raises(TemporaryError):
        caller.ask()
    caller.broker.fail = None
    caller.clock.now += 2
    assert caller.ask()


PACES = {
    "not-a-customer": (TemporaryError, [2, 4, 8, 16, 32, 60, 60]),
    "not-json": (ProtocolError, [60, 120, 240, 480, 900, 900]),
    "grant-revoked": (RefusedError, [300, 600, 1200, 2400, 3600, 3600]),
}


@pytest.mark.parametrize("failure", PACES)
def test_a_server_that_fails_is_asked_at_a_pace_of_its_own(
    caller: Caller, broker: Broker, clock: Clock, failure: str
) -> None:
    """Also by a program that wants a new token each time; a person is followed at once."""
    kind, pauses = PACES[failure]
    broker.fail = failure
    asked_at: list[float] = []
    while len(asked_at) <= len(pauses):
        for anew in (False, True):
            before = broker.token_requests
            with pytest.raises(kind):
                caller.ask(refresh=anew, heedful=True)
            if broker.token_requests > before:
                asked_at.append(clock.now)
        clock.now += pauses[min(len(asked_at), len(pauses)) - 1] / 10
    for pause, (one, other) in zip(pauses, pairwise(asked_at), strict=True):
        assert pause <= other - one < pause * 1.25
    before = broker.token_requests
    with pytest.raises(kind):
        caller.ask(refresh=True)
    assert broker.token_requests == before + 1
    broker.fail = None
    assert caller.ask(refresh=True)


@pytest.mark.parametrize("failure", PACES)
def test_a_failure_is_paced_where_nothing_can_be_written(caller: Caller, failure: str) -> None:
    """Within one process, which is all that can know of it then."""
    caller.world.environ["TASTYAUTH_CACHE_DIR"] = "/proc/tastyauth"
    caller.broker.fail = failure
    for _ in range(5):
        with pytest.raises(PACES[failure][0]):
            caller.ask(refresh=True, heedful=True)
    assert caller.broker.token_requests == 1


def test_an_expired_token_is_not_served_during_an_outage(caller: Caller) -> None:
    caller.ask()
    caller.broker.fail = "not-a-customer"
    caller.clock.now = START + 845
    with pytest.raises(TemporaryError):
        caller.ask()
    assert caller.ask(min_valid=1)
    caller.clock.now = START + 900
    with pytest.raises(TemporaryError):
        caller.ask(min_valid=0)


@pytest.mark.parametrize(
    ("min_valid", "after", "exchanges"),
    [(None, 839, 2), (None, 841, 2), (300, 599, 1), (300, 601, 2), (840, 59, 1), (840, 61, 2)],
)
def test_min_valid_is_what_a_token_has_left_at_least(
    caller: Caller,
    broker: Broker,
    clock: Clock,
    min_valid: float | None,
    after: float,
    exchanges: int,
) -> None:
    caller.ask()
    clock.now = START + after
    served = caller.ask(min_valid=min_valid)
    assert served.expires_at - clock.now >= (min_valid or 60)
    assert broker.exchanges == exchanges


def test_a_token_that_expires_the_next_moment_is_no_bug(
    caller: Caller, broker: Broker, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock goes on between one look at it and the next."""
    caller.ask()
    over = START + 900 - 300

    def ticking() -> float:
        clock.now += 0.01
        return clock.now

    monkeypatch.setattr(time, "time", ticking)
    for step in range(40):
        clock.now = over - 0.3 + step * 0.01
        served = caller.ask(min_valid=300)
        assert served.expires_at - clock.now > 299
    assert broker.exchanges == 2


def test_refresh_gets_a_new_token_in_any_case(caller: Caller, broker: Broker) -> None:
    tokens = {token_of(caller.ask(refresh=True)) for _ in range(3)}
    assert len(tokens) == broker.exchanges == 3
    assert token_of(caller.ask()) in tokens


def test_a_token_that_lives_shorter_than_was_asked_for_is_served_with_a_warning(
    of_a_broker: Callable[..., Caller],
) -> None:
    caller = of_a_broker(lifetime=30)
    caller.broker.takes = 0.0
    warning = "the new token has less time left than you asked for"
    for min_valid, warnings in [(300, [warning]), (30.5, [warning]), (29, []), (None, [])]:
        assert caller.ask(min_valid=min_valid).expires_at > caller.clock.now
        assert caller.warnings == warnings


def test_who_asks_for_no_time_is_content_with_less_than_a_second(
    of_a_broker: Callable[..., Caller],
) -> None:
    caller = of_a_broker(lifetime=1)
    assert caller.ask().expires_at - caller.clock.now < 1
    assert caller.warnings == []


def test_a_relative_cache_directory_is_ignored_with_a_warning(caller: Caller) -> None:
    caller.ask(TASTYAUTH_CACHE_DIR="relative")
    [warning] = caller.warnings
    assert warning.startswith("TASTYAUTH_CACHE_DIR is not an absolute path and is ignored")


def test_expiry_counts_from_before_the_request(caller: Caller, broker: Broker) -> None:
    broker.takes = 10.0
    assert caller.ask().expires_at == int(START) + 900


@pytest.mark.parametrize("step", [-86400, -1000, -5, 1000, 86400])
def test_a_clock_that_steps_costs_one_exchange(
    caller: Caller, broker: Broker, clock: Clock, step: float
) -> None:
    first = caller.ask()
    clock.now += step
    second = caller.ask()
    assert token_of(second) != token_of(first)
    assert second.issued_at <= clock.now < second.expires_at
    assert token_of(caller.ask()) == token_of(second)
    clock.now -= step
    third = caller.ask()
    assert third.issued_at <= clock.now < third.expires_at
    assert broker.exchanges <= 3


def test_a_clock_that_steps_back_does_not_prolong_a_refusal(caller: Caller) -> None:
    caller.broker.fail = "grant-revoked"
    with pytest.raises(RefusedError):
        caller.ask()
    caller.clock.now -= 1000
    caller.broker.fail = None
    assert caller.ask()


def test_a_duration_is_given_in_the_largest_unit_that_is_precise_enough() -> None:
    table = {-5: "0 s", 0.4: "0 s", 119: "119 s", 120: "2 min", 7199: "120 min", 7200: "2 h"}
    assert {it: duration(it) for it in table} == table
    assert duration(2000 * HOUR) == "2000 h"


def test_the_salt_changes_with_the_config_and_not_with_its_approval(caller: Caller) -> None:
    def outline() -> Outline:
        found = cache.look(asked_by(caller)).outline
        assert found is not None
        return found

    token = token_of(caller.ask())
    first = outline()
    assert len(bytes.fromhex(first.salt)) >= 16
    caller.world.environ["TASTYAUTH_CACHE_DIR"] = caller.world.cache
    config = cache.config_of(caller.world.config, caller.world.environ)
    first.approval = "/approval/of/before"
    store.write_outline(caller.world.cache, config, first)
    assert token_of(caller.ask()) == token
    assert (outline().salt, outline().approval) == (first.salt, "")
    caller.world.configure(f"{CONFIG}# newer\n")
    assert token_of(caller.ask()) != token
    assert outline().salt != first.salt


def test_a_cache_that_forgets_what_is_written_is_not_used(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced = os.replace

    def replace_and_cut(source: str, target: str) -> None:
        replaced(source, target)
        os.truncate(target, 0)

    monkeypatch.setattr(os, "replace", replace_and_cut)
    assert caller.ask()
    why = f"{caller.world.cache}: what was written there cannot be read back"
    assert caller.warnings[0].startswith(f"the token cache is not used: {why}; ")


def test_a_config_whose_path_no_line_can_hold_is_not_cached_and_gives_a_token(
    caller: Caller, clock: Clock
) -> None:
    path = caller.world.configure(directory=f"{caller.world.root}/new\nline")
    asked = asked_by(caller, path)
    around = Surroundings(asked.environ, interactive=False, home=caller.world.home)
    listener = Listener()
    assert Session(asked, Terms(started_at=clock.now), around, listener).obtain()
    why = f"{caller.world.cache}: a line break in a field; "
    assert listener.warnings[0].startswith(f"the token cache is not used: {why}")


# Refusals are remembered.


def refused(caller: Caller, **terms: Any) -> None:
    with pytest.raises(RefusedError):
        caller.ask(**terms)


def test_a_refusal_is_remembered_for_five_minutes_doubling_up_to_an_hour(
    caller: Caller, broker: Broker, clock: Clock
) -> None:
    broker.fail = "grant-revoked"
    asked_at = []
    for _ in range(int(4 * HOUR / 20)):
        before = broker.token_requests
        refused(caller)
        if broker.token_requests > before:
            asked_at.append(clock.now)
        clock.now += 20
    minutes = [round((b - a) / 60) for a, b in pairwise(asked_at)]
    assert minutes == [5, 10, 20, 40, 60, 60]


def test_fifty_callers_in_five_minutes_ask_a_revoked_grant_once(caller: Caller) -> None:
    caller.broker.fail = "grant-revoked"
    for _ in range(50):
        refused(caller)
        caller.clock.now += 5.9
    assert caller.broker.token_requests == 1


def test_refresh_asks_a_refused_grant_again(caller: Caller, broker: Broker) -> None:
    broker.fail = "grant-revoked"
    refused(caller)
    refused(caller)
    refused(caller, refresh=True)
    assert broker.token_requests == 2
    broker.fail = None
    assert caller.ask(refresh=True)
    assert caller.ask()
    assert broker.token_requests == 3


FROM_A_COMMAND = CONFIG.replace("{{ file: live.client-secret }}", "{{ command: [cat-secret] }}")
"""A source that cannot be looked at cheaply: only its value tells that it has changed."""


def test_while_nobody_may_ask_the_server_no_secret_command_runs_and_the_error_says_how_long(
    anywhere: Caller, broker: Broker
) -> None:
    world = anywhere.world
    world.configure(FROM_A_COMMAND)
    world.script("cat-secret", f"echo run >>{world.root}/runs; echo {world.client_secret}")
    broker.fail, broker.retry_after = "429", 120
    for _ in range(3):
        with pytest.raises(TemporaryError) as error:
            anywhere.ask()
        assert error.value.retry_after == pytest.approx(120, abs=2)
    assert content(f"{world.root}/runs") == "run\n"


@pytest.mark.parametrize("config", [CONFIG, FROM_A_COMMAND], ids=["file", "command"])
def test_a_changed_secret_asks_at_once_whatever_it_comes_from(
    config: str, anywhere: Caller
) -> None:
    world, broker = anywhere.world, anywhere.broker
    world.configure(config)
    world.script("cat-secret", f"cat {world.config_directory}/live.client-secret")
    good = world.client_secret
    world.write(f"{world.config_directory}/live.client-secret", "0" * 40)
    refused(anywhere)
    refused(anywhere)
    assert broker.token_requests == 1
    world.write(f"{world.config_directory}/live.client-secret", good)
    assert anywhere.ask()
    assert broker.token_requests == 2


def touch(path: str) -> None:
    os.replace(shutil.copy(path, f"{path}.copy"), path)


@pytest.mark.parametrize(
    ("failure", "kind"), [("grant-revoked", RefusedError), ("429", TemporaryError)]
)
def test_a_file_that_is_written_again_with_the_same_secret_asks_no_sooner(
    caller: Caller, broker: Broker, clock: Clock, failure: str, kind: type[TastyauthError]
) -> None:
    """As a job does that writes its secrets down each time it starts; a success ends that."""
    path = f"{caller.world.config_directory}/live.client-secret"
    broker.fail = failure
    for _ in range(3):
        with pytest.raises(kind):
            caller.ask()
        touch(path)
        clock.now += 5
    assert broker.token_requests == 1
    broker.fail = None
    assert caller.ask(refresh=True)
    touch(path)
    assert caller.ask()


def test_what_a_pipe_yields_is_asked_for_with_once(caller: Caller, broker: Broker) -> None:
    """Each read changes the times of a named pipe."""
    path, secret = f"{caller.world.config_directory}/live.client-secret", caller.world.client_secret
    os.unlink(path)
    os.mkfifo(path, 0o600)
    with ThreadPoolExecutor(1) as writer:
        writer.submit(Path(path).write_text, secret)
        assert caller.ask()
    os.utime(path)
    assert caller.ask()
    assert broker.token_requests == 1


def test_a_retry_after_is_obeyed_and_refresh_asks_anew(
    anywhere: Caller, broker: Broker, clock: Clock
) -> None:
    broker.fail, broker.retry_after = "429", 120
    for _ in range(30):
        with pytest.raises(TemporaryError):
            anywhere.ask()
        clock.now += 5
    assert broker.token_requests == 2  # at once, and after 120 s
    with pytest.raises(TemporaryError):
        anywhere.ask(refresh=True)
    assert broker.token_requests == 3
    broker.fail = None
    with pytest.raises(TemporaryError):
        anywhere.ask()
    clock.now += 120
    assert anywhere.ask()


@pytest.mark.parametrize("failure", ["429", "grant-revoked"])
def test_a_failure_that_forbids_asking_is_checked_and_reported_once_a_minute_while_a_token_lives(
    anywhere: Caller, broker: Broker, clock: Clock, failure: str
) -> None:
    """No secret command runs, and no warning comes, with every prompt of a shell."""
    world = anywhere.world
    world.configure(FROM_A_COMMAND)
    runs = f"{world.root}/runs"
    world.script("cat-secret", f"echo run >>{runs}; echo {world.client_secret}")
    anywhere.ask()
    broker.fail, broker.retry_after = failure, 250
    clock.now = START + 605
    warned = 0
    while clock.now < START + 805:
        assert anywhere.ask()
        warned += bool(anywhere.warnings)
        clock.now += 10
    assert broker.token_requests == 2
    assert 1 <= content(runs).count("run\n") - 1 <= 4
    assert 1 <= warned <= 4


def test_renewing_ahead_does_not_wait_for_a_slow_secret_command(
    anywhere: Caller, broker: Broker, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchanging, "HURRY", 0.3)  # three seconds in earnest
    world = anywhere.world
    world.configure(FROM_A_COMMAND.replace("[cat-secret]", "{{ argv: [cat-secret], timeout: 20 }}"))
    world.script("cat-secret", f"echo {world.client_secret}")
    first = anywhere.ask()
    world.script("cat-secret", "exec sleep 20")
    clock.now = START + 650
    started = time.monotonic()
    assert token_of(anywhere.ask()) == token_of(first)
    assert time.monotonic() - started < 10
    assert anywhere.warnings != []


def test_renewing_ahead_does_not_wait_for_a_slow_server(
    anywhere: Caller, broker: Broker, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchanging, "HURRY", 0.3)
    first = anywhere.ask()
    broker.sleeps = 0.8
    clock.now = START + 650
    assert token_of(anywhere.ask()) == token_of(first)
    assert "could not be renewed ahead of time: " in anywhere.warnings[-1]


def test_renewing_ahead_asks_nobody_for_a_password(anywhere: Caller, clock: Clock) -> None:
    """Whose token is still good is not to be stopped by a question."""
    world = anywhere.world
    world.configure(
        CONFIG.replace("file: live.client-secret", 'onepassword: "op://bots/live/secret"')
    )
    asks = "${OP_LOAD_DESKTOP_APP_SETTINGS:-yes}"
    world.script("op", f"echo {asks} >>{world.root}/asks; echo {world.client_secret}")
    anywhere.ask(interactive=True)
    clock.now = START + 650
    anywhere.ask(interactive=True)
    assert content(f"{world.root}/asks").split() == ["yes", "false"]


def test_a_secret_that_is_absent_is_reported_and_not_remembered(caller: Caller) -> None:
    path = f"{caller.world.config_directory}/live.client-secret"
    os.rename(path, f"{path}.away")
    with pytest.raises(SecretError):
        caller.ask()
    os.rename(f"{path}.away", path)
    assert caller.ask()
    assert caller.broker.token_requests == 1


def test_an_unknown_profile_is_reported_and_leaves_nothing_locked(caller: Caller) -> None:
    for _ in range(2):
        with pytest.raises(UsageError):
            caller.ask(profile="unknown")
    assert caller.ask()


# What changes meanwhile.


def test_a_secret_that_changes_during_the_exchange_is_not_served_the_token_of_the_old_one(
    caller: Caller, broker: Broker
) -> None:
    path = f"{caller.world.config_directory}/live.client-secret"
    broker.meanwhile = lambda: caller.world.write(path, "0" * 40)
    assert caller.ask()
    refused(caller)


def test_profiles_whose_tokens_only_this_process_keeps_do_not_wait_for_each_other(
    caller: Caller, clock: Clock
) -> None:
    world = caller.world
    with Broker(clock) as broker:
        app = broker.application
        other = profile_named("other").replace("live.", "other.")
        other = other.format(origin=broker.origin, client_id=app.client_id)
        other = other.replace("{", "{{").replace("}", "}}")
        world.write(f"{world.config_directory}/other.client-secret", app.client_secret.reveal())
        world.write(f"{world.config_directory}/other.refresh-token", app.refresh_token.reveal())
        world.configure(f"{CONFIG}{other}default_profile: live\n")
        world.environ["TASTYAUTH_CACHE_DIR"] = "/proc/tastyauth"
        others: list[Entry] = []
        caller.broker.meanwhile = lambda: others.append(caller.ask(profile="other"))
        assert caller.ask().fields["profile"] == "live"
        assert [it.fields["profile"] for it in others] == ["other"]


def test_who_has_a_good_token_in_memory_waits_for_nobody_and_who_has_none_for_one_exchange(
    caller: Caller, broker: Broker, clock: Clock
) -> None:
    caller.world.environ["TASTYAUTH_CACHE_DIR"] = "/proc/tastyauth"
    served: list[str] = []
    threads: list[threading.Thread] = []

    def ask() -> None:
        served.append(token_of(caller.ask()))

    def ask_beside() -> None:
        threads.append(threading.Thread(target=ask))
        threads[0].start()
        time.sleep(0.2)  # it has come to the lock by then, or finds the token when it comes

    broker.meanwhile = ask_beside
    first = token_of(caller.ask())
    threads[0].join()
    clock.now = START + 650
    broker.meanwhile = ask
    assert token_of(caller.ask(refresh=True)) != first
    assert served == [first, first]
    assert broker.exchanges == 2


def test_a_cache_that_is_cleared_during_the_exchange_costs_no_token(caller: Caller) -> None:
    caller.broker.meanwhile = lambda: store.clear(caller.world.cache)
    assert caller.ask()
    assert not [name for name in os.listdir(caller.world.cache) if name.startswith(".")]
    assert token_of(caller.ask()) == token_of(caller.ask())
    assert caller.broker.exchanges <= 2


def test_a_cache_directory_that_vanishes_during_the_exchange_costs_no_token(caller: Caller) -> None:
    cached = caller.world.cache
    caller.broker.meanwhile = lambda: os.rename(cached, f"{cached}.away")
    assert token_of(caller.ask()) == token_of(caller.ask())  # this process has it
    assert caller.broker.exchanges == 1


# What `status` tells.


def test_the_record_tells_the_last_success_and_the_last_failure(
    caller: Caller, broker: Broker, clock: Clock
) -> None:
    caller.ask()
    succeeded_at = only_record(caller.world.cache).succeeded_at
    assert START <= succeeded_at <= clock.now
    clock.now = START + 1000
    broker.fail = "not-a-customer"
    for _ in range(3):
        with pytest.raises(TemporaryError):
            caller.ask()
        clock.now += 60
    record = only_record(caller.world.cache)
    assert (record.succeeded_at, record.failed_code, record.failures) == (succeeded_at, 75, 3)
    assert START + 1000 <= record.failed_at <= clock.now


@pytest.mark.parametrize("directory", ["", "/proc/tastyauth"])
def test_what_cannot_be_known_of_scopes_is_said_once_and_own_tokens_can_be_told(
    directory: str, of_a_broker: Callable[..., Caller]
) -> None:
    granted.clear()
    caller = of_a_broker(scopes="")
    caller.world.configure(f"{CONFIG}    scopes: [read]\n")
    caller.world.environ["TASTYAUTH_CACHE_DIR"] = directory
    for count in (1, 0, 0):
        entry = caller.ask(refresh=True)
        assert caller.warnings.count(exchanging.UNSAID) == count
        assert entry.stored_at in granted


def test_a_profile_that_is_not_the_default_one_has_a_token_of_its_own(anywhere: Caller) -> None:
    anywhere.world.configure(f"{CONFIG}{profile_named('other')}default_profile: live\n")
    first = anywhere.ask(profile="other")
    assert first.fields["profile"] == "other"
    assert anywhere.ask().fields["profile"] == "live"
    assert token_of(anywhere.ask(profile="other")) == token_of(first)


def test_who_waits_is_promised_the_time_that_sources_and_server_may_take(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    promised: list[float] = []
    monkeypatch.setattr(lock.Lock, "promise", lambda _, seconds: promised.append(seconds))
    caller.world.configure(f"{CONFIG}    timeout: 7\n")
    caller.ask()
    grace = 5.0
    assert promised[:2] == [7.0 + 30.0 + 30.0 + grace, 2 * 7.0 + grace]


def test_a_rotated_refresh_token_does_not_cost_the_access_token_that_came_with_it(
    of_a_broker: Callable[..., Caller],
) -> None:
    caller = of_a_broker(rotate=True)
    assert token_of(caller.ask()) == token_of(caller.ask())
    assert caller.broker.exchanges == 1


def test_on_a_full_disk_this_process_keeps_the_token(
    caller: Caller, broker: Broker, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store, "write_entry", full)
    first = caller.ask()
    assert token_of(caller.ask()) == token_of(first)
    clock.now = START + 650
    broker.fail = "503"
    assert token_of(caller.ask()) == token_of(first)  # renewing it ahead of time has failed
    clock.now += 61
    broker.fail = None
    assert token_of(caller.ask()) != token_of(first)
    assert broker.exchanges == 2


def test_what_is_accepted_of_another_machine_is_what_would_be_accepted_of_the_cache(
    caller: Caller, clock: Clock
) -> None:
    """A refusal of these secrets forbids to ask, one of others does not."""
    asked, environ = asked_by(caller), caller.world.environ
    around = Surroundings(environ, interactive=False, home=caller.world.home)
    session = Session(asked, Terms(started_at=clock.now), around, Listener())
    policy = session._policy("digest")
    assert (policy.started_at, policy.secrets) == (clock.now, "digest")
    for secrets, decision in {"digest": cache.HOLD, "others": cache.ASK}.items():
        refused_before = Attempt(
            ended_at=clock.now - 9, code=77, secrets=secrets, not_before=clock.now + 300
        )
        assert policy.decide(None, refused_before) == decision


def test_a_cache_that_cannot_be_read_for_a_moment_costs_no_token(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(store, "same_secrets", broken)
    assert caller.ask()


def test_secrets_that_worked_before_they_were_stored_are_a_success(caller: Caller) -> None:
    """Their token is served, but never that of secrets which the profile does not have."""
    world = caller.world
    machine, before = Machine(world), time.time()
    entry = Entry(caller.ask().fields | {"access_token": "tried"}, int(before), before)
    name = machine.profile.name
    for is_own, token in ((False, "none"), (True, "tried")):
        store.clear(world.cache)
        machine.session().worked(entry, lambda: is_own)  # noqa: B023
        assert before <= only_record(world.cache).succeeded_at <= time.time()
        kept = cache.look(machine.session(name).asked).entry
        assert (kept.fields["access_token"] if kept else "none") == token
    machine.session("unknown").worked(entry, lambda: True)  # which is no reason to fail
    world.environ["TASTYAUTH_CACHE_DIR"] = "/proc/tastyauth"
    machine.session().worked(entry, lambda: True)


# The table: an hour of somebody who asks every few seconds.


@dataclass(slots=True)
class Hour:
    """What came of an hour of asking."""

    exchanges: int = 0
    requests: int = 0
    served: int = 0
    failed: int = 0
    expired: int = 0
    too_short: int = 0
    requests_in_an_outage: int = 0


EVERY = 11.0
"""Seconds between two callers."""

OUTAGE = (START + 1200, START + 2700)


def simulated_hour(caller: Caller, min_valid: float | None, outage: str | None) -> Hour:
    hour, clock, broker = Hour(), caller.clock, caller.broker
    while clock.now < START + HOUR:
        began, before = clock.now, broker.token_requests
        is_down = outage is not None and OUTAGE[0] <= began < OUTAGE[1]
        broker.fail = outage if is_down else None
        try:
            entry = caller.ask(min_valid=min_valid)
        except TemporaryError:
            assert is_down or broker.token_requests == before  # the server had asked for time
            hour.failed += 1
        else:
            hour.served += 1
            left = entry.expires_at - clock.now
            hour.expired += left <= 0
            hour.too_short += left < _wanted(entry, min_valid)
        hour.requests_in_an_outage += is_down * (broker.token_requests - before)
        clock.now = max(clock.now, began + EVERY)
    hour.exchanges, hour.requests = broker.exchanges, broker.token_requests
    return hour


def _wanted(entry: Entry, min_valid: float | None) -> float:
    """What a served token must have left, where a token of this life can have it at all."""
    default = min(60.0, entry.life / 6)
    return default if min_valid is None or min_valid >= entry.life else min_valid


@pytest.mark.parametrize(
    ("life", "min_valid", "outage"),
    [
        *product([30, 60, 70, 900, 3600], [None, 1], [None, "not-a-customer"]),
        *product([900, 3600], [300, 840], [None, "not-a-customer"]),
        *product([60], [300], [None, "not-a-customer"]),  # no token of this life has that left
        *product([60, 900], [None, 300], ["429"]),
    ],
)
def test_an_hour(
    of_a_broker: Callable[..., Caller], life: int, min_valid: float | None, outage: str | None
) -> None:
    hour = simulated_hour(of_a_broker(lifetime=life), min_valid, outage)
    assert hour.expired == 0
    # A token is used until it comes into its window, give or take a rounded second at both ends.
    assert hour.exchanges <= HOUR / (life - _window(life, min_valid) - 2) + 1
    if outage is None:
        assert hour.exchanges >= HOUR / (life + EVERY)
        assert hour.requests == hour.exchanges
        assert hour.failed == 0
        assert hour.too_short == 0
    else:
        _check_outage(hour, life, min_valid, outage)


def _window(life: int, min_valid: float | None) -> float:
    """The seconds before its end in which a token is renewed."""
    soft = min(300.0, life / 3)
    if min_valid is None or min_valid >= life:
        return soft
    return max(soft, min_valid)


def _check_outage(hour: Hour, life: int, min_valid: float | None, outage: str) -> None:
    seconds = OUTAGE[1] - OUTAGE[0]
    assert hour.served + hour.failed >= HOUR / (EVERY + 0.3) - 1
    if outage == "429":  # which asks for 30 s
        assert hour.requests_in_an_outage <= seconds / 30 + 1
    # whoever has no token asks once, and nobody asks more often
    assert hour.requests_in_an_outage <= hour.failed + seconds / 60 + 1
    assert hour.failed <= (seconds + 60) / EVERY + 1
    if life == 3600 and min_valid in (None, 1):
        assert hour.failed == 0  # the token outlives the outage


def test_an_hour_of_the_real_thing_needs_six_tokens(caller: Caller) -> None:
    """tastytrade's 900 s, renewed in the last 300 by the first caller."""
    hour = simulated_hour(caller, None, None)
    assert hour.exchanges == 6
    assert only_entry(caller.world.cache).expires_at > START + HOUR
