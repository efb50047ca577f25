"""How the last attempt at a token ended: told to those who waited, and not repeated in vain.

One record per entry. It makes an attempt's outcome that of every caller who was waiting for it,
keeps a refused grant from being asked again with the same secrets (the broker blocks addresses
that keep failing), obeys `Retry-After` across processes, and spaces out early renewals.
"""

from tastyauth import errors, locate
from tastyauth.posix import files

_MAGIC = "tastyauth attempt 1"

_FIRST_PAUSE = 300.0
_LONGEST_PAUSE = 3600.0
"""Seconds during which a refusal is remembered: five minutes, doubling up to an hour."""

SOFT_GAP = 60.0
"""Seconds between two early renewals of one entry."""

_KINDS: dict[int, type[errors.TastyauthError]] = {
    kind.exit_code: kind
    for kind in (
        errors.SecretError,
        errors.TemporaryError,
        errors.ProtocolError,
        errors.RefusedError,
        errors.ConfigError,
    )
}


_FIELDS: dict[str, float | int | str] = {
    "ended_at": 0.0,
    "code": 0,
    "message": "",
    "hint": "",
    "secrets": "",
    "not_before": 0.0,
    "failures": 0,
    "soft_at": 0.0,
    "succeeded_at": 0.0,
    "failed_at": 0.0,
    "failed_code": 0,
}


class Attempt:
    """The last attempt, and the last of each kind before it. Times are epoch seconds.

    `code` is an exit code; `secrets` a keyed digest of what was used, empty when it never came to
    that; `not_before` when asking again makes sense; `failures` how many ended so in a row;
    `soft_at` when a token was last renewed ahead of time.
    """

    ended_at: float
    code: int
    message: str
    hint: str
    secrets: str
    not_before: float
    failures: int
    soft_at: float
    succeeded_at: float
    failed_at: float
    failed_code: int

    # a plain class: dataclasses would double the start of everybody who waits for a token
    __slots__ = tuple(_FIELDS)

    def __init__(self, **values: float | int | str) -> None:
        for name, default in _FIELDS.items():
            setattr(self, name, values.get(name, default))

    def _with(self, **values: float | int | str) -> "Attempt":
        return Attempt(**{name: getattr(self, name) for name in _FIELDS} | values)

    def error(self) -> errors.TastyauthError:
        """The failure, as it was raised."""
        kind = _KINDS.get(self.code, errors.TemporaryError)
        return kind(self.message, self.hint)

    def ended_while_waiting(self, started_at: float, now: float) -> bool:
        """Whether it failed after a caller had started, whose outcome it therefore is."""
        return self.code != 0 and started_at <= self.ended_at <= now

    def forbids(self, now: float, secrets: str | None = None) -> bool:
        """Whether asking again is in vain: the server said when, or refused these secrets."""
        if not self.ended_at <= now < self.not_before:  # a clock that was set back forgets
            return False
        return self.code == errors.TemporaryError.exit_code or self.secrets == secrets

    def reminder(self, now: float) -> errors.TastyauthError:
        """The failure again, without having asked."""
        ago, left = now - self.ended_at, self.not_before - now
        return type(self.error())(
            f"{self.message} (answered {ago:.0f} s ago; not asked again for {left:.0f} s)",
            f"{self.hint}; a changed secret or --refresh asks at once" if self.hint else "",
        )

    def may_renew_ahead(self, now: float) -> bool:
        """Whether the last early renewal is long enough ago."""
        return not self.soft_at <= now < self.soft_at + SOFT_GAP

    def renewing_ahead(self, now: float) -> "Attempt":
        """The record while a token is being renewed early."""
        return self._with(soft_at=now)

    def succeeded(self, now: float) -> "Attempt":
        """The record after a token has come."""
        return Attempt(
            ended_at=now,
            soft_at=self.soft_at,
            succeeded_at=now,
            failed_at=self.failed_at,
            failed_code=self.failed_code,
        )

    def failed(self, error: errors.TastyauthError, secrets: str, now: float) -> "Attempt":
        """The record after `error`."""
        again = self.failures + 1 if self.code == error.exit_code else 1
        return self._with(
            ended_at=now,
            code=error.exit_code,
            message=error.message,
            hint=error.hint,
            secrets=secrets,
            not_before=now + _pause(error, again),
            failures=again,
            failed_at=now,
            failed_code=error.exit_code,
        )


def read(path: str) -> Attempt:
    """The record at `path`; an empty one when there is none that can be used. Raises nothing."""
    try:
        content = locate.read_private(path)
        lines = content.decode().split("\n") if content else [""]
        if lines[0] != _MAGIC or lines[-1] != "":
            return Attempt()
        words = [line.split("\t", 1) for line in lines[1:-1]]
        if len(words) != len(_FIELDS):
            return Attempt()
        return Attempt(**{name: type(_FIELDS[name])(value) for name, value in words})
    except (OSError, ValueError, KeyError):
        return Attempt()


def write(path: str, attempt: Attempt) -> None:
    """Raises OSError."""
    lines = [f"{name}\t{_one_line(str(getattr(attempt, name)))}" for name in _FIELDS]
    files.write(path, "\n".join((_MAGIC, *lines, "")).encode("utf-8", "backslashreplace"))


def _one_line(value: str) -> str:
    return " ".join(value.split("\n"))


def _pause(error: errors.TastyauthError, times: int) -> float:
    if isinstance(error, errors.RefusedError):
        return min(_FIRST_PAUSE * 2.0 ** min(times - 1, 10), _LONGEST_PAUSE)
    if isinstance(error, errors.TemporaryError) and error.retry_after is not None:
        return error.retry_after
    return 0.0
