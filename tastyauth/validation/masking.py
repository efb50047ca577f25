"""The words of a config: which keys there are, what a mistyped one meant, and what may be shown.

A config can hold a secret by mistake, in any place. So nothing out of a file is ever repeated
unless it is a word of this vocabulary, close to one, or shaped like a name that people give to
things; everything else is `[hidden]`.
"""

import re
from collections.abc import Iterable

HIDDEN = "[hidden]"

ROOT_KEYS = ("version", "default_profile", "profiles")
PROFILE_KEYS = (
    "environment",
    "api_url",
    "client_id",
    "client_secret",
    "refresh_token",
    "exports",
    "timeout",
    "user_agent",
)
CREDENTIALS = ("client_id", "client_secret", "refresh_token")
SOURCE_KINDS = (
    "env",
    "file",
    "systemd_credential",
    "dotenv",
    "keyring",
    "command",
    "onepassword",
    "pass",
    "first_of",
)
ENVIRONMENTS = ("production", "sandbox", "custom")
EXPORTABLE = (
    "access_token",
    "expires_at",
    "environment",
    "profile",
    "api_url",
    "client_id",
    "authorization",
    "client_secret",
    "refresh_token",
)
_OTHER_KEYS = ("path", "permissions", "name", "service", "username", "argv", "line", "json", "any")

VOCABULARY = frozenset(
    (*ROOT_KEYS, *PROFILE_KEYS, *SOURCE_KINDS, *ENVIRONMENTS, *EXPORTABLE, *_OTHER_KEYS)
)

_ALIASES = {
    "version": ("v", "schemaversion", "configversion", "format"),
    "default_profile": ("default", "defaultaccount", "activeprofile", "currentprofile"),
    "profiles": ("accounts", "account"),
    "environment": ("environ", "mode", "stage"),
    "api_url": ("url", "baseurl", "apibaseurl", "host", "endpoint", "server", "origin", "apihost"),
    "client_id": ("id", "key", "appid", "apikey", "consumerkey", "clientkey", "applicationid"),
    "client_secret": ("secret", "appsecret", "apisecret", "providersecret", "consumersecret"),
    "refresh_token": ("token", "refresh", "grant", "remembertoken", "longlivedtoken", "rtoken"),
    "exports": ("variables", "vars", "outputs", "envvars"),
    "timeout": ("timelimit", "timeoutseconds", "timeouts", "limit"),
    "user_agent": ("agent", "ua", "useragentheader"),
    "env": ("var", "environment", "variable", "envvar", "environmentvariable", "environ"),
    "file": ("path", "filename", "secretfile", "fromfile"),
    "systemd_credential": ("systemd", "credential", "systemdcreds", "loadcredential", "creds"),
    "dotenv": ("envfile", "dotenvfile", ".env"),
    "keyring": ("keychain", "secretservice", "wallet", "kwallet", "libsecret", "secrettool"),
    "command": ("cmd", "exec", "run", "shell", "program", "script", "process"),
    "onepassword": ("op", "1password", "onepass", "opref"),
    "pass": ("passwordstore", "gopass", "passentry"),
    "first_of": ("anyof", "oneof", "fallback", "fallbacks", "tryall", "try", "chain", "first"),
    "production": ("prod", "live", "real", "prd"),
    "sandbox": ("cert", "paper", "test", "demo", "dev", "development", "staging", "sim", "uat"),
    "path": ("file", "filename"),
    "name": ("key", "variable", "var", "env"),
    "service": ("servicename", "collection", "account"),
    "username": ("user", "login", "entry", "item", "account", "key", "attribute"),
    "argv": ("args", "cmd", "command", "exec", "arguments", "run"),
    "line": ("linenumber", "lineno", "row"),
    "json": ("jsonpointer", "pointer", "jsonpath", "jq", "field"),
    "permissions": ("mode", "perms", "permission", "chmod"),
    "any": ("all", "ignore", "skip", "off", "none", "unsafe"),
    "access_token": ("token", "accesstoken", "bearer"),
    "expires_at": ("expiry", "expires", "expiration", "expiresat", "exp"),
    "authorization": ("header", "auth", "authheader", "bearertoken"),
    "profile": ("name", "profilename", "account"),
}
_ALIAS_WORDS = frozenset(word for words in _ALIASES.values() for word in words)

_LONGEST_SHOWN = 48
# Not compiled until a problem is told, as most files have none.
_PIECE = r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])"
_WORD_LIKE = r"[A-Za-z]+(?:[_. -][A-Za-z]+)*(?:[_.-]?[0-9]{1,2})?"
_LONGEST_PIECE = 14
_PRONOUNCEABLE_FROM = 6
_ACCOUNT_NUMBER = r"[0-9][A-Z]{2}[0-9]{5}"
_HARMLESS = r"(?i:[-+]?[0-9]{1,4}(?:\.[0-9]{0,3})?|~|null|true|false|yes|no|on|off|y|n)"


def is_harmless(text: str) -> bool:
    """Whether `text` is too short a number, or too plain a word, to be anybody's secret."""
    return re.fullmatch(_HARMLESS, text) is not None


def shown(text: str) -> str:
    """`text` when it reads like a name somebody gave to a thing, else `[hidden]`.

    A name is made of words: letters with vowels, at most 14 in a row, with at most two digits at
    the end. Keys, tokens and generated passwords are not. An account number keeps its last four,
    and a known word what it is when more follows it.
    """
    if is_known(text) or _reads_like_a_name(text):
        return text
    if re.fullmatch(_ACCOUNT_NUMBER, text):
        return f"****{text[-4:]}"
    first, blank, _ = text.partition(" ")
    return f"{first} {HIDDEN}" if blank and first in VOCABULARY else HIDDEN


def _reads_like_a_name(text: str) -> bool:
    if len(text) > _LONGEST_SHOWN or not re.fullmatch(_WORD_LIKE, text):
        return False
    return all(_is_word(piece) for piece in re.findall(_PIECE, text))


def _is_word(piece: str) -> bool:
    if len(piece) > _LONGEST_PIECE:
        return False
    vowels = sum(letter in "aeiouy" for letter in piece.lower())
    return len(piece) < _PRONOUNCEABLE_FROM or vowels * 5 >= len(piece)


def is_known(text: str) -> bool:
    """Whether `text` is a word of a config, or one that people use for such a word."""
    return text in VOCABULARY or normalized(text) in _ALIAS_WORDS


def shown_path(text: str) -> str:
    """A path of the file system when all its steps read like names, else `[hidden]`.

    Home directories name people, and are hidden.
    """
    steps = text.removeprefix("~").split("/")
    if steps[1:2] == ["home"] or steps[1:2] == ["Users"] or steps[1:2] == ["root"]:
        return HIDDEN
    readable = all(not step.strip(".") or shown(step.lstrip(".")) != HIDDEN for step in steps)
    return text if readable and len(text) <= _LONGEST_SHOWN else HIDDEN


def normalized(word: str) -> str:
    """`word` without case and without what stands between its parts."""
    return "".join(character for character in word.lower() if character.isalnum())


def meant(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `word` was most likely meant to be, or None.

    First the same word in another case or with other separators, then a word that other programs
    use for it, then one or two mistyped letters (one for short words, a third of longer ones).
    """
    candidates = tuple(known)
    plain = normalized(word)
    if not plain:
        return None
    for candidate in candidates:
        if normalized(candidate) == plain:
            return candidate
    for candidate in candidates:
        if plain in _ALIASES.get(candidate, ()):
            return candidate
    return _nearest(plain, candidates)


def _nearest(plain: str, candidates: tuple[str, ...]) -> str | None:
    allowed = 1 if len(plain) <= 5 else min(len(plain) // 3, 3)
    if len(plain) < 3 or len(plain) > 2 * _LONGEST_PIECE:
        return None
    distances = [(_distance(plain, normalized(word)), word) for word in candidates]
    distance, word = min(distances, default=(allowed + 1, ""), key=lambda pair: pair[0])
    return word if distance <= allowed else None


def _distance(left: str, right: str) -> int:
    """Insertions, deletions, replacements and swaps of neighbours that turn one into the other."""
    rows = [list(range(len(right) + 1))]
    for i, a in enumerate(left, 1):
        row = [i]
        for j, b in enumerate(right, 1):
            cost = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]


def place(path: tuple[str | int, ...]) -> str:
    """How a report calls the value at `path`: `live.refresh_token.env`, `[hidden]` where needed."""
    steps = path[1:] if len(path) > 1 and path[0] == "profiles" else path
    name = ""
    for step in steps:
        if isinstance(step, int):
            name += f"[{step}]"
        else:
            name += f".{shown(step)}" if name else shown(step)
    return name


def quoted(path: tuple[str | int, ...]) -> str:
    """The place in quotes, or "the file" for the root."""
    return f'"{place(path)}"' if path else "the file"


def pointer(path: tuple[str | int, ...]) -> str:
    """The place as a JSON Pointer (RFC 6901, section 5), `[hidden]` where needed."""
    steps = (str(step) if isinstance(step, int) else shown(step) for step in path)
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
