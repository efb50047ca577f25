"""What `run` adds to pytest: the command runs in a copy of the test's process, with its change."""

import os
import sys
import tempfile
from typing import Any

import pytest
from hypothesis import settings
from mutmut.state import state

_OF_THE_INTERPRETER = ("PYTHON", "LANG", "LC_", "LD_")
"""Variables that count when Python starts."""

_called = os.open(f"{tempfile.mkdtemp()}/called", os.O_CREAT | os.O_RDWR | os.O_APPEND)
"""What copies of this process have called, for mutmut, which asks this process alone."""


class _Told(set[str]):
    """What a copy of this process calls."""

    def add(self, name: str) -> None:
        if name not in self:
            super().add(name)
            os.write(_called, f"{name}\n".encode())


def _tell() -> None:
    state()._stats = _Told()


os.register_at_fork(after_in_child=_tell)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    size = os.lseek(_called, 0, os.SEEK_END)
    state()._stats.update(os.pread(_called, size, 0).decode().split())
    os.ftruncate(_called, 0)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The quickest first: most changes are noticed by many."""
    items.sort(key=lambda item: state().duration_by_test.get(item.nodeid, 0.0))


def pytest_configure() -> None:
    from world import World

    started = World.run

    def in_a_copy(self: World, *words: str, given: str = "", **variables: str) -> Any:
        if any(name.startswith(_OF_THE_INTERPRETER) for name in variables):
            return started(self, *words, given=given, **variables)
        return _run(self, words, given, variables)

    World.run = in_a_copy  # type: ignore[method-assign]
    settings.register_profile(
        "few", deadline=None, max_examples=20, derandomize=True, database=None
    )
    settings.load_profile("few")


def _run(world: Any, words: tuple[str, ...], given: str, variables: dict[str, str]) -> Any:
    from world import Completed

    from tastyauth._entry import main

    streams = [tempfile.TemporaryFile() for _ in range(3)]  # noqa: SIM115  # closed below
    streams[0].write(given.encode())
    streams[0].seek(0)
    child = os.fork()
    if child == 0:
        try:
            for number, file in enumerate(streams):
                os.dup2(file.fileno(), number)
            files = [open(number, "rww"[number], closefd=False) for number in range(3)]  # noqa: SIM115
            sys.stdin, sys.stdout, sys.stderr = files
            os.chdir(world.project)
            os.environ.clear()
            os.environ.update({**world.environ, **variables})
            tempfile.tempdir = None
            sys.argv = ["tastyauth", *words]
            main()
        finally:
            os._exit(99)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    written = []
    for file in streams:
        file.seek(0)
        written.append(file.read().decode())
        file.close()
    return Completed(code, *written[1:])
