"""The command that checks every step on the way to a token: `doctor`."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from tastyauth import doctor
from tastyauth.cache import Asked, Entry, Terms
from tastyauth.cli.command import Arguments
from tastyauth.cli.console import Console
from tastyauth.cli.inputs import flags_of, this_program
from tastyauth.doctor import FAILED, PASSED, SKIPPED, WARNED, Check, Findings, cron
from tastyauth.secret import addressed, fit_to_paste
from tastyauth.session import Session
from tastyauth.session.refresh import Audience, Secrets

_SLOW = 0.1
"""Seconds."""

_COLORS = {PASSED: "\x1b[32m", WARNED: "\x1b[33m", FAILED: "\x1b[31m", SKIPPED: "\x1b[2m"}


def run_doctor(arguments: Arguments, console: Console) -> int:
    """Checks everything, prints the report whole, and ends with 1 when something has failed."""
    surroundings = console.surroundings

    def obtain(asked: Asked, secrets: Secrets, audience: Audience) -> Entry:
        terms = Terms(min_valid=None, refresh=True, started_at=time.time(), heedful=True)
        return Session(asked, terms, surroundings, audience, secrets).obtain()

    profile = arguments.profile or console.environ.get("TASTYAUTH_PROFILE") or None
    findings = Findings(arguments.config, profile, surroundings, console, obtain)
    checks = _fit(tuple(doctor.examine(findings, offline=arguments.offline)), findings, arguments)
    at_cron, line = tuple[Check, ...](), ""
    # a config that is missing or must not act cannot be named by --config there
    failed = {check.name for check in checks if check.state == FAILED}
    if arguments.cron and failed.isdisjoint(("config", "trust")):
        at_cron, line = cron.rehearse(this_program(), findings)
        at_cron = _fit(at_cron, findings, arguments)
    if arguments.format == "json":
        document: dict[str, object] = {"format_version": 1}
        document["checks"] = [it._asdict() for it in checks]
        if line:
            document["cron"] = {"checks": [it._asdict() for it in at_cron], "line": line}
        console.out(json.dumps(document, indent=2) + "\n")
    else:
        blocks = filter(None, _as_text(checks, at_cron, line, console))
        console.out("\n".join("".join(f"{line}\n" for line in block) for block in blocks))
    return 1 if any(check.state == FAILED for check in checks + at_cron) else 0


def _fit(checks: Sequence[Check], findings: Findings, arguments: Arguments) -> tuple[Check, ...]:
    """The checks with nothing private in them, and hints that name this profile."""
    home = findings.around.home
    profile = getattr(findings, "profile", None)
    flags = flags_of(profile.name if profile else findings.wanted, arguments.config)
    return tuple(
        check._replace(
            message=fit_to_paste(check.message, home),
            hint="\n".join(
                fit_to_paste(it, home) for it in addressed(check.hint, flags).split("\n")
            ),
            seconds=None if check.seconds is None else round(check.seconds, 3),
        )
        for check in checks
    )


def _as_text(
    checks: tuple[Check, ...], at_cron: tuple[Check, ...], line: str, console: Console
) -> Iterator[list[str]]:
    """Blocks of lines, some of them empty; with --quiet, only what failed or warned."""
    yield list(_listed(checks, console))
    if line:
        lines = list(_listed(at_cron, console))
        yield ["as cron would run it:", *lines] if lines else []
    if console.quiet:
        return
    counts = Counter(check.state for check in checks + at_cron)
    states = (FAILED, WARNED, PASSED, SKIPPED)
    said = ", ".join(f"{counts[state]} {state}" for state in states if counts[state])
    failed = next((f"; start with {it.name}" for it in checks + at_cron if it.state == FAILED), "")
    yield [said + failed]
    if line:
        heading = "for crontab -e, with your command in place of CMD:"
        yield [heading, line, cron.clock(time.time())]


def _listed(checks: Sequence[Check], console: Console) -> Iterator[str]:
    """A line for each check, with its hint below; checks skipped for the same reason share one."""
    if console.quiet:
        checks = [it for it in checks if it.state in (FAILED, WARNED)]
    for (state, reason), group in groupby(
        checks, lambda it: (it.state, it.message if it.state == SKIPPED else it.name)
    ):
        together = list(group)
        names = ", ".join(it.name for it in together)
        word = f"{_COLORS[state]}{state}\x1b[0m" if console.colors(1) else state
        if state == SKIPPED:
            yield f"{names:<13}  {word}: {reason}"
            continue
        check = together[0]
        seconds = check.seconds or 0.0
        is_slow = bool(check.outcome) and seconds >= _SLOW
        is_asked = console.verbose and check.seconds is not None
        took = f" ({seconds:.2f} s)" if is_slow or is_asked else ""
        yield f"{names:<13}  {word}: {check.message}{took}"
        if check.hint:
            yield f"{'':<13}  hint: {check.hint}".replace("\n", f"\n{'':<15}  ")
