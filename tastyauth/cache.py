"""Where access tokens wait between commands: found, judged, stored and cleared.

Two kinds of files serve a start. The *outline* of a config says, for the bytes of a config that
were found valid, what each profile exports and which cheap inputs it has: variables, files,
credentials. An *entry* is one access token, named by the digest of the config, the profile and
what those inputs hold at the moment; so a changed variable or file finds no entry, and a shell
with a variable set beside a cron job without it keep one entry each. Both hold fields, one a line,
and no shell code. Anything odd about a file makes it a miss.
"""

import os

from tastyauth import __version__, locate, private

try:
    from _blake2 import blake2b
except ImportError:  # an interpreter built without it
    from hashlib import blake2b

_OUTLINE_MAGIC = f"tastyauth {__version__} outline 2"
_ENTRY_MAGIC = "tastyauth entry 1"
_END = "end"
"""The last line of an outline, which would make sense without its last lines too."""

FRESH, SOFT, STALE = "fresh", "soft", "stale"

_SOFT_WINDOW = 300.0
"""Seconds before the end in which one caller renews ahead; a third of a shorter life."""

_DEFAULT_MIN_VALID = 60.0
"""Seconds a token must have left; a sixth of a shorter life."""

Pairs = tuple[tuple[str, str], ...]


class ProfileOutline:
    """What the hot path needs of a profile, and nothing that is secret."""

    __slots__ = ("exports", "foreign", "inputs", "name")

    def __init__(self, name: str, exports: Pairs, foreign: tuple[str, ...], inputs: Pairs) -> None:
        self.name = name
        self.exports = exports
        self.foreign = foreign
        self.inputs = inputs

    def variables(self) -> tuple[str, ...]:
        """The variables that its references read."""
        return tuple(name for kind, name in self.inputs if kind == "env")


class Outline:
    """A config in the terms of the hot path; `data` is all it says, as JSON, for the cold one."""

    __slots__ = ("approval", "config", "data", "default", "path", "profiles", "salt")

    def __init__(
        self,
        path: str,
        config: str,
        salt: str,
        approval: str,
        default: str,
        profiles: dict[str, ProfileOutline],
        data: str = "",
    ) -> None:
        self.path = path
        self.config = config
        self.salt = salt
        self.approval = approval
        self.default = default
        self.data = data
        self.profiles = profiles

    def profile(self, name: str | None) -> ProfileOutline | None:
        """The profile of that name, or the default one; None when there is none."""
        return self.profiles.get(name or self.default)


class Entry:
    """An access token and what goes with it; `fields` is what exports may name.

    Epoch seconds: `issued_at` is before the token was asked for, `stored_at` after it had come.
    """

    __slots__ = ("expires_at", "fields", "issued_at", "stored_at")

    def __init__(self, fields: dict[str, str], issued_at: int, stored_at: float) -> None:
        self.fields = fields
        self.issued_at = issued_at
        self.expires_at = int(fields["expires_at"])
        self.stored_at = stored_at

    @property
    def life(self) -> int:
        """Seconds, from being asked for to the end."""
        return self.expires_at - self.issued_at


class View:
    """What one look at the cache found for one profile of one config.

    `outline` is None unless it belongs to these very bytes of the config and what approved it
    still does; `profile`, `name` and `entry` follow from it.
    """

    __slots__ = ("directory", "entry", "name", "outline", "outline_name", "profile")

    def __init__(self, directory: str, outline_name: str) -> None:
        self.directory = directory
        self.outline_name = outline_name
        self.outline: Outline | None = None
        self.profile: ProfileOutline | None = None
        self.name = ""
        self.entry: Entry | None = None

    @property
    def lock_path(self) -> str:
        """Where those meet who are after the same thing: this entry, or the outline first."""
        return f"{self.directory}/{self.name or self.outline_name}.lock"

    @property
    def attempt_path(self) -> str:
        """Where it is written how the last attempt at this entry ended."""
        return f"{self.directory}/{self.name}.attempt"


class Asked:
    """Which token is meant: a profile of the config that was found, in an environment.

    `path` and `origin` say which config and how it was found; `content` is what was read there,
    once; `profile` is None for the default one.
    """

    __slots__ = ("content", "environ", "origin", "path", "profile")

    def __init__(
        self,
        found: tuple[str, str],
        content: bytes,
        profile: str | None,
        environ: locate.Environ,
    ) -> None:
        self.path, self.origin = found
        self.content = content
        self.profile = profile
        self.environ = environ


def look(asked: Asked) -> View:
    """What the cache holds for this; raises OSError when its directory may not be used."""
    path, environ = asked.path, asked.environ
    directory = locate.cache_directory(environ)
    view = View(directory, outline_name(path, locate.home_directory(environ)))
    private.check(directory)
    outline = read_outline(directory, path, view.outline_name)
    if outline is None or outline.config != digest(asked.content):
        return view
    if not approved(outline, asked.origin, environ):
        return view
    view.outline = outline
    view.profile = outline.profile(asked.profile)
    if view.profile is not None:
        view.name = f"{view.outline_name}.{entry_name(outline, view.profile, environ)}"
        view.entry = read_entry(directory, view.name)
    return view


def digest(content: bytes, key: bytes = b"") -> str:
    """BLAKE2b, 128 bits, in hex."""
    return blake2b(content, digest_size=16, key=key).hexdigest()


def outline_name(path: str, home: str) -> str:
    """Names the outline of a config: `~` in it depends on the home directory."""
    return digest(f"{path}\0{home}".encode("utf-8", "surrogateescape"))


def entry_name(outline: Outline, profile: ProfileOutline, environ: locate.Environ) -> str:
    """Names the entry of a profile for what its inputs hold now."""
    parts = [outline.path, outline.config, profile.name]
    parts += [f"{kind} {name} {_state(kind, name, environ)}" for kind, name in profile.inputs]
    content = "\0".join(parts).encode("utf-8", "surrogateescape")
    return digest(content, bytes.fromhex(outline.salt))


def read_outline(directory: str, path: str, name: str) -> Outline | None:
    """The outline of that name, of the config at `path`, or None; raises nothing."""
    lines = _read(f"{directory}/{name}.outline", _OUTLINE_MAGIC)
    try:
        return _outline(path, lines) if lines else None
    except (ValueError, IndexError, KeyError):
        return None


def read_entry(directory: str, name: str) -> Entry | None:
    """The entry of that name, or None; raises nothing."""
    lines = _read(f"{directory}/{name}.entry", f"{_ENTRY_MAGIC} {name}")
    try:
        fields = dict(line.split("\t") for line in lines)
        issued_at, stored_at = int(fields.pop("issued_at")), float(fields.pop("stored_at"))
        return Entry(fields, issued_at, stored_at)
    except (ValueError, KeyError):
        return None


def judge(entry: Entry, now: float, min_valid: float | None = None) -> str:
    """Whether an entry is FRESH, worth renewing ahead (SOFT), or no answer any more (STALE)."""
    life, left = entry.life, entry.expires_at - now
    if life <= 0 or entry.issued_at > now:
        return STALE  # a clock was set back, or is not to be believed
    if min_valid is None or min_valid >= life:  # more than a token of this server can have
        min_valid = min(_DEFAULT_MIN_VALID, life / 6)
    if left <= 0 or left < min_valid:
        return STALE
    return SOFT if left < min(_SOFT_WINDOW, life / 3) else FRESH


def approved(outline: Outline, origin: str, environ: locate.Environ) -> bool:
    """Whether what allowed this config to act still does."""
    if outline.approval == "":
        return origin in locate.TRUSTED_ORIGINS
    if outline.approval.startswith("/"):
        return os.path.lexists(outline.approval)
    return environ.get("TASTYAUTH_TRUST_SHA256") == outline.approval


def write_outline(directory: str, outline: Outline, name: str) -> None:
    """Raises OSError, or ValueError for a path that a line cannot hold."""
    lines = [
        f"config\t{outline.config}",
        f"salt\t{outline.salt}",
        f"approval\t{outline.approval}",
        f"default\t{outline.default}",
        f"data\t{outline.data}",
    ]
    for profile in outline.profiles.values():
        lines.append(f"profile\t{profile.name}")
        lines += [f"export\t{name}\t{field}" for name, field in profile.exports]
        lines += [f"foreign\t{name}" for name in profile.foreign]
        lines += [f"input\t{kind}\t{name}" for kind, name in profile.inputs]
    lines.append(_END)
    _write(f"{directory}/{name}.outline", _OUTLINE_MAGIC, lines)


def write_entry(directory: str, name: str, entry: Entry) -> None:
    """Raises OSError."""
    lines = [f"{key}\t{value}" for key, value in entry.fields.items()]
    lines += [f"issued_at\t{entry.issued_at}", f"stored_at\t{entry.stored_at!r}"]
    _write(f"{directory}/{name}.entry", f"{_ENTRY_MAGIC} {name}", lines)


def clear(directory: str, config: str = "") -> int:
    """Removes entries and records of attempts: all, or those of the outline named `config`.

    Returns how many tokens there were; raises OSError. Locks stay, somebody may hold one.
    """
    tokens = 0
    for name in _names(directory):
        if name.startswith(config) and name.endswith((".entry", ".attempt", ".outline")):
            private.remove(f"{directory}/{name}")
            tokens += name.endswith(".entry")
    return tokens


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []


def _outline(path: str, lines: list[str]) -> Outline:
    if lines[-1] != _END:
        raise ValueError("cut")
    head = dict(line.split("\t", 1) for line in lines[:5])
    profiles: dict[str, ProfileOutline] = {}
    exports: list[tuple[str, str]] = []
    foreign: list[str] = []
    inputs: list[tuple[str, str]] = []
    name = None
    for line in [*lines[5:-1], "profile\t"]:
        words = line.split("\t", 2)  # a path may hold a tab
        if words[0] == "export":
            exports.append((words[1], words[2]))
        elif words[0] == "foreign":
            foreign.append(words[1])
        elif words[0] == "input":
            inputs.append((words[1], words[2]))
        else:
            if name is not None:
                profiles[name] = ProfileOutline(name, tuple(exports), tuple(foreign), tuple(inputs))
            name, exports, foreign, inputs = words[1], [], [], []
    return Outline(
        path,
        head["config"],
        head["salt"],
        head["approval"],
        head["default"],
        profiles,
        head["data"],
    )


def _state(kind: str, name: str, environ: locate.Environ) -> str:
    """What an input holds now, without opening anything."""
    if kind == "env":
        value = environ.get(name)
        return f"={value}" if value else "absent"
    if kind == "credential":
        directory = environ.get("CREDENTIALS_DIRECTORY")
        if not directory:
            return "absent"
        name = f"{directory}/{name}"
    try:
        found = os.stat(name)
    except OSError:
        return "absent"
    identity = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return " ".join(map(str, identity))


def _read(path: str, magic: str) -> list[str]:
    try:
        content = private.read(path)
        lines = content.decode("utf-8", "surrogateescape").split("\n") if content else [""]
    except (OSError, ValueError):
        return []
    if lines[0] != magic or lines[-1] != "":  # foreign, of another version, or cut
        return []
    return lines[1:-1]


def _write(path: str, magic: str, lines: list[str]) -> None:
    content = "\n".join((magic, *lines, "")).encode("utf-8", "surrogateescape")
    if content.count(b"\n") != len(lines) + 1:
        raise ValueError("a line break in a field")
    private.write(path, content)
