"""What a config would do, in full: this is what is shown, approved and compared."""

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256

from tastyauth import export, locate
from tastyauth.config import DEFAULT_TIMEOUT, USER_AGENT, Config, Profile
from tastyauth.errors import LOOPBACK, ConfigNotAllowed
from tastyauth.posix import files
from tastyauth.sources import Reference, Surroundings

Lines = tuple[str, ...]
Exports = tuple[tuple[str, str], ...]

_VERSION_CONTROL = (
    *(".git", ".hg", ".jj", ".sl", ".svn", ".bzr", ".pijul", ".repo"),
    *(".fslckout", "_FOSSIL_", "_darcs", "CVS"),
)
"""What is in the root of a tree that the next pull or update can change."""

FIRST_EXPORTS = (
    ("TASTYTRADE_ACCESS_TOKEN", "access_token"),
    ("TASTYTRADE_ACCESS_TOKEN_EXPIRES_AT", "expires_at"),
    ("TASTYTRADE_ENV", "environment"),
    ("TASTYTRADE_API_URL", "api_url"),
)
"""What a profile that says nothing exported in the first release, whose approvals still count."""


def lines(config: Config, around: Surroundings, usual: Exports = export.DEFAULT_EXPORTS) -> Lines:
    """The canonical plan, one fact a line, in an order that comments and reordering leave alone.

    It is computed from what the executor itself uses, resolved programs included, so that any
    effective change changes it. `usual` is what a profile that says nothing exports.
    """
    found = [f"default profile: {config.default_name or '(none)'}"]
    for profile in sorted(config.profiles, key=lambda profile: profile.name):
        real = ", stands for production" if profile.stands_for == "production" else ""
        found.append(f"profile {profile.name}: {profile.environment}{real}")
        found.append(f"  token endpoint: {profile.token_endpoint}")
        if profile.scopes:
            found.append(f"  scopes: {' '.join(profile.scopes)}, and no more")
        for field in ("client_id", "client_secret", "refresh_token"):
            value: str | Reference = getattr(profile, field)
            prefix = f"  {field}: "
            if isinstance(value, str):
                found.append(prefix + value)
            else:
                found += value.plan(prefix, around)
        exports = usual if profile.exports == export.DEFAULT_EXPORTS else profile.exports
        found += [f"  exports {name}: {field}" for name, field in sorted(exports)]
        # a default needs no approval, and tastyauth's own changes with each release
        if profile.timeout != DEFAULT_TIMEOUT:
            found.append(f"  timeout: {profile.timeout!r} s")
        if profile.user_agent != USER_AGENT:
            found.append(f"  user agent: {profile.user_agent}")
        if engine := profile.shared:
            trusted = f", trusting {engine.authorities}" if engine.authorities else ""
            found.append(f"  shares access tokens, sealed, through: {engine.url}{trusted}")
            prefix = f"  password of {engine.url}: "
            found += engine.password.plan(prefix, around) if engine.password else [f"{prefix}none"]
    return tuple(found)


def digest(plan: Lines) -> str:
    """The SHA-256 of a plan, in hex: what `allow` records."""
    return sha256("\n".join(plan).encode()).hexdigest()


def refuse_outlaws(config: Config, around: Surroundings) -> None:
    """Raises ConfigNotAllowed for what a project file may never do, approved or not.

    A program inside the project can change with the next `git pull`, and a host of the project's
    choosing must not receive the user's secrets.
    """
    for profile in config.profiles:
        host = profile.api_url.partition("://")[2]
        is_here = any(host == it or host.startswith(f"{it}:") for it in LOOPBACK)
        if profile.environment == "custom" and not is_here:
            does = f"sends secrets to {profile.api_url}"
        elif profile.shared and not profile.shared.is_here:
            does = f"shares tokens through another machine: {profile.shared.url}"
        else:
            continue
        hint = f"keep this profile in your own config, or use it with --config {config.path}"
        raise ConfigNotAllowed(f"{profile.about}: this profile of a project file {does}", hint)
    projects = _projects_of(config.path, around.home)
    for program, profile in programs(config.profiles, around).items():
        for path in (program, os.path.realpath(program)):
            if any(_lies_in(path, project) for project in projects):
                raise ConfigNotAllowed(
                    f"{profile.about}: this profile of a project file runs a program from the"
                    f" project: {path}",
                    "install the program outside the project, where a pull cannot change it",
                )


def refuse_replaceable(config: Config, around: Surroundings) -> None:
    """Raises ConfigNotAllowed for a program that somebody else could replace after the approval."""
    for program, profile in programs(config.profiles, around).items():
        reason = files.writable_by_others(program)
        if reason:
            raise ConfigNotAllowed(
                f"{profile.about}: somebody else could replace {program}, which this profile runs:"
                f" {reason}",
                f"{files.how_to_close(reason)}; or install the program"
                " where only you and root can write",
            )


def programs(profiles: Sequence[Profile], around: Surroundings) -> dict[str, Profile]:
    """The programs that are run and are installed here, each with the first profile to run it."""
    return {
        program: profile
        for profile in reversed(profiles)
        for reference in profile.references
        for member in reference.members
        if (program := member.program(around))
    }


def _lies_in(path: str, directory: str) -> bool:
    """Whether `directory` is one of those above `path`, however the two are spelled.

    A volume that ignores case, or is mounted twice, has more than one name for it.
    """
    for above in locate.above(path):
        with suppress(OSError):
            if os.path.samefile(above, directory):
                return True
    return False


def _projects_of(path: str, home: str) -> set[str]:
    """The trees that the config at `path` came with; of a link, also those of its target.

    In version control: the innermost tree, and the ones around it (of a submodule) that do not
    hold the home directory. Else it may be part of an unpacked archive: its directory and the one
    above, where that is not for many things.
    """
    found = set()
    for file in {path, os.path.realpath(path)}:
        directory = os.path.realpath(os.path.dirname(file))
        way = locate.above(os.path.join(directory, "."))
        trees = [it for it in way if any(os.path.lexists(f"{it}/{n}") for n in _VERSION_CONTROL)]
        found.add(trees[0] if trees else directory)
        outer = trees[1:] if trees else [it for it in way[1:2] if not _is_for_many(it)]
        found.update(it for it in outer if not _lies_in(os.path.join(home, "."), it))
    return found


def _is_for_many(directory: str) -> bool:
    """Whether it is a place for unrelated things: `/opt`, `/usr/local`, `/tmp`."""
    with suppress(OSError):
        if os.stat(directory).st_mode & stat.S_ISVTX:
            return True
    return os.path.dirname(directory) in ("/", "/usr")
