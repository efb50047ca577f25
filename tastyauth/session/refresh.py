"""The cold path: profile, secrets, exchange, credential."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from functools import partial
from random import uniform
from typing import NamedTuple, Protocol

from tastyauth import locate, posix
from tastyauth.cache import DEFAULT_MIN_VALID, Entry
from tastyauth.config import Profile
from tastyauth.errors import (
    APPLICATIONS_PAGE,
    CREATE_GRANT,
    ProtocolError,
    RefusedError,
    SecretError,
    TemporaryError,
)
from tastyauth.posix import files
from tastyauth.secret import Secret, is_uuid
from tastyauth.session.rotation import Grant, MovedError, sole_writer
from tastyauth.shared import Policy, longest
from tastyauth.sources import Reference, Surroundings

_WHERE_FROM = {
    "client_id": f"the client ID stands beside the OAuth application on {APPLICATIONS_PAGE}",
    "client_secret": (
        "the client secret was shown once, when the OAuth application was made; regenerating it"
        f" ends all its grants: {APPLICATIONS_PAGE}"
    ),
    "refresh_token": (
        f"a new refresh token comes from Manage → Create Grant on {APPLICATIONS_PAGE}"
    ),
}
"""Where a person gets each credential (developer.tastytrade.com, OAuth2)."""

UNSAID = (
    "scopes cannot be checked: neither the refresh token nor the server's answer says what the"
    " grant may do"
)

HURRY = 3.0
"""Seconds for an exchange, in one try, that somebody waits for who has a token still."""


_ONE_MACHINE_ALONE = (
    "the server rotates refresh tokens, so one machine alone can use this grant: leave out"
    f" `shared`, and make a grant for each machine: {CREATE_GRANT}"
)


class Audience(Protocol):
    """Where progress and warnings go."""

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

    def digest(self, key: bytes) -> str:
        """Tells these secrets from others without revealing them."""
        parts = (self.client_id, self.client_secret.reveal(), self.refresh_token.reveal())
        return locate.digest("\0".join(parts).encode(), key)


class Refreshed(NamedTuple):
    """What came of a refresh.

    `moved` says that the declared source now holds a newer token, and `unsaid` that neither the
    grant nor the answer says which of the declared scopes it has. `from_another` says that another
    machine got this access token, and `trouble` why the engine that they share was not used.
    """

    entry: Entry
    moved: bool = False
    unsaid: bool = False
    from_another: bool = False
    trouble: str = ""


def refresh(
    profile: Profile,
    secrets: Secrets,
    surroundings: Surroundings,
    audience: Audience,
    policy: Policy | None = None,
    *,
    in_a_hurry: bool = False,
    is_stored: bool = True,
) -> Refreshed:
    """A new access token for `profile` (RFC 6749, section 6), or one that another machine has got.

    With `is_stored` the secrets come from the profile's sources, where a rotated one belongs.
    `policy` is what a caller accepts of other machines, None for nothing. Raises RefusedError,
    TemporaryError, ProtocolError, ConfigError for proxies and certificate authorities, SecretError
    where a newer refresh token may be kept that cannot be read, or FailedElsewhere.
    """
    kept = _grant(profile, secrets.client_id, secrets.refresh_token, surroundings)
    limit = min(profile.timeout, HURRY) if in_a_hurry else profile.timeout

    def exchange() -> tuple[Entry, tuple[bool, bool]]:
        sent = secrets._replace(refresh_token=newest)
        tries = 1 if in_a_hurry else 3
        return _exchange(profile, sent, surroundings, audience, limit, tries, keep)

    def keep(rotated: Secret) -> bool:
        if profile.shared:
            audience.warn(_ONE_MACHINE_ALONE)
        return _keep(rotated, kept, profile, is_stored, surroundings, audience)

    with kept.sole_use(longest(limit) if profile.shared else limit) as newest:
        if profile.shared is None or policy is None:
            entry, (moved, unsaid) = exchange()
            return Refreshed(entry, moved, unsaid)
        from tastyauth.shared import fleet  # only those who share load it, and what it needs

        sent = secrets._replace(refresh_token=newest)
        grant = fleet.Grant(profile.token_endpoint, profile.scopes, *sent)
        around = surroundings.withholding(profile.withheld)
        machines = fleet.Fleet(
            partial(fleet.connected, profile.shared, grant, around),
            policy,
            limit,
            entry=lambda it: _entry(profile, secrets.client_id, *it),
            waiting=audience.waiting,
            in_a_hurry=in_a_hurry,
        )
        try:
            entry, said = machines.obtain(exchange)
        finally:
            if machines.trouble:
                audience.warn(
                    f"{profile.shared.url} is not used: {machines.trouble};"
                    " this machine goes on alone"
                )
    if said is None:
        audience.detail(
            f"another machine got this token, and shared it through {profile.shared.url}"
        )
    last = min(DEFAULT_MIN_VALID, entry.life / 6)
    entry.ahead = uniform(last, entry.ahead)  # noqa: S311  # not a secret
    return Refreshed(entry, *(said or (False, False)), said is None, machines.trouble)


def _exchange(
    profile: Profile,
    secrets: Secrets,
    surroundings: Surroundings,
    audience: Audience,
    limit: float,
    tries: int,
    keep: Callable[[Secret], bool],
) -> tuple[Entry, tuple[bool, bool]]:
    """The token of one exchange, with `moved` and `unsaid` of `Refreshed`.

    `keep` stores a rotated refresh token, and says whether its source holds it.
    """
    from tastyauth import exchange

    grant = exchange.RefreshGrant(
        token_endpoint=profile.token_endpoint,
        environment=profile.environment,
        client_id=secrets.client_id,
        client_secret=secrets.client_secret,
        refresh_token=secrets.refresh_token,
        user_agent=profile.user_agent,
        timeout=limit,
        scopes=profile.scopes,
    )
    exchange.check_offline(grant)
    if audience.verbose:
        route = exchange.route(grant.token_endpoint, surroundings.environ)
        audience.detail(f"asking {grant.token_endpoint}, proxy: {route.proxy or 'none'},")
        audience.detail(f"certificate authorities: {route.roots}")
    asked_at = time.time()
    try:
        with audience.waiting(profile.token_endpoint):
            response = exchange.exchange(grant, environ=surroundings.environ, tries=tries)
    except exchange.RotatedError as error:
        keep(error.refresh_token)
        raise ProtocolError(error.message, error.hint) from None
    moved = response.refresh_token is not None and keep(response.refresh_token)
    for scopes in response.scopes:  # no sooner: a new refresh token is kept first
        exchange.check_scopes(scopes, grant.scopes, (*grant.secrets, response.access_token))
    for warning in response.warnings:
        audience.warn(warning)
    granted = exchange.read_claims(grant.refresh_token).fields.get("scope")
    unsaid = bool(grant.scopes and not (response.scopes or exchange.scopes_of(granted)))
    token = response.access_token, int(asked_at), response.expires_in, time.time()
    return _entry(profile, secrets.client_id, *token), (moved, unsaid)


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


def refresh_stored(
    profile: Profile,
    secrets: Secrets,
    surroundings: Surroundings,
    audience: Audience,
    policy: Policy | None = None,
    *,
    in_a_hurry: bool = False,
) -> Refreshed:
    """What `refresh` returns or raises, with secrets resolved again whenever they have moved.

    Once they have worked, what they replaced untried is no longer kept.
    """
    untried = os.path.exists(untried_mark(profile, surroundings))
    while True:
        try:
            refreshed = refresh(
                profile, secrets, surroundings, audience, policy, in_a_hurry=in_a_hurry
            )
        except MovedError:
            stale, secrets = secrets, resolve_secrets(profile, surroundings, audience)
            if secrets == stale:
                raise
        except RefusedError as error:
            back = "; to go back to the secrets before these: tastyauth secret set --undo"
            raise type(error)(error.message, error.hint + back * untried) from None
        else:
            if untried:
                forget_earlier(profile, surroundings)
            return refreshed


def untried_mark(profile: Profile, surroundings: Surroundings) -> str:
    """The file that is there while the secrets of `profile` are untried, and older ones kept."""
    places = "\0".join(it.describe() for it in (profile.client_secret, profile.refresh_token))
    name = locate.digest(places.encode(), b"")
    return f"{locate.state_directory(surroundings.environ)}/untried/{name}"


def forget_earlier(profile: Profile, surroundings: Surroundings) -> None:
    """Removes the secrets that were kept when untried ones replaced them."""
    unasked = replace(surroundings, interactive=False, patience=HURRY)
    for reference in (profile.client_secret, profile.refresh_token):
        for member in reference.members:
            if member.can_store:
                with suppress(SecretError, OSError):
                    member.earlier().remove(unasked)
    with suppress(OSError):
        files.remove(untried_mark(profile, surroundings))


def latest(
    profile: Profile, client_id: str, declared: Secret, surroundings: Surroundings
) -> Secret:
    """The newest refresh token of the grant: the declared one, unless it was rotated.

    Raises SecretError when that cannot be known.
    """
    return _grant(profile, client_id, declared, surroundings).newest()


def resolve_secrets(profile: Profile, surroundings: Surroundings, audience: Audience) -> Secrets:
    """All three, one after the other: a locked store asks once, not twice at the same time."""
    surroundings = surroundings.withholding(profile.withheld)
    with (
        _named("client_secret", profile),
        profile.client_secret.begin(surroundings) as collect,
    ):
        if profile.shared is None:
            from tastyauth import exchange  # noqa: F401  # httpx loads while the command runs

        with audience.waiting(f"client_secret from {profile.client_secret.describe()}"):
            client_secret = collect()
    refresh_token = resolve("refresh_token", profile.refresh_token, profile, surroundings, audience)
    return Secrets(_client_id(profile, surroundings, audience), client_secret, refresh_token)


def resolve(
    field: str,
    reference: Reference,
    profile: Profile,
    surroundings: Surroundings,
    audience: Audience,
) -> Secret:
    """What `reference` yields now; errors name the field and the profile."""
    waiting = audience.waiting(f"{field} from {reference.describe()}")
    with _named(field, profile), waiting:
        return reference.resolve(surroundings.withholding(profile.withheld))


def time_limit(profile: Profile, surroundings: Surroundings) -> float:
    """Seconds within which a refresh has ended, well or badly."""
    return profile.timeout + sum(
        reference.time_limit(surroundings) for reference in profile.references
    )


def sole_writer_of(profile: Profile, surroundings: Surroundings) -> AbstractContextManager[None]:
    """A context in which no other process writes to the source of the refresh token.

    Raises TemporaryError when one takes too long.
    """
    return sole_writer(_grants(surroundings), profile.refresh_token.describe(), surroundings.limit)


def _grants(surroundings: Surroundings) -> str:
    return f"{locate.state_directory(surroundings.environ)}/grants"


def _grant(profile: Profile, client_id: str, declared: Secret, surroundings: Surroundings) -> Grant:
    return Grant(_grants(surroundings), profile.token_endpoint, client_id, declared)


def _keep(
    rotated: Secret,
    grant: Grant,
    profile: Profile,
    is_stored: bool,  # noqa: FBT001
    surroundings: Surroundings,
    audience: Audience,
) -> bool:
    """Stores a rotated refresh token before anything else is done with the answer.

    Returns whether it is now in the declared source.
    """
    rotation = "the server rotated the refresh token"
    source, where = profile.refresh_token, profile.refresh_token.describe()
    present = grant.declared if is_stored else None
    is_kept = True
    with posix.HeldBack():
        try:
            grant.keep(rotated)
        except OSError:
            is_kept = False
    surroundings = surroundings.withholding(profile.withheld)
    try:
        if is_stored:
            with sole_writer_of(profile, surroundings):
                is_replaced = source.replace(grant.declared, rotated, surroundings)
                present = rotated if is_replaced else source.resolve(surroundings)
    except (SecretError, TemporaryError):
        pass  # it stays in the file of the grant
    if present == rotated:
        grant.moved(rotated, where)
        audience.detail(f"{rotation}; the new one is in {where}")
    elif not is_kept:
        audience.warn(
            f"{rotation} and the new one cannot be stored anywhere: make {grant.directory}"
            f" writable, and yours alone, then create a new grant on {APPLICATIONS_PAGE}"
        )
    elif present == grant.declared:
        audience.warn(
            f"{rotation}; {where} cannot be written, so the new one is kept in"
            f" {grant.directory} and used from there"
        )
    else:  # it was replaced meanwhile, or is about to be
        audience.detail(f"{rotation}; the new one is kept in {grant.directory}")
    return present == rotated


def if_lost(field: str) -> str:
    """What to do when a credential is not merely out of reach."""
    return f"if it is lost: {_WHERE_FROM[field]}"


@contextmanager
def _named(field: str, profile: Profile) -> Iterator[None]:
    try:
        yield
    except SecretError as error:
        message = f"{field} of profile {profile.name}: {error.message}"
        raise type(error)(message, f"{error.hint}; {if_lost(field)}") from None


def _client_id(profile: Profile, surroundings: Surroundings, audience: Audience) -> str:
    if isinstance(profile.client_id, str):
        return profile.client_id
    value = resolve("client_id", profile.client_id, profile, surroundings, audience).reveal()
    if is_uuid(value):
        return value
    where = profile.client_id.describe()
    hint = f"a client ID is a UUID; {_WHERE_FROM['client_id']}"
    if value.startswith("eyJ"):
        raise RefusedError(
            f"client_id of profile {profile.name}: {where} holds a token, not a client ID", hint
        )
    raise SecretError(f"client_id of profile {profile.name}: {where} holds no UUID", hint)
