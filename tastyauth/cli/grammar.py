"""Reads the command line by the table of commands; flags mean the same before and after a command.

Plain forms are understood here. Help, mistakes and unusual spellings (`-qplive`) go to argparse,
whose import and parsers would cost a twentieth of an exchange.
"""

from collections.abc import Iterable, Sequence

from tastyauth.cli.command import Argument, Arguments
from tastyauth.cli.commands import COMMANDS, COMMON, HELP, VERSION

_FLAGS = {
    name: argument
    for arguments in (COMMON, *(command.arguments for command in COMMANDS.values()))
    for argument in arguments
    for name in argument.flags
}
"""Every flag by name. It takes a value in every command or in none."""

IF_A_PROFILE = "\nif it is a profile: "
"""Begins the last line of a hint about a word that may be a profile."""


class Shown(Exception):
    """The text that was asked for instead of a run: --help or --version."""


class Words:
    """The words of a command line, sorted.

    `given` holds what each known flag was given last: a text, or True for a switch. `rest` is all
    but the command and what follows `exec --`, which is `argv`. `misplaced` is a flag of a command
    that comes before it, `unknown` one of no command. `is_plain` is False when only argparse can
    say what is meant.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.every = tuple(words)
        self.command: str | None = None
        self.given: dict[str, str | bool] = {}
        self.places: list[str] = []
        self.rest: list[str] = []
        self.argv: list[str] = []
        self.misplaced = ""
        self.unknown = ""
        self.is_plain = True

    def text(self, name: str) -> str | None:
        """The value that a flag was given, or None."""
        value = self.given.get(name)
        return value if isinstance(value, str) else None


def read(words: Sequence[str]) -> Words:
    """Sorts the words, whatever is wrong with them; the first that is not a flag is the command."""
    found = Words(words)
    places_ended = False
    remaining = iter(words)
    for word in remaining:
        if word == "--" and found.command == "exec":
            found.argv = list(remaining)
            break
        if word == "-" or not word.startswith("-"):
            if found.command is None:
                found.command = word
                continue
            found.rest.append(word)
            found.places.append(word)
            found.is_plain &= not places_ended
            continue
        found.rest.append(word)
        places_ended = bool(found.places)
        name, equals, text = word.partition("=")
        flag = _FLAGS.get(name)
        if flag is None or (equals and (flag.is_switch or name[:2] != "--")):
            found.is_plain = False
            *switches, flag = (_FLAGS.get(f"-{letter}") for letter in word[1:])  # as in `-qp`
            if not all(it is not None and it.is_switch for it in switches):
                flag = None
            switches_too, _, profile = word[1:].partition("p")  # as in `-qplive`
            if profile and all(it in "qvh" for it in switches_too):
                found.given["profile"] = profile  # for hints: argparse reads the line itself
        if flag is None:
            found.unknown = found.unknown or (word if word[2:] and word[:2] == "--" else "")
            continue
        if found.command is None and flag not in COMMON:
            found.misplaced = found.misplaced or name
        if not flag.is_switch and not equals:
            following = next(remaining, None)
            if following is None and name == "--config" and found.command == "simulator":
                following = "simulator.yaml"  # it writes this file, where other commands read one
            text = following or ""
            found.rest += [] if following is None else [following]
            found.is_plain &= text[:1] not in ("", "-")
        found.given[flag.destination] = flag.is_switch or text
    return found


def parse(words: Words) -> Arguments:
    """The parsed command line; raises UsageError or Shown."""
    plain = understood(words)
    if plain is not None:
        return plain
    from tastyauth.cli import parser  # late: argparse

    return parser.parse(words)


def understood(words: Words) -> Arguments | None:
    """What argparse would make of a plain form; None for all others, right or wrong."""
    command = COMMANDS.get(words.command or "")
    if command is None or not words.is_plain or words.misplaced:
        return None
    values: dict[str, object] = {"command": command.name}
    given: dict[str, str | bool | list[str]] = {**words.given}
    places = list(words.places)
    for place in command.places:
        if place.nargs in ("*", "+"):
            given[place.destination], places = places, []
        elif places:
            given[place.destination] = places.pop(0)
    try:
        for argument in (*COMMON, *command.arguments):
            if argument in (VERSION, HELP):
                continue
            values[argument.destination] = _value(argument, given.pop(argument.destination, None))
    except ValueError:
        return None
    if given or places:
        return None
    if command.name == "exec":
        values["argv"] = words.argv
    return Arguments(**values)


def _value(argument: Argument, given: object) -> object:
    """What a text or switch stands for; raises ValueError when it must be something else."""
    if given is None or given == []:
        if not argument.flags and argument.nargs in ("", "+"):
            raise ValueError("it is missing")
        if argument.is_switch:
            return False
        return [] if argument.nargs in ("*", "+") else argument.default
    if isinstance(given, str):
        if argument.choices and given not in argument.options:
            raise ValueError("it is not one of the choices")
        return argument.read(given)
    return given


def nearest(word: str, known: Iterable[str], likeness: float = 0.65) -> str | None:
    """The known word closest to `word`, if one is close enough; shared dashes count too."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, known, n=1, cutoff=likeness)), None)
