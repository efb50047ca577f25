"""A rehearsal of cron: the report again, made in the environment that cron would give.

cron gives a job HOME, LOGNAME, SHELL and a PATH of two directories, and no terminal, bus or other
variable (crontab(5)). So this program is started with just that, in a session of its own.
"""

import json
import os
import pwd
import shlex
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tastyauth import locate, sources
from tastyauth.doctor.credentials import ABSENT, FAILS, FIELDS, RESOLVED
from tastyauth.doctor.findings import FAILED, PASSED, WARNED, Check, Findings
from tastyauth.posix import process
from tastyauth.sources import ASKS, HANGS

_NEW_YORK = "America/New_York"
_OPEN = tuple(time(minute // 60, minute % 60) for minute in range(9 * 60 + 30, 16 * 60 + 1, 30))
"""Every half hour from the opening of the exchange to its close, on a clock in New York."""

_GRACE = 30.0
"""Seconds for the start of a program and its checks, on top of what the sources may take."""

_PREDICTIONS = {
    RESOLVED: "would resolve",
    ABSENT: "would be absent",
    ASKS: "would prompt, with nobody there to answer",
    HANGS: "would hang, and be stopped",
    FAILS: "would fail",
}

_WAY_OUT = (
    "in cron, keep it in a file of mode 0600; or leave cron for a systemd timer with"
    " LoadCredentialEncrypted="
)

_FOLLOWED = (
    *("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("TASTYAUTH_CACHE_DIR", "XDG_CACHE_HOME", "XDG_STATE_HOME"),
)
"""Variables that tastyauth itself follows, and that a crontab would have to set."""


def rehearse(program: Sequence[str], findings: Findings) -> tuple[tuple[Check, ...], str]:
    """The checks as cron would run them, and the line for the crontab, or two after a midnight.

    Starts `program`, the words that start this one, for the same profile; config and profile must
    have been found.
    """
    # a job starts in the home directory, and may find the config without being told
    found, home = findings.asked.path, findings.around.home
    is_usual = found == f"{home}/.config/tastyauth/{locate.CONFIG_NAME}"
    is_found = is_usual and not os.path.lexists(f"{home}/{locate.CONFIG_NAME}")
    chosen = [*([] if is_found else ["--config", found]), "-p", findings.profile.name]
    with findings.audience.waiting("the rehearsal in cron's environment"):
        report = _report([*program, "doctor", "--offline", "--format", "json", *chosen], findings)
    checks = []
    if isinstance(report, str):
        hint = "run the command yourself with env -i, as cron would"
        checks.append(Check("rehearsal", FAILED, report, hint))
    else:
        profile = findings.profile
        sought = [it for it in FIELDS if isinstance(getattr(profile, it), sources.Reference)]
        for check in report:
            if check.name in ("config", "trust") and check.state == FAILED:
                checks.append(check)
            if check.name in sought:
                is_env = getattr(profile, check.name).kind == "env"  # it cannot be exported there
                checks.append(_predicted(check._replace(hint="") if is_env else check))
    missed = ", ".join(name for name in _FOLLOWED if findings.around.environ.get(name))
    said, hint = "tastyauth needs no variable that only this shell sets", ""
    if missed:
        said = f"set here but not in cron: {missed}"
        hint = "if the job needs them, write them above its line in the crontab: NAME=value"
    checks.append(Check("variables", WARNED if missed else PASSED, said, hint))
    return tuple(checks), line([*program, "exec", *chosen])


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """All the variables that cron gives a job."""
    try:
        login_name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        login_name = str(os.geteuid())
    usual = {"SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    return {"HOME": locate.home_directory(environ), "LOGNAME": login_name, **usual}


def line(words: Sequence[str]) -> str:
    """The line for a crontab that runs `words -- CMD`, with every % escaped.

    Every five minutes while the exchange is open, by the clock of this machine; clocks change on
    other days in New York than here, so these hours cover the whole year. Two lines where it is
    open across midnight here. None for words with a line break, which would begin a job of its own.
    """
    command = shlex.join(words)
    if not command.isprintable():
        return "# no line: the path of the config cannot be written in a crontab; move the config"
    command = f"{command} -- CMD".replace("%", r"\%")
    try:
        zone = ZoneInfo(_NEW_YORK)
        datetime.now().astimezone()  # not with a TZ that is a day or more from UTC
    except (ZoneInfoNotFoundError, ValueError):
        return f"*/5 * * * *  {command}"
    today = date.today()
    monday = today - timedelta(today.weekday())
    hours: dict[int, set[int]] = {}
    for week in range(53):
        for moment in _OPEN:
            there = datetime.combine(monday + timedelta(weeks=week), moment, zone)
            here = there.astimezone()
            hours.setdefault((here.date() - there.date()).days, set()).add(here.hour)
    return "\n".join(
        f"*/5 {min(found)}-{max(found)} * * {1 + days}-{5 + days}  ".replace(" 23-23 ", " 23 ")
        + command
        for days, found in sorted(hours.items())
    )


def clock(now: float) -> str:
    """A note on the hours in the line: when the exchange is open by this machine's clock."""
    try:
        here = datetime.fromtimestamp(now).astimezone()
    except ValueError:
        return "TZ is not a time zone: check the hours of your job"
    zone = "UTC" if f"{here:%Z}" == "UTC" else f"{here:%Z}, UTC{here:%z}"
    told = f"cron goes by this machine's time zone ({zone})"
    try:
        new_york = here.astimezone(ZoneInfo(_NEW_YORK))
    except (ZoneInfoNotFoundError, ValueError):  # this machine has no time zone data
        return (
            f"{told}: put the hours of your job in place of the second *;"
            " the market is open 9:30 to 16:00 in New York"
        )
    opening, closing = (
        new_york.replace(hour=hour, minute=minute).astimezone(here.tzinfo)
        for hour, minute in ((9, 30), (16, 0))
    )
    open_here = f"{opening:%H:%M} to {closing:%H:%M} here"
    return (
        f"{told}, and the line covers the whole year;"
        f" the market is open 9:30 to 16:00 in New York, today {open_here}"
    )


def _predicted(check: Check) -> Check:
    """What the report on a reference, made in cron's environment, means for cron."""
    if check.outcome not in _PREDICTIONS:
        return Check(check.name, FAILED, f"cannot be predicted: {check.message}", check.hint)
    message = f"{_PREDICTIONS[check.outcome]}: {check.message}"
    if check.outcome == RESOLVED:
        return Check(check.name, PASSED, message, "", RESOLVED, check.seconds)
    way_out = "write it into the config: it is public" if check.name == "client_id" else _WAY_OUT
    hint = f"{way_out}\n{check.hint}".rstrip()
    return Check(check.name, FAILED, message, hint, check.outcome, check.seconds)


def _report(argv: list[str], findings: Findings) -> list[Check] | str:
    """The checks of the rehearsal, or why there are none."""
    home = findings.around.home
    alone = sources.Surroundings({}, interactive=False, home=home)
    limits = (it.time_limit(alone) for it in findings.profile.references)
    try:
        completed = process.run(
            argv,
            environ=environment(findings.around.environ),
            interactive=False,
            directory=home if os.path.isdir(home) else "/",
            timeout=_GRACE + sum(limits),
        )
    except process.ProcessError as error:
        return f"cannot rehearse the cron run: {error}"
    try:
        document = cast(dict[str, list[dict[str, str]]], json.loads(completed.stdout))
        return [
            Check(it["name"], it["state"], it["message"], it["hint"], it["outcome"])
            for it in document["checks"]
        ]
    except (ValueError, KeyError, TypeError):
        return f"the rehearsal ended with exit code {completed.returncode} and no report"
