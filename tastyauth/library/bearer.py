"""The bearer token of a program that runs for long: at hand while it is fresh, renewed in time."""

import time

from tastyauth import cache
from tastyauth.cache import Entry
from tastyauth.errors import TastyauthError
from tastyauth.library import LOGGER, Wanted

_PAUSE = 60.0
"""Seconds between two forced refreshes, and between two tries while a token is good still."""

_forced_at: dict[tuple[str, str], float] = {}
"""When the last forced refresh of a profile of a config had ended, on the monotonic clock."""


class Bearer:
    """The token of one profile, in memory; safe from threads, which need no lock but the cache's.

    `obtain` and `instead_of` may take as long as an exchange.
    """

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self._entry: Entry | None = None
        self._not_before = 0.0
        self._api_url = ""

    def at_hand(self) -> Entry | None:
        """The token, as long as there is nothing to be done about it."""
        entry = self._entry
        if entry is None:
            return None
        verdict = self._verdict(entry)
        waits = verdict == cache.SOFT and time.monotonic() < self._not_before
        return entry if waits or verdict == cache.FRESH else None

    def obtain(self, *, refresh: bool = False) -> Entry:
        """A token that lives long enough; `refresh` for a new one in any case.

        Raises TastyauthError, but not while the token at hand is good: that is then a warning.
        """
        entry = self._entry
        try:
            self._entry = self.wanted.obtain(time.time(), refresh=refresh)
        except TastyauthError as error:
            if refresh or entry is None or self._verdict(entry) == cache.STALE:
                raise
            LOGGER.warning(f"the token could not be renewed ahead: {error.message}")
            self._not_before = time.monotonic() + _PAUSE
            return entry
        return self._entry

    def instead_of(self, refused: Entry) -> Entry | None:
        """Another token than the one that an API has refused.

        Somebody may have got it already; else it is asked for, at most once a minute. None when
        that minute is not over. Raises TastyauthError.
        """
        started_at = time.time()
        is_patient = self._is_patient(refused)  # before the look, which then sees what came of it
        newer = self._newer(refused)
        if newer is None and not is_patient:
            newer = self._forced(refused, started_at)
        self._entry = newer or self._entry
        return newer

    def api_url(self) -> str:
        """Where the token belongs; raises what `Wanted.profile` raises. Sends nothing."""
        if self._entry is not None:
            return self._entry.fields["api_url"]
        if not self._api_url:
            self._api_url = self.wanted.profile().api_url
        return self._api_url

    def _verdict(self, entry: Entry) -> str:
        return cache.judge(entry, time.time(), self.wanted.min_valid)

    def _newer(self, refused: Entry) -> Entry | None:
        for entry in (self._entry, self.wanted.cached()):
            if entry and _token(entry) != _token(refused) and self._verdict(entry) != cache.STALE:
                return entry
        return None

    def _forced(self, refused: Entry, started_at: float) -> Entry:
        """Those who come here at the same time queue for the lock, and share what comes of it."""
        try:
            return self.wanted.obtain(started_at, refresh=True)
        finally:
            _forced_at[self._key(refused)] = time.monotonic()

    def _is_patient(self, refused: Entry) -> bool:
        return time.monotonic() < _forced_at.get(self._key(refused), -_PAUSE) + _PAUSE

    def _key(self, entry: Entry) -> tuple[str, str]:
        return self.wanted.found[0], entry.fields["profile"]


def _token(entry: Entry) -> str:
    return entry.fields["access_token"]
