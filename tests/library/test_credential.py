"""What is handed out: an access token and what goes with it."""

import pickle
import time
from typing import Any

import pytest

from tastyauth import errors
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


def test_its_header_is_masked_until_a_request_carries_it() -> None:
    assert CREDENTIAL.authorization.reveal() == f"Bearer {TOKEN}"
    headers = CREDENTIAL.headers()
    assert headers == {"Authorization": f"Bearer {TOKEN}"}
    assert TOKEN not in f"{CREDENTIAL.authorization} {headers} {headers!r}"
    with pytest.raises(TypeError):
        pickle.dumps(headers)


def test_one_made_by_hand_lives_for_as_long_as_real_ones() -> None:
    made = Credential(Secret(TOKEN))
    assert made.expires_at - made.issued_at == 900
    assert abs(time.time() - made.issued_at) < 60
    assert made.environment == "sandbox"


def test_one_made_of_text_is_refused() -> None:
    with pytest.raises(errors.UsageError, match="not a Secret") as raised:
        Credential(TOKEN)  # type: ignore[arg-type]
    assert "tastyauth.Secret" in raised.value.hint
    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize("wrong", ["soon", 0.5, float("nan"), None])
def test_one_whose_times_are_not_whole_seconds_is_refused(wrong: Any) -> None:
    for times in ({"issued_at": wrong}, {"expires_at": wrong}):
        with pytest.raises(errors.UsageError, match="whole seconds") as raised:
            Credential(Secret(TOKEN), **times)
        assert raised.value.hint
