"""Checks every link of the chain, from the config to market data, and says what to do.

A check is skipped when one that it needs has failed, so that the report begins with the cause.
All of them use the same references, route and exchange as the other commands.
"""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tastyauth.doctor import config, credentials, online, shared
from tastyauth.doctor.credentials import FIELDS
from tastyauth.doctor.findings import FAILED, PASSED, SKIPPED, WARNED, Check, Findings, Verdict
from tastyauth.errors import TastyauthError, UsageError

__all__ = [
    "FAILED",
    "PASSED",
    "SKIPPED",
    "WARNED",
    "Check",
    "Findings",
    "examine",
]


class Step(NamedTuple):
    """One check, and the names of those that must not have failed before it."""

    name: str
    check: Callable[[Findings], Verdict]
    needs: tuple[str, ...] = ()
    online: bool = False


STEPS = (
    Step("config", config.check_config),
    Step("trust", config.check_trust, ("config",)),
    Step("permissions", config.check_permissions, ("config",)),
    Step("cache", config.check_cache),
    Step("state", config.check_state),
    *(Step(field, credentials.check_of(field), ("config", "trust")) for field in FIELDS),
    Step("type", credentials.check_type, ("client_id", "refresh_token")),
    Step("audience", credentials.check_audience, ("type",)),
    Step("issuer", credentials.check_issuer, ("type",)),
    Step("age", credentials.check_age, ("type",)),
    Step("scope", credentials.check_scope, ("type",)),
    Step("route", online.check_route, ("config", "trust")),
    Step("dns", online.check_dns, ("route",), online=True),
    Step("tls", online.check_tls, ("dns",), online=True),
    Step("clock", online.check_clock, ("tls",), online=True),
    Step(
        "exchange",
        online.check_exchange,
        (*FIELDS, "type", "audience", "issuer", "scope", "tls"),
        online=True,
    ),
    Step("accounts", online.check_accounts, ("exchange",), online=True),
    Step("market_data", online.check_market_data, ("exchange",), online=True),
)
"""In the order of the report. The clock comes after the check that learns the server's time."""

SHARED = Step("shared", shared.check_shared, ("config", "trust"), online=True)
"""Comes before the exchange, for profiles that share what comes of it."""


def _steps(findings: Findings) -> Iterator[Step]:
    for step in STEPS:
        if (
            step.name == "exchange"
            and getattr(findings, "profile", None)
            and findings.profile.shared
        ):
            yield SHARED
        yield step


def examine(findings: Findings, *, offline: bool) -> Iterator[Check]:
    """Runs the checks one by one; `offline` ends before anything leaves the machine.

    Raises UsageError for a profile that does not exist; other errors are in the report.
    """
    culprits: dict[str, str] = {}
    for step in _steps(findings):
        if step.online and offline:
            return
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
