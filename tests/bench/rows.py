"""The rows of the table: what is measured, beside what, and how it should come out."""

import json
import os
from collections.abc import Callable, Iterator
from statistics import median

from . import shared
from .measure import PEAKS, Command, Measured, measure
from .neighbours import NEIGHBOURS
from .table import Row
from .world import HERE, PATH, NotHere, World, find

_AT_ONCE = 200
"""Processes that want the same token."""

_ROUND_TRIP = 0.2
"""Seconds that the broker is away from them."""

_HIT = "`tastyauth env`, hit"


def hit(world: World, rounds: int = 200) -> Iterator[Row]:
    """A cached token costs no more than starting Python."""
    ours = world.tastyauth("env", name=_HIT)
    python = world.python("-I", "-c", "pass")
    world.output_of(ours)
    measured = measure((ours, python), rounds)
    yield _ratio(measured, ours, python, 1.0)
    more = measured.peaks[ours.name] - measured.peaks[python.name]
    yield Row(f"{ours.name} − {python.name}, peak MiB", more, 1.0, rounds=PEAKS)


def neighbours(world: World, rounds: int = 25) -> Iterator[Row]:
    """How long other programs take to hand out something they already have."""
    ours = world.tastyauth("env", name=_HIT)
    world.output_of(ours)
    here = []
    for name, set_up in NEIGHBOURS.items():
        try:
            here.append(set_up(world, name))
        except NotHere as error:
            yield Row(f"{name} / {ours.name}", None, absent=str(error))
    measured = measure((ours, *here), rounds)
    for neighbour in here:
        yield _ratio(measured, neighbour, ours)


_PROMPTS = 20_000

# A shell that has its token, and then as many prompts as it is told, each with its hook and each
# without.
_HOOKED = {
    "bash": """\
eval "$(tastyauth hook bash)"
_tastyauth_hook
begin=${EPOCHREALTIME/./}
for ((i = 0; i < $1; i++)); do _tastyauth_hook; done
between=${EPOCHREALTIME/./}
for ((i = 0; i < $1; i++)); do :; done
echo "$((between - begin - (${EPOCHREALTIME/./} - between)))"
""",
    "zsh": """\
zmodload zsh/datetime
eval "$(tastyauth hook zsh)"
_tastyauth_hook
begin=$EPOCHREALTIME
for ((i = 0; i < $1; i++)); do _tastyauth_hook; done
between=$EPOCHREALTIME
for ((i = 0; i < $1; i++)); do :; done
echo "$((1e6 * (between - begin - (EPOCHREALTIME - between))))"
""",
}
_GOALS = {"bash": 10.0, "zsh": 15.0}


def hook(world: World, rounds: int = 5) -> Iterator[Row]:
    """A prompt while the token is fresh: nothing is started, and there is no delay to notice."""
    world.output_of(world.tastyauth("env"))
    for name, script in _HOOKED.items():
        try:
            argv = (find(name), "-c", script, name)
            environ = {**world.tastyauth().environ, "PATH": f"{world.venv}/bin:{PATH}"}
            said = (
                world.output_of(Command(name, (*argv, str(_PROMPTS)), environ))
                for _ in range(rounds)
            )
            figure = median(float(microseconds) / _PROMPTS for microseconds in said)
            yield Row(f"hook in {name}, µs for a prompt", figure, _GOALS[name], rounds=rounds)
            strace = (
                find("strace"),
                "-f",
                "-qq",
                "-e",
                "trace=?fork,?vfork,?clone,?clone3",
                "-e",
                "signal=none",
                "-o",
                f"{world.home}/trace",
            )
            counts = []
            for prompts in "0", "100":
                world.output_of(Command(name, (*strace, *argv, prompts), environ))
                with open(f"{world.home}/trace", encoding="utf-8", errors="replace") as file:
                    # a call that another process interrupts has a second line
                    counts.append(sum("resumed>" not in line for line in file))
            yield Row(
                f"hook in {name}, processes for 100 prompts", counts[1] - counts[0], 0.0, rounds=1
            )
        except NotHere as error:
            yield Row(f"hook in {name}", None, absent=str(error))


def exchange(world: World, rounds: int = 40) -> Iterator[Row]:
    """A new token, from a config that has not changed: what cron does every 15 minutes."""
    ours = world.tastyauth("env", name="`tastyauth env`, exchange", before=world.forget_token)
    by_curl, by_httpx = _curl(world), _httpx(world)
    world.output_of(ours)
    measured = measure((ours, by_curl, by_httpx), rounds)
    yield _ratio(measured, ours, by_curl, 3.5)
    yield _ratio(measured, ours, by_httpx, 0.95)


def first(world: World, rounds: int = 30) -> Iterator[Row]:
    """A new token, from a config that was never seen: it is checked against the schema too."""
    ours = world.tastyauth("env", name="`tastyauth env`, first", before=world.forget_everything)
    by_curl = _curl(world)
    yield _ratio(measure((ours, by_curl), rounds), ours, by_curl, 5.5)


def herd(world: World, rounds: int = 5) -> Iterator[Row]:
    """Many at once: one process gets the token for all of them."""
    forgotten = 0

    def before() -> None:
        nonlocal forgotten
        forgotten += 1
        world.forget_token()

    all_hit = world.tastyauth("env", name=f"{_AT_ONCE} hits", together=_AT_ONCE)
    none_hit = world.tastyauth(
        "env", name=f"{_AT_ONCE} at once without a token", before=before, together=_AT_ONCE
    )
    world.output_of(world.tastyauth("env"))
    so_far = world.broker.token_requests
    world.broker.pause = _ROUND_TRIP
    measured = measure((all_hit, none_hit), rounds)
    world.broker.pause = 0.0
    yield _ratio(measured, none_hit, all_hit, 1.4)
    requests = (world.broker.token_requests - so_far) / forgotten
    yield Row(f"{none_hit.name}, exchanges", requests, 1.0, rounds=forgotten)


def validate(world: World, rounds: int = 20) -> Iterator[Row]:
    """A config of 60 lines, checked."""
    config = os.path.join(HERE, "sixty-lines.yaml")
    schema = world.write("tastyauth.schema.json", world.output_of(world.tastyauth("schema")))
    ours = world.tastyauth("validate", config, name="`tastyauth validate`, 60 lines")
    imports = world.python("-I", "-c", "import yaml, jsonschema", name="`import yaml, jsonschema`")
    others = {
        "check-jsonschema": ("--schemafile", schema, config),
        "ajv": ("validate", "--spec=draft2020", "--strict=false", "-s", schema, "-d", config),
    }
    goals = {imports.name: 1.10, "`check-jsonschema`": 0.45, "`ajv`": 0.45}
    commands = [ours, imports]
    for name, words in others.items():
        try:
            commands.append(Command(f"`{name}`", (find(name), *words), world.environ))
        except NotHere as error:
            yield Row(f"{ours.name} / `{name}`", None, absent=str(error))
    measured = measure(commands, rounds)
    for beside in commands[1:]:
        yield _ratio(measured, ours, beside, goals[beside.name])


def library(world: World, rounds: int = 60) -> Iterator[Row]:
    """A program that imports tastyauth pays for what it uses, when it uses it."""
    ours = world.python("-I", "-c", "import tastyauth", name="`import tastyauth`")
    python = world.python("-I", "-c", "pass")
    yield _ratio(measure((ours, python), rounds), ours, python, 1.05)


GROUPS: dict[str, Callable[..., Iterator[Row]]] = {
    "hit": hit,
    "neighbours": neighbours,
    "hook": hook,
    "exchange": exchange,
    "first": first,
    "herd": herd,
    "shared": shared.rows,
    "validate": validate,
    "library": library,
}
"""By the name that `--only` takes; each may be told how many rounds to run."""


def _ratio(measured: Measured, command: Command, beside: Command, goal: float | None = None) -> Row:
    return Row(
        f"{command.name} / {beside.name}",
        measured.ratio(command, beside),
        goal,
        rounds=measured.rounds,
        times=f"{measured.milliseconds(command):.1f} / {measured.milliseconds(beside):.1f}",
        peaks=f"{measured.peaks[command.name]:.1f} / {measured.peaks[beside.name]:.1f}",
    )


def _curl(world: World) -> Command:
    """The exchange as the docs and `as-curl` show it."""
    argv = (find("curl"), "--silent", "--fail", "--cacert", world.bundle)
    headers = (
        "--header",
        "User-Agent: tastyauth/1.0",
        "--header",
        "Content-Type: application/json",
    )
    body = {"grant_type": "refresh_token", **_secrets(world)}
    words = (*argv, *headers, "--data", json.dumps(body), world.token_endpoint)
    return Command("`curl`", words, world.environ)


def _httpx(world: World) -> Command:
    """The exchange in the least that one can write with httpx."""
    script = os.path.join(HERE, "by_httpx.py")
    command = world.python(script, world.bundle, name="minimal httpx script")
    secrets = {name.upper(): value for name, value in _secrets(world).items()}
    environ = {**command.environ, **secrets, "TOKEN_ENDPOINT": world.token_endpoint}
    return Command(command.name, command.argv, environ)


def _secrets(world: World) -> dict[str, str]:
    application = world.broker.application
    return {
        "client_id": application.client_id,
        "client_secret": application.client_secret.reveal(),
        "refresh_token": application.refresh_token.reveal(),
    }
