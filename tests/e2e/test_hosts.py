"""Under the broker's real host names, over TLS, on a network of its own: clients and tastyauth.

No program is given an address. Names lead to simulators because /etc/hosts says so, and the
simulators are believed because the tests' own authority vouches for them.
"""

import base64
import json
import os
import time
from typing import Any

import pytest
from tables import words

from .brokers import HOSTS, PLAIN_URL, Brokers
from .certificates import Authority
from .clients import CLIENTS, Client
from .credentials import Credentials, configure
from .network import Network
from .parts import program, tastyauth
from .processes import Place
from .proxy import PROXY, tinyproxy

OPEN = "5WT00001"
NOWHERE = "203.0.113.9"  # RFC 5737: an address of nobody


@pytest.fixture
def home(tmp_path: os.PathLike[str]) -> str:
    return os.fspath(tmp_path)


@pytest.mark.parametrize("environment", HOSTS)
@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
def test_the_clients_list_accounts(
    brokers: Brokers, home: str, client: Client, environment: str
) -> None:
    """Not one setting is changed but the credentials and what each trusts."""
    place = brokers.seen_from(home)
    place.variables["SSL_CERT_FILE"] = brokers.authority.file
    place.variables["NODE_EXTRA_CA_CERTS"] = brokers.authority.file
    answer = client(place, brokers.credentials[environment], environment)
    assert OPEN in answer["accounts"], answer
    assert targets(brokers, environment) == ["POST /oauth/token", "GET /customers/me/accounts"]


@pytest.mark.parametrize("environment", HOSTS)
def test_env_sets_up_a_shell(brokers: Brokers, home: str, environment: str) -> None:
    """What is evaluated is enough for a curl that lists the accounts."""
    place = trusting_place(brokers, home, environment)
    script = (
        'set -e; eval $("$0" env); echo "$TASTYTRADE_ENV $TASTYTRADE_API_URL"; '
        'curl -sS -H "Authorization: Bearer $TASTYTRADE_ACCESS_TOKEN" '
        '"$TASTYTRADE_API_URL/customers/me/accounts"'
    )
    finished = place.run_program("sh", "-c", script, tastyauth())
    assert (finished.code, finished.err) == (0, "")
    said, _, accounts = finished.out.partition("\n")
    assert said == f"{environment} https://{HOSTS[environment]}"
    assert account_numbers(accounts)[0] == OPEN
    assert targets(brokers, environment) == ["POST /oauth/token", "GET /customers/me/accounts"]


@pytest.mark.parametrize("environment", HOSTS)
def test_exec_sets_up_a_program(brokers: Brokers, home: str, environment: str) -> None:
    place = trusting_place(brokers, home, environment)
    script = (
        'curl -sS -H "Authorization: Bearer $TASTYTRADE_ACCESS_TOKEN" '
        '"$TASTYTRADE_API_URL/customers/me/accounts"; exit 7'
    )
    finished = place.run_program(tastyauth(), "exec", "--", "sh", "-c", script)
    assert (finished.code, finished.err) == (7, "")
    assert account_numbers(finished.out)[0] == OPEN
    assert targets(brokers, environment) == ["POST /oauth/token", "GET /customers/me/accounts"]


def test_a_grant_of_the_sandbox_is_refused_by_production(brokers: Brokers, home: str) -> None:
    """The clients find out from the server; tastyauth looks at the token and does not ask."""
    place = trusting_place(brokers, home, "production", credentials="sandbox")
    place.variables["NODE_EXTRA_CA_CERTS"] = brokers.authority.file
    for client in CLIENTS.values():
        answer = client(place, brokers.credentials["sandbox"], "production")
        assert "Grant revoked" in json.dumps(answer)
    assert targets(brokers, "production") == ["POST /oauth/token"] * 2
    finished = place.run_program(tastyauth(), "env")
    assert finished.code == 77
    assert "sandbox" in finished.err
    assert targets(brokers, "production") == []


# TLS.


@pytest.mark.parametrize(("name", "reason"), [("misnamed", "another name"), ("expired", "expired")])
def test_a_bad_certificate_is_refused(brokers: Brokers, home: str, name: str, reason: str) -> None:
    """One for another host, and one that has expired; nothing is sent."""
    place = trusting_place(brokers, home, "production", credentials=name, production=name)
    assert_not_trusted(place, reason)
    assert targets(brokers, name) == []


def test_an_unknown_authority_is_refused(brokers: Brokers, home: str) -> None:
    """Whether it is another one that is trusted, or those of the system; nothing is sent."""
    place = trusting_place(brokers, home, "production")
    place.variables["SSL_CERT_FILE"] = Authority(os.path.join(home, "another")).file
    assert_not_trusted(place, "unknown authority")
    del place.variables["SSL_CERT_FILE"]
    assert_not_trusted(place, "unknown authority")
    assert targets(brokers, "production") == []


@pytest.mark.parametrize("name", ["misnamed", "expired"])
def test_a_bad_certificate_is_all_that_is_wrong(brokers: Brokers, home: str, name: str) -> None:
    """curl, told to overlook it, is answered."""
    place = brokers.seen_from(home, production=name)
    finished = place.run_program(program("curl"), "-sSk", f"https://{HOSTS['production']}/")
    assert "not_found" in finished.out
    assert targets(brokers, name) == ["GET /"]


def assert_not_trusted(place: Place, reason: str) -> None:
    finished = place.run_program(tastyauth(), "env")
    assert finished.code == 76, finished.err
    assert finished.out.endswith("(exit 76);\n")
    complaint, hint = finished.err.splitlines()[:2]
    assert complaint.startswith("tastyauth: error: ")
    assert reason in complaint
    assert hint.startswith("tastyauth: hint: ")


# Proxies.


def test_a_proxy_is_used_for_https(brokers: Brokers, home: str) -> None:
    """Only the proxy knows the host's address, and all it learns is a name and a port."""
    place = trusting_place(brokers, home, "production")
    without_names = brokers.network.knowing(home, {})
    without_names.variables.update(place.variables)
    with tinyproxy(place) as log:
        finished = without_names.run_program(tastyauth(), "token", HTTPS_PROXY=PROXY)
        assert (finished.code, finished.err) == (0, "")
        assert log.count(f"CONNECT {HOSTS['production']}:443") == 1
    assert targets(brokers, "production") == ["POST /oauth/token"]


def test_a_proxy_is_never_used_for_loopback(brokers: Brokers, home: str) -> None:
    """Not by http, where it would read the secrets; curl in the same environment does use it."""
    place = brokers.seen_from(home)
    configure(place, brokers.credentials["plain"], "custom", PLAIN_URL)
    for name in words("http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY"):
        place.variables[name] = PROXY
    with tinyproxy(place) as log:
        finished = place.run_program(tastyauth(), "token")
        assert finished.code == 0
        assert finished.err.endswith("set stands_for: production\n")
        assert log.count("") == 0
        place.run_program(program("curl"), "-sS", f"{PLAIN_URL}/curl")
        assert log.count(f"GET {PLAIN_URL}/curl") == 1
    assert targets(brokers, "plain") == ["POST /oauth/token", "GET /curl"]


# Containment.


def test_without_the_names_nothing_leaves(brokers: Brokers, home: str) -> None:
    """No name, no packet: `brokers` counts them."""
    trusting_place(brokers, home, "production")
    finished = brokers.network.knowing(home, {}).run_program(tastyauth(), "env")
    assert finished.code == 75
    assert finished.out.endswith("(exit 75);\n")
    assert "tastyauth: hint: " in finished.err


def test_what_would_leave_is_counted(network: Network, home: str) -> None:
    """The same run with a name that leads outside: so the counter above can tell."""
    strangers = Credentials("00000000-0000-4000-8000-000000000000", "5ec2e7", "70ce2")
    place = network.knowing(home, {HOSTS["production"]: NOWHERE})
    configure(place, strangers, "production", timeout=2)
    before = network.packets_out()
    assert place.run_program(tastyauth(), "env").code == 75
    assert network.packets_out() > before


# The documented curl.


def test_curl_gets_the_same(brokers: Brokers, home: str) -> None:
    """The same request, field by field, and the same answer, but for what is new in each token."""
    place = trusting_place(brokers, home, "production")
    credentials = brokers.credentials["production"]
    body = {
        "grant_type": "refresh_token",
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
        "refresh_token": credentials.refresh_token,
    }
    before = int(time.time())
    by_hand = place.run_program(
        *(program("curl"), "-sS", "-X", "POST", f"https://{HOSTS['production']}/oauth/token"),
        *("-H", "User-Agent: tastyauth/1.0", "-H", "Content-Type: application/json"),
        *("-d", json.dumps(body)),
    )
    answer = json.loads(by_hand.out)
    ours = json.loads(place.run_program(tastyauth(), "env", "--format", "json").out)
    after = time.time()
    curls, tastyauths = brokers.requests("production")

    assert json.loads(tastyauths["body"]) == json.loads(curls["body"]) == body
    for field in ("method", "path"):
        assert tastyauths[field] == curls[field]
    for name in ("host", "content-type"):
        assert tastyauths["headers"][name] == curls["headers"][name]
    assert tastyauths["headers"]["user-agent"].startswith("tastyauth/")
    assert "authorization" not in tastyauths["headers"]

    assert answer.keys() == {"access_token", "token_type", "expires_in"}
    assert answer["token_type"] == "Bearer"
    assert before <= ours["expires_at"] - answer["expires_in"] <= after
    exports = ours["exports"]
    assert exports["TASTYTRADE_ACCESS_TOKEN_EXPIRES_AT"] == str(ours["expires_at"])
    claims, expected = (
        claims_of(exports["TASTYTRADE_ACCESS_TOKEN"]),
        claims_of(answer["access_token"]),
    )
    for new_each_time in ("iat", "exp", "jti"):
        del claims[new_each_time], expected[new_each_time]
    assert claims == expected


def claims_of(token: str) -> dict[str, Any]:
    """The second segment of a JWT (RFC 7519)."""
    segment = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    assert isinstance(claims, dict)
    return claims


def trusting_place(
    brokers: Brokers, home: str, environment: str, credentials: str = "", **named: str
) -> Place:
    """A place with a config for `environment`, where the tests' authority is trusted."""
    place = brokers.seen_from(home, **named)
    place.variables["SSL_CERT_FILE"] = brokers.authority.file
    configure(place, brokers.credentials[credentials or environment], environment)
    return place


def targets(brokers: Brokers, name: str) -> list[str]:
    """Method and path of what has reached the simulator of this name since the last time."""
    return [f"{request['method']} {request['path']}" for request in brokers.requests(name)]


def account_numbers(answer: str) -> list[str]:
    items = json.loads(answer)["data"]["items"]
    return [item["account"]["account-number"] for item in items]
