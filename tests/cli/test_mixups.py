"""Mixed-up credentials: each is named for what it is, and never stored."""

import os

import pytest
from sitting import (
    CLIENT_ID,
    ENVIRONMENT,
    RIGHT,
    SECRET,
    STORE,
    TOKEN,
    TRADES,
    UNKNOWN_TOKEN,
    custom,
    holding,
    sitting,
)
from world import World

from tastyauth.simulator import Simulator

pytestmark = pytest.mark.warm

UUID = "0c7b8898-a2f1-49bb-a23d-843e47b68631"


@pytest.fixture
def access_token(newcomer: World, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Something that the broker has handed out."""
    elsewhere = World(os.fspath(tmp_path_factory.mktemp("elsewhere")), newcomer.simulator)
    elsewhere.configure()
    return elsewhere.run("token").out.strip()


def test_a_value_that_cannot_be_a_client_id_is_asked_for_again(newcomer: World) -> None:
    application = newcomer.simulator.application
    typed = (
        ("0c7b8898", "this is not a client ID"),
        (application.client_id[:-1], "this is not a client ID"),
        (application.client_id.replace("-", ""), "has lost its dashes"),
        (newcomer.client_secret, "it was shown on the screen"),
        (newcomer.refresh_token, "it was shown on the screen"),
        (f'"{application.client_id}"', "has quotes around it"),
    )
    with sitting(newcomer, "init", *custom(newcomer)) as it:
        it.answer(TOKEN, "not-even-a-token")
        for text, said in typed:
            it.answer(CLIENT_ID, text)
            it.expect(said)
            it.expect("hint: ")
        it.answer(CLIENT_ID, application.client_id)
        it.answer(SECRET, newcomer.client_secret)
        it.answer(TRADES, "")
        it.answer(STORE, "")
        it.expect("Invalid JWT")
        it.answer(TOKEN, newcomer.refresh_token)
        it.answer(SECRET, "")
        it.answer(TRADES, "")
        assert it.end() == 0
    assert newcomer.simulator.exchanges == 1


def test_a_value_that_cannot_be_a_secret_is_asked_for_again_and_never_shown(
    newcomer: World, access_token: str
) -> None:
    client_id = newcomer.simulator.application.client_id
    secret, token = newcomer.client_secret, newcomer.refresh_token
    wrong_secrets = (
        ("", "the client secret is empty"),
        (token, "this is not a client secret, it looks like a tastytrade refresh token"),
        (client_id, "this is a client ID, not a client secret"),
        (f"'{secret}'", "the client secret has quotes around it"),
        (f"TT_SECRET={secret}", "this is more than the client secret"),
        ("s\u00e4cret", "the client secret has a non-ASCII character at position 2"),
    )
    wrong_tokens = (
        (secret, "this is not a refresh token, it looks like a tastytrade client secret"),
        (access_token, "this is not a refresh token, it looks like an access token"),
        (client_id, "this is a client ID, not a refresh token"),
        (f'"{token}"', "the refresh token has quotes around it"),
        (f"Bearer {token}", "this is more than the refresh token"),
        (token[: len(token) // 2], "this is not a complete refresh token"),
        (f"export TT_REFRESH={token}", "this is more than the refresh token"),
    )
    with sitting(newcomer, "init", *custom(newcomer)) as it:
        for question, wrong, right in (
            (TOKEN, wrong_tokens, token),
            (SECRET, wrong_secrets, secret),
        ):
            for text, said in wrong:
                it.answer(question, text)
                it.expect(said)
                it.expect("hint: ")
            it.answer(question, right)
            if question == TOKEN:
                it.answer(RIGHT, "y")
        it.answer(TRADES, "")
        it.answer(STORE, "file")
        assert it.end() == 0
    assert newcomer.simulator.token_requests == 2  # the access token, and the trial
    for hidden in (secret, token, access_token, "\u00e4"):
        assert hidden not in it.shown


def test_what_the_server_refuses_is_asked_for_again(newcomer: World) -> None:
    """A typing error costs two questions, one of which Enter answers."""
    with sitting(newcomer, "init", *custom(newcomer)) as it:
        it.answer(TOKEN, newcomer.refresh_token)
        it.answer(RIGHT, "Yes")
        it.answer(SECRET, "0" * 40)
        it.answer(TRADES, "")
        it.answer(STORE, "file")
        it.expect("Client secret mismatch")
        it.expect("hint: nothing was stored; ")
        it.answer(TOKEN, "")  # it was right
        it.answer(SECRET, newcomer.client_secret)
        it.answer(TRADES, "")
        it.expect("next, type: ")
        assert it.end() == 0
    assert newcomer.run("env").code == 0


OTHER = "11111111-2222-4333-8444-555555555555"

WRONG_FLAGS = (
    (("--environment", "production"), "was issued by sandbox, not production"),
    (("--client-id", OTHER), "these are different OAuth applications"),
)


@pytest.mark.parametrize(("flags", "said"), WRONG_FLAGS)
def test_what_the_token_contradicts_is_corrected_by_it(
    newcomer: World, flags: tuple[str, ...], said: str
) -> None:
    where = () if "--environment" in flags else custom(newcomer)
    with sitting(newcomer, "init", *flags, *where) as it:
        it.answer(TOKEN, newcomer.refresh_token)
        it.expect(said)
        it.expect(f"client ID    {newcomer.simulator.application.client_id}")
        it.answer(RIGHT, "")
        it.expect(SECRET)


def test_another_token_or_another_place_is_taken_when_it_is_not_right(newcomer: World) -> None:
    client_id = newcomer.simulator.application.client_id
    with Simulator() as another, sitting(newcomer, "init", *custom(newcomer)) as it:
        it.answer(TOKEN, another.application.refresh_token.reveal())
        it.expect(another.application.client_id)
        it.answer(RIGHT, "n")
        it.answer(TOKEN, newcomer.refresh_token)
        it.answer(RIGHT, "no")
        it.answer(TOKEN, "")
        it.answer(f"client ID [{client_id}]: ", "")
        it.answer(SECRET, newcomer.client_secret)
        it.answer(TRADES, "")
        it.answer(STORE, "")
        assert it.end() == 0


def test_an_environment_that_the_token_contradicts_is_corrected_by_enter(
    newcomer: World,
) -> None:
    """There is no config yet in which to set it, and the question is not about the old choice."""
    with sitting(newcomer, "init") as it:
        it.answer(TOKEN, newcomer.refresh_token)
        it.answer(RIGHT, "n")
        it.answer(TOKEN, "")
        it.answer("environment (production, sandbox) [sandbox]: ", "production")
        it.answer(f"client ID [{newcomer.simulator.application.client_id}]: ", "")
        it.answer(SECRET, newcomer.client_secret)
        it.answer(TRADES, "")
        it.answer(STORE, "")
        it.expect("keep the refresh token below and this becomes a profile for sandbox, or make")
        it.answer(TOKEN, "")
        it.expect("environment  sandbox: tastytrade's test system")
        it.answer(f"\ntastyauth: {RIGHT}", "")
        it.expect(SECRET)


def test_environment_and_client_id_that_were_typed_can_be_corrected(newcomer: World) -> None:
    """The server does not know this token, and nor does anybody behind the proxy."""
    with sitting(newcomer, "init") as it:
        it.answer(TOKEN, UNKNOWN_TOKEN)
        it.answer(ENVIRONMENT, "sandbox")
        it.answer(CLIENT_ID, OTHER)
        it.answer(SECRET, newcomer.refresh_token)
        it.expect("it looks like a tastytrade refresh token")
        it.answer(SECRET, "deadbeef" * 5)
        it.expect("this is a placeholder, not a client secret")
        it.answer(SECRET, newcomer.client_secret[1:])
        it.expect("warning: the client secret is not the 40 hexadecimal digits")
        it.expect("but 39 characters")
        it.answer(TRADES, "")
        it.answer(STORE, "")
        it.expect("the grant allows read and trade")
        it.answer(TOKEN, "")
        it.answer("environment (production, sandbox) [sandbox]: ", "p")
        it.answer(f"client ID [{OTHER}]: ", newcomer.simulator.application.client_id)
        it.expect(SECRET)


MIXED_UP = (
    ("production", "{id}", "{secret}\n{token}\n", "the refresh token was issued by sandbox"),
    ("custom", UUID, "{secret}\n{token}\n", "these are different OAuth applications"),
    ("custom", "{id}", "{token}\n{secret}\n", "this is not a client secret"),
    ("custom", "{id}", "{secret}\n{access}\n", "it looks like an access token"),
    ("custom", "{id}", "{secret}\r\r\n{token}\n", "carriage return"),
    ("custom", "{id}", "{secret}\\\n{token}\n", "Client secret mismatch"),
    ("custom", "{id}", "{secret}\n{token}x\n", "not a complete refresh token"),
)
"""Environment, client ID and stdin that do not belong together, and what is said."""


@pytest.mark.parametrize(("environment", "client_id", "given", "said"), MIXED_UP)
def test_what_is_mixed_up_is_named_and_nothing_is_stored(
    newcomer: World, access_token: str, environment: str, client_id: str, given: str, said: str
) -> None:
    words = {
        "id": newcomer.simulator.application.client_id,
        "secret": newcomer.client_secret,
        "token": newcomer.refresh_token,
        "access": access_token,
    }
    where = custom(newcomer) if environment == "custom" else ("--environment", environment)
    requests = newcomer.simulator.token_requests
    done = newcomer.run(
        *("init", *where, "--client-id", client_id.format(**words), "--store", "file"),
        given=given.format(**words),
    )
    assert done.code in (69, 77)
    assert said in done.err
    assert not os.path.exists(newcomer.config_directory)
    assert holding(newcomer.root, newcomer) == []
    assert newcomer.client_secret not in done.err
    asked_the_server = said == "Client secret mismatch"
    assert newcomer.simulator.token_requests - requests == asked_the_server


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("grant-revoked", 77),
        ("secret-mismatch", 77),
        ("invalid-jwt", 77),
        ("html-401", 76),
        ("redirect", 76),
        ("not-json", 76),
        ("echo", 77),
    ],
)
def test_what_the_server_does_not_take_is_not_stored(newcomer: World, kind: str, code: int) -> None:
    newcomer.simulator.fail = kind
    flags = ("--client-id", newcomer.simulator.application.client_id, "--store", "file")
    given = f"{newcomer.client_secret}\n{newcomer.refresh_token}\n"
    done = newcomer.run("init", *custom(newcomer), *flags, given=given)
    assert done.code == code
    assert "hint: nothing was stored; " in done.err
    assert not os.path.exists(newcomer.config_directory)
    assert holding(newcomer.root, newcomer) == []
    assert newcomer.client_secret not in done.err
    assert newcomer.refresh_token not in done.err
