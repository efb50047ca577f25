"""Programs of users run on and on while their tokens expire: no call fails, none is asked in vain.

Tokens live for 70 seconds here, and each program for more than three of them, at the same time as
all others, beside a broker of its own.
"""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from world import Completed

from tastyauth.simulator import Simulator
from tastyauth.simulator.messages import Answer, Request

from .credentials import Credentials, configure
from .parts import HERE, REPOSITORY, installed, program, tastyauth
from .processes import Place

LIFETIME = 70
SECONDS = 3 * LIFETIME + 10

RENEWED_AT = LIFETIME * 2 / 3 - 1
"""Seconds. With less than a third of its life left a token is renewed; that life is counted in
whole seconds from before it was asked for."""


class Broker(Simulator):
    """A broker that notes when it was asked for tokens, by whom, and what it said to everybody."""

    def __init__(self) -> None:
        super().__init__(lifetime=LIFETIME)
        self.asked: list[tuple[float, str]] = []
        self.statuses: dict[int, int] = {}

    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        if request.path == "/oauth/token":
            self.asked.append((time.monotonic(), request.headers["user-agent"]))
        return answer


@dataclass(frozen=True, slots=True)
class Bot:
    """How a program of a user's is started; `given` is what it reads from its standard input."""

    argv: tuple[str, ...]
    variables: dict[str, str] = field(default_factory=dict)
    exports: str = ""
    given: str = ""


def python(name: str, **variables: str) -> Bot:
    """A program beside these tests, in an environment with tastyauth, its needs, and clients."""
    interpreter = installed("tastytrade/bin/python")
    path = os.path.join(HERE, "programs", name)
    return Bot((interpreter, path), {"PYTHONPATH": REPOSITORY, **variables})


def requests_bot() -> Bot:
    bot = python("bot_requests.py")
    return Bot((tastyauth(), "exec", "-p", "live", "--keep-fresh", "--", *bot.argv))


def npm_bot() -> Bot:
    modules = os.path.dirname(installed("npm/node_modules"))
    node = ("env", f"--chdir={modules}", program("node"), "--input-type=module", "-")
    with open(os.path.join(HERE, "programs", "bot_npm.mjs"), encoding="utf-8") as file:
        given = file.read()
    exports = (
        "{ OAUTH_CLIENT_SECRET: client_secret, OAUTH_REFRESH_TOKEN: refresh_token,"
        " TASTYTRADE_API_URL: api_url }"
    )
    return Bot((tastyauth(), "exec", "-p", "live", "--", *node), {}, exports, given)


BOTS = {
    "the community's SDK": lambda: python("bot_tastyware.py"),
    "httpx": lambda: python("bot_httpx.py", PACKAGE="httpx"),
    "httpx on asyncio": lambda: python("bot_httpx_async.py", PACKAGE="httpx"),
    "httpx2": lambda: python("bot_httpx.py", PACKAGE="httpx2"),
    "httpx2 on asyncio": lambda: python("bot_httpx_async.py", PACKAGE="httpx2"),
    "requests and a file": requests_bot,
    "the broker's own client": npm_bot,
}

ON_ITS_OWN = ("the broker's own client",)
"""Programs that do their own exchanges, as often as they think fit."""


@dataclass(frozen=True, slots=True)
class Life:
    """How a program lived: how it ended, what it told, and what its broker saw of it."""

    done: Completed
    broker: Broker

    @property
    def told(self) -> dict[str, Any]:
        told = json.loads(self.done.out or "{}")
        assert isinstance(told, dict)
        return told


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Life]:
    """All programs, lived to their ends side by side."""
    bots = {name: bot() for name, bot in BOTS.items()}
    homes = [os.fspath(tmp_path_factory.mktemp("home")) for _ in bots]
    with ThreadPoolExecutor(len(bots)) as threads:
        return dict(zip(bots, threads.map(lived, bots.values(), homes), strict=True))


def lived(bot: Bot, home: str) -> Life:
    place = Place(home)
    with Broker() as broker:
        configure(place, Credentials.of(broker), "custom", broker.origin, profile="live")
        if bot.exports:
            path = os.path.join(home, ".config", "tastyauth", "tastyauth.yaml")
            with open(path, "a", encoding="ascii") as file:
                file.write(f"    exports: {bot.exports}\n")
        variables = {"SECONDS": str(SECONDS), "ORIGIN": broker.origin, **bot.variables}
        with place.started(*bot.argv, **variables) as process:
            out, err = process.communicate(bot.given, SECONDS + 60)
    return Life(Completed(process.returncode, out, err), broker)


@pytest.mark.parametrize("name", BOTS)
def test_no_call_fails_though_tokens_expire(lives: dict[str, Life], name: str) -> None:
    life = lives[name]
    assert (life.done.code, life.done.err) == (0, "")
    assert life.told["failures"] == []
    assert life.told["calls"] > SECONDS / 5
    assert set(life.broker.statuses) == {200}


@pytest.mark.parametrize("name", [name for name in BOTS if name not in ON_ITS_OWN])
def test_a_token_is_asked_for_when_the_last_one_is_about_to_expire(
    lives: dict[str, Life], name: str
) -> None:
    asked = lives[name].broker.asked
    assert {agent.partition("/")[0] for _, agent in asked} == {"tastyauth"}
    assert all(later - earlier > RENEWED_AT for (earlier, _), (later, _) in pairwise(asked))
    assert 1 + SECONDS // LIFETIME <= len(asked) <= 1 + SECONDS // RENEWED_AT


@pytest.mark.parametrize("name", ON_ITS_OWN)
def test_a_program_with_the_secrets_asks_by_itself(lives: dict[str, Life], name: str) -> None:
    """tastyauth, which has become that program, did not: its exports need no token."""
    agents = [agent.partition("/")[0] for _, agent in lives[name].broker.asked]
    assert agents.count("tastyauth") == 0
    assert len(agents) > SECONDS // LIFETIME
