"""One token for all machines that hold a grant, through an engine like Valkey: which, and how."""

from functools import cached_property
from urllib.parse import urlsplit

from tastyauth.errors import LOOPBACK
from tastyauth.sources import Reference

_PORT = 6379

_GRACE = 5.0
"""Seconds that a lease lasts longer than the exchange that it is for: imports, a slow engine."""

_PATIENCE = 2
"""Leases for which a machine waits for others."""

_CALLS = 6.0
"""Seconds that calls to the engine may take before it counts as unreachable."""

ALONE = "this machine goes on alone"
"""How the warning about an engine ends."""


def lease_of(limit: float) -> float:
    """Seconds of the lease for an exchange that has ended after `limit` seconds."""
    return limit + _GRACE


def patience_of(limit: float) -> float:
    """Seconds for which a machine whose own exchange may take `limit` seconds waits for others."""
    return _PATIENCE * lease_of(limit)


class Engine:
    """What speaks the protocol of Valkey, as a profile names it; `url` has passed the schema.

    `authorities` is the path of a file of certificate authorities, empty for those of the system.
    """

    def __init__(self, url: str, password: Reference | None = None, authorities: str = "") -> None:
        self.url = url
        self.password = password
        self.authorities = authorities

    def longest(self, limit: float) -> float:
        """Seconds within which a machine has a token through it, or none, whatever others do.

        `limit` is for how many its own exchange may take.
        """
        return patience_of(limit) + _CALLS + limit

    @cached_property
    def _parts(self) -> tuple[str, str, str, int, str]:
        it = urlsplit(self.url)
        return it.scheme, it.username or "", it.hostname or "", it.port or _PORT, it.path

    @property
    def is_encrypted(self) -> bool:
        """Whether the connection is TLS."""
        return self._parts[0] in ("valkeys", "rediss")

    @property
    def user(self) -> str:
        """The user to log in as; empty for the default one."""
        return self._parts[1]

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self._parts[2:4]

    @property
    def socket(self) -> str:
        """The path of a Unix socket; empty for an engine of the network."""
        return self._parts[4] if self._parts[0] == "unix" else ""

    @property
    def database(self) -> int:
        """The number of the database."""
        return 0 if self.socket else int(self._parts[4].strip("/") or 0)

    @property
    def is_here(self) -> bool:
        """Whether it runs on this machine, so that nothing leaves it."""
        host = self._parts[2]
        return bool(self.socket) or host in LOOPBACK or f"[{host}]" in LOOPBACK


class Trouble(Exception):
    """Why the engine is not used, in words that follow a colon; nothing in them is the engine's."""


def not_used(engine: Engine, trouble: object) -> str:
    """The warning of a machine that cannot use what the others share through."""
    return f"{engine.url} is not used: {trouble}; {ALONE}"
