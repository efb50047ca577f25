"""The command that looks at every link of the chain: `doctor`."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from itertools import groupby
from typing import TYPE_CHECKING

from tastyauth.cli.command import Arguments
from tastyauth.cli.console import Console
from tastyauth.cli.inputs import surroundings_of, this_program

if TYPE_CHECKING:
    from tastyauth.cache import Asked, Entry
    from tastyauth.doctor import Check, Findings
    from tastyauth.doctor.cron import Rehearsal
    from tastyauth.session.refresh import Audience, Secrets

_SLOW = 0.1
"""Seconds."""

_COLORS = {"passed": "\x1b[32m", "warned": "\x1b[33m", "failed": "\x1b[31m", "skipped": "\x1b[2m"}


def run_doctor(arguments: Arguments, console: Console) -> int:
    """Looks, prints the report whole, and ends with 1 when something has failed."""
    from tastyauth import doctor

    findings = _findings(arguments, console)
    checks = tuple(doctor.examine(findings, offline=arguments.offline))
    rehearsal = None
    if arguments.cron and not _is_barred(checks):
        from tastyauth.doctor import cron

        rehearsal = cron.rehearse(this_program(), findings)
    if arguments.format == "json":
        console.out(_as_json(checks, rehearsal, findings))
    else:
        blocks = filter(None, _as_text(checks, rehearsal, findings, console))
        console.out("\n".join("".join(f"{line}\n" for line in block) for block in blocks))
    every = checks + (rehearsal.checks if rehearsal else ())
    return 1 if any(check.state == doctor.FAILED for check in every) else 0


def _is_barred(checks: Sequence["Check"]) -> bool:
    """Whether there is no config, or one that must not act: it would be named by --config there."""
    return any(it.state == "failed" and it.name in ("config", "trust") for it in checks)


def _findings(arguments: Arguments, console: Console) -> "Findings":
    from tastyauth.cache import Terms
    from tastyauth.doctor import Findings
    from tastyauth.session import Session

    surroundings = surroundings_of(console)

    def obtain(asked: "Asked", secrets: "Secrets", audience: "Audience") -> "Entry":
        terms = Terms(min_valid=None, refresh=True, started_at=time.time(), heedful=True)
        return Session(asked, terms, surroundings, audience, secrets).obtain().entry

    profile = arguments.profile or console.environ.get("TASTYAUTH_PROFILE") or None
    return Findings(arguments.config, profile, surroundings, console, obtain)


def _as_json(checks: Sequence["Check"], rehearsal: "Rehearsal | None", findings: "Findings") -> str:
    document: dict[str, object] = {"format_version": 1, "checks": _rows(checks, findings.home)}
    if rehearsal is not None:
        rows = _rows(rehearsal.checks, findings.home)
        document["cron"] = {"checks": rows, "line": rehearsal.line}
    return json.dumps(document, indent=2) + "\n"


def _rows(checks: Sequence["Check"], home: str) -> list[dict[str, object]]:
    from tastyauth.doctor import fit_to_paste

    return [
        {
            key: fit_to_paste(value, home) if isinstance(value, str) else value
            for key, value in asdict(_rounded(check)).items()
        }
        for check in checks
    ]


def _rounded(check: "Check") -> "Check":
    return check if check.seconds is None else replace(check, seconds=round(check.seconds, 3))


def _as_text(
    checks: Sequence["Check"],
    rehearsal: "Rehearsal | None",
    findings: "Findings",
    console: Console,
) -> Iterator[list[str]]:
    """Blocks of lines, some of them empty; the quiet want to hear of what is not well alone."""
    yield list(_listed(checks, findings.home, console))
    if rehearsal is not None:
        lines = list(_listed(rehearsal.checks, findings.home, console))
        yield ["in the environment of cron:", *lines] if lines else []
        checks = (*checks, *rehearsal.checks)
    if console.quiet:
        return
    yield [_summary(checks)]
    if rehearsal is not None:
        yield ["for crontab -e, with your command for CMD:", rehearsal.line]


def _listed(checks: Sequence["Check"], home: str, console: Console) -> Iterator[str]:
    """A line for each, and its hint below; what is skipped for the same reason stands together."""
    from tastyauth.doctor import FAILED, SKIPPED, WARNED, fit_to_paste

    if console.quiet:
        checks = [it for it in checks if it.state in (FAILED, WARNED)]
    for (state, reason), group in groupby(
        checks, lambda it: (it.state, it.message if it.state == SKIPPED else it.name)
    ):
        together = list(group)
        names = ", ".join(it.name for it in together)
        word = _painted(state, console)
        if state == SKIPPED:
            yield f"{names:<13}  {word}: {reason}"
            continue
        check = together[0]
        took = f" ({check.seconds:.2f} s)" if _is_timed(check, console) else ""
        yield f"{names:<13}  {word}: {fit_to_paste(check.message, home)}{took}"
        if check.hint:
            yield f"{'':<13}  hint: {fit_to_paste(check.hint, home)}"


def _is_timed(check: "Check", console: Console) -> bool:
    """A source that lets one wait is worth a word; the curious get the time of every look."""
    if check.seconds is None:
        return False
    return console.verbose or (bool(check.outcome) and check.seconds >= _SLOW)


def _painted(state: str, console: Console) -> str:
    return f"{_COLORS[state]}{state}\x1b[0m" if console.colors(1) else state


def _summary(checks: Sequence["Check"]) -> str:
    counts = {
        state: sum(check.state == state for check in checks)
        for state in ("failed", "warned", "passed", "skipped")
    }
    said = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    first = next((check for check in checks if check.state == "failed"), None)
    return f"{said}; begin with {first.name}" if first else said
