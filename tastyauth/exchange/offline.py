"""A mix-up that the refresh token itself gives away is named before anything is sent."""

import base64
import re
from typing import Final
from urllib.parse import urlsplit

from tastyauth.errors import APPLICATIONS_PAGE, RefusedError
from tastyauth.exchange.foreign import read_object
from tastyauth.exchange.grant import RefreshGrant

_LONGEST_TOKEN = 16 * 1024
"""Characters that are looked at; no reference yields more."""

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

_ISSUERS: Final = {
    "api.tastytrade.com": "production",
    "api.tastyworks.com": "production",
    "api.cert.tastyworks.com": "sandbox",
}
"""Who issues for which environment; production signs with one of its names and answers at the
other."""


def check_offline(grant: RefreshGrant) -> None:
    """Raises RefusedError when `grant` cannot be accepted, and that is certain.

    The token is decoded, never verified: the server does that. Whatever is unknown passes, since
    none of this is documented by the vendor.
    """
    token = grant.refresh_token.reveal()
    header, _, rest = token[:_LONGEST_TOKEN].partition(".")
    kind = _media_type(_part(header).get("typ"))
    if kind.startswith("at+"):  # RFC 9068, section 2.1
        raise RefusedError(
            "the refresh token is an access token",
            "store what is shown as refresh token after Manage → Create Grant on"
            f" {APPLICATIONS_PAGE}",
        )
    if kind != "rt+jwt":
        return
    claims = _part(rest.partition(".")[0])
    _check_issuer(claims.get("iss"), grant)
    _check_audience(claims.get("aud"), grant)


def _check_issuer(issuer: object, grant: RefreshGrant) -> None:
    environment = _ISSUERS.get(_host(issuer))
    if environment is None or grant.environment not in ("production", "sandbox"):
        return
    if environment != grant.environment:
        raise RefusedError(
            f"the refresh token was issued by {environment}, the profile says {grant.environment}",
            f"set environment: {environment}, or make a grant for {grant.environment}:"
            f" Manage → Create Grant on {APPLICATIONS_PAGE}",
        )


def _check_audience(audience: object, grant: RefreshGrant) -> None:
    listed = audience if isinstance(audience, list) else [audience]
    clients = [name.lower() for name in listed if isinstance(name, str) and _UUID.fullmatch(name)]
    if not clients or grant.client_id.lower() in clients:
        return
    raise RefusedError(
        f"the refresh token belongs to client ID {clients[0]}, the profile says {grant.client_id}:"
        " these are different OAuth applications",
        "take client ID, client secret and refresh token from one application:"
        f" Manage → Create Grant on {APPLICATIONS_PAGE}",
    )


def _part(segment: str) -> dict[str, object]:
    """A part of a JWT (RFC 7519), or {} when it is none."""
    padded = segment + "=" * (-len(segment) % 4)
    try:
        return read_object(base64.b64decode(padded, altchars=b"-_", validate=True))
    except ValueError:
        return {}


def _media_type(name: object) -> str:
    """`application/` may be left out (RFC 7515, section 4.1.9)."""
    return name.lower().removeprefix("application/") if isinstance(name, str) else ""


def _host(url: object) -> str:
    if not isinstance(url, str):
        return ""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
