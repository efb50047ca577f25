"""How a bot here runs: a call now and then, for SECONDS, and a line of JSON at the end."""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable

_PACE = 1.5
"""Seconds between two calls."""


class Life:
    """What became of the calls so far."""

    def __init__(self) -> None:
        self.calls = 0
        self.failures: list[str] = []
        self._end = time.monotonic() + float(os.environ["SECONDS"])

    def goes_on(self) -> bool:
        """Counts a call; False when the time is up, after printing the summary."""
        if time.monotonic() < self._end:
            self.calls += 1
            return True
        print(json.dumps({"calls": self.calls, "failures": self.failures}))
        return False

    def failed(self, problem: Exception) -> None:
        self.failures.append(f"{type(problem).__name__}: {problem}")


def live(call: Callable[[], object]) -> None:
    """Makes the call again and again; whatever it raises is a failure."""
    life = Life()
    while life.goes_on():
        try:
            call()
        except Exception as problem:  # noqa: BLE001
            life.failed(problem)
        time.sleep(_PACE)


async def alive(call: Callable[[], Awaitable[object]]) -> None:
    """`live` for asyncio."""
    life = Life()
    while life.goes_on():
        try:
            await call()
        except Exception as problem:  # noqa: BLE001
            life.failed(problem)
        await asyncio.sleep(_PACE)
