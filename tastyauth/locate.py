"""Finds the config, the cache and the state, and checks who owns them.

Everything here is a few system calls over strings: it runs on every start.
"""

import os
import stat

CONFIG_NAME = "tastyauth.yaml"
LARGEST_CONFIG = 64 * 1024
"""Bytes."""

LARGEST_FILE = 512 * 1024
"""Bytes. The outline of the largest config has some 400 KiB; tastyauth writes no larger file."""

_NEAR_MISSES = ("tastyauth.yml", ".tastyauth.yaml", ".tastyauth.yml")
_SYSTEM_DIRECTORY = "/etc/tastyauth"

REQUIRED = "TASTYAUTH_REQUIRE_ENVIRONMENT"
"""Like --require-environment: the environment that a profile must be for."""

FLAG, ENVIRONMENT, PROJECT, USER, SYSTEM = "flag", "environment", "project", "user", "system"
"""How a config was found."""

TRUSTED_ORIGINS = (FLAG, USER, SYSTEM)
"""The origins trusted without approval: the others are found, or named by what any `.env` sets."""

_READING = os.O_RDONLY | getattr(os, "O_CLOEXEC", getattr(os, "O_BINARY", 0))
"""How a config is opened; the last flag is for Windows, which would change line endings."""

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` and `collections.abc` would cost more than all the work here
    from collections.abc import Mapping

    Environ = Mapping[str, str]
else:
    Environ = dict


def find_config(
    flag: str | None, environ: Environ, passed_over: "list[str] | None" = None
) -> tuple[str, str]:
    """The absolute path of the config and how it was found.

    `--config`, else `$TASTYAUTH_CONFIG`, else the nearest one of the project, else the user's,
    else the machine's. Raises ConfigNotFound, with the places looked at. A config of the project
    that is neither this user's nor root's goes to `passed_over`: in a shared directory anybody
    could shadow the user's own.
    """
    named = flag if flag is not None else environ.get("TASTYAUTH_CONFIG")
    if named or flag is not None:
        return _file(absolute(named or "", environ)), ENVIRONMENT if flag is None else FLAG
    strangers = [] if passed_over is None else passed_over
    own = ((config_directory(environ), USER), (_SYSTEM_DIRECTORY, SYSTEM))
    looked_at: list[str] = []
    for directory, origin in (*((it, PROJECT) for it in project_directories(environ)), *own):
        path = f"{directory}/{CONFIG_NAME}"
        looked_at.append(path)
        if not os.path.lexists(path):
            continue
        if origin == PROJECT:
            if _is_strangers(path):
                strangers.append(path)
                continue
            for place, its_origin in own:  # which may be the working directory
                if _is_same(directory, place):
                    return _file(path), its_origin
        return _file(path), origin
    raise _not_found(f"no config: looked at {', '.join(looked_at)}", _advice(looked_at, strangers))


def read_config(path: str) -> bytes:
    """The bytes of a config, read once, so that what is checked is what runs.

    At most one byte more than a config may have. Raises ConfigNotFound.
    """
    try:
        descriptor = os.open(path, _READING)
        try:
            content = b""
            while more := os.read(descriptor, LARGEST_CONFIG + 1 - len(content)):
                content += more
            return content
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:  # a program may name what is not a path
        reason = getattr(error, "strerror", None) or "unreadable"
        what = f"cannot read the config {path}: {reason.lower()}"
        raise _not_found(
            what, "name another one with --config FILE or $TASTYAUTH_CONFIG, or make it readable"
        ) from None


def project_directories(environ: Environ) -> list[str]:
    """The working directory and those above it, up to the root of its repository.

    Outside a repository the working directory alone; never past the home directory, and never
    past a directory of another user.
    """
    try:
        here = os.getcwd()
    except OSError:
        return []
    inside = os.path.join(here, ".")
    root = repository_of(inside)
    if root is None or root == here:
        return [here]
    home = home_directory(environ)
    way = above(inside)
    way = way[: way.index(root) + 1]
    user = _user()
    try:
        is_open = all(os.stat(directory).st_uid == user for directory in way)
    except OSError:
        is_open = False
    return way if is_open and not any(_is_same(it, home) for it in way[:-1]) else [here]


def _user() -> int:
    """This user's ID; on Windows 0, which Python reports as every file's owner."""
    return os.geteuid() if hasattr(os, "geteuid") else 0


def above(path: str) -> list[str]:
    """The directories above an absolute path, the nearest first."""
    found = []
    while path.strip("/"):
        path = os.path.dirname(path)
        found.append(path)
    return found


def repository_of(path: str) -> str | None:
    """The nearest directory above `path` that is a git repository, None when there is none."""
    for directory in above(path):
        if os.path.lexists(f"{directory}/.git"):
            return directory
    return None


def home_directory(environ: Environ) -> str:
    """`$HOME`, or the one of the password database where it is missing or relative."""
    home = environ.get("HOME", "")
    if home.startswith("/"):
        return home.rstrip("/") or "/"
    try:
        import pwd

        return pwd.getpwuid(os.geteuid()).pw_dir
    except ImportError:  # Windows
        return os.path.expanduser("~")
    except KeyError:
        return "/"


def config_directory(environ: Environ) -> str:
    """The user's own, `$XDG_CONFIG_HOME/tastyauth` (XDG Base Directory Specification)."""
    return _xdg(environ, "XDG_CONFIG_HOME", ".config")


def state_directory(environ: Environ) -> str:
    """What must outlive the cache: approvals, rotated refresh tokens."""
    return _xdg(environ, "XDG_STATE_HOME", ".local/state")


def cache_directory(environ: Environ) -> str:
    """Where access tokens are kept: `$TASTYAUTH_CACHE_DIR`, else below the XDG cache directory."""
    own = environ.get("TASTYAUTH_CACHE_DIR", "")
    return own if own.startswith("/") else _xdg(environ, "XDG_CACHE_HOME", ".cache")


def ignored_cache_directory(environ: Environ) -> str:
    """A warning about a `$TASTYAUTH_CACHE_DIR` that is not an absolute path; '' when there is none.

    A relative one would be another directory in every place where tastyauth is called.
    """
    own = environ.get("TASTYAUTH_CACHE_DIR", "")
    if not own or own.startswith("/"):
        return ""
    used = cache_directory(environ)
    return f"TASTYAUTH_CACHE_DIR is not an absolute path and is ignored: tokens are kept in {used}"


def _xdg(environ: Environ, variable: str, fallback: str) -> str:
    base = environ.get(variable, "")
    if not base.startswith("/"):  # empty and relative values count as absent, says the standard
        base = f"{home_directory(environ).rstrip('/')}/{fallback}"
    return f"{base}/tastyauth"


def approved_hash(environ: Environ) -> str:
    """The plan that `$TASTYAUTH_TRUST_SHA256` approves, as `allow --print` shows its hash.

    None, "", at a terminal: any `.env` that is loaded there could set the variable.
    """
    given = environ.get("TASTYAUTH_TRUST_SHA256", "")
    if not given or any(map(os.isatty, (0, 1, 2))):
        return ""
    return "".join(given.lower().split()).removeprefix("sha256:")


def is_approved(approval: str, origin: str, environ: Environ) -> bool:
    """Whether what allowed a config to act still does: its origin, a file, or the variable."""
    if not approval:
        return origin in TRUSTED_ORIGINS
    if approval.startswith("/"):
        return os.path.lexists(approval)
    return approved_hash(environ) == approval


def meets(required: str, environ: Environ, environment: str) -> bool:
    """Whether a profile is for the environment that a flag or the variable requires, if any.

    `environment` is production or another word; empty where it is not known.
    """
    if environment not in ("", "production"):
        environment = "sandbox"
    return all(it in ("", environment) for it in (required, environ.get(REQUIRED, "")))


def absolute(path: str, environ: Environ) -> str:
    """`path` with a leading `~/` expanded, made absolute against the working directory."""
    if path == "~" or path.startswith("~/"):
        path = home_directory(environ) + path[1:]
    try:
        path = os.path.abspath(path)
    except FileNotFoundError:
        hint = "change to another one"
        raise _not_found("the working directory no longer exists", hint) from None
    if not path.startswith("/"):
        return path  # a drive of Windows
    return f"/{path.lstrip('/')}"  # POSIX keeps two slashes at the beginning apart from one


def check_private(directory: str) -> None:
    """Raises OSError unless `directory` is this user's, not a link, and closed to others."""
    found = os.lstat(directory)
    for is_wrong, how in (
        (stat.S_ISLNK(found.st_mode), "is a symbolic link"),
        (not stat.S_ISDIR(found.st_mode), "is not a directory"),
        (found.st_uid != os.geteuid(), "belongs to another user"),
        (found.st_mode & 0o077, "is open to other users; chmod 700 it"),
    ):
        if is_wrong:
            raise not_private(f"{directory} {how}")


def read_private(path: str) -> bytes | None:
    """The whole file, or None when there is none; raises OSError when it may not be used."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            raise not_private(f"{path} is not a regular file of this user")
        if found.st_mode & 0o077:
            raise not_private(f"{path} is open to other users; chmod 600 it")
        content = os.read(descriptor, min(found.st_size, LARGEST_FILE) + 1)
        if len(content) > LARGEST_FILE:
            raise not_private(f"{path} is larger than any file that tastyauth writes")
        return content
    finally:
        os.close(descriptor)


def input_state(kind: str, name: str, salt: str, environ: Environ) -> str:
    """The present state of an input, without opening anything."""
    if kind == "env":
        value = environ.get(name, "").encode("utf-8", "surrogateescape")
        return digest(value, bytes.fromhex(salt)) if value else "absent"
    if kind == "credential":
        directory = environ.get("CREDENTIALS_DIRECTORY")
        if not directory:
            return "absent"
        name = f"{directory}/{name}"
    try:
        found = os.stat(name)
    except OSError:
        return "absent"
    if stat.S_ISFIFO(found.st_mode):  # whose times change with each read
        return f"{found.st_dev} {found.st_ino}"
    identity = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return " ".join(map(str, identity))


def digest(content: bytes, key: bytes) -> str:
    """BLAKE2b, keyed, 128 bits, in hex: tells secrets apart without revealing them."""
    from _blake2 import blake2b  # a library to load; `hashlib` takes this one as well

    return blake2b(content, digest_size=16, key=key).hexdigest()


def not_private(reason: str) -> OSError:
    """What is wrong with a file or directory that should be private to this user."""
    error = OSError(reason)
    error.strerror = reason
    return error


def _file(path: str) -> str:
    """`path`; raises ConfigNotFound for a pipe or a terminal, at which a start would hang."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return path  # reading it will report why not
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return path
    raise _not_found(f"the config {path} is not a file", "remove it, or name one: --config FILE")


def _is_same(directory: str, other: str) -> bool:
    try:
        return directory == other or os.path.samefile(directory, other)
    except OSError:
        return False


def _is_strangers(path: str) -> bool:
    """Whether a file, or the link that leads to it, is neither this user's nor root's."""
    own = (0, _user())
    try:
        return os.lstat(path).st_uid not in own or os.stat(path).st_uid not in own
    except OSError:
        return False  # reading it will report what is wrong


def _not_found(message: str, hint: str) -> Exception:
    from tastyauth.errors import ConfigNotFound  # brings fourteen classes that a hit does not need

    # a line break in the name of a directory is no line of the hint
    return ConfigNotFound(message, hint.replace("\n", "\\n"))


def _advice(looked_at: list[str], strangers: list[str]) -> str:
    if strangers:
        path = strangers[0]
        return f"{path} belongs to another user; to use it anyway, name it with --config"
    for path in looked_at:
        for name in _NEAR_MISSES:
            near = f"{os.path.dirname(path)}/{name}"
            if os.path.lexists(near):
                return f"there is {near}; rename it to {CONFIG_NAME}"
    return "make one: tastyauth init; or name one with --config FILE or $TASTYAUTH_CONFIG"
