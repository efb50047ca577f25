"""The command line as data: what its parser knows, for completions and the manual."""

import argparse
from dataclasses import dataclass

FILE, PROFILE = "FILE", "NAME"
"""What values are called that are a path, or the name of a profile."""


@dataclass(frozen=True, slots=True)
class Argument:
    """A flag, or an argument by its place when there are no `flags`.

    `value` is what its value is called, empty when it takes none; `choices` are all values there
    may be, empty when there are more; `repeated` says that every further argument is one as well.
    """

    flags: tuple[str, ...]
    value: str
    choices: tuple[str, ...]
    help: str
    optional: bool
    repeated: bool

    @property
    def is_file(self) -> bool:
        return self.value == FILE

    @property
    def is_profile(self) -> bool:
        return "--profile" in self.flags


@dataclass(frozen=True, slots=True)
class Command:
    """A command with what is its own; the common flags come on top."""

    name: str
    group: str
    summary: str
    details: str
    arguments: tuple[Argument, ...]

    @property
    def flags(self) -> tuple[Argument, ...]:
        return tuple(argument for argument in self.arguments if argument.flags)

    @property
    def places(self) -> tuple[Argument, ...]:
        return tuple(argument for argument in self.arguments if not argument.flags)


@dataclass(frozen=True, slots=True)
class CommandLine:
    """All of it: the commands, and the flags that are common to them."""

    commands: tuple[Command, ...]
    common: tuple[Argument, ...]

    @property
    def valued(self) -> tuple[str, ...]:
        """Every flag that takes a value, of whichever command."""
        everything = [*self.common, *(flag for each in self.commands for flag in each.flags)]
        names = (name for flag in everything if flag.value for name in flag.flags)
        return tuple(dict.fromkeys(names))


def read() -> CommandLine:
    """What the parsers of all commands say about themselves."""
    from tastyauth.cli import commands_for

    commands = commands_for(())
    groups = {
        name: (group, summary)
        for group, members in commands.groups.items()
        for name, summary in members
    }
    common = _arguments(commands.parser)
    return CommandLine(
        tuple(
            Command(
                name,
                *groups[name],
                parser.epilog or "",
                tuple(each for each in _arguments(parser) if each not in common),
            )
            for name, parser in commands.parsers.items()
        ),
        common,
    )


def _arguments(parser: argparse.ArgumentParser) -> tuple[Argument, ...]:
    # argparse has no public way to ask; every program that describes a parser reads this
    return tuple(
        _argument(action)
        for action in parser._actions
        if not isinstance(action, argparse._SubParsersAction) and action.help != argparse.SUPPRESS
    )


def _argument(action: argparse.Action) -> Argument:
    choices = tuple(str(choice) for choice in action.choices or ())
    value = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
    return Argument(
        tuple(action.option_strings),
        value,
        choices,
        (action.help or "") % {"default": action.default},
        not action.required,
        action.nargs in ("*", "+"),
    )
