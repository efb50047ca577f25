"""Any number of processes cause one exchange per token, whatever happens to one of them."""

import os
import signal
import time
from collections.abc import Iterator

import pytest
from aging import grow_older, only_entry, set_left
from herds import Gate, begun, codes, herd, outputs, started
from world import CONFIG, LIMIT, Completed, World, finish

TIMEOUT = 2
"""Seconds that a profile of these tests gives a server that hangs."""

IMPATIENT = f"{CONFIG}    timeout: {TIMEOUT}\n"

PATIENT = f"{CONFIG}    timeout: 60\n"
"""Whoever waits for the whole of it has not noticed what happened."""

AT_ONCE = 30.0
"""Seconds within which, on any machine, that is noticed which is noticed at once."""

SETTLED = 0.7
"""Seconds after which most processes have found the lock taken, and wait; all may, none must."""


# Success is shared.


@pytest.mark.alone
def test_two_hundred_processes_without_a_token_cause_one_exchange(world: World) -> None:
    ended = herd(world, [("token",)] * 200)
    assert codes(ended) == {0}
    assert {each.err for each in ended} == {""}
    assert len(outputs(ended)) == 1
    assert world.simulator.token_requests == 1


@pytest.mark.parametrize(
    ("left", "count"),
    [(200, 20), (61, 20), (0, 20)],
    ids=["in the soft window", "about to be due", "just at expiry"],
)
def test_any_number_of_processes_with_a_token_that_ends_cause_one_exchange(
    world: World, left: int, count: int
) -> None:
    old = world.run("token").out
    set_left(world.cache, left, time.time())
    ended = herd(world, [("token",)] * count)
    new = world.run("token").out
    assert codes(ended) == {0}
    assert {each.err for each in ended} == {""}
    assert new != old
    assert outputs(ended) <= {old, new}  # who had a living token did not wait for the new one
    if left == 0:
        assert outputs(ended) == {new}
    assert world.simulator.token_requests == 2


def test_every_command_shares_the_exchange(world: World) -> None:
    commands: list[tuple[str, ...]] = [
        ("token",),
        ("token", "-p", "live"),
        ("token", "--min-valid", "300"),
        ("-v", "token"),
        ("exec", "--", "sh", "-c", "echo $TASTYTRADE_ACCESS_TOKEN"),
        ("exec", "-p", "live", "--", "sh", "-c", "echo $TASTYTRADE_ACCESS_TOKEN"),
    ]
    shells: list[tuple[str, ...]] = [("env",), ("env", "-p", "live"), ("--profile", "live", "env")]
    ended = herd(world, [*commands, *shells] * 4)
    assert codes(ended) == {0}
    tokens = {each.out for each in ended if "export " not in each.out}
    exports = {each.out for each in ended if "export " in each.out}
    assert (len(tokens), len(exports)) == (1, 1)
    assert tokens.pop().strip() in exports.pop()
    assert world.simulator.token_requests == 1


@pytest.fixture
def gated(tmp_path: os.PathLike[str]) -> "Iterator[tuple[World, Gate]]":
    with Gate() as gate:
        world = World(os.fspath(tmp_path), gate)
        world.configure(PATIENT)
        yield world, gate


def wave(world: World, gate: Gate, count: int) -> list[Completed]:
    """How processes have ended that all had begun to wait before any was answered."""
    gate.open.clear()
    with started(world, [("-v", "token", "--refresh")] * count) as processes:
        begun(processes)
        gate.open.set()
        return [finish(process) for process in processes]


def test_parallel_refreshes_cause_one_exchange_per_wave(gated: tuple[World, Gate]) -> None:
    world, gate = gated
    tokens = set()
    for number in (1, 2, 3):
        ended = wave(world, gate, 8)
        assert codes(ended) == {0}
        assert len(outputs(ended)) == 1
        assert gate.token_requests == number
        tokens |= outputs(ended)
    assert len(tokens) == 3


def test_who_starts_while_a_token_is_fetched_gets_that_token(gated: tuple[World, Gate]) -> None:
    world, gate = gated
    with started(world, [("token",)]) as first:
        assert gate.asked.wait(LIMIT)
        commands: list[tuple[str, ...]] = [("-v", "token"), ("-v", "token", "--refresh")]
        with started(world, commands * 3) as others:
            begun(others)
            gate.open.set()
            ended = [finish(process) for process in (*first, *others)]
    assert codes(ended) == {0}
    assert len(outputs(ended)) == 1
    assert gate.token_requests == 1


def test_a_token_that_came_while_one_waited_is_good_enough(tmp_path: os.PathLike[str]) -> None:
    """Although its lifetime is shorter than requested: the next one's would be too."""
    with Gate(lifetime=60) as gate:
        world = World(os.fspath(tmp_path), gate)
        world.configure()
        with started(world, [("-v", "token", "--min-valid", "59.5")] * 4) as processes:
            begun(processes)
            gate.open.set()
            ended = [finish(process) for process in processes]
    assert codes(ended) == {0}
    assert len(outputs(ended)) == 1
    assert gate.token_requests == 1


def test_profiles_do_not_wait_for_each_other(gated: tuple[World, Gate]) -> None:
    """A token that is there is served while that of another profile is on its way."""
    world, gate = gated
    head, live = PATIENT.split("  live:\n")
    world.configure(f"{head}  live:\n{live}  paper:\n{live}default_profile: live\n")
    gate.open.set()
    there = world.run("token", "-p", "paper")
    gate.open.clear()
    gate.asked.clear()
    with started(world, [("token",)]) as fetching:
        assert gate.asked.wait(LIMIT)
        assert world.run("token", "-p", "paper") == there
        gate.open.set()
        assert finish(fetching[0]).code == 0


# Failure is shared.


def test_twenty_callers_of_a_hanging_server_wait_once(world: World) -> None:
    world.configure(IMPATIENT)
    world.simulator.fail = "slow"
    ended = herd(world, [("token",)] * 20)
    assert codes(ended) == {75}
    # and not twenty times: who starts when the failure is two seconds old asks once more
    assert world.simulator.token_requests < 10


def test_whatever_a_failure_is_it_is_the_outcome_of_all_who_wait(gated: tuple[World, Gate]) -> None:
    world, gate = gated
    failures = [("secret-mismatch", 77), ("not-json", 76), ("not-a-customer", 75)]
    for number, (failure, code) in enumerate(failures, 1):
        gate.fail = failure
        ended = wave(world, gate, 5)
        assert codes(ended) == {code}
        assert outputs(ended) == {""}
        assert all("error: " in each.err for each in ended)
        assert gate.token_requests == number


def test_a_revoked_grant_is_asked_once_in_five_minutes_by_any_number_of_processes(
    world: World,
) -> None:
    world.simulator.fail = "grant-revoked"
    for count in (12, 3, 3):
        ended = herd(world, [("token",)] * count)
        assert codes(ended) == {77}
        assert outputs(ended) == {""}
        grow_older(world.cache, 70)
    assert world.simulator.token_requests == 1
    grow_older(world.cache, 91)
    assert codes(herd(world, [("token",)] * 3)) == {77}
    assert world.simulator.token_requests == 2


def test_a_server_that_asks_to_be_left_alone_is_left_alone_by_all(world: World) -> None:
    world.simulator.fail = "429"  # for 30 s
    for _ in range(3):
        ended = herd(world, [("token",), ("env",), ("-v", "token")] * 2)
        assert codes(ended) == {75}
        grow_older(world.cache, 3)
    assert world.simulator.token_requests == 1
    assert world.run("token", "--refresh").code == 75
    assert world.simulator.token_requests == 2
    assert world.run("token").code == 75
    grow_older(world.cache, 31)
    world.simulator.fail = None
    ended = herd(world, [("token",)] * 6)
    assert codes(ended) == {0}
    assert world.simulator.token_requests == 3


def test_an_outage_while_a_token_is_renewed_ahead_fails_nobody(world: World) -> None:
    old = world.run("token")
    set_left(world.cache, 200, time.time())
    world.simulator.fail = "slow"
    ended = herd(world, [("token",)] * 20)
    assert codes(ended) == {0}
    assert outputs(ended) == {old.out}
    assert world.simulator.token_requests == 2
    assert sum("warning" in each.err for each in ended) == 1
    assert world.run("token") == old  # not tried again within a minute
    assert world.simulator.token_requests == 2


def test_renewing_ahead_does_not_wait_for_another_profile_of_the_same_grant(world: World) -> None:
    """Only one process exchanges a grant at a time; one with a valid token waits three seconds."""
    head, live = PATIENT.split("  live:\n")
    world.configure(f"{head}  live:\n{live}  twin:\n{live}default_profile: live\n")
    old = world.run("token", "-p", "twin")
    assert world.run("token", "-p", "live").code == 0
    grow_older(world.cache, 700)
    world.simulator.fail = "slow"
    with started(world, [("token", "--refresh", "-p", "live")]):
        world.token_requested(2)
        began = time.monotonic()
        done = world.run("token", "-p", "twin")
        assert time.monotonic() - began < AT_ONCE  # the other one has sixty
    assert (done.code, done.out) == (0, old.out)
    assert "warning" in done.err


# Something happens to the one who fetches.


def test_the_next_takes_over_at_once_when_the_holder_is_killed(world: World) -> None:
    world.configure(PATIENT)
    world.simulator.fail = "slow"
    with started(world, [("token",)]) as holders:
        world.token_requested(0)
        with started(world, [("token",), ("env",)] * 8) as waiting:
            time.sleep(SETTLED)
            world.simulator.fail = None
            holders[0].send_signal(signal.SIGKILL)
            killed = time.monotonic()
            ended = [finish(process) for process in waiting]
    assert time.monotonic() - killed < 60  # the holder had promised more
    assert codes(ended) == {0}
    assert len(outputs(ended)) == 2  # the token, and the exports that hold it
    assert world.simulator.token_requests == 2


def test_the_next_takes_over_when_the_holder_is_interrupted(world: World) -> None:
    world.simulator.fail = "slow"
    with started(world, [("token",)]) as holders:
        world.token_requested(0)
        with started(world, [("token",)] * 3) as waiting:
            time.sleep(SETTLED)
            world.simulator.fail = None
            holders[0].send_signal(signal.SIGTERM)
            assert finish(holders[0]).code == 143
            ended = [finish(process) for process in waiting]
    assert codes(ended) == {0}
    assert world.simulator.token_requests == 2


def test_who_waits_for_a_stopped_holder_ends_with_75_after_its_promise_and_not_before(
    world: World,
) -> None:
    world.configure(IMPATIENT)
    world.simulator.fail = "slow"
    with started(world, [("token",)]) as holders:
        world.token_requested(0)
        holders[0].send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        with started(world, [("token",), ("env",)] * 4) as waiting:
            # the seconds that the exchange may take, and five for all around it
            time.sleep(max(0.0, stopped + 4 - time.monotonic()))
            assert {process.poll() for process in waiting} == {None}
            ended = [finish(process) for process in waiting]
        assert codes(ended) == {75}
        assert all(str(holders[0].pid) in each.err for each in ended)
        assert outputs(ended[::2]) == {""}
        assert all("(exit 75);" in each.out for each in ended[1::2])
    world.simulator.fail = None
    assert world.run("token").code == 0
    assert world.simulator.token_requests == 2


def test_a_waiting_process_can_be_interrupted(world: World) -> None:
    world.configure(PATIENT)
    world.simulator.fail = "slow"
    with started(world, [("token",)]):
        world.token_requested(0)
        with started(world, [("-v", "env")]) as waiting:
            begun(waiting)
            time.sleep(SETTLED)
            waiting[0].send_signal(signal.SIGINT)
            began = time.monotonic()
            ended = finish(waiting[0])
    assert time.monotonic() - began < AT_ONCE
    assert ended.code == 130
    assert "(exit 130);" in ended.out


def test_processes_that_are_killed_all_the_time_leave_nothing_that_harms(world: World) -> None:
    for moment in range(12):
        with started(world, [("token", "--refresh")] * 2) as processes:
            time.sleep(0.05 + moment * 0.03)
            for process in processes:
                process.kill()
    last = herd(world, [("token",)] * 3)
    assert codes(last) == {0}
    assert len(outputs(last)) == 1
    assert only_entry(world.cache).fields["access_token"] in last[0].out
