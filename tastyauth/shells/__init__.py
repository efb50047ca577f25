"""Names and values in every shell and format that `env` can print."""

import re
from json import dumps
from typing import NamedTuple

from tastyauth import export
from tastyauth.cache import ProfileOutline
from tastyauth.errors import ConfigError
from tastyauth.export import LETTERS, Pairs, is_bare, octal

_DOTENV_SPECIAL = frozenset("'\"\\$`#")

_PLACE = re.compile("@([A-Z]+)@")


def filled(text: str, **values: str) -> str:
    """`text` with every `@NAME@` replaced, in one pass: a value may look like a placeholder."""
    return _PLACE.sub(lambda place: values[place[1]], text)


class Emission(NamedTuple):
    """What one run of `env` prints: names with values, and names to unset."""

    profile: str
    expires_at: int
    pairs: Pairs
    unset: tuple[str, ...]


def emission(profile: ProfileOutline, fields: dict[str, str], unset: tuple[str, ...]) -> Emission:
    """What `env` prints for a token of `profile` with these `fields`."""
    pairs = export.assign(export.for_shell(profile.exports), fields)
    return Emission(profile.name, int(fields["expires_at"]), pairs, unset)


def sh(emission: Emission) -> str:
    """For POSIX shells: `export.sh`."""
    return export.sh(emission.pairs, emission.unset)


def fish(emission: Emission) -> str:
    """For fish, whose escapes are its own (`\\Xhh` is a byte)."""
    lines = [_fish_erased((*emission.unset, *(name for name, _ in emission.pairs)))]
    for name, value in emission.pairs:
        if is_bare(value) and "%" not in value:  # %self is the number of the process
            word = value
        else:
            word = "".join(c if c in LETTERS else f"\\X{ord(c):02x}" for c in value) or "''"
        lines.append(f"set -gx {name} {word};")
    return "".join(lines) + "\n"


def fish_failure(names: tuple[str, ...], code: int) -> str:
    """As `export.sh_failure`; fish has no subshells."""
    return f"{_fish_erased(names)}sh -c 'exit {code}';\n"


def _fish_erased(names: tuple[str, ...]) -> str:
    """In every scope: a local or universal variable would hide, or outlive, a global one.

    The last try leaves a status behind that setting others does not change.
    """
    return "".join(f"while set -e {name};end;" for name in names) + "true;"


def csh(emission: Emission) -> str:
    """For csh and tcsh."""
    lines = [f"unsetenv {name};" for name in emission.unset]
    for name, value in emission.pairs:
        word = value if is_bare(value) else f"\"`printf '{octal(value)}'`\""
        lines.append(f"setenv {name} {word};")
    return "".join(lines) + "\n"


def csh_failure(names: tuple[str, ...], code: int) -> str:
    """As `export.sh_failure`."""
    return "".join(f"unsetenv {name};" for name in names) + f"(exit {code});\n"


def json(emission: Emission) -> str:
    """One JSON object, for programs and for shells without `eval`."""
    document = {
        "format_version": 1,
        "profile": emission.profile,
        "expires_at": emission.expires_at,
        "exports": dict(emission.pairs),
    }
    return dumps(document) + "\n"


def dotenv(emission: Emission) -> str:
    """Lines that docker's --env-file, systemd's EnvironmentFile= and python-dotenv read alike.

    docker keeps quotes as part of the value and the others remove them, so no value may need any;
    none that is exported does. Raises ConfigError if it should.
    """
    for name, value in emission.pairs:
        if _DOTENV_SPECIAL.intersection(value) or value != value.strip():
            raise ConfigError(
                f"the value of {name} cannot be written so that every .env reader"
                " understands it the same way",
                "use another --format",
            )
    return "".join(f"{name}={value}\n" for name, value in emission.pairs)


def github_masks(emission: Emission, fields: dict[str, str]) -> str:
    """What a GitHub Actions step prints so that its log hides the token from then on."""
    secret = (fields["access_token"], fields["authorization"])
    return "".join(f"::add-mask::{value}\n" for _, value in emission.pairs if value in secret)


RENDER = {"sh": sh, "fish": fish, "csh": csh, "json": json, "dotenv": dotenv}
"""How each format writes names and values."""

FAILURE = {"sh": export.sh_failure, "fish": fish_failure, "csh": csh_failure}
"""The shell formats, and how each fails; a data format prints nothing instead."""

GITHUB = "github-env"
"""The format that goes into a file: masks on stdout first, then lines in $GITHUB_ENV."""

FORMATS = (*RENDER, GITHUB)

_USAGE = {"sh": "eval $({})", "fish": "{} --format fish | source", "csh": "eval `{} --format csh`"}

_NOT_POSIX = {"fish": "fish", "csh": "csh", "tcsh": "csh"}
"""Shells that do not read sh, and the format for each."""


def unset(output: str, names: tuple[str, ...]) -> str:
    """How a shell format unsets everything."""
    nothing = Emission("", 0, [], names)
    return export.sh_unset(names) if output == "sh" else RENDER[output](nothing)


def usage(output: str, command: str = "tastyauth env") -> str:
    """What to type to use the output of `command` in this format; empty for a data format."""
    return _USAGE[output].format(command) if output in _USAGE else ""


def for_shell(shell: str) -> str:
    """The format for `shell`, a path ($SHELL)."""
    return _NOT_POSIX.get(shell.rpartition("/")[2], "sh")
