"""What a run of the real command took: seconds, and memory at its highest."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

from world import COMMAND, LIMIT, Completed, World

MIB = 1024 * 1024

_MEASURE = """\
import json, os, sys, time

report, *argv = sys.argv[1:]
began = time.monotonic()
_, status, used = os.wait4(os.spawnv(os.P_NOWAIT, argv[0], argv), 0)
took = time.monotonic() - began, used.ru_utime + used.ru_stime
with open(report, "w") as file:
    json.dump([*took, used.ru_maxrss * 1024], file)  # Linux counts in KiB
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""Starts a program from a small process: what the system calls the memory of a new one begins with
that of its parent, which here is the whole test run."""


@dataclass(frozen=True, slots=True)
class Measured:
    """How a run ended, its seconds by the clock and of the processor, and its bytes of memory."""

    completed: Completed
    seconds: float
    busy: float
    memory: int


def measured(world: World, *words: str, **variables: str) -> Measured:
    """Runs `tastyauth words…` to its end, in the project."""
    report = f"{world.root}/measured.json"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _MEASURE, report, COMMAND, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=world.project,
        env={**world.environ, **variables},
        timeout=LIMIT,
        check=False,
    )
    with open(report, encoding="utf-8") as file:
        seconds, busy, memory = json.load(file)
    os.unlink(report)
    completed = Completed(done.returncode, done.stdout.decode(), done.stderr.decode())
    return Measured(completed, seconds, busy, memory)
