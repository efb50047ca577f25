"""Where a request goes: an https endpoint, by the proxy that the environment names, or loopback."""

import re
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import NamedTuple
from urllib.parse import unquote

from tastyauth.broker import LOOPBACK
from tastyauth.errors import ConfigError
from tastyauth.exchange.certificate_authorities import authorities_for, context
from tastyauth.secret import MASK, Secret

_HOST = r"\[[0-9a-f:.]{2,45}\]|[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){0,20}"

_ENDPOINT = re.compile(
    rf"(?P<scheme>https?)://(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?(?:/[!-~]*)?",
    re.IGNORECASE | re.ASCII,  # else a Kelvin sign would pass for a k
)
_PROXY = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?"
    r"(?:(?P<username>[^@:/]*)(?::(?P<password>.*))?@)?"
    rf"(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?/?",
    re.IGNORECASE | re.ASCII,  # else a Kelvin sign would pass for a k
)

_DEFAULT_PORT = {"http": 80, "https": 443}


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
        if self.credentials is None:
            return self.origin
        return self.origin.replace("://", f"://{MASK}@")


class Route(NamedTuple):
    """How a token endpoint would be reached, to be shown: `proxy` without its credentials."""

    proxy: str | None
    roots: str


def route(token_endpoint: str, environ: Mapping[str, str]) -> Route:
    """The proxy and the certificate authorities that an exchange with `token_endpoint` would use.

    Raises ConfigError when one of them cannot be used.
    """
    endpoint = read_endpoint(token_endpoint)
    if endpoint.scheme == "http":
        return Route(proxy=None, roots="none, as http stays on this machine")
    proxy, roots = proxy_for(endpoint, environ), authorities_for(environ)
    context(roots)
    return Route(proxy=None if proxy is None else str(proxy), roots=roots.name)


def read_endpoint(token_endpoint: str) -> Endpoint:
    """ConfigError unless it is https, or http on loopback, without credentials in the address."""
    found = _ENDPOINT.fullmatch(token_endpoint)
    port = _port(found) if found else None
    if not found or port is None:
        raise ConfigError(
            "the token endpoint is not an address of the form https://host/path",
            "api_url is the origin alone, like https://api.example.com",
        )
    endpoint = Endpoint(found["scheme"].lower(), found["host"].lower(), port)
    if endpoint.scheme == "http" and endpoint.host not in LOOPBACK:
        raise ConfigError(
            f"the token endpoint on {endpoint.host} is plain http, where anybody can read along",
            "use https; http is for 127.0.0.1, [::1] and localhost only",
        )
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
    return _read_proxy(variable, value)


def _is_excepted(endpoint: Endpoint, environ: Mapping[str, str]) -> bool:
    """Whether no_proxy lists `endpoint`, as curl, httpx and urllib read it.

    Entries are separated by commas or spaces: `*`, a host or domain, with a port or `https://` if
    need be, an address, or a block of addresses like 10.0.0.0/8.
    """
    host = endpoint.host.strip("[]")
    listed = environ.get("no_proxy", environ.get("NO_PROXY", "")).lower()
    for entry in re.split(r"[,\s]+", listed):
        entry = re.sub(r"^(?:https|all)://", "", entry).strip(".")
        if entry in ("*", f"*:{endpoint.port}", host, endpoint.host):
            return True
        if "/" in entry and _is_in(host, entry):
            return True
        if entry and f".{endpoint.host}:{endpoint.port}".endswith(
            (f".{entry}:{endpoint.port}", f".{entry}")
        ):
            return True
    return False


def _is_in(host: str, block: str) -> bool:
    try:
        return ip_address(host) in ip_network(block.replace("[", "").replace("]", ""), strict=False)
    except ValueError:
        return False


def _read_proxy(variable: str, value: str) -> Proxy:
    found = _PROXY.fullmatch(value)
    scheme = ((found and found["scheme"]) or "http").lower()
    port = _port(found) if found else None
    if not found or port is None or scheme not in _DEFAULT_PORT:
        raise ConfigError(
            f"{variable} does not name an http or https proxy",
            f"set {variable} to http://host:port, or unset it; other kinds (socks) are not spoken",
        )
    credentials = None
    if found["username"] is not None:
        credentials = Secret(unquote(found["username"])), Secret(unquote(found["password"] or ""))
    return Proxy(variable, f"{scheme}://{found['host'].lower()}:{port}", credentials)


def _port(found: re.Match[str]) -> int | None:
    port = int(found["port"] or _DEFAULT_PORT.get((found["scheme"] or "http").lower(), 0))
    return port if 0 < port < 65536 else None
