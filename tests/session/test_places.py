"""Whatever the disk, the home and the kernel are like: a warning at most, and the token comes."""

import os
import shlex
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import needs
import pytest
from aging import set_left
from needs import missing
from world import COMMAND, CONFIG, Completed, World

from tastyauth.simulator import Simulator

pytestmark = pytest.mark.warm

SOMEBODY = 54321
"""A user ID that no password database knows."""


def installed(*programs: str) -> None:
    """Skips a test where a program of Linux is missing."""
    for program in programs:
        if shutil.which(program) is None:
            missing(f"{program} is missing")


def assert_served(done: Completed, *, warned: bool | None) -> None:
    """The token came; `warned` says whether something was to be said, None for perhaps."""
    assert (done.code, "error" in done.err) == (0, False), done.err
    assert done.out.startswith("ey")
    assert done.out.endswith("\n")
    if warned is not None:
        assert ("warning" in done.err) is warned, done.err


def tree(directory: str) -> list[tuple[str, int, int]]:
    """Everything below a directory, with owner and mode."""
    found = []
    for at, names, files in os.walk(directory):
        for name in (*names, *files):
            status = os.lstat(f"{at}/{name}")
            found.append((f"{at}/{name}", status.st_uid, status.st_mode))
    return sorted(found)


# A cache directory that is not ours alone.


def make_link(path: str) -> None:
    os.mkdir(f"{path}.elsewhere", 0o700)
    os.symlink(f"{path}.elsewhere", path)


def make_open(path: str) -> None:
    os.mkdir(path)
    os.chmod(path, 0o755)


def make_writable_by_group(path: str) -> None:
    os.mkdir(path)
    os.chmod(path, 0o770)


def make_file(path: str) -> None:
    with open(path, "w", encoding="ascii"):
        os.chmod(path, 0o600)


def make_dangling_link(path: str) -> None:
    os.symlink(f"{path}.nowhere", path)


def make_foreign(path: str) -> None:
    needs.is_root()
    os.mkdir(path, 0o700)
    os.chown(path, SOMEBODY, SOMEBODY)


@pytest.mark.parametrize(
    "make",
    [make_link, make_open, make_writable_by_group, make_file, make_dangling_link, make_foreign],
)
def test_a_cache_directory_that_is_not_ours_alone_is_not_used(
    world: World, make: Callable[[str], None]
) -> None:
    os.mkdir(os.path.dirname(world.cache), 0o700)
    make(world.cache)
    before = tree(os.path.dirname(world.cache))
    for exchanges in (1, 2):
        done = world.run("token")
        assert_served(done, warned=True)
        assert world.cache in done.err
        assert world.simulator.exchanges == exchanges
    assert tree(os.path.dirname(world.cache)) == before


def test_a_cache_directory_below_a_link_is_used(world: World) -> None:
    os.mkdir(f"{world.root}/disk", 0o700)
    os.symlink(f"{world.root}/disk", f"{world.home}/.cache")
    assert_served(world.run("token"), warned=False)
    assert_served(world.run("token"), warned=False)
    assert world.simulator.exchanges == 1


@pytest.mark.parametrize("mask", ["000", "077", "277", "477", "777"])
def test_the_cache_is_made_for_its_owner_alone_whatever_the_umask(world: World, mask: str) -> None:
    for _ in range(2):
        assert_served(world.shell(f"umask {mask}; tastyauth token"), warned=False)
    assert world.simulator.exchanges == 1
    for path, _, mode in tree(f"{world.home}/.cache"):
        assert stat.S_IMODE(mode) == (0o700 if os.path.isdir(path) else 0o600), path


# Where the directories are.


@pytest.mark.parametrize("value", ["", "relative", "./x", "~/x"])
@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "XDG_STATE_HOME", "TASTYAUTH_CACHE_DIR"])
def test_empty_and_relative_directories_count_as_absent(
    world: World, variable: str, value: str
) -> None:
    ignored = variable == "TASTYAUTH_CACHE_DIR" and value != ""
    for is_first in (True, False):
        done = world.run("token", **{variable: value})
        assert_served(done, warned=ignored and is_first)  # what is cached is served without a word
        assert ("is not an absolute path and is ignored" in done.err) is (ignored and is_first)
    assert world.simulator.exchanges == 1
    assert os.path.isdir(world.cache)
    assert os.listdir(world.project) == []


def test_each_directory_can_be_named(world: World) -> None:
    cache, state = f"{world.root}/cache/a/b", f"{world.root}/state"
    assert_served(world.run("token", TASTYAUTH_CACHE_DIR=cache, XDG_STATE_HOME=state), warned=False)
    assert [name for name in os.listdir(cache) if name.endswith(".entry")]
    assert not os.path.exists(f"{world.home}/.cache")
    assert not os.path.exists(f"{world.home}/.local")


@pytest.fixture
def somebodys() -> Iterator[World]:
    """A world of a user whom the password database does not know, and who therefore has no home."""
    needs.is_root()
    installed("setpriv")
    root = tempfile.mkdtemp(prefix="tastyauth-test-")
    try:
        os.chmod(root, 0o755)
        with Simulator() as simulator:
            world = World(root, simulator)
            world.configure()
            for path, _, _ in tree(root):
                os.chown(path, SOMEBODY, SOMEBODY, follow_symlinks=False)
            yield world
    finally:
        shutil.rmtree(root)


def as_somebody(world: World, *words: str, home: str | None) -> Completed:
    setting = ["-u", "HOME"] if home is None else [f"HOME={home}"]
    become = ["setpriv", f"--reuid={SOMEBODY}", f"--regid={SOMEBODY}", "--clear-groups"]
    return world.run_program("env", *setting, *become, COMMAND, *words)


@pytest.mark.parametrize("home", [None, "", "relative", "/", "/nowhere"])
def test_without_a_home_the_token_still_comes(somebodys: World, home: str | None) -> None:
    root_before = sorted(os.listdir("/"))
    for command in (("token",), ("token", "--refresh")):
        done = as_somebody(somebodys, "--config", somebodys.config, *command, home=home)
        assert_served(done, warned=True)
    assert os.listdir(somebodys.project) == []
    assert sorted(os.listdir("/")) == root_before


def test_a_cache_that_is_named_is_used_without_a_home(somebodys: World) -> None:
    somebodys.environ["TASTYAUTH_CACHE_DIR"] = f"{somebodys.home}/cache"
    for _ in range(2):
        done = as_somebody(somebodys, "--config", somebodys.config, "token", home=None)
        assert_served(done, warned=False)
    assert somebodys.simulator.exchanges == 1


@pytest.mark.parametrize("existing", [False, True], ids=["no cache yet", "a cache of theirs"])
def test_root_creates_nothing_in_the_home_of_another_user(world: World, existing: bool) -> None:
    """`sudo` keeps $HOME, and files of root's there would lock their owner out."""
    needs.is_root()
    own = world.configure(directory=f"{world.root}/own")
    shutil.rmtree(world.config_directory)
    if existing:
        for directory in (world.cache, f"{world.home}/.local/state/tastyauth/grants"):
            os.makedirs(directory, 0o700)
    for path, _, _ in [(world.home, 0, 0), *tree(world.home)]:
        os.chown(path, SOMEBODY, SOMEBODY, follow_symlinks=False)
    before = tree(world.home)
    done = world.run("--config", own, "token")
    assert_served(done, warned=True)
    assert tree(world.home) == before


# Where nothing, or not everything, can be written.


def in_mounts(world: World, mounts: str, *words: str) -> Completed:
    """Runs tastyauth where a script has mounted something that nobody else sees."""
    needs.is_root()
    installed("unshare", "mount")
    script = f'{mounts}\nexec "$@"'
    isolated = ("unshare", "--mount", "--propagation", "private", "sh", "-euc", script, "sh")
    return world.run_program(*isolated, COMMAND, *words)


def test_a_cache_that_cannot_be_written_is_done_without(world: World) -> None:
    """By whoever runs these tests: as another user than root."""
    needs.is_user()
    os.makedirs(world.cache, 0o700)
    os.chmod(world.cache, 0o500)
    for exchanges in (1, 2):
        assert_served(world.run("token"), warned=True)
        assert world.simulator.exchanges == exchanges


@pytest.mark.parametrize("most", [6, 7, 8])
def test_where_no_file_can_be_opened_nothing_else_is_blamed(world: World, most: int) -> None:
    # not by its script, which begins with a shell where the path of Python has a space
    python = shlex.quote(sys.executable)
    done = world.shell(f"ulimit -n {most}; exec {python} -m tastyauth token")
    assert done.code == 0 or "too many open files" in done.err


READ_ONLY = {
    "cache": 'mkdir -p -m 700 "$HOME/.cache"; mount -t tmpfs -o ro,mode=700 tmpfs "$HOME/.cache"',
    "state": 'mkdir -p -m 700 "$HOME/.local"; mount -t tmpfs -o ro,mode=700 tmpfs "$HOME/.local"',
    "home": 'mount --bind "$HOME" "$HOME"; mount -o remount,ro,bind "$HOME"',
}


@pytest.mark.parametrize("what", READ_ONLY)
def test_on_a_read_only_disk_the_token_still_comes(world: World, what: str) -> None:
    done = in_mounts(world, READ_ONLY[what], "token")
    assert_served(done, warned=what != "state")


def test_a_token_that_is_there_is_served_from_a_read_only_disk(world: World) -> None:
    first = world.run("token")
    assert in_mounts(world, READ_ONLY["home"], "token") == first
    assert world.simulator.exchanges == 1


def test_on_a_full_disk_a_server_that_rotates_costs_no_grant(tmp_path: Path) -> None:
    """Where nothing else can be written, the file that declares the token is written over."""
    with Simulator(rotate=True) as simulator:
        world = World(os.fspath(tmp_path), simulator)
        world.configure()
        mount = (
            'mkdir "$HOME/full"; mount -t tmpfs -o mode=700,size=200k tmpfs "$HOME/full"\n'
            'cp -a "$HOME/.config" "$HOME/full"; HOME=$HOME/full; "$1" token\n'
            'cat /dev/zero >"$HOME/zeros" || "$1" token --refresh; "$1" token --refresh\n'
        )
        done = in_mounts(world, mount, "token", "--refresh")
        assert done.code == 0
        assert simulator.exchanges == 4


@pytest.mark.parametrize(
    "options",
    [
        *(f"size={size}k" for size in (4, 8, 12, 16, 20, 24)),
        *(f"nr_inodes={count}" for count in (1, 2, 3, 4, 5, 6)),
    ],
)
def test_on_a_full_disk_the_token_still_comes_wherever_it_becomes_full(
    world: World, options: str
) -> None:
    mount = (
        'mkdir -m 700 "$HOME/.cache"\n'
        f'mount -t tmpfs -o mode=700,{options} tmpfs "$HOME/.cache"\n'
        '"$1" token >"$HOME/first" 2>"$HOME/first.err" || cat "$HOME/first.err"\n'
    )
    assert_served(in_mounts(world, mount, "token"), warned=None)
    with open(f"{world.home}/first", encoding="ascii") as file:
        assert file.read().startswith("ey")


def test_a_full_disk_is_worth_a_warning(world: World) -> None:
    mount = (
        'mkdir -m 700 "$HOME/.cache"\n'
        'mount -t tmpfs -o mode=700,size=4k tmpfs "$HOME/.cache"\n'
        'echo full >"$HOME/.cache/full"\n'
    )
    assert_served(in_mounts(world, mount, "token"), warned=True)


# Where the kernel says no.


@pytest.mark.parametrize(
    ("call", "error", "warned"),
    [
        ("flock", "ENOLCK", True),
        ("flock", "EOPNOTSUPP", True),
        ("mkdir", "EROFS", True),
        ("mkdir", "ENOSPC", True),
        ("rename", "ENOSPC", True),
        ("rename", "EDQUOT", True),
        ("pwrite64", "ENOSPC", True),
        ("pwrite64", "ENOSPC:when=2+", None),
        ("pwrite64", "EDQUOT:when=3+", None),
        ("ftruncate", "EROFS:when=2+", None),
        ("fsync", "EIO", None),
        ("utimensat", "EROFS", None),
    ],
    ids=lambda value: str(value),
)
def test_a_system_call_that_fails_does_not_keep_the_token(
    world: World, call: str, error: str, warned: bool | None
) -> None:
    done = with_failing(world, call, error, "token")
    assert_served(done, warned=warned)


def with_failing(world: World, call: str, error: str, *words: str) -> Completed:
    installed("strace")
    inject = ("-e", f"trace={call}", "-e", f"inject={call}:error={error}")
    return world.run_program("strace", "-f", "-o", os.devnull, *inject, COMMAND, *words)


def test_without_locks_each_process_fetches_a_token_and_all_get_one(world: World) -> None:
    for exchanges in (1, 2):
        assert_served(with_failing(world, "flock", "ENOLCK", "token"), warned=True)
        assert world.simulator.exchanges == exchanges


def test_renewing_ahead_is_left_to_others_where_there_is_no_lock(world: World) -> None:
    first = world.run("token")
    set_left(world.cache, 200, time.time())
    done = with_failing(world, "flock", "ENOLCK", "token")
    assert (done.code, done.out) == (0, first.out)
    assert world.simulator.exchanges == 1


def test_a_home_that_is_no_utf_8_is_a_home(world: World) -> None:
    home = f"{world.root}/\udcff"
    world.configure(CONFIG, directory=f"{home}/.config/tastyauth")
    os.chmod(home, 0o700)
    for _ in range(2):
        assert_served(world.run("token", HOME=home), warned=False)
    assert world.simulator.exchanges == 1
