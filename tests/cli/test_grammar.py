"""The one grammar of the command line, before anything is done."""

from collections.abc import Sequence

import pytest
from tables import for_each
from world import World

from tastyauth.cli import grammar
from tastyauth.cli.command import Arguments
from tastyauth.cli.commands import COMMANDS, GROUPS
from tastyauth.cli.grammar import Shown
from tastyauth.errors import UsageError

SECRET = "5f1c9a7e3b8d2046c7a1e95b0d4f8326a1b2c3d4"
COMMON = {"config": None, "profile": None, "quiet": False, "verbose": False, "color": "auto"}


def parse(words: Sequence[str]) -> Arguments:
    return grammar.parse(grammar.read(words))


def common(arguments: Arguments) -> dict[str, object]:
    return {name: getattr(arguments, name) for name in COMMON}


FLAGS = [
    (["--config", "a.yaml"], {"config": "a.yaml"}),
    (["--config=a.yaml"], {"config": "a.yaml"}),
    (["-p", "live"], {"profile": "live"}),
    (["-plive"], {"profile": "live"}),
    (["--profile", "live"], {"profile": "live"}),
    (["--profile=live"], {"profile": "live"}),
    (["--quiet"], {"quiet": True}),
    (["-q"], {"quiet": True}),
    (["-v", "--color", "never"], {"verbose": True, "color": "never"}),
    (["-qvplive"], {"quiet": True, "verbose": True, "profile": "live"}),
    (["-qvp", "live"], {"quiet": True, "verbose": True, "profile": "live"}),
]


@for_each(("flags", "meaning"), FLAGS)
def test_a_common_flag_means_the_same_before_and_after(
    flags: list[str], meaning: dict[str, object]
) -> None:
    for words in ([*flags, "env"], ["env", *flags], [*flags, "env", "--unset"]):
        arguments = parse(words)
        assert common(arguments) == COMMON | meaning
        assert (arguments.command, arguments.format) == ("env", "sh")


def test_flags_before_and_after_go_together_and_the_last_one_counts() -> None:
    arguments = parse(["-q", "-p", "live", "env", "-p", "paper", "-v"])
    assert common(arguments) == COMMON | {"quiet": True, "verbose": True, "profile": "paper"}


def test_without_flags_everything_has_its_default() -> None:
    assert common(parse(["env"])) == COMMON


@for_each(
    ("words", "argv", "profile"),
    [
        (["exec", "--", "bot"], ["bot"], None),
        (["exec", "-p", "live", "--", "bot", "-p", "9"], ["bot", "-p", "9"], "live"),
        (["-p", "live", "exec", "--", "--help"], ["--help"], "live"),
        (["exec", "--", "env", "--", "x"], ["env", "--", "x"], None),
        (["exec", "--", ""], [""], None),
        (["exec", "--"], [], None),
        (["exec"], [], None),
    ],
)
def test_what_follows_the_dashes_belongs_to_the_command(
    words: list[str], argv: list[str], profile: str | None
) -> None:
    arguments = parse(words)
    assert (arguments.argv, arguments.profile) == (argv, profile)


def mistake(words: Sequence[str]) -> UsageError:
    with pytest.raises(UsageError) as caught:
        parse(words)
    assert caught.value.exit_code == 2
    assert caught.value.hint
    return caught.value


@for_each(
    "words",
    [
        ["--conf", "a.yaml", "env"],
        ["env", "--prof", "live"],
        ["env", "--uns"],
        ["env", "--format=xml"],
        ["env", "--format"],
        ["--color", "sometimes", "env"],
        ["env", "more"],
        ["env", "-x"],
        ["exec", "bot"],
        ["no-secrets"],
        ["env", "--", "bot"],
        ["-p"],
    ],
)
def test_a_mistake_is_reported_with_what_to_do(words: list[str]) -> None:
    mistake(words)


@for_each(
    ("words", "advice"),
    [
        (["en"], "tastyauth env"),
        (["validat"], "tastyauth validate"),
        (["xyz"], "--help"),
        (["env", "--unsett"], "--unset"),
        (["no-secrets", "--forma"], "--format"),
        (["hook", "--profil", "live"], "--profile"),
        (["env", "--confg", "a"], "--config"),
        (["exec", "-q", "bot", "--x"], "tastyauth exec -q -- bot --x"),
        (["exec", "bot", "--", "-x", "y z"], "tastyauth exec -p bot -- -x 'y z'"),
        (["exec", "-q", "paper", "--", "ls"], "did you mean: tastyauth exec -q -p paper -- ls"),
        (["exec", "./bot", "--", "ls"], "tastyauth exec -- ./bot ls"),
        (["secret"], "write: tastyauth secret set"),
        (["hook"], "write: tastyauth hook bash (or zsh, fish)"),
        (["validate", "--profile"], "see: tastyauth validate --help"),
        (["env", "--foo"], "see: tastyauth env --help"),
        (["env", "paper"], "tastyauth env -p paper"),
        (["hook", "bash", "paper"], "tastyauth hook bash -p paper"),
        (["login"], "tastyauth init"),
        (["list"], "tastyauth status"),
        (["switch", "paper"], "eval $(tastyauth env -p paper)"),
        (["logout"], "eval $(tastyauth env --unset)"),
        (["version"], "tastyauth --version"),
        (["help"], "tastyauth --help"),
        (["help", "env"], "tastyauth env --help"),
        (["run", "bot"], "tastyauth exec -- bot"),
        (["shell", "paper"], "tastyauth exec -p paper"),
        (["--unset", "env"], "tastyauth env --unset"),
        (["--format", "json", "env"], "tastyauth env --format"),
    ],
)
def test_what_was_meant_is_named(words: list[str], advice: str) -> None:
    assert advice in mistake(words).hint


@for_each(
    "words",
    [
        [SECRET],
        ["env", SECRET],
        ["env", f"--refresh-token={SECRET}"],
        ["env", "--format", SECRET],
        ["--color", SECRET, "env"],
        ["env", f"--unset={SECRET}"],
    ],
)
def test_a_secret_on_the_command_line_is_not_repeated(words: list[str]) -> None:
    """No flag takes one; somebody will try."""
    error = mistake(words)
    assert SECRET[:8] not in error.message + error.hint


def shown(words: Sequence[str]) -> str:
    with pytest.raises(Shown) as caught:
        parse(words)
    return str(caught.value)


@for_each("words", [[], ["--help"], ["-h"], ["-q"], ["--profile", "live"]])
def test_without_a_command_the_help_is_shown(words: list[str]) -> None:
    text = shown(words)
    for group in GROUPS:
        listed = text.partition(f"\n{group}:\n")[2].partition("\n\n")[0]
        names = [line.split()[0] for line in listed.splitlines()]
        assert names == [each.name for each in COMMANDS.values() if each.group == group]
    assert text.endswith("\n")


def test_the_groups_are_listed_in_the_order_of_use() -> None:
    assert GROUPS == ("use", "set up", "trust", "look closer")


@for_each("words", [["env", "--help"], ["env", "-h"], ["env", "--unset", "-h"]])
def test_a_command_has_a_help_of_its_own(words: list[str]) -> None:
    text = shown(words)
    assert text.startswith("usage: tastyauth env ")
    for part in ("print the exports", "in a script", "--format", "--unset", "--profile"):
        assert part in text


@for_each("words", [["--version"], ["env", "--version"], ["-q", "--version"]])
def test_the_version_is_shown_anywhere(words: list[str]) -> None:
    name, version = shown(words).split()
    assert name == "tastyauth"
    assert version[0].isdigit()


@for_each(
    ("words", "expected"),
    [
        ([], None),
        (["env"], "env"),
        (["-q", "env"], "env"),
        (["-p", "live", "env"], "env"),
        (["--config", "env", "token"], "token"),
        (["--config=env", "token"], "token"),
        (["--color", "never", "--profile", "exec", "token"], "token"),
        (["-plive", "token"], "token"),
        (["-p"], None),
        (["--nonsense", "env"], "env"),
        (["--format", "json", "env"], "env"),
        (["-qp", "live", "env"], "env"),
    ],
)
def test_the_command_is_the_first_word_that_is_no_flag(
    words: list[str], expected: str | None
) -> None:
    assert grammar.read(words).command == expected


@pytest.mark.parametrize(
    "words",
    [
        "env --nonsense",
        "env --format xml",
        "--nonsense env",
        "--min-valid 60 env",
        "--format sh env",
        "-qp live env x",
    ],
)
def test_whatever_is_wrong_with_a_line_that_says_env_makes_eval_fail(
    world: World, words: str
) -> None:
    script = f'eval $(tastyauth {words}); echo "$? ${{TASTYTRADE_ACCESS_TOKEN-gone}}"'
    assert world.shell(script, TASTYTRADE_ACCESS_TOKEN="stale").out == "2 gone\n"
