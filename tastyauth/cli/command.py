"""What a command, a flag and an argument are, and how the text of a value is read."""

import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import NamedTuple

Arguments = SimpleNamespace
"""The parsed command line: a value for every argument of the command, by its destination."""


class Argument(NamedTuple):
    """A flag or, when its name has no dashes, an argument recognized by its place.

    `names` and `choices` are words separated by spaces. A flag with neither `value` (what its value
    is called) nor `choices` is a switch. `read` turns the text into a value, or raises ValueError
    with what to give. `nargs` is argparse's, of an argument without dashes.
    """

    names: str
    help: str = ""
    value: str = ""
    choices: str = ""
    default: object = None
    read: Callable[[str], object] = str
    nargs: str = ""
    key: str = ""
    hidden: bool = False

    @property
    def flags(self) -> tuple[str, ...]:
        return tuple(self.names.split()) if self.names.startswith("-") else ()

    @property
    def options(self) -> tuple[str, ...]:
        """The only values allowed; empty when any value is."""
        return tuple(self.choices.split())

    @property
    def is_switch(self) -> bool:
        return self.names.startswith("-") and not self.value and not self.choices

    @property
    def destination(self) -> str:
        """The attribute of the arguments that holds the value."""
        return self.key or self.names.split()[0].strip("-").replace("-", "_")

    @property
    def label(self) -> str:
        """What the value is called."""
        return self.value or self.destination.upper()


class Command(NamedTuple):
    """A command and its own arguments; the common flags come on top.

    `function` names what runs it: the module in this package, a colon, the function.
    """

    name: str
    group: str
    summary: str
    function: str
    arguments: tuple[Argument, ...] = ()

    @property
    def flags(self) -> tuple[Argument, ...]:
        """The flags that the help shows."""
        return tuple(each for each in self.arguments if each.flags and not each.hidden)

    @property
    def places(self) -> tuple[Argument, ...]:
        return tuple(each for each in self.arguments if not each.flags)

    @property
    def details(self) -> str:
        """What the help says below the flags, from `details.txt`; empty for some."""
        with open(os.path.join(os.path.dirname(__file__), "details.txt"), encoding="utf-8") as file:
            return f"\n{file.read()}".partition(f"\n[{self.name}]\n")[2].partition("\n[")[0]


def name(text: str) -> str:
    """Refuses an empty text, as from an unset variable: using the default would be a surprise."""
    if not text:
        raise ValueError("it is empty; perhaps a variable is not set")
    return text


def min_valid(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError("give a number of seconds") from None
    if not 0 <= seconds <= 840:
        raise ValueError("give 0 to 840 seconds")
    return seconds


def port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise ValueError("give a port from 0 to 65535")
    return int(text)


def lifetime(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) > 0):
        raise ValueError("give a positive whole number of seconds")
    return int(text)
