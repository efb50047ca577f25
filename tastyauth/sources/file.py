"""Secrets in files and named pipes: opened once, and the opened file is checked, not the path."""

import errno
import os
import select
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tastyauth.errors import SecretAbsent, SecretError, reason_of
from tastyauth.posix import files, quote
from tastyauth.secret import Secret, printable
from tastyauth.sources import HANGS, OPEN, Reference, Surroundings, absolute, accept

LIMIT = 64 * 1024
"""Bytes. A larger file is not a secret, and is not read."""

CREDENTIALS_DIRECTORY = "CREDENTIALS_DIRECTORY"

_MAKE_IT = "create it, or correct the reference in the config"

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
"""O_NONBLOCK: opening a named pipe without a writer would never return."""

_IN_MEMORY = ("tmpfs", "ramfs")
"""File systems that are not on a disk."""

_WITHOUT_MODES = ("9p", "drvfs", "vfat", "exfat", "msdos", "ntfs", "ntfs3", "cifs", "smb3")
"""File systems, such as the drives of Windows in WSL, on which chmod changes nothing."""

_PAUSE = 0.02
"""Seconds between two reads of a pipe to which nobody has written yet."""


@dataclass(frozen=True, slots=True)
class File(Reference):
    """A regular file or a named pipe; `path` is absolute."""

    path: str
    any_permissions: bool = False
    kind = "file"
    reads = "file"
    can_store = True
    in_shell = '"$(cat {path})"'
    spelling = "{{ file: {profile}.{dashed} }}"

    @classmethod
    def parse(cls, value: object, directory: str, home: str) -> Reference | None:
        match value:
            case str(path):
                return cls(absolute(path, directory, home))
            case {"path": str(path), **options}:
                return cls(absolute(path, directory, home), options.get("permissions") == "any")
        return None

    def resolve(self, around: Surroundings) -> Secret:
        label = self.describe(around.home)
        hint = "store it: tastyauth secret set; or correct the reference in the config"
        return accept(self.read(around, label, hint), label)

    def read(self, around: Surroundings, label: str, if_absent: str = "") -> bytes:
        """The bytes of the file; raises as `resolve` does, calling it `label`."""
        return _content(self.path, label, around, if_absent, judge=not self.any_permissions)

    def look(self, around: Surroundings, label: str = "") -> bool:
        label = label or self.describe(around.home)
        _look(self.path, label, None if self.any_permissions else around)
        return True

    def store(self, value: Secret, around: Surroundings) -> None:
        """Makes the file, or replaces it by one of mode 0600, if it is a plain file of this user.

        A mounted secret is a link, or belongs to somebody else.
        """
        label = self.describe(around.home)
        try:
            files.make_ancestors(self.path)
            self.file_to_store(around)
            files.write(self.path, value.reveal().encode() + b"\n", durable=True)
            files.remove_unfinished(self.path)
        except OSError as error:
            what = f"{label} cannot be written: {reason_of(error)}"
            raise SecretError(what, "check its directory") from None

    def overwrite(self, value: Secret, around: Surroundings) -> None:
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        files.overwrite(self.file_to_store(around), value.reveal().encode() + b"\n", full)

    def file_to_store(self, around: Surroundings) -> str:
        with suppress(FileNotFoundError, NotADirectoryError):
            found = os.lstat(self.path)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
                label = self.describe(around.home)
                raise SecretError(
                    f"{label} is not a regular file that you own", "write it yourself"
                )
        return self.path

    def remove(self, around: Surroundings) -> None:
        files.remove(self.path)

    def earlier(self) -> Reference:
        return File(f"{self.path}.old")


@dataclass(frozen=True, slots=True)
class SystemdCredential(Reference):
    """A file of `$CREDENTIALS_DIRECTORY` (systemd.exec, section Credentials)."""

    name: str
    kind = "systemd_credential"
    reads = "credential"
    waits = False
    in_shell = '"$(cat "$CREDENTIALS_DIRECTORY"/{name})"'
    by_hand = (
        "systemd-ask-password -n | systemd-creds encrypt --name={name} -"
        " /etc/credstore.encrypted/{name} - as root, with LoadCredentialEncrypted={name}"
        " in the unit"
    )

    def resolve(self, around: Surroundings) -> Secret:
        """systemd sets the mode of the file, so it is not checked."""
        label, path, name = self.describe(), self._path(around), printable(self.name)
        hint = f"load it in the unit: LoadCredential={name}:PATH or LoadCredentialEncrypted={name}"
        flag = os.O_NOFOLLOW  # a link could lead outside
        return accept(_content(path, label, around, hint, flag, judge=False), label)

    def look(self, around: Surroundings) -> bool:
        _look(self._path(around), self.describe(), None, follow_links=False)
        return True

    def _path(self, around: Surroundings) -> str:
        label = self.describe()
        if "/" in self.name or self.name in {"", ".", ".."}:
            what = f"{label} is not a single file name"
            raise SecretError(what, "use the ID that the unit loads")
        directory = around.environ.get(CREDENTIALS_DIRECTORY, "")
        if not directory.startswith("/"):
            hint = f"run it as a systemd service with LoadCredential={printable(self.name)}:PATH"
            raise SecretAbsent(f"{label} is not here: ${CREDENTIALS_DIRECTORY} is not set", hint)
        return os.path.join(directory, self.name)


def _content(
    path: str, label: str, around: Surroundings, if_absent: str, flag: int = 0, *, judge: bool
) -> bytes:
    """What is in the file; raises SecretError also when it is too large, or a pipe that is late."""
    with _explained(label, path, if_absent):
        descriptor = os.open(path, _FLAGS | flag)
    content = b""
    try:
        _check(descriptor, path, label, around if judge else None)
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            content = _read_pipe(descriptor, label, around.limit)
        else:
            while len(content) <= LIMIT and (chunk := os.read(descriptor, LIMIT + 1)):
                content += chunk
    except OSError as error:
        what = f"{label} cannot be read: {reason_of(error)}"
        raise SecretError(what, "check its file system") from None
    finally:
        os.close(descriptor)
    if len(content) > LIMIT:
        raise SecretError(f"{label} is larger than {LIMIT // 1024} KiB", "name the right file")
    return content


def _look(path: str, label: str, around: Surroundings | None, *, follow_links: bool = True) -> None:
    """Raises what `_content` does; opens nothing: that would empty a pipe, and a device may act."""
    with _explained(label, path):
        mode = os.stat(path, follow_symlinks=follow_links).st_mode
        if stat.S_ISLNK(mode):  # as with O_NOFOLLOW
            raise OSError(os.strerror(errno.ELOOP))
        if not os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
            raise PermissionError
        _check(path, path, label, around)


@contextmanager
def _explained(label: str, path: str, if_absent: str = "") -> Iterator[None]:
    """Turns the system's error about a path into a SecretError."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise SecretAbsent(f"{label} does not exist", if_absent or _MAKE_IT) from None
    except PermissionError:
        what = "is not readable by this user"
        hint = f"check its owner and mode: ls -l {quote(path)}"
    except OSError as error:
        what, hint = f"cannot be opened: {reason_of(error)}", "name a file"
    except ValueError:
        what, hint = "is not a path", "correct the reference in the config"
    else:
        return
    raise SecretError(f"{label} {what}", hint) from None


def _check(found_at: int | str, path: str, label: str, around: Surroundings | None) -> None:
    """Raises SecretError for what is not a file, or if `around` is given, for one others can read.

    `found_at` is where to look: the descriptor of what was opened, or `path` itself.
    """
    found = os.stat(found_at)
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISFIFO(found.st_mode):
        raise SecretError(f"{label} is neither a file nor a named pipe", "name a file")
    if around is None:
        return
    # Only what its owner can fix with chmod: mounted secrets (containers, services) belong to
    # another user or come from a file system on which modes say nothing.
    if found.st_uid != os.geteuid() or not found.st_mode & (stat.S_IRGRP | stat.S_IROTH):
        return
    if os.statvfs(found_at).f_flag & os.ST_RDONLY:
        return
    file_system = _file_system(found.st_dev)
    if file_system in _IN_MEMORY:
        return
    directory = around.environ.get(CREDENTIALS_DIRECTORY, "")
    above = os.path.join(os.path.realpath(directory), "")
    if directory.startswith("/") and os.path.realpath(path).startswith(above):
        return
    hint = f"run: chmod 600 {quote(path)}"
    if file_system in _WITHOUT_MODES:
        hint = (
            f"file modes have no effect on this file system ({file_system}): move the file,"
            " or write"
            f" {{ file: {{ path: {printable(path)}, permissions: any }} }} in the config"
        )
    raise SecretError(f"{label} can be read by other users", hint, reason=OPEN)


def _file_system(device: int) -> str:
    """The kind of file system with this number (proc(5), mountinfo); empty when not known."""
    number = b"%d:%d" % (os.major(device), os.minor(device))
    with suppress(OSError), open("/proc/self/mountinfo", "rb") as mounts:  # macOS has neither
        for line in mounts:
            mount, _, file_system = line.partition(b" - ")
            if mount.split()[2] == number:
                return file_system.split()[0].decode("latin-1")
    return ""


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
        except BlockingIOError:  # another reader of the pipe was faster
            continue
        content += chunk
        if len(content) > LIMIT or (content and not chunk):
            return content
        if not content:
            time.sleep(_PAUSE)
    raise SecretError(
        f"{label} is a named pipe that gave no complete value within {limit:g} s",
        "start the program that writes to it",
        reason=HANGS,
    )
