"""The cold path: profile, secrets, exchange, credential."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
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
from tastyauth.session.exchanging import Task as Task
from tastyauth.session.rotation import Grant, MovedError, sole_writer
from tastyauth.sources import OPEN, Reference

_WHERE_FROM = {
    "client_id": f"the client ID is shown beside the OAuth application on {APPLICATIONS_PAGE}",
    "client_secret": (
        "the client secret was shown once, when the OAuth application was made; regenerating it"
        f" ends all its grants; then make a new one: {CREATE_GRANT}"
    ),
    "refresh_token": f"a new refresh token comes from {CREATE_GRANT}",
}
"""Where to get each credential (developer.tastytrade.com, OAuth2)."""

_STORE = "store it: tastyauth secret set"
"""The hint of a source that does not know which of the two secrets is missing."""

_ONE_MACHINE_ALONE = (
    "the server rotates refresh tokens, so only one machine can use this grant: leave out"
    f" `shared`, and make a grant for each machine: {CREATE_GRANT}"
)


def refresh(
    task: Task, secrets: Secrets, policy: Policy | None = None, *, is_stored: bool = True
) -> Refreshed:
    """A new access token for a profile (RFC 6749, section 6), or one that another machine has got.

    With `is_stored` the secrets come from the profile's sources, where a rotated one belongs.
    `policy` is what a caller accepts of other machines, None for nothing. Raises RefusedError,
    TemporaryError, ProtocolError, ConfigError for proxies and certificate authorities, or
    SecretError where a newer refresh token may be kept that cannot be read.
    """
    kept = grant_of(task, secrets.client_id, secrets.refresh_token)
    with kept.sole_use(longest(task.profile, task.limit)) as newest:
        if is_stored and newest != kept.declared:
            _read_again(task, kept, newest)
        sent = secrets._replace(refresh_token=newest)
        once = partial(exchange_once, task, sent, partial(_keep, task, kept, is_stored))
        return once() if policy is None else with_others(task, sent, policy, once)


def _read_again(task: Task, kept: Grant, newest: Secret) -> None:
    """Raises MovedError when the source no longer has the declared token.

    One that is killed after it has written the newest token to its source leaves it in its file
    too. Those who read the source before and after that would hold two locks for one token.
    """
    source = task.profile.refresh_token
    if any(member.can_store for member in source.members):
        present = source.resolve(task.around)
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


def refresh_stored(task: Task, secrets: Secrets, policy: Policy | None = None) -> Refreshed:
    """What `refresh` returns or raises, with secrets resolved again whenever they have moved.

    Once they have worked, the secrets that they replaced untested are no longer kept.
    """
    while True:
        try:
            refreshed = refresh(task, secrets, policy)
        except MovedError:
            stale, secrets = secrets, resolve_secrets(task)
            if secrets == stale:
                raise
        except RefusedError as error:
            if os.path.exists(untried_mark(task.profile, task.around.environ)):
                back = "to go back to the secrets before these: tastyauth secret set --undo"
                error.advise(f"{error.hint}\n{back}")
            raise
        else:
            if os.path.exists(untried_mark(task.profile, task.around.environ)):
                forget_earlier(task)
            return refreshed


def untried_mark(profile: Profile, environ: locate.Environ) -> str:
    """The file that exists while the profile's secrets are untested and older ones are kept."""
    stored = profile.client_secret, profile.refresh_token
    places = "\0".join(it.describe() for it in stored)
    name = locate.digest(places.encode(), b"")
    return f"{locate.state_directory(environ)}/untried/{name}"


def forget_earlier(task: Task) -> None:
    """Removes the secrets that were kept when untested ones replaced them."""
    unasked = Task.of(task.profile, task.around, task.audience, in_a_hurry=True).around
    for reference in (task.profile.client_secret, task.profile.refresh_token):
        for member in reference.members:
            if member.can_store:
                with suppress(SecretError, OSError):
                    member.earlier().remove(unasked)
    with suppress(OSError):
        files.remove(untried_mark(task.profile, task.around.environ))


def grant_of(task: Task, client_id: str, declared: Secret) -> Grant:
    """The grant that a profile declares, which may have been rotated since."""
    return Grant(_grants(task), task.profile.token_endpoint, client_id, declared)


def resolve_secrets(task: Task) -> Secrets:
    """All three, one after the other: a locked store asks once, not twice at the same time."""
    profile = task.profile
    with _named("client_secret"), profile.client_secret.begin(task.around) as collect:
        if profile.shared is None:  # otherwise it may need no exchange
            load_exchange()
        with task.audience.waiting(f"client_secret from {profile.client_secret.describe()}"):
            client_secret = collect()
    refresh_token = resolve(task, "refresh_token")
    return Secrets(client_id_of(task), client_secret, refresh_token)


def resolve(task: Task, field: str) -> Secret:
    """What the reference of `field` resolves to now; errors name the field."""
    reference: Reference = getattr(task.profile, field)
    with _named(field), task.audience.waiting(f"{field} from {reference.describe()}"):
        return reference.resolve(task.around)


def time_limit(task: Task) -> float:
    """Seconds within which a refresh has succeeded or failed."""
    profile = task.profile
    return profile.timeout + sum(it.time_limit(task.around) for it in profile.references)


def sole_writer_of(task: Task) -> AbstractContextManager[None]:
    """A context in which no other process writes to the source of the refresh token.

    Raises TemporaryError when one takes too long.
    """
    return sole_writer(_grants(task), task.profile.refresh_token.describe(), task.around.limit)


def _grants(task: Task) -> str:
    return f"{locate.state_directory(task.around.environ)}/grants"


def _keep(task: Task, grant: Grant, is_stored: bool, rotated: Secret) -> bool:  # noqa: FBT001
    """Stores a rotated refresh token before anything else is done with the answer.

    Returns whether it is now in the declared source.
    """
    rotation = "the server rotated the refresh token"
    around, audience, source = task.around, task.audience, task.profile.refresh_token
    where = source.describe()
    present = grant.declared if is_stored else None
    is_kept = True
    with posix.HeldBack():
        try:
            grant.keep(rotated)
        except OSError:
            is_kept = False
    if task.profile.shared:
        audience.warn(_ONE_MACHINE_ALONE)
    try:
        if is_stored:
            with sole_writer_of(task):
                is_replaced = source.replace(
                    grant.declared, rotated, around, is_last_resort=not is_kept
                )
                present = rotated if is_replaced else source.resolve(around)
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


def client_id_of(task: Task) -> str:
    """The client ID, declared or resolved; raises SecretError, or RefusedError for a token."""
    declared = task.profile.client_id
    if isinstance(declared, str):
        return declared
    value = resolve(task, "client_id").reveal()
    if is_uuid(value):
        return value
    where = declared.describe()
    hint = f"a client ID is a UUID; {_WHERE_FROM['client_id']}"
    if value.startswith("eyJ"):
        raise RefusedError(f"client_id: {where} contains a token, not a client ID", hint)
    raise SecretError(f"client_id: {where} contains no UUID", hint)
