"""What was found, how old it is here, and what to do next; no engine, no clock, no socket."""

import json

import pytest
from tables import for_each

from tastyauth import cache
from tastyauth.cache.last_attempt import Attempt
from tastyauth.errors import RefusedError, TemporaryError
from tastyauth.secret import Secret
from tastyauth.shared import Engine, Trouble, lease_of, patience_of, protocol
from tastyauth.shared.protocol import Found, Token

HERE, ENGINE = 1_700_000_000.0, 1_700_500_000.0
"""This machine's time and the engine's, which are far apart."""

OWN = b"own"
NOTHING = Found(None, None, None, None, ENGINE, HERE, 50.0)
TOKEN = Token(Secret("eyJ.access.token"), int(HERE) - 10, 900, HERE - 9.5)


def found(**what: object) -> Found:
    return NOTHING._replace(**what)  # type: ignore[arg-type]


# -- next steps -----------------------------------------------------------------------------------

HELD = {"lease": b"another's", "lease_left": 12.0}
STEPS = {
    "a fresh token": (cache.SERVE, {}, protocol.ADOPT),
    "a token that is to be renewed soon": (cache.AHEAD, {}, protocol.ADOPT),
    "a failure that holds for all": (cache.HOLD, {}, protocol.FAIL),
    "nothing": (cache.ASK, {}, protocol.TAKE),
    "nothing, and the lease is one's own": (cache.ASK, {**HELD, "lease": OWN}, protocol.EXCHANGE),
    "a token that came meanwhile": (cache.SERVE, {**HELD, "lease": OWN}, protocol.ADOPT),
    "somebody at it": (cache.ASK, HELD, protocol.WAIT),
    "a lease without end": (cache.ASK, {**HELD, "lease_left": -0.001}, protocol.ALONE),
    "a lease that is too long": (cache.ASK, {**HELD, "lease_left": 125.1}, protocol.ALONE),
    "the longest lease there is": (cache.ASK, {**HELD, "lease_left": 125.0}, protocol.WAIT),
}  # fmt: skip


@for_each(("decision", "what", "step"), STEPS.values())
def test_the_next_step(decision: str, what: dict[str, object], step: str) -> None:
    said = protocol.next_step(decision, found(**what), OWN, in_a_hurry=False, patience=1.0)
    assert said == step


@for_each("what", [{}, HELD])
def test_out_of_patience_a_machine_goes_alone(what: dict[str, object]) -> None:
    said = protocol.next_step(cache.ASK, found(**what), OWN, in_a_hurry=False, patience=0.0)
    assert said == protocol.ALONE


def test_a_machine_in_a_hurry_waits_for_nobody_and_keeps_no_token_that_it_is_to_replace() -> None:
    def step(decision: str, **what: object) -> str:
        return protocol.next_step(decision, found(**what), OWN, in_a_hurry=True, patience=1.0)

    assert step(cache.ASK, **HELD) == protocol.LATER
    assert step(cache.AHEAD) == protocol.TAKE
    assert step(cache.SERVE) == protocol.ADOPT


def test_an_exchange_ends_before_its_lease_and_a_waiter_outlasts_two() -> None:
    for limit in (1.0, 15.0, 120.0):
        assert limit < lease_of(limit) <= protocol.LONGEST_LEASE
        assert patience_of(limit) == 2 * lease_of(limit)
        assert Engine("valkey://127.0.0.1").longest(limit) > patience_of(limit) + limit


# -- what an engine answers -----------------------------------------------------------------------


def test_a_look_is_read() -> None:
    reply = [b"t", None, b"l", 1500, b"1700500000", b"250000"]
    assert protocol.read(reply, HERE, 50.0) == Found(
        b"t", None, b"l", 1.5, ENGINE + 0.25, HERE, 50.0
    )
    assert protocol.read([None, None, None, -2, b"1", b"0"], HERE, 0).lease_left is None
    endless = protocol.read([None, None, b"l", -1, b"1", b"0"], HERE, 0).lease_left
    assert endless is not None
    assert endless < 0


@for_each(
    "reply",
    [
        None,
        b"OK",
        [],
        [None] * 6,
        [1, None, None, -2, b"1", b"0"],
        [None, None, None, b"-2", b"1", b"0"],
        [None, None, None, -2, b"today", b"0"],
        [None, None, None, -2, b"9" * 400, b"0"],
        [None, None, None, -2, b"1", b"0", b"more"],
    ],
)
def test_what_is_no_look_is_trouble(reply: object) -> None:
    with pytest.raises(Trouble):
        protocol.read(reply, HERE, 50.0)


# -- tokens ---------------------------------------------------------------------------------------


def stored(clock: float = HERE) -> bytes:
    content, _ = protocol.write_token(TOKEN, ENGINE - 10, ENGINE - 9.5, clock - 9.5)
    return content


def test_a_token_is_as_old_here_as_it_is_by_the_clock_of_the_engine() -> None:
    read = protocol.read_token(stored(), found(time=ENGINE + 100, asked_at=HERE + 100))
    assert read == TOKEN


def test_a_token_lives_in_the_engine_as_long_as_it_is_good() -> None:
    assert protocol.write_token(TOKEN, ENGINE - 10, ENGINE - 9.5, HERE)[1] == 899.5


@for_each("shift", [-120, 0, 120])
def test_a_clock_that_is_wrong_here_shifts_the_expiry_with_it(shift: int) -> None:
    """So that as many seconds are left here as there are."""
    read = protocol.read_token(stored(), found(asked_at=HERE + shift))
    assert read is not None
    assert read.issued_at + read.life - (HERE + shift) == 890


@for_each("shift", [-301, 301])
def test_a_token_of_a_machine_whose_clock_is_far_off_is_refused(shift: int) -> None:
    with pytest.raises(Trouble, match="differ by 301 s"):
        protocol.read_token(stored(), found(asked_at=HERE + shift))


def test_a_token_of_the_engines_future_is_none() -> None:
    assert protocol.read_token(stored(), found(time=ENGINE - 12, asked_at=HERE - 12)) is None


def with_number(number: str) -> list[bytes]:
    """A token and a failure, sealed by somebody who holds the grant, with an odd time in each."""
    token = '{"access_token": "x", "life": 900, "issued": %s, "stored": 0, "clock": 0}'
    attempt = '{"code": 77, "failures": 1, "ended": 0, "clock": 0, "pause": %s}'
    return [(each % number).encode() for each in (token, attempt)]


@for_each(
    "content",
    [None, b"", b"[]", b"{}", b'{"access_token": "x"}', b"\xff", b"[" * 60_000]
    + [each for odd in ("NaN", "-Infinity", "1e999", "9" * 400) for each in with_number(odd)],
)
def test_what_is_no_token_is_none(content: bytes | None) -> None:
    assert protocol.read_token(content, NOTHING) is None
    assert protocol.read_attempt(content, NOTHING, "digest").code == 0


def test_the_time_of_the_engine_goes_on_with_the_monotonic_clock() -> None:
    assert NOTHING.time_at(52.5) == ENGINE + 2.5
    assert NOTHING.time_at(49.0) == ENGINE


# -- failed attempts ------------------------------------------------------------------------------


def passed_on(attempt: Attempt, later: float) -> Attempt:
    """What another machine makes of it, some seconds later; its clock is two minutes behind."""
    content, _ = protocol.write_attempt(attempt, ENGINE, HERE)
    where = found(time=ENGINE + later, asked_at=HERE - 120 + later)
    return protocol.read_attempt(content, where, "theirs")


def test_a_refusal_holds_for_every_machine_with_these_secrets() -> None:
    attempt = Attempt().failed(RefusedError("no", "hint"), "mine", HERE)
    read, now = passed_on(attempt, 10), HERE - 120 + 10
    assert (read.code, read.message, read.hint, read.failures) == (77, "no", "hint", 1)
    assert read.forbids(now, "theirs")
    assert not read.forbids(now, "changed")
    assert read.forbids(now + 280, "theirs")
    assert not read.forbids(now + 300, "theirs")
    assert read.failed(RefusedError("no"), "theirs", now + 300).not_before == now + 900


def test_retry_after_holds_for_every_machine_whatever_it_sends() -> None:
    attempt = Attempt().failed(TemporaryError("later", retry_after=60), "mine", HERE)
    assert passed_on(attempt, 10).forbids(HERE - 120 + 10, "changed")


def test_a_failure_is_that_of_callers_who_had_started_before_it_ended() -> None:
    attempt = Attempt().failed(TemporaryError("503"), "mine", HERE)
    now = HERE - 120 + 1
    assert passed_on(attempt, 1).ended_since(HERE - 120 - 5, now)
    assert not passed_on(attempt, 1).ended_since(HERE - 120 + 0.5, now)


@for_each("days", [1, -1])
def test_a_refusal_that_an_engine_brings_back_is_not_obeyed(days: int) -> None:
    """It kept the sealed value, and says that no time has passed."""
    attempt = Attempt().failed(RefusedError("no"), "mine", HERE)
    content, _ = protocol.write_attempt(attempt, ENGINE, HERE)
    with pytest.raises(Trouble, match="differ by 86399 s" if days > 0 else "differ by 86401 s"):
        protocol.read_attempt(
            content, found(time=ENGINE + 1, asked_at=HERE + days * 86400), "theirs"
        )


def test_no_digest_leaves_the_machine() -> None:
    content, life = protocol.write_attempt(
        Attempt().failed(RefusedError("no"), "mine", HERE), ENGINE, HERE
    )
    assert b"mine" not in content
    assert set(json.loads(content)) == {
        *("code", "kind", "reason", "asked_for", "message", "hint", "secrets", "failures"),
        *("pause", "ended", "clock"),
    }
    assert life > 300
