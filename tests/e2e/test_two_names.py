"""A directory with two names, as where case is ignored: a project is a project under either."""

import os

import pytest
from needs import missing

from .parts import program, tastyauth
from .processes import Place

CONFIG = """\
version: 1
profiles:
  live:
    environment: sandbox
    client_id: 0c7b8898-a2f1-49bb-a23d-843e47b68631
    client_secret: {{ command: [{program}] }}
    refresh_token: {{ file: token }}
"""

_MOUNTED_TWICE = 'mount --bind "$1" "$2"; shift 2; exec "$@"'


@pytest.fixture
def place(tmp_path: os.PathLike[str]) -> Place:
    """A home with a project whose directory can be mounted under a second name."""
    if os.geteuid():
        missing("only root can mount")
    home = os.fspath(tmp_path)
    for name in ("proj", "PROJ"):
        os.mkdir(f"{home}/{name}")
    with open(f"{home}/proj/give", "w", encoding="ascii") as file:
        file.write("#!/bin/sh\n")
    os.chmod(f"{home}/proj/give", 0o755)
    private = (program("unshare"), "--mount", "--propagation", "private")
    mounted = ("sh", "-euc", _MOUNTED_TWICE, "sh", f"{home}/proj", f"{home}/PROJ")
    return Place(home, enter=(*private, *mounted))


@pytest.mark.parametrize("name", ["proj", "PROJ"])
def test_a_program_of_the_project_is_refused_under_each_name(place: Place, name: str) -> None:
    path = f"{place.home}/proj/tastyauth.yaml"
    with open(path, "w", encoding="ascii") as file:
        file.write(CONFIG.format(program=f"{place.home}/{name}/give"))
    done = place.run_program(tastyauth(), "allow", "--print", path)
    assert done.code == 78, done.err
    assert f"runs a program from the project: {place.home}/{name}/give" in done.err
