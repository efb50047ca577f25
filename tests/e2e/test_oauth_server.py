"""django-oauth-toolkit, an OAuth server that nobody here wrote, gives tastyauth what it asks."""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from world import Completed

from .credentials import Credentials, configure
from .parts import HERE, installed, tastyauth
from .processes import Place


@dataclass(frozen=True, slots=True)
class Server:
    """Where it listens, what it accepts, and a refresh token that has been revoked."""

    url: str
    credentials: Credentials
    revoked_token: str

    def knows(self, access_token: str) -> bool:
        """Whether a resource of the server opens to this token (RFC 6750)."""
        headers = {"Authorization": f"Bearer {access_token}"}
        request = urllib.request.Request(f"{self.url}/whoami", headers=headers)
        try:
            with urllib.request.urlopen(request) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as refusal:
            refusal.close()
            return False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = Place(os.fspath(tmp_path_factory.mktemp("server")))
    program = os.path.join(HERE, "programs", "oauth_toolkit.py")
    with place.started(installed("django/bin/python"), program) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        assert line, process.stderr.read()
        told = json.loads(line)
        credentials = Credentials(told["client_id"], told["client_secret"], told["refresh_token"])
        yield Server(told["url"], credentials, told["revoked_token"])


def ask(place: Place, server: Server, credentials: Credentials, *command: str) -> Completed:
    configure(place, credentials, "custom", server.url, timeout=10)
    return place.run_program(tastyauth(), *command)


def test_a_grant_is_exchanged_for_a_token_that_the_server_knows(
    place: Place, server: Server
) -> None:
    done = ask(place, server, server.credentials, "token")
    assert (done.code, done.err) == (0, "")
    assert server.knows(done.out.strip())
    assert not server.knows("another")


def test_a_revoked_grant_is_refused(place: Place, server: Server) -> None:
    """The code is RFC 6749's own `error`, the page and the button are in the hint."""
    credentials = replace(server.credentials, refresh_token=server.revoked_token)
    assert_refused(ask(place, server, credentials, "env"), "invalid_grant")


def test_a_wrong_client_secret_is_refused(place: Place, server: Server) -> None:
    """With 401 and JSON, which is a refusal, unlike 401 and HTML."""
    credentials = replace(server.credentials, client_secret="0" * 40)
    assert_refused(ask(place, server, credentials, "env"), "invalid_client")


def assert_refused(done: Completed, code: str) -> None:
    assert done.code == 77, done.err
    assert done.out.endswith("(exit 77);\n")
    assert code in done.err
    assert "https://my.tastytrade.com/" in done.err
