"""`tastyauth.testing`: a simulated tastytrade for the tests of programs that use tastyauth."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import respx
from documents import recipe
from pytest_httpx import HTTPXMock
from tables import for_each
from world import COMMAND, LIMIT, World, until

import tastyauth
from tastyauth import errors, testing
from tastyauth.testing import Tastytrade

ACCOUNTS = "/customers/me/accounts"


@pytest.fixture
def tastytrade() -> Iterator[Tastytrade]:
    with Tastytrade() as running:
        yield running


def token(credential: tastyauth.Credential) -> str:
    return credential.access_token.reveal()


def get(tastytrade: Tastytrade, credential: tastyauth.Credential) -> int:
    url = tastytrade.origin + ACCOUNTS
    return httpx.get(url, headers=credential.headers()).status_code


def test_its_config_is_in_force_and_nothing_of_the_users_is(
    tastytrade: Tastytrade, monkeypatch: pytest.MonkeyPatch, tmp_path: os.PathLike[str]
) -> None:
    """Nor a config in the directory of the tests, which would come first otherwise."""
    with open(os.path.join(tmp_path, "tastyauth.yaml"), "x", encoding="utf-8") as file:
        file.write("nonsense")
    monkeypatch.chdir(tmp_path)
    live, paper = tastyauth.get_credential(), tastyauth.get_credential("paper")
    assert (live.profile, paper.profile) == ("live", "paper")
    assert live.api_url == tastytrade.origin
    assert live.client_id == tastytrade.client_id
    assert get(tastytrade, live) == 200
    assert (tastytrade.exchanges, tastytrade.token_requests, tastytrade.calls) == (2, 2, 1)
    assert [each.name for each in tastyauth.profiles()] == ["live", "paper"]


def test_it_is_in_force_for_processes_too_and_gone_afterwards(world: World) -> None:
    before = dict(os.environ)
    os.environ["TASTYAUTH_PROFILE"] = "elsewhere"
    with Tastytrade(("bot",), lifetime=60) as tastytrade:
        settings = {key: os.environ[key] for key in os.environ if key not in before}
        settings["HOME"] = os.environ["HOME"]
        done = world.run_program(COMMAND, "token", **settings)
        assert done.out.strip() == token(tastyauth.get_credential("bot"))
        assert tastytrade.exchanges == 1
        directory = os.path.dirname(tastytrade.config)
    assert os.environ.pop("TASTYAUTH_PROFILE") == "elsewhere"
    assert dict(os.environ) == before
    assert not os.path.exists(directory)


def test_it_can_fail_and_recover_at_once(tastytrade: Tastytrade) -> None:
    for kind, expected in (
        ("503", errors.TemporaryError),
        ("grant-revoked", errors.RefusedError),
        ("not-json", errors.ProtocolError),
        ("429", errors.TemporaryError),
    ):
        tastytrade.fail = kind
        with pytest.raises(expected):
            tastyauth.get_credential()
        tastytrade.fail = None
        assert get(tastytrade, tastyauth.get_credential()) == 200
        tastytrade.expire()
    with pytest.raises(errors.UsageError, match="not a known failure") as raised:
        tastytrade.fail = "teapot"
    assert "grant-revoked" in raised.value.hint


def test_a_token_can_be_ended_again_and_again(tastytrade: Tastytrade) -> None:
    auth = tastyauth.TastytradeAuth()
    with httpx.Client(base_url=tastytrade.origin, auth=auth) as client:
        for number in range(1, 5):
            assert client.get(ACCOUNTS).status_code == 200
            assert tastytrade.exchanges == number
            old = tastyauth.get_credential()
            tastytrade.expire()
            assert get(tastytrade, old) == 401
    assert get(tastytrade, tastyauth.get_credential()) == 200


def test_it_does_the_same_to_a_bot_without_a_cache(
    tastytrade: Tastytrade, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which has token and failures in memory."""
    monkeypatch.setenv("TASTYAUTH_CACHE_DIR", "/dev/null/cache")
    for number in (1, 2, 3):
        assert get(tastytrade, tastyauth.get_credential()) == 200
        assert tastytrade.exchanges == number
        tastytrade.expire()
        tastytrade.fail = "grant-revoked"
        with pytest.raises(errors.RefusedError):
            tastyauth.get_credential()
        tastytrade.fail = None


def test_a_revoked_grant_ends_its_tokens_too(tastytrade: Tastytrade) -> None:
    old = tastyauth.get_credential()
    tastytrade.revoke()
    assert get(tastytrade, old) == 401
    with pytest.raises(errors.RefusedError):
        tastyauth.get_credential()


def test_tokens_of_a_second_run_out_by_themselves() -> None:
    with Tastytrade(lifetime=1) as tastytrade:
        first = tastyauth.get_credential()
        until(lambda: get(tastytrade, first) == 401)
        assert time.time() >= first.expires_at
        # A machine that halts for a second spoils the next one too.
        assert 200 in (get(tastytrade, tastyauth.get_credential()) for _ in range(5))


def test_it_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    for _ in range(3):
        with Tastytrade():
            asyncio.run(tastyauth.aget_credential())
    deadline = time.monotonic() + LIMIT
    while threading.active_count() > before:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_pytest_httpx_sees_what_the_bot_asks_and_not_the_exchange(httpx_mock: HTTPXMock) -> None:
    with Tastytrade() as tastytrade:
        httpx_mock.add_response(url=f"{tastytrade.origin}{ACCOUNTS}", json={"made": "up"})
        auth = tastyauth.TastytradeAuth()
        with httpx.Client(base_url=tastytrade.origin, auth=auth) as client:
            assert client.get(ACCOUNTS).json() == {"made": "up"}
        (request,) = httpx_mock.get_requests()
        assert request.headers["Authorization"].startswith("Bearer eyJ")
        assert (tastytrade.exchanges, tastytrade.calls) == (1, 0)


@respx.mock
def test_respx_does_not_see_the_exchange_either() -> None:
    with Tastytrade() as tastytrade:
        route = respx.get(f"{tastytrade.origin}{ACCOUNTS}").respond(json={"made": "up"})
        auth = tastyauth.TastytradeAuth()
        with httpx.Client(base_url=tastytrade.origin, auth=auth) as client:
            assert client.get(ACCOUNTS).json() == {"made": "up"}
        assert route.call_count == 1
        assert (tastytrade.exchanges, tastytrade.calls) == (1, 0)


@respx.mock
def test_an_exchange_can_be_mocked_where_a_test_says_so() -> None:
    with Tastytrade(mocked=True) as tastytrade:
        answer = {"access_token": "made-up", "expires_in": 900, "token_type": "Bearer"}
        respx.post(f"{tastytrade.origin}/oauth/token").respond(json=answer)
        assert token(tastyauth.get_credential()) == "made-up"
        assert tastytrade.token_requests == 0


def test_an_exchange_past_the_mocks_still_ends_in_time() -> None:
    with Tastytrade() as tastytrade:
        with open(tastytrade.config, encoding="utf-8") as file:
            text = file.read()
        path = os.path.join(os.path.dirname(tastytrade.config), "hasty.yaml")
        with open(path, "x", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text + "    timeout: 1\n")
        tastytrade.fail = "slow"
        with pytest.raises(errors.TemporaryError, match="did not answer"):
            tastyauth.get_credential("paper", config=path)


def test_a_made_up_credential_needs_neither_config_nor_server() -> None:
    made = testing.credential("some-token", life=60, profile="paper")
    assert (token(made), made.profile, made.environment) == ("some-token", "paper", "sandbox")
    assert made.expires_at - made.issued_at == 60
    assert made.headers() == {"Authorization": "Bearer some-token"}
    for wrong in ({"color": "red"}, {"life": "long"}, {"life": 0.5}):
        with pytest.raises(errors.UsageError):
            testing.credential(**wrong)


def test_it_can_stand_for_production() -> None:
    with Tastytrade(("my-bot", "1"), environment="production") as tastytrade:
        credential = tastyauth.get_credential()
        assert (credential.profile, credential.environment) == ("my-bot", "production")
        assert tastyauth.get_credential("1").api_url == tastytrade.origin


@for_each(
    "wrong",
    [
        {"profiles": "live"},
        {"profiles": ()},
        {"profiles": ("a b",)},
        {"profiles": 5},
        {"profiles": (1,)},
        {"profiles": ("live", "live")},
        {"lifetime": 0},
        {"lifetime": "5"},
        {"lifetime": 1.5},
        {"environment": ["sandbox"]},
        {"environment": "live"},
    ],
)
def test_what_cannot_be_simulated_is_a_usage_error(wrong: dict[str, object]) -> None:
    with pytest.raises(errors.UsageError) as raised:
        Tastytrade(**wrong)  # type: ignore[arg-type]
    assert raised.value.hint


def test_what_is_not_running_says_so() -> None:
    tastytrade = Tastytrade()
    for use in (lambda: tastytrade.origin, lambda: tastytrade.config, tastytrade.expire):
        with pytest.raises(errors.UsageError, match="is not running"):
            use()
    with tastytrade, pytest.raises(errors.UsageError, match="is running already"):
        tastytrade.__enter__()


def test_without_pytest_it_is_a_context_manager(world: World) -> None:
    program = (
        "import sys; sys.modules['pytest'] = None\n"
        "import tastyauth, tastyauth.simulator\n"
        "from tastyauth.testing import Tastytrade\n"
        "with Tastytrade() as tastytrade:\n"
        "    assert tastyauth.get_credential().api_url == tastytrade.origin\n"
    )
    done = world.run_program(sys.executable, "-c", program)
    assert (done.code, done.err) == (0, "")


MARKED = """\
import pytest, tastyauth

@pytest.mark.tastytrade(profiles=("bot",), lifetime=30)
def test_marked(tastytrade):
    credential = tastyauth.get_credential("bot")
    assert credential.expires_at - credential.issued_at == 30

def test_plain(tastyauth_config):
    assert tastyauth.get_credential("paper", config=tastyauth_config).profile == "paper"
"""


def test_the_documented_test_of_a_bot_passes(world: World) -> None:
    """And its fixture follows a marker."""
    there = world.project
    world.write(f"{there}/bot.py", recipe("python", "# bot.py"))
    world.write(f"{there}/conftest.py", recipe("python", "# conftest.py"))
    world.write(f"{there}/test_bot.py", recipe("python", "# test_bot.py"))
    world.write(f"{there}/test_marked.py", MARKED)
    strict = ("-W", "error", "--strict-markers", "-q", "-p", "no:cacheprovider")
    done = world.run_program(sys.executable, "-m", "pytest", *strict, ".")
    assert done.code == 0, done.out + done.err
    assert "5 passed" in done.out
    assert not os.path.exists(f"{world.home}/.cache")
