"""Connections made and calls ended in time, whatever the other side does."""

import contextlib
import errno
import os
import selectors
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import Any, cast

import httpcore
from httpcore._backends.sync import SyncStream  # the only way to a stream of a given socket

CONNECTED = "connection.connect_tcp.complete"
"""The event of httpcore when a connection is made, before anything is written to it."""

_HEAD_START = 0.2
"""Seconds until the next address is tried as well (RFC 8305, section 5)."""

_Address = tuple[Any, ...]
"""As socket.getaddrinfo gives it."""


class Wire:
    """The one connection of a call, so that it can be cut from outside.

    Limits per read are not enough: a name server may hang, and a server that sends a byte now and
    then meets them all.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_cut = False

    def trace(self, event: str, info: Mapping[str, object]) -> None:
        """Notes the connection; to be passed to httpx as the request extension `trace`.

        A connection that is made after the cut is shut down before anything is written to it.
        """
        if event != CONNECTED:
            return
        stream = cast(httpcore.NetworkStream, info["return_value"])
        with self._lock:
            # A duplicate, because TLS takes the descriptor out of the socket that it wraps.
            self._socket = stream.get_extra_info("socket").dup()
            if self._is_cut:
                self._shut()

    def cut(self) -> None:
        """Ends the connection, now or as soon as there is one."""
        with self._lock:
            self._is_cut = True
            self._shut()

    def close(self) -> None:
        """Closes the duplicate of the connection, when its call has ended."""
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def _shut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):  # the other side closed it first
                self._socket.shutdown(socket.SHUT_RDWR)


class Backend(httpcore.SyncBackend):
    """Connects for httpcore, which would spend the whole time limit on a dead address."""

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *_: object, **__: object
    ) -> httpcore.NetworkStream:
        """A stream to the first address of `host` that answers."""
        try:
            addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            return SyncStream(connect(addresses, time.monotonic() + (timeout or 0.0)))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout from error
        except OSError as error:
            raise httpcore.ConnectError from error


def connect(addresses: Iterable[_Address], deadline: float) -> socket.socket:
    """A connection to the first of `addresses` that answers, tried one after the other.

    The next one is tried as soon as one fails, or has not answered for a moment (RFC 8305); IPv6
    and IPv4 take turns. `deadline` is a time of time.monotonic. Raises the first OSError, or
    TimeoutError.
    """
    families: dict[int, list[_Address]] = {}
    for address in addresses:
        families.setdefault(address[0], []).append(address)
    queue = [it for turn in zip_longest(*families.values()) for it in turn if it]
    failure: OSError | None = None
    next_at = 0.0
    with selectors.DefaultSelector() as pending, contextlib.ExitStack() as losers:
        while queue or pending.get_map():
            now = time.monotonic()
            if now >= deadline:
                raise failure or TimeoutError
            if queue and (now >= next_at or not pending.get_map()):
                family, kind, protocol, _, address = queue.pop(0)
                next_at = now + _HEAD_START
                try:
                    begun = losers.enter_context(socket.socket(family, kind, protocol))
                    begun.settimeout(0)
                    _check(begun.connect_ex(address))
                    pending.register(begun, selectors.EVENT_WRITE)
                except OSError as error:
                    failure = failure or error
                continue
            until = min(deadline, next_at) if queue else deadline
            for key, _ in pending.select(until - now):
                ready = cast(socket.socket, key.fileobj)
                pending.unregister(ready)
                try:
                    _check(ready.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
                    ready.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                except OSError as error:
                    failure, next_at = failure or error, 0.0
                    continue
                return ready.dup()  # the stack closes the others, and this one's descriptor
    raise failure or OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))


def _check(code: int) -> None:
    if code not in (0, errno.EINPROGRESS):
        raise OSError(code, os.strerror(code))
