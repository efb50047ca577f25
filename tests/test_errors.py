"""What can go wrong: the tree in the docstring is the tree of classes."""

import errno
import re
import traceback

import pytest
from tables import for_each

from tastyauth import errors
from tastyauth.errors import TastyauthError

KINDS = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, TastyauthError)
}
LINE = re.compile(r"^ {4}(?P<branch>[│├└─ ]*)(?P<name>[A-Z]\w+) +(?P<code>\d+)  \S", re.MULTILINE)


def drawn() -> dict[str, tuple[str, int]]:
    """Each error of the drawing with the one it stands below, and its exit code."""
    found: dict[str, tuple[str, int]] = {}
    above: list[str] = []
    for line in LINE.finditer(errors.__doc__ or ""):
        depth = len(line["branch"]) // 4
        above[depth:] = [line["name"]]
        found[line["name"]] = (above[depth - 1] if depth else "Exception", int(line["code"]))
    return found


def test_the_drawing_is_the_tree() -> None:
    assert drawn() == {
        name: (kind.__bases__[0].__name__, kind.exit_code) for name, kind in KINDS.items()
    }


def test_the_exit_codes_are_those_that_cron_acts_on() -> None:
    assert {name: kind.exit_code for name, kind in KINDS.items()} == {
        "TastyauthError": 70,
        "UsageError": 2,
        "WrongOrigin": 2,
        "ConfigNotFound": 66,
        "SecretError": 69,
        "SecretAbsent": 69,
        "OutputError": 74,
        "TemporaryError": 75,
        "ProtocolError": 76,
        "RefusedError": 77,
        "ConfigError": 78,
        "ConfigNotAllowed": 78,
    }


@for_each("kind", KINDS.values())
def test_an_error_has_a_message_and_a_hint(kind: type[TastyauthError]) -> None:
    error = kind("something happened", "do something")
    assert (error.message, error.hint) == ("something happened", "do something")
    assert str(error) == "something happened"
    assert kind("something happened").hint == ""


def test_a_temporary_error_may_say_when_to_try_again() -> None:
    assert errors.TemporaryError("later").retry_after is None
    assert errors.TemporaryError("later", retry_after=12.5).retry_after == 12.5


@for_each(
    ("error", "reason"),
    [
        (OSError(errno.EPIPE, "Broken pipe"), "broken pipe"),
        (OSError(errno.ENOSPC, "No space left on device"), "no space left on device"),
        (OSError(), "unknown reason"),
    ],
)
def test_a_failed_write_is_named(error: OSError, reason: str) -> None:
    told = errors.cannot_write(error)
    assert told.exit_code == 74
    assert told.message == f"cannot write to stdout: {reason}"
    assert told.hint


@for_each(("number", "code"), [(2, 130), (15, 143), (1, 129)])
def test_being_stopped_is_no_error(number: int, code: int) -> None:
    """A broad `except Exception` does not catch it."""
    stopped = errors.Stopped(number)
    assert stopped.exit_code == code
    assert not isinstance(stopped, Exception)


def test_a_traceback_shows_the_hint(capsys: pytest.CaptureFixture[str]) -> None:
    """Programs that let an error pass end with it."""
    try:
        raise errors.UsageError("no profile", "say which one")
    except errors.UsageError:
        traceback.print_exc()
    assert capsys.readouterr().err.endswith("no profile\nhint: say which one\n")
