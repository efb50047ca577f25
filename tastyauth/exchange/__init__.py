"""One refresh token for one access token (RFC 6749, section 6), over a connection of its own.

The mix-ups that a grant gives away (`claims`) and the reading of an answer (`response`) need no
network. `route` says where a request goes and who is trusted there, and `deadline` ends it in time.
"""

import errno
import json
import random
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from typing import cast

import httpcore
import httpx as http  # moving on to httpx2, its continuation, would change this line

from tastyauth.errors import (
    BY_PROXY,
    LOOPBACK,
    ConfigError,
    ProtocolError,
    TastyauthError,
    TemporaryError,
    reason_of,
)
from tastyauth.exchange import route
from tastyauth.exchange.claims import RefreshGrant, check_offline
from tastyauth.exchange.deadline import CONNECTED, Backend, Wire
from tastyauth.exchange.response import NOT_SOON, TokenResponse, is_temporary, read_response
from tastyauth.exchange.route import Authorities, Endpoint, Proxy
from tastyauth.exchange.server_text import LONGEST_BODY, Answer, shown
from tastyauth.posix.deadline import within
from tastyauth.secret import Secret

Transport = http.HTTPTransport
"""What carries a request; `tastyauth.testing` replaces it."""

_FIRST_PAUSE = 1.0
"""Seconds, the longest pause after the first try; it doubles with each."""

REFUSED_CONNECTION = "refused connection"
"""The reason of a TemporaryError when nothing listens at the server or proxy."""

_TRY_LATER = (
    "is this machine online? try again later; -v shows which proxy and certificate"
    " authorities are used"
)


def exchange(
    grant: RefreshGrant,
    *,
    environ: Mapping[str, str],
    tries: int = 3,
    now: Callable[[], float] | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    jitter: Callable[[], float] = random.random,
) -> TokenResponse:
    """Fetches a new access token for `grant`, within `grant.timeout` seconds and `tries` requests.

    `environ` holds the proxy and SSL_CERT variables. `expires_in` of the answer counts from
    before this call. Raises RefusedError, TemporaryError, ProtocolError, or ConfigError for an
    endpoint, proxy or certificate authorities that cannot be used.
    """
    check_offline(grant)
    deadline = monotonic() + grant.timeout

    def remaining() -> float:
        return deadline - monotonic()

    channel, tried = Channel(grant.token_endpoint, environ), 0
    while True:
        tried, answer = tried + 1, None
        try:
            answer = channel.send(lambda: _token_request(grant), remaining, grant.timeout)
            return read_response(answer, grant, (now or time.time)())
        except TastyauthError as error:
            error.is_answer = answer is not None
            # Full jitter, so that callers who fail together do not return together.
            backoff = jitter() * _FIRST_PAUSE * 2.0 ** (tried - 1)
            pause = max(backoff, error.retry_after or 0.0)
            may_pass = isinstance(error, TemporaryError) and error.reason != NOT_SOON
            if not may_pass or tried >= tries or pause >= remaining():
                raise
        sleep(pause)


class _BrokenOff(Exception):
    """An answer that broke off."""


class Channel:
    """The way to one endpoint: its proxy, and what TLS trusts there."""

    def __init__(self, token_endpoint: str, environ: Mapping[str, str]) -> None:
        self._endpoint = route.read_endpoint(token_endpoint)
        self._is_plain = self._endpoint.scheme == "http"
        self._proxy = route.proxy_for(self._endpoint, environ)
        self._trust(Authorities("none") if self._is_plain else route.authorities_for(environ))

    def send(
        self, request: Callable[[], http.Request], remaining: Callable[[], float], limit: float
    ) -> Answer:
        """Sends what `request` makes; returns the answer that comes within `remaining` seconds.

        `limit` is how many there were at first. Raises TemporaryError, ProtocolError (TLS, or not
        HTTP at all) or ConfigError (the proxy).
        """
        while True:
            failure: TastyauthError
            wire, otherwise = Wire(), None
            try:
                answer = partial(self._answer, request, wire, remaining)
                return within(remaining(), answer, wire.cut)
            except TimeoutError:
                failure = TemporaryError(
                    f"{self._endpoint.host} did not answer within {limit:g} s",
                    "try again later, or raise `timeout` in the profile",
                )
            except (http.TransportError, _BrokenOff) as error:
                failure = _fault(error, self._endpoint, self._proxy, self._authorities)
                if isinstance(_tls_failure(error), ssl.SSLCertVerificationError):
                    otherwise = self._authorities.otherwise
            if otherwise is None:
                # Here, so that no httpx error, which may quote the answer, is chained to ours.
                raise failure
            self._trust(otherwise)  # nothing has been sent yet

    def _trust(self, authorities: Authorities) -> None:
        self._authorities, self._tls = authorities, route.context(authorities)

    def _answer(
        self, make: Callable[[], http.Request], wire: Wire, remaining: Callable[[], float]
    ) -> Answer:
        def trace(event: str, info: Mapping[str, object]) -> None:
            if self._is_plain and event == CONNECTED:
                _require_loopback(info["return_value"])
            wire.trace(event, info)

        # Never 0, which would mean "do not wait", nor less: by then the deadline has passed anyway.
        limits = dict.fromkeys(("connect", "read", "write", "pool"), max(remaining(), 0.01))
        request = make()
        request.extensions = {"timeout": limits, "trace": trace}
        # The transport without a client: nothing there follows a redirect, reads a netrc, keeps a
        # cookie, adds a header or unpacks a body.
        proxy = self._httpx_proxy(request.headers["User-Agent"])
        with closing(wire), Transport(verify=self._tls, trust_env=False, proxy=proxy) as transport:
            # httpx has no argument for this, httpcore below it does.
            transport._pool._network_backend = Backend()
            with closing(transport.handle_request(request)) as response:
                return Answer(response.status_code, response.headers, _beginning(response))

    def _httpx_proxy(self, user_agent: str) -> http.Proxy | None:
        if self._proxy is None:
            return None
        username_password = None
        if self._proxy.credentials is not None:
            username, password = self._proxy.credentials
            username_password = username.reveal(), password.reveal()
        return http.Proxy(
            self._proxy.origin,
            auth=username_password,
            headers={"User-Agent": user_agent},  # some proxies refuse a CONNECT without one
            ssl_context=self._tls if self._proxy.origin.startswith("https:") else None,
        )


def _token_request(grant: RefreshGrant) -> http.Request:
    """The access token request (RFC 6749, section 6), as JSON, which tastytrade asks for."""
    fields = {
        "grant_type": "refresh_token",
        "client_id": grant.client_id,
        "client_secret": grant.client_secret.reveal(),
        "refresh_token": grant.refresh_token.reveal(),
    }
    content = json.dumps(fields, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json"}
    return _request("POST", grant.token_endpoint, grant.user_agent, headers, content)


def api_request(url: str, access_token: Secret | None, user_agent: str) -> http.Request:
    """A request to the API, with or without an access token (RFC 6750, section 2.1)."""
    bearer = {"Authorization": f"Bearer {access_token.reveal()}"} if access_token else {}
    return _request("GET", url, user_agent, bearer)


def _request(
    method: str, url: str, user_agent: str, more: Mapping[str, str], content: bytes = b""
) -> http.Request:
    headers = {
        "User-Agent": user_agent,
        "Accept": "application/json",
        "Accept-Encoding": "identity",  # no compression, so no bomb
        **more,
        "Connection": "close",
    }
    return http.Request(method, url, headers=headers, content=content)


def _beginning(response: http.Response) -> bytes:
    body = b""
    try:
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > LONGEST_BODY:
                break
    except http.RemoteProtocolError:
        raise _BrokenOff from None
    return body


def _require_loopback(connection: object) -> None:
    """Raises ConfigError if a hosts file sends localhost to another machine."""
    stream = cast(httpcore.NetworkStream, connection)
    address = stream.get_extra_info("server_addr")[0]
    if address != "::1" and not address.startswith("127."):
        stream.close()
        raise ConfigError(
            f"localhost resolves to {address}, another machine, and plain http can be read"
            " in transit",
            "write 127.0.0.1 or [::1], or correct localhost in /etc/hosts",
        )


def _fault(
    error: Exception, endpoint: Endpoint, proxy: Proxy | None, authorities: Authorities
) -> TastyauthError:
    """The error to raise for `error` of httpx."""
    where = endpoint.host + (f" (by the proxy in ${proxy.variable})" if proxy else "")
    tls = _tls_failure(error)
    if isinstance(tls, ssl.SSLCertVerificationError):
        return _refused_certificate(tls, where, authorities)
    if tls is not None:
        what = f"TLS with {where} failed: {(tls.reason or 'no reason given').lower()}"
        return ProtocolError(what, "something other than an https server answers on that port")
    if isinstance(error, http.ProxyError) and proxy is not None:
        return _refused_by_proxy(error, proxy)
    if isinstance(error, http.LocalProtocolError):
        return ConfigError("the request is not valid HTTP", "user_agent must be product/version")
    # httpcore itself raises this for a connection lost, h11 for something that is not HTTP
    is_of_h11 = any(type(cause).__module__.startswith("h11") for cause in _causes(error))
    if isinstance(error, http.RemoteProtocolError) and is_of_h11:
        return ProtocolError(f"what answers at {where} does not speak HTTP", "is the port right?")
    return _broken(error, where, proxy)


def _refused_certificate(
    failure: ssl.SSLCertVerificationError, where: str, authorities: Authorities
) -> ProtocolError:
    other = f"; no SSL_CERT_FILE fixes that (trusted now: {authorities.name})"
    # the codes of X509_STORE_CTX_get_error(3)
    if failure.verify_code in (9, 10):
        what = "has expired, or is not valid yet"
        hint = "check the clock of this machine; if it is right, the certificate is at fault"
    elif failure.verify_code in (62, 64):  # host name, IP address
        what = "is for another name"
        hint = "check the host, and whether a proxy or sign-in page answers in its place"
    elif failure.verify_code in (2, 18, 19, 20, 21):  # unknown, or self-signed
        what = "was issued by an unknown authority"
        hint = (
            "behind a proxy with its own certificate authority? name its certificate in"
            " SSL_CERT_FILE"
        )
        other = f" (trusted now: {authorities.name})"
    else:  # a weak key or signature, an issuer that is no authority, a certificate for another use
        what = f"was refused by OpenSSL: {failure.verify_message}"
        hint = "the server, or a proxy that answers in its place, needs a better certificate"
    return ProtocolError(f"the certificate of {where} {what}", f"{hint}{other}")


def _refused_by_proxy(error: http.ProxyError, proxy: Proxy) -> TastyauthError:
    status, _, words = str(error).partition(" ")  # "407 Proxy Authentication Required"
    said = shown(words, proxy.credentials or ())
    message = f"the proxy in ${proxy.variable} answered {status} {said}"
    if status.isdigit() and is_temporary(int(status)):
        return TemporaryError(message, _TRY_LATER)
    return ConfigError(
        message,
        f"does {proxy.variable} ({proxy}) name the right proxy, with credentials if it needs them?"
        " no_proxy lists hosts to reach without it",
        reason=BY_PROXY,
    )


def _broken(error: Exception, where: str, proxy: Proxy | None) -> TemporaryError:
    what, reason, hint = f"the connection to {where} was lost", "", _TRY_LATER
    if isinstance(error, http.TimeoutException):
        what = f"{where} did not answer in time"
    elif isinstance(error, _BrokenOff):
        what = f"the answer from {where} was cut off"
    elif isinstance(error, http.ConnectError):
        target = where if proxy is None else f"the proxy in ${proxy.variable}"
        what = f"{target} cannot be reached"
        for cause in _causes(error):
            if isinstance(cause, socket.gaierror):
                what = f"the name of {target} cannot be resolved"
            elif isinstance(cause, ConnectionRefusedError):
                what, reason = f"{target} refuses connections", REFUSED_CONNECTION
                if where in LOOPBACK:
                    hint = "is the server running, and is the port right?"
            elif isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE):
                what = f"{target} cannot be reached: {reason_of(cause)}"
                return TemporaryError(what, "end other programs, or raise the limit: ulimit -n")
    return TemporaryError(what, hint, reason=reason)


def _tls_failure(error: Exception) -> ssl.SSLError | None:
    """The TLS error behind `error`; None also when the connection just ended during TLS."""
    found = next((it for it in _causes(error) if isinstance(it, ssl.SSLError)), None)
    return None if isinstance(found, ssl.SSLEOFError | ssl.SSLZeroReturnError) else found


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    for _ in range(10):  # causes may be circular
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or cause.__context__  # httpcore re-raises `from None`
