"""Names and values in the words of each shell and format, read back by real shells."""

import io
import json
import os
import shutil
import string
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import dotenv.parser
import pytest
from hostile import TOKEN, VALUES
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tables import for_each

from tastyauth import export, shells
from tastyauth.cache import ProfileOutline
from tastyauth.errors import ConfigError
from tastyauth.shells import Emission

PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))


@dataclass(frozen=True, slots=True)
class Shell:
    """A shell as it is started without settings of its own, and its ways to evaluate a file."""

    format: str
    argv: tuple[str, ...]
    evals: tuple[str, ...]
    status: str = "$?"


_POSIX = ('eval "$(cat emitted)"', "eval $(cat emitted)")
_FISH = ("eval (cat emitted)", 'eval "$(cat emitted)"', "cat emitted | source")
_CSH = ("eval `cat emitted`", 'eval "`cat emitted`"')

ALL_SHELLS = (
    Shell("sh", ("sh", "-c"), _POSIX),
    Shell("sh", ("dash", "-c"), _POSIX),
    Shell("sh", ("bash", "--norc", "-c"), _POSIX),
    Shell("sh", ("bash", "--norc", "--posix", "-c"), _POSIX),
    Shell("sh", ("zsh", "-f", "-c"), _POSIX),
    Shell("sh", ("zsh", "--emulate", "sh", "-f", "-c"), _POSIX),
    Shell("sh", ("ksh93", "-c"), _POSIX),
    Shell("sh", ("mksh", "-c"), _POSIX),
    Shell("sh", ("yash", "-c"), _POSIX),
    Shell("sh", ("busybox", "sh", "-c"), _POSIX),
    Shell("fish", ("fish", "--no-config", "-c"), _FISH, "$status"),
    Shell("csh", ("tcsh", "-f", "-c"), _CSH, "$status"),
    Shell("csh", ("csh", "-f", "-c"), _CSH[:1], "$status"),  # it takes no word beyond 4 KiB
)
WAYS = [
    pytest.param(shell, evaluate, id=f"{' '.join(shell.argv)} {evaluate}")
    for shell in ALL_SHELLS
    if shutil.which(shell.argv[0])
    for evaluate in shell.evals
]
"""Every way to evaluate on this machine; `sh` at least is always there."""

every_way = pytest.mark.parametrize(("shell", "evaluate"), WAYS)

FIELDS = {
    "access_token": TOKEN,
    "authorization": f"Bearer {TOKEN}",
    "expires_at": "1764000900",
    "environment": "production",
    "profile": "live",
    "api_url": "https://api.tastyworks.com",
    "client_id": "0c7b8898-a2f1-49bb-a23d-843e47b68631",
}


def emission(*values: str, unset: tuple[str, ...] = ()) -> Emission:
    pairs = [(f"V{number}", value) for number, value in enumerate(values)]
    return Emission("live", 1764000900, pairs, unset)


def run_in_shell(shell: Shell, script: str, directory: str, **environ: str) -> tuple[int, bytes]:
    """The exit code and stdout of a script; anything on stderr is a failure."""
    done = subprocess.run(
        [*shell.argv, script],
        cwd=directory,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": directory, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.stderr == b""
    return done.returncode, done.stdout


def emit(text: str, directory: str) -> None:
    with open(f"{directory}/emitted", "w", encoding="ascii") as file:
        file.write(text)


def read_back(shell: Shell, evaluate: str, values: Sequence[str], directory: str) -> None:
    """One shell reads all of `values`, then hands its environment to another program."""
    emit(shells.RENDER[shell.format](emission(*values)), directory)
    code, output = run_in_shell(shell, f"{evaluate}; exec env -0", directory)
    assert code == 0
    environ = dict(line.split("=", 1) for line in output.decode().split("\0") if line)
    assert [environ[f"V{number}"] for number in range(len(values))] == list(values)


@pytest.fixture(scope="module")
def decoys(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A directory whose file names a careless form would expand to."""
    directory = tmp_path_factory.mktemp("decoys")
    for name in ("a", "b", "aab", "V0=x", "export", "-n", "(exit"):
        (directory / name).touch()
    return str(directory)


@settings(max_examples=max(2, settings().max_examples // 100))  # of a hundred values each
@given(values=st.lists(st.text(PRINTABLE, max_size=40), min_size=100, max_size=100))
@example(values=[*VALUES])
def test_a_shell_reads_the_very_bytes(values: list[str], decoys: str) -> None:
    for way in WAYS:
        shell, evaluate = way.values
        assert isinstance(shell, Shell)
        if shell.format != "csh":  # it starts a process for each value: e2e/test_shell_matrix.py
            read_back(shell, str(evaluate), values, decoys)


BASH = Shell("sh", ("bash", "--norc", "-c"), _POSIX)


@for_each("options", ["set -eu", "set -f", "shopt -s nullglob", "shopt -s failglob"])
@for_each("evaluate", _POSIX)
def test_the_options_of_a_shell_change_nothing(options: str, evaluate: str, decoys: str) -> None:
    read_back(BASH, f"{options}; {evaluate}", VALUES, decoys)


@for_each("separators", ["IFS=:", "IFS=,", "IFS=", "IFS=/"])
def test_the_quoted_eval_does_not_depend_on_the_separators(separators: str, decoys: str) -> None:
    read_back(BASH, f"{separators}; {_POSIX[0]}", VALUES, decoys)


ODD = [
    *string.punctuation,
    *"aestuxJZ0267",
    "._-",
    "=;",
    "&;",
    "=&",
    "\"'",
    "$(",
    "0123456789",
    PRINTABLE[PRINTABLE.index("a") :],
]
"""What IFS may hold instead of a space."""

UNQUOTED = [way for way in WAYS if way.values[1] == _POSIX[1]]


def _with_separators(shell: Shell, text: str) -> list[tuple[str, str, str, str]]:
    """The separators, the exit code, V0 and stderr of `eval $(…)` for each of ODD."""
    found = []
    for separators in ODD:
        if shell.argv[0] == "ksh93" and text[0] in separators:
            continue  # of a first argument that is empty, its `eval` runs nothing, and succeeds
        done = subprocess.run(
            [*shell.argv, 'IFS=$ODD; eval $(printenv TEXT); code=$?; IFS=; echo "$code $V0"'],
            env={"PATH": os.environ["PATH"], "ODD": separators, "TEXT": text, "V0": "stale"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        code, _, value = done.stdout.removesuffix("\n").partition(" ")
        found.append((separators, code or str(done.returncode), value, done.stderr))
    return found


@pytest.mark.parametrize("token", [TOKEN, f"{TOKEN}~=="])
@pytest.mark.parametrize(("shell", "evaluate"), UNQUOTED)
def test_odd_separators_never_succeed_without_the_token_nor_print_it(
    shell: Shell, evaluate: str, token: str
) -> None:
    """The unquoted form may fail with them; in pieces, a token must be neither set nor shown."""
    assert evaluate == _POSIX[1]
    text = export.sh([("V0", token), ("V1", "1764000900"), ("V2", "production")], ("OLD",))
    pieces = [token[start : start + 6] for start in range(len(token) - 6)]
    for separators, code, value, said in _with_separators(shell, text):
        assert code != "0" or value == token, separators
        assert not any(piece in said for piece in pieces), separators


@pytest.mark.parametrize(("shell", "evaluate"), UNQUOTED)
def test_a_failure_fails_with_odd_separators_too(shell: Shell, evaluate: str) -> None:
    """IFS may take the number out of `(exit 66)`."""
    assert evaluate == _POSIX[1]
    for separators, found, _, _ in _with_separators(shell, export.sh_failure(("V0",), 66)):
        assert found != "0", separators


@every_way
def test_the_form_for_another_shell_fails_and_shows_no_token(
    shell: Shell, evaluate: str, decoys: str
) -> None:
    """Nobody writes `--format csh` in fish, but `eval (tastyauth env)` is what comes to mind."""
    for format_ in {"sh", "fish", "csh"} - {shell.format, "csh" if shell.format == "fish" else ""}:
        for token in (TOKEN, f"{TOKEN}~=="):
            emit(shells.RENDER[format_](emission(token, "production", unset=("OLD",))), decoys)
            done = subprocess.run(
                [*shell.argv, f"{evaluate}; echo {shell.status}"],
                cwd=decoys,
                env={"PATH": os.environ["PATH"], "HOME": decoys},
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            assert done.stdout != "0\n", format_
            assert not any(token[at : at + 6] in done.stderr for at in range(len(token) - 6)), (
                format_
            )


@pytest.mark.parametrize(
    ("shell", "evaluate"), [way for way in WAYS if getattr(way.values[0], "format", "") == "sh"]
)
def test_a_variable_that_is_read_only_fails_the_eval(
    shell: Shell, evaluate: str, tmp_path: os.PathLike[str]
) -> None:
    """Some shells end at once, and the others must not go on with a stale token."""
    emit(shells.sh(emission(TOKEN, "1764000900", unset=("OLD",))), os.fspath(tmp_path))
    names = ("V0", "V1", "OLD")
    tries = [f"({it}=stale; readonly {it}; {evaluate} && echo went on)" for it in names]
    done = subprocess.run(
        [*shell.argv, f"{'; '.join(tries)}; :"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "went on" not in done.stdout
    assert [name for name in names if name not in done.stderr] == []
    assert TOKEN not in done.stderr


@pytest.mark.parametrize(
    ("shell", "evaluate"), [way for way in WAYS if getattr(way.values[0], "format", "") == "sh"]
)
def test_what_a_shell_was_told_to_do_with_a_variable_does_not_change_the_token(
    shell: Shell, evaluate: str, tmp_path: os.PathLike[str]
) -> None:
    """As `typeset -u` would make it capitals; with `-i` an error message would show it."""
    emit(shells.sh(emission(TOKEN, "1764000900")), os.fspath(tmp_path))
    tries = [f"(typeset -{it} V0 2>/dev/null; {evaluate}; printenv V0)" for it in "iul"]
    done = subprocess.run(
        [*shell.argv, "; ".join(tries)],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.stdout, TOKEN in done.stderr) == (f"{TOKEN}\n" * 3, False)


SHELL_FORMATS = ("sh", "fish", "csh")


@pytest.mark.parametrize("shell_format", SHELL_FORMATS)
@settings(deadline=None)
@given(value=st.text(PRINTABLE))
def test_a_shell_form_is_one_line_that_ends_in_a_semicolon(shell_format: str, value: str) -> None:
    text = shells.RENDER[shell_format](emission(value, value, unset=("A", "B")))
    assert text.endswith(";\n")
    assert text.count("\n") == 1
    assert "#" not in text  # in an unquoted eval it would swallow the rest


PLAIN = [TOKEN, "1764000900", "https://api.tastyworks.com", "a=b", "a-b"]


@for_each("value", PLAIN)
@for_each(
    ("shell_format", "statement"),
    [("sh", "&&export V0={};\n"), ("fish", "set -gx V0 {};\n"), ("csh", "setenv V0 {};\n")],
)
def test_a_plain_value_stays_plain(shell_format: str, statement: str, value: str) -> None:
    """Tokens, numbers and URLs never pass through `printf`, which some shells run as a program."""
    text = shells.RENDER[shell_format](emission(value))
    assert text.endswith(statement.format(value))
    assert "printf" not in text


@for_each(("value", "octal"), [("", ""), ("~", r"\176"), ("a b", r"a\040b"), ("-n", r"\055n")])
def test_any_other_value_is_octal(value: str, octal: str) -> None:
    assert shells.sh(emission(value)).endswith(f"&&export V0=\"$(printf '{octal}')\";\n")
    assert shells.csh(emission(value)) == f"setenv V0 \"`printf '{octal}'`\";\n"


@for_each(("value", "word"), [("", "''"), ("~", r"\X7e"), ("a b", r"a\X20b"), ("-n", r"\X2dn")])
def test_fish_has_escapes_of_its_own(value: str, word: str) -> None:
    assert shells.fish(emission(value)).endswith(f";true;set -gx V0 {word};\n")


@for_each(
    ("shell_format", "expected"),
    [
        ("sh", "unset OLD OTHER V0&&export V0=a;\n"),
        (
            "fish",
            "while set -e OLD;end;while set -e OTHER;end;while set -e V0;end;true;set -gx V0 a;\n",
        ),
        ("csh", "unsetenv OLD;unsetenv OTHER;setenv V0 a;\n"),
    ],
)
def test_the_names_of_other_profiles_are_unset_first(shell_format: str, expected: str) -> None:
    assert shells.RENDER[shell_format](emission("a", unset=("OLD", "OTHER"))).endswith(expected)


@every_way
def test_an_eval_tells_success_from_failure_and_leaves_no_old_value(
    shell: Shell, evaluate: str, tmp_path: Path
) -> None:
    """After a switch, `--unset`, and a failure with names or without; a careful script stops there.

    What was never set is no failure either.
    """
    failure = shells.FAILURE[shell.format]
    answers = (
        shells.RENDER[shell.format](emission("new", unset=("A", "NEVER_SET"))),
        shells.unset(shell.format, ("B", "NEVER_SET", "V0")),
        failure(("C", "NEVER_SET"), 75),
        failure((), 77),
    )
    for number, answer in enumerate(answers):
        (tmp_path / str(number)).write_text(answer)
    script = "".join(
        f"cp {number} emitted; {evaluate}; "
        f"sh -c 'echo $1 ${{A-gone}} ${{B-gone}} ${{C-gone}} ${{V0-gone}}' - {shell.status}; "
        for number in range(len(answers))
    )
    careful = shell.format == "sh"
    code, told = run_in_shell(
        shell,
        f"{script}set -e; {evaluate}; echo went on" if careful else script,
        str(tmp_path),
        **dict.fromkeys(("A", "B", "C", "V0"), "stale"),
    )
    assert told.decode().splitlines() == [
        "0 gone stale stale new",
        "0 gone gone stale gone",
        "75 gone gone gone gone",
        "77 gone gone gone gone",
    ]
    assert not careful or code == 77


@pytest.mark.parametrize(
    ("shell", "evaluate"), [way for way in WAYS if getattr(way.values[0], "format", "") == "fish"]
)
@pytest.mark.parametrize("scope", ["-lx", "-l", "-gx", "-Ux", "-U"])
def test_in_fish_no_variable_of_another_scope_hides_or_outlives_the_token(
    shell: Shell, evaluate: str, scope: str, tmp_path: Path
) -> None:
    """A local one would be passed on in place of the new one, a universal one stay behind."""
    success = shells.fish(emission("new", unset=("OLD",)))
    failure = shells.fish_failure(("V0", "OLD"), 75)
    setting = f"set {scope} V0 stale; set {scope} OLD stale; set -gx OLD older"
    tell = "sh -c 'echo $1 ${V0-gone} ${OLD-gone}' - $status"
    for answer, told in ((success, "0 new gone"), (failure, "75 gone gone")):
        emit(answer, os.fspath(tmp_path))
        said = run_in_shell(shell, f"{setting}; {evaluate}; {tell}", os.fspath(tmp_path))[1]
        assert said.decode() == f"{told}\n"


@for_each("code", [1, 2, 66, 69, 70, 74, 75, 76, 77, 78, 130, 143])
def test_the_failure_lines(code: int) -> None:
    assert export.sh_failure(("A", "B"), code) == f"unset A B;! :;(exit {code});\n"
    assert shells.fish_failure(("A", "B"), code) == (
        f"while set -e A;end;while set -e B;end;true;sh -c 'exit {code}';\n"
    )
    assert shells.csh_failure(("A", "B"), code) == f"unsetenv A;unsetenv B;(exit {code});\n"


@for_each(("names", "expected"), [((), "\n"), (("A",), "unset A;\n"), (("A", "B"), "unset A B;\n")])
def test_the_unset_line(names: tuple[str, ...], expected: str) -> None:
    assert export.sh_unset(names) == shells.unset("sh", names) == expected


@settings(deadline=None)
@given(value=st.text(PRINTABLE))
def test_json_is_one_object_on_one_line(value: str) -> None:
    text = shells.json(emission(value, "b"))
    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert json.loads(text) == {
        "format_version": 1,
        "profile": "live",
        "expires_at": 1764000900,
        "exports": {"V0": value, "V1": "b"},
    }


def test_an_emission_assigns_what_the_exports_name() -> None:
    exports = (("TOKEN", "access_token"), ("UNTIL", "expires_at"), ("WHO", "profile"))
    result = shells.emission(ProfileOutline("live", exports, (), (), ()), FIELDS, ("OLD",))
    assert result.pairs == [("TOKEN", TOKEN), ("UNTIL", "1764000900"), ("WHO", "live")]
    assert (result.profile, result.expires_at, result.unset) == ("live", 1764000900, ("OLD",))


@for_each("secret", ["client_secret", "refresh_token"])
def test_env_never_hands_out_a_long_lived_secret(secret: str) -> None:
    """Its value is not even needed: no cache holds it."""
    exports = (("LONG_LIVED", secret), ("TOKEN", "access_token"))
    assert shells.emission(ProfileOutline("live", exports, (), (), ()), FIELDS, ()).pairs == [
        ("TOKEN", TOKEN)
    ]
    assert export.for_shell(exports) == (("TOKEN", "access_token"),)
    assert export.assign(exports, FIELDS | {secret: "x"})[0] == ("LONG_LIVED", "x")


@for_each(
    ("fields", "is_needed"),
    [
        ((), True),
        (("profile",), True),
        (("access_token",), True),
        (("client_secret", "profile"), False),
        (("refresh_token",), False),
        (("client_secret", "expires_at"), True),
        (("refresh_token", "authorization"), True),
    ],
)
def test_exec_needs_no_token_where_it_hands_out_the_long_lived_secrets_alone(
    fields: tuple[str, ...], is_needed: bool
) -> None:
    assert export.need_token(tuple((field.upper(), field) for field in fields)) is is_needed


@for_each(
    ("shell", "output", "line"),
    [
        ("/usr/bin/fish", "fish", "tastyauth env --format fish | source"),
        ("/bin/csh", "csh", "eval `tastyauth env --format csh`"),
        ("tcsh", "csh", "eval `tastyauth env --format csh`"),
        ("/fish/zsh", "sh", "eval $(tastyauth env)"),
        ("", "sh", "eval $(tastyauth env)"),
    ],
)
def test_each_shell_is_shown_the_line_that_it_understands(
    shell: str, output: str, line: str
) -> None:
    assert shells.for_shell(shell) == output
    assert shells.usage(output) == line
    assert shells.usage(output, "other") == line.replace("tastyauth env", "other")
    assert shells.usage("json") == ""


def test_what_is_filled_in_may_look_like_a_place() -> None:
    assert shells.filled("@A@ @b@ @BC@@A@", A="@BC@", BC="2") == "@BC@ @b@ 2@BC@"


def test_the_defaults_are_those_of_the_readme() -> None:
    assert dict(export.DEFAULT_EXPORTS) == {
        "TASTYTRADE_ACCESS_TOKEN": "access_token",
        "TASTYTRADE_ACCESS_TOKEN_EXPIRES_AT": "expires_at",
        "TASTYTRADE_ENV": "environment",
        "TASTYTRADE_API_URL": "api_url",
        "TASTYTRADE_PROFILE": "profile",
    }
    assert (*dict(export.DEFAULT_EXPORTS), export.TOKEN_FILE) == export.DEFAULT_NAMES


def test_the_token_is_bare_or_a_header() -> None:
    assert export.token(FIELDS, header=False) == f"{TOKEN}\n"
    assert export.token(FIELDS, header=True) == f"Authorization: Bearer {TOKEN}\n"


PLAIN_FOR_ALL = [*PLAIN, f"Bearer {TOKEN}", "a b", "a:b", "a~b", "50%", "a,b;c(d)!e&f|g*?[h]{i}^"]


@for_each("value", PLAIN_FOR_ALL)
def test_dotenv_lines_need_no_quotes(value: str) -> None:
    """docker would take quotes for part of the value."""
    assert shells.dotenv(emission(value, "b", unset=("OLD",))) == f"V0={value}\nV1=b\n"


@for_each("value", [*PLAIN_FOR_ALL, " x"])
def test_a_library_reads_what_dotenv_says(value: str) -> None:
    """What systemd, docker and other libraries read is in e2e/test_dotenv.py."""
    try:
        text = shells.dotenv(emission(value))
    except ConfigError:
        assert value != value.strip()
        return
    read = [(it.key, it.value) for it in dotenv.parser.parse_stream(io.StringIO(text))]
    assert read == [("V0", value)]


@for_each("character", "'\"\\$`#")
@for_each("value", ["{}", "a{}b", "a {} b"])
def test_dotenv_refuses_what_its_readers_disagree_on(value: str, character: str) -> None:
    hidden = value.format(character) + "-a-value-to-be-hidden"
    with pytest.raises(ConfigError) as caught:
        shells.dotenv(emission("a", hidden))
    assert "V1" in caught.value.message
    assert hidden not in caught.value.message + caught.value.hint
    assert "--format" in caught.value.hint


def test_github_masks_the_token_and_nothing_that_is_public() -> None:
    """A log full of stars for `sandbox` would tell nobody anything."""
    fields = {"access_token": TOKEN, "authorization": f"Bearer {TOKEN}"}
    said = shells.github_masks(emission(TOKEN, "sandbox", f"Bearer {TOKEN}"), fields)
    assert said == f"::add-mask::{TOKEN}\n::add-mask::Bearer {TOKEN}\n"


def test_a_shell_format_fails_and_a_data_format_does_not() -> None:
    assert set(SHELL_FORMATS) == set(shells.FAILURE)
    assert set(shells.FORMATS) == {*SHELL_FORMATS, "json", "dotenv", "github-env"}
    assert set(shells.RENDER) == set(shells.FORMATS) - {"github-env"}
