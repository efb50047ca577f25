"""The commands that show what is there, or forget it: `status`, `as-curl` and `clear`."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from tastyauth import cache, export, locate
from tastyauth.cache import Asked, Terms, View, config_of, store
from tastyauth.cache import last_attempt as attempts
from tastyauth.cache.last_attempt import Attempt
from tastyauth.cli.command import Arguments
from tastyauth.cli.console import Console
from tastyauth.cli.inputs import cached, find, flags_of, open_session, read_config
from tastyauth.config import Config, Profile
from tastyauth.errors import (
    ConfigError,
    ConfigNotAllowed,
    SecretAbsent,
    SecretError,
    UsageError,
    reason_of,
)
from tastyauth.secret import addressed, fit_to_paste, printable, with_tilde
from tastyauth.session import duration, refresh
from tastyauth.shells import curl_script
from tastyauth.sources import Reference, Surroundings

PRESENT, MISSING, UNUSABLE, UNCHECKED = "present", "missing", "unusable", "not checked"

_SAID = {state: f"{state} (tastyauth doctor)" for state in (UNCHECKED, UNUSABLE)}
"""States that come with what to type."""

_CHANGED = {
    "config": "none since the config changed",
    "secret": "none since a secret or its source changed",
}


@dataclass(frozen=True, slots=True)
class FieldStatus:
    """One credential of a profile: its source, and whether the source has it.

    `reason` says why it is missing or unusable, in the words of the error that a command would
    raise.
    """

    field: str
    source: str
    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ProfileStatus:
    """One profile, as far as it can be judged by looking. Times are epoch seconds, 0 for never.

    `expires_at` is that of the cached token; where there is none, `changed` says what has changed
    since there was one: "config", "secret" or nothing. `failures` is how often in a row the last
    attempts failed, and `asks_again_at` when the next one makes sense. `shared` is the engine of
    `shared`, `shared_at` when a token last came from another machine, and `alone_since` since when
    the engine is not used, with the reason. `is_untested` says that `secret set` could not test the
    secrets, and has kept the earlier ones.
    """

    name: str
    is_default: bool
    environment: str
    stands_for: str
    api_url: str
    scopes: tuple[str, ...]
    fields: tuple[FieldStatus, ...]
    expires_at: int
    changed: str
    last_success_at: float
    last_failure_at: float
    last_failure_code: int
    last_failure: str
    failures: int
    asks_again_at: float
    shared: str
    shared_at: float
    alone_since: float
    alone_because: str
    is_untested: bool


@dataclass(frozen=True, slots=True)
class ShellStatus:
    """The token in the variables of the shell that asks; what is not known is empty, or 0.

    `set_by` is "hook", or "hand" for anything else that has set them. Epoch seconds.
    """

    profile: str
    environment: str
    expires_at: int
    set_by: str


def run_as_curl(arguments: Arguments, console: Console) -> int:
    """Prints a script that does the same with curl; it names where the secrets are."""
    session = open_session(arguments, console)
    profile = session.config().profile(session.asked.profile)
    console.out(curl_script.script(profile, console.surroundings))
    if console.stdout_is_terminal:
        console.say("to run it, pipe it into sh")
    return 0


def run_clear(arguments: Arguments, console: Console) -> int:
    """Forgets tokens and attempts; rotated refresh tokens are never forgotten."""
    environ = console.environ
    if arguments.all and arguments.profile:
        raise UsageError("--all clears every config and profile", "leave out --all, or -p")
    directory = locate.cache_directory(environ)
    try:
        if arguments.profile:
            config, origin = read_config(arguments.config, console)
            name = config.profile(arguments.profile).name
            content = locate.read_config(config.path)
            asked = Asked((config.path, origin), content, name, environ)
            count = store.clear_profile(cache.look(asked), asked.config, name)
        elif arguments.all:
            count = store.clear(directory, "")
        else:
            count = store.clear(directory, config_of(find(arguments.config, console)[0], environ))
    except FileNotFoundError:
        count = 0
    except OSError as error:
        what = f"the token cache cannot be cleared: {reason_of(error)}"
        raise ConfigError(what, f"check who owns {directory}") from None
    console.say(f"{count} cached token{'' if count == 1 else 's'} forgotten")
    return 0


def run_status(arguments: Arguments, console: Console) -> int:
    """Prints the config, its profiles and what this shell holds; for people, home is shown as ~."""
    session = open_session(arguments, console)
    now = time.time()
    try:
        config = session.config()
    except ConfigNotAllowed:  # what this shell holds is known all the same
        console.say(f"this shell holds {_held(in_shell((), session.asked), now)}")
        raise
    home = "" if arguments.format == "json" else locate.home_directory(console.environ)
    profiles = status(config, session.asked, console.surroundings, now, home=home)
    shell = in_shell(config.profiles, session.asked)
    if arguments.profile:  # only the flag: a variable does not ask for one profile
        wanted = config.profile(arguments.profile).name
        profiles = tuple(profile for profile in profiles if profile.name == wanted)
    path = with_tilde(session.asked.path, home)
    if arguments.format == "json":
        rows = [asdict(profile) for profile in profiles]
        document: dict[str, object] = {"format_version": 1, "config": path, "profiles": rows}
        document["shell"] = asdict(shell) if shell is not None else None
        console.out(json.dumps(document, indent=2) + "\n")
        return 0
    lines = [f"config {printable(path)}", f"this shell holds {_held(shell, now)}"]
    for profile in profiles:
        default = " (default)" if profile.is_default else ""
        server = config.profile(profile.name).server
        lines += ["", f"{profile.name}{default}: {server}, {profile.api_url}"]
        flags = fit_to_paste(flags_of(profile.name, arguments.config), home)
        for name, text in _facts(profile, now, flags):
            text = addressed(text, flags) if arguments.config else text
            lines.append(f"  {name:<13}  {text}")
    console.out("\n".join(lines) + "\n")
    return 0


def status(
    config: Config, asked: Asked, surroundings: Surroundings, now: float, *, home: str | None = None
) -> tuple[ProfileStatus, ...]:
    """The state of every profile, fit to paste; `home` is what is shown as ~, if not empty.

    Looks at names, directories and the cache, and runs nothing.
    """
    home = surroundings.home if home is None else home
    fields = ("client_id", "client_secret", "refresh_token")
    found = []
    for profile in config.profiles:
        expires_at, record, changed = _cached(profile, asked, now)
        found.append(
            ProfileStatus(
                name=profile.name,
                is_default=profile.name == config.default_name,
                environment=profile.environment,
                stands_for=profile.stands_for,
                api_url=profile.api_url,
                scopes=profile.scopes,
                fields=tuple(
                    _field_status(it, getattr(profile, it), surroundings, home) for it in fields
                ),
                expires_at=expires_at,
                changed=changed,
                last_success_at=record.succeeded_at,
                last_failure_at=record.failed_at,
                last_failure_code=record.failed_code,
                last_failure=fit_to_paste(record.message, home),
                failures=record.failures,
                asks_again_at=record.not_before,
                shared=profile.shared.url if profile.shared else "",
                shared_at=record.shared_at,
                alone_since=record.alone_since,
                alone_because=fit_to_paste(record.alone_because, home),
                is_untested=os.path.exists(refresh.untried_mark(profile, surroundings.environ)),
            )
        )
    return tuple(found)


def _cached(profile: Profile, asked: Asked, now: float) -> tuple[int, Attempt, str]:
    """When the cached token expires, how the last attempts ended, and `ProfileStatus.changed`."""
    view = _view(profile, asked)
    if not view.directory:
        return 0, Attempt(), ""
    record = attempts.read(view.attempt_path) if view.name else Attempt()
    if view.entry is not None:
        is_over = cache.decide(view.entry, None, Terms(0), now) == cache.ASK
        return 0 if is_over else view.entry.expires_at, record, ""
    outline = cache.read_outline(view.directory, asked.config)
    is_same = outline is None or outline.config == asked.content
    salt = outline.salt if outline is not None and is_same else ""
    had = outline is not None and store.tokens_of(view.directory, asked.config, profile.name, salt)
    return 0, record, ("secret" if is_same else "config") if had else ""


def _view(profile: Profile, asked: Asked) -> View:
    return cached(Asked((asked.path, asked.origin), asked.content, profile.name, asked.environ))


def in_shell(profiles: tuple[Profile, ...], asked: Asked) -> ShellStatus | None:
    """Whose token is in the variables of the shell that asks; None without one.

    It is the profile whose cached token it is, else the one that the variables name, else the only
    one that exports under these names.
    """
    environ, candidates = asked.environ, list[tuple[Profile | None, dict[str, str]]]()
    for profile in (*profiles, None):
        exports = export.DEFAULT_EXPORTS if profile is None else profile.exports
        held = {field: environ[it] for it, field in exports if environ.get(it)}
        token = held.get("access_token") or held.get("authorization", "").removeprefix("Bearer ")
        view = _view(profile, asked) if profile is not None and token else None
        if profile and view and view.entry and view.entry.fields["access_token"] == token:
            candidates = [(profile, view.entry.fields)]
            break
        if token and (profile is not None or not candidates):
            candidates.append((profile, held))
    if not candidates:
        return None
    names = [profile.name if profile is not None else "" for profile, _ in candidates]
    said = next((held["profile"] for _, held in candidates if "profile" in held), "")
    profile, held = candidates[names.index(said) if said in names else 0]
    name = said or (names[0] if len(names) == 1 else "")
    environment = held.get("environment", "")  # a token of another config may name the same profile
    if not environment and profile is not None and profile.name == name:
        environment = profile.exported_environment
    ends = held.get("expires_at", "")
    expires_at = int(ends) if ends.isascii() and ends.isdigit() and len(ends) < 16 else 0
    by_hook = environ.get(export.HOOK_MARK) == f"{name}@{expires_at}"
    return ShellStatus(name, environment, expires_at, "hook" if by_hook else "hand")


def _held(shell: ShellStatus | None, now: float) -> str:
    if shell is None:
        return "no token"
    who = ", ".join(
        filter(None, (shell.profile or "a profile that is not in this config", shell.environment))
    )
    left = shell.expires_at - now
    time_left = f"{duration(left)} left" if left > 0 else f"expired {duration(-left)} ago"
    how = "set by the hook" if shell.set_by == "hook" else "not set by the hook"
    parts = (time_left if shell.expires_at else "", how)
    return fit_to_paste(f"{who}: {', '.join(filter(None, parts))}", "")


def _field_status(
    field: str, value: str | Reference, surroundings: Surroundings, home: str
) -> FieldStatus:
    """The state of a credential; of a list, that of the member that would be used."""
    if isinstance(value, str):
        return FieldStatus(field, value, PRESENT)

    def look(member: Reference) -> FieldStatus:
        state, reason = UNCHECKED, ""
        try:
            if member.look(surroundings):
                state = PRESENT
        except SecretAbsent:
            raise
        except SecretError as error:
            state, reason = UNUSABLE, fit_to_paste(error.message, home)
        return FieldStatus(field, fit_to_paste(member.describe(home), home), state, reason)

    found, absences = value.first(look)
    if found is not None:
        return found
    reason = "; ".join(fit_to_paste(it.message, home) for it in absences)
    return FieldStatus(field, fit_to_paste(value.describe(home), home), MISSING, reason)


def _facts(profile: ProfileStatus, now: float, flags: str) -> Iterator[tuple[str, str]]:
    """What is reported about a profile, a line for each name."""
    for it in profile.fields:
        yield it.field, f"{_SAID.get(it.state, it.state)}: {it.reason or it.source}"
    if profile.scopes:
        yield "scopes", f"{' '.join(profile.scopes)}, and no more; checked with each new token"
    if profile.is_untested:
        yield "untested", f"to go back to the earlier secrets: tastyauth secret set --undo {flags}"
    left = profile.expires_at - now
    in_vain = any(it.state in (MISSING, UNUSABLE) for it in profile.fields)
    if left > 0:
        yield "access_token", f"cached, {duration(left)} left"
    else:
        since = _CHANGED.get(profile.changed, "none yet")
        will_come = not in_vain and profile.asks_again_at <= now
        yield "access_token", f"{since}; the next command gets one" if will_come else since
    if profile.alone_since:
        since = duration(now - profile.alone_since)
        yield "shared", f"{profile.shared}: not used for {since}: {profile.alone_because}"
    elif profile.shared:
        said = "no token from another machine yet"
        if profile.shared_at:
            said = f"last token from another machine {duration(now - profile.shared_at)} ago"
        yield "shared", f"{profile.shared}: {said}"
    if profile.last_success_at:
        yield "last success", f"{duration(now - profile.last_success_at)} ago"
    if profile.last_failure_at:
        times = f", {profile.failures} in a row" if profile.failures > 1 else ""
        said = f": {profile.last_failure}" if profile.last_failure else ""
        ago = duration(now - profile.last_failure_at)
        yield "last failure", f"{ago} ago, code {profile.last_failure_code}{times}{said}"
    if profile.asks_again_at > now:
        wait = duration(profile.asks_again_at - now)
        words = f"with the same secrets; to retry now: tastyauth exec {flags}"
        yield "no retry", f"for {wait} {words} --refresh -- true"
