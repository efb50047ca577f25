"""The table of commands repeats what other modules say, so that the help need not load them."""

import re

import pytest
from tables import for_each

from tastyauth import cli, session, shells
from tastyauth.cli import interview, secret
from tastyauth.cli.command import Argument, min_valid
from tastyauth.cli.commands import COMMANDS
from tastyauth.config import trust
from tastyauth.shells import hook
from tastyauth.simulator import FAILURES


def argument(command: str, name: str) -> Argument:
    return next(each for each in COMMANDS[command].arguments if name in each.names.split())


@for_each(
    ("command", "name", "choices"),
    [
        ("env", "--format", shells.FORMATS),
        ("hook", "shell", tuple(hook.USAGE)),
        ("hook", "--answer", hook.CASES),
        ("init", "--store", tuple(interview.STORES)),
        ("secret", "--only", secret.SECRETS),
        ("simulator", "--fail", tuple(FAILURES)),
    ],
)
def test_the_choices_are_those_of_the_module_that_acts_on_them(
    command: str, name: str, choices: tuple[str, ...]
) -> None:
    assert argument(command, name).options == choices


def test_the_help_of_the_simulator_describes_every_failure() -> None:
    details = COMMANDS["simulator"].details
    assert tuple(re.findall(r"^  ([a-z0-9-]+) +(?:\d{3}, |an answer)", details, re.M)) == FAILURES


def test_the_longest_min_valid_is_that_of_the_session() -> None:
    assert min_valid(str(session.LONGEST_MIN_VALID)) == session.LONGEST_MIN_VALID
    with pytest.raises(ValueError, match=f"0 to {session.LONGEST_MIN_VALID} seconds"):
        min_valid(str(session.LONGEST_MIN_VALID + 1))


def test_the_variable_that_approves_is_named() -> None:
    assert trust.HASH_VARIABLE in argument("allow", "--print").help


@for_each("command", COMMANDS)
def test_every_command_can_be_run(command: str) -> None:
    assert callable(cli.runner(command))
