"""asyncio and trio: the event loop goes on while a token comes, and nobody waits for another."""

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from gated import Gated
from needs import missing
from world import CONFIG, World, finish, until

TWO = (CONFIG + CONFIG.partition("profiles:\n")[2].replace("  live:", "  paper:")).replace(
    "profiles:", "default_profile: live\nprofiles:"
)

TASKS = """\
import time, trio, tastyauth, httpx

async def main():
    live = await tastyauth.aget_credential("live")
    auth = tastyauth.TastytradeAuth("live")
    tokens = []

    async def ask():
        tokens.append((await tastyauth.aget_credential("paper")).access_token.reveal())

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(ask)
        with trio.fail_after(30):
            while not await trio.Path("asked").exists():
                await trio.sleep(0.01)
        began = time.monotonic()
        again = await tastyauth.aget_credential("live")
        async with httpx.AsyncClient(auth=auth, base_url=live.api_url) as client:
            accounts = await client.get("/customers/me/accounts")
        assert time.monotonic() - began < 5
        assert not tokens and accounts.status_code == 200
        assert again.access_token == live.access_token
        with open("go", "x"):
            pass
    assert len(tokens) == 8 and len(set(tokens)) == 1

trio.run(main)
"""


@pytest.fixture
def simulator() -> Iterator[Gated]:
    """The broker of the world."""
    with Gated() as simulator:
        yield simulator


def test_tasks_of_trio_share_one_exchange_and_wait_for_no_other(
    world: World, simulator: Gated
) -> None:
    """The exchange of `paper` hangs until the loop has done something for `live`."""
    if find_spec("trio") is None:
        missing("trio is not installed")
    world.configure(TWO)
    there = world.project
    assert world.run("token", "-p", "live").code == 0
    simulator.shut()
    with world.started(sys.executable, "-c", TASKS) as process:
        until(lambda: simulator.is_asked.is_set() or process.poll() is not None)
        world.write(f"{there}/asked", "")
        until(lambda: process.poll() is not None or "go" in os.listdir(there))
        simulator.gate.set()
        done = finish(process)
    assert (done.code, done.err) == (0, "")
    assert simulator.exchanges == 2
