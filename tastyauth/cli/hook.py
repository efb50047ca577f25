"""The commands that a shell's start-up file calls: `hook` and `completion`."""

import time
from contextlib import suppress
from shlex import quote

from tastyauth import cache, export, locate, shells
from tastyauth.cache import Asked, Entry, ProfileOutline
from tastyauth.cli.command import Arguments
from tastyauth.cli.console import Console
from tastyauth.cli.inputs import open_session, shipped, this_program, trusted_config
from tastyauth.errors import ConfigNotFound, TastyauthError, UsageError
from tastyauth.shells import hook
from tastyauth.shells.hook import Binding

_COMPLETIONS = {"bash": "tastyauth.bash", "zsh": "_tastyauth", "fish": "tastyauth.fish"}


def run_hook(arguments: Arguments, console: Console) -> int:
    """Prints the code to source; or, when that code asks, what it is to do now."""
    shell: str = arguments.shell
    if arguments.answer is not None:
        console.out(_answer(shell, arguments, console))
        return 0
    session = open_session(arguments, console)
    profile = _cached(session.asked)[0] or session.config().profile(session.asked.profile)
    session.require(profile)
    names = tuple(name for name, _ in export.for_shell(profile.exports))
    if not names:
        raise UsageError(
            f"profile {profile.name} exports nothing that a shell may hold",
            "add a name for access_token to its exports",
        )
    console.out(hook.script(shell, _binding(session.asked, profile.name, names)))
    if console.stdout_is_terminal:
        console.say(f"this is code for {shell} to source; to use it: {hook.USAGE[shell]}")
    return 0


def _binding(asked: Asked, profile: str, names: tuple[str, ...]) -> Binding:
    """What the code is made for, in words that mean the same in every directory.

    A config named by --config is trusted. One that was found, or named by a variable, is named by
    that variable again: it stays in need of its approval, whatever becomes of it.
    """
    settings = [("TASTYAUTH_NON_INTERACTIVE", "1")]
    command = this_program()
    if asked.origin in locate.TRUSTED_ORIGINS:
        command += ("--config", asked.path)
    else:
        settings.append(("TASTYAUTH_CONFIG", asked.path))
    flags = ("--require-environment", asked.required) if asked.required else ()
    return Binding((*command, "-p", profile), tuple(settings), names, flags)


def _answer(shell: str, arguments: Arguments, console: Console) -> str:
    case: str = arguments.answer
    session = open_session(arguments, console)
    if case == hook.CHANGED:
        if not _is_ours(*_cached(session.asked), case, console):
            return _stepping_aside(shell, arguments, console)
        case = hook.AGAIN
    entry = session.obtain()
    profile = session.profile
    if not _is_ours(profile, entry, case, console):
        return _stepping_aside(shell, arguments, console)
    unset = cache.others_names(profile, session.asked)
    emission = shells.emission(profile, entry.fields, unset)
    return hook.renewal(shell, emission, entry, time.time(), warned=console.warned)


def _is_ours(
    profile: ProfileOutline | None, entry: Entry | None, case: str, console: Console
) -> bool:
    if profile is None or entry is None:
        return False
    exports = export.for_shell(profile.exports)
    return hook.is_ours(console.environ, exports, entry.fields, case, time.time())


def _stepping_aside(shell: str, arguments: Arguments, console: Console) -> str:
    profile: str = arguments.profile
    words = f"env -p {profile}"
    if arguments.config:
        found = ""
        with suppress(ConfigNotFound):
            found = locate.find_config(None, console.environ)[0]
        if found != arguments.config:
            words += f" --config {quote(arguments.config)}"
    console.say(
        f"the hook steps aside: it did not set what the variables of profile {profile} hold now\n"
        f"to go back to {profile}: {hook.by_hand(shell, words)}"
    )
    return hook.stepping_aside(shell)


def _cached(asked: Asked) -> tuple[ProfileOutline | None, Entry | None]:
    """What is known without reading any YAML."""
    try:
        view = cache.look(asked)
    except OSError:
        return None, None  # where it matters, the session says that there is no cache
    return view.profile, view.entry


def run_completion(arguments: Arguments, console: Console) -> int:
    """Prints the script; or, when that asks, the names of the profiles that can be chosen."""
    if not arguments.profiles:
        console.out(shipped(_COMPLETIONS[arguments.shell], "completions"))
        return 0
    try:
        found = locate.find_config(arguments.config, console.environ)
        content = locate.read_config(found[0])
        try:
            outline = cache.look(Asked(found, content, None, console.environ)).outline
        except OSError:
            outline = None
        if outline is not None:
            names = list(outline.profiles)
        else:
            names = [each.name for each in trusted_config(arguments.config, console).profiles]
    except TastyauthError as error:
        return error.exit_code  # in silence: somebody is typing
    console.out("".join(f"{name}\n" for name in names))
    return 0
