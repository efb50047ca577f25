"""The documented container, as its engine would set it up: read-only, with a user of no name.

There is no engine in these tests. What the two files say is done without one, over a copy-on-write
view of this machine's own root, which is the image.
"""

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from needs import missing
from world import CONFIG, Completed

from tastyauth import export
from tastyauth.simulator import Simulator

from .credentials import Credentials
from .machine import ancestors
from .parts import REPOSITORY, program, tastyauth
from .processes import Place
from .recipes import recipe

PATH = "/usr/local/bin:/usr/bin:/bin"
USERS = ("10001", "1000660000")
"""The one of the recipe, and one as clusters invent them."""

# Says what it got and whether it gets the same again, which only a cache can give.
_REPORT = """#!/bin/sh
env -0
printf 'AGAIN=%s' "$(tastyauth token -p live)"
"""

_CONFIG = CONFIG.replace("file: ", "file: /run/secrets/")

_BRING_UP = """
cd "$0"
mount --bind / low
mount -t overlay overlay -o lowerdir=low,upperdir=up,workdir=work root
for directory in $DIRECTORIES; do chmod a+x "root$directory"; done
mount -t proc proc root/proc
mount --rbind /dev root/dev
mount --bind "$REPOSITORY" "root$REPOSITORY"
mount -o remount,bind,ro "root$REPOSITORY"
for secret in $SECRETS; do
    mount --bind "$secret" "root/run/secrets/$secret"
    mount -o remount,bind,ro "root/run/secrets/$secret"
done
[ -z "$CACHE" ] || mount -t tmpfs -o "${CACHE#*:}" tmpfs "root${CACHE%%:*}"
mount -o remount,ro root
exec chroot --userspec="$WHO:0" --groups= root env -i "$@"
"""


class Container:
    """What is in the build directory, and what the two recipes say."""

    def __init__(self, directory: str, broker: Simulator) -> None:
        self.directory = directory
        self.credentials = Credentials.of(broker)
        self.broker = broker
        composed: dict[str, Any] = yaml.safe_load(recipe("yaml", "# compose.yaml"))
        self.service: dict[str, Any] = composed["services"]["bot"]
        self.secrets: dict[str, Any] = composed["secrets"]
        config = _CONFIG.format(origin=broker.origin, client_id=self.credentials.client_id)
        self.write("tastyauth.yaml", config, mode=0o644)
        self.write("report", _REPORT, mode=0o755)

    def write(self, name: str, text: str, mode: int, owner: int = 0) -> None:
        with open(os.path.join(self.directory, name), "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), mode)
            os.fchown(file.fileno(), owner, owner)
            file.write(text)

    def keep_secrets(self, mode: int, owner: int) -> None:
        """The two files, whose they are and who may read them."""
        self.write("live.client-secret", self.credentials.client_secret, mode, owner)
        self.write("live.refresh-token", self.credentials.refresh_token, mode, owner)

    def up(self, *, user: str = "10001", cached: bool = True, home: str = "") -> Completed:
        """Builds it and runs it to its end."""
        assert self.service["read_only"] is True
        assert self.service["user"] == USERS[0]
        self._build()
        variables = self.service["environment"] if cached else {}
        given = [f"{name}={value}" for name, value in variables.items()]
        given += [f"HOME={home}"] if home else []
        private = ("unshare", "--mount", "--propagation", "private", "sh", "-eu", "-c", _BRING_UP)
        (cache,) = self.service["tmpfs"]
        return Place(self.directory).run_program(
            *(*private, self.directory, f"PATH={PATH}", *given, *self.service["command"]),
            DIRECTORIES=" ".join(ancestors(REPOSITORY, sys.base_prefix)),
            REPOSITORY=REPOSITORY,
            SECRETS=" ".join(self.service["secrets"]),
            CACHE=cache.replace(USERS[0], user) if cached else "",
            WHO=user,
        )

    def _build(self) -> None:
        for name in ("low", "up", "work", "root"):
            os.mkdir(os.path.join(self.directory, name), 0o755)
        for name in ("cache", "run/secrets", "usr/local/bin", REPOSITORY.lstrip("/")):
            os.makedirs(os.path.join(self.directory, "up", name), exist_ok=True)
        os.symlink(tastyauth(), os.path.join(self.directory, "up/usr/local/bin/tastyauth"))
        for name in self.service["secrets"]:
            assert self.secrets[name] == {"file": f"./{name}"}
            self.write(f"up/run/secrets/{name}", "", 0o600)
        copies = [line.split() for line in recipe("dockerfile").splitlines() if "COPY" in line]
        assert len(copies) == 2
        for _, mode, source, target in copies:
            os.makedirs(f"{self.directory}/up{target}")
            with open(os.path.join(self.directory, source), encoding="ascii") as file:
                self.write(f"up{target}{source}", file.read(), int(mode[-3:], 8))


@pytest.fixture
def container(tmp_path: os.PathLike[str]) -> Iterator[Container]:
    if os.geteuid() != 0:
        missing("a container takes root")
    for name in ("unshare", "chroot"):
        program(name)
    with Simulator() as broker:
        yield Container(os.fspath(tmp_path), broker)


@pytest.mark.parametrize("home", ["", "/"])
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("mode", [0o444, 0o440])
def test_secrets_of_root_are_read(container: Container, mode: int, user: str, home: str) -> None:
    """As a cluster mounts them; others can read them, or the group, which here is root's."""
    container.keep_secrets(mode, owner=0)
    assert_served(container.up(user=user, home=home), container, exchanges=1)


def test_secrets_of_its_own_are_read(container: Container) -> None:
    container.keep_secrets(0o400, owner=int(USERS[0]))
    assert_served(container.up(), container, exchanges=1)


@pytest.mark.parametrize("home", ["", "/", "/nowhere"])
@pytest.mark.parametrize("user", USERS)
def test_where_nothing_can_be_written_the_token_still_comes(
    container: Container, user: str, home: str
) -> None:
    """With a warning, and with one exchange each time."""
    container.keep_secrets(0o444, owner=0)
    finished = container.up(user=user, home=home, cached=False)
    assert_served(finished, container, exchanges=2)


def test_secrets_that_cannot_be_read_start_nothing(container: Container) -> None:
    container.keep_secrets(0o400, owner=0)
    finished = container.up()
    assert (finished.code, finished.out) == (69, "")
    assert "tastyauth: hint: " in finished.err
    assert container.broker.token_requests == 0


def assert_served(finished: Completed, container: Container, exchanges: int) -> None:
    """The program had a token, and no secret; a warning goes with each exchange but the cached."""
    assert finished.code == 0, finished.err
    seen = dict(pair.split("=", 1) for pair in finished.out.split("\0"))
    assert seen.keys() >= set(dict(export.DEFAULT_EXPORTS))
    assert container.broker.exchanges == exchanges
    assert (seen["AGAIN"] == seen["TASTYTRADE_ACCESS_TOKEN"]) == (exchanges == 1)
    for secret in (container.credentials.client_secret, container.credentials.refresh_token):
        assert secret not in finished.out + finished.err
    lines = finished.err.splitlines()
    assert len(lines) == (0 if exchanges == 1 else 2)
    assert all(line.startswith("tastyauth: warning: ") for line in lines)
