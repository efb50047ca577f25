"""Files that only their owner can read, written whole or not at all."""

import os
from _thread import get_ident  # built in, where `threading` is a module to load

from tastyauth import locate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO


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


def write(path: str, content: bytes, *, durable: bool = False, mode: int = 0o600) -> None:
    """Replaces `path` by a new file, mode 0600 from its first moment; raises OSError.

    What holds no secret may get another `mode` before it takes the place of `path`. A reader sees
    the old or the new file, both whole. So does the next start after a power cut, when `durable`;
    what can be had again is not worth the wait for the disk.
    """
    temporary = f"{path}.{os.getpid()}.{get_ident()}.new"
    try:
        with _created(temporary) as file:
            file.write(content)
            file.flush()
            if mode != 0o600:
                os.fchmod(file.fileno(), mode)
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
        if durable:
            _sync(os.path.dirname(path))
    except BaseException:
        remove(temporary)
        raise


def write_at_once(path: str, content: bytes) -> None:
    """Makes a file as `write` does, in the fewest calls until `content` is safe; raises OSError.

    A process that is killed meanwhile leaves a part of it, so `content` must tell its own end.
    """
    with _created(path) as file:
        try:
            file.write(content)
            file.flush()
        except BaseException:
            remove(path)
            raise
        try:
            os.fsync(file.fileno())
            _sync(os.path.dirname(path))
        except OSError:
            return  # written, on a disk that cannot promise to keep it when the power is cut


def remove_unfinished(path: str, older_than: float) -> None:
    """Removes what is left of writes of `path` that began before a time; raises OSError."""
    directory, name = os.path.split(path)
    with os.scandir(directory) as found:
        paths = [file.path for file in found if _is_temporary(file.name, name)]
    for left in paths:
        try:
            if os.lstat(left).st_mtime < older_than:
                remove(left)
        except FileNotFoundError:
            continue  # its writer was just done


def remove(path: str) -> None:
    """Removes `path` if it is there; raises OSError when it stays."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def _created(path: str) -> "BinaryIO":
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    remove(path)  # left by a process that was killed
    return open(os.open(path, flags, 0o600), "wb")


def _is_temporary(name: str, of: str) -> bool:
    """Whether `write` would call its temporary file for `of` so."""
    begins, _, rest = name.partition(f"{of}.")
    return not begins and rest.endswith(".new") and rest[:-4].replace(".", "", 1).isdecimal()


def _sync(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
