"""What is configured, cached, refused and missing, without resolving anything by running it."""

import re
from dataclasses import dataclass

from tastyauth import cache
from tastyauth.cache import Asked
from tastyauth.cache import last_attempt as attempts
from tastyauth.cache.last_attempt import Attempt
from tastyauth.config import Config, Profile
from tastyauth.errors import SecretAbsent, SecretError
from tastyauth.secret import with_tilde
from tastyauth.sources import Reference, Surroundings, printable

PRESENT, MISSING, UNUSABLE, UNCHECKED = "present", "missing", "unusable", "not checked"

_ACCOUNT_NUMBER = re.compile(r"(?<![A-Za-z0-9])[0-9][A-Z]{2}[0-9](?=[0-9]{4}(?![A-Za-z0-9]))")


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
    """The state of every profile; looks at names, directories and the cache, and runs nothing.

    All of it is fit to be pasted into a report.
    """
    return tuple(
        _profile_status(config, profile, asked, surroundings, now) for profile in config.profiles
    )


def fit_to_paste(text: str, home: str) -> str:
    """`text` on one line, with the home directory as `~`, and of account numbers the last four."""
    return with_tilde(_ACCOUNT_NUMBER.sub("****", printable(text)), home)


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
        last_failure=fit_to_paste(record.message, surroundings.home),
        failures=record.failures,
        asks_again_at=record.not_before,
    )


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
