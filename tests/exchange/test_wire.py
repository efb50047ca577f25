"""One exchange on the wire: what is sent, how often, and how it ends on time."""

import contextlib
import errno
import gzip
import itertools
import json
import random
import selectors
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import certifi
import httpx
import pytest
from exchange_fakes import (
    CLIENT_ID,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    TOKEN,
    Script,
    grant,
    http,
    jwt,
    reveals,
    says,
    serving,
)
from httpcore._backends.sync import SyncStream
from ports import closed_port
from pytest_httpx import HTTPXMock
from tables import for_each
from traced import locals_of

from tastyauth.errors import RefusedError, TastyauthError, TemporaryError
from tastyauth.exchange import REFUSED_CONNECTION, exchange
from tastyauth.exchange.claims import RefreshGrant
from tastyauth.exchange.deadline import connect
from tastyauth.exchange.response import TokenResponse
from tastyauth.secret import Secret

NOW = 1_800_000_000.0
SHORT = 0.6
"""Seconds that a hanging server gets in these tests."""

LATE = 20.0
"""Seconds; a deadline that has not struck by then does not exist. Servers hang for longer."""


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds

    def exchange(
        self, of: RefreshGrant, jitter: Callable[[], float] = lambda: 1.0, **more: Any
    ) -> TokenResponse:
        return exchange(
            of,
            environ={},
            now=lambda: NOW,
            monotonic=lambda: self.seconds,
            sleep=self.sleep,
            jitter=jitter,
            **more,
        )


def ask(url: str, **changes: Any) -> TokenResponse:
    """An exchange with the real clock, and no pause between tries."""
    changes = {"environment": "custom", "timeout": 60.0, **changes}
    return exchange(grant(token_endpoint=url, **changes), environ={}, jitter=lambda: 0.0)


def failure(url: str, **changes: Any) -> Any:
    with pytest.raises(TastyauthError) as caught:
        ask(url, **changes)
    error = caught.value
    assert error.hint
    assert not reveals(error.message + error.hint)
    return error


def late(url: str, timeout: float = SHORT) -> str:
    """The message of an exchange that ends because its time is over, and not long after that."""
    started = time.monotonic()
    error = failure(url, timeout=timeout)
    assert time.monotonic() - started < LATE
    assert error.exit_code == 75
    return str(error.message)


# What is sent


def test_the_request_to_the_byte() -> None:
    """Four fields of JSON, and no header that is not needed; above all no Authorization."""
    with serving(says(TOKEN)) as server:
        assert ask(server.url()).access_token.reveal() == "abc.def"
    body = (
        f'{{"grant_type":"refresh_token","client_id":"{CLIENT_ID}",'
        f'"client_secret":"{CLIENT_SECRET}","refresh_token":"{REFRESH_TOKEN}"}}'
    )
    head = [
        "POST /oauth/token HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "User-Agent: tastyauth/1.0",
        "Accept: application/json",
        "Accept-Encoding: identity",
        "Content-Type: application/json",
        "Connection: close",
        f"Content-Length: {len(body)}",
    ]
    assert server.requests == ["\r\n".join([*head, "", body]).encode()]


def test_nothing_of_the_environment_gets_into_the_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No netrc and no proxy of this process: a request to loopback goes there as it is."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login user password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serving(says(TOKEN)) as server:
        ask(server.url())
    assert b"authorization" not in server.requests[0].lower()


def test_no_setting_keeps_a_request_to_this_machine_from_it() -> None:
    """Neither a proxy nor certificate authorities, not even unusable ones."""
    proxies = {"https_proxy": "http://127.0.0.1:1", "ALL_PROXY": "socks5://x"}
    environ = {**proxies, "SSL_CERT_FILE": "/none"}
    with serving(says(TOKEN)) as server:
        answer = exchange(grant(token_endpoint=server.url()), environ=environ)
    assert answer.access_token.reveal() == "abc.def"


def test_a_cookie_is_not_sent_back() -> None:
    """Each try is the first."""
    with serving(says(http("503 Busy", b"", "Set-Cookie: a=b; Path=/")), says(TOKEN)) as server:
        ask(server.url())
    first, second = server.requests
    assert first == second


def test_a_mix_up_is_found_before_anything_is_sent(httpx_mock: HTTPXMock) -> None:
    """An access token in place of the refresh token reaches no server."""
    with pytest.raises(RefusedError):
        Clock().exchange(grant(refresh_token=Secret(jwt({"typ": "at+jwt"}, {}))))
    assert httpx_mock.get_requests() == []


@for_each("user_agent", ["a\nb", "a\0"])
def test_a_user_agent_that_is_not_a_header_is_a_config_error(user_agent: str) -> None:
    """It ends with 78, and no half of a request is sent."""
    with serving(says(TOKEN), reads=False) as server:
        error = failure(server.url(), user_agent=user_agent)
    assert error.exit_code == 78
    assert error.message
    assert "user_agent" in error.hint


# How often


def answers(httpx_mock: HTTPXMock, *answers: int | Exception | dict[str, Any]) -> None:
    for answer in answers:
        if isinstance(answer, Exception):
            httpx_mock.add_exception(answer)
        elif isinstance(answer, int):
            httpx_mock.add_response(status_code=answer)
        else:
            httpx_mock.add_response(**answer)


NOT_A_CUSTOMER = {
    "error_code": "invalid_request",
    "error_description": "User is not a TastyTrade customer",
}
GOOD = {"json": {"access_token": "abc"}}
LATER = {"status_code": 503, "headers": {"Retry-After": "5"}}
UNDATED = {"status_code": 429, "headers": {"Retry-After": "Fri, 15 Jan 2027 08:00:03 GMT"}}
DATED = {
    "status_code": 429,
    "headers": {
        "Date": "Fri, 15 Jan 2027 08:00:00 GMT",
        "Retry-After": "Fri, 15 Jan 2027 08:00:04 GMT",
    },
}


@pytest.mark.parametrize(
    ("before", "pauses"),
    [
        ([503], [1.0]),
        ([503, 429], [1.0, 2.0]),
        ([408, 599], [1.0, 2.0]),
        ([httpx.ConnectError("x"), httpx.ReadError("x")], [1.0, 2.0]),
        ([httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x")], [1.0, 2.0]),
        ([LATER], [5.0]),
        ([DATED, 500], [4.0, 2.0]),
        ([UNDATED], [3.0]),
    ],
)
def test_what_may_pass_is_tried_again(
    httpx_mock: HTTPXMock, before: list[Any], pauses: list[float]
) -> None:
    """After a pause that doubles, or the one that the server asked for."""
    answers(httpx_mock, *before, GOOD)
    clock = Clock()
    assert clock.exchange(grant()).access_token.reveal() == "abc"
    assert clock.slept == pauses


def test_pauses_are_spread_from_nothing_to_the_whole(httpx_mock: HTTPXMock) -> None:
    """Callers that failed together do not come back together."""
    answers(httpx_mock, 503, 503, GOOD)
    clock = Clock()
    clock.exchange(grant(), jitter=random.Random(1).random)
    first, second = clock.slept
    assert 0.0 < first < 1.0
    assert 0.0 < second < 2.0
    assert second != first * 2


@pytest.mark.parametrize("allowed", [{}, {"tries": 2}, {"tries": 1}])
def test_the_last_failure_is_reported(httpx_mock: HTTPXMock, allowed: dict[str, Any]) -> None:
    """After three requests, or fewer: whoever has something to fall back on asks once."""
    tries = allowed.get("tries", 3)
    answers(httpx_mock, *[503, 429, 502][3 - tries :])
    with pytest.raises(TemporaryError, match="502"):
        Clock().exchange(grant(), **allowed)
    assert len(httpx_mock.get_requests()) == tries


@pytest.mark.parametrize(
    ("answer", "timeout"),
    [
        ({"status_code": 503, "headers": {"Retry-After": "15"}}, 15.0),
        ({"status_code": 429, "headers": {"Retry-After": "3600"}}, 15.0),
        ({"status_code": 503}, 1.0),
    ],
)
def test_a_pause_that_does_not_fit_fails_at_once(
    httpx_mock: HTTPXMock, answer: dict[str, Any], timeout: float
) -> None:
    """What the server asked for travels with the error."""
    answers(httpx_mock, answer)
    clock = Clock()
    with pytest.raises(TemporaryError) as caught:
        clock.exchange(grant(timeout=timeout))
    assert clock.slept == []
    asked = answer.get("headers", {}).get("Retry-After")
    assert caught.value.retry_after == (asked and float(asked))


@pytest.mark.parametrize(
    "answer",
    [
        {"status_code": 400, "json": {"error_code": "invalid_grant"}},
        {"status_code": 401, "html": "<html></html>"},
        {"status_code": 404},
        {"status_code": 307, "headers": {"Location": "https://api.tastyworks.com/oauth/token"}},
        {"status_code": 200, "text": "hello"},
        {"status_code": 400, "json": NOT_A_CUSTOMER},
    ],
)
@pytest.mark.parametrize("environment", ["production", "sandbox"])
def test_what_does_not_pass_is_asked_once(
    httpx_mock: HTTPXMock, answer: dict[str, Any], environment: str
) -> None:
    """A broker blocks addresses that keep failing."""
    answers(httpx_mock, answer)
    with pytest.raises(TastyauthError) as caught:
        Clock().exchange(grant(environment=environment))
    assert caught.value.is_answer is True
    assert len(httpx_mock.get_requests()) == 1


def caused(cause: Exception, **facts: object) -> Exception:
    """An error of httpx with this cause; a stand-in for what the system reports."""
    vars(cause).update(facts)
    error = httpx.ConnectError("x")
    error.__cause__ = cause
    return error


def certificate_fault(code: int) -> Exception:
    return caused(ssl.SSLCertVerificationError(1, "x"), verify_code=code, verify_message="odd")


@pytest.mark.parametrize(
    ("error", "message", "hint", "reason"),
    [
        (httpx.ReadTimeout("x"), "{} did not answer in time", "try again", ""),
        (httpx.ReadError("x"), "the connection to {} was lost", "try again", ""),
        (httpx.ConnectError("x"), "{} cannot be reached", "try again", ""),
        (caused(OSError(errno.ENETUNREACH, "no")), "{} cannot be reached", "try again", ""),
        (caused(OSError(errno.EMFILE, "Too many")), "{} cannot be reached: too many", "ulimit", ""),
        (caused(ConnectionRefusedError()), "{} refuses connections", "try", REFUSED_CONNECTION),
        *(
            (certificate_fault(code), f"the certificate of {{}} {what}", hint, "")
            for codes, what, hint in (
                ((9, 10), "has expired, or is not valid yet", "clock"),
                ((62, 64), "is for another name", "check the host"),
                ((2, 18, 19, 20, 21), "was issued by an unknown authority", "SSL_CERT_FILE"),
                ((22,), "was refused by OpenSSL: odd", "needs a better certificate"),
            )
            for code in codes
        ),
    ],
)
def test_a_failure_on_the_way_is_named(
    httpx_mock: HTTPXMock, error: Exception, message: str, hint: str, reason: str
) -> None:
    answers(httpx_mock, error)
    with pytest.raises(TastyauthError) as caught:
        exchange(grant(), environ={"SSL_CERT_FILE": certifi.where()}, tries=1)
    assert caught.value.message == message.format("api.tastyworks.com")
    assert hint in caught.value.hint
    assert (caught.value.reason, caught.value.is_answer) == (reason, False)


# Servers that do not behave


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@for_each(
    "script",
    [
        reset,
        says(b""),
        says(b"HTTP/1.1 200 OK\r\nConte"),
        says(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"access_token":"abc"'),
        says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"),
    ],
)
def test_a_connection_that_breaks_is_temporary(script: Script) -> None:
    """Before, in the middle of, or after the head of the answer; it is tried three times."""
    with serving(script, script, script) as server:
        assert failure(server.url()).exit_code == 75
    assert len(server.requests) == 3


def test_a_closed_port_is_temporary() -> None:
    """It says that nobody listens."""
    error = failure(f"http://127.0.0.1:{closed_port()}/oauth/token")
    assert error.exit_code == 75
    assert "refuses" in error.message


def test_a_name_without_an_address_is_temporary(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says which name."""

    asked: list[object] = []

    def fail(*place: object, **options: object) -> None:
        asked.append((place, options))
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    error = failure("http://localhost:9/oauth/token")
    assert error.exit_code == 75
    assert "localhost cannot be resolved" in error.message
    assert asked[0] == (("localhost", 9), {"type": socket.SOCK_STREAM})


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "192.0.2.7"])
def test_plain_http_goes_to_this_machine_only(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in says where the connection leads."""
    said = SyncStream.get_extra_info

    def stand_in(stream: SyncStream, name: str) -> Any:
        return (address, 80) if name == "server_addr" else said(stream, name)

    monkeypatch.setattr(SyncStream, "get_extra_info", stand_in)
    with serving(says(TOKEN)) as server:
        if address != "192.0.2.7":
            assert ask(server.url()).access_token.reveal() == "abc.def"
            return
        error = failure(server.url())
    assert error.exit_code == 78
    assert "localhost resolves to 192.0.2.7" in error.message
    assert "127.0.0.1" in error.hint
    assert b"POST" not in b"".join(server.requests)


@for_each(
    "data", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 abc\r\n", b"HTTP/1.1 200 OK\r\n\x00bad\r\n"]
)
def test_what_is_not_http_is_not_the_protocol(data: bytes) -> None:
    """Another service listens on that port."""
    with serving(says(data + b"\r\n")) as server:
        assert failure(server.url()).exit_code == 76
    assert len(server.requests) == 1


def test_a_redirect_is_not_followed() -> None:
    """The secrets stay where they were sent."""
    with serving(says(TOKEN)) as other:
        location = f"Location: {other.url(host='localhost')}"
        with serving(says(http("308 Permanent Redirect", b"", location))) as server:
            error = failure(server.url())
    assert error.exit_code == 76
    assert f"localhost:{other.port}" in error.message
    assert other.requests == []


@for_each("framing", ["Content-Length: 30000000", "Transfer-Encoding: chunked", "X: y"])
def test_a_huge_answer_is_not_read(framing: str) -> None:
    """After 64 KiB the connection is closed."""
    sent = 0

    def flood(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode())
        chunk = b" " * 8192
        if "chunked" in framing:
            chunk = b"2000\r\n" + chunk + b"\r\n"
        while sent < 30_000_000:
            connection.sendall(chunk)
            sent += 8192

    with serving(flood) as server:
        error = failure(server.url())
    assert error.exit_code == 76
    assert "64 KiB" in error.message
    assert sent < 30_000_000


def test_a_compression_bomb_stays_packed() -> None:
    """Nothing is unpacked, asked for or not."""
    bomb = gzip.compress(b"0" * 50_000_000)
    with serving(says(http("200 OK", bomb, "Content-Encoding: gzip"))) as server:
        assert failure(server.url()).exit_code == 76


# Ending on time


def drip(data: Iterable[bytes]) -> Script:
    def script(connection: socket.socket) -> None:
        for piece in data:
            connection.sendall(piece)
            time.sleep(0.05)

    return script


def hang(connection: socket.socket) -> None:
    """Until the other side gives up."""
    connection.settimeout(60)
    while connection.recv(65536):
        pass


def dripping(head: bytes, forever: bytes) -> Script:
    """Begins anew for each connection."""
    return lambda connection: drip(itertools.chain([head], itertools.repeat(forever)))(connection)


@for_each(
    "script",
    [
        hang,
        drip([bytes([byte]) for byte in b"HTTP/1.1 200 OK\r\n" * 100]),
        dripping(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b" "),
        dripping(b"HTTP/1.1 200 OK\r\n\r\n", b" "),
        dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
def test_a_server_that_drips_does_not_keep_anyone(script: Script) -> None:
    """The limit holds for the whole exchange, not for each byte."""
    with serving(script) as server:
        started = time.monotonic()
        message = late(server.url())
        assert time.monotonic() - started > SHORT * 0.9
    assert "in time" in message or "within" in message
    assert eventually(no_thread_stays)


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether it does within twenty seconds."""
    for _ in range(1000):
        if holds():
            return True
        time.sleep(0.02)
    return False


def no_thread_stays() -> bool:
    return not any(thread.name == "tastyauth exchange" for thread in threading.enumerate())


def test_the_shortest_limit_holds_too() -> None:
    """As what a first try and a pause have left of it."""
    with serving(hang) as server:
        late(server.url(), timeout=0.05)


def test_a_handshake_that_hangs_ends_on_time() -> None:
    """A server that listens and never speaks TLS."""
    with serving(hang, hang, reads=False) as server:
        late(server.url("https"))


def test_a_name_server_that_hangs_ends_on_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """And when it answers at last, nothing is sent any more."""
    answered = threading.Event()
    ask_name_server = socket.getaddrinfo

    def slow(*args: Any, **options: Any) -> Any:
        assert answered.wait(60)
        return ask_name_server(*args, **options)

    received: list[bytes] = []

    def record(connection: socket.socket) -> None:
        while data := connection.recv(65536):
            received.append(data)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with serving(record, reads=False) as server:
        late(server.url(host="localhost"))
        (left,) = (it for it in threading.enumerate() if it.name == "tastyauth exchange")
        assert left.daemon, "it must not keep the process"
        answered.set()
        assert eventually(no_thread_stays)
        assert eventually(lambda: server.connections == 1)
    assert received == []


@contextlib.contextmanager
def dead_address() -> Iterator[tuple[str, int]]:
    """An address that does not answer: a queue of connections that nobody accepts is full."""
    with contextlib.ExitStack() as stack:
        dead = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(2):
            queued = stack.enter_context(socket.socket())
            queued.setblocking(False)
            queued.connect_ex(dead.getsockname())
        yield dead.getsockname()


def known_as(addresses: Iterable[tuple[str, int]]) -> Callable[..., list[Any]]:
    """A name server that knows every name by these addresses."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
    return lambda *_, **__: found


@pytest.mark.parametrize("dead", [1, 2, 3])
def test_dead_addresses_before_a_live_one_cost_a_moment(
    dead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has a head start, and no more (RFC 8305)."""
    with contextlib.ExitStack() as stack:
        addresses = [stack.enter_context(dead_address()) for _ in range(dead)]
        server = stack.enter_context(serving(says(TOKEN)))
        addresses.append(("127.0.0.1", server.port))
        monkeypatch.setattr(socket, "getaddrinfo", known_as(addresses))
        began = time.monotonic()
        assert ask(server.url(host="localhost"), timeout=60.0).access_token.reveal() == "abc.def"
        assert 0.2 * dead <= time.monotonic() - began < LATE
        assert server.connections == 1


def test_an_address_that_refuses_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(says(TOKEN)) as server:
        addresses = [("127.0.0.1", 1), ("127.0.0.1", 2), ("127.0.0.1", server.port)]
        monkeypatch.setattr(socket, "getaddrinfo", known_as(addresses))
        assert ask(server.url(host="localhost")).access_token.reveal() == "abc.def"


def test_families_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many addresses of IPv6 lead nowhere, IPv4 is the second that is tried."""
    with dead_address() as (_, port), serving(says(TOKEN)) as server:
        dead, live = known_as([("127.0.0.1", port)])()[0], known_as([("127.0.0.1", server.port)])()
        # the family says how they are sorted; the sockets of this test are all of IPv4
        mapped = [(socket.AF_INET6, *dead[1:4], ("::ffff:127.0.0.1", port, 0, 0))] * 99
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [*mapped, *live])
        began = time.monotonic()
        assert ask(server.url(host="localhost"), timeout=60.0).access_token.reveal() == "abc.def"
        assert 0.2 <= time.monotonic() - began < 0.2 * 99 - 5


def test_addresses_that_are_all_dead_end_on_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with dead_address() as first, dead_address() as second:
        monkeypatch.setattr(socket, "getaddrinfo", known_as([first, second]))
        late("http://localhost:1/oauth/token")


def test_the_first_failure_is_the_one_that_is_told() -> None:
    nowhere = (socket.AF_UNIX, socket.SOCK_STREAM, 0, "", "/nowhere/at/all")
    refused = known_as([("127.0.0.1", closed_port())])()
    with pytest.raises(FileNotFoundError):
        connect([nowhere, *refused], time.monotonic() + 60.0)
    with pytest.raises(TimeoutError):
        connect(refused, time.monotonic())


def test_waiting_for_one_address_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last one is waited for in one piece, and what is made does not wait by itself."""
    turns: list[object] = []
    select = selectors.DefaultSelector.select

    def counted(*words: Any) -> Any:
        turns.append(words)
        return select(*words)

    monkeypatch.setattr(selectors.DefaultSelector, "select", counted)
    with dead_address() as dead, pytest.raises(TimeoutError):
        connect(known_as([dead])(), time.monotonic() + 0.5)
    assert len(turns) < 10
    with serving(says(b""), reads=False) as server:
        live = known_as([("127.0.0.1", server.port)])()
        with connect(live, time.monotonic() + 60.0) as made:
            assert made.gettimeout() == 0.0


def test_a_pause_and_a_second_try_are_within_the_limit() -> None:
    """A server that first fails and then hangs."""
    with serving(says(http("503 Busy", b"")), hang) as server:
        late(server.url(), timeout=2.0)
    assert len(server.requests) == 2


def test_where_no_thread_can_be_started_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with RLIMIT_NPROC; nothing is sent."""
    with serving(hang) as server:
        # what `threading` calls to start one, from Python 3.13 on and before
        names = ("_start_joinable_thread", "_start_new_thread")
        name = next(name for name in names if hasattr(threading, name))
        monkeypatch.setattr(threading, name, none_to_spare)
        error = failure(server.url(), timeout=SHORT)
        monkeypatch.undo()
    assert error.exit_code == 75
    assert "cannot start another thread" in error.message
    assert not server.requests


def none_to_spare(*_: object, **__: object) -> int:
    raise RuntimeError("can't start new thread")


def test_it_works_in_a_thread() -> None:
    """Ten at once, each with its own deadline."""
    outcomes: list[str] = []

    def one(url: str) -> None:
        try:
            outcomes.append(ask(url, timeout=SHORT).access_token.reveal())
        except TemporaryError:
            outcomes.append("late")

    with contextlib.ExitStack() as stack, ThreadPoolExecutor(10) as threads:
        servers = [stack.enter_context(serving(script)) for script in [says(TOKEN), hang] * 5]
        list(threads.map(one, [server.url() for server in servers]))
    assert sorted(outcomes) == ["abc.def"] * 5 + ["late"] * 5


PROGRAM = """
import signal, sys
from tastyauth.exchange import exchange
from tastyauth.exchange.claims import RefreshGrant
from tastyauth.secret import Secret

def end(number, frame):
    raise SystemExit(100 + number)

signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, end)
grant = RefreshGrant(sys.argv[1], "custom", "x", Secret("y"), Secret("z"), "tastyauth/1.0", 60.0)
exchange(grant, environ={})
"""


@for_each("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_heard_while_a_server_hangs(number: signal.Signals) -> None:
    """The handler of the main thread runs at once, and the connection is closed."""
    arrived, closed = threading.Event(), threading.Event()

    def wait(connection: socket.socket) -> None:
        arrived.set()
        hang(connection)
        closed.set()

    with serving(wait) as server:
        program = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, server.url()], stderr=subprocess.PIPE
        )
        assert arrived.wait(60)
        started = time.monotonic()
        program.send_signal(number)
        _, complaint = program.communicate(timeout=60)
        assert closed.wait(60)
    assert time.monotonic() - started < LATE
    assert program.returncode == 100 + number, complaint.decode()


def test_no_secret_is_in_the_trace_of_a_failure() -> None:
    """Neither in the error nor in what Python prints for it."""
    echo = json.dumps({"error_code": "invalid_grant", "error_description": REFRESH_TOKEN}).encode()
    for script in (says(http("400 Bad Request", echo)), says(echo), reset):
        with serving(script, script, script) as server, pytest.raises(TastyauthError) as caught:
            ask(server.url())
        assert not reveals("".join(traceback.format_exception(caught.value)))


NEWEST = "newest-refresh-token-of-all"
ROTATED = {"refresh_token": NEWEST, "token_type": "Bearer", "expires_in": 900}


@for_each(
    "answer",
    [
        ROTATED,
        {**ROTATED, "access_token": f"{NEWEST}\n"},
        {**ROTATED, "access_token": "abc", "expires_in": NEWEST},
        {**ROTATED, "access_token": "abc", "token_type": NEWEST},
        {**ROTATED, "access_token": NEWEST},
        {**ROTATED, "access_token": "abc", "refresh_token": f"{NEWEST}\n"},
    ],
)
@for_each("status", ["200 OK", "400 Bad Request", "503 Busy", "302 Found"])
def test_no_local_variable_of_a_failure_shows_a_token(status: str, answer: dict[str, Any]) -> None:
    """Nor the headers, which a gateway may fill with it."""
    said = says(http(status, json.dumps(answer).encode(), f"X-Echo: {NEWEST}{CLIENT_SECRET}"))
    with serving(said, said, said) as server, pytest.raises(TastyauthError) as caught:
        ask(server.url())
    shown = locals_of(caught.value)
    assert "RefreshGrant" in shown or "Answer" in shown or "Channel" in shown
    assert NEWEST not in shown
    assert not reveals(shown)


@for_each(
    "data",
    [
        f"HTTP/1.1 {NEWEST}\r\n",
        f"{NEWEST}\r\n\r\n",
        f"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{NEWEST}",
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1b\r\n{NEWEST}\r\n{NEWEST}",
        f"HTTP/1.1 200 OK\r\nX-{NEWEST}\r\n\r\n",
    ],
)
def test_nor_when_it_is_no_answer(data: str) -> None:
    said = says(data.encode())
    with serving(said, said, said) as server, pytest.raises(TastyauthError) as caught:
        ask(server.url())
    assert caught.value.__context__ is None
    assert NEWEST not in locals_of(caught.value)


def test_an_answer_that_comes_in_pieces_is_read_whole() -> None:
    """Slow is not late."""
    with serving(drip(TOKEN[i : i + 20] for i in range(0, len(TOKEN), 20))) as server:
        assert ask(server.url()).access_token.reveal() == "abc.def"
