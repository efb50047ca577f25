"""Becoming the user's program: its environment, its signals, and why it could not be started."""

import errno
import json
import os
import subprocess
import sys

import pytest
from tables import for_each

from tastyauth.posix import CannotStart

BECOME = """\
import json, sys
from tastyauth import posix

argv, environ, removed, exports = json.loads(sys.argv[1])
try:
    posix.become(argv, environ, tuple(removed), [tuple(pair) for pair in exports])
except posix.CannotStart as error:
    print(error.message)
    sys.exit(error.exit_code)
"""


def become(
    argv: list[str],
    environ: dict[str, str],
    removed: tuple[str, ...] = (),
    exports: tuple[tuple[str, str], ...] = (),
    **around: str,
) -> tuple[int, str]:
    """The exit code and stdout of a process that has become `argv`."""
    done = subprocess.run(
        [sys.executable, "-c", BECOME, json.dumps([argv, environ, removed, exports])],
        env={"PATH": os.defpath, **around},
        stdout=subprocess.PIPE,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout


PATH = {"PATH": os.defpath}


def test_the_program_gets_what_it_is_given_and_no_more() -> None:
    code, output = become(["env"], {**PATH, "A": "1"}, AROUND="not passed on")
    assert code == 0
    assert sorted(output.split("\n")) == sorted(["", "A=1", f"PATH={os.defpath}"])


def test_exports_replace_and_removed_names_are_gone_unless_they_are_exported() -> None:
    _, output = become(
        ["env"],
        {**PATH, "OLD": "stale", "SECRET": "s", "BOTH": "old", "OTHER": "kept"},
        removed=("SECRET", "BOTH", "NEVER_SET"),
        exports=(("OLD", "new"), ("BOTH", "exported")),
    )
    assert set(output.split()) == {
        f"PATH={os.defpath}",
        "OLD=new",
        "BOTH=exported",
        "OTHER=kept",
    }


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
    assert error.hint


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("echo hello\n", "it is a script without a #! line"),
        ("\techo hello\r\n", "it is a script without a #! line"),
        ("", "it is a script without a #! line"),
        (
            "#!/bin/sh\r\necho hello\r\n",
            "its first line ends with a carriage return, as lines do on Windows",
        ),
        ("#!/no/such\n", "the program after #! in its first line cannot be found"),
        ("\0\1\n", "exec format error"),
    ],
)
def test_what_is_wrong_with_a_script_is_said(
    content: str, reason: str, tmp_path: os.PathLike[str]
) -> None:
    """As a path, and found on the PATH."""
    with open(os.path.join(tmp_path, "bot"), "w", encoding="ascii", newline="") as file:
        file.write(content)
    os.chmod(file.name, 0o755)
    assert become([file.name], PATH) == (126, f"cannot start {file.name}: {reason}\n")
    environ = {"PATH": f"{tmp_path}:{os.defpath}"}
    assert become(["bot"], environ) == (126, f"cannot start bot: {reason}\n")


@for_each("held", ["de_DE.UTF-8", None])
def test_lc_ctype_is_the_callers_and_not_that_of_python(held: str | None) -> None:
    """Python sets it for itself in the C locale (PEP 538)."""
    around = {"LC_CTYPE": held} if held else {}
    environ = {**PATH, "LC_CTYPE": held or "C.UTF-8"}
    _, output = become(["sh", "-c", "echo ${LC_CTYPE-gone}"], environ, (), (), **around)
    assert output == f"{held or 'gone'}\n"


def test_a_missing_program_is_told(tmp_path: os.PathLike[str]) -> None:
    assert become([f"{tmp_path}/bot"], PATH) == (
        127,
        f"cannot start {tmp_path}/bot: no such file or directory\n",
    )


def test_where_a_sandbox_forbids_limits_a_program_is_started_all_the_same() -> None:
    """As with seccomp, where prlimit(2) gives EPERM."""
    script = """
import resource
from tastyauth import posix

def forbidden(*_):
    raise PermissionError(1, "Operation not permitted")

resource.getrlimit = resource.setrlimit = forbidden
posix.forbid_core_dumps()
posix.become(["/bin/echo", "started"], {}, (), [])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("started\n", "")
