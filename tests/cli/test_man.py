"""The manual page: made from the table of commands, kept here, shipped in the wheel."""

import re
import shutil
import subprocess
import tomllib

import page as manual
import pytest
from golden import Golden
from needs import missing
from world import PATH, REPOSITORY

from tastyauth.cli.commands import COMMANDS, COMMON
from tastyauth.cli.validate import pages

PAGE = f"{REPOSITORY}/man/tastyauth.1"


def kept() -> str:
    with open(PAGE, encoding="ascii") as file:
        return file.read()


@pytest.fixture(scope="module")
def formatted() -> str:
    """The page as `man` shows it, its lines joined: words are not split over lines."""
    groff = shutil.which("groff", path=PATH)
    if groff is None:
        missing("groff is missing; install groff-base, see tests/e2e/debian-packages.txt")
    done = subprocess.run(
        [groff, "-man", "-Tascii", "-P-cbou", "-ww", PAGE],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stderr == ""
    return " ".join(done.stdout.split())


def test_the_page_is_that_of_the_table(golden: Golden) -> None:
    golden(PAGE, manual.page())


def test_every_command_and_flag_is_described(formatted: str) -> None:
    for command in COMMANDS.values():
        assert f" {command.name} " in formatted
        assert " ".join(command.summary.split()) in formatted, command.name
    for flag in (*COMMON, *(flag for command in COMMANDS.values() for flag in command.flags)):
        assert ", ".join(flag.flags) in formatted
        assert " ".join(flag.help.split()) in formatted, flag.flags


def test_what_is_to_be_typed_survives_the_formatter(formatted: str) -> None:
    for typed in (
        "eval $(tastyauth env)",
        "eval `tastyauth env --format csh`",
        'eval "$(tastyauth env || echo false)"',
        'eval "$(tastyauth hook bash)"',
        "*/5 9-16 * * 1-5 $HOME/.local/bin/tastyauth exec",
        "exec [--keep-fresh] [--min-valid S] [--refresh] [--require-environment"
        " production|sandbox] -- CMD ...",
    ):
        assert typed in formatted


def test_every_exit_code_is_explained(formatted: str) -> None:
    status = formatted.partition("EXIT STATUS")[2].partition("ENVIRONMENT")[0]
    for code, page in pages().items():
        assert (f" {code} {page.title}" in status) == code.isdigit()


def test_hidden_flags_stay_hidden(formatted: str) -> None:
    assert "--answer" not in formatted
    assert "--profiles" not in formatted


def test_no_text_becomes_a_request() -> None:
    known = {"TH", "SH", "SS", "TP", "IP", "B", "RS", "RE", "EX", "EE", "nh", "ad"}
    requests = re.findall(r"^[.']\s*(\S*)", kept(), re.MULTILINE)
    assert set(requests) <= known


def test_the_wheel_puts_it_where_man_looks() -> None:
    with open(f"{REPOSITORY}/pyproject.toml", "rb") as file:
        targets = tomllib.load(file)["tool"]["hatch"]["build"]["targets"]
    assert targets["wheel"]["shared-data"]["man/tastyauth.1"] == "share/man/man1/tastyauth.1"
    assert "/man" in targets["sdist"]["include"]
