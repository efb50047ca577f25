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


RENDER = {"sh": sh, "json": json}
"""How each format says names and values."""

FAILURE = {"sh": sh_failure}
"""The shell formats, and how each fails; a data format prints nothing instead."""

UNSET = {"sh": sh_unset}


def _sh_unset(names: tuple[str, ...]) -> str:
    return f"unset {' '.join(names)};" if names else ""


def _sh_word(value: str) -> str:
    if value and value[0] in _BARE_FIRST and _BARE.issuperset(value):
        return value
    return f"\"$(printf '{''.join(map(_octal, value))}')\""


def _octal(character: str) -> str:
    return character if character in _OCTAL_KEPT else f"\\{ord(character):03o}"
