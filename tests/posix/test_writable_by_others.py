"""Who else could have written a config, or what leads to it."""

import grp
import os
import pwd
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from needs import needs_linux, needs_root, needs_user

from tastyauth.posix import files

NOBODY = 65534


def unknown(*_: object) -> object:
    raise KeyError


@pytest.fixture(autouse=True)
def _usual_permissions() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config two directories deep, which nobody else can write."""
    (tmp_path / "outer/inner").mkdir(parents=True)
    path = tmp_path / "outer/inner/tastyauth.yaml"
    path.touch(mode=0o644)
    return path


def test_a_file_that_only_its_user_can_write_is_safe(config: Path) -> None:
    assert files.writable_by_others(str(config)) is None


@pytest.mark.parametrize("place", ["", "..", "../.."])
def test_what_everybody_can_write_is_exposed(config: Path, place: str) -> None:
    """The file, its directory, or any directory above."""
    open_place = os.path.normpath(config / place)
    os.chmod(open_place, 0o777)
    assert files.writable_by_others(str(config)) == f"{open_place} can be written by everybody"


@needs_root
@pytest.mark.parametrize("place", ["", "..", "../.."])
def test_what_belongs_to_another_user_is_exposed(config: Path, place: str) -> None:
    foreign = os.path.normpath(config / place)
    os.chown(foreign, NOBODY, -1)
    assert files.writable_by_others(str(config)) == f"{foreign} belongs to another user"


@needs_root
def test_what_belongs_to_root_is_safe_for_everybody(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
    assert files.writable_by_others(str(config)) is None


@needs_root
def test_below_a_sticky_directory_of_root_one_is_safe(config: Path) -> None:
    """As in /tmp: nobody can take away what is not theirs."""
    os.chmod(config.parent, 0o1777)
    assert files.writable_by_others(str(config)) is None


@needs_root
def test_a_sticky_bit_of_somebody_else_or_of_a_file_protects_nothing(config: Path) -> None:
    os.chmod(config, 0o1666)
    assert files.writable_by_others(str(config)) == f"{config} can be written by everybody"
    os.chmod(config, 0o644)
    os.chown(config.parent, NOBODY, -1)
    os.chmod(config.parent, 0o1777)
    assert files.writable_by_others(str(config)) == f"{config.parent} belongs to another user"


@needs_user
def test_a_sticky_bit_of_ones_own_protects_nothing(config: Path) -> None:
    os.chmod(config.parent, 0o1777)
    assert files.writable_by_others(str(config)) is not None


def user(name: str, group: int) -> SimpleNamespace:
    return SimpleNamespace(pw_name=name, pw_gid=group)


ME, OTHER = "me", "eve"


@pytest.mark.parametrize("place", ["", ".."])
@pytest.mark.parametrize(
    ("members", "with_this_group", "safe"),
    [
        ([], [], True),
        ([], [ME], True),  # a group of one's own, as Debian makes one for each user
        ([ME], [ME], True),
        ([ME, "root"], [ME, "root"], True),
        ([OTHER], [], False),
        ([ME, OTHER], [ME], False),
        ([], [OTHER], False),
        ([], [ME, OTHER], False),
    ],
)
def test_a_group_may_write_when_it_has_no_other_members(
    config: Path,
    place: str,
    members: list[str],
    with_this_group: list[str],
    safe: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = os.path.normpath(config / place)
    os.chmod(path, 0o775)
    group = os.stat(path).st_gid
    users = [user(name, group if name in with_this_group else group + 1) for name in (ME, OTHER)]
    users += [user(name, group) for name in with_this_group if name not in (ME, OTHER)]
    monkeypatch.setattr(pwd, "getpwuid", lambda _: user(ME, group))
    monkeypatch.setattr(pwd, "getpwall", lambda: users)
    groups = {group: SimpleNamespace(gr_gid=group, gr_mem=members)}
    monkeypatch.setattr(grp, "getgrgid", groups.__getitem__)
    monkeypatch.setattr(grp, "getgrall", lambda: list(groups.values()))
    expected = None if safe else f"{path} can be written by its group"
    assert files.writable_by_others(str(config)) == expected


@pytest.mark.parametrize("kept_back", [(grp, "getgrall"), (pwd, "getpwall")])
def test_a_group_that_the_directory_service_does_not_list_has_others(
    config: Path, kept_back: tuple[object, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With sssd's `enumerate = false`, a user who has it as primary group is in no list."""
    os.chmod(config, 0o664)
    me, group = user(ME, os.stat(config).st_gid), SimpleNamespace(gr_gid=os.stat(config).st_gid)
    group.gr_mem = []
    monkeypatch.setattr(pwd, "getpwuid", lambda _: me)
    monkeypatch.setattr(pwd, "getpwall", lambda: [me])
    monkeypatch.setattr(grp, "getgrgid", lambda _: group)
    monkeypatch.setattr(grp, "getgrall", lambda: [group])
    assert files.writable_by_others(str(config)) is None
    monkeypatch.setattr(*kept_back, list)
    expected = f"{config} can be written by its group"
    assert files.writable_by_others(str(config)) == expected


def acl(*entries: tuple[int, int, int]) -> bytes:
    """An access ACL as Linux keeps it: tag, permissions and ID of each entry (acl(5))."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


OWNER, USER, GROUP, MASK, OTHERS, NOBODYS_ID = 1, 2, 4, 16, 32, 0xFFFFFFFF


@needs_linux
@pytest.mark.parametrize("place", ["", "..", "../.."])
@pytest.mark.parametrize(("rights", "safe"), [(4, True), (6, False)])
def test_an_acl_for_somebody_else_is_exposed(
    config: Path, place: str, rights: int, safe: bool
) -> None:
    """The group has no other members, and the ACL lets one user more write."""
    path = os.path.normpath(config / place)
    mode = os.stat(path).st_mode >> 6 & 7
    entries = acl(
        (OWNER, mode, NOBODYS_ID),
        (USER, rights, NOBODY),
        (GROUP, 4, NOBODYS_ID),
        (MASK, rights, NOBODYS_ID),
        (OTHERS, 4, NOBODYS_ID),
    )
    os.setxattr(path, "system.posix_acl_access", entries)
    expected = None if safe else f"{path} can be written by somebody named in its ACL"
    assert files.writable_by_others(str(config)) == expected


@pytest.mark.parametrize("lookup", [(pwd, "getpwuid"), (grp, "getgrgid")])
def test_a_group_that_nobody_knows_is_no_group_of_ones_own(
    config: Path, lookup: tuple[object, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    os.chmod(config, 0o664)
    monkeypatch.setattr(*lookup, unknown)
    assert files.writable_by_others(str(config)) is not None


@pytest.fixture
def open_place(tmp_path: Path) -> Path:
    """A directory in which everybody can replace everything."""
    (tmp_path / "open").mkdir()
    os.chmod(tmp_path / "open", 0o777)
    return tmp_path / "open"


@pytest.mark.parametrize(
    ("links", "path", "safe"),
    [
        ({"link": "{config}"}, "link", True),
        ({"directory": "{inner}"}, "directory/tastyauth.yaml", True),
        ({"link": "open/target"}, "link", False),
        ({"open/link": "{config}"}, "open/link", False),
        ({"directory": "open/deep"}, "directory/target", False),
        # both ends are safe, and still anybody could turn the link in the middle elsewhere
        ({"open/middle": "{config}", "link": "open/middle"}, "link", False),
        ({"open/middle": "{inner}", "link": "open/middle"}, "link/tastyauth.yaml", False),
    ],
)
def test_a_link_is_safe_where_all_that_it_leads_through_is(
    config: Path, open_place: Path, tmp_path: Path, links: dict[str, str], path: str, safe: bool
) -> None:
    (open_place / "deep").mkdir()
    for file in (open_place / "target", open_place / "deep/target"):
        file.touch(mode=0o644)
    for link, target in links.items():
        (tmp_path / link).symlink_to(tmp_path / target.format(config=config, inner=config.parent))
    expected = None if safe else f"{open_place} can be written by everybody"
    assert files.writable_by_others(f"{tmp_path}/{path}") == expected


@needs_root
def test_a_link_of_another_user_is_exposed(config: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(config)
    os.chown(tmp_path / "link", NOBODY, -1, follow_symlinks=False)
    expected = f"{tmp_path}/link belongs to another user"
    assert files.writable_by_others(f"{tmp_path}/link") == expected


ODD_ENDS = ["X", "a ", "a.."]
"""Names of directories: they may end in anything."""


@pytest.mark.parametrize("name", ODD_ENDS)
def test_a_relative_link_leads_from_where_it_lies(
    open_place: Path, tmp_path: Path, name: str
) -> None:
    (open_place / "target").touch(mode=0o644)
    (tmp_path / name).mkdir()
    (tmp_path / name / "target").touch(mode=0o644)
    (tmp_path / name / "safe").symlink_to("target")
    (tmp_path / name / "exposed").symlink_to("../open/target")
    assert files.writable_by_others(f"{tmp_path}/{name}/safe") is None
    expected = f"{open_place} can be written by everybody"
    assert files.writable_by_others(f"{tmp_path}/{name}/exposed") == expected


@pytest.mark.parametrize("name", ODD_ENDS)
def test_two_dots_lead_above_what_a_link_leads_to(
    config: Path, open_place: Path, tmp_path: Path, name: str
) -> None:
    """As the kernel reads them, not as they are spelled."""
    safe_place = tmp_path / "safe"
    for place in (open_place, safe_place):
        (place / name / "deep").mkdir(parents=True)
        (place / name / "target").touch(mode=0o644)
        (tmp_path / f"to-{place.name}").symlink_to(place / name / "deep")
    expected = f"{open_place} can be written by everybody"
    assert files.writable_by_others(f"{tmp_path}/to-open/./../target") == expected
    assert files.writable_by_others(f"{tmp_path}/to-safe/./../target") is None
    assert files.writable_by_others(f"{tmp_path}/outer/../outer/inner/{config.name}") is None


def test_nothing_is_above_the_root(config: Path, open_place: Path) -> None:
    (open_place / "target").touch(mode=0o644)
    first = config.parts[1]
    assert files.writable_by_others(f"/{first}/../..{config}") is None
    expected = f"{open_place} can be written by everybody"
    assert files.writable_by_others(f"/{first}/..{open_place}/target") == expected


def test_what_cannot_be_judged_is_exposed(tmp_path: Path) -> None:
    """It may be gone by now, or be a pipe: `--config <(...)`."""
    assert files.writable_by_others(f"{tmp_path}/gone") is not None
    reading, writing = os.pipe()
    try:
        assert files.writable_by_others(f"/dev/fd/{reading}") is not None
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize("path", ["//", "//{config}"])
def test_two_slashes_at_the_beginning_are_one(config: Path, path: str) -> None:
    """POSIX keeps two apart from one, and so does `abspath`."""
    program = (
        "import sys; from tastyauth.posix import files;"
        " print(files.writable_by_others(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, path.format(config=str(config)[1:])],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "None\n"
