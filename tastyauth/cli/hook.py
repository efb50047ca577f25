"""The commands that a shell's start-up file calls: `hook` and `completion`."""

import time
from contextlib import suppress
from json import dumps, loads
from math import ceil

from tastyauth import cache, export, locate, shells
from tastyauth.cache import Asked, Entry, Terms
from tastyauth.cli.command import Arguments
from tastyauth.cli.console import Console
from tastyauth.cli.inputs import cached, open_session, read_config, shipped, this_program
from tastyauth.cli.keep_fresh import noting
from tastyauth.errors import ConfigNotFound, TastyauthError, TemporaryError, UsageError, reason_of
from tastyauth.export import Exports
from tastyauth.posix import quote
from tastyauth.session import Session
from tastyauth.session.keep_fresh import Background, has_terminal
from tastyauth.shells import hook
from tastyauth.shells.hook import Binding

_PATIENCE = 1.8
"""Seconds that a prompt waits for a token; with the start of Python, 2."""

_COMPLETIONS = {"bash": "tastyauth.bash", "zsh": "_tastyauth", "fish": "tastyauth.fish"}


def run_hook(arguments: Arguments, console: Console) -> int:
    """Prints the code to source; or, when that code asks, what to do now."""
    shell: str = arguments.shell
    if has_terminal():  # whatever it reads and writes; there, no variable approves
        hash_variable = "TASTYAUTH_TRUST_SHA256"
        console.environ = {k: v for k, v in console.environ.items() if k != hash_variable}
    if arguments.answer is not None:
        console.out(_answer(shell, arguments, console))
        return 0
    session = open_session(arguments, console)
    profile = cached(session.asked).profile or session.config().profile(session.asked.profile)
    session.require(profile)
    exports = export.for_shell(profile.exports)
    if not exports:
        hint = "add a name for access_token to its exports"
        what = f"{profile.name}, {profile.behind}: this exports nothing that a shell may keep"
        raise UsageError(what, hint)
    console.out(hook.script(shell, _binding(session.asked, profile.name, exports)))
    if console.stdout_is_terminal:
        console.say(f"this is code for {shell} to source; to use it: {hook.USAGE[shell]}")
    return 0


def _binding(asked: Asked, profile: str, exports: Exports) -> Binding:
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
    names = tuple(name for name, _ in exports)
    expiry = [name for name, field in exports if field == "expires_at"]
    return Binding((*command, "-p", profile), tuple(settings), names, flags, *expiry[:1])


def _answer(shell: str, arguments: Arguments, console: Console) -> str:
    case: str = arguments.answer
    warnings: list[str] = []
    audience = noting(warnings)
    session = open_session(arguments, console, audience)
    asked = session.asked
    view = cached(asked)
    if view.outline is None or view.profile is None:  # the config has changed, or no cache is used
        config = session.config()
        outline = config.outline(b"", "", "")
        profile = outline.profiles[config.profile(asked.profile).name]
    else:
        outline, profile = view.outline, view.profile
    held = hook.Held(console.environ, export.for_shell(profile.exports))
    alone = len(outline.profiles) == 1
    entry = view.entry
    if not held.is_ours(entry.fields if entry else None, case, time.time(), alone=alone):
        return _stepping_aside(shell, arguments, console, held)
    session.require(profile)
    console.about = audience.about  # from here on, every message is about this profile
    if entry is None or cache.decide(entry, None, Terms(), time.time()) != cache.SERVE:
        renewed = _obtained(session, warnings, profile.name, entry, arguments, console)
        if entry is None and not held.is_ours(renewed.fields, case, time.time(), alone=alone):
            return _stepping_aside(shell, arguments, console, held)
        entry = renewed
    emission = shells.emission(profile, entry.fields, cache.others_names(profile, asked))
    return hook.renewal(shell, emission, entry, time.time(), warned=bool(console.warned))


def _obtained(
    session: Session,
    warnings: list[str],
    profile: str,
    entry: Entry | None,
    arguments: Arguments,
    console: Console,
) -> Entry:
    """The next token, or `entry` while that is good and no other comes in time.

    Somebody waits for a prompt, so another process gets it, which goes on by itself when it takes
    longer: what it gets is there for a later prompt. Raises what kept the token from coming, and
    TemporaryError when it takes too long.
    """

    def work() -> bytes:
        token = failure = None
        try:
            new = session.obtain()
            token = new.fields, new.issued_at, new.stored_at, new.ahead
        except TastyauthError as error:
            failure = error.exit_code, error.message, error.hint
        return dumps((token, warnings, failure)).encode()

    try:
        background = Background(work, ())
    except OSError as error:
        what = f"cannot start a process to fetch a token: {reason_of(error)}"
        raise TemporaryError(what) from None
    with console.waiting(f"a new token of {profile}"):
        answer = background.wait(_PATIENCE + arguments.started_at - time.time())
    if answer is None:
        late = "no new token within 2 s; a later prompt tries again"
        if entry is None or cache.decide(entry, None, Terms(), time.time()) != cache.AHEAD:
            raise TemporaryError(late)
        console.warn(late)
        return entry
    if not answer:
        raise TemporaryError("the renewal ended without an answer; a later prompt tries again")
    token, said, failure = loads(answer)
    for warning in said:
        console.warn(warning)
    if token is None:
        code, message, hint = failure
        failed = TastyauthError(message, hint)
        failed.exit_code, failed.about = code, console.about
        raise failed
    return Entry(*token)


def _stepping_aside(shell: str, arguments: Arguments, console: Console, held: hook.Held) -> str:
    profile: str = arguments.profile
    left = 0 if held.ends is None else ceil(held.ends - time.time())
    whose = "another token" if not held.profile else f"{held.profile}'s token"
    what = f"holds {whose}; the hook for {profile} leaves it alone"
    aims = {f"to go back to {profile}": profile}
    if not held:
        what = f"no longer holds a token; the hook for {profile} leaves it that way"
    elif held.profile == profile and left > 0:
        what = f"holds a token of {profile} that the hook did not set; the hook takes over when it"
        what += f" expires, in {ceil(left / 60)} min"
        aims = {"for the hook to take over now": profile}
    elif held.ends is not None and left <= 0:
        what = f"holds {whose}, which has expired; the hook for {profile} leaves it alone"
        if held.profile == profile:
            what = f"holds a token of another {profile} (its server, environment or client ID"
            what += " differs), which has expired; the hook leaves it alone"
        elif held.profile:
            aims = {f"for a new token of {held.profile}": held.profile} | aims
    config = ""
    if arguments.config:
        with suppress(ConfigNotFound):
            config = locate.find_config(None, console.environ)[0]
        config = f" --config {quote(arguments.config)}" * (config != arguments.config)
    lines = [f"this shell {what}"]
    for aim, name in aims.items():
        words = f"tastyauth env -p {quote(name)}{config}"
        lines.append(f"{aim}: {shells.usage(shells.for_shell(shell), words)}")
    console.say("\n".join(lines))
    return hook.stepping_aside(shell, left)


def run_completion(arguments: Arguments, console: Console) -> int:
    """Prints the script; or, when the script asks, the names of the profiles."""
    if not arguments.profiles:
        console.out(shipped(_COMPLETIONS[arguments.shell], "completions"))
        return 0
    try:
        found = locate.find_config(arguments.config, console.environ)
        asked = Asked(found, locate.read_config(found[0]), None, console.environ)
        names = list(outline.profiles) if (outline := cached(asked).outline) else None
        if names is None:
            config, _ = read_config(arguments.config, console, trusted=True)
            names = [each.name for each in config.profiles]
    except TastyauthError as error:
        return error.exit_code  # silently: somebody is typing
    console.out("".join(f"{name}\n" for name in names))
    return 0
