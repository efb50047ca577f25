"""What is handed out: an access token and what goes with it."""

from tastyauth.library import Credential
from tastyauth.secret import Secret

TOKEN = "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJhcGkifQ.c2lnbmF0dXJl"
CREDENTIAL = Credential(
    access_token=Secret(TOKEN),
    issued_at=1764000000,
    expires_at=1764000900,
    profile="live",
    environment="production",
    api_url="https://api.tastyworks.com",
    client_id="0c7b8898-a2f1-49bb-a23d-843e47b68631",
)


def test_it_does_not_show_its_token() -> None:
    assert TOKEN not in f"{CREDENTIAL} {CREDENTIAL!r}"
    assert "expires_at=1764000900" in repr(CREDENTIAL)
