"""The commands that look at what is there, or forget it: `status`, `as-curl` and `clear`."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict

from tastyauth import cache, locate
from tastyauth.cache import Asked, config_of, store
from tastyauth.cli.command import Arguments
from tastyauth.cli.console import Console
from tastyauth.cli.inputs import find, open_session, read_config
from tastyauth.errors import ConfigError, UsageError, reason_of
from tastyauth.secret import with_tilde
from tastyauth.session.status import MISSING, UNCHECKED, UNUSABLE, ProfileStatus, status
from tastyauth.sources import printable

_SAID = {state: f"{state} (tastyauth doctor)" for state in (UNCHECKED, UNUSABLE)}
"""States that come with what to type."""


def run_as_curl(arguments: Arguments, console: Console) -> int:
    """Prints a script that does the same with curl; it says where the secrets are, not what."""
    from tastyauth.shells import curl_script

    session = open_session(arguments, console)
    profile = session.config().profile(session.asked.profile)
    console.out(curl_script.script(profile, console.surroundings))
    if console.stdout_is_terminal:
        console.say("to run it, pipe it into sh")
    return 0


def run_status(arguments: Arguments, console: Console) -> int:
    """The config and its profiles, fit to be pasted: home is shown as ~."""
    session = open_session(arguments, console)
    now = time.time()
    config = session.config()
    profiles = status(config, session.asked, console.surroundings, now)
    if arguments.profile:  # the flag alone: a variable is no question about one profile
        wanted = config.profile(arguments.profile).name
        profiles = tuple(profile for profile in profiles if profile.name == wanted)
    path = with_tilde(session.asked.path, locate.home_directory(console.environ))
    as_json = arguments.format == "json"
    console.out(_as_json(path, profiles) if as_json else _as_text(path, profiles, now))
    return 0


def run_clear(arguments: Arguments, console: Console) -> int:
    """Forgets tokens and attempts; rotated refresh tokens are never forgotten."""
    environ = console.environ
    if arguments.all and arguments.profile:
        raise UsageError("--all is of every config and profile", "leave out --all, or -p")
    try:
        count = (
            _clear_profile(arguments, console) if arguments.profile else _clear(arguments, console)
        )
    except OSError as error:
        raise ConfigError(
            f"the token cache cannot be cleared: {reason_of(error)}",
            f"look at who owns {locate.cache_directory(environ)}",
        ) from None
    console.say(f"{count} cached token{'' if count == 1 else 's'} forgotten")
    return 0


def _clear(arguments: Arguments, console: Console) -> int:
    environ = console.environ
    config = "" if arguments.all else config_of(find(arguments.config, console)[0], environ)
    return store.clear(locate.cache_directory(environ), config)


def _clear_profile(arguments: Arguments, console: Console) -> int:
    config, origin = read_config(arguments.config, console)
    profile = config.profile(arguments.profile).name
    found = (config.path, origin)
    asked = Asked(found, locate.read_config(config.path), profile, console.environ)
    return store.clear_profile(cache.look(asked), asked.config, profile)


def _as_json(path: str, profiles: tuple[ProfileStatus, ...]) -> str:
    document = {
        "format_version": 1,
        "config": path,
        "profiles": [asdict(profile) for profile in profiles],
    }
    return json.dumps(document, indent=2) + "\n"


def _as_text(path: str, profiles: tuple[ProfileStatus, ...], now: float) -> str:
    lines = [f"config {printable(path)}"]
    for profile in profiles:
        default = " (default)" if profile.is_default else ""
        lines += ["", f"{profile.name}{default}: {profile.environment}, {profile.api_url}"]
        facts = (*_credentials(profile), *_history(profile, now))
        lines += [f"  {name:<13}  {text}" for name, text in facts]
    return "\n".join(lines) + "\n"


def _credentials(profile: ProfileStatus) -> Iterator[tuple[str, str]]:
    for it in profile.fields:
        yield it.field, f"{_SAID.get(it.state, it.state)}: {it.reason or it.source}"


def _history(profile: ProfileStatus, now: float) -> Iterator[tuple[str, str]]:
    yield "access_token", _access_token(profile, now)
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


def _access_token(profile: ProfileStatus, now: float) -> str:
    left = profile.expires_at - now
    if left > 0:
        return f"cached, {_duration(left)} left"
    in_vain = any(it.state in (MISSING, UNUSABLE) for it in profile.fields)
    if in_vain or profile.asks_again_at > now:
        return "none yet"
    return "none yet; the next command gets one"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{max(seconds, 0):.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
