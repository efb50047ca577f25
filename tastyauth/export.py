"""Names and values as shell code, and the line that makes `eval` fail.

Every value is printable ASCII by construction: tokens are checked when they arrive (RFC 6750,
section 2.1), everything else when the config is read. A shell form is one physical line, ended by
`;`, so that `eval "$(...)"` and the unquoted `eval $(...)` read the same bytes.

A statement runs only if the one before it succeeded, so that a read-only variable fails the whole.
With an odd IFS, the unquoted form loses characters: a statement in front notices, before any value
could be exported in pieces, or shown by an error message. Only simple commands are used, since a
shell shows the whole line when it finds a syntax error.
"""

DEFAULT_EXPORTS = (
    ("TASTYTRADE_ACCESS_TOKEN", "access_token"),
    ("TASTYTRADE_ACCESS_TOKEN_EXPIRES_AT", "expires_at"),
    ("TASTYTRADE_ENV", "environment"),
    ("TASTYTRADE_API_URL", "api_url"),
    ("TASTYTRADE_PROFILE", "profile"),
)
TOKEN_FILE = "TASTYTRADE_ACCESS_TOKEN_FILE"  # noqa: S105
"""Names the file of `exec --keep-fresh` to its program."""

HOOK_MARK = "TASTYAUTH_HOOK"
"""Set by a hook to name its token, profile@expiry, for `status`."""

DEFAULT_NAMES = (*(name for name, _ in DEFAULT_EXPORTS), TOKEN_FILE)
"""What is unset when nothing is known about the config."""

SECRET_FIELDS = ("client_secret", "refresh_token")
"""The fields that only `exec` hands out and no cache holds."""

TOKEN_FIELDS = ("access_token", "expires_at", "authorization")
"""The fields that need an access token."""

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./"
_BARE = LETTERS + "+:@%,=-"
_NEVER_FIRST = "=~-"  # zsh expands a leading =, and - may read as an option

_IS_POSIX = 'test "$PPID"'
"""Fails in fish, which has no `unset`, and would show the whole line for that."""

_IS_WHOLE = f"test {LETTERS}-+:=@%,{LETTERS}-+:=@%,"
"""Fails where IFS splits a bare value: `test` then gets several words."""

_PRINTF_WORKS = """test A"$(printf '\\101')" = AA"""
"""The same for a value that needs quotes."""

Exports = tuple[tuple[str, str], ...]
"""Names, and what each stands for."""

Pairs = list[tuple[str, str]]
"""Names, and their values."""


def for_shell(exports: Exports) -> Exports:
    """What `env` may hand out: everything but the long-lived secrets."""
    return tuple(pair for pair in exports if pair[1] not in SECRET_FIELDS)


def need_token(exports: Exports) -> bool:
    """Whether `exec` needs a token: not where it hands out long-lived secrets without one."""
    fields = {field for _, field in exports}
    return fields.isdisjoint(SECRET_FIELDS) or not fields.isdisjoint(TOKEN_FIELDS)


def assign(exports: Exports, fields: dict[str, str]) -> Pairs:
    """Names with their values: `exports` maps each name to a key of `fields`."""
    return [(name, fields[key]) for name, key in exports]


def token(fields: dict[str, str], *, header: bool) -> str:
    """The bare access token, or the header that carries it (RFC 6750, section 2.1)."""
    return (
        f"Authorization: {fields['authorization']}\n" if header else f"{fields['access_token']}\n"
    )


def sh(pairs: Pairs, unset: tuple[str, ...]) -> str:
    """For bash, zsh, dash, ksh, mksh, yash and busybox: names to set, and names to unset first.

    Those to set are unset too: `typeset -u`, or `-i`, of a shell would change the token.
    """
    words = [value if is_bare(value) else f"\"$(printf '{octal(value)}')\"" for _, value in pairs]
    statements = [_IS_POSIX, _IS_WHOLE]
    if any(word[0] == '"' for word in words):
        statements.append(_PRINTF_WORKS)
    statements.append(" ".join(("unset", *unset, *(name for name, _ in pairs))))
    for (name, _), word in zip(pairs, words, strict=True):
        statements.append(f"export {name}={word}")
    return "&&".join(statements) + ";\n"


def sh_failure(names: tuple[str, ...], code: int) -> str:
    """What `eval` must run when there is no token: no stale value stays, and it fails too.

    `! :` fails without ending a shell under `set -e`, for the case that IFS takes the code away.
    """
    return f"{sh_unset(names).rstrip()}! :;(exit {code});\n"


def sh_unset(names: tuple[str, ...]) -> str:
    """What `--unset` prints."""
    return f"unset {' '.join(names)};\n" if names else "\n"


def is_bare(value: str) -> bool:
    """Whether every shell reads it literally without quotes."""
    return value.strip(_BARE) == "" != value and value[0] not in _NEVER_FIRST


def octal(value: str) -> str:
    """In the words of `printf`: what is not sure to mean itself is `\\ooo`."""
    return "".join(c if c in LETTERS else f"\\{ord(c):03o}" for c in value)
