"""A session of tastyauth's in the community's SDK, which is what its authors published."""

import json
import os
from typing import Any

import pytest

from tastyauth.simulator import Simulator

from .credentials import Credentials, configure
from .parts import REPOSITORY, installed, tastyauth
from .processes import Place

_BEGINNING = """
import asyncio, json
import tastyauth
from tastytrade import Account

async def main():
    async with tastyauth.sdk.session("live") as session:
"""
_END = """
asyncio.run(main())
"""


def told_by(place: Place, body: str, **variables: str) -> Any:
    """What a program says, in JSON, that does this with a session."""
    indented = "".join(f"        {line}\n" for line in body.splitlines())
    python = installed("tastytrade/bin/python")
    given = _BEGINNING + indented + _END
    finished = place.run_program(python, "-c", given, PYTHONPATH=REPOSITORY, **variables)
    assert (finished.code, finished.err) == (0, "")
    return json.loads(finished.out)


def at(place: Place, broker: Simulator) -> Credentials:
    """Makes this the broker of the profile `live`."""
    credentials = Credentials.of(broker)
    configure(place, credentials, "custom", broker.origin, profile="live")
    return credentials


ACCOUNTS = """
accounts = await Account.get(session)
print(json.dumps([account.account_number for account in accounts]))
"""


def test_it_lists_accounts_with_the_token_that_everybody_has(place: Place) -> None:
    with Simulator() as broker:
        at(place, broker)
        assert told_by(place, ACCOUNTS) == ["5WT00001"]
        assert place.run_program(tastyauth(), "token").code == 0
        assert told_by(place, ACCOUNTS) == ["5WT00001"]
        assert broker.token_requests == 1


def test_nothing_is_sent_before_it_is_used(place: Place) -> None:
    with Simulator() as broker:
        at(place, broker)
        assert told_by(place, "print(json.dumps(session.is_test))") is True
        assert broker.requests == []


def test_it_knows_no_secret_and_takes_none_from_the_environment(place: Place) -> None:
    body = f"{ACCOUNTS.partition('print')[0]}\nprint(json.dumps(repr(vars(session))))"
    with Simulator() as broker:
        credentials = at(place, broker)
        other = {"TT_SECRET": "0" * 40, "TT_REFRESH": "eyJ.of.another-account"}
        held = told_by(place, body, **other)
    for secret in (credentials.client_secret, credentials.refresh_token, *other.values()):
        assert secret not in held
    assert "provider_secret" not in held


def test_a_token_is_used_to_its_end_without_an_exchange_of_the_sdks(place: Place) -> None:
    """The SDK itself would ask before each call, from 60 s before the end."""
    calls = "for _ in range(10):\n    await Account.get(session)\nprint(json.dumps(True))"
    with Simulator(lifetime=55) as broker:
        at(place, broker)
        assert told_by(place, calls)
        assert broker.token_requests == 1
        assert len(broker.requests) == 11


def test_what_the_sdk_asks_without_a_refresh_has_a_token_too(place: Place) -> None:
    """`validate` is one of those; in a new session of the SDK's own it finds nobody logged in."""
    with Simulator() as broker:
        at(place, broker)
        assert told_by(place, "print(json.dumps(await session.validate()))") is True


REFRESHES = """
await session.refresh()
first = session.session_token, session.session_expiration
await session.refresh()
second = session.session_token, session.session_expiration
await session.refresh(force=True)
print(json.dumps([first, second, session.session_token]))
"""


def test_refresh_shows_the_token_and_force_gets_another(place: Place) -> None:
    """The streamer of alerts sends what is shown there."""
    with Simulator() as broker:
        at(place, broker)
        first, second, forced = told_by(place, REFRESHES)
        cached = json.loads(place.run_program(tastyauth(), "env", "--format", "json").out)
        assert first == second != forced
        assert forced == cached["exports"]["TASTYTRADE_ACCESS_TOKEN"]
        assert broker.token_requests == 2


def test_clients_for_other_hosts_get_settings_but_no_token(place: Place) -> None:
    """The streamers make them of `client_kwargs`."""
    with Simulator() as broker:
        at(place, broker)
        told = told_by(
            place,
            "other = tastyauth.sdk.session('live', timeout=7)\n"
            "print(json.dumps([other.client_kwargs, other._client.timeout.read]))",
        )
    assert told == [{"timeout": 7}, 7]


UNSIGNED = """
from tastytrade.metrics import get_risk_free_rate
await Account.get(session)
try:
    await get_risk_free_rate(session)
except Exception:
    pass  # the simulator knows no such page
await Account.get(session)
print(json.dumps(True))
"""


def test_what_the_sdk_sends_without_a_token_has_none(place: Place) -> None:
    with Simulator() as broker:
        at(place, broker)
        assert told_by(place, UNSIGNED)
        _, first, public, last = broker.requests
    assert public.path == "/margin-requirements-public-configuration"
    assert "authorization" not in public.headers
    assert first.headers["authorization"] == last.headers["authorization"] != "Bearer"


def test_it_can_ask_for_a_token_that_lives_longer(place: Place) -> None:
    renewals = f"""
heard = []
other = tastyauth.sdk.session("live", min_valid=840, on_renewed=heard.append)
await Account.get(other)
{ACCOUNTS}"""
    with Simulator(lifetime=845) as broker:
        at(place, broker)
        assert place.run_program(tastyauth(), "token").code == 0
        assert told_by(place, f"import time; time.sleep(6){renewals}") == ["5WT00001"]
        assert broker.token_requests == 2


def test_it_is_not_serialized(place: Place) -> None:
    """It would hold a token, and whatever else the SDK needs to make another session of it."""
    body = (
        "try:\n    session.serialize()\n"
        "except tastyauth.errors.UsageError as error:\n    print(json.dumps(error.message))"
    )
    with Simulator() as broker:
        at(place, broker)
        assert told_by(place, body) == "a tastyauth session cannot be serialized"


OURS = """
said = []
for name in ("is_test", "auth", "headers", "base_url", "refresh_token"):
    try:
        tastyauth.sdk.session("live", **{name: True})
    except tastyauth.errors.UsageError as error:
        said.append([name in error.message, bool(error.hint)])
print(json.dumps(said))
"""


def test_what_the_profile_decides_is_no_argument(place: Place) -> None:
    with Simulator() as broker:
        at(place, broker)
        assert told_by(place, OURS) == [[True, True]] * 5


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ("production", ["https://api.tastyworks.com", False]),
        ("sandbox", ["https://api.cert.tastyworks.com", True]),
    ],
)
def test_it_goes_to_the_environment_of_its_profile(
    place: Place, environment: str, expected: list[object]
) -> None:
    body = "print(json.dumps([str(session._client.base_url).rstrip('/'), session.is_test]))"
    with Simulator() as broker:
        configure(place, Credentials.of(broker), environment, profile="live")
    assert told_by(place, body) == expected


def test_its_sessions_are_those_of_the_sdk(place: Place) -> None:
    """Anything that asks for a `Session` accepts them."""
    with Simulator() as broker:
        at(place, broker)
        body = "import tastytrade; print(json.dumps(isinstance(session, tastytrade.Session)))"
        assert told_by(place, body) is True


BOT = """\
import httpx, httpx2, tastytrade
import tastyauth
session: tastytrade.Session = tastyauth.sdk.session("live", timeout=5)
one = httpx.Client(auth=tastyauth.TastytradeAuth())
two = httpx2.AsyncClient(auth=tastyauth.TastytradeAuth())
wrong: int = tastyauth.sdk.session("live")
"""


def test_a_type_checker_knows_what_it_gets(place: Place) -> None:
    program = os.path.join(place.home, "bot.py")
    with open(program, "w", encoding="ascii") as file:
        file.write(BOT)
    mypy = os.path.join(REPOSITORY, ".venv", "bin", "mypy")
    checked = ("--strict", "--python-executable", installed("tastytrade/bin/python"), program)
    finished = place.run_program(mypy, *checked, MYPYPATH=REPOSITORY)
    (found,) = (line for line in finished.out.splitlines() if line.startswith("bot.py"))
    assert found.startswith("bot.py:6: error: Incompatible types in assignment")
