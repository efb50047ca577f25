"""The README says what is: its tables are made from the product, and its blocks are run.

`scripts/test --write tests/test_readme.py` renews the tables and the help.
"""

import ast
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from glob import glob

import pytest
from golden import Golden
from needs import missing
from world import REPOSITORY, World

from tastyauth.validation import explain

README = f"{REPOSITORY}/README.md"

NOT_RUN = {
    ("powershell", "Remove-Item"): "PowerShell cannot be had for the tests, and the README says so",
}
"""Blocks that nothing runs, and why."""


def text() -> str:
    with open(README, encoding="utf-8") as file:
        return file.read()


def blocks() -> list[tuple[str, str]]:
    """The fenced blocks: their language and what they hold."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text(), re.MULTILINE | re.DOTALL)


def section(title: str) -> str:
    """What stands below a heading, up to the next one of its level."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text(), re.MULTILINE | re.DOTALL)
    assert found, f"README.md has no section {title}"
    return found[1]


def kept(title: str, made: str, golden: Golden) -> None:
    """What is made from the product is between the two marks of that title."""
    begin, end = f"<!-- made: {title} -->\n", "<!-- end -->"
    before, _, rest = text().partition(begin)
    golden(README, f"{before}{begin}{made}{end}{rest.partition(end)[2]}")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


# -- what is made from the product ----------------------------------------------------------------


def schema() -> dict[str, dict[str, dict[str, str]]]:
    with open(f"{REPOSITORY}/schema/tastyauth.schema.json", encoding="utf-8") as file:
        found: dict[str, dict[str, dict[str, str]]] = json.load(file)
    return found


def in_cell(words: str) -> str:
    return words.replace("|", "\\|")


def described(
    properties: dict[str, dict[str, str]], required: Sequence[str]
) -> Iterator[list[str]]:
    for name, each in properties.items():
        yield [f"`{name}`", "yes" if name in required else "", in_cell(each["description"])]


def test_the_keys_of_the_config_are_those_of_the_schema(golden: Golden) -> None:
    whole = json.loads(json.dumps(schema()))
    profile = whole["$defs"]["profile"]
    rows = [
        *described(whole["properties"], whole["required"]),
        *described(profile["properties"], profile["required"]),
    ]
    kept("keys", table(("key", "needed", "what it says"), rows), golden)


def test_the_sources_are_those_of_the_schema() -> None:
    kinds = json.loads(json.dumps(schema()))["$defs"]["reference"]["properties"]
    assert all(f"`{kind}`" in section("References") for kind in kinds)
    assert set(re.findall(r"^\| `(\w+)` \|", section("References"), re.MULTILINE)) == set(kinds)


def test_the_help_is_what_the_program_says(world: World, golden: Golden) -> None:
    kept("help", f"```text\n{world.run('--help').out}```\n", golden)


def test_every_exit_code_is_there() -> None:
    named = {
        int(number)
        for row in re.findall(r"^\| ([\d, ]+) \|", section("Exit codes"), re.MULTILINE)
        for number in row.split(", ")
    }
    of_exec = {126, 127}
    assert named | of_exec >= {int(code) for code in explain.pages() if code.isdigit()}
    assert all(str(code) in section("Exit codes") for code in of_exec)


def test_every_variable_of_ours_is_there() -> None:
    """Those that the program reads, but for one that it sets for itself."""
    read: set[str] = set()
    for path in glob(f"{REPOSITORY}/tastyauth/**/*.py", recursive=True):
        with open(path, encoding="utf-8") as file:
            read |= set(re.findall(r"TASTYAUTH_[A-Z_0-9]*[A-Z0-9]", file.read()))
    named = set(re.findall(r"^\| `(TASTYAUTH_\w+)` \|", section("Variables"), re.MULTILINE))
    assert named == read - {"TASTYAUTH_SOURCE"}


# -- what is run ----------------------------------------------------------------------------------


def claimed() -> tuple[set[str], set[str]]:
    """Beginnings of blocks that tests name, and languages of which they take the only block."""
    beginnings, languages = set(), set()
    for path in glob(f"{REPOSITORY}/tests/**/*.py", recursive=True):
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                beginnings.add(node.value)
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "id", "") == "recipe"
                and len(node.args) == 1
                and isinstance(node.args[0], ast.Constant)
            ):
                languages.add(str(node.args[0].value))
    return {each for each in beginnings if len(each) > 4}, languages


def test_every_block_is_run_by_a_test() -> None:
    beginnings, languages = claimed()
    strays = [
        f"{language}: {body.splitlines()[0]}"
        for language, body in blocks()
        if language not in {"text", *languages}
        and not any(body.removeprefix("# ").startswith(each) for each in beginnings)
        and not any(body.startswith(each) for each in beginnings)
        and not any((language, body[: len(each)]) == (kind, each) for kind, each in NOT_RUN)
    ]
    assert strays == []


def test_what_is_not_run_is_there() -> None:
    for language, beginning in NOT_RUN:
        assert [body for kind, body in blocks() if kind == language and body.startswith(beginning)]


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh", "mksh"])
def test_the_first_use_works_as_it_stands(world: World, shell: str) -> None:
    if shutil.which(shell) is None or shutil.which("curl") is None:
        missing(f"{shell} or curl is missing")
    (block,) = (
        body for kind, body in blocks() if body.startswith("eval $(tastyauth env)\ntastyauth ")
    )
    done = world.run_program(shell, "-c", block)
    assert done.code == 0
    assert json.loads(done.out)["data"]["items"]


def test_the_first_config_is_valid(world: World) -> None:
    (block,) = (
        body
        for kind, body in blocks()
        if kind == "yaml" and "live.client-secret" in body and body.startswith("version: 1")
    )
    path = world.write(f"{world.project}/tastyauth.yaml", block)
    assert world.run("validate", path).code == 0
