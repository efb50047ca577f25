"""The commands that look at what is there, or forget it: `status`, `as-curl` and `clear`."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from tastyauth import cache, locate
from tastyauth.cache import Asked, Terms, config_of, store
from tastyauth.cache import last_attempt as attempts
from tastyauth.cache.last_attempt import Attempt
from tastyauth.cli.command import Arguments
from tastyauth.cli.console import Console
from tastyauth.cli.inputs import find, open_session, read_config
from tastyauth.config import Config, Profile
from tastyauth.errors import ConfigError, SecretAbsent, SecretError, UsageError, reason_of
from tastyauth.secret import fit_to_paste, printable, with_tilde
from tastyauth.shells import curl_script
from tastyauth.sources import Reference, Surroundings

PRESENT, MISSING, UNUSABLE, UNCHECKED = "present", "missing", "unusable", "not checked"

_SAID = {state: f"{state} (tastyauth doctor)" for state in (UNCHECKED, UNUSABLE)}
"""States that come with what to type."""


@dataclass(frozen=True, slots=True)
class FieldStatus:
    """One credential of a profile: where it comes from, and whether something is there.

    `reason` says why it is missing or unusable, in the words that a command for it would use.
    """

    field: str
    source: str
    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ProfileStatus:
    """One profile, as far as it can be judged by looking. Times are epoch seconds, 0 for never.

    `expires_at` is that of the cached token. `failures` is how often in a row the last attempts
    failed, and `asks_again_at` when the next one makes sense. `shared` is the engine of `shared`,
    `shared_at` when a token last came from another machine, and `alone_since` since when the engine
    is not used, with the reason.
    """

    name: str
    is_default: bool
    environment: str
    api_url: str
    scopes: tuple[str, ...]
    fields: tuple[FieldStatus, ...]
    expires_at: int
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


def run_as_curl(arguments: Arguments, console: Console) -> int:
    """Prints a script that does the same with curl; it says where the secrets are, not what."""
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
        raise UsageError("--all is of every config and profile", "leave out --all, or -p")
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
    except OSError as error:
        raise ConfigError(
            f"the token cache cannot be cleared: {reason_of(error)}",
            f"check who owns {directory}",
        ) from None
    console.say(f"{count} cached token{'' if count == 1 else 's'} forgotten")
    return 0


def run_status(arguments: Arguments, console: Console) -> int:
    """Prints the config and its profiles, fit to paste: home is shown as ~."""
    session = open_session(arguments, console)
    now = time.time()
    config = session.config()
    profiles = status(config, session.asked, console.surroundings, now)
    if arguments.profile:  # the flag alone: a variable does not ask about one profile
        wanted = config.profile(arguments.profile).name
        profiles = tuple(profile for profile in profiles if profile.name == wanted)
    path = with_tilde(session.asked.path, locate.home_directory(console.environ))
    if arguments.format == "json":
        rows = [asdict(profile) for profile in profiles]
        document = {"format_version": 1, "config": path, "profiles": rows}
        console.out(json.dumps(document, indent=2) + "\n")
        return 0
    lines = [f"config {printable(path)}"]
    for profile in profiles:
        default = " (default)" if profile.is_default else ""
        lines += ["", f"{profile.name}{default}: {profile.environment}, {profile.api_url}"]
        lines += [f"  {name:<13}  {text}" for name, text in _facts(profile, now)]
    console.out("\n".join(lines) + "\n")
    return 0


def status(
    config: Config, asked: Asked, surroundings: Surroundings, now: float
) -> tuple[ProfileStatus, ...]:
    """The state of every profile, fit to paste.

    Looks at names, directories and the cache, and runs nothing.
    """
    fields = ("client_id", "client_secret", "refresh_token")
    found = []
    for profile in config.profiles:
        expires_at, record = _cached(profile, asked, now)
        found.append(
            ProfileStatus(
                name=profile.name,
                is_default=profile.name == config.default_name,
                environment=profile.environment,
                api_url=profile.api_url,
                scopes=profile.scopes,
                fields=tuple(
                    _field_status(it, getattr(profile, it), surroundings) for it in fields
                ),
                expires_at=expires_at,
                last_success_at=record.succeeded_at,
                last_failure_at=record.failed_at,
                last_failure_code=record.failed_code,
                last_failure=fit_to_paste(record.message, surroundings.home),
                failures=record.failures,
                asks_again_at=record.not_before,
                shared=profile.shared.url if profile.shared else "",
                shared_at=record.shared_at,
                alone_since=record.alone_since,
                alone_because=fit_to_paste(record.alone_because, surroundings.home),
            )
        )
    return tuple(found)


def _cached(profile: Profile, asked: Asked, now: float) -> tuple[int, Attempt]:
    """When the cached token expires, 0 if there is none, and how the last attempts ended."""
    found = (asked.path, asked.origin)
    try:
        view = cache.look(Asked(found, asked.content, profile.name, asked.environ))
    except OSError:
        return 0, Attempt()
    record = attempts.read(view.attempt_path) if view.name else Attempt()
    if view.entry is None or cache.decide(view.entry, None, Terms(0), now) == cache.ASK:
        return 0, record
    return view.entry.expires_at, record


def _field_status(field: str, value: str | Reference, surroundings: Surroundings) -> FieldStatus:
    """Of a list, the state of the member that would answer, as far as can be seen."""
    if isinstance(value, str):
        return FieldStatus(field, value, PRESENT)
    home = surroundings.home

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


def _facts(profile: ProfileStatus, now: float) -> Iterator[tuple[str, str]]:
    """What is said of a profile, a line for each name."""
    for it in profile.fields:
        yield it.field, f"{_SAID.get(it.state, it.state)}: {it.reason or it.source}"
    if profile.scopes:
        yield "scopes", f"{' '.join(profile.scopes)}, and no more; checked with each new token"
    left = profile.expires_at - now
    in_vain = any(it.state in (MISSING, UNUSABLE) for it in profile.fields)
    if left > 0:
        yield "access_token", f"cached, {_duration(left)} left"
    elif in_vain or profile.asks_again_at > now:
        yield "access_token", "none yet"
    else:
        yield "access_token", "none yet; the next command gets one"
    if profile.alone_since:
        since = _duration(now - profile.alone_since)
        yield "shared", f"{profile.shared}: not used for {since}: {profile.alone_because}"
    elif profile.shared:
        said = "no token from another machine yet"
        if profile.shared_at:
            said = f"last token from another machine {_duration(now - profile.shared_at)} ago"
        yield "shared", f"{profile.shared}: {said}"
    if profile.last_success_at:
        yield "last success", f"{_duration(now - profile.last_success_at)} ago"
    if profile.last_failure_at:
        times = f", {profile.failures} in a row" if profile.failures > 1 else ""
        said = f": {profile.last_failure}" if profile.last_failure else ""
        ago = _duration(now - profile.last_failure_at)
        yield "last failure", f"{ago} ago, code {profile.last_failure_code}{times}{said}"
    if profile.asks_again_at > now:
        wait = _duration(profile.asks_again_at - now)
        words = "tastyauth token --refresh" + ("" if profile.is_default else f" -p {profile.name}")
        yield "not asked", f"for {wait} with the same secrets; {words} asks at once"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{max(seconds, 0):.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
