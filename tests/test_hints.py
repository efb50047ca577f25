"""Hints can be followed to the letter: all of them are in one table, and their commands are run."""

import ast
import json
import os
import re
import shlex
from collections.abc import Iterator
from itertools import chain

import pytest
from golden import Golden
from tables import words
from world import CONFIG, REPOSITORY, World

import tastyauth
from tastyauth import errors
from tastyauth.cli.commands import COMMANDS
from tastyauth.errors import RefusedError
from tastyauth.secret import addressed
from tastyauth.validation import problem, schema

TABLE = f"{REPOSITORY}/tests/hints.txt"

RAISED = {
    *(name for name, it in vars(errors).items() if isinstance(it, type)),
    *("MovedError", "RotatedError", "Verdict", "Check", "warned", "type(error)", "kind", "error"),
}
"""What is called with a message and a hint; `error` is that of the console."""

UNKNOWN = {
    "CMD": "the user's own program",
    "GPG-ID": "the user's own key",
    "PIECE-": "what split is to call the pieces",
    "NAME=value": "variables of the user's own",
    "NAME=": "the name that a value was pasted with",
    "NAME": "a profile that does not exist yet",
    "TOKEN": "what the program has",
    "PATH": "the variable, or a file that a unit may have anywhere",
}
"""Words in capitals that stand for what nobody can know, and what that is."""

_WORDS = words("PEM JSON UUID RFC TMPDIR API SSL UTF ID CI URL TLS WSL YAML BOM")
"""Words in capitals that are only that."""

_HINT = re.compile("hint|advice|remedy|_LITERALS|_IN_ARGUMENTS|^help$")
"""What a hint is called where it is not given to an exception at once."""

_PLACEHOLDER = re.compile(r"(?<![\w$/.-])[A-Z][A-Z-]{2,}(?:=value|=)?(?![\w.])|\.\.\.|…")

_COMMAND = re.compile(
    r"tastyauth [a-z][a-z-]+(?: set)?"
    r"(?: --(?:print|undo|cron|refresh|only (?:refresh_token|client_secret))(?![\w-]))*"
    r"(?: -- true)?"
)


def sources() -> Iterator[tuple[str, ast.Module]]:
    for directory, _, names in os.walk(f"{REPOSITORY}/tastyauth"):
        for name in sorted(names):
            path = os.path.join(directory, name)
            if name.endswith(".py") and not path.endswith("cli/commands.py"):
                with open(path, encoding="utf-8") as file:
                    yield os.path.relpath(path, f"{REPOSITORY}/tastyauth"), ast.parse(file.read())


def hints() -> list[str]:
    """Where each hint is, and how it is written; what hints share follows below its name."""
    found = []
    for module, tree in sources():
        constants = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        used: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in RAISED:
                given = [it.value for it in node.keywords if it.arg == "hint"]
                written = [
                    *node.args[-1 if "Verdict" in ast.unparse(node.func) else 1 :][:1],
                    *given,
                ]
                for it in written:
                    found.append(f"{module}: {ast.unparse(it)}")
                    used |= {name.id for name in ast.walk(it) if isinstance(name, ast.Name)}
            if isinstance(node, ast.Assign) and _HINT.search(ast.unparse(node.targets[0])):
                found.append(f"{module}: {ast.unparse(node.value)}")
        found += [
            f"{module}: {it} = {ast.unparse(constants[it])}" for it in used if it in constants
        ]
    helps = chain.from_iterable(texts[2:] for *_, texts in problem.table().values())
    found += [f"validation/problems.txt: {it!r}" for it in helps]
    found += [f"schema/tastyauth.schema.json: {it!r}" for it in advice(schema.root())]
    return sorted(set(found))


def advice(node: object, is_advice: bool = False) -> Iterator[str]:
    """What a part of the schema has a report say to do."""
    if isinstance(node, dict):
        for key, inner in node.items():
            said = key in ("help", "x-help", "x-leaked", "x-unneeded")
            yield from advice(inner, is_advice or said)
    elif isinstance(node, list):
        for inner in node:
            yield from advice(inner, is_advice)
    elif is_advice:
        yield str(node)


def texts() -> list[str]:
    """Every text of the package that is shown, not those that only document it."""
    found = []
    for _, tree in sources():
        said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in said
            ):
                found.append(node.value)
    for path in ("tastyauth/validation/explain.md", "tastyauth/validation/problems.txt"):
        with open(f"{REPOSITORY}/{path}", encoding="utf-8") as file:
            found.append(file.read())
    return [*found, json.dumps(schema.root())]


def test_every_hint_is_in_the_table(golden: Golden) -> None:
    golden(TABLE, "".join(f"{line}\n" for line in hints()))


def test_no_hint_leaves_open_what_is_known() -> None:
    left_open = set()
    for line in hints():
        for node in ast.walk(ast.parse(line.partition(": ")[2].replace("*verdict", "verdict"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                left_open |= {(it, line) for it in _PLACEHOLDER.findall(node.value)}
    assert [it for it in sorted(left_open) if it[0] not in {*UNKNOWN, *_WORDS}] == []


def test_only_a_profile_that_does_not_exist_yet_is_called_name() -> None:
    """`NAME` is among the words that stand for what nobody can know, but not for other commands."""
    found = [it for it in texts() if re.search(r"(?:-p|--profile) [A-Z]{3}", it)]
    hints_alone = [it for it in found if len(it) < 1000]  # the rest are pages and the schema
    assert hints_alone
    assert [it for it in hints_alone if re.search(r"(?<!init )(?:-p|--profile) [A-Z]{3}", it)] == []


def test_no_hint_prints_a_token_or_a_secret() -> None:
    printing = r"tastyauth token(?! is)|(?:keyring get|pass show)\b(?!.*/dev/null)"
    assert [line for line in hints() if re.search(printing, line)] == []


def commands() -> list[str]:
    """What hints and remarks have the user type."""
    found = {it.strip() for text in texts() for it in _COMMAND.findall(text)}
    served = "tastyauth simulator"  # no hint; it would never end, and is in cli/test_demo.py
    return sorted(it for it in found - {served} if it.split()[1] in COMMANDS)


CODES = {
    "tastyauth init": (0,),
    "tastyauth exec": (2,),
    "tastyauth secret set --undo": (69,),
    "tastyauth hook": (2,),
}
"""How a command ends that is not over with 0: there is nothing to run, and nothing to undo."""


def test_every_command_of_a_hint_can_be_typed(world: World) -> None:
    """In a world where all is well, for the profile that the hint is about."""
    both = f"{world.client_secret}\n{world.refresh_token}\n"
    found = commands()
    assert len(found) > 10
    for command in found:
        words = shlex.split(addressed(command, "-p live"))[1:]
        given = f"{getattr(world, words[-1])}\n" if "--only" in words else both
        done = world.run(*words, given=given)
        assert done.code in CODES.get(command, (0,)), (command, done.err)
        assert "does not take" not in done.err


ADDRESSED = (
    ("store it: tastyauth secret set", "store it: tastyauth secret set -p paper"),
    ("tastyauth exec -- CMD", "tastyauth exec -p paper -- CMD"),
    (
        "tastyauth secret set --only refresh_token",
        "tastyauth secret set -p paper --only refresh_token",
    ),
    (
        "tastyauth secret set -p live; or tastyauth clear",
        "tastyauth secret set -p live; or tastyauth clear -p paper",
    ),
    ("make one: tastyauth init", "make one: tastyauth init -p paper"),
    ("see: tastyauth env --help", "see: tastyauth env --help"),
    ("tastyauth exec -- bot -p 9", "tastyauth exec -p paper -- bot -p 9"),
    ("tastyauth status lists them", "tastyauth status lists them"),
    ("see: tastyauth validate a.yaml", "see: tastyauth validate a.yaml"),
)


@pytest.mark.parametrize(("hint", "followed"), ADDRESSED)
def test_the_profile_is_filled_in(hint: str, followed: str) -> None:
    assert addressed(hint, "-p paper") == followed


@pytest.mark.parametrize(
    ("hint", "followed"),
    [
        ("eval $(tastyauth env -p a)", "eval $(tastyauth env --config 'b c' -p a)"),
        ("tastyauth init --config d", "tastyauth init -p paper --config d"),
        ("tastyauth clear --profile a", "tastyauth clear --config 'b c' --profile a"),
        ("tastyauth allow", "tastyauth allow -p paper --config 'b c'"),
    ],
)
def test_only_the_flag_that_is_lacking_is_filled_in(hint: str, followed: str) -> None:
    assert addressed(hint, "-p paper --config 'b c'") == followed


@pytest.mark.parametrize(
    ("field", "advice"),
    [
        ("client_id", "store it there; or correct the reference in the config"),
        ("client_secret", "tastyauth secret set -p live --only client_secret; or correct"),
        ("refresh_token", "tastyauth secret set -p live --only refresh_token; or correct"),
    ],
)
def test_a_missing_file_is_stored_by_a_command_where_there_is_one(
    field: str, advice: str, world: World
) -> None:
    with open(world.config, encoding="utf-8") as file:
        config = file.read()
    world.write(world.config, re.sub(f"( {field}:) .*", r"\1 { file: nowhere }", config))
    done = world.run("token")
    assert (done.code, f"{field}: file " in done.err, advice in done.err) == (69, True, True)


@pytest.mark.parametrize(
    ("words", "flags"),
    [
        ((), "-p live"),
        (("-p", "paper"), "-p paper"),
        (("--config", "{config}"), "-p live --config {config}"),
    ],
)
def test_a_hint_is_about_the_profile_and_the_config_of_the_run(
    words: tuple[str, ...], flags: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper = CONFIG.partition("  live:")[2]
    world.configure(f"default_profile: live\n{CONFIG}  paper:{paper}")
    world.simulator.fail = "grant-revoked"
    done = world.run("env", *(it.format(config=world.config) for it in words))
    expected = f"tastyauth secret set {flags.format(config=world.config)} --only refresh_token"
    assert expected in done.err
    monkeypatch.setenv("HOME", world.home)
    monkeypatch.chdir(world.project)
    with pytest.raises(RefusedError) as caught:
        tastyauth.get_credential("paper")
    assert "tastyauth secret set -p paper --only refresh_token" in caught.value.hint
