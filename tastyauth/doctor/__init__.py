"""Every link of the chain, from the config to market data, with what to do about a broken one.

A check whose ground has failed is skipped, so that the culprit stands first; what it needs is in
the table below. All of it does what other commands do: the same references, route and exchange.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tastyauth.doctor import account, config, grant, network, references
from tastyauth.doctor.check import FAILED, PASSED, SKIPPED, WARNED, Check, Verdict, failed, skipped
from tastyauth.doctor.findings import Findings
from tastyauth.errors import TastyauthError, UsageError
from tastyauth.secret import fit_to_paste

__all__ = [
    "FAILED",
    "PASSED",
    "SKIPPED",
    "WARNED",
    "Check",
    "Findings",
    "examine",
    "fit_to_paste",
]


@dataclass(frozen=True, slots=True)
class Step:
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
    *(Step(field, references.check_of(field), ("config", "trust")) for field in references.FIELDS),
    Step("type", grant.check_type, ("client_id", "refresh_token")),
    Step("audience", grant.check_audience, ("type",)),
    Step("issuer", grant.check_issuer, ("type",)),
    Step("age", grant.check_age, ("type",)),
    Step("scope", grant.check_scope, ("type",)),
    Step("route", network.check_route, ("config", "trust")),
    Step("dns", network.check_dns, ("route",), online=True),
    Step("tls", network.check_tls, ("dns",), online=True),
    Step("clock", network.check_clock, ("tls",), online=True),
    Step(
        "exchange",
        account.check_exchange,
        (*references.FIELDS, "type", "audience", "issuer", "tls"),
        online=True,
    ),
    Step("accounts", account.check_accounts, ("exchange",), online=True),
    Step("market_data", account.check_market_data, ("exchange",), online=True),
)
"""In the order of the report. The clock comes behind what carries the server's time."""


def examine(findings: Findings, *, offline: bool) -> Iterator[Check]:
    """Carries out the checks one by one; `offline` ends before anything leaves the machine.

    Raises UsageError for a profile that does not exist, and nothing else that can be told.
    """
    culprits: dict[str, str] = {}
    for step in STEPS:
        if step.online and offline:
            return
        culprit = next((culprits[need] for need in step.needs if need in culprits), None)
        began = time.monotonic()
        verdict = _verdict(step, findings) if culprit is None else skipped(f"{culprit} failed")
        took = time.monotonic() - began if culprit is None else None
        if verdict.state == FAILED:
            culprit = step.name
        if culprit is not None:
            culprits[step.name] = culprit
        yield Check(step.name, verdict.state, verdict.message, verdict.hint, verdict.outcome, took)


def _verdict(step: Step, findings: Findings) -> Verdict:
    try:
        return step.check(findings)
    except UsageError:
        raise
    except TastyauthError as error:
        return failed(error)
