"""Names and values in the words of the shell, and the line that makes `eval` fail.

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

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./"
_BARE = LETTERS + "+:@%,=-"
_NEVER_FIRST = "=~-"  # zsh expands a leading =, and - may read as an option

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


def token(fields: dict[str, str], *, header: bool) -> str:
    """The bare access token, or the header that carries it (RFC 6750, section 2.1)."""
    return (
        f"Authorization: {fields['authorization']}\n" if header else f"{fields['access_token']}\n"
    )


def sh(pairs: Pairs, unset: tuple[str, ...]) -> str:
    """For bash, zsh, dash, ksh, mksh, yash and busybox: names to set, and names to unset first."""
    statements = [f"export {name}={_sh_word(value)};" for name, value in pairs]
    return f"{_sh_unset(unset)}{''.join(statements)}\n"


def sh_failure(names: tuple[str, ...], code: int) -> str:
    """What `eval` must run when there is no token: no stale value stays, and it fails too."""
    return f"{_sh_unset(names)}(exit {code});\n"


def sh_unset(names: tuple[str, ...]) -> str:
    """What `--unset` prints."""
    return f"{_sh_unset(names)}\n"


def _sh_unset(names: tuple[str, ...]) -> str:
    return f"unset {' '.join(names)};" if names else ""


def _sh_word(value: str) -> str:
    return value if is_bare(value) else f"\"$(printf '{octal(value)}')\""


def is_bare(value: str) -> bool:
    """Whether every shell takes it as it is, without quotes."""
    return value.strip(_BARE) == "" != value and value[0] not in _NEVER_FIRST


def octal(value: str) -> str:
    """In the words of `printf`: what is not sure to mean itself is `\\ooo`."""
    return "".join(c if c in LETTERS else f"\\{ord(c):03o}" for c in value)
