"""One token for all machines that hold a grant, through an engine like Valkey: which, and how."""

from urllib.parse import urlsplit

from tastyauth.errors import LOOPBACK
from tastyauth.sources import Reference

_PORT = 6379

_GRACE = 5.0
"""Seconds that a lease outlasts its exchange, for imports and a slow engine."""

_PATIENCE = 2
"""How many leases a machine waits out before it goes on alone."""

_CALLS = 6.0
"""Seconds that calls to the engine may take before it counts as unreachable."""

ALONE = "this machine goes on alone"
"""How the warning about an engine ends."""


def lease_of(limit: float) -> float:
    """Seconds of the lease for an exchange that has ended after `limit` seconds."""
    return limit + _GRACE


def patience_of(limit: float) -> float:
    """Seconds that a machine waits for others, if its own exchange may take `limit` seconds."""
    return _PATIENCE * lease_of(limit)


class Engine:
    """What speaks the protocol of Valkey, as a profile names it; `url` has passed the schema.

    `authorities` is the path of a file of certificate authorities, empty for those of the system;
    `user` is empty for the default one, `socket` for an engine of the network.
    """

    def __init__(self, url: str, password: Reference | None = None, authorities: str = "") -> None:
        parts = urlsplit(url)
        host = parts.hostname or ""
        self.url, self.password, self.authorities = url, password, authorities
        self.is_encrypted = parts.scheme in ("valkeys", "rediss")
        self.user = parts.username or ""
        self.address = host, parts.port or _PORT
        self.socket = parts.path if parts.scheme == "unix" else ""
        self.database = 0 if self.socket else int(parts.path.strip("/") or 0)
        # on this machine, so that nothing leaves it
        self.is_here = bool(self.socket) or host in LOOPBACK or f"[{host}]" in LOOPBACK

    def longest(self, limit: float) -> float:
        """Seconds within which a machine gets a token through it or gives up, whatever others do.

        `limit` is for how many its own exchange may take.
        """
        return patience_of(limit) + _CALLS + limit


class Trouble(Exception):
    """Why the engine is not used, as text after a colon; never the engine's own text."""


def not_used(engine: Engine, trouble: object) -> str:
    """The warning that the engine cannot be used."""
    return f"{engine.url} is not used: {trouble}; {ALONE}"
