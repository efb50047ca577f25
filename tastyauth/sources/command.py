"""Secrets that a program knows: its stdout, and a plain word about it when it fails."""

import os
import re
import signal

from tastyauth.errors import SecretAbsent, SecretError
from tastyauth.posix import process
from tastyauth.secret import Secret, mask
from tastyauth.sources.label import describe, printable
from tastyauth.sources.limits import time_limit
from tastyauth.sources.program import resolve_program
from tastyauth.sources.reference import Command
from tastyauth.sources.selection import pick_json, pick_line
from tastyauth.sources.surroundings import Surroundings
from tastyauth.sources.value import accept

INSIDE = "TASTYAUTH_SOURCE"
"""Set for every secret command: a config whose command runs tastyauth would never end."""

_BY_HAND = "run it by hand, as the same user, until it gives the secret"

_COMPLAINT = 200
"""Characters of a program's stderr that an error quotes."""

_SHORTEST_ANSWER = 8
"""Characters. Less on stdout is no secret, and hiding it would only blot the complaint."""

_TERMINAL_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])"  # ECMA-48, 5.3-5.6
)


def resolve(reference: Command, surroundings: Surroundings, label: str = "") -> Secret:
    """The secret that the program gives; raises SecretAbsent when the program is not here.

    `label` is what errors call it, when it is not a command that the user wrote.
    """
    with start(reference, surroundings, label) as running:
        return collect(reference, running, surroundings, label)


def start(reference: Command, surroundings: Surroundings, label: str = "") -> process.Running:
    """Starts the program; raises SecretAbsent when it is not here, SecretError when it cannot."""
    label = label or describe(reference, surroundings.home)
    if surroundings.environ.get(INSIDE):
        raise SecretError(
            f"{label} would run inside another command that tastyauth runs for a secret",
            "let that command use a config of its own, without commands",
        )
    program = resolve_program(reference.argv[0], surroundings.environ, surroundings.home)
    if program is None:
        by_path = "/" in reference.argv[0]
        wanted = printable(mask(reference.argv[0])) if by_path else _name(reference)
        raise SecretAbsent(
            f"{label} is not available here: there is no program {wanted}",
            "install it, or correct its path in the config"
            if by_path
            else "install it, or name it by its absolute path (cron's PATH is short)",
        )
    try:
        return process.start(
            [program, *reference.argv[1:]],
            environ={**surroundings.passed_on, INSIDE: "1"},
            interactive=surroundings.interactive,
            directory=_directory(surroundings.home),
        )
    except process.CannotStart as error:
        raise SecretError(
            f"{label} cannot be started: {error}", f"look at {printable(program)}"
        ) from None


def collect(
    reference: Command, running: process.Running, surroundings: Surroundings, label: str = ""
) -> Secret:
    """The secret that the started program gives, within its time limit from its start."""
    label = label or describe(reference, surroundings.home)
    limit = time_limit(reference, surroundings)
    try:
        completed = running.wait(limit)
    except process.TimedOut as late:
        raise SecretError(
            f"{label} did not end within {limit:g} s{complaint(late.stderr)}",
            "it may be waiting for an answer; run it by hand, or raise its `timeout`",
        ) from None
    except process.TooMuchOutput:
        raise SecretError(
            f"{label} wrote more than {process.STDOUT_LIMIT // 1024} KiB",
            "have it write the secret alone",
        ) from None
    if completed.returncode:
        raise SecretError(
            f"{label} {_ending(completed.returncode)}"
            f"{complaint(completed.stderr, completed.stdout)}",
            _BY_HAND,
        )
    if not completed.stdout.strip(b"\r\n"):
        # as bw ends when its vault is locked and nobody can type the password: with exit code 0
        raise SecretError(f"the value of {label} is empty{complaint(completed.stderr)}", _BY_HAND)
    return _pick(completed.stdout, reference, label)


def _pick(stdout: bytes, reference: Command, label: str) -> Secret:
    if reference.line is None and reference.json is None:
        return accept(stdout, label, "pick one of them: `line: 1` beside `argv` in the config")
    try:
        text = stdout.decode("utf-8")
    except UnicodeDecodeError:
        return accept(stdout, label)
    if reference.line is not None:
        text = pick_line(text, reference.line, label)
    if reference.json is not None:
        text = pick_json(text, reference.json, label)
    return accept(text.encode("utf-8", "surrogatepass"), label)


def _directory(home: str) -> str:
    return home if os.path.isdir(home) and os.access(home, os.X_OK) else "/"


def _name(reference: Command) -> str:
    return printable(mask(os.path.basename(reference.argv[0])))


def _ending(returncode: int) -> str:
    if returncode > 0:
        return f"failed with exit code {returncode}"
    try:
        return f"was ended by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"was ended by signal {-returncode}"


def complaint(stderr: bytes, private: bytes = b"") -> str:
    """`: ` and the end of what a program said, fit to be shown; nothing when it said nothing.

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
