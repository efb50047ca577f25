"""Secrets that a program prints, and what to report when it fails."""

import json
import os
import re
import shlex
import signal
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from tastyauth.errors import SecretAbsent, SecretError
from tastyauth.posix import process
from tastyauth.secret import Secret, mask, printable
from tastyauth.sources import (
    ASKS,
    GUARD,
    HANGS,
    LINE_ENDING,
    Reference,
    Surroundings,
    absolute,
    accept,
    expand,
    resolve_program,
    shown,
    spelled,
)

_BY_HAND = "run it yourself, as the same user, until it prints the secret"

_COMPLAINT = 200
"""Characters of a program's stderr that an error quotes."""

_SHORTEST_ANSWER = 8
"""Characters. Less on stdout is not a secret, and hiding it would only garble the complaint."""

_TERMINAL_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])"  # ECMA-48, 5.3-5.6
)

# How programs complain that nobody can answer (gpg, ssh, sudo, op, bw, vault, age); `no secret key`
# is all that is left of it when pass calls gpg with --quiet. Not compiled until one has failed.
_ASKING = (
    r"passw|passphrase|pass code|\bpin\b|pinentry|\bioctl\b|\btty\b|terminal|prompt|askpass"
    r"|no secret key|\block(?:ed)?\b|unlock|sign(?:ed)?[ -]?in|log(?:ged)?[ -]?in|interacti"
    r"|session (?:key|exp)"
)

_INDEX = re.compile(r"0|[1-9][0-9]*", re.ASCII)

_STEP = (
    "import functools, json, sys; step = lambda v, k: v[int(k)] if isinstance(v, list)"
    " else v[k]; print(functools.reduce(step, sys.argv[1:], json.load(sys.stdin)))"
)
"""For scripts: prints the string at the keys that are its arguments."""

_TO_STORE = (
    (("pass", "show"), "pass edit"),
    (("gopass", "show"), "gopass edit"),
    (("keyring", "get"), "keyring set"),
    (("secret-tool", "lookup"), "secret-tool store --label=tastyauth"),
    (("security", "find-generic-password"), "security add-generic-password -U"),
)
"""How some programs are called to print a secret, and how to store one from the terminal."""


class Program(Reference):
    """A reference of which a program writes the secret to its stdout; `command` says how."""

    __slots__ = ()

    variables: ClassVar[Mapping[str, str]] = {}  # set for the program where nobody can be asked
    absent: ClassVar[tuple[str, ...]] = ()  # its words, in lower case, when there is no entry
    if_absent: ClassVar[str] = ""  # what helps then
    # its words for other failures, and what helps, with its fields in braces
    advice: ClassVar[tuple[tuple[str, str], ...]] = ()

    @property
    @abstractmethod
    def command(self) -> "Command":
        """What is run."""

    def resolve(self, around: Surroundings) -> Secret:
        with self._start(around) as running:
            return self._collect(running, around)

    @contextmanager
    def begin(self, around: Surroundings) -> Iterator[Callable[[], Secret]]:
        """A program that may ask is not started early: two would ask at once on one terminal."""
        if around.interactive:
            yield partial(self.resolve, around)
            return
        with self._start(around) as running:
            yield partial(self._collect, running, around)

    def program(self, around: Surroundings) -> str | None:
        return resolve_program(self.command.argv[0], around.environ, around.home)

    def is_absent(self, around: Surroundings) -> bool:
        return self.program(around) is None

    def time_limit(self, around: Surroundings) -> float:
        if self.command.timeout is None:
            return around.limit
        own = self.command.timeout
        return own if around.patience is None else min(own, around.patience)

    def plan(self, prefix: str, around: Surroundings) -> Iterator[str]:
        yield from Reference.plan(self, prefix, around)
        program = self.program(around)
        runs = spelled(program) if program else "nothing, not found here"
        yield f"{' ' * len(prefix)}runs: {runs}"

    def shell_word(self, around: Surroundings) -> str:
        stages = [f"cd && {shlex.join(self.command.argv)}"]
        if self.command.line is not None:
            stages.append(f"sed -n {self.command.line}p")
        if self.command.json is not None:
            stages.append(shlex.join(["python3", "-I", "-c", _STEP, *_keys(self.command.json)]))
        line = " | ".join(stages)
        return f'"$({line})"'

    def _start(self, around: Surroundings) -> process.Running:
        """Starts the program; raises SecretAbsent when it is missing, SecretError when it fails."""
        label = self.describe(around.home)
        if around.environ.get(GUARD):
            what = f"{label} would run inside another command that tastyauth runs for a secret"
            raise SecretError(what, "have that command use a config of its own, without commands")
        program = self.program(around)
        if program is None:
            name, hint = self.command.argv[0], "install it, or correct its path in the config"
            if "/" not in name:
                hint = "install it, or name it by its absolute path (cron's PATH is short)"
            what = f"{label} is not available here: there is no program {printable(mask(name))}"
            raise SecretAbsent(what, hint)
        more = {} if around.interactive else self.variables
        home = around.home
        try:
            return process.start(
                [program, *self.command.argv[1:]],
                environ={**around.passed_on, **more, GUARD: "1"},
                interactive=around.interactive,
                directory=home if os.path.isdir(home) and os.access(home, os.X_OK) else "/",
            )
        except process.CannotStart as error:
            what, hint = f"{label} cannot be started: {error}", f"look at {printable(program)}"
            raise SecretError(what, hint) from None

    def _collect(self, running: process.Running, around: Surroundings) -> Secret:
        """The secret that the started program prints, within its time limit."""
        label = self.describe(around.home)
        limit = self.time_limit(around)
        try:
            completed = running.wait(limit)
        except process.TimedOut as late:
            raise self._explained(
                f"{label} did not end within {limit:g} s{complaint(late.stderr)}",
                "it may be waiting for input; run it yourself to see, or raise its `timeout`",
                HANGS,
            ) from None
        except process.ExitCodeLost as lost:
            what = "have that part wait for the children that it has started, by their IDs"
            raise SecretError(f"{label} ended, but {lost}", what) from None
        except process.TooMuchOutput:
            what = f"{label} wrote more than {process.STDOUT_LIMIT // 1024} KiB"
            raise SecretError(what, "make it print the secret and nothing else") from None
        if completed.returncode:
            said, code = complaint(completed.stderr, completed.stdout), completed.returncode
            names = {-it: it.name for it in signal.Signals}
            how = f"failed with exit code {code}"
            if code < 0:
                how = f"was ended by {names.get(code, f'signal {-code}')}"
            message = f"{label} {how}{said}"
            raise self._explained(message, _BY_HAND, reason_in(message, label))
        if not completed.stdout.strip(b"\r\n"):
            # bw ends with code 0 when its vault is locked and nobody can type the password
            message = f"the value of {label} is empty{complaint(completed.stderr)}"
            raise self._explained(message, _BY_HAND, reason_in(message, label))
        return _pick(completed.stdout, self.command, label)

    def _explained(self, message: str, hint: str, reason: str) -> SecretError:
        """The error for a `message` that quotes the program; `hint` where no advice fits."""
        said = message.lower()
        if any(words in said for words in self.absent):
            return SecretAbsent(message, self.if_absent)
        advice = next((self._filled(it) for words, it in self.advice if words in said), hint)
        return SecretError(message, advice, reason=reason)


@dataclass(frozen=True, slots=True)
class Command(Program):
    """What a program prints.

    `line` picks one line, from 1; `json` is a JSON Pointer (RFC 6901) to a string; `timeout` is in
    seconds, None for the default.
    """

    argv: tuple[str, ...]
    line: int | None = None
    json: str | None = None
    timeout: float | None = None
    kind = "command"

    @classmethod
    def parse(cls, value: object, directory: str, home: str) -> Reference | None:
        """Arguments that begin with a dot and a slash start from the config, as paths do."""
        match value if isinstance(value, dict) else {"argv": value}:
            case {"argv": [str(program), *words], **options}:
                words = [
                    absolute(it, directory, home) if it.startswith(("./", "../")) else it
                    for it in map(str, words)
                ]
                line, pointer, timeout = map(options.get, ("line", "json", "timeout"))
                return cls(
                    (expand(program, home), *words),
                    line=int(line) if isinstance(line, int | float) else None,  # 2.0 is one, too
                    json=pointer if isinstance(pointer, str) else None,
                    timeout=float(timeout) if isinstance(timeout, int | float) else None,
                )
        return None

    @property
    def command(self) -> "Command":
        return self

    def detail(self, home: str) -> str:
        return shown(shlex.join(self.argv), home)

    def how_to_store(self) -> str:
        program = os.path.basename(self.argv[0])
        for reading, writing in _TO_STORE:
            if (program, *self.argv[1:2]) == reading:
                return f"{writing} {shlex.join(self.argv[2:])}"
        return f"store it with {program}, the program that gives it"


def complaint(stderr: bytes, private: bytes = b"") -> str:
    """`: ` and the end of what a program said, fit to be shown; empty when it said nothing.

    `private` is what it was given or gave, of which nothing is shown.

    The order matters: a colour code inside a secret would hide it from the mask, and a cut before
    the mask could leave the rest of a secret unrecognised.
    """
    text = _TERMINAL_SEQUENCE.sub("", stderr.decode("utf-8", "replace"))
    text = "".join(c if c.isprintable() else " " for c in text if c.isprintable() or c.isspace())
    if len(stderr) >= process.STDERR_TAIL:
        text = text.partition(" ")[2]  # the first word has lost its beginning
    answer = private.decode("utf-8", "replace").strip()
    text = mask(text, [Secret(answer)] if len(answer) >= _SHORTEST_ANSWER else [])
    text = " ".join(text.split())
    if not text:
        return ""
    return f": …{text[-_COMPLAINT:]}" if len(text) > _COMPLAINT else f": {text}"


def reason_in(message: str, label: str) -> str:
    """ASKS if a `message` about `label` says that nobody is there to answer, otherwise empty."""
    said = message.replace(label, "")  # the name of an entry may contain any of these words
    return ASKS if re.search(_ASKING, said, re.IGNORECASE) else ""


def _pick(stdout: bytes, command: Command, label: str) -> Secret:
    """The line, or the string of the JSON, that `command` asks for; else all of it."""
    if command.line is None and command.json is None:
        return accept(stdout, label, "pick one of them: `line: 1` beside `argv` in the config")
    try:
        text = stdout.decode("utf-8")
    except UnicodeDecodeError:
        return accept(stdout, label)
    if command.line is not None:
        lines = re.sub(LINE_ENDING, "", text).split("\n")
        if command.line > len(lines):
            count = "1 line" if len(lines) == 1 else f"{len(lines)} lines"
            what = f"{label} gave {count}, but `line: {command.line}` asks for more"
            raise SecretError(what, "correct `line` in the config")
        text = lines[command.line - 1].removesuffix("\r")
    if command.json is not None:
        text = _pick_json(text, command.json, label)
    return accept(text.encode("utf-8", "surrogatepass"), label)


def _keys(pointer: str) -> list[str]:
    """The keys of a JSON Pointer (RFC 6901)."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _pick_json(text: str, pointer: str, label: str) -> str:
    where = f"`json: {printable(pointer)}`"
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        what, hint = "did not give JSON", "leave `json` out, or have the program write JSON"
        raise SecretError(f"{label} {what}", hint) from None
    for key in _keys(pointer):
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and _INDEX.fullmatch(key) and int(key) < len(value):
            value = value[int(key)]
        else:
            what, hint = "has no value at", "correct the JSON Pointer in the config (RFC 6901)"
            raise SecretError(f"{label} {what} {where}", hint)
    if not isinstance(value, str):
        names = {dict: "an object", list: "an array", bool: "a boolean", type(None): "null"}
        what = names.get(type(value), "a number")
        raise SecretError(f"{label} has {what} at {where}, not a string", "point at a string")
    return value
