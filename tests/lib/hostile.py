"""Values that careless code would mangle, expand or run; all of printable ASCII."""

import random

from tastyauth import shells
from tastyauth.errors import ConfigError
from tastyauth.shells import Emission

_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
_MARKS = [character for character in _PRINTABLE if not character.isalnum()]

TOKEN = "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJhcGkifQ.c2ln_bmF0-dXJl"
"""A token of the shape that the server gives."""

_WORDS = r"""
~ ~root ~+ a:~:b =ls == a=b= -n -e -- --help * a* ?b [a-z]* [!a] **/* {a,b} {1..3} a{,}b $HOME
${HOME} $((1+1)) $'a\n' $"a" $$ $? $ \ \\ a\ \n \052 \x41 \c % %s%d %self 100%% ' '' ''' " ""
it's '"'"' # ; a&b a&&b a|b a>b >decoy <decoy ! !! !$ a!b ^a^b^ ( ) (a) () @(a|b) +(a) if done
true null 0x10 1e3 NaN http://[::1]:8080/?a=b&c=%20d a~ $(id) `id` \\n %s%d%% 100% <a a== 0123
https://api.tastyworks.com http://[::1]:8080
"""

_BY_HAND = (
    *_WORDS.split(),
    *("", " a ", "a  b", "a   b    c", "$(echo run)", "`echo run`", "# not a comment", "a #b"),
    *("a;exit 3", "a;exit 3;", "a[$(echo run)0]", "<(echo run)", "x" * 2000 + " y"),
    *(TOKEN, f"Bearer {TOKEN}", _PRINTABLE, _PRINTABLE[::-1]),
)


def _by_chance(count: int) -> list[str]:
    chance = random.Random(20261124)
    return ["".join(chance.choices(_PRINTABLE, k=chance.randint(1, 30))) for _ in range(count)]


VALUES = tuple(
    dict.fromkeys(
        (
            *_BY_HAND,
            *_MARKS,
            *(f"a{mark}b" for mark in _MARKS),
            *(f"{mark}{mark}" for mark in _MARKS),
            *_by_chance(40),
        )
    )
)


FOREIGN = ("OLD", "NEVER_SET")
"""Names that only another profile exports."""


def emission(values: tuple[str, ...]) -> Emission:
    """What `env` would say if a profile exported these as V0, V1, …"""
    pairs = [(f"V{number}", value) for number, value in enumerate(values)]
    return Emission("live", 1764000900, pairs, FOREIGN)


def variables(values: tuple[str, ...]) -> dict[str, str]:
    """The variables that a shell must have after evaluating that."""
    return dict(emission(values).pairs)


def agreed(values: tuple[str, ...] = VALUES) -> tuple[str, ...]:
    """Those that the dotenv format takes: every reader of such files reads them alike."""
    taken = []
    for value in values:
        try:
            shells.dotenv(emission((value,)))
        except ConfigError:
            continue
        taken.append(value)
    return tuple(taken)
