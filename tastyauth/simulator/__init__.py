"""A local stand-in for tastytrade's token and account endpoints, with throw-away credentials.

    with Simulator() as simulator:
        simulator.origin, simulator.application    # where it listens, what it accepts
        simulator.fail = "503"                     # from now on the token endpoint is down

Bodies, codes and the shapes of tokens are those of the real endpoints, as far as they are known
(developer.tastytrade.com, OAuth2, and what users have captured). What it hands out is worth nothing
elsewhere, and it makes no connection itself. It ignores `scope`, since nobody knows what the real
token endpoint does with it.
"""

from tastyauth.simulator.messages import FAILURES
from tastyauth.simulator.simulator import Simulator

__all__ = ["FAILURES", "Simulator"]
