"""Many simulated hosts in one process: the real fleet, seal and connection, and no home or secrets.

    python hosts.py URL HOSTS START SPREAD SECONDS

Every host is a thread that wants a token at START (epoch seconds) or SPREAD seconds later at most.
An exchange takes SECONDS. Prints how each token came, which it is, and the trouble.
"""

import json
import os
import random
import sys
import threading
import time
from contextlib import nullcontext
from typing import NamedTuple

from tastyauth import cache
from tastyauth.cache import Entry, Terms
from tastyauth.cache.last_attempt import Attempt, Policy
from tastyauth.secret import Secret
from tastyauth.shared import Engine
from tastyauth.shared.engine import Connected
from tastyauth.shared.fleet import Fleet, Grant
from tastyauth.shared.protocol import Token
from tastyauth.shared.sealing import Seal

GRANT = Grant("http://127.0.0.1/oauth/token", (), "client", Secret("5ec2e7"), Secret("eyJ.r.t"))

LIMIT = 15.0


class Made(NamedTuple):
    """What an exchange returns."""

    entry: Entry


def entry(token: Token) -> Entry:
    """The cache entry, as a session makes it."""
    fields = {
        "access_token": token.access_token.reveal(),
        "expires_at": str(token.issued_at + token.life),
    }
    return Entry(fields, token.issued_at, token.stored_at)


def fleet(url: str, started_at: float, seal: Seal) -> Fleet:
    """One host's view, with the default terms."""
    terms = Terms(started_at=started_at)

    def decide(entry: Entry | None, record: Attempt) -> str:
        return cache.decide(entry, record, terms, time.time(), "digest")

    return Fleet(
        lambda: (Connected(Engine(url), None), seal),
        Policy(decide, started_at, "digest"),
        LIMIT,
        entry=entry,
        waiting=lambda _: nullcontext(),
    )


def exchange(seconds: float) -> Made:
    """A new token, which no other exchange returns."""
    asked_at = time.time()
    time.sleep(seconds)
    bare = f"token-{os.urandom(8).hex()}"
    return Made(entry(Token(Secret(bare), int(asked_at), 900, time.time())))


def main(url: str, hosts: int, start: float, spread: float, seconds: float) -> None:
    """Runs them all, and prints what came of it."""
    seal = Seal(GRANT)
    results: list[tuple[str, str, str]] = []

    def ask() -> None:
        time.sleep(max(start + random.uniform(0, spread) - time.time(), 0))
        it = fleet(url, time.time(), seal)
        came = it.obtain(lambda: exchange(seconds))
        got, how = (came, "adopted") if isinstance(came, Entry) else (came.entry, "exchanged")
        results.append((how, got.fields["access_token"], it.trouble))

    threads = [threading.Thread(target=ask) for _ in range(hosts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *map(float, sys.argv[3:]))
