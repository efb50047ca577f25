"""The script that `as-curl` prints, run by real shells with the real curl against the simulator."""

import json
import os
import shutil
from dataclasses import replace

import pytest
from needs import missing
from sitting import sitting
from stand_ins import keyring_in
from world import CONFIG, PATH, Completed, World, content

from tastyauth.simulator import Simulator
from tastyauth.simulator.messages import Answer, Request

pytestmark = pytest.mark.warm

SHELLS = ("dash", "bash", "bash --posix", "busybox sh", "zsh", "ksh93", "mksh", "yash")

HOSTILE = (
    "it's",
    'say "hello"',
    "$HOME ${PATH} $(touch pwned) `touch pwned`",
    "back\\slash \\n \\\\",
    "100%s %d %%",
    "a&b=c;d|e>f<g",
    "#!*?[a-z]~{x,y}",
    "@/etc/passwd",
    "EOF",
    "-n -e",
    "end\\",
    "'\"'\"'",
)
"""What a secret may be made of (RFC 6749, appendix A), and a shell or JSON could trip over."""


class Recording(Simulator):
    """A broker that takes any secrets, and keeps the bodies of the token requests."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[dict[str, str]] = []

    def answer(self, request: Request) -> Answer:
        if request.target == "/oauth/token":
            body = json.loads(request.body)
            self.bodies.append(body)
            application = self.application
            body = body | {
                "client_secret": application.client_secret.reveal(),
                "refresh_token": application.refresh_token.reveal(),
            }
            request = replace(request, body=json.dumps(body).encode())
        return super().answer(request)


def script(world: World, *words: str, **variables: str) -> str:
    """Where the printed script is kept."""
    done = world.run("as-curl", *words, **variables)
    assert (done.code, done.err) == (0, "")
    assert world.client_secret not in done.out
    assert world.refresh_token not in done.out
    return world.write(f"{world.root}/by-hand", done.out)


def by_hand(world: World, shell: str, path: str, **variables: str) -> Completed:
    """Runs a script that was printed."""
    name, *flags = shell.split()
    return world.run_program(shell_path(name), *flags, path, **variables)


def shell_path(name: str) -> str:
    found = shutil.which(name, path=PATH)
    if found is None:
        missing(f"{name} is missing; see tests/e2e/debian-packages.txt")
    return found


def works(world: World, done: Completed) -> None:
    """It got a token, and the account call was answered with it."""
    assert (done.code, done.err) == (0, "")
    accounts = json.loads(done.out)["data"]["items"]
    assert accounts[0]["account"]["account-number"] == "5WT00001"
    assert world.simulator.exchanges == 1


@pytest.mark.parametrize("shell", SHELLS)
def test_it_gets_a_token_and_calls_the_api_with_it(shell: str, world: World) -> None:
    works(world, by_hand(world, shell, script(world)))


def test_it_can_be_piped_into_a_shell_and_says_so_on_a_terminal(world: World) -> None:
    works(world, world.shell("tastyauth as-curl | sh"))
    with sitting(world, "as-curl") as it:
        assert it.end() == 0
    assert "pipe it into sh" in it.shown


def test_pasted_into_a_shell_it_leaves_that_as_it_was(world: World) -> None:
    world.simulator.fail = "grant-revoked"
    text = f"{world.run('as-curl').out}\necho ${{access_token-none}} $?; false; echo alive\n"
    done = world.run_program("/bin/bash", "--norc", given=text)
    assert done.out == "none 77\nalive\n"


# -- every kind of source -------------------------------------------------------------------------

REFERENCES = {
    "env": ("env: TT_SECRET", '"$TT_SECRET"'),
    "file": ("file: '~/se cret'", "cat '"),
    "systemd_credential": ("systemd_credential: tt", 'cat "$CREDENTIALS_DIRECTORY"/tt'),
    "dotenv": ("dotenv: {{ path: ~/.env, name: TT_SECRET }}", "TT_SECRET"),
    "keyring": ("keyring: {{ service: a, username: b/c }}", "keyring get a b/c"),
    "pass": ("pass: brokers/tt", "pass show brokers/tt | sed -n 1p"),
    "onepassword": ("onepassword: op://a/b/c", "op read --no-newline op://a/b/c"),
    "command": ("command: [cat, 'se cret']", "cd && cat 'se cret'"),
    "line": ("command: {{ argv: [cat, lines], line: 2 }}", "cat lines | sed -n 2p"),
    "json": (
        "command: {{ argv: [cat, data.json], json: /data/1/a~1b }}",
        "cat data.json | python3 ",
    ),
    "first_of": (
        "first_of: [{{ env: TT_X }}, {{ file: none }}, {{ command: [nothing] }}, {{ pass: a/b }}]",
        "pass show a/b",
    ),
}
"""Kind to a reference for the client secret, and what is in the script for it."""


@pytest.fixture
def furnished(world: World) -> World:
    """A world where each of `REFERENCES` gives the client secret."""
    secret = world.client_secret
    for name, text in (
        ("se cret", f"{secret}\n"),
        ("credentials/tt", secret),
        (".env", f"A=1\nexport TT_SECRET='{secret}' # mine\n"),
        ("lines", f"first\n{secret}\nthird\n"),
        ("data.json", json.dumps({"data": ["x", {"a/b": secret}]})),
    ):
        world.write(f"{world.home}/{name}", text)
    world.write(f"{keyring_in(world)}/a b-c", secret)
    world.script("pass", f"cat '{world.home}/lines' | sed 1d")
    world.script("op", f"printf %s '{secret}'")
    world.environ |= {"TT_SECRET": secret, "CREDENTIALS_DIRECTORY": f"{world.home}/credentials"}
    return world


@pytest.mark.parametrize("kind", REFERENCES)
def test_every_kind_of_reference_has_its_words(kind: str, furnished: World) -> None:
    reference, words = REFERENCES[kind]
    furnished.configure(CONFIG.replace("file: live.client-secret", reference))
    path = script(furnished)
    assert words in content(path)
    works(furnished, by_hand(furnished, "bash", path))  # and in dash, with witnesses, below


def test_the_client_id_may_be_a_reference_too(world: World) -> None:
    world.configure(CONFIG.replace("client_id: {client_id}", "client_id: {{ env: TT_ID }}"))
    works(world, by_hand(world, "dash", script(world), TT_ID=world.simulator.application.client_id))


def test_a_secret_that_is_not_there_ends_it_before_anything_is_sent(world: World) -> None:
    for reference in ("env: TT_SECRET", "file: none", "pass: a", "command: ['true']"):
        world.configure(CONFIG.replace("file: live.client-secret", reference))
        done = by_hand(world, "dash", script(world))
        assert done.code != 0
        assert done.err
    assert world.simulator.token_requests == 0


def test_a_refusal_ends_it_with_what_the_server_said(world: World) -> None:
    world.simulator.fail = "grant-revoked"
    done = by_hand(world, "dash", script(world))
    assert (done.code, done.out) == (77, "")
    assert "Grant revoked" in done.err


class Hostile(Simulator):
    """A broker that answers the token request with a text, in which it may repeat secrets."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def answer(self, request: Request) -> Answer:
        if request.target != "/oauth/token":
            return super().answer(request)
        sent = json.loads(request.body)
        return Answer(400, (), self.text.format(**sent).encode())


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "text",
    [
        "\x1b]0;title\x07\x1b[2J\r\u202e\x9b31m no",
        "you sent {client_secret}",
        "you sent {refresh_token}",
        "no " * 5000,
    ],
)
def test_what_a_server_says_is_shown_without_harm(
    text: str, shell: str, tmp_path: os.PathLike[str]
) -> None:
    with Hostile(text) as simulator:
        world = World(os.fspath(tmp_path), simulator)
        world.configure(CONFIG)
        done = by_hand(world, shell, script(world))
    assert (done.code, done.out) == (77, "")
    assert done.err.startswith("no token: ")
    assert done.err.strip().isprintable()
    assert done.err.isascii()
    assert len(done.err) < 400
    unseen(done.err, world)


def test_parts_of_a_secret_in_the_words_of_a_server_are_hidden(tmp_path: os.PathLike[str]) -> None:
    with Hostile("{{'you': 'sent {refresh_token:.60} and {client_secret:.30}'}}") as simulator:
        world = World(os.fspath(tmp_path), simulator)
        world.configure(CONFIG)
        done = by_hand(world, "dash", script(world))
    assert "you" in done.err
    assert world.client_secret[:20] not in done.err
    unseen(done.err, world)


def test_accounts_steer_no_terminal_either(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.script("curl", 'printf \'{"access_token": "x"} \\033[2J \\302\\233 end\'')
    done = by_hand(world, "dash", script(world))
    assert done.out == '{"access_token": "x"} ?[2J ?? end\n'


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy", "ALL_PROXY"])
def test_no_proxy_gets_what_stays_on_this_machine(variable: str, world: World) -> None:
    with Simulator() as proxy:
        works(world, by_hand(world, "dash", script(world), **{variable: proxy.origin}))
        assert not proxy.exchanges


def test_settings_of_curl_write_nothing_down_and_send_it_nowhere_else(world: World) -> None:
    trace = f"{world.root}/trace"
    with Simulator() as elsewhere:
        world.write(
            "home/.curlrc", f'trace-ascii = "{trace}"\nurl = "{elsewhere.origin}/oauth/token"'
        )
        works(world, by_hand(world, "dash", script(world)))
        assert not os.path.exists(trace)
        assert not elsewhere.token_requests


def test_a_broker_elsewhere_is_reached_by_the_proxy_as_curl_finds_it(world: World) -> None:
    world.configure(CONFIG.replace("custom", "sandbox").replace("    api_url: {origin}\n", ""))
    text = content(script(world))
    assert "--noproxy" not in text
    assert "api.cert.tastyworks.com" in text


# -- hostile secrets ------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize("kind", ["env", "file", "command"])
def test_any_secret_arrives_as_it_is(kind: str, shell: str, tmp_path: os.PathLike[str]) -> None:
    with Recording() as simulator:
        world = World(os.fspath(tmp_path), simulator)
        reference = {
            "env": "env: TT_SECRET",
            "file": "file: ~/secret",
            "command": "command: [cat, secret]",
        }[kind]
        world.configure(CONFIG.replace("file: live.client-secret", reference))
        path = script(world)
        for secret in HOSTILE:
            world.write(f"{world.home}/secret", secret)
            world.write(f"{world.config_directory}/live.refresh-token", f"{secret}\n")
            done = by_hand(world, shell, path, TT_SECRET=secret)
            assert (done.code, done.err) == (0, "")
        sent = [(body["client_secret"], body["refresh_token"]) for body in simulator.bodies]
    assert sent == [(secret, secret) for secret in HOSTILE]
    assert not any("pwned" in names for _, _, names in os.walk(world.root))


# -- what others can see --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", REFERENCES)
def test_no_program_gets_a_secret_as_an_argument(kind: str, furnished: World) -> None:
    """Each program of the script is met by a witness first, which writes down its arguments."""
    furnished.configure(CONFIG.replace("file: live.client-secret", REFERENCES[kind][0]))
    path = script(furnished)
    for name in ("curl", "sed", "cat", "printf", "python3"):
        witness(furnished, name)
    works(furnished, by_hand(furnished, "dash", path))
    seen = content(f"{furnished.root}/argv")
    assert seen.count("curl --disable --silent") == 2
    unseen(seen, furnished)


@pytest.mark.parametrize("shell", SHELLS)
def test_nor_does_any_process_at_all(shell: str, world: World) -> None:
    """As the kernel sees it: printf and the like are programs to some shells."""
    strace = shutil.which("strace", path=PATH)
    if strace is None:
        missing("strace is missing; see tests/e2e/debian-packages.txt")
    path, trace = script(world), f"{world.root}/trace"
    watch = (strace, "-f", "-qq", "-s", "16384", "-e", "trace=execve", "-o", trace)
    done = world.run_program(*watch, shell_path(shell.split()[0]), *shell.split()[1:], path)
    if "Operation not permitted" in done.err:
        missing("no process may be traced here")
    works(world, done)
    seen = content(trace)
    assert seen.count('"--data", "@-"') == 1
    unseen(seen, world)


def unseen(text: str, world: World) -> None:
    """No secret is in the text, nor the beginning of an access token of this broker."""
    assert world.client_secret not in text
    assert "eyJ" not in text


def witness(world: World, name: str) -> None:
    """Comes before a program on the PATH, writes down how it is called, and becomes it."""
    real = shutil.which(name, path=PATH)
    assert real is not None
    world.script(name, f'echo {name} "$@" >>{world.root}/argv\nexec {real} "$@"')
