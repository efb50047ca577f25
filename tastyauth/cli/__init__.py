"""The command line: what was asked, done, and every failure told; the only place that catches.

Whatever ends a run of `env` in a shell format (a mistyped flag, an unknown profile, a refused
grant, a bug, INT, TERM or HUP) leaves one line on stdout that unsets the exports and fails with
the same code, since `eval` of nothing succeeds.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from tastyauth import export
from tastyauth.cli.console import Console, reserve_standard_descriptors
from tastyauth.cli.grammar import Commands, Shown, first_word
from tastyauth.errors import OutputError, Stopped, TastyauthError

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(argv: Sequence[str] | None = None, started_at: float | None = None) -> int:
    """Runs one command; returns the exit code (the table is in `tastyauth.errors`).

    `started_at`, in epoch seconds, is when this process began to wait for its answer.
    """
    reserve_standard_descriptors()
    words = sys.argv[1:] if argv is None else list(argv)
    console = Console(os.environ)
    try:
        with _stoppable():
            return _run(words, console, time.time() if started_at is None else started_at)
    except TastyauthError as error:
        return failed(words, error, console)
    except Stopped as stopped:
        return _last_words(words, console, stopped.exit_code)
    except Exception as error:  # noqa: BLE001  # the one boundary
        return failed(words, _bug(error, console), console)


def failed(words: Sequence[str], error: TastyauthError, console: Console | None = None) -> int:
    """Tells a failure, on stderr and to `eval`; returns its exit code."""
    console = console or Console(os.environ)
    console.error(error)
    return _last_words(words, console, error.exit_code)


def _run(words: Sequence[str], console: Console, started_at: float) -> int:
    commands = Commands()
    for register in _groups():
        register(commands)
    try:
        arguments = commands.parse(words)
    except Shown as shown:
        console.out(shown.text)
        return 0
    console.quiet = arguments.quiet
    console.verbose = arguments.verbose
    console.color = arguments.color
    arguments.started_at = started_at
    code: int = arguments.run(arguments, console)
    return code


def _groups() -> tuple[Callable[[Commands], None], ...]:
    from tastyauth.cli import demo, look, simulator, trust, use, validate

    modules = (use, trust, validate, look, simulator, demo)
    return tuple(module.register for module in modules)


@contextmanager
def _stoppable() -> Iterator[None]:
    """INT, TERM and HUP raise once, and are ignored while the failure is being told."""

    def stop(number: int, _: FrameType | None) -> None:
        for each in _STOPPING:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    for number in _STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, or a background job
            signal.signal(number, stop)
    yield


def _last_words(words: Sequence[str], console: Console, code: int) -> int:
    """The last words of a run: what `eval` must see, when this was meant for one."""
    failure = export.FAILURE.get(_format_asked_for(words) or "")
    if failure is not None:
        with suppress(OutputError):
            console.out(failure(_names_to_unset(words, console), code))
    return code


def _format_asked_for(words: Sequence[str]) -> str | None:
    """The format of an `env` that could not even be parsed; an unknown one is taken for sh."""
    if first_word(words) != "env":
        return None
    value = _value_of("--format", words) or "sh"
    return value if value in export.RENDER else "sh"


def _names_to_unset(words: Sequence[str], console: Console) -> tuple[str, ...]:
    """What a trusted config exports, else the four defaults: an untrusted file chooses no names."""
    from tastyauth.cli.loading import trusted_config

    try:
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


def _bug(error: Exception, console: Console) -> TastyauthError:
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
