"""The main path: the cached token while it is fresh, else one exchange for everybody who waits.

look ── fresh ───────────────────────────────────────────────► hand out
  ├──── nearly over ── lock free? ── renew ahead, or serve ──► hand out
  └──── nothing ────── lock ── look again ── exchange, store ► hand out
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from tastyauth import cache, locate
from tastyauth.cache import Asked, Entry, ProfileOutline, Terms, View, lock, store, turn
from tastyauth.cache import last_attempt as attempts
from tastyauth.cache.last_attempt import Attempt
from tastyauth.cache.lock import Lock
from tastyauth.errors import TastyauthError
from tastyauth.posix import files

if TYPE_CHECKING:  # a hit needs none of these: no YAML, no source, no HTTP
    from tastyauth.config import Config, Profile
    from tastyauth.session.credential import Credential
    from tastyauth.session.refresh import Audience, Secrets
    from tastyauth.sources import Surroundings

LONGEST_MIN_VALID = 840
"""Seconds: a token lives 900, and one that is just asked for must be able to satisfy it."""

_GRACE = 5.0
"""Seconds a holder promises on top of its time limits: imports, files, a slow machine."""


class Handout(NamedTuple):
    """The answer: a token with its fields, and what its profile makes of them."""

    profile: ProfileOutline
    entry: Entry


class Session:
    """One caller's way to its token."""

    def __init__(
        self,
        asked: Asked,
        terms: Terms,
        surroundings: "Surroundings",
        audience: "Audience",
        secrets: "Secrets | None" = None,
    ) -> None:
        """`secrets` are those of the profile, where the caller has resolved them already."""
        self.asked = asked
        self._secrets = secrets
        self._terms = terms
        self._surroundings = surroundings
        self._audience = audience
        self._config: Config | None = None
        self._approval = ""

    def obtain(self, held: Lock | None = None) -> Handout:
        """A token that lives long enough; `held` is a lock that was waited for already.

        Raises UsageError for an unknown profile, and whatever keeps the token from coming.
        """
        try:
            files.make_directory(locate.cache_directory(self.asked.environ))
            view, held = self._turn(held)
        except OSError as error:
            self._audience.warn(f"the token cache is not used: {self._obstacle(error)}")
            return self._uncached()
        with held or nullcontext():
            # without the lock it has been accepted, and to ask the clock again may say otherwise
            if held is None or self._answers(view):
                return self._from_cache(view, held)
            return self._exchanged(view, held)

    def config(self, known: str = "") -> "Config":
        """The config, parsed or recalled from what an outline keeps of it, and trusted.

        Raises ConfigError and ConfigNotAllowed.
        """
        if self._config is None:
            from tastyauth import config
            from tastyauth.config import trust

            path, home = self.asked.path, self._surroundings.home
            if known:
                found = config.recall(known, path, home=home)
            else:
                found = config.parse(self.asked.content, path, home=home)
            self._approval = trust.require(found, self.asked.origin, self._surroundings)
            self._config = found
        return self._config

    def secret_fields(self) -> dict[str, str]:
        """The long-lived secrets, resolved anew: what only `exec` hands out, and nothing caches."""
        from tastyauth.session import refresh

        profile = self.config().profile(self.asked.profile)
        secrets = refresh.resolve_secrets(profile, self._surroundings, self._audience)
        return {
            "client_secret": secrets.client_secret.reveal(),
            "refresh_token": refresh.latest(
                profile, secrets.client_id, secrets.refresh_token, self._surroundings
            ).reveal(),
        }

    def _look(self) -> View:
        return cache.look(self.asked)

    def _answers(self, view: View) -> bool:
        return self._decide(view.entry, None) in (cache.SERVE, cache.AHEAD)

    def _decide(
        self, entry: Entry | None, record: Attempt | None, secrets: str | None = None
    ) -> str:
        return cache.decide(entry, record, self._terms, time.time(), secrets)

    def _hold_back(self, record: Attempt, secrets: str | None = None) -> None:
        """Raises the last failure, when the server must be left alone for it."""
        if self._decide(None, record, secrets) == cache.HOLD:
            raise record.failure(self._terms.started_at, time.time())

    def _turn(self, held: Lock | None) -> tuple[View, Lock | None]:
        while True:
            with self._audience.waiting("another tastyauth that is getting this token"):
                view, held = turn.take(self._look, self._answers, held)
            if view.profile is not None:
                return view, held
            try:
                self._write_outline(view)
            except BaseException:
                if held is not None:
                    held.release()
                raise

    def _write_outline(self, view: View) -> None:
        """Writes down what the hot path needs of this config; raises OSError."""
        found = self.config()
        found.profile(self.asked.profile)
        content, config = self.asked.content, self.asked.config
        known = cache.read_outline(view.directory, config)
        # another approval or origin alone makes no token of this config useless
        salt = known.salt if known and known.config == content else os.urandom(16).hex()
        try:
            store.write_outline(
                view.directory, config, found.outline(content, self._approval, salt)
            )
        except ValueError as error:
            raise OSError(str(error)) from None
        if self._look().profile is None:
            raise OSError("what was written there cannot be read")

    def _from_cache(self, view: View, held: Lock | None) -> Handout:
        assert view.profile is not None
        assert view.entry is not None
        entry = view.entry
        if self._decide(entry, attempts.read(view.attempt_path)) == cache.AHEAD:
            with held or _lock_if_free(view) or nullcontext() as held:
                entry = (held and self._renewed_ahead(view, held)) or entry
        return self._handout(view.profile, entry)

    def _renewed_ahead(self, view: View, held: Lock) -> Entry | None:
        """A new token before the old one is over; None, with a warning, when there is none."""
        with suppress(OSError):
            view = self._look()
        record = attempts.read(view.attempt_path)
        if self._decide(view.entry, record) != cache.AHEAD:
            return view.entry
        record = record.renewing_ahead(time.time())
        with self._storing():
            attempts.write(view.attempt_path, record)  # it may end before anybody is asked
        try:
            return self._attempt(view, held, record, in_a_hurry=True)
        except TastyauthError as error:
            self._audience.warn(f"the token could not be renewed ahead: {error.message}")
            return None

    def _exchanged(self, view: View, held: Lock) -> Handout:
        assert view.profile is not None
        record = attempts.read(view.attempt_path)
        self._hold_back(record)
        entry = self._attempt(view, held, record)
        return self._handout(view.profile, entry)

    def _attempt(
        self, view: View, held: Lock, record: Attempt, *, in_a_hurry: bool = False
    ) -> Entry:
        """One exchange, its outcome written down; in a hurry for who has a token still."""
        from tastyauth.session import refresh

        assert view.outline is not None
        profile = self.config(view.outline.data).profile(self.asked.profile)
        surroundings = self._surroundings
        if in_a_hurry:
            surroundings = replace(surroundings, interactive=False, patience=refresh.HURRY)
        held.promise(refresh.time_limit(profile, surroundings) + _GRACE)
        with self._recorded(view, record, "", in_a_hurry=in_a_hurry):
            secrets = self._secrets or self._resolved(profile, surroundings)
        used = secrets.digest(bytes.fromhex(view.outline.salt))
        self._hold_back(record, used)
        held.promise(2 * profile.timeout + _GRACE)  # it may wait for the grant as long
        with self._recorded(view, record, used, in_a_hurry=in_a_hurry):
            refreshed = refresh.refresh(
                profile, secrets, surroundings, self._audience, in_a_hurry=in_a_hurry
            )
        entry = _entry_of(refreshed.credential)
        with self._storing():
            if refreshed.moved:  # a rotated refresh token has changed the file it is declared in
                view = self._look()
            if not view.name:
                return entry  # cleared meanwhile
            store.write_entry(view.entry_path, view.belongs_to, entry)
            attempts.write(view.attempt_path, record.succeeded(time.time()))
            store.prune(view, time.time())
        return entry

    @contextmanager
    def _recorded(
        self, view: View, record: Attempt, secrets: str, *, in_a_hurry: bool
    ) -> Iterator[None]:
        """Writes a failure down for those who wait."""
        try:
            yield
        except TastyauthError as error:
            failed = record.failed(error, secrets, time.time(), in_a_hurry=in_a_hurry)
            with self._storing():
                attempts.write(view.attempt_path, failed)
            raise

    @contextmanager
    def _storing(self) -> Iterator[None]:
        """What cannot be stored is a pity, and no reason to withhold a token."""
        try:
            yield
        except OSError as error:
            self._audience.warn(f"the token cache cannot be written: {self._obstacle(error)}")

    def _obstacle(self, error: OSError) -> str:
        directory = locate.cache_directory(self.asked.environ)
        reason = str(error.strerror or error)
        if not reason.startswith("/"):  # ours name the path already
            reason = f"{directory}: {reason.lower()}"
        return f"{reason}; $TASTYAUTH_CACHE_DIR can name another directory"

    def _uncached(self) -> Handout:
        from tastyauth.session import refresh

        found = self.config()
        profile = found.profile(self.asked.profile)
        secrets = self._secrets or self._resolved(profile, self._surroundings)
        place = "\0".join((self.asked.config, profile.name))  # no file: for this process alone
        used = secrets.digest(b"")
        record = attempts.read(place)
        self._hold_back(record, used)
        try:
            refreshed = refresh.refresh(profile, secrets, self._surroundings, self._audience)
        except TastyauthError as error:
            attempts.remember(place, record.failed(error, used, time.time()))
            raise
        attempts.remember(place, Attempt())
        return self._handout(
            found.outline(b"", "", "").profiles[profile.name], _entry_of(refreshed.credential)
        )

    def _resolved(self, profile: "Profile", surroundings: "Surroundings") -> "Secrets":
        from tastyauth.session import refresh

        return refresh.resolve_secrets(profile, surroundings, self._audience)

    def _handout(self, profile: ProfileOutline, entry: Entry) -> Handout:
        if entry.expires_at - time.time() < (self._terms.min_valid or 0):
            self._audience.warn("the new token lives shorter than was asked for")
        return Handout(profile, entry)


def _lock_if_free(view: View) -> Lock | None:
    try:
        return lock.try_acquire(view.lock_path)
    except OSError:
        return None


def _entry_of(credential: "Credential") -> Entry:
    return Entry(credential.fields(), credential.issued_at, time.time())
