"""A local stand-in for tastytrade's token and account endpoints, with throw-away credentials.

    with Simulator() as simulator:
        simulator.origin, simulator.application    # where it listens, what it accepts
        simulator.fail = "503"                     # from now on the token endpoint is down

It keeps to what has been observed of the real ones (developer.tastytrade.com, OAuth2, and what
their users have captured): bodies, codes and shapes of tokens alike. Nothing it hands out is of
any worth elsewhere, and it makes no connection itself. What the real token endpoint does with a
`scope` is not known, so it is ignored here.
"""

from typing import TYPE_CHECKING

from tastyauth.simulator.failures import FAILURES

if TYPE_CHECKING:
    from tastyauth.simulator.simulator import Simulator

__all__ = ["FAILURES", "Simulator"]


def __getattr__(name: str) -> object:
    # The help of every command lists the failures; sockets and TLS (25 ms) are for those who serve.
    if name != "Simulator":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tastyauth.simulator.simulator import Simulator

    return Simulator
