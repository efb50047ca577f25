"""The checks that go online: the way to the broker, the exchange, and what its token can see."""

import socket
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import cast
from urllib.parse import urlsplit

from tastyauth import exchange
from tastyauth.doctor.findings import Findings, Verdict, passed, skipped, warned
from tastyauth.errors import TastyauthError, TemporaryError
from tastyauth.exchange import api
from tastyauth.exchange.deadline import within
from tastyauth.exchange.response import SET_IT, clock_skew, clock_warning, is_about_clock
from tastyauth.exchange.route import Proxy, proxy_for, read_endpoint, route
from tastyauth.exchange.server_text import Answer, shown
from tastyauth.secret import Secret
from tastyauth.session.refresh import Audience, Secrets
from tastyauth.shared import ALONE

_PATIENCE = 10.0
"""Seconds for one check; a good connection takes a tenth of a second."""


def check_route(findings: Findings) -> Verdict:
    """The proxy and the certificate authorities can be used; nothing is sent yet."""
    environ = findings.surroundings.environ
    found = route(findings.profile.token_endpoint, environ)
    return passed(f"proxy: {found.proxy or 'none'}; certificate authorities: {found.roots}")


def check_dns(findings: Findings) -> Verdict:
    """The server, or the proxy before it, has an address."""
    host, port, _ = _first_host(findings)
    seconds = _limit(findings)
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
            "is this machine online, and the name right? if a proxy is the only way out, set"
            " https_proxy",
        ) from None
    count = len({address for *_, address in found})
    return passed(f"{host} has {count} address{'es' if count > 1 else ''}")


def check_tls(findings: Findings) -> Verdict:
    """The broker answers, and its certificate is trusted; the request holds no secret."""
    endpoint = read_endpoint(findings.profile.token_endpoint)
    try:
        findings.answer = _get("/", None, findings)
    except TemporaryError as error:
        if error.reason != exchange.REFUSED_CONNECTION:
            raise
        raise _refused(findings) from None
    if endpoint.scheme == "http":
        return passed(f"{endpoint.host} answers, without TLS as it is this machine")
    return passed(f"{endpoint.host} answers, and its certificate is trusted")


def check_clock(findings: Findings) -> Verdict:
    """The clock of this machine agrees with the Date of the answer."""
    skew = clock_skew(findings.answer, time.time())
    if skew is None:
        return skipped("the answer has no date")
    warning = clock_warning(skew)
    if warning is not None:
        return warned(warning, SET_IT)
    return passed("the clock of this machine agrees with the server's")


def check_exchange(findings: Findings) -> Verdict:
    """One real exchange, made as every command makes it, with lock, cache and attempt record.

    A cached token proves nothing about the grant, so a new one is asked for; but what the server
    refused a moment ago is not asked again.
    """
    found, warnings = findings.secrets, list[str]()
    secrets = Secrets(found["client_id"].reveal(), found["client_secret"], found["refresh_token"])
    listener = SimpleNamespace(
        about="",
        verbose=findings.audience.verbose,
        waiting=findings.audience.waiting,
        detail=findings.audience.detail,
        warn=warnings.append,  # for the report
    )
    entry = findings.obtain(findings.asked, secrets, cast(Audience, listener))
    findings.access_token = Secret(entry.fields["access_token"])
    said = f"the server gave an access token for {entry.life} s"
    # clocks, and what is shared through, have checks of their own
    warnings = [it for it in warnings if not is_about_clock(it) and not it.endswith(ALONE)]
    if warnings:
        return warned(f"{said}; {'; '.join(warnings)}", "the token works; see the warnings")
    return passed(said)


def check_accounts(findings: Findings) -> Verdict:
    """The API lists the accounts of the user."""
    items = _data("/customers/me/accounts", findings).get("items")
    accounts = []
    for item in items if isinstance(items, list) else []:
        account = item.get("account") if isinstance(item, dict) else None
        if not isinstance(account, dict):
            continue
        number = account.get("account-number")
        number = number if isinstance(number, str) and number.isalnum() else ""
        closed = " (closed)" if account.get("is-closed") is True else ""
        accounts.append(f"****{number[-4:] if len(number) > 4 else ''}{closed}")
    if accounts:
        noun = "account" if len(accounts) == 1 else "accounts"
        return passed(f"{len(accounts)} {noun}: {', '.join(accounts)}")
    return warned(
        "the token is good, but the user has no account",
        "in the sandbox, make one on developer.tastytrade.com; elsewhere, log in and look",
    )


def check_market_data(findings: Findings) -> Verdict:
    """The API grants a token for quotes, which is not kept."""
    if findings.profile.environment == "sandbox":
        return skipped("the sandbox has no market data")
    try:
        level = _data("/api-quote-tokens", findings).get("level")
    except TastyauthError as error:
        return warned(
            f"no token for quotes: {error.message}",
            "accounts and orders work without one; a login without an account has no market data",
        )
    said = shown(level, (findings.access_token,)) if isinstance(level, str) else "unknown"
    return passed(f"a token for quotes was granted, level {said}")


def _data(path: str, findings: Findings) -> Mapping[str, object]:
    token = findings.access_token
    return api.read_data(_get(path, token, findings), token)


def _get(path: str, access_token: Secret | None, findings: Findings) -> Answer:
    profile = findings.profile
    with findings.audience.waiting(profile.api_url + path.rstrip("/")):
        return api.get(
            profile.api_url + path,
            access_token,
            user_agent=profile.user_agent,
            seconds=_limit(findings),
            environ=findings.surroundings.environ,
        )


def _limit(findings: Findings) -> float:
    """Seconds for one check: never more than the profile allows for a whole exchange."""
    return min(findings.profile.timeout, _PATIENCE)


def _refused(findings: Findings) -> TemporaryError:
    """The error for a port on which nothing listens: it names the port, not TLS."""
    host, port, proxy = _first_host(findings)
    where = f"{host}, port {port}"
    if proxy is not None:
        where += f" (the proxy of {proxy.variable})"
        hint = f"start that proxy, or correct {proxy.variable}"
        hint += "; no_proxy lists hosts to reach without it"
    elif findings.is_custom:
        hint = "start the server, or correct api_url in the config"
    else:
        hint = "does a firewall of this network refuse it? if not, try again in a few minutes"
    return TemporaryError(f"nothing listens at {where}: the connection was refused", hint)


def _first_host(findings: Findings) -> tuple[str, int, Proxy | None]:
    """Host and port that are connected to first: those of the proxy, if there is one."""
    endpoint = read_endpoint(findings.profile.token_endpoint)
    proxy = proxy_for(endpoint, findings.surroundings.environ)
    if proxy is None:
        return endpoint.host.strip("[]"), endpoint.port, None
    origin = urlsplit(proxy.origin)
    return origin.hostname or "", origin.port or 0, proxy
