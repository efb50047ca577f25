"""The cold path: profile, secrets, exchange, credential."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from functools import partial

from tastyauth import locate, posix
from tastyauth.cache.last_attempt import Policy
from tastyauth.config import Profile
from tastyauth.errors import (
    APPLICATIONS_PAGE,
    CREATE_GRANT,
    RefusedError,
    SecretError,
    TemporaryError,
)
from tastyauth.posix import files
from tastyauth.secret import Secret, is_uuid
from tastyauth.session.exchanging import Audience as Audience
from tastyauth.session.exchanging import Refreshed, exchange_once, load_exchange, with_others
from tastyauth.session.exchanging import Secrets as Secrets
from tastyauth.session.rotation import Grant, MovedError, sole_writer
from tastyauth.sources import OPEN, Reference, Surroundings

_WHERE_FROM = {
    "client_id": f"the client ID is shown beside the OAuth application on {APPLICATIONS_PAGE}",
    "client_secret": (
        "the client secret was shown once, when the OAuth application was made; regenerating it"
        f" ends all its grants: {APPLICATIONS_PAGE}"
    ),
    "refresh_token": (
        f"a new refresh token comes from Manage → Create Grant on {APPLICATIONS_PAGE}"
    ),
}
"""Where to get each credential (developer.tastytrade.com, OAuth2)."""

UNSAID = (
    "scopes cannot be checked: neither the refresh token nor the server's answer says what the"
    " grant may do"
)

_STORE = "store it: tastyauth secret set"
"""The hint of a source that does not know which of the two secrets is missing."""

HURRY = 3.0
"""Seconds for an exchange, in one try, while the caller still has a good token."""


_ONE_MACHINE_ALONE = (
    "the server rotates refresh tokens, so only one machine can use this grant: leave out"
    f" `shared`, and make a grant for each machine: {CREATE_GRANT}"
)


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
    TemporaryError, ProtocolError, ConfigError for proxies and certificate authorities, or
    SecretError where a newer refresh token may be kept that cannot be read.
    """
    kept = grant_of(profile, secrets.client_id, secrets.refresh_token, surroundings)
    limit, tries = (min(profile.timeout, HURRY), 1) if in_a_hurry else (profile.timeout, 3)

    def keep(rotated: Secret) -> bool:
        if profile.shared:
            audience.warn(_ONE_MACHINE_ALONE)
        return _keep(rotated, kept, profile, is_stored, surroundings, audience)

    with kept.sole_use(longest(profile, limit)) as newest:
        if is_stored and newest != kept.declared:
            _read_again(kept, newest, profile, surroundings)
        sent = secrets._replace(refresh_token=newest)
        once = partial(exchange_once, profile, sent, surroundings, audience, limit, tries, keep)
        if policy is None:
            return once()
        return with_others(
            profile, sent, surroundings, audience, limit, policy, once, in_a_hurry=in_a_hurry
        )


def _read_again(kept: Grant, newest: Secret, profile: Profile, surroundings: Surroundings) -> None:
    """Raises MovedError when the source no longer has the declared token.

    One that is killed after it has written the newest token to its source leaves it in its file
    too. Those who read the source before and after that would hold two locks for one token.
    """
    source = profile.refresh_token
    if any(member.can_store for member in source.members):
        present = source.resolve(surroundings.withholding(profile.withheld))
        if present == newest:
            kept.moved(newest, source.describe())
        if present != kept.declared:
            raise MovedError(
                f"{source.describe()} no longer has the refresh token it had a moment ago"
            )


def longest(profile: Profile, limit: float = 0.0) -> float:
    """Seconds that an exchange of `limit` seconds may take, waiting for other machines included."""
    limit = limit or profile.timeout
    return profile.shared.longest(limit) if profile.shared else limit


def refresh_stored(
    profile: Profile,
    secrets: Secrets,
    surroundings: Surroundings,
    audience: Audience,
    policy: Policy | None,
    *,
    in_a_hurry: bool,
) -> Refreshed:
    """What `refresh` returns or raises, with secrets resolved again whenever they have moved.

    Once they have worked, the secrets that they replaced untested are no longer kept.
    """
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
            if os.path.exists(untried_mark(profile, surroundings)):
                back = "to go back to the secrets before these: tastyauth secret set --undo"
                error.advise(f"{error.hint}\n{back}")
            raise
        else:
            if os.path.exists(untried_mark(profile, surroundings)):
                forget_earlier(profile, surroundings)
            return refreshed


def untried_mark(profile: Profile, surroundings: Surroundings) -> str:
    """The file that exists while the secrets of `profile` are untested and older ones are kept."""
    places = "\0".join(it.describe() for it in (profile.client_secret, profile.refresh_token))
    name = locate.digest(places.encode(), b"")
    return f"{locate.state_directory(surroundings.environ)}/untried/{name}"


def forget_earlier(profile: Profile, surroundings: Surroundings) -> None:
    """Removes the secrets that were kept when untested ones replaced them."""
    unasked = replace(surroundings, interactive=False, patience=HURRY)
    for reference in (profile.client_secret, profile.refresh_token):
        for member in reference.members:
            if member.can_store:
                with suppress(SecretError, OSError):
                    member.earlier().remove(unasked)
    with suppress(OSError):
        files.remove(untried_mark(profile, surroundings))


def grant_of(
    profile: Profile, client_id: str, declared: Secret, surroundings: Surroundings
) -> Grant:
    """The grant that a profile declares, which may have been rotated since."""
    return Grant(_grants(surroundings), profile.token_endpoint, client_id, declared)


def resolve_secrets(profile: Profile, surroundings: Surroundings, audience: Audience) -> Secrets:
    """All three, one after the other: a locked store asks once, not twice at the same time."""
    surroundings = surroundings.withholding(profile.withheld)
    with _named("client_secret"), profile.client_secret.begin(surroundings) as collect:
        if profile.shared is None:  # otherwise it may need no exchange
            load_exchange()
        with audience.waiting(f"client_secret from {profile.client_secret.describe()}"):
            client_secret = collect()
    refresh_token = resolve("refresh_token", profile.refresh_token, profile, surroundings, audience)
    return Secrets(client_id_of(profile, surroundings, audience), client_secret, refresh_token)


def resolve(
    field: str,
    reference: Reference,
    profile: Profile,
    surroundings: Surroundings,
    audience: Audience,
) -> Secret:
    """The present value of `reference`; errors name the field and the profile."""
    waiting = audience.waiting(f"{field} from {reference.describe()}")
    with _named(field), waiting:
        return reference.resolve(surroundings.withholding(profile.withheld))


def time_limit(profile: Profile, surroundings: Surroundings) -> float:
    """Seconds within which a refresh has succeeded or failed."""
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
                is_replaced = source.replace(
                    grant.declared, rotated, surroundings, is_last_resort=not is_kept
                )
                present = rotated if is_replaced else source.resolve(surroundings)
    except (SecretError, TemporaryError):
        pass  # it stays in the file of the grant
    if present == rotated:
        grant.moved(rotated, where)
        audience.detail(f"{rotation}; the new one is in {where}")
    elif not is_kept:
        audience.warn(
            f"{rotation} and the new one cannot be stored anywhere: make {grant.directory}"
            f" writable only by you, then create a new grant on {APPLICATIONS_PAGE}"
        )
    elif present == grant.declared:
        audience.warn(
            f"{rotation}; {where} cannot be written, so the new one is kept in"
            f" {grant.directory} and used from there"
        )
    else:  # it was replaced meanwhile, or is about to be
        audience.detail(f"{rotation}; the new one is kept in {grant.directory}")
    return present == rotated


def or_if_lost(field: str, error: SecretError) -> str:
    """The hint of an error, and what to do if the credential is lost."""
    if error.reason == OPEN:
        return error.hint
    known = "store it there" if field == "client_id" else f"{_STORE} --only {field}"
    hint = error.hint.replace(_STORE, known)
    return f"{hint}\nif it is lost: {_WHERE_FROM[field]}"


@contextmanager
def _named(field: str) -> Iterator[None]:
    try:
        yield
    except SecretError as error:
        hint = or_if_lost(field, error)
        raise type(error)(f"{field}: {error.message}", hint, reason=error.reason) from None


def client_id_of(profile: Profile, surroundings: Surroundings, audience: Audience) -> str:
    """The client ID, declared or resolved; raises SecretError, or RefusedError for a token."""
    if isinstance(profile.client_id, str):
        return profile.client_id
    value = resolve("client_id", profile.client_id, profile, surroundings, audience).reveal()
    if is_uuid(value):
        return value
    where = profile.client_id.describe()
    hint = f"a client ID is a UUID; {_WHERE_FROM['client_id']}"
    if value.startswith("eyJ"):
        raise RefusedError(f"client_id: {where} contains a token, not a client ID", hint)
    raise SecretError(f"client_id: {where} contains no UUID", hint)
