"""The checks that go online: the way to the broker, the exchange, and what its token can see."""

import os
import socket
import time
from functools import partial
from types import SimpleNamespace
from typing import cast
from urllib.parse import urlsplit

from tastyauth import exchange
from tastyauth.doctor.findings import Findings, Verdict, passed, skipped, warned
from tastyauth.errors import TastyauthError, TemporaryError
from tastyauth.exchange import api
from tastyauth.exchange.response import SET_IT, clock_skew, clock_warning, is_about_clock
from tastyauth.exchange.route import Proxy, proxy_for, read_endpoint, route
from tastyauth.exchange.server_text import Answer, shown
from tastyauth.posix.deadline import within
from tastyauth.secret import Secret
from tastyauth.session.refresh import Audience, Secrets
from tastyauth.shared import ALONE, Trouble, fleet, not_used

_CLOCK_TOLERANCE = 60.0
"""Seconds. Sharing tolerates more, but a clock that is this wrong needs to be set."""

_PATIENCE = 10.0
"""Seconds for one check, if the profile allows as many for a whole exchange."""


def check_route(findings: Findings) -> Verdict:
    """The proxy and the certificate authorities can be used; nothing is sent yet."""
    proxy, authorities = route(findings.profile.token_endpoint, findings.around.environ)
    return passed(f"proxy: {proxy}; certificate authorities: {authorities}")


def check_dns(findings: Findings) -> Verdict:
    """The server, or the proxy before it, has an address."""
    host, port, _ = _first_host(findings)
    seconds = min(findings.profile.timeout, _PATIENCE)
    try:
        with findings.audience.waiting(f"the address of {host}"):
            look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
            found = within(seconds, look_up, lambda: None)
    except TimeoutError:
        what = f"the name {host} was not resolved within {seconds:g} s"
        hint = "the name server does not answer; is this machine online?"
        raise TemporaryError(what, hint) from None
    except (OSError, UnicodeError):
        raise TemporaryError(
            f"the name {host} cannot be resolved",
            "is this machine online, and is the name right? if a proxy is the only way out, set"
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
        host, port, proxy = _first_host(findings)
        where = f"{host}, port {port}"
        hint = "does a firewall on this network block it? if not, try again in a few minutes"
        if proxy is not None:
            where += f" (the proxy in ${proxy.variable})"
            hint = f"start that proxy, or correct {proxy.variable}"
            hint += "; no_proxy lists hosts to reach without it"
        elif findings.is_custom:
            hint = "start the server, or correct api_url in the config"
        what = f"nothing listens at {where}: the connection was refused"  # TLS is not the problem
        raise TemporaryError(what, hint) from None
    if endpoint.scheme == "http":
        return passed(f"{endpoint.host} answers (no TLS, since it is this machine)")
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


def check_shared(findings: Findings) -> Verdict:
    """The engine answers, lets this machine in, and does what sharing needs.

    Nothing that belongs to a grant is touched.
    """
    engine = findings.profile.shared
    assert engine is not None
    probe = fleet.Grant("doctor", (), "", Secret(os.urandom(16).hex()), Secret("probe"))
    try:
        connection, seal = fleet.connected(engine, probe, findings.around)
        with connection, findings.audience.waiting(engine.url):
            connection.look(seal.name)  # connects and logs in
            began = time.monotonic()
            found = connection.take(seal.name, b"doctor", 5)
            taken = time.monotonic() - began
            value = seal.close("token", b"probe")
            is_kept = connection.finish(seal.name, b"doctor", "token", value, 1)
            if not is_kept or connection.look(seal.name).token != value:
                raise Trouble("it does not keep what is written to it")
    except Trouble as trouble:
        return warned(
            not_used(engine, trouble),
            "every command still gets its token; check the engine, and the rights and"
            " password of its user (docs/fleet.md)",
        )
    difference = found.time - found.asked_at
    said = f"{engine.url} answers in {taken * 1000:.0f} ms; its clock and this machine's differ by"
    said = f"{said} {abs(difference):.1f} s"
    if abs(difference) > _CLOCK_TOLERANCE:
        why = "machines whose clocks differ by more than 300 s share nothing"
        return warned(said, f"set whichever is wrong; {why}")
    return passed(said)


def check_exchange(findings: Findings) -> Verdict:
    """One real exchange, made as every command makes it, with lock, cache and attempt record.

    A cached token proves nothing about the grant, so a new one is asked for; but after a recent
    refusal the server is not asked again.
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
    said = f"the server issued an access token, valid for {entry.life} s"
    # clocks, and what is shared through, have checks of their own
    warnings = [it for it in warnings if not is_about_clock(it) and not it.endswith(ALONE)]
    if warnings:
        return warned(f"{said}; {'; '.join(warnings)}", "the token works; see the warnings")
    return passed(said)


def check_accounts(findings: Findings) -> Verdict:
    """The API lists the accounts of the user."""
    token = findings.access_token
    answer = _get("/customers/me/accounts", token, findings)
    items = api.read_data(answer, token).get("items")
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
    otherwise = "in production, log in to tastytrade and check"
    hint = f"in the sandbox, create one on developer.tastytrade.com; {otherwise}"
    return warned("the token is good, but the user has no account", hint)


def check_market_data(findings: Findings) -> Verdict:
    """The API grants a token for quotes, which is not kept."""
    if findings.profile.environment == "sandbox":
        return skipped("the sandbox has no market data")
    token = findings.access_token
    try:
        level = api.read_data(_get("/api-quote-tokens", token, findings), token).get("level")
    except TastyauthError as error:
        if findings.profile.exported_environment == "sandbox":  # what answers stands for one
            return skipped(f"a sandbox has no market data; {error.message}")
        hint = "accounts and orders work without one; a login without an account has no market data"
        return warned(f"no quote token: {error.message}", hint)
    said = shown(level, (token,)) if isinstance(level, str) else "unknown"
    return passed(f"got a quote token, level {said}")


def _get(path: str, access_token: Secret | None, findings: Findings) -> Answer:
    profile = findings.profile
    with findings.audience.waiting(profile.api_url + path.rstrip("/")):
        return api.get(
            profile.api_url + path,
            access_token,
            user_agent=profile.user_agent,
            seconds=min(profile.timeout, _PATIENCE),
            environ=findings.around.environ,
        )


def _first_host(findings: Findings) -> tuple[str, int, Proxy | None]:
    """Host and port that are connected to first: those of the proxy, if there is one."""
    endpoint = read_endpoint(findings.profile.token_endpoint)
    proxy = proxy_for(endpoint, findings.around.environ)
    if proxy is None:
        return endpoint.host.strip("[]"), endpoint.port, None
    origin = urlsplit(proxy.origin)
    return origin.hostname or "", origin.port or 0, proxy
