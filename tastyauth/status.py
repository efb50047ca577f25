"""What is configured, cached, refused and missing, without resolving anything by running it."""

import os
from dataclasses import dataclass

from tastyauth import attempt as attempts
from tastyauth import cache, sources
from tastyauth.attempt import Attempt
from tastyauth.cache import Asked
from tastyauth.config import Config, Profile
from tastyauth.sources import Dotenv, Env, File, FirstOf, Reference, Surroundings, SystemdCredential

PRESENT, MISSING, UNCHECKED = "present", "missing", "not checked"


@dataclass(frozen=True, slots=True)
class FieldStatus:
    """One credential of a profile: where it comes from, and whether something is there."""

    field: str
    source: str
    state: str


@dataclass(frozen=True, slots=True)
class ProfileStatus:
    """One profile, as far as it can be judged by looking. Times are epoch seconds, 0 for never.

    `expires_at` is that of the cached token. `failures` is how often in a row the last attempts
    failed, and `asks_again_at` when the next one makes sense.
    """

    name: str
    is_default: bool
    environment: str
    api_url: str
    fields: tuple[FieldStatus, ...]
    expires_at: int
    last_success_at: float
    last_failure_at: float
    last_failure_code: int
    last_failure: str
    failures: int
    asks_again_at: float


def status(
    config: Config, asked: Asked, surroundings: Surroundings, now: float
) -> tuple[ProfileStatus, ...]:
    """The state of every profile; looks at names, directories and the cache, and runs nothing."""
    return tuple(
        _profile_status(config, profile, asked, surroundings, now) for profile in config.profiles
    )


def _cached(profile: Profile, asked: Asked, now: float) -> tuple[int, Attempt]:
    """When the cached token is over, 0 when there is none, and how the last attempts ended."""
    found = (asked.path, asked.origin)
    try:
        view = cache.look(Asked(found, asked.content, profile.name, asked.environ))
    except OSError:
        return 0, Attempt()
    record = attempts.read(view.attempt_path) if view.name else Attempt()
    if view.entry is None or cache.judge(view.entry, now, 0) == cache.STALE:
        return 0, record
    return view.entry.expires_at, record


def _profile_status(
    config: Config, profile: Profile, asked: Asked, surroundings: Surroundings, now: float
) -> ProfileStatus:
    expires_at, record = _cached(profile, asked, now)
    return ProfileStatus(
        name=profile.name,
        is_default=profile.name == config.default_name,
        environment=profile.environment,
        api_url=profile.api_url,
        fields=(
            _field_status("client_id", profile.client_id, surroundings),
            _field_status("client_secret", profile.client_secret, surroundings),
            _field_status("refresh_token", profile.refresh_token, surroundings),
        ),
        expires_at=expires_at,
        last_success_at=record.succeeded_at,
        last_failure_at=record.failed_at,
        last_failure_code=record.failed_code,
        last_failure=record.message,
        failures=record.failures,
        asks_again_at=record.not_before,
    )


def _field_status(field: str, value: str | Reference, surroundings: Surroundings) -> FieldStatus:
    if isinstance(value, str):
        return FieldStatus(field, value, PRESENT)
    if isinstance(value, FirstOf):
        return _first_of_status(field, value, surroundings)
    return FieldStatus(
        field, sources.describe(value, surroundings.home), _state(value, surroundings)
    )


def _first_of_status(field: str, value: FirstOf, surroundings: Surroundings) -> FieldStatus:
    """The member that would answer, as far as can be seen."""
    for member in value.references:
        state = _state(member, surroundings)
        if state != MISSING:
            return FieldStatus(field, sources.describe(member, surroundings.home), state)
    return FieldStatus(field, sources.describe(value, surroundings.home), MISSING)


def _state(reference: Reference, surroundings: Surroundings) -> str:
    environ = surroundings.environ
    match reference:
        case Env(name):
            there = bool(environ.get(name))
        case File(path) | Dotenv(path):
            there = os.path.exists(path)
        case SystemdCredential(name):
            directory = environ.get("CREDENTIALS_DIRECTORY", "")
            there = bool(directory) and os.path.exists(f"{directory}/{name}")
        case _:
            return UNCHECKED
    return PRESENT if there else MISSING
