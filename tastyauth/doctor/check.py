"""One link of the chain, in what state it was found, and what to do about it."""

from dataclasses import dataclass

from tastyauth.errors import TastyauthError

PASSED, WARNED, FAILED, SKIPPED = "passed", "warned", "failed", "skipped"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at one link found; `hint` says what to do next, where there is something.

    `outcome` says of a reference what became of it (`references.OUTCOMES`).
    """

    state: str
    message: str
    hint: str = ""
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A verdict, the link it is about, and how long the look took, None when there was none.

    Names stay the same from version to version.
    """

    name: str
    state: str
    message: str
    hint: str = ""
    outcome: str = ""
    seconds: float | None = None


def passed(message: str) -> Verdict:
    """It holds."""
    return Verdict(PASSED, message)


def warned(message: str, hint: str) -> Verdict:
    """It holds, and somebody should know this about it."""
    return Verdict(WARNED, message, hint)


def failed(error: TastyauthError) -> Verdict:
    """It does not hold."""
    return Verdict(FAILED, error.message, error.hint)


def skipped(reason: str) -> Verdict:
    """It was not looked at."""
    return Verdict(SKIPPED, reason)
