"""argparse, made from the table of commands: help, mistakes and unusual spellings."""

import argparse
import os
import re
import shlex
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn

from tastyauth import __version__, shells
from tastyauth.cli.command import Argument, Arguments, Command
from tastyauth.cli.commands import COMMANDS, COMMON, GROUPS, HELP, VERSION
from tastyauth.cli.grammar import IF_A_PROFILE, Shown, Words, nearest
from tastyauth.errors import PERHAPS_A_PROFILE, UsageError
from tastyauth.posix import quote
from tastyauth.secret import mask

_OTHER_NAMES = {
    "init": "login signin auth authorize setup configure add new create",
    "status": "list ls profiles accounts whoami show info",
    "env": "switch use select activate eval export exports",
    "env --unset": "logout signout logoff deactivate unset",
    "exec": "run shell",
    "env --refresh": "refresh renew",
    "secret set": "secrets set rotate",
    "clear": "forget purge clean",
    "doctor": "test diagnose",
    "--version": "version",
    "--help": "help",
}
"""Our commands for the names that other programs use."""


class Parser(argparse.ArgumentParser):
    """argparse that raises: a UsageError for a mistake, Shown for help."""

    def __init__(self) -> None:
        as_written = argparse.RawDescriptionHelpFormatter
        super().__init__(
            "tastyauth", add_help=False, allow_abbrev=False, formatter_class=as_written
        )

    def error(self, message: str) -> NoReturn:
        # argparse repeats the argument, and somebody may have typed a secret there
        raise UsageError(mask(message), f"see: {self.prog} --help")


class _Show(argparse.Action):
    """A flag that ends parsing with a text."""

    def __init__(self, option_strings: Sequence[str], dest: str, **settings: Any) -> None:  # noqa: ANN401
        super().__init__(option_strings, dest, nargs=0, **settings)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        if self.dest == "version":
            raise Shown(f"tastyauth {__version__}\n")
        raise Shown(main_help() if parser.prog == "tastyauth" else parser.format_help())


def parse(words: Words) -> Arguments:
    """What was asked; raises UsageError or Shown."""
    command = COMMANDS.get(words.command or "")
    if words.command is not None and command is None:
        raise UsageError(f"there is no command {mask(words.command)!r}", _meant(words))
    parser = command_parser(command)
    if command is not None and not set(HELP.flags).isdisjoint(words.rest):
        raise Shown(parser.format_help())
    if command is not None and words.misplaced:
        raise UsageError(
            f"{words.misplaced} comes before its command",
            f"write it after the command: tastyauth {command.name} {words.misplaced}",
        )
    if command is not None and command.name in ("hook", "secret"):
        known, first = command.places[0].options, [*words.places, ""][0]
        if _could_be_a_profile(first) and first not in known and not words.unknown:
            raise _no_choice(first, known, command)
    try:
        arguments, strays = parser.parse_known_args(words.rest, Arguments(command=words.command))
    except UsageError as error:
        if words.unknown:  # reported first, rather than what is missing beside it
            raise _stray(words.unknown, parser, command, words) from None
        if command is not None and "are required" in error.message:
            place = command.places[0]
            first, *others = place.options or (place.label,)
            hint = f"write: tastyauth {command.name} {first}"
            hint += f" (or {', '.join(others)})" if others else ""
            what = f"which {place.destination}?" if others else f"{command.name} needs another word"
            raise UsageError(what, hint) from None
        raise
    if strays:
        raise _stray(strays[0], parser, command, words)
    if command is None:
        raise Shown(main_help())
    if command.name == "exec":
        arguments.argv = words.argv
    return arguments


def command_parser(command: Command | None) -> Parser:
    """The parser of a command, or of a line without one."""
    parser = Parser()
    if command is not None:
        parser.prog += f" {command.name}"
        parser.description, parser.epilog = command.summary, command.details
    common = parser.add_argument_group("common flags")
    for argument in COMMON:
        _add(argument, common)
    for argument in command.arguments if command is not None else ():
        _add(argument, parser)
    return parser


def _add(argument: Argument, parser: "argparse._ActionsContainer") -> None:
    help_ = argparse.SUPPRESS if argument.hidden else argument.help.replace("%", "%%")
    settings: dict[str, Any] = {"help": help_}
    if argument in (VERSION, HELP):
        settings |= {"action": _Show, "default": argparse.SUPPRESS}
    elif argument.is_switch:
        settings |= {"action": "store_true"}
    else:
        settings |= {"metavar": argument.value or None, "choices": argument.options or None}
        settings |= {"type": partial(_read, argument.read), "nargs": argument.nargs or None}
        settings |= {"default": argument.default}
    if argument.flags:
        settings |= {"dest": argument.destination}
    parser.add_argument(*(argument.flags or (argument.destination,)), **settings)


def _read(read: Callable[[str], object], text: str) -> object:
    try:
        return read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _meant(words: Words) -> str:
    """What to type instead of an unknown command."""
    asked = (words.command or "").lower()
    profile = [word for word in words.places if _could_be_a_profile(word)][:1]
    named = f" -p {profile[0]}" if profile else ""
    shell = shells.for_shell(os.environ.get("SHELL", ""))
    for meant, others in _OTHER_NAMES.items():
        if asked in others.split():
            if meant == "--help" and profile and profile[0] in COMMANDS:
                return f"did you mean: tastyauth {profile[0]} --help"
            if asked == "run":
                return f"did you mean: tastyauth exec -- {mask(' '.join(words.places)) or 'CMD'}"
            line = f"tastyauth {meant}{'' if meant.startswith('-') else named}"
            return f"did you mean: {shells.usage(shell, line) if meant[:3] == 'env' else line}"
    near = nearest(asked, COMMANDS)
    if near and (COMMANDS[near].places or near == "exec"):
        named = ""  # the words may be something else
    return f"did you mean: tastyauth {near}{named}" if near else "see: tastyauth --help"


def _could_be_a_profile(word: str) -> bool:
    # somebody may have typed a secret there
    return re.fullmatch(r"[A-Za-z0-9][\w.-]{0,63}", word) is not None and mask(word) == word


def _no_choice(word: str, known: Sequence[str], command: Command) -> UsageError:
    """The error for a word that is none of those that the command takes first."""
    line = f"tastyauth {command.name} {known[0]}"
    message = f"tastyauth {command.name} does not take {word!r}"
    if command.name == "secret" and word in ("client_secret", "refresh_token"):
        return UsageError(message, f"did you mean: {line} --only {word}")
    hint = f"write: {line}" + (f" (or {', '.join(known[1:])})" if known[1:] else "")
    return UsageError(message, f"{hint}{IF_A_PROFILE}{line} -p {word}", reason=PERHAPS_A_PROFILE)


def _typed(its: Sequence[str], words: Words) -> str:
    """Words of the line as they can be typed again; a long path looks like a secret, but stays."""
    config = words.text("config")
    own = (config, f"--config={config}")
    return " ".join(quote(it) if it in own else mask(it) for it in its)


def _stray(word: str, parser: Parser, command: Command | None, words: Words) -> UsageError:
    message = f"{parser.prog} does not take {mask(word)!r}"  # it may be a secret
    is_exec = command is not None and command.name == "exec"
    if is_exec and words.argv and words.places == [word] and _could_be_a_profile(word):
        others = _typed([it for it in words.rest if it != word], words)
        started = shlex.join(map(mask, words.argv))
        line = " ".join(filter(None, [parser.prog, others, "-p", word, "--", started]))
        return UsageError(message, f"did you mean: {line}")
    if is_exec and not word.startswith("-"):
        place = words.rest.index(word)
        before, after = _typed(words.rest[:place], words), _typed(words.rest[place:], words)
        line = " ".join(filter(None, [parser.prog, before, "--", after, *map(mask, words.argv)]))
        hint = f"write the command after --: {line}"
        if words.places != [word] or words.text("profile") or not _could_be_a_profile(word):
            return UsageError(message, hint)
        hint += f"{IF_A_PROFILE}{parser.prog} -p {word}"
        return UsageError(message, hint, reason=PERHAPS_A_PROFILE)
    if command is not None and word in words.places and _could_be_a_profile(word):
        is_secret = command.name == "secret"
        strays = [it for it in words.places if it == word or (is_secret and it != "set")]
        typed = [parser.prog, _typed([it for it in words.rest if it not in strays], words)]
        for it in strays:
            is_field = is_secret and it in ("client_secret", "refresh_token")
            typed += ["--only" if is_field else "-p", mask(it)]
        return UsageError(message, f"did you mean: {' '.join(filter(None, typed))}")
    known = [*COMMON, *(command.arguments if command is not None else ())]
    flags = [flag for argument in known if not argument.hidden for flag in argument.flags]
    near = nearest(word.partition("=")[0], flags, 0.7)
    return UsageError(message, f"did you mean {near}?" if near else f"see: {parser.prog} --help")


def main_help() -> str:
    """The help: the commands grouped by purpose, and the flags that all of them take."""
    lines = ["tastytrade access tokens for shells, cron jobs and programs.", ""]
    lines.append("usage: tastyauth [FLAGS] COMMAND [FLAGS]")
    for group in GROUPS:
        among = (it for it in COMMANDS.values() if it.group == group)
        lines += ["", f"{group}:", *(f"  {it.name:<12} {it.summary}" for it in among)]
    flags = command_parser(None).format_help().partition("common flags:\n")[2].rstrip("\n")
    return "\n".join([*lines, "", "flags, before or after the command:", flags, ""])
