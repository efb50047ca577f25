"""The clients that traders use accept the simulator, and fail on its failures as on the broker's.

What they make of an answer is what their sources say. The community's client looks for `error`
and, where there is none, shows all it got; the broker's own leaves everything to axios, which
follows redirects and waits forever.
"""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tastyauth.simulator import FAILURES, Simulator

from .clients import CLIENTS, Client, npm_client, pypi_client
from .credentials import Credentials, configure
from .parts import tastyauth
from .processes import Place

ENVIRONMENTS = ("production", "sandbox")
OPEN, CLOSED = "5WT00001", "5WT00002"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(environment="production") as simulator:
        yield simulator


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_communitys_client_lists_accounts(place: Place, environment: str) -> None:
    """It hides closed accounts, and believes the lifetime in the answer."""
    with Simulator(environment=environment, lifetime=600) as simulator:
        before = time.time()
        credentials = Credentials.of(simulator)
        answer = pypi_client(place, credentials, environment, simulator.origin)
    assert answer["accounts"] == [OPEN]
    assert before + 600 <= answer["expires_at"] <= time.time() + 600
    assert (simulator.token_requests, simulator.exchanges) == (1, 1)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_brokers_client_lists_accounts(place: Place, environment: str) -> None:
    """It shows closed accounts too, and believes the lifetime in the answer."""
    with Simulator(environment=environment, lifetime=600) as simulator:
        credentials = Credentials.of(simulator)
        answer = npm_client(place, credentials, environment, simulator.origin)
    assert answer["accounts"] == [OPEN, CLOSED]
    assert answer["expires_in"] == 600
    assert (simulator.token_requests, simulator.exchanges) == (1, 1)


def test_a_token_near_its_end_is_replaced_between_two_requests(place: Place) -> None:
    """The second token request carries no left-over Authorization, which would be refused."""
    with Simulator(environment="production", lifetime=30) as simulator:
        credentials = Credentials.of(simulator)
        answer = pypi_client(place, credentials, "production", simulator.origin, lists=2)
    assert answer["accounts"] == [OPEN]
    assert simulator.exchanges == 2


# What an answer looks like to each of them. HTML reaches neither as more than text.

REFUSED = {
    "grant-revoked": ("invalid_grant", "Grant revoked"),
    "secret-mismatch": ("invalid_grant", "Client secret mismatch"),
    "invalid-jwt": ("invalid_grant", "Invalid JWT"),
    "not-a-customer": ("invalid_request", "User is not a TastyTrade customer"),
}
PAGES = {
    "429": (429, "429 Too Many Requests"),
    "503": (503, "503 Service Temporarily Unavailable"),
    "html-401": (401, "401 Authorization Required"),
}
ODD = {"slow", "redirect", "not-json", "echo"}  # each a test of its own


def test_every_failure_of_the_simulator_is_shown_to_the_clients() -> None:
    assert REFUSED.keys() | PAGES.keys() | ODD == set(FAILURES)


@pytest.mark.parametrize("kind", REFUSED)
def test_a_refusal_reaches_the_clients(place: Place, simulator: Simulator, kind: str) -> None:
    """The one cannot find `error` in it and shows the whole body, the other has the code."""
    simulator.fail = kind
    assert_refused(place, simulator, Credentials.of(simulator), *REFUSED[kind])


@pytest.mark.parametrize(
    ("of_another", "reason"),
    [("client_secret", "Client secret mismatch"), ("refresh_token", "Grant revoked")],
)
def test_credentials_of_another_application_are_refused(
    place: Place, simulator: Simulator, of_another: str, reason: str
) -> None:
    """A secret that does not belong to the grant, and a sandbox token sent to production."""
    with Simulator(environment="sandbox") as sandbox:
        other = Credentials.of(sandbox)
    mixed = replace(Credentials.of(simulator), **{of_another: getattr(other, of_another)})
    assert_refused(place, simulator, mixed, "invalid_grant", reason)


def test_a_password_in_place_of_the_refresh_token_is_refused(
    place: Place, simulator: Simulator
) -> None:
    mistaken = replace(Credentials.of(simulator), refresh_token="correct horse")
    assert_refused(place, simulator, mistaken, "invalid_grant", "Invalid JWT")


def assert_refused(
    place: Place, simulator: Simulator, credentials: Credentials, code: str, reason: str
) -> None:
    body = {"error_code": code, "error_description": reason}
    answer = pypi_client(place, credentials, "production", simulator.origin)
    assert answer["raised"] == "TastytradeError"
    assert answer["message"] == f"Couldn't parse response: {body}"
    answer = npm_client(place, credentials, "production", simulator.origin)
    assert (answer["raised"], answer["status"], answer["body"]) == ("AxiosError", 400, body)


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_of_the_web_server_reaches_the_clients(
    place: Place, simulator: Simulator, kind: str
) -> None:
    simulator.fail = kind
    status, heading = PAGES[kind]
    credentials = Credentials.of(simulator)
    answer = pypi_client(place, credentials, "production", simulator.origin)
    assert answer["raised"] == "TastytradeError"
    assert answer["message"].startswith("Couldn't parse response: <html>")
    assert heading in answer["message"]
    answer = npm_client(place, credentials, "production", simulator.origin)
    assert (answer["raised"], answer["status"]) == ("AxiosError", status)
    assert heading in answer["body"]


def test_a_page_in_place_of_the_token_stops_the_clients_late(
    place: Place, simulator: Simulator
) -> None:
    """The one trips over the JSON, the other goes on without a token and is then refused."""
    simulator.fail = "not-json"
    credentials = Credentials.of(simulator)
    answer = pypi_client(place, credentials, "production", simulator.origin)
    assert answer["raised"] == "JSONDecodeError"
    answer = npm_client(place, credentials, "production", simulator.origin)
    assert (answer["status"], answer["body"]["error"]["code"]) == (401, "token_invalid")


def test_a_redirect_is_followed_by_one_of_the_clients(place: Place, simulator: Simulator) -> None:
    """axios carries both secrets to wherever it is sent; the other stops."""
    simulator.fail = "redirect"
    credentials = Credentials.of(simulator)
    answer = pypi_client(place, credentials, "production", simulator.origin)
    assert "307 Temporary Redirect" in answer["message"]
    assert [request.path for request in simulator.requests] == ["/oauth/token"]
    answer = npm_client(place, credentials, "production", simulator.origin)
    assert (answer["status"], answer["body"]["error"]["code"]) == (404, "not_found")
    assert simulator.requests[-1].path == "/elsewhere/oauth/token"
    assert credentials.client_secret.encode() in simulator.requests[-1].body


def test_an_echo_of_the_request_is_shown_by_the_clients(place: Place, simulator: Simulator) -> None:
    """Both show the secrets that it holds."""
    simulator.fail = "echo"
    credentials = Credentials.of(simulator)
    for client in CLIENTS.values():
        answer = client(place, credentials, "production", simulator.origin)
        shown = json.dumps(answer)
        assert credentials.client_secret in shown
        assert credentials.refresh_token in shown


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
def test_the_clients_wait_for_as_long_as_an_answer_drips(
    place: Place, simulator: Simulator, client: Client
) -> None:
    """The one limits each read to two seconds and gets a byte a second; both fail at the end."""
    simulator.fail = "slow"
    credentials = Credentials.of(simulator)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client, place, credentials, "production", simulator.origin)
        while simulator.token_requests == 0 and not waiting.done():
            time.sleep(0.02)
        time.sleep(3)
        assert not waiting.done()
        simulator.close()
        assert "raised" in waiting.result()


OURS = {
    "grant-revoked": 77,
    "secret-mismatch": 77,
    "invalid-jwt": 77,
    "not-a-customer": 75,  # a custom environment counts as a sandbox
    "429": 75,
    "503": 75,
    "html-401": 76,
    "slow": 75,
    "redirect": 76,
    "not-json": 76,
    "echo": 77,
}


@pytest.mark.parametrize("kind", FAILURES)
def test_tastyauth_tells_the_failures_apart(place: Place, simulator: Simulator, kind: str) -> None:
    """Its exit code says who must act; it shows no secret and follows no redirect."""
    simulator.fail = kind
    credentials = Credentials.of(simulator)
    patience = 2 if OURS[kind] == 75 else 60
    configure(place, credentials, "custom", simulator.origin, timeout=patience)
    finished = place.run_program(tastyauth(), "token")
    assert (finished.code, finished.out) == (OURS[kind], "")
    assert "tastyauth: hint: " in finished.err
    assert credentials.client_secret not in finished.err
    assert credentials.refresh_token not in finished.err
    assert {request.path for request in simulator.requests} == {"/oauth/token"}
