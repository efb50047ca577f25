"""What the simulator knows: one application, its one grant, and how it was asked to behave."""

import secrets
import uuid
from dataclasses import dataclass, field, replace

from tastyauth.broker import ISSUERS, REFRESH_TOKEN_TYPE
from tastyauth.secret import Secret
from tastyauth.simulator.tokens import ACCESS_TOKEN, decode, sign

_USER = "U0000000001"
_SCOPE = "read trade openid"


@dataclass(frozen=True, slots=True)
class Application:
    """What the owner of an OAuth application holds: a UUID, 40 hex characters, and a JWT."""

    client_id: str
    client_secret: Secret
    refresh_token: Secret


@dataclass(frozen=True, slots=True)
class Broker:
    """One state of the simulator; an exchange makes the next one.

    `lifetime` is that of access tokens, in seconds; `exchanges` counts those handed out.
    """

    environment: str
    lifetime: int
    rotate: bool
    grant_id: str
    key: bytes = field(repr=False)
    application: Application
    exchanges: int = 0

    @property
    def issuer(self) -> str:
        """Who signs its tokens: the `iss` claim."""
        return f"https://{ISSUERS[self.environment]}"


def open_broker(environment: str, *, lifetime: int, rotate: bool, now: float) -> Broker:
    """A broker with a new application, whose grant has just been created.

    ValueError for an unknown environment.
    """
    if environment not in ISSUERS:
        raise ValueError(f"the environment is one of {', '.join(ISSUERS)}")
    application = Application(str(uuid.uuid4()), Secret(secrets.token_hex(20)), Secret(""))
    grant_id = f"G{uuid.uuid4()}"
    broker = Broker(environment, lifetime, rotate, grant_id, secrets.token_bytes(64), application)
    return _with_new_refresh_token(broker, now)


def hand_out(broker: Broker, now: float) -> tuple[Secret, Broker]:
    """An access token, and the broker that has handed it out (and has rotated, if it does)."""
    after = replace(broker, exchanges=broker.exchanges + 1)
    claims = {
        "iss": broker.issuer,
        "aud": broker.issuer,
        "sub": _USER,
        "client_id": broker.application.client_id,
        "grant_id": broker.grant_id,
        "scope": _SCOPE,
        "iat": int(now),
        "exp": int(now) + broker.lifetime,
        "jti": str(after.exchanges),
    }
    access_token = sign(ACCESS_TOKEN, claims, broker.key)
    return access_token, _with_new_refresh_token(after, now) if broker.rotate else after


def accepts(broker: Broker, access_token: str, now: float) -> bool:
    """Whether this is an access token of this broker whose time is not over."""
    token = decode(access_token, broker.key)
    if token is None or not token.genuine or token.typ != ACCESS_TOKEN:
        return False
    expiry = token.claims["exp"]
    return isinstance(expiry, int) and now < expiry


def _with_new_refresh_token(broker: Broker, now: float) -> Broker:
    claims: dict[str, object] = {
        "iss": broker.issuer,
        "sub": _USER,
        "iat": int(now),
        "aud": broker.application.client_id,
        "grant_id": broker.grant_id,
        "scope": _SCOPE,
    }
    if broker.exchanges:  # two tokens of one second must not be the same
        claims["jti"] = str(broker.exchanges)
    refresh_token = sign(REFRESH_TOKEN_TYPE, claims, broker.key)
    return replace(broker, application=replace(broker.application, refresh_token=refresh_token))
