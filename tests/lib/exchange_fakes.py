"""What the exchange meets in its tests: grants, tokens, and servers of every kind."""

import base64
import contextlib
import dataclasses
import json
import socket
import ssl
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

from tastyauth.exchange.claims import RefreshGrant
from tastyauth.secret import Secret

CLIENT_ID = "0c7b8898-a2f1-49bb-a23d-843e47b68631"
OTHER_ID = "11111111-2222-4333-8444-555555555555"
CLIENT_SECRET = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"


def jwt(header: object, claims: object) -> str:
    """A token of three parts; nobody verifies its signature."""
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), bytes(range(64)))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


REFRESH_TOKEN = jwt(
    {"alg": "EdDSA", "typ": "rt+jwt", "kid": "1"}, {"aud": CLIENT_ID, "sub": "U0001", "iat": 1}
)

GRANT = RefreshGrant(
    token_endpoint="https://api.tastyworks.com/oauth/token",
    environment="production",
    client_id=CLIENT_ID,
    client_secret=Secret(CLIENT_SECRET),
    refresh_token=Secret(REFRESH_TOKEN),
    user_agent="tastyauth/1.0",
    timeout=15.0,
)


def grant(**changes: Any) -> RefreshGrant:
    """A good grant of production, but for `changes`."""
    return GRANT._replace(**changes)


def reveals(text: str, width: int = 8) -> bool:
    """Whether `text` contains that many consecutive characters of a secret of GRANT."""
    return any(
        value[i : i + width] in text
        for value in (CLIENT_SECRET, REFRESH_TOKEN)
        for i in range(len(value) - width + 1)
    )


def holds_a_secret(message: str) -> bool:
    """Whether somebody with a decoder at hand finds part of a secret in `message`."""
    squeezed = "".join(message.split())
    unescaped = urllib.parse.unquote(urllib.parse.unquote(squeezed.replace("\\", "")))
    encoded = "".join(
        c for c in squeezed.replace("-", "+").replace("_", "/") if c.isalnum() or c in "+/"
    )
    decoded = [
        base64.b64decode(encoded[i:][: (len(encoded) - i) // 4 * 4]).decode("latin-1")
        for i in range(4)
        if encoded.isascii()
    ]
    # of what is decoded, letters of our own sentence may have completed the first and the last
    return any(map(reveals, (message, squeezed, unescaped))) or any(
        reveals(text, 10) for text in decoded
    )


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    """The bytes of one answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


TOKEN = http("200 OK", b'{"access_token":"abc.def","token_type":"Bearer","expires_in":900}')

Script = Callable[[socket.socket], None]


def says(data: bytes) -> Script:
    """Answers with `data` and hangs up."""
    return lambda connection: connection.sendall(data)


@dataclasses.dataclass
class Server:
    """A server on 127.0.0.1, and what it was sent, one item per request."""

    port: int
    requests: list[bytes] = dataclasses.field(default_factory=list)
    connections: int = 0

    def url(self, scheme: str = "http", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self.port}/oauth/token"


@contextlib.contextmanager
def serving(
    *scripts: Script, tls: ssl.SSLContext | None = None, reads: bool = True
) -> Iterator[Server]:
    """Each connection meets the next of `scripts`, after its request has been read."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(listener.getsockname()[1])
    over = threading.Event()

    def meet(script: Script) -> None:
        connection, _ = listener.accept()
        with contextlib.suppress(OSError), connection:
            server.connections += 1
            end = tls.wrap_socket(connection, server_side=True) if tls else connection
            with end:
                if reads:
                    server.requests.append(read_request(end))
                script(end)

    def play() -> None:
        with contextlib.suppress(OSError):
            for script in scripts:
                if not over.is_set():
                    meet(script)

    thread = threading.Thread(target=play, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        over.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
        assert not thread.is_alive(), "a connection was left open"


def read_request(connection: socket.socket) -> bytes:
    """Head and body of one request."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536) or b"\r\n\r\n"
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
