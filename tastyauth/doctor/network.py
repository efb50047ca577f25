"""The way to the broker: proxy and roots, the name, the connection, and the clocks at its ends."""

import socket
import time
from urllib.parse import urlsplit

from tastyauth import exchange
from tastyauth.doctor.check import Verdict, passed, skipped, warned
from tastyauth.doctor.findings import Findings
from tastyauth.errors import TemporaryError
from tastyauth.exchange import api
from tastyauth.exchange.deadline import within
from tastyauth.exchange.response import SET_IT, THE_CLOCK, clock_skew, clock_warning
from tastyauth.exchange.route import Proxy, proxy_for, read_endpoint
from tastyauth.exchange.transport import REFUSED_CONNECTION

_PATIENCE = 10.0
"""Seconds for a look at one link; a good one takes a tenth of a second."""


def limit(findings: Findings) -> float:
    """Seconds for one look: never more than the profile grants a whole exchange."""
    return min(findings.profile.timeout, _PATIENCE)


def check_route(findings: Findings) -> Verdict:
    """Proxy and roots can be used; nothing is sent yet."""
    environ = findings.surroundings.environ
    found = exchange.route(findings.profile.token_endpoint, environ)
    return passed(f"proxy: {found.proxy or 'none'}; certificate authorities: {found.roots}")


def check_dns(findings: Findings) -> Verdict:
    """The first host on the way has an address."""
    host, port = _first_host(findings)
    seconds = limit(findings)
    try:
        with findings.audience.waiting(f"the address of {host}"):
            found = within(
                seconds, lambda _: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            )
    except TimeoutError:
        raise TemporaryError(
            f"the name {host} was not resolved within {seconds:g} s",
            "the name server does not answer; is this machine online?",
        ) from None
    except (OSError, UnicodeError):
        raise TemporaryError(
            f"the name {host} cannot be resolved",
            "is this machine online, and the name right? where only a proxy leads out, name it in"
            " https_proxy",
        ) from None
    count = len({address for *_, address in found})
    return passed(f"{host} has {count} address{'es' if count > 1 else ''}")


def check_tls(findings: Findings) -> Verdict:
    """The broker answers, and its certificate is trusted; what is asked holds no secret."""
    profile = findings.profile
    try:
        with findings.audience.waiting(profile.api_url):
            findings.answer = api.get(
                f"{profile.api_url}/",
                None,
                user_agent=profile.user_agent,
                seconds=limit(findings),
                environ=findings.surroundings.environ,
            )
    except TemporaryError as error:
        if error.reason == REFUSED_CONNECTION:
            raise _refused(findings) from None
        raise
    endpoint = read_endpoint(profile.token_endpoint)
    if endpoint.scheme == "http":
        return passed(f"{endpoint.host} answers, without TLS as it is this machine")
    return passed(f"{endpoint.host} answers, and its certificate is trusted")


def check_clock(findings: Findings) -> Verdict:
    """The clock of this machine agrees with the Date of the answer."""
    skew = clock_skew(findings.answer, time.time())
    if skew is None:
        return skipped("the answer carries no date")
    warning = clock_warning(skew)
    if warning is not None:
        return warned(warning, SET_IT)
    return passed(f"{THE_CLOCK} agrees with the server's")


def _refused(findings: Findings) -> TemporaryError:
    """What nobody listening is called: it is known where, and no look at TLS was needed."""
    host, port = _first_host(findings)
    proxy = _proxy(findings)
    where = f"{host}, port {port}" + (f" (the proxy of {proxy.variable})" if proxy else "")
    what = f"nothing listens at {where}: the connection was refused"
    if proxy is not None:
        return TemporaryError(
            what,
            f"start that proxy, or correct {proxy.variable}; no_proxy lists hosts to reach"
            " without it",
        )
    if findings.is_custom:
        return TemporaryError(what, "start the server, or correct api_url in the config")
    return TemporaryError(
        what, "does a firewall of this network refuse it? if not, try again in a few minutes"
    )


def _proxy(findings: Findings) -> Proxy | None:
    endpoint = read_endpoint(findings.profile.token_endpoint)
    return proxy_for(endpoint, findings.surroundings.environ)


def _first_host(findings: Findings) -> tuple[str, int]:
    proxy = _proxy(findings)
    if proxy is None:
        endpoint = read_endpoint(findings.profile.token_endpoint)
        return endpoint.host.strip("[]"), endpoint.port
    origin = urlsplit(proxy.origin)
    return origin.hostname or "", origin.port or 0
