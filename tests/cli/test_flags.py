"""Common flags mean the same before and after every command, and no flag can be abbreviated.

Commands and flags are those that the help lists, so that new ones are tried as well.
"""

import functools
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator

import pytest
from sitting import sitting
from world import COMMAND, CONFIG, Completed, World, profile_named

from tastyauth.cli import grammar, parser
from tastyauth.errors import UsageError
from tastyauth.simulator import Simulator

pytestmark = pytest.mark.warm

OTHER = profile_named("other") + "    exports: {{ OTHER_TOKEN: access_token }}\n"
TWO_PROFILES = f"default_profile: live\n{CONFIG}{OTHER}"

VALUES = {"FILE": "{elsewhere}", "NAME": "other", "{auto,always,never}": "always"}
"""What to give to a flag, by what the help calls it."""

WORDS = {
    "exec": ("--", "printenv"),
    "doctor": ("--offline",),
    "hook": ("bash",),
    "completion": ("bash",),
    "no-secrets": ("tastyauth.yaml",),
    "simulator": ("--port", "{port}"),  # which is taken: it would serve without end
    "demo": ("--no-such-flag",),  # it takes seconds, and no flag changes what it shows
}
"""What a command needs to come to an end; those that are not here need nothing."""

HELP = {"--help", "-h"}

FORGETFUL = ("clear", "deny")
"""What these forget must not be what the others find."""


@functools.cache
def help_of(*words: str) -> str:
    """A help text; nothing in it depends on the world."""
    done = subprocess.run(
        [COMMAND, *words, "--help"], env={}, capture_output=True, text=True, check=True
    )
    return done.stdout


def commands() -> list[str]:
    listed = help_of().partition("flags, before or after the command:")[0]
    return re.findall("^  ([a-z][a-z-]*) ", listed, re.MULTILINE)


def flags_in(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """The flags that a part of a help lists: their names, and what their value is called."""
    for line in re.findall("^  (-.*)$", text, re.MULTILINE):
        names = line.split("  ")[0].split(", ")
        value = names[-1].partition(" ")[2]  # before Python 3.13, the first says it too
        yield tuple(name.partition(" ")[0] for name in names), value


def common_flags() -> list[tuple[tuple[str, ...], str]]:
    return list(flags_in(help_of().partition("flags, before or after the command:\n")[2]))


def own_flags(command: str) -> list[tuple[tuple[str, ...], str]]:
    text = help_of(command).partition("options:\n")[2].partition("common flags:")[0]
    return list(flags_in(text))


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world with two configs of two profiles, whose tokens are all in the cache."""
    with Simulator() as simulator:
        world = World(os.fspath(tmp_path_factory.mktemp("flags")), simulator)
        world.configure(TWO_PROFILES)
        world.configure(TWO_PROFILES, directory=elsewhere(world))
        for config in (world.config, f"{elsewhere(world)}/tastyauth.yaml"):
            for profile in ("live", "other"):
                assert world.run("token", "--config", config, "-p", profile).code == 0
        yield world


def elsewhere(world: World) -> str:
    return f"{world.root}/elsewhere"


def filled(words: Iterable[str], world: World) -> list[str]:
    port = world.simulator.origin.rpartition(":")[2]
    config = f"{elsewhere(world)}/tastyauth.yaml"
    return [word.format(port=port, elsewhere=config) for word in words]


def said(command: str, words: list[str], world: World) -> Completed:
    """What a run says, without the seconds that pass between two of them."""
    own = {"TASTYAUTH_CACHE_DIR": f"{world.root}/empty"} if command in FORGETFUL else {}
    done = world.run(*words, **own)
    out = re.sub(r" \([0-9.]+ s\)", "", done.out)  # only what was slow has its time
    return Completed(done.code, re.sub("[0-9.]+ (s|ms|min)", r"<n> \1", out), done.err)


def behind(command: str, flag: list[str], own: list[str]) -> list[str]:
    """The flag after the command: at the end, where that does not belong to a program."""
    return [command, *flag, *own] if "--" in own else [command, *own, *flag]


def test_the_help_lists_the_common_flags_everywhere() -> None:
    names = {name for names, _ in common_flags() for name in names}
    assert names >= {"--config", "--profile", "-p", "--quiet", "-q", "--verbose", "-v", "--color"}
    for command in commands():
        listed = help_of(command).partition("common flags:\n")[2].partition("\n\n")[0]
        assert {name for names, _ in flags_in(listed) for name in names} == names, command


def meant(words: list[str]) -> object:
    """What a command line is understood to be."""
    try:
        return vars(parser.parse(grammar.read(words)))
    except (grammar.Shown, UsageError) as error:
        return type(error), str(error)


@pytest.mark.parametrize("command", commands())
def test_a_common_flag_means_the_same_before_and_after(command: str, two: World) -> None:
    """Each of them to the command line, and those that bear company to what runs then."""
    own, together = filled(WORDS.get(command, ()), two), ["--verbose"]
    for names, value in common_flags():
        for name in names if not HELP & {*names} else ():
            flag = [name, *filled([VALUES[value]] if value else [], two)]
            assert meant([*flag, command, *own]) == meant(behind(command, flag, own)), name
        together += flag if value else []
    before_it, after_it = [*together, command, *own], behind(command, together, own)
    assert said(command, before_it, two) == said(command, after_it, two)


@pytest.mark.parametrize("command", commands())
def test_help_is_about_the_command_wherever_it_is_asked_for(command: str, two: World) -> None:
    assert said(command, ["--help", command], two) == said(command, [command, "--help"], two)


@pytest.mark.parametrize(
    "flags",
    [
        ["-h"],
        ["--profile=other"],
        ["-pother"],
        ["-qv"],
        ["-vp", "other"],
        ["-qvpother"],
        ["--color=always", "-v"],
        ["-p", "live", "-p", "other"],
        ["--config={elsewhere}", "-p", "other"],
    ],
    ids=" ".join,
)
def test_every_way_to_write_the_flag_does_the_same(flags: list[str], two: World) -> None:
    flags = filled(flags, two)
    assert said("env", [*flags, "env"], two) == said("env", ["env", *flags], two)


def test_what_comes_later_wins_over_what_came_before_the_command(two: World) -> None:
    said_last = two.run("-p", "live", "env", "-p", "other")
    assert said_last == two.run("env", "-p", "other")
    assert "export OTHER_TOKEN=" in said_last.out


def test_a_flag_after_the_dashes_belongs_to_the_program(two: World) -> None:
    done = two.run("exec", "--", "echo", "-p", "other", "--config", "x", "--", "--help")
    assert (done.code, done.out) == (0, "-p other --config x -- --help\n")


@pytest.mark.parametrize("abbreviated", ["--prof", "--conf", "--q", "--verb", "--vers", "--he"])
def test_no_common_flag_is_abbreviated(abbreviated: str, two: World) -> None:
    for words in ([abbreviated, "env"], ["env", abbreviated], ["token", abbreviated, "live"]):
        done = two.run(*words)
        assert done.code == 2
        assert abbreviated in done.err or "no command" in done.err


@pytest.mark.parametrize("command", commands())
def test_no_flag_of_a_command_is_abbreviated(command: str, two: World) -> None:
    for names, _ in own_flags(command):
        for name in names:
            if name.startswith("--"):
                done = two.run(command, name[:-1])
                assert (done.code, name[:-1] in done.err) == (2, True), name


def test_python_m_tastyauth_is_the_console_script(two: World) -> None:
    as_module = two.run_program(sys.executable, "-P", "-m", "tastyauth", "env", "-p", "other")
    assert as_module == two.run("env", "-p", "other")


def test_without_a_command_the_help_is_shown_by_what_one_wants_to_do() -> None:
    text = help_of()
    places = [text.index(f"\n{group}:\n") for group in ("use", "trust", "look closer")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("words", "shell", "usage"),
    [
        ((), "/bin/bash", "eval $(tastyauth env)"),
        (("-p", "other"), "/bin/zsh", "eval $(tastyauth env -p other)"),
        (("-p", "other"), "/usr/bin/fish", "tastyauth env -p other --format fish | source"),
        (("--format", "csh"), "/bin/bash", "eval `tastyauth env --format csh`"),
    ],
)
def test_on_a_terminal_env_says_what_to_type_with_the_flags_that_were_given(
    words: tuple[str, ...], shell: str, usage: str, two: World
) -> None:
    with sitting(two, "env", *words, SHELL=shell) as it:
        it.expect(f"to use them, type: {usage}\r\n")
        assert it.end() == 0
    with sitting(two, "env", "--format", "json") as it:
        assert it.end() == 0
    assert "type:" not in it.shown


def test_the_config_that_was_named_is_named_in_what_to_type(two: World) -> None:
    path = two.configure(directory=f"{two.root}/my bots")
    with sitting(two, "env", "--config", path) as it:
        it.expect(f"type: eval $(tastyauth env --config '{path}')\r\n")
        assert it.end() == 0


MISTAKES = [
    ("switch -p other", "eval $(tastyauth env -p other FILE)"),
    ("switch -qpother", "eval $(tastyauth env -p other FILE)"),
    ("use --profile other", "eval $(tastyauth env -p other FILE)"),
    ("-p other refresh", "eval $(tastyauth env -p other FILE --refresh)"),
    ("login -p other", "tastyauth init -p other FILE"),
    ("list", "tastyauth status FILE"),
    ("switch other", "eval $(tastyauth env FILE -p other)"),
    ("login other", "tastyauth init FILE -p other"),
    ("logout", "eval $(tastyauth env FILE --unset)"),
    ("tokn other", "tastyauth token FILE -p other"),
    ("allw", "tastyauth allow FILE"),
    ("--unset -p other env", "tastyauth env -p other FILE --unset"),
    ("env other", "tastyauth env FILE -p other"),
    ("exec other", "did you mean: tastyauth exec FILE -p other\n"),
    ("exec true", "write the command after --: tastyauth exec FILE -- true\n"),
    ("hook other", "did you mean: tastyauth hook FILE bash -p other\n"),
    ("hook tcsh", "write: tastyauth hook FILE bash (or zsh, fish)\n"),
    ("secret other", "did you mean: tastyauth secret set FILE -p other\n"),
    ("secret refresh_token", "tastyauth secret set FILE --only refresh_token\n"),
    ("remove -p other", "hint: see: tastyauth --help\n"),
]


@pytest.mark.parametrize(("words", "advice"), MISTAKES)
def test_the_hint_of_a_mistake_keeps_the_profile_and_the_config(
    words: str, advice: str, two: World
) -> None:
    """Typed literally, it must not reach another account."""
    path = two.configure(TWO_PROFILES, directory=f"{two.root}/my bots")
    two.configure()  # which has no such profile
    for given, flag in (((), ""), (("--config", path), f" --config '{path}'")):
        if not flag and words.split()[0] in ("exec", "hook", "secret"):
            continue  # there the config decides
        done = two.run(*given, *words.split(), SHELL="/bin/bash")
        expected = advice.replace(" FILE", flag)
        assert (done.code, expected in done.err) == (2, True), done.err
    done = two.run("--config", path, "switch", "-p", "other", SHELL="/usr/bin/fish")
    assert f"tastyauth env -p other --config '{path}' --format fish | source" in done.err


@pytest.mark.parametrize("words", ["exec other", "hook other", "secret other"])
def test_where_no_config_can_be_read_a_word_may_be_a_profile(words: str, two: World) -> None:
    done = two.run("--config", "/nowhere.yaml", *words.split())
    assert done.code == 2
    assert "\ntastyauth:   if it is a profile: tastyauth " in done.err
    assert "--config /nowhere.yaml" in done.err.splitlines()[-1]


@pytest.mark.parametrize(
    "words",
    [
        ("-p", "", "env"),
        ("env", "--profile="),
        ("token", "-p", ""),
        ("exec", "-p", "", "--", "true"),
        ("--config", "", "status"),
        ("allow", ""),
        ("deny", ""),
    ],
)
def test_a_name_that_is_empty_is_not_the_default(words: tuple[str, ...], two: World) -> None:
    """A script with a variable that is not set must not trade on the default account."""
    done = two.run(*words)
    assert done.code == 2
    assert "it is empty; perhaps a variable is not set" in done.err


def test_a_variable_that_is_empty_is_one_that_is_not_set(two: World) -> None:
    assert two.run("env", TASTYAUTH_PROFILE="", TASTYAUTH_CONFIG="").code == 0
