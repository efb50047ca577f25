"""The command that prints what a shell needs to complete all others: `completion`."""

import argparse
from collections.abc import Iterable

from tastyauth import cache, locate
from tastyauth.cache import Asked
from tastyauth.cli.console import Console
from tastyauth.cli.grammar import Commands
from tastyauth.errors import TastyauthError

_SHELLS = ("bash", "zsh", "fish")

_DETAILS = """\
what to write, and where:
  bash  eval "$(tastyauth completion bash)"     ~/.bashrc
  zsh   eval "$(tastyauth completion zsh)"      ~/.zshrc, after compinit
  fish  tastyauth completion fish | source      ~/.config/fish/config.fish
"""


def register(commands: Commands) -> None:
    """`completion`."""
    parser = commands.add(
        "completion",
        "print completions for a shell",
        run_completion,
        group="look closer",
        details=_DETAILS,
    )
    parser.add_argument("shell", choices=_SHELLS, help="the shell that sources it")
    parser.add_argument("--profiles", action="store_true", help=argparse.SUPPRESS)


def run_completion(arguments: argparse.Namespace, console: Console) -> int:
    """Prints the script; or, when that asks, the names of the profiles that can be chosen."""
    if arguments.profiles:
        return _run_profiles(arguments, console)
    from tastyauth.cli.completions import SCRIPTS
    from tastyauth.cli.synopsis import read

    console.out(SCRIPTS[arguments.shell](read()))
    return 0


def _run_profiles(arguments: argparse.Namespace, console: Console) -> int:
    """Whatever fails does so in silence: somebody is typing."""
    try:
        names = _profiles(arguments.config, console)
    except TastyauthError as error:
        return error.exit_code
    console.out("".join(f"{name}\n" for name in names))
    return 0


def _profiles(flag: str | None, console: Console) -> Iterable[str]:
    """The profiles of a trusted config, from the cache where it knows them."""
    found = locate.find_config(flag, console.environ)
    try:
        outline = cache.look(
            Asked(found, locate.read_config(found[0]), None, console.environ)
        ).outline
    except OSError:
        outline = None
    if outline is not None:
        return outline.profiles
    from tastyauth.cli.inputs import trusted_config

    return [profile.name for profile in trusted_config(flag, console).profiles]
