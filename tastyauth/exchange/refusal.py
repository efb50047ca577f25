"""What a no of the token endpoint means: a person must act, it may pass, or it is not OAuth."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from tastyauth.errors import (
    APPLICATIONS_PAGE,
    ProtocolError,
    RefusedError,
    TastyauthError,
    TemporaryError,
)
from tastyauth.exchange.grant import RefreshGrant
from tastyauth.exchange.server_text import header, http_date, is_html, read_body, shown

_LONGEST_WAIT = 86400.0
"""Seconds of a Retry-After that are believed; the longest block the vendor speaks of is hours."""

_NEW_GRANT = (
    f"make a new one: Manage → Create Grant on {APPLICATIONS_PAGE};"
    " tastyauth secret set -p NAME stores it"
)
_ONE_APPLICATION = (
    "take client ID, client secret and refresh token from one application:"
    f" Manage → Create Grant on {APPLICATIONS_PAGE}"
)

_REFUSED = {
    "invalid_grant": "grant",
    "invalid_client": "client",
    "unauthorized_client": "client",
}
"""The codes of RFC 6749, section 5.2, that no waiting repairs, and what each is about."""

_WHY = {
    "grant revoked": (
        "the grant was deleted, the client secret was regenerated, or the refresh token is not one"
        f" of this environment; {_NEW_GRANT}"
    ),
    "client secret mismatch": (
        "the client secret was mistyped, cut short or regenerated, or is not of the refresh token's"
        " application;"
        f" {_ONE_APPLICATION}"
    ),
    "client id mismatch": f"the client ID is not that of this refresh token; {_ONE_APPLICATION}",
    "invalid jwt": (
        "the refresh token was cut short, quoted, or is something else, perhaps a password;"
        f" store it again as it was shown, or {_NEW_GRANT}"
    ),
    "invalid_grant": f"the refresh token is not valid any more; {_NEW_GRANT}",
    "invalid_client": f"client ID and client secret do not belong together; {_ONE_APPLICATION}",
    "unauthorized_client": (
        f"this OAuth application may not use refresh tokens; {_ONE_APPLICATION}"
    ),
}
"""Hints by description (lower case; seen live), else by code."""

_NOT_A_CUSTOMER = "user is not a tastytrade customer"


class NotSoonError(TemporaryError):
    """Temporary for minutes rather than seconds: asking again at once is of no use."""


def refusal(
    status: int, headers: Mapping[str, str], body: bytes, grant: RefreshGrant, now: float
) -> TastyauthError:
    """The error that an answer other than 200 stands for."""
    fields = _fields(headers, body)
    code, description = _code(fields), _description(fields)
    said = shown(server_words(fields), grant.secrets)
    if 400 <= status < 500 and code in _REFUSED:
        why = _WHY.get(description.strip(" .").lower(), _WHY[code])
        return RefusedError(f"the server refused the {_REFUSED[code]}: {said}", why)
    if 400 <= status < 500 and code == "invalid_request" and _NOT_A_CUSTOMER in description.lower():
        return _not_a_customer(said, grant)
    if is_temporary(status):
        wait = retry_after(headers, now)
        return TemporaryError(_answered(status, said), _patience(wait), wait)
    if 300 <= status < 400:
        return _redirected(header(headers, "location"), grant)
    if status == 401 and is_html(headers, body):
        return ProtocolError(
            "the server rejected the User-Agent: 401 with a page instead of an answer",
            "user_agent must read product/version, like tastyauth/1.0; a proxy that takes the"
            " header away has the same effect",
        )
    return ProtocolError(_answered(status, said), endpoint_hint(grant))


def is_temporary(status: int) -> bool:
    """Whether asking again within seconds may help."""
    return status in (408, 425, 429) or 500 <= status < 600


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """The seconds that the server asked to be left alone (RFC 9110, section 10.2.3), if it did.

    A date is read by the server's own clock when the answer carries it.
    """
    value = header(headers, "retry-after").strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:20]), _LONGEST_WAIT)
    date = http_date(value)
    if date is None:
        return None
    server_now = http_date(header(headers, "date"))
    return min(max(0.0, date - (now if server_now is None else server_now)), _LONGEST_WAIT)


def server_words(fields: Mapping[str, object]) -> str:
    """Code and description of an error response; foreign text, to be shown masked."""
    return ", ".join(word for word in (_code(fields), _description(fields)) if word)


def endpoint_hint(grant: RefreshGrant) -> str:
    """What to look at when something else than a token endpoint seems to answer."""
    if grant.environment == "custom":
        return "does api_url name the origin of a token endpoint? -v shows what was asked"
    return (
        "perhaps a proxy or the sign-in page of this network answered in its place; -v names the"
        " proxy that is used"
    )


def _not_a_customer(said: str, grant: RefreshGrant) -> TastyauthError:
    # On the sandbox it comes and goes for minutes at a time with the same grant; on production
    # it is the truth.
    if grant.environment != "production":
        return NotSoonError(
            f"the server does not know its user at the moment: {said}",
            "the sandbox says so now and then, for some minutes; if it stays, the sandbox user"
            " has no account yet",
        )
    return RefusedError(
        f"the server refused the user: {said}",
        f"this login has no account; open one, or as a user who has one {_NEW_GRANT}",
    )


def _redirected(location: str, grant: RefreshGrant) -> ProtocolError:
    try:
        host = urlsplit(location).netloc.rpartition("@")[2]
    except ValueError:
        host = ""
    target = f" to {shown(host, grant.secrets)}" if host else ""
    return ProtocolError(
        f"the server redirects{target}; secrets do not follow", endpoint_hint(grant)
    )


def _answered(status: int, said: str) -> str:
    try:
        phrase = " " + HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"the server answered {status}{phrase}" + (said and f": {said}")


def _patience(wait: float | None) -> str:
    if wait is None:
        return "try again in a few minutes; nothing needs to be changed"
    return f"try again in {math.ceil(wait)} s; the server asked for it"


def _fields(headers: Mapping[str, str], body: bytes) -> dict[str, object]:
    try:
        return read_body(headers, body)
    except ValueError:
        return {}


def _code(fields: Mapping[str, object]) -> str:
    """tastytrade's own field first, then RFC 6749's, then that of the rest of its API."""
    error = fields.get("error")
    nested = error.get("code") if isinstance(error, dict) else None
    return next((str(it) for it in (fields.get("error_code"), error, nested) if _is_word(it)), "")


def _description(fields: Mapping[str, object]) -> str:
    error = fields.get("error")
    nested = error.get("message") if isinstance(error, dict) else None
    candidates = (fields.get("error_description"), nested, fields.get("message"))
    return next((it for it in candidates if isinstance(it, str) and it), "")


def _is_word(value: object) -> bool:
    # The API around the endpoint numbers some of its codes (406).
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""
