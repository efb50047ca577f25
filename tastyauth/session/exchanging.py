"""One access token: by an exchange, or by that of another machine that holds the grant."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from random import uniform
from typing import NamedTuple, Protocol

from tastyauth import locate
from tastyauth.cache import DEFAULT_MIN_VALID, Entry
from tastyauth.cache.last_attempt import Policy
from tastyauth.config import Profile
from tastyauth.errors import ProtocolError
from tastyauth.secret import Secret
from tastyauth.sources import Surroundings


class Audience(Protocol):
    """Where progress and warnings go.

    `about` is the profile that they are about, once it is known, with its environment.
    """

    about: str

    @property
    def verbose(self) -> bool:
        """Whether details are worth the work of finding them out."""

    def waiting(self, what: str) -> AbstractContextManager[None]:
        """A context for as long as `what` is being waited for."""

    def warn(self, text: str) -> None:
        """Takes what the user should look at."""

    def detail(self, text: str) -> None:
        """Takes what only --verbose shows."""


class Secrets(NamedTuple):
    """What a profile's references resolve to, ready for one exchange."""

    client_id: str
    client_secret: Secret
    refresh_token: Secret

    def digest(self, key: bytes, profile: str) -> str:
        """A digest that tells these secrets of a profile from others without revealing them."""
        parts = (profile, self.client_id, self.client_secret.reveal(), self.refresh_token.reveal())
        return locate.digest("\0".join(parts).encode(), key)


class Refreshed(NamedTuple):
    """The outcome of a refresh.

    `moved` says that the declared source now holds a newer token, and `unsaid` that neither the
    grant nor the answer says which of the declared scopes it has. `from_another` says that another
    machine got this access token, and `trouble` why the engine that they share was not used.
    """

    entry: Entry
    moved: bool = False
    unsaid: bool = False
    from_another: bool = False
    trouble: str = ""


def load_exchange() -> None:
    """Loads httpx while this process waits for a program or an engine."""
    from tastyauth import exchange  # noqa: F401


def with_others(
    profile: Profile,
    secrets: Secrets,
    surroundings: Surroundings,
    audience: Audience,
    limit: float,
    policy: Policy,
    exchange: Callable[[], Refreshed],
    *,
    in_a_hurry: bool,
) -> Refreshed:
    """The outcome of `exchange`, or of another machine's where the profile shares tokens."""
    if profile.shared is None:
        return exchange()
    from tastyauth.shared import fleet, not_used  # loaded only when tokens are shared

    grant = fleet.Grant(profile.token_endpoint, profile.scopes, *secrets)
    around = surroundings.withholding(profile.withheld)
    machines = fleet.Fleet(
        partial(fleet.connected, profile.shared, grant, around, load_exchange),
        policy,
        limit,
        entry=lambda it: _entry(profile, secrets.client_id, *it),
        waiting=audience.waiting,
        in_a_hurry=in_a_hurry,
    )
    try:
        found = machines.obtain(exchange)
    finally:
        if machines.trouble:
            audience.warn(not_used(profile.shared, machines.trouble))
    if isinstance(found, Entry):
        found = Refreshed(found, from_another=True)
        audience.detail(f"another machine got the token; it came through {profile.shared.url}")
    entry = found.entry
    last = min(DEFAULT_MIN_VALID, entry.life / 6)
    entry.ahead = uniform(last, entry.ahead)  # noqa: S311  # not a secret
    return found._replace(trouble=machines.trouble)


def exchange_once(
    profile: Profile,
    secrets: Secrets,
    surroundings: Surroundings,
    audience: Audience,
    limit: float,
    tries: int,
    keep: Callable[[Secret], bool],
) -> Refreshed:
    """The outcome of an exchange by this machine (RFC 6749, section 6).

    `keep` stores a rotated refresh token, and says whether its source holds it.
    """
    from tastyauth.exchange import claims, exchange, response, route

    grant = claims.RefreshGrant(
        token_endpoint=profile.token_endpoint,
        environment=profile.environment,
        client_id=secrets.client_id,
        client_secret=secrets.client_secret,
        refresh_token=secrets.refresh_token,
        user_agent=profile.user_agent,
        timeout=limit,
        scopes=profile.scopes,
    )
    claims.check_offline(grant)
    if audience.verbose:
        proxy, authorities = route.route(grant.token_endpoint, surroundings.environ)
        audience.detail(f"asking {grant.token_endpoint}, proxy: {proxy},")
        audience.detail(f"certificate authorities: {authorities}")
    asked_at = time.time()
    try:
        with audience.waiting(profile.token_endpoint):
            answer = exchange(grant, environ=surroundings.environ, tries=tries)
    except response.RotatedError as error:
        keep(error.refresh_token)
        raise ProtocolError(error.message, error.hint) from None
    moved = answer.refresh_token is not None and keep(answer.refresh_token)
    for scopes in answer.scopes:  # not earlier: a new refresh token is kept first
        claims.check_scopes(scopes, grant.scopes, (*grant.secrets, answer.access_token))
    for warning in answer.warnings:
        audience.warn(warning)
    granted = claims.read_claims(grant.refresh_token).fields.get("scope")
    unsaid = bool(grant.scopes and not (answer.scopes or claims.scopes_of(granted)))
    token = answer.access_token, int(asked_at), answer.expires_in, time.time()
    return Refreshed(_entry(profile, secrets.client_id, *token), moved, unsaid)


def _entry(
    profile: Profile, client_id: str, token: Secret, issued_at: int, life: int, stored_at: float
) -> Entry:
    bare = token.reveal()
    fields = {
        "access_token": bare,
        "authorization": f"Bearer {bare}",
        "expires_at": str(issued_at + life),
        "environment": profile.exported_environment,
        "profile": profile.name,
        "api_url": profile.api_url,
        "client_id": client_id,
    }
    return Entry(fields, issued_at, stored_at)
