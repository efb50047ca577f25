"""One refresh token for one access token (RFC 6749, section 6).

The mix-ups that a grant gives away (`claims`) and the reading of an answer (`response`) need no
network. `route` says where a request goes and who is trusted there, `transport` sends it, and
`deadline` ends it in time.
"""

import random
import time
from collections.abc import Callable, Mapping

from tastyauth.errors import TemporaryError
from tastyauth.exchange.claims import RefreshGrant, check_offline
from tastyauth.exchange.response import NOT_SOON, TokenResponse, read_response
from tastyauth.exchange.route import Route, route
from tastyauth.exchange.transport import Channel, token_request

__all__ = [
    "RefreshGrant",
    "Route",
    "TokenResponse",
    "check_offline",
    "exchange",
    "read_response",
    "route",
]

_TRIES = 3

_FIRST_PAUSE = 1.0
"""Seconds, the longest pause after the first try; it doubles with each."""


def exchange(
    grant: RefreshGrant,
    *,
    environ: Mapping[str, str],
    tries: int = _TRIES,
    now: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    jitter: Callable[[], float] = random.random,
) -> TokenResponse:
    """A new access token for `grant`, within `grant.timeout` seconds and at most `tries` requests.

    `environ` holds the proxy and SSL_CERT variables. `expires_in` of the answer counts from
    before this call. Raises RefusedError, TemporaryError, ProtocolError, or ConfigError for an
    endpoint, proxy or certificate authorities that cannot be used.
    """
    check_offline(grant)
    deadline = monotonic() + grant.timeout

    def remaining() -> float:
        return deadline - monotonic()

    channel = Channel(grant.token_endpoint, environ)
    tried = 0
    while True:
        tried += 1
        try:
            answer = channel.send(lambda: token_request(grant), remaining, grant.timeout)
            return read_response(answer, grant, now())
        except TemporaryError as error:
            # Full jitter, so that callers who fail together do not return together.
            backoff = jitter() * _FIRST_PAUSE * 2.0 ** (tried - 1)
            pause = max(backoff, error.retry_after or 0.0)
            if error.reason == NOT_SOON or tried >= tries or pause >= remaining():
                raise
        sleep(pause)
