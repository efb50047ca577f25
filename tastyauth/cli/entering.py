"""Credentials on their way in: asked for unseen, tried, and stored all or none."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress

from tastyauth import locate, onboarding, private, sources, store
from tastyauth.cache import config_of
from tastyauth.cli.console import Console
from tastyauth.cli.loading import surroundings_of
from tastyauth.config import Profile
from tastyauth.errors import SecretAbsent, SecretError, TastyauthError, TemporaryError
from tastyauth.refresh import Secrets, refresh
from tastyauth.secret import Secret
from tastyauth.sources import Reference, Single, Surroundings
from tastyauth.sources.value import accept

SECRETS = ("client_secret", "refresh_token")

_BY_HAND = {
    "env": "export the variable where your shell, service or CI sets its environment",
    "dotenv": "edit the .env file",
    "systemd_credential": "systemd-creds encrypt, and LoadCredentialEncrypted= in the unit",
    "onepassword": "op item edit",
}


def enter(fields: tuple[str, ...], console: Console) -> dict[str, Secret]:
    """Hidden on a terminal, else a line each from stdin."""
    return {field: _entered(field, console) for field in fields}


def _entered(field: str, console: Console) -> Secret:
    spoken = field.replace("_", " ")
    while True:
        raw = console.ask_hidden(spoken)
        try:
            value = accept(raw.encode("utf-8", "surrogateescape"), f"the {spoken}")
            onboarding.check_shape(field, value)
        except TastyauthError as error:
            if not console.interactive:
                raise
            console.error(error)
            continue
        return value


def with_the_other(
    entered: dict[str, Secret], profile: Profile, console: Console
) -> dict[str, Secret]:
    """The entered secrets, and what the profile already has for the rest."""
    values = dict(entered)
    surroundings = surroundings_of(console).withholding(profile.variables)
    for field in SECRETS:
        if field not in values:
            with suppress(SecretAbsent):
                values[field] = sources.resolve(getattr(profile, field), surroundings)
    return values


def try_out(profile: Profile, values: Mapping[str, Secret], console: Console) -> None:
    """One exchange with what is about to be stored; a refusal ends it before anything is."""
    if any(field not in values for field in SECRETS):
        return
    surroundings = surroundings_of(console)
    client_id = profile.client_id
    if not isinstance(client_id, str):
        client_id = sources.resolve(client_id, surroundings).reveal()
    secrets = Secrets(client_id, values["client_secret"], values["refresh_token"])
    try:
        refresh(profile, secrets, surroundings, console)
        console.say("tried: the server gave a token")
    except TemporaryError as error:
        console.warn(f"could not be tried now: {error.message}")


def writable(field: str, profile: Profile, console: Console) -> Single:
    """The member of the reference that can be written; raises SecretError with what to do."""
    reference: Reference = getattr(profile, field)
    home = locate.home_directory(console.environ)
    members = sources.members(reference)
    for number, member in enumerate(members):
        if member.kind in sources.STORES:
            if number:
                earlier = ", ".join(sources.describe(it, home) for it in members[:number])
                console.warn(f"{earlier} answers first, when it is there")
            return member
    label = sources.describe(reference, home)
    raise SecretError(
        f"{field} of profile {profile.name}: {label} cannot be written by tastyauth",
        f"store it there by hand: {_BY_HAND.get(members[0].kind, 'the program that keeps it')}",
    )


def put_all(targets: Mapping[str, Single], values: Mapping[str, Secret], console: Console) -> None:
    """All or none: what was there before comes back when one cannot be written."""
    surroundings = surroundings_of(console)
    undo: list[Callable[[], None]] = []
    try:
        for field, target in targets.items():
            undo.append(_undoing(target, surroundings))
            sources.put(target, values[field], surroundings)
    except BaseException:
        for step in reversed(undo):
            with suppress(TastyauthError, OSError):
                step()
        raise
    for field, target in targets.items():
        console.say(
            f"stored the {field.replace('_', ' ')} in {sources.describe(target, surroundings.home)}"
        )


def _undoing(target: Single, surroundings: Surroundings) -> Callable[[], None]:
    try:
        old = sources.resolve(target, surroundings)
    except SecretError:
        if isinstance(target, sources.File) and not os.path.lexists(target.path):
            return lambda: private.remove(target.path)
        return lambda: None
    return lambda: sources.put(target, old, surroundings)


def forget(path: str, console: Console) -> None:
    """Drops what the cache has of this config: it was got with other secrets."""
    environ = console.environ
    with suppress(OSError):
        store.clear(locate.cache_directory(environ), config_of(path, environ))
