"""The commands that hand out a token: `env`, `token` and `exec`."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from tastyauth import export, launch
from tastyauth.cli.console import Console
from tastyauth.cli.inputs import open_session, trusted_config
from tastyauth.errors import OutputError, UsageError, reason_of
from tastyauth.session import LONGEST_MIN_VALID
from tastyauth.shells import formats

if TYPE_CHECKING:
    import argparse

    from tastyauth.cli.grammar import Commands

_ENV_DETAILS = """\
formats, and what to type:
  sh          eval $(tastyauth env)                     bash, zsh, dash, ksh, mksh, yash, busybox
  fish        tastyauth env --format fish | source
  csh         eval `tastyauth env --format csh`         csh, tcsh
  json        tastyauth env --format json               programs; nushell, elvish, xonsh, PowerShell
  dotenv      tastyauth env --format dotenv > .env      docker, systemd, python-dotenv
  github-env  tastyauth env --format github-env         a step of GitHub Actions

in a script, where tastyauth may be missing altogether:
  eval "$(tastyauth env || echo false)"
"""

_EXEC_DETAILS = """\
in a crontab:
  */5 9-16 * * 1-5  $HOME/.local/bin/tastyauth exec -p live -- $HOME/bot/report

for a program that runs longer than a token lives:
  tastyauth exec --keep-fresh -- python bot.py    which reads $TASTYTRADE_ACCESS_TOKEN_FILE
                                                  before each request

CMD keeps the config that it was started with; after a change, start it again.
"""


def plain(command: str, options: dict[str, str], argv: list[str]) -> "argparse.Namespace":
    """What the grammar makes of the plain forms that `tastyauth._entry` knows.

    The same, but without argparse and its parsers, which cost a twentieth of an exchange.
    """
    arguments = SimpleNamespace(
        command=command,
        run=_RUN[command],
        config=options.get("config"),
        profile=options.get("profile"),
        quiet=False,
        verbose=False,
        color="auto",
        min_valid=None,
        refresh=False,
    )
    if command == "env":
        arguments.format, arguments.unset = "sh", False
    elif command == "token":
        arguments.header = "header" in options
    else:
        arguments.argv, arguments.keep_fresh = argv, False
    return cast("argparse.Namespace", arguments)


def register(commands: "Commands") -> None:
    """`env`, `token`, `exec`."""
    env = commands.add(
        "env", "print the exports, for eval", run_env, group="use", details=_ENV_DETAILS
    )
    env.add_argument(
        "--format", choices=formats.FORMATS, default="sh", help="for what (default: sh)"
    )
    env.add_argument("--unset", action="store_true", help="only unset what may have been exported")
    _add_terms(env)
    token = commands.add("token", "print the bare access token", run_token, group="use")
    token.add_argument(
        "--header", action="store_true", help="print the whole Authorization line, for curl -H @-"
    )
    _add_terms(token)
    program = commands.add(
        "exec",
        "run a command with the exports in its environment: exec -- CMD ...",
        run_exec,
        group="use",
        details=_EXEC_DETAILS,
    )
    program.add_argument(
        "--keep-fresh",
        action="store_true",
        help="keep a fresh token in the file $TASTYTRADE_ACCESS_TOKEN_FILE while CMD runs",
    )
    _add_terms(program)


def _add_terms(parser: "argparse.ArgumentParser") -> None:
    parser.add_argument(
        "--min-valid",
        type=_seconds,
        metavar="S",
        help="seconds the token must have left (default: 60, or a sixth of a shorter life)",
    )
    parser.add_argument("--refresh", action="store_true", help="get a new token in any case")


def run_env(arguments: "argparse.Namespace", console: Console) -> int:
    """Prints the exports of a profile in the words of a shell or format."""
    output: str = arguments.format
    if arguments.unset:
        return _run_unset(output, arguments, console)
    handout = open_session(arguments, console).obtain(arguments.held)
    profile = handout.profile
    emission = formats.emission(profile, handout.entry.fields)
    if not emission.pairs:
        raise UsageError(
            f"profile {profile.name} exports nothing that env may hand out",
            f"use: tastyauth exec -p {profile.name} -- CMD; or export its access_token",
        )
    if output == formats.GITHUB:
        return _run_github(emission, handout.entry.fields, console)
    console.out(formats.RENDER[output](emission))
    if console.stdout_is_terminal:
        _say_usage(output, arguments, console)
    return 0


def _say_usage(output: str, arguments: "argparse.Namespace", console: Console) -> None:
    """What to type instead: the same flags, or it would be about another profile."""
    import shlex

    words = ["tastyauth", "env"]
    words += ["--config", arguments.config] if arguments.config else []
    words += ["-p", arguments.profile] if arguments.profile else []
    meant = formats.for_shell(console.environ.get("SHELL", "")) if output == "sh" else output
    usage = formats.usage(meant, shlex.join(words))
    if usage:
        console.say(f"this prints the exports; to use them, type: {usage}")


def run_token(arguments: "argparse.Namespace", console: Console) -> int:
    """Prints the access token and a newline, or the header that carries it."""
    handout = open_session(arguments, console).obtain(arguments.held)
    console.out(export.token(handout.entry.fields, header=arguments.header))
    return 0


def run_exec(arguments: "argparse.Namespace", console: Console) -> int:
    """Becomes CMD, with the exports in its environment and the secrets' own variables gone."""
    argv: list[str] = arguments.argv
    if not argv:
        raise UsageError(
            "exec runs a command, and there is none", "write: tastyauth exec -- CMD ..."
        )
    session = open_session(arguments, console)
    handout = session.obtain(arguments.held)
    profile = handout.profile
    fields = handout.entry.fields
    if export.for_shell(profile.exports) != profile.exports:
        fields = fields | session.secret_fields()
    removed = profile.variables() + profile.foreign
    exports = export.assign(profile.exports, fields)
    if arguments.keep_fresh:
        from tastyauth.cli import keep_fresh

        variables = launch.environment(console.environ, removed, exports)
        return keep_fresh.run(arguments, console, session.asked, handout.entry, variables)
    launch.become(argv, console.environ, removed, exports)
    return 0


def _run_github(emission: formats.Emission, fields: dict[str, str], console: Console) -> int:
    """Masks first: what is in the file may be printed by any later step."""
    path = console.environ.get("GITHUB_ENV")
    if not path:
        raise UsageError(
            "GITHUB_ENV is not set", "this format is for a step of GitHub Actions, which sets it"
        )
    console.out(formats.github_masks(emission, fields))
    try:
        with open(path, "a", encoding="ascii") as file:
            file.write(formats.dotenv(emission))
    except OSError as error:
        raise OutputError(
            f"cannot write to $GITHUB_ENV: {reason_of(error)}",
            "look at the runner's disk",
        ) from None
    return 0


def _run_unset(output: str, arguments: "argparse.Namespace", console: Console) -> int:
    if output not in formats.UNSET:
        raise UsageError(
            f"--unset needs the format of a shell, not {output}",
            f"one of: {', '.join(formats.UNSET)}",
        )
    names = trusted_config(arguments.config, console).shell_names()
    console.out(formats.UNSET[output](names))
    return 0


_RUN = {"env": run_env, "token": run_token, "exec": run_exec}


def _seconds(text: str) -> float:
    import argparse

    try:
        seconds = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError("give a number of seconds") from None
    if not 0 <= seconds <= LONGEST_MIN_VALID:
        raise argparse.ArgumentTypeError(f"give 0 to {LONGEST_MIN_VALID} seconds")
    return seconds
