"""The check of what a profile shares its token through: the real scripts, on a key of their own."""

import os
import time

from tastyauth.doctor.findings import Findings, Verdict, passed, warned
from tastyauth.secret import Secret
from tastyauth.shared import Trouble, fleet, not_used

_CLOCKS = 60.0
"""Seconds. The protocol allows for more, but a clock that is so wrong needs to be set."""


def check_shared(findings: Findings) -> Verdict:
    """The engine answers, lets this machine in, and does what sharing needs.

    Nothing that belongs to a grant is touched.
    """
    engine = findings.profile.shared
    assert engine is not None
    around = findings.surroundings.withholding(findings.profile.withheld)
    probe = fleet.Grant("doctor", (), "", Secret(os.urandom(16).hex()), Secret("probe"))
    try:
        connection, seal = fleet.connected(engine, probe, around)
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
    if abs(difference) > _CLOCKS:
        return warned(
            said,
            "set whichever is wrong; machines whose clocks differ by more than 300 s share nothing",
        )
    return passed(said)
