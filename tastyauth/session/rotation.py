"""Rotated refresh tokens: the newest of each grant is in one private file until its source has it.

A server may answer with a new refresh token and forget the old one (RFC 6749, section 6; RFC 9700,
section 4.14.2). The file is named by a digest of where the declared token belongs and what it is.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256

from tastyauth import locate
from tastyauth.cache.lock import Lock, remove_unless_held
from tastyauth.errors import CREATE_GRANT, RefusedError, SecretError, TemporaryError, reason_of
from tastyauth.posix import files, quote
from tastyauth.secret import Secret

_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)
"""The errors of a file system that has files but no locks."""


class MovedError(RefusedError):
    """The declared token was replaced, and the newest one is in the source of a profile."""


class Grant:
    """The refresh token that a profile declares, and the newest one that the server gave for it."""

    def __init__(
        self, directory: str, token_endpoint: str, client_id: str, declared: Secret
    ) -> None:
        self.directory = directory
        self.declared = declared
        self._belongs_to = f"{token_endpoint}\0{client_id.lower()}\0"
        self._path = self._file_of(declared)

    def newest(self) -> Secret:
        """The newest token of the grant: the declared one, when it was never rotated.

        Raises SecretError when that cannot be known, since a server may end a grant of which it is
        sent an old token (RFC 9700, section 4.14.2), and MovedError.
        """
        chain = self._chain()
        try:
            if len(chain) == 1 and (where := locate.read_private(f"{self._path}.moved")):
                raise MovedError(
                    "the server has replaced this refresh token, and the newest one is in"
                    f" {where.decode('utf-8', 'replace')}",
                    f"point the profile at that one, or make a new grant: {CREATE_GRANT}",
                )
        except OSError:
            pass  # the note only explains
        return chain[-1]

    def keep(self, new: Secret) -> None:
        """Writes the newest token down, durably; raises OSError."""
        older = self._chain()[1:-1]
        content = new.reveal().encode("ascii") + b"\n"
        files.make_directory(self.directory)
        try:
            files.write(self._path, content, durable=True)
        except OSError as error:
            files.overwrite(self._path, content, error)
        for token in (*older, new):  # links of an older version; a server may reuse a token
            if token != self.declared:
                with suppress(OSError):
                    files.remove(self._file_of(token))

    def moved(self, new: Secret, where: str) -> None:
        """Removes the file of the newest token, which is now in the declared source.

        A process that read that source before it changed can see `where` the newest one is.
        """
        with suppress(OSError):
            if new != self.declared:
                files.write(f"{self._path}.moved", where.encode("utf-8", "replace"))
            files.remove(self._path)
        left = (".new", ".lock", ".moved")  # by killed processes, and old notes
        with suppress(OSError):
            for name in os.listdir(self.directory):
                path = f"{self.directory}/{name}"
                if name.endswith(left) and files.is_older(path, files.UNFINISHED):
                    remove_unless_held(path)

    @contextmanager
    def sole_use(self, seconds: float) -> Iterator[Secret]:
        """Yields the newest token while nobody else exchanges it; waits at most `seconds`.

        Where locks do not work, it goes on without one. Raises TemporaryError when another process
        keeps it longer, SecretError as `newest` does, or when the grant was rotated and its next
        token could not be kept.
        """
        with _locked(self.directory, f"{self._path}.lock", seconds) as obstacle:
            newest = self.newest()
            if obstacle and newest != self.declared and obstacle.errno not in _NO_LOCKS:
                what = f"the newest refresh token could not be kept in {self.directory}"
                raise self._unusable(what, obstacle, self.directory) from None
            yield newest

    def _chain(self) -> list[Secret]:
        """The declared token, what it was rotated into, and so on.

        Older versions wrote a link for each rotation; now there is one step.
        """
        chain = [self.declared]
        while (newer := self._read(self._file_of(chain[-1]))) is not None and newer not in chain:
            chain.append(newer)
        return chain

    def _read(self, path: str) -> Secret | None:
        """The token in a file; None when there is none, or its writer was killed."""
        try:
            content = locate.read_private(path) or b""
            token, end, _ = content.decode("ascii").partition("\n")
            return Secret(token) if end else None
        except NotADirectoryError:
            return None
        except UnicodeDecodeError:
            error = locate.not_private(f"{path} is damaged")
        except OSError as raised:
            if raised.errno in (errno.EMFILE, errno.ENFILE):
                what, hint = f"no file can be opened: {reason_of(raised)}", "raise it: ulimit -n"
                raise TemporaryError(what, hint) from None
            places, user = (self.directory, os.path.dirname(self.directory)), os.geteuid()
            own = any(os.path.isdir(it) and os.stat(it).st_uid == user for it in places)
            if raised.errno is not None and not own:
                return None  # a home that is hidden, as from services, or somebody else's
            error = raised
        what = f"{self.directory} may hold a newer refresh token, but it cannot be used"
        raise self._unusable(what, error, path)

    def _unusable(self, what: str, error: OSError, path: str) -> SecretError:
        return SecretError(
            f"{what}: {reason_of(error).replace(path, 'it')}",
            "make it writable only by you: chmod -R u=rwX,go="
            f" {quote(self.directory)}\n"
            f"if it is damaged, make a new grant: {CREATE_GRANT}",
        )

    def _file_of(self, refresh_token: Secret) -> str:
        name = sha256((self._belongs_to + refresh_token.reveal()).encode()).hexdigest()
        return os.path.join(self.directory, name)


@contextmanager
def sole_writer(directory: str, source: str, seconds: float) -> Iterator[None]:
    """Keeps others from writing to `source`, where locks work.

    `secret set` and a rotation may both want to, and a store may be slow. Raises TemporaryError
    when another process takes longer than `seconds`.
    """
    path = os.path.join(directory, f"{sha256(source.encode()).hexdigest()}.lock")
    with _locked(directory, path, seconds):
        yield


@contextmanager
def _locked(directory: str, path: str, seconds: float) -> Iterator[OSError | None]:
    """Holds the lock at `path`; yields the reason if locks do not work.

    The file is gone afterwards, however the block ends. Raises TemporaryError when another process
    keeps it longer than `seconds`.
    """
    with Lock() as lock:
        obstacle = None
        try:
            files.make_directory(directory)
            lock.take(path, seconds)
            lock.promise(seconds)
        except OSError as error:
            obstacle = error
        try:
            yield obstacle
        finally:
            with suppress(OSError):
                if lock.path:
                    files.remove(path)
