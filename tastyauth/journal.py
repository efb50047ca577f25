"""Rotated refresh tokens: nothing that a server handed out is lost.

A server may answer with a new refresh token and forget the old one (RFC 6749, section 6; RFC 9700,
section 4.14.2). Where the declared source cannot be written, the new one is kept here: a file of
mode 0600, named by the digest of where the old one belonged and what it was. Links are followed
to their end, so a source may stay at any older token of the same grant.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

from tastyauth import locate, private
from tastyauth.lock import Lock, Waiter
from tastyauth.secret import Secret

_LONGEST_CHAIN = 10_000
"""Links; a longer chain is a loop."""


class Journal:
    """The links of one client at one token endpoint."""

    def __init__(self, directory: str, token_endpoint: str, client_id: str) -> None:
        self.directory = directory
        self._belongs_to = f"{token_endpoint}\0{client_id.lower()}\0"

    def latest(self, refresh_token: Secret) -> Secret:
        """The newest token that `refresh_token` was rotated into: itself, when it never was.

        Raises OSError when a link is there but cannot be read.
        """
        for _ in range(_LONGEST_CHAIN):
            content = locate.read_private(self._link(refresh_token))
            if not content:
                break
            refresh_token = Secret(_ascii(content))
        return refresh_token

    def record(self, declared: Secret, old: Secret, new: Secret) -> None:
        """Links `old` to `new`, and `declared` too, which keeps chains short; raises OSError."""
        private.make_directory(self.directory)
        for older in (old,) if declared in (old, new) else (old, declared):
            private.write(self._link(older), new.reveal().encode("ascii"), durable=True)
        private.remove(self._link(new))  # a server may hand an older token out again

    @contextmanager
    def sole_use(self, declared: Secret, seconds: float) -> Iterator[Secret]:
        """The newest token of the grant, with nobody else exchanging it for so many seconds.

        The lock is the newest token's own, so everybody who holds any token of the grant meets
        there, and waits for as many seconds at the most. Raises TemporaryError when another process
        keeps it longer, OSError when there can be no lock.
        """
        private.make_directory(self.directory)
        while True:
            latest = self.latest(declared)
            with _wait_for(f"{self._link(latest)}.lock", seconds) as lock:
                is_newest = self.latest(latest) == latest
                if is_newest:
                    lock.promise(seconds)
                    yield latest
                private.remove(lock.path)
            if is_newest:
                return

    def _link(self, refresh_token: Secret) -> str:
        name = sha256((self._belongs_to + refresh_token.reveal()).encode()).hexdigest()
        return os.path.join(self.directory, name)


def _ascii(content: bytes) -> str:
    try:
        return content.decode("ascii")
    except UnicodeDecodeError:
        raise OSError("a rotated refresh token is damaged") from None


def _wait_for(path: str, longest: float) -> Lock:
    waiter = Waiter(path, longest)
    while True:
        lock = waiter.poll()
        if lock is not None:
            return lock
