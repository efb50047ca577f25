"""What a refresh token gives away before anything is sent."""

import base64
import contextlib
import json
import re

import pytest
from exchange_fakes import CLIENT_ID, CLIENT_SECRET, OTHER_ID, REFRESH_TOKEN, grant, jwt
from hypothesis import given
from hypothesis import strategies as st
from tables import for_each

from tastyauth.errors import APPLICATIONS_PAGE, CREATE_GRANT, RefusedError
from tastyauth.exchange.claims import (
    check_entered,
    check_offline,
    check_scopes,
    check_shape,
    doubt,
)
from tastyauth.secret import Secret

RT = {"alg": "EdDSA", "typ": "rt+jwt"}
PRODUCTION = (
    "https://api.tastytrade.com",
    "https://api.tastyworks.com",
    "https://API.TastyTrade.com/",
)
SANDBOX = "https://api.cert.tastyworks.com"


def check(token: str, environment: str = "production", client_id: str = CLIENT_ID) -> None:
    check_offline(grant(refresh_token=Secret(token), environment=environment, client_id=client_id))


def refused(token: str, environment: str = "production") -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        check(token, environment)
    error = caught.value
    assert error.exit_code == 77
    assert APPLICATIONS_PAGE in error.hint
    assert "Manage → Create Grant" in error.hint
    return error


@for_each("kind", ["at+jwt", "AT+JWT", "application/at+jwt", "at+something"])
def test_an_access_token_is_not_a_refresh_token(kind: str) -> None:
    """Whatever else it says, and wherever."""
    for environment in ("production", "sandbox", "custom"):
        assert "access token" in refused(jwt({"typ": kind}, {}), environment).message


def test_an_access_token_is_known_by_its_header_alone() -> None:
    """It may have been cut."""
    assert "access token" in refused(jwt({"typ": "at+jwt"}, {}).partition(".")[0]).message


def test_claims_are_known_though_the_signature_was_cut() -> None:
    cut = jwt(RT, {"aud": OTHER_ID}).rpartition(".")[0]
    assert OTHER_ID in refused(cut, "custom").message
    assert "is not a complete refresh token" in refused(cut).message


@for_each("letter", ["-", "_"])
def test_claims_are_read_in_the_alphabet_of_urls(letter: str) -> None:
    """RFC 7515, section 2."""
    token = jwt(RT, {"aud": OTHER_ID, "note": "~~~???" if letter == "_" else "~>~>~>>>>"})
    assert letter in token.split(".")[1]
    assert OTHER_ID in refused(token).message


@for_each("audience", [OTHER_ID, OTHER_ID.upper(), [OTHER_ID], ["api", OTHER_ID]])
def test_another_client_is_named(audience: object) -> None:
    """Both IDs are shown; they are public."""
    for environment in ("production", "sandbox", "custom"):
        error = refused(jwt(RT, {"aud": audience}), environment)
        assert OTHER_ID in error.message
        assert CLIENT_ID in error.message
        assert "different OAuth applications" in error.message


@for_each("issuer", PRODUCTION)
def test_a_production_token_is_not_for_the_sandbox(issuer: str) -> None:
    """Production has two names and is one environment."""
    token = jwt(RT, {"iss": issuer, "aud": CLIENT_ID})
    check(token, "production")
    check(token, "custom")
    message = refused(token, "sandbox").message
    assert "issued by production" in message
    assert "sandbox" in message


def test_a_sandbox_token_is_not_for_production() -> None:
    """It is refused before the production server sees it."""
    token = jwt(RT, {"iss": SANDBOX, "aud": CLIENT_ID})
    check(token, "sandbox")
    check(token, "custom")
    assert "issued by sandbox" in refused(token, "production").message


def encoded(part: bytes) -> str:
    """A part of a JWT as it is, whatever a writer of JSON would make of it."""
    return base64.urlsafe_b64encode(part).decode()


PASSES = {
    "its own client": jwt(RT, {"aud": CLIENT_ID}),
    "its own client, in capitals": jwt(RT, {"aud": CLIENT_ID.upper()}),
    "its own client among others": jwt(RT, {"aud": [OTHER_ID, CLIENT_ID]}),
    "an audience that is no UUID": jwt(RT, {"aud": "https://api.example"}),
    "an audience of another type": jwt(RT, {"aud": {"id": OTHER_ID}}),
    "an empty audience": jwt(RT, {"aud": []}),
    "no audience": jwt(RT, {}),
    "an unknown issuer": jwt(RT, {"iss": "https://login.example"}),
    "an issuer that only ends alike": jwt(RT, {"iss": "https://x.api.cert.tastyworks.com"}),
    "an issuer that is no address": jwt(RT, {"iss": "https://[api.cert.tastyworks.com"}),
    "an issuer of another type": jwt(RT, {"iss": [SANDBOX]}),
    "another type of token": jwt({"typ": "JWT"}, {"aud": OTHER_ID, "iss": SANDBOX}),
    "no type of token": jwt({}, {"aud": OTHER_ID, "iss": SANDBOX}),
    "a type that is no text": jwt({"typ": ["at+jwt"]}, {}),
    "a list for a header": jwt(["at+jwt"], {}),
    "no JWT": "a-password",
    "nothing": "",
    "five parts, as of a JWE": jwt({"typ": "rt+jwt", "enc": "A256GCM"}, {}) + ".a.b",
    "a signature of another kind": jwt({"alg": "ES512"}, {}) + "abcd",
    "other characters": "\u00fcber." * 3,
    "characters that base64 has not": "e!!!!" + jwt({"typ": "at+jwt"}, {})[1:],
    "claims over two lines": jwt(RT, {}).replace(".e30.", ".ewp9."),
    "a signature of Ed448": jwt(RT, {}).rpartition(".")[0] + "." + "Ab01" * 38,
    "a type said twice": base64.urlsafe_b64encode(b'{"typ":"at+jwt","typ":"at+jwt"}').decode()
    + ".e30.c2ln",
    "deep nesting": encoded(b"[" * 9000),
    "a long number": base64.urlsafe_b64encode(b'{"typ":' + b"9" * 9000 + b"}").decode()
    + ".e30.c2ln",
    "a hundred megabytes": "e" * 100_000_000,
}


@for_each("name", PASSES)
def test_what_is_not_known_for_certain_passes(name: str) -> None:
    """The server is the judge, and none of this is documented."""
    check(PASSES[name])


@for_each("said", ["read", "openid read", ["read"], ["read", "openid"], "", 7, None])
def test_the_declared_scopes_pass(said: object) -> None:
    """And so does a token that does not say. `openid` makes no difference."""
    check_offline(grant(refresh_token=Secret(jwt(RT, {"scope": said})), scopes=("read",)))


@for_each(
    ("said", "declared", "message", "hint"),
    [
        (
            "openid read trade",
            ("read",),
            "allows read and trade, but the profile's scopes allow only read",
            "tick read alone",
        ),
        (
            "read",
            ("read", "trade"),
            "allows only read, but the profile's scopes ask for read and trade",
            "tick read and trade (",
        ),
        ("openid", ("read",), "allows only openid, but", "tick read alone"),
        ("trade", ("read",), "allows trade, but", "scopes: [trade]"),
        (["read", "offline"], ("read",), "allows offline and read, but", "[read]"),
    ],
)
def test_more_or_less_than_the_declared_scopes_is_refused(
    said: object, declared: tuple[str, ...], message: str, hint: str
) -> None:
    token = Secret(jwt(RT, {"scope": said}))
    with pytest.raises(RefusedError) as caught:
        check_offline(grant(refresh_token=token, scopes=declared))
    assert f"the grant {message}" in caught.value.message
    assert hint in caught.value.hint
    assert f"Manage → Create Grant on {APPLICATIONS_PAGE}" in caught.value.hint
    assert (
        "\n2. store its refresh token: tastyauth secret set --only refresh_token"
        in caught.value.hint
    )
    assert re.search(r"(refresh_token|scopes: \[[a-z, ]+\])$", caught.value.hint)
    check_offline(grant(refresh_token=token))  # nothing is declared


def test_a_secret_among_the_scopes_is_not_repeated() -> None:
    with pytest.raises(RefusedError) as caught:
        check_scopes(("correct-horse", "read"), ("read",), [Secret("correct-horse")])
    assert "horse" not in caught.value.message + caught.value.hint


def test_a_profile_may_write_its_client_id_in_capitals() -> None:
    assert CLIENT_ID.upper() != CLIENT_ID
    check(jwt(RT, {"aud": CLIENT_ID}), client_id=CLIENT_ID.upper())


@given(st.text() | st.binary().map(lambda b: base64.urlsafe_b64encode(b).decode()))
def test_any_token_passes_or_is_refused(token: str) -> None:
    """No token makes the check itself fail."""
    with contextlib.suppress(RefusedError):
        check(f"{token}.{token}.{token}")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from([OTHER_ID, SANDBOX]),
    lambda v: st.lists(v) | st.dictionaries(st.text(), v),
)


@given(
    st.fixed_dictionaries({"typ": st.sampled_from(["rt+jwt", "at+jwt", "JWT"]) | json_values}),
    st.fixed_dictionaries({}, optional={"aud": json_values, "iss": json_values}),
)
def test_any_claims_pass_or_are_refused(header: object, claims: object) -> None:
    """Refusing is the one way to fail."""
    try:
        check(jwt(header, claims))
    except RefusedError as error:
        assert json.dumps(error.message, ensure_ascii=True).isascii()  # noqa: PT017


# Mix-ups

ACCESS_TOKEN = jwt({"typ": "at+jwt"}, {"sub": "U1"})

MIXED_UP: dict[str, tuple[dict[str, str], str]] = {
    "swapped": ({"client_secret": REFRESH_TOKEN, "refresh_token": CLIENT_SECRET}, "looks like"),
    "the token twice": ({"client_secret": REFRESH_TOKEN}, "the same value"),
    "the secret twice": ({"refresh_token": CLIENT_SECRET}, "the same value"),
    "the client ID as secret": ({"client_secret": CLIENT_ID.upper()}, "is a client ID"),
    "the client ID as token": ({"refresh_token": CLIENT_ID}, "is a client ID"),
    "an access token as secret": ({"client_secret": ACCESS_TOKEN}, "an access token"),
    "an access token": ({"refresh_token": ACCESS_TOKEN}, "is an access token"),
    "after something else": ({"refresh_token": f"%%%{ACCESS_TOKEN}"}, "an access token"),
    **{
        f"{quotes} around {name}": ({name: value.join(quotes.split("x"))}, "has quotes around it")
        for quotes in ("'x'", '"x"', "`x`", "'x", 'x"')
        for name, value in (("client_secret", CLIENT_SECRET), ("refresh_token", REFRESH_TOKEN))
    },
    **{
        f"{before} before {name}": ({name: f"{before}{value}"}, "is more than")
        for before in (
            "TT_SECRET=",
            "export TT_REFRESH_TOKEN=",
            "refresh_token: ",
            '"client_secret": ',
            "Bearer ",
            "Authorization: Bearer ",
        )
        for name, value in (
            ("client_secret", CLIENT_SECRET),
            ("client_secret", "hunter2hunter2"),
            ("refresh_token", REFRESH_TOKEN),
            ("refresh_token", "hunter2hunter2"),
        )
    },
    **{
        f"{placeholder} in {name}": ({name: placeholder}, "is a placeholder")
        for placeholder in (
            "<client secret>",
            "<YOUR_REFRESH_TOKEN>",
            "your-refresh-token",
            "YOUR_CLIENT_SECRET",
            "the secret of your application",
            "insert token here",
            "changeme",
            "CHANGE_ME",
            "replace-me",
            "${TT_SECRET}",
            "$TT_REFRESH",
            "%TT_SECRET%",
            "{{ secret }}",
            "xxxxxxxx",
            "********",
            "...",
            "eyJhbGci...",
            "[hidden]",
            "x" * 40,
            "op://Trading/tastytrade/secret",
            "ENC[AES256_GCM,data:abc,type:str]",
        )
        for name in ("client_secret", "refresh_token")
    },
}


@for_each("filler", ("my-client-secret", "refresh_token", "SECRET", "null"))
def test_a_word_that_stands_for_a_credential_is_not_sent_to_tastytrade(filler: str) -> None:
    """A server of another kind may take it."""
    for name in ("client_secret", "refresh_token"):
        changes = {name: Secret(filler)}
        with pytest.raises(RefusedError, match=f"not a {name.replace('_', ' ')}\n"):
            check_offline(grant(environment="production", **changes))
        check_offline(grant(environment="custom", **changes))


@for_each(
    "token",
    [
        REFRESH_TOKEN[:-1],
        REFRESH_TOKEN[:-40],
        REFRESH_TOKEN.rpartition(".")[0],
        REFRESH_TOKEN.rpartition(".")[0] + ".",
        REFRESH_TOKEN.partition(".")[0],
        REFRESH_TOKEN[:30],
        REFRESH_TOKEN[4:],
        REFRESH_TOKEN[30:],
        REFRESH_TOKEN + REFRESH_TOKEN[-4:],
        REFRESH_TOKEN[:-1] + "\u00fc",
    ],
)
def test_half_a_refresh_token_is_not_sent_to_tastytrade(token: str) -> None:
    """Its header says how long the signature is; nothing else is asked of a server of one's own."""
    for environment in ("production", "sandbox"):
        error = refused(token, environment)
        assert "refresh_token: this is not a complete" in error.message
        assert "copy it again" in error.hint
    check(token, "custom")


@for_each("digits", ["0" * 40, "deadbeef" * 5, "0123456789ABCDEF" * 2 + "01234567"])
def test_made_up_digits_are_not_sent_to_tastytrade(digits: str) -> None:
    with pytest.raises(RefusedError, match="client_secret: this is a placeholder") as caught:
        check_offline(grant(client_secret=Secret(digits)))
    assert CREATE_GRANT in caught.value.hint
    check_offline(grant(client_secret=Secret(digits), environment="custom"))


@for_each(
    ("secret", "said"),
    [
        (CLIENT_SECRET, ""),
        (CLIENT_SECRET.upper(), ""),
        (CLIENT_SECRET[1:], "but 39 characters"),
        (f"{CLIENT_SECRET[1:]}g", "but 40 characters"),
        ("eyJunk.secret", "but 13 characters"),
        ("7", "but 1 character"),
    ],
)
def test_an_unusual_client_secret_is_doubted_and_sent(secret: str, said: str) -> None:
    """Nobody knows whether tastytrade issues others."""
    assert doubt(Secret(secret)).endswith(said)
    assert doubt(Secret(secret)).startswith("not the 40 hexadecimal digits" if said else "")
    assert bool(doubt(Secret(secret))) == bool(said)
    check_offline(grant(client_secret=Secret(secret)))


@for_each("name", MIXED_UP)
def test_a_mix_up_is_named(name: str) -> None:
    """Whatever the server would accept."""
    values, message = MIXED_UP[name]
    changes = {field: Secret(value) for field, value in values.items()}
    for environment in ("production", "sandbox", "custom"):
        with pytest.raises(RefusedError) as caught:
            check_offline(grant(environment=environment, **changes))
        assert message in caught.value.message
        assert caught.value.hint
        assert not any(value in caught.value.message for value in values.values() if len(value) > 8)


@for_each(
    ("name", "value"),
    [
        ("client_secret", OTHER_ID),
        ("client_secret", "hunter2"),
        ("client_secret", "a=b;c d"),
        ("client_secret", "0123456789abcdef" * 4),
        ("client_secret", jwt({"alg": "RS256"}, {"iss": "https://login.example"})),
        ("refresh_token", CLIENT_SECRET[::-1]),
        ("refresh_token", "my_secret-of/a+base64=="),
        ("refresh_token", "ory_rt_Zm9vYmFy.c2ln"),
    ],
)
def test_a_server_of_ones_own_issues_what_it_likes(name: str, value: str) -> None:
    check_offline(grant(environment="custom", **{name: Secret(value)}))


@for_each(
    ("name", "value"),
    [
        ("client_secret", OTHER_ID),
        ("client_secret", jwt({"alg": "RS256"}, {"iss": "https://login.example"})),
        ("refresh_token", CLIENT_SECRET[::-1]),
        ("refresh_token", CLIENT_SECRET[::-1].upper()),
    ],
)
def test_tastytrade_does_not(name: str, value: str) -> None:
    with pytest.raises(RefusedError):
        check_offline(grant(**{name: Secret(value)}))


@for_each(
    ("name", "value", "message", "hint"),
    [
        (
            "client_id",
            CLIENT_ID.replace("-", "").upper(),
            "this client ID has lost its dashes",
            "enter",
        ),
        (
            "client_id",
            CLIENT_SECRET,
            "this is not a client ID, it looks like a tastytrade client secret",
            "is a UUID",
        ),
        ("client_id", "me", "this is not a client ID", "is a UUID"),
        ("client_id", "<id>", "this is a placeholder, not a client ID", "is a UUID"),
        ("client_secret", OTHER_ID, "this is a client ID, not a client secret", CREATE_GRANT),
        ("client_secret", "'abc'", "the client secret has quotes around it", "without"),
        ("refresh_token", '{"a": 1}', "this is JSON", "only the value of refresh_token"),
    ],
)
def test_a_credential_of_another_shape_is_named(
    name: str, value: str, message: str, hint: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        check_shape(name, Secret(value))
    assert caught.value.message == message
    assert hint in caught.value.hint
    check_shape("client_id", Secret(CLIENT_ID))


@for_each(
    ("name", "value", "tastytrade", "custom"),
    [
        ("client_secret", CLIENT_SECRET, None, None),
        ("client_secret", "my-client-secret", "placeholder", None),
        ("client_secret", OTHER_ID, "client ID", "client ID"),
        ("refresh_token", REFRESH_TOKEN, None, None),
        ("refresh_token", "ory_rt_Zm9vYmFy", "not a complete", None),
        ("refresh_token", REFRESH_TOKEN[:-9], "not a complete", "not a complete"),
    ],
)
def test_what_is_entered_at_a_prompt_is_checked_at_once(
    name: str, value: str, tastytrade: str | None, custom: str | None
) -> None:
    for is_custom, message in ((False, tastytrade), (True, custom)):
        with pytest.raises(RefusedError, match=message) if message else contextlib.nullcontext():
            check_entered(name, Secret(value), is_custom=is_custom)
