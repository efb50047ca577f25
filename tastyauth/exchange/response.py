"""Reading an answer of the token endpoint: status, headers and body in, a token or an error out."""

import math
import re
from collections.abc import Mapping

from tastyauth.errors import ProtocolError
from tastyauth.exchange.grant import RefreshGrant, TokenResponse
from tastyauth.exchange.refusal import endpoint_hint, refusal, server_words
from tastyauth.exchange.server_text import header, http_date, read_body, shown
from tastyauth.secret import Secret

_LONGEST_TOKEN = 16 * 1024
"""Characters; what is longer could not be read back from a reference, or exported."""

_DEFAULT_LIFETIME = 900
"""Seconds that a token of tastytrade lives (developer.tastytrade.com, OAuth2)."""

_LONGEST_LIFETIME = 86400
"""Seconds. A server that promises more is not believed: a dead token would be served for long."""

_CLOCK_TOLERANCE = 60
"""Seconds by which the clocks may differ before tokens are judged wrongly fresh."""

THE_CLOCK = "the clock of this machine"
SET_IT = "set it, or tokens are renewed too early or too late"

_ACCESS_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")  # b64token, RFC 6750, section 2.1
_REFRESH_TOKEN = re.compile(r"[!-~](?:[ -~]*[!-~])?")  # what a reference can hold
_NUMBER = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?")


class RotatedError(ProtocolError):
    """The answer holds a new refresh token, and no access token that could be used.

    The old refresh token may be worthless: `refresh_token` must not be lost with the rest.
    """

    def __init__(self, message: str, hint: str, refresh_token: Secret) -> None:
        super().__init__(message, hint)
        self.refresh_token = refresh_token


def read_response(
    status: int, headers: Mapping[str, str], body: bytes, grant: RefreshGrant, now: float
) -> TokenResponse:
    """What the server granted (RFC 6749, section 5.1); pure.

    `body` is as it came off the wire, `now` the epoch seconds at which it came. Raises
    RefusedError, TemporaryError or ProtocolError, which is a RotatedError where that is so.
    """
    if status != 200:
        raise refusal(status, headers, body, grant, now)
    try:
        fields = read_body(headers, body)
    except ValueError as reason:
        raise _not_a_token(f"the answer is {reason}", grant) from None
    rotated = _rotated(fields, grant)
    try:
        return TokenResponse(
            access_token=_access_token(fields, grant, rotated),
            expires_in=_expires_in(fields, grant),
            refresh_token=rotated,
            warnings=_clock_warnings(headers, now),
        )
    except ProtocolError as error:
        if rotated is None:
            raise
        raise RotatedError(error.message, error.hint, rotated) from None


def _access_token(
    fields: Mapping[str, object], grant: RefreshGrant, rotated: Secret | None
) -> Secret:
    kind = fields.get("token_type")
    if kind is not None and not (isinstance(kind, str) and kind.lower() == "bearer"):
        raise _not_a_token("the answer holds a token that is not a bearer token", grant)
    token = fields.get("access_token")
    if token is None:
        secrets = grant.secrets if rotated is None else (*grant.secrets, rotated)
        said = shown(server_words(fields), secrets)
        raise _not_a_token("the answer has no access_token" + (said and f": {said}"), grant)
    if not isinstance(token, str) or not 0 < len(token) <= _LONGEST_TOKEN:
        raise _not_a_token("the access_token in the answer is empty or not a token", grant)
    if not _ACCESS_TOKEN.fullmatch(token):
        raise _not_a_token("the access_token in the answer has characters no token has", grant)
    return Secret(token)


def _expires_in(fields: Mapping[str, object], grant: RefreshGrant) -> int:
    """Seconds; a missing value means what the vendor documents, a longer life is cut."""
    value = fields.get("expires_in")
    if value is None:
        return _DEFAULT_LIFETIME
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _not_a_token("expires_in in the answer is not a number of seconds", grant)
    if value < 1:
        raise _not_a_token("expires_in in the answer is not positive: a dead token", grant)
    return math.floor(min(value, _LONGEST_LIFETIME))


def _rotated(fields: Mapping[str, object], grant: RefreshGrant) -> Secret | None:
    token = fields.get("refresh_token")
    if token is None or token == "":
        return None
    if not isinstance(token, str) or len(token) > _LONGEST_TOKEN:
        raise _not_a_token("the refresh_token in the answer is not a token", grant)
    if not _REFRESH_TOKEN.fullmatch(token):
        raise _not_a_token("the refresh_token in the answer has characters no token has", grant)
    rotated = Secret(token)
    return None if rotated == grant.refresh_token else rotated


def clock_skew(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds by which the clock of this machine is ahead of the server's; None without a Date."""
    server = http_date(header(headers, "date"))
    return None if server is None else now - server


def clock_warning(skew: float) -> str | None:
    """What to say of clocks that differ; None when they agree well enough."""
    if abs(skew) <= _CLOCK_TOLERANCE:
        return None
    way = "ahead of" if skew > 0 else "behind"
    return f"{THE_CLOCK} is {abs(skew):.0f} s {way} the server's"


def _clock_warnings(headers: Mapping[str, str], now: float) -> tuple[str, ...]:
    warning = clock_warning(clock_skew(headers, now) or 0.0)
    return (f"{warning}; {SET_IT}",) if warning else ()


def _not_a_token(message: str, grant: RefreshGrant) -> ProtocolError:
    return ProtocolError(message, endpoint_hint(grant))
