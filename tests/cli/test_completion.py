"""Completions in real shells: what the table of commands knows is what Tab offers."""

import os
import re
import shutil
import tomllib
from collections.abc import Callable

import generate
import pexpect
import pytest
from golden import Golden
from needs import missing
from tables import for_each
from terminals import spawn
from world import COMMAND, CONFIG, PATH, REPOSITORY, Completed, World

from tastyauth.cli.commands import COMMANDS, COMMON

TWO = CONFIG.replace("profiles:", "default_profile: live\nprofiles:") + CONFIG.partition(
    "profiles:\n"
)[2].replace("live:", "paper:", 1)

OFFERS: dict[str, set[str]] = {
    "tastyauth ": set(COMMANDS),
    "tastyauth -q --color never ": set(COMMANDS),
    "tastyauth -p live ": set(COMMANDS),
    "tastyauth env --format ": {"sh", "fish", "csh", "json", "dotenv", "github-env"},
    "tastyauth status --format ": {"human", "json"},
    "tastyauth hook ": {"bash", "zsh", "fish"},
    "tastyauth -p env hook ": {"bash", "zsh", "fish"},
    "tastyauth secret set --only ": {"client_secret", "refresh_token"},
    "tastyauth -p ": {"live", "paper"},
    "tastyauth env --profile ": {"live", "paper"},
    "tastyauth --config ../other.yaml env -p ": {"third"},
    "tastyauth env --config ../other.yaml -p ": {"third"},
    "tastyauth validate ": {"a.yaml", "b.yaml"},
    "tastyauth validate a.yaml ": {"a.yaml", "b.yaml"},
    "tastyauth --config ": {"a.yaml", "b.yaml"},
    "tastyauth allow ": {"a.yaml", "b.yaml"},
    "tastyauth exec -- program-to-f": {"program-to-find"},
    "tastyauth exec -p live --keep-fresh -- program-to-f": {"program-to-find"},
    "tastyauth env --min-valid ": set(),
}
"""What is offered behind each line."""

COMPLETED = {
    "tastyauth val": "tastyauth validate ",
    "tastyauth env --format j": "tastyauth env --format json ",
    "tastyauth env --format=j": "tastyauth env --format=json",
    "tastyauth env --profile=pap": "tastyauth env --profile=paper",
    "tastyauth validate a.y": "tastyauth validate a.yaml ",
    "tastyauth exec --keep": "tastyauth exec --keep-fresh ",
    "tastyauth exec -- program-to-f": "tastyauth exec -- program-to-find ",
}
"""What becomes of each line at one key."""


@pytest.fixture
def full(world: World) -> World:
    """A world with two profiles, another config, and two files in the project."""
    world.configure(TWO)
    other = f"{world.root}/other"
    world.configure(CONFIG.replace("live:", "third:", 1), directory=other)
    os.rename(f"{other}/tastyauth.yaml", f"{world.root}/other.yaml")
    for name in ("a.yaml", "b.yaml"):
        world.write(f"{world.project}/{name}", "")
    world.script("program-to-find", "")
    return world


def _require(name: str) -> None:
    if shutil.which(name, path=PATH) is None:
        missing(f"{name} is missing; install its package, see tests/e2e/debian-packages.txt")


Offer = Callable[[str], set[str]]
"""What a shell offers for the last word of a line."""


def in_bash(world: World) -> Offer:
    """The words are split as readline splits them."""
    script = (
        'eval "$(tastyauth completion bash)"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1));'
        ' _tastyauth "$1" "${COMP_WORDS[COMP_CWORD]}"; printf "%s\n" "${COMPREPLY[@]}"'
    )

    def offer(line: str) -> set[str]:
        words = [part for part in re.split("(=)| +", line) if part is not None]
        done = world.run_program("bash", "--norc", "-c", script, "bash", *words)
        assert done.err == ""
        return set(done.out.split())

    return offer


def in_fish(world: World) -> Offer:
    _require("fish")

    def offer(line: str) -> set[str]:
        script = f"tastyauth completion fish | source; complete -C '{line}'"
        done = world.run_program("fish", "--no-config", "-c", script)
        assert done.err == ""
        return {each.split("\t")[0] for each in done.out.splitlines()}

    return offer


def in_zsh(world: World) -> Offer:
    """Records every candidate that is added."""
    shell = terminal("zsh", world)
    shell.sendline(
        'compadd() { local -a heard; builtin compadd -O heard "$@" 2>/dev/null;'
        ' print -rl -- $heard >>$HOME/heard; builtin compadd "$@"; }'
    )
    shell.expect("ready> ")

    def offer(line: str) -> set[str]:
        world.write(f"{world.home}/heard", "")
        shell.send(f"{line}\t")
        shell.send('\x15print over"heard"\r')
        shell.expect("overheard\r\n")
        with open(f"{world.home}/heard", encoding="utf-8") as file:
            return set(file.read().split())

    return offer


def terminal(name: str, world: World, found: str = "") -> pexpect.spawn:
    """An interactive shell that has sourced the completions, or finds them after `found`."""
    _require(name)
    prepare = {"bash": ["--norc"], "zsh": ["-f"]}
    install = {
        "bash": 'eval "$(tastyauth completion bash)"; PS1="ready""> "',
        "zsh": f"{found}; autoload -Uz compinit; compinit -u -D;"
        " unsetopt prompt_sp zle_bracketed_paste;"
        + (' eval "$(tastyauth completion zsh)";' if not found else "")
        + ' PS1="ready""> "',
    }
    shell = spawn(world, name, *prepare[name], INPUTRC="/dev/null")
    shell.sendline(install[name])
    shell.expect("ready> ")
    return shell


SHELLS = {"bash": in_bash, "fish": in_fish, "zsh": in_zsh}


@pytest.mark.parametrize("name", SHELLS)
def test_tab_offers_what_fits_and_nothing_else(name: str, full: World) -> None:
    offer = SHELLS[name](full)
    assert {line: offer(line) for line in OFFERS} == OFFERS


@pytest.mark.parametrize("name", SHELLS)
def test_every_flag_of_the_help_is_offered(name: str, full: World) -> None:
    offer = SHELLS[name](full)
    for command in ("env", "exec", "init", "simulator"):
        listed = full.run(command, "--help").out.partition("\n\n")[2]
        flags = set(re.findall("^  (?:.*, )?(--[a-z-]+)", listed, re.MULTILINE))
        assert len(flags) > 7
        offered = {word.rstrip("=") for word in offer(f"tastyauth {command} --")}
        assert offered == flags, command


@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_one_key_completes_what_is_unique(name: str, full: World) -> None:
    shell = terminal(name, full)
    for line, completed in COMPLETED.items():
        shell.send(f"{line}\t")
        shell.expect_exact(completed)
        shell.send("\x15")


def test_zsh_finds_the_file_that_is_shipped(full: World) -> None:
    shell = terminal("zsh", full, f"fpath=('{REPOSITORY}/completions' $fpath)")
    for line, completed in COMPLETED.items():
        shell.send(f"{line}\t")
        shell.expect_exact(completed)
        shell.send("\x15")


@pytest.mark.parametrize("name", SHELLS)
def test_an_untrusted_config_completes_no_profiles_and_prints_nothing(
    name: str, full: World
) -> None:
    full.configure(TWO, directory=full.project)
    assert SHELLS[name](full)("tastyauth -p ") == set()
    done = full.run("completion", name, "--profiles")
    assert (done.code, done.out, done.err) == (78, "", "")


def test_profiles_are_named_from_the_cache_too(full: World) -> None:
    before = full.run("completion", "bash", "--profiles")
    assert full.run("token").code == 0
    assert full.run("completion", "bash", "--profiles") == before
    assert before == Completed(0, "live\npaper\n", "")


@pytest.mark.parametrize("name", SHELLS)
def test_the_script_has_no_fault(name: str, world: World) -> None:
    script = world.run("completion", name).out
    check = {
        "bash": (os.path.join(os.path.dirname(COMMAND), "shellcheck"), "--shell=bash", "-"),
        "zsh": ("zsh", "-f", "-n"),
        "fish": ("fish", "--no-config", "--no-execute"),
    }
    if name != "bash":
        _require(name)
    assert world.run_program(*check[name], given=script) == Completed(0, "", "")


def test_a_flag_takes_a_value_in_every_command_or_in_none() -> None:
    """The scripts skip the value without looking at the command."""
    for command in COMMANDS.values():
        for flag in (*COMMON, *command.arguments):
            for name in flag.flags:
                if not flag.hidden:
                    assert (name in generate.VALUED) != flag.is_switch, (command.name, name)


@for_each("name", generate.FILES)
def test_the_files_are_those_of_the_table(name: str, golden: Golden) -> None:
    golden(f"{REPOSITORY}/completions/{name}", generate.FILES[name]())


def test_the_wheel_puts_them_where_the_shells_look() -> None:
    with open(f"{REPOSITORY}/pyproject.toml", "rb") as file:
        targets = tomllib.load(file)["tool"]["hatch"]["build"]["targets"]
    shared = targets["wheel"]["shared-data"]
    assert {name: shared[f"completions/{name}"] for name in generate.FILES} == {
        "tastyauth.bash": "share/bash-completion/completions/tastyauth",
        "_tastyauth": "share/zsh/site-functions/_tastyauth",
        "tastyauth.fish": "share/fish/vendor_completions.d/tastyauth.fish",
    }
    for name in generate.FILES:
        inside = targets["wheel"]["force-include"][f"completions/{name}"]
        assert inside == f"tastyauth/completions/{name}"
    assert "/completions" in targets["sdist"]["include"]
