"""Secrets in files and named pipes: opened once, judged by what was opened."""

import errno
import os
import select
import shlex
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tastyauth.errors import SecretAbsent, SecretError, reason_of
from tastyauth.secret import Secret
from tastyauth.sources.label import describe, printable
from tastyauth.sources.reference import File, SystemdCredential
from tastyauth.sources.surroundings import Surroundings
from tastyauth.sources.value import accept

LIMIT = 64 * 1024
"""Bytes. A larger file is not a secret, and need not be read to say so."""

CREDENTIALS_DIRECTORY = "CREDENTIALS_DIRECTORY"

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
"""O_NONBLOCK: a named pipe without a writer would hold the open itself for ever."""

_LOOK = 0.02
"""Seconds between two looks at a pipe to which nobody has written yet."""


def resolve_file(reference: File, surroundings: Surroundings) -> Secret:
    """The secret in a file; raises SecretAbsent without a file, SecretError for an unfit one."""
    label = describe(reference, surroundings.home)
    return accept(read_file(reference, surroundings, label), label)


def read_file(reference: File, surroundings: Surroundings, label: str) -> bytes:
    """The bytes in a file that is fit to hold secrets; raises as `resolve_file` does."""
    with _opened(reference.path, label) as descriptor:
        if not reference.any_permissions:
            _require_private(descriptor, reference.path, label, surroundings)
        return _read(descriptor, label, surroundings.limit)


def look_at_file(reference: File, surroundings: Surroundings, label: str) -> None:
    """Raises what `read_file` raises, as far as it shows from outside.

    Nothing is opened: what is written to a named pipe would be lost, and a device may act.
    """
    with _explained(label):
        _look(reference.path, label)
        if not reference.any_permissions:
            _require_private(reference.path, reference.path, label, surroundings)


def look_at_credential(reference: SystemdCredential, surroundings: Surroundings) -> None:
    """Raises what `resolve_credential` raises, as far as it shows from outside."""
    label = describe(reference)
    path = _path_of_credential(reference, label, surroundings)
    with _explained(label):
        _look(path, label, follow_links=False)


def resolve_credential(reference: SystemdCredential, surroundings: Surroundings) -> Secret:
    """The secret that systemd put into `$CREDENTIALS_DIRECTORY`; no mode is judged there.

    Raises SecretAbsent outside such a service and for a credential that it was not given.
    """
    label = describe(reference)
    path = _path_of_credential(reference, label, surroundings)
    try:
        with _opened(path, label, os.O_NOFOLLOW) as descriptor:  # a link could lead outside
            return accept(_read(descriptor, label, surroundings.limit), label)
    except SecretAbsent as absent:
        name = printable(reference.name)
        cure = f"load it in the unit: LoadCredential={name}:PATH or LoadCredentialEncrypted={name}"
        raise SecretAbsent(absent.message, cure) from None


def _path_of_credential(
    reference: SystemdCredential, label: str, surroundings: Surroundings
) -> str:
    if "/" in reference.name or reference.name in {"", ".", ".."}:
        raise SecretError(f"{label} is not a single file name", "use the ID that the unit loads")
    directory = surroundings.environ.get(CREDENTIALS_DIRECTORY, "")
    if not directory.startswith("/"):
        raise SecretAbsent(
            f"{label} is not here: ${CREDENTIALS_DIRECTORY} is not set",
            f"run it as a systemd service with LoadCredential={printable(reference.name)}:PATH",
        )
    return os.path.join(directory, reference.name)


@contextmanager
def _opened(path: str, label: str, more_flags: int = 0) -> Iterator[int]:
    with _explained(label):
        descriptor = os.open(path, _FLAGS | more_flags)
    try:
        _require_file(os.fstat(descriptor).st_mode, label)
        yield descriptor
    finally:
        os.close(descriptor)


def _look(path: str, label: str, *, follow_links: bool = True) -> None:
    """Raises what `_opened` does, or the OSError of the system; opens nothing."""
    mode = os.stat(path, follow_symlinks=follow_links).st_mode
    if stat.S_ISLNK(mode):  # what is said to O_NOFOLLOW
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    if not os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
        raise PermissionError
    _require_file(mode, label)


def _require_file(mode: int, label: str) -> None:
    if not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):
        raise SecretError(f"{label} is neither a file nor a named pipe", "name a file")


@contextmanager
def _explained(label: str) -> Iterator[None]:
    """Makes a SecretError of what the system says to a path."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise SecretAbsent(
            f"{label} does not exist", "make it, or correct the reference in the config"
        ) from None
    except PermissionError:
        raise SecretError(
            f"{label} may not be read by this user", "look at its owner and mode: ls -l"
        ) from None
    except OSError as error:
        raise SecretError(f"{label} cannot be opened: {reason_of(error)}", "name a file") from None
    except ValueError:
        raise SecretError(f"{label} is no path", "correct the reference in the config") from None


def _require_private(
    found_at: int | str, path: str, label: str, surroundings: Surroundings
) -> None:
    """`found_at` is where to look: the descriptor of what was opened, or `path` itself."""
    found = os.stat(found_at)
    # Only what its owner can mend with chmod: mounted secrets (containers, services) belong to
    # another user or come from a file system on which modes say nothing.
    if found.st_uid != os.geteuid() or not found.st_mode & (stat.S_IRGRP | stat.S_IROTH):
        return
    if _is_read_only(found_at) or _is_in_memory(found.st_dev):
        return
    if _is_below(path, surroundings.environ.get(CREDENTIALS_DIRECTORY, "")):
        return
    raise SecretError(
        f"{label} can be read by other users", f"run: chmod 600 {printable(shlex.quote(path))}"
    )


def _is_read_only(found_at: int | str) -> bool:
    return bool(os.statvfs(found_at).f_flag & os.ST_RDONLY)


def _is_in_memory(device: int) -> bool:
    """Whether the file lies on tmpfs or on ramfs, its unswappable kin (proc(5), mountinfo)."""
    number = b"%d:%d" % (os.major(device), os.minor(device))
    try:
        with open("/proc/self/mountinfo", "rb") as mounts:
            for line in mounts:
                mount, _, file_system = line.partition(b" - ")
                if mount.split()[2] == number:
                    return file_system.split()[0] in {b"tmpfs", b"ramfs"}
    except OSError:  # macOS has neither /proc nor tmpfs
        return False
    return False


def _is_below(path: str, directory: str) -> bool:
    return directory.startswith("/") and os.path.realpath(path).startswith(
        os.path.realpath(directory).rstrip("/") + "/"
    )


def _read(descriptor: int, label: str, limit: float) -> bytes:
    if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        content = _read_pipe(descriptor, label, limit)
    else:
        content = _read_regular(descriptor, label)
    if len(content) > LIMIT:
        raise SecretError(f"{label} is larger than {LIMIT // 1024} KiB", "name the right file")
    return content


def _read_regular(descriptor: int, label: str) -> bytes:
    content = b""
    try:
        while len(content) <= LIMIT and (chunk := os.read(descriptor, LIMIT + 1)):
            content += chunk
    except OSError as error:
        raise SecretError(
            f"{label} cannot be read: {reason_of(error)}", "look at its file system"
        ) from None
    return content


def _read_pipe(descriptor: int, label: str, limit: float) -> bytes:
    # The end of file counts once something has come: before that it says, on some systems, that
    # no writer has arrived yet.
    content = b""
    deadline = time.monotonic() + limit
    readable = select.poll()
    readable.register(descriptor, select.POLLIN)
    while (remaining := deadline - time.monotonic()) > 0:
        if not readable.poll(remaining * 1000):
            break
        try:
            chunk = os.read(descriptor, LIMIT + 1)
        except BlockingIOError:  # another reader of the pipe was quicker
            continue
        content += chunk
        if len(content) > LIMIT or (content and not chunk):
            return content
        if not content:
            time.sleep(_LOOK)
    raise SecretError(
        f"{label} is a named pipe that gave no whole value within {limit:g} s",
        "start the program that writes to it",
    )
