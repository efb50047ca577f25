"""The stand-in for tastytrade, and a whole run against it: `simulator` and `demo`."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from typing import NamedTuple

from tastyauth import locate, shells
from tastyauth.cli.command import Arguments
from tastyauth.cli.console import Console
from tastyauth.config.new_profile import HEAD, NewProfile
from tastyauth.errors import OutputError, TastyauthError, UsageError, reason_of
from tastyauth.posix import files, quote
from tastyauth.simulator import Simulator

_MADE = "# made by tastyauth simulator"

_STEP_LIMIT = 60.0
"""Seconds; a step takes well under one."""

_ACCOUNTS = """\
import json, os, urllib.request
request = urllib.request.Request(
    os.environ["TASTYTRADE_API_URL"] + "/customers/me/accounts",
    headers={
        "Authorization": "Bearer " + os.environ["TASTYTRADE_ACCESS_TOKEN"],
        "User-Agent": "demo/1.0",
    },
)
for item in json.load(urllib.request.urlopen(request))["data"]["items"]:
    print("account ..." + item["account"]["account-number"][-4:])
"""


class _Step(NamedTuple):
    says: str
    types: str
    ends_with: int = 0


_BEFORE = (
    _Step("the config says where the secrets are, and contains none", "cat tastyauth.yaml"),
    _Step("in pre-commit: check it without touching a secret", "tastyauth validate tastyauth.yaml"),
    _Step(
        "one exchange, and the exports (cut short here; they contain a real token from the"
        " simulator)",
        r"tastyauth env | tr '&' '\n' | grep export | cut -c 1-72",
    ),
    _Step(
        "in a shell",
        'eval $(tastyauth env); echo "status $?, $TASTYTRADE_ENV at $TASTYTRADE_API_URL"',
    ),
    _Step("in cron: start a program with the token", "tastyauth exec -- python3 accounts.py"),
)

_AFTER = (
    _Step(
        "now the grant is deleted at the broker; a cached token would still work for a while",
        "tastyauth clear",
    ),
    _Step(
        "eval fails with tastyauth's own exit code, and the old token is gone",
        "TASTYTRADE_ACCESS_TOKEN=stale\n"
        'eval $(tastyauth env); echo "status $?, token: ${TASTYTRADE_ACCESS_TOKEN-gone}"',
    ),
    _Step("and no program runs without a token", "tastyauth exec -- python3 accounts.py", 77),
)


def run_simulator(arguments: Arguments, console: Console) -> int:
    """Serves until a signal ends this run; the credentials on stdout are its product."""
    with Simulator(
        environment=arguments.environment,
        port=arguments.port,
        fail=arguments.fail,
        lifetime=arguments.lifetime,
        seed=arguments.seed,
        scopes="" if arguments.scopes == "none" else f"{arguments.scopes} openid".replace(",", " "),
    ) as simulator:
        application = simulator.application
        accepted = {
            "origin": simulator.origin,
            "api_url": simulator.origin,  # in the words of a config
            "client_id": application.client_id,
            "client_secret": application.client_secret.reveal(),
            "refresh_token": application.refresh_token.reveal(),
        }
        scopes = () if arguments.scopes == "none" else tuple(arguments.scopes.split(","))
        where = ("custom", simulator.origin, application.client_id, "file", scopes)
        text = HEAD + NewProfile("simulator", *where).block()
        if arguments.config:
            _write(arguments.config, f"{_MADE}\n{text}", accepted, console)
        # first, so that a reader of the credentials may stop it at once
        console.say(f"serving {simulator.origin} until interrupted")
        console.out(json.dumps(accepted) + "\n")
        threading.Event().wait()
    return 0


def _write(path: str, ready: str, accepted: Mapping[str, str], console: Console) -> None:
    """Writes a config and its secrets beside it, where no other config is; says what to type."""
    path = locate.absolute(path, console.environ)
    directory = os.path.dirname(path)
    try:
        if os.path.lexists(path) and not locate.read_config(path).startswith(_MADE.encode()):
            hint = "name a file that does not exist: --config simulator.yaml"
            raise UsageError(f"{path} already exists, and was not made by the simulator", hint)
        files.make_ancestors(path)
        for field in ("client_secret", "refresh_token"):
            place = f"{directory}/simulator.{field.replace('_', '-')}"
            files.write(place, accepted[field].encode() + b"\n")
        files.write(path, ready.encode())
    except OSError as error:
        what = f"{path} cannot be written: {reason_of(error)}"
        raise OutputError(what, "name another file") from None
    output = shells.for_shell(console.environ.get("SHELL", ""))
    line = shells.usage(output, f"tastyauth env --config {quote(path)}")
    console.say(f"wrote {path}; next, type in another terminal: {line}")


def run_demo(_: Arguments, console: Console) -> int:
    """Every step in a real shell; ends with an error when one does not do what it should."""
    os.umask(0o077)  # files in its home are private, whatever the caller's umask
    home = tempfile.mkdtemp(prefix="tastyauth-demo-")
    try:
        with Simulator() as simulator:
            _furnish(home, simulator)
            for step in _BEFORE:
                _take(step, home, console)
            simulator.fail = "grant-revoked"
            for step in _AFTER:
                _take(step, home, console)
        console.out(
            "\n# your turn; all of this was made up, and has been deleted\n"
            "$ tastyauth init                               # your own config, and a first token\n"
            "$ tastyauth simulator --config simulator.yaml  # or try more of it first\n"
        )
    finally:
        shutil.rmtree(home)
    return 0


def _furnish(home: str, simulator: Simulator) -> None:
    directory = f"{home}/.config/tastyauth"
    os.makedirs(directory, mode=0o700)
    os.mkdir(f"{home}/bin")
    application = simulator.application
    demo = NewProfile("demo", "custom", simulator.origin, application.client_id, "file")
    contents = {
        f"{directory}/tastyauth.yaml": HEAD + demo.block(),
        f"{directory}/accounts.py": _ACCOUNTS,
        f"{directory}/demo.client-secret": application.client_secret.reveal(),
        f"{directory}/demo.refresh-token": application.refresh_token.reveal(),
        f"{home}/bin/tastyauth": f'#!/bin/sh\nexec "{sys.executable}" -P -m tastyauth "$@"\n',
    }
    for path, content in contents.items():
        with open(path, "x", encoding="utf-8") as file:
            file.write(content)
    os.chmod(f"{home}/bin/tastyauth", 0o700)
    os.symlink(sys.executable, f"{home}/bin/python3")


def _take(step: _Step, home: str, console: Console) -> None:
    console.out(f"\n# {step.says}\n" + "".join(f"$ {line}\n" for line in step.types.split("\n")))
    done = subprocess.run(
        [shutil.which("bash") or "/bin/sh", "-c", step.types],
        cwd=f"{home}/.config/tastyauth",
        env={"HOME": home, "PATH": f"{home}/bin:{os.environ.get('PATH', os.defpath)}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_STEP_LIMIT,
        check=False,
    )
    console.out(done.stdout)
    if done.returncode != step.ends_with:
        what = f"this step of the demo exited with {done.returncode}, not {step.ends_with}"
        raise TastyauthError(what, "please report it, with the lines above")
