"""A grant, and the mix-ups that its refresh token gives away before anything is sent."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

from tastyauth.broker import ENVIRONMENTS, REFRESH_TOKEN_TYPE, is_uuid
from tastyauth.errors import APPLICATIONS_PAGE, RefusedError
from tastyauth.exchange.server_text import read_object
from tastyauth.secret import Secret

_LONGEST_TOKEN = 16 * 1024
"""Characters that are looked at; no reference yields more."""


class RefreshGrant(NamedTuple):
    """A refresh token and the client it was issued to (RFC 6749, section 6).

    `environment` is "production", "sandbox" or "custom". `timeout` is that of the whole exchange in
    seconds: every try, and the pauses between them.
    """

    token_endpoint: str
    environment: str
    client_id: str
    client_secret: Secret
    refresh_token: Secret
    user_agent: str
    timeout: float

    @property
    def secrets(self) -> tuple[Secret, Secret]:
        """What no message may show, whatever a server repeats."""
        return self.client_secret, self.refresh_token


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says about itself (RFC 7519): its media type, and the claims.

    `kind` is in lower case and without `application/`. Both are empty for what is not a JWT.
    """

    kind: str
    fields: Mapping[str, object] = field(repr=False)


def read_claims(token: Secret) -> Claims:
    """Decodes the token; the server verifies it."""
    header, _, rest = token.reveal()[:_LONGEST_TOKEN].partition(".")
    kind = _part(header).get("typ")
    # `application/` may be left out (RFC 7515, section 4.1.9)
    kind = kind.lower().removeprefix("application/") if isinstance(kind, str) else ""
    return Claims(kind, _part(rest.partition(".")[0]))


def check_offline(grant: RefreshGrant) -> None:
    """Raises RefusedError when the server is certain to refuse `grant`.

    Anything unknown passes, since the vendor documents none of this.
    """
    claims = read_claims(grant.refresh_token)
    check_type(claims)
    check_issuer(claims, grant.environment)
    check_audience(claims, grant.client_id)


def check_type(claims: Claims) -> None:
    """Raises RefusedError for an access token."""
    if claims.kind.startswith("at+"):  # RFC 9068, section 2.1
        raise RefusedError(
            "the refresh token is an access token",
            "store what is shown as refresh token after Manage → Create Grant on"
            f" {APPLICATIONS_PAGE}",
        )


def check_issuer(claims: Claims, environment: str) -> None:
    """Raises RefusedError for a refresh token of tastytrade's other environment."""
    issued_by = environment_of(claims)
    if environment == "custom" or issued_by in (None, environment):
        return
    raise RefusedError(
        f"the refresh token was issued by {issued_by}, the profile says {environment}",
        f"set environment: {issued_by}, or make a grant for {environment}:"
        f" Manage → Create Grant on {APPLICATIONS_PAGE}",
    )


def environment_of(claims: Claims) -> str | None:
    """The environment of tastytrade that issued a refresh token; None for another issuer."""
    issuer = claims.fields.get("iss")
    if claims.kind != REFRESH_TOKEN_TYPE or not isinstance(issuer, str):
        return None
    try:
        return ENVIRONMENTS.get(urlsplit(issuer).hostname or "")
    except ValueError:
        return None


def check_audience(claims: Claims, client_id: str) -> None:
    """Raises RefusedError for a refresh token of another OAuth application."""
    clients = clients_of(claims)
    if not clients or client_id.lower() in clients:
        return
    raise RefusedError(
        f"the refresh token belongs to client ID {clients[0]}, the profile says {client_id}:"
        " these are different OAuth applications",
        "take client ID, client secret and refresh token from one application:"
        f" Manage → Create Grant on {APPLICATIONS_PAGE}",
    )


def clients_of(claims: Claims) -> tuple[str, ...]:
    """The client IDs that a refresh token was issued to, in lower case; empty when not known."""
    if claims.kind != REFRESH_TOKEN_TYPE:
        return ()
    audience = claims.fields.get("aud")
    listed = audience if isinstance(audience, list) else [audience]
    return tuple(it.lower() for it in listed if isinstance(it, str) and is_uuid(it))


def _part(segment: str) -> dict[str, object]:
    """A part of a JWT (RFC 7519), or {} when it is not one."""
    padded = segment + "=" * (-len(segment) % 4)
    try:
        return read_object(base64.b64decode(padded, altchars=b"-_", validate=True))
    except ValueError:
        return {}
