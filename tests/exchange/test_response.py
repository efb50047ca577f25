"""Reading an answer of the token endpoint: bytes in, a token or an error out."""

import base64
import json
import time
import traceback
from typing import Any

import pytest
from echoes import ECHOED
from exchange_fakes import (
    CLIENT_ID,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    grant,
    holds_a_secret,
    jwt,
    reveals,
)
from tables import for_each

from tastyauth.errors import (
    APPLICATIONS_PAGE,
    ProtocolError,
    RefusedError,
    TastyauthError,
    TemporaryError,
)
from tastyauth.exchange.response import (
    RotatedError,
    TokenResponse,
    is_about_clock,
    read_response,
)
from tastyauth.exchange.server_text import Answer
from tastyauth.secret import Secret

NOW = 1_800_000_000.0
NOW_AS_DATE = "Fri, 15 Jan 2027 08:00:00 GMT"
HTML = "<html><head><title>401 Authorization Required</title></head></html>"


def answered(
    status: int, body: object, environment: str = "production", **headers: str
) -> TokenResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_response(Answer(status, named, data), grant(environment=environment), NOW)


def failure(status: int, body: object, environment: str = "production", **headers: str) -> Any:
    with pytest.raises(TastyauthError) as caught:
        answered(status, body, environment, **headers)
    error = caught.value
    assert error.hint, "every error says what to do next"
    assert not reveals(error.message + error.hint)
    return error


def oauth(code: str, description: str | None = None) -> dict[str, str]:
    """The live shape of tastytrade's refusals."""
    return {"error_code": code} | ({"error_description": description} if description else {})


CUSTOMER = oauth("invalid_request", "User is not a TastyTrade customer")

REFUSED: list[tuple[int, object, str, str]] = [
    (
        400,
        oauth("invalid_grant", "Grant revoked"),
        "grant was deleted",
        "invalid_grant, Grant revoked",
    ),
    (400, oauth("invalid_grant", "Grant revoked."), "grant was deleted", "Grant revoked."),
    (
        400,
        oauth("invalid_grant", "Client secret mismatch"),
        "mistyped, cut short or regenerated",
        "mismatch",
    ),
    (
        400,
        oauth("invalid_grant", "Client id mismatch"),
        "not belong to this refresh",
        "id mismatch",
    ),
    (400, oauth("invalid_grant", "Invalid JWT"), "cut short, quoted", "Invalid JWT"),
    (400, oauth("invalid_grant", "Something new"), "no longer valid", "Something new"),
    (400, oauth("invalid_grant"), "no longer valid", "invalid_grant"),
    (401, oauth("invalid_client"), "do not belong together", "invalid_client"),
    (400, oauth("invalid_client", "Bad client"), "do not belong together", "Bad client"),
    (403, oauth("unauthorized_client"), "not allowed to use refresh", "unauthorized_client"),
    (429, oauth("invalid_grant", "Grant revoked"), "grant was deleted", "Grant revoked"),
    # RFC 6749's own shape, and that of the rest of the API
    (
        400,
        {"error": "invalid_grant", "error_description": "Invalid JWT"},
        "cut short",
        "Invalid JWT",
    ),
    (
        400,
        {"error": {"code": "invalid_grant", "message": "Invalid JWT"}},
        "cut short",
        "Invalid JWT",
    ),
    (
        400,
        {"error_code": "invalid_grant", "error": "server_error"},
        "no longer valid",
        "invalid_grant",
    ),
    (400, {"error_code": None, "error": "invalid_client"}, "do not belong", "invalid_client"),
    (400, {"error_code": "", "error": "invalid_client"}, "do not belong", "invalid_client"),
    (400, CUSTOMER, "no account", "User is not a TastyTrade customer"),
]

TEMPORARY: list[tuple[int, object, str]] = [
    (408, {}, "408 Request Timeout"),
    (425, {}, "425 Too Early"),
    (429, oauth("rate_limited", "Slow down"), "rate_limited, Slow down"),
    (429, b"", "429 Too Many Requests"),
    (500, {"error": {"code": "internal_error", "message": "support id 7"}}, "support id 7"),
    (500, oauth("invalid_grant", "Grant revoked"), "500"),
    (500, CUSTOMER, "500"),
    (502, HTML.encode(), "502 Bad Gateway"),
    (503, b"", "503 Service Unavailable"),
    (504, b"\xff\xfe\x00", "504"),
    (599, b"{", "599"),
]

NO_LETTERS = ("`id`", ";id;", "'\"", "\n", "\0", "\x1b[2K", "\u202e", "\uff11")
"""What would run, end a statement or a line, or steer a terminal."""

NO_LIFETIMES: list[object] = [
    0,
    -1,
    0.5,
    "0",
    "-900",
    "soon",
    "",
    "9e2",
    "$(id)",
    True,
    [900],
    {},
    "\u0669",
]

NOT_OAUTH: list[tuple[int, object, str]] = [
    (400, b"", "400 Bad Request"),
    (400, b'{"error_code":"invalid_grant","error_code":"invalid_grant"}', "400"),
    (400, oauth("invalid_request", "grant_type missing"), "grant_type missing"),
    (400, oauth("unsupported_grant_type"), "unsupported_grant_type"),
    (400, HTML.encode(), "400"),
    (401, {"error": {"code": "token_invalid"}}, "401 Unauthorized: token_invalid"),
    (403, HTML.encode(), "403"),
    (404, {"error": {"code": "not_found"}}, "not_found"),
    (404, {"error_code": "no", "error_description": 7, "message": "no such"}, "no, no such"),
    (406, {"error": {"code": 406, "message": "no such version"}}, "406, no such version"),
    (422, [], "422"),
    (201, {"access_token": "abc"}, "201"),
    (204, b"", "204"),
    (101, b"", "101"),
    (600, b"", "600"),
    (999, b"", "999"),
    (200, HTML.encode(), "not JSON"),
    (200, b"", "not JSON"),
    (200, b"\xff", "not JSON"),
    (200, b"[" * 60_000, "not JSON"),
    (200, b'{"access_token":"abc"', "not JSON"),
    (200, b'{"access_token":"abc"}{"access_token":"abd"}', "not JSON"),
    (200, '{"access_token":"abc"}'.encode("utf-16"), "not JSON"),
    (200, b'{"access_token":"\xff\xfe"}', "not JSON"),
    (200, b'"abc"', "not a JSON object"),
    (200, b'{"expires_in":' + b"9" * 5000 + b"}", "not JSON"),
    (200, b'{"access_token":"abc","expires_in":NaN}', "not JSON"),
    (200, b'{"access_token":"abc","access_token":"abd"}', "not JSON"),
    (200, b" " * 65_536 + b"{}", "larger than 64 KiB"),
    (200, ["abc"], "not a JSON object"),
    (200, {}, "no access_token"),
    (200, oauth("invalid_grant", "Grant revoked"), "no access_token: invalid_grant, Grant revoked"),
    (200, {"data": {"access_token": "abc"}}, "no access_token"),
    (200, {"access_token": ""}, "access_token in the answer is empty"),
    (200, {"access_token": 7}, "access_token"),
    (200, {"access_token": ["abc"]}, "access_token"),
    (200, {"access_token": "a b"}, "access_token"),
    (200, {"access_token": "abc\n"}, "access_token"),
    (200, {"access_token": "a'$(id)"}, "access_token"),
    (200, {"access_token": "t\u00f6ken"}, "access_token"),
    (200, {"access_token": "\ud800"}, "access_token"),
    (200, {"access_token": "="}, "access_token"),
    *((200, {"access_token": f"a{each}b"}, "access_token") for each in NO_LETTERS),
    (200, {"access_token": {"a": "b"}}, "access_token"),
    (200, {"access_token": True}, "access_token"),
    (200, {"access_token": "a" * 16_385}, "access_token"),
    (200, {"access_token": "abc", "token_type": "mac"}, "bearer"),
    (200, {"access_token": "abc", "token_type": 1}, "bearer"),
    (200, {"access_token": "abc", "refresh_token": 1}, "refresh_token"),
    (200, {"access_token": "abc", "refresh_token": "t\u00f6ken"}, "refresh_token"),
    (200, {"access_token": "abc", "refresh_token": "token\n"}, "refresh_token"),
    (200, {"access_token": "abc", "refresh_token": "r" * 16_385}, "refresh_token"),
    *((200, {"access_token": "abc", "expires_in": value}, "expires_in") for value in NO_LIFETIMES),
    (200, b'{"access_token":"abc","expires_in":-1e400}', "expires_in"),
]


@for_each(("status", "body", "hint", "message"), REFUSED)
def test_a_refusal_that_no_waiting_repairs(
    status: int, body: object, hint: str, message: str
) -> None:
    """It ends with 77, says what the server said, and names the page and the button."""
    error = failure(status, body)
    assert (type(error), error.exit_code) == (RefusedError, 77)
    assert message in error.message
    assert hint in error.hint
    assert APPLICATIONS_PAGE in error.hint
    assert "Manage → Create Grant" in error.hint


@for_each(("status", "body", "message"), TEMPORARY)
def test_a_failure_that_may_pass(status: int, body: object, message: str) -> None:
    """It ends with 75, whatever the body says."""
    error = failure(status, body)
    assert (type(error), error.exit_code) == (TemporaryError, 75)
    assert message in error.message


@for_each(("status", "body", "message"), NOT_OAUTH)
def test_an_answer_that_is_not_the_protocol(status: int, body: object, message: str) -> None:
    """It ends with 76."""
    error = failure(status, body)
    assert (type(error), error.exit_code) == (ProtocolError, 76)
    assert message in error.message


@for_each("environment", ["production", "sandbox", "custom"])
def test_what_to_look_at_depends_on_whose_address_it_is(environment: str) -> None:
    """The broker's is known; one's own may be wrong."""
    for error in (
        failure(200, b"", environment),
        failure(404, {}, environment),
        failure(307, b"", environment, Location="/x"),
    ):
        assert ("api_url" in error.hint) == (environment == "custom")
        assert ("proxy" in error.hint) == (environment != "custom")


def test_a_status_without_a_name_is_shown_as_a_number() -> None:
    assert failure(999, b"").message == "the server answered 999"


@for_each("environment", ["sandbox", "custom"])
def test_not_a_customer_passes_away_from_production(environment: str) -> None:
    """The sandbox says so for minutes at a time."""
    error = failure(400, CUSTOMER, environment)
    assert error.exit_code == 75
    assert "User is not a TastyTrade customer" in error.message


@for_each("headers", [{"Content_Type": "text/html; charset=UTF-8"}, {}])
def test_an_html_401_is_about_the_user_agent(headers: dict[str, str]) -> None:
    """The gateway in front of the API turns away requests without one."""
    error = failure(401, HTML.encode(), **headers)
    assert error.exit_code == 76
    assert "User-Agent" in error.message
    assert "user_agent" in error.hint


@for_each("encoding", ["gzip", "br", "identity, gzip"])
def test_a_compressed_token_is_refused(encoding: str) -> None:
    """It was asked for as it is, and is not unpacked."""
    error = failure(200, {"access_token": "abc"}, Content_Encoding=encoding)
    assert error.exit_code == 76
    assert "compressed" in error.message


@for_each("encoding", ["", "identity", " Identity "])
def test_a_token_that_is_said_not_to_be_compressed_is_read(encoding: str) -> None:
    token = answered(200, {"access_token": "abc"}, Content_Encoding=encoding).access_token
    assert token.reveal() == "abc"


def test_an_answer_may_have_64_kib() -> None:
    body = json.dumps({"access_token": "abc"}).encode()
    assert answered(200, body.rjust(65_536)).access_token.reveal() == "abc"
    assert "64 KiB" in failure(200, body.rjust(65_537)).message


@for_each(
    ("location", "named"),
    [
        ("https://user:pass@portal.example:8443/path?secret=1", " to portal.example:8443;"),
        ("//portal.example/path", " to portal.example;"),
        ("/elsewhere", "redirects;"),
        ("https://[::1", "redirects;"),
        ("", "redirects;"),
        (f"https://{CLIENT_SECRET}.portal.example/", " to [hidden].portal.example;"),
        (f"https://x/?token={REFRESH_TOKEN}", " to x;"),
    ],
)
def test_a_redirect_is_named_by_its_host_alone(location: str, named: str) -> None:
    """It is not followed, and ends with 76."""
    for status in (300, 307, 399):
        error = failure(status, b"", Location=location)
        assert error.exit_code == 76
        assert named in error.message
        assert "/path" not in error.message
        assert "user" not in error.message


@for_each(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("9" * 400, 86_400.0),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
        ("Fri, 15 Jan 2021 08:00:30 GMT", 0.0),
        ("Friday, 15-Jan-27 08:00:30 GMT", 30.0),
        ("Fri Jan 15 08:00:30 2027", 30.0),
        ("Mon Feb  1 08:00:30 2021", 0.0),
        ("7, 30", 30.0),
        ("30,7", 30.0),
        ("Fri, 15 Jan 2027 08:00:30 GMT, 7", 30.0),
        ("7, Friday, 15-Jan-27 08:00:30 GMT", 30.0),
        ("Fri Jan 15 08:00:07 2027, Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
        ("soon, 7", 7.0),
        ("-3", None),
        ("1.5", None),
        ("soon", None),
        ("\u0663", None),
        ("Fri, 99 Jan 99999999999999999999 08:00:30 GMT", None),
        ("", None),
    ],
)
def test_retry_after_travels_with_the_error(value: str, seconds: float | None) -> None:
    """Seconds or one of three forms of date, the longer of two; nonsense counts as not said."""
    error = failure(503, b"", Retry_After=value)
    assert error.retry_after == seconds
    assert ("a few minutes" if seconds is None else f" {seconds:.0f} s,") in error.hint


@pytest.mark.parametrize("status", [302, 401, 403, 404])
def test_a_wall_before_the_server_may_say_for_how_long(status: int) -> None:
    assert failure(status, b"<html>", Retry_After="3600").retry_after == 3600.0


def test_a_retry_after_date_is_read_by_the_servers_clock() -> None:
    """A wrong clock of this machine changes nothing."""
    dates = {
        "Date": "Fri, 15 Jan 2027 07:00:00 GMT",
        "retry_after": "Fri, 15 Jan 2027 07:00:09 GMT",
    }
    assert failure(503, b"", **dates).retry_after == 9.0


def test_a_date_is_of_greenwich_wherever_this_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "EST5")
    time.tzset()
    try:
        later = failure(503, b"", Retry_After="Fri, 15 Jan 2027 08:00:30 GMT").retry_after
    finally:
        monkeypatch.undo()
        time.tzset()
    assert later == 30.0


@for_each(
    ("given", "lifetime"),
    [
        ({}, 900),
        ({"expires_in": None}, 900),
        ({"expires_in": 60}, 60),
        ({"expires_in": 1}, 1),
        ({"expires_in": 900.9}, 900),
        ({"expires_in": "900"}, 900),
        ({"expires_in": "899.5"}, 899),
        ({"expires_in": 86_401}, 86_400),
        ({"expires_in": 10**300}, 86_400),
        ({"expires_in": "99999999999999999999"}, 86_400),
    ],
)
def test_the_life_of_a_token(given: dict[str, object], lifetime: int) -> None:
    """It is never raised, and cut to a day; without one it is what the vendor documents."""
    assert answered(200, {"access_token": "abc", **given}).expires_in == lifetime


def test_an_infinite_life_is_cut_to_a_day() -> None:
    """A number may be larger than any float."""
    assert answered(200, b'{"access_token":"abc","expires_in":1e400}').expires_in == 86_400


@for_each("token", ["a", "A-Z._~+/09==", jwt({}, {}), "a" * 16_384])
def test_what_an_access_token_may_be(token: str) -> None:
    """The b64token of RFC 6750; nothing else in the answer is needed."""
    response = answered(200, {"access_token": token, "id_token": "x y", "scope": ["read"]})
    assert response.access_token.reveal() == token
    assert token not in repr(response) or token == "a"
    assert response.refresh_token is None
    assert response.warnings == ()


@for_each(
    ("said", "claims", "scopes"),
    [
        ("read openid", {"scope": "trade read"}, (("openid", "read"), ("read", "trade"))),
        ("read", {}, (("read",),)),
        (None, {"scope": ["read", "read", 7]}, (("read",),)),
        ("", {"scope": {"read": True}}, ()),
        (7, {"scope": []}, ()),
    ],
)
def test_what_the_token_may_do_is_read_where_it_is_said(
    said: object, claims: object, scopes: object
) -> None:
    """In the answer (RFC 6749, section 5.1), and in the claims of the token."""
    token = jwt({"typ": "at+jwt"}, claims)
    assert answered(200, {"access_token": token, "scope": said}).scopes == scopes


@for_each("kind", ["Bearer", "bearer", "BEARER", None])
def test_the_token_type_compares_without_case(kind: str | None) -> None:
    """RFC 6749, section 5.1."""
    assert answered(200, {"access_token": "abc", "token_type": kind}).access_token.reveal() == "abc"


@for_each(
    ("sent_back", "rotated"),
    [
        (REFRESH_TOKEN, None),
        ("", None),
        (None, None),
        ("another one", "another one"),
        ("r" * 16_384, "r" * 16_384),
    ],
)
def test_only_a_different_refresh_token_is_a_rotation(
    sent_back: str | None, rotated: str | None
) -> None:
    """The same one, or none, leaves everything as it is."""
    found = answered(200, {"access_token": "abc", "refresh_token": sent_back}).refresh_token
    assert (found and found.reveal()) == rotated


NEW = "one more, short"
ODD: list[dict[str, object]] = [
    {},
    {"access_token": None},
    {"access_token": "a b"},
    {"access_token": "abc", "token_type": "mac"},
    {"access_token": "abc", "expires_in": 0},
    {"access_token": "abc", "expires_in": "PT15M"},
    {"error": "server_error", "error_description": f"no token but {NEW}"},
]


@for_each("fields", ODD)
def test_a_rotated_refresh_token_travels_with_the_error(fields: dict[str, object]) -> None:
    """Whatever else is wrong with the answer; and nobody sees it."""
    error = failure(200, {**fields, "refresh_token": NEW})
    assert (type(error), error.exit_code) == (RotatedError, 76)
    assert error.refresh_token.reveal() == NEW
    said = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    assert NEW not in said


@for_each("fields", ODD)
@for_each("sent_back", [REFRESH_TOKEN, "", None, 1, "token\n"])
def test_what_is_no_new_refresh_token_does_not(
    fields: dict[str, object], sent_back: object
) -> None:
    assert type(failure(200, {**fields, "refresh_token": sent_back})) is ProtocolError


@for_each(
    ("date", "word"),
    [
        ("Fri, 15 Jan 2027 07:58:00 GMT", "120 s ahead"),
        ("Fri, 15 Jan 2027 08:02:00 GMT", "120 s behind"),
        ("Fri, 15 Jan 2027 08:01:00 GMT", None),
        ("Fri, 15 Jan 2027 08:01:01 GMT", "61 s behind"),
        (NOW_AS_DATE, None),
        ("yesterday", None),
        ("Fri, 15 Jan 2021 08:02:00", None),
    ],
)
def test_a_clock_that_is_off_is_a_warning(date: str, word: str | None) -> None:
    """The token is still good."""
    (*warnings,) = answered(200, {"access_token": "abc"}, DATE=date).warnings
    assert len(warnings) == (word is not None)
    assert word is None or (word in warnings[0] and is_about_clock(warnings[0]))


def test_server_text_is_shown_without_what_moves_a_terminal() -> None:
    """Control, direction and invisible characters go; so does most of a long text."""
    text = "a\x1b]0;b\x07\u202ec\u200bd\ud800e\nf" + "g " * 500
    message = failure(400, oauth("invalid_request", text)).message
    assert message.isprintable()
    assert "a]0;bcde f" in message
    assert len(message) < 300


@for_each(("length", "end"), [(183, "aba"), (184, "ab..."), (185, "ab...")])
def test_server_text_is_cut_after_200_characters(length: int, end: str) -> None:
    """And not within a space."""
    text = ("ab " * 100)[: length - 1] + "a"
    message = failure(400, oauth("invalid_request", text)).message
    assert message.partition("invalid_request, ")[2] == text[:180] + end


@for_each("name", ECHOED)
def test_no_echo_shows_a_secret(name: str) -> None:
    """Whatever field the server puts it in, and however it spells it."""
    text = ECHOED[name]
    for body in (
        oauth("invalid_grant", text),
        oauth("invalid_grant", f"bad request: {text} (1 of 2)"),
        {"error": {"code": text, "message": text}},
        {"error": text},
        {"error_code": text, "access_token": text},
        text.encode("utf-8", "replace"),
    ):
        for status in (400, 200, 429, 404):
            try:
                answered(status, body)
            except TastyauthError as error:
                assert not holds_a_secret(error.message + error.hint), error.message  # noqa: PT017


@for_each("secret", [CLIENT_SECRET, REFRESH_TOKEN])
@for_each("part", [slice(8), slice(9, 17), slice(-9, -1), slice(-8, None)])
@for_each("text", ["{}", "see {}", "{} x"])
def test_no_eight_characters_of_a_secret_are_shown_however_spelled(
    secret: str, part: slice, text: str
) -> None:
    spelled = "".join(f"%{byte:02X}" for byte in secret[part].encode())
    message = failure(400, {"error_code": "bad", "message": text.format(spelled)}).message
    assert message.endswith("[hidden]")


@for_each(("secret", "letter"), [("???" * 9, "_"), (">>>" * 9, "-")])
def test_no_secret_is_shown_in_the_alphabet_of_urls(secret: str, letter: str) -> None:
    """Base64url (RFC 4648, section 5), where every few letters are of its own."""
    spelled = base64.urlsafe_b64encode(secret.encode()).decode()
    assert letter in spelled
    body = json.dumps(oauth("bad", spelled)).encode()
    with pytest.raises(ProtocolError) as caught:
        read_response(Answer(400, {}, body), grant(client_secret=Secret(secret)), NOW)
    assert caught.value.message.endswith("[hidden]")


def test_an_ordinary_sentence_is_not_taken_for_a_secret() -> None:
    """Masking leaves the words that help."""
    text = f"Client secret mismatch; see https://support.example/help/123 ({CLIENT_ID})"
    assert text in failure(400, oauth("invalid_grant", text)).message


def test_an_echo_that_was_cut_out_of_base64_is_hidden() -> None:
    """Twelve characters, from wherever, hold eight of what was encoded."""
    whole = base64.b64encode(CLIENT_SECRET.encode()).decode().rstrip("=")
    for start in range(len(whole) - 11):
        piece = whole[start : start + 12]
        assert piece not in failure(429, {"message": piece}).message


def test_eight_characters_of_a_secret_between_an_escape_and_a_space_are_hidden() -> None:
    """Whether the escape is one, or belongs to them."""
    text = f"\\u016{CLIENT_SECRET[-8:-4]} {CLIENT_SECRET[-4:]}"
    assert CLIENT_SECRET[-4:] not in failure(429, {"message": text}).message


SWAPPED = {"token_type": "Bearer", "expires_in": 900}


@for_each(
    "token",
    [
        REFRESH_TOKEN,
        CLIENT_SECRET,
        CLIENT_SECRET.upper(),
        f"prefix.{REFRESH_TOKEN}",
        f"{CLIENT_SECRET}00",
        CLIENT_SECRET[:-1],
        CLIENT_SECRET[3:19],
        REFRESH_TOKEN.rpartition(".")[2],
        base64.b64encode(CLIENT_SECRET.encode()).decode(),
        base64.urlsafe_b64encode(f"id:{CLIENT_SECRET}".encode()).decode().rstrip("="),
        base64.b64encode(REFRESH_TOKEN.encode()).decode(),
        jwt({"typ": "rt+jwt"}, {"sub": "an older one"}),
        jwt({"typ": "application/RT+JWT"}, {}),
    ],
)
@for_each("environment", ["production", "custom"])
def test_a_secret_is_never_taken_for_an_access_token(token: str, environment: str) -> None:
    """It would be cached, and exported to programs."""
    error = failure(200, {**SWAPPED, "access_token": token}, environment)
    assert error.exit_code == 76
    assert "is a refresh token or the client secret" in error.message


def test_nor_is_the_new_refresh_token() -> None:
    """Which is still kept."""
    error = failure(200, {**SWAPPED, "access_token": "r" * 20, "refresh_token": "r" * 20})
    assert isinstance(error, RotatedError)
    assert error.refresh_token == Secret("r" * 20)


def test_the_client_secret_is_never_taken_for_a_refresh_token() -> None:
    """It would be stored in its place."""
    answer = {**SWAPPED, "access_token": "abc", "refresh_token": CLIENT_SECRET}
    error = failure(200, answer)
    assert error.exit_code == 76
    assert not isinstance(error, RotatedError)


def test_a_secret_of_sixteen_letters_is_no_part_of_a_token() -> None:
    """A secret as long as that is not part of a token by chance."""
    answer = Answer(200, {}, json.dumps({"access_token": "abc.hunter2-hunter-2.def"}).encode())
    with pytest.raises(ProtocolError, match="is a refresh token or the client secret"):
        read_response(answer, grant(client_secret=Secret("hunter2-hunter-2")), NOW)


def test_a_short_secret_may_be_part_of_a_token() -> None:
    answer = json.dumps({**SWAPPED, "access_token": "abc.hunter2.def"}).encode()
    granted = read_response(Answer(200, {}, answer), grant(client_secret=Secret("hunter2")), NOW)
    assert granted.access_token.reveal() == "abc.hunter2.def"
