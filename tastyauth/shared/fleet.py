"""Gets a token together with the other machines that hold the grant, or alone when that fails."""

import os
import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from tastyauth.cache import Entry
from tastyauth.cache.last_attempt import Attempt, Policy
from tastyauth.errors import UNDER_WAY, SecretError, TastyauthError, TemporaryError
from tastyauth.secret import Secret
from tastyauth.shared import Engine, Trouble, lease_of, patience_of, protocol
from tastyauth.shared.protocol import Found, Token
from tastyauth.sources import Surroundings

if TYPE_CHECKING:  # libraries of an extra
    from tastyauth.shared.engine import Connected
    from tastyauth.shared.sealing import Seal


class Made(Protocol):
    """What an exchange returns."""

    @property
    def entry(self) -> Entry:
        """The token."""


T = TypeVar("T", bound=Made)

_SHORTEST, _LONGEST = 0.05, 0.5
"""Seconds between two looks of a machine that waits: random, and longer each time, so that a
thousand machines do not look at the same moment."""

NOT_INSTALLED = (
    "the extra is not installed (pipx inject tastyauth valkey cryptography,"
    " or pip install 'tastyauth[shared]')"
)


class Grant(NamedTuple):
    """What must be the same on machines that share a token."""

    token_endpoint: str
    scopes: tuple[str, ...]
    client_id: str
    client_secret: Secret
    refresh_token: Secret


def connected(
    engine: Engine,
    grant: Grant,
    surroundings: Surroundings,
    meanwhile: Callable[[], object] | None = None,
) -> "tuple[Connected, Seal]":
    """A connection that the first call makes, and the seal of a grant; raises Trouble."""
    try:
        from tastyauth.shared.engine import Connected, Seal
    except ImportError:
        raise Trouble(NOT_INSTALLED) from None
    try:
        password = engine.password.resolve(surroundings) if engine.password else None
    except SecretError as error:
        raise Trouble(f"its password: {error.message}") from None
    return Connected(engine, password, meanwhile), Seal(grant)


class Fleet:
    """The machines that hold a grant, as one of them sees them during one refresh.

    `limit` is how many seconds an exchange may take, `entry` makes an entry of a token of another
    machine, `waiting` says what is being waited for. `trouble` says afterwards why the engine was
    not used, and is empty when it was.
    """

    trouble = ""

    def __init__(
        self,
        open: Callable[[], "tuple[Connected, Seal]"],
        policy: Policy,
        limit: float,
        *,
        entry: Callable[[Token], Entry],
        waiting: Callable[[str], AbstractContextManager[None]],
        in_a_hurry: bool = False,
    ) -> None:
        self._open = open
        self._policy, self._limit, self._in_a_hurry = policy, limit, in_a_hurry
        self._entry, self._waiting = entry, waiting
        self._own = os.urandom(16).hex().encode()

    def obtain(self, exchange: Callable[[], T]) -> Entry | T:
        """Another machine's token, or what `exchange` returns.

        Raises the failure of another machine, UNDER_WAY, and what `exchange` raises.
        """
        try:
            connection, seal = self._open()
            with connection:
                found, adopted = self._join(connection, seal)
                return adopted or self._lead(connection, seal, found, exchange)
        except Trouble as trouble:
            self.trouble = str(trouble)
        return exchange()  # alone

    def _join(self, connection: "Connected", seal: "Seal") -> tuple[Found, Entry | None]:
        """What was found, and another machine's token; if none, this machine has the lease."""
        with ExitStack() as stack:
            found, entry, attempt, step = self._settled(connection, seal, stack)
        if step == protocol.EXCHANGE:
            return found, None
        if found.lease == self._own:
            connection.finish(seal.name, self._own)
        if step == protocol.ADOPT:
            return found, entry
        if step == protocol.FAIL:
            error = attempt.failure(self._policy.started_at, time.time())
            error.attempt = attempt
            raise error
        if step == protocol.LATER:
            raise TemporaryError("another machine is renewing it", reason=UNDER_WAY)
        raise Trouble("another machine has held the lease for too long")

    def _settled(
        self, connection: "Connected", seal: "Seal", stack: ExitStack
    ) -> tuple[Found, Entry | None, Attempt, str]:
        """Looks until nothing is left to take or wait for; what was found, and the next step."""
        patience = 0.0 if self._in_a_hurry else patience_of(self._limit)
        until = time.monotonic() + max(patience, _LONGEST)
        pause = _SHORTEST
        found = connection.look(seal.name)
        while True:
            entry, attempt = self._read(found, seal)
            decision, left = self._policy.decide(entry, attempt), until - time.monotonic()
            step = protocol.next_step(
                decision, found, self._own, in_a_hurry=self._in_a_hurry, patience=left
            )
            if step == protocol.TAKE:
                found = connection.take(seal.name, self._own, lease_of(self._limit))
            elif step == protocol.WAIT:
                if pause == _SHORTEST:
                    stack.enter_context(self._waiting("another machine that is getting this token"))
                time.sleep(random.uniform(_SHORTEST, pause))  # noqa: S311  # not a secret
                pause = min(2 * pause, _LONGEST)
                found = connection.look(seal.name)
            else:
                return found, entry, attempt, step

    def _read(self, found: Found, seal: "Seal") -> tuple[Entry | None, Attempt]:
        token = protocol.read_token(found.token and seal.open("token", found.token), found)
        attempt = found.attempt and seal.open("attempt", found.attempt)
        read = protocol.read_attempt(attempt, found, self._policy.secrets)
        return token and self._entry(token), read

    def _lead(
        self, connection: "Connected", seal: "Seal", found: Found, exchange: Callable[[], T]
    ) -> T:
        """Makes the exchange for all machines, and shares the outcome."""
        began = time.monotonic()
        kind, content, life = "", b"", 0.0
        try:
            made = exchange()
            entry, now, stored = made.entry, time.time(), found.time_at(time.monotonic())
            # by this machine's clock, unless it was set meanwhile
            issued = max(found.time_at(began), min(stored - (now - entry.issued_at), stored))
            bare = Secret(entry.fields["access_token"])
            token = Token(bare, entry.issued_at, entry.life, entry.stored_at)
            kind, (content, life) = "token", protocol.write_token(token, issued, stored, now)
            return made
        except TastyauthError as error:
            if error.is_answer:  # a problem of this machine alone is not shared
                last = self._read(found, seal)[1]
                attempt = last.failed(error, self._policy.secrets, time.time())
                kind = "attempt"
                content, life = protocol.write_attempt(
                    attempt, found.time_at(time.monotonic()), time.time()
                )
            raise
        finally:
            value = seal.close(kind, content) if kind else b""
            try:
                connection.finish(seal.name, self._own, kind, value, life)
            except Trouble as trouble:
                self.trouble = str(trouble)
