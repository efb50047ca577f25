"""Checks every link of the chain, from the config to market data, and says what to do.

A check is skipped when one that it needs has failed, so that the report begins with the cause.
All of them use the same references, route and exchange as the other commands.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from tastyauth.doctor import config, credentials, online
from tastyauth.doctor.credentials import FIELDS
from tastyauth.doctor.findings import FAILED, PASSED, SKIPPED, WARNED, Check, Findings, Verdict
from tastyauth.errors import TastyauthError, UsageError

__all__ = ["FAILED", "PASSED", "SKIPPED", "WARNED", "Check", "Findings", "examine"]


class Step(NamedTuple):
    """One check, and the names of those that must not have failed before it."""

    name: str
    check: Callable[[Findings], Verdict]
    needs: tuple[str, ...] = ()
    online: bool = False


_OFFLINE = ("type", "audience", "issuer", "scope")

STEPS = (
    Step("config", config.check_config),
    Step("trust", config.check_trust, ("config",)),
    Step("permissions", config.check_permissions, ("config",)),
    Step("cache", config.check_cache),
    Step("state", config.check_state),
    *(Step(it, partial(credentials.check_secret, it), ("config", "trust")) for it in FIELDS),
    Step("type", credentials.check_type, ("client_id", "refresh_token")),
    Step("audience", credentials.check_audience, ("type",)),
    Step("issuer", credentials.check_issuer, ("type",)),
    Step("age", credentials.check_age, ("type",)),
    Step("scope", credentials.check_scope, ("type",)),
    Step("route", online.check_route, ("config", "trust")),
    Step("dns", online.check_dns, ("route",), online=True),
    Step("tls", online.check_tls, ("dns",), online=True),
    Step("clock", online.check_clock, ("tls",), online=True),
    Step("shared", online.check_shared, ("config", "trust"), online=True),
    Step("exchange", online.check_exchange, (*FIELDS, *_OFFLINE, "tls"), online=True),
    Step("accounts", online.check_accounts, ("exchange",), online=True),
    Step("market_data", online.check_market_data, ("exchange",), online=True),
)
"""In the order of the report. The clock comes after the check that learns the server's time."""


def examine(findings: Findings, *, offline: bool) -> Iterator[Check]:
    """Runs the checks one by one; `offline` ends before anything leaves the machine.

    Raises UsageError for a profile that does not exist; other errors are in the report.
    """
    culprits: dict[str, str] = {}
    for step in STEPS:
        if step.online and offline:
            return
        profile = getattr(findings, "profile", None)  # unless the config check failed
        if step.name == "shared" and not (profile and profile.shared):
            continue
        culprit = next((culprits[need] for need in step.needs if need in culprits), None)
        if culprit is not None:
            culprits[step.name] = culprit
            yield Check(step.name, SKIPPED, f"{culprit} failed")
            continue
        began = time.monotonic()
        try:
            verdict = step.check(findings)
        except UsageError:
            raise
        except TastyauthError as error:
            verdict = Verdict(FAILED, error.message, error.hint)
        if verdict.state == FAILED:
            culprits[step.name] = step.name
        yield Check(step.name, *verdict, seconds=time.monotonic() - began)
