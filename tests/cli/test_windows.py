"""What works without users, locks and signals as POSIX has them, and what says that it does not.

Stands in for Windows, which the tests cannot have: its Python lacks these modules and names.
"""

import os
import sys

import pytest
from world import REPOSITORY, Completed, World

HIDDEN = """\
import os, signal, sys, _signal
for name in ("fcntl", "pwd", "grp", "termios", "resource"):
    sys.modules[name] = None
for name in (
    "geteuid getuid getegid getgid getgroups fork register_at_fork killpg setsid fchmod fchown"
    " chown pread pwrite O_NOFOLLOW O_CLOEXEC O_NONBLOCK O_DIRECTORY ttyname getpgid tcgetpgrp"
).split():
    delattr(os, name)
for module in (signal, _signal):
    for name in list(vars(module)):
        there = ("SIGINT", "SIGTERM", "SIGABRT", "SIGFPE", "SIGILL", "SIGSEGV")
        if name.startswith("SIG") and name[3] != "_" and name not in there:
            delattr(module, name)
"""

COMMAND = f"{HIDDEN}from tastyauth._entry import main\nmain()\n"


def on_windows(world: World, *words: str) -> Completed:
    program = world.write("windows.py", COMMAND)
    return world.run_program(sys.executable, program, *words)


@pytest.mark.parametrize("home", ["", "C:\\Users\\me"])
def test_configs_are_checked(world: World, home: str) -> None:
    """As pre-commit runs it for a teammate on Windows."""
    if home:
        world.environ["HOME"] = home
    else:
        del world.environ["HOME"]
    world.write(f"{world.project}/broken.yaml", "version: 1\nprofils: {}\n")
    example = os.path.join(REPOSITORY, "tastyauth.yaml.example")
    assert on_windows(world, "validate", example).code == 0
    done = on_windows(world, "validate", "broken.yaml")
    assert (done.code, done.err) == (1, "")
    assert "broken.yaml:2:1" in done.out


def test_secrets_are_looked_for(world: World) -> None:
    world.write(f"{world.project}/notes.txt", f"client_secret: {world.client_secret}\n")
    assert on_windows(world, "no-secrets", "notes.txt").code == 1
    world.write(f"{world.project}/notes.txt", "nothing\r\n")
    assert on_windows(world, "no-secrets", "notes.txt") == Completed(0, "", "")


@pytest.mark.parametrize("words", ["schema", "explain TA101", "--help", "--version"])
def test_what_is_only_shown_is_the_same(world: World, words: str) -> None:
    assert on_windows(world, *words.split()) == world.run(*words.split())


@pytest.mark.parametrize(
    "words", ["env", "token", "exec -- true", "status", "init", "allow", "hook bash", "doctor"]
)
def test_the_rest_says_in_one_sentence_where_it_runs(world: World, words: str) -> None:
    done = on_windows(world, *words.split())
    command = words.partition(" ")[0]
    assert done.code == 2
    assert done.err == (
        f"tastyauth: error: {command} needs Linux, macOS or WSL\n"
        "tastyauth: hint: on Windows, the commands validate, no-secrets, schema and explain"
        " work; run the rest in WSL\n"
    )
    assert ("! :" in done.out) == (command == "env")
    assert world.simulator.requests == []


def test_a_hidden_lock_alone_is_enough_for_that(world: World) -> None:
    """Also where a token is cached."""
    program = "import sys; sys.modules['fcntl'] = None\nfrom tastyauth._entry import main; main()"
    done = world.run_program(sys.executable, "-c", program, "token")
    assert done.code == 2
    assert "token needs Linux, macOS or WSL" in done.err


def test_a_program_can_import_it_and_gets_an_error_when_it_asks(world: World) -> None:
    program = (
        f"{HIDDEN}import importlib, tastyauth\n"
        "from tastyauth import errors, Secret\n"
        "names = 'get_credential TastytradeAuth sdk profiles validate'.split()\n"
        "for name in (*names, 'testing'):\n"
        "    try:\n"
        "        getattr(tastyauth, name, None) or importlib.import_module('tastyauth.testing')\n"
        "    except errors.UsageError as error:\n"
        "        missing = name if name in names else 'Credential'\n"
        "        assert str(error) == f'tastyauth.{missing} needs Linux, macOS or WSL', error\n"
        "        assert 'WSL' in error.hint\n"
        "    else:\n"
        "        raise AssertionError(name)\n"
    )
    done = world.run_program(sys.executable, world.write("program.py", program))
    assert (done.code, done.err) == (0, "")
