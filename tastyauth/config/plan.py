"""What a config would do, in full: the thing that is shown, approved and compared."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from json import dumps

from tastyauth import sources
from tastyauth.broker import LOOPBACK
from tastyauth.config import DEFAULT_TIMEOUT, USER_AGENT, Config, Profile
from tastyauth.errors import ConfigNotAllowed
from tastyauth.sources import FirstOf, Reference, Single, Surroundings

Lines = tuple[str, ...]

_BLANKS = re.compile("  +")


def lines(config: Config, surroundings: Surroundings) -> Lines:
    """The canonical plan, one fact a line, in an order that comments and reordering leave alone.

    It is computed from what the executor itself uses, resolved programs included, so that any
    effective change changes it.
    """
    found = [f"default profile: {config.default_name or '(none)'}"]
    for profile in sorted(config.profiles, key=lambda profile: profile.name):
        found += _profile_lines(profile, surroundings)
    return tuple(found)


def digest(plan: Lines) -> str:
    """The SHA-256 of a plan, in hex: what `allow` records."""
    return sha256("\n".join(plan).encode()).hexdigest()


def refuse_outlaws(config: Config, surroundings: Surroundings) -> None:
    """Raises ConfigNotAllowed for what a project file may never do, approved or not.

    A program inside the project can change with the next `git pull`, and a host of the project's
    choosing must not receive the user's secrets.
    """
    projects = _projects_of(config.path)
    for profile in config.profiles:
        if profile.environment == "custom" and not _is_loopback(profile.api_url):
            raise ConfigNotAllowed(
                f"profile {profile.name} of a project file sends secrets to {profile.api_url}",
                f"keep this profile in your own config, or use it with --config {config.path}",
            )
        for reference in _references(profile):
            _refuse_program_in(projects, reference, profile, surroundings)


def _profile_lines(profile: Profile, surroundings: Surroundings) -> Iterator[str]:
    yield f"profile {profile.name}: {profile.environment}"
    yield f"  token endpoint: {profile.token_endpoint}"
    for field, value in (
        ("client_id", profile.client_id),
        ("client_secret", profile.client_secret),
        ("refresh_token", profile.refresh_token),
    ):
        if isinstance(value, str):
            yield f"  {field}: {value}"
        else:
            yield from _reference_lines(f"  {field}: ", value, surroundings)
    for name, field in sorted(profile.exports):
        yield f"  exports {name}: {field}"
    # what nobody has chosen is not for approval; our own name would be another with each release
    if profile.timeout != DEFAULT_TIMEOUT:
        yield f"  timeout: {profile.timeout!r} s"
    if profile.user_agent != USER_AGENT:
        yield f"  user agent: {profile.user_agent}"


def _reference_lines(
    prefix: str, reference: Reference, surroundings: Surroundings
) -> Iterator[str]:
    if isinstance(reference, FirstOf):
        for number, member in enumerate(reference.references, 1):
            yield from _reference_lines(f"{prefix}{number}. ", member, surroundings)
        return
    yield f"{prefix}{_facts(reference)}"
    if sources.command_of(reference):
        program = _program(reference, surroundings)
        runs = _spelled(program) if program else "nothing, not found here"
        yield f"{' ' * len(prefix)}runs: {runs}"


def _facts(reference: Single) -> str:
    """The kind and all that it is given: `command ["pass", "show", "x"], line 1`."""
    first, *others, kind = reference
    given = [
        f"{name} {_spelled(value)}"
        for name, value in zip(reference._fields[1:-1], others, strict=True)
        if value is not None and value is not False
    ]
    return ", ".join([f"{kind} {_spelled(first)}", *given])


def _spelled(value: object) -> str:
    """JSON in which nothing hides: it is ASCII, and no row of blanks pushes a part out of sight."""
    return _BLANKS.sub(lambda found: r"\u0020" * len(found[0]), dumps(value))


def _program(reference: Reference, surroundings: Surroundings) -> str | None:
    command = sources.command_of(reference)
    if command is None:
        return None
    return sources.resolve_program(command.argv[0], surroundings.environ, surroundings.home)


def _refuse_program_in(
    projects: set[str], reference: Reference, profile: Profile, surroundings: Surroundings
) -> None:
    program = _program(reference, surroundings)
    if program is None:
        return
    for path in (program, os.path.realpath(program)):
        if any(_lies_in(path, project) for project in projects):
            raise ConfigNotAllowed(
                f"profile {profile.name} of a project file runs a program of the project: {path}",
                "install the program outside the project, where a pull cannot change it",
            )


def _lies_in(path: str, directory: str) -> bool:
    """Whether `directory` is one of those above `path`, however the two are spelt.

    A volume that ignores case, or is mounted twice, has more than one name for it.
    """
    while path != "/":
        path = os.path.dirname(path)
        with suppress(OSError):
            if os.path.samefile(path, directory):
                return True
    return False


def _references(profile: Profile) -> Iterator[Reference]:
    for value in (profile.client_id, profile.client_secret, profile.refresh_token):
        if not isinstance(value, str):
            yield from value.references if isinstance(value, FirstOf) else (value,)


def _projects_of(path: str) -> set[str]:
    """The repository that the config lies in, else its directory; of a link, also its target's."""
    return {_repository_or(os.path.dirname(each)) for each in (path, os.path.realpath(path))}


def _repository_or(directory: str) -> str:
    directory = above = os.path.realpath(directory)
    while above != "/":
        if os.path.lexists(f"{above}/.git"):
            return above
        above = os.path.dirname(above)
    return directory


def _is_loopback(api_url: str) -> bool:
    address = api_url.partition("://")[2]
    return any(address == host or address.startswith(f"{host}:") for host in LOOPBACK)
