"""`exec` becomes the command: as a shell would have started it, with the exports and no secret."""

import os
import re
import signal
import sys
import time

import aging
import pytest
from needs import needs_linux
from sitting import sitting
from world import COMMAND, CONFIG, Completed, World, finish, profile_named, until, variables_in

pytestmark = pytest.mark.warm

FROM_VARIABLES = """\
version: 1
profiles:
  live:
    environment: custom
    api_url: {origin}
    client_id: {{ env: TT_CLIENT }}
    client_secret: {{ env: TT_SECRET }}
    refresh_token:
      first_of:
        - {{ env: TT_NOT_SET }}
        - {{ env: TT_REFRESH }}
"""

WITH_SECRETS = """\
    exports:
      BOT_TOKEN: access_token
      TT_SECRET: client_secret
      TT_REFRESH: refresh_token
"""

COMMANDS = CONFIG.replace("{{ file: live.refresh-token }}", "{{ command: [vault, get] }}")


@pytest.fixture(params=["exchanged", "cached"], autouse=True)
def cached(request: pytest.FixtureRequest) -> bool:
    """Every rule holds for the first run, and for one that finds its token in the cache."""
    return bool(request.param == "cached")


@pytest.fixture
def ready(world: World, cached: bool) -> World:
    if cached:
        assert world.run("token").code == 0
    return world


def test_the_command_takes_the_place_of_the_process(ready: World) -> None:
    with ready.started("tastyauth", "exec", "--", "sh", "-c", "echo $$") as process:
        assert finish(process) == Completed(0, f"{process.pid}\n", "")


@pytest.mark.parametrize("code", [0, 3, 255])
def test_it_ends_with_the_commands_own_code(code: int, ready: World) -> None:
    assert ready.run("exec", "--", "sh", "-c", f"exit {code}").code == code


def test_a_signal_reaches_the_command_and_is_seen_by_the_caller(ready: World) -> None:
    pid = f"{ready.home}/pid"
    with ready.started("tastyauth", "exec", "--", "sh", "-c", f"echo >{pid}; exec sleep 60") as it:
        until(lambda: os.path.exists(pid))
        it.send_signal(signal.SIGTERM)
        assert finish(it).code == -signal.SIGTERM


def test_for_a_shell_a_command_killed_by_term_ended_with_143(ready: World) -> None:
    done = ready.shell("tastyauth exec -- sh -c 'kill -TERM $$'; echo $?", "bash")
    assert done.out == "143\n"


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("no-such-program", 127),
        ("./no-such-program", 127),
        ("./plain/program", 127),
        ("", 127),
        ("./plain", 126),
        (".", 126),
        ("./garbage", 126),
    ],
)
def test_a_command_that_cannot_be_started_is_126_or_127(
    program: str, code: int, ready: World
) -> None:
    ready.write(f"{ready.project}/plain", "")
    ready.write(f"{ready.project}/garbage", "\0\0\0\0", mode=0o700)
    done = ready.run("exec", "--", program)
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("tastyauth: error: cannot start")
    assert "tastyauth: hint: " in done.err


@pytest.mark.parametrize("argv", [["ls -l"], ["cd", "/"]])
def test_shell_syntax_without_a_shell_comes_with_a_hint(argv: list[str], ready: World) -> None:
    done = ready.run("exec", "--", *argv)
    assert done.code == 127
    said = "tastyauth:   exec runs no shell; for shell syntax, write -- sh -c 'ls -l'\n"
    assert said in done.err
    assert "runs no shell" not in ready.run("exec", "--", "no-such-program").err


def test_a_closed_pipe_ends_the_command_quietly(ready: World) -> None:
    done = ready.shell("set -o pipefail; tastyauth exec -- yes | head -n 1; echo $?", "bash")
    assert done == Completed(0, "y\n141\n", "")


@needs_linux
@pytest.mark.parametrize("before", ["", "trap '' HUP INT;", "ulimit -c 0;", "umask 027;"])
def test_the_command_starts_as_from_a_shell(before: str, ready: World) -> None:
    """Signals (ignored, blocked), limits, file mode mask and open files are the caller's."""
    look = 'grep "^Sig[BIC]" /proc/self/status; ulimit -a; umask; echo /proc/self/fd/*'
    directly = ready.shell(f"{before} sh -c '{look}'; :")
    assert directly.code == 0
    assert ready.shell(f"{before} tastyauth exec -- sh -c '{look}'; :") == directly


UNAWARE = (
    *(sys.executable, "-c"),
    "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN);"
    " os.execvp(sys.argv[1], sys.argv[1:])",
    COMMAND,
)
"""The command, started by somebody who does not want to know how children end."""


@needs_linux
def test_the_command_can_wait_for_its_children_whatever_started_it(ready: World) -> None:
    """Whether the token was cached or not: with -q it goes the long way."""
    look = ("--", "sh", "-c", "sh -c 'exit 7'; echo $?; grep SigIgn /proc/self/status")
    short, long = (ready.run_program(*UNAWARE, "exec", *flags, *look) for flags in ((), ("-q",)))
    assert short == long
    assert short.out.startswith("7\nSigIgn:\t0000000000000000\n")


@needs_linux
def test_a_command_that_is_kept_fresh_ends_with_its_code_whatever_started_it(ready: World) -> None:
    done = ready.run_program(*UNAWARE, "exec", "--keep-fresh", "--", "sh", "-c", "exit 7")
    assert done.code == 7, done


def test_the_command_has_the_callers_stdin_arguments_and_directory(ready: World) -> None:
    script = ["sh", "-c", 'cat; pwd; printf "<%s>" "$@"', "sh", "", "a b", "--"]
    done = ready.run("exec", "--", *script, given="from stdin\n")
    assert done == Completed(0, f"from stdin\n{ready.project}\n<><a b><-->", "")


def test_an_argument_need_not_be_text(ready: World) -> None:
    with ready.started(
        "tastyauth", "exec", "--", "printf", "%s", b"\xff\xfe".decode("latin-1")
    ) as it:
        assert finish(it).out == b"\xff\xfe".decode("latin-1")


def test_the_exports_are_added_to_the_callers_variables(ready: World) -> None:
    done = ready.run("exec", "--", "env", LC_ALL="C.UTF-8", TASTYTRADE_ENV="stale")
    variables = variables_in(done.out)
    assert variables.pop("TASTYTRADE_ACCESS_TOKEN").startswith("eyJ")
    assert variables.pop("TASTYTRADE_ACCESS_TOKEN_EXPIRES_AT").isdigit()
    expected = {
        "LC_ALL": "C.UTF-8",
        "TASTYTRADE_ENV": "sandbox",
        "TASTYTRADE_API_URL": ready.simulator.origin,
        "TASTYTRADE_PROFILE": "live",
    }
    if " " in sys.executable:  # pip then writes a script for sh, which exports that by itself
        expected["PWD"] = ready.project
    assert variables == {**ready.environ, **expected}


def test_variables_that_hold_the_secrets_are_gone(world: World, cached: bool) -> None:
    world.configure(FROM_VARIABLES)
    secrets = _secrets_in_variables(world)
    if cached:
        assert world.run("token", **secrets).code == 0
    variables = variables_in(world.run("exec", "--", "env", **secrets).out)
    assert "TASTYTRADE_ACCESS_TOKEN" in variables
    assert not secrets.keys() & variables.keys()
    assert not any(value in variables.values() for value in secrets.values())


OTHER = """\
  other:
    environment: sandbox
    client_id: {client_id}
    client_secret: {{ env: OTHER_SECRET }}
    refresh_token: {{ first_of: [{{ file: none }}, {{ env: OTHER_REFRESH }}] }}
"""


@pytest.mark.parametrize("words", ["exec", "exec --keep-fresh"])
def test_variables_that_hold_the_secrets_of_another_profile_are_gone_too(
    world: World, words: str, cached: bool
) -> None:
    world.configure(f"{FROM_VARIABLES}{OTHER}")
    secrets = _secrets_in_variables(world) | {"OTHER_SECRET": "o" * 40, "OTHER_REFRESH": "p" * 40}
    if cached:
        assert world.run("token", "-p", "live", **secrets).code == 0
    done = world.run(*words.split(), "-p", "live", "--", "env", **secrets)
    variables = variables_in(done.out)
    assert "TASTYTRADE_ACCESS_TOKEN" in variables
    assert not secrets.keys() & variables.keys()


def test_a_variable_that_is_exported_stays(world: World, cached: bool) -> None:
    world.configure(FROM_VARIABLES + WITH_SECRETS)
    secrets = _secrets_in_variables(world)
    if cached:
        assert world.run("token", **secrets).code == 0
    variables = variables_in(world.run("exec", "--", "env", **secrets).out)
    assert variables["TT_SECRET"] == world.client_secret
    assert variables["TT_REFRESH"] == world.refresh_token
    assert "TT_CLIENT" not in variables


def test_names_of_another_profile_do_not_reach_the_command(world: World, cached: bool) -> None:
    bot = profile_named("bot")
    world.configure(
        CONFIG.replace("profiles:", "default_profile: live\nprofiles:")
        + bot
        + "    exports: {{ BOT_TOKEN: access_token }}\n"
    )
    if cached:
        assert world.run("token").code == 0
    done = world.run("exec", "--", "env", BOT_TOKEN="stale")
    assert "BOT_TOKEN" not in variables_in(done.out)


def test_long_lived_secrets_are_exported_by_exec(world: World, cached: bool) -> None:
    world.configure(CONFIG + WITH_SECRETS)
    if cached:
        assert world.run("token").code == 0
    variables = variables_in(world.run("exec", "--", "env").out)
    assert variables["TT_SECRET"] == world.client_secret
    assert variables["TT_REFRESH"] == world.refresh_token
    assert variables["BOT_TOKEN"].startswith("eyJ")


@pytest.mark.parametrize("words", ["env", "env --format json", "env --unset", "env -v", "token"])
def test_long_lived_secrets_are_exported_by_nothing_else(
    words: str, world: World, cached: bool
) -> None:
    world.configure(CONFIG + WITH_SECRETS)
    if cached:
        assert world.run("exec", "--", "true").code == 0
    done = world.run(*words.split())
    assert done.code == 0
    for shown in (done.out, done.err):
        # the names may be unset: another profile's exec may have exported them
        assert not re.search('TT_(SECRET|REFRESH)"?[=:]', shown)
        assert world.client_secret not in shown
        assert world.refresh_token not in shown


ONLY_SECRETS = """\
    exports:
      TT_SECRET: client_secret
      TT_REFRESH: refresh_token
      TT_ID: client_id
      TT_API: api_url
      TT_ENV: environment
"""


@pytest.mark.parametrize("flags", ["", "--min-valid 60"])
def test_a_program_that_needs_no_token_starts_during_an_outage(
    world: World, cached: bool, flags: str
) -> None:
    world.configure(CONFIG + ONLY_SECRETS)
    if cached:
        assert world.run("exec", "--", "true").code == 0
    world.simulator.fail = "503"
    done = world.run("exec", *flags.split(), "--", "env")
    assert (done.code, done.err) == (0, "")
    variables = variables_in(done.out)
    assert variables["TT_SECRET"] == world.client_secret
    assert variables["TT_REFRESH"] == world.refresh_token
    assert variables["TT_ID"] == world.simulator.application.client_id
    assert (variables["TT_API"], variables["TT_ENV"]) == (world.simulator.origin, "sandbox")
    assert world.simulator.token_requests == 0
    assert world.run("exec", "-p", "nobody", "--", "env").code == 2


def test_nor_does_it_wait_for_somebody_who_gets_a_token(world: World) -> None:
    world.configure(CONFIG + ONLY_SECRETS)
    assert world.run("exec", "--", "true").code == 0
    world.simulator.fail = "slow"
    with world.started(COMMAND, "token") as waiting:
        world.token_requested(0)
        assert world.run("exec", "--", "true").code == 0
        assert waiting.poll() is None


def test_env_says_which_exports_it_leaves_out(world: World, cached: bool) -> None:
    world.configure(CONFIG + WITH_SECRETS)
    if cached:
        assert world.run("exec", "--", "true").code == 0
    done = world.run("env")
    assert done.code == 0
    assert "tastyauth: live, custom: left out: TT_SECRET, TT_REFRESH; only exec" in done.err
    assert world.run("env", "-q").err == ""


def test_long_lived_secrets_are_never_cached(world: World) -> None:
    world.configure(CONFIG + WITH_SECRETS)
    assert world.run("exec", "--", "true").code == 0
    kept = b""
    for directory, _, names in os.walk(f"{world.home}/.cache"):
        for name in names:
            with open(os.path.join(directory, name), "rb") as file:
                kept += file.read()
    assert b"eyJ" in kept  # the access token is there
    assert world.client_secret.encode() not in kept
    assert world.refresh_token.encode() not in kept


def test_an_exported_secret_is_resolved_anew_each_time(world: World) -> None:
    world.configure(COMMANDS + WITH_SECRETS)
    world.script("vault", 'echo >>"$HOME/runs"; cat "$HOME/.config/tastyauth/live.refresh-token"')
    for _ in range(3):
        done = world.run("exec", "--", "printenv", "TT_REFRESH")
        assert done == Completed(0, f"{world.refresh_token}\n", "")
    assert world.simulator.exchanges == 1
    with open(f"{world.home}/runs", encoding="ascii") as file:
        assert len(file.readlines()) >= 3


def test_without_such_an_export_a_cached_token_resolves_nothing(world: World) -> None:
    world.configure(COMMANDS)
    world.script("vault", 'echo >>"$HOME/runs"; cat "$HOME/.config/tastyauth/live.refresh-token"')
    for _ in range(3):
        assert world.run("exec", "--", "true").code == 0
    with open(f"{world.home}/runs", encoding="ascii") as file:
        assert len(file.readlines()) == 1


@pytest.mark.parametrize(
    ("fail", "words", "code"),
    [
        ("grant-revoked", ["exec", "--refresh"], 77),
        ("503", ["exec", "--refresh"], 75),
        (None, ["exec", "-p", "paper"], 2),
        (None, ["--config", "nowhere.yaml", "exec"], 66),
    ],
)
def test_without_a_token_no_command_runs(
    fail: str | None, words: list[str], code: int, ready: World
) -> None:
    ready.configure(CONFIG + "    timeout: 1\n")
    ready.simulator.fail = fail
    done = ready.run(*words, "--", "touch", "ran")
    assert (done.code, done.out) == (code, "")
    assert os.listdir(ready.project) == []


def _secrets_in_variables(world: World) -> dict[str, str]:
    return {
        "TT_CLIENT": world.simulator.application.client_id,
        "TT_SECRET": world.client_secret,
        "TT_REFRESH": world.refresh_token,
    }


# -- without a command ----------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [[], ["--keep-fresh"]])
def test_at_a_terminal_no_command_is_a_shell_for_one_account(
    flags: list[str], ready: World
) -> None:
    """Its exports are there until `exit`, whose code is that of the whole."""
    shell = ready.script("bash-without-rc", "exec /bin/bash --norc")
    variables = {"SHELL": shell, "PS1": "ready> ", "TASTYTRADE_PROFILE": "other"}
    with sitting(ready, "exec", "-p", "live", *flags, **variables) as it:
        it.expect("tastyauth: this shell has the token of live, custom, until ")
        end = time.strftime("%H:%M", time.localtime(aging.only_entry(ready.cache).expires_at))
        it.expect(f"{end}; type exit to leave it")
        it.answer(
            "ready> ", 'echo "[$TASTYTRADE_PROFILE $TASTYTRADE_ENV ${#TASTYTRADE_ACCESS_TOKEN}]"'
        )
        it.expect("[live sandbox ")
        it.answer("ready> ", 'test -t 0 && echo "[$0] $-"')
        it.expect("[/bin/bash] ")
        it.answer("ready> ", 'echo "[$TASTYAUTH_PROFILE]"')
        it.expect("[live]")
        it.answer("ready> ", "exit 7")
        assert it.end() == 7


def test_elsewhere_it_stays_a_mistake(ready: World) -> None:
    """A shell that reads a pipe would run what is in there."""
    with sitting(ready, "exec", CI="1", SHELL="/bin/bash") as it:
        it.expect("error: exec needs a command to run")
        assert it.end() == 2
    for words in (["exec"], ["exec", "--"], ["exec", "-p", "live"]):
        done = ready.run(*words, given="echo unseen\n", SHELL="/bin/bash")
        assert (done.code, done.out) == (2, "")
        profile = " -p live" * ("live" in words)
        assert f"hint: write: tastyauth exec{profile} -- CMD" in done.err


def test_a_shell_that_is_not_there_is_named(ready: World) -> None:
    with sitting(ready, "exec", SHELL="/nowhere/zsh") as it:
        it.expect("error: cannot start /nowhere/zsh: no such file or directory")
        it.expect("hint: set $SHELL to a shell that is installed here")
        assert it.end() == 127
