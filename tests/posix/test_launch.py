"""Becoming the user's program: its environment, its signals, and why it cannot be started."""

import builtins
import errno
import io
import os
import resource
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from forked import forked
from tables import for_each

from tastyauth import posix
from tastyauth.errors import NOT_HERE, UsageError
from tastyauth.posix import CannotStart, process


def become(
    argv: list[str],
    environ: dict[str, str],
    removed: tuple[str, ...] = (),
    exports: tuple[tuple[str, str], ...] = (),
    before: Callable[[], object] = lambda: None,
) -> tuple[int, str]:
    """The exit code and stdout of a process that has become `argv`."""

    def act() -> None:
        before()
        try:
            posix.become(argv, environ, removed, list(exports))
        except CannotStart as error:
            print(error.message)
            sys.exit(error.exit_code)

    return forked(act)


PATH = {"PATH": os.defpath}


def test_the_program_gets_what_it_is_given_and_no_more() -> None:
    code, output = become(["env"], {**PATH, "A": "1"})
    assert code == 0
    assert sorted(output.split("\n")) == sorted(["", "A=1", f"PATH={os.defpath}"])


def test_exports_replace_and_removed_names_are_gone_unless_they_are_exported() -> None:
    _, output = become(
        ["env"],
        {**PATH, "OLD": "stale", "SECRET": "s", "BOTH": "old", "OTHER": "kept"},
        removed=("SECRET", "BOTH", "NEVER_SET"),
        exports=(("OLD", "new"), ("BOTH", "exported")),
    )
    assert set(output.split()) == {f"PATH={os.defpath}", "OLD=new", "BOTH=exported", "OTHER=kept"}


def test_arguments_arrive_as_they_are() -> None:
    arguments = ["", "a b", "*", "$HOME", "-n", "--", "ä"]
    _, output = become(["printf", "<%s>", *arguments], PATH)
    assert output == "".join(f"<{argument}>" for argument in arguments)


def test_the_program_is_looked_up_on_the_path_that_it_gets(tmp_path: os.PathLike[str]) -> None:
    program = os.path.join(tmp_path, "greet")
    with open(program, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\necho hello\n")
    os.chmod(program, 0o755)
    environ = {"PATH": f"{tmp_path}:{os.defpath}"}
    assert become(["greet"], environ) == (0, "hello\n")
    assert become(["greet"], PATH)[0] == 127


@for_each("name", ["PIPE", "XFSZ"])
def test_signals_that_python_ignores_end_the_program_again(name: str) -> None:
    code, _ = become(["sh", "-c", f"kill -{name} $$; sleep 30"], PATH)
    assert code < 0


def test_a_program_learns_how_its_children_end_though_its_caller_ignored_that() -> None:
    def ignore() -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    tell = "import signal; print(signal.getsignal(signal.SIGCHLD).name)"
    assert become([sys.executable, "-c", tell], PATH, before=ignore) == (0, "SIG_DFL\n")


def test_so_does_this_process_once_it_heeds_children() -> None:
    def act() -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        posix.heed_children()
        print(signal.getsignal(signal.SIGCHLD).name)  # type: ignore[union-attr]

    assert forked(act) == (0, "SIG_DFL\n")


# Why it cannot be started.


@for_each(
    ("kind", "number", "code"),
    [
        (FileNotFoundError, errno.ENOENT, 127),
        (NotADirectoryError, errno.ENOTDIR, 127),
        (PermissionError, errno.EACCES, 126),
        (OSError, errno.ENOEXEC, 126),
        (OSError, errno.E2BIG, 126),
        (OSError, errno.ELOOP, 126),
    ],
)
def test_why_it_cannot_be_started_is_said_as_a_shell_says_it(
    kind: type[OSError], number: int, code: int
) -> None:
    error = CannotStart("bot", kind(number, os.strerror(number)))
    assert error.exit_code == code
    assert error.message == f"cannot start bot: {os.strerror(number).lower()}"
    assert ("PATH" in error.hint) is (code == 127)
    assert ("ls -l" in error.hint) is (code == 126 and number != errno.E2BIG)
    assert ("shorter" in error.hint) is (number == errno.E2BIG)


@for_each(
    ("program", "message"),
    [
        ("a\0b", "cannot start a\0b: not a program name"),
        ("", "cannot start nothing: not a program name"),
    ],
)
def test_what_is_no_name_of_a_program_is_a_missing_one(program: str, message: str) -> None:
    error = CannotStart(program, ValueError("embedded null byte"))
    assert (error.message, error.exit_code) == (message, 127)


def test_a_reason_that_the_system_does_not_name_is_none() -> None:
    assert CannotStart("bot", OSError()).message == "cannot start bot: not a program name"


@for_each("program", ["ls -l", "cd", "alias", ":"])
def test_who_means_a_shell_is_shown_how_to_call_one(program: str) -> None:
    error = CannotStart(program, FileNotFoundError(errno.ENOENT, "No such file"))
    assert error.hint.split("\n")[1].endswith("write -- sh -c 'ls -l'")
    plain = CannotStart("bot", FileNotFoundError(errno.ENOENT, "No such file"))
    assert plain.hint == error.hint.split("\n")[0]


@pytest.mark.parametrize(
    ("content", "reason", "hint"),
    [
        ("echo hello\n", "it is a script without a #! line", "sh '{}'"),
        ("\techo hello\r\n", "it is a script without a #! line", "sh '{}'"),
        ("", "it is a script without a #! line", "sh '{}'"),
        (
            "#!/bin/sh\r\necho hello\r\n",
            "its first line ends with a carriage return, as lines do on Windows",
            " 's/\\r$//' '{}'",
        ),
        (
            "#!/no/such\n",
            "the program after #! in its first line cannot be found",
            "correct that line",
        ),
        (
            "#!/etc/passwd\n",
            "the program after #! in its first line is not executable",
            "correct that line",
        ),
        (
            "\ufeff#!/bin/sh\n",
            "its first line begins with a byte order mark",
            r" '1s/^\xef\xbb\xbf//' '{}'",
        ),
        ("\0\1\n", "exec format error", "ls -l"),
    ],
)
def test_what_is_wrong_with_a_script_is_said(
    content: str, reason: str, hint: str, tmp_path: os.PathLike[str]
) -> None:
    """As a path, and found on the PATH; a directory there is no program."""
    good, other = os.path.join(tmp_path, "a b"), os.path.join(tmp_path, "other")
    os.mkdir(good)
    os.makedirs(os.path.join(other, "bot"))
    with open(os.path.join(good, "bot"), "w", encoding="utf-8", newline="") as file:
        file.write(content)
    os.chmod(file.name, 0o755)
    assert become([file.name], PATH) == (126, f"cannot start {file.name}: {reason}\n")
    environ = {"PATH": f"{good}:{os.defpath}"}
    assert become(["bot"], environ) == (126, f"cannot start bot: {reason}\n")
    number = errno.ENOENT if content.startswith("#!") else errno.ENOEXEC
    number = errno.EACCES if "passwd" in content else number
    error = OSError(number, os.strerror(number))  # of the class that the number has
    said = CannotStart(file.name, error)
    assert said.hint.endswith(hint.format(file.name))
    environ = {"PATH": f"{other}:{good}:{os.defpath}"}
    found = CannotStart("bot", error, environ)
    assert found.message == f"cannot start bot: {reason}"
    written = "bot" if hint.startswith("sh ") else f"'{file.name}'"
    assert found.hint.endswith(hint.replace("'{}'", written))


def test_a_file_that_is_no_program_is_not_the_one_that_was_meant(
    tmp_path: os.PathLike[str],
) -> None:
    with open(os.path.join(tmp_path, "bot"), "w", encoding="ascii") as file:
        file.write("#!/no/such\n")
    os.chmod(file.name, 0o644)
    environ = {"PATH": os.fspath(tmp_path)}
    said = CannotStart("bot", FileNotFoundError(2, "Missing"), environ)
    assert (said.message, said.exit_code) == ("cannot start bot: missing", 127)
    os.chmod(file.name, 0o755)  # what is named by a path is looked for on no other
    said = CannotStart("./bot", FileNotFoundError(2, "Missing"), environ)
    assert (said.message, said.exit_code) == ("cannot start ./bot: missing", 127)


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        ("#!/etc\n", 0o755, "the program after #! in its first line is not executable"),
        ("#!/etc\n", 0o644, "denied"),
        ("echo\n", 0o755, "denied"),
    ],
)
def test_only_a_program_that_may_be_executed_is_refused_for_its_first_line(
    content: str, mode: int, reason: str, tmp_path: os.PathLike[str]
) -> None:
    with open(os.path.join(tmp_path, "bot"), "w", encoding="ascii") as file:
        file.write(content)
    os.chmod(file.name, mode)
    said = CannotStart(file.name, PermissionError(errno.EACCES, "Denied"))
    assert (said.message, said.exit_code) == (f"cannot start {file.name}: {reason}", 126)


def test_a_script_that_is_there_but_whose_text_is_no_fault_is_missing(
    tmp_path: os.PathLike[str],
) -> None:
    """A program whose loader is missing, as on another kind of Linux."""
    with open(os.path.join(tmp_path, "bot"), "w", encoding="ascii") as file:
        file.write("ELF")
    os.chmod(file.name, 0o755)
    said = CannotStart(file.name, FileNotFoundError(2, "Missing"))
    assert (said.message, said.exit_code) == (f"cannot start {file.name}: missing", 127)


def test_a_missing_program_is_reported(tmp_path: os.PathLike[str]) -> None:
    assert become([f"{tmp_path}/bot"], PATH) == (
        127,
        f"cannot start {tmp_path}/bot: no such file or directory\n",
    )
    assert become(["bot\0"], PATH) == (127, "cannot start bot\0: not a program name\n")


# LC_CTYPE.


@for_each("held", ["de_DE.UTF-8", None])
def test_lc_ctype_is_the_callers_and_not_that_of_python(held: str | None) -> None:
    """Python sets it for itself in the C locale (PEP 538)."""
    environ = {**PATH, "LC_CTYPE": held or "C.UTF-8"}
    script = (
        "from tastyauth import posix; posix.become("
        f"['sh', '-c', 'echo ${{LC_CTYPE-gone}}'], {environ}, (), [])"
    )
    around = {"LC_CTYPE": held} if held else {}
    done = subprocess.run(
        [sys.executable, "-c", script], env=PATH | around, stdout=subprocess.PIPE, text=True
    )
    assert done.stdout == f"{held or 'gone'}\n"


@pytest.mark.parametrize(
    ("began_with", "stays"),
    [
        (b"A=1\0LC_CTYPE=C.UTF-8\0", True),
        (b"A=1\0XLC_CTYPE=C\0", False),
        (b"", False),
        (None, True),  # without /proc nobody can tell
    ],
)
def test_lc_ctype_stays_if_this_process_began_with_it(
    began_with: bytes | None, stays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = builtins.open

    def open_(path: Any, *how: Any, **more: Any) -> Any:
        if path != "/proc/self/environ":
            return opened(path, *how, **more)
        if began_with is None:
            raise FileNotFoundError(path)
        assert how == ("rb",)
        return io.BytesIO(began_with)

    monkeypatch.setattr(builtins, "open", open_)
    around = {"LC_CTYPE": "C.UTF-8", "A": "1"}
    found = posix.environment(around, (), [("B", "2")])
    assert found == {**({"LC_CTYPE": "C.UTF-8"} if stays else {}), "A": "1", "B": "2"}
    assert posix.environment({"A": "1"}, (), []) == {"A": "1"}
    assert around == {"LC_CTYPE": "C.UTF-8", "A": "1"}


# Core dumps.


def limits(*acts: Callable[[], object], own: tuple[int, int] = (5, 9)) -> list[tuple[int, int]]:
    """The limits of core dumps after each of `acts`, in a process whose caller has set `own`."""

    def act() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, own)
        for each in acts:
            each()
            print(*resource.getrlimit(resource.RLIMIT_CORE))

    code, printed = forked(act)
    assert code == 0, printed
    found = [tuple(map(int, line.split())) for line in printed.splitlines()]
    return [(soft, hard) for soft, hard in found]


def test_no_core_is_dumped_and_the_callers_limit_comes_back() -> None:
    def undo() -> None:
        posix.forbid_core_dumps(undo=True)

    forbid = posix.forbid_core_dumps
    assert limits(undo) == [(5, 9)]
    assert limits(forbid, forbid, undo, forbid, undo) == [(1, 9), (1, 9), (5, 9), (1, 9), (5, 9)]
    assert limits(forbid, undo, own=(0, 0)) == [(0, 0), (0, 0)]
    assert limits(forbid, undo, own=(0, 1)) == [(1, 1), (0, 1)]


TELL_LIMIT = [
    *(sys.executable, "-c"),
    "import resource; print(*resource.getrlimit(resource.RLIMIT_CORE))",
]


def test_a_program_has_the_callers_limit_of_core_dumps() -> None:
    def before() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (1024, 2048))
        posix.forbid_core_dumps()

    assert become(TELL_LIMIT, PATH, before=before) == (0, "1024 2048\n")


@for_each("error", [PermissionError(1, "no"), ValueError("no")])
def test_where_a_sandbox_forbids_limits_a_program_is_started_anyway(error: Exception) -> None:
    """As with seccomp, where prlimit(2) gives EPERM."""

    def forbidden(*_: object) -> Any:
        raise error

    def before() -> None:
        resource.getrlimit = resource.setrlimit = forbidden
        posix.forbid_core_dumps()

    assert become(["/bin/echo", "started"], {}, before=before) == (0, "started\n")


# Words and names.


@for_each(
    "word",
    ["", "bot", "a b", "it's", "''", "$HOME", "a-b_c.d/e:f=g,h@i%j+k", "ä", "Z9", "~"],
)
def test_a_word_is_quoted_as_the_standard_library_does_it(word: str) -> None:
    assert posix.quote(word) == shlex.quote(word)


@for_each(
    ("word", "octal"),
    [
        ("a\nb", r"a\012b"),
        ("\x1f ~\x7f", r"\037\040\176\177"),
        ("%\\'X!\t", r"\045\134\047X\041\011"),
        ("ä\u202e\udcff", r"\303\244\342\200\256\377"),
    ],
)
def test_a_word_that_no_terminal_shows_is_quoted_in_octal(word: str, octal: str) -> None:
    quoted = posix.quote(word)
    assert quoted == f"\"$(printf '{octal}')\""
    printed = subprocess.run(["sh", "-c", f"printf %s {quoted}"], stdout=subprocess.PIPE)
    assert printed.stdout == os.fsencode(word)


def test_a_line_break_at_the_end_of_a_word_is_kept() -> None:
    """`$(...)` would lose it."""
    word = "a\\ b!'\n\n"
    quoted = posix.quote(word)
    assert quoted == r"$'a\134\040b\041\047\012\012'"
    printed = subprocess.run(["bash", "-c", f"printf %s {quoted}"], stdout=subprocess.PIPE)
    assert printed.stdout.decode() == word


def test_a_command_that_needs_posix_says_so_where_that_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    posix.require("env")
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with pytest.raises(UsageError, match=r"^env needs ") as caught:
        posix.require("env")
    assert caught.value.hint == NOT_HERE


@pytest.mark.parametrize(
    ("executable", "frozen", "is_python"),
    [
        ("/usr/bin/python3.11", False, True),
        ("/opt/PyPy/bin/PyPy3", False, True),
        (r"C:\Python\PYTHON.EXE", False, True),
        ("/usr/bin/python3", True, False),
        ("/usr/bin/blender", False, False),
        ("", False, False),
        (None, False, False),
    ],
)
def test_only_a_python_is_asked_to_run_more_python(
    executable: str | None, frozen: bool, is_python: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    monkeypatch.setattr(sys, "frozen", frozen, raising=False)
    assert posix.interpreter() == (executable if is_python else None)


@pytest.mark.parametrize(
    ("prefix", "command"),
    [
        ("/home/me/.local/pipx/venvs/tastyauth", "pipx inject tastyauth keyring"),
        ("/home/me/.local/share/uv/tools/tastyauth", "uv tool install --with keyring tastyauth"),
        ("/usr", "'/opt/a b/python3' -m pip install keyring"),
        (None, "python3 -m pip install keyring"),
    ],
)
def test_a_package_is_installed_where_tastyauth_is(
    prefix: str | None, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/opt/a b/python3" if prefix else None)
    monkeypatch.setattr(sys, "prefix", prefix or "/usr")
    said, _, besides = posix.how_to_install("keyring").partition("; ")
    assert said == f"install it: {command}"
    with_pipx = "or, where pipx installed tastyauth: pipx inject tastyauth keyring"
    assert besides == (with_pipx if "-m pip" in command else "")


def test_a_child_that_keeps_running_has_the_callers_limit_too() -> None:
    def act() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (1024, 2048))
        posix.forbid_core_dumps()
        os.waitpid(process.spawn(TELL_LIMIT, PATH, lambda: None), 0)
        print(*resource.getrlimit(resource.RLIMIT_CORE))

    assert forked(act) == (0, "1024 2048\n1 2048\n")
