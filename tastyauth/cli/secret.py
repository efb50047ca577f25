"""`secret set`, and what `init` shares with it: secrets are typed unseen, tried, and stored."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial

from tastyauth import locate
from tastyauth.cache import Entry, config_of, store
from tastyauth.cli.command import Arguments
from tastyauth.cli.console import Console
from tastyauth.cli.inputs import flags_of, open_session
from tastyauth.config import Profile
from tastyauth.config.new_profile import to_ignore
from tastyauth.errors import (
    ConfigError,
    RefusedError,
    SecretAbsent,
    SecretError,
    TastyauthError,
    TemporaryError,
    reason_of,
)
from tastyauth.exchange.claims import check_entered, doubt
from tastyauth.posix import files
from tastyauth.secret import Secret
from tastyauth.session import refresh
from tastyauth.sources import Reference, Surroundings, accept, kind_of

SECRETS = ("client_secret", "refresh_token")

Tried = tuple[Entry, Callable[[], bool]]
"""An access token, and whether the profile's secrets are those it was issued for."""

_COMMAND = re.compile(r"tastyauth secret set(?: --only \w+)?$", re.MULTILINE)
"""The commands in hints that store a secret."""

_IN_CONFIG = re.compile(r"set environment: |declare what it has, scopes: ")
"""What hints have the user change in the config, which has been read already."""


def run_secret(arguments: Arguments, console: Console) -> int:
    """Asks for one secret or both, tests them, stores all or none; or goes back to the old ones."""
    session = open_session(arguments, console)
    profile = session.config().profile(session.asked.profile)
    console.about, console.withheld = profile.about, profile.withheld
    wanted = (arguments.only,) if arguments.only else SECRETS
    task = refresh.Task.of(profile, console.surroundings, console)
    if arguments.undo:
        _go_back(session.asked.path, task, wanted, console)
        return 0
    targets = {field: writable(field, profile, console) for field in wanted}
    client_id = refresh.client_id_of(task)
    values, tried = enter_until_accepted(task, client_id, wanted, {}, console)
    if tried:
        store_all(session.asked.path, task, targets, values, {}, console)
        session.worked(*tried)
        if os.path.exists(refresh.untried_mark(profile, console.environ)):
            refresh.forget_earlier(task)
    else:
        _store_untried(session.asked.path, task, targets, values, arguments, console)
    return 0


def _store_untried(
    config: str,
    task: refresh.Task,
    targets: dict[str, Reference],
    values: dict[str, Secret],
    arguments: Arguments,
    console: Console,
) -> None:
    """Stores the values; keeps the old ones beside them until the new ones have worked."""
    unasked = replace(task.around, interactive=False)
    mark = refresh.untried_mark(task.profile, task.around.environ)
    kept: dict[str, Reference] = {}
    for field, target in {} if os.path.exists(mark) else targets.items():
        with suppress(SecretError):
            old = _held(target, unasked)
            if old is not None and old != values[field]:
                kept[f"earlier {field}"] = target.earlier()
                values[f"earlier {field}"] = old
    store_all(config, task, {**targets, **kept}, values, {}, console)
    if kept:
        try:
            files.make_directory(os.path.dirname(mark))
            files.write(mark, b"")
        except OSError as error:
            console.warn(
                "the earlier secrets stay there even after the new ones yield a"
                f" token: {reason_of(error)}"
            )
    elif not os.path.exists(mark):
        return
    words = f"tastyauth secret set --undo {flags_of(task.profile.name, arguments.config)}"
    console.say(f"the earlier ones are kept until the new ones work; to go back to them: {words}")
    paths = [path for it in kept.values() for kind, path in it.inputs() if kind == "file"]
    exposed = [path for path in paths if locate.repository_of(path)]
    if exposed:
        console.warn(f"they are in a repository; make git ignore them: {to_ignore(exposed)}")


def _go_back(config: str, task: refresh.Task, wanted: tuple[str, ...], console: Console) -> None:
    """Puts back what untried secrets have replaced; raises SecretAbsent when nothing is kept."""
    targets, values = {}, {}
    for field in wanted:
        for member in getattr(task.profile, field).members:
            old = _held(member.earlier(), task.around) if member.can_store else None
            if old is not None:
                targets[field], values[field] = member, old
    if not targets:
        hint = f"store new ones: tastyauth secret set -p {task.profile.name}"
        raise SecretAbsent("no earlier secrets are kept", hint)
    store_all(config, task, targets, values, {}, console)
    refresh.forget_earlier(task)
    console.say("these are the earlier ones again")


def enter_until_accepted(
    task: refresh.Task,
    client_id: str,
    fields: tuple[str, ...],
    old: Mapping[str, Secret],
    console: Console,
) -> tuple[dict[str, Secret], Tried | None]:
    """The values of `fields`, from `old` or typed, and what the server gave for them.

    At a terminal they are asked for again until it does. Raises RefusedError where nobody can be
    asked, or where a value that is not among `fields` may be at fault.
    """
    ask = partial(entered, console=console, is_custom=task.profile.environment == "custom")
    values = {it: old[it] if it in old else ask(it) for it in fields}
    while True:
        try:
            return values, try_out(task, client_id, values, console)
        except RefusedError as error:
            if not console.interactive or fields != SECRETS:
                raise
            say_again(error, console)
            values = {it: ask(it, kept=values[it]) for it in fields}


def say_again(error: RefusedError, console: Console) -> None:
    """Reports what was refused, before it is asked for again."""
    below = "enter it below", "enter them below"
    hint = _COMMAND.sub(lambda it: below["--only" not in it[0]], error.hint)
    error.advise(_IN_CONFIG.sub(r"quit and \g<0>", hint))
    console.error(error)
    console.say("try again (Enter keeps the current value, Ctrl-C quits)")


def entered(field: str, console: Console, *, is_custom: bool, kept: Secret | None = None) -> Secret:
    """A secret, hidden on a terminal, else a line of stdin; asked for again until it looks right.

    At a terminal Enter alone means `kept`, and spaces around it do not count. Raises SecretError or
    RefusedError where nobody can be asked.
    """
    spoken = _spoken(field)
    while True:
        raw = console.ask_hidden(spoken)
        if console.interactive:
            raw = raw.strip()
            if kept is not None and not raw:
                return kept
        try:
            try:
                value = accept(raw.encode("utf-8", "surrogateescape"), f"the {spoken}")
            except SecretError as error:
                hint = "copy it again, on one line and with nothing around it"
                raise SecretError(error.message.removeprefix("the value of "), hint) from None
            check_entered(field, value, is_custom=is_custom)
        except TastyauthError as error:
            if not console.interactive:
                raise
            console.error(error)
        else:
            if field == "client_secret" and not is_custom and (unlike := doubt(value)):
                console.warn(f"the client secret is {unlike}")
            return value


def try_out(
    task: refresh.Task, client_id: str, entered: Mapping[str, Secret], console: Console
) -> Tried | None:
    """Makes one exchange with what is about to be stored; the profile supplies the rest.

    Returns None where there could be none. Raises what the server's answer means, unless it is
    temporary.
    """
    values = dict(entered)
    for field in SECRETS:
        if field not in values:
            try:
                values[field] = refresh.resolve(task, field)
            except SecretAbsent:
                console.say(f"not tested: the {_spoken(field)} is not there yet")
                return None
    secrets = refresh.Secrets(client_id, values["client_secret"], values["refresh_token"])
    try:
        tried = refresh.refresh(task, secrets, is_stored=False)
    except TemporaryError as error:
        console.warn(f"could not be tested now: {error.message}")
    except TastyauthError as error:
        then = "\n" if error.hint.startswith("1. ") else "; "
        raise type(error)(error.message, f"nothing was stored{then}{error.hint}") from None
    else:
        console.say("tested: the server issued a token")
        for doubt in tried.doubts:
            console.warn(doubt)
        again = refresh.Task.of(task.profile, task.around, task.audience, in_a_hurry=True)
        return tried.entry, lambda: refresh.resolve_secrets(again) == secrets
    return None


def writable(field: str, profile: Profile, console: Console) -> Reference:
    """The member of the reference that can be written here; raises SecretError with what to do."""
    reference: Reference = getattr(profile, field)
    stores = [member for member in reference.members if member.can_store]
    if not stores:
        label = reference.describe(console.surroundings.home)
        hint = reference.members[0].how_to_store()
        raise SecretError(f"{field}: {label} cannot be written by tastyauth", hint)
    for member in stores[:-1]:
        if is_available(member.kind, console):
            return member
    return stores[-1]


def is_available(kind: str, console: Console) -> bool:
    """Whether that store works on this machine; a keyring may have to be unlocked."""
    with console.waiting(f"the {kind}"):
        return kind_of(kind).is_available(console.surroundings)


def store_all(
    config: str,
    task: refresh.Task,
    targets: Mapping[str, Reference],
    values: Mapping[str, Secret],
    beside: Mapping[str, tuple[bytes, int]],
    console: Console,
) -> None:
    """Stores the secrets, and the files `beside` them (path to content and mode): all or none.

    Files are written beside their places and renamed at the end. Other stores can only be set back
    to what they held. Raises SecretError, or ConfigError for a file without a secret.
    """
    surroundings, directory = task.around, os.path.dirname(config)
    in_files = _paths_of(targets, directory, surroundings)
    contents = {it: (values[key].reveal().encode() + b"\n", 0o600) for key, it in in_files.items()}
    everything = {**contents, **beside}
    elsewhere = {it: target for it, target in targets.items() if it not in in_files}
    is_alone = len(elsewhere) == 1 and not everything  # it is stored, or not
    earlier: list[tuple[Reference, Secret | None]] = []
    unasked = replace(surroundings, interactive=False)  # nobody unlocks a store just for a look
    is_rotated = "refresh_token" in targets  # by another process, perhaps right now
    alone = refresh.sole_writer_of(task) if is_rotated else nullcontext()
    try:
        with _undone_if_it_fails(everything, earlier, unasked):
            files.write_beside(everything)
            with alone:
                for field, target in elsewhere.items():
                    with suppress(SecretError):
                        if not is_alone:
                            earlier.append((target, _held(target, unasked)))
                    target.store(values[field], surroundings)
                files.rename_all(everything)
    except OSError as error:
        for field, path in in_files.items():
            if path == error.filename:
                label = targets[field].describe(surroundings.home)
                what = f"{label} cannot be written: {reason_of(error)}"
                raise SecretError(what, "check its directory") from None
        what = f"the config cannot be written: {reason_of(error)}"
        raise ConfigError(what, f"look at {directory}") from None
    for path in contents:
        files.remove_unfinished(path)
    with suppress(OSError):  # what is cached came from other secrets
        store.clear(locate.cache_directory(console.environ), config_of(config, console.environ))
    _tell(task, targets, console)


def _paths_of(
    targets: Mapping[str, Reference], directory: str, surroundings: Surroundings
) -> dict[str, str]:
    """The files to write, by field; raises SecretError for links that lead out of `directory`."""
    paths = {}
    for field, target in targets.items():
        path = target.file_to_store(surroundings)
        if path is None:
            continue
        if path.startswith(f"{directory}/") and files.leads_out(os.path.dirname(path), directory):
            what = f"{target.describe(surroundings.home)} is behind a link that leads out of"
            raise SecretError(f"{what} {directory}", "name the real directory in the config")
        paths[field] = path
    return paths


@contextmanager
def _undone_if_it_fails(
    paths: Iterable[str], earlier: list[tuple[Reference, Secret | None]], unasked: Surroundings
) -> Iterator[None]:
    """A block that stores all or none: files not renamed go, and stores get back what they held."""
    try:
        yield
    except BaseException:
        files.discard_all(paths)
        for target, old in earlier:
            with suppress(TastyauthError, OSError):
                if old is None:
                    target.remove(unasked)
                else:
                    target.store(old, unasked)
        raise


def _held(target: Reference, surroundings: Surroundings) -> Secret | None:
    """What a store holds now, None for nothing; raises SecretError when it cannot be read."""
    try:
        return target.resolve(surroundings)
    except SecretAbsent:
        return None


def _tell(task: refresh.Task, targets: Mapping[str, Reference], console: Console) -> None:
    """Says where the secrets are now, and which other source of a list comes before that."""
    for field, target in targets.items():
        where = target.describe(task.around.home)
        if field not in SECRETS:
            console.say(f"kept the {_spoken(field)} in {where}")
            continue
        console.say(f"stored the {_spoken(field)} in {where}")
        for member in getattr(task.profile, field).members:
            if member == target:
                break
            try:
                member.resolve(task.around)
            except SecretAbsent:
                continue
            except SecretError:
                pass  # it exists, so its failure ends every search
            first = member.describe(task.around.home)
            console.warn(f"the {_spoken(field)} in {first} comes first, so that one is used")
            break


def _spoken(field: str) -> str:
    return field.replace("_", " ")
