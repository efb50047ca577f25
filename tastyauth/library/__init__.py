"""Access tokens for Python programs, obtained as on the command line.

    credential = tastyauth.get_credential("live")
    httpx.get(f"{credential.api_url}/customers/me/accounts", headers=credential.headers())

Programs and commands share config, trust, cache and lock, and so one token. Nothing is asked and
nothing printed: warnings, and each renewal at INFO, go to the logger `tastyauth`, and never hold
a secret.
"""

import os
import time
from dataclasses import dataclass, field
from functools import partial
from typing import NoReturn

from tastyauth import cache, locate
from tastyauth.cache import Entry
from tastyauth.errors import UsageError
from tastyauth.library.wanted import InPython, Wanted
from tastyauth.secret import MASK, Secret
from tastyauth.session import LONGEST_MIN_VALID


@dataclass(frozen=True, slots=True)
class Credential:
    """An access token of one profile (RFC 6749, section 1.4).

    Times are in epoch seconds, UTC. `issued_at` is before the token was asked for, and
    `expires_at` counts from there; a credential made by hand, for a test, lives 900 s from now
    unless it says otherwise. Raises UsageError for a token that is not a Secret, and for times that
    are not whole seconds.
    """

    access_token: Secret
    issued_at: int = field(default_factory=lambda: int(time.time()))
    expires_at: int = -1
    profile: str = "live"
    environment: str = "sandbox"
    api_url: str = "https://api.cert.tastyworks.com"
    client_id: str = "11111111-2222-4333-8444-555555555555"

    def __post_init__(self) -> None:
        if not isinstance(self.access_token, Secret):
            what = "the access_token of a Credential is not a Secret"
            raise UsageError(what, "write Credential(tastyauth.Secret(TOKEN))")
        if not isinstance(self.issued_at, int) or not isinstance(self.expires_at, int):
            what = "issued_at and expires_at of a Credential are not whole seconds"
            raise UsageError(what, "write int(time.time())")
        if self.expires_at < 0:
            object.__setattr__(self, "expires_at", self.issued_at + 900)

    @property
    def authorization(self) -> Secret:
        """The value of the header Authorization (RFC 6750, section 2.1), masked."""
        return Secret(f"Bearer {self.access_token.reveal()}")

    def headers(self) -> dict[str, str]:
        """The header Authorization for a request, to `api_url` only; its repr is masked."""
        return _Headers(Authorization=self.authorization.reveal())


class _Headers(dict[str, str]):
    """Headers that a log or a traceback shows masked."""

    def __repr__(self) -> str:
        return repr(dict.fromkeys(self, MASK))

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret cannot be pickled")


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
    or a sixth of a shorter life. `refresh` gets a new token in any case, but does not ask a server
    that has just failed.

    Call it before each request; a cached answer takes a fraction of a millisecond. Threads and
    processes that ask at once cause one exchange; where there can be no cache, this process keeps
    the token. The text of the token is only in `credential.access_token.reveal()` and in
    `credential.headers()`. Raises TastyauthError, whose subclasses say who has to act.
    """
    wanted = want(profile, min_valid, config)
    return credential_of(wanted.obtain(time.time(), refresh=refresh))


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
        from tastyauth.library.workers import renewed  # brings threads

        work = partial(wanted.obtain, started_at, refresh=refresh)
        entry = await renewed(wanted, entry, work)
    return credential_of(entry)


def want(
    profile: str | None, min_valid: float | None, config: str | os.PathLike[str] | None
) -> Wanted:
    """Finds the config, once; raises ConfigNotFound, and UsageError for a wrong argument."""
    for name, value, kind, what in (
        ("profile", profile, str, "the name of a profile"),
        ("min_valid", min_valid, int | float, "a number of seconds"),
        ("config", config, str | os.PathLike, "the path of a config"),
    ):
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise UsageError(f"{name} must be {what}, not {type(value).__name__}", f"give {what}")
    if min_valid is not None and not 0 <= min_valid <= LONGEST_MIN_VALID:
        what = f"min_valid is not between 0 and {LONGEST_MIN_VALID}"  # its digits may be too many
        raise UsageError(what, f"give 0 to {LONGEST_MIN_VALID} seconds")
    if profile == "":
        raise UsageError("the name of the profile is empty", "use None for the default profile")
    path = None if config is None else os.fspath(config)
    if path is not None and not (path and isinstance(path, str)):
        raise UsageError(f"config cannot be {path!r}", "give the path of a config")
    with InPython():
        found = locate.find_config(path, os.environ)
    return Wanted(found, profile or os.environ.get("TASTYAUTH_PROFILE") or None, min_valid)


def credential_of(entry: Entry) -> Credential:
    """The part of an entry that a program gets."""
    about = (entry.fields[it] for it in ("profile", "environment", "api_url", "client_id"))
    token = Secret(entry.fields["access_token"])
    return Credential(token, entry.issued_at, entry.expires_at, *about)
