"""Records how the last attempt to get a token ended, for those who waited and to limit retries."""

from tastyauth import errors, locate
from tastyauth.posix import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tastyauth.cache import Entry

_MAGIC = "tastyauth attempt 3"

_AT_ONCE = (
    "a changed secret is tried at once; to retry the same one now: tastyauth exec --refresh -- true"
)
"""`clear` would not do: with `shared`, the failure may be another machine's."""

_BREAK = "\x1e"
"""Replaces a line break in a field; no message contains it."""

_PACE: dict[type[errors.TastyauthError], tuple[float, float]] = {
    errors.RefusedError: (300.0, 3600.0),
    errors.ProtocolError: (60.0, 900.0),
    errors.TemporaryError: (2.0, 60.0),
}
"""Seconds until the server is asked again: after the first failure, doubling up to the second
number. A broker blocks addresses that keep failing; other failures are fixed on this machine."""


class Attempt:
    """The last attempt, with the last success and failure. Times are in epoch seconds.

    `code` is an exit code and `kind` the class of the error; `asked_for` is how many seconds the
    server asked everybody to wait, negative when it did not; `secrets` a keyed digest of what was
    sent, empty when nothing was; `not_before` when to ask again; `failures` how often in a row it
    failed with that code; `soft_at` when a token was last renewed ahead of time; `shared_at` when a
    token last came from another machine, `alone_since` since when the engine that machines share is
    not used, and `alone_because` why.
    """

    # a plain class: importing dataclasses would double the start-up time of a process that waits
    ended_at = 0.0
    code = 0
    kind = ""
    reason = ""
    asked_for = -1.0
    message = ""
    hint = ""
    secrets = ""
    not_before = 0.0
    failures = 0
    soft_at = 0.0
    succeeded_at = 0.0
    failed_at = 0.0
    failed_code = 0
    shared_at = 0.0
    alone_since = 0.0
    alone_because = ""

    def __init__(self, **values: float | int | str) -> None:
        vars(self).update(values)

    def having(self, **values: float | int | str) -> "Attempt":
        """The same with other values of some fields."""
        return Attempt(**vars(self) | values)

    def failure(self, started_at: float, now: float) -> errors.TastyauthError:
        """The error for a caller that holds back: its own outcome, or that of an earlier caller."""
        kind = getattr(errors, self.kind, None)
        if not (isinstance(kind, type) and issubclass(kind, errors.TastyauthError)):
            kind = errors.TemporaryError
        ago, left = now - self.ended_at, self.not_before - now
        if self.ended_since(started_at, now):
            return kind(self.message, self.hint, self.retry_after(now), reason=self.reason)
        return kind(
            f"{self.message} (tried {ago:.0f} s ago; no retry for {left:.0f} s)",
            f"{self.hint}\n{_AT_ONCE}" if self.hint else "",
            left,
            reason=self.reason,
        )

    def retry_after(self, now: float) -> float | None:
        """For how many more seconds the server is left alone; None if it is not."""
        left = self.not_before - now
        return max(left, 0.0) if left > 0 or self.asked_for >= 0 else None

    def ended_since(self, started_at: float, now: float) -> bool:
        """Whether it failed after the caller had started: then it is the caller's failure too."""
        return self.code != 0 and started_at <= self.ended_at <= now

    def forbids(self, now: float, secrets: str | None) -> bool:
        """Whether it is too soon to ask again with these secrets, or with any."""
        # the clock was set back: the record no longer counts
        is_meant = self.asked_for >= 0 or self.secrets == secrets
        return is_meant and self.ended_at <= now < self.not_before

    def succeeded(self, now: float, *, from_another: bool = False, trouble: str = "") -> "Attempt":
        """The record after a success: a token came `from_another` machine, or despite `trouble`."""
        return Attempt(
            soft_at=self.soft_at,
            succeeded_at=now,
            failed_at=self.failed_at,
            failed_code=self.failed_code,
            shared_at=now if from_another else self.shared_at,
            alone_since=(self.alone_since or now) if trouble else 0.0,
            alone_because=trouble,
        )

    def failed(
        self, error: errors.TastyauthError, secrets: str, now: float, *, in_a_hurry: bool = False
    ) -> "Attempt":
        """The record after `error`.

        The server may be asked again at once where nothing was sent (`secrets` is empty), or where
        an attempt `in_a_hurry` got no answer, which may be the only reason. An attempt of another
        machine counts as one of this machine.
        """
        if error.reason == errors.UNDER_WAY:
            return self
        if isinstance(error.attempt, Attempt):
            kept = ("soft_at", "succeeded_at", "shared_at", "alone_since", "alone_because")
            return error.attempt.having(**{it: getattr(self, it) for it in kept})
        again = self.failures + 1 if self.code == error.exit_code else 1
        asked_for = error.retry_after
        # a private subclass; programs know its public parent
        kind = next(it for it in type(error).__mro__ if it.__module__ == errors.__name__)
        paced = errors.TemporaryError if error.reason == errors.BY_PROXY else type(error)
        first, longest = next(
            (it for kind, it in _PACE.items() if issubclass(paced, kind)), (0.0, 0.0)
        )
        if not secrets or (in_a_hurry and isinstance(error, errors.TemporaryError)):
            first = 0.0
        pause = max(min(first * 2.0 ** min(again - 1, 10), longest), asked_for or 0.0)
        return self.having(
            ended_at=now,
            code=error.exit_code,
            kind=kind.__name__,
            reason=error.reason,
            asked_for=-1.0 if asked_for is None else asked_for,
            message=error.message,
            hint=error.hint,
            secrets=secrets,
            not_before=now + pause,
            failures=again,
            failed_at=now,
            failed_code=error.exit_code,
        )


FIELDS = tuple(n for n, v in vars(Attempt).items() if n[0] != "_" and not callable(v))
"""The fields of a record, in the order of its lines."""


class Policy:
    """What a caller accepts: `cache.decide` on its terms, since when, and its secrets' digest."""

    def __init__(
        self, decide: "Callable[[Entry | None, Attempt], str]", started_at: float, secrets: str
    ) -> None:
        self.decide = decide
        self.started_at = started_at
        self.secrets = secrets


_unwritten: dict[str, Attempt] = {}
"""Records that could not be written; the rest of this process uses them."""


def read(path: str) -> Attempt:
    """The record at `path`, or an empty one if there is none to use; raises nothing."""
    if path in _unwritten:
        return _unwritten[path]
    try:
        content = locate.read_private(path)
        lines = content.decode().split("\n") if content else [""]
        words = [line.split("\t", 1) for line in lines[1:-1]]
        if lines[0] != _MAGIC or lines[-1] != "" or sorted(dict(words)) != sorted(FIELDS):
            return Attempt()
        return Attempt(
            **{it: type(getattr(Attempt, it))(v.replace(_BREAK, "\n")) for it, v in words}
        )
    except (OSError, ValueError):
        return Attempt()


def write(path: str, attempt: Attempt) -> None:
    """Writes a record; raises OSError, and even then this process remembers `attempt`."""
    lines = [f"{it}\t{str(getattr(attempt, it)).replace(chr(10), _BREAK)}" for it in FIELDS]
    remember(path, attempt)
    files.write(path, "\n".join((_MAGIC, *lines, "")).encode("utf-8", "backslashreplace"))
    _unwritten.pop(path, None)


def remember(path: str, attempt: Attempt) -> None:
    """Keeps a record for this process alone, where there can be no file."""
    _unwritten[path] = attempt


def forget(*beginnings: str) -> None:
    """Forgets the records that only this process remembers and whose names begin so."""
    for path in [it for it in _unwritten if it.startswith(beginnings)]:
        del _unwritten[path]
