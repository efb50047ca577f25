"""What a test needs and a machine may lack. Nothing else skips a test, and CI lacks nothing."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import pytest

IS_ROOT = os.geteuid() == 0

_NOBODY = 65534

needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root can do that; CI is root as well")
needs_user = pytest.mark.skipif(IS_ROOT, reason="root may do anything; CI is a user as well")
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has that")


def missing(reason: str) -> NoReturn:
    """Skips the test on a developer's machine; in CI, where every part belongs, fails it."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def is_root() -> None:
    """Skips the rest of a test that only root can do."""
    if not IS_ROOT:
        pytest.skip("only root can do that; CI is root as well")


def is_user() -> None:
    """Skips the rest of a test of a permission that root always has."""
    if IS_ROOT:
        pytest.skip("root may do anything; CI is a user as well")


def exists(path: str) -> None:
    """For files of Linux, like those below /proc."""
    if not os.path.exists(path):
        missing(f"{path} is missing")


def is_on_disk(path: str | os.PathLike[str]) -> None:
    """For tests of the mode of a file: tastyauth does not judge modes in memory."""
    device = os.stat(path).st_dev
    number = f" {os.major(device)}:{os.minor(device)} "
    exists("/proc/self/mountinfo")
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        if any(number in line and " - tmpfs " in line for line in mounts):
            missing(f"{path} is in memory; TMPDIR=/var/tmp has a disk below it")


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's privileges, when we are root."""
    if not IS_ROOT:
        yield
        return
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
