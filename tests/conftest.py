"""What every test stands in: an environment without the caller's settings, and a home that traps.

A test that needs a home takes `world`, or makes one of its own below `tmp_path`.
"""

import os
import shutil
from collections.abc import Iterator

import pytest
from hypothesis import settings
from world import World

from tastyauth.simulator import Simulator

settings.register_profile("any machine", deadline=None)  # a loaded one is slow now and then
settings.register_profile("long", settings.get_profile("any machine"), max_examples=10_000)
settings.load_profile("any machine")

_FOUND = dict(os.environ)

_BEGINNINGS = ("TASTYAUTH_", "TASTYTRADE_", "XDG_", "SSL_")
_NAMES = ("NO_COLOR", "FORCE_COLOR", "CREDENTIALS_DIRECTORY", "SSLKEYLOGFILE")
"""Variables that tastyauth or its parts follow, besides proxies. `CI` is not among them: it tells
the tests whether a missing part is a failure, and no process of `world` sees it."""


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
def simulator() -> Iterator[Simulator]:
    """A broker on a free port of 127.0.0.1."""
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def world(simulator: Simulator, tmp_path: os.PathLike[str]) -> World:
    """A scratch home with a valid config of the simulator, and its secrets in files."""
    world = World(os.fspath(tmp_path), simulator)
    world.configure()
    return world
