"""`TastytradeAuth`: the `auth` of a client of httpx or httpx2, which adds the bearer and renews it.

httpx has had no release since 2024, and httpx2 is its maintained continuation with the same
interface. A client takes an Auth of its own package only, so this one is an Auth of each that the
program has loaded, and loads neither. All other use of httpx comes through
`tastyauth.exchange`: moving on is one line there.
"""

import inspect
import os
import sys
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import suppress
from functools import cache as once
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import unquote

from tastyauth import cache
from tastyauth.cache import Entry
from tastyauth.errors import TastyauthError, UsageError, WrongOrigin
from tastyauth.library import Credential, credential_of, want
from tastyauth.library.wanted import LOGGER, REVEAL, InPython, Wanted, is_first, refuse_masked
from tastyauth.library.workers import off_the_loop, renewed
from tastyauth.secret import MASK, shown

if TYPE_CHECKING:
    import httpx

    Request = TypeVar("Request")

    class _Auth(httpx.Auth):
        """For type checkers, also without httpx2: an unknown base class would hide mistakes.

        A client of httpx2 takes a function of a request as well.
        """

        def __call__(self, request: Request) -> Request: ...
else:
    _Auth = object

_PAUSE = 60.0
"""Seconds between two forced refreshes, and between two tries while the token is still good."""

_forced_at: dict[tuple[str, str], float] = {}
"""When the last forced refresh ended, by config and profile, on the monotonic clock."""


def forget_forced(config: str) -> None:
    """Lets refused tokens of a config be replaced without a pause; for tests."""
    for key in [it for it in _forced_at if it[0] == config]:
        del _forced_at[key]


class Bearer:
    """The token of one profile, in memory; thread-safe with no lock but the cache's.

    `obtain` and `instead_of` may take as long as an exchange, and tell `on_renewed` of a new token.
    """

    def __init__(
        self, wanted: Wanted, on_renewed: Callable[[Credential], object] | None = None
    ) -> None:
        self.wanted = wanted
        self._on_renewed = on_renewed
        self._told: dict[float, object] = {}
        self._entry: Entry | None = None
        self._not_before = 0.0
        self._api_url = ""

    def at_hand(self) -> Entry | None:
        """The token in memory, unless it is due to be renewed."""
        if self._entry is None:
            return None
        decision = self.wanted.decide(self._entry)
        waits = decision == cache.AHEAD and time.monotonic() < self._not_before
        return self._entry if waits or decision == cache.SERVE else None

    async def aobtain(self, work: Callable[[], Entry]) -> Entry:
        """What `work` gets off the event loop, unless there is a good token meanwhile."""
        with suppress(TastyauthError):  # `work` judges what that means
            cached, started_at = self.wanted.cached(), time.time()
            if cached is not None and self.wanted.decide(cached) != cache.ASK:
                self._take(cached, started_at)
        return self.at_hand() or await renewed(self.wanted, self._entry, work)

    def obtain(self, *, refresh: bool = False) -> Entry:
        """A token that lives long enough; `refresh` for a new one in any case.

        Raises TastyauthError, but not while the token at hand is good: that is then a warning.
        """
        entry, started_at = self._entry, time.time()
        try:
            newer = self.wanted.obtain(started_at, refresh=refresh)
        except TastyauthError as error:
            if refresh or entry is None or self.wanted.decide(entry) == cache.ASK:
                raise
            LOGGER.warning(f"the token could not be renewed ahead of time: {error.message}")
            self._not_before = time.monotonic() + _PAUSE
            return entry
        self._take(newer, started_at)
        return newer

    def newer_than(self, refused: Entry) -> Entry | None:
        """Another good token, in memory or in the cache."""
        started_at = time.time()
        for entry in (self._entry, self.wanted.cached()):
            is_new = entry and entry.fields["access_token"] != refused.fields["access_token"]
            if entry and is_new and self.wanted.decide(entry) != cache.ASK:
                self._take(entry, started_at)
                return entry
        return None

    def instead_of(self, refused: Entry) -> Entry | None:
        """A newer token than the one that an API has refused.

        It may be in the cache already, else it is asked for, at most once a minute. None within
        that minute. Raises TastyauthError.
        """
        started_at = time.time()
        key = self.wanted.found[0], refused.fields["profile"]
        # before the look, so that the look sees the outcome
        asked_lately = time.monotonic() < _forced_at.get(key, -_PAUSE) + _PAUSE
        newer = self.newer_than(refused)
        if newer is not None or asked_lately:
            return newer
        try:  # threads that come here at the same time queue for the lock, and share the outcome
            newer = self.wanted.obtain(started_at, refresh=True)
        finally:
            _forced_at[key] = time.monotonic()
        self._take(newer, started_at)
        return newer

    def _take(self, entry: Entry, started_at: float) -> None:
        """Uses `entry` from now on; tells of it, once, unless it is the first and was cached."""
        before, self._entry = self._entry, entry
        is_new = (
            entry.stored_at >= started_at
            if before is None
            else entry.fields["access_token"] != before.fields["access_token"]
        )
        if is_new and self._on_renewed is not None and is_first(self._told, entry):
            self._on_renewed(credential_of(entry))

    def obtain_for(self, request: Any) -> Entry:  # noqa: ANN401
        """A token for `request`; one to another API fails before a token is fetched.

        Raises WrongOrigin and what `obtain` raises.
        """
        if self._entry is not None:
            self._api_url = self._entry.fields["api_url"]
        elif not self._api_url:
            self._api_url = self.wanted.profile().api_url
        _require_origin(request, self._api_url)
        return self.obtain()


class TastytradeAuth(_Auth):
    """Signs requests to the API of one profile with its access token (RFC 6750, section 2.1).

    `profile`, `min_valid` and `config` are those of `get_credential`. The profile is looked up at
    once, which may raise UsageError, ConfigNotFound, ConfigError or ConfigNotAllowed; with `lazy`,
    the config is only found. The token is obtained at the first request, which may raise any
    TastyauthError instead of being sent. `on_renewed` is called with the Credential each time a
    new token is taken up, in the thread that got it; what it raises, the request raises.

    * The token goes to the origin of its profile. A request to any other raises WrongOrigin, and is
      not sent; the client drops the token when it follows a redirect to another origin.
    * A request whose URL or headers were made from a masked value is a UsageError, and not sent;
      nor is one while a variable of the environment was.
    * It is renewed before it expires. When the API answers 401 anyway, it is replaced, at
      most once a minute, and the request is sent once more, unless its body was a stream, which is
      consumed by then. What is answered after that is the answer.
    * One object serves any number of clients, threads, and tasks of asyncio or trio, whose event
      loop never waits for it.
    """

    only_bearers = False
    """Whether requests without a header Authorization stay as they are."""

    requires_request_body = False
    requires_response_body = False

    def __init__(
        self,
        profile: str | None = None,
        *,
        min_valid: float | None = None,
        config: str | os.PathLike[str] | None = None,
        lazy: bool = False,
        on_renewed: Callable[[Credential], object] | None = None,
    ) -> None:
        if on_renewed is not None:
            _require_callback(on_renewed)
        wanted = want(profile, min_valid, config)
        if not lazy:
            wanted.check()
        self.bearer = Bearer(wanted, on_renewed)

    if not TYPE_CHECKING:

        def __call__(self, _: object) -> NoReturn:
            """Raises UsageError, in a client of requests or of any other library."""
            hint = "to others give tastyauth.get_credential().headers(), as docs/python.md shows"
            raise UsageError("TastytradeAuth is for clients of httpx and httpx2", hint)

        @property
        def __class__(self) -> type:
            """What `isinstance` sees when a client checks whether this is its own kind of Auth."""
            loaded = (getattr(sys.modules.get(name), "Auth", None) for name in ("httpx", "httpx2"))
            return _kind_of(tuple(each for each in loaded if each is not None))

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:  # noqa: ANN401
        """Called by a client, with the requests and responses of its own package."""
        if self.only_bearers and "Authorization" not in request.headers:
            yield request
            return
        _refuse_masked(request)
        entry = self.bearer.at_hand() or self.bearer.obtain_for(request)
        _sign(request, entry)
        response = yield request
        if _is_refused(request, response):
            newer = self.bearer.instead_of(entry)
            if _sign_again(request, newer):
                yield request

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:  # noqa: ANN401
        """The same for an asynchronous client."""
        if self.only_bearers and "Authorization" not in request.headers:
            yield request
            return
        _refuse_masked(request)
        entry = self.bearer.at_hand()
        if entry is None:
            entry = await self.bearer.aobtain(partial(self.bearer.obtain_for, request))
        _sign(request, entry)
        response = yield request
        if _is_refused(request, response):
            newer = self.bearer.newer_than(entry)
            if newer is None:
                work = partial(self.bearer.instead_of, entry)
                newer = await off_the_loop(self.bearer.wanted, work)
            if _sign_again(request, newer):
                yield request


def _require_callback(on_renewed: Callable[[Credential], object]) -> None:
    hint = "pass a function of one Credential that is not async"
    if inspect.iscoroutinefunction(on_renewed):
        raise UsageError("on_renewed is an async function, which nobody would wait for", hint)
    with suppress(ValueError):  # a function in C that does not say what it takes
        try:
            inspect.signature(on_renewed).bind(None)
        except TypeError:
            raise UsageError("on_renewed cannot be called with one Credential", hint) from None


@once
def _kind_of(kinds: tuple[type, ...]) -> type:
    return type("TastytradeAuth", (TastytradeAuth, *kinds), {})


def _refuse_masked(request: Any) -> None:  # noqa: ANN401
    with InPython():
        refuse_masked(os.environ)
    places = {f"the header {name}": value for name, value in request.headers.items()}
    places["the URL"] = unquote(str(request.url))
    for place, value in places.items():
        if MASK in value:
            raise UsageError(f"{place} of this request holds {MASK}, not a secret", REVEAL)


def _sign(request: Any, entry: Entry) -> None:  # noqa: ANN401
    _require_origin(request, entry.fields["api_url"])  # the config may have changed meanwhile
    request.headers["Authorization"] = entry.fields["authorization"]


_origin = attrgetter("scheme", "host", "port")
"""Of a URL, as the client itself understands it (RFC 6454, section 4); a default port is None."""


def _require_origin(request: Any, api_url: str) -> None:  # noqa: ANN401
    origin = _origin(request.url)
    if origin == _origin(type(request.url)(api_url)):
        return
    scheme, host, port = origin
    place = shown(f"{scheme}://{host}" + (f":{port}" if port else "")) if host else "no host at all"
    raise WrongOrigin(
        f"the token is for {api_url} and is not sent to {place}",
        "give the client the address of this profile, `credential.api_url`, or use another profile",
    )


def _is_refused(request: Any, response: Any) -> bool:  # noqa: ANN401
    """Whether the API itself answered 401, not a host that the client was redirected to."""
    return response.status_code == 401 and _origin(response.url) == _origin(request.url)


def _sign_again(request: Any, newer: Entry | None) -> bool:  # noqa: ANN401
    """Signs a request to be sent once more; False for a stream, which sending it has consumed."""
    try:
        request.content  # noqa: B018
    except RuntimeError:  # RequestNotRead, of either package
        return False
    if newer is not None:
        _sign(request, newer)
    return newer is not None
