"""A bot's old .env, taken over: under whatever names it has the credentials, and none shown."""

import os
import shlex
import sys

import needs
import pytest
from sitting import RIGHT, STORE, TRADES, custom, everything, sitting
from world import World

pytestmark = pytest.mark.warm

NAMINGS = {
    "tastyware": ("", "TT_SECRET", "TT_REFRESH"),
    "official MCP": (
        "TASTYTRADE_CLIENT_ID",
        "TASTYTRADE_CLIENT_SECRET",
        "TASTYTRADE_REFRESH_TOKEN",
    ),
    "official Python SDK": ("TT_CLIENT_ID", "TT_CLIENT_SECRET", "TT_REFRESH_TOKEN"),
    "provider": ("", "TT_PROVIDER_SECRET", "TT_REFRESH_TOKEN"),
    "official JavaScript SDK": ("OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OAUTH_REFRESH_TOKEN"),
    "tasty": ("TASTY_CLIENT_ID", "TASTY_CLIENT_SECRET", "TASTY_REFRESH_TOKEN"),
}
"""What bots call client ID, client secret and refresh token; tastyware sends no client ID."""

FORMS = ("{}={}", "export {}={}", "{}='{}'", '{}="{}"  # from my.tastytrade.com')


def env_file(world: World, names: tuple[str, str, str], form: str = "{}={}") -> str:
    """A bot's .env with the credentials of the simulator; its path, as the user types it."""
    application = world.simulator.application
    values = (application.client_id, world.client_secret, world.refresh_token)
    lines = [form.format(*pair) for pair in zip(names, values, strict=True) if pair[0]]
    world.write(f"{world.project}/.env", "\n".join(["TT_ACCOUNT=5WT00001", *lines, ""]))
    return ".env"


def unseen(said: str, world: World) -> None:
    assert world.client_secret not in said
    assert world.refresh_token not in said


@pytest.mark.parametrize("name", NAMINGS)
def test_every_naming_is_known_and_only_names_are_printed(name: str, newcomer: World) -> None:
    names = NAMINGS[name]
    path = env_file(newcomer, names)
    done = newcomer.run("init", *custom(newcomer), "--store", "file", "--from", path)
    assert (done.code, done.out) == (0, ""), done.err
    for field, variable in zip(("client_id", "client_secret", "refresh_token"), names, strict=True):
        if variable:
            assert f"{field} comes from {variable} in " in done.err
    unseen(done.err, newcomer)
    assert newcomer.run("env").code == 0


@pytest.mark.parametrize("form", FORMS)
def test_a_value_is_read_as_the_bot_read_it(form: str, newcomer: World) -> None:
    path = env_file(newcomer, NAMINGS["tastyware"], form)
    before = everything(newcomer.project)
    done = newcomer.run("init", *custom(newcomer), "--store", "file", "--from", path)
    assert done.code == 0, done.err
    assert ".env still contains the secrets" in done.err
    assert everything(newcomer.project) == before


def test_only_what_is_not_in_the_file_is_asked_for(newcomer: World) -> None:
    path = env_file(newcomer, NAMINGS["tastyware"])
    with sitting(newcomer, "init", *custom(newcomer), "--from", path) as it:
        it.expect(f"client ID    {newcomer.simulator.application.client_id}")
        it.answer(RIGHT, "")
        it.answer(TRADES, "")
        it.answer(STORE, "file")
        assert it.end() == 0
    assert "client ID:" not in it.shown
    assert "not shown" not in it.shown
    unseen(it.shown, newcomer)


def test_what_the_file_has_is_not_asked_for_and_the_rest_is(newcomer: World) -> None:
    path = env_file(newcomer, ("", "", "TT_REFRESH"))
    with sitting(newcomer, "init", "--from", path) as it:
        it.expect("environment  sandbox")
        it.answer(RIGHT, "")
        it.expect("client secret (not shown): ")
    assert "refresh token (not shown)" not in it.shown


def test_without_its_reader_it_is_one_line_to_type_before_anything_is_asked(
    newcomer: World,
) -> None:
    path = env_file(newcomer, NAMINGS["tastyware"])
    newcomer.write("lib/dotenv/__init__.py", "raise ImportError('as if it were not installed')")
    with sitting(newcomer, "init", "--from", path, PYTHONPATH=f"{newcomer.root}/lib") as it:
        it.expect("needs python-dotenv, which is not installed")
        it.expect(f"{shlex.quote(sys.executable)} -m pip install python-dotenv")
        it.expect("pipx inject tastyauth python-dotenv")
        assert it.end() == 69
    assert "OAuth Applications" not in it.shown


def test_what_an_existing_config_lacks_comes_from_the_file(newcomer: World) -> None:
    newcomer.configure()
    os.unlink(f"{newcomer.config_directory}/live.refresh-token")
    done = newcomer.run("init", "--from", env_file(newcomer, NAMINGS["tastyware"]))
    assert done.code == 0, done.err
    assert newcomer.run("env").code == 0


def test_a_file_that_others_can_read_comes_with_how_to_close_it(newcomer: World) -> None:
    needs.is_on_disk(newcomer.root)
    path = env_file(newcomer, NAMINGS["tastyware"])
    os.chmod(f"{newcomer.project}/.env", 0o644)
    done = newcomer.run("init", *custom(newcomer), "--store", "file", "--from", path)
    assert done.code == 69
    assert f"chmod 600 {newcomer.project}/.env" in done.err
    assert not os.path.exists(newcomer.config)


def test_a_file_that_is_missing_is_the_flags_not_the_configs(newcomer: World) -> None:
    done = newcomer.run("init", *custom(newcomer), "--store", "file", "--from", "nowhere.env")
    assert done.err.endswith("/nowhere.env does not exist\ntastyauth: hint: is the path right?\n")


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("A=1\n", 69, "TASTYTRADE_REFRESH_TOKEN"),
        ("TT_SECRET={token}\nTT_REFRESH={secret}\n", 77, "TT_SECRET in "),
        ("TT_SECRET={secret}\nTT_REFRESH={secret}\n", 77, "TT_REFRESH in "),
        ("TT_CLIENT_ID={secret}\nTT_SECRET={secret}\n", 77, "TT_CLIENT_ID in "),
        ("TT_SECRET='two words {secret}'\n", 77, "TT_SECRET in "),
        ("TT_SECRET=' {secret}'\n", 69, "TT_SECRET in "),
    ],
)
def test_what_cannot_be_a_credential_is_named_by_its_variable(
    newcomer: World, text: str, code: int, said: str
) -> None:
    words = {"secret": newcomer.client_secret, "token": newcomer.refresh_token}
    newcomer.write(f"{newcomer.project}/.env", text.format(**words))
    done = newcomer.run("init", *custom(newcomer), "--store", "file", "--from", ".env")
    assert done.code == code
    assert said in done.err
    unseen(done.err, newcomer)
    assert not os.path.exists(newcomer.config)
    assert newcomer.simulator.token_requests == 0
