"""The commands that approve a config, and take that back: `allow` and `deny`."""

from contextlib import suppress
from difflib import SequenceMatcher

from tastyauth import locate
from tastyauth.cache import config_of, store
from tastyauth.cli.command import Arguments
from tastyauth.cli.console import Console
from tastyauth.cli.inputs import read_config
from tastyauth.config import plan, trust
from tastyauth.errors import ConfigNotAllowed, UsageError, reason_of
from tastyauth.posix import quote
from tastyauth.secret import printable

_MOST_COMPARED = 400
"""Lines. Comparing longer plans could take minutes, if somebody built them to."""


def run_allow(arguments: Arguments, console: Console) -> int:
    """Shows the plan, asks, and records a yes."""
    surroundings = console.surroundings
    config, origin = read_config(arguments.file or arguments.config, console)
    if arguments.file:
        origin = locate.PROJECT  # naming it here is not yet using it: judged as if it were found
    elif trust.needs_approval(config.path, origin) is None and not arguments.only_print:
        console.say(f"{printable(config.path)} needs no approval: only you and root can write it")
        return 0
    profile = arguments.profile if arguments.only_print else None
    lines = trust.approvable(config, origin, surroundings, profile)
    if arguments.only_print:
        console.out("".join(f"{line}\n" for line in (*lines, f"sha256: {plan.digest(lines)}")))
        return 0
    if not console.interactive:
        raise ConfigNotAllowed(
            "approving needs a terminal, where somebody can read the plan",
            f"read the plan, and set ${trust.HASH_VARIABLE} to the hash at its end:"
            f" tastyauth allow --print {quote(config.path)}",
        )
    before = trust.last_approved(config.path, surroundings.environ)
    facts = [f"{printable(config.path)} would do this:", *_shown(before, lines)]
    is_agreed = False
    with suppress(UsageError):  # Ctrl-D
        is_agreed = console.ask("\n".join(facts), "allow it?")
    if not is_agreed:
        raise ConfigNotAllowed("not approved", "nothing was changed")
    try:
        trust.allow(config, surroundings, lines)
    except OSError as error:
        raise _unwritable("the approval cannot be recorded", error, surroundings.environ) from None
    console.say("allowed")
    return 0


def run_deny(arguments: Arguments, console: Console) -> int:
    """Forgets the approvals of one path; the file itself need not exist any more."""
    environ = console.environ
    named = arguments.file or arguments.config
    path = locate.absolute(named, environ) if named else locate.find_config(None, environ)[0]
    try:
        count = trust.deny(path, environ)
    except OSError as error:
        raise _unwritable("the approval cannot be removed", error, environ) from None
    with suppress(OSError):  # what is left there needs the approval that is gone
        store.clear(locate.cache_directory(environ), config_of(path, environ))
    noun = "approval" if count == 1 else "approvals"
    console.say(f"removed {count} {noun} of {printable(path)}")
    return 0


def _unwritable(what: str, error: OSError, environ: locate.Environ) -> ConfigNotAllowed:
    hint = f"make {locate.state_directory(environ)} writable only by you"
    return ConfigNotAllowed(f"{what}: {reason_of(error)}", hint)


def _shown(before: plan.Lines, now: plan.Lines) -> list[str]:
    """The plan; where one was approved before and both are short, the difference."""
    if not before or len(before) + len(now) > _MOST_COMPARED:
        return [f"  {line}" for line in now]
    lines: list[str] = []
    matcher = SequenceMatcher(None, _placed(before), _placed(now), autojunk=False)
    for tag, old, old_end, new, new_end in matcher.get_opcodes():
        if tag == "equal":
            lines += [f"  {line}" for line in now[new:new_end]]
            continue
        lines += [f"- {line}" for line in before[old:old_end]]
        lines += [f"+ {line}" for line in now[new:new_end]]
    return lines


def _placed(lines: plan.Lines) -> list[tuple[str, str]]:
    """Each line with its profile, so that equal lines of two profiles are not matched."""
    placed, profile = [], ""
    for line in lines:
        if line.startswith("profile "):
            profile = line.partition(":")[0]
        placed.append((profile, line))
    return placed
