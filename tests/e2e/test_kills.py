"""Killed at any system call that writes: what is there is the old or the new, whole.

strace counts the calls of an undisturbed run; then one run for each call is killed as it enters it.
"""

import os
import re
import signal
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from aging import entries, records
from world import COMMAND, CONFIG, Completed, World

from tastyauth import cache
from tastyauth.simulator import Simulator

from .parts import program

WRITING = (
    *("mkdir", "openat", "write", "pwrite64", "fsync", "rename", "unlink", "utimensat"),
    *("fchmod", "chmod", "ftruncate", "link", "symlink", "rmdir", "unlinkat", "renameat"),
)
"""Whatever changes a file or a directory."""

AT_ONCE = 2
"""How many runs go side by side."""


@dataclass(frozen=True, slots=True)
class Call:
    """The nth call of a name in a run, and what strace says about it."""

    name: str
    number: int
    line: str

    @property
    def is_of_a_link(self) -> bool:
        """Whether it is about the file in which a new refresh token is first written down."""
        return re.search(r'/grants/[0-9a-f]{64}(\.\d+\.\d+\.new)?[">]', self.line) is not None


def traced(
    world: World, words: tuple[str, ...], given: str, *options: str
) -> tuple[Completed, list[str]]:
    log = f"{world.root}/calls"
    strace = (program("strace"), "-f", "-qq", "-y", "-o", log, *options)
    steady = {"PYTHONDONTWRITEBYTECODE": "1"}  # what is compiled meanwhile is not counted
    done = world.run_program(*strace, COMMAND, *words, given=given, **steady)
    with open(log, encoding="utf-8", errors="replace") as file:
        return done, file.read().splitlines()


def calls_of(world: World, words: tuple[str, ...], given: str) -> Iterator[Call]:
    """The calls of an undisturbed run that change something in the home."""
    done, lines = traced(world, words, given, "-e", f"trace={','.join(WRITING)}")
    assert done.code == 0, done.err
    main = lines[0].split()[0]
    count: Counter[str] = Counter()
    for line in lines:
        found = re.match(rf"{main} +(\w+)\(", line)
        if found is None:
            continue
        name = found[1]
        count[name] += 1
        changes = name != "openat" or "O_CREAT" in line
        if changes and (f'"{world.home}/' in line or f"<{world.home}/" in line):
            yield Call(name, count[name], line)


def kill_at_each_call(
    root: str,
    make: Callable[[str, Simulator], World],
    words: tuple[str, ...],
    judge: Callable[[World, Call], str],
    given: Callable[[World], str] = lambda _: "",
) -> list[tuple[Call, str]]:
    """What `judge` says of the home of each run, with the call at which it was killed."""
    with Simulator(rotate=True) as simulator:
        world = make(f"{root}/compiling", simulator)
        assert world.run(*words, given=given(world)).code == 0
    with Simulator(rotate=True) as simulator:
        world = make(f"{root}/whole", simulator)
        calls = list(calls_of(world, words, given(world)))

    def killed_at(number: int) -> str:
        call = calls[number]
        with Simulator(rotate=True) as simulator:
            world = make(f"{root}/{number}", simulator)
            inject = f"inject={call.name}:signal=KILL:when={call.number}"
            done, _ = traced(world, words, given(world), "-e", f"trace={call.name}", "-e", inject)
            assert (done.code, done.out) == (-signal.SIGKILL, ""), (call, done)
            return judge(world, call)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(zip(calls, pool.map(killed_at, range(len(calls))), strict=True))


# A token is got.

JOURNALED = CONFIG.replace("{{ file: live.refresh-token }}", "{{ env: TT_REFRESH }}")


def fresh(config: str) -> Callable[[str, Simulator], World]:
    """A home in which nothing has happened."""

    def make(root: str, simulator: Simulator) -> World:
        os.mkdir(root)
        world = World(root, simulator)
        world.configure(config)
        world.environ["TT_REFRESH"] = world.refresh_token
        return world

    return make


def used(config: str) -> Callable[[str, Simulator], World]:
    """A home with a token, and a grant that was rotated."""

    def make(root: str, simulator: Simulator) -> World:
        world = fresh(config)(root, simulator)
        assert world.run("token").code == 0
        return world

    return make


@pytest.mark.parametrize(
    "make",
    [fresh(CONFIG), used(JOURNALED)],
    ids=["the first, a file is written back", "another, the journal keeps the grant"],
)
def test_a_process_killed_while_it_gets_a_token_leaves_everything_whole(
    make: Callable[[str, Simulator], World], tmp_path: os.PathLike[str]
) -> None:
    """The next one goes on from there.

    The server is a strict one, on which a token that was replaced ends the grant. That costs it in
    one place: until the new refresh token is in its place, which takes five calls.
    """
    seen = kill_at_each_call(os.fspath(tmp_path), make, ("token", "--refresh"), how_it_goes_on)
    lost = [call for call, outcome in seen if outcome == "lost"]
    assert [call.name for call in lost] == ["unlink", "openat", "write", "fsync", "rename"]
    assert all(call.is_of_a_link for call in lost)
    assert len(seen) > 20


def how_it_goes_on(world: World, call: Call) -> str:
    assert_whole(world, call)
    grow_old(unfinished(world))
    following = world.run("token")
    if following.code == 0:
        assert world.run("token").out == following.out, call
        following = world.run("token", "--refresh")
    if following.code == 0:
        assert unfinished(world) == [], call
        return "kept"
    assert (following.code, "Create Grant" in following.err) == (77, True), (call, following)
    return "lost"


def assert_whole(world: World, call: Call) -> None:
    """What is in its place can be read to its end; what is not, holds no long-lived secret."""
    for path in files(world.home):
        assert stat.S_IMODE(os.lstat(path).st_mode) == 0o600, (path, call)
    cached = [path for path in files(world.home) if path.startswith(f"{world.cache}/")]
    assert len(entries(world.cache)) == len([it for it in cached if it.endswith(".entry")]), call
    assert all(vars(record) for record in records(world.cache).values()), call
    if any(path.endswith(".outline") for path in cached):
        assert cache.read_outline(world.cache, f"{world.config}\0{world.home}"), call
    for path in cached:
        held = content(path)
        assert world.client_secret not in held, (path, call)
        assert not any(token in held for token in refresh_tokens(world)), (path, call)
    assert f"{world.config_directory}/live.refresh-token" in files(world.home), call


def unfinished(world: World) -> list[str]:
    """Temporary files, and locks of grants, which go with the exchange."""
    return [
        path
        for path in files(world.home)
        if path.endswith(".new") or ("/grants/" in path and path.endswith(".lock"))
    ]


def grow_old(paths: list[str]) -> None:
    """Lets more than an hour pass."""
    long_ago = time.time() - 2 * 3600
    for path in paths:
        os.utime(path, (long_ago, long_ago))


def refresh_tokens(world: World) -> list[str]:
    """Every secret that the broker has ever issued or accepted."""
    return [world.environ["TT_REFRESH"], world.refresh_token]


def files(directory: str) -> list[str]:
    return sorted(
        f"{at}/{name}"
        for at, _, names in os.walk(directory)
        for name in names
        if not os.path.islink(f"{at}/{name}")
    )


def content(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


# A secret is stored.

OLD = "the-old-secret"


def test_a_process_killed_while_it_stores_a_secret_leaves_the_old_or_the_new_one(
    tmp_path: os.PathLike[str],
) -> None:
    words = ("secret", "set", "--only", "client_secret")

    def make(root: str, simulator: Simulator) -> World:
        world = fresh(CONFIG)(root, simulator)
        world.write(f"{world.config_directory}/live.client-secret", f"{OLD}\n")
        return world

    def given(world: World) -> str:
        return f"{world.client_secret}\n"

    def which_is_left(world: World, call: Call) -> str:
        for path in files(world.home):
            assert stat.S_IMODE(os.lstat(path).st_mode) == 0o600, (path, call)
        left = content(f"{world.config_directory}/live.client-secret")
        grow_old(unfinished(world))
        if is_stored(world):
            assert world.run(*words, given=given(world)).code == 0, call
            assert unfinished(world) == [], call
        return {f"{OLD}\n": "old", given(world): "new"}[left]

    seen = kill_at_each_call(os.fspath(tmp_path), make, words, which_is_left, given)
    left = [which for _, which in seen]
    assert left == sorted(left, reverse=True)
    assert set(left) == {"old", "new"}


def is_stored(world: World) -> bool:
    """Whether the newest refresh token is in its place."""
    in_place = [path for path in files(world.home) if not path.endswith(".new")]
    return any(content(path) == f"{world.refresh_token}\n" for path in in_place)
