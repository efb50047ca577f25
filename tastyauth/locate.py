"""Where the config, the cache and the state are, and whose they are.

Everything here is a few system calls over strings: it runs on every start.
"""

import os
import stat

CONFIG_NAME = "tastyauth.yaml"
LARGEST_CONFIG = 64 * 1024
"""Bytes."""

LARGEST_FILE = 512 * 1024
"""Bytes. The outline of the largest config has some 400 KiB; a larger file is not ours."""

_NEAR_MISSES = ("tastyauth.yml", ".tastyauth.yaml", ".tastyauth.yml")
_SYSTEM_DIRECTORY = "/etc/tastyauth"

FLAG, ENVIRONMENT, PROJECT, USER, SYSTEM = "flag", "environment", "project", "user", "system"
"""How a config was found."""

TRUSTED_ORIGINS = (FLAG, USER, SYSTEM)
"""What may be trusted without approval: the rest is found, or named by what any `.env` can set."""

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
    else the machine's. Raises ConfigNotFound, with the places looked at.

    In a directory that others can write, anybody could shadow the user's own config. So one of the
    project that belongs to neither this user nor root goes to `passed_over` instead.
    """
    strangers = [] if passed_over is None else passed_over
    if flag is not None:
        return _file(absolute(flag, environ)), FLAG
    named = environ.get("TASTYAUTH_CONFIG")
    if named:
        return _file(absolute(named, environ)), ENVIRONMENT
    looked_at: list[str] = []
    for origin, directories in (
        (PROJECT, project_directories(environ)),
        (USER, [config_directory(environ)]),
        (SYSTEM, [_SYSTEM_DIRECTORY]),
    ):
        for directory in directories:
            path = f"{directory}/{CONFIG_NAME}"
            if origin == PROJECT and _is_strangers(path):
                strangers.append(path)
            elif os.path.lexists(path):
                return _file(path), _place_of(path, origin, environ)
            looked_at.append(path)
    raise _not_found(f"no config: looked at {', '.join(looked_at)}", _advice(looked_at, strangers))


def read_config(path: str) -> bytes:
    """The bytes of a config, read once: what is judged is what runs. Raises ConfigNotFound.

    One byte more than a config may have, at the most.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return _read(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise _not_found(
            f"cannot read the config {path}: {reason}",
            "name another one with --config FILE, or make it readable",
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
    if all(map(_is_mine, way)) and not any(_is_same(it, home) for it in way[:-1]):
        return way
    return [here]


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
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:
        return "/"


def config_directory(environ: Environ) -> str:
    """The user's own, `$XDG_CONFIG_HOME/tastyauth` (XDG Base Directory Specification)."""
    return _xdg(environ, "XDG_CONFIG_HOME", ".config")


def state_directory(environ: Environ) -> str:
    """What must outlive the cache: approvals, rotated refresh tokens."""
    return _xdg(environ, "XDG_STATE_HOME", ".local/state")


def at_terminal() -> bool:
    """Whether a person can see or type any of this, whatever variables say."""
    return any(map(os.isatty, (0, 1, 2)))


def approved_hash(environ: Environ) -> str:
    """The plan that `$TASTYAUTH_TRUST_SHA256` approves, as `allow --print` shows its hash.

    At a terminal none: any `.env` that is loaded there could set the variable.
    """
    given = environ.get("TASTYAUTH_TRUST_SHA256", "")
    if not given or at_terminal():
        return ""
    return "".join(given.lower().split()).removeprefix("sha256:")


def cache_directory(environ: Environ) -> str:
    """Where access tokens wait: `$TASTYAUTH_CACHE_DIR`, else below the XDG cache directory."""
    own = environ.get("TASTYAUTH_CACHE_DIR", "")
    return own if own.startswith("/") else _xdg(environ, "XDG_CACHE_HOME", ".cache")


def absolute(path: str, environ: Environ) -> str:
    """`path` with a leading `~/` expanded, made absolute against the working directory."""
    if path == "~" or path.startswith("~/"):
        path = home_directory(environ) + path[1:]
    try:
        path = os.path.abspath(path)
    except FileNotFoundError:
        raise _not_found(
            "the working directory does not exist any more", "change to another one"
        ) from None
    return f"/{path.lstrip('/')}"  # POSIX keeps two slashes at the beginning apart from one


def check_private(directory: str) -> None:
    """Raises OSError unless `directory` is ours, no link, and closed to everybody else."""
    found = os.lstat(directory)
    if stat.S_ISLNK(found.st_mode):
        raise not_private(f"{directory} is a symbolic link")
    if not stat.S_ISDIR(found.st_mode):
        raise not_private(f"{directory} is not a directory")
    if found.st_uid != os.geteuid():
        raise not_private(f"{directory} belongs to another user")
    if found.st_mode & 0o077:
        raise not_private(f"{directory} is open to other users; chmod 700 it")


def read_private(path: str) -> bytes | None:
    """The whole file, or None when there is none; raises OSError when it may not be used."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            raise not_private(f"{path} is not a file of this user")
        if found.st_mode & 0o077:
            raise not_private(f"{path} is open to other users; chmod 600 it")
        content = os.read(descriptor, min(found.st_size, LARGEST_FILE) + 1)
        if len(content) > LARGEST_FILE:
            raise not_private(f"{path} is too large to be ours")
        return content
    finally:
        os.close(descriptor)


def not_private(reason: str) -> OSError:
    """What is wrong with a file or directory that should be this user's alone."""
    error = OSError(reason)
    error.strerror = reason
    return error


def _place_of(path: str, origin: str, environ: Environ) -> str:
    """`origin`, but for somebody who stands in the directory of his own or the machine's config."""
    if origin == PROJECT:
        for place, directory in ((USER, config_directory(environ)), (SYSTEM, _SYSTEM_DIRECTORY)):
            if _is_same(os.path.dirname(path), directory):
                return place
    return origin


def _file(path: str) -> str:
    """`path`, unless it is a pipe or a terminal: a start would wait there for ever.

    Nor could it be read twice, as it is: by what is in a hurry, and in full.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return path  # to read it will say why not
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return path
    raise _not_found(f"the config {path} is not a file", "remove it, or name one: --config FILE")


def _is_same(directory: str, other: str) -> bool:
    try:
        return directory == other or os.path.samefile(directory, other)
    except OSError:
        return False


def _is_mine(directory: str) -> bool:
    try:
        return os.stat(directory).st_uid == os.geteuid()
    except OSError:
        return False


def _is_strangers(path: str) -> bool:
    """Whether a file, or the link that leads to it, is neither this user's nor root's."""
    try:
        owners = {os.lstat(path).st_uid}
        owners.add(os.stat(path).st_uid)
    except OSError:
        return False  # there is none, or to read it will say what is wrong
    return not owners <= {0, os.geteuid()}


def _not_found(message: str, hint: str) -> Exception:
    from tastyauth.errors import ConfigNotFound  # fourteen classes that a hit does not need

    return ConfigNotFound(message, hint)


def _read(descriptor: int) -> bytes:
    content = b""
    while len(content) <= LARGEST_CONFIG:
        more = os.read(descriptor, LARGEST_CONFIG + 1 - len(content))
        if not more:
            break
        content += more
    return content


def _xdg(environ: Environ, variable: str, fallback: str) -> str:
    base = environ.get(variable, "")
    if not base.startswith("/"):  # empty and relative values count as absent, says the standard
        base = f"{home_directory(environ).rstrip('/')}/{fallback}"
    return f"{base}/tastyauth"


def _advice(looked_at: list[str], strangers: list[str]) -> str:
    for path in strangers:
        return f"{path} belongs to another user; to use it all the same: --config {path}"
    for path in looked_at:
        for name in _NEAR_MISSES:
            near = f"{os.path.dirname(path)}/{name}"
            if os.path.lexists(near):
                return f"there is {near}; rename it to {CONFIG_NAME}"
    return "make one: tastyauth init; or name one with --config FILE or $TASTYAUTH_CONFIG"
