"""What is released, as its users get it: on each Python of this machine, by pipx and by uv."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from glob import glob
from typing import Any

import pytest
from needs import missing
from packaging.requirements import Requirement
from world import World

from tastyauth.simulator.simulator import Simulator

from .parts import PATH, REPOSITORY, installed

LIMIT = 300.0
"""Seconds for a step that may fetch packages."""

SUITE_LIMIT = 1800.0
"""Seconds for all tests on one Python."""

CALLERS = dict(os.environ)
"""The settings of pip and uv: which index, which certificates, which cache."""

NONE: Mapping[str, str] = {}

SUITE = (
    "cache/test_cache.py",
    "cli/test_flags.py",
    "cli/test_validate.py",
    "config",
    "exchange",
    "library",
    "session/test_session.py",
    "sources",
    "test_entry.py",
    "validation",
)
"""Tests of what a Python or a library can change; all others are about the machine."""

STARTED = ("test_entry.py", "session/test_session.py", "library/test_auth.py")
"""Those of them that start the real command and run on every Python, after all that start nothing.

The rest of them run on another Python of Debian: scripts/newcomer.
"""


NAMED = ("3.11", "3.12", "3.13")
"""The Pythons that a release is for. A newer one is tried where it is installed."""


@dataclass(frozen=True, slots=True)
class Release:
    """The two files of a release."""

    wheel: str
    sdist: str


def python(version: str) -> str | None:
    """The path of a Python of that minor version with which an environment can be made."""
    own = os.path.dirname(os.path.realpath(sys.executable))
    root = CALLERS.get("PYENV_ROOT") or f"{CALLERS.get('HOME')}/.pyenv"
    pyenv = sorted(glob(f"{root}/versions/{version}.*/bin"))
    for place in (own, *PATH.split(":"), *pyenv):
        path = f"{place}/python{version}"
        if os.access(path, os.X_OK) and not anywhere(path, "-c", "import venv, ctypes").returncode:
            return path
    return None


def newer() -> list[str]:
    """Versions after the named ones that are installed."""
    return [version for minor in range(14, 20) if python(version := f"3.{minor}")]


def anywhere(
    *argv: str, limit: float = LIMIT, at: str = "/", variables: Mapping[str, str] = NONE
) -> "subprocess.CompletedProcess[str]":
    environ = {k: v for k, v in CALLERS.items() if not k.startswith(("PYTEST_", "VIRTUAL_"))}
    return subprocess.run(
        argv,
        cwd=at,
        env={**environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=limit,
        check=False,
    )


def done(
    *argv: str, limit: float = LIMIT, at: str = "/", variables: Mapping[str, str] = NONE
) -> str:
    completed = anywhere(*argv, limit=limit, at=at, variables=variables)
    assert completed.returncode == 0, completed.stdout[-8000:]
    return completed.stdout


def build(out: str, variables: Mapping[str, str] = NONE) -> Release:
    done(
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--outdir",
        out,
        at=REPOSITORY,
        variables=variables,
    )
    (wheel,), (sdist,) = (glob(f"{out}/*.{kind}") for kind in ("whl", "tar.gz"))
    return Release(wheel, sdist)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return build(os.fspath(tmp_path_factory.mktemp("release")))


@pytest.fixture(scope="module")
def unpacked(release: Release, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The sdist without its package, so that nothing but the wheel can be imported."""
    directory = os.fspath(tmp_path_factory.mktemp("sdist"))
    done("tar", "-xf", release.sdist, "-C", directory)  # tarfile has filters from 3.11.4
    (name,) = os.listdir(directory)
    shutil.rmtree(f"{directory}/{name}/tastyauth")
    return f"{directory}/{name}"


@pytest.fixture
def world(tmp_path: os.PathLike[str]) -> Iterator[World]:
    """A configured home, whose broker is a simulator."""
    with Simulator() as simulator:
        os.mkdir(f"{os.fspath(tmp_path)}/world")
        world = World(f"{os.fspath(tmp_path)}/world", simulator)
        world.configure()
        yield world


def tool(name: str) -> str:
    return installed(f"distribution/bin/{name}")


def test_the_checkers_of_the_index_have_no_complaint(release: Release) -> None:
    done(tool("twine"), "check", "--strict", release.wheel, release.sdist)
    # the completions are in the package for `completion`, and where shells look for them
    done(tool("check-wheel-contents"), "--ignore", "W002", release.wheel)


def test_a_second_build_is_the_same_to_the_byte(
    release: Release, tmp_path: os.PathLike[str]
) -> None:
    variables = {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
    before = os.umask(0o077)
    try:
        again = build(os.fspath(tmp_path), variables)
    finally:
        os.umask(before)
    assert _read(again.wheel) == _read(release.wheel)
    assert _read(again.sdist) == _read(release.sdist)


@pytest.mark.parametrize("version", [*NAMED, *newer()])
def test_the_tests_pass_on_the_built_wheel(
    release: Release, unpacked: str, version: str, tmp_path: os.PathLike[str]
) -> None:
    """With the lowest dependencies that are allowed on the lowest Python, the newest on others."""
    interpreter = python(version)
    if interpreter is None:
        missing(f"Python {version} is missing; pyenv install {version}")
    venv = f"{os.fspath(tmp_path)}/venv"
    uv = tool("uv")
    done(uv, "venv", "--quiet", "--python", interpreter, venv)
    into = (uv, "pip", "install", "--quiet", "--python", f"{venv}/bin/python")
    project = _project(unpacked)
    extras = project["project"]["optional-dependencies"]
    wanted = [*project["project"]["dependencies"], *extras["keyring"], *extras["dotenv"]]
    resolution = "lowest-direct" if version == NAMED[0] else "highest"
    done(*into, "--resolution", resolution, release.wheel, *wanted)
    kept = f"{os.fspath(tmp_path)}/kept.txt"
    with open(kept, "w", encoding="utf-8") as file:
        file.write(done(uv, "pip", "freeze", "--quiet", "--python", f"{venv}/bin/python"))
    tests = [Requirement(each).name for each in project["dependency-groups"]["test"]]
    # Old dependencies need old plug-ins; no plug-in fits the newest httpx on its first day.
    keep = "--constraint" if resolution == "lowest-direct" else "--override"
    done(*into, keep, kept, "mypy", *tests)
    for words in (("--quick", *SUITE), STARTED):
        suite = [each if each.startswith("-") else f"{unpacked}/tests/{each}" for each in words]
        done(
            *(f"{venv}/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *suite),
            limit=SUITE_LIMIT,
            at=unpacked,
            variables={"PATH": f"{venv}/bin:{PATH}", "TMPDIR": CALLERS.get("TMPDIR", "/tmp")},
        )


def _project(unpacked: str) -> Any:
    with open(f"{unpacked}/pyproject.toml", "rb") as file:
        return tomllib.load(file)


INSTALLERS: Mapping[str, tuple[str, ...]] = {
    "pipx": ("pipx", "install", "--quiet", "--python", sys.executable),
    "uv": ("uv", "tool", "install", "--quiet", "--compile-bytecode", "--python", sys.executable),
}
"""As the docs say it, but for the name of the package."""


@pytest.mark.parametrize("installer", INSTALLERS)
def test_it_is_installed_as_a_tool(release: Release, installer: str, world: World) -> None:
    """The command is on PATH and gets a token; its bytecode is there when it was asked for."""
    program, *words = INSTALLERS[installer]
    places = {
        "PIPX_HOME": f"{world.root}/pipx",
        "PIPX_BIN_DIR": f"{world.root}/installed",
        "UV_TOOL_DIR": f"{world.root}/uv",
        "UV_TOOL_BIN_DIR": f"{world.root}/installed",
    }
    done(tool(program), *words, release.wheel, variables=places)
    package = f"{world.root}/{installer}/**/lib/*/site-packages/tastyauth"
    if "--compile-bytecode" in words:
        assert glob(f"{package}/__pycache__/_entry.*.pyc", recursive=True)
    command = f"{world.root}/installed/tastyauth"
    first = world.run_program(command, "token")
    assert (first.code, first.err, bool(first.out)) == (0, "", True)
    assert world.run_program(command, "token").out == first.out
    assert world.simulator.exchanges == 1


def test_the_lock_file_pins_everything_that_the_wheel_needs(
    release: Release, tmp_path: os.PathLike[str]
) -> None:
    """Each version by its hash; with the wheel itself, nothing is missing and nothing conflicts."""
    venv = f"{os.fspath(tmp_path)}/venv"
    done(sys.executable, "-m", "venv", venv)
    pip = (f"{venv}/bin/python", "-m", "pip", "--disable-pip-version-check")
    lock = f"{REPOSITORY}/requirements.txt"
    done(*pip, "install", "--quiet", "--require-hashes", "--requirement", lock)
    done(*pip, "install", "--quiet", "--no-deps", release.wheel)
    assert "No broken requirements" in done(*pip, "check")
    named = {line.partition("==")[0] for line in _read(lock).decode().splitlines() if "==" in line}
    listed = done(*pip, "list", "--format", "freeze").splitlines()
    here = {line.partition("==")[0].lower().replace("_", "-") for line in listed}
    assert here - {"pip", "setuptools", "tastyauth"} <= named


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
