"""What the checks report, and what each leaves for the checks after it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from tastyauth.cache import Asked, Entry
from tastyauth.config import Config, Profile
from tastyauth.exchange.claims import Claims
from tastyauth.exchange.server_text import Answer
from tastyauth.secret import Secret
from tastyauth.session.refresh import Audience, Secrets
from tastyauth.sources import Surroundings

PASSED, WARNED, FAILED, SKIPPED = "passed", "warned", "failed", "skipped"

Obtain = Callable[[Asked, Secrets, Audience], Entry]
"""Gets one new token as every command does; a recent refusal still counts."""


class Verdict(NamedTuple):
    """The result of one check; `hint` says what to do next, if anything.

    `outcome` says what became of a reference ("resolved", "absent", "asks", "hangs" or "fails").
    """

    state: str
    message: str
    hint: str = ""
    outcome: str = ""


class Check(NamedTuple):
    """A line of the report: a verdict with its name, which is the same in every version.

    `seconds` is how long the check took, None when it did not run.
    """

    name: str
    state: str
    message: str
    hint: str = ""
    outcome: str = ""
    seconds: float | None = None


passed, warned, skipped = (partial(Verdict, state) for state in (PASSED, WARNED, SKIPPED))
"""The three verdicts other than a failure: all is well, works but worth knowing, not checked."""


@dataclass(slots=True)
class Findings:
    """What was asked for, and below it what the check in the comment has found.

    A check runs only when those that it needs have not failed, so it can rely on what they set.
    From the check of the config on, `around` withholds what no program may see.
    """

    flag: str | None
    wanted: str | None
    around: Surroundings
    audience: Audience
    obtain: Obtain

    asked: Asked = field(init=False)  # config
    config: Config = field(init=False)  # config
    profile: Profile = field(init=False)  # config
    is_trusted: bool = field(init=False, default=False)  # trust
    secrets: dict[str, Secret] = field(init=False, default_factory=dict)  # client_id and so on
    claims: Claims = field(init=False)  # type
    answer: Answer = field(init=False)  # tls
    access_token: Secret = field(init=False)  # exchange

    @property
    def is_custom(self) -> bool:
        """Whether a server of unknown kind answers."""
        return self.profile.environment == "custom"
