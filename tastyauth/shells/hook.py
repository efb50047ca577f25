"""Shell integration: at a prompt and before a command, a shell gets the next token in time.

The code that a shell sources (`script`) asks the shell's own clock, and starts nothing while the
token is fresh. When it is not, it runs `tastyauth hook SHELL --answer CASE` and evaluates what that
prints: the exports, and when to ask again. It renews what it has set itself and leaves anything
else alone, so a shell in which another profile was evaluated by hand stays with that one.
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
"""Where the shell's token comes from when it asks: inherited, set by the hook, or neither."""

_LONGEST_PAUSE = 60.0
"""Seconds between two tries at a token that is about to expire."""

_CHANGING = ("access_token", "authorization", "expires_at")
"""The fields that change with every token; the others say whose it is."""


@dataclass(frozen=True, slots=True)
class Binding:
    """What the hook of one shell is made for: one program, one config, one profile.

    `command` are the words that run tastyauth for this profile, its path absolute; `settings` the
    variables it is run with; `names` what the profile exports; `flags` are those of `hook`;
    `expiry` is the name that tells when the token ends, if there is one.
    """

    command: tuple[str, ...]
    settings: tuple[tuple[str, str], ...]
    names: tuple[str, ...]
    flags: tuple[str, ...] = ()
    expiry: str = "_tastyauth_none"

    @property
    def identity(self) -> str:
        """An ID that differs from that of another profile's hook."""
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
            EXPIRY=binding.expiry,
            NAMES=" ".join((*binding.names, export.HOOK_MARK)),
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
        EXPIRY=binding.expiry,
        NAMES=" ".join((*binding.names, export.HOOK_MARK)),
        LOOK=f'"{" ".join(values)}"',
    )


class Held:
    """What a shell holds under the names of `exports`; `variables` are all its exports."""

    def __init__(self, variables: Mapping[str, str], exports: Exports) -> None:
        self._exports = exports
        self._held = {name: variables[name] for name, _ in exports if name in variables}
        by_field = {field: self._held.get(name, "") for name, field in exports}
        self.profile = by_field.get("profile", "")
        end = by_field.get("expires_at", "")
        self.ends = int(end) if end.isascii() and end.isdigit() and len(end) < 16 else None
        """Whose token it is, and when that ends, as far as the variables tell."""

    def __bool__(self) -> bool:
        return bool(self._held)

    def is_ours(
        self, fields: dict[str, str] | None, case: str, now: float, *, alone: bool = False
    ) -> bool:
        """Whether the hook may replace it.

        `fields` are the profile's present token, or one that has expired; without any, this tells
        whether it is worth getting one. What a hook has set is its own, and so is the present
        token, no matter who evaluated it. Of the others, an expired token of the same account is
        taken over, as in a new pane of a terminal multiplexer or where direnv restored it; a valid
        token stays, for it may be what `tastyauth exec -p paper -- bash` was typed for. An account
        is recognized by the profile's name, unless the config has this one `alone`.
        """
        if case == AGAIN or (fields and self._held == dict(export.assign(self._exports, fields))):
            return True
        if not self._held:
            return case == FIRST
        if self.ends is None or self.ends > now:
            return False
        return fields is None or (
            (alone or self.profile == fields["profile"])
            and all(
                self._held.get(name, fields[field]) == fields[field]
                for name, field in self._exports
                if field not in _CHANGING
            )
        )


def renewal(shell: str, emission: Emission, entry: Entry, now: float, *, warned: bool) -> str:
    """The code that sets a token, and says when to ask again.

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
    mark = exported.format(export.HOOK_MARK, f"{emission.profile}@{entry.expires_at}")
    return RENDER[language](emission).rstrip("\n") + mark + _assigned(shell, state)


def stepping_aside(shell: str, left: int) -> str:
    """The code that leaves the variables alone until they change.

    If the token ends in `left` seconds, the shell asks again then; otherwise it does not.
    """
    if left > 0:
        return _assigned(shell, {"state": "waits", "told": 0, "left": left, "wait": left})
    return _assigned(shell, {"state": "aside", "told": 1})


def _assigned(shell: str, state: Mapping[str, str | int]) -> str:
    form = "set _tastyauth_{} {};" if shell == "fish" else "_tastyauth_{}={};"
    return "".join(form.format(name, value) for name, value in state.items()) + "\n"


def _text(name: str) -> str:
    with open(os.path.join(os.path.dirname(__file__), name), encoding="ascii") as file:
        return file.read()


def _fish_word(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'"
