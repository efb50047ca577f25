"""No secret is ever shown: known ones are put everywhere, and looked for in all that comes out.

Eight characters of a secret that stand together count as the secret.
"""

import base64
import dataclasses
import importlib
import os
import pkgutil
import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from needs import needs_linux
from ports import closed_port
from tables import for_each
from world import CONFIG, Completed, World, with_references

import tastyauth
from tastyauth.cache import Asked, Entry
from tastyauth.doctor.findings import Findings
from tastyauth.exchange.claims import RefreshGrant
from tastyauth.exchange.response import TokenResponse
from tastyauth.library import Credential
from tastyauth.posix.process import Completed as Ended
from tastyauth.secret import Secret
from tastyauth.session.refresh import Secrets
from tastyauth.simulator import FAILURES, Simulator
from tastyauth.simulator.broker import Application, Jwt, open_broker
from tastyauth.simulator.messages import Answer, Request
from tastyauth.sources import Surroundings

pytestmark = pytest.mark.warm

JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")

SHORT = "hunter2-hunter2"
"""A secret that nothing gives away as one; only what holds it can know."""

EVERYWHERE = with_references("env: TT_SECRET", "command: [vault, get]")

VAULT = """\
env >"$HOME/vault.environ"
cat /proc/$$/cmdline /proc/$PPID/cmdline >"$HOME/vault.argv"
cat "$HOME/.config/tastyauth/live.refresh-token"
echo "unlocked with $(cat "$HOME/.config/tastyauth/live.refresh-token")" >&2"""

HANDS_OUT = (
    "env",
    "-v env --format json",
    "token --header",
    "exec -- printenv TASTYTRADE_ACCESS_TOKEN",
)
"""What is asked for the access token, and may print that."""

ASKS = (
    "-v --color always env --refresh",
    "-q token --refresh",
    "-v exec --refresh -- true",
    "env",
    "-v status",
    "-v doctor",
)

LOOKS = (
    "status --format json",
    "doctor --format json --offline",
    "-v as-curl",
    "env --unset",
    "-v allow --print",
    "-v clear",
    "-v deny",
)


def pieces(secret: str) -> set[str]:
    return {secret[i : i + 8] for i in range(len(secret) - 7)}


def shown(text: str, *secrets: str) -> set[str]:
    """The pieces of secrets that can be seen in `text`."""
    return {piece for secret in secrets for piece in pieces(secret) if piece in text}


def secrets_of(world: World) -> tuple[str, str]:
    return world.client_secret, world.refresh_token


def without_exports(completed: Completed, world: World, tokens: set[str]) -> str:
    """All that was said but the access token that was asked for, which is kept in `tokens`."""
    found = set(JWT.findall(completed.out))
    assert world.refresh_token not in found
    tokens |= found
    return f"{JWT.sub('', completed.out)}\n{completed.err}"


def assert_hidden(completed: Completed, world: World, tokens: set[str]) -> None:
    text = without_exports(completed, world, tokens)
    assert not shown(text, *secrets_of(world), *tokens)


def read_everything(directory: str) -> Iterator[tuple[str, str]]:
    """The files below `directory`: path and content."""
    for above, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(above, name)
            with open(path, encoding="utf-8", errors="replace") as file:
                yield path, file.read()


@pytest.fixture
def sentinel(world: World) -> World:
    """A world whose secrets come from a variable and from a program that gossips."""
    world.configure(EVERYWHERE)
    world.script("vault", VAULT)
    world.environ["TT_SECRET"] = world.client_secret
    return world


@pytest.mark.parametrize("fail", [*FAILURES, "network down"])
def test_no_secret_is_shown_however_it_ends(fail: str, sentinel: World) -> None:
    tokens: set[str] = set()
    assert_hidden(sentinel.run("token"), sentinel, tokens)  # there is an access token to be shown
    sentinel.configure(EVERYWHERE + "    timeout: 1\n")
    if fail == "network down":
        sentinel.simulator.close()
    else:
        sentinel.simulator.fail = fail
    for words in ASKS:
        assert_hidden(sentinel.run(*words.split()), sentinel, tokens)
    assert len(tokens) == 1
    assert_kept_in_private(sentinel, tokens)


def test_no_secret_is_shown_when_all_goes_well(sentinel: World) -> None:
    tokens: set[str] = set()
    for words in (*HANDS_OUT, *ASKS, *LOOKS):
        done = sentinel.run(*words.split())
        assert done.code == 0
        assert_hidden(done, sentinel, tokens)
    assert len(tokens) == 4
    assert_kept_in_private(sentinel, tokens)


def test_a_rotated_refresh_token_is_shown_as_little(tmp_path: os.PathLike[str]) -> None:
    """It may be in the state directory alone."""
    with Simulator(rotate=True) as simulator:
        world = World(os.fspath(tmp_path), simulator)
        world.configure(EVERYWHERE)
        world.script("vault", VAULT)
        world.environ["TT_SECRET"] = world.client_secret
        declared, tokens = world.refresh_token, set[str]()
        for words in ("-v token", "-v --color always env --refresh", "-v status"):
            before = world.refresh_token
            done = world.run(*words.split())
            assert done.code == 0
            assert_hidden(done, world, tokens)
            assert not shown(done.err, declared, before, world.refresh_token)
        for path, content in read_everything(world.cache):
            for token in tokens:
                content = content.replace(token, "")
            assert not shown(content, declared, world.refresh_token), path


def assert_kept_in_private(world: World, tokens: set[str]) -> None:
    """Access tokens are in the cache, long-lived secrets where the user has put them."""
    for path, content in read_everything(world.root):
        if path.startswith((f"{world.config_directory}/live.", f"{world.home}/vault.")):
            continue
        for token in tokens if path.startswith(f"{world.cache}/") else ():
            content = content.replace(token, "")
        assert not shown(content, *secrets_of(world), *tokens), path


@needs_linux
def test_a_secrets_program_sees_no_other_secret(sentinel: World) -> None:
    """Neither in its environment nor on any command line."""
    assert sentinel.run("token").code == 0
    for name in ("vault.environ", "vault.argv"):
        with open(f"{sentinel.home}/{name}", encoding="utf-8") as file:
            content = file.read()
        assert content
        assert not shown(content, *secrets_of(sentinel)), name


@needs_linux
def test_the_program_of_exec_sees_the_access_token_alone(sentinel: World) -> None:
    for _ in range(2):  # from the exchange, and from the cache
        look = 'env; cat "/proc/$$/cmdline"'
        text = without_exports(sentinel.run("exec", "--", "sh", "-c", look), sentinel, set())
        assert "TASTYTRADE_ACCESS_TOKEN=" in text
        assert not shown(text, *secrets_of(sentinel))


MISTYPED = (
    "{}",
    "token {}",
    "env {}",
    "env --{}",
    "env -{}",
    "env --format {}",
    "env --format={}",
    "env --min-valid {}",
    "-p {} env",
    "env --profile={}",
    "token --refresh={}",
    "--color {} token",
    "--config {} env",
    "--config {}/tastyauth.yaml token",
    "exec {}",
    "exec -- {}",
    "exec -- ./{}",
    "status --format {}",
    "validate {}",
    "validate --format {}",
    "no-secrets {}",
    "explain {}",
    "schema {}",
    "clear {}",
    "allow {}",
    "deny {}",
    "simulator --port {}",
    "simulator --fail {}",
    "demo {}",
    "init -p {}",
    "init -p paper --client-id {}",
    "init -p paper --environment {}",
    "secret {}",
    "secret set {}",
    "doctor {}",
    "as-curl {}",
    "-p {} doctor",
    "-p {} as-curl",
)
"""Where somebody may type or paste a secret by mistake."""


@pytest.mark.parametrize("words", MISTYPED)
def test_a_secret_typed_by_mistake_is_not_repeated(words: str, world: World) -> None:
    assert world.run("token").code == 0
    for flag, secret in ((), world.client_secret), (("-v",), world.refresh_token):
        done = world.run(*flag, *words.format(secret).split())
        assert done.code != 0 or words.startswith("deny")
        assert not shown(done.out + done.err, secret)


def test_the_beginning_of_a_token_is_as_good_as_a_token(world: World) -> None:
    cut = world.refresh_token[:40]
    assert not shown(world.run("token", cut).err + world.run(cut).err, cut)


@pytest.mark.parametrize("variable", ["TASTYAUTH_PROFILE", "TASTYAUTH_CONFIG", "NO_COLOR"])
def test_a_secret_in_the_wrong_variable_is_not_repeated(variable: str, world: World) -> None:
    for secret in (world.client_secret, world.refresh_token):
        done = world.run("-v", "env", **{variable: secret})
        assert not shown(without_exports(done, world, set()), secret)


PASTED = {
    "client_secret": ("{ file: live.client-secret }", "SECRET"),
    "quoted": ("{ file: live.client-secret }", '"SECRET"'),
    "both": ("{ file: live.client-secret }", "{ file: live.client-secret, SECRET: x }"),
    "client_id": ("CLIENT_ID", "SECRET"),
    "environment": ("custom", "SECRET"),
    "api_url": ("http://127", "https://user:SECRET@127"),
    "api_url path": ("    client_id", "    api_url: https://127.0.0.1/SECRET\n    client_id"),
    "env": ("file: live.client-secret", "env: SECRET"),
    "file": ("file: live.client-secret", "file: SECRET"),
    "directory": ("file: live.client-secret", "file: SECRET/secret"),
    "systemd_credential": ("file: live.client-secret", "systemd_credential: SECRET"),
    "program": ("file: live.client-secret", "command: [SECRET]"),
    "argument": ("file: live.client-secret", "command: [vault, SECRET]"),
    "option": ("file: live.client-secret", "command: [vault, --token=SECRET]"),
    "keyring": ("file: live.client-secret", "keyring: { service: tastyauth, username: SECRET }"),
    "pass": ("file: live.client-secret", "pass: SECRET"),
    "onepassword": ("file: live.client-secret", '"onepassword": "op://SECRET/x/y"'),
    "kind": ("file: live.client-secret", "SECRET: live.client-secret"),
    "first_of": ("{ file: live.client-secret }", "{ first_of: [{ file: x }, SECRET] }"),
    "profile": ("live:", "SECRET:"),
    "key": ("client_secret:", "SECRET:"),
    "export name": ("    client_id", "    exports: { SECRET: access_token }\n    client_id"),
    "export value": ("    client_id", "    exports: { A: SECRET }\n    client_id"),
    "user_agent": ("    client_id", "    user_agent: SECRET\n    client_id"),
    "timeout": ("    client_id", "    timeout: SECRET\n    client_id"),
    "version": ("version: 1", "version: SECRET"),
    "default_profile": ("profiles:", "default_profile: SECRET\nprofiles:"),
    "anchor": ("custom", "&SECRET custom"),
    "alias": ("custom", "*SECRET"),
    "tag": ("custom", "!SECRET custom"),
    "twice": ("    client_id", "    client_secret: SECRET\n    client_id"),
    "comment": ("environment: custom", "environment: wrong # SECRET"),
    "unclosed": ("{ file: live.client-secret }", "[SECRET"),
    "indented": ("    client_id", "     client_secret: SECRET\n    client_id"),
}
"""Where somebody may paste a secret into the config: what it replaces, and with what."""


def pasted(place: str, secret: str, world: World) -> str:
    """The config with a secret in that place."""
    client_id = world.simulator.application.client_id
    text = CONFIG.format(origin=world.simulator.origin, client_id=client_id)
    old, new = PASTED[place]
    return text.replace(old.replace("CLIENT_ID", client_id), new.replace("SECRET", secret), 1)


@pytest.mark.parametrize("place", PASTED)
def test_a_secret_in_the_config_is_not_repeated(place: str, world: World) -> None:
    world.script("vault", "exit 1")
    for words, secret in (
        ("-v --color always env", world.client_secret),
        ("-v allow --print", world.refresh_token),
        ("status", world.client_secret),
    ):
        world.write(world.config, pasted(place, secret, world))
        done = world.run(*words.split())
        assert not shown(done.out + done.err, secret), words


@pytest.mark.parametrize(
    "words",
    [
        "--color always validate",
        "validate --format json",
        "validate --format github",
        "-v no-secrets",
    ],
)
def test_nor_by_a_report_about_many_configs(words: str, world: World) -> None:
    paths = []
    for number, place in enumerate(PASTED):
        for secret in secrets_of(world):
            path = f"{world.project}/{number}-{len(secret)}.yaml"
            paths.append(world.write(path, pasted(place, secret, world)))
    done = world.run(*words.split(), *paths)
    assert done.code == 1
    for piece in shown(done.out + done.err, *secrets_of(world)):
        raise AssertionError([line for line in done.out.splitlines() if piece in line])


@pytest.mark.parametrize("place", ["client_secret", "quoted", "client_id", "unclosed", "twice"])
@pytest.mark.parametrize("words", ["-v env", "validate {}", "validate --format json {}"])
def test_not_even_one_that_looks_like_common_words(place: str, words: str, world: World) -> None:
    world.write(world.config, pasted(place, SHORT, world))
    done = world.run(*words.format(world.config).split())
    assert done.code in (1, 78)
    assert not shown(done.out + done.err, SHORT)


GOSSIP = {
    "says it": 'echo "wrong: $S" >&2; exit 1',
    "says the beginning of it": 'echo "wrong: $(printf %.20s "$S")" >&2; exit 1',
    "colours it": """printf '%.12s\\033[1m%s\\n' "$S" "${S#????????????}" >&2; exit 1""",
    "says it over and over": 'i=0; while [ $i -lt 99 ]; do echo "$S"; i=$((i+1)); done >&2; exit 1',
    "hands it out and fails": 'echo "$S"; echo "unlocked $S" >&2; exit 3',
    "is killed": 'echo "$S" >&2; kill -KILL $$',
    "is late": 'echo "$S" >&2; exec sleep 60',
    "writes it twice": 'echo "$S"; echo "$S"; echo "$S" >&2',
    "writes it with a blank": 'printf " %s" "$S"; echo "$S" >&2',
    "writes it with a control character": """printf '%s\\001' "$S"; echo "$S" >&2""",
    "writes it without end": 'while echo "$S"; do :; done',
    "writes it as JSON": """printf '{"password": ["%s"]}' "$S"; echo "$S" >&2""",
}
"""What a program that knows a secret may do with it."""


@pytest.mark.parametrize("manner", GOSSIP)
@pytest.mark.parametrize("option", ["", ", line: 1", ", json: /password"])
def test_a_secrets_program_cannot_make_us_gossip(manner: str, option: str, world: World) -> None:
    reference = f"{{{{ command: {{{{ argv: [vault], timeout: 1{option} }}}} }}}}"
    config = CONFIG.replace("{{ file: live.client-secret }}", reference) + "    timeout: 1\n"
    world.configure(config)
    # nobody can know the beginning of a secret that has no shape
    cut = manner == "says the beginning of it"
    secret = world.refresh_token if cut or option else world.client_secret
    world.script("vault", f"S={secret}\n{GOSSIP[manner]}")
    done = world.run("-v", "token")
    assert done.code in (69, 77)  # what could be a secret is sent, and refused
    assert not shown(without_exports(done, world, set()), secret)


def test_a_secret_without_a_shape_is_known_by_its_program(world: World) -> None:
    world.configure(CONFIG.replace("{{ file: live.client-secret }}", "{{ command: [vault] }}"))
    world.script("vault", f"S={SHORT}\n{GOSSIP['hands it out and fails']}")
    done = world.run("-v", "token")
    assert done.code == 69
    assert not shown(done.out + done.err, SHORT)


@pytest.mark.parametrize(
    "value", ["", " {}", "{}\n{}", "{} ", "{}\x01", "{}é", "\ufeff{}", "{}\r", "x" * 20000 + "{}"]
)
@pytest.mark.parametrize("field", ["client-secret", "refresh-token"])
def test_a_malformed_secret_is_not_repeated(field: str, value: str, world: World) -> None:
    world.write(f"{world.config_directory}/live.{field}", value.replace("{}", SHORT))
    done = world.run("-v", "--color", "always", "env")
    assert done.code == 69
    assert not shown(done.out + done.err, SHORT)


@pytest.mark.parametrize("field", ["client-secret", "refresh-token", "client-id"])
def test_secrets_in_each_others_place_are_not_repeated(field: str, world: World) -> None:
    world.configure(CONFIG.replace("{client_id}", "{{ file: live.client-id }}"))
    world.write(f"{world.config_directory}/live.client-id", world.simulator.application.client_id)
    access_token = world.run("token").out.strip()
    for secret in (*secrets_of(world), access_token):
        world.write(f"{world.config_directory}/live.{field}", secret)
        done = world.run("-v", "env")
        text = without_exports(done, world, set())
        assert not shown(text, *secrets_of(world), access_token)


PROXY_ANSWERS = {
    "wants others": b"HTTP/1.1 407 %s\r\nContent-Length: 0\r\n\r\n",
    "is down": b"HTTP/1.1 502 %s\r\nContent-Length: 0\r\n\r\n",
    "does not speak HTTP": b"%s",
    "answers itself": b"HTTP/1.1 200 OK\r\nX-Echo: %s\r\nContent-Length: 0\r\n\r\n%s",
}
"""What a proxy may answer; the credentials it was given stand for %s."""


@pytest.mark.parametrize("answer", PROXY_ANSWERS)
def test_a_proxy_cannot_make_us_show_its_password(answer: str, world: World) -> None:
    with _proxy(PROXY_ANSWERS[answer]) as port:
        _assert_hides_password(f"http://trader:{SHORT}@127.0.0.1:{port}", world)


@pytest.mark.parametrize(
    "proxy",
    [
        "http://trader:{}@127.0.0.1:{port}",
        "trader:{}@127.0.0.1:{port}",
        "https://trader:{}@127.0.0.1:{port}",
        "socks5://trader:{}@127.0.0.1:{port}",
        "http://trader:{}@127.0.0.1:99999",
        "http://trader:{}@",
        "http://trader:{} @127.0.0.1",
        "http://{}:{}:{}@127.0.0.1:{port}/{}",
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(
    proxy: str, world: World
) -> None:
    value = proxy.replace("{port}", str(closed_port())).replace("{}", SHORT)
    _assert_hides_password(value, world)


def _assert_hides_password(proxy: str, world: World) -> None:
    world.configure(CONFIG.replace("{origin}", "https://127.0.0.1:9") + "    timeout: 1\n")
    encoded = base64.b64encode(f"trader:{SHORT}".encode()).decode()
    for variable, words in ("https_proxy", "-v --color always env"), ("ALL_PROXY", "token"):
        done = world.run(*words.split(), **{variable: proxy})
        assert done.code in (75, 76, 78)
        assert not shown(done.out + done.err, SHORT, encoded, *secrets_of(world))
    assert_kept_in_private(world, set())


@contextmanager
def _proxy(answer: bytes) -> Iterator[int]:
    """A proxy that repeats the credentials it is given, in each of their spellings."""

    class Connection(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            encoded = b""
            while (line := self.rfile.readline()) not in (b"\r\n", b""):
                name, _, value = line.strip().partition(b": ")
                if name.lower() == b"proxy-authorization":
                    encoded = value.partition(b" ")[2]
            said = encoded + b" " + base64.b64decode(encoded)
            self.wfile.write(answer.replace(b"%s", said))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


BROKEN = {
    "while it is imported": ("httpx.py", "import os\nraise RuntimeError(repr(os.environ))\n"),
    "with the request in its hands": (
        "sitecustomize.py",
        "import httpx\n"
        "def send(self, request):\n"
        "    raise RuntimeError(request.read().decode())\n"
        "httpx.HTTPTransport.handle_request = send\n",
    ),
    "before the command line is read": (  # some Pythons have fcntl built in
        "sitecustomize.py",
        "import os, sys\n"
        "class Broken:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'fcntl':\n"
        "            raise RuntimeError(os.environ)\n"
        "sys.meta_path.insert(0, Broken())\n",
    ),
}
"""How a library that we use may break: the file that does it."""


@pytest.mark.parametrize("moment", BROKEN)
@pytest.mark.parametrize("words", ["env", "-v --color always env", "exec -- true"])
def test_a_bug_shows_where_it_is_and_no_secret(moment: str, words: str, sentinel: World) -> None:
    name, body = BROKEN[moment]
    sentinel.write(f"{sentinel.root}/broken/{name}", body)
    done = sentinel.run(*words.split(), PYTHONPATH=f"{sentinel.root}/broken")
    assert done.code == 70
    assert "RuntimeError" in done.err
    assert "Traceback" not in done.err
    assert not shown(done.out + done.err, *secrets_of(sentinel))
    if "env" in words.split():
        assert done.out.endswith(";(exit 70);\n")


@pytest.mark.parametrize(
    ("shortage", "message"),
    [
        ("OSError(24, 'Too many open files')", "too many open files"),
        ("MemoryError(os.environ)", "cannot allocate memory"),
    ],
)
def test_a_machine_that_is_short_of_something_is_no_bug(
    shortage: str, message: str, sentinel: World
) -> None:
    name, body = list(BROKEN.values())[-1]
    body = body.replace("RuntimeError(os.environ)", shortage)
    sentinel.write(f"{sentinel.root}/broken/{name}", body)
    done = sentinel.run("env", PYTHONPATH=f"{sentinel.root}/broken")
    assert done.code == 75
    assert f"error: {message}\n" in done.err
    assert done.out.endswith(";(exit 75);\n")


SECRET = "sentinel-0123456789abcdef"


def values_with_secrets() -> list[object]:
    """One of each public value that holds a secret, made of the sentinel."""
    secret = Secret(SECRET)
    broker = open_broker("sandbox", lifetime=900, rotate=False, now=0)
    application = Application("client", secret, secret)
    credential = Credential(secret, 0, 900, "live", "sandbox", "https://api", "client")
    entry = Entry({"access_token": SECRET, "expires_at": "900"}, 0, 0.0)
    surroundings = Surroundings({"TT_SECRET": SECRET}, interactive=False, home="/", patience=None)
    asked = Asked(("/tastyauth.yaml", "user"), b"", None, {"TT_SECRET": SECRET})
    nothing = cast(Any, None)
    findings = Findings(None, None, surroundings, nothing, nothing)
    findings.asked, findings.access_token = asked, secret
    findings.secrets = {"client_secret": secret}
    findings.config = findings.profile = findings.claims = findings.answer = nothing
    return [
        secret,
        Secrets("client", secret, secret),
        credential,
        entry,
        RefreshGrant("https://api/oauth/token", "sandbox", "client", secret, secret, "a/1", 15.0),
        TokenResponse(secret, 900, secret, ()),
        application,
        dataclasses.replace(broker, application=application, key=SECRET.encode()),
        Jwt("rt+jwt", {"sub": SECRET}, genuine=True),
        Request("POST", "/oauth/token", {"authorization": SECRET}, SECRET.encode()),
        Answer(200, (), SECRET.encode()),
        Ended(0, SECRET.encode(), SECRET.encode()),
        surroundings,
        asked,
        findings,
    ]


@for_each("value", values_with_secrets())
def test_no_representation_of_a_value_shows_its_secrets(value: object) -> None:
    for text in (repr(value), str(value), f"{value}", f"{value!r:>9}", "%s" % (value,)):  # noqa: UP031
        assert not shown(text, SECRET)


def test_every_value_with_a_secret_is_among_them() -> None:
    """A dataclass with a `Secret` in it is found by itself, and must be tried above."""
    tried = {type(value) for value in values_with_secrets()}
    untried = {kind for kind in _dataclasses() if _holds_secret(kind)} - tried
    assert {kind.__qualname__ for kind in untried} <= {"Proxy"}  # which is shown with its proxy


def _dataclasses() -> Iterator[type]:
    for found in pkgutil.walk_packages(tastyauth.__path__, "tastyauth."):
        if found.name.endswith(("__main__", "_child")):  # which run when they are imported
            continue
        module = importlib.import_module(found.name)
        for value in vars(module).values():
            if isinstance(value, type) and dataclasses.is_dataclass(value):
                yield value


def _holds_secret(kind: type) -> bool:
    return any("Secret" in str(field.type) for field in dataclasses.fields(kind))
