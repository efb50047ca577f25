"""Reads an answer of the token endpoint: an answer in, a token or an error out."""

import math
import re
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

from tastyauth.errors import (
    CREATE_GRANT,
    REFRESH_TOKEN_TYPE,
    ProtocolError,
    RefusedError,
    TastyauthError,
    TemporaryError,
    steps,
)
from tastyauth.exchange.claims import (
    LONGEST_TOKEN,
    ONE_APPLICATION,
    RefreshGrant,
    read_claims,
    scopes_of,
)
from tastyauth.exchange.server_text import DATE, Answer, Fields, http_date, shown, spellings
from tastyauth.secret import Secret

NOT_SOON = "not soon"
"""The reason of a TemporaryError that lasts for minutes: trying again at once does not help."""

_DEFAULT_LIFETIME = 900
"""Seconds that a token of tastytrade lives (developer.tastytrade.com, OAuth2)."""

_LONGEST_LIFETIME = 86400
"""Seconds. A longer promise is not believed: a dead token could be served for too long."""

_LONGEST_WAIT = 86400.0
"""Seconds. A longer Retry-After is cut; the longest block that the vendor mentions is hours."""

_CLOCK_TOLERANCE = 60
"""Seconds by which the clocks may differ before tokens are wrongly taken for fresh."""

_LONG = 16
"""Characters. A shorter secret may be part of a token by chance."""

_THE_CLOCK = "the clock of this machine"
SET_IT = "set it, or tokens are renewed too early or too late"

_ACCESS_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")  # b64token, RFC 6750, section 2.1
_REFRESH_TOKEN = re.compile(r"[!-~](?:[ -~]*[!-~])?")  # the characters that a reference can hold
_NUMBER = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?")
_WAIT = re.compile(rf"(?:^|,)\s*({DATE}|[0-9]+)\s*(?=,|$)")

_STORE = "store its refresh token: tastyauth secret set --only refresh_token"
_NEW_GRANT = steps(f"make a new grant: {CREATE_GRANT}", _STORE)
_ONE = steps(ONE_APPLICATION, "store them: tastyauth secret set")

_REFUSED = {"invalid_grant": "grant", "invalid_client": "client", "unauthorized_client": "client"}
"""The permanent error codes of RFC 6749, section 5.2, and what each is about."""

_WHY = {
    "grant revoked": (
        "the grant was deleted, the client secret was regenerated, or the refresh token is"
        f" for the other environment\n{_NEW_GRANT}"
    ),
    "client secret mismatch": (
        "the client secret was mistyped, cut short or regenerated, or belongs to a"
        f" different application than the refresh token\n{_ONE}"
    ),
    "client id mismatch": f"the client ID does not belong to this refresh token\n{_ONE}",
    "invalid jwt": (
        "the refresh token was cut short, quoted, or is something else, perhaps a password;"
        f" store it again as it was shown, or:\n{_NEW_GRANT}"
    ),
    "invalid_grant": f"the refresh token is no longer valid\n{_NEW_GRANT}",
    "invalid_client": f"client ID and client secret do not belong together\n{_ONE}",
    "unauthorized_client": f"this OAuth application is not allowed to use refresh tokens\n{_ONE}",
}
"""Hints by description (lower case; seen live), else by code."""

_NOT_A_CUSTOMER = "user is not a tastytrade customer"


class TokenResponse(NamedTuple):
    """A successful answer (RFC 6749, section 5.1).

    `expires_in` is in seconds. `refresh_token` is set only when it differs from the one that was
    sent: it was rotated, and the old one may be worthless. `warnings` are sentences for the user.
    `scopes` are what it may do, as the answer says and as its access token does, if they do.
    """

    access_token: Secret
    expires_in: int
    refresh_token: Secret | None
    warnings: tuple[str, ...]
    scopes: tuple[tuple[str, ...], ...] = ()


class RotatedError(ProtocolError):
    """The answer holds a new refresh token, but no usable access token.

    The old refresh token may be worthless, so `refresh_token` must not be lost.
    """

    def __init__(self, message: str, hint: str, refresh_token: Secret) -> None:
        super().__init__(message, hint)
        self.refresh_token = refresh_token


def read_response(answer: Answer, grant: RefreshGrant, now: float) -> TokenResponse:
    """What the server granted (RFC 6749, section 5.1); pure.

    `now` is when the answer came, in epoch seconds. Raises RefusedError, TemporaryError, or
    ProtocolError, which is a RotatedError when the answer also holds a new refresh token.
    """
    if answer.status != 200:
        raise _refusal(answer, grant, now)
    try:
        fields = answer.fields()
    except ValueError as reason:
        raise _not_a_token(f"the answer is {reason}", grant) from None
    rotated = _token(fields, "refresh_token", _REFRESH_TOKEN, grant)
    if rotated is not None and _holds(rotated, (grant.client_secret,)):
        raise _not_a_token("the refresh_token in the answer is the client secret", grant)
    if rotated == grant.refresh_token:
        rotated = None
    try:
        access_token, life = _access_token(fields, grant, rotated), _expires_in(fields, grant)
    except ProtocolError as error:
        if rotated is None:
            raise
        raise RotatedError(error.message, error.hint, rotated) from None
    warning = clock_warning(clock_skew(answer, now) or 0.0)
    warnings = (f"{warning}; {SET_IT}",) if warning else ()
    said = (fields.get("scope"), read_claims(access_token).fields.get("scope"))
    scopes = tuple(it for it in map(scopes_of, said) if it is not None)
    return TokenResponse(access_token, life, rotated, warnings, scopes)


def _access_token(fields: Fields, grant: RefreshGrant, rotated: Secret | None) -> Secret:
    kind = fields.secret("token_type")
    if kind is not None and kind.reveal().lower() != "bearer":
        raise _not_a_token("the answer holds a token that is not a bearer token", grant)
    secrets = grant.secrets if rotated is None else (*grant.secrets, rotated)
    token = _token(fields, "access_token", _ACCESS_TOKEN, grant)
    if token is None:
        said = shown(server_words(fields), secrets)
        raise _not_a_token("the answer has no access_token" + (said and f": {said}"), grant)
    if _holds(token, secrets) or read_claims(token).kind == REFRESH_TOKEN_TYPE:
        # It would be cached, and exported to programs that must never see it.
        what = "the access_token in the answer is a refresh token or the client secret"
        raise _not_a_token(what, grant)
    return token


def _holds(token: Secret, secrets: tuple[Secret, ...]) -> bool:
    """Whether `token` is one of `secrets`, holds a long one or is part of it, in any case.

    One that holds it in base64 does, too.
    """
    values, whole = [it.reveal().lower() for it in secrets], token.reveal().lower()
    spelled = "\n".join((whole, *spellings(token.reveal()))).lower()
    return any(
        it == whole or (len(it) >= _LONG and it in spelled) or (len(whole) >= _LONG and whole in it)
        for it in values
    )


def _token(fields: Fields, name: str, shape: re.Pattern[str], grant: RefreshGrant) -> Secret | None:
    token = fields.secret(name)
    if token is None or (name == "refresh_token" and fields.get(name) == ""):
        return None
    if not 0 < len(token.reveal()) <= LONGEST_TOKEN:
        raise _not_a_token(f"the {name} in the answer is empty or not a token", grant)
    if not shape.fullmatch(token.reveal()):
        raise _not_a_token(f"the {name} in the answer contains characters that no token has", grant)
    return token


def _expires_in(fields: Fields, grant: RefreshGrant) -> int:
    """Seconds; a missing value means the vendor's documented default, a longer life is cut."""
    value = fields.get("expires_in")
    if value is None:
        return _DEFAULT_LIFETIME
    seconds = float(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise _not_a_token("expires_in in the answer is not a number of seconds", grant)
    if seconds < 1:
        what = "expires_in in the answer is not positive: the token has already expired"
        raise _not_a_token(what, grant)
    return math.floor(min(seconds, _LONGEST_LIFETIME))


def _not_a_token(message: str, grant: RefreshGrant) -> ProtocolError:
    """The error for what something other than a token endpoint seems to have answered."""
    if grant.environment == "custom":
        hint = "does api_url name the origin of a token endpoint? -v shows where the request went"
        return ProtocolError(message, hint)
    return ProtocolError(
        message,
        "perhaps a proxy or the sign-in page of this network answered in its place; -v names the"
        " proxy that is used",
    )


def clock_skew(answer: Answer, now: float) -> float | None:
    """Seconds by which the clock of this machine is ahead of the server's; None without a Date."""
    server = http_date(answer.header("date"))
    return None if server is None else now - server


def clock_warning(skew: float) -> str | None:
    """A warning about clocks that differ; None when they agree well enough."""
    if abs(skew) <= _CLOCK_TOLERANCE:
        return None
    way = "ahead of" if skew > 0 else "behind"
    return f"{_THE_CLOCK} is {abs(skew):.0f} s {way} the server's"


def is_about_clock(warning: str) -> bool:
    """Whether a warning of a TokenResponse says that the clocks differ."""
    return warning.startswith(_THE_CLOCK)


def _refusal(answer: Answer, grant: RefreshGrant, now: float) -> TastyauthError:
    """The error to raise for an answer other than 200."""
    status, fields = answer.status, answer.fields_or_none()
    code, description = _code_and_description(fields)
    said = shown(server_words(fields), grant.secrets)
    if 400 <= status < 500 and code in _REFUSED:
        why = _WHY.get(description.strip(" .").lower(), _WHY[code])
        return RefusedError(f"the server refused the {_REFUSED[code]}: {said}", why)
    if 400 <= status < 500 and code == "invalid_request" and _NOT_A_CUSTOMER in description.lower():
        return _not_a_customer(said, grant)
    try:
        phrase = f" {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = ""
    message = f"the server answered {status}{phrase}" + (said and f": {said}")
    wait = retry_after(answer, now)
    if is_temporary(status):
        hint = "try again in a few minutes; nothing needs to be changed"
        if wait is not None:
            hint = f"try again in {math.ceil(wait)} s, as the server asks"
        return TemporaryError(message, hint, wait)
    if 300 <= status < 400:
        try:
            host = urlsplit(answer.header("location")).netloc.rpartition("@")[2]
        except ValueError:
            host = ""
        target = shown(host, grant.secrets)
        message = (
            f"the server redirects{target and f' to {target}'}; secrets never follow a redirect"
        )
    error = _not_a_token(message, grant)
    if status == 401 and answer.is_html:
        error = ProtocolError(
            "the server rejected the User-Agent: 401 with a web page instead of an answer",
            "user_agent must be product/version, like tastyauth/1.0; a proxy that removes the"
            " header has the same effect",
        )
    error.retry_after = wait
    return error


def _not_a_customer(said: str, grant: RefreshGrant) -> TastyauthError:
    # On the sandbox it comes and goes for minutes at a time with the same grant; on production
    # it is final.
    if grant.environment != "production":
        return TemporaryError(
            f"the server does not know this user at the moment: {said}",
            "the sandbox does this now and then, for a few minutes; if it goes on, the sandbox"
            " user has no account yet",
            reason=NOT_SOON,
        )
    return RefusedError(
        f"the server refused the user: {said}",
        f"this login has no account; open one, or, signed in as a user who has one:\n{_NEW_GRANT}",
    )


def is_temporary(status: int) -> bool:
    """Whether another try within seconds may help."""
    return status in (408, 425, 429) or 500 <= status < 600


def retry_after(answer: Answer, now: float) -> float | None:
    """The seconds to wait that the server asked for (RFC 9110, section 10.2.3), if any.

    A date is read by the server's own clock when the answer has one. Of a header that was sent
    twice, as by a gateway and the server behind it, the longer wait counts.
    """
    server_now = http_date(answer.header("date"))
    waits = []
    for value in _WAIT.findall(answer.header("retry-after")):
        date = http_date(value)
        if date is not None:
            waits.append(max(0.0, date - (now if server_now is None else server_now)))
        elif value.isdigit():
            waits.append(float(value[:20]))
    return min(max(waits), _LONGEST_WAIT) if waits else None


def server_words(fields: Fields) -> str:
    """Code and description of an error response, as the server wrote them: mask them to show."""
    return ", ".join(filter(None, _code_and_description(fields)))


def _code_and_description(fields: Fields) -> tuple[str, str]:
    """tastytrade's own field first, then RFC 6749's, then that of the rest of its API."""
    error = fields.get("error")
    nested = error if isinstance(error, dict) else {}
    codes = (fields.get("error_code"), error, nested.get("code"))
    texts = (fields.get("error_description"), nested.get("message"), fields.get("message"))
    # The API around the endpoint numbers some of its codes (406).
    known = (it for it in codes if isinstance(it, str | int) and not isinstance(it, bool))
    code = next((str(it) for it in known if it != ""), "")
    return code, next((it for it in texts if isinstance(it, str) and it), "")
