"""`TastytradeAuth`: an `auth` of httpx and httpx2 that signs, renews, and never strays."""

import asyncio
import io
import re
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any, TypeVar

import pytest
from clocks import Clock
from gated import Gated
from needs import missing
from world import CONFIG, World, profile_named

import tastyauth
from tastyauth import errors
from tastyauth.simulator import Simulator
from tastyauth.simulator.messages import Answer, Request

pytestmark = pytest.mark.usefixtures("in_world")

PACKAGES = ("httpx", "httpx2")
MODES = ("sync", "async")

ACCOUNTS = "/customers/me/accounts"


@pytest.fixture(params=PACKAGES)
def package(request: pytest.FixtureRequest) -> Any:
    """The package whose clients are used."""
    try:
        return import_module(request.param)
    except ImportError:
        missing(f"{request.param} is not installed")


@dataclass(slots=True)
class Seen:
    """A request as it was sent."""

    url: str
    bearer: str | None
    body: bytes


@dataclass(slots=True)
class Network:
    """All hosts of the world but the token endpoint: they note what reaches them, and `answer`.

    `answer` is given the number of a request, from 0, and the request; it returns what a response
    of the package is made of. The default is 200.
    """

    package: Any
    mode: str
    answer: Callable[[int, Seen], dict[str, Any]] = lambda _number, _seen: {"status_code": 200}
    seen: list[Seen] = field(default_factory=list)

    def send(self, auth: tastyauth.TastytradeAuth, *urls: str, **settings: Any) -> list[int]:
        """GETs one URL after the other with one client; the codes that came back."""
        follow_redirects = settings.pop("follow_redirects", False)
        method = settings.pop("method", "GET")
        asynchronous = self.mode == "async"
        client = self.package.AsyncClient if asynchronous else self.package.Client
        transport = self.package.MockTransport(self._areceive if asynchronous else self._receive)
        it = client(auth=auth, transport=transport, follow_redirects=follow_redirects)

        async def send() -> list[int]:
            async with it:
                answers = [await it.request(method, url, **settings) for url in urls]
            return [answer.status_code for answer in answers]

        if asynchronous:
            return asyncio.run(send())
        with it:
            return [it.request(method, url, **settings).status_code for url in urls]

    def _receive(self, request: Any) -> Any:
        return self._respond(request, request.read())

    async def _areceive(self, request: Any) -> Any:
        return self._respond(request, await request.aread())

    def _respond(self, request: Any, body: bytes) -> Any:
        number, bearer = len(self.seen), request.headers.get("Authorization")
        self.seen.append(Seen(str(request.url), bearer, body))
        return self.package.Response(**self.answer(number, self.seen[-1]))

    @property
    def bearers(self) -> list[str | None]:
        return [each.bearer for each in self.seen]


@pytest.fixture(params=MODES)
def network(request: pytest.FixtureRequest, package: Any) -> Network:
    return Network(package, request.param)


def refusing(*numbers: int) -> Callable[[int, Seen], dict[str, Any]]:
    """Answers 401 to the requests of these numbers."""
    return lambda number, _: {"status_code": 401 if number in numbers else 200}


def always(status: int) -> Callable[[int, Seen], dict[str, Any]]:
    return lambda _number, _seen: {"status_code": status}


def bearer(world: World) -> str:
    """What a request carries that is signed with the token of the cache."""
    return f"Bearer {world.run('token').out.strip()}"


# -- signing --------------------------------------------------------------------------------------


def test_requests_carry_the_token_that_everybody_has(world: World, network: Network) -> None:
    url = world.simulator.origin + ACCOUNTS
    headers = {"Authorization": "Bearer left-over"}
    assert network.send(tastyauth.TastytradeAuth(), url, url, url, headers=headers) == [200] * 3
    assert network.bearers == [bearer(world)] * 3
    assert world.simulator.exchanges == 1


def test_a_real_client_lists_accounts(world: World, package: Any) -> None:
    auth = tastyauth.TastytradeAuth("live")
    with package.Client(base_url=world.simulator.origin, auth=auth) as client:
        assert len(client.get(ACCOUNTS).json()["data"]["items"]) == 2

    async def list_accounts() -> Any:
        async with package.AsyncClient(base_url=world.simulator.origin, auth=auth) as client:
            return (await client.get(ACCOUNTS)).json()

    assert len(asyncio.run(list_accounts())["data"]["items"]) == 2
    assert world.simulator.exchanges == 1


ORDERS = {
    "before": "import {0}, tastyauth; auth = tastyauth.TastytradeAuth()",
    "after": "import tastyauth; auth = tastyauth.TastytradeAuth(); import {0}",
    "with the other": "import httpx, tastyauth; auth = tastyauth.TastytradeAuth(); import {0}",
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_it_is_an_auth_of_the_clients_package_whenever_that_was_imported(
    world: World, package: Any, order: str
) -> None:
    name = package.__name__
    check = (
        f"assert isinstance(auth, {name}.Auth) and isinstance(auth, tastyauth.TastytradeAuth);"
        f"assert {name}.Client(auth=auth).auth is auth; assert {name}.AsyncClient(auth=auth)"
    )
    done = world.run_program(sys.executable, "-c", f"{order.format(name)}\n{check}")
    assert (done.code, done.err) == (0, "")


def test_making_one_loads_no_client_and_sends_nothing(world: World) -> None:
    program = (
        "import sys, tastyauth; auth = tastyauth.TastytradeAuth(lazy=True); isinstance(auth, str)\n"
        "assert not {'httpx', 'httpx2', 'yaml'} & set(sys.modules); print(auth)"
    )
    done = world.run_program(sys.executable, "-c", program)
    assert (done.code, done.err) == (0, "")
    assert world.simulator.token_requests == 0


def test_an_unknown_profile_is_an_error_when_the_auth_is_made(world: World) -> None:
    """Unless it is lazy; then the error comes at the first request."""
    assert world.run("token").code == 0
    for _ in ("cached", "uncached"):
        with pytest.raises(errors.UsageError, match="no profile 'typo'"):
            tastyauth.TastytradeAuth("typo")
        lazy = tastyauth.TastytradeAuth("typo", lazy=True)
        with pytest.raises(errors.UsageError, match="no profile 'typo'"):
            lazy.bearer.obtain()
        assert world.run("clear", "--all").code == 0
    world.write(world.config, "version: 2\n")
    with pytest.raises(errors.ConfigError):
        tastyauth.TastytradeAuth()
    assert world.simulator.token_requests == 1


def test_a_callback_is_called_once_for_each_new_token(
    world: World, network: Network, clock: Clock
) -> None:
    heard: list[tastyauth.Credential] = []
    with at(world, Simulator(now=clock)) as broker:
        auth = tastyauth.TastytradeAuth(on_renewed=heard.append)
        for after in (0, 10, 700, 10, 900):
            clock.now += after
            network.send(auth, broker.origin)
        told = [each.authorization.reveal() for each in heard]
        assert told == list(dict.fromkeys(network.bearers))
        assert len(heard) == broker.exchanges == 3
        clock.now += 1
        cached: list[tastyauth.Credential] = []
        network.send(tastyauth.TastytradeAuth(on_renewed=cached.append), broker.origin)
        assert cached == []


class Bot:
    async def arenewed(self, _: tastyauth.Credential) -> None: ...

    def renewed(self) -> None: ...


@pytest.mark.parametrize("wrong", [5, Bot().arenewed, partial(Bot.arenewed, Bot()), Bot().renewed])
def test_a_callback_that_cannot_take_a_credential_is_refused(world: World, wrong: Any) -> None:
    with pytest.raises(errors.UsageError, match="on_renewed") as raised:
        tastyauth.TastytradeAuth(on_renewed=wrong)
    assert raised.value.hint
    heard: list[tastyauth.Credential] = []
    for right in (print, heard.append, lambda _, more=1: more):
        tastyauth.TastytradeAuth(on_renewed=right)


def test_a_client_of_another_library_is_answered_with_what_to_use(world: World) -> None:
    """As requests does with whatever its `auth` is."""
    with pytest.raises(errors.UsageError, match="httpx and httpx2") as raised:
        tastyauth.TastytradeAuth()(object())
    assert "docs/python.md" in raised.value.hint


# -- masked values --------------------------------------------------------------------------------

MASKED: dict[str, dict[str, Any]] = {
    "the header x-token": {"headers": {"X-Token": f"token {tastyauth.Secret('s3cr3t')}"}},
    "the header authorization": {"headers": {"Authorization": f"Bearer {tastyauth.Secret('x')}"}},
    "the URL": {"params": {"token": str(tastyauth.Secret("s3cr3t"))}},
}


@pytest.mark.parametrize("place", MASKED)
def test_a_request_made_of_a_masked_value_is_not_sent(
    world: World, network: Network, place: str
) -> None:
    """It would carry "[hidden]" to an API that says no more than 401."""
    auth = tastyauth.TastytradeAuth()
    with pytest.raises(errors.UsageError, match=re.escape(f"{place} of this request")) as raised:
        network.send(auth, world.simulator.origin, **MASKED[place])
    assert "reveal()" in raised.value.hint
    assert network.seen == []
    assert world.simulator.token_requests == 0


def test_a_variable_made_of_a_masked_value_stops_requests_too(
    world: World, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = tastyauth.TastytradeAuth()
    assert network.send(auth, world.simulator.origin) == [200]
    credential = tastyauth.get_credential()
    monkeypatch.setenv("BOT_TOKEN", f"{credential.access_token}")
    with pytest.raises(errors.UsageError, match="BOT_TOKEN"):
        network.send(auth, world.simulator.origin)
    with pytest.raises(errors.UsageError, match="BOT_TOKEN"):
        tastyauth.get_credential()
    assert len(network.seen) == 1


# -- never astray ---------------------------------------------------------------------------------

ELSEWHERE = (
    "https://127.0.0.1:{port}/",
    "http://127.0.0.1/",
    "http://127.0.0.1:1/",
    "http://localhost:{port}/",
    "http://127.0.0.1:{port}@example.com/",
    "http://example.com:{port}/",
    "https://api.tastyworks.com/",
    "https://api.cert.tastyworks.com/customers/me",
    "/customers/me",
)


@pytest.mark.parametrize("url", ELSEWHERE)
def test_a_request_to_another_origin_is_not_sent(world: World, network: Network, url: str) -> None:
    port = world.simulator.origin.rpartition(":")[2]
    auth = tastyauth.TastytradeAuth()
    with pytest.raises(errors.WrongOrigin, match="the token is for http://127") as raised:
        network.send(auth, url.format(port=port))
    assert ("no host at all" in str(raised.value)) == url.startswith("/")
    assert network.seen == []
    assert world.simulator.token_requests == 0
    network.send(auth, world.simulator.origin)
    with pytest.raises(errors.WrongOrigin):  # nor when there is a token
        network.send(auth, url.format(port=port))
    assert len(network.seen) == 1


def test_an_origin_is_the_same_however_it_is_written(world: World, network: Network) -> None:
    port = world.simulator.origin.rpartition(":")[2]
    urls = (f"HTTP://127.0.0.1:{port}/a?b#c", f"http://user:password@127.0.0.1:{port}")
    assert network.send(tastyauth.TastytradeAuth(), *urls) == [200, 200]
    assert network.bearers == [bearer(world)] * 2


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:80/", errors.TemporaryError),
        ("http://LOCALHOST/", errors.TemporaryError),
        ("http://localhost:81/", errors.WrongOrigin),
    ],
)
def test_the_port_of_a_scheme_need_not_be_written(
    world: World, network: Network, url: str, expected: type[errors.TastyauthError]
) -> None:
    """Nobody exchanges tokens on this machine's port 80; it is tried where the origin is right."""
    world.configure(CONFIG.replace("{origin}", "http://localhost") + "    timeout: 1\n")
    with pytest.raises(expected):
        network.send(tastyauth.TastytradeAuth(), url)
    assert network.seen == []


def test_a_redirect_to_another_origin_loses_the_token(world: World, network: Network) -> None:
    """And what is answered there renews nothing."""

    away = {"status_code": 302, "headers": {"Location": "http://example.com/elsewhere"}}
    network.answer = lambda number, _: away if number == 0 else {"status_code": 401}
    auth = tastyauth.TastytradeAuth()
    assert network.send(auth, world.simulator.origin, follow_redirects=True) == [401]
    assert [each.url for each in network.seen][1:] == ["http://example.com/elsewhere"]
    assert network.bearers == [bearer(world), None]
    assert world.simulator.token_requests == 1


def test_a_config_that_moves_elsewhere_takes_its_token_with_it(
    world: World, network: Network, clock: Clock
) -> None:
    """A program that keeps using the old address gets an error, and sends nothing there."""
    auth = tastyauth.TastytradeAuth()
    old = world.simulator.origin
    network.send(auth, old)
    with Simulator(now=clock) as other:
        world.simulator = other
        world.configure()
        clock.now += 900
        with pytest.raises(errors.WrongOrigin, match=f"the token is for {other.origin}"):
            network.send(auth, old)
        assert len(network.seen) == 1


def test_another_directory_or_variable_brings_no_token_of_another_account(
    world: World, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = CONFIG + profile_named("paper")
    monkeypatch.setenv("TASTYAUTH_PROFILE", "live")
    world.configure(both)
    auth = tastyauth.TastytradeAuth()
    monkeypatch.setenv("TASTYAUTH_PROFILE", "paper")
    monkeypatch.setenv("TASTYAUTH_CONFIG", world.write("elsewhere.yaml", "version: 2"))
    monkeypatch.chdir("/")
    assert network.send(auth, world.simulator.origin) == [200]
    assert auth.bearer.obtain().fields["profile"] == "live"


# -- renewing -------------------------------------------------------------------------------------

Broker = TypeVar("Broker", bound=Simulator)


@contextmanager
def at(world: World, simulator: Broker) -> Iterator[Broker]:
    """The world's broker is another one, with new credentials."""
    with simulator:
        world.simulator = simulator
        world.configure()
        yield simulator


def test_a_token_is_renewed_before_it_expires(world: World, network: Network, clock: Clock) -> None:
    auth = tastyauth.TastytradeAuth()
    with at(world, Simulator(now=clock)) as broker:
        for after, exchanges in ((0, 1), (599, 1), (2, 2), (590, 2), (20, 3), (900, 4)):
            clock.now += after
            assert network.send(auth, broker.origin) == [200]
            assert broker.exchanges == exchanges
    assert len(set(network.bearers)) == 4


@pytest.mark.parametrize("trouble", ["the server", "the config"])
def test_a_good_token_is_used_while_it_cannot_be_renewed(
    world: World, network: Network, clock: Clock, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    """With a warning; the server is asked once a minute. An expired token is never sent."""
    auth = tastyauth.TastytradeAuth()
    with at(world, Simulator(now=clock)) as broker:
        network.send(auth, broker.origin)
        if trouble == "the server":
            broker.fail = "not-a-customer"
        else:
            world.write(world.config, "version: 1\nprofiles: nonsense\n")
        clock.now += 620
        assert network.send(auth, *[broker.origin] * 5) == [200] * 5
        assert broker.token_requests == (2 if trouble == "the server" else 1)
        assert caplog.text.count("could not be renewed ahead") == 1
        clock.now += 250
        error = errors.TemporaryError if trouble == "the server" else errors.ConfigError
        with pytest.raises(error):
            network.send(auth, broker.origin)
    assert len(network.seen) == 6


def test_a_token_that_lives_long_enough_can_be_asked_for(
    world: World, network: Network, clock: Clock
) -> None:
    with at(world, Simulator(now=clock)) as broker:
        auth = tastyauth.TastytradeAuth(min_valid=700)
        network.send(auth, broker.origin)
        clock.now += 190
        network.send(auth, broker.origin)
        assert broker.exchanges == 1
        clock.now += 20
        network.send(auth, broker.origin)
        assert broker.exchanges == 2


# -- when the API says 401 ------------------------------------------------------------------------

BODIES: dict[str, dict[str, Any]] = {
    "none": {},
    "bytes": {"content": b"an order"},
    "json": {"json": {"order": "buy"}},
    "form": {"data": {"order": "buy"}},
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_refused_token_is_replaced_and_the_request_sent_once_more(
    world: World, network: Network, body: dict[str, Any]
) -> None:
    network.answer = refusing(0)
    auth = tastyauth.TastytradeAuth()
    assert network.send(auth, world.simulator.origin, method="POST", **body) == [200]
    first, second = network.seen
    assert first.body == second.body
    assert first.bearer != second.bearer == bearer(world)
    assert world.simulator.exchanges == 2


def test_a_second_refusal_is_the_answer(world: World, network: Network) -> None:
    """A token is replaced once a minute, however often an API says 401."""
    network.answer = always(401)
    url = world.simulator.origin
    assert network.send(tastyauth.TastytradeAuth(), *[url] * 5) == [401] * 5
    assert network.send(tastyauth.TastytradeAuth(), url) == [401]
    assert world.simulator.exchanges == 2
    assert len(network.seen) == 7


def test_a_newer_token_of_somebody_elses_is_taken_instead_of_asking(
    world: World, network: Network
) -> None:
    """However short a time ago this program asked itself."""
    network.answer = refusing(0, 2)
    auth = tastyauth.TastytradeAuth()
    url = world.simulator.origin
    assert network.send(auth, url) == [200]
    assert world.run("token", "--refresh").code == 0
    assert network.send(auth, url) == [200]
    assert network.bearers[3] == bearer(world)
    assert world.simulator.exchanges == 3


def test_other_refusals_are_the_answer_at_once(world: World, network: Network) -> None:
    network.answer = always(403)
    assert network.send(tastyauth.TastytradeAuth(), world.simulator.origin) == [403]
    assert (len(network.seen), world.simulator.exchanges) == (1, 1)


class Refusing(Simulator):
    """A broker that takes no token at first, and notes what it was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Request] = []

    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        if request.path == "/oauth/token":
            return answer
        self.seen.append(request)
        return Answer(401 if len(self.seen) == 1 else 200)


def pieces() -> Iterator[bytes]:
    yield from (b"an ", b"order")


async def apieces() -> AsyncIterator[bytes]:
    for piece in pieces():
        yield piece


LENGTH = {"Content-Length": "8"}
STREAMS: dict[str, Callable[[], dict[str, Any]]] = {
    "pieces": lambda: {"content": pieces(), "headers": LENGTH},
    "a file": lambda: {"content": io.BytesIO(b"an order")},
    "a form with a file": lambda: {"files": {"order": io.BytesIO(b"an order")}},
    "asynchronous pieces": lambda: {"content": apieces(), "headers": LENGTH},
}


@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_is_not_sent_again_but_the_next_request_has_a_new_token(
    world: World, package: Any, stream: str
) -> None:
    body, auth = STREAMS[stream](), tastyauth.TastytradeAuth()

    async def post(origin: str) -> list[Any]:
        async with package.AsyncClient(auth=auth) as client:
            return [await client.post(origin, **it) for it in (body, {"content": b"an order"})]

    with at(world, Refusing()) as broker, package.Client(auth=auth) as client:
        if "asynchronous" in stream:
            refused, granted = asyncio.run(post(broker.origin))
        else:
            refused = client.post(broker.origin, **body)
            granted = client.post(broker.origin, content=b"an order")
        assert (refused.status_code, granted.status_code) == (401, 200)
        first, second = broker.seen
        assert b"an order" in first.body
        assert first.headers["authorization"] != second.headers["authorization"]
        assert broker.exchanges == 2


@pytest.mark.parametrize("is_known", [False, True])
def test_a_revoked_grant_is_reported_once_and_not_tried_again(
    world: World, network: Network, is_known: bool
) -> None:
    """Whether this program meets it first, or the commands beside it have."""
    network.answer = always(401)
    auth = tastyauth.TastytradeAuth()
    auth.bearer.obtain()
    world.simulator.fail = "grant-revoked"
    if is_known:
        assert world.run("token", "--refresh").code == 77
    with pytest.raises(errors.RefusedError, match="no retry for" if is_known else "revoked"):
        network.send(auth, world.simulator.origin)
    assert network.send(auth, world.simulator.origin) == [401]
    assert world.simulator.token_requests == 2


# -- many at once ---------------------------------------------------------------------------------


def test_threads_that_are_refused_at_once_cause_one_exchange(world: World, package: Any) -> None:
    together = threading.Barrier(16)
    with at(world, Gated()) as broker:
        refused = bearer(world)

        def answer(request: Any) -> Any:
            if request.headers["Authorization"] != refused:
                return package.Response(200)
            together.wait()
            return package.Response(401)

        auth = tastyauth.TastytradeAuth()
        transport = package.MockTransport(answer)
        client = package.Client(auth=auth, transport=transport)
        with client, ThreadPoolExecutor(16) as threads:
            codes = list(threads.map(lambda _: client.get(broker.origin).status_code, range(16)))
        assert broker.token_requests == 2
    assert codes == [200] * 16


def test_tasks_that_are_refused_at_once_cause_one_exchange(world: World, package: Any) -> None:
    with at(world, Gated()) as broker:
        refused = bearer(world)

        async def answer(request: Any) -> Any:
            await asyncio.sleep(0.1)
            is_refused = request.headers["Authorization"] == refused
            return package.Response(401 if is_refused else 200)

        async def ask() -> list[int]:
            transport = package.MockTransport(answer)
            auth = tastyauth.TastytradeAuth()
            async with package.AsyncClient(auth=auth, transport=transport) as client:
                asked = await asyncio.gather(*(client.get(broker.origin) for _ in range(50)))
            return [each.status_code for each in asked]

        assert asyncio.run(ask()) == [200] * 50
        assert broker.token_requests == 2


@asynccontextmanager
async def answering(package: Any, codes: tuple[int, ...]) -> AsyncIterator[Any]:
    """A client to which an API answers that, in this order; all of it is asked for."""
    answers = iter(codes)
    transport = package.MockTransport(lambda _: package.Response(next(answers)))
    auth = tastyauth.TastytradeAuth()
    async with package.AsyncClient(auth=auth, transport=transport) as client:
        yield client
    assert not list(answers)


@pytest.mark.parametrize("codes", [(200,), (401, 200)])
def test_the_event_loop_goes_on_while_a_token_comes(
    world: World, package: Any, codes: tuple[int, ...]
) -> None:
    """The first token, and the one that replaces a refused one; it is what opens the gate."""

    async def ask(broker: Gated) -> int:
        async with answering(package, codes) as client:
            asking = asyncio.create_task(client.get(broker.origin))
            await broker.asked()
            broker.gate.set()
            return int((await asking).status_code)

    with at(world, Gated()) as broker:
        if 401 in codes:
            assert world.run("token").code == 0
        broker.shut()
        assert asyncio.run(ask(broker)) == 200


@pytest.mark.parametrize("codes", [(200,), (401, 200)])
def test_a_cached_token_waits_for_no_other_task(
    world: World, package: Any, codes: tuple[int, ...]
) -> None:
    """Nor does the one with which another process has replaced a token that the API refuses."""

    async def ask(broker: Gated) -> None:
        async with answering(package, codes) as client:
            if 401 in codes:
                await asyncio.to_thread(client.auth.bearer.obtain)
            assert (await asyncio.to_thread(world.run, "token", "--refresh")).code == 0
            broker.shut()
            hung = asyncio.create_task(tastyauth.aget_credential(refresh=True))
            await broker.asked()
            assert (await client.get(broker.origin)).status_code == 200
            assert not hung.done()
            broker.gate.set()
            await hung

    with at(world, Gated()) as broker:
        asyncio.run(ask(broker))
