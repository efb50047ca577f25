"""Many hosts on the real fleet and a real engine, and ten thousand in a model of the protocol.

FLEET=1000 says how many hosts there are; FLEET_ROUNDS=17 how often they all want a token at once.
"""

import heapq
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter

import hosts
import pytest
from engines import Running, engine
from world import REPOSITORY

from tastyauth import cache
from tastyauth.cache import Entry, Terms
from tastyauth.cache.last_attempt import Attempt
from tastyauth.secret import Secret
from tastyauth.shared import lease_of, patience_of, protocol
from tastyauth.shared.protocol import Found, Token
from tastyauth.shared.sealing import Seal

HOSTS = int(os.environ.get("FLEET", "100"))
ROUNDS = int(os.environ.get("FLEET_ROUNDS", "1"))

_IN_A_PROCESS = 50
"""Hosts that are threads of one process."""


def round_of(count: int, url: str, seconds: float) -> list[tuple[str, str, str]]:
    """For each host: how it got its token, the token, and its trouble."""
    processes = -(-count // _IN_A_PROCESS)
    start = time.time() + 2 + 0.5 * processes  # imports
    command = [sys.executable, f"{REPOSITORY}/tests/lib/hosts.py", url]
    argv = [*command, str(count // processes), str(start), str(count / 400), str(seconds)]
    running = [subprocess.Popen(argv, stdout=subprocess.PIPE) for _ in range(processes)]
    return [tuple(each) for it in running for each in json.loads(it.communicate(timeout=300)[0])]


@pytest.mark.alone
def test_all_hosts_that_want_a_token_at_once_cause_one_exchange(valkey: Running) -> None:
    for _ in range(ROUNDS):
        valkey.client.flushall()
        results = round_of(HOSTS, valkey.url, 0.3)
        assert [trouble for _, _, trouble in results if trouble] == []
        assert len(results) >= HOSTS * 0.9
        assert Counter(how for how, _, _ in results)["exchanged"] == 1
        assert len({token for _, token, _ in results}) == 1


def test_after_a_flush_the_token_that_was_on_its_way_is_not_stored(valkey: Running) -> None:
    """A machine that has lost the lease changes nothing, and has its own token."""
    seal = Seal(hosts.GRANT)
    it = hosts.fleet(valkey.url, time.time(), seal)

    def flushed() -> hosts.Made:
        valkey.client.flushall()
        return hosts.exchange(0)

    assert isinstance(it.obtain(flushed), hosts.Made)
    assert (it.trouble, valkey.client.keys("*")) == ("", [])


def test_an_engine_that_goes_away_meanwhile_costs_no_token() -> None:
    with engine() as valkey:
        it = hosts.fleet(valkey.url, time.time(), Seal(hosts.GRANT))

        def killed() -> hosts.Made:
            valkey.process.kill()
            valkey.process.wait()
            return hosts.exchange(0)

        assert isinstance(it.obtain(killed), hosts.Made)
        assert it.trouble


@pytest.mark.parametrize("kind", ["token", "attempt"])
def test_a_value_that_was_moved_to_another_key_is_not_used(kind: str, valkey: Running) -> None:
    seal = Seal(hosts.GRANT)
    hosts.fleet(valkey.url, time.time(), seal).obtain(lambda: hosts.exchange(0))
    token, attempt, _ = protocol.keys(seal.name)
    value = valkey.client.get(token)
    valkey.client.flushall()
    other = Seal(hosts.GRANT._replace(refresh_token=Secret("eyJ.another")))
    for target in (attempt, protocol.keys(other.name)[("token", "attempt").index(kind)]):
        valkey.client.set(target, value)
    for it in (seal, other):
        came = hosts.fleet(valkey.url, time.time(), it).obtain(lambda: hosts.exchange(0))
        assert isinstance(came, hosts.Made)


# -- a model: the decisions of the protocol, with an engine and a clock that are made up ---------

_WAY = 0.001
"""Seconds to the engine or back."""


class ModelEngine:
    """The three keys, and the scripts as they are; `now` is its clock."""

    def __init__(self) -> None:
        self.token: bytes | None = None
        self.lease: bytes | None = None
        self.lease_ends = 0.0

    def look(self, now: float) -> Found:
        if self.lease is not None and now >= self.lease_ends:
            self.lease = None
        left = None if self.lease is None else self.lease_ends - now
        return Found(self.token, None, self.lease, left, now, now - _WAY, now + _WAY)

    def take(self, own: bytes, seconds: float, now: float) -> Found:
        if self.look(now).lease is None:
            self.lease, self.lease_ends = own, now + seconds
        return self.look(now)

    def finish(self, own: bytes, value: bytes, now: float) -> None:
        if self.look(now).lease == own:
            self.token, self.lease = value, None


def exchanges_of(machines: int, spread: float, killed: int, seed: int) -> int:
    """How many exchanges a number of machines make that want a token within `spread` seconds.

    The first `killed` machines that hold the lease end without a word.
    """
    choice, engine, limit = random.Random(seed), ModelEngine(), 15.0
    begin = 1_700_000_000.0
    exchanges = served = 0
    pauses: dict[int, float] = {}
    until: dict[int, float] = {}
    queue = [(begin + choice.uniform(0, spread), it, "look") for it in range(machines)]
    heapq.heapify(queue)
    while queue:
        now, machine, what = heapq.heappop(queue)
        own = b"%d" % machine
        if what == "finish":
            token = Token(Secret(f"token {machine}"), int(now) - 1, 900, now)
            engine.finish(own, protocol.write_token(token, now - 1, now, now)[0], now)
            served += 1
            continue
        until.setdefault(machine, now + patience_of(limit))
        found = engine.take(own, lease_of(limit), now) if what == "take" else engine.look(now)
        token_found = protocol.read_token(found.token, found)
        entry = token_found and hosts.entry(token_found)
        decision = cache.decide(entry, Attempt(), Terms(started_at=begin), now, "")
        step = protocol.next_step(
            decision, found, own, in_a_hurry=False, patience=until[machine] - now
        )
        if step == protocol.ADOPT:
            served += 1
        elif step == protocol.TAKE:
            heapq.heappush(queue, (now + 2 * _WAY, machine, "take"))
        elif step == protocol.WAIT:
            pause = pauses[machine] = min(2 * pauses.get(machine, 0.025), 0.5)
            later = now + 2 * _WAY + choice.uniform(0.05, pause)
            heapq.heappush(queue, (later, machine, "look"))
        else:
            assert step in (protocol.EXCHANGE, protocol.ALONE)
            exchanges += 1
            if killed:
                killed -= 1
                served += 1  # by the next start of that machine, which is not in this model
            else:
                heapq.heappush(queue, (now + choice.uniform(0.2, 2), machine, "finish"))
    assert served == machines
    return exchanges


@pytest.mark.parametrize("machines", [50, 1000, 10_000])
@pytest.mark.parametrize("spread", [0.0, 0.5, 60.0])
def test_in_the_model_as_many_machines_cause_one_exchange(machines: int, spread: float) -> None:
    assert exchanges_of(machines, spread, 0, seed=machines) == 1


def test_in_the_model_a_holder_that_is_killed_costs_one_exchange_more() -> None:
    assert exchanges_of(1000, 0.5, 1, seed=1) == 2


def test_without_the_engine_machines_do_not_renew_at_the_same_moment() -> None:
    """A thousand that look every second each renew at their own moment, most of them alone."""
    choice = random.Random(1)
    issued = 1_700_000_000
    fields = {"expires_at": str(issued + 900)}
    last = min(cache.DEFAULT_MIN_VALID, 150)
    drawn = [Entry(fields, issued, issued, choice.uniform(last, 300)) for _ in range(1000)]
    moments = Counter(
        next(
            second
            for second in range(900)
            if cache.decide(it, Attempt(), Terms(), issued + second) != cache.SERVE
        )
        for it in drawn
    )
    assert max(moments.values()) <= 16
    assert 600 <= min(moments) < max(moments) <= 840
    together = Entry(fields, issued, issued)
    assert cache.decide(together, Attempt(), Terms(), issued + 601) == cache.AHEAD
