"""What a user would have been given by a server of these tests: good for nothing elsewhere."""

import os
from dataclasses import dataclass
from typing import Self

from tastyauth.simulator import Simulator

from .processes import Place


@dataclass(frozen=True, slots=True)
class Credentials:
    """The three things that a token request is made of (RFC 6749, section 6)."""

    client_id: str
    client_secret: str
    refresh_token: str

    @classmethod
    def of(cls, simulator: Simulator) -> Self:
        """The credentials that the server accepts."""
        application = simulator.application
        secret, token = application.client_secret, application.refresh_token
        return cls(application.client_id, secret.reveal(), token.reveal())


def configure(
    place: Place,
    credentials: Credentials,
    environment: str,
    api_url: str | None = None,
    timeout: int = 5,
    profile: str = "main",
) -> None:
    """Writes the user's own config of this home, with its secrets in files beside it."""
    directory = os.path.join(place.home, ".config", "tastyauth")
    os.makedirs(directory, mode=0o700)
    _write(directory, "client-secret", credentials.client_secret)
    _write(directory, "refresh-token", credentials.refresh_token)
    lines = [
        "version: 1",
        "profiles:",
        f"  {profile}:",
        f"    environment: {environment}",
        *([f"    api_url: {api_url}"] if api_url else []),
        f"    client_id: {credentials.client_id}",
        "    client_secret: { file: client-secret }",
        "    refresh_token: { file: refresh-token }",
        f"    timeout: {timeout}",
    ]
    _write(directory, "tastyauth.yaml", "\n".join(lines))


def _write(directory: str, name: str, text: str) -> None:
    descriptor = os.open(os.path.join(directory, name), os.O_WRONLY | os.O_CREAT, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(f"{text}\n")
