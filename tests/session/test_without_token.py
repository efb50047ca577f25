"""What `exec` hands out where no token is wanted, in this process."""

import os

import pytest
from locks import acquired
from refreshing import Machine
from tables import for_each
from world import CONFIG, World

from tastyauth import cache
from tastyauth.cache import lock
from tastyauth.errors import ConfigError, UsageError
from tastyauth.session import without_token

PROFILE = CONFIG.partition("profiles:\n")[2]
TWO = f"{CONFIG}{PROFILE.replace('live:', 'other:')}default_profile: live\n"


@pytest.fixture
def machine(world: World) -> Machine:
    machine = Machine(world)
    machine.configure(TWO)
    return machine


@pytest.mark.parametrize("directory", ["", "/proc/tastyauth"])
def test_the_outline_of_the_profile_comes_with_a_cache_and_without(
    directory: str, machine: Machine
) -> None:
    machine.world.environ["TASTYAUTH_CACHE_DIR"] = directory
    for _ in range(2):
        for name in (None, "live", "other"):
            outline = without_token.outlined(machine.session(name))
            assert outline.name == (name or "live")
            assert outline.behind == "custom"
    assert machine.listener.about == "other, custom"
    with pytest.raises(UsageError):
        without_token.outlined(machine.session("third"))
    assert machine.listener.warnings == []


def test_it_is_written_down_once_and_nobody_is_waited_for(machine: Machine) -> None:
    session = machine.session()
    os.makedirs(machine.world.cache, 0o700)
    view = cache.look(session.asked)
    with acquired(view.lock_path):
        assert without_token.outlined(session).name == "live"
        assert cache.look(session.asked).profile is None
    assert without_token.outlined(machine.session()).name == "live"
    assert cache.look(session.asked).profile is not None
    acquired(view.lock_path).close()
    machine.world.write(machine.source, "")  # what is known of the config is enough from now on
    later = machine.session()
    assert without_token.outlined(later).name == "live"
    assert later._config is None


def test_the_lock_that_the_fast_lane_has_taken_will_do(machine: Machine) -> None:
    session = machine.session()
    assert lock.line_up(session.asked, 0.0) is None
    assert without_token.outlined(session).name == "live"
    assert cache.look(session.asked).profile is not None


@for_each("is_cached", [False, True])
def test_a_profile_of_another_environment_than_the_required_one_gives_nothing(
    is_cached: bool, machine: Machine
) -> None:
    if is_cached:
        without_token.outlined(machine.session())
    machine.world.environ["TASTYAUTH_REQUIRE_ENVIRONMENT"] = "production"
    with pytest.raises(ConfigError, match="wants production"):
        without_token.outlined(machine.session())
    del machine.world.environ["TASTYAUTH_REQUIRE_ENVIRONMENT"]


def test_secrets_come_with_what_their_program_must_know(machine: Machine) -> None:
    world = machine.world
    declared = world.refresh_token
    expected = {
        "environment": "sandbox",
        "profile": "other",
        "api_url": world.simulator.origin,
        "client_id": world.simulator.application.client_id,
        "client_secret": world.client_secret,
        "refresh_token": declared,
    }
    assert without_token.secret_fields(machine.session("other")) == expected
    assert any(it.startswith("client_secret from ") for it in machine.listener.waits)
    machine.grant(declared).keep(machine.secrets().client_secret)  # stands in for a newer token
    newest = {**expected, "refresh_token": world.client_secret}
    assert without_token.secret_fields(machine.session("other")) == newest
