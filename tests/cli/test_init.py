"""Setting up, as a newcomer does it: from a client ID to `eval $(tastyauth env)`."""

import os
import stat
from collections.abc import Mapping

import pytest
from ports import closed_port
from sitting import (
    CLIENT_ID,
    ENVIRONMENT,
    RIGHT,
    SECRET,
    STORE,
    TOKEN,
    TRADES,
    UNKNOWN_TOKEN,
    Sitting,
    answer_all,
    custom,
    everything,
    shell_of,
    sitting,
)
from world import REPOSITORY, World, content

from tastyauth.errors import APPLICATIONS_PAGE
from tastyauth.simulator import Simulator

pytestmark = pytest.mark.warm

SHELLS = (("/bin/bash", "--norc", "-i"), ("/bin/dash", "-i"))


def credentials(world: World) -> str:
    """Both secrets for stdin, a line each."""
    return f"{world.client_secret}\n{world.refresh_token}\n"


def flags(world: World, store: str = "file") -> tuple[str, ...]:
    """Everything that is not secret."""
    client_id = world.simulator.application.client_id
    return (*custom(world), "--client-id", client_id, "--store", store)


def modes(directory: str) -> dict[str, int]:
    """Name to permission bits: what is in a directory, and the directory itself as `.`."""
    paths = {name: os.path.join(directory, name) for name in (".", *os.listdir(directory))}
    return {name: stat.S_IMODE(os.stat(path).st_mode) for name, path in paths.items()}


# -- from nothing to a token ----------------------------------------------------------------------


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: os.path.basename(shell[0]))
def test_what_it_says_to_type_next_gives_a_token(newcomer: World, shell: tuple[str, ...]) -> None:
    call = 'curl -sH "Authorization: Bearer $TASTYTRADE_ACCESS_TOKEN"'
    with shell_of(newcomer, *shell) as it:
        it.press(f"tastyauth init {' '.join(custom(newcomer))}\n")
        answer_all(it, newcomer)
        it.expect("next, type: ")
        it.expect("\n")
        said = it.shown.rpartition("next, type: ")[2].partition("\n")[0]
        assert said == "eval $(tastyauth env)"
        it.answer("ready> ", said)
        it.answer("ready> ", f'{call} "$TASTYTRADE_API_URL/customers/me/accounts"')
        it.expect('"account-number":"5WT00001"')
    assert newcomer.client_secret not in it.shown
    assert newcomer.refresh_token not in it.shown


def test_the_three_credentials_are_explained_before_the_first_question(newcomer: World) -> None:
    with sitting(newcomer, "init") as it:
        it.expect(TOKEN)
    for fact in (
        APPLICATIONS_PAGE,
        "New OAuth client",
        "tick only read",
        "shown once",
        "ends all grants",
        "Manage → Create Grant",
        "one grant for each machine",
        "chat assistants",
        "--from",
    ):
        assert fact in it.shown


def test_the_questions_come_in_order_and_secrets_are_not_shown(newcomer: World) -> None:
    """Enter chooses files; a sandbox profile is not called live."""
    down = f"http://127.0.0.1:{closed_port()}"
    with sitting(newcomer, "init", HTTPS_PROXY=down) as it:
        it.answer(TOKEN, f" {newcomer.refresh_token} ")
        it.expect("environment  sandbox: tastytrade's test system")
        it.expect(f"client ID    {newcomer.simulator.application.client_id}")
        it.answer(RIGHT, "")
        it.answer(SECRET, newcomer.client_secret)
        it.answer(TRADES, "no")
        it.expect("keyring: not available (needs a desktop session)")
        it.expect("pass: not available (needs a password store, `pass init GPG-ID`)")
        it.expect("file  files beside the config, mode 0600; works everywhere, cron included")
        it.answer(STORE, "")
        assert it.end() == 0
    assert newcomer.client_secret not in it.shown
    assert newcomer.refresh_token not in it.shown
    assert "profile paper" in it.shown
    assert "paper.client-secret" in modes(newcomer.config_directory)


def test_what_the_token_does_not_say_is_asked_and_answers_are_forgiven(newcomer: World) -> None:
    with sitting(newcomer, "init") as it:
        for text, said in (
            ("hello world", "not a complete refresh token (three parts separated by dots)"),
            (newcomer.refresh_token.rpartition(".")[0], "not a complete refresh token"),
            (f'{{"refresh_token": "{newcomer.refresh_token}"}}', "this is JSON"),
        ):
            it.answer(TOKEN, text)
            it.expect(said)
        it.expect("hint: paste only the value of refresh_token, without quotes")
        it.answer(TOKEN, UNKNOWN_TOKEN)
        it.answer(ENVIRONMENT, "paper")
        it.expect("answer with one of these: production, sandbox")
        it.answer(ENVIRONMENT, "")
        it.answer(ENVIRONMENT, " Prod ")
        it.answer(CLIENT_ID, f" {newcomer.simulator.application.client_id.upper()} ")
        it.expect(SECRET)
    assert RIGHT not in it.shown


def answer_as_asked(it: Sitting, answers: Mapping[str, str]) -> list[str]:
    """Answers each question as it comes, until the line that says what is next; the questions."""
    asked = []
    while (found := it.expect_any("next, type: ", *answers)) != "next, type: ":
        asked.append(found)
        it.answer("", answers[found])
    return asked


def test_a_newcomer_pastes_two_values_and_gives_three_answers_at_most(newcomer: World) -> None:
    """As somebody who reads only the questions."""
    with sitting(newcomer, "init", *custom(newcomer)) as it:
        asked = answer_as_asked(
            it,
            {
                TOKEN: newcomer.refresh_token,
                SECRET: newcomer.client_secret,
                "]: ": "",
                "[Y/n] ": "",
                "[y/N] ": "",
                ENVIRONMENT: "sandbox",
                CLIENT_ID: newcomer.simulator.application.client_id,
            },
        )
        assert it.end() == 0
    assert (asked.count(TOKEN), asked.count(SECRET)) == (1, 1)
    assert len(asked) <= 5
    assert newcomer.shell("eval $(tastyauth env)").code == 0


def test_where_the_network_is_down_the_secrets_are_kept_untested(newcomer: World) -> None:
    newcomer.simulator.fail = "429"
    done = newcomer.run("init", *flags(newcomer), given=credentials(newcomer))
    assert done.code == 0
    assert ": could not be tested now" in done.err
    newcomer.simulator.fail = None
    assert newcomer.run("env").code == 0


def test_a_server_that_rotates_costs_nobody_the_grant(tmp_path: os.PathLike[str]) -> None:
    with Simulator(rotate=True) as simulator:
        world = World(os.fspath(tmp_path), simulator)
        assert world.run("init", *flags(world), given=credentials(world)).code == 0
        for _ in range(2):
            assert world.run("token", "--refresh").code == 0


def test_a_bot_that_trades_gets_no_scopes_and_one_that_does_not_is_held_to_reading(
    tmp_path: os.PathLike[str],
) -> None:
    with Simulator(scopes="read trade openid") as simulator:
        world = World(os.fspath(tmp_path), simulator)
        done = world.run("init", *flags(world), given=credentials(world))
        assert (done.code, "scopes allow only" in done.err) == (77, True)
        assert "store its refresh token: run tastyauth init again\n" in done.err
        assert "or run tastyauth init again with --scopes read,trade\n" in done.err
        assert "secret set" not in done.err
        assert simulator.token_requests == 0
        with sitting(world, "init", *custom(world)) as it:
            answer_all(it, world)
            it.expect("the grant allows read and trade, but the profile's scopes allow only")
            it.expect("hint: nothing was stored\r\ntastyauth:   1. tick read alone")
            it.expect("store its refresh token: enter it below")
            it.expect("or answer y to the question about orders")
            it.answer(TOKEN, "")
            it.answer(SECRET, "")
            it.answer(TRADES, "y")
            it.expect("next, type: ")
            assert it.end() == 0
        assert b"scopes" not in (everything(world.config_directory)[world.config] or b"scopes")
        done = world.run(
            "init", "-p", "b", *flags(world), "--scopes", "read,trade", given=credentials(world)
        )
        assert done.code == 0, done.err


def test_what_was_answered_about_orders_is_kept(tmp_path: os.PathLike[str]) -> None:
    """Enter keeps it, like each other answer, after the server has refused the secret."""
    with Simulator(scopes="openid") as simulator:
        world = World(os.fspath(tmp_path), simulator)
        with sitting(world, "init", *custom(world)) as it:
            it.answer(TOKEN, world.refresh_token)
            it.answer(RIGHT, "")
            it.answer(SECRET, "0" * 40)
            it.answer(TRADES, "y")
            it.answer(STORE, "")
            it.expect("this grant allows only openid, so the broker will refuse orders")
            it.expect("Client secret mismatch")
            it.answer(TOKEN, "")
            it.answer(SECRET, world.client_secret)
            it.answer(TRADES.replace("y/N", "Y/n"), "")
            it.expect("next, type: ")
            assert it.end() == 0
    assert b"scopes" not in (everything(world.config_directory)[world.config] or b"scopes")


def test_a_grant_that_only_reads_for_a_profile_that_trades_is_warned_of(newcomer: World) -> None:
    done = newcomer.run("init", *flags(newcomer), "--scopes", "any", given=credentials(newcomer))
    assert (done.code, done.err.count("the broker will refuse orders")) == (0, 1)
    read = ("-p", "b", *flags(newcomer), "--scopes", "read")
    done = newcomer.run("init", *read, given=credentials(newcomer))
    assert (done.code, "refuse orders" in done.err) == (0, False)


def test_a_slash_at_the_end_of_the_url_makes_no_difference(newcomer: World) -> None:
    words = [f"{it}/" if it.startswith("http") else it for it in flags(newcomer)]
    done = newcomer.run("init", *words, given=credentials(newcomer))
    assert done.code == 0, done.err
    config = everything(newcomer.config_directory)[newcomer.config] or b""
    assert f"api_url: {newcomer.simulator.origin}\n".encode() in config


# -- what is written ------------------------------------------------------------------------------


def test_everything_that_is_written_is_its_owners_alone(newcomer: World) -> None:
    script = 'umask 000; exec "$@"'
    words = ("/bin/sh", "-c", script, "sh", f"{newcomer.home}/bin/tastyauth", "init")
    done = newcomer.run_program(*words, *flags(newcomer), given=credentials(newcomer))
    assert done.code == 0, done.err
    assert modes(newcomer.config_directory) == {
        ".": 0o700,
        "tastyauth.yaml": 0o600,
        "tastyauth.schema.json": 0o600,
        "live.client-secret": 0o600,
        "live.refresh-token": 0o600,
    }
    assert modes(f"{newcomer.home}/.config")["."] == 0o700


def test_the_config_is_no_more_than_the_readme_says(newcomer: World) -> None:
    assert newcomer.run("init", *flags(newcomer), given=credentials(newcomer)).code == 0
    lines = content(newcomer.config).splitlines()
    assert lines == [
        "# yaml-language-server: $schema=tastyauth.schema.json",
        "version: 1",
        "profiles:",
        "  live:",
        "    environment: custom",
        f"    api_url: {newcomer.simulator.origin}",
        f"    client_id: {newcomer.simulator.application.client_id}",
        "    client_secret: { file: live.client-secret }",
        "    refresh_token: { file: live.refresh-token }",
        "    scopes: [read]",
    ]
    assert newcomer.run("validate", newcomer.config).code == 0
    schema = everything(newcomer.config_directory)[
        f"{newcomer.config_directory}/tastyauth.schema.json"
    ]
    assert schema == newcomer.run("schema").out.encode()


@pytest.mark.parametrize(
    ("variables", "next_line"),
    [
        ({"SHELL": "/usr/bin/fish"}, "tastyauth env --format fish | source"),
        ({"SHELL": "/bin/tcsh"}, "eval `tastyauth env --format csh`"),
        ({"SHELL": "/bin/zsh"}, "eval $(tastyauth env)"),
    ],
)
def test_what_to_type_next_is_in_the_words_of_the_users_shell(
    newcomer: World, variables: Mapping[str, str], next_line: str
) -> None:
    done = newcomer.run("init", *flags(newcomer), given=credentials(newcomer), **variables)
    assert done.err.endswith(f"tastyauth: next, type: {next_line}\n")


def test_a_config_of_a_project_works_from_below_without_being_allowed(newcomer: World) -> None:
    done = newcomer.run(
        "init", "--config", "tastyauth.yaml", *flags(newcomer), given=credentials(newcomer)
    )
    assert done.err.endswith("next, type: eval $(tastyauth env)\n")
    assert newcomer.shell("eval $(tastyauth env)").code == 0


def test_a_config_that_is_not_found_from_here_is_named_in_what_to_type(newcomer: World) -> None:
    path = f"{newcomer.root}/my bots/tt.yaml"
    done = newcomer.run("init", "--config", path, *flags(newcomer), given=credentials(newcomer))
    assert done.code == 0
    line = done.err.splitlines()[-1].removeprefix("tastyauth: next, type: ")
    assert line == f"eval $(tastyauth env --config '{path}')"
    assert newcomer.shell(line).code == 0


def test_where_a_config_of_the_project_comes_first_ones_own_is_named(newcomer: World) -> None:
    newcomer.write(f"{newcomer.project}/tastyauth.yaml", "version: 1\n")
    done = newcomer.run("init", *flags(newcomer), given=credentials(newcomer))
    assert done.code == 0
    line = done.err.splitlines()[-1].removeprefix("tastyauth: next, type: ")
    assert line == f"eval $(tastyauth env --config {newcomer.config})"
    assert newcomer.shell(line).code == 0


def test_in_a_repository_git_is_kept_from_the_secrets(newcomer: World) -> None:
    os.mkdir(f"{newcomer.project}/.git")
    done = newcomer.run(
        "init", "--config", "tastyauth.yaml", *flags(newcomer), given=credentials(newcomer)
    )
    command = done.err.partition("make git ignore them: ")[2].partition("\n")[0]
    newcomer.write(f"{newcomer.project}/.gitignore", "*.log")
    assert newcomer.shell(command).code == 0
    assert (
        content(f"{newcomer.project}/.gitignore")
        == "*.log\nlive.client-secret\nlive.refresh-token\n"
    )


# -- by flags -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "given", "code", "said"),
    [
        ("", "", 2, "--environment"),
        ("--environment production", "", 2, "--store"),
        ("--environment custom --api-url {url} --store file", "a\nb\n", 2, "--client-id"),
        ("--environment production --store file", "", 2, "no client secret"),
        ("--environment production --client-id {id} --store file", "x", 2, "no refresh token"),
        ("--environment custom --client-id {id} --store file", "", 2, "--api-url"),
        ("--environment sandbox --api-url {url} --client-id {id}", "", 2, "--api-url"),
        ("--environment custom --api-url ftp://x --client-id {id} --store file", "", 2, "https://"),
        ("--environment production --client-id 1 --store file", "", 77, "not a client ID"),
        ("-p a/b --environment production --client-id {id} --store file", "", 2, "profile"),
        ("--environment production --client-id {id} --store pass", "", 69, "pass init"),
        ("--environment production --client-id {id} --store keyring", "", 69, "keyring"),
        ("--from no/.env", "", 69, "does not exist"),
        ("--client-secret x", "", 2, "--client-secret"),
    ],
)
def test_what_is_missing_is_named_and_nothing_is_written(
    newcomer: World, words: str, given: str, code: int, said: str
) -> None:
    before = everything(newcomer.root)
    application = newcomer.simulator.application
    filled = words.format(id=application.client_id, url=newcomer.simulator.origin)
    done = newcomer.run("init", *filled.split(), given=given)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert everything(newcomer.root) == before
    assert newcomer.simulator.token_requests == 0


def test_a_name_that_cannot_be_is_shown(newcomer: World) -> None:
    done = newcomer.run("init", "-p", "../x", *flags(newcomer), given=credentials(newcomer))
    assert done.code == 2
    assert 'error: "../x" cannot be the name of a profile' in done.err


def test_an_annotated_example_is_printed(newcomer: World) -> None:
    assert newcomer.run("init", "--print").out == content(f"{REPOSITORY}/tastyauth.yaml.example")


def test_the_page_is_opened_when_it_is_asked_for(newcomer: World) -> None:
    browser = newcomer.script("browser", f'echo "$*" >{newcomer.root}/opened')
    with sitting(newcomer, "init", "--browser", BROWSER=browser) as it:
        it.expect(TOKEN)
    assert content(f"{newcomer.root}/opened") == f"{APPLICATIONS_PAGE}\n"
