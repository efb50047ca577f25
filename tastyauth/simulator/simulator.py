"""The simulator: a broker behind HTTP/1.1 with kept connections, plain or over TLS."""

import contextlib
import errno
import socket
import socketserver
import ssl
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

from tastyauth.errors import UsageError, reason_of
from tastyauth.simulator.broker import SCOPES, Application, open_broker
from tastyauth.simulator.endpoints import asks_for_token, respond
from tastyauth.simulator.messages import FAILURES, Answer, Request, page

_RECORDED = 256
"""Requests kept for inspection, the newest ones; their bodies are limited to 64 KiB each."""

_LARGEST_BODY = 64 * 1024
"""Bytes. A token request has about one thousand."""


class Simulator:
    """A broker on `host` and `port` (0: any free one), from entering the context to leaving it.

    `lifetime` is that of access tokens in seconds; `rotate` makes every exchange replace the
    refresh token; `seed` gives the same credentials each time; `scopes` are what the tokens say
    that they may do, words in one text, empty for tokens that do not say; `tls` serves https with
    this context; `now` is its clock, in epoch seconds, which also dates its answers. UsageError
    when the port is not available.
    """

    def __init__(
        self,
        *,
        environment: str = "sandbox",
        host: str = "127.0.0.1",
        port: int = 0,
        fail: str | None = None,
        lifetime: int = 900,
        rotate: bool = False,
        seed: str | None = None,
        scopes: str = SCOPES,
        tls: ssl.SSLContext | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.fail = fail
        self._now = now
        self._broker = open_broker(
            environment, lifetime=lifetime, rotate=rotate, now=now(), seed=seed, scopes=scopes
        )
        self._address = (host, port)
        self._tls = tls
        self._lock = threading.Lock()
        self._requests: deque[Request] = deque(maxlen=_RECORDED)
        self.token_requests = 0
        """How many token requests arrived, answered or refused."""
        self._server: _Server | None = None

    def __repr__(self) -> str:
        place = self.origin if self._server else "closed"
        return f"<Simulator {self._broker.environment} {place}>"

    def __enter__(self) -> Self:
        try:
            self._server = _Server(self._address, self.answer, self._now, self._tls)
        except OSError as error:
            host, port = self._address
            what = f"cannot listen on {host} port {port}: {reason_of(error)}"
            if error.errno == errno.EADDRINUSE:
                what = f"port {port} on {host} is already in use"
            hint = "choose another --port, or leave it out to take any free one"
            raise UsageError(what, hint) from error
        return self

    def close(self, *_: object) -> None:
        """Stops at once, even in the middle of an answer. May be called again."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    __exit__ = close

    @property
    def origin(self) -> str:
        """Its scheme, host and port. RuntimeError while it is not serving."""
        if self._server is None:
            raise RuntimeError("the simulator is not serving")
        host, port = self._address[0], self._server.server_address[1]
        scheme = "https" if self._tls else "http"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    @property
    def application(self) -> Application:
        """The credentials it accepts at this moment; rotation changes the refresh token."""
        return self._broker.application

    @property
    def fail(self) -> str | None:
        """How the token endpoint fails: a kind of `FAILURES`, or None when it does not."""
        return self._fail

    @fail.setter
    def fail(self, kind: str | None) -> None:
        if kind is not None and kind not in FAILURES:
            raise ValueError(f"the failure is one of {', '.join(FAILURES)}")
        self._fail = kind

    def expire(self) -> None:
        """Stops accepting the access tokens handed out so far."""
        with self._lock:
            self._broker = replace(self._broker, ended=self._broker.exchanges)

    @property
    def exchanges(self) -> int:
        """How many token requests were answered with an access token."""
        return self._broker.exchanges

    @property
    def requests(self) -> list[Request]:
        """The requests that arrived, oldest first; only the last few hundred are kept."""
        with self._lock:
            return list(self._requests)

    def answer(self, request: Request) -> Answer:
        """Records the request and answers it; one at a time, since each may change the grant."""
        with self._lock:
            self._requests.append(request)
            self.token_requests += asks_for_token(request)
            answer, self._broker = respond(request, self._broker, self._now(), self._fail)
            return answer


class _Server(socketserver.ThreadingTCPServer):
    """A thread for each connection; `stop` ends them all and waits for them."""

    # Not http.server.HTTPServer: that one asks the name service for the name of its own address.
    allow_reuse_address = True
    request_queue_size = 512  # hundreds of processes at once are a test of single flight

    def __init__(
        self,
        address: tuple[str, int],
        answer: Callable[[Request], Answer],
        now: Callable[[], float],
        tls: ssl.SSLContext | None,
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.answer = answer
        self.now = now
        self.stopping = threading.Event()
        self._tls = tls
        self._connections: set[socket.socket] = set()
        self._accepting = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        super().__init__(address, _Connection)
        self._accepting.start()

    def stop(self) -> None:
        self.stopping.set()
        self.shutdown()
        for connection in tuple(self._connections):
            with contextlib.suppress(OSError):  # the client closed it first
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        self.server_close()
        self._accepting.join()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, peer = super().get_request()
        if self._tls is not None:
            # The handshake happens at the first read, in the thread of the connection: a client
            # that never speaks holds up nobody.
            connection = self._tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        self._connections.add(connection)
        return connection, peer

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, *_: object) -> None:
        if not isinstance(sys.exception(), OSError):
            raise  # a bug; the others are clients that hang up


class _Connection(BaseHTTPRequestHandler):
    """One connection: reads requests, writes answers, and says nothing about either."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a client that acknowledges late would wait 40 ms
    server: _Server

    def log_message(self, *_: object) -> None:
        """Nothing: a request holds secrets."""

    def _serve(self) -> None:
        body = self._body()
        if isinstance(body, Answer):
            self.close_connection = True  # there is no telling where the next request begins
            self._write(body)
            return
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            name = name.lower()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        self._write(self.server.answer(Request(self.command, self.path, headers, body)))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

    def _body(self) -> bytes | Answer:
        if "Transfer-Encoding" in self.headers:
            return page(411)
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit()):
            return page(400)
        if len(length) > 9 or int(length) > _LARGEST_BODY:
            return page(413, "Request Entity Too Large")
        body = self.rfile.read(int(length))
        return body if len(body) == int(length) else page(400)

    def _write(self, answer: Answer) -> None:
        headers = (
            ("Date", formatdate(self.server.now(), usegmt=True)),
            *answer.headers,
            ("Content-Length", str(len(answer.body))),
            ("Connection", "close" if self.close_connection else "keep-alive"),
        )
        status = f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"
        lines = (status, *(f"{name}: {value}" for name, value in headers), "", "")
        content = "\r\n".join(lines).encode("latin-1") + answer.body
        if not answer.drip:
            self.wfile.write(content)
            return
        for byte in content:
            self.wfile.write(bytes((byte,)))
            if self.server.stopping.wait(answer.drip):
                self.close_connection = True
                return
