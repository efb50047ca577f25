"""Secret sources: real files, pipes, mounts, programs and terminals."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import needs
import pexpect
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from needs import missing
from tables import for_each

from tastyauth import validation
from tastyauth.errors import ConfigError, SecretAbsent, SecretError
from tastyauth.sources import (
    ASKS,
    HANGS,
    KINDS,
    OPEN,
    Reference,
    Surroundings,
    kind_of,
    parse,
    resolve_program,
)
from tastyauth.sources.command import Command, Program
from tastyauth.sources.dotenv import Dotenv
from tastyauth.sources.env import Env
from tastyauth.sources.file import File, SystemdCredential
from tastyauth.sources.first_of import FirstOf
from tastyauth.sources.keyring import Keyring
from tastyauth.sources.onepassword import OnePassword
from tastyauth.sources.pass_store import Pass

VALUE = "s3cret value/with=all+sorts"
PATH = "/usr/local/bin:/usr/bin:/bin"
NOBODY = 65534


def around(
    environ: Mapping[str, str] | None = None,
    *,
    interactive: bool = False,
    home: str = "/nowhere",
    patience: float | None = 30,
) -> Surroundings:
    return Surroundings({"PATH": PATH, **(environ or {})}, interactive, home, patience)


def value_of(reference: Reference, surroundings: Surroundings | None = None) -> str:
    return reference.resolve(surroundings or around()).reveal()


def refusal(reference: Reference, surroundings: Surroundings | None = None) -> SecretError:
    """The error of a source that is here and broken."""
    with pytest.raises(SecretError) as caught:
        reference.resolve(surroundings or around())
    assert not isinstance(caught.value, SecretAbsent)
    assert caught.value.exit_code == 69
    assert caught.value.hint
    assert names_its_source(caught.value, reference, surroundings)
    # What lies below may hold the value, and must not be shown with it.
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return caught.value


def absence(reference: Reference, surroundings: Surroundings | None = None) -> SecretAbsent:
    """The error of a source that is not here."""
    with pytest.raises(SecretAbsent) as caught:
        reference.resolve(surroundings or around())
    assert caught.value.hint
    assert names_its_source(caught.value, reference, surroundings)
    return caught.value


def names_its_source(
    error: SecretError, reference: Reference, surroundings: Surroundings | None
) -> bool:
    home = (surroundings or around()).home
    return any(each.describe(home) in error.message for each in reference.members)


def shell(script: str, timeout: float | None = None) -> Command:
    return Command(("sh", "-c", script), timeout=timeout)


def out(line: int | None = None, json: str | None = None) -> Command:
    """A command that gives what the variable OUT holds."""
    return Command(("sh", "-c", 'printf %s "$OUT"'), line=line, json=json)


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(VALUE + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def on_disk(tmp_path: Path) -> Path:
    """A directory that is not on tmpfs, where modes count."""
    needs.is_on_disk(tmp_path)
    return tmp_path


@pytest.fixture
def bin_directory(tmp_path: Path) -> Path:
    directory = tmp_path / "bin"
    directory.mkdir()
    return directory


def install(directory: Path, name: str, script: str) -> Path:
    program = directory / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


# --- references ---------------------------------------------------------------------------------


@for_each(
    ("value", "reference"),
    [
        ({"env": "TT_SECRET"}, Env("TT_SECRET")),
        ({"file": "/run/x"}, File("/run/x")),
        ({"file": "x.secret"}, File("/cfg/x.secret")),
        ({"file": "./sub//x"}, File("/cfg/sub/x")),
        ({"file": "../x"}, File("/cfg/../x")),
        ({"file": "~/x"}, File("/home/me/x")),
        ({"file": "~"}, File("/home/me")),
        ({"file": "~other/x"}, File("/cfg/~other/x")),
        ({"file": {"path": "x"}}, File("/cfg/x")),
        ({"file": {"path": "~/x", "permissions": "any"}}, File("/home/me/x", any_permissions=True)),
        ({"systemd_credential": "tt"}, SystemdCredential("tt")),
        ({"dotenv": {"path": ".env", "name": "TT"}}, Dotenv("/cfg/.env", "TT")),
        ({"dotenv": {"path": "~/.env", "name": "TT"}}, Dotenv("/home/me/.env", "TT")),
        ({"keyring": {"service": "a", "username": "b/c"}}, Keyring("a", "b/c")),
        ({"command": ["pass", "show", "x"]}, Command(("pass", "show", "x"))),
        (
            {"command": ["~/bin/x", "./a", "../b", "~/c", "d/e", "."]},
            Command(("/home/me/bin/x", "/cfg/a", "/cfg/../b", "~/c", "d/e", ".")),
        ),
        ({"command": {"argv": ["x"]}}, Command(("x",))),
        ({"command": {"argv": ["~/x", "./a"]}}, Command(("/home/me/x", "/cfg/a"))),
        (
            {"command": {"argv": ["x", "y"], "line": 2, "json": "/a", "timeout": 20}},
            Command(("x", "y"), line=2, json="/a", timeout=20.0),
        ),
        ({"command": {"argv": ["x"], "line": 2.0}}, Command(("x",), line=2)),
        ({"onepassword": "op://Trading/tt/token"}, OnePassword("op://Trading/tt/token")),
        ({"pass": "brokers/tt"}, Pass("brokers/tt")),
        (
            {"first_of": [{"file": "~/a"}, {"first_of": [{"file": "b"}, {"pass": "c"}]}]},
            FirstOf((File("/home/me/a"), File("/cfg/b"), Pass("c"))),
        ),
    ],
)
def test_a_one_key_mapping_becomes_a_reference(value: object, reference: Reference) -> None:
    assert parse(value, directory="/cfg", home="/home/me") == reference


@for_each(
    "value",
    ["hunter2hunter2", {}, {"vault": "hunter2hunter2"}, {"env": 3}, {"first_of": []}],
)
def test_anything_but_a_reference_is_refused_without_showing_its_contents(value: object) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(value, directory="/cfg", home="/home/me")
    assert "hunter2" not in refused.value.message + refused.value.hint
    assert "reference" in refused.value.message
    assert "tastyauth validate" in refused.value.hint


@for_each(
    ("reference", "command"),
    [
        (Command(("x", "y"), line=2), Command(("x", "y"), line=2)),
        (Pass("a"), Command(("pass", "show", "a"), line=1)),
        (OnePassword("op://v/i/f"), Command(("op", "read", "--no-newline", "op://v/i/f"))),
        (Env("A"), None),
        (Keyring("a", "b"), None),
        (FirstOf((Pass("a"),)), None),
    ],
)
def test_what_a_reference_runs(reference: Reference, command: Command | None) -> None:
    runs = reference.command if isinstance(reference, Program) else None
    assert runs == command


def test_every_kind_of_the_schema_has_its_class() -> None:
    schema = json.loads(validation.text())
    assert set(KINDS) == set(schema["$defs"]["reference"]["properties"])
    for kind in KINDS:
        assert kind_of(kind).kind == kind


@for_each(
    ("reference", "label"),
    [
        (Env("TASTYTRADE_PRODUCTION_CLIENT_SECRET"), "env TASTYTRADE_PRODUCTION_CLIENT_SECRET"),
        (File("/home/me/bot/x"), "file ~/bot/x"),
        (File("/home/melanie/x"), "file /home/melanie/x"),
        (
            File("/srv/trading/bots/tastytrade/secrets/live"),
            "file /srv/trading/bots/tastytrade/secrets/live",
        ),
        (SystemdCredential("tt"), "systemd_credential tt"),
        (Dotenv("/home/me/.env", "TT"), "dotenv ~/.env TT"),
        (Keyring("tastyauth", "live/refresh"), "keyring tastyauth live/refresh"),
        (Command(("pass", "show", "brokers/tt")), "command pass show brokers/tt"),
        (Command(("/home/me/bin/x", "a b")), "command ~/bin/x 'a b'"),
        (OnePassword("op://Trading/tt/token"), "onepassword op://Trading/tt/token"),
        (Pass("brokers/tt"), "pass brokers/tt"),
        (FirstOf((Env("A"), File("/home/me/b"))), "first_of (env A, file ~/b)"),
        (Command(("x", "--token=" + "0123456789abcdef" * 3)), "command x [hidden]"),
        (Pass("a/eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJ4In0.c2ln"), "pass a/[hidden]"),
        (File("/x\x1b[31m\n\u202e"), r"file /x\x1b[31m\n\u202e"),
        (File("/caf\u00e9/a\\b"), "file /caf\u00e9/a\\b"),
    ],
)
def test_a_label_is_short_and_shows_neither_secrets_nor_control_characters(
    reference: Reference, label: str
) -> None:
    assert reference.describe("/home/me") == label


@for_each("home", ["", "/", "/home/m", "/home/mex"])
def test_outside_of_home_a_label_has_the_whole_path(home: str) -> None:
    assert File("/home/me/x").describe(home) == "file /home/me/x"
    assert File("/home/me/x").describe() == "file /home/me/x"


@for_each("home", ["/home/me", "/home/me/", "/home/X", "/home/a "])
def test_below_home_a_label_is_short(home: str) -> None:
    assert File(f"{home}/x".replace("//", "/")).describe(home) == "file ~/x"


def test_surroundings_show_no_variable_in_a_repr() -> None:
    assert VALUE not in repr(around({"TT": VALUE}))


@for_each(("interactive", "seconds"), [(False, 30), (True, 120)])
def test_patience_is_longer_with_a_terminal(interactive: bool, seconds: float) -> None:
    assert around(interactive=interactive, patience=None).limit == seconds


@for_each(
    ("reference", "patience", "seconds"),
    [
        (Env("A"), None, 0),
        (SystemdCredential("a"), None, 0),
        (File("/a"), None, 30),
        (File("/a"), 3, 3),
        (Pass("a"), None, 30),
        (Command(("x",)), None, 30),
        (Command(("x",), timeout=50.0), None, 50),
        (Command(("x",), timeout=50.0), 40, 40),
        (Command(("x",), timeout=5.0), 40, 5),
        (FirstOf((Env("A"), File("/a"), Command(("x",), timeout=5.0))), None, 35),
    ],
)
def test_how_long_a_source_may_take(
    reference: Reference, patience: float | None, seconds: float
) -> None:
    assert reference.time_limit(around(patience=patience)) == seconds


def test_importing_sources_does_not_import_subprocess() -> None:
    script = "import sys, tastyauth.sources; sys.exit('subprocess' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


@for_each(
    ("reference", "inputs"),
    [
        (Env("A"), (("env", "A"),)),
        (File("/a"), (("file", "/a"),)),
        (SystemdCredential("a"), (("credential", "a"),)),
        (Dotenv("/a", "B"), (("file", "/a"),)),
        (Keyring("a", "b"), ()),
        (FirstOf((Env("A"), Pass("b"), File("/c"))), (("env", "A"), ("file", "/c"))),
    ],
)
def test_what_can_be_compared_on_every_start(
    reference: Reference, inputs: tuple[tuple[str, str], ...]
) -> None:
    assert reference.inputs() == inputs


@for_each(
    ("reference", "typed"),
    [
        (Env("A"), "read -rs A && export A"),
        (Dotenv("/a b", "C"), "change the line C=... yourself: ${EDITOR:-vi} '/a b'"),
        (SystemdCredential("a"), "--name=a - /etc/credstore.encrypted/a -"),
        (OnePassword("op://my vault/i t/s/f"), "change s/f in 1Password's app, or: op item edit"),
        (OnePassword("op://my vault/i t/f"), "op item edit 'i t' --vault 'my vault' --template"),
        (Command(("/usr/bin/pass", "show", "a b")), "pass edit 'a b'"),
        (Command(("pass", "a b")), "store it with pass, the program"),
        (Command(("/usr/bin/vault",)), "store it with vault, the program"),
        (Keyring("a", "b"), "store it yourself"),
    ],
)
def test_what_to_type_where_tastyauth_cannot_store_it(reference: Reference, typed: str) -> None:
    assert typed in reference.how_to_store()


@for_each(
    ("reference", "earlier"),
    [
        (File("/a"), File("/a.old")),
        (Keyring("a", "b"), Keyring("a", "b.old")),
        (Pass("a"), Pass("a.old")),
    ],
)
def test_what_is_replaced_is_kept_beside_it(reference: Reference, earlier: Reference) -> None:
    assert reference.earlier() == earlier


# --- the value ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> File:
    path = tmp_path_factory.mktemp("values") / "secret"
    path.touch(0o600)
    return File(str(path))


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
@pytest.mark.parametrize("value", ["x", VALUE, "'quoted'", '"quoted"', "~", "x" * 16384])
def test_a_value_loses_exactly_one_line_ending(scratch: File, value: str, ending: str) -> None:
    Path(scratch.path).write_bytes((value + ending).encode())
    assert value_of(scratch) == value


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\r\n", "is empty"),
        (b"hunter2\n\n", "has 2 lines"),
        (b"hunter2\nuser: me\nurl: x\n", "has 3 lines"),
        (b"hunter2\r\nuser: me\r\n", "has 2 lines"),
        (b"hunter2\r", "a carriage return at position 8"),
        (b"hunter2\r\r\n", "a carriage return at position 8"),
        (b"hun\rter2", "a carriage return at position 4"),
        (b"hun\rter\r2", "a carriage return at position 4"),
        (b" hunter2", "begins with a space"),
        (b"\thunter2", "begins with a space"),
        (b"hunter2 \n", "ends with a space"),
        (b"hunter2\t", "ends with a space"),
        ("\u00a0hunter2".encode(), "begins with a space"),
        (b"hun\tter2", "a control character at position 4"),
        (b"hunter2\0", "a control character at position 8"),
        (b"\x7fhunter2", "a control character at position 1"),
        ("hünter2".encode(), "a non-ASCII character at position 2"),
        ("hunter2\u201d".encode(), "a curly quote at position 8"),
        ("\ufeffhunter2".encode(), "begins with a byte order mark"),
        (b"hunter2\xff", "is not UTF-8"),
        ("hunter2".encode("utf-16"), "is not UTF-8"),
        (b"h" * 16385, "is longer than 16384 characters"),
    ],
)
def test_a_malformed_value_is_named_by_its_defect_and_never_shown(
    scratch: File, content: bytes, what: str
) -> None:
    Path(scratch.path).write_bytes(content)
    error = refusal(scratch)
    assert what in error.message
    shown = "".join(traceback.format_exception(error)) + error.hint
    assert "unter2" not in shown
    assert "hhhhhhhh" not in shown


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_a_secret_is_printable_ascii_whatever_the_source_holds(
    scratch: File, content: bytes
) -> None:
    """Bytes become the same characters, less one line ending, or an error."""
    Path(scratch.path).write_bytes(content)
    try:
        value = value_of(scratch)
    except SecretError:
        return
    assert content in {value.encode() + ending for ending in (b"", b"\n", b"\r\n")}
    assert value.strip() == value
    assert value.isascii()
    assert value.isprintable()


# --- env ----------------------------------------------------------------------------------------


def test_a_variable_is_read_from_the_given_environment() -> None:
    assert value_of(Env("TT"), around({"TT": VALUE})) == VALUE


@for_each(("environ", "state"), [({}, "not set"), ({"TT": ""}, "empty")])
def test_a_variable_that_is_unset_or_empty_is_absent(environ: dict[str, str], state: str) -> None:
    assert absence(Env("TT"), around(environ)).message == f"env TT is {state}"


@for_each("value", ["\n", " ", "a\nb", "a\udcff", "é"])
def test_a_variable_with_a_malformed_value_is_an_error(value: str) -> None:
    refusal(Env("TT"), around({"TT": value}))


# --- file ---------------------------------------------------------------------------------------


def test_a_private_file_is_read(secret_file: Path) -> None:
    assert value_of(File(str(secret_file))) == VALUE


def test_a_symbolic_link_is_followed(secret_file: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(secret_file)
    assert value_of(File(str(tmp_path / "link"))) == VALUE


@pytest.mark.parametrize("below", ["missing", "missing/deep", "secret/below-a-file", "dangling"])
def test_a_file_that_does_not_exist_is_absent(
    secret_file: Path, tmp_path: Path, below: str
) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    error = absence(File(str(tmp_path / below)), around(home=str(tmp_path)))
    assert error.message == f"file ~/{below} does not exist"
    assert "tastyauth secret set" in error.hint


def test_a_file_that_may_not_be_read_is_an_error_and_not_absent(
    secret_file: Path, tmp_path: Path
) -> None:
    secret_file.chmod(0o000)
    with needs.as_nobody():
        assert "is not readable" in refusal(File(str(secret_file))).message


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("a\0b", "is not a path"),
        ("a\ud800", "is not a path"),
        ("x" * 300, "cannot be opened: file name too long"),
    ],
)
def test_a_path_that_the_system_does_not_take_is_an_error(
    tmp_path: Path, path: str, what: str
) -> None:
    assert refusal(File(f"{tmp_path}/{path}")).message.endswith(what)


def test_neither_a_directory_nor_a_device_nor_a_socket_is_a_secret_file(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        assert "cannot be opened" in refusal(File(str(tmp_path / "s"))).message
    for path in (str(tmp_path), "/dev/zero"):
        assert "neither a file nor a named pipe" in refusal(File(path)).message


@pytest.mark.parametrize(("size", "what"), [(65536, "16384 characters"), (65537, "64 KiB")])
def test_a_file_may_have_64_kib_a_secret_a_quarter(secret_file: Path, size: int, what: str) -> None:
    secret_file.write_bytes(b"x" * size)
    assert what in refusal(File(str(secret_file))).message


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o444])
@pytest.mark.parametrize("make", [Path.touch, os.mkfifo])
def test_a_users_file_that_others_can_read_is_an_error_with_the_chmod_to_run(
    on_disk: Path, mode: int, make: Callable[[Path], None]
) -> None:
    path = on_disk / "it's open"
    make(path)
    path.chmod(mode)
    before = path.stat().st_mode
    error = refusal(File(str(path)), around(patience=0.1))
    assert error.reason == OPEN
    assert error.hint.startswith("run: chmod 600 ")
    subprocess.run(["sh", "-c", error.hint.removeprefix("run: ")], check=True)
    assert path.stat().st_mode & 0o7777 == 0o600 != before
    # Now it is judged by what is in it, no longer by its mode.
    assert "other users" not in refusal(File(str(path)), around(patience=0.1)).message


def test_an_open_pipe_that_lies_in_no_directory_is_judged_by_its_mode() -> None:
    """Of a file on a device that is not mounted nothing says that it is in memory."""
    reading, writing = os.pipe()
    try:
        os.fchmod(reading, 0o644)
        error = refusal(File(f"/dev/fd/{reading}"), around(patience=0.1))
        assert "other users" in error.message
    finally:
        os.close(reading)
        os.close(writing)


def test_a_file_that_comes_in_pieces_is_read_to_its_end() -> None:
    needs.exists("/proc/kallsyms")
    error = refusal(File("/proc/kallsyms", any_permissions=True))
    assert "larger than 64 KiB" in error.message


def test_a_file_that_cannot_be_read_though_it_can_be_opened_is_an_error() -> None:
    needs.exists("/proc/self/mem")
    error = refusal(File("/proc/self/mem"))
    assert error.message.endswith("cannot be read: input/output error")


def test_a_mode_that_lets_nobody_else_read_is_private(on_disk: Path, secret_file: Path) -> None:
    secret_file.chmod(0o733)
    assert value_of(File(str(secret_file))) == VALUE


def test_permissions_any_takes_an_open_file(on_disk: Path, secret_file: Path) -> None:
    secret_file.chmod(0o644)
    assert value_of(File(str(secret_file), any_permissions=True)) == VALUE


def test_an_open_file_of_another_user_is_a_mounted_secret(on_disk: Path, secret_file: Path) -> None:
    needs.is_root()
    secret_file.chmod(0o644)
    os.chown(secret_file, NOBODY, NOBODY)
    assert value_of(File(str(secret_file))) == VALUE


def test_an_open_file_on_tmpfs_is_taken() -> None:
    if not os.access("/dev/shm", os.W_OK):
        missing("no /dev/shm that can be written")
    path = Path(f"/dev/shm/tastyauth-test-{os.getpid()}")
    path.write_text(VALUE)
    try:
        path.chmod(0o644)
        assert value_of(File(str(path))) == VALUE
    finally:
        path.unlink()


@pytest.mark.parametrize("through_link", [False, True])
def test_an_open_file_below_the_credentials_directory_is_taken(
    on_disk: Path, secret_file: Path, through_link: bool
) -> None:
    secret_file.chmod(0o644)
    (on_disk / "link").symlink_to(on_disk, target_is_directory=True)
    directory = on_disk / "link" if through_link else on_disk
    assert value_of(File(str(secret_file)), around({"CREDENTIALS_DIRECTORY": str(directory)}))


@pytest.mark.parametrize("elsewhere", ["", ".", "secre"])
def test_an_open_file_beside_the_credentials_directory_is_not(
    on_disk: Path, secret_file: Path, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(on_disk)
    secret_file.chmod(0o644)
    directory = f"{on_disk}/{elsewhere}" if elsewhere == "secre" else elsewhere
    refusal(File(str(secret_file)), around({"CREDENTIALS_DIRECTORY": directory}))


@for_each(
    ("mount", "what"),
    [
        ("{device} / / rw - ext4 tmpfs rw", "chmod 600 {path}"),
        ("{device} / / rw - caf\u00e9 tmpfs rw", "chmod 600 {path}"),
        ("0:0 / / rw - tmpfs tmpfs rw", "chmod 600 {path}"),
        ("{device} / / rw - vfat /dev/sd rw", "path: {path}, permissions: any"),
        ("{device} / / rw - tmpfs other rw", None),
        (None, "chmod 600 {path}"),
    ],
)
def test_a_mode_counts_by_the_file_system_where_that_is_known(
    on_disk: Path, secret_file: Path, mount: str | None, what: str | None
) -> None:
    """With a stand-in for what the system says of its mounts; macOS says nothing."""
    secret_file.chmod(0o644)
    number = secret_file.stat().st_dev
    device = f"{os.major(number)}:{os.minor(number)}"

    def mounts(path: str, mode: str) -> io.BytesIO:
        if mount is None:
            raise FileNotFoundError(path)
        lines = ("1 0 0:0 / /proc rw - proc proc rw", f"2 0 {mount.format(device=device)}")
        return io.BytesIO("\n".join(lines).encode())

    with pytest.MonkeyPatch.context() as here:
        here.setattr("tastyauth.sources.file.open", mounts, raising=False)
        if what is None:
            assert value_of(File(str(secret_file))) == VALUE
        else:
            assert what.format(path=secret_file) in refusal(File(str(secret_file))).hint


MOUNTS = {
    "read-only": 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 9',
    **{
        kind: f'mount -t {kind} of-another-name "$1" && printf %s "{VALUE}" >"$1/secret" || exit 9'
        for kind in ("tmpfs", "ramfs")
    },
}


@pytest.mark.parametrize("mount", MOUNTS)
def test_an_open_file_on_a_read_only_mount_or_in_memory_is_taken(
    on_disk: Path, secret_file: Path, mount: str
) -> None:
    needs.is_root()
    secret_file.chmod(0o644)
    read = (
        "import sys; from tastyauth.sources.file import *;"
        "print(File(sys.argv[1]).resolve(Surroundings({}, False, '/')).reveal())"
    )
    done = subprocess.run(
        [
            "unshare",
            "-m",
            "sh",
            "-c",
            f'{MOUNTS[mount]}; shift; exec "$@"',
            "sh",
            on_disk,
            sys.executable,
            "-c",
            read,
            secret_file,
        ],
        capture_output=True,
        text=True,
    )
    if done.returncode == 9 or "unshare" in done.stderr:
        missing("this system does not let root mount")
    assert (done.stdout, done.stderr) == (VALUE + "\n", "")


AS_WINDOWS = """\
sed "/ $(stat -c %Hd:%Ld "$1") /s/ - [^ ]*/ - $2/" /proc/self/mountinfo >"$1/mounts" || exit 9
mount --bind "$1/mounts" /proc/$$/mountinfo || exit 9
shift 2
exec "$@"
"""
"""Runs a program to which a directory's file system has the name of one that has no modes.

It stands in for a drive of Windows in WSL, which no kernel here can mount.
"""


@pytest.mark.parametrize("kind", ["9p", "drvfs", "vfat"])
def test_where_chmod_changes_nothing_the_hint_names_what_does(
    on_disk: Path, secret_file: Path, kind: str
) -> None:
    needs.is_root()
    secret_file.chmod(0o644)
    read = (
        "import sys; from tastyauth.sources.file import *;\n"
        "try: File(sys.argv[1]).resolve(Surroundings({}, False, '/'))\n"
        "except SecretError as error: print(error.hint)"
    )
    words = ("sh", "-c", AS_WINDOWS, "sh", on_disk, kind, sys.executable, "-c", read, secret_file)
    done = subprocess.run(["unshare", "-m", *words], capture_output=True, text=True)
    if done.returncode == 9 or "unshare" in done.stderr:
        missing("this system does not let root mount")
    assert "chmod 600" not in done.stdout, done.stderr
    assert f"{{ file: {{ path: {secret_file}, permissions: any }} }}" in done.stdout, done.stderr


# --- looking without reading --------------------------------------------------------------------


def test_a_look_finds_what_reading_would(on_disk: Path, secret_file: Path) -> None:
    """It opens nothing: a pipe keeps what is in it."""
    (on_disk / "link").symlink_to(secret_file)
    os.mkfifo(on_disk / "pipe", 0o600)
    (on_disk / "open").write_text(VALUE)
    (on_disk / "open").chmod(0o644)
    here = around({"CREDENTIALS_DIRECTORY": f"{on_disk}", "TT": "x"})
    outside = around(home=f"{on_disk}")

    def path(name: str, any_permissions: bool = False) -> File:
        return File(f"{on_disk}/{name}", any_permissions)

    for seen in (
        path("secret"),
        path("link"),
        path("pipe"),
        path("open"),
        SystemdCredential("open"),
        Dotenv(f"{on_disk}/secret", "A"),
        Env("TT"),
    ):
        assert seen.look(here) is True
    assert path("open", any_permissions=True).look(outside) is True
    for unseen in (Keyring("a", "b"), Pass("a"), shell("exit 1")):
        assert unseen.look(outside) is False
    for broken, surroundings in (
        (path("open"), outside),
        (path("none"), outside),
        (path("secret/below"), outside),
        (path("a\0b"), outside),
        (path("x" * 300), outside),
        (path(""), outside),
        (File("/dev/zero"), outside),
        (SystemdCredential("link"), here),
        (SystemdCredential("none"), here),
        (SystemdCredential("secret"), outside),
        (Dotenv(f"{on_disk}/none", "A"), outside),
        (Dotenv(f"{on_disk}/open", "A"), outside),
        (Env("TT"), outside),
    ):
        with pytest.raises(SecretError) as read:
            broken.resolve(surroundings)
        with pytest.raises(SecretError) as looked:
            broken.look(surroundings)
        assert (type(looked.value), looked.value.message) == (type(read.value), read.value.message)
        assert looked.value.hint
        assert broken.is_absent(surroundings) is isinstance(read.value, SecretAbsent)


def test_what_cannot_be_read_is_seen_without_reading_it() -> None:
    """As whoever this process acts for."""
    needs.exists("/etc/shadow")
    with needs.as_nobody(), pytest.raises(SecretError, match="is not readable") as looked:
        File("/etc/shadow").look(around())
    assert looked.value.hint.endswith(" /etc/shadow")


@for_each(
    ("reference", "absent"),
    [
        (Command(("no-such-program",)), True),
        (shell("exit 1"), False),
        (Keyring("a", "b"), False),
        (FirstOf((Env("TT"),)), False),
    ],
)
def test_only_what_is_certainly_absent_is_called_so(reference: Reference, absent: bool) -> None:
    assert reference.is_absent(around()) is absent


# --- named pipes --------------------------------------------------------------------------------


@contextmanager
def pipe_fed_with(path: Path, *chunks: bytes, pause: float = 0.1) -> Iterator[File]:
    """A private named pipe to which somebody writes, a little late and piece by piece."""
    os.mkfifo(path, 0o600)

    def feed() -> None:
        time.sleep(pause)
        with path.open("wb", buffering=0) as pipe:
            for chunk in chunks:
                pipe.write(chunk)
                time.sleep(pause)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    yield File(str(path))
    feeder.join(60)
    assert not feeder.is_alive()


def test_a_named_pipe_is_read_until_its_writer_closes_it(tmp_path: Path) -> None:
    with pipe_fed_with(tmp_path / "pipe", VALUE[:5].encode(), VALUE[5:].encode()) as pipe:
        assert value_of(pipe) == VALUE


def test_a_named_pipe_without_a_writer_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    began = time.monotonic()
    error = refusal(File(str(tmp_path / "pipe")), around(patience=0.2))
    assert "named pipe" in error.message
    assert error.reason == HANGS
    assert 0.2 <= time.monotonic() - began < 60


def test_a_writer_that_leaves_without_writing_does_not_end_the_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path, 0o600)

    def feed() -> None:
        path.open("wb").close()
        time.sleep(0.2)
        path.write_text(VALUE)

    feeder = threading.Thread(target=feed, daemon=True)
    before = time.process_time()
    feeder.start()
    assert value_of(File(str(path))) == VALUE
    assert time.process_time() - before < 0.1, "it waits, it does not look again and again"


def test_a_writer_that_never_closes_the_pipe_runs_into_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path, 0o600)
    writer = os.open(path, os.O_RDWR)
    os.write(writer, VALUE.encode())
    before = time.process_time()
    error = refusal(File(str(path)), around(patience=0.2))
    assert time.process_time() - before < 0.1, "it waits, it does not look again and again"
    os.close(writer)
    assert "named pipe" in error.message
    assert VALUE not in error.message


def test_a_named_pipe_may_hold_no_more_than_a_file(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    feeder = ["sh", "-c", 'cat /dev/zero >"$1" 2>/dev/null', "sh", str(path)]
    os.mkfifo(path, 0o600)
    with subprocess.Popen(feeder) as it:
        try:
            assert "64 KiB" in refusal(File(str(path))).message
        finally:
            it.kill()  # without a reader it would wait forever


# --- systemd credentials ------------------------------------------------------------------------


def test_a_credential_is_read_whatever_its_mode(secret_file: Path, tmp_path: Path) -> None:
    secret_file.chmod(0o444)
    surroundings = around({"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert value_of(SystemdCredential("secret"), surroundings) == VALUE


@for_each("directory", [None, "", "relative"])
def test_outside_a_service_a_credential_is_absent(directory: str | None) -> None:
    environ = {} if directory is None else {"CREDENTIALS_DIRECTORY": directory}
    assert "CREDENTIALS_DIRECTORY" in absence(SystemdCredential("tt"), around(environ)).message


def test_a_credential_that_the_service_was_not_given_is_absent(tmp_path: Path) -> None:
    absence(SystemdCredential("tt"), around({"CREDENTIALS_DIRECTORY": str(tmp_path)}))


def test_a_credential_that_cannot_be_a_secret_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "tt").write_text("two\nlines\n")
    surroundings = around({"CREDENTIALS_DIRECTORY": str(tmp_path)})
    error = refusal(SystemdCredential("tt"), surroundings)
    assert "has 2 lines" in error.message
    assert "keep only the secret" in error.hint


def test_a_credential_that_is_a_pipe_has_the_time_limit_of_any_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    surroundings = around({"CREDENTIALS_DIRECTORY": str(tmp_path)}, patience=0.1)
    assert "within 0.1 s" in refusal(SystemdCredential("pipe"), surroundings).message


@pytest.mark.parametrize("name", ["../secret", "a/b", "..", ".", "", "/etc/passwd", "link"])
def test_a_credential_never_lies_outside_its_directory(
    tmp_path: Path, secret_file: Path, name: str
) -> None:
    directory = tmp_path / "credentials"
    directory.mkdir()
    (directory / "link").symlink_to(secret_file)
    refusal(SystemdCredential(name), around({"CREDENTIALS_DIRECTORY": str(directory)}))


# --- commands -----------------------------------------------------------------------------------


def test_a_command_gives_its_stdout() -> None:
    assert value_of(shell("echo value")) == "value"
    assert value_of(Command(("printf", "%s", "$HOME `id`"))) == "$HOME `id`"
    assert value_of(shell("echo X")) == "X"


def test_a_command_is_found_on_path_and_runs_at_home(bin_directory: Path, tmp_path: Path) -> None:
    install(bin_directory, "pass", 'test "$*" = "show brokers/tt" && pwd')
    home = tmp_path / "home"
    home.mkdir()
    surroundings = around({"PATH": f"{bin_directory}:{PATH}"}, home=str(home))
    command = Command(("pass", "show", "brokers/tt"))
    assert os.path.realpath(value_of(command, surroundings)) == str(home.resolve())


@for_each("home", ["/nowhere", sys.executable])
def test_a_command_runs_in_the_root_when_there_is_no_home(home: str) -> None:
    assert value_of(Command(("pwd",)), around(home=home)) == "/"


def test_a_command_inherits_variables_and_is_marked_as_a_source() -> None:
    assert value_of(shell('echo "$A $TASTYAUTH_SOURCE"'), around({"A": "b"})) == "b 1"


@for_each("reference", [shell("echo x"), FirstOf((shell("echo x"), Env("PATH")))])
def test_a_command_inside_a_command_is_refused(reference: Reference) -> None:
    error = refusal(reference, around({"TASTYAUTH_SOURCE": "1"}))
    assert "inside another command" in error.message


@for_each("program", ["no-such-program", "/no/such", "~/no/such", "./sh", "bin/sh"])
def test_a_command_whose_program_is_not_here_is_absent(program: str) -> None:
    error = absence(Command((program, "x")))
    assert "not available here" in error.message
    assert ("cron's PATH" in error.hint) is ("/" not in program)


def test_a_program_that_cannot_be_executed_is_an_error(secret_file: Path) -> None:
    assert "permission denied" in refusal(Command((str(secret_file),))).message


def test_a_program_is_looked_up_in_absolute_entries_of_path_only(
    bin_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(bin_directory, "pass", "echo x")
    monkeypatch.chdir(bin_directory)
    for unsafe in ("", ".", "../bin", "bin", f":{tmp_path}", f"{tmp_path}::"):
        assert resolve_program("pass", {"PATH": unsafe}, str(tmp_path)) is None
    found = resolve_program("pass", {"PATH": f":.:{tmp_path}:{bin_directory}"}, str(tmp_path))
    assert found == str(bin_directory / "pass")


def test_on_path_only_executable_files_count(bin_directory: Path, tmp_path: Path) -> None:
    (bin_directory / "pass").mkdir()
    (tmp_path / "pass").touch(0o600)
    good = install(tmp_path / "bin" / "pass", "pass", "echo x")
    path = f"{bin_directory}:{tmp_path}:{good.parent}"
    assert resolve_program("pass", {"PATH": path}, "/") == str(good)


def test_a_program_may_be_named_by_an_absolute_path_or_from_home(
    bin_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bin_directory)
    program = install(bin_directory, "x", "echo x")
    assert resolve_program(str(program), {}, "/nowhere") == str(program)
    assert resolve_program("~/x", {}, str(bin_directory)) == str(program)
    assert resolve_program("~/y", {}, str(bin_directory)) is None
    assert resolve_program("./x", {}, str(bin_directory)) is None


def test_without_path_the_systems_default_is_searched() -> None:
    assert resolve_program("sh", {}, "/") in {"/bin/sh", "/usr/bin/sh"}


@for_each(
    ("output", "reference", "value"),
    [
        ("one\ntwo\n", out(line=1), "one"),
        ("one\ntwo", out(line=2), "two"),
        ("one\r\ntwo\r\n", out(line=1), "one"),
        ("one\r\ntwo\r\n", out(line=2), "two"),
        ('{"a": {"b": "x"}}', out(json="/a/b"), "x"),
        ('{"a": ["x", "y"]}', out(json="/a/1"), "y"),
        ('{"a/b": {"m~n": {"": "x"}}}', out(json="/a~1b/m~0n/"), "x"),
        ('{"~1": "x"}', out(json="/~01"), "x"),
        ('{"01": "x"}', out(json="/01"), "x"),
        ('"x"', out(json=""), "x"),
        ('{"a": "x\\n"}', out(json="/a"), "x"),
        ('noise\n{"a": "x"}\n', out(line=2, json="/a"), "x"),
    ],
)
def test_a_line_or_a_json_string_is_picked(output: str, reference: Command, value: str) -> None:
    assert value_of(reference, around({"OUT": output})) == value


@for_each(
    ("output", "reference", "what"),
    [
        ("hunter2\nx\ny\n", out(), "3 lines"),
        ("hunter2\nx\n", out(line=3), "gave 2 lines"),
        ("hunter2", out(line=2), "gave 1 line,"),
        ("\nhunter2\n", out(line=1), "is empty"),
        ("\r\n", out(), "is empty"),
        (" \n", out(), "begins with a space"),
        ("hunter2", out(json="/a"), "did not give JSON"),
        ('{"a": "hunter2"', out(json="/a"), "did not give JSON"),
        ("[" * 60000, out(json="/a"), "did not give JSON"),
        ('{"a": "hunter2"}', out(json="/b"), "no value at `json: /b`"),
        ('{"a": "hunter2"}', out(json="/a/0"), "no value at"),
        ('{"a": ["hunter2"]}', out(json="/a/1"), "no value at"),
        ('{"a": ["hunter2"]}', out(json="/a/-"), "no value at"),
        ('{"a": ["hunter2"]}', out(json="/a/-1"), "no value at"),
        ('{"a": ["x", "hunter2"]}', out(json="/a/01"), "no value at"),
        ('{"a": ["x", "hunter2"]}', out(json="/a/\u0661"), "no value at"),
        ('{"a": 5}', out(json="/a"), "a number"),
        ('{"a": 5.5}', out(json="/a"), "a number"),
        ('{"a": true}', out(json="/a"), "a boolean"),
        ('{"a": null}', out(json="/a"), "null"),
        ('{"a": ["hunter2"]}', out(json="/a"), "an array"),
        ('{"a": "hunter2"}', out(json=""), "an object"),
        ('{"a": ""}', out(json="/a"), "is empty"),
        ('{"a": "hunter2\\nx"}', out(json="/a"), "2 lines"),
        ('{"a": "hunter2\\ud800"}', out(json="/a"), "not UTF-8"),
    ],
)
def test_what_cannot_be_picked_is_named_without_the_output(
    output: str, reference: Command, what: str
) -> None:
    error = refusal(reference, around({"OUT": output}))
    assert what in error.message
    assert "hunter2" not in "".join(traceback.format_exception(error)) + error.hint


@for_each("reference", [out(line=1), out(json="/a"), shell("printf '\\377'")])
def test_output_that_is_not_utf8_is_an_error(reference: Command) -> None:
    environ = {"OUT": "\udcff\udcfe"}
    assert "not UTF-8" in refusal(reference, around(environ)).message


def test_several_lines_of_a_command_are_an_error_that_names_the_option() -> None:
    assert "line: 1" in refusal(out(), around({"OUT": "one\ntwo\n"})).hint


def test_a_failing_command_is_an_error_with_its_code_and_its_last_words() -> None:
    message = refusal(shell("echo first >&2; echo '  last words ' >&2; exit 3")).message
    assert "exit code 3" in message
    assert message.endswith("first last words")


def test_a_failing_command_is_an_error_though_it_gave_a_value() -> None:
    refusal(shell("echo value; exit 1"))


def test_a_command_ended_by_a_signal_is_an_error_that_names_it() -> None:
    assert refusal(shell("kill -KILL $$")).message.endswith("was ended by SIGKILL")


@needs.needs_linux
def test_a_command_ended_by_a_signal_without_a_name_is_an_error_with_its_number() -> None:
    number = signal.SIGRTMIN + 1
    assert refusal(shell(f"kill -{number} $$")).message.endswith(f"was ended by signal {number}")


JWT = "eyJhbGciOiJFZERTQSIsInR5cCI6InJ0K2p3dCJ9.eyJpc3MiOiJodHRwcyJ9.c2lnbmF0dXJl"
HEX = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    "script",
    [
        f"echo bad token {JWT} >&2; exit 1",
        f"echo key={HEX} >&2; exit 1",
        f"printf '\\033[1m{JWT[:30]}\\033[0m{JWT[30:]}' >&2; exit 1",
        f"printf '{HEX[:20]}\\0\\b{HEX[20:]}' >&2; exit 1",
        "echo correct-horse-battery; echo not correct-horse-battery! >&2; exit 1",
        f"printf 'x%.0s' $(seq 60) >&2; for i in $(seq 99); do printf {HEX} >&2; done; exit 1",
        f"echo {HEX} >&2; exec sleep 60",
    ],
)
def test_what_a_failing_command_says_is_masked(script: str, tmp_path: Path) -> None:
    program = install(tmp_path, "leaky", script)
    message = refusal(Command((str(program),), timeout=1.0)).message
    for part in (JWT[:12], JWT[30:42], HEX[:9], HEX[20:30], "horse"):
        assert part not in message


def test_a_secret_of_which_only_the_end_was_kept_is_not_shown(tmp_path: Path) -> None:
    script = f"printf '{HEX} ' >&2; head -c 4085 /dev/zero | tr '\\0' x >&2; exit 1"
    message = refusal(Command((str(install(tmp_path, "loud", script)),))).message
    assert HEX[-10:] not in message
    assert message.endswith("[hidden]")


def test_what_a_failing_command_says_is_cut_and_cannot_steer_the_terminal(tmp_path: Path) -> None:
    script = (
        "for i in $(seq 500); do echo line $i >&2; done;"
        "printf '\\033[31mred\\033]0;title\\007\\r\\342\\200\\256 end\\n' >&2; exit 1"
    )
    program = install(tmp_path, "loud", script)
    message = refusal(Command((str(program),)), around(home=str(tmp_path))).message
    assert message.startswith("command ~/loud failed")
    assert message.isprintable()
    assert message.endswith("line 500 red end")
    said = message.partition("exit code 1")[2]
    assert 150 < len(said) <= 210


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo no; echo no such entry >&2", ": no such entry"),  # too short to be a secret
        ("echo hunter22; echo not hunter22 >&2", ": not [hidden]"),
        ("printf 'bad \\377 byte' >&2", ": bad \ufffd byte"),
        ("printf '\\377'; echo no >&2", ": no"),
        ("yes aaa | head -n 5000 >&2", ": …" + " aaa" * 50),  # no blank in what was kept
        (f"echo '{'ab ' * 66}ab' >&2", ": " + "ab " * 66 + "ab"),  # 200 characters
        ("true", ""),
    ],
)
def test_what_a_failing_command_says_is_quoted(tmp_path: Path, script: str, said: str) -> None:
    program = install(tmp_path, "says", f"{script}; exit 1")
    message = refusal(Command((str(program),))).message
    assert message.partition(" failed with exit code 1")[2] == said


@for_each(
    ("script", "reason"),
    [
        ("echo Enter the PASSPHRASE >&2; exit 1", ASKS),
        ("echo Master password: >&2", ASKS),
        ("exit 1 # no passphrase", ""),
        ("true # no passphrase", ""),
    ],
)
def test_a_command_that_asks_is_told_by_what_it_says_and_not_by_its_name(
    script: str, reason: str
) -> None:
    assert refusal(shell(script)).reason == reason


@for_each("interactive", [True, False])
def test_a_command_that_may_ask_stays_in_the_session_and_any_other_has_its_own(
    interactive: bool,
) -> None:
    """The terminal belongs to a session."""
    command = Command((sys.executable, "-c", "import os; print(os.getsid(0))"))
    session = value_of(command, around(interactive=interactive))
    assert (session == str(os.getsid(0))) is interactive


def test_a_command_that_does_not_end_is_an_error_with_its_last_words() -> None:
    error = refusal(shell("echo touch the key >&2; exec sleep 60", timeout=0.3))
    assert "did not end within 0.3 s: touch the key" in error.message
    assert "timeout" in error.hint
    assert error.reason == HANGS


def test_a_command_without_a_limit_of_its_own_has_that_of_the_run() -> None:
    assert "0.2 s" in refusal(shell("sleep 60"), around(patience=0.2)).message


def test_a_command_that_talks_too_much_is_an_error() -> None:
    assert "64 KiB" in refusal(shell("yes")).message


def test_a_command_that_may_not_ask_has_no_input(tmp_path: Path) -> None:
    assert "empty" in refusal(Command(("cat",))).message


DRIVER = """
import os, sys
from tastyauth.sources.command import Command
from tastyauth.sources import Surroundings
surroundings = Surroundings(os.environ, True, os.environ["HOME"])
print("got", Command(("pass", "show", "tt"), line=1).resolve(surroundings).reveal()[::-1])
"""


def test_a_command_that_may_ask_does_so_on_the_terminal(
    bin_directory: Path, tmp_path: Path
) -> None:
    script = (
        "echo opening the store >&2; printf 'PIN: ' >/dev/tty; read -r pin </dev/tty;"
        'printf "%s-token\\nuser: me\\n" "$pin"'
    )
    install(bin_directory, "pass", script)
    terminal = pexpect.spawn(
        sys.executable,
        ["-c", DRIVER],
        env={"PATH": f"{bin_directory}:{PATH}", "HOME": str(tmp_path)},
        encoding="utf-8",
        timeout=300,
    )
    terminal.expect_exact("opening the store")
    terminal.expect_exact("PIN: ")
    terminal.sendline("1234")
    terminal.expect_exact("got nekot-4321")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0


# --- starting early -----------------------------------------------------------------------------


def appears(path: Path, within: float) -> bool:
    deadline = time.monotonic() + within
    while not path.exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_commands_that_may_not_ask_start_at_once_and_side_by_side(tmp_path: Path) -> None:
    def meets(mine: str, other: str) -> Command:
        wait = f"until test -e {other}; do sleep 0.01; done"
        return shell(f"cd '{tmp_path}'; touch {mine}; {wait}; echo {mine}", timeout=20)

    with meets("a", "b").begin(around()) as first, meets("b", "a").begin(around()) as second:
        assert appears(tmp_path / "a", within=20)
        assert first().reveal() == "a"
        assert second().reveal() == "b"


def test_commands_that_may_ask_start_only_when_their_turn_comes(tmp_path: Path) -> None:
    reference = shell(f"touch '{tmp_path}/started'; echo value")
    with reference.begin(around(interactive=True)) as collect:
        assert not appears(tmp_path / "started", within=0.3)
        assert collect().reveal() == "value"


def test_a_command_that_was_started_early_fails_as_any_other(tmp_path: Path) -> None:
    install(tmp_path, "fails", "exit 3")
    surroundings = around(home=str(tmp_path))
    with (
        Command((f"{tmp_path}/fails", "x")).begin(surroundings) as collect,
        pytest.raises(SecretError) as caught,
    ):
        collect()
    assert caught.value.message == "command ~/fails x failed with exit code 3"
    absent = absence(Command((f"{tmp_path}/none",)), surroundings)
    assert absent.message.startswith("command ~/none ")


def test_a_command_that_nobody_collects_is_ended(tmp_path: Path) -> None:
    reference = shell(f"touch '{tmp_path}/started'; sleep 1; touch '{tmp_path}/survived'")
    with reference.begin(around()):
        assert appears(tmp_path / "started", within=20)
    assert not appears(tmp_path / "survived", within=1.5)


def test_a_command_whose_exit_code_another_part_has_taken_is_an_error(tmp_path: Path) -> None:
    reference = shell(f"cd '{tmp_path}'; echo $$ >it; mv it number; echo value")
    with reference.begin(around()) as collect:
        assert appears(tmp_path / "number", within=20)
        os.waitpid(int((tmp_path / "number").read_text()), 0)
        with pytest.raises(SecretError, match="ended, but") as caught:
            collect()
    assert "by their IDs" in caught.value.hint


@for_each("reference", [Env("TT"), FirstOf((Env("NO"), Env("TT"))), shell('echo "$TT"')])
def test_every_source_can_be_begun(reference: Reference) -> None:
    with reference.begin(around({"TT": VALUE})) as collect:
        assert collect().reveal() == VALUE


@for_each("reference", [Env("NO"), Command(("no-such-program",))])
def test_a_source_that_is_absent_says_so_when_it_is_begun_or_collected(
    reference: Reference,
) -> None:
    with pytest.raises(SecretAbsent) as caught, reference.begin(around()) as collect:
        collect()
    assert names_its_source(caught.value, reference, None)


# --- first_of -----------------------------------------------------------------------------------

ABSENT: list[Reference] = [
    Env("UNSET"),
    Env("EMPTY"),
    File("/no/such/file"),
    File("/dev/null/below"),
    SystemdCredential("tt"),
    Command(("no-such-program",)),
    Command(("/no/such/program",)),
    Dotenv("/no/.env", "TT"),
    Keyring("tastyauth", "live"),
    OnePassword("op://a/b/c"),
    Pass("a/b"),
]


@for_each("member", ABSENT)
def test_first_of_moves_on_from_what_is_not_here(member: Reference) -> None:
    assert value_of(FirstOf((member, Env("TT"))), around({"TT": VALUE, "EMPTY": ""})) == VALUE


@for_each(
    "member",
    [
        Env("MALFORMED"),
        File("/"),
        File("/dev/zero"),
        SystemdCredential("../x"),
        shell("exit 1"),
        shell("true"),
        shell("sleep 60", timeout=0.1),
        shell("echo one; echo two"),
        shell("yes"),
        Command(("/",)),
    ],
)
def test_first_of_stops_at_what_is_here_and_broken(member: Reference) -> None:
    refusal(FirstOf((member, Env("TT"))), around({"TT": VALUE, "MALFORMED": " x"}))


def test_first_of_stops_at_files_that_are_empty_open_or_denied(
    on_disk: Path, secret_file: Path
) -> None:
    first_of = FirstOf((File(str(secret_file)), Env("TT")))
    secret_file.chmod(0o644)
    assert "other users" in refusal(first_of, around({"TT": VALUE})).message
    secret_file.chmod(0o000)
    with needs.as_nobody():
        assert "is not readable" in refusal(first_of, around({"TT": VALUE})).message
    secret_file.chmod(0o600)
    secret_file.write_text("")
    assert "is empty" in refusal(first_of, around({"TT": VALUE})).message


def test_first_of_asks_nobody_after_the_first_that_is_here(tmp_path: Path) -> None:
    later = shell(f"touch '{tmp_path}/asked'; echo other")
    assert value_of(FirstOf((Env("TT"), later)), around({"TT": VALUE})) == VALUE
    assert not (tmp_path / "asked").exists()


def test_when_nothing_is_here_first_of_is_absent_and_says_why_for_each() -> None:
    message = absence(FirstOf(tuple(ABSENT)), around({"EMPTY": ""})).message
    for member in ABSENT:
        assert member.describe() in message
