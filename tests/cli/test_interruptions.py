"""Giving up at any question leaves an echoing terminal and everything as it was."""

import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from sitting import (
    CLIENT_ID,
    CTRL_BACKSLASH,
    CTRL_C,
    CTRL_D,
    CTRL_Z,
    ENVIRONMENT,
    RIGHT,
    SECRET,
    STORE,
    TOKEN,
    TRADES,
    UNKNOWN_TOKEN,
    Sitting,
    custom,
    everything,
    holding,
    shell_of,
    sitting,
    watched,
)
from terminals import spawned
from world import COMMAND, World, until

SHELLS = (("/bin/bash", "--norc", "-i"), ("/bin/dash", "-i"))


def answers(world: World, *, is_said: bool = True) -> tuple[tuple[str, str], ...]:
    """The questions of `init` in their order, and what is answered.

    `is_said`: the refresh token says where it belongs.
    """
    return (
        (TOKEN, world.refresh_token if is_said else UNKNOWN_TOKEN),
        *(
            ((RIGHT, "y"),)
            if is_said
            else ((ENVIRONMENT, "sandbox"), (CLIENT_ID, world.simulator.application.client_id))
        ),
        (SECRET, world.client_secret),
        (TRADES, ""),
        (STORE, "file"),
    )


def go_to(question: str, it: Sitting, world: World) -> None:
    """Answers what comes before the question, and waits for it."""
    for asked, answer in answers(world, is_said=question not in (ENVIRONMENT, CLIENT_ID)):
        if asked == question:
            it.expect(question)
            return
        it.answer(asked, answer)


QUESTIONS = (TOKEN, RIGHT, ENVIRONMENT, CLIENT_ID, SECRET, TRADES, STORE)
KEYS = ((CTRL_C, 130), (CTRL_BACKSLASH, 131), (CTRL_D, 2))
NAMES = ("Ctrl-C", "Ctrl-backslash", "Ctrl-D")


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(("key", "code"), KEYS, ids=NAMES)
def test_giving_up_leaves_nothing_behind(
    newcomer: World, question: str, key: str, code: int
) -> None:
    before = everything(newcomer.root)
    with watched(newcomer, "init") as it:
        go_to(question, it, newcomer)
        assert it.give_up(key) == (code, True)
    assert everything(newcomer.root) == before
    if key == CTRL_D:
        asked = re.split(r" [(\[]", question)[0].removesuffix(": ")
        said = it.shown.partition("error: no ")[2]
        assert asked in said
        assert "hint: nothing was changed; run tastyauth init again\n" in said
    assert newcomer.simulator.token_requests == 0


@pytest.mark.parametrize("question", QUESTIONS)
def test_giving_up_a_second_profile_leaves_the_first_as_it_was(world: World, question: str) -> None:
    before = everything(world.root)
    with watched(world, "init", "-p", "paper") as it:
        go_to(question, it, world)
        assert it.give_up(CTRL_C) == (130, True)
    assert everything(world.root) == before


@pytest.mark.parametrize("question", [SECRET, TOKEN])
@pytest.mark.parametrize(("key", "code"), KEYS, ids=NAMES)
def test_giving_up_new_secrets_leaves_the_old_ones(
    world: World, question: str, key: str, code: int
) -> None:
    before = everything(world.root)
    with watched(world, "secret", "set") as it:
        if question == TOKEN:
            it.answer(SECRET, "another")
        it.expect(question)
        it.press("half typed")
        if key == CTRL_D:  # the first hands over what was typed, the second ends the input
            it.press(key)
        assert it.give_up(key) == (code, True)
    assert everything(world.root) == before
    assert world.simulator.token_requests == 0
    assert "half typed" not in it.shown


def test_giving_up_while_the_server_is_asked_stores_nothing(newcomer: World) -> None:
    newcomer.simulator.fail = "slow"
    with watched(newcomer, "init", *custom(newcomer)) as it:
        for question, answer in answers(newcomer):
            it.answer(question, answer)
        newcomer.token_requested(0)
        assert it.give_up(CTRL_C) == (130, True)
    assert not os.path.exists(newcomer.config_directory)
    assert holding(newcomer.root, newcomer) == []


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: os.path.basename(shell[0]))
def test_a_secret_is_unseen_after_the_command_was_stopped_for_a_while(
    world: World, shell: tuple[str, ...]
) -> None:
    """A shell hands its terminal back with the echo on."""
    with shell_of(world, *shell) as it:
        it.press("tastyauth secret set\n")
        it.expect(SECRET)
        it.press(CTRL_Z)
        it.answer("ready> ", "echo seen; stty -a | tr ' ;' '\\n\\n' | grep echo$")
        it.expect("seen\r\n")
        it.expect("echo\r\n")
        it.answer("ready> ", "fg")
        it.answer(SECRET, world.client_secret)
        it.answer(TOKEN, world.refresh_token)
        it.expect("stored the refresh token")
        it.expect("ready> ")
    assert "-echo" not in it.shown
    assert world.client_secret not in it.shown
    assert world.refresh_token not in it.shown


@pytest.mark.parametrize("started", [sitting, watched], ids=["alone", "in a shell without jobs"])
def test_a_secret_is_unseen_where_nothing_can_be_stopped(
    world: World, started: Callable[..., AbstractContextManager[Sitting]]
) -> None:
    """In a container or at the end of `ssh -t`: the system stops no orphaned process group."""
    with started(world, "secret", "set") as it:
        for question, secret in ((SECRET, world.client_secret), (TOKEN, world.refresh_token)):
            it.expect(question)
            it.press(CTRL_Z)
            it.answer(question, secret)
        it.expect("stored the refresh token")
    assert world.client_secret not in it.shown
    assert world.refresh_token not in it.shown


def test_a_terminal_that_hangs_up_has_given_up(world: World) -> None:
    before = everything(world.config_directory)
    with shell_of(world, "/bin/bash", "--norc", "-i") as it:
        it.press("trap : HUP; tastyauth secret set; echo $? >code\n")
        it.expect(SECRET)
        it.hang_up()
        until(lambda: everything(world.project) == {f"{world.project}/code": b"2\n"})
    assert everything(world.config_directory) == before


def test_a_window_that_is_closed_is_no_bug(world: World) -> None:
    """The first process in it gets SIGCONT beside SIGHUP, and hides nothing any more."""
    with spawned(world, COMMAND, "secret", "set") as terminal:
        terminal.expect_exact(SECRET)
        terminal.close()
        assert (terminal.exitstatus, terminal.signalstatus) == (129, None)


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: os.path.basename(shell[0]))
def test_giving_up_an_eval_leaves_no_old_token(world: World, shell: tuple[str, ...]) -> None:
    world.simulator.fail = "slow"
    with shell_of(world, *shell, TASTYTRADE_ACCESS_TOKEN="old") as it:
        it.press('eval $(tastyauth env); echo "ended with $? ${TASTYTRADE_ACCESS_TOKEN-gone}"\n')
        world.token_requested(0)
        it.press(CTRL_BACKSLASH)
        it.expect("ended with 131 gone\r\n")


@pytest.mark.parametrize(
    "words", ["secret set 2>said", "secret set 2>&1 | tee said", "init -p new {flags} 2>said"]
)
def test_where_nothing_is_asked_no_secret_is_typed_visibly(world: World, words: str) -> None:
    flags = f"{' '.join(custom(world))} --store file --client-id "
    flags += world.simulator.application.client_id
    with shell_of(world, "/bin/dash", "-i") as it:
        it.press(f"tastyauth {words.format(flags=flags)}; echo o''ver\n")
        it.expect("over\r\n")
    with open(f"{world.project}/said", encoding="utf-8") as file:
        assert "your typing would be visible" in file.read()


@pytest.mark.parametrize("variable", ["CI", "TASTYAUTH_NON_INTERACTIVE"])
def test_where_asking_is_forbidden_no_secret_is_typed_visibly_either(
    world: World, variable: str
) -> None:
    with sitting(world, "secret", "set", **{variable: "1"}) as it:
        it.expect("your typing would be visible")
        assert it.end() == 2
