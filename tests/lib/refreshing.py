"""Refreshes in the process of the test, without a cache and without the command line."""

import time
from dataclasses import dataclass, field
from typing import Any

from listener import Listener
from world import World

from tastyauth.cache import Asked, Terms
from tastyauth.cache.last_attempt import Policy
from tastyauth.config import Profile, parse
from tastyauth.secret import Secret
from tastyauth.session import Session, refresh
from tastyauth.session.exchanging import Refreshed, Secrets, Task
from tastyauth.session.rotation import Grant
from tastyauth.sources import Surroundings


@dataclass
class Machine:
    """A world whose profile is refreshed in this process."""

    world: World
    listener: Listener = field(default_factory=Listener)

    def configure(self, config: str) -> None:
        self.world.configure(config)

    @property
    def profile(self) -> Profile:
        with open(self.world.config, "rb") as file:
            return parse(file.read(), self.world.config, home=self.world.home).profile(None)

    @property
    def around(self) -> Surroundings:
        return Surroundings(self.world.environ, interactive=False, home=self.world.home)

    @property
    def grants(self) -> str:
        return f"{self.world.home}/.local/state/tastyauth/grants"

    @property
    def source(self) -> str:
        return f"{self.world.config_directory}/live.refresh-token"

    def session(self, profile: str | None = None, **terms: Any) -> Session:
        """The session of a caller who starts now."""
        with open(self.world.config, "rb") as file:
            asked = Asked((self.world.config, "user"), file.read(), profile, self.world.environ)
        started = Terms(started_at=time.time(), **terms)
        return Session(asked, started, self.around, self.listener)

    def task(self, *, in_a_hurry: bool = False) -> Task:
        return Task.of(self.profile, self.around, self.listener, in_a_hurry=in_a_hurry)

    def secrets(self) -> Secrets:
        return refresh.resolve_secrets(self.task())

    def refresh(
        self, secrets: Secrets | None = None, *, in_a_hurry: bool = False, **more: Any
    ) -> Refreshed:
        """With these secrets, or with what its sources hold now."""
        task = self.task(in_a_hurry=in_a_hurry)
        return refresh.refresh(task, secrets or self.secrets(), **more)

    def stored(
        self,
        secrets: Secrets | None = None,
        policy: Policy | None = None,
        *,
        in_a_hurry: bool = False,
    ) -> Refreshed:
        """The same, with secrets read again when they have moved."""
        task = self.task(in_a_hurry=in_a_hurry)
        return refresh.refresh_stored(task, secrets or self.secrets(), policy)

    def grant(self, declared: str) -> Grant:
        of = self.world.simulator.application.client_id
        return refresh.grant_of(self.task(), of, Secret(declared))
