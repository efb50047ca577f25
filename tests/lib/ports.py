"""Ports of 127.0.0.1, where several processes of tests take and leave some all the time."""

import contextlib
import secrets
import socket

_HELD: list[socket.socket] = []


def closed_port() -> int:
    """A port on which nobody listens, and nobody will: this process keeps it, without listening.

    One that was merely left is soon the port of another test's server.
    """
    it = socket.socket()
    it.bind(("127.0.0.1", 0))
    _HELD.append(it)
    port: int = it.getsockname()[1]
    return port


def listens(port: int) -> bool:
    """Whether somebody does."""
    with socket.socket() as it:
        return it.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port for a program that is about to start.

    It is outside the range from which systems choose for those who ask for any port, so nobody
    takes it in between.
    """
    while True:
        port = 10_000 + secrets.randbelow(22_000)  # Hypothesis seeds `random` in each worker
        with socket.socket() as it, contextlib.suppress(OSError):
            it.bind(("127.0.0.1", port))
            return port
