"""A network call that ends on time, whatever the other side does or does not do."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from typing import Protocol, TypeVar, cast

from tastyauth.posix.signals import DELAY

T = TypeVar("T")

CONNECTED = "connection.connect_tcp.complete"
"""The event of httpcore at which there is a connection, and nothing has been written to it."""

_LOOK = 0.2
"""Seconds between two looks at what remains: being asked to stop makes that less."""


class Stream(Protocol):
    """A connection, as httpcore gives it with that event."""

    def get_extra_info(self, info: str) -> object: ...

    def close(self) -> None: ...


class Wire:
    """The one connection of a call, so that it can be cut from outside."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_cut = False

    def trace(self, event: str, info: Mapping[str, object]) -> None:
        """Learns of the connection; to be passed to httpx as the request extension `trace`.

        A connection that comes to be after the cut is shut before anything is written to it.
        """
        if event != CONNECTED:
            return
        connected = cast(Stream, info["return_value"]).get_extra_info("socket")
        with self._lock:
            # A duplicate, because TLS takes the descriptor out of the socket that it wraps.
            self._socket = cast(socket.socket, connected).dup()
            if self._is_cut:
                self._shut()

    def cut(self) -> None:
        """Ends the connection, now or as soon as there is one."""
        with self._lock:
            self._is_cut = True
            self._shut()

    def close(self) -> None:
        """Lets go of the connection, when its call has ended."""
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def _shut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):  # the other side was faster
                self._socket.shutdown(socket.SHUT_RDWR)


def within(seconds: float, call: Callable[[Wire], T]) -> T:
    """What `call` returns or raises; TimeoutError when it has not after `seconds`.

    Limits per read are not enough: a name server that hangs is not read from, and a server that
    sends a byte now and then meets every one of them. So the call runs in a thread, and the
    caller, who stays open to signals, cuts the connection when the time is over. The thread ends
    by itself soon after.
    """
    deadline = time.monotonic() + seconds
    wire = Wire()
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(call(wire))
        except BaseException as error:  # noqa: BLE001 - it is raised again, in the caller's thread
            outcome.set_exception(error)
        finally:
            wire.close()

    threading.Thread(target=run, name="tastyauth exchange", daemon=True).start()
    try:
        while not outcome.done():
            remaining = min(deadline, DELAY.until) - time.monotonic()
            if remaining <= 0:
                raise TimeoutError
            wait([outcome], min(remaining, _LOOK))
        return outcome.result()
    finally:
        wire.cut()
