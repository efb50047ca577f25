"""Which token a program wants, and how it gets it: the session of the command line, with a log."""

import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tastyauth import cache, locate
from tastyauth.cache import Asked, Entry, Terms, store
from tastyauth.config import Profile
from tastyauth.errors import TastyauthError, UsageError
from tastyauth.posix import quote
from tastyauth.secret import MASK, addressed, shown
from tastyauth.session import Session, granted
from tastyauth.sources import Surroundings

LOGGER = logging.getLogger("tastyauth")

_LONG = 0.5
"""Seconds of waiting that are worth a line in the log."""

_IN_PYTHON = (
    (r"(?<!allow )(?<!--print )--config FILE", "config=FILE"),
    (r"(?<!allow )(?<!--print )--config (\S+)", r"config='\1'"),
    (r"with -p\b", "with profile=NAME"),
    (r"(?:(?<=: )|(?<=or ))-p (\S+)", r"profile='\1'"),
    (r"-v (names|shows)", r"the logger tastyauth at DEBUG \1"),
)
"""Hints are written for the command line; what a program says instead of its flags."""


def is_first(seen: dict[float, object], entry: Entry) -> bool:
    """Whether this thread is the first to ask about this token or a newer one; needs no lock."""
    mine = object()
    if seen.setdefault(entry.stored_at, mine) is not mine:
        return False
    times = list(seen)
    for each in times:
        if each < entry.stored_at:
            seen.pop(each, None)
    return entry.stored_at == max(times)


_logged: dict[tuple[str, str], dict[float, object]] = {}
"""By config and profile."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The token that a program wants: a profile of a config, and how long it must live.

    The config was found once. A program that later changes its directory or variables must not get
    another account's token.
    """

    found: tuple[str, str]
    profile_name: str | None
    min_valid: float | None

    def obtain(self, started_at: float, *, refresh: bool = False) -> Entry:
        """A token for a caller of `started_at` (epoch seconds); see `cache.Terms`.

        One that has just come is logged, once. Raises TastyauthError.
        """
        terms = Terms(self.min_valid, refresh, started_at, heedful=True)
        began = time.monotonic()
        with InPython(self._flags):
            session = self._session(terms)
            entry = session.obtain()
        key = (self.found[0], entry.fields["profile"])
        if entry.stored_at >= started_at and is_first(_logged.setdefault(key, {}), entry):
            whence = entry.fields["api_url"] if entry.stored_at in granted else "another process"
            LOGGER.info(
                "profile %s: a new access token from %s, good for %d s, after %.2f s",
                *(key[1], whence, entry.expires_at - time.time(), time.monotonic() - began),
            )
        return entry

    def cached(self) -> Entry | None:
        """The token in memory or in the cache, whatever its age."""
        with InPython(self._flags):
            asked = self._asked()
        kept = store.kept(asked)
        try:
            entry = kept.entry if kept is not None else cache.look(asked).entry
        except OSError:  # there can be no cache
            return None
        if entry and locate.meets("", asked.environ, entry.fields["environment"]):
            return entry
        return None

    def decide(self, entry: Entry) -> str:
        """What to do about this token: `cache.decide`."""
        return cache.decide(entry, None, Terms(self.min_valid), time.time())

    def check(self) -> None:
        """Raises what `profile` raises; reads no YAML if the config is cached."""
        with InPython(self._flags), suppress(OSError):
            if cache.look(self._asked()).profile is not None:
                return
        self.profile()

    def profile(self) -> Profile:
        """The profile, checked and trusted; raises UsageError, ConfigError, ConfigNotAllowed."""
        with InPython(self._flags):
            session = self._session(Terms(None, refresh=False, started_at=time.time()))
            try:
                outline = cache.look(session.asked).outline
            except OSError:
                outline = None
            return session.config(outline.data if outline else "").profile(self.profile_name)

    @property
    def _flags(self) -> str:
        """What names this profile and config on a command line."""
        flags = [f"-p {self.profile_name}"] if self.profile_name else []
        if self.found[1] == locate.FLAG:
            with suppress(UnicodeError):  # what cannot be a path is reported as soon as it is read
                flags.append(f"--config {quote(self.found[0])}")
        return " ".join(flags)

    def _session(self, terms: Terms) -> Session:
        asked = self._asked()
        home = locate.home_directory(asked.environ)
        around = Surroundings(asked.environ, interactive=False, home=home)
        return Session(asked, terms, around, _Log())

    def _asked(self) -> Asked:
        environ = dict(os.environ)  # other threads may write to it
        refuse_masked(environ)
        return Asked(self.found, locate.read_config(self.found[0]), self.profile_name, environ)


def refuse_masked(variables: "os._Environ[str] | dict[str, str]") -> None:
    """Raises UsageError for a variable that was made from a masked value."""
    if MASK in "\0".join(variables.values()):
        name = next(name for name, value in variables.items() if MASK in value)
        raise UsageError(f"the variable {name} holds {MASK}, not a secret", REVEAL)


REVEAL = (
    "that is how str() and f-strings show a masked value: write credential.headers(), or"
    " credential.access_token.reveal()"
)


class InPython:
    """A context that adapts an error for a program.

    Its hint names arguments of Python, not flags, and its commands have `flags`. Its text is one
    line of printable characters, whatever a path in it is called. Its traceback
    begins here: error trackers log local variables, and further in those hold the environment,
    in which there may be secrets.
    """

    def __init__(self, flags: str = "") -> None:
        self._flags = flags

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, TastyauthError):
            hint = error.hint
            for flag, argument in _IN_PYTHON:
                hint = re.sub(flag, argument, hint)
            hint = addressed(hint, self._flags) if self._flags else hint
            error.advise("\n".join(map(shown, hint.split("\n"))))
            error.message = shown(error.message)  # for logs and terminals that take anything
            error.args = (error.message,)
        if isinstance(error, TastyauthError | KeyboardInterrupt):
            raise error.with_traceback(None)


class _Log:
    """An audience for programs: their log."""

    about = ""

    @property
    def verbose(self) -> bool:
        return LOGGER.isEnabledFor(logging.DEBUG)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        if (took := time.monotonic() - began) > _LONG:
            self.detail(f"waited {took:.1f} s for {what}")

    def warn(self, text: str, level: int = logging.WARNING) -> None:
        if self.about and level == logging.WARNING:
            text = f"{self.about}: {text}"
        LOGGER.log(level, "\n".join(map(shown, text.split("\n"))))

    def detail(self, text: str) -> None:
        self.warn(text, logging.DEBUG)
