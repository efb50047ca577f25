"""Asking the API as the bearer of an access token: as an exchange asks, and read as strictly."""

import json
import socket
import time
from typing import Any

import pytest
from exchange_fakes import http, says, serving
from tables import for_each

from tastyauth.errors import (
    APPLICATIONS_PAGE,
    ConfigError,
    ProtocolError,
    RefusedError,
    TastyauthError,
    TemporaryError,
)
from tastyauth.exchange.api import get, read_data
from tastyauth.exchange.server_text import Answer
from tastyauth.secret import Secret

BEARER = Secret("eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJhcGkifQ.c2ln_bmF0-dXJl")
SHORT = 0.6
LATE = 20.0
"""Seconds that a hanging server gets, and after which no deadline exists."""


def ask(url: str, bearer: Secret | None = BEARER, seconds: float = 5.0, **environ: str) -> Answer:
    return get(url, bearer, user_agent="tastyauth/1.0", seconds=seconds, environ=environ)


@for_each("bearer", [BEARER, None])
def test_the_request_to_the_byte(bearer: Secret | None) -> None:
    """The token in its header (RFC 6750, section 2.1); none when asked as nobody."""
    with serving(says(http("200 OK", b'{"data":{}}', "X-Test: y"))) as server:
        answer = ask(server.url(), bearer)
    assert (answer.status, answer.header("x-test"), answer.body) == (200, "y", b'{"data":{}}')
    head = [
        "GET /oauth/token HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "User-Agent: tastyauth/1.0",
        "Accept: application/json",
        "Accept-Encoding: identity",
        *([f"Authorization: Bearer {bearer.reveal()}"] if bearer else []),
        "Connection: close",
    ]
    assert server.requests == ["\r\n".join([*head, "", ""]).encode()]


def test_an_api_that_hangs_ends_on_time() -> None:
    def hang(connection: socket.socket) -> None:
        connection.settimeout(60)
        while connection.recv(65536):
            pass

    with serving(hang) as server:
        started = time.monotonic()
        with pytest.raises(TemporaryError) as caught:
            ask(server.url(), seconds=SHORT)
        assert SHORT * 0.9 < time.monotonic() - started < LATE
    assert caught.value.hint


def test_the_way_is_that_of_an_exchange() -> None:
    """The same rules for proxies and addresses."""
    with pytest.raises(ConfigError, match="https_proxy"):
        ask("https://api.example/customers/me", https_proxy="socks5://p:1")
    with pytest.raises(ConfigError, match="plain http"):
        ask("http://api.example/customers/me")


def answered(status: int, body: object, **headers: str) -> object:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_data(Answer(status, named, data), BEARER)


def failure(status: int, body: object, **headers: str) -> Any:
    with pytest.raises(TastyauthError) as caught:
        answered(status, body, **headers)
    error = caught.value
    assert error.hint
    assert BEARER.reveal()[:12] not in error.message + error.hint
    return error


def test_the_data_of_an_answer_are_read() -> None:
    assert answered(200, {"data": {"a": [1]}, "context": "/x"}) == {"a": [1]}
    assert answered(200, {"data": {}}) == {}


HTML = b"<html><title>Sign in</title></html>"


@for_each(
    ("status", "body", "kind", "message"),
    [
        (401, {"error": {"code": "token_invalid"}}, RefusedError, "answered 401: token_invalid"),
        (403, {}, RefusedError, "answered 403"),
        (403, {"error": {"message": f"no {BEARER.reveal()}"}}, RefusedError, "403: no [hidden]"),
        (401, HTML, ProtocolError, "answered 401"),
        (403, HTML, ProtocolError, "answered 403"),
        (402, {"data": {}}, ProtocolError, "answered 402"),
        (404, {"error": {"code": "not_found"}}, ProtocolError, "answered 404: not_found"),
        (201, {"data": {}}, ProtocolError, "answered 201"),
        (302, b"", ProtocolError, "answered 302"),
        (200, {}, ProtocolError, "without data"),
        (200, {"DATA": {}}, ProtocolError, "without data"),
        (200, {"data": [1]}, ProtocolError, "without data"),
        (200, HTML, ProtocolError, "without data"),
        (429, {"error_code": "slow_down"}, TemporaryError, "answered 429: slow_down"),
        (500, HTML, TemporaryError, "answered 500"),
        (503, {"data": {}}, TemporaryError, "answered 503"),
    ],
)
def test_any_other_answer_is_an_error(
    status: int, body: object, kind: type[TastyauthError], message: str
) -> None:
    error = failure(status, body)
    assert type(error) is kind
    assert error.message.endswith(message)
    assert (APPLICATIONS_PAGE in error.hint) == (kind is RefusedError)


@for_each(
    ("body", "kind"), [(b"Sign in", "text/html"), (b"Sign in", "TEXT/HTML"), (b"\n" + HTML, "")]
)
def test_a_page_is_known_by_its_type_or_its_first_letter(body: bytes, kind: str) -> None:
    assert type(failure(403, body, Content_Type=kind)) is ProtocolError
    assert type(failure(403, b"Sign in", X=kind)) is RefusedError


def test_compressed_data_are_none() -> None:
    error = failure(200, {"data": {"a": 1}}, Content_Encoding="gzip")
    assert "without data" in error.message
