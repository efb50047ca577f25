"""What broke on the way to the token endpoint, and whether patience or a setting mends it."""

import socket
import ssl
from collections.abc import Iterator

from tastyauth.errors import ConfigError, ProtocolError, TastyauthError, TemporaryError
from tastyauth.exchange.certificate_authorities import Roots
from tastyauth.exchange.http import http
from tastyauth.exchange.refusal import is_temporary
from tastyauth.exchange.route import Endpoint, Proxy
from tastyauth.exchange.server_text import shown

_TRY_LATER = (
    "is this machine online? try again later; -v names the proxy and the roots that are used"
)

_UNTIMELY = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID, _HAS_EXPIRED
_OTHER_NAME = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH


class BrokenOff(Exception):
    """An answer that had begun and did not end."""


def fault(
    error: Exception, endpoint: Endpoint, proxy: Proxy | None, roots: Roots
) -> TastyauthError:
    """The error to raise for `error` of httpx; raise it `from None`."""
    where = endpoint.host + (f" (by the proxy of {proxy.variable})" if proxy else "")
    tls = _tls_failure(error)
    if isinstance(tls, ssl.SSLCertVerificationError):
        return _certificate(tls, where, roots)
    if tls is not None:
        return ProtocolError(
            f"TLS with {where} failed: {(tls.reason or 'no reason given').lower()}",
            "something else than an https server answers on that port",
        )
    if isinstance(error, http.ProxyError) and proxy is not None:
        return _proxy_refusal(error, proxy)
    if isinstance(error, http.LocalProtocolError):
        return ConfigError(
            "the request cannot be written as HTTP", "user_agent must read product/version"
        )
    if isinstance(error, http.RemoteProtocolError) and not _is_disconnect(error):
        return ProtocolError(f"what answers at {where} does not speak HTTP", "is the port right?")
    return TemporaryError(_broken(error, where, proxy), _TRY_LATER)


def distrusts(error: Exception) -> bool:
    """Whether `error` is a certificate that could not be verified; nothing has been sent then."""
    return isinstance(_tls_failure(error), ssl.SSLCertVerificationError)


def _certificate(failure: ssl.SSLCertVerificationError, where: str, roots: Roots) -> ProtocolError:
    trusted = f"trusted now: {roots.name}"
    if failure.verify_code in _UNTIMELY:
        return ProtocolError(
            f"the certificate of {where} has expired, or is not valid yet",
            "check the clock of this machine; if it is right, the certificate is at fault, and no"
            f" SSL_CERT_FILE mends that ({trusted})",
        )
    if failure.verify_code in _OTHER_NAME:
        return ProtocolError(
            f"the certificate of {where} is made out to another name",
            "check the host, and whether a proxy or sign-in page answers in its place; no"
            f" SSL_CERT_FILE mends that ({trusted})",
        )
    return ProtocolError(
        f"the certificate of {where} was issued by an unknown authority",
        f"a proxy with an authority of its own? name its certificate in SSL_CERT_FILE ({trusted})",
    )


def _proxy_refusal(error: http.ProxyError, proxy: Proxy) -> TastyauthError:
    status, _, words = str(error).partition(" ")  # "407 Proxy Authentication Required"
    said = shown(words, proxy.credentials or ())
    message = f"the proxy of {proxy.variable} answered {status} {said}"
    if status.isdigit() and is_temporary(int(status)):
        return TemporaryError(message, _TRY_LATER)
    return ConfigError(
        message,
        f"does {proxy.variable} ({proxy}) name the right proxy, with credentials if it wants them?"
        " no_proxy lists hosts to reach without it",
    )


def _broken(error: Exception, where: str, proxy: Proxy | None) -> str:
    if isinstance(error, http.TimeoutException):
        return f"{where} did not answer in time"
    if isinstance(error, BrokenOff):
        return f"the answer of {where} broke off"
    if isinstance(error, http.ConnectError):
        target = where if proxy is None else f"the proxy of {proxy.variable}"
        for cause in _causes(error):
            if isinstance(cause, socket.gaierror):
                return f"the name of {target} cannot be resolved"
            if isinstance(cause, ConnectionRefusedError):
                return f"{target} refuses connections"
        return f"{target} cannot be reached"
    return f"the connection to {where} broke"


def _tls_failure(error: Exception) -> ssl.SSLError | None:
    """The TLS error behind `error`; None also when the connection just ended during TLS."""
    found = next((it for it in _causes(error) if isinstance(it, ssl.SSLError)), None)
    return None if isinstance(found, ssl.SSLEOFError | ssl.SSLZeroReturnError) else found


def _is_disconnect(error: http.RemoteProtocolError) -> bool:
    # httpcore raises this one itself; for what is not HTTP it has h11's error as a cause.
    return not any(type(cause).__module__.startswith("h11") for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    for _ in range(10):  # causes may be circular
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or cause.__context__  # httpcore re-raises `from None`
