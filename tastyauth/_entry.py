"""The console script: a fresh token in the time it takes to start Python, else the full program.

The fast lane answers the exact forms `env`, `token` and `exec -- CMD ...`, with `-p` and
`--config`, from a fresh entry. It shares its modules with the full command line, so the two cannot
disagree; every other form, and every case of doubt, goes there.
"""

import gc

gc.disable()  # the process ends before there is any garbage worth collecting

import _signal  # type: ignore[import-not-found]  # noqa: E402  # loaded in any interpreter
import os  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from _signal import SIG_IGN, getsignal, signal  # noqa: E402

from tastyauth import cache, export, locate  # noqa: E402

Wish = tuple[str, dict[str, str], list[str]]
"""What the lane is asked for: the command, its options, and the command line of `exec`."""

_VALUED = {
    "-p": "profile",
    "--profile": "profile",
    "--config": "config",
    "--require-environment": "required",
}

_NAMES = ("SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP")
_ENDING = [getattr(_signal, name) for name in _NAMES if hasattr(_signal, name)]
"""Signals that ask a process to end, those that this system has."""


def main() -> None:
    """Runs the command line of this process, and ends it."""
    started_at = time.time()
    words = sys.argv[1:]
    for number in _ENDING:
        if getsignal(number) is not SIG_IGN:  # as by `nohup`
            signal(number, _stopped)
    try:
        wish = _wish(words) if hasattr(os, "geteuid") else None  # Windows has no users
        code = None if wish is None else _lane(wish, started_at)
        if code is None:
            from tastyauth import cli

            code = cli.main(words, started_at)
    except BaseException as error:  # noqa: BLE001  # a bug must not look like success to `eval`
        code = _broken(words, error)
    # everything is written and checked; tearing the interpreter down would cost 12 % of a hit
    os._exit(code)


def _stopped(number: int, _: object) -> None:
    """Ends the process and makes `eval` fail, until the full program can do so itself."""
    for each in _ENDING:
        signal(each, SIG_IGN)
    error = BaseException()
    try:
        from tastyauth.errors import Stopped

        error = Stopped(number)
    except ImportError:  # it came while that was being loaded
        vars(error)["exit_code"] = 128 + number
    os._exit(_broken(sys.argv[1:], error))


def _broken(words: list[str], error: BaseException) -> int:
    """Reports a failure even when little else works, not even loading the command line."""
    try:
        from tastyauth import cli

        return cli.ended(words, error)
    except BaseException:  # noqa: BLE001
        code: int | None = getattr(error, "exit_code", None)
        if code is None:
            code = 70
            os.write(2, b"tastyauth: error: tastyauth cannot be loaded\n")
            os.write(2, b"tastyauth: hint: install it again, and look at PYTHONPATH\n")
        if "env" in words:
            os.write(1, export.sh_failure(export.DEFAULT_NAMES, code).encode())
        return code


def _lane(wish: Wish, started_at: float) -> int | None:
    """The exit code; None when the full program must take over, for example to fetch a token."""
    if sys.stdin is None or sys.stdout is None or sys.stderr is None:
        return None
    options, passed_over = wish[1], list[str]()
    try:
        found = locate.find_config(options.get("config"), os.environ, passed_over)
        profile = options.get("profile") or os.environ.get("TASTYAUTH_PROFILE") or None
        content, required = locate.read_config(found[0]), options.get("required", "")
        asked = cache.Asked(found, content, profile, os.environ, required)
    except Exception:  # noqa: BLE001  # whatever it is, it is said in full there
        return None
    if passed_over:
        return None
    behind = ""
    try:
        view = cache.look(asked)
        behind = view.profile.behind if view.profile is not None else ""
        if wish[0] == "exec" and view.profile and not export.need_token(view.profile.exports):
            return None  # nor does it wait for a token that nobody needs
        if not locate.meets(asked.required, asked.environ, behind):
            return None  # before anything is waited for
        if cache.decide(view.entry, None, cache.Terms(), time.time()) == cache.SERVE:
            return _answer(wish, asked, view)
    except OSError:
        pass  # no cache yet, or one that may not be used
    if not locate.meets(asked.required, asked.environ, behind):
        return None
    return _queue(wish, asked, started_at)


def _queue(wish: Wish, asked: cache.Asked, started_at: float) -> int | None:
    """Waits for the process that fetches the token, before anything heavy is imported."""
    try:
        from tastyauth import posix
        from tastyauth.cache import lock

        posix.raise_when_stopped()
        view = lock.line_up(asked, started_at)
        return None if view is None else _answer(wish, asked, view)
    except (OSError, ImportError):
        return None  # there can be no cache, or no lock; the full program reports why


def _wish(words: list[str]) -> Wish | None:
    command = ""
    options: dict[str, str] = {}
    argv: list[str] = []
    rest = iter(words)
    for word in rest:
        name = _VALUED.get(word)
        if name is not None and (command or name != "required"):
            value = next(rest, "")
            if not value or value[0] == "-":
                return None
            options[name] = value
        elif word == "--header" and command == "token":
            options["header"] = word
        elif word == "--" and command == "exec":
            argv = list(rest)
        elif not command and word in ("env", "token", "exec"):
            command = word
        else:
            return None
    return (command, options, argv) if command and (argv or command != "exec") else None


def _answer(wish: Wish, asked: cache.Asked, view: cache.View) -> int | None:
    """Hands out the token as asked; None when that is a job for the full program."""
    command, options, argv = wish
    profile, entry = view.profile, view.entry
    if profile is None or entry is None:
        return None
    if command == "token":
        return _print(export.token(entry.fields, header="header" in options))
    exports = export.for_shell(profile.exports)
    pairs = export.assign(exports, entry.fields)
    unset = cache.others_names(profile, asked)
    if command == "env":
        # on a terminal the full command line also says how to use what it prints
        if os.isatty(1) or not pairs or len(exports) < len(profile.exports):
            return None
        return _print(export.sh(pairs, unset))
    if len(exports) < len(profile.exports):
        return None  # a long-lived secret is resolved anew each time
    from tastyauth import posix

    posix.become(argv, os.environ, profile.variables + unset, pairs)
    return None


def _print(text: str) -> int:
    data = text.encode()
    try:
        while data:
            data = data[os.write(1, data) :]
    except OSError as error:
        from tastyauth.errors import cannot_write

        raise cannot_write(error) from None
    return 0
