"""The command line: what was asked, done, and every failure told; the only place that catches.

Whatever ends a run of `env` in a shell format (a mistyped flag, an unknown profile, a refused
grant, a bug, INT, QUIT, TERM or HUP) leaves one line on stdout that unsets the exports and fails
with the same code, since `eval` of nothing succeeds.
"""

import gc
import os
import sys
import time
from _signal import (  # type: ignore[import-not-found]  # the public module imports enum
    SIG_DFL,
    SIGCHLD,
    SIGINT,
    signal,
)
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING

from tastyauth import export, launch
from tastyauth.cli.console import Console, reserve_standard_descriptors
from tastyauth.cli.wording import Shown, first_word, nearest
from tastyauth.errors import OutputError, Stopped, TastyauthError
from tastyauth.posix.signals import raise_when_stopped
from tastyauth.shells import formats

if TYPE_CHECKING:
    import argparse

    from tastyauth.cache.lock import Lock
    from tastyauth.cli.grammar import Commands

_SHORT = ("env", "token", "exec", "validate")
"""Commands that are over before there is anything worth collecting (`tastyauth._entry`)."""

_FILES = {
    "env": "use",
    "token": "use",
    "exec": "use",
    "init": "init",
    "secret": "secret",
    "hook": "hook",
    "allow": "trust",
    "deny": "trust",
    "validate": "validate",
    "no-secrets": "validate",
    "schema": "validate",
    "explain": "validate",
    "completion": "completion",
    "status": "status",
    "doctor": "doctor",
    "as-curl": "status",
    "clear": "status",
    "simulator": "simulator",
    "demo": "demo",
}
"""Every command, in the order of the help, and the file here that has it."""


def main(
    argv: Sequence[str] | None = None,
    started_at: float | None = None,
    held: "Lock | None" = None,
    plain: "tuple[str, dict[str, str], list[str]] | None" = None,
) -> int:
    """Runs one command; returns the exit code (the table is in `tastyauth.errors`).

    `started_at`, in epoch seconds, is when this process began to wait for its answer, `held` the
    lock that it has waited for, and `plain` what its fast lane has understood.
    """
    reserve_standard_descriptors()
    words = sys.argv[1:] if argv is None else list(argv)
    if first_word(words) not in _SHORT:
        gc.enable()
    console = Console(os.environ)
    try:
        raise_when_stopped()
        launch.forbid_core_dumps()  # from here on there may be secrets
        signal(SIGCHLD, SIG_DFL)  # ignored, every child would seem to succeed
        arguments = _arguments(words, plain)
        console.quiet = arguments.quiet
        console.verbose = arguments.verbose
        console.color = arguments.color
        arguments.started_at = time.time() if started_at is None else started_at
        arguments.held = held
        code: int = arguments.run(arguments, console)
        return code
    except BaseException as error:  # noqa: BLE001  # the one boundary
        return ended(words, error, console)


def ended(words: Sequence[str], error: BaseException, console: Console | None = None) -> int:
    """Tells how a run ended badly, on stderr and to `eval`; returns its exit code."""
    console = console or Console(os.environ)
    if isinstance(error, Shown):
        return _show(error.text, console)
    if isinstance(error, KeyboardInterrupt):
        error = Stopped(SIGINT)  # it came before the handlers were there
    if isinstance(error, Stopped):
        return _last_words(words, console, error.exit_code)
    known = error if isinstance(error, TastyauthError) else _bug(error, console)
    console.error(known)
    return _last_words(words, console, known.exit_code)


def _arguments(
    words: Sequence[str], plain: "tuple[str, dict[str, str], list[str]] | None"
) -> "argparse.Namespace":
    if plain is not None:
        from tastyauth.cli import use

        return use.plain(*plain)
    if words[:1] == ["validate"]:
        from tastyauth.cli import validate

        return validate.plain(words) or commands_for(words).parse(words)
    return commands_for(words).parse(words)


def _show(text: str, console: Console) -> int:
    try:
        console.out(text)
    except OutputError as error:
        console.error(error)
        return error.exit_code
    return 0


def commands_for(words: Sequence[str]) -> "Commands":
    """The grammar of the command that is asked for; of all, where help or a mistake needs them.

    Each file of commands brings its imports, and most starts need one file.
    """
    from tastyauth.cli.grammar import Commands

    commands = Commands(_FILES)
    wanted = _FILES.get(first_word(words) or "")
    for file in [wanted] if wanted else dict.fromkeys(_FILES.values()):
        import_module(f"tastyauth.cli.{file}").register(commands)
    return commands


def _last_words(words: Sequence[str], console: Console, code: int) -> int:
    """The last words of a run: what `eval` must see, when this was meant for one."""
    failure = formats.FAILURE.get(_format_asked_for(words) or "")
    if failure is not None:
        with suppress(OutputError):
            console.out(failure(_names_to_unset(words, console), code))
    return code


def _format_asked_for(words: Sequence[str]) -> str | None:
    """The format of an `env` that could not even be parsed; an unknown one is taken for sh."""
    command = first_word(words) or ""
    meant = command if command in _FILES else nearest(command, _FILES)
    if meant != "env" and (command in _FILES or "env" not in words):
        return None
    value = _value_of("--format", words) or "sh"
    return value if value in formats.FORMATS else "sh"


def _names_to_unset(words: Sequence[str], console: Console) -> tuple[str, ...]:
    """What a trusted config exports, else the four defaults: an untrusted file chooses no names."""
    try:
        from tastyauth.cli.inputs import trusted_config

        config = trusted_config(_value_of("--config", words), console)
    except Exception:  # noqa: BLE001  # this run has failed already, and said why
        return export.DEFAULT_NAMES
    return config.shell_names()


def _value_of(flag: str, words: Sequence[str]) -> str | None:
    found = None
    for word, following in zip(words, [*words[1:], None], strict=True):
        if word == flag:
            found = following
        elif word.startswith(f"{flag}="):
            found = word.partition("=")[2]
    return found


def _bug(error: BaseException, console: Console) -> TastyauthError:
    """Names the place and the kind, never the text: it may hold anything."""
    places = []
    frame = error.__traceback__
    while frame is not None:
        code = frame.tb_frame.f_code
        places.append(f"{os.path.basename(code.co_filename)}:{frame.tb_lineno} {code.co_name}")
        frame = frame.tb_next
    console.detail("\n".join(places))
    return TastyauthError(
        f"a bug of tastyauth: {type(error).__name__} at {places[-1]}",
        "please report it, with this line; -v shows the way there",
    )
