"""`scripts/bench`: measures, and prints a Markdown table with notes."""

import argparse
import os
import subprocess
import sys

from .measure import Broken
from .notes import notes
from .rows import GROUPS
from .table import Row, table
from .world import BELOW, HERE, NotHere, World


def main() -> int:
    """0; or 1 when a goal is missed and `--check` was said, or when a measurement failed."""
    asked = _arguments()
    if asked.venv is None:
        neighbours = ["--neighbours"] if asked.neighbours else []
        subprocess.run([os.path.join(HERE, "install"), *neighbours], check=True)
    load = os.getloadavg()[0]
    rows: list[Row] = []
    try:
        with World(os.path.abspath(asked.venv or f"{BELOW}/tastyauth")) as world:
            for name in asked.only or GROUPS:
                print(f"bench: {name} ...", file=sys.stderr)
                try:
                    rows += GROUPS[name](world, *asked.rounds)
                except NotHere as error:
                    rows.append(Row(name, None, absent=str(error)))
            print(f"{table(rows)}\n{notes(world, load)}", end="")
    except (Broken, NotHere) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 1 if asked.check and any(row.missed for row in rows) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Speed, as a table.")
    parser.add_argument(
        "--neighbours", action="store_true", help="install what stands beside it first"
    )
    parser.add_argument(
        "--only", action="append", choices=GROUPS, metavar="ROW", help=f"of {', '.join(GROUPS)}"
    )
    parser.add_argument(
        "-n", nargs=1, type=int, default=[], dest="rounds", metavar="ROUNDS", help="of each row"
    )
    parser.add_argument("--check", action="store_true", help="end with 1 when a goal is missed")
    parser.add_argument("--venv", help="measure the tastyauth that is installed there")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
