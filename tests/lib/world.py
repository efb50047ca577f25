"""A scratch world for the real command: a home of its own, a config, and a simulated broker."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import ClassVar

from warm import Warm

from tastyauth.simulator import Simulator

COMMAND = os.path.join(os.path.dirname(sys.executable), "tastyauth")
"""The program under test, beside the interpreter that runs the tests."""

PYTHON = shlex.quote(sys.executable)
"""That interpreter as a word of a shell: a clone may be in a directory with a space."""

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

PATH = "/usr/local/bin:/usr/bin:/bin"

LIMIT = 300.0
"""Seconds after which a process of a test has failed; hardly one needs more than one.

It guards against what hangs for ever, and is met on no machine however busy."""

CONFIG = """\
version: 1
profiles:
  live:
    environment: custom
    api_url: {origin}
    client_id: {client_id}
    client_secret: {{ file: live.client-secret }}
    refresh_token: {{ file: live.refresh-token }}
"""


def profile_named(name: str) -> str:
    """The profile of CONFIG under another name."""
    return CONFIG.partition("profiles:\n")[2].replace("live:", f"{name}:")


def with_references(client_secret: str, refresh_token: str) -> str:
    """CONFIG with other references."""
    changed = CONFIG.replace("file: live.client-secret", client_secret)
    return changed.replace("file: live.refresh-token", refresh_token)


DEFAULT_NAMES = (
    "TASTYTRADE_ACCESS_TOKEN",
    "TASTYTRADE_ACCESS_TOKEN_EXPIRES_AT",
    "TASTYTRADE_ENV",
    "TASTYTRADE_API_URL",
    "TASTYTRADE_PROFILE",
)
"""What a profile without `exports` exports."""

UNSET_NAMES = (*DEFAULT_NAMES, "TASTYTRADE_ACCESS_TOKEN_FILE")
"""What a failure unsets where nothing is known of the config."""


@dataclass(frozen=True, slots=True)
class Completed:
    """How a process ended, and what it wrote."""

    code: int
    out: str
    err: str


class World:
    """A home, a project beside it where commands are run, and a broker.

    Processes get `environ` and no variable besides; nothing of the caller's settings is in it.
    `~/bin` comes first on their PATH and holds tastyauth.
    """

    warm: ClassVar[Warm | None] = None
    """Set for tests that are marked so; see `warm`."""

    def __init__(self, root: str, simulator: Simulator) -> None:
        self.root = root
        self.home = f"{root}/home"
        self.project = f"{root}/project"
        self.simulator = simulator
        self.environ = {
            "HOME": self.home,
            "PATH": f"{self.home}/bin:{PATH}",
            "LANG": "C.UTF-8",
            "TMPDIR": f"{root}/tmp",
        }
        for directory in (self.home, self.project, f"{root}/tmp", f"{self.home}/bin"):
            os.mkdir(directory, 0o700)
        os.symlink(COMMAND, f"{self.home}/bin/tastyauth")

    @property
    def config_directory(self) -> str:
        """The user's own, whose config needs no approval."""
        return f"{self.home}/.config/tastyauth"

    @property
    def config(self) -> str:
        """The path of the user's own config."""
        return f"{self.config_directory}/tastyauth.yaml"

    @property
    def cache(self) -> str:
        return f"{self.home}/.cache/tastyauth"

    @property
    def client_secret(self) -> str:
        return self.simulator.application.client_secret.reveal()

    @property
    def refresh_token(self) -> str:
        return self.simulator.application.refresh_token.reveal()

    def configure(self, config: str = CONFIG, *, directory: str | None = None) -> str:
        """Writes a config, and beside it the files in which its secrets are by default.

        `{origin}` and `{client_id}` stand for those of the simulator. The path of the config.
        """
        directory = directory or self.config_directory
        application = self.simulator.application
        text = config.format(origin=self.simulator.origin, client_id=application.client_id)
        path = f"{directory}/tastyauth.yaml"
        self.write(path, text)
        self.write(f"{directory}/live.client-secret", self.client_secret)
        self.write(f"{directory}/live.refresh-token", self.refresh_token)
        return path

    def write(self, path: str, content: str, mode: int = 0o600) -> str:
        """A file at `path`, absolute or below the root of this world; its absolute path."""
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
        return path

    def script(self, name: str, body: str) -> str:
        """A program of that name on the PATH; its absolute path."""
        with suppress(FileNotFoundError):
            os.unlink(f"{self.home}/bin/{name}")
        return self.write(f"{self.home}/bin/{name}", f"#!/bin/sh\n{body}\n", mode=0o700)

    def run(self, *words: str, given: str = "", **variables: str) -> Completed:
        """Runs `tastyauth words…` to its end; `given` is its standard input."""
        if self.warm and self.warm.can_run(variables):
            environ = {**self.environ, **variables}
            code, out, err = self.warm.fork(words, given.encode(), self.project, environ)
            return Completed(code, out.decode(), err.decode())
        return self.run_program(COMMAND, *words, given=given, **variables)

    def shell(self, script: str, shell: str = "/bin/sh", **variables: str) -> Completed:
        """Runs a script, in which `tastyauth` is the program under test."""
        return self.run_program(shell, "-c", script, **variables)

    def run_program(self, *argv: str, given: str = "", **variables: str) -> Completed:
        """Runs any program to its end, in the project."""
        done = subprocess.run(
            argv,
            input=given.encode(),
            capture_output=True,
            cwd=self.project,
            env={**self.environ, **variables},
            timeout=LIMIT,
            check=False,
        )
        return Completed(done.returncode, done.stdout.decode(), done.stderr.decode())

    @contextmanager
    def started(self, *argv: str, **variables: str) -> "Iterator[subprocess.Popen[bytes]]":
        """A program on its way, whose stdout and stderr are pipes; killed when it is left."""
        with subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.project,
            env={**self.environ, **variables},
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def token_requested(self, so_far: int) -> None:
        """Waits until a token request more than `so_far` has reached the broker."""
        until(lambda: self.simulator.token_requests > so_far)


def finish(process: "subprocess.Popen[bytes]") -> Completed:
    """Waits for the end of a process that was started."""
    out, err = process.communicate(timeout=LIMIT)
    return Completed(process.returncode, out.decode(), err.decode())


def until(happened: Callable[[], bool]) -> None:
    """Waits for something that takes a moment; fails when it does not come."""
    deadline = time.monotonic() + LIMIT
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def content(path: str) -> str:
    """The text of a file."""
    with open(path, encoding="utf-8") as file:
        return file.read()


def variables_in(text: str) -> dict[str, str]:
    """What `env` and `printenv` wrote: the variables of a process."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
