"""Brokers for tests of what goes on before a token request is answered."""

import asyncio
import threading
import time
from collections.abc import Callable

from world import LIMIT

from tastyauth.simulator import Simulator
from tastyauth.simulator.messages import Answer, Request


class Gated(Simulator):
    """A broker that takes a moment to issue a token, or waits for as long as its gate is shut."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def answer(self, request: Request) -> Answer:
        if request.path == "/oauth/token":
            self.is_asked.set()
            time.sleep(0.3)
            self.gate.wait(LIMIT)
        return super().answer(request)

    def shut(self) -> None:
        """From now on every token request waits until the gate is open again."""
        self.is_asked.clear()
        self.gate.clear()

    async def asked(self) -> None:
        """Waits until a request is at the gate; never returns in a blocked event loop."""
        while not self.is_asked.is_set():
            await asyncio.sleep(0.01)


class Meddling(Simulator):
    """A broker that rotates, and during whose answer something else happens."""

    def __init__(self) -> None:
        super().__init__(rotate=True)
        self.meanwhile: Callable[[], object] = str

    def answer(self, request: Request) -> Answer:
        self.meanwhile()
        return super().answer(request)
