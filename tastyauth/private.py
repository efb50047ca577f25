"""Files that only their owner can read, written whole or not at all."""

import os
from _thread import get_ident  # built in, where `threading` is a module to load

from tastyauth import locate


def make_directory(path: str) -> None:
    """Makes `path` (mode 0700) and what is missing above it, and checks it; raises OSError."""
    make_ancestors(f"{path}/.")
    locate.check_private(path)


def make_ancestors(path: str) -> None:
    """Makes the directories above `path` that are missing, mode 0700; raises OSError.

    As root nothing is made below a directory of another user: `sudo` keeps `$HOME`, and files of
    root's there would lock their owner out.
    """
    missing = []
    above = os.path.dirname(path)
    while not os.path.lexists(above):
        missing.append(above)
        above = os.path.dirname(above)
    if missing and os.geteuid() == 0 and os.stat(above).st_uid != 0:
        raise locate.not_private(f"{above} belongs to another user, and this is root")
    for directory in reversed(missing):
        try:
            os.mkdir(directory, 0o700)
        except FileExistsError:
            continue  # another process was first


def write(path: str, content: bytes, *, durable: bool = False) -> None:
    """Replaces `path` by a new file, mode 0600 from its first moment; raises OSError.

    A reader sees the old or the new file, both whole. So does the next start after a power cut,
    when `durable`; what can be had again is not worth the wait for the disk.
    """
    temporary = f"{path}.{os.getpid()}.{get_ident()}.new"
    remove(temporary)  # left by a process of the same number that was killed
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(temporary, flags, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
        if durable:
            _sync(os.path.dirname(path))
    except BaseException:
        remove(temporary)
        raise


def remove(path: str) -> None:
    """Removes `path` if it is there; raises OSError when it stays."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def _sync(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
