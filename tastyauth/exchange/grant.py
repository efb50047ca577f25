"""What goes into an exchange and what comes out of it, in the words of RFC 6749."""

from typing import NamedTuple

from tastyauth.secret import Secret


class RefreshGrant(NamedTuple):
    """A refresh token and the client it was issued to (RFC 6749, section 6).

    `environment` is "production", "sandbox" or "custom". `timeout` bounds the whole exchange in
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
        """What no message may show, whatever a server echoes."""
        return self.client_secret, self.refresh_token


class TokenResponse(NamedTuple):
    """A successful answer (RFC 6749, section 5.1).

    `expires_in` is in seconds. `refresh_token` is set only when it differs from the one that was
    sent: it has been rotated, and the old one may be worthless. `warnings` are sentences for the
    user.
    """

    access_token: Secret
    expires_in: int
    refresh_token: Secret | None
    warnings: tuple[str, ...]
