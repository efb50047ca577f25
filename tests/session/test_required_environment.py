"""A caller that requires one environment never gets a token for the other, cached or not."""

import asyncio
import os

import pytest
from world import CONFIG, World

import tastyauth
from tastyauth import errors

pytestmark = pytest.mark.warm

PROFILE = CONFIG.partition("profiles:\n")[2].replace("file: live.client-secret", "command: [vault]")
REAL = PROFILE.replace("    client_id", "    stands_for: production\n    client_id")
BOTH = "version: 1\nprofiles:\n" + PROFILE.replace("live:", "paper:") + REAL
VARIABLE = "TASTYAUTH_REQUIRE_ENVIRONMENT"

COMMANDS = {
    "env": ["env", "-p"],
    "json": ["env", "--format", "json", "-p"],
    "token": ["token", "-p"],
    "exec": ["exec", "-p", "{}", "--", "printenv", "TASTYTRADE_ENV"],
    "hook": ["hook", "bash", "-p"],
}


@pytest.fixture
def two(world: World) -> World:
    """A profile of each environment; reading their client secret leaves a trace."""
    world.configure(BOTH)
    world.script("vault", f"echo asked >>{world.root}/trace; printf %s {world.client_secret}")
    return world


def words(name: str, profile: str, *flags: str) -> list[str]:
    """A command for this profile, flags behind its name."""
    command, *rest = (word.format(profile) for word in COMMANDS[name])
    return [command, *flags, *rest, *([profile] if "{}" not in COMMANDS[name] else [])]


@pytest.mark.parametrize("is_cached", [False, True])
@pytest.mark.parametrize("by", ["flag", "variable"])
@pytest.mark.parametrize("name", COMMANDS)
def test_another_environment_ends_with_78_before_a_secret_is_read(
    name: str, by: str, is_cached: bool, two: World
) -> None:
    """Both ways round: a bot on the real account, and a test on it."""
    for profile, other, wanted in (("live", "paper", "sandbox"), ("paper", "live", "production")):
        if is_cached:
            assert two.run("token", "-p", profile).code == 0
        two.write("trace", "")
        flags = ("--require-environment", wanted) if by == "flag" else ()
        variables = {} if by == "flag" else {VARIABLE: wanted}
        before = two.simulator.token_requests
        done = two.run(*words(name, profile, *flags), **variables)
        assert done.code == 78, done.err
        who = "--require-environment" if by == "flag" else f"${VARIABLE}"
        is_ = "production" if wanted == "sandbox" else "sandbox"
        about = f"{profile}, {is_ if profile == 'live' else 'custom'}"
        said = f"error: {about}: {who} wants {wanted}, but this profile is {is_}\n"
        assert said in done.err
        assert done.err.endswith(f"hint: choose another profile: -p {other}\n")
        assert "(exit 78);" in done.out if name == "env" else done.out == ""
        assert os.path.getsize(f"{two.root}/trace") == 0
        assert two.simulator.token_requests == before


@pytest.mark.parametrize("name", COMMANDS)
def test_the_same_environment_passes(name: str, two: World) -> None:
    """Cold, and from the cache; the flag and the variable together."""
    for _ in range(2):
        done = two.run(
            *words(name, "live", "--require-environment", "production"), **{VARIABLE: "production"}
        )
        assert (done.code, done.err) == (0, "")
        assert name != "exec" or done.out == "production\n"


def test_both_must_hold(two: World) -> None:
    """With sandbox at the top of a crontab, no line reaches the real account."""
    for profile in ("live", "paper"):
        done = two.run(
            *words("token", profile, "--require-environment", "production"), **{VARIABLE: "sandbox"}
        )
        assert done.code == 78
        said = "--require-environment wants production, but $TASTYAUTH_REQUIRE_ENVIRONMENT sandbox"
        assert said in done.err
        assert "no profile can be both: leave out the flag, or change the variable" in done.err


def test_several_profiles_to_choose_from_are_a_list(two: World) -> None:
    two.configure(BOTH + PROFILE.replace("live:", "demo:"))
    done = two.run("token", "-p", "live", **{VARIABLE: "sandbox"})
    assert done.err.endswith("hint: choose another profile with -p: paper, demo\n")


@pytest.mark.parametrize("value", ["prod", "Sandbox", " sandbox", "custom", "sandbox,production"])
def test_a_value_that_is_none_of_the_two_is_an_error(value: str, two: World) -> None:
    """Also where a token is cached. An empty variable counts as absent, like all others."""
    assert two.run("token", "-p", "paper", **{VARIABLE: ""}).code == 0
    for profile in ("paper", "live"):
        done = two.run("token", "-p", profile, **{VARIABLE: value})
        assert (done.code, done.out) == (78, "")
        assert f"${VARIABLE} is neither production nor sandbox" in done.err
    assert two.run("token", "-p", "paper", "--require-environment", value).code == 2


def test_it_comes_before_a_failure_that_is_remembered(two: World) -> None:
    two.simulator.fail = "grant-revoked"
    assert two.run("token", "-p", "live").code == 77
    assert two.run("token", "-p", "live", **{VARIABLE: "sandbox"}).code == 78


def test_it_holds_where_there_is_no_cache(two: World) -> None:
    two.write("file", "")
    done = two.run(
        "token", "-p", "live", TASTYAUTH_CACHE_DIR=f"{two.root}/file", **{VARIABLE: "sandbox"}
    )
    assert done.code == 78
    assert two.simulator.token_requests == 0


def test_a_hook_keeps_to_it(two: World) -> None:
    """What it was made with is asked for again at each prompt, and so is the variable there."""
    made = two.run("hook", "bash", "-p", "live", "--require-environment", "production").out
    assert "hook bash --require-environment production --answer" in made
    assert two.run("token", "-p", "live").code == 0  # it waits for nothing long
    answer = ["hook", "bash", "-p", "live", "--require-environment", "production"]
    assert "export TASTYTRADE_ENV=production" in two.run(*answer, "--answer", "first").out
    done = two.run(*answer, "--answer", "first", **{VARIABLE: "sandbox"})
    assert (done.code, "TASTYTRADE_ACCESS_TOKEN=" in done.out) == (78, False)


def test_a_program_in_python_keeps_to_the_variable(
    two: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be a line of that crontab; also with a token in the cache."""
    monkeypatch.setenv("HOME", two.home)
    monkeypatch.setenv("PATH", two.environ["PATH"])
    assert tastyauth.get_credential("live").environment == "production"
    monkeypatch.setenv(VARIABLE, "sandbox")
    with pytest.raises(errors.ConfigError):
        tastyauth.get_credential("live")
    with pytest.raises(errors.ConfigError):
        asyncio.run(tastyauth.aget_credential("live"))
    assert tastyauth.get_credential("paper").environment == "sandbox"


def test_what_a_custom_server_stands_for_is_exported_and_approved(two: World) -> None:
    """A proxy in front of the real API is not labelled as play money."""
    plan = two.run("allow", "--print").out
    assert "profile live: custom, stands for production\n" in plan
    assert "profile paper: custom\n" in plan
    for command, before, after in (
        ("status", ": ", f", {two.simulator.origin}\n"),
        ("doctor", ", profile live: ", f", {two.simulator.origin}\n"),
        ("as-curl", "profile live (", ")"),
    ):
        said = f"{before}custom, stands for production{after}"
        assert said in two.run(command, "-p", "live").out, command
        assert "stands for" not in two.run(command, "-p", "paper").out, command
    for profile, exported in (("live", "production"), ("paper", "sandbox")):
        done = two.run("exec", "-p", profile, "--", "printenv", "TASTYTRADE_ENV")
        assert done.out == f"{exported}\n"
