"""Writes the manual page from the table of commands, into the file beside this one.

To renew it: .venv/bin/python man/page.py. argparse-manpage leaves out the recipes below the flags.
"""

import os
import re
from collections.abc import Iterator

from tastyauth import __version__
from tastyauth.cli.command import Argument, Command
from tastyauth.cli.commands import COMMANDS, COMMON, GROUPS
from tastyauth.cli.validate import pages

_DESCRIPTION = """\
tastyauth turns a client ID, a client secret and a refresh token into an access token that lives 15
minutes. A config gives the client ID and says where the two secrets are kept; it never contains a
secret. One exchange serves every process on the machine, and when tastyauth fails, eval fails too.
"""

_ENVIRONMENT = (
    ("TASTYAUTH_CONFIG", "the config to use; it must be approved first, with tastyauth allow"),
    ("TASTYAUTH_PROFILE", "the profile to use"),
    (
        "TASTYAUTH_REQUIRE_ENVIRONMENT",
        "production or sandbox: a profile of the other environment is refused",
    ),
    (
        "TASTYAUTH_TRUST_SHA256",
        "approves a config whose plan has this hash, where nobody can be asked",
    ),
    ("TASTYAUTH_CACHE_DIR", "where access tokens are cached"),
    ("TASTYAUTH_NON_INTERACTIVE, CI", "when set, nothing is asked"),
    ("NO_COLOR, FORCE_COLOR", "turn colours off, or on"),
)

_FILES = (
    (
        "tastyauth.yaml",
        "a project's config: in the working directory or above, up to the root of the repository",
    ),
    ("~/.config/tastyauth/tastyauth.yaml", "your own config ($XDG_CONFIG_HOME)"),
    ("/etc/tastyauth/tastyauth.yaml", "the machine's config"),
    ("~/.cache/tastyauth", "cached access tokens ($XDG_CACHE_HOME)"),
    ("~/.local/state/tastyauth", "approvals, and refresh tokens that a server replaced"),
)


def page() -> str:
    """The page in the language of man(7)."""
    return "".join(f"{text}\n" for text in _page())


def _page() -> Iterator[str]:
    yield f'.TH TASTYAUTH 1 "" "tastyauth {__version__}" "User Commands"'
    yield ".ad l"  # flags are not pulled apart
    yield ".SH NAME"
    yield "tastyauth \\- tastytrade access tokens for shells, cron jobs and programs"
    yield ".SH SYNOPSIS"
    yield ".B tastyauth"
    yield "[\\fIFLAGS\\fR] \\fICOMMAND\\fR [\\fIFLAGS\\fR]"
    yield ".SH DESCRIPTION"
    yield from map(_text, _DESCRIPTION.splitlines())
    yield ".SH COMMANDS"
    for group in GROUPS:
        yield f'.SS "To {group}"'
        for command in COMMANDS.values():
            if command.group == group:
                yield from _command(command)
    yield ".SH COMMON FLAGS"
    yield "These mean the same before and after the command."
    for flag in COMMON:
        yield from _item(usage(flag), flag.help)
    yield ".SH EXIT STATUS"
    for code, explained in pages().items():
        if code.isdigit():
            yield from _item(code, explained.title)
    yield ".SH ENVIRONMENT"
    for name, meaning in _ENVIRONMENT:
        yield from _item(name, meaning)
    yield ".SH FILES"
    for name, meaning in _FILES:
        yield from _item(name, meaning)


def _command(command: Command) -> Iterator[str]:
    words = [f"[{flag}]" for flag in map(usage, command.flags)]
    words += [usage(argument) for argument in command.places]
    if command.name == "exec":
        words.append("-- CMD ...")
    yield from _item(" ".join((command.name, *words)), command.summary)
    described = [argument for argument in command.arguments if argument.help]
    if described:
        yield ".RS"
        for argument in described:
            yield from _item(usage(argument).strip("[]"), argument.help)
        yield ".RE"
    if command.details:
        yield ".IP"
        yield ".EX"
        yield from map(_text, command.details.rstrip("\n").splitlines())
        yield ".EE"


def _item(term: str, text: str) -> Iterator[str]:
    yield ".TP"
    yield f".B {_text(term)}"
    yield _text(text)


def usage(argument: Argument) -> str:
    """How an argument is written."""
    value = (
        "" if argument.is_switch else argument.value or "|".join(argument.options) or argument.label
    )
    value = f"{value} ..." if argument.nargs in ("*", "+") else value
    if argument.flags:
        return f"{', '.join(argument.flags)} {value}".rstrip()
    return f"[{value}]" if argument.nargs in ("?", "*") else value


def _text(text: str) -> str:
    """`text` such that nothing in it is a request, an escape, a dash for printers or hyphenated."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    escaped = re.sub(r"(?<!\S)(?=\S*_)", r"\\%", escaped)
    return f"\\&{escaped}" if escaped[:1] in {".", "'"} else escaped


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    with open(f"{here}/tastyauth.1", "w", encoding="ascii") as file:
        file.write(page())
