"""Attacks on what holds a secret, or is started beside it: crashes, imports, environments."""

import os
import resource
import sys

import pytest
from needs import missing, needs_linux
from world import CONFIG, World, content, until, with_references

from tastyauth.simulator import Simulator

# -- the image of a crash -------------------------------------------------------------------------


def core_limit_of(pid: int) -> int:
    """The bytes of a core dump that a process may leave (soft limit)."""
    if sys.platform != "linux":
        missing("only Linux tells the limits of another process")
    return resource.prlimit(pid, resource.RLIMIT_CORE)[0]


NOTHING = (0, 1)
"""No file is as short as one byte, by which Linux also means that no program is given the dump."""


@pytest.mark.parametrize("words", ["token", "env --refresh", "exec -- true", "doctor"])
def test_while_secrets_are_held_a_crash_leaves_no_image(words: str, world: World) -> None:
    """Whatever the caller's limit is."""
    world.simulator.fail = "slow"
    shell = ("sh", "-c", 'ulimit -S -c unlimited && exec tastyauth "$@"', "sh", *words.split())
    with world.started(*shell) as process:
        world.token_requested(0)
        assert core_limit_of(process.pid) in NOTHING


def test_the_keeper_of_a_fresh_token_leaves_no_image_either(world: World) -> None:
    """Its command, however, has the limit of the caller."""
    command = "sh -c 'ulimit -c; echo $PPID; exec cat'"
    script = f"ulimit -S -c 12 && exec tastyauth exec --keep-fresh -- {command}"
    with world.started("sh", "-c", script) as process:
        assert process.stdout
        assert process.stdout.readline() == b"12\n"
        assert int(process.stdout.readline()) == process.pid
        # the limit is the command's for as long as it takes to start it
        until(lambda: core_limit_of(process.pid) in NOTHING)


def test_a_program_for_a_secret_leaves_no_image_either(world: World) -> None:
    world.script("vault", f"ulimit -c >{world.root}/limit; echo some-secret")
    world.configure(CONFIG.replace("{{ file: live.client-secret }}", "{{ command: [vault] }}"))
    world.shell("ulimit -S -c unlimited && tastyauth token")
    assert int(content(f"{world.root}/limit")) in NOTHING


@pytest.mark.parametrize("limit", ["-H -c 0", "-S -c 0", "-S -c 12", "-c unlimited"])
def test_any_limit_of_the_caller_is_taken(limit: str, world: World) -> None:
    done = world.shell(f"ulimit {limit} && ulimit -c && tastyauth exec -- sh -c 'ulimit -c'")
    before, after = done.out.split()
    assert (done.code, before) == (0, after)


# -- files that are called like imports -----------------------------------------------------------

IMPORTED = (
    *("argparse", "base64", "dataclasses", "difflib", "email", "fcntl", "getpass", "hashlib"),
    *("json", "logging", "resource", "select", "shlex", "signal", "socket", "ssl", "subprocess"),
    *("anyio", "certifi", "h11", "httpcore", "httpx", "idna", "jsonschema", "yaml", "referencing"),
)
"""What a start imports by and by. Before it comes to us, `python -m` imports other names."""


@pytest.mark.parametrize("words", ["token", "validate", "doctor --offline", "status"])
@pytest.mark.parametrize(
    "start", [["tastyauth"], [sys.executable, "-m", "tastyauth"]], ids=["script", "module"]
)
def test_files_of_the_working_directory_are_not_imported(
    start: list[str], words: str, world: World
) -> None:
    """A project may hold a json.py, or an httpx.py that waits for somebody to get a token there."""
    world.configure(CONFIG.replace("{{ file: live.client-secret }}", "{{ command: [vault] }}"))
    world.script("vault", f"cat {world.config_directory}/live.client-secret")
    trap = f"open({f'{world.root}/imported'!r}, 'a').write(__name__ + ' ')\n"
    for name in IMPORTED:
        world.write(f"{world.project}/{name}.py", trap)
    done = world.run_program(*start, *words.split())
    assert done.code == 0, done.err
    assert not os.path.exists(f"{world.root}/imported")


def test_the_child_that_asks_the_keyring_imports_nothing_from_there(world: World) -> None:
    world.configure(
        CONFIG.replace(
            "{{ file: live.client-secret }}", "{{ keyring: {{ service: a, username: b }} }}"
        )
    )
    for name in ("json", "keyring", "sitecustomize"):
        world.write(f"{world.project}/{name}.py", f"open({f'{world.root}/imported'!r}, 'w')\n")
    assert world.run("token", PYTHON_KEYRING_BACKEND="keyring.backends.null.Keyring").code == 69
    assert not os.path.exists(f"{world.root}/imported")


# -- environments of programs ---------------------------------------------------------------------

ANOTHER = """\
  another:
    environment: sandbox
    client_id: {client_id}
    client_secret: {{ env: OTHER_SECRET }}
    refresh_token: {{ env: OTHER_REFRESH }}
"""


@pytest.mark.parametrize("words", ["token", "doctor --offline", "secret set --only refresh_token"])
def test_a_secrets_program_sees_no_secret_of_another_profile(words: str, world: World) -> None:
    """Of this config; nor does the keyring, nor what stores a secret."""
    seen = f"{world.root}/environ"
    world.script("pass", f"env >>{seen}; cat {world.config_directory}/live.client-secret")
    world.write(f"{world.home}/.password-store/a.gpg", "")
    of_pass = CONFIG.replace("file: live.client-secret", "command: [pass, show, a]")
    world.configure(of_pass.replace("file: live.refresh-token", "pass: a") + ANOTHER)
    others = {"OTHER_SECRET": "o" * 40, "OTHER_REFRESH": "p" * 40}
    done = world.run(*words.split(), "-p", "live", given=f"{world.refresh_token}\n", **others)
    text = content(seen)
    assert "PATH=" in text, done
    assert "OTHER_" not in text


IN_PASS = with_references("env: TT_SECRET", "pass: tastytrade")

PASS = """\
env >>"$HOME/pass.environ"
cat /proc/$$/cmdline /proc/$PPID/cmdline >>"$HOME/pass.argv"
if [ "$1" = insert ]; then cat >"$HOME/entry"; else cat "$HOME/entry"; fi"""


@needs_linux
@pytest.mark.parametrize("words", ["token", "secret set --only refresh_token"])
def test_the_program_that_stores_a_secret_sees_no_other(
    words: str, tmp_path: os.PathLike[str]
) -> None:
    """When the server rotates the refresh token, and when somebody enters one."""
    with Simulator(rotate=words == "token") as simulator:
        world = World(os.fspath(tmp_path), simulator)
        world.configure(IN_PASS)
        world.script("pass", PASS)
        world.write(f"{world.home}/.password-store/.gpg-id", "me\n")
        first = world.refresh_token
        world.write(f"{world.home}/entry", first)
        done = world.run(*words.split(), given=f"{first}\n", TT_SECRET=world.client_secret)
        assert done.code == 0, done.err
    for name in ("pass.environ", "pass.argv"):
        seen = content(f"{world.home}/{name}")
        assert "insert" in seen or name == "pass.environ"
        for secret in (world.client_secret, first, world.refresh_token):
            assert secret not in seen, name


def test_the_program_that_is_started_early_sees_no_other_secret(world: World) -> None:
    """That for the client secret runs while the rest is still being loaded."""
    world.configure(
        IN_PASS.replace("env: TT_SECRET", "command: [vault]").replace(
            "pass: tastytrade", "env: TT_REFRESH"
        )
    )
    world.script("vault", f'env >"$HOME/environ"; cat {world.config_directory}/live.client-secret')
    assert world.run("token", TT_REFRESH=world.refresh_token).code == 0
    assert "TT_REFRESH" not in content(f"{world.home}/environ")
