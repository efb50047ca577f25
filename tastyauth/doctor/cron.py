"""A rehearsal of cron: the references are resolved again where cron would resolve them.

cron gives a job HOME, LOGNAME, SHELL and a PATH of two directories, and no terminal, bus or
variable besides (crontab(5)). So this program is started anew with just that, in a session of its
own, and asked for its report; what it says of each reference is what cron will meet.
"""

import json
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from tastyauth import locate, sources
from tastyauth.doctor.check import FAILED, PASSED, WARNED, Check
from tastyauth.doctor.findings import Findings
from tastyauth.doctor.references import ABSENT, ASKS, FAILS, FIELDS, HANGS, RESOLVED
from tastyauth.posix import process

_SCHEDULE = "*/5 9-16 * * 1-5"
"""Every five minutes while the market is open, in a time zone of New York."""

_GRACE = 30.0
"""Seconds for the start of a program and its checks, on top of what the sources may take."""

_PREDICTIONS = {
    RESOLVED: "would resolve",
    ABSENT: "would be absent",
    ASKS: "would prompt, and nobody is there",
    HANGS: "would hang, and be ended",
    FAILS: "would fail",
}

_WAY_OUT = (
    "in cron, keep it in a file of mode 0600; or leave cron for a systemd timer with"
    " LoadCredentialEncrypted="
)

_MISSED = (
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "TASTYAUTH_CACHE_DIR",
    "XDG_CACHE_HOME",
    "XDG_STATE_HOME",
)
"""Variables that tastyauth itself follows, and that a crontab would have to set."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What cron would meet, and the line for its table."""

    checks: tuple[Check, ...]
    line: str


def rehearse(program: Sequence[str], findings: Findings) -> Rehearsal:
    """Starts `program`, the words that start this one, as cron would, for the same profile.

    Config and profile must have been found.
    """
    chosen = [*_config_flag(findings), "-p", findings.profile.name]
    environ = environment(findings.surroundings.environ)
    with findings.audience.waiting("a rehearsal in the environment of cron"):
        report = _report([*program, "doctor", "--offline", "--format", "json", *chosen], findings)
    checks = (*_predicted(report, findings), _variables(findings.surroundings.environ, environ))
    return Rehearsal(checks, line([*program, "exec", *chosen]))


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """All that a job of cron is given."""
    return {
        "HOME": locate.home_directory(environ),
        "LOGNAME": _login_name(),
        "SHELL": "/bin/sh",
        "PATH": "/usr/bin:/bin",
    }


def line(words: Sequence[str]) -> str:
    """The line for a crontab that runs `words -- CMD`; a bare % would end the command there.

    A line break would begin a job of its own, whatever quotes are around it.
    """
    command = shlex.join(words)
    if not command.isprintable():
        return "# no line: the path of the config cannot stand in a crontab; move the config"
    return f"{_SCHEDULE}  {command} -- CMD".replace("%", r"\%")


def predict(check: Check) -> Check:
    """What the report on a reference, made in cron's environment, means for cron."""
    if check.outcome not in _PREDICTIONS:
        return Check(check.name, FAILED, f"cannot be told: {check.message}", check.hint)
    message = f"{_PREDICTIONS[check.outcome]}: {check.message}"
    if check.outcome == RESOLVED:
        return Check(check.name, PASSED, message, "", RESOLVED, check.seconds)
    hint = f"{_WAY_OUT}; {check.hint}"
    return Check(check.name, FAILED, message, hint, check.outcome, check.seconds)


def _report(argv: list[str], findings: Findings) -> tuple[Check, ...] | str:
    """The checks of the rehearsal, or why there are none."""
    home = findings.home
    alone = sources.Surroundings({}, interactive=False, home=home)
    limits = (it.time_limit(alone) for it in findings.profile.references)
    try:
        completed = process.run(
            argv,
            environ=environment(findings.surroundings.environ),
            interactive=False,
            directory=home if os.path.isdir(home) else "/",
            timeout=_GRACE + sum(limits),
        )
    except process.ProcessError as error:
        return f"the rehearsal cannot be made: {error}"
    try:
        return tuple(_read(completed.stdout))
    except (ValueError, KeyError, TypeError):
        return f"the rehearsal ended with exit code {completed.returncode} and no report"


def _read(content: bytes) -> Iterator[Check]:
    """The checks in a report of ours."""
    document = cast(dict[str, list[dict[str, str]]], json.loads(content))
    for it in document["checks"]:
        yield Check(it["name"], it["state"], it["message"], it["hint"], it["outcome"])


def _predicted(report: tuple[Check, ...] | str, findings: Findings) -> Iterator[Check]:
    if isinstance(report, str):
        yield Check("rehearsal", FAILED, report, "run by hand what a crontab would, with env -i")
        return
    for check in report:
        if check.name in ("config", "trust") and check.state == FAILED:
            yield check
        elif check.name in FIELDS and not isinstance(getattr(findings.profile, check.name), str):
            yield predict(check)


def _variables(here: Mapping[str, str], there: Mapping[str, str]) -> Check:
    missed = [name for name in _MISSED if here.get(name) and name not in there]
    if not missed:
        return Check("variables", PASSED, "none that tastyauth follows is set here and not there")
    return Check(
        "variables",
        WARNED,
        f"set here, and not in cron: {', '.join(missed)}",
        "if the job needs them, write them above its line in the crontab: NAME=value",
    )


def _config_flag(findings: Findings) -> list[str]:
    """`--config` with the path, unless a job that starts in the home directory finds it anyway."""
    found, home = findings.asked.path, findings.home
    in_the_way = f"{home}/{locate.CONFIG_NAME}"
    usual = f"{home}/.config/tastyauth/{locate.CONFIG_NAME}"
    if found == usual and not os.path.lexists(in_the_way):
        return []
    return ["--config", found]


def _login_name() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
