"""What a program calls for a token: the way of the command line, from Python.

    credential = tastyauth.get_credential("live")
    headers = {"Authorization": f"Bearer {credential.access_token.reveal()}"}

Config, trust, cache and lock are those of the command line, so a program and the commands beside it
share one token. Nothing is asked and nothing printed: what `tastyauth` would warn of goes to the
logger `tastyauth`, which never hears a secret.
"""

import logging
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache as once
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from tastyauth import cache, locate
from tastyauth.cache import Asked, Entry, Terms
from tastyauth.config import Profile
from tastyauth.errors import UsageError
from tastyauth.secret import Secret, shown
from tastyauth.session import LONGEST_MIN_VALID, Session
from tastyauth.sources import Surroundings

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

T = TypeVar("T")

LOGGER = logging.getLogger("tastyauth")

_THREADS = 4
"""One gets the token; the others answer those who wait for it, one after the other."""


@dataclass(frozen=True, slots=True)
class Credential:
    """An access token of one profile (RFC 6749, section 1.4).

    Times are in epoch seconds, UTC. `issued_at` is before the token was asked for, and
    `expires_at` counts from there.
    """

    access_token: Secret
    issued_at: int
    expires_at: int
    profile: str
    environment: str
    api_url: str
    client_id: str


def get_credential(
    profile: str | None = None,
    *,
    min_valid: float | None = None,
    refresh: bool = False,
    config: str | os.PathLike[str] | None = None,
) -> Credential:
    """An access token that lives long enough: the cached one, else one exchange (RFC 6749, 6).

    `profile` and `config` are what `-p` and `--config` are; without them `$TASTYAUTH_PROFILE` and
    the same search as on the command line. `min_valid` is in seconds, 0 to 840; the default is 60,
    or a sixth of a shorter life. `refresh` gets a new token in any case, but leaves a server alone
    that has just failed.

    Call it before each request; a cached answer takes a fraction of a millisecond. Threads and
    processes that ask at once cause one exchange. The token shows itself only to
    `credential.access_token.reveal()`. Raises TastyauthError, whose branches say who must act.
    """
    return _credential(want(profile, min_valid, config), time.time(), refresh=refresh)


async def aget_credential(
    profile: str | None = None,
    *,
    min_valid: float | None = None,
    refresh: bool = False,
    config: str | os.PathLike[str] | None = None,
) -> Credential:
    """`get_credential` for asyncio: the event loop goes on while the token comes.

    Who is cancelled stops waiting; an exchange that has begun is brought to its end all the same,
    and what came of it is in the cache.
    """
    wanted = want(profile, min_valid, config)
    return await off_the_loop(partial(_credential, wanted, time.time(), refresh=refresh))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose token a program wants: a profile of a config, and how long it must live.

    The config was found once. A program that changes its directory or its variables later must
    not get the token of another account for that.
    """

    found: tuple[str, str]
    profile_name: str | None
    min_valid: float | None

    def obtain(self, started_at: float, *, refresh: bool = False) -> Entry:
        """A token for a caller of `started_at` (epoch seconds); see `cache.Terms`.

        Raises TastyauthError.
        """
        terms = Terms(self.min_valid, refresh, started_at, heedful=True)
        return self._session(terms).obtain()

    def cached(self) -> Entry | None:
        """The token in the cache, whatever its age."""
        try:
            return cache.look(self._asked()).entry
        except OSError:  # there can be no cache
            return None

    def profile(self) -> Profile:
        """The profile, checked and trusted; raises UsageError, ConfigError, ConfigNotAllowed."""
        session = self._session(Terms(None, refresh=False, started_at=time.time()))
        try:
            outline = cache.look(session.asked).outline
        except OSError:
            outline = None
        return session.config(outline.data if outline else "").profile(self.profile_name)

    def _session(self, terms: Terms) -> Session:
        asked = self._asked()
        home = locate.home_directory(asked.environ)
        return Session(
            asked, terms, Surroundings(asked.environ, interactive=False, home=home), _Log()
        )

    def _asked(self) -> Asked:
        environ = dict(os.environ)  # other threads may write to it
        return Asked(self.found, locate.read_config(self.found[0]), self.profile_name, environ)


def want(
    profile: str | None, min_valid: float | None, config: str | os.PathLike[str] | None
) -> Wanted:
    """Settles what is wanted; raises ConfigNotFound, and UsageError for what cannot be meant."""
    if min_valid is not None and not 0 <= min_valid <= LONGEST_MIN_VALID:
        raise UsageError(
            f"min_valid is {min_valid} seconds", f"give 0 to {LONGEST_MIN_VALID} seconds"
        )
    if profile == "":
        raise UsageError("the profile is named by an empty text", "None is the default profile")
    found = locate.find_config(None if config is None else os.fspath(config), os.environ)
    return Wanted(found, profile or os.environ.get("TASTYAUTH_PROFILE") or None, min_valid)


async def off_the_loop(work: Callable[[], T]) -> T:
    """What `work` returns or raises, done in a thread; whoever is cancelled leaves it behind."""
    import asyncio  # dearer than all that a program without it needs

    return await asyncio.get_running_loop().run_in_executor(_threads(), work)


@once
def _threads() -> "ThreadPoolExecutor":
    from concurrent.futures import ThreadPoolExecutor

    # Not those of asyncio, which also look up host names: a token endpoint that hangs must not
    # keep the rest of a program from connecting to other hosts.
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="tastyauth")


os.register_at_fork(after_in_child=_threads.cache_clear)  # the child has none of the threads


class _Log:
    """An audience for programs: their log."""

    @property
    def verbose(self) -> bool:
        return LOGGER.isEnabledFor(logging.DEBUG)

    def waiting(self, what: str) -> AbstractContextManager[None]:
        self.detail(f"waiting for {what}")
        return nullcontext()

    def warn(self, text: str) -> None:
        LOGGER.warning(_lines_shown(text))

    def detail(self, text: str) -> None:
        LOGGER.debug(_lines_shown(text))


def _credential(wanted: Wanted, started_at: float, *, refresh: bool) -> Credential:
    entry = wanted.obtain(started_at, refresh=refresh)
    fields = entry.fields
    return Credential(
        access_token=Secret(fields["access_token"]),
        issued_at=entry.issued_at,
        expires_at=entry.expires_at,
        profile=fields["profile"],
        environment=fields["environment"],
        api_url=fields["api_url"],
        client_id=fields["client_id"],
    )


def _lines_shown(text: str) -> str:
    return "\n".join(map(shown, text.split("\n")))
