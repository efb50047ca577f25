"""Refresh tokens that are replaced at each exchange, and a grant that ends when one is replayed.

The server is django-oauth-toolkit with reuse protection (RFC 9700, section 4.14.2). Processes of
two profiles ask it at once, are killed and interrupted at random, and the config changes meanwhile.
The grant lives on, and no token that was replaced ever comes to the server.

There is one moment that no client survives. From the server's decision to replace the token until
the first write of whoever has asked, the new one is nowhere else on this side. A server that is
ready for clients that crash takes the old token for some seconds more; with such a one, processes
are killed whatever they are doing. With a strict one those are spared that have asked and not yet
written; and from TERM and HUP, after which a request may still go out that was about to, whoever
may be asking.

TORTURE=500 says how often the token is to be replaced.
"""

import json
import os
import random
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

import pytest

from .parts import HERE, installed, tastyauth
from .processes import Place

ROTATIONS = int(os.environ.get("TORTURE", "20"))
"""How often the token is replaced in a run."""

LONGEST = 240
"""Seconds for all that, on a busy machine."""

WORKERS = 6

GRACE = 20
"""Seconds for which the lenient server takes a token that was replaced."""

CONFIG = """\
version: 1
default_profile: one
profiles:
  one:
    environment: custom
    api_url: {url}
    client_id: {client_id}
    client_secret: {{ file: client-secret }}
    refresh_token: {{ {source} }}
  other:
    environment: custom
    api_url: {url}
    client_id: {client_id}
    client_secret: {{ file: client-secret }}
    refresh_token: {{ {source} }}
"""
"""Two profiles of one grant, which read its token from the same source."""

SOURCES = {"written back": "file: refresh-token", "kept": "env: TT_REFRESH"}
"""A source that can be written, and one that cannot: its newest token is in a file of the state."""

COMMANDS = (
    *(("token", "--refresh", "-p", profile) for profile in ("one", "other")),
    ("env", "--refresh"),
    ("exec", "--refresh", "-p", "other", "--", "true"),
    ("token", "-p", "one", "--min-valid", "840"),
)

ENDS = (0, -signal.SIGKILL, 143, 129, -signal.SIGTERM, -signal.SIGHUP)
"""How a process may end: well, or as it was made to, perhaps before it had begun."""


@dataclass(frozen=True, slots=True)
class Grant:
    """How the server sees it: its newest token, how often it was replaced, what it has refused."""

    newest: str
    rotations: int
    refusals: list[str]


@dataclass(slots=True)
class Rack:
    """A home, a server, and what has happened so far."""

    place: Place
    url: str
    running: "list[subprocess.Popen[str]]" = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    killed: int = 0
    killed_as_holder: int = 0
    spared: int = 0
    stopped: int = 0

    def grant(self, patience: float = 30) -> Grant:
        """Raises TimeoutError while a request is being waited for that came before."""
        with urllib.request.urlopen(f"{self.url}/grant", timeout=patience) as answer:
            return Grant(**json.load(answer))

    @property
    def config(self) -> str:
        return f"{self.place.home}/.config/tastyauth"

    @property
    def journal(self) -> str:
        return f"{self.place.home}/.local/state/tastyauth/grants"

    def goes_on(self) -> bool:
        """Whether nothing has gone wrong, and not everything that is to happen has happened."""
        now = self.grant()
        has_happened = now.rotations >= ROTATIONS and self.killed_as_holder > 0 and self.stopped > 0
        return now.newest != "" and not self.complaints and not has_happened

    def has_stored(self, token: str) -> bool:
        """Whether a link of the journal or the file leads to the token, whole."""
        paths = [f"{self.config}/refresh-token", *links(self.journal)]
        return any(_content(path) == f"{token}\n" for path in paths)


def links(directory: str) -> list[str]:
    with suppress(FileNotFoundError):
        return [f"{directory}/{name}" for name in os.listdir(directory) if len(name) == 64]
    return []


def _content(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except FileNotFoundError:
        return ""


@contextmanager
def rack(home: str, grace: int, source: str) -> Iterator[Rack]:
    server = Place(home)
    with server.started(
        installed("django/bin/python"),
        os.path.join(HERE, "programs", "oauth_toolkit.py"),
        str(grace),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        assert line, process.stderr.read()
        told = json.loads(line)
        place = Place(home, {"TT_REFRESH": told["refresh_token"]})
        made = Rack(place, told["url"])
        os.makedirs(made.config, mode=0o700)
        for name, text in (
            ("client-secret", told["client_secret"]),
            ("refresh-token", told["refresh_token"]),
            ("tastyauth.yaml", CONFIG.format(source=source, **told)),
        ):
            path = f"{made.config}/{name}"
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as it:
                it.write(f"{text}\n")
        yield made


# What happens to it.


def ask(it: Rack, over: threading.Event, seed: int) -> None:
    """One process after the other, each with any of the commands."""
    choice = random.Random(seed)
    while not over.is_set():
        words = choice.choice(COMMANDS)
        with it.place.started(tastyauth(), *words) as process:
            it.running.append(process)
            _, said = process.communicate(timeout=60)
            it.running.remove(process)
            it.codes.append(process.returncode)
            if process.returncode not in ENDS:
                it.complaints.append(f"{words}: {process.returncode} {said}")


def write_comments(it: Rack, over: threading.Event) -> None:
    """Every config with another comment is another config."""
    while not over.wait(2):
        with open(f"{it.config}/tastyauth.yaml", "a", encoding="ascii") as file:
            file.write(f"# it is {time.time()}\n")


def torment(it: Rack, over: threading.Event, sparing: bool, seed: int) -> None:
    """Kills or interrupts a process now and then; of a strict server not those in the window."""
    choice = random.Random(seed)
    while not over.wait(choice.expovariate(4)):
        holders = [process for process in list(it.running) if holds_the_grant(process.pid, it)]
        candidates = holders if holders and choice.random() < 0.7 else list(it.running)
        if not candidates:
            continue
        victim = choice.choice(candidates)
        with suppress(ProcessLookupError):
            gentle = choice.choice((signal.SIGTERM, signal.SIGHUP))
            end(victim, it, sparing, gentle if choice.random() < 0.3 else signal.SIGKILL)


def end(victim: "subprocess.Popen[str]", it: Rack, sparing: bool, number: signal.Signals) -> None:
    os.kill(victim.pid, signal.SIGSTOP)
    stands_still(victim.pid)
    holds = holds_the_grant(victim.pid, it)
    if sparing and holds and (number != signal.SIGKILL or is_in_the_window(it)):
        it.spared += 1
        os.kill(victim.pid, signal.SIGCONT)
        return
    os.kill(victim.pid, number)
    if number == signal.SIGKILL:
        it.killed += 1
        it.killed_as_holder += holds
    else:
        os.kill(victim.pid, signal.SIGCONT)
        it.stopped += 1


def is_in_the_window(it: Rack) -> bool:
    """Whether whoever has the grant, and stands still, knows a token that nobody else knows.

    It has connected and not yet asked when the server waits for it.
    """
    try:
        return not it.has_stored(it.grant(patience=1).newest)
    except OSError:
        return True


def stands_still(pid: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        state = _content(f"/proc/{pid}/stat").rpartition(")")[2].split()
        if not state or state[0] in "TZX":
            return
        time.sleep(0.001)


def holds_the_grant(pid: int, it: Rack) -> bool:
    """Whether a process has the lock of the grant's newest token.

    The kernel lists the locks of a process with its files (proc_pid_fdinfo(5)). Its list of all
    locks can leave some out when it is longer than a page, and changes while it is read.
    """
    with suppress(FileNotFoundError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with suppress(FileNotFoundError):
                path = os.readlink(f"/proc/{pid}/fd/{name}").removesuffix(" (deleted)")
                is_lock = path.startswith(it.journal) and path.endswith(".lock")
                if is_lock and "\nlock:" in _content(f"/proc/{pid}/fdinfo/{name}"):
                    return True
    return False


# What comes of it.


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("grace", [0, GRACE], ids=["strict", "lenient"])
def test_the_grant_outlives_whatever_happens_to_those_who_use_it(
    grace: int, source: str, tmp_path: os.PathLike[str]
) -> None:
    seed = time.time_ns()
    over = threading.Event()
    with rack(os.fspath(tmp_path), grace, source) as it, ExitStack() as stack:
        threads = [
            *(threading.Thread(target=ask, args=(it, over, seed + n)) for n in range(WORKERS)),
            threading.Thread(target=write_comments, args=(it, over)),
            threading.Thread(target=torment, args=(it, over, grace == 0, seed)),
        ]
        for thread in threads:
            thread.start()
        stack.callback(over.set)
        deadline = time.monotonic() + LONGEST
        while time.monotonic() < deadline and it.goes_on():
            time.sleep(0.2)
        over.set()
        for thread in threads:
            thread.join(90)
        last = [
            it.place.run_program(tastyauth(), "token", "--refresh", "-p", profile)
            for profile in ("one", "other")
        ]
        after = it.grant()
    print(
        f"seed {seed}: {after.rotations} rotations, {len(it.codes)} processes, {it.killed} killed,"
        f" {it.killed_as_holder} of them with the grant, {it.spared} spared, {it.stopped} stopped"
    )
    assert it.complaints == []
    assert [each.code for each in last] == [0, 0], last
    assert after.newest != ""
    assert [it for it in after.refusals if "invalid_grant" in it] == []  # others: cut requests
    assert after.rotations >= ROTATIONS
    assert it.has_stored(after.newest)
    assert it.killed_as_holder > 0
    assert it.stopped > 0
