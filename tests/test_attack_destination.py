"""Attacks on where secrets go: an address that reads like another, a way that leads elsewhere."""

import os
import socket
import ssl
import warnings
from typing import Any

import pytest
import trustme
from exchange_fakes import TOKEN, grant, http, says, serving
from needs import missing
from world import CONFIG, World

from tastyauth.errors import ConfigError, ProtocolError, TastyauthError
from tastyauth.exchange import api, exchange
from tastyauth.exchange.server_text import Answer
from tastyauth.secret import Secret

# -- addresses ------------------------------------------------------------------------------------

pytestmark = pytest.mark.warm

TRICKS = {
    "user information": "https://api.tastyworks.com@evil.example",
    "user information and more": "https://api.tastyworks.com:a@evil.example",
    "an encoded at sign": "https://api.tastyworks.com%40evil.example",
    "a backslash": "https://evil.example\\\\.tastyworks.com",
    "a backslash before an at sign": "http://127.0.0.1\\\\@evil.example",
    "a number sign": "http://127.0.0.1#@evil.example",
    "a question mark": "http://127.0.0.1?@evil.example",
    "a slash": "https://evil.example/api.tastyworks.com",
    "dots that lead up": "https://api.tastyworks.com/../..//evil.example",
    "no slashes": "https:api.tastyworks.com",
    "three slashes": "https:///evil.example",
    "no scheme": "//evil.example",
    "another scheme": "ftp://127.0.0.1",
    "a scheme with a blank before it": " https://evil.example",
    "a scheme in capitals": "HTTP://127.0.0.1",
    "a line break": "https://evil.example\\n.tastyworks.com",
    "a tab": "https://evil\\t.example",
    "a null character": "https://evil.example\\0.tastyworks.com",
    "a name of another alphabet": "https://\\u0430pi.tastyworks.com",
    "a full stop of another alphabet": "https://evil.example\\u3002tastyworks.com",
    "a name of digits in circles": "http://\\u2460\\u2461\\u2466.0.0.1",
    "a trailing dot": "https://api.tastyworks.com.",
    "this machine with a trailing dot": "http://localhost.",
    "this machine below another": "http://localhost.evil.example",
    "this machine's number below another": "http://127.0.0.1.evil.example",
    "this machine as user": "http://127.0.0.1@evil.example",
    "this machine in capitals": "http://LOCALHOST",
    "this machine as one number": "http://2130706433",
    "this machine in hexadecimal": "http://0x7f000001",
    "this machine in octal": "http://0177.0.0.1",
    "this machine in short": "http://127.1",
    "this machine by another number": "http://127.0.0.2",
    "any address": "http://0.0.0.0",
    "no address": "http://0",
    "any address of IPv6": "http://[::]",
    "this machine in IPv6, at length": "http://[0:0:0:0:0:0:0:1]",
    "an IPv4 address within IPv6": "http://[::ffff:127.0.0.1]",
    "a zone of IPv6": "http://[::1%25eth0]",
    "a port above all": "http://127.0.0.1:65536",
    "port zero": "http://127.0.0.1:0",
    "no port behind a colon": "http://127.0.0.1:",
    "a signed port": "http://127.0.0.1:+80",
    "a port of another alphabet": "http://127.0.0.1:\\u0668\\u0660",
    "two ports": "http://127.0.0.1:80:443",
}
"""As they stand in double quotes of YAML."""


@pytest.mark.parametrize("name", TRICKS)
def test_an_address_that_reads_like_another_gets_nothing(name: str, world: World) -> None:
    """Not even in the user's own config: it is 78, and no secret is even looked up."""
    world.script("vault", f"touch {world.root}/ran; echo secret")
    text = CONFIG.replace("api_url: {origin}", f'api_url: "{TRICKS[name]}"')
    world.configure(text.replace("{{ file: live.client-secret }}", "{{ command: [vault] }}"))
    done = world.run("token")
    assert (done.code, done.out) == (78, "")
    assert not os.path.exists(f"{world.root}/ran")


def own_address() -> str:
    """An address of this machine by which others reach it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as it:
        try:
            it.connect(("192.0.2.1", 9))  # nothing is sent, a route is looked up
        except OSError:
            missing("this machine has no address but that of loopback")
        address: str = it.getsockname()[0]
        return address


def test_plain_http_stays_here_whatever_localhost_means(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hosts file or a name server may say that it is another machine."""
    elsewhere = own_address()
    look_up = socket.getaddrinfo
    heard: list[bytes] = []

    def misled(host: str, *rest: Any, **options: Any) -> Any:
        return look_up(elsewhere if host == "localhost" else host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", misled)
    with socket.create_server((elsewhere, 0)) as listener:
        port = listener.getsockname()[1]
        for ask in (
            lambda: exchange(
                grant(token_endpoint=f"http://localhost:{port}/oauth/token"), environ={}
            ),
            lambda: call(f"http://localhost:{port}/customers/me/accounts"),
        ):
            with pytest.raises(ConfigError) as caught:
                ask()
            assert elsewhere in caught.value.message
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(5)
                heard.append(connection.recv(65536))
    assert heard == [b"", b""]


# -- ways -----------------------------------------------------------------------------------------

ACCESS_TOKEN = "the-access-token"


def call(url: str, **environ: str) -> Answer:
    return api.get(
        url, Secret(ACCESS_TOKEN), user_agent="tastyauth/1.0", seconds=5.0, environ=environ
    )


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["{elsewhere}", "//{elsewhere}", "/oauth/token", "file:///x"])
def test_no_redirect_is_followed(status: int, target: str) -> None:
    """With a body or without, here or elsewhere: what was sent goes to whom it was sent."""
    with serving(says(TOKEN)) as elsewhere:
        location = target.format(elsewhere=f"localhost:{elsewhere.port}")
        answer = says(http(f"{status} Moved", b"", f"Location: {location}"))
        with serving(answer, answer) as server:
            with pytest.raises(ProtocolError):
                exchange(grant(token_endpoint=server.url(), environment="custom"), environ={})
            assert call(server.url()).status == status
    assert len(server.requests) == 2
    assert elsewhere.requests == []


AUTHORITY = trustme.CA()


def old_tls() -> ssl.SSLContext:
    """A server that speaks nothing newer than TLS 1.1 (RFC 8996 ended it)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def test_a_server_of_old_tls_gets_nothing(tmp_path: os.PathLike[str]) -> None:
    """An attacker in between may pretend that it is old."""
    roots = os.path.join(tmp_path, "ca.pem")
    AUTHORITY.cert_pem.write_to_path(roots)
    with serving(says(TOKEN), tls=old_tls()) as server, pytest.raises(TastyauthError) as caught:
        exchange(grant(token_endpoint=server.url("https")), environ={"SSL_CERT_FILE": roots})
    assert caught.value.exit_code == 76
    assert server.requests == []


def test_a_proxy_is_not_asked_for_plain_http(world: World) -> None:
    """It is for this machine, and a proxy could read the secrets."""
    with serving(says(TOKEN)) as proxy:
        named = f"http://user:password@127.0.0.1:{proxy.port}"
        names = ("http_proxy", "https_proxy", "all_proxy")
        variables = dict.fromkeys((*names, *map(str.upper, names)), named)
        assert world.run("token", **variables).code == 0
    assert proxy.connections == 0
