"""The command that prints what a shell needs to complete all others: `completion`."""

from collections.abc import Iterable

from tastyauth import cache, locate
from tastyauth.cache import Asked
from tastyauth.cli.command import Arguments
from tastyauth.cli.console import Console
from tastyauth.cli.inputs import shipped, trusted_config
from tastyauth.errors import TastyauthError

_FILES = {"bash": "tastyauth.bash", "zsh": "_tastyauth", "fish": "tastyauth.fish"}


def run_completion(arguments: Arguments, console: Console) -> int:
    """Prints the script; or, when that asks, the names of the profiles that can be chosen."""
    if arguments.profiles:
        return _run_profiles(arguments, console)
    console.out(shipped(_FILES[arguments.shell], "completions"))
    return 0


def _run_profiles(arguments: Arguments, console: Console) -> int:
    """Fails in silence: somebody is typing."""
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
    return [profile.name for profile in trusted_config(flag, console).profiles]
