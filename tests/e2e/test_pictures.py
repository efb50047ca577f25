"""The pictures in README and docs are of real runs; `--write` draws them."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from golden import Golden
from told import EXAMPLES
from world import CONFIG, World

from tastyauth.simulator import Simulator

from .parts import REPOSITORY, installed

PICTURES = f"{REPOSITORY}/tests/pictures"

COMMANDS = ("validate tastyauth.yaml", "doctor", "status")

SESSION = (
    "eval $(tastyauth env)",
    'echo "$TASTYTRADE_ENV at $TASTYTRADE_API_URL"',
    "tastyauth token --header | curl -sSH @- $TASTYTRADE_API_URL/customers/me/accounts |"
    " grep -o 5WT.....",
    "tastyauth exec -- python3 bot.py",
    'eval $(tastyauth env -p papr) || echo "exit $?, token: ${TASTYTRADE_ACCESS_TOKEN-none}"',
)
"""What is typed in bash for the picture of the README."""

_TYPED = 'for line; do printf "\\n$ %s\\n" "$line"; eval "$line"; done 2>&1'

BOT = """\
import json, os, urllib.request

request = urllib.request.Request(
    os.environ["TASTYTRADE_API_URL"] + "/customers/me/accounts",
    headers={
        "Authorization": "Bearer " + os.environ["TASTYTRADE_ACCESS_TOKEN"],
        "User-Agent": "bot/1.0",
    },
)
answer = json.load(urllib.request.urlopen(request))
print(len(answer["data"]["items"]), "accounts, ready to trade")
"""

TWO_PROFILES = f"""\
default_profile: live
{CONFIG}\
  paper:
    environment: sandbox
    client_id: 11111111-2222-4333-8444-555555555555
    client_secret: {{{{ file: paper.client-secret }}}}
    refresh_token: {{{{ pass: tastyauth/paper/refresh_token }}}}
"""

SETTLED = (
    (r"127\.0\.0\.1:\d+", "127.0.0.1:8080"),
    (r"\d\d\d\d-\d\d-\d\d, today", "2026-01-02, today"),
    (r" \(\d\.\d\d s\)", ""),
    (r"\d+ s ago", "0 s ago"),
)
"""What differs from run to run, and what stands for it in a picture."""


@pytest.fixture
def world(tmp_path: os.PathLike[str]) -> Iterator[World]:
    """Two profiles, one with its token, and in the project a config with mistakes."""
    with Simulator() as simulator:
        world = World(os.fspath(tmp_path), simulator)
        world.configure(TWO_PROFILES)
        shutil.copy(f"{EXAMPLES}/invalid/several-at-once.yaml", f"{world.project}/tastyauth.yaml")
        assert world.run("--config", world.config, "token").code == 0
        yield world


def drawn(world: World, command: str) -> str:
    words = command.split() if "validate" in command else ["--config", world.config, command]
    done = world.run(*words, "--color", "always")
    assert done.err == ""
    return picture(world, f"tastyauth {command}", f"$ tastyauth {command}\n{done.out}")


def picture(world: World, title: str, text: str) -> str:
    """A terminal that shows `text`, without what differs from run to run."""
    application = (world.simulator.application.client_id, "0c7b8898-a2f1-49bb-a23d-843e47b68631")
    for found, settled in (*SETTLED, application, (world.home, "/home/me")):
        text = re.sub(found, settled, text)
    rendered = subprocess.run(
        [installed("pictures/bin/python"), f"{PICTURES}/render.py", title],
        input=text,
        env={},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return rendered.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_a_picture_is_of_a_real_run(world: World, command: str, golden: Golden) -> None:
    path = f"{PICTURES}/{command.split()[0]}.svg"
    golden(path, drawn(world, command))


def test_the_first_picture_is_of_a_real_session(world: World, golden: Golden) -> None:
    world.write(f"{world.project}/bot.py", BOT)
    os.unlink(f"{world.project}/tastyauth.yaml")
    done = world.run_program("bash", "-c", _TYPED, "bash", *SESSION, FORCE_COLOR="1")
    assert done.code == 0
    golden(f"{PICTURES}/session.svg", picture(world, "tastyauth session", done.out.lstrip()))
