"""One access token: by an exchange, or by that of another machine that holds the grant."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
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

UNSAID = (
    "scopes cannot be checked: neither the refresh token nor the server's answer says what the"
    " grant may do"
)
MISLABELLED = (
    "production issued this refresh token, but the profile counts as a sandbox; if its server"
    " trades with real money, set stands_for: production"
)

HURRY = 3.0
"""Seconds for an exchange, in one try, while the caller still has a good token."""


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


@dataclass(frozen=True, slots=True)
class Task:
    """A profile to get a token for, what its sources may look at, and who hears about it."""

    profile: Profile
    around: Surroundings
    audience: Audience
    in_a_hurry: bool = False  # a token is still good

    @classmethod
    def of(
        cls, profile: Profile, around: Surroundings, audience: Audience, *, in_a_hurry: bool = False
    ) -> "Task":
        """The task, with no secret for other programs, and little time for sources in a hurry."""
        around = around.withholding(profile.withheld)
        if in_a_hurry:
            around = replace(around, interactive=False, patience=HURRY)
        return cls(profile, around, audience, in_a_hurry)

    @property
    def limit(self) -> float:
        """Seconds for one exchange."""
        timeout = self.profile.timeout
        return min(timeout, HURRY) if self.in_a_hurry else timeout


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

    `moved` says that the declared source now holds a newer token; `doubts` are for the user to look
    at once, and not with each token. `from_another` says that another machine got this access
    token, and `trouble` why the engine that they share was not used.
    """

    entry: Entry
    moved: bool = False
    doubts: tuple[str, ...] = ()
    from_another: bool = False
    trouble: str = ""


def load_exchange() -> None:
    """Loads httpx while this process waits for a program or an engine."""
    from tastyauth import exchange  # noqa: F401


def with_others(
    task: Task, secrets: Secrets, policy: Policy, exchange: Callable[[], Refreshed]
) -> Refreshed:
    """The outcome of `exchange`, or of another machine's where the profile shares tokens."""
    profile, audience = task.profile, task.audience
    if profile.shared is None:
        return exchange()
    from tastyauth.shared import fleet, not_used  # loaded only when tokens are shared

    grant = fleet.Grant(profile.token_endpoint, profile.scopes, *secrets)
    machines = fleet.Fleet(
        partial(fleet.connected, profile.shared, grant, task.around, load_exchange),
        policy,
        task.limit,
        entry=lambda it: _entry(profile, secrets.client_id, *it),
        waiting=audience.waiting,
        in_a_hurry=task.in_a_hurry,
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


def exchange_once(task: Task, secrets: Secrets, keep: Callable[[Secret], bool]) -> Refreshed:
    """The outcome of an exchange by this machine (RFC 6749, section 6).

    `keep` stores a rotated refresh token, and says whether its source holds it.
    """
    from tastyauth.exchange import claims, exchange, response, route

    profile, audience, environ = task.profile, task.audience, task.around.environ
    grant = claims.RefreshGrant(
        token_endpoint=profile.token_endpoint,
        environment=profile.environment,
        client_id=secrets.client_id,
        client_secret=secrets.client_secret,
        refresh_token=secrets.refresh_token,
        user_agent=profile.user_agent,
        timeout=task.limit,
        scopes=profile.scopes,
    )
    claims.check_offline(grant)
    if audience.verbose:
        proxy, authorities = route.route(grant.token_endpoint, environ)
        audience.detail(f"asking {grant.token_endpoint}, proxy: {proxy},")
        audience.detail(f"certificate authorities: {authorities}")
    asked_at = time.time()
    try:
        with audience.waiting(profile.token_endpoint):
            answer = exchange(grant, environ=environ, tries=1 if task.in_a_hurry else 3)
    except response.RotatedError as error:
        keep(error.refresh_token)
        raise ProtocolError(error.message, error.hint) from None
    moved = answer.refresh_token is not None and keep(answer.refresh_token)
    for scopes in answer.scopes:  # not earlier: a new refresh token is kept first
        claims.check_scopes(scopes, grant.scopes, (*grant.secrets, answer.access_token))
    for warning in answer.warnings:
        audience.warn(warning)
    said = claims.read_claims(grant.refresh_token)
    doubts: list[str] = []
    if grant.scopes and not answer.scopes and not claims.scopes_of(said.fields.get("scope")):
        doubts.append(UNSAID)
    if claims.environment_of(said) == "production" != profile.behind:
        doubts.append(MISLABELLED)
    token = answer.access_token, int(asked_at), answer.expires_in, time.time()
    return Refreshed(_entry(profile, secrets.client_id, *token), moved, tuple(doubts))


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
