"""Which way a request would go, and whom TLS would trust there."""

import os
import shutil
import ssl

import certifi
import pytest
import trustme
from exchange_fakes import grant
from tables import for_each

from tastyauth.errors import ConfigError
from tastyauth.exchange import exchange
from tastyauth.exchange.route import authorities_for, route

HTTPS = "https://api.tastyworks.com/oauth/token"


def proxy(environ: dict[str, str], endpoint: str = HTTPS) -> str | None:
    shown = route(endpoint, environ)[0]
    return None if shown == "none" else shown


@for_each(
    ("value", "shown"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        ("http://proxy.example:3128/", "http://proxy.example:3128"),
        ("HTTP://Proxy.Example", "http://proxy.example:80"),
        ("https://proxy.example", "https://proxy.example:443"),
        ("proxy.example:3128", "http://proxy.example:3128"),
        (" proxy_1:3128 ", "http://proxy_1:3128"),
        ("10.0.0.1:3128", "http://10.0.0.1:3128"),
        ("http://[fe80::1]:3128", "http://[fe80::1]:3128"),
        ("http://user:hunter2@proxy.example:3128", "http://[hidden]@proxy.example:3128"),
        ("user:hunter2@proxy.example:3128", "http://[hidden]@proxy.example:3128"),
        ("http://user:hun/ter@2@proxy.example:3128", "http://[hidden]@proxy.example:3128"),
        ("http://hunter2@proxy.example", "http://[hidden]@proxy.example:80"),
        ("", None),
        ("  ", None),
    ],
)
def test_a_proxy_is_shown_without_its_credentials(value: str, shown: str | None) -> None:
    """A value without a scheme is an http proxy."""
    assert proxy({"https_proxy": value}) == shown


@for_each(
    ("environ", "shown"),
    [
        ({"https_proxy": "a", "HTTPS_PROXY": "b", "all_proxy": "c", "ALL_PROXY": "d"}, "a"),
        ({"HTTPS_PROXY": "b", "all_proxy": "c", "ALL_PROXY": "d"}, "b"),
        ({"all_proxy": "c", "ALL_PROXY": "d"}, "c"),
        ({"ALL_PROXY": "d"}, "d"),
        ({"https_proxy": "", "HTTPS_PROXY": "b", "all_proxy": "c"}, None),
        ({"http_proxy": "x", "HTTP_PROXY": "y"}, None),
        ({}, None),
    ],
)
def test_the_first_variable_that_is_set_decides(environ: dict[str, str], shown: str | None) -> None:
    """Lower case before upper case, https before all; an empty one means no proxy."""
    assert proxy(environ) == (shown and f"http://{shown}:80")


@for_each(
    ("no_proxy", "endpoint", "direct"),
    [
        ("api.tastyworks.com", HTTPS, True),
        ("tastyworks.com", HTTPS, True),
        (".tastyworks.com", HTTPS, True),
        ("x.example, TASTYWORKS.com", HTTPS, True),
        ("x.example,tastyworks.com", HTTPS, True),
        ("api.tastyworks.com:443", HTTPS, True),
        ("api.tastyworks.com:444", HTTPS, False),
        ("tyworks.com", HTTPS, False),
        ("cert.api.tastyworks.com", HTTPS, False),
        ("com", HTTPS, True),
        ("*", HTTPS, True),
        ("", HTTPS, False),
        (" , ,", HTTPS, False),
        (".", HTTPS, False),
        ("127.0.0.1", "https://127.0.0.1:8443/", True),
        ("127.0.0.1:8443", "https://127.0.0.1:8443/", True),
        ("::1", "https://[::1]:8443/", True),
        ("[::1]", "https://[::1]:8443/", True),
        ("localhost", "https://127.0.0.1:8443/", False),
        ("x.example api.tastyworks.com", HTTPS, True),
        ("x.example\ttastyworks.com\n", HTTPS, True),
        ("tastyworks.com.", HTTPS, True),
        ("https://api.tastyworks.com", HTTPS, True),
        ("all://api.tastyworks.com", HTTPS, True),
        ("http://api.tastyworks.com", HTTPS, False),
        ("127.0.0.0/8", "https://127.0.0.1:8443/", True),
        ("127.0.0.9/8", "https://127.0.0.1:8443/", True),
        ("10.0.0.0/8, 127.0.0.1/32", "https://127.0.0.1:8443/", True),
        ("10.0.0.0/8", "https://127.0.0.1:8443/", False),
        ("::/64", "https://[::1]:8443/", True),
        ("[::]/64", "https://[::1]:8443/", True),
        ("fe80::/10", "https://[::1]:8443/", False),
        ("127.0.0.0/99", "https://127.0.0.1:8443/", False),
        ("0.0.0.0/0", HTTPS, False),
        ("0:0:0:0:0:0:0:1", "https://[::1]:8443/", True),
        ("[0::0001]:8443", "https://[::1]:8443/", True),
        ("[0::0001]:8444", "https://[::1]:8443/", False),
        ("FE80:0::1", "https://[fe80::1]/", True),
        ("::1", "https://[0:0:0:0:0:0:0:1]:8443/", True),
        ("::1:8443", "https://[::1]:8443/", False),
        ("0.0.1", "https://127.0.0.1:8443/", False),
        ("api.tastyworks.com.:443", HTTPS, True),
    ],
)
def test_what_no_proxy_lists_is_reached_directly(
    no_proxy: str, endpoint: str, direct: bool
) -> None:
    """Hosts and the domains they are in, with or without a port."""
    environ = {"https_proxy": "http://p:1", "no_proxy": no_proxy, "NO_PROXY": "*"}
    assert (proxy(environ, endpoint) is None) == direct
    del environ["no_proxy"]
    assert proxy(environ, endpoint) is None


@for_each("variable", ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
@for_each(
    "value",
    [
        "socks5://user:hunter2@proxy.example:1080",
        "socks5h://proxy.example",
        "ftp://proxy.example",
        "http://",
        "http://user:hunter2@",
        "http://proxy.example:0",
        "http://user:hunter2@proxy.example:65536",
        "http://user:hunter2@proxy.example:port",
        "http://user:hunter2@proxy example",
        "http://proxy.example/path",
        "http://proxy..example",
        "http://999.1.1.1:3128",
        "http://[12345::]:3128",
        "hunter2:",
        "://",
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_by_its_variable(variable: str, value: str) -> None:
    """It ends with 78, and what may be a password is not repeated."""
    with pytest.raises(ConfigError) as caught:
        route(HTTPS, {variable: value})
    assert variable in caught.value.message
    assert f"set {variable}" in caught.value.hint
    assert "hunter2" not in caught.value.message + caught.value.hint
    with pytest.raises(ConfigError):
        exchange(grant(), environ={variable: value})


@for_each(
    "endpoint",
    ["http://127.0.0.1:8080/oauth/token", "http://[::1]:80/oauth/token", "HTTP://LocalHost/x"],
)
def test_http_on_loopback_has_neither_proxy_nor_certificate_authorities(endpoint: str) -> None:
    """Not even an unusable one, and whatever no_proxy says."""
    environ = {"all_proxy": "socks5://p", "http_proxy": "http://p", "SSL_CERT_FILE": "/none"}
    assert route(endpoint, environ)[0] == "none"
    assert route(endpoint, environ)[1].startswith("none")


@for_each(
    "endpoint",
    [
        "http://api.tastyworks.com/oauth/token",
        "http://127.0.0.2/oauth/token",
        "http://127.0.0.1.example/oauth/token",
        "http://localhost.example/oauth/token",
        "http://127.0.0.1@evil.example/oauth/token",
        "http://127.0.0.1\\@evil.example/",
        "http://127.1/",
        "http://[::1%25eth0]/",
        "https://user:hunter2@api.example/oauth/token",
        "https://api.example:99999/",
        "https://api..example/",
        "https://10.0.0.300/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://0x7f.1/",
        "https://[1::2::3]/",
        "https://.example/",
        f"https://{'a' * 64}.example/",
        "https:///oauth/token",
        "https://api.example/a b",
        "https://api.example/\n",
        "ftp://127.0.0.1/",
        "//127.0.0.1/",
        "",
    ],
)
def test_no_secret_goes_to_an_address_like_this(endpoint: str) -> None:
    """Only https, or http on loopback, and nothing that two readers could read in two ways."""
    for call in (
        lambda: route(endpoint, {}),
        lambda: exchange(grant(token_endpoint=endpoint), environ={}),
    ):
        with pytest.raises(ConfigError) as caught:
            call()
        assert "https" in caught.value.hint
        assert "hunter2" not in caught.value.message + caught.value.hint


@pytest.fixture
def authority(tmp_path: "os.PathLike[str]") -> str:
    """A file with the certificate of one authority."""
    path = os.path.join(tmp_path, "ca.pem")
    trustme.CA().cert_pem.write_to_path(path)
    return path


def hashed(directory: str, file: str) -> str:
    """A directory as `openssl rehash` prepares it; any hash will do to be recognised."""
    os.mkdir(directory)
    shutil.copy(file, os.path.join(directory, "0123abcd.0"))
    return directory


def test_the_users_own_roots_come_first(authority: str, tmp_path: "os.PathLike[str]") -> None:
    """Both variables count, and are named."""
    directory = hashed(os.path.join(tmp_path, "certs"), authority)
    assert route(HTTPS, {"SSL_CERT_FILE": authority})[1] == f"SSL_CERT_FILE={authority}"
    assert route(HTTPS, {"SSL_CERT_DIR": directory})[1] == f"SSL_CERT_DIR={directory}"
    both = route(HTTPS, {"SSL_CERT_FILE": authority, "SSL_CERT_DIR": directory})[1]
    assert authority in both
    assert directory in both
    listed = os.pathsep.join(["/nowhere", directory])
    assert directory in route(HTTPS, {"SSL_CERT_DIR": listed})[1]


def test_without_a_choice_the_system_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty variables are none, and those of this process do not count."""
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    roots = route(HTTPS, {"SSL_CERT_FILE": "", "SSL_CERT_DIR": ""})[1]
    assert roots == "certifi" or os.path.exists(roots)


@pytest.mark.parametrize("bundle", ["cert.pem", "certs/ca-certificates.crt", None])
def test_where_the_system_keeps_its_certificate_authorities(
    bundle: str | None,
    authority: str,
    tmp_path: "os.PathLike[str]",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A hashed directory, else OpenSSL's file, else a bundle beside it, else certifi."""
    top = os.fspath(tmp_path)
    directory = os.path.join(top, "certs")
    os.mkdir(directory)
    paths = ssl.DefaultVerifyPaths("", "", "", os.path.join(top, "cert.pem"), "", directory)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    if bundle:
        shutil.copy(authority, os.path.join(top, bundle))
    assert route(HTTPS, {})[1] == (os.path.join(top, bundle) if bundle else "certifi")
    assert bundle or authorities_for({}).file == certifi.where()
    shutil.copy(authority, os.path.join(directory, "0123abcd.0"))
    assert route(HTTPS, {})[1] == directory


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
@pytest.mark.parametrize("kind", ["missing", "empty", "garbage", "device", "other kind"])
def test_certificate_authorities_that_cannot_be_read_are_named(
    variable: str, kind: str, authority: str, tmp_path: "os.PathLike[str]"
) -> None:
    """Trusting somebody else instead would not be what was asked for."""
    path = os.path.join(tmp_path, "roots")
    if variable == "SSL_CERT_DIR" and kind in ("empty", "garbage"):
        os.mkdir(path)
    if kind == "empty" and variable == "SSL_CERT_FILE":
        open(path, "w").close()
    if kind == "garbage":
        garbage = path if variable == "SSL_CERT_FILE" else os.path.join(path, "ca.pem")
        with open(garbage, "w") as file:
            file.write("-----BEGIN CERTIFICATE-----\nhello\n-----END CERTIFICATE-----\n")
    if kind == "device":
        path = "/dev/zero"
    if kind == "other kind":
        path = os.fspath(tmp_path) if variable == "SSL_CERT_FILE" else authority
    for call in (lambda e: route(HTTPS, e), lambda e: exchange(grant(), environ=e)):
        with pytest.raises(ConfigError) as caught:
            call({variable: path})
        assert f"{variable}={path}" in caught.value.message
        assert variable in caught.value.hint
