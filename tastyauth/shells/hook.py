"""Shell integration: at a prompt, once the token is about to expire, the shell gets the next one.

The code that a shell sources (`script`) asks the shell's own clock, and starts nothing while the
token is fresh. When it is not, it runs `tastyauth hook SHELL --answer CASE` and evaluates what that
prints: the exports, and when to ask again. It renews what it has set itself and steps aside for
anything else, so a shell in which another profile was evaluated by hand stays with that one.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from shlex import quote

from tastyauth import export
from tastyauth.cache import Entry
from tastyauth.export import Exports
from tastyauth.shells import RENDER, Emission, filled

USAGE = {
    "bash": 'eval "$(tastyauth hook bash)"',
    "zsh": 'eval "$(tastyauth hook zsh)"',
    "fish": "tastyauth hook fish | source",
}
"""The shells, and what to write into the file that each reads when it starts."""

FIRST, AGAIN, CHANGED = CASES = ("first", "again", "changed")
"""What a shell holds when it asks: what it was started with, what the hook has set, or neither."""

MARK = "TASTYAUTH_HOOK"
"""The variable in which a hook says which token it has set: profile@expiry, for `status`."""

_LONGEST_PAUSE = 60.0
"""Seconds between two tries at a token that is about to expire."""

_CHANGING = ("access_token", "authorization", "expires_at")
"""What every new token changes; the rest says whose it is."""


@dataclass(frozen=True, slots=True)
class Binding:
    """What the hook of one shell is made for: one program, one config, one profile.

    `command` are the words that run tastyauth for this profile, its path absolute; `settings` the
    variables it is run with; `names` what the profile exports; `flags` are those of `hook`.
    """

    command: tuple[str, ...]
    settings: tuple[tuple[str, str], ...]
    names: tuple[str, ...]
    flags: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """Tells it from the hook of another profile."""
        settings = (f"{name}={value}" for name, value in self.settings)
        return " ".join((*settings, *self.command, *self.flags))


def script(shell: str, binding: Binding) -> str:
    """The code for a shell of `USAGE` to source."""
    command = (*binding.command, "hook", shell, *binding.flags, "--answer")
    if shell == "fish":
        return filled(
            _text("fish.fish"),
            BOUND=_fish_word(binding.identity),
            CALL=" ".join(map(_fish_word, command)),
            NAMES=" ".join((*binding.names, MARK)),
            SETTINGS="; ".join(
                f"set -lx {name} {_fish_word(value)}" for name, value in binding.settings
            ),
        )
    settings = (f"{name}={quote(value)}" for name, value in binding.settings)
    values = (f"${{{name}+=}}${{{name}-}}" for name in binding.names)
    return filled(
        _text(f"{shell}.sh") + _text("posix.sh"),
        BOUND=quote(binding.identity),
        CALL=" ".join((*settings, "exec", *map(quote, command))),
        NAMES=" ".join((*binding.names, MARK)),
        LOOK=f'"{" ".join(values)}"',
    )


def is_ours(
    variables: Mapping[str, str], exports: Exports, fields: dict[str, str], case: str, now: float
) -> bool:
    """Whether the hook may replace what its shell holds under the names of `exports`.

    `variables` are those the shell exports, `fields` the profile's present token. What a hook has
    set is its own, and so is that token, whoever has evaluated it. A shell that has just started
    holds what its parent held. Of that, an expired token of the same account is taken over, as in
    each new pane of a terminal multiplexer; a valid one stays, for it may be what `tastyauth exec
    -p paper -- bash` was typed for.
    """
    held = {name: variables[name] for name, _ in exports if name in variables}
    if case == AGAIN or held == dict(export.assign(exports, fields)):
        return True
    if case == CHANGED:
        return False
    if not held:
        return True
    ends = [held.get(name, "") for name, field in exports if field == "expires_at"]
    has_expired = any(
        end.isascii() and end.isdigit() and len(end) < 16 and int(end) <= now for end in ends
    )
    lasting = [(name, fields[field]) for name, field in exports if field not in _CHANGING]
    return has_expired and all(held.get(name, value) == value for name, value in lasting)


def renewal(shell: str, emission: Emission, entry: Entry, now: float, *, warned: bool) -> str:
    """The answer that hands a token out, and says when to ask again.

    `warned` says that the user has just seen a warning, and need not see it again.
    """
    left = entry.expires_at - now
    ahead = entry.ahead
    wait = left - ahead if left > ahead else min(left / 4, _LONGEST_PAUSE)
    state: dict[str, str | int] = {"state": "mine", "left": ceil(left), "wait": max(1, ceil(wait))}
    if warned or left > ahead:
        state["told"] = int(warned)
    language = "fish" if shell == "fish" else "sh"
    exported = "set -gx {} {};" if shell == "fish" else "export {}={};"
    mark = exported.format(MARK, f"{emission.profile}@{entry.expires_at}")
    return RENDER[language](emission).rstrip("\n") + mark + _assigned(shell, state)


def stepping_aside(shell: str) -> str:
    """The answer that leaves the variables alone, from now on in silence."""
    return _assigned(shell, {"state": "aside", "told": 1})


def by_hand(shell: str, words: str) -> str:
    """What to type in that shell to evaluate what `tastyauth WORDS` prints."""
    if shell == "fish":
        return f"tastyauth {words} --format fish | source"
    return f"eval $(tastyauth {words})"


def _assigned(shell: str, state: Mapping[str, str | int]) -> str:
    form = "set _tastyauth_{} {};" if shell == "fish" else "_tastyauth_{}={};"
    return "".join(form.format(name, value) for name, value in state.items()) + "\n"


def _text(name: str) -> str:
    with open(os.path.join(os.path.dirname(__file__), name), encoding="ascii") as file:
        return file.read()


def _fish_word(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'"
