"""The recipes of docs/secrets.md for stores of one's own machine: pass, the keyring, age, sops.

That pass and the keyring do in cron what the doctor foretells is in test_doctor_cron.py; secrets in
files are in nearly every other test.
"""

import os
import re
from collections.abc import Iterator

import pytest
from world import World

from .parts import installed, program
from .recipes import adapted, recipe
from .stores import (
    assert_foretold,
    assert_refused,
    assert_served,
    follow,
    link,
    move_in,
    point_at,
    restore_files,
    set_up,
    works_in_cron,
)

COVERED = {
    "files",
    "`pass`",
    "keyring of the desktop",
    "age",
    "sops",
    "OpenBao, Vault",  # test_store_servers.py
    "AWS Secrets Manager",
    "Bitwarden",  # test_password_managers.py
    "1Password",
    "systemd credentials",  # test_systemd.py, test_systemd_creds.py
    "Docker, Kubernetes",  # test_container.py, test_kubernetes.py
}
"""The stores of the documented table that have a test."""

UNLOCKED = "printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1"
LOCKED = "gnome-keyring-daemon --start --components=secrets >/dev/null 2>&1"
"""A keyring to which nobody has given its password."""


@pytest.fixture
def desk() -> Iterator[World]:
    with set_up() as world:
        yield world


def test_every_store_of_the_table_is_tested() -> None:
    assert set(works_in_cron()) == COVERED


def test_files_work_in_cron(desk: World) -> None:
    desk.configure()
    assert_foretold(desk, "files")


# pass


@pytest.fixture
def gpg_desk(desk: World) -> Iterator[World]:
    """With gpg, whose agent ends with the test."""
    for name in ("pass", "gpg", "gpgconf"):
        program(name)
    yield desk
    desk.run_program("gpgconf", "--kill", "all")


def make_store(world: World, passphrase: str) -> None:
    """A password store for a new key, which gpg's agent does not remember the passphrase of."""
    agent = f"{world.home}/.gnupg/gpg-agent.conf"
    world.write(agent, "s2k-count 65536\n")  # else it spends seconds on finding a slower one
    unasked = ("gpg", "--batch", "--quiet", "--pinentry-mode", "loopback")
    key = (
        "--passphrase",
        passphrase,
        "--quick-gen-key",
        "me",
        "future-default",
        "default",
        "never",
    )
    made = world.run_program(*unasked, *key)
    assert made.code == 0, made.err
    assert world.run_program("gpgconf", "--kill", "gpg-agent").code == 0
    assert world.run_program("pass", "init", "me").code == 0


def move_into_pass(world: World) -> None:
    point_at(world, recipe("yaml", "# pass"))
    move_in(world, recipe("sh", "# into pass or the keyring"))


def test_pass_gives_what_was_moved_into_it(gpg_desk: World) -> None:
    make_store(gpg_desk, passphrase="")
    move_into_pass(gpg_desk)
    assert_foretold(gpg_desk, "`pass`")
    assert_served(gpg_desk)


def test_an_entry_that_is_not_in_the_password_store_yet(gpg_desk: World) -> None:
    make_store(gpg_desk, passphrase="")
    point_at(gpg_desk, recipe("yaml", "# pass"))
    assert_refused(gpg_desk, "is not in the password store", "hint: store it: tastyauth secret set")


def test_a_password_store_that_is_locked(gpg_desk: World) -> None:
    make_store(gpg_desk, passphrase="pw")
    move_into_pass(gpg_desk)  # which takes no passphrase
    assert_refused(gpg_desk, "No secret key", "unlock it first")


# the keyring of the desktop


@pytest.fixture
def keyring_desk(desk: World) -> World:
    for name in ("dbus-run-session", "gnome-keyring-daemon"):
        program(name)
    return desk


def session(world: World, keyring: str) -> tuple[str, ...]:
    """What runs a program in a session of its own, with its bus and its keyring."""
    return "dbus-run-session", "--", world.script("session", f'{keyring}\nexec "$@"')


def move_into_keyring(world: World) -> None:
    point_at(world, recipe("yaml", "# the keyring"))
    script = recipe("sh", "# into pass or the keyring")
    move_in(world, script, *session(world, UNLOCKED))


def test_the_keyring_gives_what_was_moved_into_it(keyring_desk: World) -> None:
    move_into_keyring(keyring_desk)
    unlocked = session(keyring_desk, UNLOCKED)
    assert_foretold(keyring_desk, "keyring of the desktop", *unlocked)
    assert_served(keyring_desk, *unlocked)


def test_a_keyring_that_is_locked(keyring_desk: World) -> None:
    move_into_keyring(keyring_desk)
    assert_refused(keyring_desk, " is locked", "unlock", before=session(keyring_desk, LOCKED))


def test_a_keyring_that_does_not_have_it_yet(keyring_desk: World) -> None:
    point_at(keyring_desk, recipe("yaml", "# the keyring"))
    unlocked = session(keyring_desk, UNLOCKED)
    assert_refused(keyring_desk, "does not exist", "tastyauth secret set", before=unlocked)


def test_no_keyring_at_all(keyring_desk: World) -> None:
    move_into_keyring(keyring_desk)
    assert_refused(keyring_desk, "there is no keyring", "use a file")


# age


@pytest.fixture
def age_desk(desk: World) -> World:
    program("age")
    follow(desk, "# age")
    return desk


def test_age_decrypts_what_was_encrypted(age_desk: World) -> None:
    assert_foretold(age_desk, "age")
    assert_served(age_desk)


def test_the_key_of_age_is_private(age_desk: World) -> None:
    assert os.stat(f"{age_desk.config_directory}/age.key").st_mode & 0o777 == 0o600


def test_a_wrong_key_of_age(age_desk: World) -> None:
    key = f"{age_desk.config_directory}/age.key"
    os.unlink(key)
    assert age_desk.run_program("age-keygen", "-o", key).code == 0
    assert_refused(age_desk, "no identity matched any of the recipients", "run it yourself")


def test_no_key_of_age(age_desk: World) -> None:
    os.unlink(f"{age_desk.config_directory}/age.key")
    assert_refused(age_desk, "no such file or directory", "run it yourself")


# sops


@pytest.fixture
def sops_desk(desk: World) -> World:
    program("age-keygen")
    link(desk, installed("stores/bin/sops"))
    return desk


def follow_in_project(world: World) -> str:
    """Follows the recipe in the project; the hash of what its config would do."""
    restore_files(world, world.project)
    point_at(world, recipe("yaml", "# sops"), world.project)
    move_in(world, recipe("sh", "# sops"), directory=world.project)
    printed = world.run("allow", "--print")
    (digest,) = re.findall(r"\b[0-9a-f]{64}\b", printed.out)
    return str(digest)


def test_a_file_of_sops_in_the_repository_serves_who_has_allowed_it(sops_desk: World) -> None:
    digest = follow_in_project(sops_desk)
    assert sops_desk.run("token").code == 78
    config = f"{sops_desk.project}/tastyauth.yaml"
    assert_served(sops_desk, config=config, TASTYAUTH_TRUST_SHA256=digest)


def test_a_file_of_sops_shows_nothing(sops_desk: World) -> None:
    """To who looks, or to the scan for pasted secrets."""
    follow_in_project(sops_desk)
    path = f"{sops_desk.project}/tastytrade.enc.yaml"
    assert sops_desk.run("no-secrets", path).code == 0
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert sops_desk.client_secret not in text
    assert sops_desk.refresh_token not in text


def test_sops_works_in_cron(sops_desk: World) -> None:
    follow(sops_desk, "# sops")
    point_at(sops_desk, adapted(recipe("yaml", "# sops"), {"[sops,": "[~/bin/sops,"}))
    assert_foretold(sops_desk, "sops")


def test_no_key_of_sops(sops_desk: World) -> None:
    follow(sops_desk, "# sops")
    os.unlink(f"{sops_desk.home}/.config/sops/age/keys.txt")
    assert_refused(sops_desk, "no master key was able to decrypt the file", "run it yourself")
