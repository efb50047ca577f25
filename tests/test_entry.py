"""The fast lane and the full command line cannot disagree."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from needs import needs_linux
from tables import for_each
from world import CONFIG, PYTHON, World, profile_named

from tastyauth import _entry
from tastyauth.cli import grammar, parser
from tastyauth.simulator import Simulator

COMMON = ["-p", "--profile", "--config", "-v", "-q", "--quiet", "--color", "--version", "-h"]
OWN = ["--header", "--min-valid", "--refresh", "--unset", "--format", "--format=sh", "--help"]
ODD = ["--", "-", "-1", "-plive", "--profile=live", "--config=x"]
PLAIN = ["env", "token", "exec", "status", "clear", "live", "demo", "300", "never", "=", "@x", "/x"]
WORDS = st.sampled_from([*COMMON, *OWN, *ODD, *PLAIN]) | st.text(max_size=3)

FORM = st.sampled_from(
    [
        ["env"],
        ["token"],
        ["token", "--header"],
        ["exec", "--", "x"],
        ["env", "-p", "live"],
        ["--profile", "live", "token"],
        ["--config", "x", "exec", "-p", "y", "--", "z", "--", "-v"],
    ]
)


@st.composite
def nearly_a_form(draw: st.DrawFn) -> list[str]:
    """A form of the lane with a word too many, too few or in another place."""
    argv = list(draw(FORM))
    for word in draw(st.lists(WORDS, max_size=2)):
        argv.insert(draw(st.integers(0, len(argv))), word)
    if draw(st.booleans()):
        argv.insert(draw(st.integers(0, len(argv))), argv.pop(draw(st.integers(0, len(argv) - 1))))
    return argv


@settings(max_examples=7 * settings().max_examples)
@given(argv=nearly_a_form() | st.lists(WORDS, max_size=7))
@example(argv=["-p", "env", "exec", "--", "true"])
@example(argv=["-p", "exec", "env"])
@example(argv=["--config", "token", "token", "--header", "--header"])
@example(argv=["-p", "a", "exec", "-p", "b", "--", "--", "-p", "c"])
@example(argv=["exec", "--", "tastyauth", "exec", "--", "x"])
@example(argv=["-p", "a b", "env"])
@example(argv=["-p", "\udcff", "env"])
def test_whatever_the_lane_accepts_means_the_same_to_the_full_grammar(argv: list[str]) -> None:
    wish = _entry._wish(argv)
    if wish is None:
        return
    command, options, rest = wish
    full = vars(parser.parse(grammar.read(argv)))
    assert full["command"] == command
    assert full["profile"] == options.get("profile")
    assert full["config"] == options.get("config")
    assert full.get("header", False) == ("header" in options)
    assert full.get("argv", []) == rest
    others = {"min_valid": None, "refresh": False, "unset": False, "format": "sh"}
    others |= {"quiet": False, "verbose": False, "color": "auto"}
    assert {name: full.get(name, plain) for name, plain in others.items()} == others


MORE = [
    "validate",
    "--format",
    "json",
    "a.yaml",
    "--min-valid",
    "secret",
    "set",
    "--only",
    "client_secret",
]


@settings(max_examples=7 * settings().max_examples)
@given(
    argv=st.lists(WORDS | st.sampled_from([*MORE, "--min-valid=5", "-qv", "", "init"]), max_size=6)
)
@example(argv=["validate"])
@example(argv=["validate", "a.yaml", "-", ""])
@example(argv=["validate", "a.yaml", "--format", "json", "b.yaml"])
@example(argv=["no-secrets"])
@example(argv=["env", "--min-valid", "60", "--refresh", "-v"])
@example(argv=["secret", "set", "--only", "client_secret"])
@example(argv=["secret", "set", "live"])
@example(argv=["exec"])
@example(argv=["--format", "sh", "env"])
def test_what_the_grammar_understands_alone_means_the_same_to_argparse(argv: list[str]) -> None:
    words = grammar.read(argv)
    understood = grammar.understood(words)
    if understood is not None:
        assert vars(understood) == vars(parser.parse(words))


@for_each("argv", [["validate", "a.yaml", "b.yaml"], ["env", "-p", "x"], ["exec", "-q", "--", "y"]])
def test_plain_forms_do_without_argparse(argv: list[str]) -> None:
    """Its import and parsers would cost a twentieth of an exchange."""
    assert grammar.understood(grammar.read(argv)) is not None


@given(argv=FORM)
def test_the_lane_accepts_the_forms_that_it_is_for(argv: list[str]) -> None:
    assert _entry._wish(argv) is not None


TWO_PROFILES = """\
version: 1
default_profile: live
profiles:
  live:
    environment: custom
    api_url: {origin}
    client_id: {client_id}
    client_secret: {{ file: live.client-secret }}
    refresh_token: {{ first_of: [{{ env: TT_REFRESH }}, {{ file: live.refresh-token }}] }}
    exports:
      MY_TOKEN: access_token
      MY_HEADER: authorization
      MY_END: expires_at
      MY_PROFILE: profile
      MY_CLIENT: client_id
"""
TWO_PROFILES += profile_named("paper")
TWO_PROFILES += "    exports: {{ PAPER_TOKEN: access_token, MY_SECRET: client_secret }}\n"

PRINT = "env | grep -E '^(MY|PAPER|TT|TASTYTRADE)_' | sort; exit 3"

FORMS = [
    ("env",),
    ("env", "-p", "live"),
    ("env", "-p", "paper"),
    ("--profile", "paper", "env"),
    ("token",),
    ("token", "--header"),
    ("-p", "paper", "token", "--header"),
    ("exec", "--", "sh", "-c", PRINT),
    ("exec", "-p", "paper", "--", "sh", "-c", PRINT),
    ("exec", "--", "printf", "%s|", "-v", "--", "a b", ""),
    ("exec", "--", "sh", "-c", "kill -TERM $$"),
    ("exec", "--", "/nowhere/at/all"),
    ("exec", "--", "no-such-program-anywhere"),
    ("exec", "--", "/etc/passwd"),
    ("exec", "--", "sh", "-c", "yes | head -n 1; echo ${PIPESTATUS:-}"),
    ("env", "-p", "unknown"),
    ("token", "-p", "unknown"),
    ("exec", "-p", "unknown", "--", "true"),
    ("--config", "/nowhere/at/all.yaml", "env"),
    ("--config", "/nowhere/at/all.yaml", "token"),
    ("exec", "--"),
]
"""Forms that the lane answers, and some that it must leave to the full command line."""


@pytest.fixture(scope="module")
def cached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world in which both profiles have a fresh token; no test here changes it."""
    with Simulator() as simulator:
        world = World(os.fspath(tmp_path_factory.mktemp("lane")), simulator)
        world.configure(TWO_PROFILES)
        for profile in ("live", "paper"):
            assert world.run("token", "-p", profile).code == 0
        yield world


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_on_a_hit_the_lane_prints_what_the_full_command_line_prints(
    cached: World, form: tuple[str, ...]
) -> None:
    requests = cached.simulator.token_requests
    lane = cached.run(*form)
    full = cached.run("-v", *form)
    assert (lane.code, lane.out) == (full.code, full.out)
    assert set(lane.err.splitlines()) <= set(full.err.splitlines())
    assert cached.simulator.token_requests == requests


@pytest.mark.parametrize(
    "variables",
    [
        {"TASTYAUTH_PROFILE": "paper"},
        {"TASTYAUTH_PROFILE": ""},
        {"TASTYAUTH_PROFILE": "unknown"},
        {"TASTYAUTH_CONFIG": ""},
        {"TASTYAUTH_CONFIG": "/nowhere/at/all.yaml"},
        {"TASTYAUTH_CACHE_DIR": "relative"},
        {"MY_TOKEN": "stale", "PAPER_TOKEN": "stale"},
    ],
    ids=str,
)
@pytest.mark.parametrize("form", [("env",), ("exec", "--", "sh", "-c", PRINT)], ids=" ".join)
def test_variables_mean_the_same_to_both(
    cached: World, variables: dict[str, str], form: tuple[str, ...]
) -> None:
    lane = cached.run(*form, **variables)
    full = cached.run("-v", *form, **variables)
    assert (lane.code, lane.out) == (full.code, full.out)


def test_a_variable_that_a_reference_reads_is_gone_for_both(cached: World) -> None:
    given_one = {"TT_REFRESH": cached.refresh_token}
    assert cached.run("token", **given_one).code == 0
    form = ("exec", "--", "sh", "-c", PRINT)
    lane = cached.run(*form, **given_one)
    full = cached.run("-v", *form, **given_one)
    assert (lane.code, lane.out) == (full.code, full.out)
    assert "TT_REFRESH" not in lane.out
    assert "MY_TOKEN" in lane.out


@pytest.mark.parametrize(
    "redirection", [pytest.param(">/dev/full", marks=needs_linux), ">&-", "<&-", "2>&-", ">&- 2>&-"]
)
@pytest.mark.parametrize("command", ["env", "token"])
def test_closed_and_full_descriptors_end_both_alike(
    cached: World, command: str, redirection: str
) -> None:
    lane = cached.shell(f"tastyauth {command} {redirection}")
    full = cached.shell(f"tastyauth -v {command} {redirection}")
    assert (lane.code, lane.out) == (full.code, full.out)
    assert (lane.code == 0) is (redirection in ("<&-", "2>&-"))


def test_a_hit_needs_no_secret_no_server_and_no_lock(world: World) -> None:
    world.configure(CONFIG.replace("{{ file: live.client-secret }}", "{{ command: [secret] }}"))
    world.script("secret", f"echo {world.client_secret}")
    token = world.run("token")
    assert token.code == 0
    os.unlink(f"{world.home}/bin/secret")
    world.simulator.close()
    for name in os.listdir(world.cache):
        if name.endswith(".lock"):
            os.unlink(f"{world.cache}/{name}")
    before = sorted(os.listdir(world.cache))
    assert world.run("token") == token
    assert sorted(os.listdir(world.cache)) == before


def test_a_config_of_one_profile_needs_no_name(world: World) -> None:
    world.configure(CONFIG)
    first = world.run("env")
    assert first.code == 0
    assert world.run("env") == world.run("env", "-p", "live") == first
    assert world.run("-v", "env").out == first.out
    assert world.simulator.token_requests == 1


def test_env_with_nothing_to_hand_out_fails(world: World) -> None:
    """Else `eval $(tastyauth env) && bot` would start the bot with nothing."""
    world.configure(f"{CONFIG}    exports: {{{{ TT_SECRET: client_secret }}}}\n")
    assert world.run("token").code == 0
    for words in (["env"], ["env", "--format", "json"]):
        done = world.run(*words)
        assert done.code == 2
        assert "error: live, custom: this exports nothing that env may print" in done.err
    assert world.shell("eval $(tastyauth env); echo $?").out == "2\n"


STOPPING = """\
import os, sys

at, number = int(sys.argv.pop(1)), int(sys.argv.pop(1))
seen = 0


def watch(event, arguments):
    global seen
    if event == "open":
        seen += 1
        if seen == at:
            os.kill(os.getpid(), number)


from tastyauth._entry import main

sys.addaudithook(watch)
leave = os._exit
os._exit = lambda code: (os.write(2, b"%d" % seen), leave(code))
main()
"""
"""Runs the console script, and stops it when it opens its file number `at`."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_a_hit_that_is_stopped_is_a_failure(world: World, number: signal.Signals) -> None:
    """Without a line on stdout, `eval` would succeed, and an old token would stay."""
    assert world.run("token").code == 0
    driver = [sys.executable, "-I", "-c", STOPPING]
    opened = int(world.run_program(*driver, "0", "0", "env").err)
    assert opened > 2
    for at in range(1, opened + 1):
        done = world.run_program(*driver, str(at), str(int(number)), "env")
        assert done.code == 128 + number
        assert done.out.endswith(f";! :;(exit {128 + number});\n")
        assert "Traceback" not in done.err


def test_what_the_caller_ignores_does_not_stop_a_hit(world: World) -> None:
    assert world.run("token").code == 0
    driver = world.write(f"{world.root}/driver.py", STOPPING)
    done = world.shell(f"trap '' TERM; {PYTHON} -I {driver} 1 {int(signal.SIGTERM)} env")
    assert "&&export" in done.out


def test_a_signal_while_the_errors_are_being_loaded_is_one_too() -> None:
    script = (
        "import sys, types; from tastyauth import _entry; sys.argv = ['tastyauth', 'env'];"
        " sys.modules['tastyauth.errors'] = types.ModuleType('half'); _entry._stopped(15, None)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stdout.endswith(b"(exit 143);\n")) == (143, True)
