"""README and docs are current: parts are made from the product, blocks are run, links followed.

`scripts/test --write tests/test_readme.py` renews what is made. Blocks that need a real program
are run by the end-to-end tests, which take them from the pages (`documents.recipe`).
"""

import ast
import json
import os
import re
import shlex
import shutil
import tomllib
from glob import glob

import made
import pytest
import yaml
from documents import PAGES, README, Block, anchors, blocks, links, prose, recipe, rows, text
from golden import Golden
from needs import missing
from stand_ins import patient
from told import EXAMPLES, errors
from world import REPOSITORY, World

from tastyauth.cli import validate as explain
from tastyauth.cli.grammar import read, understood

LINKED = (*PAGES, "SECURITY.md", "CHANGELOG.md", "tests/README.md")
"""Pages whose links are followed."""

ASKING = ("recipe", "follow", "commands")
"""Functions that take a block from a page by its beginning."""

NOT_RUN = {
    ("powershell", "Remove-Item"): "PowerShell cannot be had for the tests, and the page says so"
}
"""Blocks that nothing runs, and why."""


PROMPTS = (
    ("bash", recipe("bash", "# the account"), 'echo "${PS1@P}"'),
    ("zsh", recipe("zsh", "# the account"), 'print -P "$PROMPT"'),
)
"""A shell, what its startup file says, and how it shows its prompt."""


# -- what is made from the product ----------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_what_is_made_from_the_product_is_current(page: str, golden: Golden) -> None:
    golden(f"{REPOSITORY}/{page}", made.current(page))


def test_every_topic_that_is_explained_is_on_a_page() -> None:
    topics = {code for code in explain.pages() if code.islower()}
    shown = {name for page in PAGES for name in re.findall(r"made: explain (\w+)", text(page))}
    assert topics == shown


def test_every_field_that_can_be_exported_is_described() -> None:
    exports = made.schema()["$defs"]["profile"]["properties"]["exports"]
    described = [name for row in rows("docs/config.md", "Exports") for name in row[0].split(", ")]
    assert set(described[1:]) == {f"`{name}`" for name in exports["additionalProperties"]["enum"]}


def test_every_tastyauth_variable_is_described() -> None:
    """Those that the program reads, but for one that it sets for itself."""
    read: set[str] = set()
    for path in glob(f"{REPOSITORY}/tastyauth/**/*.py", recursive=True):
        with open(path, encoding="utf-8") as file:
            read |= set(re.findall(r"TASTYAUTH_[A-Z_0-9]*[A-Z0-9]", file.read()))
    described = {row[0].strip("`") for row in rows("docs/commands.md", "Variables")}
    assert described - {"variable"} == read - {"TASTYAUTH_SOURCE"}


# -- pages and links ------------------------------------------------------------------------------


def test_the_readme_is_two_screens() -> None:
    assert len(text(README).splitlines()) <= 220


@pytest.mark.parametrize("page", sorted(set(PAGES) - {README}))
def test_a_page_begins_with_what_it_is_for_and_a_way_back(page: str) -> None:
    title, nothing, *purpose = text(page).split("\n## ")[0].splitlines()
    assert title.startswith("# ")
    assert nothing == ""
    assert purpose[0]
    assert "](../README.md)" in "\n".join(purpose)


def test_the_index_has_every_page() -> None:
    named = set(links("docs/index.md"))
    pages = {os.path.basename(page) for page in PAGES} - {"index.md", "README.md"}
    assert pages <= named
    assert "docs/index.md" in links(README)


@pytest.mark.parametrize("page", LINKED)
def test_every_link_leads_somewhere(page: str) -> None:
    dead = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        if path.startswith("https://"):
            continue
        target = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
        there = os.path.exists(f"{REPOSITORY}/{target}")
        if not there or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("page", LINKED)
def test_addresses_are_links_of_https_without_spaces(page: str) -> None:
    assert re.findall(r"\]\(http:|\]\([^)]* [^)]*\)", prose(page)) == []


# -- what is run ----------------------------------------------------------------------------------


def claimed() -> tuple[list[str], set[str]]:
    """Patterns of beginnings that tests ask for; languages of which they take the only block."""
    beginnings, languages = [], set()
    for path in glob(f"{REPOSITORY}/tests/**/*.py", recursive=True):
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") not in ASKING:
                continue
            match node.args:
                case [ast.Constant(value=str(language))]:
                    languages.add(language)
                case [_, ast.Constant(value=str(beginning)), *_]:
                    beginnings.append(re.escape(beginning))
                case [_, ast.JoinedStr(values=parts), *_]:
                    beginnings.append("".join(map(_pattern, parts)))
    return beginnings, languages


def _pattern(part: ast.expr) -> str:
    """What a part of an f-string may stand for."""
    return re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"[^\s]+"


def configs() -> list[Block]:
    """Blocks that are a whole config, or keys of a profile."""
    found = [block for block in blocks() if block.language == "yaml"]
    keys = set(made.schema()["$defs"]["profile"]["properties"])
    return [
        block
        for block in found
        if re.search(r"^version: 1$", block.text, re.MULTILINE)
        or keys.issuperset(re.findall(r"^([^\s#][^:]*)", block.text, re.MULTILINE))
    ]


def test_every_block_is_run_by_a_test() -> None:
    beginnings, languages = claimed()
    strays = [
        f"{block.page}: {block.language}: {block.text.splitlines()[0]}"
        for block in blocks()
        if block.language not in {"text", *languages}
        and block not in configs()
        and not any(re.match(beginning, block.text) for beginning in beginnings)
        and not any(
            (block.language, block.text[: len(each)]) == (kind, each) for kind, each in NOT_RUN
        )
    ]
    assert strays == []


def exports_shown() -> list[dict[str, str]]:
    """Every `exports` that a page or the example shows, on a line or over several."""
    shown = []
    for page in (*PAGES, "tastyauth.yaml.example"):
        for found in re.findall(r"\{ *[A-Z][A-Z0-9_]*: [a-z_]+[^{}]*\}", text(page)):
            shown.append(yaml.safe_load(found))
        for found in re.findall(r"exports:\n((?: +[A-Z][A-Z0-9_]*: .*\n)+)", text(page)):
            shown.append(yaml.safe_load(found))
    return shown


def test_a_recipe_that_hands_out_secrets_says_where_they_belong() -> None:
    """Else a variable that was set before sends them elsewhere."""
    with_secrets = [
        each for each in exports_shown() if {"client_secret", "refresh_token"} & {*each.values()}
    ]
    assert len(with_secrets) >= 3
    for each in with_secrets:
        assert {"environment", "api_url"} <= {*each.values()}, each


def test_what_is_not_run_is_there() -> None:
    for language, beginning in NOT_RUN:
        assert recipe(language, beginning)


def test_every_config_is_valid() -> None:
    """One that shows only some keys is completed."""
    whole = recipe("yaml", "version: 1\n")
    for block in configs():
        config = block.text
        if "profiles:" not in config:
            missing_keys = [
                line
                for line in whole.splitlines(keepends=True)
                if line.startswith("    ")
                and line.split(":")[0].strip() not in yaml.safe_load(config)
            ]
            indented = "".join(f"    {line}\n" for line in config.splitlines())
            config = f"version: 1\nprofiles:\n  live:\n{''.join(missing_keys)}{indented}"
        assert errors(config) == [], block


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh", "mksh"])
def test_the_first_use_works_as_it_is(world: World, shell: str) -> None:
    if shutil.which(shell) is None or shutil.which("curl") is None:
        missing(f"{shell} or curl is missing")
    done = world.run_program(shell, "-c", recipe("sh", "eval $(tastyauth env)\ntastyauth "))
    assert done.code == 0
    assert json.loads(done.out)["data"]["items"]


def test_the_hook_in_a_startup_file_sets_a_token_at_the_prompt(world: World) -> None:
    world.write(f"{world.home}/.bashrc", recipe("bash", "eval"))
    shown = 'echo "${TASTYTRADE_ACCESS_TOKEN-none}"\n'
    done = patient(world).run_program("bash", "-i", given=shown)
    assert done.out.startswith("eyJ"), done.err


@pytest.mark.parametrize(("shell", "block", "shown"), PROMPTS)
def test_a_prompt_shows_the_account(world: World, shell: str, block: str, shown: str) -> None:
    if shutil.which(shell) is None:
        missing(f"{shell} is missing")
    script = f"PS1='> '; PROMPT='> '\n{block}\n{shown}"
    held = {"TASTYTRADE_PROFILE": "live", "TASTYTRADE_ENV": "production"}
    assert world.shell(script, shell, **held).out == "[live production] > \n"
    assert world.shell(script, shell).out == "> \n"


def test_the_prompt_of_starship_has_the_account() -> None:
    """tests/e2e/test_hook_company.py starts a real one."""
    settings = tomllib.loads(recipe("toml", "# ~/.config/starship.toml"))
    assert "$env_value" in settings["env_var"]["TASTYTRADE_PROFILE"]["format"]


def test_what_is_done_by_hand_does_the_same(world: World) -> None:
    application = world.simulator.application
    script = recipe("sh", "# what tastyauth does, by hand")
    for there, here in (
        ("https://api.tastyworks.com", world.simulator.origin),
        ('"client_id": "…"', f'"client_id": "{application.client_id}"'),
        ('"client_secret": "…"', f'"client_secret": "{world.client_secret}"'),
        ('"refresh_token": "…"', f'"refresh_token": "{world.refresh_token}"'),
    ):
        assert there in script
        script = script.replace(there, here)
    assert json.loads(world.shell(script).out)["expires_in"] == 900


def test_a_config_is_made_from_a_script(world: World) -> None:
    os.remove(world.config)
    secrets = f"{world.client_secret}\n{world.refresh_token}\n"
    world.write(f"{world.project}/two-lines", secrets)
    url = f"custom --api-url {world.simulator.origin}"
    script = recipe("sh", "# from a script").replace("production", url)
    done = world.shell(script, CLIENT_ID=world.simulator.application.client_id)
    assert (done.code, done.out) == (0, ""), done.err
    assert world.run("token").code == 0


def test_a_config_is_checked_in_a_workflow(world: World) -> None:
    with open(f"{EXAMPLES}/invalid/ta101-misspelt-key.yaml", encoding="utf-8") as file:
        world.write(f"{world.project}/tastyauth.yaml", file.read())
    done = world.shell(recipe("sh", "# in GitHub Actions"))
    assert done.code == 1
    assert done.out.startswith("::error file=tastyauth.yaml,line=")


def test_the_schema_is_put_beside_a_config(world: World) -> None:
    assert world.shell(recipe("sh", "# the schema, for an editor")).code == 0
    with open(f"{world.project}/tastyauth.schema.json", encoding="utf-8") as file:
        assert json.load(file) == made.schema()


@pytest.mark.parametrize(
    "script", [recipe("sh", "# in a second terminal"), recipe("sh", "# a stand-in for the broker")]
)
def test_the_simulator_starts_as_described(world: World, script: str) -> None:
    command = script.partition("\n")[2].replace(" --port 8000", "")  # which another may have
    with world.started("/bin/sh", "-c", f"exec {command}") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["client_id"]


# -- what is typed at a terminal, and run by the tests of each command -----------------------------


def commands(language: str, beginning: str) -> list[list[str]]:
    """The commands of a block, as words."""
    return [shlex.split(line, comments=True) for line in recipe(language, beginning).splitlines()]


def test_what_is_typed_to_set_up_is_understood() -> None:
    """tests/cli/test_init.py types it at a terminal, tests/e2e/test_distribution.py installs it."""
    typed = commands("sh", "# set up, then") + commands("sh", "# install, set up, use")
    typed += commands("sh", "# a whole run, start to finish")
    ours = [words[1:] for words in typed if words[:1] == ["tastyauth"]]
    assert ours == [["init"], ["doctor"], ["init"], ["demo"]]
    assert all(understood(read(words)) for words in ours)
    assert commands("sh", "# install\n")[1] == ["pipx", "install", "tastyauth"]


def test_the_scripts_of_a_clone_are_there() -> None:
    scripts = [words[0] for words in commands("sh", "# in a clone") if words]
    assert scripts == ["scripts/demo", "scripts/test"]
    assert all(os.access(f"{REPOSITORY}/{script}", os.X_OK) for script in scripts)
