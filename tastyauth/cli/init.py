"""The way in: `init` makes the config, or adds a profile to it."""

import os
import shlex
import stat
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from tastyauth import config as configs
from tastyauth import locate, validation
from tastyauth.cli import interview
from tastyauth.cli.command import Arguments
from tastyauth.cli.console import Console
from tastyauth.cli.enter_secrets import (
    SECRETS,
    client_id_of,
    enter_until_accepted,
    forget,
    put_all,
    tell,
    undone_on_failure,
    way_back,
    writable,
)
from tastyauth.cli.inputs import shipped
from tastyauth.config import Config, Profile, new_profile, trust
from tastyauth.errors import ConfigError, ConfigNotFound, SecretAbsent, UsageError, reason_of
from tastyauth.posix import files
from tastyauth.secret import Secret, with_tilde
from tastyauth.session import refresh
from tastyauth.shells import formats
from tastyauth.validation import document


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the config is or will be; `content` is None as long as it is not there.

    `approved` says that it may act unseen, however it is found.
    """

    path: str
    origin: str
    content: bytes | None
    approved: bool


def run_init(arguments: Arguments, console: Console) -> int:
    """From nothing to a config that has got a token once; nothing is written before that."""
    if arguments.only_print:
        console.out(shipped("tastyauth.yaml.example"))
        return 0
    name = arguments.profile or console.environ.get("TASTYAUTH_PROFILE") or None
    path, origin = _path(arguments.config, console)
    if not os.path.lexists(path):
        _make(_Place(path, origin, None, approved=True), name, arguments, console)
        return 0
    content = locate.read_config(path)
    surroundings = console.surroundings
    config = configs.parse(content, path, home=surroundings.home)
    trust.require(config, origin, surroundings)  # its commands run, and its hosts are sent to
    if name is None or name in {profile.name for profile in config.profiles}:
        _complete(config, config.profile(name), arguments, console)
        return 0
    approved = origin != locate.FLAG or _may_act(config, locate.PROJECT, console)
    _make(_Place(path, origin, content, approved), name, arguments, console)
    return 0


def _path(flag: str | None, console: Console) -> tuple[str, str]:
    """The config that is named, else the user's own, whether it is there or not."""
    if flag or console.environ.get("TASTYAUTH_CONFIG"):
        return locate.find_config(flag, console.environ)
    return f"{locate.config_directory(console.environ)}/{locate.CONFIG_NAME}", locate.USER


def _may_act(config: Config, origin: str, console: Console) -> bool:
    try:
        trust.require(config, origin, console.surroundings)
    except ConfigError:
        return False
    return True


def _make(place: _Place, name: str | None, arguments: Arguments, console: Console) -> None:
    """A new profile: asked for, checked, tried, written, and then what to type next."""
    room = new_profile.room(place.content, place.path) if place.content is not None else None
    old = interview.old_bot(arguments.dotenv, console) if arguments.dotenv else {}
    profile = interview.ask(name, old, arguments, console)
    text = room.filled(profile) if room is not None else new_profile.new_config(profile)
    config = _checked(text, place.path, console)
    made = config.profile(profile.name)
    values = enter_until_accepted(made, profile.client_id, SECRETS, old, console)
    _write(config, made, values, text, console)
    if place.approved and not (
        place.origin == locate.USER and _may_act(config, locate.USER, console)
    ):
        _approve(config, console)
    _warn_of_repository(made, console)
    shown = with_tilde(config.path, locate.home_directory(console.environ))
    console.say(f"wrote {shown}, profile {made.name}")
    _say_next(config, made, arguments, console)


def _complete(config: Config, profile: Profile, arguments: Arguments, console: Console) -> None:
    """Asks for what an existing profile cannot resolve, and for nothing else."""
    missing = tuple(field for field in SECRETS if _is_absent(field, profile, console))
    if _asks_for_another(profile, arguments) or (arguments.dotenv and not missing):
        raise UsageError(
            f"profile {profile.name} is there already, and stays as it is",
            f"new secrets: tastyauth secret set -p {profile.name}; another profile: init -p NAME",
        )
    if not missing:
        shown = with_tilde(config.path, locate.home_directory(console.environ))
        console.say(f"{shown}: profile {profile.name} is complete")
        console.say("another profile: tastyauth init -p NAME; new secrets: tastyauth secret set")
        return
    targets = {field: writable(field, profile, console) for field in missing}
    client_id = client_id_of(profile, console)
    old = interview.old_bot(arguments.dotenv, console) if arguments.dotenv else {}
    values = enter_until_accepted(profile, client_id, missing, old, console)
    with undone_on_failure() as undo:
        put_all(targets, values, profile, undo, console)
    forget(config.path, console)
    tell(profile, targets, console)
    _say_next(config, profile, arguments, console)


def _asks_for_another(profile: Profile, arguments: Arguments) -> bool:
    """Whether a flag says something else than the profile does."""
    stores = {getattr(profile, field).members[0].kind for field in SECRETS}
    return any(
        given is not None and given not in there
        for given, there in (
            (arguments.environment, {profile.environment}),
            (arguments.api_url, {profile.api_url}),
            (arguments.client_id, {profile.client_id}),
            (arguments.store, stores),
        )
    )


def _is_absent(field: str, profile: Profile, console: Console) -> bool:
    try:
        refresh.resolve(field, getattr(profile, field), profile, console.surroundings, console)
    except SecretAbsent:
        return True
    return False


def _checked(text: str, path: str, console: Console) -> Config:
    """What is about to be written; raises UsageError for a flag that makes it invalid."""
    content = text.encode()
    for problem in validation.check(document.read(content, path)):
        if problem.severity == "error":
            raise UsageError(problem.message, problem.help[0] if problem.help else problem.label)
    return configs.parse(content, path, home=locate.home_directory(console.environ))


def _write(
    config: Config, profile: Profile, values: Mapping[str, Secret], text: str, console: Console
) -> None:
    """The secrets, the schema for editors, the config: all of it, or nothing."""
    directory = os.path.dirname(config.path)
    targets = {field: getattr(profile, field).members[0] for field in SECRETS}
    try:
        files.make_ancestors(config.path)
        with undone_on_failure() as undo:
            put_all(targets, values, profile, undo, console)
            _replace(f"{directory}/tastyauth.schema.json", validation.text(), undo)
            _replace(config.path, text, undo)
    except OSError as error:
        raise ConfigError(
            f"the config cannot be written: {reason_of(error)}", f"look at {directory}"
        ) from None
    forget(config.path, console)
    tell(profile, targets, console)


def _replace(path: str, text: str, undo: ExitStack) -> None:
    """A file without a secret: who could read it still can, and a link to it stays one."""
    path = os.path.realpath(path)
    mode = stat.S_IMODE(os.stat(path).st_mode) if os.path.exists(path) else 0o600
    undo.callback(way_back(path))
    files.write(path, text.encode(), durable=True, mode=mode)


def _approve(config: Config, console: Console) -> None:
    """Whoever has just made all of it need not be shown it."""
    try:
        trust.allow(config, console.surroundings)
    except OSError as error:
        console.warn(f"it is not approved yet: {reason_of(error)}; run: tastyauth allow")


def _warn_of_repository(profile: Profile, console: Console) -> None:
    """The config can be committed; the secrets beside it must not be."""
    paths = [path for path in profile.files if locate.repository_of(path)]
    if paths:
        what_to_type = new_profile.to_ignore(paths)
        console.warn(f"the secrets lie in a repository, keep git from them: {what_to_type}")


def _say_next(config: Config, profile: Profile, arguments: Arguments, console: Console) -> None:
    if arguments.dotenv:
        path = locate.absolute(arguments.dotenv, console.environ)
        shown = with_tilde(path, locate.home_directory(console.environ))
        console.say(f"{shown} still holds the secrets: take them out when nobody needs them")
    words = "tastyauth env"
    if not _is_found(config, console):
        words += f" --config {shlex.quote(config.path)}"
    if profile.name != config.default_name:
        words += f" -p {profile.name}"
    output = formats.for_shell(console.environ.get("SHELL", ""))
    console.say(f"next, type: {formats.usage(output, words)}")


def _is_found(config: Config, console: Console) -> bool:
    """Whether the bare command, typed here, uses this config."""
    try:
        path, origin = locate.find_config(None, console.environ)
    except ConfigNotFound:
        return False
    return path == config.path and _may_act(config, origin, console)
