"""The hook beside what else lives in a shell: direnv, tmux, starship, atuin, and others' hooks."""

import os
import shlex
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pexpect
import pytest
from terminals import end
from world import until

from tastyauth.simulator import Simulator

from .credentials import Credentials, configure
from .parts import PATH, installed, program, tastyauth
from .processes import Place

_LONGEST = 120.0

_EXPORTS = """\
    exports:
      TASTYTRADE_ACCESS_TOKEN: access_token
      TASTYTRADE_ACCESS_TOKEN_EXPIRES_AT: expires_at
      TASTYTRADE_PROFILE: profile
"""

SHELLS = {
    "bash": (("bash", "--norc", "--noprofile", "-i"), 'eval "$({})"', "PS1='$ '"),
    "zsh": (("zsh", "-f", "-i", "+o", "zle"), 'eval "$({})"', "PS1='$ '; unsetopt prompt_sp"),
    "fish": (("fish", "--no-config", "-i"), "{} | source", "function fish_prompt; echo '$ '; end"),
}
"""How to start one without its user's settings, how it runs what a program prints, its prompt.

The line editor of zsh, were it on at first, would throw away what is typed while it starts.
"""

OVERDUE = {
    "bash": "late() { _tastyauth_due=0; }; PROMPT_COMMAND+=$'\\n'late",
    "zsh": "late() { _tastyauth_due=0 }; autoload -Uz add-zsh-hook; add-zsh-hook precmd late",
    "fish": "function late --on-event fish_prompt; set -g _tastyauth_due 0; end",
}
"""After each prompt so much time passes that a renewal is due."""

STARSHIP = """\
format = "$env_var$status$character"
[env_var.TASTYTRADE_PROFILE]
format = "account $env_value "
[status]
disabled = false
pipestatus = true
pipestatus_format = "piped $pipestatus "
pipestatus_segment_format = "$status"
pipestatus_separator = ","
"""


class Terminal:
    """A shell on a terminal."""

    def __init__(self, place: Place, name: str) -> None:
        argv, self._eval, prompt = SHELLS[name]
        self._child = pexpect.spawn(
            program(argv[0]),
            list(argv[1:]),
            encoding="utf-8",
            timeout=_LONGEST,
            cwd=place.home,
            env={"PATH": PATH, "HOME": place.home, "TERM": "vt100", **place.variables},
        )
        self.type(prompt)

    def type(self, line: str) -> str:
        """What is shown until the line has ended, and until it is time for the next one."""
        self._child.sendline(line)
        self._child.sendline("echo do''ne")
        self._child.expect_exact("done\r\n")
        shown: str = self._child.before
        return shown

    def source(self, command: str) -> None:
        """Runs the code that a program prints."""
        self.type(self._eval.format(command))

    def close(self) -> None:
        end(self._child)


@contextmanager
def terminal(place: Place, name: str) -> Iterator[Terminal]:
    it = Terminal(place, name)
    try:
        yield it
    finally:
        it.close()


@pytest.fixture
def user(place: Place) -> Iterator[Place]:
    """A user whose config exports the name of its profile, `live`."""
    with Simulator() as broker:
        configure(place, Credentials.of(broker), "custom", broker.origin, profile="live")
        path = os.path.join(place.home, ".config", "tastyauth", "tastyauth.yaml")
        with open(path, "a", encoding="ascii") as file:
            file.write(_EXPORTS)
        place.variables = {
            "PATH": f"{os.path.dirname(tastyauth())}:{PATH}",
            "DIRENV_LOG_FORMAT": "",
            "STARSHIP_CACHE": place.home,
        }
        place.run_program(tastyauth(), "token")  # which each hook then finds in no time
        yield place


def held_by(profile: str, expires_at: int, token: str = "other") -> dict[str, str]:
    return {
        "TASTYTRADE_ACCESS_TOKEN": token,
        "TASTYTRADE_ACCESS_TOKEN_EXPIRES_AT": str(expires_at),
        "TASTYTRADE_PROFILE": profile,
    }


@pytest.mark.parametrize("first", ["direnv", "tastyauth"])
@pytest.mark.parametrize("name", SHELLS)
def test_what_direnv_restores_is_renewed_once_it_has_expired(
    name: str, first: str, user: Place
) -> None:
    """And a directory of another profile keeps that one, for as long as somebody is in it."""
    for directory, held in (
        ("old", held_by("live", 1_700_000_000)),
        ("paper", held_by("paper", int(time.time()) + 600)),
    ):
        os.mkdir(os.path.join(user.home, directory))
        with open(os.path.join(user.home, directory, ".envrc"), "w", encoding="ascii") as file:
            file.writelines(f"export {key}={value}\n" for key, value in held.items())
        assert user.run_program(program("direnv"), "allow", directory).code == 0
    hooks = [f"direnv hook {name}", f"tastyauth hook {name}"]
    show = "echo saw $TASTYTRADE_PROFILE (string sub -l 3 $TASTYTRADE_ACCESS_TOKEN)"
    if name != "fish":
        show = 'echo "saw $TASTYTRADE_PROFILE ${TASTYTRADE_ACCESS_TOKEN:0:3}"'
    with terminal(user, name) as it:
        for hook in hooks if first == "direnv" else reversed(hooks):
            it.source(hook)
        assert "saw live eyJ" in it.type(show)
        it.type("cd old")
        assert "saw live eyJ" in it.type(show)
        shown = it.type("cd ../paper") + it.type(show) + it.type("true")
        assert "saw paper oth" in shown
        said = "this shell holds paper's token; the hook for live leaves it alone"
        assert shown.count(said) == 1
        it.type("cd ..")
        assert "saw live eyJ" in it.type(show)


@pytest.mark.parametrize("name", SHELLS)
def test_a_new_pane_of_tmux_replaces_what_its_server_was_started_with(
    name: str, user: Place
) -> None:
    """Once that token has expired; until then, it is left alone."""
    argv, source, _ = SHELLS[name]
    show = "printenv TASTYTRADE_ACCESS_TOKEN"
    for number, (ends_in, expected) in enumerate(((-60, "eyJ"), (600, "old"))):
        held = held_by("live", int(time.time()) + ends_in, "old")
        socket = os.path.join(user.home, f"socket-{number}")
        tmux = (program("tmux"), "-f", "/dev/null", "-S", socket)
        shell = shlex.join((program(argv[0]), *argv[1:]))
        started = user.run_program(*tmux, "new-session", "-d", shell, SHELL="/bin/sh", **held)
        assert started.code == 0, started.err
        try:
            hook = source.format(f"tastyauth hook {name}")
            for line in (hook, f"{show} >seen", f"{tmux[0]} wait-for -S done"):
                user.run_program(*tmux, "send-keys", "-l", line)
                user.run_program(*tmux, "send-keys", "Enter")
            user.run_program(*tmux, "wait-for", "done")
        finally:
            user.run_program(*tmux, "kill-server")
        with open(os.path.join(user.home, "seen"), encoding="ascii") as file:
            assert file.read().startswith(expected)


@pytest.mark.parametrize("first", ["starship", "tastyauth"])
@pytest.mark.parametrize("name", SHELLS)
def test_starship_shows_the_statuses_of_a_pipe_and_the_profile(
    name: str, first: str, user: Place
) -> None:
    """While the hook renews at every prompt and before every command."""
    copied = shutil.copy(installed("starship/bin/starship"), user.home)
    os.chmod(copied, 0o700)  # its wheel forgets that it is a program
    user.variables["PATH"] += f":{user.home}"
    with open(os.path.join(user.home, ".config", "starship.toml"), "w", encoding="ascii") as file:
        file.write(STARSHIP)
    hooks = [f"starship init {name} --print-full-init", f"tastyauth hook {name}"]
    with terminal(user, name) as it:
        for hook in hooks if first == "starship" else reversed(hooks):
            it.source(hook)
        it.type(OVERDUE[name])
        assert "account live" in it.type("true")
        assert "piped 3,4 " in it.type("sh -c 'exit 3' | sh -c 'exit 4'")


@pytest.mark.parametrize("first", ["atuin", "tastyauth"])
@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_atuin_notes_the_command_and_its_status(name: str, first: str, user: Place) -> None:
    """While the hook renews at every prompt and before every command.

    In bash, atuin brings bash-preexec.
    """
    atuin = installed("atuin/bin/atuin")
    user.variables |= {"PATH": f"{os.path.dirname(atuin)}:{user.variables['PATH']}"}
    hooks = [f"atuin init {name}", f"tastyauth hook {name}"]
    with terminal(user, name) as it:
        for hook in hooks if first == "atuin" else reversed(hooks):
            it.source(hook)
        it.type(OVERDUE[name])
        for command in ("printenv TASTYTRADE_ACCESS_TOKEN", "(printenv TASTYTRADE_ACCESS_TOKEN)"):
            renewed = user.run_program(tastyauth(), "token", "--refresh").out.strip()
            assert renewed in it.type(command)
        it.type("sh -c 'exit 3'")
    listing = (atuin, "history", "list", "--format", "{exit} {command}")

    def noted() -> str:
        return user.run_program(*listing, ATUIN_SESSION="any").out

    until(lambda: "3 sh -c 'exit 3'\n" in noted())  # it writes the status in the background
    assert "0 printenv TASTYTRADE_ACCESS_TOKEN\n" in noted()
    assert "_tastyauth_before" not in noted()


def test_others_hooks_of_zsh_see_the_status_and_the_command(user: Place) -> None:
    """Set up as oh-my-zsh does, by add-zsh-hook, beside a plugin that its users like."""
    with terminal(user, "zsh") as it:
        it.type("source /usr/share/zsh-syntax-highlighting/zsh-syntax-highlighting.zsh")
        it.type("autoload -Uz add-zsh-hook")
        it.type('after() { echo "after $? $pipestatus" }; add-zsh-hook precmd after')
        it.type('before() { echo "before $1" }; add-zsh-hook preexec before')
        it.source("tastyauth hook zsh")
        it.type(OVERDUE["zsh"])
        shown = it.type("(exit 3) | (exit 4)")
        assert "before (exit 3) | (exit 4)\r\n" in shown
        assert "after 4 3 4\r\n" in shown
        assert "eyJ" in it.type("printenv TASTYTRADE_ACCESS_TOKEN")
