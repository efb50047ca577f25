"""Access tokens for Python programs, obtained as on the command line.

    credential = tastyauth.get_credential("live")
    headers = {"Authorization": f"Bearer {credential.access_token.reveal()}"}

Programs and commands share config, trust, cache and lock, and so one token. Nothing is asked and
nothing printed: warnings go to the logger `tastyauth`, and never hold a secret.
"""

import atexit
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

from tastyauth import cache, locate
from tastyauth.cache import Asked, Entry, Terms
from tastyauth.config import Profile
from tastyauth.errors import UsageError
from tastyauth.secret import Secret, shown
from tastyauth.session import LONGEST_MIN_VALID, Session
from tastyauth.sources import Surroundings

T = TypeVar("T")

LOGGER = logging.getLogger("tastyauth")

_PATIENCE = 0.8
"""Seconds for an exchange that is under way when the program ends."""


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
    wanted = want(profile, min_valid, config)
    return _credential(wanted.obtain(time.time(), refresh=refresh))


async def aget_credential(
    profile: str | None = None,
    *,
    min_valid: float | None = None,
    refresh: bool = False,
    config: str | os.PathLike[str] | None = None,
) -> Credential:
    """`get_credential` for asyncio and trio: the event loop goes on while the token comes.

    A fresh token in the cache is handed out at once. A task that is cancelled stops waiting; an
    exchange that has begun goes on, and what comes of it is in the cache. A program that ends
    meanwhile waits for it for a second at most.
    """
    wanted, started_at = want(profile, min_valid, config), time.time()
    entry = None if refresh else wanted.cached()
    if entry is None or wanted.decide(entry) != cache.SERVE:
        entry = await off_the_loop(wanted, partial(wanted.obtain, started_at, refresh=refresh))
    return _credential(entry)


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

    def decide(self, entry: Entry) -> str:
        """What is to be done about this token: `cache.decide`."""
        return cache.decide(entry, None, Terms(self.min_valid), time.time())

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
    """Finds the config, once; raises ConfigNotFound, and UsageError for a wrong argument."""
    if min_valid is not None and not 0 <= min_valid <= LONGEST_MIN_VALID:
        raise UsageError(
            f"min_valid is {min_valid} seconds", f"give 0 to {LONGEST_MIN_VALID} seconds"
        )
    if profile == "":
        raise UsageError("the profile is named by an empty text", "None is the default profile")
    found = locate.find_config(None if config is None else os.fspath(config), os.environ)
    return Wanted(found, profile or os.environ.get("TASTYAUTH_PROFILE") or None, min_valid)


async def off_the_loop(wanted: Wanted, work: Callable[[], T]) -> T:
    """What `work` returns or raises, done in the thread of its profile; for asyncio and trio.

    A task that is cancelled leaves it behind.
    """
    result: list[T] = []
    ended = _Ended()

    def run() -> None:
        with ended:
            result.append(work())
        with suppress(RuntimeError):  # the loop has ended
            wake()

    wake, wait = _event()
    worker = (wanted.found, wanted.profile_name)
    _WORKERS.setdefault(worker, _Worker()).put(run)
    await wait()
    if ended.error is not None:
        raise ended.error
    return result[0]


def _event() -> tuple[Callable[[], object], Callable[[], Awaitable[object]]]:
    """A function that wakes this task from another thread, and one to wait with."""
    trio = sys.modules.get("trio")
    if trio is not None:
        with suppress(RuntimeError):  # trio is loaded, and not what runs this
            token, event = trio.lowlevel.current_trio_token(), trio.Event()
            return partial(token.run_sync_soon, event.set), event.wait
    import asyncio  # costs more than all that a program without it loads

    loop, done = asyncio.get_running_loop(), asyncio.Event()
    return partial(loop.call_soon_threadsafe, done.set), done.wait


class _Ended:
    """A context that keeps the error that ended it, to be raised in another thread."""

    error: BaseException | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        self.error = error
        return True


class _Worker:
    """A thread that gets the tokens of one profile, one after the other.

    It is not one of asyncio's, which also look up host names, nor one for all profiles, so a server
    that hangs delays nothing else, and not the end of the program.
    """

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._begun = False
        self.is_busy = False

    def put(self, work: Callable[[], None]) -> None:
        """Has `work` done; it raises nothing."""
        self.is_busy = True
        self._work.put(work)
        if not self._begun:
            self._begun = True
            Thread(target=self._run, name="tastyauth", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._work.get()()
            self.is_busy = not self._work.empty()


_WORKERS: dict[tuple[tuple[str, str], str | None], _Worker] = {}


def _finish() -> None:
    """Gives an exchange that is under way a moment at the end of the program."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and any(each.is_busy for each in _WORKERS.values()):
        time.sleep(0.01)


atexit.register(_finish)
os.register_at_fork(after_in_child=_WORKERS.clear)  # the child has none of the threads


class _Log:
    """An audience for programs: their log."""

    @property
    def verbose(self) -> bool:
        return LOGGER.isEnabledFor(logging.DEBUG)

    def waiting(self, what: str) -> AbstractContextManager[None]:
        self.detail(f"waiting for {what}")
        return nullcontext()

    def warn(self, text: str, level: int = logging.WARNING) -> None:
        LOGGER.log(level, "\n".join(map(shown, text.split("\n"))))

    def detail(self, text: str) -> None:
        self.warn(text, logging.DEBUG)


def _credential(entry: Entry) -> Credential:
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
