"""Runs a command line and reports every failure; the only place that catches all of them.

Whatever ends a run of `env` in a shell format (a mistyped flag, an unknown profile, a refused
grant, a bug, INT, QUIT, TERM or HUP) leaves one line on stdout that unsets the exports and fails
with the same code, since `eval` of nothing succeeds.
"""

import errno
import gc
import os
import sys
import time
from _signal import SIGINT  # type: ignore[import-not-found]  # the public module imports enum
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module

from tastyauth import export, locate, posix
from tastyauth.cli import grammar
from tastyauth.cli.command import Arguments
from tastyauth.cli.commands import COMMANDS
from tastyauth.cli.console import Console, reserve_standard_descriptors
from tastyauth.errors import (
    NO_PROFILE,
    PERHAPS_A_PROFILE,
    OutputError,
    Stopped,
    TastyauthError,
    TemporaryError,
    UsageError,
    reason_of,
)
from tastyauth.secret import addressed, mask

_SCARCE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)
"""The errors of a system that has run out of files, memory or processes."""

Run = Callable[[Arguments, Console], int]
"""Runs a command, given its arguments and the console; returns the exit code."""

_SHORT = ("env", "token", "exec", "validate")
"""Commands that end before there is any garbage worth collecting (`tastyauth._entry`)."""

_EVERYWHERE = ("validate", "no-secrets", "schema", "explain")
"""Commands that also work on Windows."""


def main(argv: Sequence[str] | None = None, started_at: float | None = None) -> int:
    """Runs one command; returns the exit code (the table is in `tastyauth.errors`).

    `started_at`, in epoch seconds, is when this process began to wait for its answer.
    """
    reserve_standard_descriptors()
    words = grammar.read(sys.argv[1:] if argv is None else argv)
    if words.command not in _SHORT:
        gc.enable()
    console = Console(os.environ)
    try:
        posix.raise_when_stopped()
        posix.forbid_core_dumps()  # from here on there may be secrets
        posix.heed_children()
        arguments = grammar.parse(words)
        console.command = {"secret": "secret set"}.get(arguments.command, arguments.command)
        console.quiet, console.verbose = arguments.quiet, arguments.verbose
        console.color = arguments.color
        arguments.started_at = time.time() if started_at is None else started_at
        if arguments.command not in _EVERYWHERE:
            posix.require(arguments.command)
        return runner(arguments.command)(arguments, console)
    except BaseException as error:  # noqa: BLE001  # the one boundary
        return ended(words.every, error, console)


def runner(command: str) -> Run:
    """The function that runs a command; only its module is imported."""
    module, _, function = COMMANDS[command].function.partition(":")
    run: Run = getattr(import_module(f"tastyauth.cli.{module}"), function)
    return run


def ended(words: Sequence[str], error: BaseException, console: Console | None = None) -> int:
    """Reports how a run ended, on stderr and to `eval`; returns its exit code."""
    console = console or Console(os.environ)
    if isinstance(error, grammar.Shown):
        try:
            console.out(str(error))
        except OutputError as failed:
            console.error(failed)
            return failed.exit_code
        return 0
    if isinstance(error, KeyboardInterrupt):
        error = Stopped(SIGINT)  # it came before the handlers were there
    if isinstance(error, Stopped):
        code = error.exit_code
    else:
        known = error if isinstance(error, TastyauthError) else _bug(error, console)
        if "tastyauth " in known.hint:
            _fit_hint(known, grammar.read(words), console)
        console.error(known)
        code = known.exit_code
    if failure := _eval_failure(grammar.read(words), code, console):
        with suppress(OutputError):
            console.out(failure)
    return code


def _fit_hint(error: TastyauthError, asked: grammar.Words, console: Console) -> None:
    """Names this run's profile and config in a hint's commands, or the config with the profile.

    They must not reach another account when they are typed literally. For a mistaken line the
    profile is only one that was named: there the default is what a plain command means, too.
    """
    from tastyauth.cli.inputs import find, flags_of, read_config  # late: most runs do not fail

    flag = asked.text("config")
    profile = asked.text("profile") or console.environ.get("TASTYAUTH_PROFILE")
    own = f"{locate.config_directory(console.environ)}/{locate.CONFIG_NAME}"
    with suppress(TastyauthError, OSError):
        if (
            error.reason == NO_PROFILE
            and (not flag and find(None, console)[0] != own)
            and profile in {it.name for it in read_config(own, console)[0].profiles}
        ):
            error.advise(f"your own config has it: --config {posix.quote(own)}")
        if error.reason == PERHAPS_A_PROFILE:
            otherwise, _, if_it_is = error.hint.partition(grammar.IF_A_PROFILE)
            names = {it.name for it in read_config(flag, console)[0].profiles}
            error.advise(f"did you mean: {if_it_is}" if asked.places[0] in names else otherwise)
        if not isinstance(error, UsageError):
            profile = profile or read_config(flag, console)[0].default_name
    error.advise(addressed(error.hint, flags_of(profile and mask(profile), flag)))


def _eval_failure(asked: grammar.Words, code: int, console: Console) -> str:
    """Makes `eval` fail after a failed `env`, even one that could not be parsed; else nothing."""
    command = asked.command or ""
    meant = command if command in COMMANDS else grammar.nearest(command, COMMANDS)
    if meant != "env" and (command in COMMANDS or "env" not in asked.every):
        return ""
    from tastyauth import shells  # late, as below: most runs do not fail

    output = asked.text("format")
    failure = shells.FAILURE.get(output if output in shells.FORMATS else "sh")
    if failure is None:
        return ""
    names = export.DEFAULT_NAMES
    with suppress(Exception):  # this run has failed already, and said why
        from tastyauth.cli.inputs import read_config

        names = read_config(asked.text("config"), console, trusted=True)[0].shell_names()
    return failure(names, code)


def _bug(error: BaseException, console: Console) -> TastyauthError:
    """Describes a bug by its place and kind, since its text may hold a secret.

    Running out of files or memory is not a bug.
    """
    if isinstance(error, MemoryError):
        error = OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
    if isinstance(error, OSError) and error.errno in _SCARCE:
        return TemporaryError(reason_of(error), "end other programs, or raise the limit: ulimit -a")
    places = []
    frame = error.__traceback__
    while frame is not None:
        code = frame.tb_frame.f_code
        places.append(f"{os.path.basename(code.co_filename)}:{frame.tb_lineno} {code.co_name}")
        frame = frame.tb_next
    console.detail("\n".join(places))
    hint = "please report it with this line; -v shows the traceback"
    return TastyauthError(f"a bug in tastyauth: {type(error).__name__} at {places[-1]}", hint)
