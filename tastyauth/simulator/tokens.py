"""The simulator's tokens have the shape of tastytrade's: JWTs in compact form (RFC 7519).

They call themselves EdDSA and are exactly as long, but the 64 bytes are an HMAC-SHA512: nobody
but the simulator that signed a token ever verifies it, and the standard library has no Ed25519.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from tastyauth.secret import Secret

ACCESS_TOKEN = "at+jwt"  # noqa: S105  # RFC 9068, section 2.1

Claims = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Jwt:
    """A token that could be decoded; `genuine` says whether its signature is ours."""

    typ: object
    claims: Claims = field(repr=False)
    genuine: bool


def sign(typ: str, claims: Claims, key: bytes) -> Secret:
    """A token of this type that holds these claims."""
    header = {"alg": "EdDSA", "typ": typ, "kid": "simulator"}
    segments = (json.dumps(part, separators=(",", ":")) for part in (header, claims))
    signed = ".".join(_encode(segment.encode()) for segment in segments)
    return Secret(f"{signed}.{_signature(signed, key)}")


def decode(text: str, key: bytes) -> Jwt | None:
    """The token in `text`; None when that is no JWT."""
    segments = text.split(".")
    if len(segments) != 3 or not text.isascii():
        return None
    header, claims = _decode(segments[0]), _decode(segments[1])
    if header is None or claims is None:
        return None
    expected = _signature(".".join(segments[:2]), key)
    # The text is compared, not the bytes: base64 has more than one spelling of those.
    return Jwt(header.get("typ"), claims, hmac.compare_digest(expected, segments[2]))


def _signature(signed: str, key: bytes) -> str:
    return _encode(hmac.digest(key, signed.encode(), hashlib.sha512))


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decode(segment: str) -> dict[str, object] | None:
    try:
        content = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
        part = json.loads(content)
    except (binascii.Error, ValueError, RecursionError):
        return None
    return part if isinstance(part, dict) else None
