"""What machines that share a grant find, what it means here, and what to do next; all of it pure.

Three keys belong to a grant: its `token`, its last failed `attempt`, and the `lease` of the machine
that is getting a token. Times in them are the engine's, since clocks of machines differ: what is
read becomes an age, and the age a time of this machine.
"""

import json
from typing import Any, NamedTuple

from tastyauth.cache import AHEAD, HOLD, SERVE
from tastyauth.cache.last_attempt import Attempt
from tastyauth.secret import Secret
from tastyauth.shared import Trouble, lease_of

KINDS = ("token", "attempt", "lease")

LONGEST_LEASE = lease_of(120.0)
"""Seconds: a profile allows 120 for an exchange. tastyauth makes none that lasts longer."""

LARGEST = 64 * 1024
"""Bytes of a value. An access token has some 700, and a larger one is not even fetched."""

_MEMORY = 3600.0
"""Seconds for which a failure is remembered after the server may be asked again: the next pause
is longer."""

_ALIKE = 300.0
"""Seconds by which the clocks of two machines may differ: a token of 900 s must neither seem fresh
forever nor be thrown away at once."""

ADOPT, FAIL, TAKE, EXCHANGE, WAIT, LATER, ALONE = (
    "adopt", "fail", "take", "exchange", "wait", "later", "alone"
)  # fmt: skip
"""What `next_step` says."""


def keys(name: str) -> list[str]:
    """The keys of a grant, in the order of `KINDS`; the braces keep them together in a cluster."""
    return [f"tastyauth:{{{name}}}:{kind}" for kind in KINDS]


class Found(NamedTuple):
    """One look at the three keys; `lease_left` is in seconds, negative for a lease without end.

    `time` is the engine's, in epoch seconds. `asked_at` is this machine's, from before the look,
    so that nothing seems younger than it is; `read_at` is on the monotonic clock, after the look.
    """

    token: bytes | None
    attempt: bytes | None
    lease: bytes | None
    lease_left: float | None
    time: float
    asked_at: float
    read_at: float

    def time_at(self, monotonic: float) -> float:
        """The engine's time at a later moment of the monotonic clock; at most the true one."""
        return self.time + max(monotonic - self.read_at, 0.0)


def read(reply: object, asked_at: float, read_at: float) -> Found:
    """Parses the answer to a look; raises Trouble for one that no engine gives."""
    match reply:
        case [
            bytes() | None as token,
            bytes() | None as attempt,
            bytes() | None as lease,
            int(left),
            bytes(seconds),
            bytes(micros),
        ]:
            try:
                time = int(seconds) + int(micros) / 1e6
            except (ValueError, OverflowError):
                raise Trouble("its answer is not a time") from None
            # -2: no such key; -1: it never expires (PTTL)
            lease_left = None if left == -2 else left / 1000
            return Found(token, attempt, lease, lease_left, time, asked_at, read_at)
    raise Trouble("its answer does not fit the request")


def next_step(decision: str, found: Found, own: bytes, *, in_a_hurry: bool, patience: float) -> str:
    """What a machine does about what it found.

    ADOPT the token, FAIL with the attempt, TAKE the lease, EXCHANGE since it is one's own, WAIT for
    its holder, come back LATER, or go ALONE. `decision` is that of `cache.decide`, `own` the value
    of a lease of this machine, `patience` the seconds that it may still wait. A machine in a hurry
    has a token that is still good, and waits for nobody.
    """
    if decision == SERVE or (decision == AHEAD and not in_a_hurry):
        return ADOPT
    if decision == HOLD:
        return FAIL
    if found.lease == own:
        return EXCHANGE
    if patience <= 0:
        return ALONE
    if found.lease_left is None:
        return TAKE
    if not 0 <= found.lease_left <= LONGEST_LEASE:
        return ALONE
    return LATER if in_a_hurry else WAIT


class Token(NamedTuple):
    """An access token; seconds and epoch seconds of this machine, as in `cache.Entry`."""

    access_token: Secret
    issued_at: int
    life: int
    stored_at: float


def write_token(token: Token, issued: float, stored: float, clock: float) -> tuple[bytes, float]:
    """The value for others to read, and the seconds until it is worthless.

    `issued` and `stored` are the engine's time before the request and now; `clock` is this
    machine's, now.
    """
    said = {
        "access_token": token.access_token.reveal(),
        "life": token.life,
        "issued": issued,
        "stored": stored,
        "clock": clock,
    }
    return json.dumps(said).encode(), token.life - (stored - issued)


_NEVER = 1e11
"""Seconds: no time is further off, nor lasts longer."""

_UNREADABLE = (ValueError, KeyError, TypeError, OverflowError, RecursionError)


def _read(content: bytes | None) -> dict[str, Any]:
    """The document of a stored value; ValueError when a number in it is too large for a time."""

    def bounded(text: str) -> float:
        number = float(text)
        if not abs(number) < _NEVER:
            raise ValueError("no such time")
        return number

    said: dict[str, Any] = json.loads(
        content or b"", parse_int=bounded, parse_float=bounded, parse_constant=bounded
    )
    return said


def read_token(content: bytes | None, found: Found) -> Token | None:
    """The token that another machine has stored; None when there is none that can be used.

    Raises Trouble when its clock and this one's differ too much.
    """
    try:
        said = _read(content)
        token, life = str(said["access_token"]), int(said["life"])
        issued, stored, clock = (float(said[it]) for it in ("issued", "stored", "clock"))
    except _UNREADABLE:
        return None
    stored_at = found.asked_at - (found.time - stored)
    _agree(stored_at, clock)
    if issued > found.time + 1:  # the engine's clock was set back, or this is a different engine
        return None
    issued_at = int(found.asked_at - (found.time - issued))
    return Token(Secret(token), issued_at, life, stored_at)


def _agree(here: float, there: float) -> None:
    """Raises Trouble when the clock of the machine that asked says another time than this one's.

    Both are sealed with what was stored, or follow from it: an engine that lies about its time
    cannot make an old value seem new.
    """
    if abs(here - there) > _ALIKE:
        raise Trouble(
            "this machine's clock and that of the machine that asked the server differ by"
            f" {abs(here - there):.6g} s"
        )


_ATTEMPT = ("code", "kind", "reason", "asked_for", "message", "hint", "secrets", "failures")


def write_attempt(attempt: Attempt, ended: float, clock: float) -> tuple[bytes, float]:
    """The value for others to read, and the seconds until it is worthless.

    `ended` is the engine's time, `clock` this machine's, now. The digest of the secrets is this
    machine's own, so it only says whether there is one: every machine that can read this has the
    same secrets.
    """
    pause = max(attempt.not_before - attempt.ended_at, 0.0)
    said = {name: getattr(attempt, name) for name in _ATTEMPT}
    said |= {"secrets": bool(attempt.secrets), "pause": pause, "ended": ended, "clock": clock}
    return json.dumps(said).encode(), pause + _MEMORY


def read_attempt(content: bytes | None, found: Found, secrets: str) -> Attempt:
    """The failure of another machine as if it were one of this machine, with its `secrets`.

    Raises Trouble when its clock and this one's differ too much.
    """
    try:
        said = _read(content)
        code, failures = int(said["code"]), int(said["failures"])
        ended_at = found.asked_at - (found.time - float(said["ended"]))
        _agree(ended_at, float(said["clock"]))
        return Attempt(
            ended_at=ended_at,
            code=code,
            kind=str(said["kind"]),
            reason=str(said["reason"]),
            asked_for=float(said["asked_for"]),
            message=str(said["message"]),
            hint=str(said["hint"]),
            secrets=secrets if said["secrets"] else "",
            not_before=ended_at + float(said["pause"]),
            failures=failures,
            failed_at=ended_at,
            failed_code=code,
        )
    except _UNREADABLE:
        return Attempt()
