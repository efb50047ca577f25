"""A person at a terminal: questions are answered as they come, and all that is shown is kept."""

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pexpect
from terminals import spawned
from world import COMMAND, LIMIT, World

SECRET = "client secret (not shown): "
TOKEN = "refresh token (not shown): "
CLIENT_ID = "client ID: "
TRADES = "will this profile place orders? [y/N] "
RIGHT = "is that right? [Y/n] "
STORE = "store ("
ENVIRONMENT = "environment (production, sandbox): "

UNKNOWN_TOKEN = "eyJ0eXAiOiJydCtqd3QifQ.eyJzY29wZSI6InJlYWQgdHJhZGUifQ.c2ln"
"""A refresh token that may trade, and names neither its environment nor its client."""

CTRL_C, CTRL_D, CTRL_Z, CTRL_BACKSLASH = "\x03", "\x04", "\x1a", "\x1c"

# The shell stays, whatever becomes of the command, and tells how the terminal was left.
_WATCHED = 'trap : INT QUIT; "$@"; echo "ended with $?"; stty -a'


class Sitting:
    """One program on a terminal of its own."""

    def __init__(self, child: "pexpect.spawn[str]", screen: io.StringIO) -> None:
        self._child = child
        self._screen = screen

    @property
    def shown(self) -> str:
        """Everything that has been on the screen."""
        return self._screen.getvalue().replace("\r\n", "\n")

    def expect(self, text: str) -> None:
        self._child.expect_exact(text)

    def expect_any(self, *texts: str) -> str:
        """The one of these that comes first."""
        found: int = self._child.expect_exact(list(texts))
        return texts[found]

    def answer(self, question: str, text: str) -> None:
        """Waits for the question, types the answer, and presses Enter."""
        if question:
            self.expect(question)
        self._child.sendline(text)

    def press(self, key: str) -> None:
        self._child.send(key)

    def hang_up(self) -> None:
        """The terminal is gone, as when a connection breaks."""
        with open(os.devnull, "rb") as nowhere:
            os.dup2(nowhere.fileno(), self._child.child_fd)

    def end(self) -> int:
        """Waits for the end; the exit code."""
        self._child.expect(pexpect.EOF)
        self._child.close()
        assert self._child.exitstatus is not None, f"killed by {self._child.signalstatus}"
        return int(self._child.exitstatus)

    def give_up(self, key: str) -> tuple[int, bool]:
        """Presses a key that ends the command; its exit code, and whether the terminal echoes.

        The command was started by `watched`. A Ctrl-C that comes just before a read begins is
        seen with the next.
        """
        for _ in range(10):
            self.press(key)
            if self._child.expect([r"ended with (\d+)", pexpect.TIMEOUT], timeout=LIMIT / 10) == 0:
                break
        code = int(self._child.match[1])
        self._child.expect(pexpect.EOF)
        flags = re.findall(r"\s(-?)echo\s", self._child.before)
        assert len(flags) == 1, self._child.before
        return code, flags == [""]


@contextmanager
def sitting(world: World, *words: str, **variables: str) -> Iterator[Sitting]:
    """`tastyauth words…` at a terminal, in the project."""
    with _seated(world, COMMAND, words, variables) as it:
        yield it


@contextmanager
def watched(world: World, *words: str, **variables: str) -> Iterator[Sitting]:
    """The same, started by a shell that reports afterwards how the terminal was left."""
    argv = ("-c", _WATCHED, "sh", COMMAND, *words)
    with _seated(world, "/bin/sh", argv, variables) as it:
        yield it


@contextmanager
def shell_of(world: World, *argv: str, **variables: str) -> Iterator[Sitting]:
    """An interactive shell, whose prompt is `ready> `."""
    with _seated(world, argv[0], argv[1:], {"PS1": "ready> ", **variables}) as it:
        it.expect("ready> ")
        yield it


def answer_all(it: Sitting, world: World, store: str = "file") -> None:
    """The right answers; the refresh token says which client ID it is for."""
    it.answer(TOKEN, world.refresh_token)
    it.expect(world.simulator.application.client_id)
    it.answer(RIGHT, "")
    it.answer(SECRET, world.client_secret)
    it.answer(TRADES, "")
    it.answer(STORE, store)


def custom(world: World) -> tuple[str, ...]:
    """The flags that lead to the simulator, which no question offers."""
    return ("--environment", "custom", "--api-url", world.simulator.origin)


def everything(directory: str) -> dict[str, bytes | None]:
    """What is below a directory: path to content, None for anything but a file."""
    found: dict[str, bytes | None] = {}
    for above, directories, names in os.walk(directory):
        for path in (os.path.join(above, name) for name in (*directories, *names)):
            found[path] = None
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    found[path] = file.read()
    return found


def holding(directory: str, world: World) -> list[str]:
    """The files below a directory in which one of the broker's secrets is."""
    secrets = (world.client_secret.encode(), world.refresh_token.encode())
    files = everything(directory).items()
    return [path for path, content in files if any(it in (content or b"") for it in secrets)]


@contextmanager
def _seated(
    world: World, program: str, argv: tuple[str, ...], variables: dict[str, str]
) -> Iterator[Sitting]:
    with spawned(world, program, *argv, **variables) as child:
        child.logfile_read = io.StringIO()
        yield Sitting(child, child.logfile_read)
