"""The command `init`: makes the config, or adds a profile to it."""

import os
import re
import stat
import webbrowser
from dataclasses import dataclass, replace

from tastyauth import config as configs
from tastyauth import locate, shells, validation
from tastyauth.cache import Asked, Terms
from tastyauth.cli import interview
from tastyauth.cli.command import Arguments
from tastyauth.cli.console import Console
from tastyauth.cli.inputs import flags_of, shipped
from tastyauth.cli.secret import (
    SECRETS,
    enter_until_accepted,
    say_again,
    store_all,
    try_out,
    writable,
)
from tastyauth.config import Config, Profile, new_profile, trust
from tastyauth.config.new_profile import NewProfile, Room
from tastyauth.errors import (
    APPLICATIONS_PAGE,
    ConfigError,
    ConfigNotFound,
    RefusedError,
    SecretAbsent,
    UsageError,
    reason_of,
)
from tastyauth.exchange.claims import check_shape
from tastyauth.posix import files, quote
from tastyauth.secret import Secret, addressed, with_tilde
from tastyauth.session import Session, refresh
from tastyauth.validation import document

_NAMES = {"sandbox": "paper"}
"""The default profile name where `live` would mislead."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the config is or will be; `content` is None as long as it does not exist.

    `approved` says that it may act without being shown, however it is found.
    """

    path: str
    origin: str
    content: bytes | None
    approved: bool


def run_init(arguments: Arguments, console: Console) -> int:
    """Creates a config or a profile; writes nothing until it has produced a token."""
    if arguments.only_print:
        console.out(shipped("tastyauth.yaml.example"))
        return 0
    if arguments.api_url:
        arguments.api_url = arguments.api_url.rstrip("/")
    environ = console.environ
    name = arguments.profile or environ.get("TASTYAUTH_PROFILE") or None
    path, origin = f"{locate.config_directory(environ)}/{locate.CONFIG_NAME}", locate.USER
    if arguments.config or environ.get("TASTYAUTH_CONFIG"):
        path, origin = locate.find_config(arguments.config, environ)
    if not os.path.lexists(path):
        _make(_Place(path, origin, None, approved=True), name, arguments, console)
        return 0
    content = locate.read_config(path)
    surroundings = console.surroundings
    config = configs.parse(content, path, home=surroundings.home)
    console.withheld = frozenset(config.variables)
    trust.require(config, origin, surroundings)  # its commands run, and its hosts are sent to
    if name is None or name in {profile.name for profile in config.profiles}:
        _complete(config, config.profile(name), origin, content, arguments, console)
        return 0
    if origin not in locate.TRUSTED_ORIGINS and files.leads_out(path, os.path.dirname(path)):
        hint = f"name the file itself: --config {quote(os.path.realpath(path))}"
        raise ConfigError(f"{origin} names {path}, a link that leads out of its directory", hint)
    approved = origin != locate.FLAG or _may_act(config, locate.PROJECT, console)
    _make(_Place(path, origin, content, approved), name, arguments, console)
    return 0


def _may_act(config: Config, origin: str, console: Console) -> bool:
    try:
        trust.require(config, origin, console.surroundings)
    except ConfigError:
        return False
    return True


def _make(place: _Place, name: str | None, arguments: Arguments, console: Console) -> None:
    """Adds a profile: asks, checks, tests, writes, and says what to type next."""
    room = new_profile.room(place.content, place.path) if place.content is not None else None
    old = interview.old_bot(arguments.dotenv, console) if arguments.dotenv else {}
    _check_flags(place, room, name, arguments, console)
    store = arguments.store and interview.store(arguments.store, console)
    if console.interactive and any(field not in old for field in SECRETS):
        console.say(new_profile.EXPLANATION)
    if arguments.browser and not webbrowser.open(APPLICATIONS_PAGE):
        console.warn(f"no browser could be opened; the page is {APPLICATIONS_PAGE}")
    found = scopes = None
    while True:
        found = interview.ask(old, found, arguments, console)
        scopes = interview.scopes(arguments.scopes, scopes, console)
        store = store or interview.store(None, console)
        named = name or _NAMES.get(found.environment, "live")
        interview.warn_if_it_cannot_trade(found, scopes, console)
        where = (found.environment, arguments.api_url, found.client_id)
        new = NewProfile(named, *where, store, scopes)
        content, config = _filled(place, room, new, console)
        profile = config.profile(new.name)
        console.about = profile.about
        task = refresh.Task.of(profile, console.surroundings, console)
        try:
            tried = try_out(task, found.client_id, found.secrets, console)
        except RefusedError as error:
            error.advise(_without_config(error.hint, arguments, console))
            if not console.interactive:
                raise
            say_again(error, console)
            console.about = ""  # what is asked may become another profile
        else:
            break
    if room is not None and room.default:
        room = replace(room, default=_default(room.default, named, console))
        content, config = _filled(place, room, new, console)
    targets = {field: getattr(profile, field).members[0] for field in SECRETS}
    beside = _written(place.path, content, console)
    store_all(config.path, task, targets, found.secrets, beside, console)
    if place.approved and not (
        place.origin == locate.USER and _may_act(config, locate.USER, console)
    ):
        try:
            trust.allow(config, console.surroundings)  # the user has just entered everything in it
        except OSError as error:
            words = f"tastyauth allow {quote(config.path)}"
            console.warn(f"it is not approved yet: {reason_of(error)}; run: {words}")
    if tried:
        _session((config.path, place.origin), content, profile, console).worked(*tried)
    exposed = [path for path in profile.files if locate.repository_of(path)]
    if exposed:
        ignore = new_profile.to_ignore(exposed)
        console.warn(f"the secrets are in a repository; make git ignore them: {ignore}")
    shown = with_tilde(config.path, console.surroundings.home)
    console.say(f"wrote {shown}, profile {profile.name}")
    _say_next(config, profile, arguments, console)


def _without_config(hint: str, arguments: Arguments, console: Console) -> str:
    """The hint of a refusal, changed to fit while no config has been written."""
    again = "run tastyauth init again"
    if not console.interactive:
        hint = re.sub(r"tastyauth secret set(?: --only \w+)?", again, hint)
    place = r"keep the refresh token below and this becomes a profile for \1"
    if not console.interactive:
        place = rf"{again} with --environment \1"
    hint = re.sub(r"set environment: (\w+)", place, hint)
    is_asked = console.interactive and arguments.scopes is None
    return re.sub(
        r"declare what it has, scopes: \[(.*)\]",
        lambda found: (
            "answer y to the question about orders"
            if is_asked
            else f"{again} with --scopes {found[1].replace(', ', ',')}"
        ),
        hint,
    )


def _check_flags(
    place: _Place, room: Room | None, name: str | None, arguments: Arguments, console: Console
) -> None:
    """Raises UsageError or RefusedError for wrong flags, or missing ones if nobody can be asked."""
    environment, client_id = arguments.environment, arguments.client_id
    if not console.interactive:
        environment = environment or console.ask_text("environment", "--environment")
    if (environment == "custom") != (arguments.api_url is not None):
        hint = "give both: --environment custom --api-url http://127.0.0.1:8000"
        raise UsageError("--api-url and --environment custom belong together", hint)
    if not console.interactive and not arguments.store:
        console.choose("store", interview.STORES, "--store")
    if client_id:
        check_shape("client_id", Secret(client_id))
    draft = NewProfile(
        name or "live",
        environment or "production",
        arguments.api_url,
        client_id or f"{0:08}-0000-0000-0000-{0:012}",
        "file",
    )
    _filled(place, room, draft, console)


def _filled(
    place: _Place, room: Room | None, new: NewProfile, console: Console
) -> tuple[bytes, Config]:
    """The config with the new profile; raises UsageError for a flag that makes it invalid."""
    schema = "# yaml-language-server: $schema=tastyauth.schema.json\n"
    whole = room.filled(new) if room is not None else schema + new_profile.HEAD + new.block()
    content = whole.encode()
    for problem in validation.check(document.read(content, place.path)):
        if problem.severity == "error":
            raise UsageError(problem.message, problem.help[0] if problem.help else problem.label)
    return content, configs.parse(content, place.path, home=console.surroundings.home)


def _default(only: str, new: str, console: Console) -> str:
    """Asks which of the profiles to use from now on when none is named."""
    if not console.interactive:
        console.say(f"added default_profile: {only}, so that {only} is still used without -p")
        return only
    console.say("this adds default_profile to the config: which profile should be used without -p?")
    both = {only: "as before", new: "the new one"}
    return console.choose("default_profile", both, "", default=only)


def _written(path: str, content: bytes, console: Console) -> dict[str, tuple[bytes, int]]:
    """The schema for editors, and the config: path to content and mode.

    Who could read them still can, and a link stays one; but a repository may have brought the link
    of a schema, so nothing is written through one that leads out of the directory.
    """
    directory = os.path.dirname(path)
    schema = f"{directory}/tastyauth.schema.json"
    texts = {schema: validation.text().encode(), os.path.realpath(path): content}
    if files.leads_out(schema, directory):
        console.say(f"{schema} is a link that leads elsewhere, and is left alone")
        del texts[schema]
    written = {}
    for name, text in texts.items():
        real = os.path.realpath(name)
        mode = stat.S_IMODE(os.stat(real).st_mode) if os.path.exists(real) else 0o600
        written[real] = (text, mode)
    return written


def _session(found: tuple[str, str], content: bytes, profile: Profile, console: Console) -> Session:
    asked = Asked(found, content, profile.name, console.environ)
    return Session(asked, Terms(), console.surroundings, console)


def _complete(
    config: Config,
    profile: Profile,
    origin: str,
    content: bytes,
    arguments: Arguments,
    console: Console,
) -> None:
    """Asks for what an existing profile cannot resolve, and for nothing else."""
    missing: tuple[str, ...] = ()
    console.about = profile.about
    task = refresh.Task.of(profile, console.surroundings, console)
    for field in SECRETS:
        try:
            refresh.resolve(task, field)
        except SecretAbsent:
            missing += (field,)
    words = f"tastyauth secret set -p {profile.name}"
    what_next = f"for new secrets: {words}; for another profile: tastyauth init -p NAME"
    if _asks_for_another(profile, arguments) or (arguments.dotenv and not missing):
        raise UsageError(f"profile {profile.name} already exists and is left alone", what_next)
    if not missing:
        shown = with_tilde(config.path, locate.home_directory(console.environ))
        console.say(f"{shown}: profile {profile.name} is complete")
        console.say(addressed(what_next, flags_of(None, arguments.config)))
        return
    targets = {field: writable(field, profile, console) for field in missing}
    client_id = refresh.client_id_of(task)
    old = interview.old_bot(arguments.dotenv, console) if arguments.dotenv else {}
    values, tried = enter_until_accepted(task, client_id, missing, old, console)
    store_all(config.path, task, targets, values, {}, console)
    if tried:
        _session((config.path, origin), content, profile, console).worked(*tried)
    _say_next(config, profile, arguments, console)


def _asks_for_another(profile: Profile, arguments: Arguments) -> bool:
    """Whether a flag contradicts the profile."""
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


def _say_next(config: Config, profile: Profile, arguments: Arguments, console: Console) -> None:
    if arguments.dotenv:
        path = locate.absolute(arguments.dotenv, console.environ)
        shown = with_tilde(path, locate.home_directory(console.environ))
        console.say(
            f"{shown} still contains the secrets: remove them once no program reads them there"
        )
    words = "tastyauth env"
    try:
        path, origin = locate.find_config(None, console.environ)
    except ConfigNotFound:
        path, origin = "", ""
    if path != config.path or not _may_act(config, origin, console):
        words += f" --config {quote(config.path)}"
    if profile.name != config.default_name:
        words += f" -p {profile.name}"
    output = shells.for_shell(console.environ.get("SHELL", ""))
    console.say(f"next, type: {shells.usage(output, words)}")
