"""One access token in this process: by an exchange, or through the engine of several machines."""

import json
import time
from contextlib import ExitStack
from typing import Any

import pytest
from aging import only_record
from engines import Running
from exchange_fakes import http, jwt, says, serving
from machines import sharing
from ports import closed_port
from refreshing import Machine
from tables import for_each
from world import CONFIG, World

from tastyauth.cache import Entry, Terms, decide, store
from tastyauth.cache.last_attempt import Attempt, Policy
from tastyauth.errors import UNDER_WAY, ProtocolError, RefusedError, TastyauthError, TemporaryError
from tastyauth.session import exchanging
from tastyauth.session.exchanging import Refreshed
from tastyauth.simulator import Simulator

ANSWER = {"access_token": "abc.def", "token_type": "Bearer", "expires_in": 900}


@pytest.fixture
def machine(world: World) -> Machine:
    return Machine(world)


def answered(
    machine: Machine, more: dict[str, object], config: str = CONFIG, **claims: object
) -> tuple[Refreshed, str]:
    """What comes of such an answer, and the request; the refresh token says `claims`."""
    with serving(says(http("200 OK", json.dumps(ANSWER | more).encode()))) as server:
        machine.configure(config.replace("{origin}", f"http://127.0.0.1:{server.port}"))
        if claims:
            machine.world.write(machine.source, jwt({"typ": "rt+jwt"}, {"iat": 1, **claims}))
        try:
            return machine.refresh(), server.requests[0].decode()
        finally:
            assert f"http://127.0.0.1:{server.port}/oauth/token" in machine.listener.waits


def test_the_request_says_who_asks_and_the_entry_whose_token_it_is(machine: Machine) -> None:
    before = int(time.time())
    refreshed, request = answered(machine, {"expires_in": 600})
    entry, profile = refreshed.entry, machine.profile
    assert f"\r\nuser-agent: {profile.user_agent}\r\n" in request.lower()
    assert entry.fields == {
        "access_token": "abc.def",
        "authorization": "Bearer abc.def",
        "expires_at": str(entry.issued_at + 600),
        "environment": "sandbox",
        "profile": "live",
        "api_url": profile.api_url,
        "client_id": profile.client_id,
    }
    assert before <= entry.issued_at <= entry.stored_at <= time.time()
    assert refreshed == Refreshed(entry)


def test_details_say_where_a_token_is_asked_for_and_how_it_is_reached(machine: Machine) -> None:
    machine.listener.verbose = True
    machine.refresh()
    assert machine.listener.details == [
        f"asking {machine.profile.token_endpoint}, proxy: none,",
        "certificate authorities: none, as http stays on this machine",
    ]
    machine.listener.details.clear()
    machine.configure(CONFIG.replace("{origin}", "https://broker.invalid"))
    machine.world.environ["HTTPS_PROXY"] = f"http://127.0.0.1:{closed_port()}"
    with pytest.raises(TemporaryError):
        machine.refresh()
    assert f"proxy: {machine.world.environ['HTTPS_PROXY']}," in machine.listener.details[0]


@for_each(
    ("declared", "answer", "claim", "is_said"),
    [
        ("", {}, None, True),
        ("[read]", {}, None, False),
        ("[read]", {"scope": "read"}, None, True),
        ("[read]", {}, "read", True),
    ],
)
def test_where_scopes_are_declared_and_nobody_says_them_that_is_noted(
    declared: str, answer: dict[str, object], claim: str | None, is_said: bool, machine: Machine
) -> None:
    config = CONFIG + (f"    scopes: {declared}\n" if declared else "")
    claims = {"scope": claim} if claim else {"aud": "x"}
    found = answered(machine, answer, config, **claims)[0]
    assert found.doubts == (() if is_said else (exchanging.UNSAID,))


@for_each(
    ("issuer", "stands_for", "is_doubted"),
    [
        ("https://api.tastyworks.com", "", True),
        ("https://api.tastytrade.com", "sandbox", True),
        ("https://api.tastyworks.com", "production", False),
        ("https://api.cert.tastyworks.com", "", False),
        ("https://login.example", "", False),
    ],
)
def test_real_money_that_counts_as_a_sandbox_is_doubted(
    issuer: str, stands_for: str, is_doubted: bool, machine: Machine
) -> None:
    config = CONFIG + (f"    stands_for: {stands_for}\n" if stands_for else "")
    found = answered(machine, {}, config, iss=issuer)[0]
    assert found.doubts == ((exchanging.MISLABELLED,) if is_doubted else ())


def test_a_new_refresh_token_is_kept_before_its_answer_is_refused(machine: Machine) -> None:
    table: list[tuple[dict[str, object], type[TastyauthError]]] = [
        ({"access_token": 5}, ProtocolError),
        ({"scope": "trade"}, RefusedError),
    ]
    for number, (more, kind) in enumerate(table):
        new = jwt({"typ": "rt+jwt"}, {"number": number})
        with pytest.raises(kind) as error:
            answered(machine, {"refresh_token": new, **more}, CONFIG + "    scopes: [read]\n")
        assert error.type is kind
        assert error.value.hint
        with open(machine.source, encoding="ascii") as file:
            assert file.read() == f"{new}\n"


def test_what_is_odd_about_an_answer_is_reported(machine: Machine) -> None:
    machine.world.simulator.close()
    with Simulator(now=lambda: time.time() - 5000) as machine.world.simulator:
        machine.configure(CONFIG)
        machine.refresh()
    (warning,) = machine.listener.warnings
    assert "clock" in warning


# Machines that share a token.


def policy(**terms: Any) -> Policy:
    """That of a caller who starts now and is content with what a cache would give."""
    now = time.time()

    def decided(entry: Entry | None, attempt: Attempt) -> str:
        return decide(entry, attempt, Terms(started_at=now, **terms), time.time(), "mine")

    return Policy(decided, now, "mine")


def test_a_token_of_another_machine_is_taken_over(machine: Machine, valkey: Running) -> None:
    machine.configure(sharing(valkey.url))
    own = machine.stored(policy=policy())
    assert not own.from_another
    machine.listener.details.clear()
    others = machine.stored(policy=policy())
    assert others.from_another
    assert others.entry.fields == own.entry.fields
    assert machine.listener.details == [
        f"another machine got the token; it came through {valkey.url}"
    ]
    assert machine.refresh().entry.fields != own.entry.fields  # who accepts nothing asks alone
    assert machine.world.simulator.token_requests == 2


@for_each(("life", "last", "first"), [(900, 60.0, 300.0), (240, 40.0, 80.0)])
def test_each_machine_draws_the_moment_at_which_it_renews(
    life: int,
    last: float,
    first: float,
    machine: Machine,
    valkey: Running,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        drawn.append((low, high))
        return low + 1

    monkeypatch.setattr(exchanging, "uniform", uniform)
    valkey.client.flushall()
    found, _ = answered(machine, {"expires_in": life})
    assert drawn == []
    machine.configure(sharing(valkey.url))
    others = exchanging.with_others(
        machine.task(), machine.secrets(), policy(), lambda: Refreshed(found.entry)
    )
    assert others.entry.ahead == last + 1
    assert drawn == [(last, first)]


@for_each("fails", [False, True])
def test_an_engine_that_cannot_be_used_is_a_warning_and_noted(
    fails: bool, machine: Machine
) -> None:
    url = f"valkey://127.0.0.1:{closed_port()}"
    machine.configure(sharing(url))
    machine.world.simulator.fail = "grant-revoked" if fails else None
    machine.listener.warnings.clear()
    with ExitStack() as stack:
        if fails:
            stack.enter_context(pytest.raises(RefusedError))
        refreshed = machine.refresh(policy=policy())
        assert refreshed.trouble
        assert not refreshed.from_another
        assert f"{url} is not used: {refreshed.trouble}; " in machine.listener.warnings[0]
    (warning,) = machine.listener.warnings
    assert warning.startswith(f"{url} is not used: ")


def test_who_is_in_a_hurry_does_not_wait_for_another_machine(
    machine: Machine, valkey: Running
) -> None:
    machine.configure(sharing(valkey.url))
    machine.refresh(policy=policy())
    [key] = valkey.client.keys("*token")
    valkey.client.delete(key)
    valkey.client.set(key.replace(b":token", b":lease"), "another's", px=20_000)
    with pytest.raises(TemporaryError) as error:
        machine.refresh(policy=policy(), in_a_hurry=True)
    assert error.value.reason == UNDER_WAY


def test_a_refusal_to_another_machine_counts_without_a_cache_too(
    machine: Machine, valkey: Running
) -> None:
    machine.configure(sharing(valkey.url))
    machine.world.environ["TASTYAUTH_CACHE_DIR"] = "/proc/tastyauth"
    machine.world.simulator.fail = "grant-revoked"
    with pytest.raises(RefusedError):
        machine.stored(policy=policy())
    with pytest.raises(RefusedError, match="no retry for"):
        machine.session().obtain()
    assert machine.world.simulator.token_requests == 1


def test_the_record_says_whether_another_machine_got_the_token_and_why_none_could(
    machine: Machine, valkey: Running
) -> None:
    machine.configure(sharing(valkey.url))
    machine.stored(policy=policy())
    machine.session().obtain()
    record = only_record(machine.world.cache)
    assert (record.shared_at > 0, record.alone_because) == (True, "")
    store.clear(machine.world.cache)
    machine.configure(sharing(f"valkey://127.0.0.1:{closed_port()}"))
    machine.session().obtain()
    record = only_record(machine.world.cache)
    assert (record.shared_at, record.alone_because != "") == (0.0, True)


def test_who_waits_for_another_machine_says_so(machine: Machine, valkey: Running) -> None:
    machine.configure(sharing(valkey.url))
    machine.refresh(policy=policy())
    [key] = valkey.client.keys("*token")
    valkey.client.delete(key)
    valkey.client.set(key.replace(b":token", b":lease"), "another's", px=500)
    assert not machine.refresh(policy=policy()).from_another
    assert "another machine that is getting this token" in machine.listener.waits


def test_the_lease_is_as_long_as_the_exchange_may_take(machine: Machine, valkey: Running) -> None:
    left: list[int] = []
    answer = says(http("200 OK", json.dumps(ANSWER).encode()))

    def noted(connection: Any) -> None:
        left.extend(valkey.client.pttl(key) for key in valkey.client.keys("*lease"))
        answer(connection)

    with serving(noted) as server:
        config = sharing(valkey.url, "    timeout: 40\n")
        machine.configure(config.replace("{origin}", f"http://127.0.0.1:{server.port}"))
        machine.refresh(policy=policy())
    assert 35_000 < left[0] < 60_000


def test_a_server_that_rotates_is_no_server_for_several_machines(
    machine: Machine, valkey: Running
) -> None:
    machine.world.simulator.close()
    with Simulator(rotate=True) as machine.world.simulator:
        machine.configure(sharing(valkey.url))
        machine.refresh(policy=policy())
    (warning,) = machine.listener.warnings
    assert warning.startswith("the server rotates refresh tokens, so only one machine can use this")
    assert machine.listener.details[-1].startswith("the server rotated the refresh token; the new")


def test_the_password_of_the_engine_comes_from_a_program_that_gets_no_other_secret(
    machine: Machine, valkey: Running
) -> None:
    config = sharing(valkey.url).replace("file: live.refresh-token", "env: TT_REFRESH")
    password = f'{{{{ url: "{valkey.url}", password: {{{{ command: [pw] }}}} }}}}'
    config = config.replace(f'"{valkey.url}"', password)
    machine.world.environ["TT_REFRESH"] = machine.world.refresh_token
    seen = "${TT_REFRESH-nothing}"
    machine.world.script("pw", f"echo {seen} >{machine.world.root}/seen; echo pw")
    machine.configure(config)
    machine.refresh(policy=policy())
    with open(f"{machine.world.root}/seen", encoding="ascii") as file:
        assert file.read() == "nothing\n"
