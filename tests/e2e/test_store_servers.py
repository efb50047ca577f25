"""The documented recipes for stores on a server, OpenBao and AWS Secrets Manager, run as such.

The OpenBao is real, in its development mode; AWS is moto's server, asked by AWS's own program.
"""

import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from ports import closed_port, free_port
from world import World, until

from .parts import installed
from .processes import Place
from .recipes import adapted, recipe
from .stores import assert_foretold, assert_refused, assert_served, follow, link, point_at, set_up

FAR_AWAY = "https://bao.example.com"
"""The server of the recipe."""

_ROOT = "root"
"""The token that the development server is started with."""

_AWS_CONFIG = """\
[default]
region = us-east-1
endpoint_url = {origin}
"""

_AWS_CREDENTIALS = """\
[default]
aws_access_key_id = testing
aws_secret_access_key = testing
"""


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


@contextmanager
def serving(home: str, health: str, *argv: str) -> Iterator[None]:
    """A server that is up when its health page answers."""
    with Place(home).started("/bin/sh", "-c", 'exec "$@" >log 2>&1', "serve", *argv):
        until(lambda: answers(health))
        yield


# OpenBao


@pytest.fixture
def bao(tmp_path: os.PathLike[str]) -> Iterator[str]:
    """The origin of a server that knows nothing yet."""
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    server = (installed("stores/bin/bao"), "server", "-dev", "-dev-no-store-token")
    words = (f"-dev-root-token-id={_ROOT}", f"-dev-listen-address=127.0.0.1:{port}")
    with serving(os.fspath(tmp_path), f"{origin}/v1/sys/health", *server, *words):
        yield origin


@pytest.fixture
def bao_user(bao: str) -> Iterator[World]:
    """Somebody who has logged in, and has followed the recipe."""
    with set_up() as world:
        link(world, installed("stores/bin/bao"))
        words = ("login", f"-address={bao}", "-no-print", "-")
        login = world.run_program("bao", *words, given=_ROOT)
        assert login.code == 0, login.err
        follow(world, "# OpenBao", {FAR_AWAY: bao})
        yield world


def test_openbao_gives_what_was_put_there(bao_user: World) -> None:
    assert_served(bao_user)


def test_openbao_works_in_cron(bao_user: World, bao: str) -> None:
    """Of a login there is a file, and the address is in the config."""
    references = adapted(recipe("yaml", "# OpenBao"), {FAR_AWAY: bao, "[bao,": "[~/bin/bao,"})
    point_at(bao_user, references)
    assert_foretold(bao_user, "OpenBao, Vault")


def test_openbao_without_a_login(bao_user: World) -> None:
    os.unlink(f"{bao_user.home}/.vault-token")
    assert_refused(bao_user, "permission denied", "run it yourself")


def test_openbao_without_the_secret(bao_user: World, bao: str) -> None:
    changes = {FAR_AWAY: bao, ", tastytrade]": ", another]"}
    point_at(bao_user, adapted(recipe("yaml", "# OpenBao"), changes))
    assert_refused(bao_user, "No value found at secret/data/another", "run it yourself")


def test_openbao_that_is_sealed(bao_user: World, bao: str) -> None:
    assert bao_user.run_program("bao", "operator", "seal", f"-address={bao}").code == 0
    assert_refused(bao_user, "is sealed", "run it yourself")


def test_openbao_that_is_down(bao_user: World, bao: str) -> None:
    nowhere = f"http://127.0.0.1:{closed_port()}"
    point_at(bao_user, adapted(recipe("yaml", "# OpenBao"), {FAR_AWAY: nowhere}))
    assert_refused(bao_user, "connection refused", "run it yourself")


# AWS Secrets Manager


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The origin of moto's server."""
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    home = os.fspath(tmp_path_factory.mktemp("moto"))
    server = installed("stores/bin/moto_server")
    with serving(home, f"{origin}/moto-api/", server, "-H", "127.0.0.1", "-p", str(port)):
        yield origin


@pytest.fixture
def aws_user(moto: str) -> Iterator[World]:
    """Somebody with AWS's two files who has followed the recipe, in an account of their own."""
    with urllib.request.urlopen(f"{moto}/moto-api/reset", data=b""):
        pass
    with set_up() as world:
        link(world, installed("stores/bin/aws"))
        world.write(f"{world.home}/.aws/config", _AWS_CONFIG.format(origin=moto))
        world.write(f"{world.home}/.aws/credentials", _AWS_CREDENTIALS)
        world.environ["AWS_EC2_METADATA_DISABLED"] = "true"  # nobody to ask for a role here
        follow(world, "# AWS")
        yield world


def test_aws_gives_what_was_put_there(aws_user: World) -> None:
    assert_served(aws_user)


def test_aws_works_in_cron(aws_user: World) -> None:
    point_at(aws_user, adapted(recipe("yaml", "# AWS"), {"[aws,": "[~/bin/aws,"}))
    assert_foretold(aws_user, "AWS Secrets Manager")


def test_aws_without_credentials(aws_user: World) -> None:
    os.unlink(f"{aws_user.home}/.aws/credentials")
    assert_refused(aws_user, 'configure credentials by running "aws configure"')


def test_aws_without_the_secret(aws_user: World) -> None:
    point_at(aws_user, adapted(recipe("yaml", "# AWS"), {"tastytrade,": "another,"}))
    assert_refused(aws_user, "can't find the specified secret", "run it yourself")


def test_aws_without_one_of_the_two(aws_user: World) -> None:
    changes = {"json: /client_secret": "json: /client-secret"}
    point_at(aws_user, adapted(recipe("yaml", "# AWS"), changes))
    assert_refused(aws_user, "has no value at `json: /client-secret`", "correct the JSON Pointer")
