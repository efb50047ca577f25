"""Names and values in the words of each shell and format, and the line that makes `eval` fail.

Every value is printable ASCII by construction: tokens are checked when they arrive (RFC 6750,
section 2.1), everything else when the config is read. A shell form is one physical line, each
statement ended by `;`, so that `eval "$(...)"` and the unquoted `eval $(...)` read the same bytes.
"""

DEFAULT_EXPORTS = (
    ("TASTYTRADE_ACCESS_TOKEN", "access_token"),
    ("TASTYTRADE_ACCESS_TOKEN_EXPIRES_AT", "expires_at"),
    ("TASTYTRADE_ENV", "environment"),
    ("TASTYTRADE_API_URL", "api_url"),
)
DEFAULT_NAMES = tuple(name for name, _ in DEFAULT_EXPORTS)

SECRET_FIELDS = ("client_secret", "refresh_token")
"""What only `exec` hands out, and no cache holds."""

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./"
_BARE = frozenset(_LETTERS + "+:@%,=-")
_BARE_FIRST = _BARE - frozenset("=~-")  # zsh expands a leading =, and - may read as an option
_OCTAL_KEPT = frozenset(_LETTERS)
_DOTENV_SPECIAL = frozenset("'\"\\$`#")

Exports = tuple[tuple[str, str], ...]
"""Names, and what each stands for."""

Pairs = list[tuple[str, str]]
"""Names, and their values."""


def for_shell(exports: Exports) -> Exports:
    """What `env` may hand out: everything but the long-lived secrets."""
    return tuple(pair for pair in exports if pair[1] not in SECRET_FIELDS)


def assign(exports: Exports, fields: dict[str, str]) -> Pairs:
    """Names with their values: `exports` maps each name to a key of `fields`."""
    return [(name, fields[key]) for name, key in exports]


class Emission:
    """What one run of `env` says: names with values, and names that must not stay set."""

    __slots__ = ("expires_at", "pairs", "profile", "unset")

    def __init__(self, profile: str, expires_at: int, pairs: Pairs, unset: tuple[str, ...]) -> None:
        self.profile = profile
        self.expires_at = expires_at
        self.pairs = pairs
        self.unset = unset


def emission(
    profile: str, exports: Exports, foreign: tuple[str, ...], fields: dict[str, str]
) -> Emission:
    """What `env` says for a token with these `fields`; `foreign` is what other profiles export."""
    return Emission(profile, int(fields["expires_at"]), assign(for_shell(exports), fields), foreign)


def token(fields: dict[str, str], *, header: bool) -> str:
    """The bare access token, or the header that carries it (RFC 6750, section 2.1)."""
    return (
        f"Authorization: {fields['authorization']}\n" if header else f"{fields['access_token']}\n"
    )


def sh(emission: Emission) -> str:
    """For bash, zsh, dash, ksh, mksh, yash and busybox."""
    statements = [f"export {name}={_sh_word(value)};" for name, value in emission.pairs]
    return f"{_sh_unset(emission.unset)}{''.join(statements)}\n"


def sh_failure(names: tuple[str, ...], code: int) -> str:
    """What `eval` must run when there is no token: no stale value stays, and it fails too."""
    return f"{_sh_unset(names)}(exit {code});\n"


def sh_unset(names: tuple[str, ...]) -> str:
    """What `--unset` prints."""
    return f"{_sh_unset(names)}\n"


def fish(emission: Emission) -> str:
    """For fish, whose escapes are its own (`\\Xhh` is a byte)."""
    statements = [f"set -gx {name} {_fish_word(value)};" for name, value in emission.pairs]
    return f"{_fish_cleared(emission.unset)}{''.join(statements)}\n"


def fish_failure(names: tuple[str, ...], code: int) -> str:
    """fish has no `(exit 75)`: a subshell is not of its language."""
    return f"{_fish_unset(names)}sh -c 'exit {code}';\n"


def fish_unset(names: tuple[str, ...]) -> str:
    """What `--unset` prints."""
    return f"{_fish_cleared(names)}\n"


def csh(emission: Emission) -> str:
    """For csh and tcsh."""
    statements = [f"setenv {name} {_csh_word(value)};" for name, value in emission.pairs]
    return f"{_csh_unset(emission.unset)}{''.join(statements)}\n"


def csh_failure(names: tuple[str, ...], code: int) -> str:
    """As `sh_failure`."""
    return f"{_csh_unset(names)}(exit {code});\n"


def csh_unset(names: tuple[str, ...]) -> str:
    """What `--unset` prints."""
    return f"{_csh_unset(names)}\n"


def json(emission: Emission) -> str:
    """One JSON object, for programs and for shells without `eval`."""
    from json import dumps

    document = {
        "format_version": 1,
        "profile": emission.profile,
        "expires_at": emission.expires_at,
        "exports": dict(emission.pairs),
    }
    return dumps(document) + "\n"


def dotenv(emission: Emission) -> str:
    """Lines that docker's --env-file, systemd's EnvironmentFile= and python-dotenv read alike.

    docker takes quotes for part of the value and the others take them away, so nothing may need
    any; nothing that is exported does. Raises ConfigError if it should.
    """
    for name, value in emission.pairs:
        if _DOTENV_SPECIAL.intersection(value) or value != value.strip():
            from tastyauth.errors import ConfigError

            raise ConfigError(
                f"the value of {name} cannot be written so that every reader of .env agrees",
                "use another --format",
            )
    return "".join(f"{name}={value}\n" for name, value in emission.pairs)


def github_masks(emission: Emission, fields: dict[str, str]) -> str:
    """What a GitHub Actions step prints so that its log hides the token from then on."""
    secret = (fields["access_token"], fields["authorization"])
    return "".join(f"::add-mask::{value}\n" for _, value in emission.pairs if value in secret)


RENDER = {"sh": sh, "fish": fish, "csh": csh, "json": json, "dotenv": dotenv}
"""How each format says names and values."""

FAILURE = {"sh": sh_failure, "fish": fish_failure, "csh": csh_failure}
"""The shell formats, and how each fails; a data format prints nothing instead."""

UNSET = {"sh": sh_unset, "fish": fish_unset, "csh": csh_unset}
"""How each shell format takes everything back."""

GITHUB = "github-env"
"""The format that goes into a file: masks on stdout first, then lines in $GITHUB_ENV."""

FORMATS = (*RENDER, GITHUB)

USAGE = {
    "sh": "eval $(tastyauth env)",
    "fish": "tastyauth env --format fish | source",
    "csh": "eval `tastyauth env --format csh`",
}
"""What to type to use it."""


def _sh_unset(names: tuple[str, ...]) -> str:
    return f"unset {' '.join(names)};" if names else ""


def _sh_word(value: str) -> str:
    return value if _is_bare(value) else f"\"$(printf '{_octal(value)}')\""


def _fish_unset(names: tuple[str, ...]) -> str:
    return f"set -e {' '.join(names)};" if names else ""


def _fish_cleared(names: tuple[str, ...]) -> str:
    # erasing what is not set leaves a status behind that setting others does not change
    return f"{_fish_unset(names)}true;" if names else ""


def _fish_word(value: str) -> str:
    if _is_bare(value) and "%" not in value:  # %self is the number of the process
        return value
    return "".join(c if c in _OCTAL_KEPT else f"\\X{ord(c):02x}" for c in value) or "''"


def _csh_unset(names: tuple[str, ...]) -> str:
    return "".join(f"unsetenv {name};" for name in names)


def _csh_word(value: str) -> str:
    return value if _is_bare(value) else f"\"`printf '{_octal(value)}'`\""


def _is_bare(value: str) -> bool:
    return bool(value) and value[0] in _BARE_FIRST and _BARE.issuperset(value)


def _octal(value: str) -> str:
    return "".join(c if c in _OCTAL_KEPT else f"\\{ord(c):03o}" for c in value)
