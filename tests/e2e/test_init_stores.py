"""A newcomer at a terminal whose secrets go into a real store: pass with gpg, and gnome-keyring."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sitting import (
    CTRL_C,
    RIGHT,
    SECRET,
    STORE,
    TOKEN,
    TRADES,
    Sitting,
    answer_all,
    custom,
    holding,
    shell_of,
    watched,
)
from world import World

from .parts import program
from .stores import set_up

_CALL = 'curl -sH "Authorization: Bearer $TASTYTRADE_ACCESS_TOKEN" '

_REVOKE = "another-secret\nanother-token\n"


@pytest.fixture
def pass_user() -> Iterator[World]:
    """Somebody with a password store, whose key needs no passphrase, and no config."""
    for name in ("pass", "gpg", "gpgconf"):
        program(name)
    with without_config() as world:
        os.mkdir(f"{world.home}/.gnupg", 0o700)
        make = ("gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "me")
        assert world.run_program(*make).code == 0
        assert world.run_program("pass", "init", "me").code == 0
        try:
            yield world
        finally:
            world.run_program("gpgconf", "--kill", "gpg-agent")


@pytest.fixture
def desktop_user() -> Iterator[World]:
    """Somebody whose keyring is open in `at_desk`, and who has no config."""
    for name in ("dbus-run-session", "gnome-keyring-daemon"):
        program(name)
    with without_config() as world:
        world.environ["XDG_DATA_HOME"] = f"{world.home}/data"
        world.script(
            "session",
            "printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1\n"
            'exec "$@"',
        )
        yield world


@contextmanager
def without_config() -> Iterator[World]:
    with set_up() as world:
        for name in os.listdir(world.config_directory):
            os.unlink(f"{world.config_directory}/{name}")
        os.rmdir(world.config_directory)
        yield world


@contextmanager
def at_desk(world: World) -> Iterator[Sitting]:
    """A shell in a session with a bus, in which the keyring is open; it ends the session."""
    with shell_of(world, "/usr/bin/dbus-run-session", "--", "session", "bash", "--norc") as it:
        try:
            yield it
        finally:  # the bus and the keyring end with the session, and with nothing else
            it.press(CTRL_C)
            it.press("exit\n")
            it.end()


def from_nothing_to_a_token(it: Sitting, world: World, store: str) -> None:
    """Types `init`, answers, types what it says is next, and calls the API with the token."""
    it.press(f"tastyauth init {' '.join(custom(world))}\n")
    answer_all(it, world, store)
    it.expect(f"stored the client secret in {store} ")
    it.expect("next, type: eval $(tastyauth env)")
    it.answer("ready> ", "eval $(tastyauth env)")
    it.answer("ready> ", f'{_CALL} "$TASTYTRADE_API_URL/customers/me/accounts"')
    it.expect('"account-number":"5WT00001"')
    assert f"\ntastyauth:   {store}" in it.shown  # among the stores that there are to choose from
    assert holding(world.root, world) == []
    assert world.client_secret not in it.shown
    assert world.refresh_token not in it.shown


def test_from_nothing_to_a_token_with_pass(pass_user: World) -> None:
    with shell_of(pass_user, "/bin/bash", "--norc", "-i") as it:
        from_nothing_to_a_token(it, pass_user, "pass")
    assert "password store." not in it.shown  # pass complains of entries that it does not have
    shown = pass_user.run_program("pass", "show", "tastyauth/live/refresh_token")
    assert shown.out.strip() == pass_user.refresh_token


def test_from_nothing_to_a_token_with_the_keyring(desktop_user: World) -> None:
    with at_desk(desktop_user) as it:
        from_nothing_to_a_token(it, desktop_user, "keyring")


def test_a_second_profile_has_entries_of_its_own(pass_user: World) -> None:
    application = pass_user.simulator.application
    flags = (*custom(pass_user), "--client-id", application.client_id, "--store", "pass")
    given = f"{pass_user.client_secret}\n{pass_user.refresh_token}\n"
    for name in ("live", "paper"):
        assert pass_user.run("init", "-p", name, *flags, given=given).code == 0
        assert pass_user.run("env", "-p", name).code == 0
    listed = pass_user.run_program("pass", "ls", "tastyauth").out
    assert listed.count("client_secret") == listed.count("refresh_token") == 2


@pytest.mark.parametrize("question", [TOKEN, RIGHT, SECRET, STORE])
def test_giving_up_leaves_the_store_untouched(pass_user: World, question: str) -> None:
    with watched(pass_user, "init", *custom(pass_user)) as it:
        for asked, answer in (
            (TOKEN, pass_user.refresh_token),
            (RIGHT, ""),
            (SECRET, pass_user.client_secret),
            (TRADES, ""),
            (STORE, ""),
        ):
            if asked == question:
                break
            it.answer(asked, answer)
        it.expect(question)
        assert it.give_up(CTRL_C) == (130, True)
    assert os.listdir(f"{pass_user.home}/.password-store") == [".gpg-id"]
    assert not os.path.exists(pass_user.config_directory)


def stored(world: World) -> tuple[str, str]:
    """What is in the two entries of the profile."""
    secret, token = (
        world.run_program("pass", "show", f"tastyauth/live/{field}").out.strip()
        for field in ("client_secret", "refresh_token")
    )
    return secret, token


def test_new_secrets_go_into_pass_both_or_neither(pass_user: World) -> None:
    application = pass_user.simulator.application
    flags = (*custom(pass_user), "--client-id", application.client_id, "--store", "pass")
    given = f"{pass_user.client_secret}\n{pass_user.refresh_token}\n"
    assert pass_user.run("init", *flags, given=given).code == 0
    both = stored(pass_user)
    assert both == (pass_user.client_secret, pass_user.refresh_token)
    assert pass_user.run("secret", "set", given=_REVOKE).code == 77
    assert stored(pass_user) == both
    pass_user.simulator.fail = "429"  # in an outage nothing is tried, and all is stored
    assert pass_user.run("secret", "set", given=_REVOKE).code == 0
    assert stored(pass_user) == ("another-secret", "another-token")
    pass_user.simulator.fail = None
    with shell_of(pass_user, "/bin/bash", "--norc", "-i") as it:
        it.press("tastyauth secret set\n")
        it.answer(SECRET, pass_user.client_secret)
        it.answer(TOKEN, pass_user.refresh_token)
        it.expect("stored the refresh token in pass tastyauth/live/refresh_token")
    assert stored(pass_user) == both


def test_new_secrets_go_into_the_keyring(desktop_user: World) -> None:
    with at_desk(desktop_user) as it:
        from_nothing_to_a_token(it, desktop_user, "keyring")
        exchanges = desktop_user.simulator.exchanges
        it.answer("ready> ", "tastyauth secret set")
        it.answer(SECRET, desktop_user.client_secret)
        it.answer(TOKEN, desktop_user.refresh_token)
        it.expect("stored the refresh token in keyring tastyauth live/refresh_token")
        it.answer("ready> ", "tastyauth token >/dev/null && echo go''t")
        it.expect("got")
    assert desktop_user.simulator.exchanges == exchanges + 1  # its token is cached


def test_by_hand_the_secrets_come_out_of_the_store(pass_user: World) -> None:
    application = pass_user.simulator.application
    flags = (*custom(pass_user), "--client-id", application.client_id, "--store", "pass")
    given = f"{pass_user.client_secret}\n{pass_user.refresh_token}\n"
    assert pass_user.run("init", *flags, given=given).code == 0
    done = pass_user.shell("tastyauth as-curl | sh")
    assert (done.code, "5WT00001" in done.out) == (0, True), done.err


def test_by_hand_the_secrets_come_out_of_the_keyring(desktop_user: World) -> None:
    with at_desk(desktop_user) as it:
        from_nothing_to_a_token(it, desktop_user, "keyring")
        it.answer("ready> ", "tastyauth as-curl | sh | tr , '\\n' | grep -c 5WT00001")
        it.expect("\n1\r\n")
