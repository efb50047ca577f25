"""A grant does what its profile declares, no more and no less, or nothing of it is used."""

import json
import os
from collections.abc import Iterator

import pytest
from exchange_fakes import http, jwt, says, serving
from world import CONFIG, Completed, World

from tastyauth.errors import APPLICATIONS_PAGE
from tastyauth.simulator import Simulator

pytestmark = pytest.mark.warm

READ, BOTH = "    scopes: [read]\n", "    scopes: [trade, read]\n"

ANSWER = {"access_token": "abc.def", "token_type": "Bearer", "expires_in": 900}


@pytest.fixture
def trader(world: World) -> Iterator[World]:
    """A world whose grant may read and trade."""
    world.simulator.close()
    with Simulator(scopes="read trade openid") as simulator:
        world.simulator = simulator
        world.configure()
        yield world


def with_token(world: World, config: str, **claims: object) -> None:
    """Configures, with a refresh token of these claims."""
    world.configure(config)
    world.write(
        f"{world.config_directory}/live.refresh-token", jwt({"typ": "rt+jwt"}, {"iat": 1, **claims})
    )


def answered(world: World, answer: dict[str, object], *words: str, **claims: object) -> Completed:
    """A run whose refresh token has these claims and whose server answers so, once."""
    with serving(says(http("200 OK", json.dumps(ANSWER | answer).encode()))) as server:
        config = CONFIG.replace("{origin}", f"http://127.0.0.1:{server.port}")
        with_token(world, config + READ, **claims)
        return world.run(*words)


def test_what_is_declared_is_handed_out(world: World, trader: World) -> None:
    trader.configure(CONFIG + BOTH)
    done = trader.run("token")
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("words", [["env"], ["token"], ["exec", "--", "true"]])
def test_a_grant_that_may_do_more_is_not_sent(trader: World, words: list[str]) -> None:
    """Neither is the client secret: nothing is asked at all."""
    trader.configure(CONFIG + READ)
    done = trader.run(*words)
    assert done.code == 77
    assert "the grant allows read and trade, but the profile's scopes allow only read\n" in done.err
    assert "tick read alone" in done.err
    assert APPLICATIONS_PAGE in done.err
    assert trader.simulator.token_requests == 0


def test_a_grant_that_may_do_less_is_not_sent(world: World) -> None:
    world.configure(CONFIG + BOTH)
    done = world.run("token")
    assert done.code == 77
    assert (
        "the grant allows only read, but the profile's scopes ask for read and trade\n" in done.err
    )
    assert "tick read and trade" in done.err
    assert world.simulator.token_requests == 0


@pytest.mark.parametrize(
    "answer",
    [
        {"scope": "read trade"},
        {"access_token": jwt({"typ": "at+jwt"}, {"scope": "read trade"})},
        {"scope": "read", "access_token": jwt({"typ": "at+jwt"}, {"scope": "read trade"})},
        {"scope": "openid"},
    ],
)
def test_a_token_that_may_do_something_else_is_neither_shown_nor_cached(
    world: World, answer: dict[str, object]
) -> None:
    """Whatever the refresh token says, and whether the answer says it or the token in it."""
    done = answered(world, answer, "token", scope="read")
    assert (done.code, done.out) == (77, "")
    assert "but the profile's scopes " in done.err
    assert not [name for name in os.listdir(world.cache) if name.endswith(".entry")]


def test_a_rotated_refresh_token_is_kept_although_the_answer_is_refused(world: World) -> None:
    done = answered(world, {"refresh_token": "new-token", "scope": "read trade"}, "token")
    assert done.code == 77
    with open(f"{world.config_directory}/live.refresh-token", encoding="ascii") as file:
        assert file.read() == "new-token\n"


@pytest.mark.parametrize(
    ("claims", "answer"),
    [({"scope": "read"}, {}), ({}, {"scope": "openid read"}), ({"scope": "read"}, {"scope": ""})],
)
def test_one_of_the_two_says_enough(
    world: World, claims: dict[str, object], answer: dict[str, object]
) -> None:
    done = answered(world, answer, "token", **claims)
    assert (done.code, done.err) == (0, "")


def test_where_neither_says_anything_there_is_one_warning(world: World) -> None:
    """With the first token, and not with each."""
    world.simulator.close()
    with Simulator(scopes="") as world.simulator:
        world.configure(CONFIG + READ)
        done = world.run("token")
        assert done.code == 0
        assert done.err.count("\n") == 1
        assert "warning: live, custom: scopes cannot be checked: " in done.err
        again = world.run("token", "--refresh")
        assert (again.code, again.err) == (0, "")
        world.configure()
        assert world.run("token").err == ""  # nothing is declared


def test_a_new_profile_is_named_when_its_credentials_are_tested(newcomer: World) -> None:
    newcomer.simulator.close()
    with Simulator(scopes="") as newcomer.simulator:
        place = ("--environment", "custom", "--api-url", newcomer.simulator.origin)
        given = f"{newcomer.client_secret}\n{newcomer.refresh_token}\n"
        done = newcomer.run("init", *place, "--store", "file", given=given)
        assert done.code == 0
        assert done.err.count("warning: live, custom: scopes cannot be checked: ") == 1
        assert newcomer.run("token").err == ""  # it has been said
        done = newcomer.run("secret", "set", given=given)
        assert done.err.count("scopes cannot be checked: ") == 1
        assert newcomer.run("token").err == ""
        os.unlink(f"{newcomer.config_directory}/live.client-secret")
        done = newcomer.run("init", given=given.partition("\n")[0] + "\n")
        assert (done.code, done.err.count("scopes cannot be checked: ")) == (0, 1), done.err
        assert newcomer.run("token").err == ""


def test_without_a_cache_the_warning_comes_anyway(world: World) -> None:
    world.simulator.close()
    with Simulator(scopes="") as world.simulator:
        world.configure(CONFIG + READ)
        world.write("file", "")
        done = world.run("token", TASTYAUTH_CACHE_DIR=f"{world.root}/file")
        assert done.code == 0
        assert "scopes cannot be checked" in done.err


def test_a_cached_token_is_not_for_other_scopes(trader: World) -> None:
    """It was obtained under another declaration."""
    trader.configure(CONFIG + BOTH)
    assert trader.run("token").code == 0
    trader.configure(CONFIG + READ)
    assert trader.run("token").code == 77
    trader.configure(CONFIG + BOTH)
    assert trader.run("token").code == 0
    assert trader.simulator.token_requests == 2


@pytest.mark.parametrize(
    ("scopes", "state", "message"),
    [
        (READ, "failed", "the grant allows read and trade"),
        (BOTH, "passed", "openid read trade, as declared"),
        ("", "warned", "this grant can place orders"),
    ],
)
def test_the_doctor_compares_them(trader: World, scopes: str, state: str, message: str) -> None:
    trader.configure(CONFIG + scopes)
    done = trader.run("doctor", "--format", "json")
    checks = {it["name"]: it for it in json.loads(done.out)["checks"]}
    assert checks["scope"]["state"] == state
    assert message in checks["scope"]["message"]
    assert (checks["exchange"]["state"] == "skipped") == (state == "failed")


def test_the_doctor_says_where_they_cannot_be_compared(world: World) -> None:
    with_token(world, CONFIG + READ)
    done = world.run("doctor", "--offline", "--format", "json")
    [check] = [it for it in json.loads(done.out)["checks"] if it["name"] == "scope"]
    assert (check["state"], bool(check["hint"])) == ("warned", True)


def test_status_and_plan_show_them(world: World) -> None:
    world.configure(CONFIG + BOTH)
    assert "  scopes         read trade, and no more" in world.run("status").out
    found = json.loads(world.run("status", "--format", "json").out)["profiles"][0]["scopes"]
    assert found == ["read", "trade"]
    assert "  scopes: read trade, and no more\n" in world.run("allow", "--print").out
