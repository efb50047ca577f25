"""shellcheck finds nothing in what tastyauth prints for a shell, nor in this tree's own scripts."""

import os
import subprocess

import pytest
from hostile import VALUES, emission
from world import Completed

from tastyauth import shells
from tastyauth.simulator import Simulator

from .credentials import Credentials, configure
from .parts import REPOSITORY, program, tastyauth
from .processes import Place

SHELLCHECK = os.path.join(REPOSITORY, ".venv", "bin", "shellcheck")
DIALECTS = ("sh", "dash", "bash", "ksh", "busybox")

_SHEBANGS = (b"#!/bin/sh\n", b"#!/bin/bash\n", b"#!/usr/bin/env bash\n")


def shellcheck(text: str, dialect: str, *, besides: str = "SC0000") -> str:
    """What shellcheck reports, `besides` one code; nothing when all is well."""
    flags = (f"--shell={dialect}", f"--exclude={besides}", "--severity=style", "--format=gcc")
    done = subprocess.run(
        (SHELLCHECK, *flags, "-"), input=text, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def scripts() -> list[str]:
    """The shell scripts of this tree, by how they begin."""
    found = []
    for top in ("scripts", ".ci", "tests"):
        for directory, _, names in os.walk(os.path.join(REPOSITORY, top)):
            if directory.endswith("__pycache__"):
                continue  # where files of other workers come and go
            for name in names:
                path = os.path.join(directory, name)
                with open(path, "rb") as file:
                    if file.readline() in _SHEBANGS:
                        found.append(os.path.relpath(path, REPOSITORY))
    return sorted(found)


def printed_by(place: Place, *words: str) -> Completed:
    return place.run_program(tastyauth(), *words)


@pytest.fixture
def configured(place: Place, simulator: Simulator) -> Place:
    configure(place, Credentials.of(simulator), "custom", simulator.origin)
    return place


def test_the_scripts_are_found() -> None:
    assert {"scripts/setup", "scripts/test", ".ci/run", "tests/e2e/install"} <= set(scripts())


@pytest.mark.parametrize("path", scripts())
def test_a_script_is_clean(path: str) -> None:
    with open(os.path.join(REPOSITORY, path), encoding="utf-8") as file:
        text = file.read()
    assert shellcheck(text, "bash" if "bash" in text.partition("\n")[0] else "sh") == ""


@pytest.mark.parametrize("dialect", DIALECTS)
def test_exports_are_clean(dialect: str) -> None:
    """Whatever the values, but for one that shellcheck mistakes for the end of a loop.

    Nor does it like that `export` hides a status (SC2155): that of printf, which cannot fail.
    """
    values = tuple(value for value in VALUES if value != "done")
    assert shellcheck(shells.sh(emission(values)), dialect, besides="SC2155") == ""


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("words", ["env", "env --unset", "env --fromat", "env -p another"])
def test_what_env_prints_is_clean(configured: Place, words: str, dialect: str) -> None:
    out = printed_by(configured, *words.split()).out
    assert out.endswith(";\n")
    assert shellcheck(out, dialect) == ""


@pytest.mark.parametrize("command", ["hook", "completion"])
def test_what_bash_sources_is_clean(configured: Place, command: str) -> None:
    finished = printed_by(configured, command, "bash")
    assert shellcheck(finished.out, "bash") == ""


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_script_by_hand_is_clean(configured: Place, dialect: str) -> None:
    assert shellcheck(printed_by(configured, "as-curl").out, dialect) == ""


@pytest.mark.parametrize("shell", [("zsh", "-n"), ("fish", "--no-execute")], ids=" ".join)
@pytest.mark.parametrize("command", ["hook", "completion"])
def test_what_shellcheck_does_not_know_is_well_formed(
    configured: Place, command: str, shell: tuple[str, str]
) -> None:
    finished = printed_by(configured, command, shell[0])
    path = os.path.join(configured.home, "sourced")
    with open(path, "w", encoding="utf-8") as file:
        file.write(finished.out)
    checked = configured.run_program(program(shell[0]), shell[1], path)
    assert (checked.code, checked.err) == (0, "")
