"""The library in programs that change how Python works: gevent, and Sentry with all variables."""

import json
import os
from dataclasses import replace

import pytest

from tastyauth.simulator import Simulator
from tastyauth.simulator.messages import Answer, Request

from .credentials import Credentials, configure
from .parts import REPOSITORY, installed
from .processes import Place

GREENLETS = """
import gevent.monkey

gevent.monkey.patch_all()
import gevent

import tastyauth

for refresh in (False, True):
    jobs = [gevent.spawn(tastyauth.get_credential, refresh=refresh) for _ in range(10)]
    gevent.joinall(jobs, timeout=60, raise_error=True)
    assert all(job.ready() for job in jobs), "some wait for ever"
    print(len({job.value.access_token.reveal() for job in jobs}))
"""

REPORTED = """
import sentry_sdk
from sentry_sdk.transport import Transport


class Printed(Transport):
    def capture_envelope(self, envelope):
        print(envelope.serialize().decode())


sentry_sdk.init(
    dsn="http://key@127.0.0.1/1", transport=Printed, include_local_variables=True,
    max_value_length=1_000_000, attach_stacktrace=True, default_integrations=True,
)
import tastyauth

try:
    tastyauth.get_credential()
except tastyauth.TastyauthError as error:
    sentry_sdk.capture_exception(error)
sentry_sdk.flush()
"""


class Rotating(Simulator):
    """A broker that replaces the refresh token, in an answer that is no use besides."""

    newest = ""

    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        fields = json.loads(answer.body)
        self.newest = fields["refresh_token"]
        return replace(answer, body=json.dumps(fields | {"expires_in": "soon"}).encode())


@pytest.fixture
def here(place: Place) -> Place:
    """A home for programs that find tastyauth in this checkout."""
    place.variables["PYTHONPATH"] = REPOSITORY
    return place


def python() -> str:
    return installed("runtimes/bin/python")


def test_greenlets_do_not_wait_for_one_another_for_ever(here: Place) -> None:
    with Simulator() as broker:
        configure(here, Credentials.of(broker), "custom", broker.origin)
        done = here.run(python(), "-c", GREENLETS)
    assert (done.code, done.err) == (0, "")
    assert done.out.split()[0] == "1"


def test_what_sentry_takes_of_a_failure_has_no_secret(here: Place) -> None:
    with Rotating(rotate=True) as broker:
        given = Credentials.of(broker)
        configure(here, given, "custom", broker.origin)
        done = here.run(python(), "-c", REPORTED)
    assert done.code == 0, done.err
    assert '"vars"' in done.out
    assert "expires_in" in done.out
    said = done.out + done.err
    assert broker.newest
    for secret in (given.client_secret, given.refresh_token, broker.newest):
        assert secret not in said
        assert secret[-40:] not in said
    grants = os.path.join(here.home, ".config", "tastyauth", "refresh-token")
    with open(grants, encoding="ascii") as file:
        assert file.read().strip() == broker.newest
