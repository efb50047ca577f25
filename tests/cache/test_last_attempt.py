"""The record of the last attempt: what those who waited learn from it, and what it forbids."""

import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tables import for_each

from tastyauth import cache
from tastyauth.cache import SOFT_GAP, Entry, Terms, last_attempt
from tastyauth.cache.last_attempt import Attempt
from tastyauth.errors import (
    BY_PROXY,
    ConfigError,
    ConfigNotAllowed,
    ProtocolError,
    RefusedError,
    SecretAbsent,
    SecretError,
    TastyauthError,
    TemporaryError,
)

NOW = 1_700_000_000.0
MINUTE = 60.0

REFUSED = RefusedError("the server refused the grant: Grant revoked", "make a new one")
BUSY = TemporaryError("the server answered 429", "try again in 120 s", 120.0)
DOWN = TemporaryError("the server answered 503", "try again in a few minutes")


def facts(record: Attempt) -> dict[str, object]:
    return {name: getattr(record, name) for name in last_attempt.FIELDS}


@pytest.fixture
def path(tmp_path: os.PathLike[str]) -> str:
    return f"{os.fspath(tmp_path)}/name.attempt"


# In the file.


def test_a_record_is_read_as_it_was_written(path: str) -> None:
    record = Attempt().having(soft_at=NOW).failed(REFUSED, "5ec2e7", NOW + 0.125)
    record = record.succeeded(NOW + 1).failed(BUSY, "0ther", NOW + 2)
    last_attempt.write(path, record)
    assert facts(last_attempt.read(path)) == facts(record)
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_no_file_is_an_empty_record(path: str) -> None:
    assert facts(last_attempt.read(path)) == facts(Attempt())


def test_a_record_that_was_cut_anywhere_is_empty(path: str) -> None:
    last_attempt.write(path, Attempt().failed(REFUSED, "5ec2e7", NOW))
    with open(path, "rb") as file:
        whole = file.read()
    accepted = []
    for length in range(len(whole)):
        with open(path, "wb") as file:
            file.write(whole[:length])
        if facts(last_attempt.read(path)) != facts(Attempt()):
            accepted.append(whole[:length])
    assert accepted == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"attempt 3", b"attempt 4"),
        (b"code\t77", b"code\tmany"),
        (b"code\t77", b"colour\t77"),
        (b"ended_at\t", b"ended_at "),
        (b"message\t", b"message\t\xff"),
    ],
    ids=repr,
)
def test_a_newer_or_damaged_record_is_empty(path: str, before: bytes, after: bytes) -> None:
    last_attempt.write(path, Attempt().failed(REFUSED, "5ec2e7", NOW))
    with open(path, "r+b") as file:
        whole = file.read()
        assert before in whole
        file.seek(0)
        file.truncate()
        file.write(whole.replace(before, after))
    assert facts(last_attempt.read(path)) == facts(Attempt())


@pytest.mark.parametrize("mode", [0o644, 0o620])
def test_a_record_open_to_others_is_empty(path: str, mode: int) -> None:
    last_attempt.write(path, Attempt().failed(REFUSED, "5ec2e7", NOW))
    os.chmod(path, mode)
    assert facts(last_attempt.read(path)) == facts(Attempt())


def test_a_symbolic_link_is_an_empty_record(path: str) -> None:
    last_attempt.write(f"{path}.real", Attempt().failed(REFUSED, "5ec2e7", NOW))
    os.symlink(f"{path}.real", path)
    assert facts(last_attempt.read(path)) == facts(Attempt())


@given(message=st.text(st.characters() | st.sampled_from("\t\n\r\x00"), max_size=20))
@example(message="file /home/\udcff/secret does not exist")  # a path that is no UTF-8 (PEP 383)
def test_a_record_of_any_message_can_be_written_and_read(
    tmp_path_factory: pytest.TempPathFactory, message: str
) -> None:
    path = f"{os.fspath(tmp_path_factory.mktemp('cache'))}/name.attempt"
    record = Attempt().failed(SecretError(message, message), "5ec2e7", NOW)
    last_attempt.write(path, record)
    again = last_attempt.read(path)
    assert (again.code, again.secrets, again.ended_at) == (69, "5ec2e7", NOW)
    if message.isprintable() and message.isascii():
        assert (again.message, again.hint) == (message, message)


# To those who waited.


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (SecretError("locked", "unlock it"), SecretError),
        (SecretAbsent("not here", "put it there"), SecretAbsent),
        (DOWN, TemporaryError),
        (BUSY, TemporaryError),
        (ProtocolError("a page", "look"), ProtocolError),
        (REFUSED, RefusedError),
        (ConfigError("no such proxy", "unset it"), ConfigError),
        (ConfigNotAllowed("not approved", "allow it"), ConfigNotAllowed),
    ],
)
def test_a_failure_is_reported_as_it_was_raised(
    path: str, error: TastyauthError, kind: type[TastyauthError]
) -> None:
    last_attempt.write(path, Attempt().failed(error, "", NOW))
    record = last_attempt.read(path)
    told = record.failure(NOW, NOW)
    assert type(told) is kind
    assert (told.exit_code, told.message, told.hint) == (  # its own outcome, without a reminder
        error.exit_code,
        error.message,
        error.hint,
    )


@for_each(
    ("started", "ended", "is_its_outcome"),
    [
        (NOW - 5, NOW - 1, True),
        (NOW - 1, NOW - 1, True),
        (NOW - 1, NOW, True),
        (NOW - 1, NOW - 1.001, False),
        (NOW - 1, NOW - 100, False),
        (NOW - 1, NOW + 1, False),  # by a clock that was set back
    ],
)
def test_a_failure_is_the_outcome_of_every_caller_that_had_started_before_it_ended(
    started: float, ended: float, is_its_outcome: bool
) -> None:
    record = Attempt().failed(DOWN, "5ec2e7", ended)
    assert record.ended_since(started, NOW) is is_its_outcome
    assert not Attempt().failed(DOWN, "5ec2e7", ended).succeeded(ended).ended_since(started, NOW)
    assert not Attempt().ended_since(0.0, NOW)


# What is not asked again.


def test_a_refusal_is_remembered_for_five_minutes_doubling_to_an_hour() -> None:
    record, pauses, now = Attempt(), [], NOW
    for _ in range(7):
        record = record.failed(REFUSED, "5ec2e7", now)
        pauses.append((record.not_before - now) / MINUTE)
        now = record.not_before
    assert pauses == [5, 10, 20, 40, 60, 60, 60]


def test_the_pause_is_back_at_five_minutes_after_a_success() -> None:
    record = Attempt().failed(REFUSED, "5ec2e7", NOW).failed(REFUSED, "5ec2e7", NOW + 300)
    again = record.succeeded(NOW + 901).failed(REFUSED, "5ec2e7", NOW + 902)
    assert again.not_before == NOW + 902 + 5 * MINUTE


@for_each(
    ("after", "secrets", "forbidden"),
    [
        (0, "5ec2e7", True),
        (299.9, "5ec2e7", True),
        (300, "5ec2e7", False),
        (1, "0ther", False),
        (1, None, False),  # not known before they are resolved
        (-1, "5ec2e7", False),  # a clock that was set back forgets
    ],
)
def test_a_refusal_forbids_asking_with_the_same_secrets(
    after: float, secrets: str | None, forbidden: bool
) -> None:
    record = Attempt().failed(REFUSED, "5ec2e7", NOW)
    assert record.forbids(NOW + after, secrets) is forbidden


@for_each(
    ("seconds", "after", "forbidden"),
    [
        *((120.0, 0, True), (120.0, 119.9, True), (120.0, 120, False), (120.0, -1, False)),
        *((0.0, 1.9, True), (0.0, 2, False)),  # as long as without one
    ],
)
@for_each("secrets", [None, "5ec2e7", "0ther"])
def test_a_retry_after_forbids_asking_with_any_secrets(
    seconds: float, after: float, forbidden: bool, secrets: str | None
) -> None:
    record = Attempt().failed(TemporaryError("429", retry_after=seconds), "5ec2e7", NOW)
    assert record.forbids(NOW + after, secrets) is forbidden


@for_each("error", [SecretError("locked"), ConfigError("no such proxy")])
def test_failures_of_this_machine_forbid_nothing(error: TastyauthError) -> None:
    assert not Attempt().failed(error, "5ec2e7", NOW).forbids(NOW, "5ec2e7")


@for_each("error", [REFUSED, DOWN, ProtocolError("a page")])
def test_nothing_is_forbidden_where_nothing_was_sent(error: TastyauthError) -> None:
    """As for a malformed client ID, which is noticed before anything is asked."""
    assert not Attempt().failed(error, "", NOW).forbids(NOW, "5ec2e7")


@for_each(
    ("error", "pauses"),
    [
        (REFUSED, [300, 600, 1200, 2400, 3600, 3600]),
        (ProtocolError("a page"), [60, 120, 240, 480, 900, 900]),
        (DOWN, [2, 4, 8, 16, 32, 60, 60]),
        (TemporaryError("429", "wait", 5.0), [5, 5, 8, 16, 32, 60, 60]),
        (BUSY, [120, 120]),
        (ConfigError("407", reason=BY_PROXY), [2, 4, 8, 16, 32, 60, 60]),
    ],
)
def test_each_kind_of_failure_has_its_pace(error: TastyauthError, pauses: list[float]) -> None:
    """Where the server asks for more time, it gets it."""
    record, found, now = Attempt(), [], NOW
    for _ in pauses:
        record = record.failed(error, "5ec2e7", now)
        assert record.forbids(record.not_before - 0.1, "5ec2e7")
        found.append(record.not_before - now)
        now = record.not_before
    assert found == pauses


def test_an_attempt_in_a_hurry_sets_a_pace_only_where_the_server_answered() -> None:
    hasty = Attempt().failed(DOWN, "5ec2e7", NOW, in_a_hurry=True)
    assert not hasty.forbids(NOW, "5ec2e7")
    for answer in (BUSY, REFUSED):
        assert Attempt().failed(answer, "5ec2e7", NOW, in_a_hurry=True).forbids(NOW, "5ec2e7")


def test_a_record_that_cannot_be_written_is_known_to_this_process(path: str) -> None:
    os.mkdir(path)
    with pytest.raises(OSError):
        last_attempt.write(path, Attempt().failed(REFUSED, "5ec2e7", NOW))
    assert last_attempt.read(path).forbids(NOW, "5ec2e7")
    os.rmdir(path)
    last_attempt.write(path, Attempt().succeeded(NOW))
    assert not last_attempt.read(path).forbids(NOW, "5ec2e7")


# The one policy.


def entry_with(left: float) -> Entry:
    issued_at = int(NOW + left) - 900
    return Entry({"expires_at": str(issued_at + 900)}, issued_at, float(issued_at))


AN_HOUR_AGO = Attempt().failed(REFUSED, "5ec2e7", NOW - 3600)
JUST_NOW = Attempt().failed(REFUSED, "5ec2e7", NOW - 1)
JUST_DOWN = Attempt().failed(DOWN, "5ec2e7", NOW - 1)
LEFT_ALONE = Attempt().failed(BUSY, "5ec2e7", NOW - 1)
BEGUN = Attempt().having(soft_at=NOW - 1)
PLAIN = Terms(started_at=NOW)
WAITING = Terms(started_at=NOW - 5)
BY_HAND = Terms(refresh=True, started_at=NOW)
PROGRAM = Terms(refresh=True, started_at=NOW, heedful=True)


@for_each(
    ("left", "attempt", "terms", "secrets", "decision"),
    [
        (800, None, PLAIN, None, cache.SERVE),
        (800, JUST_NOW, PLAIN, None, cache.SERVE),
        (200, None, PLAIN, None, cache.AHEAD),
        (200, AN_HOUR_AGO, PLAIN, "5ec2e7", cache.AHEAD),
        (200, BEGUN, PLAIN, None, cache.SERVE),
        (200, LEFT_ALONE, PLAIN, None, cache.SERVE),
        (200, JUST_NOW, PLAIN, "5ec2e7", cache.SERVE),
        (200, JUST_NOW, PLAIN, "0ther", cache.AHEAD),
        (200, None, Terms(0, started_at=NOW), None, cache.AHEAD),
        (200, None, Terms(300, started_at=NOW), None, cache.ASK),
        (200, None, Terms(300, started_at=NOW - 1000), None, cache.SERVE),  # it came since
        (50, None, PLAIN, None, cache.ASK),
        (-1, None, Terms(0, started_at=NOW - 1000), None, cache.ASK),
        (800, None, BY_HAND, None, cache.ASK),
        (800, None, Terms(refresh=True, started_at=NOW - 1000), None, cache.SERVE),
        (900, None, BY_HAND, None, cache.SERVE),  # it came at that very moment
        (None, None, PLAIN, None, cache.ASK),
        (None, JUST_NOW, PLAIN, None, cache.ASK),  # the secrets may have changed
        (None, JUST_NOW, PLAIN, "5ec2e7", cache.HOLD),
        (None, JUST_NOW, PLAIN, "0ther", cache.ASK),
        (None, JUST_NOW, WAITING, None, cache.HOLD),
        (None, JUST_NOW, BY_HAND, "5ec2e7", cache.ASK),
        (None, JUST_NOW, PROGRAM, "5ec2e7", cache.HOLD),
        (None, JUST_DOWN, PLAIN, "5ec2e7", cache.HOLD),
        (None, JUST_DOWN, PLAIN, "0ther", cache.ASK),
        (None, LEFT_ALONE, PLAIN, None, cache.HOLD),
        (None, LEFT_ALONE, BY_HAND, None, cache.ASK),
        (None, AN_HOUR_AGO, PLAIN, "5ec2e7", cache.ASK),
    ],
)
def test_what_is_to_be_done_about_a_token(
    left: float | None, attempt: Attempt | None, terms: Terms, secrets: str | None, decision: str
) -> None:
    entry = None if left is None else entry_with(left)
    assert cache.decide(entry, attempt, terms, NOW, secrets) == decision


def test_nothing_is_forbidden_at_first_or_after_a_success() -> None:
    assert not Attempt().forbids(NOW, "")
    assert (
        not Attempt().failed(REFUSED, "5ec2e7", NOW).succeeded(NOW + 1).forbids(NOW + 1, "5ec2e7")
    )


def test_a_reminder_is_the_failure_again_and_says_for_how_long() -> None:
    reminder = Attempt().failed(REFUSED, "5ec2e7", NOW).failure(NOW + 59, NOW + 60)
    assert isinstance(reminder, RefusedError)
    assert reminder.message.startswith(REFUSED.message)
    assert "tried 60 s ago" in reminder.message
    assert "for 240 s" in reminder.message
    assert reminder.hint.endswith("tastyauth exec --refresh -- true")
    bare = Attempt().failed(RefusedError("no", ""), "5ec2e7", NOW).failure(NOW + 59, NOW + 60)
    assert bare.hint == ""


def test_a_code_that_this_version_does_not_know_may_pass() -> None:
    record = Attempt(code=99, message="from a newer version")
    assert isinstance(record.failure(0, 0), TemporaryError)


# Early renewals, and what `status` tells.


@for_each(("after", "may"), [(0, False), (SOFT_GAP - 0.1, False), (SOFT_GAP, True), (-0.1, True)])
def test_early_renewals_are_a_minute_apart(after: float, may: bool) -> None:
    renewing = Attempt().having(soft_at=NOW)
    for record in (renewing, renewing.failed(DOWN, "", NOW), renewing.succeeded(NOW)):
        decision = cache.decide(entry_with(200 + after), record, Terms(), NOW + after)
        assert (decision == cache.AHEAD) is may


def test_the_last_success_and_the_last_failure_outlive_each_other() -> None:
    record = Attempt().succeeded(NOW).failed(DOWN, "", NOW + 1).failed(DOWN, "", NOW + 2)
    assert (record.succeeded_at, record.failed_at, record.failed_code) == (NOW, NOW + 2, 75)
    assert record.failures == 2
    record = record.succeeded(NOW + 3)
    assert (record.succeeded_at, record.failed_at, record.failed_code) == (NOW + 3, NOW + 2, 75)
    assert (record.failures, record.code, record.message) == (0, 0, "")


def test_failures_are_counted_as_long_as_they_are_of_one_kind() -> None:
    record = Attempt().failed(DOWN, "", NOW).failed(DOWN, "", NOW)
    assert record.failures == 2
    assert record.failed(REFUSED, "", NOW).failures == 1


@pytest.mark.parametrize(
    ("asked_for", "after", "left"),
    [
        (30.0, 10, 20.0),
        (30.0, 31, 0.0),
        (0.0, 3, 0.0),
        (None, 1, 1.0),
        (None, 2, None),
        (None, 3, None),
    ],
)
def test_those_who_waited_learn_how_long_the_server_is_still_to_be_left_alone(
    asked_for: float | None, after: float, left: float | None
) -> None:
    error = TemporaryError("busy", "wait", reason="of this kind")
    error.retry_after = asked_for
    record = Attempt().failed(error, "5ec2e7", NOW)
    own = record.failure(NOW, NOW + after)
    assert (own.retry_after, own.reason) == (left, "of this kind")
    later = record.failure(NOW + 0.5, NOW + after)
    assert (later.retry_after, later.reason) == (record.not_before - NOW - after, "of this kind")


def test_a_success_notes_whose_token_came_and_since_when_machines_are_on_their_own() -> None:
    def noted(record: Attempt) -> tuple[float, float, float, str]:
        return record.succeeded_at, record.shared_at, record.alone_since, record.alone_because

    own = Attempt().succeeded(1.0)
    assert noted(own) == (1.0, 0.0, 0.0, "")
    shared = own.succeeded(2.0, from_another=True)
    assert noted(shared) == (2.0, 2.0, 0.0, "")
    alone = shared.succeeded(3.0, trouble="down")
    assert noted(alone) == (3.0, 2.0, 3.0, "down")
    still = alone.succeeded(4.0, trouble="still down")
    assert noted(still) == (4.0, 2.0, 3.0, "still down")
    assert noted(still.succeeded(5.0)) == (5.0, 2.0, 0.0, "")


def test_what_only_this_process_remembers_is_forgotten_by_directory(path: str) -> None:
    others = f"{os.path.dirname(path)}-2/name.attempt"
    for each in (path, others):
        last_attempt.remember(each, Attempt(code=77))
    last_attempt.forget(f"{os.path.dirname(path)}/")
    assert last_attempt.read(path).code == 0
    assert last_attempt.read(others).code == 77
    last_attempt.forget(f"{os.path.dirname(others)}/")


def test_a_policy_is_what_it_was_made_of() -> None:
    def decide(*_: object) -> str:
        return "serve"

    policy = last_attempt.Policy(decide, NOW, "5ec2e7")
    assert (policy.decide, policy.started_at, policy.secrets) == (decide, NOW, "5ec2e7")
