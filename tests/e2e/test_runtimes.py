"""The library in programs that run otherwise: gevent, trio, and Sentry with all variables."""

import json
import os
from dataclasses import replace

import pytest
from gated import Gated
from world import until

from tastyauth.simulator import Simulator
from tastyauth.simulator.messages import Answer, Request

from .credentials import Credentials, configure
from .parts import REPOSITORY, installed, tastyauth
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


TASKS = """\
import time, trio, tastyauth, httpx

async def main():
    live = await tastyauth.aget_credential("live")
    auth = tastyauth.TastytradeAuth("live")
    tokens = []

    async def ask():
        tokens.append((await tastyauth.aget_credential("paper")).access_token.reveal())

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(ask)
        with trio.fail_after(120):
            while not await trio.Path("asked").exists():
                await trio.sleep(0.01)
        began = time.monotonic()
        again = await tastyauth.aget_credential("live")
        async with httpx.AsyncClient(auth=auth, base_url=live.api_url) as client:
            accounts = await client.get("/customers/me/accounts")
        assert time.monotonic() - began < 5
        assert not tokens and accounts.status_code == 200
        assert again.access_token == live.access_token
        with open("go", "x"):
            pass
    assert len(tokens) == 8 and len(set(tokens)) == 1

trio.run(main)
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
        done = here.run_program(python(), "-c", GREENLETS)
    assert (done.code, done.err) == (0, "")
    assert done.out.split()[0] == "1"


def test_tasks_of_trio_share_one_exchange_and_wait_for_no_other(here: Place) -> None:
    """The exchange of `paper` hangs until the loop has done something for `live`."""
    with Gated() as broker:
        configure(here, Credentials.of(broker), "custom", broker.origin, profile="live")
        config = os.path.join(here.home, ".config", "tastyauth", "tastyauth.yaml")
        with open(config, "r+", encoding="ascii") as file:
            file.write(
                "\n" + file.read().partition("profiles:\n")[2].replace("  live:", "  paper:")
            )
        assert here.run_program(tastyauth(), "token", "-p", "live").code == 0
        broker.shut()
        with here.started(installed("trio/bin/python"), "-c", TASKS) as process:
            until(lambda: broker.is_asked.is_set() or process.poll() is not None)
            with open(os.path.join(here.home, "asked"), "x", encoding="ascii"):
                pass
            until(lambda: process.poll() is not None or "go" in os.listdir(here.home))
            broker.gate.set()
            assert process.communicate(timeout=60) == ("", "")
        assert process.returncode == 0
        assert broker.exchanges == 2


def test_what_sentry_takes_of_a_failure_has_no_secret(here: Place) -> None:
    with Rotating(rotate=True) as broker:
        given = Credentials.of(broker)
        configure(here, given, "custom", broker.origin)
        done = here.run_program(python(), "-c", REPORTED)
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
