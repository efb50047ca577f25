"""argparse, made from the table of commands: help, mistakes and unusual spellings."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from tastyauth import __version__
from tastyauth.cli.command import Argument, Arguments, Command
from tastyauth.cli.commands import COMMANDS, COMMON, GROUPS, HELP, VERSION
from tastyauth.cli.grammar import Shown, Words, nearest
from tastyauth.errors import UsageError
from tastyauth.secret import mask


class Parser(argparse.ArgumentParser):
    """argparse that raises: a UsageError for a mistake, Shown for help."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401  # passed on
        super().__init__(
            add_help=False,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **settings,
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
        near = nearest(words.command, COMMANDS)
        raise UsageError(
            f"there is no command {mask(words.command)!r}",
            f"did you mean: tastyauth {near}" if near else "see: tastyauth --help",
        )
    parser = command_parser(command)
    if command is not None and not set(HELP.flags).isdisjoint(words.rest):
        raise Shown(parser.format_help())
    if command is not None and words.misplaced:
        raise UsageError(
            f"{words.misplaced} comes before its command",
            f"write it after the command: tastyauth {command.name} {words.misplaced}",
        )
    try:
        arguments, strays = parser.parse_known_args(words.rest, Arguments(command=words.command))
    except UsageError:
        if words.unknown:  # rather than what is missing beside it
            raise _stray(words.unknown, parser, command) from None
        raise
    if strays:
        raise _stray(strays[0], parser, command)
    if command is None:
        raise Shown(main_help())
    if command.name == "exec":
        arguments.argv = words.argv
    return arguments


def command_parser(command: Command | None) -> Parser:
    """The parser of a command, or of a line without one."""
    if command is None:
        parser = Parser(prog="tastyauth")
    else:
        parser = Parser(
            prog=f"tastyauth {command.name}", description=command.summary, epilog=command.details
        )
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
        settings |= {
            "metavar": argument.value or None,
            "choices": argument.options or None,
            "type": _converter(argument.read),
            "default": argument.default,
            "nargs": argument.nargs or None,
        }
    if argument.flags:
        parser.add_argument(*argument.flags, dest=argument.destination, **settings)
    else:
        parser.add_argument(argument.destination, **settings)


def _converter(read: Callable[[str], object]) -> Callable[[str], object]:
    def convert(text: str) -> object:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def _stray(word: str, parser: Parser, command: Command | None) -> UsageError:
    # somebody may have typed a secret there
    message = f"{parser.prog} does not take {mask(word)!r}"
    if command is not None and command.name == "exec" and not word.startswith("-"):
        return UsageError(message, f"write the command after --: {parser.prog} -- CMD ...")
    known = [*COMMON, *(command.arguments if command is not None else ())]
    flags = [flag for argument in known if not argument.hidden for flag in argument.flags]
    near = nearest(word.partition("=")[0], flags)
    return UsageError(message, f"did you mean {near}?" if near else f"see: {parser.prog} --help")


def main_help() -> str:
    """The commands by what one wants to do, and the flags that all of them take."""
    lines = [
        "tastytrade access tokens for shells, cron jobs and programs.",
        "",
        "usage: tastyauth [FLAGS] COMMAND [FLAGS]",
    ]
    for group in GROUPS:
        lines += ["", f"{group}:"]
        lines += [
            f"  {command.name:<12} {command.summary}"
            for command in COMMANDS.values()
            if command.group == group
        ]
    flags = command_parser(None).format_help().partition("common flags:\n")[2].rstrip("\n")
    return "\n".join([*lines, "", "flags, before or after the command:", flags, ""])
