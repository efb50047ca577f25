"""Talks to the engine: one connection, three scripts, and what went wrong when none answers."""

import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from valkey import exceptions
from valkey.connection import Connection, SSLConnection, UnixDomainSocketConnection

from tastyauth.errors import TemporaryError, reason_of
from tastyauth.posix.deadline import within
from tastyauth.secret import Secret
from tastyauth.shared import Engine, Trouble, protocol
from tastyauth.shared.sealing import Seal as Seal

_CONNECT, _READ = 1.0, 1.0
"""Seconds to connect, and for each answer. A slower engine is no help, and one
that is frozen must not delay a token by more than a second."""

_FIRST, _NEXT = 3.0, 2.0
"""Seconds for all of a call: the first one looks up a name, connects, and logs in."""

LOOK = f"""\
local found = redis.call('MGET', KEYS[1], KEYS[2], KEYS[3])
for i = 1, 3 do
    if found[i] and #found[i] > {protocol.LARGEST} then found[i] = '' end
end
local now = redis.call('TIME')
return {{found[1], found[2], found[3], redis.call('PTTL', KEYS[3]), now[1], now[2]}}
"""

TAKE = f"redis.call('SET', KEYS[3], ARGV[1], 'NX', 'PX', ARGV[2])\n{LOOK}"

FINISH = """\
if redis.call('GET', KEYS[3]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[3])
if ARGV[2] == 'token' then
    redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
    redis.call('DEL', KEYS[2])
elseif ARGV[2] == 'attempt' then
    redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
end
return 1
"""
"""A machine that is too late, and has lost the lease, changes nothing."""

_BROKEN = (
    exceptions.ValkeyError, OSError, ValueError, TypeError, LookupError, AttributeError,
    ArithmeticError, RuntimeError, MemoryError, EOFError,
)  # fmt: skip
"""What the client raises when there is no proper answer; the text may quote what came instead."""

_REFUSALS = {
    "NOPERM": "its user lacks the rights that tastyauth needs",
    "can't run this command": "its user lacks the rights that tastyauth needs",
    "READONLY": "it is a read-only replica",
    "read only replica": "it is a read-only replica",
    "OOM": "it is full",
    "maxmemory": "it is full",
    "NOREPLICAS": "it accepts no writes at the moment",
    "MISCONF": "it accepts no writes at the moment",
    "MOVED": "it is a node of a cluster that keeps these keys elsewhere",
    "CLUSTERDOWN": "its cluster is down",
    "unknown command": "it does not support EVAL",
    "max number of clients": "it has too many clients",
    "DB index": "it has no such database",
    "invalid DB": "it has no such database",
    "losed": "it closed the connection",
}
"""The meaning of an error reply, by words in it."""


class Connected:
    """A connection to the engine, made by the first call; closed at the end of the context.

    `meanwhile` is done while the first call is slow: an exchange will probably follow.
    """

    def __init__(
        self, engine: Engine, password: Secret | None, meanwhile: Callable[[], object] | None = None
    ) -> None:
        self._engine, self._has_password = engine, password is not None
        self._meanwhile, self._limit = meanwhile, _FIRST
        given: dict[str, Any] = {"socket_connect_timeout": _CONNECT, "socket_timeout": _READ}
        given |= {"username": engine.user or None, "db": engine.database}
        given |= {"password": password.reveal() if password else None}
        given |= {"lib_name": None, "lib_version": None}
        kind: Any = Connection  # the client is not typed
        if engine.socket:
            kind, given["path"] = UnixDomainSocketConnection, engine.socket
        else:
            given["host"], given["port"] = engine.address
        if engine.is_encrypted:
            kind = SSLConnection
            given |= {"ssl_cert_reqs": "required", "ssl_ca_certs": engine.authorities or None}
            given["ssl_check_hostname"] = True  # the client removes them
        self._connection = kind(**given)

    def __enter__(self) -> "Connected":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.disconnect()

    def look(self, name: str) -> protocol.Found:
        """What the engine holds for a grant; raises Trouble, as do the methods below."""
        return self._found(LOOK, name)

    def take(self, name: str, own: bytes, seconds: float) -> protocol.Found:
        """Takes the lease if it is free; returns what the engine holds then."""
        return self._found(TAKE, name, own, round(seconds * 1000))

    def finish(
        self, name: str, own: bytes, kind: str = "", value: bytes = b"", seconds: float = 0
    ) -> bool:
        """Gives the lease back, and with it a value of this kind; False when it was lost."""
        life = max(round(seconds * 1000), 1)
        return self._call(FINISH, name, own, kind, value, life) == 1

    def _found(self, script: str, name: str, *arguments: bytes | int) -> protocol.Found:
        asked_at = time.time()
        return protocol.read(self._call(script, name, *arguments), asked_at, time.monotonic())

    def _call(self, script: str, name: str, *arguments: bytes | str | int) -> object:
        keys = protocol.keys(name)
        limit, self._limit = self._limit, _NEXT
        meanwhile, self._meanwhile = self._meanwhile, None

        def call() -> object:
            if not self._connection._sock:
                self._connection.connect()
            self._connection.send_command("EVAL", script, len(keys), *keys, *arguments)
            return self._connection.read_response()

        try:
            return within(limit, call, lambda: None, meanwhile)
        except TemporaryError as error:
            reason = error.message
        except _BROKEN as error:
            reason = self._reason(error)
        self._connection.disconnect()
        raise Trouble(
            reason
        )  # raised here, so that an error that may quote an answer is not chained to it

    def _reason(self, error: Exception) -> str:
        causes = (error, error.__cause__, error.__context__)
        cause = next((it for it in causes if isinstance(it, OSError)), None)
        match cause or error:
            case exceptions.TimeoutError() | TimeoutError():
                return "it does not answer in time"
            case exceptions.AuthenticationError():
                is_known = self._has_password or self._engine.user
                return "it refuses this user and password" if is_known else "it asks for a password"
            case ssl.SSLCertVerificationError() as failure:
                return f"its certificate is refused: {failure.verify_message}"
            case ssl.SSLError():
                return "it does not speak TLS"
            case socket.gaierror():
                return "its name cannot be resolved"
            case ConnectionRefusedError():
                return "nothing listens there"
            case FileNotFoundError() as failure:
                what = "" if self._engine.socket else "its certificate_authorities: "
                return what + reason_of(failure)
            case OSError() as failure:
                return reason_of(failure)
            case exceptions.BusyLoadingError():
                return "it is still loading its data"
            case exceptions.OutOfMemoryError():
                return "it is full"
            case exceptions.NoPermissionError():
                return "its user lacks the rights that tastyauth needs"
            case exceptions.ReadOnlyError():
                return "it is a read-only replica"
            case exceptions.ResponseError() | exceptions.ConnectionError():
                meant = (it for word, it in _REFUSALS.items() if word in str(error))
                return next(meant, "it refuses the command")
        return "what answers there does not speak its protocol"
