"""What `doctor --cron` foretells of a source is what a real cron, Debian's, then makes of it.

One crontab has the line that the doctor prints for each kind of source, but for its schedule, and
cron runs them all at once. A clock of cron's own spares the wait for the next minute.
"""

import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from desk import DESK, config_with, furnish
from needs import missing
from world import World

from tastyauth.simulator import Simulator

from .parts import program

_LONGEST = 180.0
"""Seconds for all jobs of one crontab."""

_PREDICTED = re.compile("would (?:[a-z ]+)(?:, [a-z ]+)?: ")

# /run holds cron's own lock, /dev/shm faketime's, which is called by the number of its process; the
# machine's crontabs stay out. Jobs get the true time: cron does not pass its variables on.
_CRON = """
for directory in /run /dev/shm; do mount -t tmpfs tmpfs $directory; done
mount -t tmpfs tmpfs /var/spool/cron
mkdir -m 1730 /var/spool/cron/crontabs
mount -t tmpfs tmpfs /etc/cron.d
mount --bind /dev/null /etc/crontab
install -m 0644 "$0" /etc/cron.d/jobs
exec faketime -f '@2026-11-02 08:59:59' cron -f
"""

KEYRING = "{ keyring: { service: tastyauth, username: live } }"
OPEN, CLOSED = "{ pass: open/tt }", "{ pass: closed/tt }"
"""Entries of a password store: for a key without a passphrase, and for one with."""

_KEY = """\
Key-Type: eddsa
Key-Curve: ed25519
Subkey-Type: ecdh
Subkey-Curve: cv25519
Name-Real: {name}
Expire-Date: 0
{protection}
%commit
"""


@dataclass(frozen=True, slots=True)
class Job:
    """How a job ended, and what it wrote to stderr."""

    code: int
    err: str


@pytest.fixture
def desk() -> Iterator[World]:
    """A home at a desk; its path is short, since gpg puts sockets below it."""
    with Simulator() as simulator, tempfile.TemporaryDirectory(prefix="ta-") as root:
        world = World(root, simulator)
        furnish(world)
        yield world
        world.run_program("gpgconf", "--kill", "all")


def by_cron(world: World, lines: Sequence[str]) -> list[Job]:
    """Gives each line to cron, which runs it once; how they ended."""
    if os.geteuid() != 0:
        missing("a crontab of its own takes root")
    for name in ("cron", "faketime", "unshare"):
        program(name)
    table = f'MAILTO=""\nHOME={world.home}\n'
    for number, line in enumerate(lines):
        assert line.startswith("*/5 ")
        assert line.endswith("-- CMD")
        command = line.partition("  ")[2].removesuffix("CMD") + "true"
        place = f"{world.root}/{number}"
        table += f"* * * * * root {command} 2>{place}.err; echo $? >{place}.new;"
        table += f" mv {place}.new {place}.code\n"
    path = world.write("crontab", table)
    # as the first process of a namespace cron takes its jobs with it
    spaces = ("--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    unshare = ("unshare", *spaces, "--propagation", "private", "sh", "-eu", "-c", _CRON, path)
    with _running(world, unshare):
        codes = [f"{world.root}/{number}.code" for number in range(len(lines))]
        _until(lambda: all(map(os.path.exists, codes)))
    return [Job(int(_text(path)), _text(path.replace(".code", ".err"))) for path in codes]


@contextmanager
def _running(world: World, argv: Sequence[str]) -> Iterator[None]:
    variables = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    with subprocess.Popen(argv, env=variables, cwd=world.root) as cron:
        try:
            yield
        finally:
            cron.kill()


def _until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _LONGEST
    while not happened():
        assert time.monotonic() < deadline, "cron did not run every job"
        time.sleep(0.05)


def _text(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def foretold(
    world: World, profile: str, *before: str, at_desk: str = "passed"
) -> tuple[dict[str, Any], str]:
    """What the doctor says at the desk about the client secret in cron, and its line."""
    words = ("doctor", "--offline", "--cron", "--format", "json", "-p", profile)
    done = world.run_program(*before, f"{world.home}/bin/tastyauth", *words)
    report = json.loads(done.out)
    states = {check["name"]: check["state"] for check in report["checks"]}
    assert states["client_secret"] == at_desk
    check = next(it for it in report["cron"]["checks"] if it["name"] == "client_secret")
    return check, report["cron"]["line"]


def assert_as_foretold(check: dict[str, Any], job: Job) -> None:
    """It resolves where it was to, and elsewhere fails for the very reason that was given."""
    if check["outcome"] == "resolved":
        assert job == Job(0, "")
        return
    said = _PREDICTED.sub("", check["message"], count=1)
    assert job.code == 69
    assert said in job.err


def test_cron_meets_what_was_foretold_for_every_kind_of_source(desk: World) -> None:
    places = [secret for secret, _, _ in DESK if "keyring" not in secret]
    outcomes = [outcome for secret, outcome, _ in DESK if "keyring" not in secret]
    desk.configure(config_with(*places))
    told = [foretold(desk, f"p{number}") for number in range(len(places))]
    assert [check["outcome"] for check, _ in told] == outcomes
    for (check, _), job in zip(told, by_cron(desk, [line for _, line in told]), strict=True):
        assert_as_foretold(check, job)


def test_a_keyring_that_is_open_at_the_desk_is_not_there_in_cron(desk: World) -> None:
    """The real one, with the bus of a session; and cron meets a desk that still has it open."""
    for name in ("dbus-run-session", "gnome-keyring-daemon"):
        program(name)
    desk.configure(config_with(KEYRING))
    keyring = os.path.join(
        os.path.dirname(os.path.realpath(f"{desk.home}/bin/tastyauth")), "keyring"
    )
    session = desk.script(
        "session",
        "printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1\n"
        f'{keyring} set tastyauth live <"$HOME/secret"\n'
        'exec "$@"',
    )
    desk.environ["XDG_DATA_HOME"] = f"{desk.home}/data"
    check, line = foretold(desk, "p0", "dbus-run-session", "--", session)
    assert check["outcome"] == "absent"
    assert_as_foretold(check, by_cron(desk, [line])[0])


def test_pass_works_in_cron_with_a_key_that_needs_no_passphrase(desk: World) -> None:
    """The real pass and gpg; the agent of the desk has been given the passphrase of one key."""
    for name in ("pass", "gpg"):
        program(name)
    os.mkdir(f"{desk.home}/.gnupg", 0o700)
    for name, protection in (("open", "%no-protection"), ("closed", "Passphrase: pw")):
        make_key(desk, name, protection)
        assert desk.run_program("pass", "init", "--path", name, name).code == 0
        stored = desk.run_program("pass", "insert", "-m", f"{name}/tt", given=desk.client_secret)
        assert stored.code == 0
    unlock = ("gpg", "--batch", "--pinentry-mode", "loopback", "--passphrase", "pw", "--decrypt")
    assert desk.run_program(*unlock, f"{desk.home}/.password-store/closed/tt.gpg").code == 0
    desk.configure(config_with(OPEN, CLOSED))
    told = [foretold(desk, "p0"), foretold(desk, "p1")]
    assert [check["outcome"] for check, _ in told] == ["resolved", "resolved"]
    desk.run_program("gpgconf", "--kill", "gpg-agent")
    told[1] = foretold(desk, "p1", at_desk="failed")
    assert told[1][0]["outcome"] == "asks"
    for (check, _), job in zip(told, by_cron(desk, [line for _, line in told]), strict=True):
        assert_as_foretold(check, job)


def make_key(world: World, name: str, protection: str) -> None:
    path = world.write(f"{name}.key", _KEY.format(name=name, protection=protection))
    done = world.run_program("gpg", "--batch", "--quiet", "--generate-key", path)
    assert done.code == 0, done.err
