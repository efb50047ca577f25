"""One link of the chain, in what state it was found, and what to do about it."""

import re
from dataclasses import dataclass

from tastyauth.errors import TastyauthError
from tastyauth.sources.label import printable

PASSED, WARNED, FAILED, SKIPPED = "passed", "warned", "failed", "skipped"

_ACCOUNT_NUMBER = re.compile(r"(?<![A-Za-z0-9])[0-9][A-Z]{2}[0-9](?=[0-9]{4}(?![A-Za-z0-9]))")


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


def fit_to_paste(text: str, home: str) -> str:
    """`text` on one line, with the home directory as `~`, and of account numbers the last four."""
    text = _ACCOUNT_NUMBER.sub("****", printable(text))
    if home in ("", "/"):
        return text
    return re.sub(rf"(?<![\w./~-]){re.escape(home)}(?![\w.-])", "~", text)
