"""The one full grammar of the command line: flags mean the same before and after the command."""

import argparse
from collections.abc import Callable, Collection, Sequence
from typing import Any, NoReturn

from tastyauth.cli.console import Console
from tastyauth.cli.wording import Shown, first_word, nearest
from tastyauth.errors import UsageError
from tastyauth.secret import mask

Run = Callable[[argparse.Namespace, Console], int]
"""A command: what was asked, and where to print; returns the exit code."""

GROUPS = ("use", "set up", "trust", "look closer")

_ABSENT: dict[str, Any] = {
    "config": None,
    "profile": None,
    "quiet": False,
    "verbose": False,
    "color": "auto",
}


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
        self.text: Callable[[argparse.ArgumentParser], str] = settings.pop("text")
        super().__init__(option_strings, dest, nargs=0, **settings)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        raise Shown(self.text(parser))


class Commands:
    """The commands as they are registered, each in the group the help lists it under.

    `names` are all there are, whether registered or not; `groups` and `parsers` those that are.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self.groups: dict[str, list[tuple[str, str]]] = {group: [] for group in GROUPS}
        self.parser = Parser(prog="tastyauth")
        self.parsers: dict[str, argparse.ArgumentParser] = {}
        _add_common_flags(self.parser, text=lambda _: self.help())
        self._commands = self.parser.add_subparsers(dest="command", parser_class=Parser)

    def add(
        self, name: str, summary: str, run: Run, *, group: str, details: str = ""
    ) -> argparse.ArgumentParser:
        """A command; its own flags are added to the parser that comes back."""
        self.groups[group].append((name, summary))
        parser = self._commands.add_parser(
            name, prog=f"tastyauth {name}", description=summary, epilog=details
        )
        _add_common_flags(parser, text=lambda asked: asked.format_help())
        parser.set_defaults(run=run)
        self.parsers[name] = parser
        return parser

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """What was asked; raises UsageError or Shown."""
        words = list(argv)
        command: list[str] = []
        if "--" in words and first_word(words) == "exec":
            split = words.index("--")
            words, command = words[:split], words[split + 1 :]
        self._refuse_unknown_command(words)
        asked = self.parsers.get(first_word(words) or "")
        if asked is not None and not {"--help", "-h"}.isdisjoint(words):
            raise Shown(asked.format_help())
        arguments, strays = self.parser.parse_known_args(words)
        if arguments.command is None and not strays:
            raise Shown(self.help())
        if strays:
            raise self._stray(strays[0], arguments.command)
        if arguments.command == "exec":
            arguments.argv = command
        for name, value in _ABSENT.items():
            if not hasattr(arguments, name):
                setattr(arguments, name, value)
        return arguments

    def help(self) -> str:
        """The commands by what one wants to do."""
        lines = [
            "tastytrade access tokens for shells, cron jobs and programs.",
            "",
            "usage: tastyauth [FLAGS] COMMAND [FLAGS]",
        ]
        for group, commands in self.groups.items():
            if commands:
                lines += ["", f"{group}:"]
                lines += [f"  {name:<12} {summary}" for name, summary in commands]
        return "\n".join([*lines, "", "flags, before or after the command:", _common_help(), ""])

    def _stray(self, word: str, command: str | None) -> UsageError:
        parser = self.parsers.get(command or "", self.parser)
        # somebody may have typed a secret there
        message = f"{parser.prog} does not take {mask(word)!r}"
        if command == "exec" and not word.startswith("-"):
            return UsageError(message, f"write the command behind --: {parser.prog} -- CMD ...")
        near = nearest(word.partition("=")[0], _flags_in(parser.format_usage()))
        return UsageError(
            message, f"did you mean {near}?" if near else f"see: {parser.prog} --help"
        )

    def _refuse_unknown_command(self, words: Sequence[str]) -> None:
        word = first_word(words)
        if word is None or word in self._names:
            return
        near = nearest(word, self._names)
        raise UsageError(
            f"there is no command {mask(word)!r}",
            f"did you mean: tastyauth {near}" if near else "see: tastyauth --help",
        )


def _flags_in(usage: str) -> set[str]:
    return {word.strip("[]|,") for word in usage.split() if word.startswith("[-")}


def _add_common_flags(
    parser: argparse.ArgumentParser, text: Callable[[argparse.ArgumentParser], str]
) -> None:
    # SUPPRESS: a default set behind the command would overwrite what was said before it
    flags = parser.add_argument_group("common flags")
    for names, settings in _COMMON:
        flags.add_argument(*names, default=argparse.SUPPRESS, **settings)
    flags.add_argument(
        "--version",
        action=_Show,
        text=lambda _: _version(),
        default=argparse.SUPPRESS,
        help="print the version",
    )
    flags.add_argument(
        "--help", "-h", action=_Show, text=text, default=argparse.SUPPRESS, help="print this help"
    )


def not_empty(word: str) -> str:
    """The type of a name: of a variable that is not set, the default would be a surprise."""
    if not word:
        raise argparse.ArgumentTypeError("it is empty; is a variable not set?")
    return word


_COMMON: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (
        ("--config",),
        {"metavar": "FILE", "type": not_empty, "help": "the config to use ($TASTYAUTH_CONFIG)"},
    ),
    (
        ("--profile", "-p"),
        {"metavar": "NAME", "type": not_empty, "help": "the profile to use ($TASTYAUTH_PROFILE)"},
    ),
    (("--quiet", "-q"), {"action": "store_true", "help": "errors only"}),
    (("--verbose", "-v"), {"action": "store_true", "help": "say what is being done"}),
    (
        ("--color",),
        {
            "choices": ("auto", "always", "never"),
            "help": "colours on a terminal (NO_COLOR, FORCE_COLOR)",
        },
    ),
)


def _common_help() -> str:
    parser = Parser()
    _add_common_flags(parser, text=lambda _: "")
    return parser.format_help().partition("common flags:\n")[2].rstrip("\n")


def _version() -> str:
    from tastyauth import __version__

    return f"tastyauth {__version__}\n"
