"""Credentials that were mixed up end a run before a request, whatever source they come from."""

import json
import os
import socket

import mixed_up
import pytest
from mixed_up import MIXED_UP, OF_TASTYTRADE, RIGHT, SOURCES
from stand_ins import keyring_in
from world import World

pytestmark = pytest.mark.warm


@pytest.mark.parametrize("source", SOURCES)
def test_nothing_is_sent(source: str, world: World) -> None:
    """It ends with 77, or with 69 where the source refuses the value, and says what to do.

    The keyring is a stand-in; a real one is in `tests/e2e/test_mixed_up.py`.
    """
    folder = keyring_in(world) if source == "keyring" else ""
    for name in (RIGHT, *MIXED_UP):
        mixed_up.configure(world, source, name)
        mixed_up.store(world, name)
        for field in ("client-secret", "refresh-token") if folder else ():
            stored = f"{world.config_directory}/live.{field}"
            os.rename(stored, f"{folder}/tastyauth live.{field}")
        with socket.create_server(("127.0.0.1", 0)) as proxy:
            proxy.setblocking(False)
            done = world.run("token", https_proxy=f"http://127.0.0.1:{proxy.getsockname()[1]}")
            with pytest.raises(BlockingIOError):
                proxy.accept()
        if name == RIGHT:  # the source works, and what is sent is counted
            assert (done.code, world.simulator.token_requests) == (0, 1), done.err
            world.run("clear")
            continue
        assert done.code == (69 if name == "curly quotes" else 77), (name, done.err)
        assert "hint: " in done.err, name
        assert world.client_secret not in done.err, name
        assert world.simulator.token_requests == 1, name


@pytest.mark.parametrize("name", MIXED_UP)
def test_the_doctor_names_it_as_the_first_broken_link(name: str, world: World) -> None:
    mixed_up.configure(world, "command", name)
    mixed_up.store(world, name)
    offline = ["--offline"] if name in OF_TASTYTRADE else []
    done = world.run("doctor", "--format", "json", *offline)
    assert done.code == 1
    checks = json.loads(done.out)["checks"]
    assert next(it["name"] for it in checks if it["state"] == "failed") == MIXED_UP[name][2]
    assert world.simulator.token_requests == 0
