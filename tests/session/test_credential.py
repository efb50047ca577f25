"""What is handed out: an access token and what goes with it."""

from tastyauth.config import parse
from tastyauth.secret import Secret
from tastyauth.session.credential import Credential

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


def test_its_fields_are_plain_text() -> None:
    assert CREDENTIAL.fields() == {
        "access_token": TOKEN,
        "authorization": f"Bearer {TOKEN}",
        "expires_at": "1764000900",
        "environment": "production",
        "profile": "live",
        "api_url": "https://api.tastyworks.com",
        "client_id": "0c7b8898-a2f1-49bb-a23d-843e47b68631",
    }


def test_it_does_not_show_its_token() -> None:
    assert TOKEN not in f"{CREDENTIAL} {CREDENTIAL!r}"
    assert "expires_at=1764000900" in repr(CREDENTIAL)


def test_a_config_can_export_each_of_its_fields() -> None:
    exports = "".join(f"\n      {field.upper()}: {field}" for field in CREDENTIAL.fields())
    text = f"""\
version: 1
profiles:
  live:
    environment: sandbox
    client_id: {CREDENTIAL.client_id}
    client_secret: {{ env: TT_SECRET }}
    refresh_token: {{ env: TT_TOKEN }}
    exports:{exports}
"""
    config = parse(text.encode(), "/project/tastyauth.yaml", home="/home/me")
    assert {field for _, field in config.profiles[0].exports} == set(CREDENTIAL.fields())
