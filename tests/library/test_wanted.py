"""What a program is told about its tokens: hints in terms of arguments, and a log."""

import logging
import os
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from world import CONFIG, World, closed_port

import tastyauth
from tastyauth import errors
from tastyauth.library.wanted import in_python

TWO = CONFIG + CONFIG.partition("profiles:\n")[2].replace("  live:", "  paper:")
NOBODY = CONFIG.replace("{origin}", f"http://127.0.0.1:{closed_port()}") + "    timeout: 1\n"


@pytest.fixture(autouse=True)
def _here(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is in the test's world."""
    monkeypatch.setenv("HOME", world.home)
    monkeypatch.chdir(world.project)


# -- hints ----------------------------------------------------------------------------------------

FLAG = re.compile(r"(?:^|[\s;])--?[a-z]")

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
        with pytest.raises(errors.ConfigNotFound) as raised:
            call()
        assert "config=FILE" in raised.value.hint
        assert not FLAG.search(raised.value.hint)
    with pytest.raises(errors.ConfigNotFound, match="nowhere") as raised:
        tastyauth.get_credential(config="nowhere.yaml")
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
    hint = "look at the plan with: tastyauth allow --print --config a.yaml - and set it"
    with pytest.raises(errors.ConfigNotAllowed) as raised, in_python():
        raise errors.ConfigNotAllowed("not approved", hint)
    assert raised.value.hint == hint


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
