"""What a start costs: a cached answer loads the hot modules and looks at three files, no more."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from locks import acquired
from world import CONFIG, LIMIT, Completed, World, until

HOT = {"tastyauth", "tastyauth._entry", "tastyauth.cache", "tastyauth.export", "tastyauth.locate"}
BECOMING = {"tastyauth.errors", "tastyauth.posix"}  # what `exec` loads besides
WAITING = {
    "tastyauth.cache.last_attempt",
    "tastyauth.errors",
    "tastyauth.cache.lock",
    "tastyauth.posix",
    "tastyauth.posix.files",
}
BUILT_IN = {"fcntl", "gc", "pwd"}
HEAVY = {"yaml", "jsonschema", "httpx", "ssl"}

DRIVER = """\
import os, sys

bare = set(sys.modules)
events = []


def watch(event, arguments):
    if events is not None and event != "import":
        events.append([event, str(arguments[0])[:500] if arguments else ""])


def ended(code):
    global events
    loaded, done, events = set(sys.modules) - bare, events, None
    import json  # now that everything has been counted
    os.write(2, ("\\x1e" + json.dumps([sorted(loaded), done])).encode())
    leave(code)


leave = os._exit
os._exit = ended
os.execvpe = lambda *_: ended(0)
from tastyauth._entry import main

sys.addaudithook(watch)
main()
"""
"""Runs the console script and says on stderr what it loaded and what it asked of the system."""


@dataclass(frozen=True, slots=True)
class Run:
    """One start: how it ended, what it loaded, and what it did."""

    completed: Completed
    modules: set[str]
    events: list[tuple[str, str]]

    def opened(self) -> list[str]:
        """The paths that were opened, in order."""
        return [what for event, what in self.events if event == "open"]


def argv(*words: str) -> list[str]:
    return [sys.executable, "-I", "-c", DRIVER, *words]


def start(world: World, *words: str, **variables: str) -> Run:
    return run_of(world.run_program(*argv(*words), **variables))


def run_of(done: Completed) -> Run:
    said, _, told = done.err.partition("\x1e")
    modules, events = json.loads(told)
    completed = Completed(done.code, done.out, said)
    return Run(completed, set(modules), [(event, what) for event, what in events])


@pytest.fixture
def cached(world: World) -> World:
    """A world whose token is in the cache, fresh."""
    assert world.run("token").code == 0
    return world


HITS: dict[str, list[str]] = {
    "env": ["env"],
    "token": ["token"],
    "header": ["token", "--header"],
    "exec": ["exec", "--", "true", "--flag"],
    "a profile": ["-p", "live", "env"],
    "a profile behind": ["env", "--profile", "live"],
    "a required environment": ["exec", "--require-environment", "sandbox", "--", "true"],
    "a config": ["--config", "{config}", "exec", "-p", "live", "--", "true"],
}


@pytest.mark.parametrize("name", HITS)
def test_a_hit_loads_the_hot_modules_and_nothing_else(cached: World, name: str) -> None:
    before = cached.simulator.token_requests
    run = start(cached, *(word.format(config=cached.config) for word in HITS[name]))
    assert (run.completed.code, run.completed.err) == (0, "")
    assert run.modules - BUILT_IN == (HOT | BECOMING if "exec" in HITS[name] else HOT)
    assert cached.simulator.token_requests == before


@pytest.mark.parametrize("name", HITS)
def test_a_hit_opens_the_config_and_two_files_of_the_cache(cached: World, name: str) -> None:
    """No secret, no lock, no socket, no process.

    `exec` also looks up what of the environment is Python's own, where the system tells.
    """
    run = start(cached, *(word.format(config=cached.config) for word in HITS[name]))
    assert {event for event, _ in run.events} - {"exec", "marshal.loads"} == {"open"}
    own = (".pyc", "/proc/self/environ")
    config, outline, entry = (path for path in run.opened() if not path.endswith(own))
    assert config == cached.config
    assert os.path.dirname(outline) == os.path.dirname(entry) == cached.cache
    assert outline.endswith(".outline")
    assert entry.endswith(".entry")


def test_a_hit_of_an_approved_config_is_no_dearer(world: World) -> None:
    """Found in the project, and allowed by its hash."""
    world.configure(directory=world.project)
    printed = world.run("allow", "--print").out
    approval = {"TASTYAUTH_TRUST_SHA256": printed.rpartition("sha256: ")[2].strip()}
    assert world.run("token", **approval).code == 0
    run = start(world, "token", **approval)
    assert run.completed.code == 0
    assert run.modules - BUILT_IN == HOT
    assert len(run.opened()) == 3


def test_a_hit_under_a_required_environment_loads_no_more(cached: World) -> None:
    """As from the head of a crontab; another environment is for the full command line."""
    run = start(cached, "env", TASTYAUTH_REQUIRE_ENVIRONMENT="sandbox")
    assert (run.completed.code, run.modules - BUILT_IN) == (0, HOT)
    assert start(cached, "env", TASTYAUTH_REQUIRE_ENVIRONMENT="production").completed.code == 78


def test_a_hit_of_a_profile_with_variables_loads_a_hash_besides(world: World) -> None:
    world.configure(CONFIG.replace("file: live.client-secret", "env: LIVE_SECRET"))
    variables = {"LIVE_SECRET": world.client_secret}
    assert world.run("token", **variables).code == 0
    run = start(world, "token", **variables)
    assert run.completed.code == 0
    assert run.modules - BUILT_IN == HOT | {"_blake2"}


# -- beside the fast lane -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ["env", "--format", "json"],
        ["env", "--format", "fish"],
        ["env", "--min-valid", "30"],
        ["token", "--profile=live"],
        ["-q", "env"],
        ["exec", "--min-valid", "30", "--", "true"],
    ],
)
def test_a_hit_in_any_other_words_needs_nothing_heavy(cached: World, words: list[str]) -> None:
    """It runs no source, and imports no YAML, schema or HTTP library."""
    before = cached.simulator.token_requests
    run = start(cached, *words)
    assert run.completed.code == 0
    assert cached.simulator.token_requests == before
    assert not run.modules & HEAVY


def waiting(world: World, hold: str, end: Callable[[], None]) -> Run:
    """A start that has to wait for the lock at `hold`, until `end` has been done."""
    held = acquired(hold)
    with world.started(*argv("token")) as process:
        until(lambda: is_blocked(process, hold))
        end()
        held.close()
        out, err = process.communicate(timeout=LIMIT)
    return run_of(Completed(process.returncode, out.decode(), err.decode()))


def is_blocked(process: "subprocess.Popen[bytes]", path: str) -> bool:
    """Whether a process has slept through its first looks at a lock (Linux, and elsewhere time)."""
    try:
        with open(f"/proc/{process.pid}/wchan", encoding="ascii") as file:
            return "nanosleep" in file.read()
    except OSError:
        return process.poll() is None


def test_a_process_that_waits_for_another_loads_next_to_nothing(cached: World) -> None:
    """Two hundred of them start at once."""
    [entry] = [name for name in os.listdir(cached.cache) if name.endswith(".entry")]
    path = f"{cached.cache}/{entry}"
    with open(path, "rb") as file:
        content = file.read()
    os.unlink(path)
    lock_path = path.removesuffix(".entry") + ".lock"
    run = waiting(cached, lock_path, lambda: (cached.write(path, content.decode()), None)[1])
    assert run.completed.code == 0
    assert run.completed.out.strip() in content.decode()
    assert run.modules - BUILT_IN == HOT | WAITING
