"""One refresh token for one access token (RFC 6749, section 6), and nothing else on the wire.

Everything that can be decided without a network is: `offline` looks at the grant, `response` and
`refusal` read what came back. `route` and `roots` say where a request goes and who is trusted
there; `transport` sends it, `deadline` ends it, `attempts` puts them together.
"""

from tastyauth.exchange.claims import check_offline
from tastyauth.exchange.exchange import exchange
from tastyauth.exchange.grant import RefreshGrant, TokenResponse
from tastyauth.exchange.response import read_response
from tastyauth.exchange.route import Route, route

__all__ = [
    "RefreshGrant",
    "Route",
    "TokenResponse",
    "check_offline",
    "exchange",
    "read_response",
    "route",
]
