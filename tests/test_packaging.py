"""What is shipped: the wheel and the sdist are whole, and the wheel works on its own."""

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, distribution, distributions
from typing import Any

import pytest
from needs import missing
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from world import DEFAULT_NAMES, REPOSITORY, World

LIMIT = 300.0
"""Seconds: packages may have to be fetched."""

SCHEMA = "schema/tastyauth.schema.json"

RUNTIME = {"pyyaml", "jsonschema", "httpx"}
"""All that the core may need; more is an extra."""


def bytes_of(path: str) -> bytes:
    with open(f"{REPOSITORY}/{path}", "rb") as file:
        return file.read()


def tool(*argv: str, environ: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        argv,
        cwd=REPOSITORY,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The directory with the wheel and the sdist, built without a network."""
    out = os.fspath(tmp_path_factory.mktemp("dist"))
    environ = {"PATH": os.environ["PATH"], "HOME": out}
    build = (sys.executable, "-m", "build", "--no-isolation", "--sdist", "--wheel")
    done = tool(*build, "--outdir", out, environ=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def wheel(built: str) -> str:
    (name,) = (name for name in os.listdir(built) if name.endswith(".whl"))
    return os.path.join(built, name)


@pytest.fixture(scope="module")
def sdist(built: str) -> str:
    (name,) = (name for name in os.listdir(built) if name.endswith(".tar.gz"))
    return os.path.join(built, name)


@pytest.fixture(scope="module")
def installed(
    wheel: str, tmp_path_factory: pytest.TempPathFactory, callers_environment: dict[str, str]
) -> str:
    """An environment that holds the wheel and what it brings, and nothing else."""
    place = os.fspath(tmp_path_factory.mktemp("fresh"))
    # pip comes from outside, so that what is inside is what tastyauth needs
    made = tool(sys.executable, "-m", "venv", "--without-pip", place, environ=callers_environment)
    assert made.returncode == 0, made.stderr
    pip = (sys.executable, "-m", "pip", "--python", f"{place}/bin/python", "install", "--quiet")
    done = tool(*pip, "--retries", "1", wheel, environ=callers_environment)
    if done.returncode != 0 and _is_offline(done.stderr):
        missing("the packages that the wheel needs cannot be fetched: no network")
    assert done.returncode == 0, done.stderr
    return place


def _is_offline(complaint: str) -> bool:
    return "connection" in complaint.lower()


def names_in_wheel(wheel: str) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def tracked(*below: str) -> set[str]:
    """The files of the repository, without what tools leave there."""
    found = set()
    for directory in below:
        for above, _, names in os.walk(os.path.join(REPOSITORY, directory)):
            paths = (os.path.relpath(os.path.join(above, name), REPOSITORY) for name in names)
            found |= {path for path in paths if "__pycache__" not in path}
    return found


def test_the_wheel_holds_the_package_and_what_lies_beside_it(wheel: str) -> None:
    names = {name for name in names_in_wheel(wheel) if ".dist-info/" not in name}
    shared = {name for name in names if name.partition("/")[0].endswith(".data")}
    wanted = _targets()["wheel"]["shared-data"].values()
    assert {name.partition("/data/")[2] for name in shared} == set(wanted)
    beside = _targets()["wheel"]["force-include"]
    assert SCHEMA in beside
    assert names - shared == tracked("tastyauth") | set(beside.values())
    with zipfile.ZipFile(wheel) as archive:
        for source, target in beside.items():
            assert archive.read(target) == bytes_of(source)


def test_the_wheel_says_what_it_is(wheel: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        (points,) = (name for name in archive.namelist() if name.endswith("/entry_points.txt"))
        text, scripts = archive.read(metadata).decode(), archive.read(points).decode()
        licenses = [name for name in archive.namelist() if "/licenses/" in name]
    assert "\nRequires-Python: >=3.11\n" in text
    assert "\nLicense-Expression: MIT\n" in text
    needed = re.findall("^Requires-Dist: ([A-Za-z-]+)(?![^\n]*extra)", text, re.MULTILINE)
    assert set(needed) == RUNTIME
    assert "tastyauth = tastyauth._entry:main" in scripts
    assert [os.path.basename(name) for name in licenses] == ["LICENSE"]


def test_the_package_is_marked_as_typed(wheel: str) -> None:
    """PEP 561: without the marker no type checker of a user reads the annotations."""
    assert "tastyauth/py.typed" in names_in_wheel(wheel)


def test_the_sdist_holds_all_that_pyproject_lists(sdist: str) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for pattern in _targets()["sdist"]["include"]:
        path = pattern.lstrip("/")
        assert os.path.exists(f"{REPOSITORY}/{path}"), f"{path} is listed, and there is none"
        expected = tracked(path) if os.path.isdir(f"{REPOSITORY}/{path}") else {path}
        assert expected <= names
    assert {"pyproject.toml", "README.md", "LICENSE", "PKG-INFO", SCHEMA} <= names


def _targets() -> Any:
    """What pyproject.toml says about the wheel and the sdist."""
    with open(f"{REPOSITORY}/pyproject.toml", "rb") as file:
        return tomllib.load(file)["tool"]["hatch"]["build"]["targets"]


def test_a_wheel_built_from_the_sdist_is_the_same(
    wheel: str, sdist: str, tmp_path: os.PathLike[str]
) -> None:
    out = os.fspath(tmp_path)
    subprocess.run(["tar", "-xf", sdist, "-C", out], check=True)  # tarfile has filters from 3.11.4
    (source,) = os.listdir(out)
    build = (sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", f"{out}/dist")
    environ = {"PATH": os.environ["PATH"], "HOME": out}
    done = tool(*build, f"{out}/{source}", environ=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    (name,) = os.listdir(f"{out}/dist")
    assert _contents(f"{out}/dist/{name}") == _contents(wheel)


def _contents(wheel: str) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_brings_only_what_it_needs(installed: str) -> None:
    """pyyaml, jsonschema and httpx, what these need in turn, and nothing that runs beside them."""
    present = dict(_distributions_in(installed))
    needed = set(_needed_by("tastyauth", present))
    assert set(present) == needed
    assert {canonicalize_name(name) for name in RUNTIME} <= needed
    direct = [Requirement(text) for text in present["tastyauth"].requires or ()]
    assert {canonicalize_name(it.name) for it in direct if _applies(it)} == RUNTIME


def _distributions_in(place: str) -> Iterator[tuple[str, Distribution]]:
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for found in distributions(path=[f"{place}/lib/{python}/site-packages"]):
        yield canonicalize_name(found.name), found


def _needed_by(name: str, present: Mapping[str, Distribution]) -> Iterator[str]:
    """`name` and, transitively, what it requires here without extras."""
    seen = {name}
    queue = [name]
    while queue:
        yield (current := queue.pop())
        for text in present[current].requires or ():
            requirement = Requirement(text)
            other = canonicalize_name(requirement.name)
            if _applies(requirement) and other not in seen:
                seen.add(other)
                queue.append(other)


def _applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def test_the_wheel_alone_does_the_main_job(installed: str, world: World) -> None:
    os.unlink(f"{world.home}/bin/tastyauth")
    os.symlink(f"{installed}/bin/tastyauth", f"{world.home}/bin/tastyauth")
    show = "; ".join(f'echo "${name}"' for name in DEFAULT_NAMES)
    done = world.shell(f"set -eu; eval $(tastyauth env); {show}; tastyauth env")
    assert (done.code, done.err) == (0, "")
    token, expiry, environment, url, profile, cached = done.out.splitlines()
    assert token.startswith("eyJ")
    assert expiry.isdigit()
    assert (environment, url, profile) == ("sandbox", world.simulator.origin, "live")
    assert token in cached
    assert world.simulator.exchanges == 1
    validated = world.shell(f"tastyauth validate {world.config}")
    assert (validated.code, validated.err) == (0, "")


def test_the_wheel_has_its_schema(installed: str, world: World) -> None:
    done = world.run_program(f"{installed}/bin/tastyauth", "schema")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == json.loads(bytes_of(SCHEMA))


def test_an_editable_install_has_its_schema(world: World) -> None:
    """Where the file is not in the package but beside it."""
    text = distribution("tastyauth").read_text("direct_url.json") or "{}"
    assert json.loads(text).get("dir_info", {}).get("editable") is True
    done = world.run("schema")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == json.loads(bytes_of(SCHEMA))


def test_neither_is_found_from_the_working_directory(installed: str, world: World) -> None:
    """A `tastyauth` or `yaml` of a project is not what the console script imports."""
    for name in ("tastyauth", "yaml", "httpx", "jsonschema"):
        world.write(f"{world.project}/{name}.py", "raise SystemExit('imported from the project')\n")
    for program in (f"{installed}/bin/tastyauth", "tastyauth"):
        done = world.run_program(program, "token", "--refresh")
        assert (done.code, done.err) == (0, "")
