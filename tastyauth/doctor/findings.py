"""What the checks have found out so far: each builds on what those before it have left here."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tastyauth.cache import Asked, Entry
from tastyauth.config import Config, Profile
from tastyauth.exchange.claims import Claims
from tastyauth.exchange.server_text import Answer
from tastyauth.secret import Secret
from tastyauth.session.refresh import Audience, Secrets
from tastyauth.sources import Surroundings

Obtain = Callable[[Asked, Secrets, Audience], Entry]
"""One new token, by the way of every command; what was refused a moment ago stays refused."""


@dataclass(slots=True)
class Findings:
    """What was asked for, and below it what is known: set by the check whose name stands there.

    A check runs only when those that it needs have not failed, so it finds there what they set.
    """

    flag: str | None
    wanted: str | None
    surroundings: Surroundings
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
    def home(self) -> str:
        return self.surroundings.home

    @property
    def is_custom(self) -> bool:
        """Whether a server answers of which nothing is known."""
        return self.profile.environment == "custom"
