"""Attacks through what a server says: nothing runs, controls a terminal, hangs or fills memory."""

import gzip
import itertools
import json
import socket
import time
from collections.abc import Callable

import pytest
from exchange_fakes import Script, http, says, serving
from measured import MIB, measured
from world import CONFIG, UNSET_NAMES, World

HOSTILE = "\x1b]0;owned\x07\x1b[2K\u202edettimrep\u2066\u200b\x9b31m\r\n::error::x\x00"
"""A title, an erased line, marks from right to left, CSI as one character, a workflow command."""


def answer(body: object, status: str = "200 OK", *headers: str) -> Script:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return says(http(status, text, *headers))


def token(text: str, **more: object) -> Script:
    return answer({"access_token": text, "token_type": "Bearer", "expires_in": 900, **more})


def forever(head: bytes, piece: bytes, pause: float = 0.0) -> Script:
    """`head`, then `piece` again and again until the other side has enough."""

    def script(connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in itertools.repeat(None):
            connection.sendall(piece)
            time.sleep(pause)

    return script


OK = b"HTTP/1.1 200 OK\r\n"

LATE = 20.0
"""Seconds that a start, and a busy machine, may add to the limit."""

MOST = 48 * MIB
"""Bytes of memory; 33 MiB of them are Python and httpx."""

BOMB = gzip.compress(b" " * 32 * MIB)

NO_PROTOCOL: dict[str, Script] = {
    "a token that is a command": token("$(touch owned)"),
    "a token that is a lone surrogate": answer(b'{"access_token": "a\\ud800"}'),
    "another kind of token": token("abc", token_type=f"mac{HOSTILE}"),
    "60,000 open brackets": answer(b"[" * 60_000),
    "20,000 objects in each other": answer(b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "a number of 60,000 digits": answer(b'{"access_token": "abc", "a": ' + b"9" * 60_000 + b"}"),
    "30 MB": forever(OK + b"Content-Length: 30000000\r\n\r\n", b" " * 65536),
    "30 MB of a refusal": forever(
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 30000000\r\n\r\n", b" " * 65536
    ),
    "a body without end": forever(OK + b"\r\n", b" " * 65536),
    "chunks without end": forever(
        OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65536 + b"\r\n"
    ),
    "headers without end": forever(OK, b"X-Header: " + b"x" * 1000 + b"\r\n"),
    "one header without end": forever(OK + b"X-Header: ", b"x" * 65536),
    "a status line without end": forever(b"HTTP/1.1 200 ", b"O" * 65536),
    "a compression bomb": answer(BOMB, "200 OK", "Content-Encoding: gzip"),
    "a bomb that is sent packed": answer(
        gzip.compress(BOMB), "200 OK", "Content-Encoding: gzip, gzip"
    ),
    "a bomb for the transport": says(
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + b"%x\r\n" % len(BOMB) + BOMB + b"\r\n"
    ),
    "a switch to another protocol": says(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"
    ),
    "hostile words": answer(
        {"error_code": f"x{HOSTILE}", "error_description": HOSTILE * 20}, "404 Gone"
    ),
    "hostile words in the status line": says(
        b"HTTP/1.1 404 \xe2\x80\xae$(touch owned)\r\nContent-Length: 2\r\n\r\n{}"
    ),
    "a redirect to hostile words": answer(
        {}, "307 Temporary Redirect", "Location: http://a%1b[2K$(touch owned)/"
    ),
}
"""What is no answer of a token endpoint: 76, at once. Other bodies: exchange/test_response.py."""


Attack = Callable[[Script, int], World]


@pytest.fixture
def attack(world: World) -> Attack:
    """Runs `tastyauth env` against a server that behaves this way; which code it must end with.

    Whatever that is, stdout holds the one line that unsets and fails, stderr is tame, and neither
    time nor memory is spent.
    """

    def attack(script: Script, code: int) -> World:
        with serving(*[script] * 3) as server:
            origin = server.url().removesuffix("/oauth/token")
            world.configure(f"{CONFIG.replace('{origin}', origin)}    timeout: 2\n")
            run = measured(world, "-v", "env")
        done = run.completed
        assert done.code == code, done.err
        names = *sorted(UNSET_NAMES), "TASTYAUTH_HOOK"
        assert done.out == f"unset {' '.join(names)};! :;(exit {code});\n"
        assert tame(done.err)
        assert all(line.startswith("tastyauth: ") for line in done.err.splitlines())
        assert run.seconds < 2 + LATE
        assert run.memory < MOST
        return world

    return attack


def tame(text: str) -> bool:
    """Whether nothing in it controls a terminal."""
    return all(letter.isprintable() for letter in text.replace("\n", ""))


@pytest.mark.parametrize("name", NO_PROTOCOL)
def test_an_answer_that_is_none_does_nothing(name: str, attack: Attack) -> None:
    """It is 76: nothing runs, hangs, fills the memory or controls the terminal."""
    attack(NO_PROTOCOL[name], 76)


BROKEN_OFF: dict[str, Script] = {
    "half a body": says(OK + b'Content-Length: 1000\r\n\r\n{"access_token": "abc"'),
    "half a chunk": says(OK + b"Transfer-Encoding: chunked\r\n\r\nffff\r\n{"),
    "half a head": says(OK + b"Content-Le"),
    "a drip": forever(OK + b"Content-Length: 60000\r\n\r\n", b" ", 0.02),
    "a drip of headers": forever(OK, b"X: y\r\n", 0.02),
}


@pytest.mark.parametrize("name", BROKEN_OFF)
def test_an_answer_that_does_not_come_ends_in_time(name: str, attack: Attack) -> None:
    """It is 75, within the profile's `timeout` of two seconds."""
    attack(BROKEN_OFF[name], 75)


@pytest.mark.parametrize(
    ("code", "status", "error_code"),
    [
        (77, "400 Bad Request", "invalid_grant"),
        (75, "503 Service Unavailable", "busy"),
        (76, "404 Not Found", "gone"),
    ],
)
def test_hostile_words_are_shown_tame(
    code: int, status: str, error_code: str, attack: Attack
) -> None:
    """Now, and later by `status`, which remembers them."""
    body = {"error_code": error_code, "error_description": f"It{HOSTILE}is"}
    world = attack(answer(body, status, f"Retry-After: {'9' * 60}"), code)
    told = world.run("status").out
    assert tame(told)
    assert f"{error_code}, It" in told
