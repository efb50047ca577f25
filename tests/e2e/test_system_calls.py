"""What the system is asked for, to the last call: nothing before it is allowed, no secret aloud."""

import os
import re
from collections.abc import Iterator

import pytest
from world import COMMAND, Completed, World, with_references

from tastyauth.simulator import Simulator

from .parts import program

HOSTILE = """\
version: 1
profiles:
  live:
    environment: custom
    api_url: {origin}
    client_id: {{ env: TT_CLIENT_ID }}
    client_secret: {{ command: [vault] }}
    refresh_token:
      first_of:
        - {{ file: secrets/refresh-token }}
        - {{ dotenv: {{ path: secrets/env, name: TT_REFRESH }} }}
        - {{ keyring: {{ service: a, username: b }} }}
        - {{ pass: a }}
    exports:
      LOOT_TOKEN: access_token
  other:
    environment: sandbox
    client_id: 11111111-2222-4333-8444-555555555555
    client_secret: {{ file: secrets/refresh-token }}
    refresh_token: {{ command: [vault, get] }}
default_profile: live
"""

COMMANDS = (
    *("env", "env --refresh --format fish", "env --format json", "env --unset", "-p other env"),
    *("token", "token --header --min-valid 0", "exec -- true", "exec --keep-fresh -- true"),
    *("status", "status --format json", "doctor", "doctor --cron", "doctor --offline", "as-curl"),
    *("secret set", "secret set --only refresh_token", "init", "init -p live", "init -p third"),
    *("hook bash", "hook zsh", "hook fish", "hook bash --answer first"),
    *("completion bash --profiles", "clear", "deny", "allow", "allow --print"),
    *("validate", "validate --format json", "no-secrets tastyauth.yaml"),
)
"""Whatever may find a config, or be pointed at one."""

LOOK_OR_START = "trace=execve,execveat,connect,sendto,sendmsg,bind,open,openat,openat2,fork,vfork"


@pytest.fixture
def world(simulator: Simulator, tmp_path: os.PathLike[str]) -> World:
    """A scratch home without a config of its own, whose PATH has a `vault` and a `pass`."""
    world = World(os.fspath(tmp_path), simulator)
    for name in ("vault", "pass"):
        world.script(name, f"touch {world.root}/ran; echo some-secret")
    return world


def traced(world: World, what: str, *words: str, given: str = "") -> tuple[Completed, list[str]]:
    """How a run ended, and the system calls that it and its children made."""
    log = f"{world.root}/calls"
    strace = (program("strace"), "-f", "-qq", "-v", "-s", "100000", "-e", what, "-o", log)
    done = world.run_program(*strace, COMMAND, *words, given=given)
    with open(log, encoding="utf-8", errors="replace") as file:
        return done, file.read().splitlines()


def starts(calls: list[str]) -> list[str]:
    """The programs that were started, the one under test and its interpreter left out."""
    found = [line for line in calls if re.search(r"\bexecve(?:at)?\(.* = 0$", line)]
    return found[1:]


@pytest.mark.parametrize("how", ["found", "named by a loaded .env"])
@pytest.mark.parametrize("words", COMMANDS)
def test_before_it_is_allowed_a_config_reaches_nothing(words: str, how: str, world: World) -> None:
    """No program, no socket, no file that it names, no name that it exports."""
    directory = f"{world.root}/elsewhere" if "named" in how else world.project
    path = world.configure(HOSTILE, directory=directory)
    world.write(f"{directory}/secrets/refresh-token", world.refresh_token)
    world.write(f"{directory}/secrets/env", f"TT_REFRESH={world.refresh_token}\n")
    if "named" in how:
        world.environ["TASTYAUTH_CONFIG"] = path
    given = f"{world.client_secret}\n{world.refresh_token}\n"
    done, calls = traced(world, LOOK_OR_START, *words.split(), given=given)
    assert starts(calls) == []
    assert [line for line in calls if re.search(r"(connect|send\w+|bind)\(", line)] == []
    assert [line for line in calls if f"{directory}/secrets/" in line] == []
    assert not os.path.exists(f"{world.root}/ran")
    assert world.simulator.token_requests == 0
    if words.startswith(("env", "-p", "hook")):
        assert "LOOT" not in done.out
    assert "export " not in done.out


KEPT = with_references(
    "env: TT_SECRET",
    "first_of: [{{ keyring: {{ service: a, username: b }} }}, {{ pass: tastytrade }}]",
)

STORE = 'if [ "$1" = insert ]; then cat >"$HOME/entry"; else cat "$HOME/entry"; fi'


@pytest.fixture
def rotating(tmp_path: os.PathLike[str]) -> Iterator[World]:
    """A world whose secrets are in a variable and in `pass`, and are renewed at each exchange."""
    with Simulator(rotate=True) as simulator:
        world = World(os.fspath(tmp_path), simulator)
        world.configure(KEPT)
        world.script("pass", STORE)
        world.write(f"{world.home}/entry", world.refresh_token)
        world.write(f"{world.home}/.password-store/.gpg-id", "me\n")
        world.environ["TT_SECRET"] = world.client_secret
        yield world


@pytest.mark.parametrize(
    "words",
    ["token", "env --refresh", "exec -- true", "exec --keep-fresh -- true", "doctor --cron"],
)
def test_no_program_is_given_a_secret_in_arguments_or_variables(
    words: str, rotating: World
) -> None:
    """Of all that are started, CMD of `exec` alone gets a token, and that is the access token."""
    first = rotating.refresh_token
    done, calls = traced(rotating, "trace=execve", *words.split())
    assert done.code == 0 or "doctor" in words, done.err
    started = starts(calls)
    assert any("keyring_child" in line for line in started)
    assert any('"insert"' in line for line in started) or "doctor" in words
    secrets = (rotating.client_secret, first, rotating.refresh_token)
    assert [line for line in started for secret in secrets if secret in line] == []
    with_token = [line for line in started if "TASTYTRADE_ACCESS_TOKEN=" in line]
    assert len(with_token) == ("exec" in words)
