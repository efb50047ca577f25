"""Rotated refresh tokens: nothing that a server handed out is lost.

A server may answer with a new refresh token and forget the old one (RFC 6749, section 6; RFC 9700,
section 4.14.2). The new one is kept here, also where the declared source can be written: a file of
mode 0600, named by the digest of where the old one belonged and what it was. Links are followed
to their end, so a source may stay at any older token of the same grant.

Until the link of the old token is written, the new one is in the memory of one process and nowhere
else. So that is the first thing done with an answer, in one call; a link that ends with its line is
whole, and whoever is killed from then on loses nothing.
"""

import errno
import os
import shlex
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256

from tastyauth import locate
from tastyauth.cache.lock import Lock, remove_unless_held
from tastyauth.errors import APPLICATIONS_PAGE, SecretError, reason_of
from tastyauth.posix import files
from tastyauth.secret import Secret

_LONGEST_CHAIN = 10_000
"""Links; a longer chain is a loop."""

_UNFINISHED = 3600.0
"""Seconds after which a temporary file, or a lock that nobody holds, belongs to nobody."""

_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)
"""What a file system says that can keep files and no locks."""


class Journal:
    """The links of one client at one token endpoint."""

    def __init__(self, directory: str, token_endpoint: str, client_id: str) -> None:
        self.directory = directory
        self._belongs_to = f"{token_endpoint}\0{client_id.lower()}\0"

    def latest(self, refresh_token: Secret) -> Secret:
        """The newest token that `refresh_token` was rotated into: itself, when it never was.

        Raises SecretError when that cannot be known: a server may end a grant of which it is sent
        an old token (RFC 9700, section 4.14.2).
        """
        for _ in range(_LONGEST_CHAIN):
            newer = self._newer(refresh_token)
            if newer is None:
                break
            refresh_token = newer
        return refresh_token

    def record(self, declared: Secret, old: Secret, new: Secret) -> None:
        """Links `old` to `new`, and `declared` too, which keeps chains short; raises OSError."""
        files.make_directory(self.directory)
        content = new.reveal().encode("ascii") + b"\n"
        files.write_at_once(self._link(old), content)
        files.remove(self._link(new))  # a server may hand an older token out again
        with suppress(OSError):  # the chain is whole without
            if declared not in (old, new):
                files.write(self._link(declared), content, durable=True)
            self._sweep(time.time())

    @contextmanager
    def sole_use(self, declared: Secret, seconds: float) -> Iterator[Secret]:
        """The newest token of the grant, with nobody else exchanging it for so many seconds.

        The lock is the newest token's own, so everybody who holds any token of the grant meets
        there, and waits for as many seconds at the most. Where there can be no lock, it goes on
        without. Raises TemporaryError when another process keeps it longer, SecretError as `latest`
        does, or when the grant was rotated and its next token could not be kept.
        """
        with ExitStack() as stack:
            try:
                latest = stack.enter_context(self._locked(declared, seconds))
            except OSError as obstacle:
                latest = self.latest(declared)
                if latest != declared and obstacle.errno not in _NO_LOCKS:
                    what = f"the next refresh token could not be kept in {self.directory}"
                    raise self._unusable(what, obstacle, self.directory) from None
            yield latest

    @contextmanager
    def _locked(self, declared: Secret, seconds: float) -> Iterator[Secret]:
        """Raises OSError when there can be no lock."""
        files.make_directory(self.directory)
        while True:
            latest = self.latest(declared)
            with Lock() as lock:
                lock.take(f"{self._link(latest)}.lock", seconds)
                is_newest = self.latest(latest) == latest
                if is_newest:
                    lock.promise(seconds)
                    yield latest
                files.remove(lock.path)
            if is_newest:
                return

    def _sweep(self, now: float) -> None:
        """Removes what those have left who were killed."""
        with os.scandir(self.directory) as found:
            paths = [file.path for file in found if file.name.endswith((".new", ".lock"))]
        for path in paths:
            with suppress(FileNotFoundError):
                if now - os.lstat(path).st_mtime > _UNFINISHED:
                    remove_unless_held(path)

    def _newer(self, refresh_token: Secret) -> Secret | None:
        """What a token was rotated into, if it was."""
        link = self._link(refresh_token)
        try:
            return _read(link)
        except NotADirectoryError:
            return None
        except OSError as error:
            if error.errno is not None and not self._is_made():
                return None  # a home that is hidden, as services have it, or of somebody else
            what = f"a newer refresh token may be in {self.directory}, and cannot be used"
            raise self._unusable(what, error, link) from None

    def _is_made(self) -> bool:
        """Whether the directory is there, or may be, below one that is only ours to close."""
        places = (self.directory, os.path.dirname(self.directory))
        return any(os.path.isdir(it) and os.stat(it).st_uid == os.geteuid() for it in places)

    def _unusable(self, what: str, error: OSError, path: str) -> SecretError:
        reason = reason_of(error).replace(path, "it")  # a link tells nobody
        directory = shlex.quote(self.directory)
        return SecretError(
            f"{what}: {reason}",
            f"make it writable, and yours alone: chmod -R u=rwX,go= {directory}; for what is"
            f" damaged, make a new grant: Manage → Create Grant on {APPLICATIONS_PAGE}",
        )

    def _link(self, refresh_token: Secret) -> str:
        name = sha256((self._belongs_to + refresh_token.reveal()).encode()).hexdigest()
        return os.path.join(self.directory, name)


def _read(link: str) -> Secret | None:
    """The token that a link leads to; None when there is none, or its writer was killed at it."""
    content = locate.read_private(link) or b""
    try:
        token, end, _ = content.decode("ascii").partition("\n")
    except UnicodeDecodeError:
        raise locate.not_private(f"{link} is damaged") from None
    return Secret(token) if end else None
