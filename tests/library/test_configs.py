"""`profiles` and `validate`: what a config says, and what is wrong with it."""

import os
from pathlib import Path

import pytest
from world import CONFIG, World

import tastyauth
from tastyauth import errors

pytestmark = pytest.mark.usefixtures("in_world")

OTHER = """\
  paper:
    environment: production
    client_id: {{ env: CLIENT_ID }}
    client_secret: {{ command: [touch, ran] }}
    refresh_token: {{ env: REFRESH_TOKEN }}
"""


def test_profiles_are_listed_without_doing_anything(world: World) -> None:
    """Also those of a config that nobody has approved."""
    world.configure("default_profile: live\n" + CONFIG + OTHER, directory=world.project)
    live, paper = tastyauth.profiles()
    assert (live.name, live.environment, live.is_default) == ("live", "sandbox", True)
    assert live.api_url == world.simulator.origin
    assert live.client_id == world.simulator.application.client_id
    assert (paper.name, paper.environment, paper.is_default) == ("paper", "production", False)
    assert (paper.api_url, paper.client_id) == ("https://api.tastyworks.com", None)
    assert os.listdir(world.project) == ["live.client-secret", "live.refresh-token"] or (
        not os.path.exists(f"{world.project}/ran")
    )
    assert world.simulator.requests == []


def test_an_invalid_config_has_problems_and_no_profiles(world: World) -> None:
    path = world.write(f"{world.project}/broken.yaml", "version: 1\nprofils: {}\n")
    with pytest.raises(errors.ConfigError):
        tastyauth.profiles(path)
    problem = tastyauth.validate(Path(path))[0]
    assert (problem.severity, problem.line, problem.column) == ("error", 2, 1)
    assert problem.code.startswith("TA")
    assert "profils" in problem.message
    assert tastyauth.validate(world.config) == tastyauth.validate() == ()


def test_a_problem_shows_no_secret(world: World) -> None:
    pasted = "0123456789abcdef" * 2 + "01234567"
    path = world.write("pasted.yaml", CONFIG.format(origin="http://127.0.0.1:1", client_id=pasted))
    problems = tastyauth.validate(path)
    assert problems
    assert pasted not in repr(problems)


def test_what_cannot_be_read_is_an_error(world: World) -> None:
    for call in (tastyauth.validate, tastyauth.profiles):
        with pytest.raises(errors.ConfigNotFound):
            call("nowhere.yaml")
        for wrong in (5, ""):
            with pytest.raises(errors.UsageError):
                call(wrong)  # type: ignore[arg-type]
