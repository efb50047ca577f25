"""The stores of docs/secrets.md: its table, and its recipes as a reader would follow them."""

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import documents
from world import CONFIG, World

from tastyauth.simulator import Simulator

from .recipes import adapted, recipe

FILES = ("live.client-secret", "live.refresh-token")
"""What `init` leaves beside the config, and a recipe takes from there."""

_USE = """\
eval $(tastyauth env) || exit
curl -fsS -H "Authorization: Bearer $TASTYTRADE_ACCESS_TOKEN" \
    "$TASTYTRADE_API_URL/customers/me/accounts"
"""

_CRON = re.compile(r"^\| ([^|]+?) \| (yes|no)[^|]*\|$", re.MULTILINE)


def works_in_cron() -> dict[str, bool]:
    """What the table in docs/secrets.md says of each store."""
    return {
        store: word == "yes" for store, word in _CRON.findall(documents.text("docs/secrets.md"))
    }


@contextmanager
def set_up() -> Iterator[World]:
    """A home as `init` leaves it, whose path is short: gpg puts sockets below it."""
    with Simulator() as simulator, tempfile.TemporaryDirectory(prefix="ta-") as root:
        world = World(root, simulator)
        restore_files(world)
        yield world


def restore_files(world: World, directory: str = "") -> None:
    """Writes the secrets into the two files, with a line ending, as `init` does."""
    values = (world.client_secret, world.refresh_token)
    for name, value in zip(FILES, values, strict=True):
        world.write(f"{directory or world.config_directory}/{name}", f"{value}\n")


def point_at(world: World, references: str, directory: str = "") -> None:
    """Writes a config with the references of a recipe."""
    head, _, _ = CONFIG.partition("    client_secret:")
    client_id = world.simulator.application.client_id
    text = head.format(origin=world.simulator.origin, client_id=client_id)
    text += "".join(f"    {line}\n" for line in references.splitlines())
    world.write(f"{directory or world.config_directory}/tastyauth.yaml", text)


def move_in(world: World, script: str, *before: str, directory: str = "") -> None:
    """Types the commands of a recipe beside the config, and removes the two files.

    `before` is a program that runs another.
    """
    directory = directory or world.config_directory
    done = world.run_program(*before, "/bin/sh", "-euc", f"cd {directory}\n{script}")
    assert done.code == 0, done.err
    for name in FILES:
        os.unlink(f"{directory}/{name}")
    assert world.run("clear", "--all").code == 0  # `secret set` has cached the token of its test


def follow(world: World, beginning: str, changes: Mapping[str, str] | None = None) -> None:
    """Follows the recipe of two blocks that begin so, with what differs here."""
    point_at(world, adapted(recipe("yaml", beginning), changes or {}))
    move_in(world, adapted(recipe("sh", beginning), changes or {}))


def link(world: World, *programs: str) -> None:
    """Puts programs, given by their paths, into `~/bin`."""
    for path in programs:
        os.symlink(path, f"{world.home}/bin/{os.path.basename(path)}")


def assert_served(world: World, *before: str, config: str = "", **variables: str) -> None:
    """The config is valid, and its token opens the account; in one exchange, without a word."""
    exchanges = world.simulator.exchanges
    checked = world.run("validate", config or world.config)
    assert (checked.code, checked.err) == (0, ""), checked.out
    used = world.run_program(*before, "/bin/sh", "-c", _USE, **variables)
    assert (used.code, "tastyauth: " in used.err) == (0, False), used.err
    assert "account-number" in used.out
    assert world.simulator.exchanges == exchanges + 1


def assert_refused(world: World, *words: str, before: Sequence[str] = ()) -> None:
    """`env` ends with 69, and says these words, what to do, and no secret; nothing is sent."""
    requests = world.simulator.token_requests
    done = world.run_program(*before, "tastyauth", "env")
    assert done.code == 69, done.err
    assert done.out.endswith(";(exit 69);\n")
    assert "\ntastyauth: hint: " in done.err
    for word in words:
        assert word in done.err
    for secret in (world.client_secret, world.refresh_token):
        assert secret not in done.out + done.err
    assert world.simulator.token_requests == requests


def assert_foretold(world: World, store: str, *before: str) -> None:
    """The doctor says the same of cron as the table."""
    words = ("doctor", "--offline", "--cron", "--format", "json")
    done = world.run_program(*before, "tastyauth", *words)
    checks = json.loads(done.out)["cron"]["checks"]
    outcomes = [it["outcome"] for it in checks if it["name"] in ("client_secret", "refresh_token")]
    assert len(outcomes) == 2
    assert (outcomes == ["resolved"] * 2) is works_in_cron()[store], outcomes
