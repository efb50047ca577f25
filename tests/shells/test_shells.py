"""`eval` of what `env` prints, in real shells: a failure is a failure, and nothing stale stays."""

import os
import re
import shutil
import signal

import pytest
from needs import missing
from world import (
    CONFIG,
    DEFAULT_NAMES,
    PATH,
    Completed,
    World,
    finish,
    profile_named,
    until,
    variables_in,
)

SHELLS = ("bash", "dash", "zsh")

EVALS = {"unquoted": "eval $({})", "quoted": 'eval "$({})"'}
"""How people write it; the words of a manual page, and those of a careful script."""

FAILURES = {
    "revoked grant": ("grant-revoked", "tastyauth env", 77),
    "usage error": (None, "tastyauth env --fromat sh", 2),
    "usage error before the command": (None, "tastyauth --prof live env", 2),
    "unknown format": (None, "tastyauth env --format tcl", 2),
    "bad profile": (None, "tastyauth env -p paper", 2),
    "outage": ("503", "tastyauth --config $HOME/hasty.yaml env", 75),
    "no directory": (
        None,
        "mkdir gone && cd gone && rmdir ../gone && tastyauth --config here.yaml env",
        66,
    ),
    "no config": (None, "tastyauth --config nowhere.yaml env", 66),
}
"""What goes wrong: how the broker fails, what is run, and the code it must end with."""

SIGNALS = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 129, signal.SIGQUIT: 131}

STALE = "".join(f"export {name}=stale;" for name in DEFAULT_NAMES)
"""What an earlier run has left behind."""

LEFT = "".join(f'echo "{name}=${{{name}-gone}}";' for name in DEFAULT_NAMES)
GONE = "".join(f"{name}=gone\n" for name in DEFAULT_NAMES)

CUSTOM_EXPORTS = "    exports: {{ BOT_TOKEN: access_token, BOT_UNTIL: expires_at }}\n"

TWO_ACCOUNTS = f"default_profile: live\n{CONFIG}{profile_named('bot')}{CUSTOM_EXPORTS}"


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    path = shutil.which(str(request.param), path=PATH)
    if path is None:
        missing(
            f"{request.param} is missing; install its package, see tests/e2e/debian-packages.txt"
        )
    return path


@pytest.fixture(params=EVALS)
def evaluated(request: pytest.FixtureRequest) -> str:
    """A template for the eval of a command."""
    return EVALS[str(request.param)]


def failing(label: str, world: World) -> tuple[str, int]:
    """The command that fails so, and its code."""
    world.simulator.fail, command, code = FAILURES[label]
    hasty = CONFIG.replace("live.", f"{world.config_directory}/live.") + "    timeout: 1\n"
    origin, client_id = world.simulator.origin, world.simulator.application.client_id
    world.write(f"{world.home}/hasty.yaml", hasty.format(origin=origin, client_id=client_id))
    return command, code


def test_success_sets_and_exports_the_four_variables(
    shell: str, evaluated: str, world: World
) -> None:
    script = f"{STALE} {evaluated.format('tastyauth env')}; echo $?; printenv {DEFAULT_NAMES[0]};"
    done = world.shell(script + LEFT, shell)
    code, in_a_child, *lines = done.out.splitlines()
    variables = dict(line.split("=", 1) for line in lines)
    assert (code, done.err) == ("0", "")
    assert in_a_child == variables["TASTYTRADE_ACCESS_TOKEN"]
    assert in_a_child.startswith("eyJ")
    assert variables["TASTYTRADE_ACCESS_TOKEN_EXPIRES_AT"].isdigit()
    assert variables["TASTYTRADE_ENV"] == "sandbox"
    assert variables["TASTYTRADE_API_URL"] == world.simulator.origin


def test_values_that_need_quoting_arrive_whole(shell: str, evaluated: str, world: World) -> None:
    world.configure(CONFIG + "    exports: {{ BOT_AUTHORIZATION: authorization }}\n")
    token = world.run("token").out.strip()
    done = world.shell(
        f'{evaluated.format("tastyauth env")}; printf "%s" "$BOT_AUTHORIZATION"', shell
    )
    assert done == Completed(0, f"Bearer {token}", "")


def test_set_e_goes_on_after_success(shell: str, evaluated: str, world: World) -> None:
    done = world.shell(f"set -eu; {evaluated.format('tastyauth env')}; echo reached", shell)
    assert done == Completed(0, "reached\n", "")


# The line of a failure in every shell: test_export.py and e2e/test_shell_matrix.py.


@pytest.mark.parametrize("label", FAILURES)
def test_eval_of_a_failure_fails_with_its_code_and_leaves_nothing(label: str, world: World) -> None:
    command, code = failing(label, world)
    done = world.shell(f"{STALE} eval $({command}); echo $?; {LEFT} set -e; eval $({command}); :")
    assert (done.code, done.out) == (code, f"{code}\n{GONE}")
    assert "tastyauth: error: " in done.err


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_in_the_middle_is_a_failure(
    number: signal.Signals, shell: str, world: World
) -> None:
    world.simulator.fail = "slow"
    _remember_pid(world)
    script = f"{STALE} eval $(tastyauth env); echo $?; {LEFT}"
    with world.started(shell, "-c", script) as process:
        world.token_requested(0)
        os.kill(_remembered_pid(world), number)
        done = finish(process)
    assert done.out == f"{SIGNALS[number]}\n{GONE}"


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_a_secret_is_fetched_ends_its_program_too(
    number: signal.Signals, world: World
) -> None:
    world.configure(CONFIG.replace("{{ file: live.refresh-token }}", "{{ command: [vault, get] }}"))
    world.script("vault", 'echo $$ >"$HOME/vault.pid"; exec sleep 60')
    _remember_pid(world)
    with world.started(
        "/bin/sh", "-c", f"{STALE} eval $(tastyauth env); echo $?; {LEFT}"
    ) as process:
        until(lambda: _number_in(f"{world.home}/vault.pid") > 0)
        os.kill(_remembered_pid(world), number)
        done = finish(process)
    assert done.out == f"{SIGNALS[number]}\n{GONE}"
    until(lambda: not _is_running(_number_in(f"{world.home}/vault.pid")))


def test_another_profile_leaves_no_name_of_the_first_behind(
    shell: str, evaluated: str, world: World
) -> None:
    world.configure(TWO_ACCOUNTS)
    live, bot = (evaluated.format(f"tastyauth env -p {name}") for name in ("live", "bot"))
    show = f'{LEFT} echo "${{BOT_TOKEN-gone}} ${{BOT_UNTIL-gone}}";'
    there = world.shell(f"set -e; {live}; {bot}; {show}", shell)
    assert there.out.startswith(GONE + "eyJ")
    back = world.shell(f"set -e; {bot}; {live}; {show}", shell)
    assert back.out.endswith("gone gone\n")
    assert "TASTYTRADE_ENV=sandbox\n" in back.out


NESTED = TWO_ACCOUNTS.replace("BOT_TOKEN:", "BOT_SECRET: client_secret, BOT_TOKEN:")
NESTED += profile_named("third")

SHOW = 'echo "${TASTYTRADE_ACCESS_TOKEN_FILE-gone} ${BOT_SECRET-gone} ${BOT_TOKEN-gone}"'


@pytest.mark.parametrize("words", ["-p live", "--unset", "-p nobody", "--fromat sh"])
def test_nothing_of_a_kept_fresh_command_stays_in_a_shell_that_asks_for_another_account(
    words: str, world: World
) -> None:
    """Neither its file, nor a secret that only `exec` exports."""
    world.configure(NESTED)
    world.write(f"{world.root}/inner", f"eval $(tastyauth env {words} 2>/dev/null); {SHOW}")
    done = world.run("exec", "--keep-fresh", "-p", "bot", "--", "sh", f"{world.root}/inner")
    assert done == Completed(0, "gone gone gone\n", "")


@pytest.mark.parametrize("keep_fresh", [False, True])
def test_nothing_of_a_kept_fresh_command_reaches_a_command_of_another_account(
    keep_fresh: bool, world: World
) -> None:
    world.configure(NESTED)
    world.write(f"{world.root}/show", f'echo "$TASTYTRADE_ACCESS_TOKEN_FILE" >file; {SHOW}')
    inner = f"tastyauth exec {'--keep-fresh ' * keep_fresh}-p live -- sh {world.root}/show"
    outer = f'echo "$TASTYTRADE_ACCESS_TOKEN_FILE"; {inner}'
    done = world.run("exec", "--keep-fresh", "-p", "bot", "--", "sh", "-c", outer)
    bots, lives = done.out.splitlines()
    assert lives.endswith(" gone gone")
    assert bots.endswith("/access-token")
    assert bots not in lives
    assert ("/access-token" in lives) == keep_fresh


@pytest.mark.parametrize("inner", ["eval $(tastyauth {} env); env", "tastyauth {} exec -- env"])
def test_the_token_of_another_config_is_gone_whatever_this_one_exports(
    inner: str, world: World
) -> None:
    other = world.configure(
        f"{CONFIG}    exports: {{{{ TOKEN: access_token }}}}\n", directory=f"{world.root}/b"
    )
    world.configure()
    shell = inner.format(f"--config {other}")
    words = ("exec", "--keep-fresh", "--", "env", "TASTYAUTH_HOOK=live@1", "sh", "-c", shell)
    done = world.run(*words)
    assert "TOKEN=eyJ" in done.out
    assert "TASTYTRADE" not in done.out
    assert "TASTYAUTH_HOOK" not in done.out


def test_the_file_of_a_kept_fresh_command_stays_when_its_own_account_is_chosen_again(
    world: World,
) -> None:
    world.configure(NESTED)
    inner = f"eval $(tastyauth env -p bot); {SHOW}; tastyauth exec -p bot -- sh -c '{SHOW}'"
    done = world.run("exec", "--keep-fresh", "-p", "bot", "--", "sh", "-c", inner)
    own, again = (line.split() for line in done.out.splitlines())
    assert own[0] == again[0] != "gone"
    assert own[1] == again[1] == world.client_secret


def test_a_step_of_github_that_asks_for_another_account_empties_what_a_step_before_has_set(
    world: World,
) -> None:
    """Nothing can be unset in the file; what is not set stays out of it."""
    world.configure(NESTED)
    path = world.write("github-env", "")
    words = ("env", "--format", "github-env", "-p", "live")
    assert world.run(*words, GITHUB_ENV=path, BOT_TOKEN="of the bot").code == 0
    with open(path, encoding="ascii") as file:
        found = variables_in(file.read())
    assert found["BOT_TOKEN"] == ""
    assert found["TASTYTRADE_ACCESS_TOKEN"]
    assert sorted(found) == sorted(("BOT_TOKEN", *DEFAULT_NAMES))


def test_it_goes_when_the_same_profile_is_another_account(world: World) -> None:
    """Since a variable is gone, as `exec` takes it away, and the next source counts."""
    world.configure(
        CONFIG.replace(
            "{{ file: live.refresh-token }}",
            "{{ first_of: [{{ env: HELD }}, {{ file: live.refresh-token }}] }}",
        )
    )
    inner = f"tastyauth exec -- sh -c '{SHOW}'; HELD=$OTHER tastyauth exec -- sh -c '{SHOW}'"
    held = {"HELD": world.refresh_token, "OTHER": world.refresh_token}
    done = world.run("exec", "--keep-fresh", "--", "sh", "-c", inner, **held)
    other, own = (line.split() for line in done.out.splitlines())
    assert other[0] == "gone"
    assert own[0] != "gone"


@pytest.mark.parametrize(
    ("shell_format", "form"), [("fish", "while set -e {};end;"), ("csh", "unsetenv {};")]
)
def test_every_shell_format_unsets_the_file_of_another_account(
    shell_format: str, form: str, world: World
) -> None:
    """In fish whatever its scope is."""
    statement = form.format("TASTYTRADE_ACCESS_TOKEN_FILE")
    for words in ([], ["--unset"], ["-p", "nobody"]):
        out = world.run("env", "--format", shell_format, *words).out
        assert re.search(statement, out), out


@pytest.mark.parametrize(
    ("shell", "statement"), [("bash", "unset"), ("zsh", "unset"), ("fish", "set -e")]
)
def test_the_hook_takes_the_file_of_another_account_back(
    shell: str, statement: str, world: World
) -> None:
    assert world.run("token").code == 0  # the hook waits two seconds for one, and no longer
    words = ("hook", shell, "-p", "live", "--answer", "first")
    out = world.run(*words, TASTYTRADE_ACCESS_TOKEN_FILE="/of/another").out
    assert re.search(f"{statement} [A-Z_ ]*TASTYTRADE_ACCESS_TOKEN_FILE\\b", out), out


def test_unset_takes_every_name_back(shell: str, evaluated: str, world: World) -> None:
    world.configure(TWO_ACCOUNTS)
    world.simulator.fail = "503"  # which --unset never meets
    unset = evaluated.format("tastyauth env --unset")
    done = world.shell(
        f'{STALE} BOT_TOKEN=stale; {unset}; echo "$? ${{BOT_TOKEN-gone}}"; {LEFT}', shell
    )
    assert done.out == f"0 gone\n{GONE}"
    assert world.simulator.token_requests == 0


@pytest.mark.parametrize(
    ("fail", "words", "code"),
    [("grant-revoked", "", 77), (None, "--fromat sh", 2), (None, "-p paper", 2)],
)
def test_names_of_its_own_are_unset_when_a_trusted_config_fails(
    fail: str | None, words: str, code: int, world: World
) -> None:
    world.configure(CONFIG + CUSTOM_EXPORTS)
    world.simulator.fail = fail
    left = 'echo "$? ${BOT_TOKEN-gone} ${BOT_UNTIL-gone}"'
    done = world.shell(f"BOT_TOKEN=stale; BOT_UNTIL=1; eval $(tastyauth env {words}); {left}")
    assert done.out == f"{code} gone gone\n"


@pytest.mark.parametrize("words", ["", "--fromat sh", "-p paper"])
@pytest.mark.parametrize("trouble", ["not allowed", "named by a variable", "invalid"])
def test_an_untrusted_or_invalid_config_chooses_no_names(
    trouble: str, words: str, world: World
) -> None:
    """The four defaults are still unset, and nothing that the config names."""
    variables = _troubled(trouble, world)
    script = f'{STALE} BOT_TOKEN=kept; eval $(tastyauth env {words}); echo "$? $BOT_TOKEN"; {LEFT}'
    done = world.shell(script, **variables)
    code, _, rest = done.out.partition(" ")
    # a mistyped flag is seen before the config is looked at
    assert code == ("2" if words == "--fromat sh" else "78")
    assert rest == f"kept\n{GONE}"


def _troubled(trouble: str, world: World) -> dict[str, str]:
    if trouble == "invalid":
        world.configure(CONFIG + CUSTOM_EXPORTS + "    enviroment: sandbox\n")
        return {}
    directory = world.project if trouble == "not allowed" else f"{world.root}/elsewhere"
    path = world.configure(CONFIG + CUSTOM_EXPORTS, directory=directory)
    return {} if trouble == "not allowed" else {"TASTYAUTH_CONFIG": path}


def test_a_data_format_prints_nothing_when_it_fails(world: World) -> None:
    world.simulator.fail = "grant-revoked"
    done = world.run("env", "--format", "json")
    assert (done.code, done.out) == (77, "")


@pytest.mark.parametrize("words", ["env", "env -v", "env --unset", "env -p paper"])
def test_a_shell_format_is_one_line_of_whole_statements(words: str, world: World) -> None:
    """So that the unquoted `$(…)`, which joins lines and drops comments, reads the same."""
    out = world.run(*words.split()).out
    assert out.endswith(";\n")
    assert out.count("\n") == 1
    assert "#" not in out


def _remember_pid(world: World) -> None:
    """Lets `tastyauth` leave its process ID in the home directory."""
    real = os.readlink(f"{world.home}/bin/tastyauth")
    world.script("tastyauth", f'echo $$ >"$HOME/tastyauth.pid"; exec "{real}" "$@"')


def _remembered_pid(world: World) -> int:
    return _number_in(f"{world.home}/tastyauth.pid")


def _number_in(path: str) -> int:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read() or 0)
    except FileNotFoundError:
        return 0


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
