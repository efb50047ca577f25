"""The simulator: a broker that serves while its context lasts, and records the requests."""

import errno
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Self

from tastyauth.errors import UsageError, reason_of
from tastyauth.simulator.broker import Application, open_broker
from tastyauth.simulator.endpoints import asks_for_token, respond
from tastyauth.simulator.failures import FAILURES
from tastyauth.simulator.messages import Answer, Request
from tastyauth.simulator.server import Server

_RECORDED = 256
"""Requests kept for inspection, the newest ones; their bodies are limited to 64 KiB each."""


class Simulator:
    """A broker on `host` and `port` (0: any free one), from entering the context to leaving it.

    `lifetime` is that of access tokens in seconds; `rotate` makes every exchange replace the
    refresh token; `seed` gives the same credentials each time; `tls` serves https with this
    context; `now` is its clock, in epoch seconds, which also dates its answers. UsageError when the
    port is not available.
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
        tls: ssl.SSLContext | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.fail = fail
        self._now = now
        self._broker = open_broker(
            environment, lifetime=lifetime, rotate=rotate, now=now(), seed=seed
        )
        self._address = (host, port)
        self._tls = tls
        self._lock = threading.Lock()
        self._requests: deque[Request] = deque(maxlen=_RECORDED)
        self._token_requests = 0
        self._server: Server | None = None

    def __repr__(self) -> str:
        place = self.origin if self._server else "closed"
        return f"<Simulator {self._broker.environment} {place}>"

    def __enter__(self) -> Self:
        try:
            self._server = Server(self._address, self.answer, self._now, self._tls)
        except OSError as error:
            host, port = self._address
            if error.errno == errno.EADDRINUSE:
                raise UsageError(
                    f"port {port} on {host} is already in use",
                    "choose another --port, or leave it out to take any free one",
                ) from error
            raise UsageError(
                f"cannot listen on {host} port {port}: {reason_of(error)}", "choose another --port"
            ) from error
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stops at once, even in the middle of an answer. May be called again."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()

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

    @property
    def exchanges(self) -> int:
        """How many token requests were answered with an access token."""
        return self._broker.exchanges

    @property
    def token_requests(self) -> int:
        """How many token requests arrived, answered or refused."""
        return self._token_requests

    @property
    def requests(self) -> list[Request]:
        """The requests that arrived, oldest first; only the last few hundred are kept."""
        with self._lock:
            return list(self._requests)

    def answer(self, request: Request) -> Answer:
        """Records the request and answers it; one at a time, since each may change the grant."""
        with self._lock:
            self._requests.append(request)
            self._token_requests += asks_for_token(request)
            answer, self._broker = respond(request, self._broker, self._now(), self._fail)
            return answer
