"""An exchange over TLS: who is trusted, what a proxy sees, and what is said when it goes wrong."""

import base64
import contextlib
import datetime
import hashlib
import ipaddress
import os
import select
import shutil
import socket
import ssl
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from exchange_fakes import CLIENT_SECRET, TOKEN, Script, Server, grant, read_request, says, serving

from tastyauth.errors import BY_PROXY, TastyauthError, TemporaryError
from tastyauth.exchange import exchange

AUTHORITY = trustme.CA()
LATE = 20.0
"""Seconds; a deadline of half a second that has not struck by then does not exist."""

STRANGER = trustme.CA(organization_name="another authority")


def certificate(
    *names: str, authority: trustme.CA = AUTHORITY, days: int = 30, alpn: list[str] | None = None
) -> ssl.SSLContext:
    """A server's side of TLS; a negative number of days has passed already."""
    end = datetime.datetime.now(tz=datetime.UTC) + datetime.timedelta(days=days)
    start = end - datetime.timedelta(days=60)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(alpn or [])
    leaf = authority.issue_cert(*(names or ("127.0.0.1",)), not_before=start, not_after=end)
    leaf.configure_cert(context)
    return context


@pytest.fixture(scope="module")
def ca_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The certificate of AUTHORITY in a file."""
    path = os.path.join(tmp_path_factory.mktemp("ca"), "ca.pem")
    AUTHORITY.cert_pem.write_to_path(path)
    return path


def ask(server: Server, environ: dict[str, str], timeout: float = 5.0) -> str:
    of = grant(token_endpoint=server.url("https"), environment="custom", timeout=timeout)
    return exchange(of, environ=environ, jitter=lambda: 0.0).access_token.reveal()


def failure(server: Server, environ: dict[str, str]) -> Any:
    with pytest.raises(TastyauthError) as caught:
        ask(server, environ)
    assert caught.value.hint
    return caught.value


def hash_link(directory: str, pem: bytes) -> None:
    """A certificate under the name by which OpenSSL looks for it (as `openssl rehash` does).

    The name is the SHA-1 of the subject in canonical form: lower case, UTF-8, no outer frame.
    """
    subject = x509.load_pem_x509_certificate(pem).subject
    canonical = b""
    for attribute in subject:
        name = str(attribute.value).lower().encode()
        oid = x509.Name([attribute]).public_bytes()[6:11]  # 06 03 55 04 xx
        pair = oid + bytes([0x0C, len(name)]) + name
        pair = bytes([0x30, len(pair)]) + pair
        canonical += bytes([0x31, len(pair)]) + pair
    number = int.from_bytes(hashlib.sha1(canonical).digest()[:4], "little")
    with open(os.path.join(directory, f"{number:08x}.0"), "wb") as file:
        file.write(pem)


# Whom TLS trusts


def test_an_authority_named_by_the_user_is_trusted(
    ca_file: str, tmp_path: "os.PathLike[str]"
) -> None:
    """In a file, or in a directory of hashed links."""
    hash_link(os.fspath(tmp_path), AUTHORITY.cert_pem.bytes())
    for environ in ({"SSL_CERT_FILE": ca_file}, {"SSL_CERT_DIR": os.fspath(tmp_path)}):
        with serving(says(TOKEN), tls=certificate(alpn=["h2", "http/1.1"])) as server:
            assert ask(server, environ) == "abc.def"


def test_an_unknown_authority_is_not_trusted(ca_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of this process does not count; the one that was passed does."""
    monkeypatch.setenv("SSL_CERT_FILE", ca_file)
    with serving(says(TOKEN), says(TOKEN), tls=certificate()) as server:
        error = failure(server, {})
    assert error.exit_code == 76
    assert "unknown authority" in error.message
    assert "SSL_CERT_FILE" in error.hint
    assert "trusted now" in error.hint
    assert server.requests == []


@pytest.mark.parametrize(
    ("tls", "message", "hint"),
    [
        (certificate(days=-1), "expired", "clock"),
        (certificate(days=90), "not valid yet", "clock"),
        (certificate("other.example"), "another name", "host"),
        (certificate("localhost"), "another name", "host"),
        (certificate(authority=STRANGER), "unknown authority", "its own certificate authority"),
    ],
)
def test_a_certificate_that_does_not_hold(
    tls: ssl.SSLContext, message: str, hint: str, ca_file: str
) -> None:
    """It ends with 76, at once, and nothing has been sent."""
    with serving(says(TOKEN), says(TOKEN), tls=tls) as server:
        error = failure(server, {"SSL_CERT_FILE": ca_file})
    assert error.exit_code == 76
    assert message in error.message
    assert hint in error.hint
    assert "SSL_CERT_FILE" in error.hint
    assert server.requests == []
    assert server.connections == 1


def with_sha1(certificate: x509.Certificate, issuer: rsa.RSAPrivateKey) -> x509.Certificate:
    """The certificate signed again, in a way that cryptography refuses to make."""
    rsa_with = bytes.fromhex("2a864886f70d0101")  # 1.2.840.113549.1.1, then 11 or 5
    old, new = rsa_with + b"\x0b", rsa_with + b"\x05"
    body = certificate.tbs_certificate_bytes
    signature = issuer.sign(body.replace(old, new), padding.PKCS1v15(), hashes.SHA1())
    whole = certificate.public_bytes(serialization.Encoding.DER).replace(old, new)
    return x509.load_der_x509_certificate(whole[: -len(signature)] + signature)


def weak_certificate(fault: str) -> tuple[ssl.SSLContext, str]:
    """A server's side of TLS whose certificate has this fault, and its authority as PEM."""
    bits = 1024 if fault == "short key" else 2048
    keys = {name: rsa.generate_private_key(65537, 2048) for name in ("root", "middle")}
    keys["leaf"] = rsa.generate_private_key(65537, bits)
    made: dict[str, x509.Certificate] = {}
    for name, issuer in (("root", "root"), ("middle", "root"), ("leaf", "middle")):
        is_authority = name == "root" or (name == "middle" and fault != "CA:FALSE")
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
            .public_key(keys[name].public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.datetime.now(tz=datetime.UTC) - datetime.timedelta(days=1))
            .not_valid_after(datetime.datetime.now(tz=datetime.UTC) + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        )
        if name == "leaf":
            address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            use = x509.oid.ExtendedKeyUsageOID
            purpose = use.EMAIL_PROTECTION if fault == "wrong use" else use.SERVER_AUTH
            builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
            builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        made[name] = builder.sign(keys[issuer], hashes.SHA256())
    if fault == "SHA-1":
        made["leaf"] = with_sha1(made["leaf"], keys["middle"])
    pem = {name: it.public_bytes(serialization.Encoding.PEM).decode() for name, it in made.items()}
    key = keys["leaf"].private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT@SECLEVEL=0")  # a server that accepts its own weak certificate
    with tempfile.NamedTemporaryFile() as file:
        file.write(key + (pem["leaf"] + pem["middle"]).encode())
        file.flush()
        context.load_cert_chain(file.name)
    return context, pem["root"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("SHA-1", "digest algorithm too weak"),
        ("short key", "key too weak"),
        ("CA:FALSE", "invalid CA certificate"),
        ("wrong use", "unsuitable certificate purpose"),
    ],
)
def test_a_weak_certificate_is_refused_for_the_reason_that_openssl_gives(
    fault: str, reason: str, tmp_path: "os.PathLike[str]"
) -> None:
    """No authority is unknown, and naming one would not help."""
    tls, root = weak_certificate(fault)
    path = os.path.join(tmp_path, "root.pem")
    with open(path, "w", encoding="ascii") as file:
        file.write(root)
    with serving(says(TOKEN), tls=tls) as server:
        error = failure(server, {"SSL_CERT_FILE": path})
    assert error.exit_code == 76
    assert reason in error.message
    assert "unknown" not in error.message
    assert "no SSL_CERT_FILE fixes that" in error.hint
    assert server.requests == []


def test_a_server_without_tls_is_not_the_protocol(ca_file: str) -> None:
    """An http port behind an https address."""
    with serving(says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), reads=False) as server:
        error = failure(server, {"SSL_CERT_FILE": ca_file})
    assert error.exit_code == 76
    what, _, reason = error.message.partition(" failed: ")
    assert "TLS" in what
    assert reason.islower()
    assert reason != "no reason given"


def test_a_handshake_that_breaks_is_temporary(ca_file: str) -> None:
    """A balancer that is out of servers hangs up in the middle."""

    def hang_up(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.shutdown(socket.SHUT_WR)

    with serving(hang_up, hang_up, hang_up, reads=False) as server:
        assert failure(server, {"SSL_CERT_FILE": ca_file}).exit_code == 75
    assert server.connections == 3


def test_no_key_log_is_written(
    ca_file: str, tmp_path: "os.PathLike[str]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forgotten SSLKEYLOGFILE opens the recording of every exchange."""
    log = os.path.join(tmp_path, "keys")
    monkeypatch.setenv("SSLKEYLOGFILE", log)
    with serving(says(TOKEN), tls=certificate()) as server:
        assert ask(server, {"SSL_CERT_FILE": ca_file, "SSLKEYLOGFILE": log}) == "abc.def"
    assert not os.path.exists(log)


@pytest.fixture
def system(tmp_path: "os.PathLike[str]", monkeypatch: pytest.MonkeyPatch) -> str:
    """A machine whose OpenSSL has its authorities in `cert.pem` and `certs/` of a directory."""
    top = os.fspath(tmp_path)
    os.mkdir(os.path.join(top, "certs"))
    paths = ssl.DefaultVerifyPaths(
        *("", "", "SSL_CERT_FILE", os.path.join(top, "cert.pem")),
        *("SSL_CERT_DIR", os.path.join(top, "certs")),
    )
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    return top


def test_the_bundle_has_the_last_word(system: str, ca_file: str) -> None:
    """An authority that is missing among the hashed certificates is looked for in the bundle."""
    hash_link(os.path.join(system, "certs"), STRANGER.cert_pem.bytes())
    shutil.copy(ca_file, os.path.join(system, "cert.pem"))
    with serving(says(TOKEN), says(TOKEN), tls=certificate()) as server:
        assert ask(server, {}) == "abc.def"
    assert len(server.requests) == 1
    assert server.connections == 2
    with serving(says(TOKEN), says(TOKEN), tls=certificate(days=-1)) as server:
        error = failure(server, {})
    assert "expired" in error.message
    assert "cert.pem" in error.hint


def test_the_hashed_directory_is_enough(system: str) -> None:
    """The system's certificate authorities are found where the system looks for them."""
    hash_link(os.path.join(system, "certs"), AUTHORITY.cert_pem.bytes())
    with serving(says(TOKEN), tls=certificate()) as server:
        assert ask(server, {}) == "abc.def"
    with serving(says(TOKEN), tls=certificate(authority=STRANGER)) as server:
        assert failure(server, {}).exit_code == 76


# What a proxy sees


class Tunnel:
    """A proxy for CONNECT (RFC 9110, section 9.3.6), and all that it could read."""

    def __init__(self) -> None:
        self.seen = b""

    def __call__(self, connection: socket.socket) -> None:
        request = read_request(connection)
        self.seen += request
        host, _, port = request.split(b" ")[1].decode().rpartition(":")
        with socket.create_connection((host, int(port))) as onward:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            ends = {connection: onward, onward: connection}
            while True:
                pending = isinstance(connection, ssl.SSLSocket) and connection.pending()
                for end in [connection] if pending else select.select(list(ends), [], [], 10)[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    self.seen += data
                    ends[end].sendall(data)


@contextlib.contextmanager
def proxied(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[tuple[Server, str]]:
    """A token endpoint, and the address of a proxy (without its scheme)."""
    with (
        serving(says(TOKEN), tls=certificate()) as server,
        serving(script, script, script, reads=False, tls=tls) as proxy,
    ):
        yield server, f"127.0.0.1:{proxy.port}"


def test_a_proxy_is_given_a_name_and_sealed_bytes(ca_file: str) -> None:
    """It learns the host and, when asked for, its own password; none of our secrets."""
    tunnel = Tunnel()
    with proxied(tunnel) as (server, proxy):
        environ = {"SSL_CERT_FILE": ca_file, "HTTPS_PROXY": f"http://user:p%40ss@{proxy}"}
        assert ask(server, environ) == "abc.def"
    head = tunnel.seen.partition(b"\r\n\r\n")[0].decode()
    assert head.startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n")
    assert f"Basic {base64.b64encode(b'user:p@ss').decode()}" in head
    assert head.lower().count("user-agent: tastyauth/1.0") == 1, "some proxies refuse without one"
    assert b"oauth" not in tunnel.seen
    assert CLIENT_SECRET.encode() not in tunnel.seen
    assert b"Proxy-Authorization" not in server.requests[0]


def test_a_proxy_may_ask_for_a_name_alone(ca_file: str) -> None:
    tunnel = Tunnel()
    with proxied(tunnel) as (server, proxy):
        environ = {"SSL_CERT_FILE": ca_file, "https_proxy": f"http://user@{proxy}"}
        assert ask(server, environ) == "abc.def"
    assert f"Basic {base64.b64encode(b'user:').decode()}".encode() in tunnel.seen


def test_a_proxy_may_itself_speak_tls(ca_file: str) -> None:
    """TLS to the proxy, and within it TLS to the server."""
    tunnel = Tunnel()
    with proxied(tunnel, tls=certificate()) as (server, proxy):
        environ = {"SSL_CERT_FILE": ca_file, "https_proxy": f"https://{proxy}"}
        assert ask(server, environ) == "abc.def"
    assert tunnel.seen.startswith(b"CONNECT")
    assert CLIENT_SECRET.encode() not in tunnel.seen


def test_no_proxy_goes_around_it(ca_file: str) -> None:
    """The proxy that is named does not even exist."""
    with serving(says(TOKEN), tls=certificate()) as server:
        environ = {"SSL_CERT_FILE": ca_file, "all_proxy": "127.0.0.1:1", "no_proxy": "127.0.0.1"}
        assert ask(server, environ) == "abc.def"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("407 Proxy Authentication Required", 78),
        ("403 Forbidden", 78),
        ("302 Found", 78),
        ("429 Too Many Requests", 75),
        ("502 Bad Gateway", 75),
        ("503 Busy", 75),
    ],
)
def test_a_proxy_that_refuses_is_named_by_its_variable(
    status: str, code: int, ca_file: str
) -> None:
    """It is a setting to fix, unless it may go away; the password is not repeated."""
    answer = f"HTTP/1.1 {status}, hunter2-hunter2\r\nContent-Length: 0\r\n\r\n".encode()

    def refuse(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer)

    with proxied(refuse) as (server, proxy):
        environ = {"SSL_CERT_FILE": ca_file, "https_proxy": f"user:hunter2-hunter2@{proxy}"}
        error = failure(server, environ)
    assert error.exit_code == code
    assert (error.reason == BY_PROXY) is (code == 78)
    assert "https_proxy" in error.message
    assert status in error.message
    assert "hunter2" not in error.message + error.hint
    assert server.requests == []


def test_a_proxy_that_is_not_there_is_temporary(ca_file: str) -> None:
    """It is named by its variable."""
    with serving(says(TOKEN), tls=certificate()) as server:
        error = failure(server, {"SSL_CERT_FILE": ca_file, "ALL_PROXY": "127.0.0.1:1"})
    assert error.exit_code == 75
    assert "the proxy in $ALL_PROXY refuses connections" in error.message


def test_a_proxy_that_hangs_ends_on_time(ca_file: str) -> None:
    """Whether it says nothing, or drips within the sealed connection."""

    def hang(connection: socket.socket) -> None:
        while connection.recv(65536):
            pass

    def drip(connection: socket.socket) -> None:
        for _ in range(1000):
            connection.sendall(b"X")
            time.sleep(0.05)

    with proxied(hang) as (server, proxy), pytest.raises(TemporaryError):
        ask(server, {"SSL_CERT_FILE": ca_file, "https_proxy": proxy}, timeout=0.5)
    with (
        serving(drip, tls=certificate()) as server,
        serving(Tunnel(), reads=False, tls=certificate()) as proxy_server,
    ):
        proxy = f"https://127.0.0.1:{proxy_server.port}"
        started = time.monotonic()
        with pytest.raises(TemporaryError):
            ask(server, {"SSL_CERT_FILE": ca_file, "https_proxy": proxy}, timeout=0.5)
        assert time.monotonic() - started < LATE


def test_a_proxy_with_its_own_authority_is_explained(ca_file: str) -> None:
    """The usual cause of an unknown authority, and what to do about it."""
    with (
        serving(says(TOKEN), tls=certificate(authority=STRANGER)) as server,
        serving(Tunnel(), reads=False) as proxy,
    ):
        environ = {"SSL_CERT_FILE": ca_file, "https_proxy": f"127.0.0.1:{proxy.port}"}
        error = failure(server, environ)
    assert error.exit_code == 76
    assert "https_proxy" in error.message
    assert "SSL_CERT_FILE" in error.hint
