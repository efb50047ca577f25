"""Which account is this? Every error, warning and prompt of a profile's run says so first."""

import logging
import os
import re
import time

import pytest
from aging import set_left
from sitting import SECRET, TOKEN, sitting
from world import CONFIG, World, until

import tastyauth
from tastyauth import errors
from tastyauth.simulator import Simulator

pytestmark = pytest.mark.warm

PROFILE = CONFIG.partition("profiles:\n")[2]
REAL = "    stands_for: production\n"


def last_error(err: str) -> str:
    """What the last error in there says."""
    return str(re.findall("^tastyauth: error: (.*)$", err, re.MULTILINE)[-1])


@pytest.mark.parametrize(("more", "about"), [("", "live, custom: "), (REAL, "live, production: ")])
def test_an_error_names_the_profile_and_its_environment(
    more: str, about: str, world: World
) -> None:
    """Fresh from the server, remembered on the fast lane, and remembered by the full program."""
    world.configure(CONFIG + more)
    world.simulator.fail = "grant-revoked"
    for words in (["env"], ["env"], ["exec", "--", "true"], ["token", "--min-valid", "9"]):
        done = world.run(*words)
        assert done.code == 77
        assert last_error(done.err).startswith(f"{about}the server refused the grant: ")


@pytest.mark.parametrize("is_cacheless", [False, True])
@pytest.mark.parametrize(
    ("config", "code"),
    [
        (CONFIG.replace("live.client-secret", "nowhere"), 69),
        (CONFIG.replace("{origin}", "http://127.0.0.1:1"), 75),
        (CONFIG + "    scopes: [read, trade]\n", 77),
        (CONFIG.replace("{client_id}", "{{ env: NO_SUCH }}"), 69),
    ],
)
def test_whatever_keeps_the_token_from_coming_is_of_its_profile(
    config: str, code: int, is_cacheless: bool, world: World
) -> None:
    world.configure(config)
    directory = world.write("file", "") if is_cacheless else ""
    done = world.run("token", TASTYAUTH_CACHE_DIR=directory)
    assert done.code == code
    assert last_error(done.err).startswith("live, custom: ")
    assert done.err.count("live, custom: ") == 1


def test_what_is_not_about_a_profile_names_none(world: World) -> None:
    world.configure()
    for words in (["env", "-p", "nosuch"], ["exec", "--", "/nowhere"], ["env", "--nosuch"]):
        for _ in range(2):
            assert "live, custom" not in world.run(*words).err


def test_a_failure_is_recorded_without_the_name(world: World) -> None:
    """`status` and `doctor` say it below the name of the profile."""
    world.simulator.fail = "grant-revoked"
    assert world.run("token").code == 77
    for words in (["status"], ["doctor"]):
        out = world.run(*words).out
        assert "the server refused the grant" in out
        assert "live, custom" not in out


def test_a_warning_names_it(world: World) -> None:
    assert world.run("token").code == 0
    set_left(world.cache, 100, time.time())
    world.simulator.fail = "503"
    done = world.run("token")
    assert done.code == 0
    assert (
        "warning: live, custom: the token could not be renewed ahead of time: the server"
    ) in done.err


def test_so_does_one_of_a_program_that_is_kept_fresh(world: World) -> None:
    """In the mail of a service there may be several."""
    world.simulator.close()
    with Simulator(lifetime=2) as world.simulator:
        world.configure()
        with world.started(
            f"{world.home}/bin/tastyauth", "exec", "--keep-fresh", "--", "sleep", "60"
        ) as process:
            until(lambda: world.simulator.exchanges > 0)
            world.simulator.fail = "503"
            assert process.stderr
            assert process.stderr.readline().startswith(b"tastyauth: warning: live, custom: ")
            process.terminate()
            process.communicate()


def test_a_prompt_names_it(world: World) -> None:
    world.configure(CONFIG + REAL)
    for name in ("live.client-secret", "live.refresh-token"):
        os.unlink(f"{world.config_directory}/{name}")
    with sitting(world, "secret", "set") as it:
        it.answer(f"tastyauth: live, production: {SECRET}", world.refresh_token)
        it.expect("error: live, production: this is not a client secret, it looks like")
        it.answer(f"tastyauth: live, production: {SECRET}", world.client_secret)
        it.answer(f"tastyauth: live, production: {TOKEN}", world.refresh_token)
        assert it.end() == 0


def test_verbose_says_where_a_token_came_from(world: World) -> None:
    assert "tastyauth: live: from the server, 15 min left\n" in world.run("token", "-v").err
    set_left(world.cache, 720, time.time())
    for words in (["token", "-v"], ["-v", "env"], ["exec", "-v", "--", "true"]):
        assert "tastyauth: live: from the cache, 12 min left\n" in world.run(*words).err


def test_in_python_the_exception_and_the_log_name_it(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its `message` is that of the record, for programs that say it in their own words."""
    monkeypatch.setenv("HOME", world.home)
    tastyauth.get_credential()
    set_left(world.cache, 100, time.time())
    world.simulator.fail = "503"
    with caplog.at_level(logging.WARNING, "tastyauth"):
        tastyauth.get_credential()
    assert all(it.startswith("live, custom: ") for it in caplog.messages)
    assert "live, custom: the token could not be renewed ahead of time: " in caplog.text
    world.simulator.fail = "grant-revoked"
    with pytest.raises(errors.RefusedError) as caught:
        tastyauth.get_credential(refresh=True)
    assert str(caught.value).startswith("live, custom: the server refused the grant: ")
    assert caught.value.message.startswith("the server refused the grant: ")
