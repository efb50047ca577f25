"""Files that only their owner can read, written whole or not at all."""

import os
import stat
from _thread import get_ident  # built in, where `threading` is a module to load

LARGEST = 256 * 1024
"""Bytes. None of our own files comes near; a larger one is not ours."""


class NotPrivate(OSError):
    """The file or directory is a link, belongs to somebody else or is open to others."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.strerror = reason


def make_directory(path: str) -> None:
    """Makes `path` (mode 0700) and what is missing above it, and checks it; raises OSError."""
    make_ancestors(f"{path}/.")
    check(path)


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
        raise NotPrivate(f"{above} belongs to another user, and this is root")
    for directory in reversed(missing):
        try:
            os.mkdir(directory, 0o700)
        except FileExistsError:
            continue  # another process was first


def check(path: str) -> None:
    """Raises NotPrivate unless `path` is ours, no link, and closed to everybody else."""
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode):
        raise NotPrivate(f"{path} is a symbolic link")
    if not stat.S_ISDIR(found.st_mode):
        raise NotPrivate(f"{path} is not a directory")
    if found.st_uid != os.geteuid():
        raise NotPrivate(f"{path} belongs to another user")
    if found.st_mode & 0o077:
        mode = "700" if stat.S_ISDIR(found.st_mode) else "600"
        raise NotPrivate(f"{path} is open to other users; chmod {mode} it")


def read(path: str) -> bytes | None:
    """The whole file, or None when there is none; raises OSError when it may not be used."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            raise NotPrivate(f"{path} is not a file of this user")
        if found.st_mode & 0o077:
            raise NotPrivate(f"{path} is open to other users; chmod 600 it")
        content = os.read(descriptor, min(found.st_size, LARGEST) + 1)
        if len(content) > LARGEST:
            raise NotPrivate(f"{path} is too large to be ours")
        return content
    finally:
        os.close(descriptor)


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
