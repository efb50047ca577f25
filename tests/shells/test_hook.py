"""The hook in real shells: exports that stay fresh at a prompt, without cost or surprise."""

import io
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import aging
import pexpect
import pytest
from allowing import allow
from gated import Gated
from needs import missing
from stand_ins import patient
from terminals import spawned
from world import COMMAND, CONFIG, DEFAULT_NAMES, PATH, Completed, World, profile_named, until

from tastyauth import cache, shells
from tastyauth.cache import Entry, Terms
from tastyauth.shells import hook as hooks
from tastyauth.simulator import Simulator

TOKEN, EXPIRES_AT = DEFAULT_NAMES[:2]

_PROFILE = """\
  {name}:
    environment: custom
    api_url: {{origin}}
    client_id: {{client_id}}
    client_secret: {{{{ file: {name}.client-secret }}}}
    refresh_token: {{{{ file: live.refresh-token }}}}
    exports:
      TASTYTRADE_ACCESS_TOKEN: access_token
      TASTYTRADE_ACCESS_TOKEN_EXPIRES_AT: expires_at
      BOT_PROFILE: profile
"""
TWO_PROFILES = (
    "version: 1\ndefault_profile: live\nprofiles:\n"
    + _PROFILE.format(name="live")
    + _PROFILE.format(name="paper")
)
"""Two accounts that export the same names."""

OWN = ("state", "told", "at", "due", "end", "pause", "seen", "bound", "mark", "on")
"""What the hook remembers, behind `_tastyauth_`."""

HOSTILE = (
    "a[$(touch pwned)0]",
    "$(touch pwned)",
    "`touch pwned`",
    "0;touch pwned",
    "0\ntouch pwned",
    "' touch pwned '",
    "08",
    "-1",
    "",
    "9" * 40,
)


@dataclass(frozen=True, slots=True)
class Shell:
    """A shell, and in its words: `p` is a prompt, `later` the time when a renewal is due.

    `over` is the end of the token, `strict` all that users set and that breaks careless code.
    """

    name: str
    argv: tuple[str, ...]
    prelude: str
    strict: str = ""

    @property
    def language(self) -> str:
        return self.argv[0]

    def hook(self, words: str = "") -> str:
        """Installs the hook."""
        if self.language == "fish":
            return f"tastyauth hook fish {words} | source"
        return f'eval "$(tastyauth hook {self.language} {words})"'

    def by_hand(self, words: str) -> str:
        """Evaluates the exports."""
        if self.language == "fish":
            return f"tastyauth env --format fish {words} | source"
        return f"eval $(tastyauth env {words})"

    def assign(self, name: str, value: str) -> str:
        """Sets a variable."""
        if self.language == "fish":
            return f"set -g {name} {self.quoted(value)}"
        return f"{name}={self.quoted(value)}"

    def quoted(self, text: str) -> str:
        """A word of that text."""
        if self.language == "fish":
            return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
        return shlex.quote(text)

    def run_lines(self, world: World, *lines: str, **variables: str) -> Completed:
        """Runs lines that mean the same in every shell."""
        script = "\n".join((self.prelude, *lines, ""))
        return world.run_program(*self.argv, script, **variables)


_SH = "later() { _tastyauth_due=0; }; over() { _tastyauth_end=0; }; "
_BASH = _SH + 'p() { local it; for it in "${PROMPT_COMMAND[@]}"; do eval "$it"; done; }; '
_ZSH = _SH + 'p() { local it; for it in "${precmd_functions[@]}"; do $it; done; }; '
_FISH = """\
function p; emit fish_prompt; end
function later; set -g _tastyauth_due 0; end
function over; set -g _tastyauth_end 0; end
"""

SHELLS = {
    shell.name: shell
    for shell in (
        Shell("bash", ("bash", "--norc", "-c"), _BASH, "set -eua"),
        Shell(
            "bash without a clock",
            ("bash", "--norc", "-c"),
            f"unset EPOCHSECONDS; SECONDS=1000; {_BASH}",
            "set -eua",
        ),
        Shell(
            "zsh",
            ("zsh", "-f", "-c"),
            _ZSH,
            "setopt ksh_arrays no_unset err_exit glob_subst sh_word_split all_export",
        ),
        Shell("fish", ("fish", "--no-config", "-c"), _FISH, "set -e fish_greeting"),
    )
}


@pytest.fixture
def world(world: World) -> World:
    return patient(world)


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell(request: pytest.FixtureRequest) -> Shell:
    shell = SHELLS[str(request.param)]
    _program(shell.language)
    return shell


EVERY_CLOCK = pytest.mark.parametrize("shell", SHELLS, indirect=True)
"""For what depends on the time: bash tells it since 5.0, and counts seconds before that."""


@pytest.fixture
def two(world: World) -> World:
    """A world with the profiles live and paper."""
    world.configure(TWO_PROFILES)
    _give_paper_its_secret(world)
    return world


def _program(name: str) -> str:
    path = shutil.which(name, path=PATH)
    if path is None:
        missing(f"{name} is missing; install its package, see tests/e2e/debian-packages.txt")
    return path


def _give_paper_its_secret(world: World) -> None:
    world.write(f"{world.config_directory}/paper.client-secret", world.client_secret)


def counted(world: World) -> str:
    """From this line of a script on, the runs of tastyauth are counted."""
    world.script("counted", 'echo >>"$HOME/calls"; exec "$HOME/patient/tastyauth" "$@"')
    return "mv -f $HOME/bin/counted $HOME/bin/tastyauth"


def canned(world: World, shell: Shell) -> str:
    """From this line on, the hook gets the answer of now again and again, at once.

    While there is a directory `~/fails`, it fails instead.
    """
    words = ("tastyauth", "hook", shell.language, "--answer", "again")
    answer = world.run_program(*words).out.rstrip("\n")
    more = "set -gx CANNED yes;" if shell.language == "fish" else "export CANNED=yes;"
    world.write("answer", f"{answer}{more}\n")
    world.script("canned", f'[ ! -d "$HOME/fails" ] || exit 75; exec cat {world.root}/answer')
    return "mv -f $HOME/bin/canned $HOME/bin/tastyauth"


def calls(world: World) -> int:
    try:
        with open(f"{world.home}/calls", encoding="ascii") as file:
            return len(file.readlines())
    except FileNotFoundError:
        return 0


def test_the_first_prompt_sets_and_exports_and_nothing_else_is_exported(
    shell: Shell, world: World
) -> None:
    done = shell.run_lines(world, shell.hook(), f"printenv {TOKEN} || echo none", "p", "env")
    none, *variables = done.out.splitlines()
    assert (done.code, done.err, none) == (0, "", "none")
    assert f"{TOKEN}={world.run('token').out.strip()}" in variables
    assert "TASTYTRADE_ENV=sandbox" in variables
    assert "_tastyauth" not in done.out


@EVERY_CLOCK
def test_while_the_token_is_fresh_no_process_is_started(shell: Shell, world: World) -> None:
    """There is one at the first prompt, and none at any that follows."""
    trace = f"{world.root}/trace"
    lines = (shell.prelude, shell.hook(), "p", "command printf mark", *["p"] * 40)
    strace = (_program("strace"), "-f", "-qq", "-e", "trace=process,write", "-o", trace)
    done = world.run_program(*strace, *shell.argv, "\n".join(lines))
    assert (done.code, done.out, done.err) == (0, "mark", "")
    with open(trace, encoding="utf-8", errors="replace") as file:
        before, _, after = file.read().partition('"mark"')
    assert before.count("execve(") > after.count("execve(") == 0
    made = re.findall(r" (?:fork|vfork|clone|clone3)\(.*", after)
    assert [call for call in made if "CLONE_THREAD" not in call] == []  # fish has threads


@pytest.mark.parametrize(
    "prompt_command",
    [
        "unset PROMPT_COMMAND",
        "PROMPT_COMMAND=",
        "PROMPT_COMMAND='echo \"saw $?\"; true;'",
        "PROMPT_COMMAND=('echo \"saw $?\"' true)",
        "declare -ax PROMPT_COMMAND=('echo \"saw $?\"')",
    ],
)
def test_bash_keeps_what_its_prompt_did_before_and_the_status_it_saw(
    prompt_command: str, world: World
) -> None:
    lines = (
        prompt_command,
        SHELLS["bash"].hook(),
        "(exit 7)",
        'echo "status $?"',
        f"echo ${TOKEN}",
    )
    done = world.run_program("bash", "--norc", "-i", given="\n".join(lines) + "\n")
    assert "status 7\n" in done.out
    assert ("saw 7\n" in done.out) == ("saw" in prompt_command)
    assert done.out.rstrip().splitlines()[-1 - ("saw" in prompt_command)].startswith("eyJ")


def test_what_bash_does_before_a_line_stays(world: World) -> None:
    """Its PS0, its DEBUG trap, and a trap of the signal that the hook would use."""
    hook, left = SHELLS["bash"].hook(), "trap 'seen=URG' URG"
    lines = ("PS0='<$((1 + 1))>'", "trap 'seen=\"it'\\''s $BASH_COMMAND\"' DEBUG")
    more = (hook, hook, "_tastyauth_due=0", "true", 'echo "$seen"', "trap -p URG")
    for first, renews in (("", True), (left, False)):
        given = "\n".join((first, *lines, *more, ""))
        done = world.run_program("bash", "--norc", "-i", given=given)
        assert 'it\'s echo "$seen"\n' in done.out
        assert done.err.count("<2>") == 1 + len(more)
        assert ("_tastyauth_before" in done.out) == renews
        assert ("seen=URG" in done.out) != renews


def test_before_a_line_bash_starts_no_process_while_the_token_is_fresh(world: World) -> None:
    trace = f"{world.root}/trace"
    strace = (_program("strace"), "-f", "-qq", "-e", "trace=process,write", "-o", trace)
    given = "\n".join((SHELLS["bash"].hook(), "echo ma''rk", *[":"] * 40, ""))
    world.run_program(*strace, "bash", "--norc", "-i", given=given)
    with open(trace, encoding="utf-8", errors="replace") as file:
        before, _, after = file.read().partition('"mark')
    assert "execve(" in before
    assert re.findall(r" (?:fork|vfork|clone|clone3|execve)\(.*", after) == []


@pytest.mark.parametrize("clock", ["EPOCHSECONDS", "SECONDS"])
def test_before_a_line_bash_runs_nothing_that_a_variable_holds(clock: str, world: World) -> None:
    unset = "" if clock == "EPOCHSECONDS" else "unset EPOCHSECONDS"
    lines = [unset, "PS1=", SHELLS["bash"].hook(), canned(world, SHELLS["bash"]), f"unset {clock}"]
    for value in HOSTILE:
        lines += [f"{name}={shlex.quote(value)}; :" for name in ("_tastyauth_due", clock)]
    lines += ["set -u; unset _tastyauth_due", ":", "ls", "exit 0"]
    done = world.run_program("bash", "--norc", "-i", given="\n".join((*lines, "")))
    assert (done.code, done.out) == (0, "")
    complaints = [line for line in done.err.splitlines() if line.startswith("bash: ")]
    assert len(complaints) == 2, complaints  # both that there is no terminal


def test_sourced_twice_it_is_there_once(shell: Shell, world: World) -> None:
    made = (f"tastyauth hook {shell.language} >code", counted(world))
    twice = ("source ./code", "source ./code", "p", "source ./code", "p", "p")
    installed = {
        "bash": 'echo "${PROMPT_COMMAND[@]}"',
        "zsh": 'echo "${precmd_functions[@]} ${preexec_functions[@]}"',
        "fish": "functions --handlers | string match '* _tastyauth_hook'",
    }
    done = shell.run_lines(world, *made, *twice, installed[shell.language])
    assert (done.code, done.out.split()[-1], done.err) == (0, "_tastyauth_hook", "")
    assert done.out.count("_tastyauth_hook") == {"bash": 1, "zsh": 2, "fish": 2}[shell.language]
    assert calls(world) == 1


@EVERY_CLOCK
def test_a_token_that_is_about_to_expire_is_renewed(shell: Shell, world: World) -> None:
    lines = ("p", "tastyauth token --refresh", "later", "p", f"printenv {TOKEN}")
    done = shell.run_lines(world, shell.hook(), *lines)
    renewed, held = done.out.splitlines()
    assert renewed == held
    assert world.simulator.exchanges == 2


def test_the_hook_is_for_the_program_config_and_profile_it_was_made_with(
    shell: Shell, two: World
) -> None:
    """Wherever the shell goes, and whatever its variables name then."""
    lines = ("cd /", "p", "printenv BOT_PROFILE")
    elsewhere = {"TASTYAUTH_CONFIG": "/nowhere.yaml", "TASTYAUTH_PROFILE": "live"}
    config = f"--config {os.path.relpath(two.config, two.project)}"
    done = shell.run_lines(two, shell.hook(f"-p paper {config}"), *lines, **elsewhere)
    assert (done.out, done.err) == ("paper\n", "")


@pytest.mark.parametrize("before", ["p", ""], ids=["set by the hook", "not yet set"])
def test_a_shell_in_which_another_profile_was_evaluated_stays_with_it(
    before: str, shell: Shell, two: World
) -> None:
    show = "printenv BOT_PROFILE"
    lines = (before, shell.by_hand("-p paper"), "p", show, "later", "p", "p", show)
    done = shell.run_lines(two, shell.hook("-p live"), *lines)
    assert done.out == "paper\npaper\n"
    whose, way_back = done.err.splitlines()
    said = "tastyauth: this shell holds paper's token; the hook for live leaves it alone"
    assert whose == said
    assert "tastyauth env -p live" in way_back


def test_variables_that_were_taken_back_stay_away(shell: Shell, two: World) -> None:
    """What was asked for failed, or nothing was wanted: no account takes its place."""
    os.unlink(f"{two.config_directory}/paper.client-secret")
    lines = ("p", shell.by_hand("-p paper 2>/dev/null"), "later", "p", "later", "p")
    done = shell.run_lines(two, shell.hook("-p live"), *lines, f"printenv {TOKEN}")
    assert done.out == ""
    assert done.err.count("leaves it ") == 1


def test_the_way_back_is_to_evaluate_its_profile(shell: Shell, two: World) -> None:
    there = (shell.by_hand("-p paper"), "later", "p")
    back = (shell.by_hand("-p live"), "later", "p")
    renewed = ("tastyauth token -p live --refresh", "later", "p", f"printenv {TOKEN}")
    done = shell.run_lines(two, shell.hook("-p live"), "p", *there, *back, *renewed)
    expected, held = done.out.splitlines()
    assert held == expected
    assert done.err.count("leaves it ") == 1


def test_what_was_evaluated_by_hand_is_renewed_when_it_is_about_to_expire(world: World) -> None:
    held = dict(line.split("=", 1) for line in world.run("env", "--format", "dotenv").out.split())
    aging.set_left(world.cache, 200, time.time())
    old = aging.only_entry(world.cache)
    held[EXPIRES_AT] = str(old.expires_at)
    answer = world.run("hook", "bash", "-p", "live", "--answer", "changed", **held)
    assert world.simulator.exchanges == 2
    assert f"export {TOKEN}={world.run('token').out.strip()}&&" in answer.out
    assert "_tastyauth_state=mine;" in answer.out


PAST = {TOKEN: "other", EXPIRES_AT: "1700000000"}
VALID = {TOKEN: "other", EXPIRES_AT: "9999999999"}

OTHERS = {
    "an expired token of the account": (PAST | {"BOT_PROFILE": "live"}, ""),
    "an expired token of another account": (
        PAST | {"BOT_PROFILE": "paper"},
        "holds paper's token, which has expired; the hook for live leaves it alone",
    ),
    "an expired token of no known account": (PAST, "holds another token, which has expired; the"),
    "a good token of the account": (
        VALID | {"BOT_PROFILE": "live"},
        "holds a token of live that the hook did not set; the hook takes over when it expires, in",
    ),
    "a good token of another account": (
        VALID | {"BOT_PROFILE": "paper"},
        "holds paper's token; the hook for live leaves it alone\n",
    ),
    "a token without an end": ({TOKEN: "other"}, "holds another token; the hook for live leaves"),
}
"""What a shell may hold that its hook did not set, and what is said where that stays."""


@pytest.mark.parametrize("label", OTHERS)
def test_what_is_left_alone_is_named(label: str, two: World) -> None:
    held, said = OTHERS[label]
    two.run("env", "-p", "live")
    for case in ("first", "changed"):
        done = two.run("hook", "bash", "-p", "live", "--answer", case, **held)
        assert said in done.err if said else not done.err
        renewal = "for a new token of paper: eval $(tastyauth env -p paper)"
        assert (renewal in done.err) == ("paper's token, which has expired" in said)
        state = "waits" if "takes over" in said or "paper's token;" in said else "aside"
        assert f"_tastyauth_state={state if said else 'mine'};" in done.out
    assert two.simulator.exchanges == 1


def test_an_expired_token_of_the_same_name_at_another_server_is_left_alone(two: World) -> None:
    name = "BOT_PROFILE: profile\n"
    two.configure(TWO_PROFILES.replace(name, f"{name}      BOT_SERVER: api_url\n"))
    held = {**PAST, "BOT_PROFILE": "live", "BOT_SERVER": "https://another.example"}
    done = two.run("hook", "bash", "-p", "live", "--answer", "first", **held)
    said = "holds a token of another live (its server, environment or client ID differs), which has"
    assert said in done.err


@pytest.mark.parametrize(
    ("when", "label"),
    [
        ("inherited", "an expired token of the account"),
        ("inherited", "a good token of the account"),
        ("set later", "an expired token of the account"),
        ("set later", "an expired token of another account"),
    ],
)
def test_of_what_others_have_set_an_expired_token_of_the_account_is_replaced(
    when: str, label: str, shell: Shell, two: World
) -> None:
    """At the next prompt, whether a terminal multiplexer has kept it or direnv has restored it."""
    held, said = OTHERS[label]
    export = "set -gx {} {}" if shell.language == "fish" else "export {}={}"
    setting = ("p", *(export.format(*pair) for pair in held.items()))
    lines = (*(setting if when == "set later" else ()), "p", "p", f"printenv {TOKEN}")
    inherited = held if when == "inherited" else {}
    done = shell.run_lines(two, shell.hook("-p live"), *lines, **inherited)
    assert done.out.startswith("other" if said else "eyJ")
    assert done.err.count("this shell holds") == bool(said)


def test_an_account_need_not_be_named_where_the_config_has_no_other(
    shell: Shell, world: World
) -> None:
    world.configure(
        CONFIG + f"    exports: {{{{ {TOKEN}: access_token, {EXPIRES_AT}: expires_at }}}}\n"
    )
    done = shell.run_lines(world, shell.hook(), "p", f"printenv {TOKEN}", **PAST)
    assert (done.out[:3], done.err) == ("eyJ", "")


@EVERY_CLOCK
def test_what_was_left_alone_is_taken_over_when_it_has_expired(shell: Shell, two: World) -> None:
    ends = int(time.time()) + 3
    held = {TOKEN: "other", EXPIRES_AT: str(ends), "BOT_PROFILE": "live"}
    lines = ("p", f"while test (date +%s) -lt {ends}; sleep 0.1; end", "p", f"printenv {TOKEN}")
    if shell.language != "fish":
        lines = ("p", f"while [ $(date +%s) -lt {ends} ]; do sleep 0.1; done", *lines[2:])
    done = shell.run_lines(two, shell.hook("-p live"), *lines, **held)
    assert done.out.startswith("eyJ")


@EVERY_CLOCK
def test_a_shell_started_with_the_present_token_renews_it(shell: Shell, world: World) -> None:
    script = "\n".join((shell.prelude, shell.hook(), "p", "later", "p", "echo same"))
    done = world.run("exec", "--", *shell.argv, script)
    assert (done.out, done.err) == ("same\n", "")


def test_the_hook_of_another_profile_takes_its_place(shell: Shell, two: World) -> None:
    two.configure(TWO_PROFILES.replace("BOT_PROFILE: profile", "LIVE_PROFILE: profile", 1))
    show = ('echo "$LIVE_PROFILE,$BOT_PROFILE"',)
    switch = (shell.hook("-p live"), "p", *show, shell.hook("-p paper"), *show, "p", *show)
    done = shell.run_lines(two, *switch)
    assert (done.out, done.err) == ("live,\n,\n,paper\n", "")


@EVERY_CLOCK
def test_a_failure_is_heard_once_and_not_repeated_at_each_prompt(
    shell: Shell, world: World
) -> None:
    secret = f"{world.config_directory}/live.client-secret"
    fails, works = f"mv {secret} {secret}.away", f"mv {secret}.away {secret}"
    first = (fails, "p", "p", "p", "p")
    again = ("later", "p", "p")
    recovered = (works, "later", "p", f"printenv {TOKEN}", fails, "later", "p", "p")
    made = (shell.hook(), counted(world))
    done = shell.run_lines(world, *made, *first, *again, *recovered)
    assert done.out.startswith("eyJ")
    assert calls(world) == 4
    # before it recovered, and afterwards
    assert done.err.count("tastyauth: error:") == 2


@EVERY_CLOCK
@pytest.mark.parametrize("over", [True, False])
def test_a_token_that_cannot_be_renewed_stays_to_its_end(
    over: bool, shell: Shell, world: World
) -> None:
    secret = f"{world.config_directory}/live.client-secret"
    lines = ("p", f"rm {secret}", "over" if over else "", "later", "p", f'echo "${TOKEN},"')
    done = shell.run_lines(world, shell.hook(), *lines)
    assert done.out.startswith("," if over else "eyJ")
    assert "tastyauth: error:" in done.err


@EVERY_CLOCK
def test_nothing_that_a_variable_holds_is_run(shell: Shell, world: World) -> None:
    """Neither what the hook remembers, inherited or set, nor what the exports hold."""
    lines = [shell.hook(), canned(world, shell)]
    for value in HOSTILE:
        for name in (*(f"_tastyauth_{name}" for name in OWN), *DEFAULT_NAMES):
            lines += [shell.assign(name, value), "p", "later", "p"]
            lines += ["mkdir ~/fails", shell.assign(name, value), "later", "p", "rmdir ~/fails"]
    inherited = {f"_tastyauth_{name}": HOSTILE[0] for name in OWN}
    inherited |= dict.fromkeys(DEFAULT_NAMES, HOSTILE[1])
    done = shell.run_lines(world, *lines, "echo end", **inherited)
    assert (done.out, done.err) == ("end\n", "")
    assert os.listdir(world.project) == []


@EVERY_CLOCK
def test_a_number_that_is_none_does_not_end_the_renewing(shell: Shell, world: World) -> None:
    lines = [shell.hook(), "p", canned(world, shell)]
    for name in ("at", "end", "pause", "told"):
        lines += [shell.assign(f"_tastyauth_{name}", "x"), "p", "later", "p"]
    lines += ["mkdir ~/fails", shell.assign("_tastyauth_end", "x"), "later", "p", "rmdir ~/fails"]
    # a moment that is none has come
    lines += [shell.assign("CANNED", "no"), shell.assign("_tastyauth_due", "x"), "p"]
    done = shell.run_lines(world, *lines, "printenv CANNED", f"printenv {TOKEN}")
    assert (done.out[:7], done.err) == ("yes\neyJ", "")


@pytest.mark.parametrize("name", SHELLS)
def test_options_that_break_careless_code_break_nothing(name: str, world: World) -> None:
    shell = SHELLS[name]
    _program(shell.language)
    lines = (shell.hook(), "p", "p", "later", "p", shell.hook(), "env")
    done = shell.run_lines(world, shell.strict, *lines)
    assert (done.code, done.err) == (0, "")
    assert f"{TOKEN}=eyJ" in done.out
    assert "\n_tastyauth" not in done.out


def test_any_path_can_be_embedded(shell: Shell, world: World) -> None:
    directory = f'{world.root}/it\'s "$HOME" `x` \\ @CALL@ %self *'
    path = world.configure(directory=directory)
    link = f"{world.root}/config.yaml"
    os.symlink(path, link)
    done = shell.run_lines(
        world, shell.hook(f"--config {shell.quoted(path)}"), "p", f"printenv {TOKEN}"
    )
    assert done.out.startswith("eyJ")
    assert done.err == ""


def test_a_project_config_that_changes_is_not_followed(shell: Shell, world: World) -> None:
    """The hook needs the approval that `env` needs, now and later."""
    path = world.configure(directory=world.project)
    assert world.run("hook", shell.language).code == 78
    allow(world, "y")
    change = (
        f"sed 's/.*client_secret.*/    client_secret: {{command: [touch, pwned]}}/' {path} >new;"
        f" cat new >{path}"
    )
    lines = ("p", f"printenv {TOKEN}", change, "later", "p", "ls")
    done = shell.run_lines(world, shell.hook(), *lines)
    assert done.out.startswith("eyJ")
    assert "not approved" in done.err
    assert not os.path.exists(f"{world.home}/pwned")
    assert not os.path.exists(f"{world.project}/pwned")


def test_where_time_is_how_long_a_shell_runs_setting_it_back_is_noticed(world: World) -> None:
    shell = SHELLS["bash without a clock"]
    lines = ("p", "SECONDS=5", "p", "p", "SECONDS=2000", "p")
    assert shell.run_lines(world, shell.hook(), counted(world), *lines).err == ""
    assert calls(world) == 3


PROMPTS = {
    "bash": "PS1='<$?''> '",
    "zsh": "PS1='<%?''> '; unsetopt prompt_sp zle",
    "fish": "function fish_prompt; echo \"<$status\"'> '; end",
}
"""What sets a prompt that shows the status and is not in the command that sets it."""


@contextmanager
def at_a_prompt(name: str, world: World, *more: str) -> "Iterator[pexpect.spawn[str]]":
    """A shell on a terminal, hooked, that has done `more`."""
    shell = SHELLS[name]
    argv = [*shell.argv[:-1], *(["-i"] if name != "fish" else [])]
    clock = ["unset EPOCHSECONDS; SECONDS=1000"] if name == "bash without a clock" else []
    with spawned(world, _program(argv[0]), *argv[1:]) as terminal:
        terminal.logfile_read = io.StringIO()
        for line in (PROMPTS[shell.language], *clock, shell.hook(), *more):
            terminal.sendline(line)
            terminal.expect("<0> ")
        yield terminal


DUE_AT_ONCE = {
    "bash": "overdue() { _tastyauth_due=0; }; PROMPT_COMMAND+=$'\\n''overdue'",
    "zsh": "overdue() { _tastyauth_due=0; }; precmd_functions+=(overdue)",
    "fish": "function fish_prompt; echo \"<$status\"'> '; set -g _tastyauth_due 0; end",
}
"""After each prompt so much time passes that a renewal is due."""

STATUSES = {
    "bash": 'echo "saw $? ${PIPESTATUS[*]}"',
    "zsh": 'echo "saw $? ${pipestatus[*]}"',
    "fish": 'echo "saw $status $pipestatus"',
}


@pytest.mark.parametrize("name", PROMPTS)
def test_after_an_idle_time_the_next_command_has_a_fresh_token(name: str, world: World) -> None:
    """However it is run, and with the status of the one before; only what was typed is history."""
    commands = [f"printenv {TOKEN}", f"printenv {TOKEN} | cat"]
    if name != "fish":
        commands.append(f"(printenv {TOKEN})")
    with at_a_prompt(name, world, DUE_AT_ONCE[name]) as terminal:
        for command in commands:
            renewed = world.run("token", "--refresh").out.strip()
            terminal.sendline(command)
            terminal.expect_exact(renewed)
            terminal.expect("<0> ")
        terminal.sendline("sh -c 'exit 3' | sh -c 'exit 4'")
        terminal.expect("<4> ")
        terminal.sendline(STATUSES[name])
        terminal.expect_exact("saw 4 3 4\r\n")
        terminal.expect("<0> ")
        if name == "bash":
            terminal.sendline("true last")
            terminal.expect("<0> ")
            terminal.sendline('echo "saw $_"')
            terminal.expect_exact("saw last\r\n")
            terminal.expect("<0> ")
        terminal.sendline("history" if name != "zsh" else "fc -l 1")
        terminal.expect("<0> ")
        assert "_tastyauth_hook" not in terminal.before


@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_a_shell_that_shows_what_it_does_shows_no_token(name: str, world: World) -> None:
    with at_a_prompt(name, world, DUE_AT_ONCE[name], "set -x") as terminal:
        for command in (f"printenv {TOKEN}", f"(printenv {TOKEN})"):
            renewed = world.run("token", "--refresh").out.strip()
            terminal.sendline(command)
            terminal.expect_exact(renewed)
            terminal.expect("<0> ")
        assert terminal.logfile_read.getvalue().count("eyJhbGci") == 2


@pytest.mark.parametrize("name", [*PROMPTS, "bash without a clock"])
def test_what_a_line_evaluates_is_judged_when_the_line_is_done(name: str, two: World) -> None:
    """There and back: halfway, the variables are partly of one profile and partly of the other."""
    shell = SHELLS[name]
    evaluated = 'eval "$(tastyauth env {})"'
    if shell.language == "fish":
        evaluated = "eval (tastyauth env --format fish {} | string collect)"
    two.run("token", "-p", "paper")
    aging.set_left(two.cache, 700, time.time())
    with at_a_prompt(name, two) as terminal:
        for form in (shell.by_hand("{}"), evaluated, f"true && {shell.by_hand('{}')}"):
            for words, holds in (
                ("-p paper", "paper, .* not set by the hook"),
                ("", "live, .*, set by the hook"),
            ):
                terminal.sendline(form.format(words))
                terminal.sendline("tastyauth status")
                terminal.expect(f"this shell holds {holds}\r\n")
                terminal.sendline("echo do''ne")
                terminal.expect_exact("done\r\n")
        said = re.findall(r"holds (\w+'s token; the hook .*)\r", terminal.logfile_read.getvalue())
        assert said == ["paper's token; the hook for live leaves it alone"] * 3


@pytest.mark.parametrize("name", PROMPTS)
def test_a_server_that_hangs_keeps_a_prompt_two_seconds(
    name: str, tmp_path: os.PathLike[str]
) -> None:
    """One line says so; the token that comes after all is there for a later prompt."""
    with Gated() as broker:
        world = World(os.fspath(tmp_path), broker)
        world.configure(CONFIG + "    timeout: 60\n")
        broker.shut()
        with at_a_prompt(name, world) as terminal:
            for _ in range(3):
                terminal.sendline("echo rea''dy")
                terminal.expect_exact("ready\r\n")
            said = terminal.logfile_read.getvalue().replace("tastyauth: waiting", "")
            assert said.count("tastyauth: ") == 1
            assert "live, custom: no new token within 2 s" in said
            until(broker.is_asked.is_set)
            broker.gate.set()
            until(lambda: bool(aging.entries(world.cache)))
            terminal.sendline("set -g _tastyauth_due 0" if name == "fish" else "_tastyauth_due=0")
            terminal.expect("<0> ")
            terminal.sendline(f"printenv {TOKEN}")
            terminal.expect_exact("eyJ")
            assert broker.exchanges == 1


@pytest.mark.parametrize(
    ("scopes", "fail", "said"),
    [
        ("", "", "warning: live, custom: scopes cannot be checked"),
        ("read", "grant-revoked", "error: live, custom: the server refused"),
        ("read trade", "", "error: live, custom: the grant allows read and trade"),
    ],
)
def test_what_it_says_names_the_profile_and_its_environment(
    scopes: str, fail: str, said: str, world: World
) -> None:
    world.simulator.close()
    with Simulator(scopes=scopes) as world.simulator:
        world.simulator.fail = fail or None
        world.configure(CONFIG + "    scopes: [read]\n")
        done = world.run_program("tastyauth", "hook", "bash", "--answer", "first")
        assert said in done.err


def test_a_token_that_is_still_good_is_handed_out_where_no_other_comes_in_time(
    tmp_path: os.PathLike[str],
) -> None:
    with Gated() as broker:
        world = World(os.fspath(tmp_path), broker)
        world.configure()
        token = world.run("token").out.strip()
        aging.set_left(world.cache, 200, time.time())
        broker.shut()
        done = world.run("hook", "bash", "-p", "live", "--answer", "first")
        broker.gate.set()
        assert done.code == 0
        assert f"export {TOKEN}={token}" in done.out
        assert "_tastyauth_told=1;" in done.out
        # On a machine that halts, the exchange may be over first.
        too_late = "no new token within 2 s|the token could not be renewed ahead of time: .* 3 s"
        assert re.match(f"tastyauth: warning: live, custom: ({too_late})", done.err)
        assert done.err.count("\n") == 1


@pytest.mark.parametrize("name", PROMPTS)
def test_at_a_real_prompt_nothing_is_asked_and_the_status_stays(name: str, world: World) -> None:
    """On a terminal, where a program that is to fetch a secret could ask for a passphrase."""
    world.configure(CONFIG.replace("{{ file: live.refresh-token }}", "{{ command: [vault] }}"))
    world.script(
        "vault",
        'if [ -t 0 ]; then echo >"$HOME/asked"; fi\n'
        'cat "$HOME/.config/tastyauth/live.refresh-token"',
    )
    with at_a_prompt(name, world) as terminal:
        terminal.sendline("sh -c 'exit 7'")
        terminal.expect("<7> ")
        terminal.sendline(f"printenv {TOKEN}")
        terminal.expect("eyJ")
        terminal.sendline("exit")
        terminal.expect(pexpect.EOF)
    assert not os.path.exists(f"{world.home}/asked")
    assert world.simulator.exchanges == 1


@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_a_prompt_costs_a_fraction_of_a_process(name: str, world: World) -> None:
    """Processor time for one prompt with a fresh token, beside that of the smallest program."""
    shell = SHELLS[name]
    _program(name)
    measure = (
        "TIMEFORMAT='%U %S' TIMEFMT='%U %S'",
        "prompts() { local i; for ((i = 0; i < 10000; i++)); do _tastyauth_hook; done; }",
        "programs() { local i; for ((i = 0; i < 100; i++)); do /bin/true; done; }",
        *["time (prompts)", "time (programs)"] * 5,
    )
    done = shell.run_lines(world, shell.hook(), "p", *measure, LC_ALL="C")
    lines = [line.replace("s", "").split() for line in done.err.splitlines()]
    spent = [float(user) + float(system) for user, system in lines]
    prompt, program = min(spent[0::2]) / 10000, min(spent[1::2]) / 100
    assert prompt * 20 < program


def test_what_bash_is_given_has_no_fault(world: World) -> None:
    shellcheck = os.path.join(os.path.dirname(COMMAND), "shellcheck")
    code = world.run("hook", "bash").out
    done = world.run_program(shellcheck, "--shell=bash", "-", given=code)
    assert done == Completed(0, "", "")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("hook",), 2, "shell"),
        (("hook", "tcsh"), 2, "write: tastyauth hook bash (or zsh, fish)"),
        (("hook", "bash", "-p", "nobody"), 2, "nobody"),
        (("hook", "bash", "--config", "nowhere.yaml"), 66, "nowhere.yaml"),
        (("hook", "bash", "-p", "secretive"), 2, "secretive, custom: this exports nothing"),
    ],
)
def test_a_hook_that_cannot_be_made_prints_no_code(
    words: tuple[str, ...], code: int, said: str, world: World
) -> None:
    secretive = profile_named("secretive")
    exports = "    exports: {{ BOT_SECRET: client_secret }}\n"
    world.configure(CONFIG + secretive + exports)
    done = world.run(*words)
    assert (done.code, done.out) == (code, "")
    assert said in done.err


def test_it_makes_the_code_without_asking_for_a_token(world: World) -> None:
    world.simulator.fail = "503"
    assert world.run("hook", "bash").code == 0
    assert world.simulator.token_requests == 0


FIELDS = {"access_token": "T", "expires_at": "1900", "profile": "live"}
EXPORTS = (("A", "access_token"), ("B", "expires_at"), ("C", "profile"))
PRESENT = {"A": "T", "B": "1900", "C": "live"}


@pytest.mark.parametrize(
    ("case", "held", "ours"),
    [
        (hooks.AGAIN, {"A": "anything"}, True),
        (hooks.CHANGED, PRESENT, True),
        (hooks.CHANGED, {**PRESENT, "C": "paper"}, False),
        (hooks.CHANGED, {**PRESENT, "A": "S"}, False),
        (hooks.CHANGED, {}, False),
        (hooks.FIRST, {}, True),
        (hooks.FIRST, {"UNRELATED": "x"}, True),
        (hooks.FIRST, PRESENT, True),
        (hooks.FIRST, {"A": "S", "B": "1000", "C": "live"}, True),
        (hooks.FIRST, {"A": "S", "B": "1001", "C": "live"}, False),
        (hooks.FIRST, {"A": "S", "B": "999", "C": "paper"}, False),
        (hooks.FIRST, {"A": "S", "B": "999"}, False),
        (hooks.CHANGED, {"A": "S", "B": "1000", "C": "live"}, True),
        (hooks.CHANGED, {"A": "S", "B": "999", "C": "paper"}, False),
        (hooks.FIRST, {"A": "S", "C": "live"}, False),
        (hooks.FIRST, {"A": "S", "B": "", "C": "live"}, False),
        (hooks.FIRST, {"A": "S", "B": "٩", "C": "live"}, False),
        (hooks.FIRST, {"A": "S", "B": "1" * 5000, "C": "live"}, False),
        (hooks.FIRST, {"A": "S", "B": "999".zfill(15), "C": "live"}, True),
        (hooks.FIRST, {"A": "S", "B": "999".zfill(16), "C": "live"}, False),
        (hooks.FIRST, {"C": "paper"}, False),
    ],
)
def test_whose_the_variables_are(case: str, held: dict[str, str], ours: bool) -> None:
    held_by = hooks.Held(held, EXPORTS)
    assert held_by.is_ours(FIELDS, case, now=1000.0) is ours


def test_what_a_shell_does_not_hold_says_nothing() -> None:
    for exports in (EXPORTS, EXPORTS[:1]):
        nothing = hooks.Held({"UNRELATED": "x"}, exports)
        assert (bool(nothing), nothing.profile, nothing.ends) == (False, "", None)
    some = hooks.Held({"A": ""}, EXPORTS)
    assert (bool(some), some.profile, some.ends) == (True, "", None)


def test_of_the_only_profile_a_token_needs_no_name() -> None:
    nameless = hooks.Held({"A": "S", "B": "999"}, EXPORTS)
    assert not nameless.is_ours(FIELDS, hooks.CHANGED, 1000.0)
    assert nameless.is_ours(FIELDS, hooks.CHANGED, 1000.0, alone=True)
    assert not hooks.Held({"A": "S", "B": "999", "C": "old"}, EXPORTS).is_ours(
        FIELDS, hooks.CHANGED, 1000.0, alone=True
    )


def test_without_a_token_to_compare_only_what_has_expired_is_worth_asking_for() -> None:
    for end, worth in (("999", True), ("1001", False), ("", False)):
        held = hooks.Held({"A": "S", "B": end, "C": "paper"}, EXPORTS)
        assert held.is_ours(None, hooks.CHANGED, 1000.0) is worth


@pytest.mark.parametrize("life", [6, 70, 900, 86400])
def test_a_renewal_is_due_when_it_would_be_made(life: int) -> None:
    entry = Entry({"access_token": "T", "expires_at": str(1000 + life)}, 1000, 1000.0)
    emission = shells.Emission("live", entry.expires_at, [], ())
    due = 1000 + _waiting(hooks.renewal("bash", emission, entry, 1000.0, warned=False))
    assert cache.decide(entry, None, Terms(), due + 1) == cache.AHEAD
    assert cache.decide(entry, None, Terms(), due - 1) == cache.SERVE
    # and once it is, it is tried every now and then up to the end
    waited = _waiting(hooks.renewal("bash", emission, entry, due + 1.0, warned=False))
    assert 1 <= waited <= min(60, life / 4)


@pytest.mark.parametrize(
    ("now", "warned", "state"),
    [
        (1000.0, False, {"left": 900, "wait": 600, "told": 0}),
        (1000.5, True, {"left": 900, "wait": 600, "told": 1}),
        (1599.5, False, {"left": 301, "wait": 1, "told": 0}),
        (1600.0, False, {"left": 300, "wait": 60}),
        (1600.0, True, {"left": 300, "wait": 60, "told": 1}),
        (1800.0, False, {"left": 100, "wait": 25}),
        (1899.0, False, {"left": 1, "wait": 1}),
        (1901.0, False, {"left": -1, "wait": 1}),
    ],
)
def test_a_renewal_says_what_to_set_and_when_to_ask_again(
    now: float, warned: bool, state: dict[str, int]
) -> None:
    entry = Entry({"access_token": "T", "expires_at": "1900"}, 1000, 1000.0)
    emission = shells.Emission("live", 1900, [("A", "T")], ("OLD",))
    bash = hooks.renewal("bash", emission, entry, now, warned=warned)
    kept = "".join(f"_tastyauth_{name}={value};" for name, value in state.items())
    shown = shells.sh(emission).removesuffix("\n")
    assert bash == f"{shown}export TASTYAUTH_HOOK=live@1900;_tastyauth_state=mine;{kept}\n"
    assert hooks.renewal("zsh", emission, entry, now, warned=warned) == bash
    fish = hooks.renewal("fish", emission, entry, now, warned=warned)
    kept = "".join(f"set _tastyauth_{name} {value};" for name, value in state.items())
    shown = shells.fish(emission).removesuffix("\n")
    assert fish == f"{shown}set -gx TASTYAUTH_HOOK live@1900;set _tastyauth_state mine;{kept}\n"


@pytest.mark.parametrize(
    ("left", "state"),
    [
        (5, {"state": "waits", "told": 0, "left": 5, "wait": 5}),
        (1, {"state": "waits", "told": 0, "left": 1, "wait": 1}),
        (0, {"state": "aside", "told": 1}),
        (-5, {"state": "aside", "told": 1}),
    ],
)
def test_what_is_left_alone_is_asked_about_once_it_ends(
    left: int, state: dict[str, str | int]
) -> None:
    kept = "".join(f"_tastyauth_{name}={value};" for name, value in state.items())
    assert hooks.stepping_aside("zsh", left) == f"{kept}\n"
    kept = "".join(f"set _tastyauth_{name} {value};" for name, value in state.items())
    assert hooks.stepping_aside("fish", left) == f"{kept}\n"


def test_the_code_calls_the_program_of_its_binding(
    shell: Shell, tmp_path: os.PathLike[str]
) -> None:
    """The program is a stand-in, which notes how it is called and says what to set."""
    root = os.path.join(tmp_path, "it's \\here")
    os.mkdir(root)
    emission = shells.Emission("live", 1900, [("A", "T 1"), ("B", "1900")], ())
    entry = Entry({"access_token": "T 1", "expires_at": "1900"}, 1000, 1000.0)
    with open(f"{root}/answer", "w", encoding="ascii") as file:
        file.write(hooks.renewal(shell.language, emission, entry, 1000.0, warned=False))
    with open(f"{root}/program", "w", encoding="ascii") as file:
        file.write(
            "#!/bin/sh\nread -r _\n"
            'printf "%s %s|%s|%s\\n" $? "$ONE" "$TWO" "$*" >>"${0%/*}/calls"\n'
            'echo heard >&2\nexec cat "${0%/*}/answer"\n'
        )
    os.chmod(file.name, 0o700)
    two = "\\\\2\\'"
    settings = (("ONE", "1 'a'"), ("TWO", two))
    command = (f"{root}/program", "-p", "a 'b'")
    bound = hooks.Binding(command, settings, ("A", "B"), ("--flag", "x y"), "B")
    other = hooks.Binding(command, settings, ("A", "B"), ("--flag", "z"), "B")
    assert bound.identity == f"ONE=1 'a' TWO={two} {' '.join(command)} --flag x y"
    assert hooks.Binding(command, (), ()).expiry == "_tastyauth_none"
    show = 'printf "%s\\n" "$A,$B,$TASTYAUTH_HOOK,$_tastyauth_state,$_tastyauth_bound"'
    lines = (
        *(hooks.script(shell.language, bound), "p", "p", show),
        *(shell.assign("_tastyauth_told", "1"), "later", "p", show),
        *(shell.assign("B", "5"), "p", shell.assign("A", "other"), "later", "p"),
        *(hooks.script(shell.language, bound), show, hooks.script(shell.language, other), show),
    )
    done = subprocess.run(
        [*shell.argv, "\n".join((shell.prelude, *lines))],
        env={"PATH": PATH, "HOME": root, "XDG_CONFIG_HOME": root},
        stdin=subprocess.PIPE,
        capture_output=True,
        text=True,
        check=False,
    )
    mine = f"T 1,1900,live@1900,mine,{bound.identity}"
    assert done.stdout.splitlines() == [mine, mine, mine, f",,,first,{other.identity}"]
    with open(f"{root}/calls", encoding="utf-8") as file:
        called = file.read().splitlines()
    said = f"1 1 'a'|{two}|-p a 'b' hook {shell.language} --flag x y --answer "
    assert called == [said + case for case in ("first", "again", "changed", "changed")]
    assert done.stderr == "heard\n" * 3  # not by whom it was told already


def _waiting(answer: str) -> int:
    return int(answer.partition("_tastyauth_wait=")[2].partition(";")[0])


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_what_fails_is_tried_after_twice_the_time_up_to_ten_minutes(
    name: str, world: World
) -> None:
    """And after ten seconds again, once it has succeeded."""
    path = shutil.which(name, path=PATH)
    if path is None:
        missing(f"{name} is missing; install its package, see tests/e2e/debian-packages.txt")
    if name == "fish":
        fails, works = "function _tastyauth_call; return 1; end", "function _tastyauth_call; end"
        source, tell = "tastyauth hook fish | source", "math $_tastyauth_due - 1000"
    else:
        fails, works = "_tastyauth_call() { return 1; }", "_tastyauth_call() { :; }"
        source, tell = f'eval "$(tastyauth hook {name})"', "echo $((_tastyauth_due - 1000))"
    step = f"_tastyauth_renew 1000; {tell}; "
    script = f"{source}; {fails}; {step * 8}{works}; {step}{fails}; {step}"
    done = world.shell(script, path)
    waits = [10, 20, 40, 80, 160, 320, 600, 600, 60, 10]
    assert (done.out.split(), done.err) == (list(map(str, waits)), "")
