"""What is handed out: an access token, how long it lives, and where it belongs."""

from dataclasses import dataclass

from tastyauth.secret import Secret


@dataclass(frozen=True, slots=True)
class Credential:
    """An access token of one profile (RFC 6749, section 1.4).

    Times are in epoch seconds, UTC. `issued_at` is before the token was asked for, and
    `expires_at` counts from there.
    """

    access_token: Secret
    issued_at: int
    expires_at: int
    profile: str
    environment: str
    api_url: str
    client_id: str

    def fields(self) -> dict[str, str]:
        """What `exports` may name, in plain text: for emission only."""
        return {
            "access_token": self.access_token.reveal(),
            "authorization": f"Bearer {self.access_token.reveal()}",
            "expires_at": str(self.expires_at),
            "environment": self.environment,
            "profile": self.profile,
            "api_url": self.api_url,
            "client_id": self.client_id,
        }
