"""A file of variables means the same to all who read it; real systemd is in test_systemd.py."""

import json
import os

import pytest
from hostile import agreed, emission, variables

from tastyauth import shells
from tastyauth.simulator import Simulator

from .credentials import Credentials, configure
from .parts import installed, tastyauth
from .processes import Place

_PYTHON_DOTENV = """
import dotenv, json, sys
print(json.dumps(dotenv.dotenv_values(sys.argv[1], interpolate=sys.argv[2] == "interpolate")))
"""


def read_as_docker(text: str) -> dict[str, str]:
    """A stand-in for `docker run --env-file`, by its documented rules.

    A line is NAME=VALUE; the value is all that follows, quotes included; lines that begin with #
    and empty ones do not count (docs.docker.com, docker container run, `--env-file`).
    """
    lines = [line.lstrip() for line in text.splitlines()]
    return dict(line.split("=", 1) for line in lines if line and line[0] != "#")


def test_there_are_enough_values() -> None:
    """All but those with a quote, a backslash, a dollar, a backtick, a # or spaces at an end."""
    assert len(agreed()) >= 100


def test_docker_reads_it_to_the_byte() -> None:
    text = shells.dotenv(emission(agreed()))
    assert read_as_docker(text) == variables(agreed())


@pytest.mark.parametrize("interpolate", ["interpolate", "literal"])
def test_python_dotenv_reads_it_to_the_byte(place: Place, interpolate: str) -> None:
    path = os.path.join(place.home, ".env")
    with open(path, "w", encoding="ascii") as file:
        file.write(shells.dotenv(emission(agreed())))
    python = installed("dotenv/bin/python")
    finished = place.run_program(python, "-c", _PYTHON_DOTENV, path, interpolate)
    assert finished.err == ""
    assert json.loads(finished.out) == variables(agreed())


def test_what_env_prints_is_read_alike(place: Place, simulator: Simulator) -> None:
    """A real token: the file, both readers and the JSON agree."""
    configure(place, Credentials.of(simulator), "custom", simulator.origin)
    printed = place.run_program(tastyauth(), "env", "--format", "dotenv")
    assert (printed.code, printed.err) == (0, "")
    expected = json.loads(place.run_program(tastyauth(), "env", "--format", "json").out)["exports"]
    assert read_as_docker(printed.out) == expected
    path = os.path.join(place.home, ".env")
    with open(path, "w", encoding="ascii") as file:
        file.write(printed.out)
    python = installed("dotenv/bin/python")
    finished = place.run_program(python, "-c", _PYTHON_DOTENV, path, "interpolate")
    assert json.loads(finished.out) == expected


def test_a_failure_prints_nothing(place: Place) -> None:
    """So that `> .env` leaves no half of a file."""
    with Simulator(fail="grant-revoked") as simulator:
        configure(place, Credentials.of(simulator), "custom", simulator.origin)
        finished = place.run_program(tastyauth(), "env", "--format", "dotenv")
    assert (finished.code, finished.out) == (77, "")
