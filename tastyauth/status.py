"""What is configured, present and missing, without resolving anything by running something."""

import os
from dataclasses import dataclass

from tastyauth import sources
from tastyauth.config import Config, Profile
from tastyauth.sources import (
    Env,
    File,
    FirstOf,
    Reference,
    Surroundings,
    SystemdCredential,
)

PRESENT, MISSING, UNCHECKED = "present", "missing", "not checked"


@dataclass(frozen=True, slots=True)
class FieldStatus:
    """One credential of a profile: where it comes from, and whether something is there."""

    field: str
    source: str
    state: str


@dataclass(frozen=True, slots=True)
class ProfileStatus:
    """One profile, as far as it can be judged by looking."""

    name: str
    is_default: bool
    environment: str
    api_url: str
    fields: tuple[FieldStatus, ...]


def status(config: Config, surroundings: Surroundings) -> tuple[ProfileStatus, ...]:
    """The state of every profile; looks at names and directories, opens and runs nothing."""
    return tuple(_profile_status(config, profile, surroundings) for profile in config.profiles)


def _profile_status(config: Config, profile: Profile, surroundings: Surroundings) -> ProfileStatus:
    default = config.default_profile or (
        config.profiles[0].name if len(config.profiles) == 1 else ""
    )
    return ProfileStatus(
        name=profile.name,
        is_default=profile.name == default,
        environment=profile.environment,
        api_url=profile.api_url,
        fields=(
            _field_status("client_id", profile.client_id, surroundings),
            _field_status("client_secret", profile.client_secret, surroundings),
            _field_status("refresh_token", profile.refresh_token, surroundings),
        ),
    )


def _field_status(field: str, value: str | Reference, surroundings: Surroundings) -> FieldStatus:
    if isinstance(value, str):
        return FieldStatus(field, value, PRESENT)
    if isinstance(value, FirstOf):
        return _first_of_status(field, value, surroundings)
    return FieldStatus(field, sources.describe(value), _state(value, surroundings))


def _first_of_status(field: str, value: FirstOf, surroundings: Surroundings) -> FieldStatus:
    """The member that would answer, as far as can be seen."""
    for member in value.references:
        state = _state(member, surroundings)
        if state != MISSING:
            return FieldStatus(field, sources.describe(member), state)
    return FieldStatus(field, sources.describe(value), MISSING)


def _state(reference: Reference, surroundings: Surroundings) -> str:
    environ = surroundings.environ
    if isinstance(reference, Env):
        return PRESENT if environ.get(reference.name) else MISSING
    if isinstance(reference, File):
        return PRESENT if os.path.exists(reference.path) else MISSING
    if isinstance(reference, SystemdCredential):
        directory = environ.get("CREDENTIALS_DIRECTORY", "")
        there = directory and os.path.exists(f"{directory}/{reference.name}")
        return PRESENT if there else MISSING
    return UNCHECKED
