"""For tests of programs that use tastyauth: a simulated tastytrade and a config for it.

    pytest_plugins = ["tastyauth.testing"]                # in conftest.py

    def test_a_bot(tastytrade):                           # the fixture
        assert bot.accounts() == ["5WT00001"]
        tastytrade.fail = "503"

    with tastyauth.testing.Tastytrade() as tastytrade:    # without pytest
        ...

Nothing leaves this machine, and neither config, cache nor approvals of the user are touched.
"""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from types import SimpleNamespace
from typing import Any, Self
from unittest import mock

import httpx as http

from tastyauth import Credential, exchange, locate  # this first: it says what Windows lacks
from tastyauth import config as configs
from tastyauth.cache import last_attempt, store
from tastyauth.config import trust
from tastyauth.errors import API_HOSTS, UsageError
from tastyauth.exchange.deadline import CONNECTED
from tastyauth.library import auth, workers
from tastyauth.secret import Secret
from tastyauth.simulator import FAILURES, Simulator
from tastyauth.simulator.messages import Request
from tastyauth.sources import Surroundings

__all__ = ["FAILURES", "Credential", "Request", "Secret", "Simulator", "Tastytrade", "credential"]

_CONFIG = 'version: 1\ndefault_profile: "{default}"\nprofiles:\n'
_PROFILE = """\
  "{name}":
    environment: custom
    stands_for: {environment}
    api_url: {origin}
    client_id: {client_id}
    client_secret: {{ file: client-secret }}
    refresh_token: {{ file: refresh-token }}
"""

_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
"""What a profile may be called."""


def credential(token: str = "made-up-token", *, life: int = 900, **fields: Any) -> Credential:  # noqa: ANN401, S107
    """A made-up credential, for which there is neither config nor server.

    `life` is in seconds from now; `fields` are others of `Credential`. Raises UsageError.
    """
    fields.setdefault("issued_at", int(time.time()))
    try:
        fields.setdefault("expires_at", fields["issued_at"] + life)
        return Credential(Secret(token), **fields)
    except TypeError as error:
        raise UsageError(f"no such credential: {error}", "see help(tastyauth.Credential)") from None


class Tastytrade:
    """A simulated tastytrade, and a config for it that is in force while the context lasts.

    Each of `profiles` is a profile of that config, the first one the default, all with the same
    grant, and in this `environment`, "production" or "sandbox". `lifetime` is that of access tokens
    in seconds; `rotate` replaces the refresh token with each exchange. A test that replaces httpx's
    transports (pytest-httpx, respx) does not see the exchanges of this process, unless `mocked`;
    requests to the API it does. Raises UsageError.
    """

    def __init__(
        self,
        profiles: tuple[str, ...] = ("live", "paper"),
        *,
        environment: str = "sandbox",
        lifetime: int = 900,
        rotate: bool = False,
        mocked: bool = False,
    ) -> None:
        names = profiles if isinstance(profiles, tuple | list) else ()
        good = {it for it in names if isinstance(it, str) and _NAME.fullmatch(it)}
        if not good or len(good) != len(names):
            what = "profiles must be one or more names, each of them once"
            raise UsageError(what, 'write profiles=("live", "paper")')
        if environment not in list(API_HOSTS):
            hint = f"one of: {', '.join(API_HOSTS)}"
            raise UsageError(f"{environment!r} is not a tastytrade environment", hint)
        if not isinstance(lifetime, int) or lifetime < 1:
            raise UsageError("lifetime must be one or more whole seconds", "write lifetime=900")
        self.profiles = tuple(profiles)
        self._environment = environment
        self._simulator = Simulator(environment=environment, lifetime=lifetime, rotate=rotate)
        self._mocked = mocked
        self._open = ExitStack()
        self._directory = ""

    def __enter__(self) -> Self:
        if self._directory:
            raise UsageError("this tastytrade is running already", "make another Tastytrade()")
        with ExitStack() as opened:
            simulator = opened.enter_context(self._simulator)
            self._directory = os.path.realpath(tempfile.mkdtemp(prefix="tastyauth-testing-"))
            opened.callback(shutil.rmtree, self._directory, ignore_errors=True)
            application = simulator.application
            self._write("client-secret", application.client_secret.reveal())
            self._write("refresh-token", application.refresh_token.reveal())
            facts = {"origin": self.origin, "environment": self._environment}
            facts["client_id"] = application.client_id
            text = _CONFIG.format(default=self.profiles[0])
            text += "".join(_PROFILE.format(name=name, **facts) for name in self.profiles)
            self._write("tastyauth.yaml", text)
            in_force = {
                "TASTYAUTH_CONFIG": self.config,
                "TASTYAUTH_CACHE_DIR": f"{self._directory}/cache",
                "XDG_STATE_HOME": f"{self._directory}/state",
            }
            opened.enter_context(mock.patch.dict(os.environ, in_force))
            own = {name for name in os.environ if name.startswith("TASTYAUTH_")}
            for name in own.difference(in_force):
                del os.environ[name]
            environ, home = dict(os.environ), locate.home_directory(os.environ)
            parsed = configs.parse(text.encode(), self.config, home=home)
            trust.allow(parsed, Surroundings(environ, interactive=False, home=home))
            opened.callback(workers.dismiss, self.config)
            if not self._mocked:
                opened.enter_context(mock.patch.object(exchange, "Transport", _Direct))
            self._open = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._directory = ""
        self._open.close()

    @property
    def config(self) -> str:
        """The path of the config that is in force."""
        return f"{self._running()}/tastyauth.yaml"

    @property
    def origin(self) -> str:
        """Where tokens and accounts are served: the `api_url` of every profile."""
        self._running()
        return self._simulator.origin

    @property
    def client_id(self) -> str:
        """The client ID of the simulated application."""
        return self._simulator.application.client_id

    @property
    def client_secret(self) -> Secret:
        """The client secret that it accepts."""
        return self._simulator.application.client_secret

    @property
    def refresh_token(self) -> Secret:
        """The refresh token that it accepts now."""
        return self._simulator.application.refresh_token

    @property
    def fail(self) -> str | None:
        """How the token endpoint fails: a kind of `FAILURES`, or None when it does not.

        Setting it makes tastyauth forget earlier failures, so that the server is asked at once.
        """
        return self._simulator.fail

    @fail.setter
    def fail(self, kind: str | None) -> None:
        if kind is not None and kind not in FAILURES:
            raise UsageError(f"{kind!r} is not a known failure", f"one of: {', '.join(FAILURES)}")
        self._simulator.fail = kind
        self._forget(".attempt")

    def revoke(self) -> None:
        """Deletes the grant: its tokens stop working, and there will be no new ones."""
        self.expire()
        self.fail = "grant-revoked"

    def expire(self) -> None:
        """Ends every token handed out so far: the API answers 401, and no cache has them."""
        self._simulator.expire()
        self._forget(".entry")
        store.forget_all(self.config)
        auth.forget_forced(self.config)

    @property
    def requests(self) -> list[Request]:
        """The requests that arrived, the oldest first; only the last few hundred are kept."""
        return self._simulator.requests

    @property
    def token_requests(self) -> int:
        """How many token requests arrived, answered or refused."""
        return self._simulator.token_requests

    @property
    def exchanges(self) -> int:
        """How many access tokens were handed out."""
        return self._simulator.exchanges

    @property
    def calls(self) -> int:
        """How many requests to the API are among `requests`."""
        return sum(each.path != "/oauth/token" for each in self.requests)

    def _running(self) -> str:
        """Its directory; raises UsageError before the context is entered."""
        if not self._directory:
            hint = "write: with Tastytrade() as tastytrade:"
            raise UsageError("this tastytrade is not running", hint)
        return self._directory

    def _forget(self, ending: str) -> None:
        cache = f"{self._running()}/cache"
        for name in store.names(cache):
            if name.endswith(ending):
                with suppress(FileNotFoundError):
                    os.unlink(f"{cache}/{name}")
        last_attempt.forget(f"{cache}/", f"{self.config}\0")

    def _write(self, name: str, content: str) -> None:
        descriptor = os.open(f"{self._directory}/{name}", os.O_WRONLY | os.O_CREAT, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(content)


class _Direct(http.BaseTransport):
    """A way to the simulator that bypasses whatever has replaced the transports of httpx."""

    def __init__(self, **_: object) -> None:
        self._pool = SimpleNamespace()  # the exchange sets how a pool connects

    def handle_request(self, request: http.Request) -> http.Response:
        place, seconds = (request.url.host, request.url.port), request.extensions["timeout"]["read"]
        with ExitStack() as stack:
            connection = stack.enter_context(closing(HTTPConnection(*place, timeout=seconds)))
            try:
                connection.connect()
            except OSError as error:
                raise http.ConnectError(str(error)) from error
            facts = {"socket": connection.sock, "server_addr": connection.sock.getpeername()}
            stream = SimpleNamespace(get_extra_info=facts.get, close=connection.close)
            request.extensions["trace"](CONNECTED, {"return_value": stream})
            try:
                target = request.url.raw_path.decode()
                connection.request(request.method, target, request.content, dict(request.headers))
                answer = connection.getresponse()
            except TimeoutError as error:
                raise http.ReadTimeout(str(error)) from error
            except (HTTPException, OSError) as error:
                raise http.RemoteProtocolError(str(error)) from error
            body = _Body(answer, stack.pop_all())
        return http.Response(answer.status, headers=answer.getheaders(), stream=body)


class _Body(http.SyncByteStream):
    def __init__(self, answer: HTTPResponse, connection: ExitStack) -> None:
        self._answer, self._connection = answer, connection

    def __iter__(self) -> Iterator[bytes]:
        try:
            while piece := self._answer.read(4096):
                yield piece
        except (HTTPException, OSError) as error:
            raise http.RemoteProtocolError(str(error)) from error

    def close(self) -> None:
        with self._connection:
            self._answer.close()


try:
    import pytest
except ImportError:  # only the context manager, then
    pass
else:

    def pytest_configure(config: pytest.Config) -> None:
        """Makes the marker known."""
        config.addinivalue_line(
            "markers",
            "tastytrade(profiles=('live', 'paper'), environment='sandbox', lifetime=900,"
            " rotate=False, mocked=False): how the fixture `tastytrade` is set up; see"
            " tastyauth.testing.Tastytrade",
        )

    @pytest.fixture
    def tastytrade(request: pytest.FixtureRequest) -> Iterator[Tastytrade]:
        """A simulated tastytrade whose config is in force; the marker `tastytrade` sets it up."""
        marker = request.node.get_closest_marker("tastytrade")
        settings: dict[str, Any] = marker.kwargs if marker else {}
        make: Callable[..., Tastytrade] = Tastytrade
        try:
            made = make(*(marker.args if marker else ()), **settings)
        except TypeError as error:
            hint = "see help(tastyauth.testing.Tastytrade)"
            raise UsageError(f"the marker tastytrade is not valid: {error}", hint) from None
        with made as running:
            yield running

    @pytest.fixture
    def tastyauth_config(tastytrade: Tastytrade) -> str:
        """The path of the config that is in force, to pass to a program."""
        return tastytrade.config
