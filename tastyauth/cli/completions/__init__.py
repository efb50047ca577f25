"""Completions: what can be typed next, in the words of each shell, made from the parser itself.

All three read a line as the program does: the command is the first word that is neither a flag nor
the value of one, and what stands behind `exec --` is another command.
"""

from collections.abc import Callable

from tastyauth.cli.completions.bash import bash
from tastyauth.cli.completions.fish import fish
from tastyauth.cli.completions.zsh import zsh
from tastyauth.cli.synopsis import CommandLine

SCRIPTS: dict[str, Callable[[CommandLine], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
"""The shells, and the script for each to source."""
