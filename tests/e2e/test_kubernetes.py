"""The secret volume of docs/secrets.md as a kubelet lays it out: root's files, and links.

There is no cluster in these tests. The files are in a directory behind a link called ..data, which
is swapped when a secret changes (kubernetes.io, Secrets; AtomicWriter in its source).
"""

import os
from collections.abc import Iterator
from typing import Any

import needs
import pytest
import yaml
from needs import missing
from world import World

from .parts import program
from .recipes import recipe
from .stores import FILES, assert_refused, assert_served, point_at, restore_files, set_up

_REFERENCES = """\
client_secret: { file: /run/secrets/live.client-secret }
refresh_token: { file: /run/secrets/live.refresh-token }
"""
"""As in the other documented containers."""

_LAY_OUT = """
update() {
    mkdir "$PLACE/$1"
    for name in $FILES; do
        install -m 0644 "$name" "$PLACE/$1/"
        ln -sfn "..data/$name" "$PLACE/$name"
    done
    ln -sfn "$1" "$PLACE/..data_tmp"
    mv -T "$PLACE/..data_tmp" "$PLACE/..data"
}
mount -t tmpfs tmpfs /run
mkdir -p "$PLACE"
[ "$MEDIUM" = memory ] || mount --bind "$(mktemp -d)" "$PLACE"
update ..2026_11_02_14_30_00.1
[ "$MEDIUM" != read-only ] || mount -o remount,bind,ro "$PLACE"
"""


@pytest.fixture
def world() -> Iterator[World]:
    """A container whose config names the volume; the secrets are in the working directory."""
    if os.geteuid() != 0:
        missing("a mount takes root")
    program("unshare")
    with set_up() as world:
        point_at(world, _REFERENCES)
        restore_files(world, world.project)
        yield world


def pod(medium: str, script: str = 'exec "$@"') -> tuple[str, ...]:
    """What runs a script, or a program, where the volume of the recipe is mounted."""
    described: dict[str, Any] = yaml.safe_load(recipe("yaml", "# a part of pod.yaml"))
    (container,), (volume,) = described["containers"], described["volumes"]
    (mount,) = container["volumeMounts"]
    assert mount["name"] == volume["name"]
    assert list(volume["secret"]) == ["secretName"]  # so that files have mode 0644, the default
    given = f"PLACE={mount['mountPath']} FILES='{' '.join(FILES)}' MEDIUM={medium}\n"
    private = ("unshare", "--mount", "--propagation", "private")
    return *private, "sh", "-euc", given + _LAY_OUT + script, "sh"


@pytest.mark.parametrize("medium", ["memory", "read-only"])
def test_a_secret_volume_is_read(world: World, medium: str) -> None:
    """By root too, whose own files they are: nobody else gets into such a mount."""
    assert_served(world, *pod(medium))


def test_the_same_files_on_a_disk_are_not(world: World) -> None:
    needs.is_on_disk(world.root)
    assert_refused(world, "chmod 600", before=pod("disk"))


def test_a_secret_that_the_cluster_has_changed_is_noticed(world: World) -> None:
    """The token that the old one gave is cached, and served no more."""
    script = """
    tastyauth token >"$HOME/before"
    tastyauth token | cmp - "$HOME/before"
    echo no-longer-this-one >live.refresh-token
    update ..2026_11_02_15_30_00.2
    tastyauth token
    """
    done = world.run_program(*pod("memory", script))
    assert (done.code, done.out) == (77, ""), done.err
    assert world.simulator.exchanges == 1


def test_a_volume_without_the_secret(world: World) -> None:
    lost = 'rm "$PLACE/live.refresh-token"; exec "$@"'
    assert_refused(world, "/run/secrets/live.refresh-token", before=pod("memory", lost))
