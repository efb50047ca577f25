"""The request itself, sent by httpx over a connection of its own."""

import json
import ssl
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import NamedTuple, cast

from tastyauth.errors import ConfigError, TemporaryError
from tastyauth.exchange.certificate_authorities import Roots, context, roots_for
from tastyauth.exchange.deadline import CONNECTED, Stream, Wire, within
from tastyauth.exchange.grant import RefreshGrant
from tastyauth.exchange.http import http
from tastyauth.exchange.route import Proxy, proxy_for, read_endpoint
from tastyauth.exchange.server_text import LONGEST_BODY
from tastyauth.exchange.transport_errors import BrokenOff, distrusts, fault
from tastyauth.secret import Secret

_Trace = Callable[[str, Mapping[str, object]], None]


class Answer(NamedTuple):
    """What came back, unread; of a body that is too long only the beginning."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Channel:
    """The way to one token endpoint: its proxy, and what TLS trusts there."""

    def __init__(self, token_endpoint: str, environ: Mapping[str, str]) -> None:
        self._endpoint = read_endpoint(token_endpoint)
        self._proxy = proxy_for(self._endpoint, environ)
        self._trust(roots_for(environ) if self._endpoint.scheme == "https" else Roots("none"))

    def send(self, grant: RefreshGrant, remaining: Callable[[], float]) -> Answer:
        """Sends `grant` once and returns whatever is answered in the `remaining` seconds.

        Raises TemporaryError, ProtocolError (TLS, or not HTTP at all) or ConfigError (the proxy).
        """
        return self._deliver(lambda: _token_request(grant), remaining, grant.timeout)

    def get(
        self,
        url: str,
        access_token: Secret | None,
        user_agent: str,
        remaining: Callable[[], float],
    ) -> Answer:
        """What the API at the same origin answers to the bearer of `access_token`; as `send`.

        None asks as nobody.
        """
        return self._deliver(
            lambda: _api_request(url, access_token, user_agent), remaining, remaining()
        )

    def _deliver(
        self, request: Callable[[], http.Request], remaining: Callable[[], float], limit: float
    ) -> Answer:
        while True:
            try:
                return within(remaining(), lambda wire: self._answer(request(), wire, remaining()))
            except TimeoutError:
                raise TemporaryError(
                    f"{self._endpoint.host} did not answer within {limit:g} s",
                    "try again later; `timeout` of the profile allows for more",
                ) from None
            except (http.TransportError, BrokenOff) as error:
                if self._roots.otherwise is None or not distrusts(error):
                    raise fault(error, self._endpoint, self._proxy, self._roots) from None
            self._trust(self._roots.otherwise)

    def _trust(self, roots: Roots) -> None:
        self._roots = roots
        # For plain http a context without roots: httpx would make one of its own otherwise.
        plain = self._endpoint.scheme == "http"
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else context(roots)

    def _answer(self, request: http.Request, wire: Wire, seconds: float) -> Answer:
        trace = wire.trace if self._endpoint.scheme == "https" else _at_home(wire.trace)
        request.extensions = {"timeout": _limits(seconds), "trace": trace}
        # The transport without a client: nothing is there that could follow a redirect, read a
        # netrc, keep a cookie, add a header or unpack a body.
        with http.HTTPTransport(
            verify=self._tls, trust_env=False, proxy=_httpx_proxy(self._proxy, self._tls)
        ) as transport:
            response = transport.handle_request(request)
            with closing(response):
                return Answer(response.status_code, response.headers, _beginning(response))


def _token_request(grant: RefreshGrant) -> http.Request:
    return http.Request(
        "POST",
        grant.token_endpoint,
        headers=_headers(grant.user_agent, ("Content-Type", "application/json")),
        content=_body(grant),
    )


def _api_request(url: str, access_token: Secret | None, user_agent: str) -> http.Request:
    bearer = [("Authorization", f"Bearer {access_token.reveal()}")] if access_token else []
    return http.Request("GET", url, headers=_headers(user_agent, *bearer))


def _headers(user_agent: str, *own: tuple[str, str]) -> dict[str, str]:
    return {
        "User-Agent": user_agent,
        "Accept": "application/json",
        "Accept-Encoding": "identity",  # nothing to unpack, so no bomb
        **dict(own),
        "Connection": "close",
    }


def _body(grant: RefreshGrant) -> bytes:
    """The access token request (RFC 6749, section 6), as JSON, which tastytrade asks for."""
    fields = {
        "grant_type": "refresh_token",
        "client_id": grant.client_id,
        "client_secret": grant.client_secret.reveal(),
        "refresh_token": grant.refresh_token.reveal(),
    }
    return json.dumps(fields, separators=(",", ":")).encode()


def _limits(seconds: float) -> dict[str, float]:
    # Half for connecting, so that a host with a dead first address is reached at its second.
    # Never 0, which would mean "do not wait", nor less: by then the deadline has struck anyway.
    seconds = max(seconds, 0.01)
    return {"connect": seconds / 2, "read": seconds, "write": seconds, "pool": seconds}


def _at_home(trace: _Trace) -> _Trace:
    """`trace`, and no connection but to this machine; else raises ConfigError.

    What `localhost` means is said by a hosts file or a name server.
    """

    def judged(event: str, info: Mapping[str, object]) -> None:
        if event == CONNECTED:
            _require_loopback(info["return_value"])
        trace(event, info)

    return judged


def _require_loopback(connection: object) -> None:
    stream = cast(Stream, connection)
    address, *_ = cast(tuple[str, int], stream.get_extra_info("server_addr"))
    if address != "::1" and not address.startswith("127."):
        stream.close()
        raise ConfigError(
            f"localhost is {address} here, another machine, and plain http may be read on the way",
            "write 127.0.0.1 or [::1], or mend what /etc/hosts says of localhost",
        )


def _httpx_proxy(proxy: Proxy | None, tls: ssl.SSLContext) -> http.Proxy | None:
    if proxy is None:
        return None
    username_password = None
    if proxy.credentials is not None:
        username, password = proxy.credentials
        username_password = username.reveal(), password.reveal()
    return http.Proxy(
        proxy.origin,
        auth=username_password,
        ssl_context=tls if proxy.origin.startswith("https:") else None,
    )


def _beginning(response: http.Response) -> bytes:
    body = b""
    try:
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > LONGEST_BODY:
                break
    except http.RemoteProtocolError:
        raise BrokenOff from None
    return body
