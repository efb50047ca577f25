"""The token cache: what is found, what is a miss, and how long an entry answers."""

import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

import needs
import pytest
from aging import entries, grow_older, only_entry
from hypothesis import example, given
from hypothesis import strategies as st
from tables import for_each
from world import CONFIG, World

from tastyauth import cache, config, locate
from tastyauth.cache import Asked, Entry, Outline, ProfileOutline, Terms, last_attempt, store
from tastyauth.cache.last_attempt import Attempt
from tastyauth.errors import RefusedError

pytestmark = pytest.mark.warm

NAME = "0123456789abcdef.fedcba9876543210"
OF = "5a5a\0live\0file /home/me/a file 1 2 3"
CONFIG_OF = "/home/me/tastyauth.yaml\0/home/me"
OUTLINE_NAME = cache.name_of(CONFIG_OF)
FRESH, SOFT, STALE = cache.SERVE, cache.AHEAD, cache.ASK
FOREIGN_USER = 54321

FIELDS = {
    "access_token": "eyJ0eXAi.eyJpc3Mi.c2ln-_~+/==",
    "authorization": "Bearer eyJ0eXAi.eyJpc3Mi.c2ln-_~+/==",
    "expires_at": "2900",
    "environment": "production",
    "profile": "live",
    "api_url": "https://api.tastyworks.com",
    "client_id": "0c7b8898-a2f1-49bb-a23d-843e47b68631",
}
ENTRY = Entry(FIELDS, 2000, 2000.25)

FILE = "TASTYTRADE_ACCESS_TOKEN_FILE"
LIVE = ProfileOutline(
    "live",
    (("TOKEN", "access_token"), ("END", "expires_at"), ("RENEWAL", "refresh_token")),
    ("END", "PAPER_TOKEN", FILE),
    (("env", "TT_SECRET"), ("file", "/home/me/a file"), ("credential", "tt-refresh")),
    ("TT_SECRET",),
)
PAPER = ProfileOutline(
    "paper",
    (("PAPER_TOKEN", "access_token"), ("END", "client_secret")),
    ("END", "RENEWAL", FILE, "TOKEN"),
    (),
    ("TT_SECRET",),
)
OUTLINE = Outline(
    b"version: 1\nend\n", "5a" * 16, "", "live", {"live": LIVE, "paper": PAPER}, '{"a": 1}'
)


@pytest.fixture
def directory(tmp_path: os.PathLike[str]) -> str:
    """A cache directory as it should be."""
    path = f"{os.fspath(tmp_path)}/cache"
    os.mkdir(path, 0o700)
    return path


def content(entry: Entry | None) -> object:
    return entry and (entry.fields, entry.issued_at, entry.expires_at, entry.stored_at)


def outlined(outline: Outline | None) -> object:
    if outline is None:
        return None
    profiles = {
        name: (each.name, each.exports, each.names, each.inputs)
        for name, each in outline.profiles.items()
    }
    head = (outline.config, outline.salt, outline.approval, outline.default)
    return (*head, outline.data, profiles)


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the two kinds of files: how it is written and read, as bytes and as a value."""

    path: str
    write: Callable[[str], None]
    read: Callable[[str], object]


KINDS = {
    "entry": Kind(
        f"{NAME}.entry",
        lambda directory: store.write_entry(f"{directory}/{NAME}.entry", OF, ENTRY),
        lambda directory: cache.read_entry(f"{directory}/{NAME}.entry", OF),
    ),
    "outline": Kind(
        f"{OUTLINE_NAME}.outline",
        lambda directory: store.write_outline(directory, CONFIG_OF, OUTLINE),
        lambda directory: cache.read_outline(directory, CONFIG_OF),
    ),
}


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


def replace(path: str, data: bytes) -> None:
    """Replaces an old file with a new one."""
    overwrite(f"{path}.new", data)
    os.rename(f"{path}.new", path)


def move_behind_a_link(path: str) -> None:
    os.rename(path, f"{path}.elsewhere")
    os.symlink(f"{path}.elsewhere", path)


def bytes_of(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def overwrite(path: str, data: bytes) -> None:
    """Changes the contents of a file, or makes one of mode 0600."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)


# What is written is read.


def test_an_outline_is_read_as_it_was_written(directory: str) -> None:
    store.write_outline(directory, CONFIG_OF, OUTLINE)
    assert outlined(cache.read_outline(directory, CONFIG_OF)) == outlined(OUTLINE)


def test_names_that_only_another_profile_sets_are_foreign(directory: str) -> None:
    """Long-lived secrets, which only `exec` hands out, and the file of `--keep-fresh` are too."""
    store.write_outline(directory, CONFIG_OF, OUTLINE)
    outline = cache.read_outline(directory, CONFIG_OF)
    assert outline is not None
    foreign = {name: profile.foreign for name, profile in outline.profiles.items()}
    assert foreign == {"live": ("PAPER_TOKEN", FILE), "paper": ("END", "RENEWAL", FILE, "TOKEN")}


def alone(*inputs: tuple[str, str]) -> ProfileOutline:
    """LIVE in a config of its own."""
    inputs = inputs or LIVE.inputs
    variables = tuple(sorted(name for kind, name in inputs if kind == "env"))
    return ProfileOutline("live", LIVE.exports, (FILE,), inputs, variables)


@pytest.mark.parametrize("approval", ["", "/home/me/.local/state/tastyauth/allowed/a b", "f0" * 32])
def test_an_outline_without_a_default_and_with_any_approval_is_read_back(
    directory: str, approval: str
) -> None:
    outline = Outline(b"version: 1", "5a" * 16, approval, "", {"live": alone()})
    assert outline.data == ""
    store.write_outline(directory, CONFIG_OF, outline)
    assert outlined(cache.read_outline(directory, CONFIG_OF)) == outlined(outline)


@pytest.mark.parametrize("path", ["/a\tb", "/a\udcffb"], ids=["tab", "not UTF-8"])
def test_odd_directories_are_read_as_they_were_written(directory: str, path: str) -> None:
    outline = Outline(b"version: 1", "5a" * 16, path, "live", {"live": alone(("file", path))})
    of = f"{path}\0/home/me"
    store.write_outline(directory, of, outline)
    assert outlined(cache.read_outline(directory, of)) == outlined(outline)
    store.write_entry(f"{directory}/{NAME}.entry", of, ENTRY)
    assert content(cache.read_entry(f"{directory}/{NAME}.entry", of)) == content(ENTRY)


def test_files_are_private_and_nothing_else_is_left(directory: str, kind: Kind) -> None:
    mask = os.umask(0)
    try:
        kind.write(directory)
    finally:
        os.umask(mask)
    assert os.listdir(directory) == [kind.path]
    assert stat.S_IMODE(os.stat(f"{directory}/{kind.path}").st_mode) == 0o600


def test_a_secret_never_reaches_the_cache(world: World) -> None:
    world.run("token")
    for name in os.listdir(world.cache):
        with open(f"{world.cache}/{name}", encoding="utf-8") as file:
            text = file.read()
        assert world.client_secret not in text
        assert world.refresh_token not in text


ANY_TEXT = st.text(st.characters() | st.sampled_from("\t\n\r\x00 =\x85"), max_size=12)


@given(token=ANY_TEXT, url=ANY_TEXT)
def test_an_entry_with_odd_fields_is_the_same_or_a_miss(
    tmp_path_factory: pytest.TempPathFactory, token: str, url: str
) -> None:
    directory = private_directory(tmp_path_factory)
    entry = Entry(FIELDS | {"access_token": token, "api_url": url}, 2000, 2000.25)
    try:
        store.write_entry(f"{directory}/{NAME}.entry", OF, entry)
    except ValueError:
        assert os.listdir(directory) == []
    else:
        assert content(cache.read_entry(f"{directory}/{NAME}.entry", OF)) in (content(entry), None)


@given(approval=ANY_TEXT, path=ANY_TEXT, kind=st.sampled_from(["file", "env"]))
@example(approval="/a\tb", path="/a\tb", kind="file")
@example(approval="", path="/a\udcffb", kind="file")
def test_an_outline_with_odd_paths_is_the_same_or_a_miss(
    tmp_path_factory: pytest.TempPathFactory, approval: str, path: str, kind: str
) -> None:
    directory = private_directory(tmp_path_factory)
    odd = alone(("env", "TT"), (kind, path))
    outline = Outline(b"version: 1", "5a" * 16, approval, "live", {"live": odd})
    try:
        store.write_outline(directory, CONFIG_OF, outline)
    except ValueError:
        assert os.listdir(directory) == []
    else:
        assert outlined(cache.read_outline(directory, CONFIG_OF)) in (outlined(outline), None)


def private_directory(factory: pytest.TempPathFactory) -> str:
    path = os.fspath(factory.mktemp("cache"))
    os.chmod(path, 0o700)
    return path


# Whatever is valid is cached.

_BARE = """
  bot-{0}: {{environment: sandbox, client_id: {{env: A}}, client_secret: {{file: a}},\
 refresh_token: {{file: b}}}}"""
_EXPORTING = """
  bot-{0}:
    environment: production
    client_id: 0c7b8898-a2f1-49bb-a23d-843e47b68631
    client_secret: {{ file: bot-{0}.client-secret }}
    refresh_token: {{ file: bot-{0}.refresh-token }}
    exports:
      BOT_{0}_ACCESS_TOKEN: access_token
      BOT_{0}_EXPIRES_AT: expires_at
      BOT_{0}_ENV: environment
      BOT_{0}_API_URL: api_url"""


@pytest.mark.parametrize("profile", [_BARE, _EXPORTING], ids=["bare", "exporting"])
def test_the_largest_config_is_cached(world: World, profile: str) -> None:
    """As many profiles as there can be, and each unsets what all the others have set."""
    text, number = bytes_of(world.config).decode().rstrip(), 0
    while len(text) + len(more := profile.format(number)) < locate.LARGEST_CONFIG:
        text, number = text + more, number + 1
    world.write(world.config, text.ljust(locate.LARGEST_CONFIG, "\n"))
    assert world.run("validate").code == 0
    first, second = (world.run("env", "-p", "live") for _ in range(2))
    assert (first.code, first.err, world.simulator.exchanges) == (0, "", 1)
    assert second == first


# What is odd is a miss.


def test_a_file_that_was_cut_anywhere_or_goes_on_is_a_miss(directory: str, kind: Kind) -> None:
    kind.write(directory)
    path = f"{directory}/{kind.path}"
    whole = bytes_of(path)
    accepted = []
    for length in range(len(whole)):
        overwrite(path, whole[:length])
        if kind.read(directory) is not None:
            accepted.append(length)
    overwrite(path, whole)
    assert kind.read(directory) is not None
    assert accepted == []
    overwrite(path, whole + b"x")
    assert kind.read(directory) is None


@given(data=st.data())
def test_a_file_with_any_other_bytes_raises_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    directory = private_directory(tmp_path_factory)
    kind = KINDS[data.draw(st.sampled_from(sorted(KINDS)))]
    kind.write(directory)
    path = f"{directory}/{kind.path}"
    lines = bytes_of(path).split(b"\n")
    place = data.draw(st.integers(0, len(lines) - 1))
    lines[place : place + data.draw(st.integers(0, 2))] = data.draw(
        st.lists(st.binary(max_size=20) | st.sampled_from(lines), max_size=3)
    )
    overwrite(path, b"\n".join(lines))
    kind.read(directory)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"tastyauth entry 3 ", b"tastyauth entry 4 "),
        (b"tastyauth entry 3 ", b"other-tool entry 1 "),
        (OF.encode(), OF.swapcase().encode()),
        (b"expires_at\t2900", b"expires_at\tsoon"),
        (b"expires_at\t2900", b"expires_at\t2900\t2900"),
        (b"expires_at\t2900\n", b""),
        (b"expires_at\t2900", b"expires_at\t\xff"),
        (b"issued_at\t2000", b"issued_at\t"),
        (b"issued_at\t2000", b"issued_at"),
        (b"\n", b"\r\n"),
        (b"\n", b"\x00"),
    ],
    ids=repr,
)
def test_a_newer_foreign_or_damaged_entry_is_a_miss(
    directory: str, before: bytes, after: bytes
) -> None:
    store.write_entry(f"{directory}/{NAME}.entry", OF, ENTRY)
    path = f"{directory}/{NAME}.entry"
    whole = bytes_of(path)
    assert before in whole
    overwrite(path, whole.replace(before, after))
    assert cache.read_entry(path, OF) is None
    head, _, content = whole.replace(before, after).partition(b"\n")
    overwrite(path, with_checksum(head, content.partition(b"\n")[2]))
    assert cache.read_entry(path, OF) is None


def with_checksum(head: bytes, content: bytes) -> bytes:
    return b"\n".join((head, cache.checksum_of(content), content))


@pytest.mark.parametrize("field", [b"expires_at\t2900", b"issued_at\t2000", b"stored_at\t2000.25"])
@pytest.mark.parametrize("number", [b"1" * 400, b"-" + b"1" * 400, b"9" * 5000, b"nan", b"inf"])
def test_a_time_that_is_no_finite_number_is_a_miss(
    directory: str, field: bytes, number: bytes
) -> None:
    path = f"{directory}/{NAME}.entry"
    store.write_entry(path, OF, ENTRY)
    head, _, content = bytes_of(path).split(b"\n", 2)
    assert field in content
    changed = content.replace(field, field.partition(b"\t")[0] + b"\t" + number)
    overwrite(path, with_checksum(head, changed))
    assert cache.read_entry(path, OF) is None


def test_a_token_of_which_one_character_was_changed_is_a_miss(directory: str) -> None:
    path = f"{directory}/{NAME}.entry"
    store.write_entry(path, OF, ENTRY)
    whole = bytes_of(path)
    token = ENTRY.fields["access_token"].encode()
    overwrite(path, whole.replace(token, token[:-1] + b"A"))
    assert cache.read_entry(path, OF) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b" outline ", b" outline 9"),
        (b" outline 6", b" outline 5"),
        (b"tastyauth ", b"other-tool "),
        (b"tastyauth ", b"tastyauth 9"),
        (b"size\t", b"sise\t"),
        (b"export\tTOKEN\taccess_token", b"export\tTOKEN"),
        (b"input\tenv\tTT_SECRET", b"input\tenv"),
        (b"\n", b"\r\n"),
    ],
    ids=repr,
)
def test_a_newer_foreign_or_damaged_outline_is_a_miss(
    directory: str, before: bytes, after: bytes
) -> None:
    store.write_outline(directory, CONFIG_OF, OUTLINE)
    path = f"{directory}/{OUTLINE_NAME}.outline"
    whole = bytes_of(path)
    assert before in whole
    overwrite(path, whole.replace(before, after))
    assert cache.read_outline(directory, CONFIG_OF) is None


def test_an_entry_that_belongs_to_something_else_is_a_miss(directory: str) -> None:
    """Names are 64 bits: two may meet, and a file can be renamed."""
    path = f"{directory}/{NAME}.entry"
    store.write_entry(path, OF, ENTRY)
    assert cache.read_entry(path, f"{OF} ") is None
    assert cache.read_entry(path, OF[:-1]) is None


def test_an_outline_that_belongs_to_something_else_is_a_miss(directory: str) -> None:
    store.write_outline(directory, CONFIG_OF, OUTLINE)
    other = CONFIG_OF.replace("/home/me", "/home/you")
    here, there = (f"{directory}/{cache.name_of(of)}.outline" for of in (CONFIG_OF, other))
    os.rename(here, there)
    assert cache.read_outline(directory, other) is None
    os.rename(there, here)
    assert cache.read_outline(directory, CONFIG_OF) is not None


def test_a_symbolic_link_is_a_miss(directory: str, kind: Kind) -> None:
    kind.write(directory)
    path = f"{directory}/{kind.path}"
    os.rename(path, f"{directory}/elsewhere")
    assert kind.read(directory) is None
    os.symlink("elsewhere", path)
    assert kind.read(directory) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602, 0o644, 0o601])
def test_a_file_open_to_others_is_a_miss(directory: str, kind: Kind, mode: int) -> None:
    kind.write(directory)
    os.chmod(f"{directory}/{kind.path}", mode)
    assert kind.read(directory) is None
    os.chmod(f"{directory}/{kind.path}", 0o600)
    assert kind.read(directory) is not None


@needs.needs_root
def test_a_file_of_another_user_is_a_miss(directory: str, kind: Kind) -> None:
    kind.write(directory)
    os.chown(f"{directory}/{kind.path}", FOREIGN_USER, -1)
    assert kind.read(directory) is None


def test_anything_but_a_regular_file_is_a_miss_at_once(directory: str, kind: Kind) -> None:
    path = f"{directory}/{kind.path}"
    os.mkfifo(path, 0o600)
    assert kind.read(directory) is None
    os.unlink(path)
    os.mkdir(path, 0o700)
    assert kind.read(directory) is None


def test_a_file_larger_than_the_cache_writes_is_a_miss(directory: str, kind: Kind) -> None:
    kind.write(directory)
    path = f"{directory}/{kind.path}"
    overwrite(path, bytes_of(path).ljust(locate.LARGEST_FILE + 1, b"\n"))
    assert kind.read(directory) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: overwrite(path, b"\x00" * 100),
        lambda path: overwrite(path, b""),
        lambda path: overwrite(path, bytes_of(path)[:-1]),
        lambda path: overwrite(path, bytes_of(path).replace(b" entry 3 ", b" entry 4 ")),
        lambda path: os.chmod(path, 0o644),
        move_behind_a_link,
    ],
    ids=["zeros", "empty", "cut", "newer", "open", "link"],
)
def test_after_a_miss_the_token_is_fetched_and_the_entry_is_good_again(
    world: World, damage: Callable[[str], object]
) -> None:
    first = world.run("token")
    (name,) = entries(world.cache)
    path = f"{world.cache}/{name}.entry"
    damage(path)
    second = world.run("token")
    third = world.run("token")
    assert (second.code, third.code, world.simulator.exchanges) == (0, 0, 2)
    assert first.out != second.out == third.out
    assert stat.S_ISREG(os.lstat(path).st_mode)
    assert stat.S_IMODE(os.lstat(path).st_mode) == 0o600


def test_a_link_in_the_place_of_an_entry_is_not_written_through(world: World) -> None:
    world.run("token")
    (name,) = entries(world.cache)
    precious = world.write("precious", "precious\n")
    os.unlink(f"{world.cache}/{name}.entry")
    os.symlink(precious, f"{world.cache}/{name}.entry")
    assert world.run("token").code == 0
    assert bytes_of(precious) == b"precious\n"


# How long an entry answers.


def entry_of(life: int, issued_at: int = 10_000) -> Entry:
    return Entry(FIELDS | {"expires_at": str(issued_at + life)}, issued_at, issued_at + 0.5)


@for_each(
    ("life", "left", "min_valid", "verdict"),
    [
        # tastytrade's own: 900 s, of which the last 300 are for renewing ahead, the last 60 too few
        (900, 900, None, FRESH),
        (900, 300, None, FRESH),
        (900, 299.9, None, SOFT),
        (900, 60, None, SOFT),
        (900, 59.9, None, STALE),
        # the windows shrink with the life: a third, and a sixth
        (60, 20, None, FRESH),
        (60, 19.9, None, SOFT),
        (60, 10, None, SOFT),
        (60, 9.9, None, STALE),
        (30, 10, None, FRESH),
        (30, 5, None, SOFT),
        (30, 4.9, None, STALE),
        (70, 23.4, None, FRESH),
        (70, 23.3, None, SOFT),
        # and do not grow with it
        (3600, 300, None, FRESH),
        (3600, 299.9, None, SOFT),
        (3600, 59.9, None, STALE),
        # what the caller wants goes before the default, in both directions
        (900, 1, 1, SOFT),
        (900, 0.9, 1, STALE),
        (900, 0.9, 0, SOFT),
        (900, 840, 840, FRESH),
        (900, 839.9, 840, STALE),
        (900, 899, 900, FRESH),  # more than any token of this server has: as if nothing was wanted
        (3600, 840, 840, FRESH),
        # nothing makes an expired token answer
        (900, 0, 0, STALE),
        (900, -1, 0, STALE),
        (900, 0, None, STALE),
        (1, 0.5, None, FRESH),
    ],
)
def test_freshness(life: int, left: float, min_valid: float | None, verdict: str) -> None:
    entry = entry_of(life)
    assert verdict_on(entry, entry.expires_at - left, min_valid) == verdict


def verdict_on(entry: Entry, now: float, min_valid: float | None = None) -> str:
    return cache.decide(entry, None, Terms(min_valid), now)


@for_each("life", [0, -1])
def test_a_token_that_never_lived_is_stale(life: int) -> None:
    entry = entry_of(life)
    assert verdict_on(entry, entry.issued_at, 0) == STALE


@for_each("back", [0.1, 60, 86400 * 365])
def test_a_clock_that_was_set_back_makes_an_entry_stale(back: float) -> None:
    entry = entry_of(900)
    assert verdict_on(entry, entry.issued_at, 0) == FRESH
    assert verdict_on(entry, entry.issued_at - back, 0) == STALE


@given(
    life=st.integers(1, 86400),
    age=st.floats(-100_000, 100_000),
    min_valid=st.none() | st.floats(0, 840),
)
def test_only_a_living_token_answers(life: int, age: float, min_valid: float | None) -> None:
    entry = entry_of(life)
    now = entry.issued_at + age
    if verdict_on(entry, now, min_valid) != STALE:
        assert entry.issued_at <= now < entry.expires_at


@pytest.mark.parametrize("seconds", [-3600, -1_000_000, 3600, 1_000_000])
def test_a_clock_that_steps_costs_one_exchange_and_no_harm(world: World, seconds: float) -> None:
    world.run("token")
    grow_older(world.cache, seconds)
    again = [world.run("token") for _ in range(3)]
    assert {done.code for done in again} == {0}
    assert len({done.out for done in again}) == 1
    assert world.simulator.exchanges == 2
    assert verdict_on(only_entry(world.cache), time.time()) == FRESH


# Which entry: every cheap input counts.


def owner_for(environ: dict[str, str], *inputs: tuple[str, str]) -> str:
    profile = ProfileOutline("live", (), (), inputs, ())
    return cache.belongs_to(OUTLINE, profile, environ)


def test_a_variable_counts_by_its_value() -> None:
    """An empty one is none, and one that no reference reads does not count."""
    values = [{}, {"TT": "a"}, {"TT": "b"}, {"TT": "absent"}, {"TT": "=a"}, {"TT": "a\udcff"}]
    names = {owner_for(environ, ("env", "TT")) for environ in values}
    assert len(names) == len(values)
    assert owner_for({"TT": ""}, ("env", "TT")) == owner_for({}, ("env", "TT"))
    assert owner_for({"TT": "a", "OTHER": "b"}, ("env", "TT")) in names


def test_values_of_two_variables_do_not_run_into_each_other() -> None:
    inputs = (("env", "ONE"), ("env", "TWO"))
    assert owner_for({"ONE": "a", "TWO": "b"}, *inputs) != owner_for(
        {"ONE": "b", "TWO": "a"}, *inputs
    )
    assert owner_for({"ONE": "a"}, *inputs) != owner_for({"TWO": "a"}, *inputs)


@pytest.mark.parametrize(
    "change",
    [
        lambda path: overwrite(path, b"another"),
        lambda path: overwrite(path, b"longer than it was"),
        lambda path: os.utime(path, (1, 1)),
        lambda path: os.chmod(path, 0o400),
        os.unlink,
        lambda path: replace(path, b"value"),
    ],
    ids=["rewritten", "longer", "touched", "chmod", "removed", "replaced"],
)
@pytest.mark.parametrize("kind", ["file", "credential"])
def test_a_file_counts_by_what_can_be_seen_without_opening_it(
    tmp_path: os.PathLike[str], kind: str, change: Callable[[str], object]
) -> None:
    path = f"{os.fspath(tmp_path)}/secret"
    overwrite(path, b"value")
    os.utime(path, (1_000_000, 1_000_000))
    environ = {"CREDENTIALS_DIRECTORY": os.fspath(tmp_path)}
    name = path if kind == "file" else "secret"
    before = owner_for(environ, (kind, name))
    assert bytes_of(path) == b"value"
    assert before == owner_for(environ, (kind, name))
    change(path)
    assert before != owner_for(environ, (kind, name))


def test_a_credential_counts_as_absent_outside_its_service(tmp_path: os.PathLike[str]) -> None:
    overwrite(f"{os.fspath(tmp_path)}/tt", b"value")
    inside = owner_for({"CREDENTIALS_DIRECTORY": os.fspath(tmp_path)}, ("credential", "tt"))
    assert inside != owner_for({}, ("credential", "tt"))


def test_a_file_behind_a_link_counts_by_what_the_link_leads_to(tmp_path: os.PathLike[str]) -> None:
    at = os.fspath(tmp_path)
    overwrite(f"{at}/one", b"value")
    overwrite(f"{at}/two", b"value")
    os.symlink("one", f"{at}/secret")
    before = owner_for({}, ("file", f"{at}/secret"))
    os.unlink(f"{at}/secret")
    os.symlink("two", f"{at}/secret")
    assert before != owner_for({}, ("file", f"{at}/secret"))


def test_profile_and_salt_count() -> None:
    twin = ProfileOutline("twin", LIVE.exports, LIVE.names, LIVE.inputs, LIVE.variables)
    salted = Outline(OUTLINE.config, "5b" * 16, "", "live", OUTLINE.profiles)
    names = {
        cache.belongs_to(OUTLINE, LIVE, {}),
        cache.belongs_to(OUTLINE, twin, {}),
        cache.belongs_to(salted, LIVE, {}),
    }
    assert len(names) == 3


def test_a_value_cannot_be_guessed_from_its_digest_without_the_salt() -> None:
    salted = Outline(OUTLINE.config, "5b" * 16, "", "live", OUTLINE.profiles)
    environ = {"TT_SECRET": "guess"}
    digests = {
        next(part for part in cache.belongs_to(it, LIVE, environ).split("\0") if "TT" in part)
        for it in (OUTLINE, salted)
    }
    assert len(digests) == 2


def test_a_digest_is_that_of_blake2b() -> None:
    key = bytes(range(16))
    assert (
        locate.digest(b"a value", key) == blake2b(b"a value", digest_size=16, key=key).hexdigest()
    )


EVERY_KIND = CONFIG.replace(
    "{{ file: live.client-secret }}",
    "{{ first_of: [{{ env: TT_SECRET }}, {{ systemd_credential: tt-secret }},"
    " {{ dotenv: {{ path: bot.env, name: TT_SECRET }} }}, {{ file: live.client-secret }}] }}",
)


def test_the_inputs_of_a_config_are_all_that_its_references_name(world: World) -> None:
    path = world.configure(EVERY_KIND)
    found = (
        config.parse(bytes_of(path), path, home=world.home).outline(b"", "", "").profiles["live"]
    )
    assert found.inputs == (
        ("env", "TT_SECRET"),
        ("credential", "tt-secret"),
        ("file", f"{world.config_directory}/bot.env"),
        ("file", f"{world.config_directory}/live.client-secret"),
        ("file", f"{world.config_directory}/live.refresh-token"),
    )


def inputs_of(world: World) -> Iterator[tuple[str, dict[str, str]]]:
    """Changes something that a token may depend on; yields what, and the variables from then on."""
    at = world.config_directory
    variables = {"TT_SECRET": world.client_secret}
    yield "a variable is set", variables
    variables = {}
    credentials = world.write("credentials/tt-secret", world.client_secret)
    variables["CREDENTIALS_DIRECTORY"] = os.path.dirname(credentials)
    yield "a credential appears", variables
    world.write("credentials/tt-secret", world.client_secret + "\n")
    yield "a credential changes", variables
    world.write(f"{at}/bot.env", f"TT_SECRET={world.client_secret}\n")
    yield "a dotenv file appears", variables
    os.utime(f"{at}/bot.env", (1, 1))
    yield "a dotenv file changes", variables
    world.write(f"{at}/live.client-secret", world.client_secret + "\n")
    yield "a secret file changes", variables
    os.utime(f"{at}/live.refresh-token", (1, 1))
    yield "another secret file changes", variables
    world.write(world.config, bytes_of(world.config).decode() + "# a comment\n")
    yield "a comment in the config", variables
    variables["HOME"] = world.root
    variables["XDG_CONFIG_HOME"] = f"{world.home}/.config"
    variables["XDG_CACHE_HOME"] = f"{world.home}/.cache"
    yield "another home, where ~ is something else", variables


def test_every_input_that_changes_is_a_miss_and_everything_else_a_hit(world: World) -> None:
    world.configure(EVERY_KIND)
    assert world.run("token").code == 0
    assert world.run("token").code == 0
    exchanges = world.simulator.exchanges
    assert exchanges == 1
    for what, variables in inputs_of(world):
        first, second = (world.run("token", **variables) for _ in range(2))
        assert (first.code, second.code) == (0, 0), (what, first.err)
        assert first.out == second.out, what
        exchanges += 1
        assert world.simulator.exchanges == exchanges, what


def test_a_profile_by_name_and_by_default_share_one_entry(world: World) -> None:
    first = world.run("token")
    assert first.out == world.run("token", "-p", "live").out
    assert first.out == world.run("token", TASTYAUTH_PROFILE="live").out
    assert world.simulator.exchanges == 1


def test_a_shell_with_a_variable_beside_a_cron_job_without_it_do_not_flap(world: World) -> None:
    world.configure(EVERY_KIND)
    shells, cron = set(), set()
    for _ in range(4):
        shells.add(world.run("token", TT_SECRET=world.client_secret).out)
        cron.add(world.run("token").out)
    assert (len(shells), len(cron)) == (1, 1)
    assert world.simulator.exchanges == 2


@pytest.mark.parametrize("name", ["a\tb", "a\nb", "a\udcffb"], ids=["tab", "newline", "not UTF-8"])
def test_a_secret_in_a_directory_with_an_odd_name_is_an_input(world: World, name: str) -> None:
    at = f"{world.root}/{name}"
    world.configure(directory=at)
    assert world.run("--config", f"{at}/tastyauth.yaml", "token").code == 0
    world.write(f"{at}/live.client-secret", "0" * 40)
    assert world.run("--config", f"{at}/tastyauth.yaml", "token").code == 77


# Who may be served: what approved a config must still do so.


def look(world: World, path: str, origin: str, **variables: str) -> cache.View:
    return cache.look(Asked((path, origin), bytes_of(path), None, world.environ | variables))


def test_before_anything_is_known_there_is_an_outline_to_wait_for(world: World) -> None:
    os.makedirs(world.cache, mode=0o700)
    view = look(world, world.config, locate.USER)
    assert (view.outline, view.profile, view.entry) == (None, None, None)
    assert (view.belongs_to, view.name) == ("", "")
    name = cache.name_of(cache.config_of(world.config, world.environ))
    assert view.lock_path == f"{world.cache}/{name}.lock"


@pytest.mark.parametrize(("named", "found"), [(None, "live"), ("live", "live"), ("paper", "paper")])
def test_what_belongs_to_a_profile_is_found_for_it_and_for_no_other(
    tmp_path: os.PathLike[str], named: str | None, found: str
) -> None:
    environ = {"HOME": os.fspath(tmp_path), "TT_SECRET": "a"}
    directory = locate.cache_directory(environ)
    os.makedirs(directory, mode=0o700)
    store.write_outline(directory, cache.config_of("/a.yaml", environ), OUTLINE)

    def look(profile: str | None, content: bytes = OUTLINE.config, **more: str) -> cache.View:
        asked = Asked(("/a.yaml", locate.USER), content, profile, environ | more)
        return cache.look(asked)

    view = look(named)
    assert view.outline is not None
    assert view.profile is not None
    assert view.profile.name == found
    assert view.entry is None
    store.write_entry(view.entry_path, view.belongs_to, ENTRY)
    assert content(look(named).entry) == content(ENTRY)
    assert content(look(found).entry) == content(ENTRY)
    assert look("paper" if found == "live" else "live").entry is None
    assert (look(named, TT_SECRET="b").entry is None) == (found == "live")
    changed = look(named, OUTLINE.config + b"#")
    assert (changed.outline, changed.entry) == (None, None)
    unknown = look("unknown")
    assert unknown.outline is not None
    assert (unknown.profile, unknown.entry) == (None, None)


def asked(profile: str | None = None, content: bytes = OUTLINE.config) -> Asked:
    return Asked(("/a.yaml", locate.USER), content, profile, {"HOME": "/home/me"})


def asked_with(**environ: str) -> Asked:
    return Asked(("/a.yaml", locate.USER), OUTLINE.config, None, {"HOME": "/home/me"} | environ)


def test_a_token_file_is_that_of_one_account_and_of_no_other() -> None:
    """The same profile is another account when a variable or credential directory differs."""
    given = {"TT_SECRET": "a\udcff", "CREDENTIALS_DIRECTORY": "/run/c"}
    parts = "/a.yaml", "/home/me", "live", given["TT_SECRET"], "/run/c"
    of = "\0".join(parts).encode("utf-8", "surrogateescape")
    own = asked_with(**given)
    assert cache.file_prefix(own, LIVE) == f"tastyauth-{locate.digest(of, b'')}-"
    others = (
        asked(),
        asked_with(**{**given, "TT_SECRET": "b"}),
        asked_with(TT_SECRET=given["TT_SECRET"]),
    )
    prefixes = {cache.file_prefix(it, LIVE) for it in (own, *others)}
    assert len(prefixes | {cache.file_prefix(own, PAPER)}) == 5
    within = {FILE: f"/run/{cache.file_prefix(own, LIVE)}x/token"}
    assert cache.others_names(LIVE, asked_with(**given, **within)) == ("PAPER_TOKEN",)
    for it in (own, asked_with(**within), asked_with(**given, **{FILE: "/run/x/token"})):
        assert cache.others_names(LIVE, it) == ("PAPER_TOKEN", FILE)


def test_what_this_process_keeps_is_found_as_long_as_nothing_has_changed() -> None:
    there, elsewhere = asked(), Asked(("/a.yaml2", locate.USER), OUTLINE.config, None, {})
    for it in (there, elsewhere):
        store.keep(it, OUTLINE, LIVE, ENTRY)
    store.keep(there, OUTLINE, PAPER, ENTRY)
    for profile, found in ((None, LIVE), ("live", LIVE), ("paper", PAPER)):
        kept = store.kept(asked(profile))
        assert kept is not None
        assert (kept.outline, kept.profile, kept.entry) == (OUTLINE, found, ENTRY)
    found_in_project = Asked(("/a.yaml", locate.PROJECT), OUTLINE.config, None, there.environ)
    changed = (
        asked(content=b"version: 1"),
        asked_with(TT_SECRET="b"),
        asked("other"),
        found_in_project,
    )
    assert [store.kept(it) for it in changed] == [None] * 4
    store.forget(there, OUTLINE, LIVE)
    store.forget(there, OUTLINE, LIVE)
    assert store.kept(there) is store.kept(asked("live")) is None
    assert store.kept(asked("paper")) is not None
    store.forget_all("/a.yaml")
    assert store.kept(asked("paper")) is None
    assert store.kept(elsewhere) is not None
    store.forget_all("/a.yaml2")


def test_what_is_kept_of_a_project_is_found_as_long_as_it_is_approved(directory: str) -> None:
    """By a record, which `tastyauth deny` removes, or by the variable with the plan's hash."""
    record, variable = f"{directory}/approved", {"TASTYAUTH_TRUST_SHA256": "f0" * 32}
    overwrite(record, b"")
    for approval, environ in ((record, {}), ("f0" * 32, variable)):
        it = Asked(("/p.yaml", locate.PROJECT), b"version: 1", None, environ)
        store.keep(
            it, Outline(b"version: 1", "5a" * 16, approval, "live", {"live": LIVE}), LIVE, ENTRY
        )
        assert store.kept(it) is not None
        os.unlink(record) if approval == record else variable.clear()
        assert store.kept(it) is None
    store.forget_all("/p.yaml")


def test_one_thread_at_a_time_is_in_one_place() -> None:
    assert store.alone("a place") is store.alone("a place")
    assert store.alone("a place") is not store.alone("another")


def test_the_last_failure_with_the_same_secrets_counts_until_a_success(directory: str) -> None:
    """Also where only the file that holds them was written again: its record has another name."""
    view, record = cache.View(directory, OUTLINE_NAME), Attempt(soft_at=7.0)

    def failed(letter: str, secrets: str, ended: float, of: str = OUTLINE_NAME) -> None:
        attempt = Attempt().failed(RefusedError("no"), secrets, ended)
        last_attempt.write(f"{directory}/{of}.{letter * 16}.attempt", attempt)

    assert store.same_secrets(view, record, "same") is record
    overwrite(f"{directory}/{OUTLINE_NAME}.{'a' * 16}.entry", b"")
    failed("a", "same", 99.0, of="0" * 16)  # another config
    failed("b", "other", 50.0)
    failed("c", "same", 30.0)
    for other in (20.0, 40.0):
        failed("d", "same", other)
        found = store.same_secrets(view, record, "same")
        assert (found.ended_at, found.soft_at) == (max(30.0, other), 7.0)
    for succeeded, counts in ((39.0, True), (40.0, False), (41.0, False)):
        path = f"{directory}/{OUTLINE_NAME}.{'e' * 16}.attempt"
        last_attempt.write(path, Attempt(succeeded_at=succeeded))
        assert (store.same_secrets(view, record, "same") is record) is not counts


def in_a_project(world: World) -> str:
    os.mkdir(f"{world.project}/.git")
    return world.configure(directory=world.project)


def hash_of(world: World, path: str) -> str:
    return world.run("allow", "--print", path).out.rpartition("sha256: ")[2].strip()


def test_a_found_config_is_not_served_what_config_fetched_for_it(world: World) -> None:
    path = in_a_project(world)
    assert world.run("--config", path, "token").code == 0
    assert look(world, path, locate.FLAG).entry is not None
    assert look(world, path, locate.PROJECT).outline is None
    assert world.run("token").code == 78
    assert world.run("token", TASTYAUTH_CONFIG=path).code == 78
    assert world.run("--config", path, "token").code == 0
    assert world.simulator.exchanges == 1


def test_an_entry_that_a_hash_approved_is_a_miss_without_it(world: World) -> None:
    path = in_a_project(world)
    approved = {"TASTYAUTH_TRUST_SHA256": hash_of(world, path)}
    assert world.run("token", **approved).code == 0
    assert look(world, path, locate.PROJECT, **approved).entry is not None
    assert look(world, path, locate.PROJECT).entry is None
    assert look(world, path, locate.PROJECT, TASTYAUTH_TRUST_SHA256="0" * 64).entry is None
    assert world.run("token").code == 78
    assert world.run("token", **approved).code == 0
    assert world.simulator.exchanges == 1


def test_an_entry_whose_approval_was_withdrawn_is_a_miss(world: World) -> None:
    path = in_a_project(world)
    approve(world, path)
    assert world.run("token").code == 0
    assert world.run("token").code == 0
    assert world.simulator.exchanges == 1
    records = f"{world.home}/.local/state/tastyauth/allowed"
    (record,) = os.listdir(records)
    assert look(world, path, locate.PROJECT).entry is not None
    os.rename(f"{records}/{record}", f"{records}/withdrawn")
    assert look(world, path, locate.PROJECT).outline is None
    assert world.run("token").code == 78
    os.rename(f"{records}/withdrawn", f"{records}/{record}")
    assert world.run("token").code == 0
    assert world.simulator.exchanges == 1


def approve(world: World, path: str) -> None:
    """Records an approval as `allow` does after a yes on the terminal."""
    from tastyauth.config import trust
    from tastyauth.sources import Surroundings

    found = config.parse(bytes_of(path), path, home=world.home)
    trust.allow(found, Surroundings(world.environ, interactive=True, home=world.home))


# What nothing asks for any more goes.


def test_another_approval_of_the_same_config_finds_the_cached_token(world: World) -> None:
    """Named on the command line, found and allowed by its hash, and named again."""
    path = world.configure(directory=world.project)
    printed = world.run("allow", "--print").out
    approval = {"TASTYAUTH_TRUST_SHA256": printed.rpartition("sha256: ")[2].strip()}
    named, found = world.run("token", "--config", path), world.run("token", **approval)
    assert (named.code, found.code) == (0, 0), named.err + found.err
    assert found.out == named.out == world.run("token", "--config", path).out
    assert world.simulator.exchanges == 1


def test_clear_forgets_tokens_and_attempts_of_one_config_or_of_all(world: World) -> None:
    other = world.configure(directory=f"{world.root}/other")
    world.run("token")
    world.run("--config", other, "token")
    assert world.run("clear").code == 0
    assert len(entries(world.cache)) == 1
    world.run("--config", other, "token")
    assert world.simulator.exchanges == 2
    world.run("token")
    assert world.run("clear", "--all").code == 0
    assert entries(world.cache) == {}
    assert not [name for name in os.listdir(world.cache) if not name.endswith(".lock")]


def test_clear_forgets_one_profile_and_whatever_variables_it_was_asked_with(world: World) -> None:
    env = CONFIG.replace("{{ file: live.client-secret }}", "{{ env: TT_SECRET }}")
    paper = env.partition("profiles:\n")[2].replace("live:", "paper:", 1)
    world.configure(f"default_profile: live\n{env}{paper}")
    given = {"TT_SECRET": world.client_secret}
    world.run("token", **given)
    world.run("token", "-p", "paper", **given)
    world.simulator.fail = "grant-revoked"
    assert world.run("token", "-p", "paper", "--refresh", **given).code == 77
    world.simulator.fail = None
    assert world.run("clear", "-p", "nope").code == 2
    assert world.run("clear", "-p", "paper", "--all").code == 2
    asked = world.simulator.token_requests
    done = world.run("clear", "-p", "paper")  # without the variable
    assert (done.code, done.err) == (0, "tastyauth: 1 cached token forgotten\n")
    assert world.run("token", **given).code == 0
    assert world.simulator.token_requests == asked
    assert world.run("token", "-p", "paper", **given).code == 0
    assert world.simulator.token_requests == asked + 1
    assert world.run("clear").err == "tastyauth: 2 cached tokens forgotten\n"


def test_clearing_a_profile_removes_its_files_and_no_others(directory: str) -> None:
    view = cache.View(directory, OUTLINE_NAME)
    view.name = f"{OUTLINE_NAME}.{'a' * 16}"
    tokens = {
        "b" * 16: "salt\0live",
        "c" * 16: "salt\0live\0env TT 0",
        "d" * 16: "salt\0paper\0env TT 0",
        "e" * 16: "live\0paper\0live",
    }
    for name, belongs_to in tokens.items():
        store.write_entry(f"{directory}/{OUTLINE_NAME}.{name}.entry", belongs_to, ENTRY)
        overwrite(f"{directory}/{OUTLINE_NAME}.{name}.attempt", b"")
    other = f"{directory}/{'0' * 16}.{'b' * 16}.entry"
    store.write_entry(other, tokens["b" * 16], ENTRY)
    overwrite(f"{directory}/{OUTLINE_NAME}.{'f' * 16}.entry", b"damaged\n")
    os.symlink(other, f"{directory}/{OUTLINE_NAME}.{'9' * 16}.entry")
    overwrite(view.attempt_path, b"")
    overwrite(f"{directory}/{OUTLINE_NAME}.outline", b"")
    before = set(os.listdir(directory))
    assert store.clear_profile(view, CONFIG_OF, "live") == 2
    gone = {name.removeprefix(f"{OUTLINE_NAME}.") for name in before - set(os.listdir(directory))}
    own = {f"{letter * 16}.{kind}" for letter in "bc" for kind in ("entry", "attempt")}
    assert gone == {*own, f"{'a' * 16}.attempt"}
    assert store.clear_profile(view, CONFIG_OF, "live") == 0


def test_clear_counts_tokens_and_leaves_locks_and_the_files_of_others(directory: str) -> None:
    own, other = OUTLINE_NAME, cache.name_of("/another\0/home/me")
    a, b = (f"{own}.{letter * 16}" for letter in "ab")
    swept = [f"{a}.entry", f"{b}.entry", f"{a}.attempt", f"{own}.outline"]
    kept = [f"{a}.lock", f"{a}.entry.12.34.new", *NOT_OURS, f"{own}.csv", f"{own}.b.entry"]
    others = [f"{other}.{'a' * 16}.entry", f"{other}.outline"]
    for name in (*swept, *kept, *others):
        overwrite(f"{directory}/{name}", b"")
    assert store.clear(directory, CONFIG_OF) == 2
    assert set(os.listdir(directory)) == {*kept, *others}
    assert store.clear(directory, CONFIG_OF) == 0
    assert store.clear(directory) == 1
    assert set(os.listdir(directory)) == set(kept)
    assert store.clear(f"{directory}/missing") == 0


NOT_OURS = (
    "trade-journal.csv",
    "id_ed25519",
    "poetry.lock",
    "a.entry",
    "notes.new",
    ".entry",
    "0123456789abcdef",
    "0123456789abcdef.csv",
    "0123456789ABCDEF.entry",
    "0123456789abcde.entry",
    "00123456789abcdef.entry",
    "a.0123456789abcdef.entry",
    f"{NAME}.0123456789abcdef.entry",
    f"{NAME}.entry\n",
    f"{NAME}.entry.bak",
    f"{NAME}.entry.new",
    f"{NAME}.entry.12.new",
    f"{NAME}.entry.12.34.new.bak",
    f"{NAME}.lock~",
    "Tagebücher.lock",
)
"""What somebody may keep in a directory that he has named for the cache."""


def test_files_that_are_not_the_caches_are_never_removed(world: World) -> None:
    """However old it is, and however similar its name."""
    for name in NOT_OURS:
        os.utime(world.write(f"own/{name}", "precious"), (1, 1))
    world.write("own/old.lock/precious", "precious")
    os.utime(f"{world.root}/own/old.lock", (1, 1))
    variables = {"TASTYAUTH_CACHE_DIR": f"{world.root}/own"}
    for words in (["token"], ["token", "--refresh"]):
        done = world.run(*words, **variables)
        assert (done.code, done.err) == (0, "")
    assert world.run("clear", **variables).err == "tastyauth: 1 cached token forgotten\n"
    assert world.run("token", **variables).code == 0
    assert world.run("clear", "-p", "live", **variables).code == 0
    assert world.run("token", **variables).code == 0
    assert world.run("clear", "--all", **variables).err == "tastyauth: 1 cached token forgotten\n"
    assert {*NOT_OURS, "old.lock"} <= set(os.listdir(f"{world.root}/own"))


def test_old_files_are_swept_and_young_ones_are_not(world: World) -> None:
    world.run("token")
    one, a, b = "0123456789abcdef", NAME, "0123456789abcdef.0123456789abcdef"
    for name, age in (
        (f"{a}.entry", 8 * 86400),
        (f"{b}.entry", 6 * 86400),
        (f"{a}.attempt", 8 * 86400),
        (f"{a}.lock", 8 * 86400),
        (f"{one}.lock", 8 * 86400),
        (f"{one}.outline", 8 * 86400),
        (f"{a}.entry.123.456.new", 2 * 3600),
        (f"{one}.outline.123.456.new", 2 * 3600),
        (f"{b}.entry.124.456.new", 600),
    ):
        path = world.write(f"{world.cache}/{name}", "")
        os.utime(path, (time.time() - age,) * 2)
    before = set(os.listdir(world.cache))
    assert world.run("token", "--refresh").code == 0
    assert before - set(os.listdir(world.cache)) == {
        f"{a}.entry",
        f"{a}.attempt",
        f"{a}.lock",
        f"{one}.lock",
        f"{one}.outline",
        f"{a}.entry.123.456.new",
        f"{one}.outline.123.456.new",
    }
    assert world.run("token").code == 0
    assert world.simulator.exchanges == 2


_KILLED_WRITER = """
import os, sys
from tastyauth.posix import files
os.replace = lambda *_: os._exit(9)
files.write(sys.argv[1], b"half a token")
"""


def test_what_killed_writers_have_left_is_swept(world: World) -> None:
    world.run("token")
    for name in os.listdir(world.cache):
        if not name.endswith(".lock"):
            path = f"{world.cache}/{name}"
            assert world.run_program(sys.executable, "-c", _KILLED_WRITER, path).code == 9
    left = {name for name in os.listdir(world.cache) if name.endswith(".new")}
    assert len(left) == 3
    for name in left:
        os.utime(f"{world.cache}/{name}", (1, 1))
    assert world.run("token", "--refresh").code == 0
    assert not left & set(os.listdir(world.cache))


def test_sweeping_does_not_mind_files_that_come_and_go(world: World) -> None:
    world.run("token")
    view = look(world, world.config, locate.USER)
    stop = threading.Event()

    def come_and_go() -> None:
        while not stop.is_set():
            paths = [f"{world.cache}/{NAME}.entry.{number}.1.new" for number in range(20)]
            for path in paths:
                overwrite(path, b"")
            for path in paths:
                os.unlink(path)

    others = threading.Thread(target=come_and_go)
    others.start()
    try:
        for _ in range(1000):
            store.prune(view)
    finally:
        stop.set()
        others.join()
