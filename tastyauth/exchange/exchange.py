"""An exchange from start to end: look at the grant, ask, read, ask again where that may help."""

import random
import time
from collections.abc import Callable, Mapping

from tastyauth.errors import TemporaryError
from tastyauth.exchange.claims import check_offline
from tastyauth.exchange.grant import RefreshGrant, TokenResponse
from tastyauth.exchange.refusal import NotSoonError
from tastyauth.exchange.response import read_response
from tastyauth.exchange.transport import Channel
from tastyauth.posix.signals import DELAY

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
    sleep: Callable[[float], None] = DELAY.sleep,
    jitter: Callable[[], float] = random.random,
) -> TokenResponse:
    """A new access token for `grant`, within `grant.timeout` seconds and at most `tries` requests.

    `environ` holds the proxy and SSL_CERT variables. `expires_in` of the answer counts from
    before this call. Raises RefusedError, TemporaryError, ProtocolError, or ConfigError for an
    endpoint, proxy or roots that cannot be used.
    """
    check_offline(grant)
    deadline = monotonic() + grant.timeout

    def remaining() -> float:
        return min(deadline, DELAY.until) - monotonic()

    channel = Channel(grant.token_endpoint, environ)
    tried = 0
    while True:
        tried += 1
        try:
            answer = channel.send(grant, remaining)
            return read_response(answer.status, answer.headers, answer.body, grant, now())
        except NotSoonError:
            raise
        except TemporaryError as error:
            pause = _pause(error, tried, jitter)
            if tried >= tries or pause >= remaining():
                raise
        sleep(pause)


def _pause(error: TemporaryError, tried: int, jitter: Callable[[], float]) -> float:
    """Seconds: exponential with full jitter, so that callers who fail together do not return
    together; never less than the server asked for."""
    backoff = jitter() * _FIRST_PAUSE * 2.0 ** (tried - 1)
    return max(backoff, error.retry_after or 0.0)
