"""Private files, written whole or not at all, and who else could write to them."""

import os
import pwd
import stat
import time
from _thread import get_ident  # built in, where `threading` is a module to load

from tastyauth import locate
from tastyauth.posix import HeldBack, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

UNFINISHED = 3600.0
"""Seconds after which nobody writes a temporary file any more."""

_MOST_STEPS = 1000
"""Links followed to a file; more are taken for a loop."""

_ACCESS_ACL = "system.posix_acl_access"
"""Where Linux keeps the access ACL of a file (acl(5)); the standard library reads none of macOS."""


def make_directory(path: str) -> None:
    """Makes `path` (mode 0700) and what is missing above it, and checks it; raises OSError."""
    make_ancestors(f"{path}/.")
    locate.check_private(path)


def make_ancestors(path: str) -> None:
    """Makes the missing directories above `path`, mode 0700 under any umask; raises OSError.

    As root nothing is made below a directory of another user: `sudo` keeps `$HOME`, and root's
    files there would lock their owner out.
    """
    missing = []
    above = os.path.dirname(path)
    while not os.path.lexists(above):
        missing.append(above)
        above = os.path.dirname(above)
    if missing and os.geteuid() == 0 and os.stat(above).st_uid != 0:
        raise locate.not_private(f"{above} belongs to another user, and you are root")
    for directory in reversed(missing):
        try:
            os.mkdir(directory, 0o700)
        except FileExistsError:
            continue  # another process was first
        if stat.S_IMODE(os.lstat(directory).st_mode) & 0o700 != 0o700:
            os.chmod(directory, 0o700)  # a umask may take away even the owner's rights


def write(path: str, content: bytes, *, durable: bool = False, mode: int = 0o600) -> None:
    """Replaces `path` with a new file, mode 0600 from the start; raises OSError.

    A file without a secret may get another `mode` before it takes the place of `path`. Readers see
    the old or the new file, both whole. With `durable` that holds after a power cut, too; a file
    that can be fetched again is not worth waiting for the disk.
    """
    temporary = _beside(path)
    try:
        _fill(temporary, content, mode, durable=durable)
        os.replace(temporary, path)
        if durable:
            _sync(os.path.dirname(path))
    except BaseException:
        remove(temporary)
        raise


def overwrite(path: str, content: bytes, error: OSError) -> None:
    """Writes into the file that is there, for which a full disk has room; else raises `error`.

    For what would be lost otherwise: a reader, or a power cut, may find half of it.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        raise error from None
    try:
        with HeldBack():
            if os.pwrite(descriptor, content, 0) != len(content):
                raise error
            os.ftruncate(descriptor, len(content))
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_beside(contents: "Mapping[str, tuple[bytes, int]]") -> None:
    """Writes what is to replace several files, path to content and mode, beside their places.

    `rename_all` puts it there, `discard_all` takes it away. Raises OSError, whose `filename` is the
    path to be replaced.
    """
    for path, (content, mode) in contents.items():
        try:
            make_ancestors(path)
            if os.path.isdir(path):
                raise locate.not_private(f"{path} is a directory")
            _fill(_beside(path), content, mode, durable=True)
        except OSError as error:
            error.filename = path
            raise


def rename_all(paths: "Iterable[str]") -> None:
    """Puts what `write_beside` has written in its place; raises OSError."""
    with HeldBack():
        for path in paths:
            os.replace(_beside(path), path)
    for path in paths:
        _sync(os.path.dirname(path))


def discard_all(paths: "Iterable[str]") -> None:
    """Removes what `write_beside` has written and nothing has renamed."""
    for path in paths:
        try:
            remove(_beside(path))
        except OSError:
            continue  # nothing was written, not even a directory


def leads_out(path: str, directory: str) -> bool:
    """Whether a path below `directory` leads out of it, by a link on the way or at its end."""
    inside = os.path.realpath(directory).rstrip("/") + "/"
    return not f"{os.path.realpath(path)}/".startswith(inside)


def remove_unfinished(path: str) -> None:
    """Removes temporary files that killed processes have left beside `path`, where it can."""
    directory, name = os.path.split(path)
    try:
        for other in os.listdir(directory):
            before, _, rest = other.partition(f"{name}.")
            numbers = rest.removesuffix(".new")  # as `_beside` has them
            if before or numbers == rest or not numbers.replace(".", "", 1).isdecimal():
                continue
            if is_older(f"{directory}/{other}", UNFINISHED):
                remove(f"{directory}/{other}")
    except OSError:
        return


def is_older(path: str, seconds: float) -> bool:
    """Whether `path` was last changed that long ago; False when it is gone. Raises OSError."""
    try:
        return time.time() - os.lstat(path).st_mtime > seconds
    except FileNotFoundError:
        return False


def remove(path: str) -> None:
    """Removes `path` if it exists; raises OSError when it cannot."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def _beside(path: str) -> str:
    return f"{path}.{os.getpid()}.{get_ident()}.new"


def _fill(path: str, content: bytes, mode: int, *, durable: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    remove(path)  # left by a process that was killed
    with open(os.open(path, flags, 0o600), "wb") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) != mode:
            os.fchmod(file.fileno(), mode)  # a umask may take away even the owner's rights
        file.write(content)
        file.flush()
        if durable:
            os.fsync(file.fileno())


def _sync(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def writable_by_others(path: str) -> str | None:
    """Who else could replace the file at `path`, as a sentence; None when only its user and root.

    The file, the directories above it, and those of what its symbolic links point to must belong
    to this user or root, and nobody else may write to them. Allowed are a group without other
    members, and a directory of root's with the sticky bit.
    """
    try:
        for step in _steps_to(path):
            reason = _writers_of(step)
            if reason:
                return reason
    except OSError:
        return f"{path} cannot be checked"
    return None


def how_to_close(reason: str) -> str:
    """What to type to fix a `reason` from `writable_by_others`."""
    for words, command in (
        (" can be written by somebody", "setfacl -b"),
        (" can be written", "chmod go-w"),
        (" belongs to another user", "sudo chown $(id -u)"),
        (" cannot be checked", "look at it: ls -ld"),
    ):
        path, found, _ = reason.rpartition(words)
        if found:
            return f"{command} {quote(path)}"
    return "remove that permission"


def _steps_to(path: str) -> list[str]:
    """Every directory and link on the way to `path`, and the file at its end."""
    steps = ["/"]
    here, ahead = "", path.split("/")
    while ahead:
        name = ahead.pop(0)
        if name in ("", "."):
            continue
        here = os.path.dirname(here).rstrip("/") if name == ".." else f"{here}/{name}"
        steps.append(here or "/")
        if len(steps) > _MOST_STEPS:
            raise OSError("too many links")
        if here and os.path.islink(here):
            target = os.readlink(here)
            ahead = target.split("/") + ahead
            here = "" if target.startswith("/") else os.path.dirname(here).rstrip("/")
    return steps


def _writers_of(path: str) -> str | None:
    found = os.lstat(path)
    if found.st_uid not in (0, os.geteuid()):
        return f"{path} belongs to another user"
    if stat.S_ISLNK(found.st_mode):
        return None  # its mode means nothing; its directory and its target are checked
    if stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX and found.st_uid == 0:
        return None
    if found.st_mode & stat.S_IWOTH:
        return f"{path} can be written by everybody"
    if found.st_mode & stat.S_IWGRP:
        # with an ACL the group's bits are its mask: the most that any user it names may do
        try:
            if hasattr(os, "getxattr") and os.getxattr(path, _ACCESS_ACL):
                return f"{path} can be written by somebody named in its ACL"
        except OSError:
            pass  # no ACL, or a file system without them
        if _has_other_members(found.st_gid):
            return f"{path} can be written by its group"
    return None


def _has_other_members(group: int) -> bool:
    """Whether the group has, or may have, members besides this user and root.

    A directory service need not list all users and groups; what it leaves out proves nothing.
    """
    import grp  # a library to load, and not for those who wait for another process

    try:
        own = pwd.getpwuid(os.geteuid())
        members = set(grp.getgrgid(group).gr_mem)
    except KeyError:
        return True
    users = pwd.getpwall()
    is_listed = any(user.pw_name == own.pw_name for user in users) and any(
        listed.gr_gid == group for listed in grp.getgrall()
    )
    members.update(user.pw_name for user in users if user.pw_gid == group)
    return not is_listed or bool(members - {own.pw_name, "root"})
