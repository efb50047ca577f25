"""The terminal: stdout carries the product, stderr the rest, and nothing is asked unseen."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pexpect
import pytest
from needs import needs_linux
from tables import for_each
from terminals import end
from world import World

from tastyauth.cli.console import Console
from tastyauth.errors import ConfigError, OutputError, UsageError

LIMIT = 120.0


@pytest.fixture
def console() -> Console:
    return Console({})


@contextmanager
def at_terminal(
    program: str, *, columns: int = 200, environ: Mapping[str, str] | None = None
) -> Iterator["pexpect.spawn[str]"]:
    """A process whose standard streams are all one terminal; `console` is there."""
    given = {"PATH": os.defpath, "TERM": "xterm", "LANG": "C.UTF-8"} | dict(environ or {})
    head = "import json, os, time\nfrom tastyauth.cli.console import Console\n"
    head += "console = Console(os.environ)\n"
    child = pexpect.spawn(
        sys.executable,
        ["-c", head + program],
        env=given,
        encoding="utf-8",
        codec_errors="replace",
        timeout=LIMIT,
        dimensions=(40, columns),
    )
    try:
        yield child
    finally:
        end(child)


def everything(child: "pexpect.spawn[str]") -> str:
    child.expect(pexpect.EOF)
    return child.before or ""


# -- what is said where ---------------------------------------------------------------------------


def test_the_product_goes_to_stdout_as_it_is(
    console: Console, capfd: pytest.CaptureFixture[str]
) -> None:
    console.out("export A=b;\n")
    assert capfd.readouterr() == ("export A=b;\n", "")


def test_every_line_beside_it_says_whose_it_is(
    console: Console, capfd: pytest.CaptureFixture[str]
) -> None:
    console.say("one\n\ntwo")
    console.warn("three")
    assert capfd.readouterr() == (
        "",
        "tastyauth: one\ntastyauth:\ntastyauth: two\ntastyauth: warning: three\n",
    )


def test_an_error_and_its_hint_are_two_things(
    console: Console, capfd: pytest.CaptureFixture[str]
) -> None:
    console.error(ConfigError("it is invalid", "correct it"))
    console.error(ConfigError("it is invalid"))
    assert capfd.readouterr() == (
        "",
        "tastyauth: error: it is invalid\n"
        "tastyauth: hint: correct it\n"
        "tastyauth: error: it is invalid\n",
    )


@pytest.mark.parametrize(
    ("quiet", "verbose", "said"),
    [
        (False, False, ["say", "warning: warn", "error: error"]),
        (True, False, ["error: error"]),
        (False, True, ["say", "detail", "warning: warn", "error: error"]),
        (True, True, ["detail", "error: error"]),
    ],
)
def test_how_much_is_said(
    console: Console, quiet: bool, verbose: bool, said: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    console.quiet, console.verbose = quiet, verbose
    console.say("say")
    console.detail("detail")
    console.warn("warn")
    console.error(ConfigError("error"))
    assert capfd.readouterr().err.splitlines() == [f"tastyauth: {line}" for line in said]


def test_a_name_that_is_not_text_is_shown_without_a_crash(
    console: Console, capfd: pytest.CaptureFixture[str]
) -> None:
    """File names are bytes."""
    console.say(f"cannot read {os.fsdecode(b'a' + bytes([255]))}")
    assert capfd.readouterr().err == "tastyauth: cannot read a\\udcff\n"


def with_console(program: str, redirection: str) -> tuple[int, str]:
    """A process with a console whose streams are redirected by a shell; code and stderr."""
    head = "import os\nfrom tastyauth.cli.console import *\nconsole = Console(os.environ)\n"
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" "$@" {redirection}', sys.executable, "-c", head + program],
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    return done.returncode, done.stderr


TELLS = """\
try:
    console.out("product\\n")
except OutputError as error:
    console.error(error)
    os._exit(error.exit_code)
os._exit(0)
"""


@pytest.mark.parametrize(
    ("redirection", "reason"),
    [
        pytest.param(">/dev/full", "no space left on device", marks=needs_linux),
        (">&-", "stdout is closed"),
    ],
)
def test_a_product_that_does_not_arrive_is_an_error(redirection: str, reason: str) -> None:
    code, said = with_console(TELLS, redirection)
    assert code == OutputError.exit_code
    assert reason in said
    assert "hint: " in said


def test_a_reader_that_has_gone_is_an_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    head = "import os\nfrom tastyauth.cli.console import *\nconsole = Console(os.environ)\n"
    done = subprocess.run(
        [sys.executable, "-c", head + TELLS], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert done.returncode == OutputError.exit_code
    assert b"broken pipe" in done.stderr


@pytest.mark.parametrize(
    "redirection", [pytest.param("2>/dev/full", marks=needs_linux), "2>&-", "<&-"]
)
def test_a_run_that_nobody_listens_to_still_has_its_product(redirection: str) -> None:
    code, _ = with_console(
        "console.say('a'); console.warn('b'); console.out('product')", redirection
    )
    assert code == 0


@for_each("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_what_the_caller_closed_is_not_given_to_a_file(closed: str) -> None:
    """Else the product, or an error, would be written into it."""
    program = """\
reserve_standard_descriptors()
descriptor = os.open("/dev/zero", os.O_RDONLY)
os._exit(0 if descriptor > 2 else 1)
"""
    assert with_console(program, closed)[0] == 0


# -- colours --------------------------------------------------------------------------------------

COLORS = [
    # option, variables, at a terminal, elsewhere
    ("auto", {}, True, False),
    ("auto", {"TERM": "dumb"}, False, False),
    ("auto", {"NO_COLOR": "1"}, False, False),
    ("auto", {"NO_COLOR": ""}, True, False),
    ("auto", {"FORCE_COLOR": "1"}, True, True),
    ("auto", {"FORCE_COLOR": ""}, True, False),
    ("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
    ("always", {"NO_COLOR": "1", "TERM": "dumb"}, True, True),
    ("never", {"FORCE_COLOR": "1"}, False, False),
]
ASK_COLORS = """\
found = []
for option, variables in json.loads(os.environ["TABLE"]):
    console = Console({"TERM": "xterm"} | variables)
    console.color = option
    found.append([console.colors(1), console.colors(2)])
print(json.dumps(found))
"""


def test_colours_at_a_terminal_and_elsewhere(console: Console) -> None:
    table = json.dumps([(option, variables) for option, variables, _, _ in COLORS])
    with at_terminal(ASK_COLORS, environ={"TABLE": table}) as child:
        found = json.loads(everything(child))
    assert found == [[there, there] for _, _, there, _ in COLORS]
    for option, variables, _, elsewhere in COLORS:
        redirected = Console({"TERM": "xterm"} | variables)
        redirected.color = option
        assert redirected.colors(2) is elsewhere, (option, variables)


def test_a_colour_ends_where_it_began(console: Console, capfd: pytest.CaptureFixture[str]) -> None:
    console.color = "always"
    console.error(ConfigError("it is invalid", "correct it"))
    console.warn("look")
    for line in capfd.readouterr().err.splitlines():
        assert line.count("\x1b[") == 2
        assert "\x1b[0m: " in line


# -- asking ---------------------------------------------------------------------------------------


@for_each(
    ("variables", "expected"),
    [
        ({}, True),
        ({"CI": "true"}, False),
        ({"TASTYAUTH_NON_INTERACTIVE": "1"}, False),
        ({"CI": "", "TASTYAUTH_NON_INTERACTIVE": ""}, True),
    ],
)
def test_somebody_is_there_at_a_terminal_unless_told_otherwise(
    variables: dict[str, str], expected: bool
) -> None:
    with at_terminal("print(console.interactive)", environ=variables) as child:
        assert everything(child).strip() == str(expected)


@for_each(
    ("redirect", "expected"),
    [
        ("os.dup2(os.open(os.devnull, os.O_RDONLY), 0)", False),
        ("os.dup2(os.open(os.devnull, os.O_WRONLY), 2)", False),
        ("os.dup2(os.open(os.devnull, os.O_WRONLY), 1)", True),
    ],
)
def test_a_question_needs_stdin_and_stderr(redirect: str, expected: bool) -> None:
    """stdout is often taken: `eval $(tastyauth env)`."""
    program = (
        f"{redirect}\nos.write(os.open('/dev/tty', os.O_RDWR), repr(console.interactive).encode())"
    )
    with at_terminal(program) as child:
        assert everything(child).strip() == str(expected)


def test_without_a_terminal_nobody_is_asked(console: Console) -> None:
    reading, writing = os.pipe()
    saved = os.dup(0)
    os.dup2(reading, 0)
    try:
        assert not console.interactive
    finally:
        os.dup2(saved, 0)
        for descriptor in (saved, reading, writing):
            os.close(descriptor)


ASK = "print(['no', 'yes'][console.ask('fact one\\nfact two', 'do it?')])"


@for_each(
    ("answer", "expected"),
    [("y", "yes"), ("YES", "yes"), (" y ", "yes"), ("", "no"), ("n", "no"), (" No ", "no")],
)
def test_yes_and_no_are_understood(answer: str, expected: str) -> None:
    with at_terminal(ASK) as child:
        child.expect_exact("tastyauth: fact one\r\ntastyauth: fact two\r\n")
        child.expect_exact("tastyauth: do it? [y/N] ")
        child.sendline(answer)
        assert everything(child).split()[-1] == expected


def test_an_answer_that_is_neither_is_asked_for_again() -> None:
    with at_terminal(ASK) as child:
        for answer in ("yse", "maybe", "yy", "0"):
            child.expect_exact("do it? [y/N] ")
            child.sendline(answer)
            child.expect_exact("tastyauth: please answer y or n\r\n")
        child.expect_exact("[y/N] ")
        os.write(child.child_fd, b"\xff\n")
        child.expect_exact("please answer y or n")
        child.expect_exact("[y/N] ")
        child.sendline("y")
        assert everything(child).split()[-1] == "yes"


@for_each("typed", ["0123456789abcdefABCD" * 2, "eyJhbGciOiJFZERTQSJ9.e30.c2ln"])
@for_each(
    "question",
    ["ask('', 'do it?')", "ask_text('client ID', '')", "choose('store', {'y': 'one'}, '')"],
)
def test_a_secret_typed_at_a_visible_question_is_reported_as_visible(
    question: str, typed: str
) -> None:
    with at_terminal(f"print('<' + str(console.{question}) + '>')") as child:
        child.sendline(f" {typed} ")
        child.expect_exact("looks like a secret, and it was shown on the screen")
        child.expect_exact(": clear the screen and its scrollback")
        child.sendline("y")
        assert everything(child).rstrip().endswith(("<y>", "<True>"))


def test_the_end_of_input_does_not_count_as_an_answer() -> None:
    with at_terminal(ASK) as child:
        child.expect_exact("[y/N] ")
        child.sendeof()
        assert 'UsageError: no answer to "do it?" was given' in everything(child)


def test_a_warning_of_several_lines_stays_one_of_several_lines(world: World) -> None:
    program = (
        "import os; from tastyauth.cli.console import Console;"
        r" Console(os.environ).warn('one \x1b[8m\nhint: two')"
    )
    done = world.run_program(sys.executable, "-P", "-c", program)
    said = "tastyauth: warning: one \\x1b[8m\ntastyauth: hint: two\n"
    assert done.err == said


# -- being given something ------------------------------------------------------------------------


def test_a_text_is_asked_for_until_there_is_one() -> None:
    with at_terminal("print('<' + console.ask_text('client ID', '--client-id') + '>')") as child:
        child.expect_exact("tastyauth: client ID: ")
        child.sendline("  ")
        child.expect_exact("tastyauth: client ID: ")
        child.sendline(" abc ")
        assert "<abc>" in everything(child)


def test_a_secret_is_not_shown_while_it_is_typed() -> None:
    program = "text = console.ask_hidden('client secret'); print(len(text.strip()))"
    with at_terminal(program) as child:
        child.expect_exact("tastyauth: client secret (not shown): ")
        child.sendline("do-not-show-this")
        shown = everything(child)
    assert "do-not-show-this" not in shown
    assert shown.strip() == str(len("do-not-show-this"))


def test_without_a_terminal_a_secret_comes_from_stdin(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line for each that is asked for, and no prompt."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("one\ntwo\n"))
    assert [console.ask_hidden(name).strip() for name in ("first", "second")] == ["one", "two"]
    with pytest.raises(UsageError) as caught:
        console.ask_hidden("third")
    assert "third" in caught.value.message
    assert caught.value.hint


def test_without_a_terminal_a_text_must_come_with_its_flag(console: Console) -> None:
    with pytest.raises(UsageError, match="client ID") as caught:
        console.ask_text("client ID", "--client-id")
    assert "--client-id" in caught.value.hint
    with pytest.raises(UsageError, match="store") as caught:
        console.choose("store", {"a": "one", "b": "another"}, "--store")
    assert "--store" in caught.value.hint


def test_a_choice_is_explained_and_asked_for_until_it_is_one() -> None:
    program = (
        "print('<' + console.choose('store', {'file': 'one', 'pass': 'two'}, '--store') + '>')"
    )
    with at_terminal(program) as child:
        child.expect_exact("tastyauth:   file  one\r\ntastyauth:   pass  two\r\n")
        child.expect_exact("tastyauth: store (file, pass): ")
        child.sendline("purse")
        child.expect_exact("tastyauth: store (file, pass): ")
        child.sendline("pass")
        assert "<pass>" in everything(child)


# -- waiting --------------------------------------------------------------------------------------

WAIT = """\
import threading
def until_shown():
    while threading.active_count() > 1:  # as long as there is a thread that will show it
        time.sleep(0.01)
with console.waiting("the broker"):
    {wait}
print("after")
"""
LONG = WAIT.format(wait="until_shown()")


def test_a_long_wait_is_shown_and_leaves_no_trace() -> None:
    with at_terminal(LONG) as child:
        child.expect_exact("tastyauth: waiting for the broker ...")
        assert everything(child) == "\r\x1b[Kafter\r\n"


@for_each(("before", "wait"), [("", "pass"), ("console.quiet = True\n", "time.sleep(0.9)")])
def test_a_short_wait_is_not_shown_and_with_quiet_none_is(before: str, wait: str) -> None:
    with at_terminal(before + WAIT.format(wait=wait)) as child:
        assert everything(child) == "after\r\n"


def test_without_a_terminal_no_wait_is_shown() -> None:
    code, said = with_console("import time\n" + WAIT.format(wait="time.sleep(0.9)"), "")
    assert (code, said) == (0, "")


def test_a_wait_that_fails_leaves_no_trace_either() -> None:
    program = LONG.replace("until_shown()\n", "until_shown()\n    raise SystemExit('failed')\n")
    with at_terminal(program) as child:
        child.expect_exact("waiting for the broker ...")
        assert everything(child) == "\r\x1b[Kfailed\r\n"


def test_on_a_narrow_terminal_it_leaves_no_trace() -> None:
    with at_terminal(LONG, columns=20) as child:
        shown = everything(child).partition("\r\x1b[K")[0]
    assert 0 < len(shown) <= 20
