"""What every test runs in: an environment without the caller's settings, and a home that traps.

A test that needs a home takes `world`, or makes one of its own below `tmp_path`.
"""

import fcntl
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from clocks import Clock
from engines import Running, engine
from golden import Golden, compared, written
from hypothesis import settings
from warm import Warm, warmed_up
from world import LIMIT, World

from tastyauth.simulator import Simulator

for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    # Ignored under nohup and in background jobs of scripts, and so in every child; a handler is
    # not inherited by a program that is started.
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, lambda *_: None)

settings.register_profile("any machine", deadline=None)  # a loaded one is slow now and then
settings.register_profile("long", settings.get_profile("any machine"), max_examples=10_000)
settings.register_profile("quick", settings.get_profile("any machine"), max_examples=20)
settings.load_profile("any machine")

_FOUND = dict(os.environ)

_BEGINNINGS = ("TASTYAUTH_", "TASTYTRADE_", "XDG_", "SSL_")
_NAMES = ("NO_COLOR", "FORCE_COLOR", "CREDENTIALS_DIRECTORY", "SSLKEYLOGFILE")
"""Variables that tastyauth or its parts follow, besides proxies. `CI` is not among them: it tells
the tests whether a missing part is a failure, and no process of `world` sees it."""


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Ends with what was skipped for lack of a program, and how to install it."""
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", ())]
    count = sum("missing" in reason for reason in skipped)
    if count:
        terminalreporter.write_line(
            f"{count} tests were skipped, since a program or a package is missing:"
            " tests/e2e/install has them all, and needs root and Debian or Ubuntu"
        )


HERE = os.path.dirname(os.path.abspath(__file__))

FIRST = ("e2e/test_programs.py", "e2e/test_distribution.py")
"""Tests that mostly wait, or take minutes: with workers they begin before all others."""

MACHINE = tuple(
    f"e2e/test_{name}.py"
    for name in ("container", "cron", "doctor_cron", "systemd", "systemd_creds")
)
"""Tests of what a machine has once."""

TOGETHER = ("test_packaging.py",)
"""Tests, besides the end-to-end ones, that share what takes long to make."""

APART = ("e2e/test_distribution.py", "e2e/test_kills.py", "e2e/test_torture.py")
"""End-to-end tests that take minutes each."""

SLOW = (
    *("e2e/", "bench/", "fuzz/"),
    *("shared/test_fleet.py", "sources/test_stores.py", "test_bench.py"),
)
"""What `--quick` leaves out, since it starts many processes, besides the files of tests that start
the real command."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write", action="store_true", help="renew the golden files that are tested")
    parser.addoption("--quick", action="store_true", help="only what runs in the test process")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--quick"):
        settings.load_profile("quick")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Puts end-to-end tests last."""
    workers = "PYTEST_XDIST_WORKER" in os.environ
    items.sort(key=lambda item: _turn(_path(item), workers))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `--quick`, the files that it leaves out are not even imported."""
    path = os.path.relpath(collection_path, HERE)
    if not config.getoption("--quick") or not path.endswith(".py"):
        return None
    with open(collection_path, encoding="utf-8") as file:
        taken = re.search(r"^from world import (\([^)]*\)|.*)", file.read(), re.MULTILINE)
    starts_it = taken is not None and re.search(r"\b(World|COMMAND)\b", taken[1]) is not None
    return True if starts_it or path.startswith(SLOW) else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Keeps on one worker the tests of a file that share something expensive or unique."""
    made: Any = import_module("xdist.scheduler").LoadScopeScheduling(config, log)
    made._split_scope = _shared  # `loadgroup` does nothing with pytest 9.2 and xdist 3.8
    return made


def _shared(nodeid: str) -> str:
    """What the tests have in common that are to run on one worker; a test by itself has itself."""
    path = nodeid.partition("::")[0].removeprefix("tests/")
    if path in MACHINE:
        return "machine"
    if path in TOGETHER or (path.startswith("e2e/") and path not in APART):
        return path
    return nodeid


def _path(item: pytest.Item) -> str:
    return os.path.relpath(item.path, HERE)


def _turn(path: str, workers: bool) -> int:
    if workers and path in FIRST:
        return FIRST.index(path) - len(FIRST)
    return int(path.startswith("e2e/"))


def _is_alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


@pytest.fixture(autouse=True)
def _room(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Keeps a test marked `alone` from running while another worker runs one.

    Each test takes the door lock first, so that an exclusive lock on the room is not starved. The
    tests that begin first take minutes, and nobody waits for them.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ or _path(request.node) in FIRST:
        yield
        return
    above = tmp_path_factory.getbasetemp().parent
    with open(above / "door", "w") as door, open(above / "room", "w") as room, ExitStack() as stack:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if _is_alone(request.node) else fcntl.LOCK_SH)
        stack.callback(fcntl.flock, room, fcntl.LOCK_UN)  # also for children that are still there
        fcntl.flock(door, fcntl.LOCK_UN)
        yield


@pytest.fixture(scope="session")
def callers_environment() -> dict[str, str]:
    """The environment in which the tests were started, for tools that fetch packages."""
    return dict(_FOUND)


@pytest.fixture(scope="session", autouse=True)
def trap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The home directory of the test process, which no test may write to."""
    home = os.fspath(tmp_path_factory.mktemp("trap"))
    with pytest.MonkeyPatch.context() as patch:
        for name in _FOUND:
            proxy = name.upper().endswith("_PROXY")
            if proxy or name.startswith(_BEGINNINGS) or name in _NAMES:
                patch.delenv(name)
        patch.setenv("HOME", home)
        yield home


@pytest.fixture(autouse=True)
def _nothing_trapped(trap: str) -> Iterator[None]:
    """Fails a test that has used the default directories for cache, state or config."""
    yield
    caught = sorted(os.listdir(trap))
    for name in caught:
        shutil.rmtree(os.path.join(trap, name), ignore_errors=True)
    assert not caught, f"this test wrote {caught} into the home directory"


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """What is made now must be what a file holds; with `--write` the file is renewed."""
    return written if request.config.getoption("--write") else compared


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of this process."""
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    return clock


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A broker on a free port of 127.0.0.1."""
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """A process from which runs of the command are forked."""
    with warmed_up(LIMIT) as warm:
        yield warm


@pytest.fixture(autouse=True)
def _warmed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Lets every `World` of a test that is marked `warm` start the command that way."""
    if request.node.get_closest_marker("warm"):
        World.warm = request.getfixturevalue("warm")
    yield
    World.warm = None


@pytest.fixture
def newcomer(simulator: Simulator, tmp_path: os.PathLike[str]) -> World:
    """A scratch home without a config."""
    return World(os.fspath(tmp_path), simulator)


@pytest.fixture
def world(newcomer: World) -> World:
    """A scratch home with a valid config of the simulator, and its secrets in files."""
    newcomer.configure()
    return newcomer


@pytest.fixture
def in_world(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is in the test's world."""
    monkeypatch.setenv("HOME", world.home)
    monkeypatch.chdir(world.project)


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    with engine() as running:
        yield running


@pytest.fixture
def valkey(running: Running) -> Running:
    """A Valkey that holds nothing."""
    running.client.flushall()
    return running
