"""Secrets in .env files, keyrings and password managers.

The .env reader is the real one. `op` cannot be had and is a stand-in here, and so is `pass`; the
real pass and a real keyring are met in `tests/e2e`. Keyring back ends are classes of a module that
the child is told to use, as any back end is (PYTHON_KEYRING_BACKEND).
"""

import errno
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import needs
import pytest
from world import PYTHON

from tastyauth.errors import SecretAbsent, SecretError
from tastyauth.secret import Secret
from tastyauth.sources import ASKS, HANGS, Reference, Surroundings, kind_of
from tastyauth.sources.command import Command
from tastyauth.sources.dotenv import Dotenv, variables
from tastyauth.sources.env import Env
from tastyauth.sources.file import File, SystemdCredential
from tastyauth.sources.first_of import FirstOf
from tastyauth.sources.keyring import Keyring
from tastyauth.sources.onepassword import OnePassword
from tastyauth.sources.pass_store import Pass

VALUE = "s3cret/value+with=all-sorts"

BACKEND = """\
import os
import time
from keyring.backend import KeyringBackend
from keyring.compat import properties
import keyring.backends.null
import keyring.errors

ENTRY = ("tastyauth", "live/refresh_token")

class Full(KeyringBackend):
    priority = 1
    def get_password(self, *entry):
        with open(PATH) as file:
            return entry == ENTRY and file.read() or None
    def set_password(self, service, username, password):
        assert (service, username) == ENTRY
        with open(PATH, "w") as file:
            file.write(password)
    def delete_password(self, service, username):
        self.set_password(service, username, "")

class Chain(Full):
    backends = [keyring.backends.null.Keyring()]

class NoBusWhenLoaded(Full):
    @properties.classproperty
    def priority(cls):
        raise RuntimeError("Unable to initialize SecretService: no session bus")

class SecretServiceNotAvailableException(Exception):
    pass

class ItemLockedError(Exception):
    pass

class SaysIt(Full):
    def get_password(self, service, username):
        raise RuntimeError("s3cret/value+with=all-sorts")
    def set_password(self, service, username, password):
        raise keyring.errors.InitError("cannot store " + password)

class Waiting(Full):
    def get_password(self, service, username):
        time.sleep(60)
    def set_password(self, service, username, password):
        time.sleep(60)
"""

KEYCHAIN = "Can't get password from keychain: ({}, 'Unknown')"

ANSWERS = {
    "BusRefused": 'raise ConnectionRefusedError(111, "Connection refused")',
    "Broken": 'raise ValueError("something with the secret s3cret/value+with=all-sorts in it")',
    "Cancelled": 'raise ValueError("Prompt was Cancelled")',
    "Chatty": 'print("hello")',
    "Denied": 'raise keyring.errors.KeyringError("access denied by the user")',
    "DeniedOnMacOS": f"raise keyring.errors.KeyringError({KEYCHAIN.format(-128)!r})",
    "Ending": 'print("null", flush=True); os._exit(0)',
    "Guarded": 'return os.environ["TASTYAUTH_SOURCE"]',
    "Locked": 'raise keyring.errors.KeyringLocked("Failed to unlock the collection!")',
    "LockedByName": "raise ItemLockedError",
    "LockedOnMacOS": f"raise keyring.errors.KeyringError({KEYCHAIN.format(-25308)!r})",
    "Loud": 'print("hello" * 20_000)',
    "NoBus": 'raise keyring.errors.InitError("no such name on the bus")',
    "NoBusAtAll": 'raise SecretServiceNotAvailableException("DBUS_SESSION_BUS_ADDRESS is unset")',
    "NoSession": 'raise RuntimeError("no session")',
    "NoText": r'return "a\udcffb"',
    "Where": "return os.getcwd()",
}
"""What more back ends do when they are asked for a password."""

for _name, _answer in ANSWERS.items():
    BACKEND += f"""
class {_name}(Full):
    def get_password(self, service, username):
        {_answer}
"""


def around(tmp_path: Path, *, patience: float = 30, **environ: str) -> Surroundings:
    path = f"{tmp_path}/bin:/usr/bin:/bin"
    return Surroundings({"PATH": path, **environ}, False, f"{tmp_path}", patience)


def program(tmp_path: Path, name: str, script: str) -> None:
    (tmp_path / "bin").mkdir(exist_ok=True)
    path = tmp_path / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)


def keyring(
    tmp_path: Path, backend: str, content: str = VALUE, patience: float = 30
) -> Surroundings:
    (tmp_path / "content").write_text(content)
    text = BACKEND.replace("PATH", repr(f"{tmp_path}/content"))
    (tmp_path / "backends_of_this_test.py").write_text(text)
    name = backend if "." in backend else f"backends_of_this_test.{backend}"
    return around(
        tmp_path,
        patience=patience,
        PYTHONPATH=f"{tmp_path}",
        PYTHON_KEYRING_BACKEND=name,
        PYTHONDONTWRITEBYTECODE="1",
    )


def env_file(tmp_path: Path, text: str, mode: int = 0o600) -> str:
    path = tmp_path / ".env"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def refusal(reference: Reference, surroundings: Surroundings) -> SecretError:
    with pytest.raises(SecretError) as caught:
        reference.resolve(surroundings)
    return told(caught.value, reference, surroundings)


def absence(reference: Reference, surroundings: Surroundings) -> SecretError:
    """The error of a source that is not here, which lets the next one answer."""
    error = refusal(reference, surroundings)
    assert isinstance(error, SecretAbsent)
    return error


def defect(reference: Reference, surroundings: Surroundings) -> SecretError:
    """The error of a source that is here and broken."""
    error = refusal(reference, surroundings)
    assert not isinstance(error, SecretAbsent)
    return error


def told(error: SecretError, reference: Reference, surroundings: Surroundings) -> SecretError:
    """The error, which says which source it is about and what to do, and shows no secret."""
    assert error.hint
    assert reference.describe(surroundings.home) in error.message
    assert VALUE not in error.message + error.hint
    return error


def unwritten(reference: Reference, surroundings: Surroundings) -> SecretError:
    with pytest.raises(SecretError) as caught:
        reference.store(Secret(VALUE), surroundings)
    return told(caught.value, reference, surroundings)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (f"TT={VALUE}", VALUE),
        (f"export TT={VALUE}", VALUE),
        (f'TT="{VALUE}"', VALUE),
        ("TT='a $HOME ${HOME} b'", "a $HOME ${HOME} b"),
        ('TT="$(touch pwned)"', "$(touch pwned)"),
        (f"TT={VALUE} # a comment", VALUE),
    ],
)
def test_a_name_of_an_env_file_is_read_as_it_is_written(
    tmp_path: Path, line: str, value: str
) -> None:
    path = env_file(tmp_path, f"A=1\n{line}\nZ=2\n")
    assert Dotenv(path, "TT").resolve(around(tmp_path)).reveal() == value


@pytest.mark.parametrize("text", ["", "A=1\n", "TT=\n", "TT\n", "#TT=x\n"])
def test_a_name_that_is_not_in_the_file_is_absent(tmp_path: Path, text: str) -> None:
    absence(Dotenv(env_file(tmp_path, text), "TT"), around(tmp_path))
    assert "create it" in absence(Dotenv("/no/.env", "TT"), around(tmp_path)).hint


def test_every_variable_of_an_env_file_is_read(tmp_path: Path) -> None:
    path = env_file(tmp_path, "A=1\n# B=2\nexport C='x y'\nD=\nE\n")
    assert variables(path, around(tmp_path)) == {"A": "1", "C": "x y"}
    with pytest.raises(SecretAbsent, match=r"^dotenv /no/\.env does not exist"):
        variables("/no/.env", around(tmp_path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("TT=a\udcff", "not UTF-8"),
        (f"TT={VALUE}\nTT=b", "2 times"),
        *((f"TT={value}", "") for value in ("ü", "' a'", '"a\\nb"')),
    ],
)
def test_an_env_file_with_something_that_cannot_be_a_secret_is_an_error(
    tmp_path: Path, text: str, said: str
) -> None:
    path = env_file(tmp_path, "")
    Path(path).write_bytes(f"{text}\n".encode(errors="surrogateescape"))
    assert said in defect(Dotenv(path, "TT"), around(tmp_path)).message


def test_an_env_file_of_ones_own_must_be_private(tmp_path: Path) -> None:
    needs.is_on_disk(tmp_path)
    error = refusal(Dotenv(env_file(tmp_path, f"TT={VALUE}\n", 0o644), "TT"), around(tmp_path))
    assert "chmod 600" in error.hint


def test_without_the_extra_an_env_file_is_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dotenv.parser", None)
    reference = Dotenv(env_file(tmp_path, f"TT={VALUE}\n"), "TT")
    error = absence(reference, around(tmp_path))
    assert "pip install python-dotenv" in error.hint
    with pytest.raises(SecretAbsent, match=r"^dotenv ~/\.env TT needs python-dotenv"):
        reference.look(around(tmp_path))


KEYRING = Keyring("tastyauth", "live/refresh_token")
NULL = "keyring.backends.null.Keyring"


@pytest.mark.parametrize("ending", ["", "\n"])
def test_the_keyring_gives_what_is_in_it_but_for_a_line_ending(tmp_path: Path, ending: str) -> None:
    assert KEYRING.resolve(keyring(tmp_path, "Full", VALUE + ending)).reveal() == VALUE


@pytest.mark.parametrize(
    ("backend", "content", "absent", "word"),
    [
        ("Full", "", True, "does not exist"),
        ("NoBus", VALUE, True, "no keyring"),
        ("keyring.backends.fail.Keyring", VALUE, True, "no keyring"),
        (NULL, VALUE, False, f"not a keyring ({NULL})"),
        ("Chain", VALUE, False, f"not a keyring ({NULL})"),
        ("NoSession", VALUE, True, "no keyring"),
        ("LockedByName", VALUE, False, "is locked"),
        ("LockedOnMacOS", VALUE, False, "is locked"),
        ("DeniedOnMacOS", VALUE, False, "was denied"),
        ("Cancelled", VALUE, False, "was denied"),
        ("Locked", VALUE, False, "is locked"),
        ("Denied", VALUE, False, "was denied"),
        ("Broken", VALUE, False, "cannot be used"),
    ],
)
def test_a_keyring_without_an_answer_says_why(
    tmp_path: Path, backend: str, content: str, absent: bool, word: str
) -> None:
    error = refusal(KEYRING, keyring(tmp_path, backend, content))
    assert isinstance(error, SecretAbsent) is absent
    assert word in error.message
    assert error.reason == (ASKS if word == "is locked" else "")
    assert error.exit_code == 69


@pytest.mark.parametrize(
    ("backend", "what"),
    [("Chatty", "cannot be used"), ("Ending", "cannot be used"), ("Loud", "cannot be read")],
)
def test_a_keyring_whose_answer_cannot_be_told_from_its_chatter_is_an_error(
    tmp_path: Path, backend: str, what: str
) -> None:
    message = defect(KEYRING, keyring(tmp_path, backend)).message
    assert message.partition(":")[0] == f"{KEYRING.describe()} {what}"


def test_a_keyring_is_asked_from_the_root_where_nobody_else_keeps_files(tmp_path: Path) -> None:
    assert KEYRING.resolve(keyring(tmp_path, "Where")).reveal() == "/"


def test_a_credential_that_the_service_was_not_given_is_loaded_by_its_unit(tmp_path: Path) -> None:
    service = around(tmp_path, CREDENTIALS_DIRECTORY=f"{tmp_path}")
    assert "LoadCredentialEncrypted=tt" in absence(SystemdCredential("tt"), service).hint


def test_an_entry_that_is_not_there_yet_comes_from_tastyauth_itself(tmp_path: Path) -> None:
    program(tmp_path, "pass", "echo 'Error: a is not in the password store.' >&2; exit 1")
    assert "tastyauth secret set" in refusal(KEYRING, keyring(tmp_path, "Full", "")).hint
    assert "tastyauth secret set" in refusal(Pass("a"), around(tmp_path)).hint


def test_a_keyring_that_waits_ends_at_its_limit(tmp_path: Path) -> None:
    """Asked, written, or looked at for whether it answers."""
    error = defect(KEYRING, keyring(tmp_path, "Waiting", patience=2))
    assert "2 s" in error.message
    assert error.reason == HANGS
    assert "2 s" in unwritten(KEYRING, keyring(tmp_path, "Waiting", patience=2)).message
    assert not kind_of("keyring").is_available(keyring(tmp_path, "Waiting", patience=0.5))


def test_without_the_extra_a_keyring_is_absent(tmp_path: Path) -> None:
    (tmp_path / "keyring.py").write_text("raise ImportError")
    error = absence(KEYRING, around(tmp_path, PYTHONPATH=f"{tmp_path}"))
    assert "tastyauth keyring" in error.hint


@pytest.mark.parametrize(
    ("backend", "reason"),
    [
        ("NoBusWhenLoaded", "no session bus"),
        ("NoBusAtAll", "DBUS_SESSION_BUS_ADDRESS is unset"),
        ("BusRefused", "Connection refused"),
        ("NoBus", "no such name on the bus"),
        ("keyring.backends.SecretService.Keyring", "SecretService"),
        ("keyring.backends.kwallet.DBusKeyring", ""),
        ("no.such.module.Keyring", "No module named 'no'"),
        ("keyring.backends.null.Keyrink", "Keyrink"),
    ],
)
def test_a_back_end_that_is_configured_and_not_there_lets_the_next_source_answer(
    tmp_path: Path, backend: str, reason: str
) -> None:
    """Loading it fails, or its first call; no session bus is the usual cause."""
    surroundings = keyring(tmp_path, backend)
    message = absence(KEYRING, surroundings).message
    assert "there is no keyring (" in message
    assert reason in message
    both = FirstOf((KEYRING, File(f"{tmp_path}/content", any_permissions=True)))
    assert both.resolve(surroundings).reveal() == VALUE


def test_what_a_back_end_fails_with_shows_no_secret(tmp_path: Path) -> None:
    surroundings = keyring(tmp_path, "SaysIt")
    assert "there is no keyring" in refusal(KEYRING, surroundings).message
    assert "there is no keyring" in unwritten(KEYRING, surroundings).message


# -- frozen programs ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("executable", "frozen"),
    [("bot", False), ("python3", True), ("bot", True), ("uwsgi", False), ("", False)],
)
def test_only_python_is_started_to_ask_the_keyring(
    tmp_path: Path, executable: str, *, frozen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frozen program would be started once more, and ask the keyring again, without end."""
    program(tmp_path, executable or "none", f"touch {tmp_path}/started")
    path = f"{tmp_path}/bin/{executable}" if executable else ""
    monkeypatch.setattr(sys, "executable", path)
    monkeypatch.setattr(sys, "frozen", frozen, raising=False)
    assert "keyring, get" in absence(KEYRING, keyring(tmp_path, "Full")).hint
    assert not kind_of("keyring").is_available(keyring(tmp_path, "Full"))
    assert not (tmp_path / "started").exists()


def test_a_child_that_asks_the_keyring_asks_for_no_keyring_itself(tmp_path: Path) -> None:
    """Where nothing else shows that the program was started for that."""
    surroundings = keyring(tmp_path, "Guarded")
    guard = KEYRING.resolve(surroundings).reveal()
    inside = replace(surroundings, environ={**surroundings.environ, "TASTYAUTH_SOURCE": guard})
    absence(KEYRING, inside)


def test_every_program_of_a_source_knows_that_it_is_one(tmp_path: Path) -> None:
    says = f'echo "$* $TASTYAUTH_SOURCE" >>{tmp_path}/seen; cat >>{tmp_path}/given'
    program(tmp_path, "pass", f"{says}; printf 'old\\nuser: me\\nurl: x\\n'")
    (tmp_path / ".password-store").mkdir()
    (tmp_path / ".password-store/a.gpg").touch()
    Pass("a").store(Secret(VALUE), around(tmp_path))
    Pass("a").remove(around(tmp_path))
    calls = ["show a 1", "insert --multiline --force a 1", "rm --force a 1"]
    assert (tmp_path / "seen").read_text().splitlines() == calls
    assert (tmp_path / "given").read_text() == f"{VALUE}\nuser: me\nurl: x\n"


def test_a_keyring_is_written_through_the_child(tmp_path: Path) -> None:
    surroundings = keyring(tmp_path, "Full", "")
    KEYRING.store(Secret(VALUE), surroundings)
    assert KEYRING.resolve(surroundings).reveal() == VALUE
    KEYRING.remove(surroundings)
    absence(KEYRING, surroundings)


@pytest.mark.parametrize(
    ("backend", "word"),
    [("keyring.backends.fail.Keyring", "no keyring"), (NULL, "null")],
)
def test_a_keyring_that_keeps_nothing_is_not_written(
    tmp_path: Path, backend: str, word: str
) -> None:
    assert word in unwritten(KEYRING, keyring(tmp_path, backend)).message


@pytest.mark.parametrize(
    ("backend", "content", "available"),
    [
        ("Full", VALUE, True),
        ("Full", "", True),
        ("Where", "", True),
        ("NoBus", VALUE, False),
        ("Locked", VALUE, False),
        (NULL, VALUE, False),
    ],
)
def test_a_keyring_is_available_when_it_answers(
    tmp_path: Path, backend: str, content: str, available: bool
) -> None:
    assert kind_of("keyring").is_available(keyring(tmp_path, backend, content)) is available


def test_pass_is_available_with_its_program_and_a_store(tmp_path: Path) -> None:
    def available(**environ: str) -> bool:
        variables = {"PATH": f"{tmp_path}/bin", **environ}
        return kind_of("pass").is_available(Surroundings(variables, False, f"{tmp_path}"))

    for store in (tmp_path / ".password-store", tmp_path / "elsewhere"):
        store.mkdir()
    (tmp_path / ".password-store/.gpg-id").touch()
    assert not available()
    program(tmp_path, "pass", "exit 1")
    assert available()
    assert not available(PASSWORD_STORE_DIR=f"{tmp_path}/elsewhere")
    os.rename(tmp_path / ".password-store/.gpg-id", tmp_path / "elsewhere/.gpg-id")
    assert available(PASSWORD_STORE_DIR=f"{tmp_path}/elsewhere")
    assert not available()


@pytest.mark.parametrize(
    ("kind", "available"), [("file", True), ("env", False), ("dotenv", False), ("command", False)]
)
def test_a_file_can_always_be_written_and_a_read_only_source_never(
    tmp_path: Path, kind: str, available: bool
) -> None:
    assert kind_of(kind).is_available(around(tmp_path)) is available


PROGRAMS: list[tuple[Reference, str, str]] = [
    (Pass("brokers/tt"), "pass", '[ "$*" = "show brokers/tt" ]'),
    (OnePassword("op://v/i/f"), "op", '[ "$*" = "read --no-newline op://v/i/f" ]'),
]


@pytest.mark.parametrize(("reference", "name", "called_right"), PROGRAMS)
def test_a_password_manager_is_asked_for_its_entry(
    tmp_path: Path, reference: Reference, name: str, called_right: str
) -> None:
    program(tmp_path, name, f"{called_right} && printf '%s' '{VALUE}'")
    assert reference.resolve(around(tmp_path)).reveal() == VALUE


def test_the_secret_is_the_first_line_of_an_entry_of_pass(tmp_path: Path) -> None:
    program(tmp_path, "pass", f"printf '%s\\nuser: me\\n' '{VALUE}'")
    assert Pass("a").resolve(around(tmp_path)).reveal() == VALUE


@pytest.mark.parametrize(
    ("reference", "name", "says", "absent", "advice"),
    [
        (Pass("a"), "pass", "Error: a is not in the password store.", True, "entry"),
        (Pass("a"), "pass", "gpg: decryption failed: No secret key", False, "gpg -K"),
        (Pass("a"), "pass", "gpg: cancelled by user", False, "was not given"),
        (Pass("a"), "pass", "something new", False, "run it yourself"),
        (OnePassword("op://v/i/f"), "op", '"i" isn\'t an item in vault "v"', True, "entry"),
        (OnePassword("op://v/i/f"), "op", "You are not currently signed in.", False, "in first"),
        (OnePassword("op://v/i/f"), "op", "Session expired", False, "in again"),
    ],
)
def test_the_hint_for_a_failed_password_manager_is_specific_to_it(
    tmp_path: Path, reference: Reference, name: str, says: str, absent: bool, advice: str
) -> None:
    program(tmp_path, name, f"cat >&2 <<'E'\n{says}\nE\nexit 1")
    error = refusal(reference, around(tmp_path))
    assert isinstance(error, SecretAbsent) is absent
    assert advice in error.hint


def test_a_program_that_succeeds_without_an_answer_is_quoted(tmp_path: Path) -> None:
    """So does Bitwarden's when its vault is locked and nobody can type the password."""
    program(tmp_path, "bw", "echo '? Master password:' >&2; echo")
    error = defect(Command(("bw", "get", "password", "tt")), around(tmp_path))
    assert "is empty: ? Master password:" in error.message
    assert "run it yourself" in error.hint


@pytest.mark.parametrize(("reference", "name"), [(it[0], it[1]) for it in PROGRAMS])
def test_a_password_manager_that_hangs_ends_at_the_limit(
    tmp_path: Path, reference: Reference, name: str
) -> None:
    program(tmp_path, name, "sleep 60")
    assert "did not end within 1 s" in refusal(reference, around(tmp_path, patience=1)).message


def test_a_script_gets_the_secret_by_the_word_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = json.dumps({"data": ["x", {"a/b~": VALUE}]})
    for name, text in (
        ("se cret", VALUE),
        (".env", f"A=1\nTT='{VALUE}' # mine"),
        ("data.json", there),
        ("lines", f"{VALUE}\n{there}\nthird"),
    ):
        (tmp_path / name).write_text(f"{text}\n")
    for name, asked in (("pass", "show a b"), ("op", "read --no-newline op://v/i t/f")):
        program(tmp_path, name, f'[ "$*" = "{asked}" ] && echo "{VALUE}"')
    more = {"HOME": f"{tmp_path}", "CREDENTIALS_DIRECTORY": f"{tmp_path}", "TT_SECRET": VALUE}
    here = keyring(tmp_path, "Full")
    here = replace(here, environ={**here.environ, **more})
    file, pointer = File(f"{tmp_path}/se cret"), "/data/1/a~1b~0"

    def gives(reference: Reference) -> None:
        script = f"printf %s {reference.shell_word(here)}"
        done = subprocess.run(
            ["sh", "-c", script], cwd="/", env=here.environ, capture_output=True, text=True
        )
        assert (done.stdout, done.stderr) == (VALUE, "")

    for reference in (
        Env("TT_SECRET"),
        file,
        SystemdCredential("se cret"),
        Dotenv(f"{tmp_path}/.env", "TT"),
        Command(("cat", "se cret")),
        Command(("cat", "lines"), line=1),
        Command(("cat", "data.json"), json=pointer),
        Command(("cat", "lines"), line=2, json=pointer),
        Pass("a b"),
        OnePassword("op://v/i t/f"),
        KEYRING,
        FirstOf((Env("NO"), File("/no/file"), Command(("no-such-program",)), KEYRING)),
        FirstOf((file, Env("NO"))),
    ):
        gives(reference)
    assert FirstOf((Env("A"), Env("B"))).shell_word(here) == '"$A"'
    asked = "get tastyauth live/refresh_token"
    program(tmp_path, "keyring", f'[ "$*" = "{asked}" ] && echo "{VALUE}"')
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    gives(KEYRING)
    os.unlink(tmp_path / "bin/keyring")
    for reference in (KEYRING, Dotenv("/.env", "TT")):
        assert reference.shell_word(here).startswith('"$(python3 -P -')


def test_without_a_terminal_1password_does_not_ask_its_app(tmp_path: Path) -> None:
    program(tmp_path, "op", 'printf "%s" "$OP_LOAD_DESKTOP_APP_SETTINGS-xxxxx"')
    surroundings = around(tmp_path)
    assert OnePassword("op://v/i/f").resolve(surroundings).reveal() == "false-xxxxx"
    at_a_terminal = Surroundings(surroundings.environ, True, f"{tmp_path}", 30)
    assert OnePassword("op://v/i/f").resolve(at_a_terminal).reveal() == "-xxxxx"


def test_a_program_does_not_get_the_variables_that_hold_other_secrets(tmp_path: Path) -> None:
    program(tmp_path, "pass", 'printf "%s" "${TT_SECRET-none}"')
    surroundings = around(tmp_path, TT_SECRET=VALUE).withholding(["TT_SECRET"])
    assert Pass("a").resolve(surroundings).reveal() == "none"
    assert Env("TT_SECRET").resolve(surroundings).reveal() == VALUE


MALFORMED = ["two\nlines", " blank", "b\u00e4d", "x" * 20_000]


@pytest.mark.parametrize("value", MALFORMED, ids=["lines", "blank", "not ASCII", "long"])
def test_an_entry_of_a_keyring_that_cannot_be_a_secret_is_an_error(
    tmp_path: Path, value: str
) -> None:
    defect(KEYRING, keyring(tmp_path, "Full", value))


def test_an_entry_of_a_keyring_that_is_not_text_is_an_error(tmp_path: Path) -> None:
    assert "not UTF-8" in refusal(KEYRING, keyring(tmp_path, "NoText")).message


def test_a_file_is_made_private_and_whole(tmp_path: Path) -> None:
    reference = File(f"{tmp_path}/new/secret")
    reference.store(Secret(VALUE), around(tmp_path))
    assert stat.S_IMODE(os.stat(reference.path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(f"{tmp_path}/new").st_mode) == 0o700
    assert reference.resolve(around(tmp_path)).reveal() == VALUE


def linked(path: Path) -> None:
    path.symlink_to(path.parent / "target")


@pytest.mark.parametrize("make", [linked, os.mkfifo, os.mkdir], ids=["link", "pipe", "directory"])
def test_only_a_plain_file_is_replaced(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "secret"
    make(path)
    before = os.lstat(path)
    with pytest.raises(SecretError):
        File(str(path)).store(Secret(VALUE), around(tmp_path))
    assert os.path.samestat(before, os.lstat(path))
    assert "not a regular file" in unwritten(File(str(path)), around(tmp_path)).message


@needs.needs_root
def test_a_file_of_another_user_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.touch()
    os.chown(path, 65534, -1)
    assert "not a regular file that you own" in unwritten(File(str(path)), around(tmp_path)).message


def test_a_place_where_no_file_can_be_is_an_error_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    below = File(f"{tmp_path}/file/secret")
    error = unwritten(below, around(tmp_path))
    assert error.message.endswith("cannot be written: not a directory")
    assert below.file_to_store(around(tmp_path)) == below.path


def test_on_a_full_disk_a_secret_is_written_into_the_file_that_is_there(tmp_path: Path) -> None:
    file = File(f"{tmp_path}/secret")
    with pytest.raises(OSError, match="No space left on device") as full:
        file.overwrite(Secret(VALUE), around(tmp_path))
    assert full.value.errno == errno.ENOSPC
    file.store(Secret("the-old-one, which is longer than the new one"), around(tmp_path))
    before = os.stat(file.path)
    file.overwrite(Secret(VALUE), around(tmp_path))
    assert os.path.samestat(before, os.stat(file.path))
    assert Path(file.path).read_bytes() == f"{VALUE}\n".encode()
    file.remove(around(tmp_path))
    linked(tmp_path / "secret")
    with pytest.raises(SecretError, match=r"file ~/secret is not a regular file"):
        file.overwrite(Secret(VALUE), around(tmp_path))


def test_a_secret_that_was_stored_outlasts_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file and its directory are on the disk when `put` returns."""
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_mode))
    File(f"{tmp_path}/secret").store(Secret(VALUE), around(tmp_path))
    assert [stat.S_IFMT(mode) for mode in synced] == [stat.S_IFREG, stat.S_IFDIR]


def test_pass_is_written_through_stdin_at_home_without_the_variables_that_hold_secrets(
    tmp_path: Path,
) -> None:
    seen = f'cd -P . && echo "$*|$PWD $A ${{B-none}}" >{tmp_path}/seen'
    program(tmp_path, "pass", f"{seen}; cat >{tmp_path}/given")
    Pass("a/b").store(Secret(VALUE), around(tmp_path, A="a", B="b").withholding(["B"]))
    assert (tmp_path / "given").read_text() == f"{VALUE}\n"
    called = "insert --multiline --force a/b"
    assert (tmp_path / "seen").read_text() == f"{called}|{tmp_path.resolve()} a none\n"


@pytest.mark.parametrize("interactive", [True, False])
def test_pass_may_ask_for_a_passphrase_only_where_tastyauth_may_ask(
    tmp_path: Path, interactive: bool
) -> None:
    """The terminal belongs to our session."""
    script = f"import os; print(os.getsid(0), file=open('{tmp_path}/session', 'w'))"
    program(tmp_path, "pass", f'exec {PYTHON} -c "{script}"')
    variables = around(tmp_path).environ
    Pass("a").store(Secret(VALUE), Surroundings(variables, interactive, f"{tmp_path}", 30))
    session = int((tmp_path / "session").read_text())
    assert (session == os.getsid(0)) is interactive


def test_pass_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    nowhere = Surroundings({"PATH": f"{tmp_path}/bin"}, False, f"{tmp_path}")
    assert "there is no program pass" in unwritten(Pass("a/b"), nowhere).message
    program(tmp_path, "pass", "exit 3")
    assert unwritten(Pass("a/b"), around(tmp_path)).message.endswith("pass exited with 3")
    program(tmp_path, "pass", "echo 'gpg: no key for' $(cat) >&2; exit 1")
    error = unwritten(Pass("a/b"), around(tmp_path))
    assert error.message.endswith("pass exited with 1: gpg: no key for [hidden]")
    assert "pass insert -m a/b; a new store: pass init" in error.hint
    program(tmp_path, "pass", "sleep 60")
    assert "pass insert -m a/b" in unwritten(Pass("a/b"), around(tmp_path, patience=0.5)).hint
    (tmp_path / ".password-store/a").mkdir(parents=True)
    (tmp_path / ".password-store/a/b.gpg").touch()
    program(tmp_path, "pass", "exit 1")
    error = unwritten(Pass("a/b"), around(tmp_path))
    assert "losing its other lines" in error.message
    assert "pass show a/b >/dev/null; or change it there: pass edit a/b" in error.hint


@pytest.mark.parametrize("reference", [Env("A"), OnePassword("op://v/i/f"), Dotenv("/a", "B")])
def test_a_source_that_cannot_be_written_says_so(
    tmp_path: Path, reference: Env | OnePassword | Dotenv
) -> None:
    assert "cannot be written" in unwritten(reference, around(tmp_path)).message
    for refused in (
        partial(reference.remove, around(tmp_path)),
        partial(reference.overwrite, Secret(VALUE), around(tmp_path)),
        reference.earlier,
    ):
        with pytest.raises(SecretError, match="cannot be written by tastyauth"):
            refused()
    unwritten(Dotenv(f"{tmp_path}/.env", "B"), around(tmp_path))


def test_of_several_sources_the_one_that_holds_the_old_secret_is_replaced(tmp_path: Path) -> None:
    first, second = File(f"{tmp_path}/1"), File(f"{tmp_path}/2")
    for file, value in ((first, "another-one"), (second, "the-old-one")):
        file.store(Secret(value), around(tmp_path))
    both = FirstOf((Env("A"), first, second))
    assert both.replace(Secret("the-old-one"), Secret(VALUE), around(tmp_path))
    assert second.resolve(around(tmp_path)).reveal() == VALUE
    assert first.resolve(around(tmp_path)).reveal() == "another-one"
    assert not both.replace(Secret("nobodys"), Secret("x"), around(tmp_path))
    assert first.replace(Secret("another-one"), Secret("new"), around(tmp_path))
    assert first.resolve(around(tmp_path)).reveal() == "new"


class OnAFullDisk(File):
    """A stand-in for a file on one: what is there can be written, and nothing new."""

    def store(self, value: Secret, around: Surroundings) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_on_a_full_disk_only_what_is_lost_otherwise_is_written_in_place(tmp_path: Path) -> None:
    file = OnAFullDisk(env_file(tmp_path, "the-old-one"))
    old, new, here = Secret("the-old-one"), Secret(VALUE), around(tmp_path)
    assert not file.replace(old, new, here)
    assert file.resolve(here) == old
    assert file.replace(old, new, here, is_last_resort=True)
    assert file.resolve(here) == new


def test_a_source_that_holds_nothing_is_not_made_to_hold_the_new_secret(tmp_path: Path) -> None:
    missing, present = File(f"{tmp_path}/missing"), File(f"{tmp_path}/present")
    present.store(Secret("the-old-one"), around(tmp_path))
    both = FirstOf((missing, present))
    assert both.replace(Secret("the-old-one"), Secret(VALUE), around(tmp_path))
    assert present.resolve(around(tmp_path)).reveal() == VALUE
    assert not os.path.exists(missing.path)


def test_a_place_with_the_old_secret_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """As a mounted secret is: a link, or a command."""
    File(f"{tmp_path}/target").store(Secret("the-old-one"), around(tmp_path))
    linked(tmp_path / "secret")
    link = File(f"{tmp_path}/secret")
    command = Command(("echo", "the-old-one"))
    for reference in (link, FirstOf((link, command)), command):
        assert not reference.replace(Secret("the-old-one"), Secret(VALUE), around(tmp_path))
    assert link.resolve(around(tmp_path)).reveal() == "the-old-one"
