"""Credentials on their way in: asked for unseen, tried, and stored all or none."""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial

from tastyauth import locate, sources
from tastyauth.cache import config_of, store
from tastyauth.cli.console import Console
from tastyauth.config import Profile, new_profile
from tastyauth.errors import RefusedError, SecretAbsent, SecretError, TastyauthError, TemporaryError
from tastyauth.posix import files
from tastyauth.secret import Secret
from tastyauth.session import refresh
from tastyauth.session.refresh import Secrets
from tastyauth.sources import Reference, Surroundings, accept

SECRETS = ("client_secret", "refresh_token")


def enter(fields: tuple[str, ...], console: Console) -> dict[str, Secret]:
    """Hidden on a terminal, else a line each from stdin."""
    return {field: _entered(field, console) for field in fields}


def _entered(field: str, console: Console) -> Secret:
    while True:
        raw = console.ask_hidden(_spoken(field))
        try:
            return _accepted(raw, field)
        except TastyauthError as error:
            if not console.interactive:
                raise
            console.error(error)


def _accepted(raw: str, field: str) -> Secret:
    try:
        value = accept(raw.encode("utf-8", "surrogateescape"), f"the {_spoken(field)}")
    except SecretError as error:
        raise SecretError(
            error.message.removeprefix("the value of "),
            "copy it again from where it was shown, on one line and with nothing around it",
        ) from None
    new_profile.check_shape(field, value)
    return value


def client_id_of(profile: Profile, console: Console) -> str:
    """The client ID, which is known before a secret is asked for; raises SecretError."""
    if isinstance(profile.client_id, str):
        return profile.client_id
    surroundings = console.surroundings
    return refresh.resolve("client_id", profile.client_id, profile, surroundings, console).reveal()


def try_out(
    profile: Profile, client_id: str, entered: Mapping[str, Secret], console: Console
) -> None:
    """One exchange with what is about to be stored, and what the profile has for the rest.

    A refusal ends it before anything is stored.
    """
    values = dict(entered)
    surroundings = console.surroundings
    for field in SECRETS:
        if field not in values:
            try:
                reference: Reference = getattr(profile, field)
                values[field] = refresh.resolve(field, reference, profile, surroundings, console)
            except SecretAbsent:
                console.say(f"not tried: the {_spoken(field)} is not there yet")
                return
    secrets = Secrets(client_id, values["client_secret"], values["refresh_token"])
    try:
        refresh.refresh(profile, secrets, surroundings, console)
    except TemporaryError as error:
        console.warn(f"could not be tried now: {error.message}")
    except TastyauthError as error:
        raise type(error)(error.message, f"nothing was stored; {error.hint}") from None
    else:
        console.say("tried: the server gave a token")


def enter_until_accepted(
    profile: Profile,
    client_id: str,
    fields: tuple[str, ...],
    old: Mapping[str, Secret],
    console: Console,
) -> dict[str, Secret]:
    """What the fields hold, out of `old` or entered; at a terminal again until it is accepted.

    Raises RefusedError where nobody can be asked, or nothing was.
    """
    known = {field: old[field] for field in fields if field in old}
    unknown = tuple(field for field in fields if field not in known)
    while True:
        values = known | enter(unknown, console)
        try:
            try_out(profile, client_id, values, console)
        except RefusedError as error:
            if not console.interactive or not unknown:
                raise
            console.error(error)
            console.say("enter them again; Ctrl-C gives up")
        else:
            return values


def writable(field: str, profile: Profile, console: Console) -> Reference:
    """The member of the reference that can be written here; raises SecretError with what to do."""
    reference: Reference = getattr(profile, field)
    surroundings = console.surroundings
    stores = [member for member in reference.members if member.can_store]
    if not stores:
        label = reference.describe(surroundings.home)
        raise SecretError(
            f"{field} of profile {profile.name}: {label} cannot be written by tastyauth",
            reference.members[0].how_to_store(),
        )
    for member in stores[:-1]:
        if is_available(member.kind, console):
            return member
    return stores[-1]


def is_available(store: str, console: Console) -> bool:
    """Whether secrets can be kept there on this machine; a keyring may want to be unlocked."""
    with console.waiting(f"the {store}"):
        return sources.kind_of(store).is_available(console.surroundings)


@contextmanager
def undone_on_failure() -> Iterator[ExitStack]:
    """A stack of steps that lead back, taken when what is done in this context fails."""
    with ExitStack() as undo:
        yield undo
        undo.pop_all()


def put_all(
    targets: Mapping[str, Reference],
    values: Mapping[str, Secret],
    profile: Profile,
    undo: ExitStack,
    console: Console,
) -> None:
    """Stores the values; `undo` gets the way back to what was there before."""
    surroundings = console.surroundings.withholding(profile.variables)
    unasked = replace(surroundings, interactive=False)  # nobody unlocks a store for an "if"
    for field, target in targets.items():
        if len(targets) > 1:  # one alone is stored, or not
            undo.callback(_daring, _way_back(target, unasked))
        target.store(values[field], surroundings)


def tell(profile: Profile, targets: Mapping[str, Reference], console: Console) -> None:
    """Says where the secrets have gone, and what is asked before that."""
    surroundings = console.surroundings
    for field, target in targets.items():
        where = target.describe(surroundings.home)
        console.say(f"stored the {_spoken(field)} in {where}")
        earlier = _earlier(
            getattr(profile, field), target, surroundings.withholding(profile.variables)
        )
        if earlier is not None:
            first = earlier.describe(surroundings.home)
            console.warn(f"the {_spoken(field)} in {first} answers first: that one is used")


def forget(path: str, console: Console) -> None:
    """Drops what the cache has of this config: it was got with other secrets."""
    environ = console.environ
    with suppress(OSError):
        store.clear(locate.cache_directory(environ), config_of(path, environ))


def way_back(path: str) -> Callable[[], None]:
    """The step that puts back what a file is now, or that it is not there."""
    if not os.path.lexists(path):
        return partial(files.remove, path)
    if os.path.islink(path) or not os.path.isfile(path):
        return lambda: None  # nothing of ours will be written over it
    with open(path, "rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        return partial(files.write, path, file.read(), durable=True, mode=mode)


def _daring(step: Callable[[], None]) -> None:
    """A step back that fails leaves the failure that led to it as the one that is told."""
    with suppress(TastyauthError, OSError):
        step()


def _way_back(target: Reference, surroundings: Surroundings) -> Callable[[], None]:
    files_of_it = [name for kind, name in target.inputs() if kind == "file"]
    if files_of_it:
        return way_back(files_of_it[0])
    try:
        return partial(target.store, target.resolve(surroundings), surroundings)
    except SecretAbsent:
        return partial(target.remove, surroundings)
    except SecretError:
        return lambda: None


def _earlier(
    reference: Reference, target: Reference, surroundings: Surroundings
) -> Reference | None:
    """The member of a `first_of` that answers before `target` does, if one does."""

    def answers(member: Reference) -> Reference:
        if member != target:
            try:
                member.resolve(surroundings)
            except SecretAbsent:
                raise
            except SecretError:
                pass  # it is there, and its failure is what is reported
        return member

    found, _ = reference.first(answers)
    return None if found == target else found


def _spoken(field: str) -> str:
    return field.replace("_", " ")
