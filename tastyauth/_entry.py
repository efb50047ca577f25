"""The console script: a fresh token in the time it takes to start Python, else the full program.

The fast lane answers the exact forms `env`, `token` and `exec -- CMD ...`, with `-p` and
`--config`, from a fresh entry. It shares its modules with the full command line, so the two cannot
disagree; every other form, and every doubt, goes there.
"""

import os
import sys
import time

from tastyauth import cache, export, launch, locate
from tastyauth.errors import TastyauthError, cannot_write

_VALUED = {"-p": "profile", "--profile": "profile", "--config": "config"}


class _Wish:
    """What the lane was asked for."""

    __slots__ = ("argv", "command", "config", "header", "profile")

    def __init__(self) -> None:
        self.command = ""
        self.config: str | None = None
        self.profile: str | None = None
        self.header = False
        self.argv: list[str] = []


def main() -> None:
    """Runs the command line of this process, and ends it."""
    started_at = time.time()
    words = sys.argv[1:]
    code = _hit(words)
    if code is None:
        from tastyauth import cli

        code = cli.main(words, started_at)
    # everything is written and checked; tearing the interpreter down would cost 12 % of a hit
    os._exit(code)


def _hit(words: list[str]) -> int | None:
    """The exit code of an answer from the cache, None when the full command line must answer."""
    wish = _wish(words)
    if wish is None or sys.stdin is None or sys.stdout is None or sys.stderr is None:
        return None
    try:
        view = _look(wish)
        if view.profile is None or view.entry is None:
            return None
        if cache.judge(view.entry, time.time()) != cache.FRESH:
            return None
        return _answer(wish, view.profile, view.entry, words)
    except (OSError, TastyauthError):
        return None  # whatever it is, it is said in full there


def _wish(words: list[str]) -> _Wish | None:
    wish = _Wish()
    rest = iter(words)
    for word in rest:
        name = _VALUED.get(word)
        if name is not None:
            value = next(rest, "")
            if not value or value[0] == "-":
                return None
            setattr(wish, name, value)
        elif word == "--header" and wish.command == "token":
            wish.header = True
        elif word == "--" and wish.command == "exec":
            wish.argv = list(rest)
        elif not wish.command and word in ("env", "token", "exec"):
            wish.command = word
        else:
            return None
    return wish if wish.command and (wish.argv or wish.command != "exec") else None


def _look(wish: _Wish) -> cache.View:
    """What the cache holds for the wish; raises OSError or TastyauthError on any doubt."""
    found = locate.find_config(wish.config, os.environ)
    profile = wish.profile or os.environ.get("TASTYAUTH_PROFILE")
    return cache.look(found, locate.read_config(found[0]), profile, os.environ)


def _answer(
    wish: _Wish, profile: cache.ProfileOutline, entry: cache.Entry, words: list[str]
) -> int | None:
    """Hands the token out in the way that was wished for; None when that is not for the lane."""
    if wish.command == "token":
        return _print(export.token(entry.fields, header=wish.header), words)
    emission = export.emission(profile.name, profile.exports, profile.foreign, entry.fields)
    if wish.command == "env":
        # on a terminal the full command line also says how to use what it prints
        return None if os.isatty(1) else _print(export.sh(emission), words)
    if len(emission.pairs) < len(profile.exports):
        return None  # a long-lived secret is resolved anew each time
    launch.become(wish.argv, os.environ, profile.variables() + profile.foreign, emission.pairs)
    return None


def _print(text: str, words: list[str]) -> int:
    data = text.encode()
    try:
        while data:
            data = data[os.write(1, data) :]
    except OSError as error:
        from tastyauth import cli

        return cli.failed(words, cannot_write(error))
    return 0
