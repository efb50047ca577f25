"""The output of a terminal on stdin, as SVG on stdout; run by a Python that has rich."""

import io
import sys

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

WIDTH = 108
"""Columns."""


def main() -> None:
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(sys.stdin.read().rstrip("\n")))
    svg = console.export_svg(title=sys.argv[1], theme=MONOKAI, unique_id=sys.argv[1].split()[1])
    sys.stdout.write("\n".join(line.rstrip() for line in svg.splitlines()) + "\n")


if __name__ == "__main__":
    main()
