"""Where a request goes, by which proxy, and the certificate authorities that are trusted there."""

import contextlib
import os
import re
import ssl
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import NamedTuple
from urllib.parse import unquote

from tastyauth.errors import LOOPBACK, ConfigError, is_host
from tastyauth.secret import MASK, Secret

_HOST = r"(?P<host>\[[0-9a-f:.]{2,45}\]|[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){0,126})"
_PLACE = rf"{_HOST}(?::(?P<port>[0-9]{{1,5}}))?"
_ANY_CASE = re.IGNORECASE | re.ASCII  # otherwise a Kelvin sign would match k
_ENDPOINT = re.compile(rf"(?P<scheme>https?)://{_PLACE}(?:/[!-~]*)?", _ANY_CASE)
_PROXY = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?(?:(?P<username>[^@:/]*)(?::(?P<password>.*))?@)?"
    rf"{_PLACE}/?",
    _ANY_CASE,
)

_DEFAULT_PORT = {"http": 80, "https": 443}

_BUNDLES = ("ca-certificates.crt", "ca-bundle.crt", "ca-bundle.pem")
"""The bundle beside the hashed certificates, as distributions name it."""

_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")
"""The links by which OpenSSL finds a certificate in a directory (openssl-rehash)."""


class Endpoint(NamedTuple):
    """A token endpoint, taken apart; an IPv6 `host` is in brackets."""

    scheme: str
    host: str
    port: int


class Proxy(NamedTuple):
    """A proxy, and the environment variable that names it; `origin` carries no credentials."""

    variable: str
    origin: str
    credentials: tuple[Secret, Secret] | None

    def __str__(self) -> str:
        return self.origin.replace("://", f"://{MASK}@" if self.credentials else "://")


class Authorities(NamedTuple):
    """A file or directory of certificate authorities, and the `name` to show for it.

    `otherwise` is a second choice, slower to load, to try before a certificate is refused.
    """

    name: str
    file: str | None = None
    directory: str | None = None
    otherwise: "Authorities | None" = None


def route(token_endpoint: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """The proxy, without its credentials, and the certificate authorities for `token_endpoint`.

    In words to show. Raises ConfigError when one of them cannot be used.
    """
    endpoint = read_endpoint(token_endpoint)
    if endpoint.scheme == "http":
        return "none", "none, as http stays on this machine"
    proxy, authorities = proxy_for(endpoint, environ), authorities_for(environ)
    context(authorities)
    return str(proxy or "none"), authorities.name


def read_endpoint(token_endpoint: str) -> Endpoint:
    """ConfigError unless it is https, or http on loopback, without credentials in the address."""
    found = _ENDPOINT.fullmatch(token_endpoint)
    port = _port(found) if found else None
    if not found or port is None or not is_host(found["host"]):
        what = "the token endpoint is not an address of the form https://host/path"
        raise ConfigError(what, "api_url is only the origin, like https://api.example.com")
    endpoint = Endpoint(found["scheme"].lower(), found["host"].lower(), port)
    if endpoint.scheme == "http" and endpoint.host not in LOOPBACK:
        what = f"the token endpoint on {endpoint.host} is plain http, which can be read in transit"
        raise ConfigError(what, "use https; http is for 127.0.0.1, [::1] and localhost only")
    return endpoint


def proxy_for(endpoint: Endpoint, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy for `endpoint`, or None; ConfigError when the variable that is set is unusable.

    The first that is set decides, even when it is empty: https_proxy, HTTPS_PROXY, all_proxy,
    ALL_PROXY. What no_proxy (else NO_PROXY) lists is reached directly.
    """
    if endpoint.scheme == "http":
        return None
    names = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
    variable = next((name for name in names if name in environ), "")
    value = environ.get(variable, "").strip()
    if not value or _is_excepted(endpoint, environ):
        return None
    found = _PROXY.fullmatch(value)
    scheme = ((found and found["scheme"]) or "http").lower()
    port = _port(found) if found else None
    if not found or port is None or scheme not in _DEFAULT_PORT or not is_host(found["host"]):
        hint = f"set {variable} to http://host:port, or unset it; socks proxies are not supported"
        raise ConfigError(f"{variable} does not name an http or https proxy", hint)
    credentials = None
    if found["username"] is not None:
        credentials = Secret(unquote(found["username"])), Secret(unquote(found["password"] or ""))
    return Proxy(variable, f"{scheme}://{found['host'].lower()}:{port}", credentials)


def _is_excepted(endpoint: Endpoint, environ: Mapping[str, str]) -> bool:
    """Whether no_proxy lists `endpoint`, as curl, httpx and urllib read it.

    Entries are separated by commas or spaces: `*`, a host or domain, with a port or `https://` if
    need be, an address, however it is written, or a block of addresses like 10.0.0.0/8.
    """
    host, address = endpoint.host, None
    with contextlib.suppress(ValueError):  # a name
        address = ip_address(host.strip("[]"))
    listed = environ.get("no_proxy", environ.get("NO_PROXY", "")).lower()
    for entry in re.split(r"[,\s]+", listed):
        entry = re.sub(r"^(?:https|all)://", "", entry).strip(".")
        entry = re.sub(rf"^(\[.*\]|[^:]*):{endpoint.port}$", r"\1", entry).rstrip(".")
        if entry == "*":
            return True
        if address is None:
            if entry and f".{host}".endswith(f".{entry}"):
                return True
            continue
        with contextlib.suppress(ValueError):  # a name, or not a block of addresses
            if address in ip_network(re.sub(r"[\[\]]", "", entry), strict=False):
                return True
    return False


def _port(found: re.Match[str]) -> int | None:
    port = int(found["port"] or _DEFAULT_PORT.get((found["scheme"] or "http").lower(), 0))
    return port if 0 < port < 65536 else None


def authorities_for(environ: Mapping[str, str]) -> Authorities:
    """The authorities to trust; ConfigError when a variable of the user names none.

    An empty SSL_CERT_FILE or SSL_CERT_DIR counts as not set.
    """
    file = environ.get("SSL_CERT_FILE") or None
    directory = environ.get("SSL_CERT_DIR") or None
    if file is None and directory is None:
        return _system_authorities()
    if file is not None and not os.path.isfile(file):
        raise _unusable(f"SSL_CERT_FILE={file}")
    if directory is not None and not any(map(_is_hashed, directory.split(os.pathsep))):
        raise _unusable(f"SSL_CERT_DIR={directory}")
    variables = {"SSL_CERT_FILE": file, "SSL_CERT_DIR": directory}
    name = " and ".join(f"{variable}={path}" for variable, path in variables.items() if path)
    return Authorities(name, file, directory)


def context(chosen: Authorities) -> ssl.SSLContext:
    """A client context that trusts `chosen` only; ConfigError when they cannot be read.

    Not `ssl.create_default_context`: it writes the session keys to $SSLKEYLOGFILE. For plain http
    it trusts none: httpx would make a context of its own otherwise.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if chosen.file or chosen.directory:
            made.load_verify_locations(chosen.file, chosen.directory)
    except OSError:  # ssl.SSLError is one
        raise _unusable(chosen.name) from None
    return made


def _system_authorities() -> Authorities:
    # The compiled-in paths: the other two fields follow the environment of this process.
    paths = ssl.get_default_verify_paths()
    directory = paths.openssl_capath
    among = (paths.openssl_cafile, *(os.path.join(directory, name) for name in _BUNDLES))
    file = next(filter(os.path.isfile, among), None)
    bundle = Authorities(file, file) if file else None
    if _is_hashed(directory):
        # A hashed directory is loaded in 1 ms, the bundle in 20. The bundle may hold more
        # authorities, so it is asked before a certificate is refused.
        return Authorities(directory, directory=directory, otherwise=bundle)
    if bundle:
        return bundle
    import certifi  # a dependency of httpx; 20 ms that hardly any system needs

    return Authorities("certifi", certifi.where())


def _is_hashed(directory: str) -> bool:
    try:
        with os.scandir(directory) as entries:
            return any(_HASHED.fullmatch(entry.name) for entry in entries)
    except OSError:
        return False


def _unusable(name: str) -> ConfigError:
    return ConfigError(
        f"{name} holds no readable certificates",
        "SSL_CERT_FILE names a file of PEM certificates, SSL_CERT_DIR a directory that"
        " `openssl rehash` has prepared; unset them to trust the system's",
    )
