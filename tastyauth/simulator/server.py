"""The HTTP server of the simulator: HTTP/1.1 with kept connections, plain or over TLS."""

import contextlib
import socket
import socketserver
import ssl
import sys
import threading
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

from tastyauth.simulator.messages import Answer, Request, page

_LARGEST_BODY = 64 * 1024
"""Bytes. A token request has about one thousand."""


class Server(socketserver.ThreadingTCPServer):
    """A thread for each connection; `stop` ends them all and waits until they have ended."""

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

    def start(self) -> None:
        self._accepting.start()

    def stop(self) -> None:
        self.stopping.set()
        self.shutdown()
        for connection in tuple(self._connections):
            with contextlib.suppress(OSError):  # the client was faster
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
    server: Server

    def log_message(self, *_: object) -> None:
        """Nothing: a request holds secrets."""

    def _serve(self) -> None:
        body = self._body()
        if isinstance(body, Answer):
            self.close_connection = True  # nobody knows where the next request begins
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
