"""The recipes of docs/python.md and docs/assistants.md, as a reader would copy them."""

import json
import os
import shutil

import pytest
from documents import rows
from world import Completed

from tastyauth.simulator import Simulator

from .credentials import Credentials, configure
from .parts import HERE, PATH, REPOSITORY, installed, program, tastyauth
from .processes import Place
from .recipes import adapted, recipe

ACCOUNTS = ("5WT00001", "5WT00002")


@pytest.fixture
def here(place: Place) -> Place:
    """A home with tastyauth, `python` and `node` on the PATH; `python` has clients too."""
    binaries = os.path.join(place.home, "bin")
    os.mkdir(binaries)
    interpreter = installed("tastytrade/bin/python")
    for name, target in {"tastyauth": tastyauth(), "python": interpreter}.items():
        path = os.path.join(binaries, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(f'#!/bin/sh\nexec "{target}" "$@"\n')
        os.chmod(path, 0o700)
    os.symlink(program("node"), os.path.join(binaries, "node"))
    place.variables |= {"PATH": f"{binaries}:{PATH}", "PYTHONPATH": REPOSITORY}
    return place


def set_up(place: Place, broker: Simulator, exports: str = "") -> Credentials:
    """The profile `live` of this home, at this broker, with these exports."""
    credentials = Credentials.of(broker)
    configure(place, credentials, "custom", broker.origin, profile="live")
    if exports:
        config = os.path.join(place.home, ".config", "tastyauth", "tastyauth.yaml")
        with open(config, "a", encoding="ascii") as file:
            file.write(f"    exports: {exports}\n")
    return credentials


def exports_for(who: str) -> str:
    """What the table in docs/python.md says that a profile for this kind of program exports."""
    table = rows("docs/python.md", "Programs in any language")
    (found,) = (row[1].strip("`") for row in table if row[0] == who)
    return found


def run_python(place: Place, text: str) -> Completed:
    done = place.run_program("python", "-c", text)
    assert (done.code, done.err) == (0, "")
    return done


def test_a_token_for_anything_that_takes_one(here: Place) -> None:
    with Simulator() as broker:
        set_up(here, broker)
        told = run_python(
            here, recipe("python", "# a token") + "\nprint(headers['Authorization'])"
        ).out
        assert told == f"Bearer {here.run_program('tastyauth', 'token').out}"
        assert broker.token_requests == 1


def test_a_client_of_httpx(here: Place) -> None:
    with Simulator() as broker:
        set_up(here, broker)
        text = adapted(recipe("python", "# httpx"), {"https://api.tastyworks.com": broker.origin})
        assert ACCOUNTS[1] in run_python(here, text + "\nprint(accounts)").out
        text = text.replace("httpx", "httpx2")
        assert ACCOUNTS[1] in run_python(here, text + "\nprint(accounts)").out
        assert broker.token_requests == 1


def test_a_bot_on_the_communitys_sdk(here: Place) -> None:
    with Simulator() as broker:
        set_up(here, broker)
        assert ACCOUNTS[0] in run_python(here, recipe("python", "# tastytrade")).out
        assert broker.token_requests == 1


def test_an_unchanged_bot_on_the_communitys_sdk(here: Place) -> None:
    """It reads TT_SECRET and TT_REFRESH itself."""
    shutil.copy(os.path.join(HERE, "programs", "pypi_client.py"), f"{here.home}/bot.py")
    with Simulator() as broker:
        set_up(here, broker, exports_for("bots on tastyware's SDK"))
        given = {"ENVIRONMENT": "sandbox", "BASE_URL": broker.origin, "LISTS": "1"}
        done = here.run_program("sh", "-c", recipe("sh", "# a bot in Python"), **given)
        assert json.loads(done.out)["accounts"] == [ACCOUNTS[0]]


def test_an_unchanged_bot_on_the_brokers_client(here: Place) -> None:
    shutil.copy(os.path.join(HERE, "programs", "bot_npm.mjs"), f"{here.home}/bot.mjs")
    os.symlink(installed("npm/node_modules"), f"{here.home}/node_modules")
    with Simulator() as broker:
        set_up(here, broker, exports_for("bots on `@tastytrade/api`"))
        given = {"TASTYTRADE_API_URL": "http://127.0.0.1:1", "SECONDS": "0.1"}  # another's
        done = here.run_program("sh", "-c", recipe("sh", "# a bot in JavaScript"), **given)
        assert json.loads(done.out) == {"calls": 1, "failures": []}


def test_an_mcp_server_whose_client_knows_no_secret(here: Place) -> None:
    """Started as a client starts it: the command and its arguments, and what they say in JSON."""
    shutil.copy(os.path.join(HERE, "programs", "mcp_server.mjs"), f"{here.home}/index.mjs")
    server = "/home/me/tastytrade-mcp/dist/index.js"
    changes = {"/home/me/.local/bin/tastyauth": tastyauth(), server: f"{here.home}/index.mjs"}
    described = json.loads(adapted(recipe("json", '{\n  "mcpServers"'), changes))
    started = described["mcpServers"]["tastytrade"]
    asked = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize"})
    with Simulator() as broker:
        set_up(here, broker, exports_for("tastytrade's MCP server"))
        done = here.run_program(
            started["command"],
            *started["args"],
            given=f"{asked}\n",
            TASTYTRADE_API_URL="http://127.0.0.1:1",  # another's
        )
        assert (done.code, done.err) == (0, "")
        told = json.loads(done.out)
        assert told["result"] == {"status": 200, "environment": "sandbox"}


SHOW = ("direnv", "exec", ".", "sh", "-c", 'echo "${TASTYTRADE_ACCESS_TOKEN-none}"')


def test_a_directory_of_direnvs(here: Place) -> None:
    """The variables come when it is entered, and do not when there is no token."""
    program("direnv")
    with Simulator() as broker:
        set_up(here, broker)
        with open(f"{here.home}/.envrc", "w", encoding="ascii") as file:
            file.write(recipe("sh", "# .envrc"))
        assert here.run_program("direnv", "allow").code == 0
        assert here.run_program(*SHOW).out == here.run_program("tastyauth", "token").out
        broker.fail = "grant-revoked"
        assert here.run_program("tastyauth", "clear").code == 0
        failed = here.run_program(*SHOW, TASTYTRADE_ACCESS_TOKEN="left over")
        assert failed.out == "none\n"
        assert "tastyauth: error: " in failed.err
