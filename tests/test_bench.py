"""The measuring itself: `scripts/bench` compares like with like, and reports it in a table."""

import os
import subprocess
import sys

import pytest
from bench.measure import Broken, Command, measure
from bench.table import Row, table
from needs import missing
from world import LIMIT, REPOSITORY

ENVIRON = {"PATH": "/usr/bin:/bin"}


def shell(name: str, script: str, together: int = 1) -> Command:
    return Command(name, ("/bin/sh", "-c", script), ENVIRON, together=together)


def bench(*words: str) -> "subprocess.CompletedProcess[str]":
    """The program, over the tastyauth that the tests run with: nothing is installed for it."""
    return subprocess.run(
        [sys.executable, "-m", "bench", "--venv", sys.prefix, *words],
        cwd=os.path.join(REPOSITORY, "tests"),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def test_one_round_of_hits_makes_a_table() -> None:
    """From a config to a table with the row that was asked for, in two seconds."""
    done = bench("-n", "1", "--only", "hit")
    if "openssl is not here" in done.stderr:
        missing("openssl is missing")
    assert done.returncode == 0, done.stderr
    head, _, row, memory, *_ = done.stdout.splitlines()
    assert head.startswith("| row | median | goal |")
    assert row.startswith("| `tastyauth env`, hit / `python3 -I -c pass` | ")
    assert "peak MiB" in memory
    assert REPOSITORY not in done.stdout


def test_a_ratio_is_that_of_the_rounds() -> None:
    """What takes longer has the greater figure, and its inverse the inverse one."""
    slow, fast = shell("slow", "sleep 0.1"), shell("fast", "exit 0")
    measured = measure((slow, fast), rounds=3)
    assert measured.ratio(slow, fast) > 2 > 1 / 2 > measured.ratio(fast, slow)
    assert measured.milliseconds(slow) >= 100


def test_memory_is_that_of_the_process_alone() -> None:
    """A shell takes less than the Python that has spawned it."""
    peak = measure([shell("shell", "exit 0")], rounds=1).peaks["shell"]
    assert 0 < peak < 6


def test_processes_run_together(tmp_path: os.PathLike[str]) -> None:
    """Each waits for the other; one after the other they would wait for ever."""
    script = f"echo >{tmp_path}/$$; until [ $(ls {tmp_path} | wc -l) -ge 3 ]; do sleep 0.01; done"
    measure([shell("herd", script, together=3)], rounds=1)


def test_a_process_that_fails_is_no_measurement() -> None:
    with pytest.raises(Broken, match="ill ended with 3"):
        measure([shell("ill", "exit 3")], rounds=1)


@pytest.mark.parametrize(
    ("row", "line", "missed"),
    [
        (Row("a / b", 0.994, 1.0, rounds=5), "| a / b | 0.99 | ≤ 1.00 | yes | 5 |  |  |", False),
        (Row("a / b", 1.001, 1.0, rounds=5), "| a / b | 1.00 | ≤ 1.00 | **no** | 5 |  |  |", True),
        (Row("a / b", 7.5, rounds=5), "| a / b | 7.50 |  |  | 5 |  |  |", False),
        (Row("a / b", None, 1.0, absent="b is not here"), "| a / b | b is not here |", False),
    ],
)
def test_a_row_says_whether_its_goal_is_met(row: Row, line: str, missed: bool) -> None:
    """Without rounding in our favour; what is not here misses no goal."""
    assert table([row]).splitlines()[-1].startswith(line)
    assert row.missed is missed
