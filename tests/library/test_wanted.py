"""What a program is told about its tokens: hints in terms of arguments, and a log."""

import asyncio
import logging
import os
import re
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from ports import closed_port
from traced import locals_of
from world import CONFIG, World, profile_named

import tastyauth
from tastyauth import errors
from tastyauth.library.wanted import InPython

pytestmark = pytest.mark.usefixtures("in_world")

TWO = CONFIG + profile_named("paper")
NOBODY = CONFIG.replace("{origin}", f"https://127.0.0.2:{closed_port()}")  # not the usual loopback


# -- hints ----------------------------------------------------------------------------------------

FLAG = re.compile(r"(?<!tastyauth exec)(?:^|[\s;])--?[a-z]")

FAILURES: dict[str, tuple[str, str | None, str]] = {
    "several profiles": (TWO, None, "profile=NAME: live, paper"),
    "nobody there": (NOBODY, None, "the logger tastyauth at DEBUG shows which proxy"),
    "another protocol": (CONFIG, "not-json", "the logger tastyauth at DEBUG shows"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_hint_names_arguments_and_no_flags(world: World, name: str) -> None:
    config, fail, expected = FAILURES[name]
    world.configure(config)
    world.simulator.fail = fail
    for _ in range(2):  # as it happens, and as it is remembered
        with pytest.raises(errors.TastyauthError) as raised:
            tastyauth.get_credential()
        assert expected in raised.value.hint
        assert not FLAG.search(raised.value.hint)
        assert raised.value.__notes__ == [f"hint: {raised.value.hint}"]


def test_a_missing_config_can_be_named_by_an_argument(world: World) -> None:
    os.unlink(world.config)
    for call in (tastyauth.get_credential, tastyauth.TastytradeAuth, tastyauth.profiles):
        with pytest.raises(errors.ConfigNotFound, match=world.config) as raised:
            call()
        assert "config=FILE" in raised.value.hint
        assert not FLAG.search(raised.value.hint)
    for name in ("nowhere.yaml", "nowhere\ud800"):
        with pytest.raises(errors.ConfigNotFound, match="nowhere") as raised:
            tastyauth.get_credential(config=name)
    assert "config=FILE" in raised.value.hint


def test_a_profile_of_the_wrong_environment_is_answered_with_an_argument(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = TWO.partition("  paper:")[0] + "    stands_for: production\n"
    world.configure(
        live.replace("profiles:", "default_profile: paper\nprofiles:")
        + "  paper:"
        + (TWO.partition("  paper:")[2])
    )
    monkeypatch.setenv("TASTYAUTH_REQUIRE_ENVIRONMENT", "production")
    with pytest.raises(errors.ConfigError) as raised:
        tastyauth.get_credential()
    assert raised.value.hint == "choose another profile: profile='live'"
    assert tastyauth.get_credential("live").environment == "production"


def test_a_command_to_type_in_a_shell_keeps_its_flags() -> None:
    hint = "read the plan, and set the hash at its end: tastyauth allow --print --config a.yaml"
    with pytest.raises(errors.ConfigNotAllowed) as raised, InPython():
        raise errors.ConfigNotAllowed("not approved", hint)
    assert raised.value.hint == hint


# -- the traceback --------------------------------------------------------------------------------

HELD = "0123456789abcdef0123456789abcdef76543210"
"""A client secret, in a variable that every failure below has in its environment."""

KEPT = CONFIG.replace("{{ file: live.client-secret }}", "{{ env: HELD }}")
ABROAD = KEPT.replace("custom", "sandbox").replace("    api_url: {origin}\n", "")

TRACED: dict[str, tuple[str, dict[str, str]]] = {
    "the server refuses": (KEPT, {}),
    "no profile of that name": (KEPT, {"TASTYAUTH_PROFILE": "paper"}),
    "another environment": (KEPT, {"TASTYAUTH_REQUIRE_ENVIRONMENT": "production"}),
    "no proxy": (ABROAD, {"https_proxy": "socks5://127.0.0.1:1"}),
    "no certificates": (ABROAD, {"SSL_CERT_FILE": "/nowhere"}),
    "a masked value": (KEPT, {"OTHER": "[hidden]"}),
    "no such config": (KEPT, {"TASTYAUTH_CONFIG": "/nowhere"}),
    "not approved": (KEPT, {"TASTYAUTH_CONFIG": "../home/.config/tastyauth/tastyauth.yaml"}),
    "it has the secret itself": (KEPT.replace("{{ env: HELD }}", HELD), {}),
    "a space too many": (KEPT, {"HELD": f"{HELD} "}),
}


@pytest.mark.parametrize("name", TRACED)
def test_no_local_variable_of_a_failure_shows_a_secret_of_the_environment(
    world: World, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, variables = TRACED[name]
    world.configure(config)
    for variable, value in ({"HELD": HELD} | variables).items():
        monkeypatch.setenv(variable, value)
    client = httpx.Client(trust_env=False)
    for call in (
        tastyauth.get_credential,
        lambda: asyncio.run(tastyauth.aget_credential()),
        lambda: client.get(world.simulator.origin, auth=tastyauth.TastytradeAuth()),
    ):
        with pytest.raises(errors.TastyauthError) as raised:
            call()
        assert HELD not in locals_of(raised.value)


def test_nor_does_one_of_an_interruption() -> None:
    def interrupted(environ: dict[str, str]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as raised, InPython():
        interrupted({"HELD": HELD})
    assert HELD not in locals_of(raised.value)
    assert "interrupted" not in [it.name for it in raised.traceback]


# -- the log --------------------------------------------------------------------------------------


def renewals(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno == logging.INFO]


def test_a_renewal_is_one_line_and_a_cached_token_none(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tastyauth")
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: tastyauth.get_credential(), range(16)))
    (line,) = renewals(caplog)
    assert re.fullmatch(
        rf"profile live: a new access token from {world.simulator.origin},"
        r" good for (900|89\d) s, after \d+\.\d\d s",
        line,
    )
    tastyauth.get_credential()
    tastyauth.get_credential(refresh=True)
    assert len(renewals(caplog)) == 2


def test_an_exchange_that_nobody_waits_for_makes_no_noise(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "tastyauth")
    tastyauth.get_credential()
    assert "waiting" not in caplog.text
    assert "waited" not in caplog.text
