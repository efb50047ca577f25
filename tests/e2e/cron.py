"""A real cron daemon, with its own clock, and users, crontabs and mail that end with it."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

from needs import missing

from .parts import program
from .processes import Place

_LONGEST = 180.0
"""Seconds. All jobs of one run are started at once."""

# In a mount namespace, so that nothing of the machine's own cron is seen or touched. cron alone
# has the false time: it gives jobs a clean environment. The machine's locale is taken away, since
# many machines have none to give. All users are root by number: that is who can read this tree.
_BRING_UP = """
cd "$0"
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/spool/cron
mkdir -m 1730 /var/spool/cron/crontabs
chgrp crontab /var/spool/cron/crontabs
mount -t tmpfs tmpfs /etc/cron.d
for file in /etc/crontab /etc/environment /etc/default/locale; do
    [ ! -e $file ] || mount --bind /dev/null $file
done
mount --bind passwd /etc/passwd
mount -t tmpfs tmpfs sbin
mkdir sbin/upper sbin/work
cp sendmail sbin/upper
mount -t overlay overlay -o lowerdir=/usr/sbin,upperdir=sbin/upper,workdir=sbin/work /usr/sbin
for user in crontabs/*; do
    crontab -u "${user##*/}" "$user"
done
echo ready
exec env TZ=UTC "FAKETIME=$1" 'LD_PRELOAD=/usr/$LIB/faketime/libfaketime.so.1' cron -f
"""

_SENDMAIL = """#!/bin/sh
# A stand-in for sendmail: nothing is sent.
exec cat >"$(mktemp '{directory}/mail/XXXXXX')"
"""


@dataclass(frozen=True, slots=True)
class Mail:
    """What cron has handed to sendmail."""

    to: str
    subject: str
    body: str
    text: str
    """The whole mail."""


def run_cron(directory: str, crontabs: Mapping[str, tuple[str, str]], at: str) -> dict[str, Mail]:
    """Runs what is due in the minute after `at` (UTC) to its end; mail by user.

    `crontabs` has a home directory and a crontab for each user, who gets at most one mail.
    """
    if os.geteuid() != 0:
        missing("a cron daemon of one's own takes root")
    for name in ("cron", "crontab", "faketime", "unshare"):
        program(name)
    for name in ("crontabs", "mail", "sbin"):
        os.mkdir(os.path.join(directory, name))
    sendmail = _SENDMAIL.format(directory=directory)
    _write(directory, "sendmail", sendmail, mode=0o755)
    with open("/etc/passwd", encoding="utf-8") as file:
        users = file.read()
    for user, (home, crontab) in crontabs.items():
        users += f"{user}:*:0:0::{home}:/bin/sh\n"
        _write(directory, f"crontabs/{user}", crontab)
    _write(directory, "passwd", users)

    private = ("unshare", "--mount", "--propagation", "private", "sh", "-eu", "-c", _BRING_UP)
    with Place(directory).started(*private, directory, f"@{at}") as cron:
        assert cron.stdout is not None
        assert cron.stderr is not None
        if cron.stdout.readline() != "ready\n":
            missing(f"no cron of its own here: {cron.stderr.read().strip()}")
        _wait(cron.pid, for_jobs=True)
        _wait(cron.pid, for_jobs=False)
    return dict(
        _mail(os.path.join(directory, "mail", name)) for name in os.listdir(f"{directory}/mail")
    )


def _wait(pid: int, *, for_jobs: bool) -> None:
    """Waits until cron has children, or has none any more."""
    deadline = time.monotonic() + _LONGEST
    while True:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            if bool(file.read()) == for_jobs:
                return
        assert time.monotonic() < deadline, "no job was started, or one does not end"
        time.sleep(0.01)


def _mail(path: str) -> tuple[str, Mail]:
    with open(path, encoding="utf-8") as file:
        text = file.read()
    head, _, body = text.partition("\n\n")
    fields = [line.partition(": ")[::2] for line in head.splitlines()]
    user = next(value for name, value in fields if value.startswith("<LOGNAME="))
    named = dict(fields)
    return user[len("<LOGNAME=") : -1], Mail(named["To"], named["Subject"], body, text)


def _write(directory: str, name: str, text: str, mode: int = 0o644) -> None:
    with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
