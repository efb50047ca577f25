"""Finds cached access tokens and decides whether to use them.

The *outline* of a config holds the exact bytes that were found valid, and what each profile exports
and reads: variables, files, credentials. An *entry* is one access token. It opens with what it
belongs to: an outline, a profile, and what those inputs hold now, so a changed variable or file
finds no entry. Both hold fields, one per line, and no shell code. Any damage is a miss.
"""

from _imp import source_hash  # SipHash, in every interpreter, where `_blake2` is a library to load

from tastyauth import __version__, export, locate

OUTLINE_MAGIC = f"tastyauth {__version__} outline 6"
ENTRY_MAGIC = "tastyauth entry 3"
END = b"\nend\n"  # between the lines of an outline and the config

SERVE, AHEAD, ASK, HOLD = "serve", "ahead", "ask", "hold"
"""What `decide` returns."""

SOFT_WINDOW = 300.0
"""Seconds before expiry in which one caller renews ahead, at most; a third of a shorter life."""

SOFT_GAP = 60.0
"""Seconds between two early renewals of one entry."""

DEFAULT_MIN_VALID = 60.0
"""Seconds a token must have left; a sixth of a shorter life."""

_LATEST = 1e11  # epoch seconds; some three thousand years from now

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tastyauth.cache.last_attempt import Attempt

Pairs = export.Exports
Names = tuple[str, ...]


class ProfileOutline:
    """What the hot path needs to know about a profile; nothing secret.

    `names` are the variables that tastyauth may set for other profiles of the config; `variables`
    are those that the references of any of its profiles read; `behind` is that of `Profile`.
    """

    def __init__(
        self,
        name: str,
        exports: Pairs,
        names: Names,
        inputs: Pairs,
        variables: Names,
        behind: str = "custom",
    ) -> None:
        self.name, self.behind = name, behind
        self.exports, self.names = exports, names
        self.inputs, self.variables = inputs, variables

    @property
    def foreign(self) -> Names:
        """The variables for other profiles that `env` does not set for this one."""
        own = {name for name, _ in export.for_shell(self.exports)}
        return tuple(name for name in self.names if name not in own)


class Outline:
    """A config in the terms of the hot path.

    `config` is the file, byte for byte, and `data` its content as JSON; `salt` is random, and new
    when these bytes change.
    """

    def __init__(
        self,
        config: bytes,
        salt: str,
        approval: str,
        default: str,
        profiles: dict[str, ProfileOutline],
        data: str = "",
    ) -> None:
        self.config, self.data, self.salt = config, data, salt
        self.approval, self.default, self.profiles = approval, default, profiles


class Entry:
    """An access token and what belongs to it; `fields` are what exports may name.

    Epoch seconds: `issued_at` is before the request, `stored_at` after the response. `life` is the
    time from the request to expiry, in seconds, and `ahead` how long before expiry it is renewed;
    machines that share a token draw it at random, so that they do not all renew at once.
    """

    def __init__(
        self, fields: dict[str, str], issued_at: int, stored_at: float, ahead: float | None = None
    ) -> None:
        self.fields, self.issued_at, self.stored_at = fields, issued_at, stored_at
        self.expires_at = int(fields["expires_at"])
        self.life = self.expires_at - issued_at
        self.ahead = min(SOFT_WINDOW, self.life / 3) if ahead is None else ahead


class View:
    """What the cache holds for one profile of one config.

    `outline` is None unless it matches the config byte for byte and is still approved; `profile`,
    `belongs_to`, `name` and `entry` follow from it.
    """

    def __init__(self, directory: str, outline_name: str) -> None:
        self.directory = directory
        self.outline_name = outline_name
        self.outline: Outline | None = None
        self.profile: ProfileOutline | None = None
        self.belongs_to = ""
        self.name = ""
        self.entry: Entry | None = None

    @property
    def lock_path(self) -> str:
        """The lock of this entry, or of the outline while there is none."""
        return f"{self.directory}/{self.name or self.outline_name}.lock"

    @property
    def entry_path(self) -> str:
        """The file of the token."""
        return f"{self.directory}/{self.name}.entry"

    @property
    def attempt_path(self) -> str:
        """The record of the last attempt to get this entry."""
        return f"{self.directory}/{self.name}.attempt"


class Asked:
    """Which token is wanted: a profile of a config, in an environment.

    `found` is the path of the config and its origin (how it was found); `content` was read there,
    once; `profile` is None for the default one; `config` is what its outline belongs to. `required`
    is the only environment that the profile may be of, empty for any.
    """

    def __init__(
        self,
        found: tuple[str, str],
        content: bytes,
        profile: str | None,
        environ: locate.Environ,
        required: str = "",
    ) -> None:
        self.path, self.origin = found
        self.content, self.environ = content, environ
        self.profile, self.required = profile, required
        self.config = config_of(self.path, environ)


def look(asked: Asked) -> View:
    """What the cache holds for this; raises OSError when its directory may not be used."""
    environ = asked.environ
    directory = locate.cache_directory(environ)
    locate.check_private(directory)
    view = View(directory, name_of(asked.config))
    outline = read_outline(directory, asked.config)
    if outline is None or outline.config != asked.content:
        return view
    if not locate.is_approved(outline.approval, asked.origin, environ):
        return view
    view.outline, view.profile = outline, outline.profiles.get(asked.profile or outline.default)
    if view.profile is not None:
        view.belongs_to = belongs_to(outline, view.profile, environ)
        view.name = f"{view.outline_name}.{name_of(view.belongs_to)}"
        view.entry = read_entry(view.entry_path, view.belongs_to)
    return view


def config_of(path: str, environ: locate.Environ) -> str:
    """What the outline of the config at `path` belongs to; `~` in it depends on the home."""
    return f"{path}\0{locate.home_directory(environ)}"


def others_names(profile: ProfileOutline, asked: Asked) -> Names:
    """The variables to unset when this profile is chosen, since another may have set them.

    The token file of an `exec --keep-fresh` that runs for this very profile stays.
    """
    path = asked.environ.get(export.TOKEN_FILE)
    if not path or f"/{file_prefix(asked, profile)}" not in path:
        return profile.foreign
    return tuple(name for name in profile.foreign if name != export.TOKEN_FILE)


def file_prefix(asked: Asked, profile: ProfileOutline) -> str:
    """The prefix of a token file's directory, which identifies the profile whose token it holds.

    The same profile is another account when a variable that it reads holds something else.
    """
    parts = [asked.config, profile.name]
    for kind, name in profile.inputs:
        if kind in ("env", "credential"):
            variable = name if kind == "env" else "CREDENTIALS_DIRECTORY"
            parts.append(asked.environ.get(variable, ""))
    content = "\0".join(parts).encode("utf-8", "surrogateescape")
    return f"tastyauth-{locate.digest(content, b'')}-"


def belongs_to(outline: Outline, profile: ProfileOutline, environ: locate.Environ) -> str:
    """What an entry of a profile belongs to, given what its inputs hold now."""
    parts = [outline.salt, profile.name]
    for kind, name in profile.inputs:
        parts.append(f"{kind} {name} {locate.input_state(kind, name, outline.salt, environ)}")
    return "\0".join(parts)


def name_of(belongs_to: str) -> str:
    """The name of a file; its first line says in full what it belongs to."""
    return source_hash(0, belongs_to.encode("utf-8", "surrogateescape")).hex()


def checksum_of(content: bytes) -> bytes:
    """The line before the fields of an entry."""
    return source_hash(0, content).hex().encode()


def read_outline(directory: str, config: str) -> Outline | None:
    """The outline that belongs to `config`, or None; raises nothing."""
    content = _read(f"{directory}/{name_of(config)}.outline", f"{OUTLINE_MAGIC} {config}")
    lines, end, config_bytes = content.partition(END)
    try:
        return _outline(_lines(lines + b"\n"), config_bytes) if end else None
    except (ValueError, IndexError, KeyError):
        return None


def read_entry(path: str, belongs_to: str) -> Entry | None:
    """The entry at `path` if it belongs to `belongs_to`, else None; raises nothing."""
    checksum, _, content = _read(path, f"{ENTRY_MAGIC} {belongs_to}").partition(b"\n")
    if checksum != checksum_of(content):
        return None
    try:
        fields = dict(line.split("\t") for line in _lines(content))
        issued_at, stored_at = int(fields.pop("issued_at")), float(fields.pop("stored_at"))
        entry = Entry(fields, issued_at, stored_at, float(fields.pop("ahead")))
    except (ValueError, KeyError):
        return None
    # a larger number is not a time, and may be infinite or not a number
    times = (issued_at, stored_at, entry.expires_at)
    return entry if all(abs(each) < _LATEST for each in times) else None


class Terms:
    """Which token a caller accepts.

    `min_valid` is in seconds, None for the default; `started_at` is in epoch seconds. With
    `refresh`, only a token that comes after `started_at` will do; a `heedful` caller (a program,
    not a person) still does not ask a server that has just failed.
    """

    def __init__(
        self,
        min_valid: float | None = None,
        refresh: bool = False,  # noqa: FBT001, FBT002
        started_at: float = float("inf"),
        heedful: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        self.min_valid = min_valid
        self.refresh = refresh
        self.started_at = started_at
        self.heedful = heedful


def decide(
    entry: Entry | None,
    attempt: "Attempt | None",
    terms: Terms,
    now: float,
    secrets: str | None = None,
) -> str:
    """The one policy: what to do about a token.

    SERVE the entry; serve it, and renew it AHEAD of time if the lock can be had at once; ASK the
    server for another; or HOLD back, because the last attempt failed and it is too soon to ask
    again. `attempt` is None where it was not read, `secrets` the digest of what would be sent, None
    while that is not known.
    """
    if entry is not None:
        came_since = entry.stored_at >= terms.started_at
        life, left = entry.life, entry.expires_at - now
        wanted = 0.0 if came_since else terms.min_valid
        if wanted is None or wanted >= life:  # more than any token from this server can have
            wanted = min(DEFAULT_MIN_VALID, life / 6)
        # a token from the future: the clock was set back, and its expiry cannot be believed
        is_good = entry.issued_at <= now < entry.expires_at and left >= wanted
        if is_good and (came_since or not terms.refresh):
            if came_since or left >= entry.ahead:
                return SERVE
            if attempt is None:
                return AHEAD
            is_early = attempt.soft_at <= now < attempt.soft_at + SOFT_GAP
            return SERVE if is_early or attempt.forbids(now, secrets) else AHEAD
    if attempt is None:
        return ASK
    if attempt.ended_since(terms.started_at, now):
        return HOLD  # everybody who was waiting shares the failure
    insists = terms.refresh and not terms.heedful
    return HOLD if not insists and attempt.forbids(now, secrets) else ASK


def _outline(lines: list[str], config: bytes) -> Outline:
    head = dict(line.split("\t", 1) for line in lines[:6])
    if int(head["size"]) != len(config):
        raise ValueError("cut")
    said: dict[str, tuple[str, list[str], list[tuple[str, str]], list[tuple[str, str]]]] = {}
    own: list[str] = []
    exports: list[tuple[str, str]] = []
    inputs: list[tuple[str, str]] = []
    for line in lines[6:]:
        kind, name, *rest = line.split("\t", 2)  # a path may hold a tab
        if kind == "profile":
            _, own, exports, inputs = said[name] = rest[0], [], [], []
        elif kind == "own":
            own.append(name)
        else:
            [value] = rest
            (exports if kind == "export" else inputs).append((name, value))
    names, profiles = head["names"].split(), {}
    read = {name for *_, inputs in said.values() for kind, name in inputs if kind == "env"}
    variables = tuple(sorted(read))
    for name, (behind, own, exports, inputs) in said.items():
        others = tuple(each for each in names if each not in own)
        what = tuple(exports), others, tuple(inputs), variables, behind
        profiles[name] = ProfileOutline(name, *what)
    return Outline(config, head["salt"], head["approval"], head["default"], profiles, head["data"])


def _lines(content: bytes) -> list[str]:
    *lines, last = content.decode("utf-8", "surrogateescape").split("\n")
    if last:
        raise ValueError("cut")
    return lines


def _read(path: str, magic: str) -> bytes:
    """What follows the first line; empty unless that line is `magic`."""
    try:
        content = locate.read_private(path) or b""
    except OSError:
        return b""
    first, _, rest = content.partition(b"\n")
    return rest if first == magic.encode("utf-8", "surrogateescape") else b""
