"""The simulator answers as tastytrade's token and account endpoints have been seen to answer."""

import base64
import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st
from needs import missing
from ports import free_port
from tables import for_each
from world import LIMIT, until

from tastyauth.errors import UsageError
from tastyauth.secret import Secret
from tastyauth.simulator import FAILURES, Simulator
from tastyauth.simulator.broker import Application, Broker, open_broker
from tastyauth.simulator.endpoints import respond
from tastyauth.simulator.messages import Answer, Request

NOW = 1_750_000_000.0
JSON = {"user-agent": "tastyauth/1.0", "content-type": "application/json"}
FORM = {"user-agent": "tastyauth/1.0", "content-type": "application/x-www-form-urlencoded"}


def a_broker(environment: str = "sandbox", *, rotate: bool = False) -> Broker:
    return open_broker(environment, lifetime=900, rotate=rotate, now=NOW)


BROKER = a_broker()


def parameters(application: Application, **changes: object) -> dict[str, object]:
    sent = {
        "grant_type": "refresh_token",
        "client_secret": application.client_secret.reveal(),
        "refresh_token": application.refresh_token.reveal(),
    }
    merged: dict[str, object] = {**sent, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def token_request(content: object, headers: Mapping[str, str] = JSON) -> Request:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Request("POST", "/oauth/token", headers, body)


def content(answer: Answer) -> Any:
    assert dict(answer.headers)["Content-Type"].startswith("application/json")
    return json.loads(answer.body)


def exchange(broker: Broker, **changes: object) -> tuple[Any, Broker]:
    answer, after = respond(token_request(parameters(broker.application, **changes)), broker, NOW)
    assert answer.status == 200
    return content(answer), after


def error_of(answer: Answer) -> tuple[int, str, str]:
    body = content(answer)
    return answer.status, body["error_code"], body["error_description"]


def granted(environment: str = "sandbox") -> tuple[str, Broker]:
    """An access token, and the broker that has given it."""
    body, after = exchange(a_broker(environment))
    return body["access_token"], after


def decoded(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    def segment(text: str) -> bytes:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    header, claims, signature = token.split(".")
    return json.loads(segment(header)), json.loads(segment(claims)), segment(signature)


# The token endpoint.


def test_a_token_request_is_answered_flat_and_underscored() -> None:
    broker = a_broker()
    answer, _ = respond(token_request(parameters(broker.application)), broker, NOW)
    assert answer.status == 200
    assert dict(answer.headers)["Cache-Control"] == "no-store"
    body = content(answer)
    assert set(body) == {"access_token", "token_type", "expires_in"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)


@for_each("agent", ["tastyauth/1.0", "tastytrade-sdk-js", "python-httpx2/2.16.2"])
def test_a_user_agent_needs_no_slash(agent: str) -> None:
    broker = a_broker()
    request = token_request(parameters(broker.application), {**JSON, "user-agent": agent})
    assert respond(request, broker, NOW)[0].status == 200


def test_the_client_id_is_optional_and_scope_is_ignored() -> None:
    broker = a_broker()
    exchange(broker, client_id=broker.application.client_id, scope="read trade")


def test_every_access_token_is_another_even_within_a_second() -> None:
    first, after = exchange(a_broker())
    second, after = exchange(after)
    assert first["access_token"] != second["access_token"]
    assert after.exchanges == 2


def corrupted(token: str) -> str:
    return token[:-5] + ("A" if token[-5] != "A" else "B") + token[-4:]


ANOTHER_CLIENT = "11111111-2222-4333-8444-555555555555"

REFUSED: list[tuple[str, Callable[[str], object], str, str]] = [
    ("client_secret", lambda _: "0" * 40, "invalid_grant", "Client secret m"),
    ("refresh_token", lambda _: "hunter2", "invalid_grant", "Invalid JWT"),
    ("refresh_token", lambda token: token[:-1], "invalid_grant", "Invalid JWT"),
    ("refresh_token", lambda token: f'"{token}"', "invalid_grant", "Invalid JWT"),
    ("refresh_token", corrupted, "invalid_grant", "Invalid JWT"),
    ("refresh_token", lambda token: f"{token[:-1]}\N{DEGREE SIGN}", "invalid_request", "Missing"),
    ("refresh_token", lambda _: "W10.W10.x", "invalid_grant", "Inv"),  # lists, no objects
    ("client_id", lambda _: ANOTHER_CLIENT, "invalid_grant", "Client id mismatch"),
    ("grant_type", lambda _: None, "invalid_request", "Missing"),
    ("client_secret", lambda _: None, "invalid_request", "Missing"),
    ("refresh_token", lambda _: "", "invalid_request", "Missing"),
    ("client_secret", lambda _: "\ud800", "invalid_request", "Missing or malf"),
    ("grant_type", lambda _: "password", "unsupported_grant_type", ""),
]
"""What is sent in place of a parameter, made of the refresh token, and how it is refused."""


@for_each(("name", "instead", "code", "description"), REFUSED)
@for_each("kind", [JSON, FORM])
def test_wrong_credentials_are_refused_by_name(
    name: str, instead: Callable[[str], object], code: str, description: str, kind: dict[str, str]
) -> None:
    broker = a_broker()
    changed = {name: instead(broker.application.refresh_token.reveal())}
    sent = parameters(broker.application, **changed)
    body = urlencode(sent, errors="surrogatepass").encode() if kind is FORM else sent
    answer, after = respond(token_request(body, kind), broker, NOW)
    status, error_code, error_description = error_of(answer)
    assert (status, error_code) == (400, code)
    assert error_description.startswith(description)
    assert after == broker


@for_each(
    ("body", "headers"),
    [
        (b"{", JSON),
        (b"[" * 60_000, JSON),
        (b'"text"', JSON),
        (b"\xff\xfe", JSON),
        (b"{}", {"user-agent": "x"}),
        (b"<a/>", {"user-agent": "x", "content-type": "text/xml"}),
        (b"grant_type=refresh_token&grant_type=refresh_token", FORM),
    ],
)
def test_a_malformed_body_is_an_invalid_request(body: bytes, headers: dict[str, str]) -> None:
    answer, _ = respond(token_request(body, headers), a_broker(), NOW)
    assert error_of(answer) == (400, "invalid_request", "Malformed request body")


@for_each("value", [7, True, ["x"], {"x": "y"}])
def test_a_value_that_is_no_text_counts_as_missing(value: object) -> None:
    sent = parameters(BROKER.application, client_secret=value)
    answer, _ = respond(token_request(sent), BROKER, NOW)
    missing = "Missing or malformed parameter client_secret"
    assert error_of(answer)[1:] == ("invalid_request", missing)


def test_neither_an_access_token_nor_one_of_the_other_environment_is_a_grant() -> None:
    access, after = granted()
    foreign = a_broker("production").application.refresh_token.reveal()
    for token, description in ((access, "Invalid JWT"), (foreign, "Grant revoked")):
        sent = parameters(after.application, refresh_token=token)
        answer, _ = respond(token_request(sent), after, NOW)
        assert error_of(answer) == (400, "invalid_grant", description)


def test_a_left_over_authorization_header_is_refused() -> None:
    broker = a_broker()
    headers = {**JSON, "authorization": "Bearer old"}
    answer, _ = respond(token_request(parameters(broker.application), headers), broker, NOW)
    assert error_of(answer)[:2] == (400, "invalid_request")


@for_each("agent", [{}, {"user-agent": ""}, {"user-agent": "  "}])
@for_each("target", ["/oauth/token", "/customers/me/accounts"])
def test_without_a_user_agent_the_gateway_answers(agent: dict[str, str], target: str) -> None:
    answer, _ = respond(Request("POST", target, agent, b"{}"), a_broker(), NOW)
    assert answer.status == 401
    assert dict(answer.headers)["Content-Type"] == "text/html"
    assert b"401 Authorization Required" in answer.body


@settings(deadline=None)
@given(body=st.binary(), kind=st.sampled_from([JSON, FORM]))
def test_no_body_breaks_it_or_is_given_a_token(body: bytes, kind: dict[str, str]) -> None:
    answer, after = respond(token_request(body, kind), BROKER, NOW)
    assert answer.status == 400
    assert after == BROKER


@settings(deadline=None)
@given(
    values=st.dictionaries(
        st.sampled_from(["grant_type", "refresh_token", "client_secret", "client_id"]),
        st.one_of(st.text(), st.none(), st.integers(), st.lists(st.text()), st.just("a.b.c")),
        min_size=1,
    )
)
def test_no_value_breaks_it(values: dict[str, object]) -> None:
    sent = {**parameters(BROKER.application), **values}
    answer, _ = respond(token_request(sent), BROKER, NOW)
    assert answer.status in (200, 400)


# Tokens.


def test_the_application_has_credentials_of_the_real_shape() -> None:
    application = BROKER.application
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", application.client_id)
    assert re.fullmatch(r"[0-9a-f]{40}", application.client_secret.reveal())


@for_each(
    ("environment", "issuer"),
    [("production", "https://api.tastytrade.com"), ("sandbox", "https://api.cert.tastyworks.com")],
)
def test_a_refresh_token_is_a_jwt_that_never_expires(environment: str, issuer: str) -> None:
    broker = a_broker(environment)
    header, claims, signature = decoded(broker.application.refresh_token.reveal())
    assert (header["alg"], header["typ"]) == ("EdDSA", "rt+jwt")
    assert set(header) == {"alg", "typ", "kid"}
    assert set(claims) == {"iss", "sub", "iat", "aud", "grant_id", "scope"}
    assert (claims["iss"], claims["iat"]) == (issuer, int(NOW))
    assert claims["aud"] == broker.application.client_id
    assert len(signature) == 64


def test_an_access_token_says_when_it_ends() -> None:
    body, _ = exchange(a_broker("production"))
    header, claims, signature = decoded(body["access_token"])
    assert (header["alg"], header["typ"]) == ("EdDSA", "at+jwt")
    assert (claims["iat"], claims["exp"]) == (int(NOW), int(NOW) + 900)
    assert claims["iss"] == "https://api.tastytrade.com"
    assert len(signature) == 64


def test_rotation_replaces_the_refresh_token_and_revokes_the_old_one() -> None:
    broker = a_broker(rotate=True)
    body, after = exchange(broker)
    assert body["refresh_token"] != broker.application.refresh_token.reveal()
    assert Secret(body["refresh_token"]) == after.application.refresh_token
    old = token_request(parameters(broker.application))
    assert error_of(respond(old, after, NOW)[0]) == (400, "invalid_grant", "Grant revoked")
    again, _ = exchange(after)
    assert again["refresh_token"] != body["refresh_token"]
    assert decoded(again["refresh_token"])[0]["typ"] == "rt+jwt"


def test_an_unknown_environment_is_named() -> None:
    with pytest.raises(ValueError, match="production, sandbox"):
        a_broker("staging")


# The account endpoints.


ACCOUNTS = "/customers/me/accounts"


def call(
    broker: Broker, token: str | None, target: str, now: float = NOW, method: str = "GET"
) -> Answer:
    headers = {"user-agent": "x"} | ({"authorization": f"Bearer {token}"} if token else {})
    return respond(Request(method, target, headers), broker, now)[0]


def test_accounts_are_dasherized_and_enveloped() -> None:
    token, after = granted()
    answer = call(after, token, f"{ACCOUNTS}?page=1")
    assert answer.status == 200
    assert content(answer)["context"] == "/customers/me/accounts"
    items = content(answer)["data"]["items"]
    assert [item["account"]["is-closed"] for item in items] == [False, True]
    assert {item["authority-level"] for item in items} == {"owner"}


def test_a_quote_token_is_for_production_only() -> None:
    token, after = granted("production")
    answer = call(after, token, "/api-quote-tokens")
    assert set(content(answer)["data"]) >= {"token", "dxlink-url", "level"}
    token, after = granted("sandbox")
    answer = call(after, token, "/api-quote-tokens")
    assert answer.status == 404
    assert content(answer)["error"]["code"] == "quote_streamer.customer_not_found_error"


def test_a_customer_is_described_and_a_session_can_be_validated() -> None:
    token, after = granted()
    answer = call(after, token, "/customers/me")
    assert answer.status == 200
    assert content(answer)["data"]["id"] == "me"
    assert call(after, token, "/sessions/validate", method="POST").status == 200


def test_an_access_token_expires_when_it_says_so() -> None:
    token, after = granted()
    assert call(after, token, ACCOUNTS, NOW + 899).status == 200
    answer = call(after, token, ACCOUNTS, NOW + 900)
    assert answer.status == 401
    assert content(answer)["error"]["code"] == "token_invalid"


@for_each("token", [None, "x", "a.b.c", "W10.W10.x", "refresh", "foreign", "accent"])
def test_only_an_access_token_of_its_own_opens_an_account(token: str | None) -> None:
    broker = a_broker()
    if token == "refresh":
        token = broker.application.refresh_token.reveal()
    if token == "foreign":
        token, _ = granted()
    if token == "accent":
        token = exchange(broker)[0]["access_token"][:-1] + "\N{DEGREE SIGN}"
    answer = call(broker, token, ACCOUNTS)
    assert answer.status == 401
    assert set(content(answer)["error"]) == {"code", "message"}


def test_a_bearer_token_goes_by_no_other_scheme() -> None:
    token, after = granted()
    headers = {"user-agent": "x", "authorization": f"Basic {token}"}
    assert respond(Request("GET", ACCOUNTS, headers), after, NOW)[0].status == 401


@for_each(
    ("method", "target"),
    [("GET", "/"), ("GET", "/oauth/token"), ("POST", ACCOUNTS), ("GET", "//[")],
)
def test_an_unknown_path_is_an_error_of_the_api(method: str, target: str) -> None:
    answer = call(a_broker(), None, target, method=method)
    assert answer.status == 404
    assert set(content(answer)["error"]) == {"code", "message"}


# Failures.

HTML = {"Content-Type": "text/html"}

FAILED: dict[str, tuple[int, dict[str, str], str]] = {
    "grant-revoked": (400, {}, '{"error_code":"invalid_grant","error_description":"Grant rev'),
    "secret-mismatch": (400, {}, '{"error_code":"invalid_grant","error_description":"Client s'),
    "invalid-jwt": (400, {}, '{"error_code":"invalid_grant","error_description":"Invalid JWT"'),
    "not-a-customer": (400, {}, '{"error_code":"invalid_request","error_description":"User is n'),
    "429": (429, {"Retry-After": "30"}, "<html>"),
    "503": (503, HTML, "<html>"),
    "html-401": (401, HTML, "<html>"),
    "slow": (504, HTML, "<html>"),
    "redirect": (307, {"Location": "/elsewhere/oauth/token"}, "<html>"),
    "not-json": (200, HTML, "<!DOCTYPE html>"),
    "echo": (400, {}, '{"error_code":"invalid_grant","error_description":"POST /oauth/token'),
}


@for_each("kind", FAILURES)
def test_a_failure_answers_token_requests_that_are_right_and_those_alone(kind: str) -> None:
    status, headers, beginning = FAILED[kind]
    broker = a_broker()
    answer, after = respond(token_request(parameters(broker.application)), broker, NOW, kind)
    assert answer.status == status
    assert dict(answer.headers) | headers == dict(answer.headers)
    assert answer.body.decode().startswith(beginning)
    assert after == broker
    assert (answer.drip > 0) == (kind == "slow")
    token, after = granted()
    headers = {"user-agent": "x", "authorization": f"Bearer {token}"}
    assert respond(Request("GET", ACCOUNTS, headers), after, NOW, kind)[0].status == 200


def test_the_echo_repeats_every_secret_of_the_request() -> None:
    broker = a_broker()
    request = token_request(parameters(broker.application), {**JSON, "x-note": "seen"})
    description = error_of(respond(request, broker, NOW, "echo")[0])[2]
    assert broker.application.client_secret.reveal() in description
    assert broker.application.refresh_token.reveal() in description
    assert "x-note: seen" in description


# The server.


def address_of(simulator: Simulator) -> tuple[str, int]:
    parts = urlsplit(simulator.origin)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


@contextmanager
def connected(simulator: Simulator) -> Iterator[HTTPConnection]:
    with closing(HTTPConnection(*address_of(simulator), timeout=LIMIT)) as connection:
        yield connection


@pytest.fixture
def connection(simulator: Simulator) -> Iterator[HTTPConnection]:
    """To the server of the test."""
    with connected(simulator) as connection:
        yield connection


def post_token(
    simulator: Simulator, connection: HTTPConnection, **changes: object
) -> tuple[int, bytes]:
    body = json.dumps(parameters(simulator.application, **changes))
    connection.request("POST", "/oauth/token", body, JSON)
    response = connection.getresponse()
    return response.status, response.read()


def test_it_speaks_http_to_a_client_it_does_not_know(simulator: Simulator) -> None:
    request = urllib.request.Request(
        f"{simulator.origin}/oauth/token",
        urlencode(parameters(simulator.application)).encode(),
        {"User-Agent": "stranger"},
    )
    with urllib.request.urlopen(request, timeout=LIMIT) as response:
        token = json.load(response)["access_token"]
        assert response.headers["Date"] is not None
    request = urllib.request.Request(
        f"{simulator.origin}/customers/me/accounts",
        headers={"User-Agent": "stranger", "Authorization": f"Bearer {token}"},
    )
    with urllib.request.urlopen(request, timeout=LIMIT) as response:
        assert len(json.load(response)["data"]["items"]) == 2


def test_a_connection_is_kept_alive(simulator: Simulator, connection: HTTPConnection) -> None:
    assert post_token(simulator, connection)[0] == 200
    kept = connection.sock
    assert kept is not None
    assert post_token(simulator, connection, client_secret="0" * 40)[0] == 400
    assert connection.sock is kept


def test_requests_are_counted_and_recorded(
    simulator: Simulator, connection: HTTPConnection
) -> None:
    post_token(simulator, connection)
    post_token(simulator, connection, client_secret="0" * 40)
    connection.request("GET", f"{ACCOUNTS}?x=1", headers={"User-Agent": "x"})
    connection.getresponse().read()
    assert (simulator.exchanges, simulator.token_requests) == (1, 2)
    last = simulator.requests[-1]
    assert (last.method, last.path, last.target) == ("GET", ACCOUNTS, f"{ACCOUNTS}?x=1")
    assert simulator.requests[0].headers["user-agent"] == "tastyauth/1.0"
    assert json.loads(simulator.requests[0].body)["grant_type"] == "refresh_token"


def test_a_client_that_says_nothing_or_is_answered_slowly_holds_up_nobody(
    simulator: Simulator, connection: HTTPConnection
) -> None:
    with socket.create_connection(address_of(simulator)), connected(simulator) as slow:
        simulator.fail = "slow"
        slow.request("POST", "/oauth/token", "{}", JSON)
        until(lambda: simulator.token_requests == 1)
        simulator.fail = None
        assert post_token(simulator, connection)[0] == 200


def test_many_connections_at_once_are_all_served(simulator: Simulator) -> None:
    statuses: list[int] = []

    def ask() -> None:
        with connected(simulator) as connection:
            statuses.append(post_token(simulator, connection)[0])

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 50
    assert simulator.exchanges == 50


def test_a_slow_answer_drips_and_stops_when_the_server_does() -> None:
    request = b"POST /oauth/token HTTP/1.1\r\nUser-Agent: x\r\nContent-Length: 0\r\n\r\n"
    with (
        Simulator(fail="slow") as simulator,
        socket.create_connection(address_of(simulator), timeout=LIMIT) as client,
    ):
        client.sendall(request)
        assert client.recv(100) == b"H"
        began = time.monotonic()
        simulator.close()
        assert time.monotonic() - began < LIMIT / 2
        assert len(client.recv(100)) < 2


def test_closing_ends_idle_connections_too(
    simulator: Simulator, connection: HTTPConnection
) -> None:
    post_token(simulator, connection)
    assert connection.sock is not None
    simulator.close()
    assert connection.sock.recv(1) == b""
    simulator.close()


def test_after_closing_nothing_listens() -> None:
    with Simulator(port=free_port()) as simulator:
        address = address_of(simulator)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    with pytest.raises(RuntimeError):
        _ = simulator.origin


def test_a_failure_can_be_chosen_while_it_runs(
    simulator: Simulator, connection: HTTPConnection
) -> None:
    for kind, status in (("503", 503), ("429", 429), ("redirect", 307), (None, 200)):
        simulator.fail = kind
        assert post_token(simulator, connection)[0] == status
    assert (simulator.exchanges, simulator.token_requests) == (1, 4)
    with pytest.raises(ValueError, match="grant-revoked"):
        simulator.fail = "503 "


def test_its_clock_decides_when_tokens_expire_and_dates_the_answers() -> None:
    clock = [NOW]
    with (
        Simulator(now=lambda: clock[0], lifetime=60) as simulator,
        connected(simulator) as connection,
    ):
        answer = json.loads(post_token(simulator, connection)[1])
        assert answer["expires_in"] == 60
        headers = {"User-Agent": "x", "Authorization": f"Bearer {answer['access_token']}"}
        statuses = []
        for _ in range(2):
            connection.request("GET", ACCOUNTS, headers=headers)
            response = connection.getresponse()
            response.read()
            statuses.append(response.status)
            date = parsedate_to_datetime(response.headers["Date"])
            assert date.timestamp() == clock[0]
            clock[0] += 61
    assert statuses == [200, 401]


def test_over_tls_it_is_called_https() -> None:
    authority = trustme.CA()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with Simulator(tls=serving) as simulator:
        assert simulator.origin.startswith("https://127.0.0.1:")
        host, port = address_of(simulator)
        silent = socket.create_connection((host, port))
        connection = HTTPSConnection(host, port, timeout=5, context=trusting)
        assert post_token(simulator, connection)[0] == 200
        distrusting = HTTPSConnection(host, port, timeout=LIMIT)
        with pytest.raises(ssl.SSLCertVerificationError):
            post_token(simulator, distrusting)
        distrusting.close()
    connection.close()
    silent.close()


def test_an_ipv6_loopback_address_is_bracketed() -> None:
    try:
        with Simulator(host="::1") as simulator, connected(simulator) as connection:
            assert simulator.origin.startswith("http://[::1]:")
            assert post_token(simulator, connection)[0] == 200
    except UsageError as error:  # this machine has no IPv6
        missing(error.message)


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (b"Content-Length: 65537", 413),
        (b"Content-Length: " + b"9" * 5000, 413),
        (b"Content-Length: -1", 400),
        (b"Transfer-Encoding: chunked", 411),
    ],
)
def test_a_body_without_a_reasonable_length_is_not_read(
    simulator: Simulator, header: bytes, status: int
) -> None:
    with socket.create_connection(address_of(simulator), timeout=LIMIT) as client:
        client.sendall(b"POST /oauth/token HTTP/1.1\r\nUser-Agent: x\r\n" + header + b"\r\n\r\n")
        received = b"".join(iter(lambda: client.recv(4096), b""))
    assert received.startswith(b"HTTP/1.1 %d " % status)
    assert simulator.requests == []


def test_a_body_that_breaks_off_is_no_request(simulator: Simulator) -> None:
    with socket.create_connection(address_of(simulator), timeout=LIMIT) as client:
        client.sendall(b"POST /oauth/token HTTP/1.1\r\nUser-Agent: x\r\nContent-Length: 9\r\n\r\n{")
        client.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: client.recv(4096), b""))
    assert received.startswith(b"HTTP/1.1 400 ")
    assert simulator.requests == []


def test_hostile_targets_and_methods_do_not_stop_it(connection: HTTPConnection) -> None:
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        connection.request(method, "/" + quote("x y") * 100 + "?[", headers={"User-Agent": "x"})
        response = connection.getresponse()
        assert (response.status, response.read()[:9]) == (404, b'{"error":')


def test_nothing_of_it_shows_a_secret_and_nothing_is_printed(
    simulator: Simulator, connection: HTTPConnection, capfd: pytest.CaptureFixture[str]
) -> None:
    access_token = json.loads(post_token(simulator, connection)[1])["access_token"]
    headers = {"User-Agent": "x", "Authorization": f"Bearer {access_token}"}
    connection.request("GET", f"/nowhere?token={access_token}", headers=headers)
    connection.getresponse().read()
    with socket.create_connection(address_of(simulator), timeout=LIMIT) as client:
        client.sendall(access_token.encode() + b"\r\n\r\n")
        while client.recv(4096):
            pass
    broker = a_broker()
    request = token_request(parameters(broker.application))
    shown = repr((simulator, simulator.application, simulator.requests))
    shown += repr((broker, request, respond(request, broker, NOW)))
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")
    assert "<Simulator sandbox http://127.0.0.1:" in shown
    assert simulator.application.client_secret.reveal() not in shown
    assert "eyJ" not in shown
    assert broker.key.hex()[:8] not in shown
    assert repr(broker.key)[2:8] not in shown


# The command.


@contextmanager
def command(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    running = subprocess.Popen(
        [sys.executable, "-m", "tastyauth", "simulator", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with running:
        try:
            yield running
        finally:
            running.kill()


def first_line(running: "subprocess.Popen[str]") -> dict[str, str]:
    assert running.stdout is not None
    line: dict[str, str] = json.loads(running.stdout.readline())
    return line


@for_each(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_command_prints_what_it_accepts_and_serves_until_it_is_stopped(
    number: signal.Signals, code: int
) -> None:
    with command("--environment", "production", "--lifetime", "60") as running:
        printed = first_line(running)
        names = {"origin", "api_url", "client_id", "client_secret", "refresh_token"}
        assert set(printed) == names
        assert printed.pop("api_url") == printed["origin"]
        assert decoded(printed["refresh_token"])[1]["iss"] == "https://api.tastytrade.com"
        origin = printed.pop("origin")
        connection = HTTPConnection(urlsplit(origin).netloc, timeout=LIMIT)
        body = json.dumps({"grant_type": "refresh_token", **printed})
        connection.request("POST", "/oauth/token", body, JSON)
        assert json.load(connection.getresponse())["expires_in"] == 60
        connection.close()
        running.send_signal(number)
        output, errors = running.communicate(timeout=LIMIT)
    assert (running.returncode, output) == (code, "")
    assert origin in errors
    assert all(line.startswith("tastyauth: ") for line in errors.splitlines())
    assert printed["client_secret"] not in errors
    assert printed["refresh_token"] not in errors


def test_a_seed_gives_the_same_credentials_at_each_start() -> None:
    """Whatever the time; another word, environment or run without one gives others."""

    def credentials(*words: str) -> dict[str, str]:
        with command(*words) as running:
            printed = first_line(running)
        return {name: printed[name] for name in ("client_id", "client_secret", "refresh_token")}

    rehearsed = credentials("--seed", "rehearsal")
    with Simulator(seed="rehearsal", now=lambda: NOW) as again:
        assert again.application.client_id == rehearsed["client_id"]
        assert again.application.client_secret.reveal() == rehearsed["client_secret"]
        assert again.application.refresh_token.reveal() == rehearsed["refresh_token"]
        body = {"grant_type": "refresh_token", **rehearsed}
        assert again.answer(token_request(body)).status == 200
    for other in (
        Simulator(seed="another"),
        Simulator(seed="rehearsal", environment="production"),
        Simulator(),
    ):
        application = other.application
        assert application.client_id != rehearsed["client_id"]
        assert application.client_secret.reveal() != rehearsed["client_secret"]
        assert application.refresh_token.reveal() != rehearsed["refresh_token"]


def test_the_command_fails_as_it_is_asked_to() -> None:
    with command("--fail", "503") as running:
        netloc = urlsplit(first_line(running)["origin"]).netloc
        with closing(HTTPConnection(netloc, timeout=LIMIT)) as connection:
            connection.request("POST", "/oauth/token", "{}", JSON)
            assert connection.getresponse().status == 503


def test_the_command_says_that_a_port_is_in_use(simulator: Simulator) -> None:
    _, port = address_of(simulator)
    with command("--port", str(port)) as running:
        output, errors = running.communicate(timeout=LIMIT)
    assert (running.returncode, output) == (2, "")
    assert f"{port} on 127.0.0.1 is already in use" in errors
    assert re.search("hint: .*--port", errors)


@for_each(
    "arguments", [("--port", "65536"), ("--port", "-1"), ("--lifetime", "0"), ("--fail", "badly")]
)
def test_the_command_refuses_what_it_cannot_do(arguments: tuple[str, str]) -> None:
    with command(*arguments) as running:
        output, errors = running.communicate(timeout=LIMIT)
    assert (running.returncode, output) == (2, "")
    assert errors.startswith("tastyauth: error: ")


def test_the_help_of_the_command_explains_every_failure() -> None:
    with command("--help") as running:
        output, _ = running.communicate(timeout=LIMIT)
    assert running.returncode == 0
    for kind in FAILURES:
        assert re.search(rf"^  {kind} +\S", output, re.MULTILINE)
