"""Real shells, and what their users type to get the variables."""

from collections.abc import Callable
from dataclasses import dataclass
from textwrap import indent

from world import Completed

from .parts import installed, program
from .processes import Place
from .recipes import recipe

CODE = "CODE_OF_THE_LINE"
"""The variable in which a shell tells how the line ended."""

REACHED = "reached"
"""What it says when it goes on after the line."""


@dataclass(frozen=True, slots=True)
class Shell:
    """How to start one without its user's own settings, what to type, and how it says the outcome.

    `telling` and `stopping` make scripts of a line: one goes on whatever happens, keeps the status
    in a variable and shows all variables; the other goes on only after success.
    """

    start: Callable[[], tuple[str, ...]]
    format: str
    lines: dict[str, str]
    telling: Callable[[str], str]
    stopping: Callable[[str], str]
    settings: tuple[str, ...] = ("",)
    """What users have in force; each is a case of its own."""
    batch: int = 1000
    """How many values it takes at once."""
    ends_truly: bool = True
    """Whether a script that stops ends with the code of tastyauth."""

    def variables_after(self, place: Place, line: str, **variables: str) -> dict[str, str]:
        """The variables that a program sees after a line, whatever became of it."""
        done = place.run_program(*self.start(), self.telling(line), **variables)
        seen = dict(pair.split("=", 1) for pair in done.out.split("\0") if "=" in pair)
        assert CODE in seen, done.err
        return seen

    def stop_or_go_on(self, place: Place, line: str, **variables: str) -> Completed:
        """How a script ends that goes on only when the line has succeeded."""
        return place.run_program(*self.start(), self.stopping(line), **variables)


def sh(*argv: str, settings: tuple[str, ...] = ()) -> Shell:
    """A shell of the POSIX family."""
    return Shell(
        _found(argv),
        "sh",
        {"unquoted": "eval $(tastyauth env)", "quoted": 'eval "$(tastyauth env)"'},
        lambda line: f"{line}; {CODE}=$?; export {CODE}; exec env -0",
        lambda line: f"set -e; {line}; echo {REACHED}",
        settings=("", "set -eu; ", *settings),
    )


def fish() -> Shell:
    return Shell(
        _found(("fish", "--no-config", "-c")),
        "fish",
        {
            "source": "tastyauth env --format fish | source",
            "words": "eval (tastyauth env --format fish)",
            "unquoted": "eval $(tastyauth env --format fish)",
            "quoted": 'eval "$(tastyauth env --format fish)"',
        },
        lambda line: f"{line}; set -gx {CODE} $status; exec env -0",
        lambda line: f"{line}; or exit $status; echo {REACHED}",
    )


def csh(
    *argv: str, through: tuple[str, ...] = (), settings: tuple[str, ...] = (), batch: int = 1000
) -> Shell:
    return Shell(
        _found(argv, through),
        "csh",
        {
            "unquoted": "eval `tastyauth env --format csh`",
            "quoted": 'eval "`tastyauth env --format csh`"',
        },
        lambda line: f"{line}; setenv {CODE} $status; exec env -0",
        lambda line: f"{line} && echo {REACHED}",
        settings=("", *settings),
        batch=batch,
    )


def nushell() -> Shell:
    return Shell(
        lambda: (installed("npm/node_modules/@nushell/linux-x64/bin/nu"), "--no-config-file", "-c"),
        "json",
        {"docs": recipe("nu")},
        lambda line: (
            f"$env.{CODE} = '0'\n"
            f"try {{\n{line}}} catch {{|it| $env.{CODE} = ($it.exit_code | into string)}}\n"
            "exec env -0"
        ),
        lambda line: f"{line}print {REACHED}",
    )


def elvish() -> Shell:
    return Shell(
        _found(("elvish", "-norc", "-c")),
        "json",
        {"docs": recipe("elvish")},
        lambda line: (
            f"set-env {CODE} 0\n"
            f"try {{\n{line}}} catch it {{ set-env {CODE} $it[reason][exit-status] }}\n"
            "exec env -0"
        ),
        lambda line: f"{line}echo {REACHED}",
        ends_truly=False,
    )


def xonsh() -> Shell:
    return Shell(
        lambda: (installed("xonsh/bin/xonsh"), "--no-rc", "-c"),
        "json",
        {"docs": recipe("xonsh")},
        lambda line: (
            f"${CODE} = '0'\n"
            f"try:\n{indent(line, '    ')}"
            f"except Exception as error:\n    ${CODE} = str(error.returncode)\n"
            "env -0"
        ),
        lambda line: f"{line}print('{REACHED}')",
        ends_truly=False,
    )


def _found(argv: tuple[str, ...], through: tuple[str, ...] = ()) -> Callable[[], tuple[str, ...]]:
    return lambda: (*through, program(argv[0]), *argv[1:])


SHELLS = {
    "dash": sh("dash", "-c"),
    "bash": sh(
        *("bash", "--norc", "-c"), settings=("shopt -s nullglob; ", "shopt -s failglob extglob; ")
    ),
    "bash-posix": sh("bash", "--norc", "--posix", "-c"),
    "zsh": sh("zsh", "-f", "-c", settings=("setopt null_glob; ", "setopt extended_glob; ")),
    "zsh-as-sh": sh("zsh", "--emulate", "sh", "-f", "-c"),
    "ksh93": sh("ksh93", "-c"),
    "mksh": sh("mksh", "-c"),
    "yash": sh("yash", "--norcfile", "-c"),
    "busybox": sh("busybox", "sh", "-c"),
    "posh": sh("posh", "-c"),
    "fish": fish(),
    "tcsh": csh("tcsh", "-f", "-c", settings=("set noglob; ",)),
    # It closes every descriptor there could be, and a word of it has at most 4 KiB.
    "bsd-csh": csh("bsd-csh", "-f", "-c", through=("prlimit", "--nofile=256"), batch=16),
    "nushell": nushell(),
    "elvish": elvish(),
    "xonsh": xonsh(),
}
