"""A session of the SDK `tastytrade` that is given its tokens and never asks for one (extra `sdk`).

async with tastyauth.sdk.session("live") as session:
    accounts = await Account.get(session)
"""

import os
from collections.abc import Callable
from functools import cache as once
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, NoReturn

from tastyauth.errors import UsageError
from tastyauth.library import Credential
from tastyauth.library.auth import TastytradeAuth
from tastyauth.library.workers import off_the_loop

if TYPE_CHECKING:
    import tastytrade  # type: ignore[import-not-found, unused-ignore]

_OLDEST = 12
"""The first version whose sessions send nothing before they are used."""

_OURS = {"auth", "base_url", "headers", "is_test", "provider_secret", "refresh_token"}
"""What the SDK's session, or its client, takes from us."""


def session(
    profile: str | None = None,
    *,
    min_valid: float | None = None,
    config: str | os.PathLike[str] | None = None,
    on_renewed: Callable[[Credential], object] | None = None,
    **client_kwargs: Any,  # noqa: ANN401
) -> "tastytrade.Session":
    """A `tastytrade.Session` of a profile, renewed by tastyauth for as long as it is used.

    `profile`, `min_valid`, `config` and `on_renewed` are those of `TastytradeAuth`; whatever else
    is given goes to the SDK's session, as `timeout` or `proxy`. The session knows neither client
    secret nor refresh token, sends its token to the profile's own API only, and cannot be
    serialized. Nothing is sent before its first request, which may raise any TastyauthError.

    Raises UsageError without the extra and for what the profile decides, and what keeps the profile
    from being read.
    """
    for name in _OURS & client_kwargs.keys():
        hint = "leave it out: the profile decides where the session goes and what it sends"
        raise UsageError(f"a session of tastyauth takes no {name}", hint)
    try:
        found = version("tastytrade")
    except PackageNotFoundError:
        found = ""
    if not found or int(found.partition(".")[0]) < _OLDEST:
        what = f"is {found}, and too old" if found else "is not installed"
        raise UsageError(f"the SDK tastytrade {what}", "install it: pip install 'tastyauth[sdk]'")
    auth = TastytradeAuth(profile, min_valid=min_valid, config=config, on_renewed=on_renewed)
    made: tastytrade.Session = _session_class()(auth, client_kwargs)
    return made


@once
def _session_class() -> Any:  # noqa: ANN401
    """The SDK's session class, with tastyauth in place of its exchange."""
    import tastytrade

    class Session(tastytrade.Session):  # type: ignore[misc, unused-ignore]
        """A session of tastytrade whose token comes from tastyauth."""

        def __init__(self, auth: TastytradeAuth, client_kwargs: dict[str, Any]) -> None:
            profile = auth.bearer.wanted.profile()
            # An empty secret would be looked up in the environment.
            is_test = profile.exported_environment == "sandbox"
            super().__init__("none", "none", is_test, **client_kwargs)
            del self.provider_secret, self.refresh_token
            # Not through `client_kwargs`: the streamers make clients of those, for other hosts.
            self._client.base_url = profile.api_url
            # The SDK removes it from requests that should go without.
            self._client.headers["Authorization"] = "Bearer"
            auth.only_bearers = True
            self._client.auth = auth
            self._bearer = auth.bearer

        async def refresh(self, force: bool = False) -> None:  # noqa: FBT001, FBT002  # the SDK's
            """Shows the SDK the token that its next request carries; `force` gets a new one."""
            obtain = partial(self._bearer.obtain, refresh=force)
            if force:
                entry = await off_the_loop(self._bearer.wanted, obtain)
            else:
                entry = self._bearer.at_hand() or await self._bearer.aobtain(obtain)
            self.session_token = entry.fields["access_token"]
            self.session_expiration = float(entry.expires_at)

        _refresh = refresh  # its name in 12.0

        def serialize(self) -> NoReturn:
            """Raises UsageError: the token is in tastyauth's cache, and nowhere else."""
            hint = "create another where it is needed: it gets the same token, without an exchange"
            raise UsageError("a tastyauth session cannot be serialized", hint)

    return Session
