"""The main path: the cached token while it is fresh, else one exchange for everybody who waits."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from tastyauth import cache, locate
from tastyauth.cache import Asked, Entry, ProfileOutline, Terms, View, lock, store
from tastyauth.cache import last_attempt as attempts
from tastyauth.cache.last_attempt import Attempt, Policy
from tastyauth.cache.lock import Lock
from tastyauth.errors import UNDER_WAY, TastyauthError, reason_of
from tastyauth.posix import files

if TYPE_CHECKING:  # a hit needs none of these: no YAML, no source, no HTTP
    from tastyauth.config import Config, Profile
    from tastyauth.session.exchanging import Refreshed
    from tastyauth.session.refresh import Audience, Secrets
    from tastyauth.sources import Surroundings

LONGEST_MIN_VALID = 840
"""Seconds: a token lives 900, and one fetched just now must be able to satisfy this."""

granted: deque[float] = deque(maxlen=64)
"""When the last tokens that the server granted to this process were stored."""

_GRACE = 5.0
"""Seconds that a holder promises on top of its time limits, for imports, files, a slow machine."""


class Session:
    """One caller's way to its token.

    `profile` is what the cache keeps of the profile whose token was obtained; `has_asked` says
    that the server has just granted it to this caller.
    """

    profile: ProfileOutline
    has_asked = False

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

    def obtain(self) -> Entry:
        """A token that lives long enough.

        Raises UsageError for an unknown profile, and whatever prevents a token.
        """
        try:
            entry = self._obtained()
        except TastyauthError as error:
            error.about = self._audience.about
            raise
        if self._audience.verbose:
            left, name = duration(entry.expires_at - time.time()), self.profile.name
            whence = "server" if self.has_asked else "cache"
            self._audience.detail(f"{name}: from the {whence}, {left} left")
        return entry

    def _obtained(self) -> Entry:
        kept = self._kept()
        if kept is not None:
            return kept
        ignored = locate.ignored_cache_directory(self.asked.environ)
        if ignored:
            self._audience.warn(ignored)
        with lock.handed_on() as held:
            found = self._turn(held)
            if found is None:
                from tastyauth.session import uncached

                entry = uncached.obtain(self)
            else:
                view, answered = found
                assert view.profile is not None
                self.profile = view.profile
                if answered:
                    entry = self._from_cache(view, held)
                else:
                    record = attempts.read(view.attempt_path)
                    self._hold_back(record)
                    entry = self._attempt(view, held, record)
            held.let_go()  # at once, even if a child of another thread has it open
        if entry.expires_at - time.time() < (self._terms.min_valid or 0):
            self._audience.warn("the new token has less time left than you asked for")
        return entry

    def worked(self, entry: Entry, is_own: Callable[[], bool]) -> None:
        """Records a success: the secrets that have just been stored yielded `entry` before that.

        It is cached if `is_own`: another source may come before the one they were stored in.
        Raises nothing.
        """
        with suppress(TastyauthError, OSError):
            files.make_directory(locate.cache_directory(self.asked.environ))
            self._write_outline(self._look())
            view = self._look()
            attempts.write(view.attempt_path, Attempt(succeeded_at=time.time()))
            if is_own():  # not earlier: what changes after `_look` makes the entry useless
                store.write_entry(view.entry_path, view.belongs_to, entry)
            store.prune(view)

    def config(self, known: str = "") -> "Config":
        """The config, parsed or recalled from what an outline keeps of it, and trusted.

        Raises ConfigError and ConfigNotAllowed.
        """
        if self._config is None:
            from tastyauth.config import parse, recall, trust

            path, home = self.asked.path, self._surroundings.home
            if known:
                found = recall(known, path, home=home)
            else:
                found = parse(self.asked.content, path, home=home)
            found, self._approval = trust.admitted(
                found, self.asked.origin, self._surroundings, self.asked.profile
            )
            self._config = found
        return self._config

    def require(self, profile: "Profile | ProfileOutline") -> None:
        """Raises ConfigError for a profile that is not of the required environment.

        The variable counts as the flag does; where both are given, both must hold.
        """
        asked, self._audience.about = self.asked, f"{profile.name}, {profile.behind}"
        if not locate.meets(asked.required, asked.environ, profile.behind):
            raise self.config().unfit(profile.name, asked)

    def _kept(self) -> Entry | None:
        """The token that this process has kept, where that will do."""
        kept = store.kept(self.asked)
        if kept is None:
            return None
        self.profile = kept.profile
        self.require(kept.profile)
        record = attempts.read(self._place(kept.profile.name))
        return kept.entry if self._decide(kept.entry, record) == cache.SERVE else None

    def _place(self, profile: str) -> str:
        """The name of the record of attempts that only this process has."""
        return f"{self.asked.config}\0{profile}"

    def _decide(
        self, entry: Entry | None, record: Attempt | None, secrets: str | None = None
    ) -> str:
        return cache.decide(entry, record, self._terms, time.time(), secrets)

    def _policy(self, secrets: str) -> Policy:
        """What this caller accepts of another machine: what it would accept of the cache."""
        decide = partial(self._decide, secrets=secrets)
        return Policy(decide, self._terms.started_at, secrets)

    def _not_renewed(self, error: TastyauthError) -> None:
        say = self._audience.detail if error.reason == UNDER_WAY else self._audience.warn
        say(f"the token could not be renewed ahead of time: {error.message}")

    def _hold_back(self, record: Attempt, secrets: str | None = None) -> None:
        """Raises the last failure, if it is too soon to ask the server again."""
        if self._decide(None, record, secrets) == cache.HOLD:
            raise record.failure(self._terms.started_at, time.time())

    def _turn(self, held: Lock) -> tuple[View, bool] | None:
        """What `Lock.turn` says of this profile; None where there can be no cache."""
        good = (cache.SERVE, cache.AHEAD)
        try:
            files.make_directory(locate.cache_directory(self.asked.environ))
            while True:
                with self._audience.waiting("another tastyauth that is getting this token"):
                    view, answered = held.turn(
                        self._look, lambda it: self._decide(it.entry, None) in good
                    )
                if view.profile is not None:
                    return view, answered
                if not self._write_outline(view):
                    break  # the config has changed, and somebody has read it since
        except OSError as error:
            self._audience.warn(f"the token cache is not used: {self._obstacle(error)}")
        held.let_go()
        return None

    def _look(self) -> View:
        """What the cache holds, else what this process has kept because it could not be cached."""
        view = cache.look(self.asked)
        if view.profile is not None:
            self.require(view.profile)
        kept = store.kept(self.asked)
        if view.profile is not None and view.entry is None and kept is not None:
            view.entry = kept.entry
        return view

    def _write_outline(self, view: View) -> bool:
        """Writes down what the hot path needs of this config; raises OSError.

        False when another process has written down another config in the meantime.
        """
        found = self.config()
        found.profile(self.asked.profile)
        content, config = self.asked.content, self.asked.config
        known = cache.read_outline(view.directory, config)
        # another approval or origin alone makes no token of this config useless
        salt = known.salt if known and known.config == content else os.urandom(16).hex()
        outline = found.outline(content, self._approval, salt)
        try:
            store.write_outline(view.directory, config, outline)
        except ValueError as error:
            raise OSError(str(error)) from None
        if cache.look(self.asked).profile is not None:
            return True
        if cache.read_outline(view.directory, config) is None:
            raise OSError("what was written there cannot be read back")
        return False

    def _from_cache(self, view: View, held: Lock) -> Entry:
        """The entry; or a new one before it expires, if it falls to this caller to renew it."""
        assert view.entry is not None
        entry = view.entry
        if self._decide(entry, None) != cache.AHEAD:
            return entry
        try:
            if held.path != view.lock_path and not held.try_take(view.lock_path):
                return entry
            view = self._look()
        except OSError:
            return entry
        record = attempts.read(view.attempt_path)
        if view.entry is None or self._decide(view.entry, record) != cache.AHEAD:
            return view.entry or entry
        record = record.having(soft_at=time.time())
        with self._storing():
            attempts.write(view.attempt_path, record)  # it may end without asking anybody
        try:
            return self._attempt(view, held, record, in_a_hurry=True)
        except TastyauthError as error:
            self._not_renewed(error)
            return view.entry

    def _attempt(
        self, view: View, held: Lock, record: Attempt, *, in_a_hurry: bool = False
    ) -> Entry:
        """One exchange, its outcome recorded; `in_a_hurry` where a token is still good."""
        from tastyauth.session import refresh

        assert view.outline is not None
        profile = self.config(view.outline.data).profile(self.asked.profile)
        task = refresh.Task.of(profile, self._surroundings, self._audience, in_a_hurry=in_a_hurry)
        held.promise(refresh.time_limit(task) + _GRACE)
        with self._recorded(view.attempt_path, record, "", in_a_hurry=in_a_hurry):
            secrets = self._secrets or refresh.resolve_secrets(task)
        used = secrets.digest(bytes.fromhex(view.outline.salt), profile.name)
        with suppress(OSError):
            record = store.same_secrets(view, record, used)
        self._hold_back(record, used)
        held.promise(2 * refresh.longest(profile) + _GRACE)  # it may wait for the grant as long
        with self._recorded(view.attempt_path, record, used, in_a_hurry=in_a_hurry):
            refreshed = refresh.refresh_stored(task, secrets, self._policy(used))
        entry = self._granted(refreshed, record)
        assert view.profile is not None
        kept = (self.asked, view.outline, view.profile)
        store.keep(*kept, entry)
        with self._storing():
            if refreshed.moved:  # a rotated refresh token has changed the file it is declared in
                view = cache.look(self.asked)
            if view.name:  # otherwise it was cleared meanwhile
                store.write_entry(view.entry_path, view.belongs_to, entry)
                written = record.succeeded(
                    time.time(), from_another=refreshed.from_another, trouble=refreshed.trouble
                )
                attempts.write(view.attempt_path, written)
                store.prune(view)
            store.forget(*kept)
        return entry

    def _granted(self, refreshed: "Refreshed", record: Attempt) -> Entry:
        """The token just granted, by the server or to another machine; counts and reports it."""
        for doubt in refreshed.doubts if not record.succeeded_at else ():
            self._audience.warn(doubt)
        self.has_asked = True
        granted.append(refreshed.entry.stored_at)
        return refreshed.entry

    @contextmanager
    def _recorded(
        self,
        path: str,
        record: Attempt,
        secrets: str,
        write: Callable[[str, Attempt], None] = attempts.write,
        *,
        in_a_hurry: bool,
    ) -> Iterator[None]:
        """Records a failure for the processes that wait, or the threads of this one."""
        try:
            yield
        except TastyauthError as error:
            failed = record.failed(error, secrets, time.time(), in_a_hurry=in_a_hurry)
            error.retry_after = failed.retry_after(time.time())
            with self._storing():
                write(path, failed)
            raise

    @contextmanager
    def _storing(self) -> Iterator[None]:
        """Warns about what cannot be stored, which is no reason to withhold a token."""
        try:
            yield
        except OSError as error:
            self._audience.warn(f"the token cache cannot be written: {self._obstacle(error)}")

    def _obstacle(self, error: OSError) -> str:
        reason = reason_of(error)
        if not reason.startswith("/"):  # ours name the path already
            reason = f"{locate.cache_directory(self.asked.environ)}: {reason}"
        return f"{reason}; $TASTYAUTH_CACHE_DIR can name another directory"


def duration(seconds: float) -> str:
    """The duration in words, for people."""
    if seconds < 120:
        return f"{max(seconds, 0):.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
