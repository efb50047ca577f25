"""Whole sessions, as a user sees them: what `transcripts/*.txt` show is what happens.

A transcript tells in its first lines what it shows. Then, in the order in which it happens:

    $ tastyauth env            a command for sh, in a project directory outside the home
    > ...                      the rest of it, when it has more than one line
    out: ...                   a line that it writes to stdout
    err: ...                   a line that it writes to stderr
    exit: 77                   how it ends
    simulator: 503             from here on token requests fail this way; `none`: they do not
    signal: TERM               sent to the next command as soon as the broker is asked

At the beginning the home holds a valid config, named by $CONFIG, whose one profile `live` belongs
to a simulator at $SIMULATOR with the client ID $CLIENT_ID; its secrets are in files beside it.
What differs from run to run is shown as a placeholder, such as <access token>.

`scripts/test --write tests/test_transcripts.py` writes down what happens now.
"""

import os
import re
import signal
from collections.abc import Iterator
from itertools import pairwise

import pytest
from golden import Golden
from world import Completed, World, finish

from tastyauth.simulator import FAILURES

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "transcripts")
NAMES = sorted(name for name in os.listdir(HERE) if name.endswith(".txt"))

CODES = {0, 1, 2, 66, 69, 70, 74, 75, 76, 77, 78, 126, 127, 129, 130, 131, 143}
"""Every way to end that is documented."""

_RECORDED = ("out:", "err:", "exit:")


def transcript(name: str) -> str:
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read()


@pytest.mark.parametrize("name", NAMES)
def test_what_a_transcript_shows_is_what_happens(name: str, world: World, golden: Golden) -> None:
    lines = _replayed(transcript(name).splitlines(), world)
    golden(os.path.join(HERE, name), "".join(f"{line}\n" for line in lines))


def test_every_exit_code_has_a_transcript() -> None:
    shown = re.findall("^exit: ([0-9]+)$", "".join(map(transcript, NAMES)), re.MULTILINE)
    assert {int(code) for code in shown} >= CODES


def test_every_failure_of_the_simulator_has_a_transcript() -> None:
    shown = re.findall("^simulator: (.+)$", "".join(map(transcript, NAMES)), re.MULTILINE)
    assert set(shown) - {"none"} == set(FAILURES)


@pytest.mark.parametrize("name", NAMES)
def test_every_error_is_followed_by_a_hint(name: str) -> None:
    for line, following in pairwise(transcript(name).splitlines()):
        if line.startswith("err: tastyauth: error: "):
            assert following.startswith("err: tastyauth: hint: "), line


@pytest.mark.parametrize("name", NAMES)
def test_a_failure_of_our_own_says_so(name: str) -> None:
    """Whatever ends with one of our codes has an error on stderr; a stopped run need not."""
    for block in transcript(name).split("\n$ ")[1:]:
        code = re.search("^exit: (2|66|69|7[0-8]|126|127)$", block, re.MULTILINE)
        assert not code or "err: tastyauth: error: " in block or ">/dev/null" in block


def _replayed(lines: list[str], world: World) -> Iterator[str]:
    """The transcript with what happens now in the place of what it shows."""
    command: list[str] = []
    stop = ""
    for line in [*lines, None]:
        if line is not None and command and line.startswith("> "):
            command.append(line[2:])
            yield line
            continue
        if command:
            yield from _shown(_run("\n".join(command), stop, world), world)
            command, stop = [], ""
        if line is None or line.startswith(_RECORDED):
            continue
        yield line
        word, _, rest = line.partition(" ")
        if word == "$":
            command = [rest]
        elif word == "signal:":
            stop = rest
        elif word == "simulator:":
            world.simulator.fail = None if rest == "none" else rest


def _run(command: str, stop: str, world: World) -> Completed:
    variables = {
        "CONFIG": world.config,
        "SIMULATOR": world.simulator.origin,
        "CLIENT_ID": world.simulator.application.client_id,
    }
    if not stop:
        return world.shell(command, **variables)
    requests = world.simulator.token_requests
    with world.started("/bin/sh", "-c", f"exec {command}", **variables) as process:
        world.token_requested(requests)
        process.send_signal(signal.Signals[f"SIG{stop}"])
        return finish(process)


def _shown(completed: Completed, world: World) -> Iterator[str]:
    for stream, text in (("out", completed.out), ("err", completed.err)):
        for line in _with_placeholders(text, world).splitlines(keepends=True):
            yield f"{stream}: {line}".rstrip() + ("" if line.endswith("\n") else " <no newline>")
    yield f"exit: {completed.code}"


def _with_placeholders(text: str, world: World) -> str:
    application = world.simulator.application
    for value, placeholder in (
        (world.client_secret, "<client secret>"),
        (world.refresh_token, "<refresh token>"),
        (application.client_id, "<client ID>"),
        (world.home, "<home>"),
        (world.project, "<project>"),
        (world.root, "<root>"),
        (f"127.0.0.1:{world.simulator.origin.rpartition(':')[2]}", "127.0.0.1:<port>"),
    ):
        text = text.replace(value, placeholder)
    for pattern, placeholder in _VARYING:
        text = re.sub(pattern, placeholder, text)
    return text


_VARYING = (
    (r"eyJ(?:[\w.-]|\\055)+", "<access token>"),
    (r"\b[0-9a-f]{64}\b", "<SHA-256>"),
    (r"\b1[0-9]{9}\b", "<time>"),
    (r"\b[0-9]+ (s|min) (ago|left)\b", r"<n> \1 \2"),
    (r"\bfor [0-9]+ (s|min)\b", r"for <n> \1"),
    (r"\.py:[0-9]+", ".py:<line>"),
)
