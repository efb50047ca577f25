"""This process: how it becomes the user's program, and what it does when it is asked to stop."""

import _signal  # type: ignore[import-not-found]  # the public module imports enum
import os
import sys
from _signal import SIG_DFL, SIG_IGN, getsignal, raise_signal, signal

from tastyauth import export, locate
from tastyauth.errors import NOT_HERE, Stopped, TastyauthError, UsageError

_NO_CORE = 1
"""Bytes of a core dump. 0 is not heeded where a program takes the dumps, as in Ubuntu and Fedora;
1 is Linux's own sign for "never" (fs/coredump.c), and too short for a file."""

_ENDING = ("SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP")
_STOPPING = tuple(getattr(_signal, name) for name in _ENDING if hasattr(_signal, name))

_ENOEXEC, _E2BIG = 8, 7
"""The same on every Unix; `errno` is one more module to load."""

_BUILTINS = ("alias", "cd", "eval", "exec", "export", "set", "source", ".", ":", "ulimit", "unset")
"""Built into shells, and seldom programs: typed by somebody who expects a shell."""

_core_limit: tuple[int, int] | None = None
"""The caller's limit, once it was changed."""


class CannotStart(TastyauthError):
    """The program cannot be started: 127 when there is none, else 126, as a shell says it."""

    def __init__(
        self, program: str, error: OSError | ValueError, environ: locate.Environ | None = None
    ) -> None:
        """`environ` is the program's environment, whose PATH was searched."""
        reason = (error.strerror if isinstance(error, OSError) else None) or "not a program name"
        reason = reason.lower()
        missing = isinstance(error, FileNotFoundError | NotADirectoryError | ValueError)
        broken = _fault_of_script(program, error, environ)
        if broken:
            reason, hint = broken
        elif missing:
            hint = "check the command after --, and whether its directory is on PATH"
            if " " in program or program in _BUILTINS:
                hint += "\nexec runs no shell; for shell syntax, write -- sh -c 'ls -l'"
        elif isinstance(error, OSError) and error.errno == _E2BIG:
            hint = "make its arguments shorter, or its environment smaller"
        else:
            hint = "check that this user may execute it: ls -l"
        super().__init__(f"cannot start {program or 'nothing'}: {reason}", hint)
        self.exit_code = 127 if missing and not broken else 126


def _fault_of_script(
    program: str, error: OSError | ValueError, environ: locate.Environ | None
) -> tuple[str, str] | None:
    """What is wrong with an existing script, and what to do; None when nothing is known."""
    is_absent = isinstance(error, FileNotFoundError)
    is_denied = isinstance(error, PermissionError)
    if not (is_absent or is_denied or (isinstance(error, OSError) and error.errno == _ENOEXEC)):
        return None
    places = () if "/" in program else os.get_exec_path(environ)
    paths = (f"{it}/{program}" for it in places)
    path = next((it for it in paths if os.path.isfile(it) and os.access(it, os.X_OK)), program)
    try:
        with open(path, "rb") as file:
            line = os.fsdecode(file.readline(4096))
    except OSError:
        return None
    if line.startswith("\ufeff#!"):
        reason = "its first line begins with a byte order mark"
        return reason, f"remove it: sed -i '1s/^\\xef\\xbb\\xbf//' {quote(path)}"
    if is_denied and not (line.startswith("#!") and os.access(path, os.X_OK)):
        return None
    if not line.startswith("#!"):
        if is_absent or "\0" in line:
            return None
        hint = f"write #!/bin/sh as its first line, or run: sh {quote(program)}"
        return "it is a script without a #! line", hint
    if line.endswith("\r\n"):
        reason = "its first line ends with a carriage return, as lines do on Windows"
        return reason, f"remove them: sed -i 's/\\r$//' {quote(path)}"
    what = "is not executable" if is_denied else "cannot be found"
    return f"the program after #! in its first line {what}", "correct that line"


def quote(word: str) -> str:
    """`word` quoted for a shell, on one line and in characters that a terminal shows.

    Does not use `shlex.quote`, whose import costs more than a whole hit.
    """
    if not word.isprintable():  # as it stands, a report would show it escaped: another word
        octal = export.octal(os.fsencode(word).decode("latin-1"))
        # $(...) loses line breaks at the end; what keeps them is known to most shells, not to dash
        return f"$'{octal}'" if word.endswith("\n") else f"\"$(printf '{octal}')\""
    is_plain = word and not word.strip(export.LETTERS + "@%+=:,-")
    return word if is_plain else "'" + word.replace("'", "'\"'\"'") + "'"


def forbid_core_dumps(*, undo: bool = False) -> None:
    """Turns off core dumps, of this process and of those it starts.

    `undo` gives the caller's limit back, if it was changed. A sandbox may forbid either; the token
    matters more.
    """
    global _core_limit
    if undo and _core_limit is None:
        return
    try:
        import resource

        own = _core_limit = _core_limit or resource.getrlimit(resource.RLIMIT_CORE)
        none = (_NO_CORE if own[1] else 0, own[1])
        resource.setrlimit(resource.RLIMIT_CORE, own if undo else none)
    except (ImportError, OSError, ValueError):  # Windows has no `resource`
        return


def heed_children() -> None:
    """Stops ignoring SIGCHLD, which would make every child seem to succeed."""
    if hasattr(_signal, "SIGCHLD"):
        signal(_signal.SIGCHLD, SIG_DFL)


def require(command: str) -> None:
    """Raises UsageError where the system is not one that `command` can run on."""
    try:
        import fcntl  # noqa: F401  # stands for all that Windows has not
    except ImportError:
        raise UsageError(f"{command} needs Linux, macOS or WSL", NOT_HERE) from None


def become(
    argv: list[str],
    environ: locate.Environ,
    removed: tuple[str, ...],
    exports: list[tuple[str, str]],
) -> None:
    """Replaces this process by `argv`, run with `environment`; raises CannotStart.

    Its core limit is the caller's. Python ignores SIGPIPE and SIGXFSZ for itself; a program that
    should be ended by them must be. A program that ignores SIGCHLD never learns how its children
    ended.
    """
    variables = environment(environ, removed, exports)
    forbid_core_dumps(undo=True)
    for number in (_signal.SIGPIPE, _signal.SIGXFSZ, _signal.SIGCHLD):
        signal(number, SIG_DFL)
    try:
        os.execvpe(argv[0], argv, variables)  # noqa: S606  # the program the user named
    except (OSError, ValueError) as error:
        raise CannotStart(argv[0], error, variables) from None


def environment(
    environ: locate.Environ, removed: tuple[str, ...], exports: list[tuple[str, str]]
) -> dict[str, str]:
    """The variables of a program: `environ` with `exports` set and `removed` gone.

    So is LC_CTYPE if Python itself set it (PEP 538): it was not there at the start.
    """
    variables = {name: value for name, value in environ.items() if name not in removed}
    try:
        with open("/proc/self/environ", "rb") as file:
            if not any(part.startswith(b"LC_CTYPE=") for part in file.read().split(b"\0")):
                variables.pop("LC_CTYPE", None)
    except OSError:
        pass  # without /proc there is no telling
    variables.update(exports)
    return variables


def raise_when_stopped() -> None:
    """From now on the first of these signals raises Stopped, and the others are ignored.

    What the caller had ignored stays ignored: `nohup`, a background job.
    """
    for number in _STOPPING:
        if getsignal(number) is not SIG_IGN:
            signal(number, _stop)


def _stop(number: int, _: object) -> None:
    for each in _STOPPING:
        signal(each, SIG_IGN)
    raise Stopped(number)


class HeldBack:
    """A context that delays signals to its end, whatever handles them.

    For what must not be left half-done: a new refresh token that is nowhere else, a program that
    has been started and that nobody could end yet. Threads other than the main one are never
    interrupted, so nothing is held back there.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, object] = {}
        self._came: list[int] = []

    def __enter__(self) -> None:
        try:
            for number in _STOPPING:
                handler = getsignal(number)
                if handler not in (SIG_IGN, None):
                    self._handlers[number] = handler
                    signal(number, lambda number, _: self._came.append(number))
        except ValueError:
            self._handlers.clear()  # another thread
        except BaseException:
            self._restore()
            raise

    def __exit__(self, *_: object) -> None:
        try:
            self._restore()
        finally:  # one that has just been restored may have raised
            self._restore()
        if self._came:
            raise_signal(self._came[0])

    def _restore(self) -> None:
        for number, handler in self._handlers.items():
            signal(number, handler)


def interpreter() -> str | None:
    """The Python that runs this; None in a frozen program or in one that embeds Python.

    There `sys.executable -m …` would start the whole program once more.
    """
    name = os.path.basename(sys.executable or "").lower()
    is_python = "python" in name or "pypy" in name
    return sys.executable if is_python and not getattr(sys, "frozen", False) else None


def how_to_install(package: str) -> str:
    """What to type to install a package for this tastyauth."""
    with_pipx = f"pipx inject tastyauth {package}"
    if "/pipx/" in sys.prefix:
        return f"install it: {with_pipx}"
    if "/uv/tools/" in sys.prefix:
        return f"install it: uv tool install --with {package} tastyauth"
    with_pip = f"{quote(interpreter() or 'python3')} -m pip install {package}"
    return f"install it: {with_pip}; or, where pipx installed tastyauth: {with_pipx}"
