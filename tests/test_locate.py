"""Where the config, the cache and the state are found."""

import os
import pwd
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from needs import needs_root, needs_user
from tables import for_each
from world import World

from tastyauth import locate
from tastyauth.errors import ConfigNotFound

NOBODY = 65534


@pytest.fixture(autouse=True)
def _usual_permissions() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home at `home` and a repository at `home/repo`, whose `src/deep` one stands in."""
    (tmp_path / "home/repo/.git").mkdir(parents=True)
    (tmp_path / "home/repo/src/deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "home/repo/src/deep")
    return tmp_path


def environ_of(tree: Path, **more: str) -> dict[str, str]:
    return {"HOME": f"{tree}/home", **more}


def touch(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return str(path)


USER = "home/.config/tastyauth/tastyauth.yaml"


# -- which config ---------------------------------------------------------------------------------


DEEP, REPO = "home/repo/src/deep", "home/repo/tastyauth.yaml"
NEAREST = "home/repo/src/tastyauth.yaml"

Order = tuple[str, list[str], str | None, str | None, tuple[str, str]]
"""The working directory, what is there, the flag, the variable, and what is found."""

ORDER: dict[str, Order] = {
    "the flag first": (DEEP, [REPO, USER], "/flag.yaml", "/env.yaml", ("flag.yaml", "flag")),
    "then the variable": (DEEP, [REPO, USER], None, "/env.yaml", ("env.yaml", "environment")),
    "an empty one is none": (DEEP, [USER], None, "", (USER, "user")),
    "then the project": (DEEP, [REPO, USER], None, None, (REPO, "project")),
    "of which the nearest": (DEEP, [REPO, NEAREST], None, None, (NEAREST, "project")),
    "the user's is for everywhere": (".", [USER], None, None, (USER, "user")),
    "also where it is": ("home/.config/tastyauth", [USER], None, None, (USER, "user")),
}


@pytest.mark.parametrize("order", ORDER.values(), ids=ORDER)
def test_of_several_configs_one_is_taken(
    tree: Path, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, present, flag, variable, (path, origin) = order
    for place in present:
        touch(tree / place)
    monkeypatch.chdir(tree / here)
    environ = environ_of(tree)
    if variable is not None:
        environ["TASTYAUTH_CONFIG"] = variable and f"{tree}{variable}"
    asked = None if flag is None else f"{tree}{flag}"
    assert locate.find_config(asked, environ) == (f"{tree}/{path}", origin)


def test_a_relative_flag_starts_from_the_working_directory(tree: Path) -> None:
    path, origin = locate.find_config("../own.yaml", environ_of(tree))
    assert (path, origin) == (f"{tree}/home/repo/src/own.yaml", "flag")


@pytest.mark.parametrize("how", ["flag", "environment"])
def test_a_tilde_is_the_home_directory(tree: Path, how: str) -> None:
    flag, named = ("~/a.yaml", "") if how == "flag" else (None, "~/a.yaml")
    environ = environ_of(tree, TASTYAUTH_CONFIG=named)
    assert locate.find_config(flag, environ) == (f"{tree}/home/a.yaml", how)


def test_a_dangling_link_is_a_config_that_cannot_be_read(tree: Path) -> None:
    """What somebody put there is not passed over for another one."""
    os.symlink("nowhere", tree / "home/repo/tastyauth.yaml")
    touch(tree / USER)
    path, _ = locate.find_config(None, environ_of(tree))
    with pytest.raises(ConfigNotFound):
        locate.read_config(path)


@needs_root
@pytest.mark.parametrize(
    ("target", "strange"),
    [("", DEEP), ("mine.yaml", DEEP), ("/nowhere", DEEP), ("strange.yaml", "")],
)
def test_a_strangers_config_is_ignored(tree: Path, target: str, strange: str) -> None:
    """A file, a link, or what a link of one's own leads to: it would shadow one's own config."""
    here = tree / DEEP / "tastyauth.yaml"
    if target:
        here.symlink_to(target if target == "/nowhere" else touch(tree / target))
    else:
        touch(here)
    os.lchown(here if strange else tree / target, NOBODY, NOBODY)
    path, passed_over = str(here), list[str]()
    with pytest.raises(ConfigNotFound) as caught:
        locate.find_config(None, environ_of(tree), passed_over)
    assert passed_over == [path]
    assert caught.value.hint.startswith(f"{path} belongs to another user")
    user = touch(tree / USER)
    assert locate.find_config(None, environ_of(tree)) == (user, "user")
    project = touch(tree / REPO)
    assert locate.find_config(None, environ_of(tree)) == (project, "project")
    assert locate.find_config(path, environ_of(tree)) == (path, "flag")


def test_without_any_config_every_place_is_named_in_order(tree: Path) -> None:
    with pytest.raises(ConfigNotFound) as caught:
        locate.find_config(None, environ_of(tree))
    repo = f"{tree}/home/repo"
    places = [
        f"{repo}/src/deep/tastyauth.yaml",
        f"{repo}/src/tastyauth.yaml",
        f"{repo}/tastyauth.yaml",
        f"{tree}/{USER}",
        "/etc/tastyauth/tastyauth.yaml",
    ]
    assert caught.value.message.endswith(", ".join(places))
    assert caught.value.exit_code == 66
    assert "--config" in caught.value.hint


@pytest.mark.parametrize("name", ["tastyauth.yml", ".tastyauth.yaml", ".tastyauth.yml"])
@pytest.mark.parametrize("place", ["home/repo/src/deep", "home/repo", "home/.config/tastyauth"])
def test_a_near_miss_is_named(tree: Path, place: str, name: str) -> None:
    near = touch(tree / place / name)
    with pytest.raises(ConfigNotFound) as caught:
        locate.find_config(None, environ_of(tree))
    assert near in caught.value.hint
    assert "tastyauth.yaml" in caught.value.hint


# -- how far up -----------------------------------------------------------------------------------


def looked_in(tree: Path, **environ: str) -> list[str]:
    """The project directories, relative to the tree."""
    found = locate.project_directories(environ_of(tree, **environ))
    return [os.path.relpath(directory, tree) for directory in found]


@pytest.mark.parametrize(
    ("repository", "here", "home", "expected"),
    [
        ("home/repo", DEEP, "home", [DEEP, "home/repo/src", "home/repo"]),
        ("", DEEP, "home", [DEEP]),
        (".", DEEP, "home", [DEEP]),
        ("home", DEEP, "home", [DEEP, "home/repo/src", "home/repo", "home"]),
        (".", "home", "home", ["home"]),
        (".", DEEP, "linked", [DEEP]),  # a link to the home directory is a border, too
    ],
)
def test_a_project_reaches_up_to_the_root_of_its_repository_and_never_above_the_home_directory(
    tree: Path,
    repository: str,
    here: str,
    home: str,
    expected: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tree / "home/repo/.git").rmdir()
    if repository:
        (tree / repository / ".git").mkdir()
    (tree / "linked").symlink_to("home")
    monkeypatch.chdir(tree / here)
    assert looked_in(tree, HOME=f"{tree}/{home}") == expected


def test_a_worktree_is_a_repository(tree: Path) -> None:
    """There `.git` is a file that says where the repository is."""
    (tree / "home/repo/src/.git").write_text("gitdir: /elsewhere")
    assert looked_in(tree) == [DEEP, "home/repo/src"]


@needs_root
@pytest.mark.parametrize("foreign", ["home/repo", "home/repo/src", "home/repo/src/deep"])
def test_never_past_a_directory_of_another_user(tree: Path, foreign: str) -> None:
    os.chown(tree / foreign, NOBODY, NOBODY)
    assert looked_in(tree) == ["home/repo/src/deep"]


def test_in_a_directory_that_is_gone_there_is_no_project(tree: Path) -> None:
    touch(tree / USER)
    os.rmdir(os.getcwd())
    assert looked_in(tree) == []
    assert locate.find_config(None, environ_of(tree))[1] == "user"


@pytest.mark.parametrize("how", ["flag", "environment"])
def test_in_a_directory_that_is_gone_a_relative_name_finds_nothing(tree: Path, how: str) -> None:
    os.rmdir(os.getcwd())
    environ = environ_of(tree, TASTYAUTH_CONFIG="own.yaml")
    with pytest.raises(ConfigNotFound):
        locate.find_config("own.yaml" if how == "flag" else None, environ)


# -- the bytes of a config ------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"version: 1\n", b"\xff\x00", b"x" * 64 * 1024])
def test_a_config_is_read_as_it_is(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    (tmp_path / "link").symlink_to("a")
    assert locate.read_config(f"{tmp_path}/link") == content


def test_of_a_larger_config_one_byte_too_much_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 1_000_000)
    assert len(locate.read_config(f"{tmp_path}/a")) == locate.LARGEST_CONFIG + 1


@pytest.mark.parametrize("name", ["missing", "directory", "file/below", "x" * 300, "loop"])
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ConfigNotFound) as caught:
        locate.read_config(f"{tmp_path}/{name}")
    assert f"{tmp_path}/{name}" in caught.value.message
    assert caught.value.hint


@needs_user
def test_a_config_of_somebody_else_may_be_closed(tmp_path: Path) -> None:
    (tmp_path / "a").touch(mode=0)
    with pytest.raises(ConfigNotFound):
        locate.read_config(f"{tmp_path}/a")


# -- homes ----------------------------------------------------------------------------------------


@for_each(("value", "expected"), [("/home/me", "/home/me"), ("/home/me/", "/home/me"), ("/", "/")])
def test_home_is_what_the_variable_says(value: str, expected: str) -> None:
    assert locate.home_directory({"HOME": value}) == expected


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": "home/me"}, {"HOME": "~"}])
def test_a_missing_or_relative_home_is_looked_up(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """cron and `env -i` may leave it out."""
    me = pwd.struct_passwd(("me", "*", os.geteuid(), os.getegid(), "", "/home/me", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", {os.geteuid(): me}.__getitem__)
    assert locate.home_directory(environ) == "/home/me"


def test_a_user_that_nobody_knows_lives_in_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container that runs under a number."""
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert locate.home_directory({}) == "/"


def unknown(*_: object) -> object:
    raise KeyError


DIRECTORIES = [
    (locate.config_directory, "XDG_CONFIG_HOME", "/home/me/.config/tastyauth"),
    (locate.state_directory, "XDG_STATE_HOME", "/home/me/.local/state/tastyauth"),
    (locate.cache_directory, "XDG_CACHE_HOME", "/home/me/.cache/tastyauth"),
]
Directory = Callable[[dict[str, str]], str]


@for_each(("directory", "variable", "default"), DIRECTORIES)
@for_each("value", [None, "", "relative", "./x", "~/x"])
def test_a_base_is_an_absolute_path_or_the_default(
    directory: Directory, variable: str, default: str, value: str | None
) -> None:
    environ = {"HOME": "/home/me"} | ({} if value is None else {variable: value})
    assert directory(environ) == default
    assert directory({"HOME": "/home/me", variable: "/var/x"}) == "/var/x/tastyauth"
    assert directory({"HOME": "/"}) == default.removeprefix("/home/me")


@for_each(
    ("value", "expected"),
    [("/run/cache", "/run/cache"), ("", "/xdg/tastyauth"), ("cache", "/xdg/tastyauth")],
)
def test_the_cache_can_be_somewhere_else(value: str, expected: str) -> None:
    environ = {"HOME": "/home/me", "XDG_CACHE_HOME": "/xdg", "TASTYAUTH_CACHE_DIR": value}
    assert locate.cache_directory(environ) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/b", "/a/b"),
        ("/a/./b//c/", "/a/b/c"),
        ("/a/../b", "/b"),
        ("~", "/home/me"),
        ("~/x", "/home/me/x"),
        ("~other/x", "/cwd/~other/x"),
        ("x~/y", "/cwd/x~/y"),
        ("x", "/cwd/x"),
        ("../x", "/x"),
    ],
)
def test_paths_are_made_absolute(
    path: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    found = locate.absolute(path, {"HOME": "/home/me"})
    assert found.replace(str(tmp_path), "") == expected


def test_in_a_directory_that_is_gone_eval_fails_too(world: World) -> None:
    script = """\
mkdir gone && cd gone && rmdir ../gone
eval $(tastyauth env --config own.yaml)
echo "$? ${TASTYTRADE_ACCESS_TOKEN-gone}"
"""
    done = world.shell(script, TASTYTRADE_ACCESS_TOKEN="stale")
    assert done.out == "66 gone\n"
    assert "Traceback" not in done.err
