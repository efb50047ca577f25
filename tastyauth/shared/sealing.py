"""Seals what machines share, so that the engine's owner can neither read nor forge it.

The key comes from the client secret and the refresh token: only a holder of the grant can open a
value, or make one that others accept.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tastyauth.secret import Secret

_VERSION = "tastyauth shared 1"

_KEY, _NAME, _NONCE = 32, 16, 12
"""Bytes: AES-256; 128 bits of name; the nonce that NIST SP 800-38D recommends for GCM."""


class Seal:
    """What one grant derives from its secrets; `name` tells its keys in the engine from others."""

    def __init__(self, grant: tuple[str, tuple[str, ...], str, Secret, Secret]) -> None:
        """`grant` is a `fleet.Grant`; a machine that gets a token checks its scopes."""
        token_endpoint, scopes, client_id, client_secret, refresh_token = grant
        info = "\0".join((_VERSION, token_endpoint, client_id.lower(), *scopes)).encode()
        derive = HKDF(algorithm=SHA256(), length=_KEY + _NAME, salt=None, info=info)
        first = client_secret.reveal()
        derived = derive.derive(f"{len(first)} {first}{refresh_token.reveal()}".encode())
        self.name = derived[_KEY:].hex()
        self._aead = AESGCM(derived[:_KEY])

    def close(self, kind: str, content: bytes) -> bytes:
        """`content`, sealed as a value of this kind; each time it looks different."""
        nonce = os.urandom(_NONCE)
        return nonce + self._aead.encrypt(nonce, content, self._bound_to(kind))

    def open(self, kind: str, sealed: bytes) -> bytes | None:
        """The content; None if it belongs to another grant or kind, or was altered."""
        try:
            return self._aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], self._bound_to(kind))
        except (InvalidTag, ValueError):
            return None

    def _bound_to(self, kind: str) -> bytes:
        return f"{_VERSION} {kind} {self.name}".encode()
