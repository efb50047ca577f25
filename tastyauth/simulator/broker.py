"""The state of the simulator: one application, its one grant, and the tokens that it signs.

The tokens are JWTs in compact form (RFC 7519), like tastytrade's. They claim to be EdDSA and are
exactly as long, but the 64 bytes are an HMAC-SHA512: only the simulator that signed a token ever
verifies it, and the standard library has no Ed25519.
"""

import base64
import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tastyauth.errors import ISSUERS, REFRESH_TOKEN_TYPE
from tastyauth.secret import Secret

ACCESS_TOKEN_TYPE = "at+jwt"  # noqa: S105  # RFC 9068, section 2.1

_USER = "U0000000001"
SCOPES = "read openid"
"""What its grant may do, if nothing else is said: an application for which only read was ticked."""

_SEEDED_AT = 1_735_689_600
"""2025-01-01, when the grant of every seed was made: the time is part of a refresh token."""


@dataclass(frozen=True, slots=True)
class Application:
    """What the owner of an OAuth application has: a UUID, 40 hex characters, and a JWT."""

    client_id: str
    client_secret: Secret
    refresh_token: Secret


@dataclass(frozen=True, slots=True)
class Broker:
    """One state of the simulator; an exchange makes the next one.

    `lifetime` is that of access tokens, in seconds; `exchanges` counts those handed out. `scopes`
    are what the grant may do, words in one text; empty for tokens that do not say. The first
    `ended` tokens are not accepted any more.
    """

    environment: str
    lifetime: int
    rotate: bool
    grant_id: str
    key: bytes = field(repr=False)
    application: Application
    scopes: str = SCOPES
    exchanges: int = 0
    ended: int = 0

    @property
    def issuer(self) -> str:
        """The `iss` claim of its tokens."""
        return f"https://{ISSUERS[self.environment]}"


@dataclass(frozen=True, slots=True)
class Jwt:
    """A token that could be decoded; `genuine` says whether the broker signed it."""

    typ: object
    claims: Mapping[str, object] = field(repr=False)
    genuine: bool


def open_broker(
    environment: str,
    *,
    lifetime: int,
    rotate: bool,
    now: float,
    seed: str | None = None,
    scopes: str = SCOPES,
) -> Broker:
    """A broker with a new application, whose grant has just been created.

    The same `seed` makes the same credentials. ValueError for an unknown environment.
    """
    if environment not in ISSUERS:
        raise ValueError(f"the environment is one of {', '.join(ISSUERS)}")
    if seed is None:
        drawn = secrets.token_bytes(116)
    else:
        drawn, now = hashlib.shake_256(f"{environment} {seed}".encode()).digest(116), _SEEDED_AT
    client_id, grant_id = (str(uuid.UUID(bytes=it, version=4)) for it in (drawn[:16], drawn[16:32]))
    application = Application(client_id, Secret(drawn[32:52].hex()), Secret(""))
    key = drawn[52:]
    broker = Broker(environment, lifetime, rotate, f"G{grant_id}", key, application, scopes)
    return _with_new_refresh_token(broker, now)


def hand_out(broker: Broker, now: float) -> tuple[Secret, Broker]:
    """An access token, and the broker after handing it out (and rotating, if it does)."""
    after = replace(broker, exchanges=broker.exchanges + 1)
    claims = {
        "iss": broker.issuer,
        "aud": broker.issuer,
        "sub": _USER,
        "client_id": broker.application.client_id,
        "grant_id": broker.grant_id,
        "scope": broker.scopes,
        "iat": int(now),
        "exp": int(now) + broker.lifetime,
        "jti": str(after.exchanges),
    }
    access_token = _sign(ACCESS_TOKEN_TYPE, claims, broker.key)
    return access_token, _with_new_refresh_token(after, now) if broker.rotate else after


def accepts(broker: Broker, access_token: str, now: float) -> bool:
    """Whether this is an access token of this broker that has not expired."""
    token = decode(access_token, broker.key)
    if token is None or not token.genuine or token.typ != ACCESS_TOKEN_TYPE:
        return False
    expiry, number = token.claims["exp"], token.claims["jti"]
    is_current = isinstance(number, str) and int(number) > broker.ended
    return is_current and isinstance(expiry, int) and now < expiry


def decode(text: str, key: bytes) -> Jwt | None:
    """The token in `text`; None when that is not a JWT."""
    segments = text.split(".")
    if len(segments) != 3 or not text.isascii():
        return None
    try:
        header, claims = (json.loads(base64.urlsafe_b64decode(it + "==")) for it in segments[:2])
    except (ValueError, RecursionError):  # binascii.Error is a ValueError
        return None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        return None
    expected = _signature(".".join(segments[:2]), key)
    # The text is compared, not the bytes: base64 has more than one spelling of those.
    return Jwt(header.get("typ"), claims, hmac.compare_digest(expected, segments[2]))


def _with_new_refresh_token(broker: Broker, now: float) -> Broker:
    claims = {
        "iss": broker.issuer,
        "sub": _USER,
        "iat": int(now),
        "aud": broker.application.client_id,
        "grant_id": broker.grant_id,
        "scope": broker.scopes,
    }
    if broker.exchanges:  # two tokens of one second must not be the same
        claims["jti"] = str(broker.exchanges)
    refresh_token = _sign(REFRESH_TOKEN_TYPE, claims, broker.key)
    return replace(broker, application=replace(broker.application, refresh_token=refresh_token))


def _sign(typ: str, claims: dict[str, object], key: bytes) -> Secret:
    if not claims["scope"]:
        del claims["scope"]
    header = {"alg": "EdDSA", "typ": typ, "kid": "simulator"}
    segments = (json.dumps(part, separators=(",", ":")) for part in (header, claims))
    signed = ".".join(_encode(segment.encode()) for segment in segments)
    return Secret(f"{signed}.{_signature(signed, key)}")


def _signature(signed: str, key: bytes) -> str:
    return _encode(hmac.digest(key, signed.encode(), hashlib.sha512))


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
