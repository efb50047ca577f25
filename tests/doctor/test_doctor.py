"""The doctor names the cause and the next step in every broken set-up, and leaks nothing."""

import json
import os
import re
import shlex
import shutil
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import needs
import pytest
import trustme
from desk import DESK, config_with, furnish
from exchange_fakes import OTHER_ID, jwt
from needs import missing
from ports import closed_port
from world import COMMAND, CONFIG, PATH, World, content, profile_named

from tastyauth import config
from tastyauth.cli import doctor as command
from tastyauth.cli import grammar
from tastyauth.cli.console import Console
from tastyauth.doctor import STEPS, Findings, cron, online
from tastyauth.errors import UsageError
from tastyauth.simulator import Simulator
from tastyauth.simulator.messages import Answer, Request, api_error, json_answer
from tastyauth.sources import Surroundings

pytestmark = pytest.mark.warm

CREDENTIAL = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*|\b[0-9a-f]{40}\b")

QUICK = CONFIG + "    timeout: 1\n"
"""Fails a second after it began, whatever hangs."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the doctor said and how it ended; `checks` are those of a report in JSON."""

    code: int
    text: str

    @property
    def document(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.text)
        return read

    @property
    def checks(self) -> dict[str, dict[str, Any]]:
        return {check["name"]: check for check in self.document["checks"]}

    def state(self, name: str) -> str:
        return str(self.checks[name]["state"])


Examine = Callable[..., Report]


@pytest.fixture
def examine(
    world: World, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Examine:
    """Runs `doctor` in this process, as the command line does, in the project of the world."""
    monkeypatch.chdir(world.project)

    def examined(*words: str, output: str = "json", **variables: str) -> Report:
        arguments = grammar.parse(grammar.read(["doctor", "--format", output, *words]))
        console = Console({**world.environ, **variables})
        console.verbose, console.quiet = arguments.verbose, arguments.quiet
        capfd.readouterr()
        code = command.run_doctor(arguments, console)
        captured = capfd.readouterr()
        everything = captured.out + captured.err
        assert not CREDENTIAL.search(everything)
        for secret in (world.client_secret, world.refresh_token):
            assert not any(secret[i : i + 8] in everything for i in range(len(secret) - 7))
        assert f"{world.home}/" not in captured.out.partition('"line"')[0]
        return Report(code, captured.out)

    return examined


# -- what is well ---------------------------------------------------------------------------------


def test_when_all_is_well_every_check_has_run_and_account_numbers_are_masked(
    examine: Examine,
) -> None:
    report = examine()
    assert report.code == 0
    assert list(report.checks) == [step.name for step in STEPS if step.name != "shared"]
    others = {name: check["state"] for name, check in report.checks.items()}
    assert others.pop("market_data") == "skipped"
    assert "a sandbox has no market data" in report.checks["market_data"]["message"]
    assert set(others.values()) == {"passed"}

    assert report.checks["accounts"]["message"] == "2 accounts: ****0001, ****0002 (closed)"
    assert "5WT0" not in report.text


def test_quotes_are_granted_and_their_token_is_dropped(tmp_path: os.PathLike[str]) -> None:
    """It is a secret, too."""
    with Simulator(environment="production") as simulator:
        world = World(os.fspath(tmp_path), simulator)
        world.configure()
        done = world.run("doctor", "--format", "json", "-v")
    report = Report(done.code, done.out)
    assert report.checks["market_data"]["message"] == "got a quote token, level api"
    assert not re.search("[0-9a-f]{40}", done.out + done.err)


def test_offline_nothing_is_sent(examine: Examine, world: World) -> None:
    report = examine("--offline")
    assert report.code == 0
    assert list(report.checks) == [step.name for step in STEPS if not step.online]
    assert world.simulator.requests == []


def test_the_token_of_the_check_is_used_by_the_next_command(examine: Examine, world: World) -> None:
    """The exchange is the one of every command: the next command finds its token."""
    examine()
    assert world.run("token").code == 0
    assert world.simulator.token_requests == 1


def test_a_cached_token_does_not_pass_for_an_exchange(examine: Examine, world: World) -> None:
    examine()
    world.simulator.fail = "grant-revoked"
    assert examine().state("exchange") == "failed"


def test_a_pipe_is_read_once(examine: Examine, world: World) -> None:
    """What can be had only once, or asks somebody, is not asked for again by the exchange."""
    pipe = f"{world.root}/pipe"
    os.mkfifo(pipe, 0o600)
    world.configure(CONFIG.replace("file: live.refresh-token", f"file: {pipe}"))

    writer = threading.Thread(
        target=Path(pipe).write_text, args=(world.refresh_token,), daemon=True
    )
    writer.start()
    assert examine().state("exchange") == "passed"
    writer.join(60)


def test_a_rotated_token_is_followed_to_its_end(tmp_path: os.PathLike[str]) -> None:
    with Simulator(rotate=True) as simulator:
        world = World(os.fspath(tmp_path), simulator)
        world.environ["TT_REFRESH"] = world.refresh_token
        world.configure(CONFIG.replace("file: live.refresh-token", "env: TT_REFRESH"))
        assert world.run("doctor").code == 0
        done = world.run("doctor")
    assert done.code == 0
    message = "a refresh token (rt+jwt); the server replaced it, and the newest one is used"
    assert message in done.out


# -- what is broken -------------------------------------------------------------------------------


Prepare = Callable[[World, ExitStack], dict[str, str] | None]
"""Breaks a world; may give variables. What it starts ends with the stack."""


def configured(old: str, new: str, config: str = CONFIG, **variables: str) -> Prepare:
    """The usual config with one thing changed."""

    def prepare(world: World, _: ExitStack) -> dict[str, str]:
        assert old in config
        world.configure(config.replace(old, new))
        return variables

    return prepare


def reference(kind: str, **variables: str) -> Prepare:
    """The client secret comes from somewhere else."""
    return configured("file: live.client-secret", kind, **variables)


def move(world: World, kind: str, directory: str | None = None) -> str:
    """Writes the config with that reference for the client secret; its path."""
    config = CONFIG.replace("file: live.client-secret", kind)
    return world.configure(config, directory=directory)


def wrote(name: str, text: str) -> Prepare:
    """A secret file with something else in it."""

    def prepare(world: World, _: ExitStack) -> None:
        path = f"{world.config_directory}/live.{name}"
        world.write(path, text.format(token=world.refresh_token))

    return prepare


def gone(name: str) -> Prepare:
    return lambda world, _: os.unlink(f"{world.config_directory}/{name}")


def opened(name: str, mode: int) -> Prepare:
    return lambda world, _: os.chmod(f"{world.home}/{name}", mode)


def program(body: str) -> Prepare:
    """The client secret comes from a program with this script."""

    def prepare(world: World, _: ExitStack) -> None:
        world.script("vault", body)
        argv = "{{ command: {{ argv: [vault, password], timeout: 1 }} }}"
        world.configure(CONFIG.replace("{{ file: live.client-secret }}", argv))

    return prepare


def fails(kind: str, config: str = CONFIG) -> Prepare:
    """The token endpoint fails."""

    def prepare(world: World, _: ExitStack) -> None:
        world.configure(config)
        world.simulator.fail = kind

    return prepare


class Api(Simulator):
    """A broker whose API, but not the token endpoint, answers something else."""

    def __init__(self, path: str, instead: Answer, **settings: Any) -> None:
        super().__init__(**settings)
        self.path, self.instead = path, instead

    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        return self.instead if request.path == self.path else answer


def answers(instead: Answer) -> Prepare:
    """The accounts are asked for, and this comes."""
    return served(lambda: Api("/customers/me/accounts", instead))


def without_quotes() -> Simulator:
    return Api("/api-quote-tokens", Answer(502))


STANDS_FOR = "    stands_for: production\n"


def served(make: Callable[[], Simulator], more: str = "") -> Prepare:
    """Another broker, and its credentials; `more` ends the profile."""

    def prepare(world: World, stack: ExitStack) -> None:
        world.simulator = stack.enter_context(make())
        world.configure(CONFIG + more)

    return prepare


AUTHORITY = trustme.CA()
STRANGER = trustme.CA(organization_name="another authority")


def https(name: str, authority: trustme.CA = AUTHORITY, *, ended: bool = False) -> Prepare:
    """The broker behind TLS; AUTHORITY is trusted."""

    def prepare(world: World, stack: ExitStack) -> dict[str, str]:
        import datetime

        day = datetime.timedelta(days=-1 if ended else 30)
        end = datetime.datetime.now(tz=datetime.UTC) + day
        start = end - datetime.timedelta(days=60)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf = authority.issue_cert(name, not_before=start, not_after=end)
        leaf.configure_cert(context)
        world.simulator = stack.enter_context(Simulator(tls=context))
        world.configure()
        trusted = f"{world.root}/ca.pem"
        AUTHORITY.cert_pem.write_to_path(trusted)
        return {"SSL_CERT_FILE": trusted}

    return prepare


def with_the_clock(seconds: float) -> Prepare:
    """The broker's clock is ahead of the one of this machine."""
    return served(lambda: Simulator(now=lambda: time.time() + seconds))


def at(origin: str, **variables: str) -> Prepare:
    return configured("{origin}", origin, **variables)


def mute(world: World, stack: ExitStack) -> None:
    """A server that accepts connections and never answers."""
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    world.configure(QUICK.replace("{origin}", f"http://127.0.0.1:{listener.getsockname()[1]}"))


def plain(world: World, _: ExitStack) -> None:
    """https is asked for where http is spoken."""
    origin = world.simulator.origin.replace("http:", "https:")
    world.configure(CONFIG.replace("{origin}", origin))


def renamed(world: World, _: ExitStack) -> None:
    os.rename(world.config, world.config.replace(".yaml", ".yml"))


def found(world: World, _: ExitStack) -> None:
    os.unlink(world.config)
    world.configure(directory=world.project)


def exposed(world: World, _: ExitStack) -> None:
    directory = f"{world.root}/shared"
    move(world, f"file: {directory}/secret")
    world.write(f"{directory}/secret", world.client_secret)
    os.chmod(directory, 0o777)


def as_repository(world: World, *, configured: bool = True) -> str:
    """A repository with a config in it, and beside that its secrets; its path."""
    if shutil.which("git", path=PATH) is None:
        missing("git is missing")
    repository = f"{world.home}/bot"
    if configured:
        world.configure(directory=repository)
    assert world.run_program("git", "init", "--quiet", repository).code == 0
    return repository


def in_a_repository(world: World, _: ExitStack) -> dict[str, str]:
    path = f"{as_repository(world)}/tastyauth.yaml"
    return {"TASTYAUTH_CONFIG": path, "TASTYAUTH_TRUST_SHA256": approval(path, world)}


def approval(path: str, world: World) -> str:
    return world.run("allow", path, "--print").out.split()[-1]


def linked(place: str) -> Prepare:
    """A link where tastyauth keeps a directory."""

    def prepare(world: World, _: ExitStack) -> None:
        os.makedirs(os.path.dirname(f"{world.home}/{place}"))
        os.symlink(world.project, f"{world.home}/{place}")

    return prepare


TWO_HOURS = 7200
TOKEN = jwt({"typ": "rt+jwt"}, {"iss": "https://api.cert.tastyworks.com", "aud": OTHER_ID})
ACCESS = jwt({"typ": "at+jwt"}, {"aud": OTHER_ID})
SANDBOX = "environment: custom\n    api_url: {origin}"
IN_SANDBOX = CONFIG.replace(SANDBOX, "environment: sandbox")
PORT = closed_port()
ORIGIN = f"https://127.0.0.1:{PORT}"
PROXY = f"http://127.0.0.1:{closed_port()}"
WRITABLE = "can be written by everybody"
SCOPES = "insufficient_scopes"
NONE_OF_TWO = "none of 2 sources has the secret: env A is not set; env B is empty"
NOT_IGNORED = "git does not ignore ~/bot/live.client-secret, ~/bot/live.refresh-token"

Row = tuple[str, str, Prepare, *tuple[str, ...]]
"""Words of a message and of its next step, a set-up of which it is said, and flags for doctor."""

FAILS: dict[str, list[Row]] = {
    "config": [
        ("no config", "--config FILE", gone("tastyauth.yaml")),
        ("no config", "rename it", renamed),
        ("exprots", "tastyauth validate", at("{origin}\n    exprots: {{}}")),
        ("tastyauth.yaml:1", "validate", configured("version", "{{ [")),
        ("client_id", "validate", configured("{client_id}", TOKEN)),
    ],
    "trust": [
        ("not approved", "tastyauth allow", found),
        (WRITABLE, "chmod go-w ", opened(".config/tastyauth/tastyauth.yaml", 0o666)),
    ],
    "client_secret": [
        ("is neither a file nor a named pipe", "name a file", reference("file: .")),
        ("does not exist", "shown once", gone("live.client-secret")),
        ("live.client-secret is empty", "store", wrote("client-secret", "")),
        ("carriage return", "Windows", wrote("client-secret", "a\rb")),
        ("env TT is not set", "cron", reference("env: TT")),
        ("env TT is empty", "export", reference("env: TT", TT="")),
        ("no program vault", "PATH", reference("command: [vault]")),
        ("exit code 3: sealed", "run it yourself", program("echo sealed >&2; exit 3")),
        ("did not end within 1 s", "timeout", program("sleep 60")),
        ("Password", "run it yourself", program("echo Password: >&2; read x")),
        ("there is no keyring", "cron", reference("keyring: {{ service: a, username: x }}")),
        (
            "missing or empty",
            "add it",
            reference("dotenv: {{ path: live.refresh-token, name: T }}"),
        ),
        ("CREDENTIALS_DIRECTORY", "LoadCredential", reference("systemd_credential: tt")),
        ("no program op", "install", reference("onepassword: 'op://a/b/c'")),
        (NONE_OF_TWO, "one of them", reference("first_of: [{{ env: A }}, {{ env: B }}]", B="")),
        (
            *("looks like a tastytrade refresh token", "oauth-applications"),
            configured("live.client-secret", "live.refresh-token", IN_SANDBOX),
            "--offline",
        ),
    ],
    "refresh_token": [
        ("2 lines", "one line", wrote("refresh-token", "a\nb\n")),
        ("begins with a space", "spaces", wrote("refresh-token", " a")),
        ("looks like an access token", "oauth-applications", wrote("refresh-token", ACCESS)),
        ("quotes", "without", wrote("refresh-token", '"{token}"'), "--offline"),
    ],
    "client_id": [
        (
            *("looks like a tastytrade refresh token", "UUID"),
            configured("{client_id}", "{{ file: live.refresh-token }}"),
        ),
    ],
    "audience": [
        (
            *("different OAuth applications", "same application"),
            configured("{client_id}", OTHER_ID),
        ),
    ],
    "issuer": [
        (
            *("issued by sandbox, not production", "environment: sandbox"),
            *(configured(SANDBOX, "environment: production"), "--offline"),
        ),
    ],
    "route": [
        ("https_proxy", "socks", at(ORIGIN, https_proxy="socks5://x:1")),
        ("SSL_CERT_FILE", "unset", at(ORIGIN, SSL_CERT_FILE="/nowhere")),
    ],
    "dns": [
        ("nowhere.invalid cannot be resolved", "online", at("https://nowhere.invalid")),
        ("proxy.invalid", "https_proxy", at(ORIGIN, https_proxy="http://proxy.invalid:1")),
    ],
    "tls": [
        (f"nothing listens at 127.0.0.1, port {PORT}", "api_url", at(ORIGIN)),
        ("(the proxy in $https_proxy): the c", "start that proxy", at(ORIGIN, https_proxy=PROXY)),
        ("did not answer", "later", mute),
        ("unknown authority", "SSL_CERT_FILE", https("127.0.0.1", STRANGER)),
        ("has expired", "clock", https("127.0.0.1", ended=True)),
        ("another name", "sign-in page", https("other.example")),
        ("TLS with 127.0.0.1 failed", "https server", plain),
    ],
    "exchange": [
        ("Grant revoked", "Create Grant", fails("grant-revoked")),
        ("Client secret mismatch", "same application", fails("secret-mismatch")),
        ("Invalid JWT", "cut short", fails("invalid-jwt")),
        ("not a TastyTrade customer", "sandbox", fails("not-a-customer")),
        ("429", "again in 30 s", fails("429")),
        ("503", "try again", fails("503")),
        ("User-Agent", "product/version", fails("html-401")),
        ("redirects", "api_url", fails("redirect")),
        ("not JSON", "api_url", fails("not-json")),
        ("did not answer", "later", fails("slow", QUICK)),
        ("invalid_grant", "Create Grant", fails("echo")),
    ],
    "accounts": [
        ("401: token_invalid", "Create Grant", answers(api_error(401, "token_invalid", "Invalid"))),
        (f"403: {SCOPES}", "scope read", answers(api_error(403, SCOPES, "of account 5WT00001"))),
        ("503", "few minutes", answers(Answer(503, (("Content-Type", "text/html"),), b"<html>"))),
        ("without data", "tastytrade's API", answers(json_answer(200, {"items": []}))),
    ],
}

WARNS: dict[str, list[Row]] = {
    "permissions": [
        ("everybody", "chmod", exposed),
        (NOT_IGNORED, ">>~/bot/.gitignore", in_a_repository),
    ],
    "cache": [("symbolic link", "every call", linked(".cache/tastyauth"))],
    "state": [("symbolic link", "XDG_STATE_HOME", linked(".local/state/tastyauth"))],
    "type": [("not the kind", "exactly as shown", wrote("refresh-token", "abc"), "--offline")],
    "clock": [
        ("s behind the server's", "set it", with_the_clock(TWO_HOURS)),
        ("s ahead of the server's", "set it", with_the_clock(-TWO_HOURS)),
    ],
    "accounts": [
        ("no account", "create one", answers(json_answer(200, {"data": {"items": []}}))),
    ],
    "market_data": [("502", "without an account", served(without_quotes, STANDS_FOR))],
}

BROKEN = [
    (culprit, state, *row)
    for state, table in (("failed", FAILS), ("warned", WARNS))
    for culprit, rows in table.items()
    for row in rows
]


@pytest.mark.parametrize("row", BROKEN, ids=lambda row: f"{row[0]}: {row[2].partition(',')[0]}")
def test_a_broken_set_up_is_reported_with_its_culprit_and_what_to_do(
    row: tuple[str, str, str, str, Prepare, *tuple[str, ...]], world: World, examine: Examine
) -> None:
    culprit, state, message, hint, prepare, *flags = row
    with ExitStack() as stack:
        variables = prepare(world, stack) or {}
        report = examine(*flags, **variables)
    check = report.checks[culprit]
    assert check["state"] == state
    assert message in check["message"]
    assert hint in check["hint"]
    failed = [name for name, it in report.checks.items() if it["state"] == "failed"]
    assert failed == ([culprit] if state == "failed" else [])
    assert report.code == (1 if failed else 0)


def test_the_table_is_as_long_as_was_promised() -> None:
    assert len(BROKEN) >= 25
    assert FAILS.keys() | WARNS >= {step.name for step in STEPS} - {"age", "scope", "shared"}


def test_every_failure_and_warning_has_a_next_step(examine: Examine, world: World) -> None:
    for prepare in (reference("env: TT"), fails("429"), gone("tastyauth.yaml")):
        with ExitStack() as stack:
            prepare(world, stack)
        for check in examine("--cron").checks.values():
            assert bool(check["hint"]) == (check["state"] in ("failed", "warned")), check


def test_for_cron_the_client_id_is_better_in_the_config_than_in_a_variable(
    examine: Examine, world: World
) -> None:
    client_id = world.simulator.application.client_id
    config = content(world.config).replace(client_id, "{ env: TT_ID }", 1)
    world.write(world.config, config.replace("{ file: live.client-secret }", "{ env: TT_SECRET }"))
    variables = {"TT_ID": client_id, "TT_SECRET": world.client_secret}
    checks = {it["name"]: it for it in examine("--cron", **variables).document["cron"]["checks"]}
    assert checks["client_id"]["hint"].startswith("write it into the config: it is public")
    assert checks["client_secret"]["hint"].startswith("in cron, keep it in a file of mode 0600")


def test_secret_files_that_others_can_read_come_with_the_chmod(
    examine: Examine, world: World
) -> None:
    path = f"{world.config_directory}/live.client-secret"
    os.chmod(path, 0o644)
    needs.is_on_disk(path)
    check = examine().checks["client_secret"]
    assert (check["state"], check["outcome"]) == ("failed", "fails")
    assert "run: chmod 600 ~/.config/tastyauth/live.client-secret" in check["hint"]


def test_a_command_with_a_path_that_needs_quotes_can_be_typed(world: World) -> None:
    """A shell does not expand a tilde in quotes."""
    directory = f"{world.home}/my bots"
    path = world.configure(directory=directory)
    os.chmod(f"{directory}/live.client-secret", 0o644)
    needs.is_on_disk(path)
    out = world.run("doctor", "--offline", "--config", path).out
    command = next(it for it in out.splitlines() if "chmod 600" in it).partition("run: ")[2]
    assert command == "chmod 600 ~/'my bots/live.client-secret'"


def test_a_warning_of_the_config_is_reported(examine: Examine, world: World) -> None:
    world.write(world.config, content(world.config).replace("\n", "\r\n"))
    check = examine("--offline").checks["config"]
    assert check["state"] == "warned"
    assert "lines end with CR LF" in check["message"]
    assert check["hint"].endswith("tastyauth validate ~/.config/tastyauth/tastyauth.yaml")


def test_the_report_says_why_a_config_is_trusted(examine: Examine, world: World) -> None:
    assert examine("--offline").checks["trust"]["message"] == "in your own config directory"
    by_flag = examine("--offline", "--config", world.config)
    assert by_flag.checks["trust"]["message"] == "named by --config"
    path = world.configure(directory=world.project)
    given = {"TASTYAUTH_CONFIG": path, "TASTYAUTH_TRUST_SHA256": approval(path, world)}
    by_hash = examine("--offline", **given)
    assert by_hash.checks["trust"]["message"] == "approved by $TASTYAUTH_TRUST_SHA256"


# -- secrets in a repository ----------------------------------------------------------------------


def permissions(world: World, path: str, **variables: str) -> tuple[str, str, str]:
    """What a run of its own says of the permissions of the config at `path`, and of its files."""
    done = world.run("doctor", "--offline", "--format", "json", "--config", path, **variables)
    check = Report(done.code, done.out).checks["permissions"]
    return check["state"], check["message"], check["hint"]


def test_what_is_advised_keeps_git_from_the_secrets(world: World) -> None:
    """Wherever they lie, whatever they are called, whatever is ignored already."""
    repository = as_repository(world)
    odd = f"{repository}/keys/it's 100% mine"
    path = move(world, f'file: "{odd}"', repository)
    world.write(odd, world.client_secret)
    world.write(f"{repository}/.gitignore", "*.log")
    state, message, hint = permissions(world, path)
    assert (state, message) == (
        "warned",
        "git does not ignore ~/bot/keys/it's 100% mine, ~/bot/live.refresh-token",
    )
    command = hint.removeprefix("make git ignore them: ").partition(";")[0]
    assert world.shell(command.replace("'~", f"'{world.home}")).code == 0
    assert permissions(world, path)[0] == "passed"
    assert content(f"{repository}/.gitignore").splitlines() == ["*.log", "live.refresh-token"]


@pytest.mark.parametrize(
    ("ignored", "by"), [("*.client-secret\nlive.refresh-token\n", ".gitignore"), ("*\n", "home")]
)
def test_files_that_git_ignores_are_not_reported(ignored: str, by: str, world: World) -> None:
    repository = as_repository(world)
    own = f"{world.home}/.config/git/ignore"
    world.write(own if by == "home" else f"{repository}/{by}", ignored)
    assert permissions(world, f"{repository}/tastyauth.yaml")[0] == "passed"


def test_outside_of_a_repository_git_is_not_asked(world: World) -> None:
    world.script("git", "touch $HOME/ran; exit 1")
    assert permissions(world, world.config)[0] == "passed"
    assert not os.path.exists(f"{world.home}/ran")


def test_a_link_is_followed_to_the_repository_that_holds_the_secret(world: World) -> None:
    repository = as_repository(world, configured=False)
    secret = f"{world.config_directory}/live.client-secret"
    os.rename(secret, f"{repository}/secret")
    os.symlink(f"{repository}/secret", secret)
    state, message, _ = permissions(world, world.config)
    assert (state, message) == ("warned", "git does not ignore ~/bot/secret")


def test_an_env_file_is_a_secret_to_git_as_well(world: World) -> None:
    repository = as_repository(world)
    path = move(world, "dotenv: {{ path: .env, name: TT }}", repository)
    world.write(f"{repository}/.env", f"TT={world.client_secret}\n")
    assert "~/bot/.env" in permissions(world, path)[1]


def test_the_repository_is_the_one_around_the_file(world: World) -> None:
    """A hook of git's, from which it may be called, has variables that name another."""
    path = f"{as_repository(world)}/tastyauth.yaml"
    other = {"GIT_DIR": f"{world.root}/other", "GIT_WORK_TREE": world.project}
    assert permissions(world, path, **other)[0] == "warned"


@pytest.mark.parametrize("body", [None, "exit 128", "exec /bin/sleep 60"])
def test_when_git_cannot_answer_nothing_is_reported(body: str | None, world: World) -> None:
    path = f"{as_repository(world)}/tastyauth.yaml"
    if body is not None:
        world.script("git", body)
    began = time.monotonic()
    assert permissions(world, path, PATH=f"{world.home}/bin")[0] == "passed"
    assert time.monotonic() - began < 30


def test_no_program_of_the_project_is_run(world: World) -> None:
    """Neither one that is called git, nor those that the settings of a repository can name."""
    repository = as_repository(world)
    trap = world.write(f"{repository}/bin/git", f"#!/bin/sh\ntouch {world.root}/ran\n", 0o700)
    done = world.shell(
        f"cd {repository} && git config core.fsmonitor {trap}"
        " && printf 'x\\n' >.gitignore && git add .gitignore"
        " && git update-index --skip-worktree .gitignore && rm .gitignore"
        " && git config extensions.partialClone origin && git config remote.origin.promisor true"
        f" && git config remote.origin.url 'ext::{trap}' && git config protocol.ext.allow always"
        " && rm -r .git/objects/?? && rm -f $ran",
        ran=f"{world.root}/ran",
    )
    assert done.code == 0, done.err
    for path in (world.environ["PATH"], f"{repository}/bin:{world.environ['PATH']}"):
        permissions(world, f"{repository}/tastyauth.yaml", PATH=path)
    assert not os.path.exists(f"{world.root}/ran")


def test_before_a_config_is_trusted_git_is_not_asked_about_its_files(
    examine: Examine, world: World
) -> None:
    path = f"{as_repository(world)}/tastyauth.yaml"
    world.script("git", "touch $HOME/ran; exit 1")
    report = examine("--offline", TASTYAUTH_CONFIG=path)
    assert (report.state("trust"), report.state("permissions")) == ("failed", "passed")
    assert not os.path.exists(f"{world.home}/ran")


# -- more of what is reported ---------------------------------------------------------------------


def test_where_the_broker_itself_refuses_a_firewall_may_be_why(
    examine: Examine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.configure(IN_SANDBOX)
    nobody = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", closed_port()))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [nobody])
    check = examine().checks["tls"]
    assert check["message"] == (
        "nothing listens at api.cert.tastyworks.com, port 443: the connection was refused"
    )
    assert "firewall" in check["hint"]


def test_a_client_secret_that_was_perhaps_cut_is_warned_of(examine: Examine, world: World) -> None:
    world.configure(IN_SANDBOX)
    for left, counted in ((1, "1 character"), (39, "39 characters")):
        world.write(f"{world.config_directory}/live.client-secret", world.client_secret[-left:])
        check = examine("--offline").checks["client_secret"]
        assert (check["state"], check["message"].partition(": ")[2]) == (
            "warned",
            f"not the 40 hexadecimal digits that tastytrade has issued so far, but {counted}",
        )
    world.configure()
    world.write(f"{world.config_directory}/live.client-secret", world.client_secret[1:])
    assert examine("--offline").state("client_secret") == "passed"


def test_the_clock_is_warned_of_once(examine: Examine, world: World) -> None:
    with ExitStack() as stack:
        with_the_clock(-TWO_HOURS)(world, stack)
        report = examine()
    assert (report.state("clock"), report.state("exchange")) == ("warned", "passed")


def test_a_warning_of_the_exchange_is_reported(examine: Examine, world: World) -> None:
    """Without a cache there is still a token."""
    linked(".cache/tastyauth")(world, ExitStack())
    check = examine().checks["exchange"]
    assert check["state"] == "warned"
    assert "an access token, valid for 900 s; the token cache is not used" in check["message"]


def test_a_check_that_depends_on_a_failed_one_is_skipped_and_names_it(
    examine: Examine, world: World
) -> None:
    os.unlink(f"{world.config_directory}/live.refresh-token")
    report = examine()
    skipped = {n: it["message"] for n, it in report.checks.items() if it["state"] == "skipped"}
    assert set(skipped) == {
        *("type", "audience", "issuer", "age", "scope"),
        *("exchange", "accounts", "market_data"),
    }
    assert set(skipped.values()) == {"refresh_token failed"}
    assert report.state("tls") == "passed"
    assert world.simulator.token_requests == 0


def test_an_untrusted_config_makes_nothing_happen(examine: Examine, world: World) -> None:
    """Not even a rehearsal: there its file would be named by --config, and trusted."""
    os.unlink(world.config)
    world.script("vault", "echo ran >>$HOME/ran; echo secret")
    move(world, "command: [vault]", world.project)
    report = examine("--cron")
    assert report.state("trust") == "failed"
    assert "cron" not in report.document
    assert not os.path.exists(f"{world.home}/ran")
    assert world.simulator.requests == []


# -- a refusal is not asked for again -------------------------------------------------------------


def test_a_remembered_refusal_is_reported_without_a_request(examine: Examine, world: World) -> None:
    """The command that the hint names asks at once."""
    world.simulator.fail = "grant-revoked"
    assert world.run("token").code == 77
    check = examine().checks["exchange"]
    assert re.search(r"Grant revoked \(tried \d+ s ago; no retry for \d+ s\)", check["message"])
    assert world.simulator.token_requests == 1
    words = re.search(r"same one now: (tastyauth .*)$", check["hint"])
    assert words
    world.simulator.fail = None
    assert world.shell(words[1]).code == 0
    assert world.run("token").code == 0


@pytest.mark.parametrize(("failure", "code"), [("grant-revoked", 77), ("429", 75)])
def test_a_failure_that_the_doctor_met_is_remembered_by_itself_and_the_rest(
    failure: str, code: int, examine: Examine, world: World
) -> None:
    world.simulator.fail = failure
    examine()
    assert "no retry for" in examine().checks["exchange"]["message"]
    assert world.run("token").code == code
    assert world.simulator.token_requests == 1


def test_changed_secrets_are_tried_at_once(examine: Examine, world: World) -> None:
    world.write(f"{world.config_directory}/live.client-secret", "another secret")
    assert examine().state("exchange") == "failed"
    world.write(f"{world.config_directory}/live.client-secret", world.client_secret)
    assert examine().state("exchange") == "passed"


# -- references -----------------------------------------------------------------------------------


def test_of_several_sources_the_one_that_answered_is_named(examine: Examine, world: World) -> None:
    members = "{{ env: TT }}, {{ file: nowhere }}, {{ file: live.client-secret }}, {{ env: U }}"
    move(world, f"first_of: [{members}]")
    check = examine("--offline").checks["client_secret"]
    assert check["message"] == (
        "file ~/.config/tastyauth/live.client-secret (tried first: env TT is not set;"
        " file ~/.config/tastyauth/nowhere does not exist)"
    )
    assert check["outcome"] == "resolved"


def test_a_broken_source_is_not_skipped(examine: Examine, world: World) -> None:
    world.script("vault", "exit 1")
    move(world, "first_of: [{{ command: [vault] }}, {{ file: live.client-secret }}]")
    assert examine("--offline").checks["client_secret"]["outcome"] == "fails"


def test_a_slow_source_is_shown_with_its_time(examine: Examine, world: World) -> None:
    world.script("vault", "sleep 0.3; cat $HOME/.config/tastyauth/live.client-secret")
    move(world, "command: [vault]")
    assert examine("--offline").checks["client_secret"]["seconds"] >= 0.3
    assert re.search(
        r"client_secret  passed: command vault \(\d+\.\d\d s\)",
        examine("--offline", output="human").text,
    )


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("echo 'gpg: Inappropriate ioctl for device' >&2; exit 2", "asks"),
        ("echo 'sudo: a terminal is required to read the password' >&2; exit 1", "asks"),
        ("echo 'You are not currently signed in.' >&2; exit 1", "asks"),
        ("echo 'Vault is locked.' >&2; exit 1", "asks"),
        ("echo 'You are not logged in.' >&2; exit 1", "asks"),
        ("echo 'no route to host' >&2; exit 1", "fails"),
        ("exit 1", "fails"),
        ("sleep 60", "hangs"),
    ],
)
def test_programs_that_ask_fail_or_hang_are_told_apart(
    body: str, outcome: str, examine: Examine, world: World
) -> None:
    """By what it says, not by what it is called: its argument is `password`."""
    program(body)(world, ExitStack())
    assert examine("--offline").checks["client_secret"]["outcome"] == outcome


# -- the token speaks for itself ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "name", "state", "message"),
    [
        ({"scope": "read"}, "scope", "passed", "read"),
        ({"scope": "read trade"}, "scope", "warned", "this grant can place orders (read trade)"),
        ({"scope": "openid"}, "scope", "warned", "this grant cannot read accounts (openid)"),
        ({"scope": ["read"]}, "scope", "passed", "read"),
        ({"scope": 7}, "scope", "skipped", "the token does not say"),
        ({}, "scope", "skipped", "the token does not say"),
        ({"iat": 86400 * 365}, "age", "passed", "issued on 1971-01-01"),
        ({"iat": int(time.time()) + 7200}, "age", "warned", "in the future"),
        ({"iat": 1, "exp": 2}, "age", "warned", "it expired on 1970-01-01"),
        ({"iat": 1, "exp": 9e10}, "age", "passed", "it expires on"),
        ({"iat": True}, "age", "skipped", "does not say"),
        ({"iat": 1e300}, "age", "skipped", "does not say"),
        ({"iss": "https://login.example"}, "issuer", "warned", "not a known tastytrade issuer"),
        ({"iss": "https://api.tastyworks.com"}, "issuer", "passed", "production"),
        ({"iss": "https://api.tastytrade.com"}, "issuer", "passed", "production"),
        ({"iss": 7}, "issuer", "skipped", "does not say"),
        ({"aud": "somebody"}, "audience", "skipped", "does not say"),
    ],
)
def test_the_claims_of_a_refresh_token_are_checked(
    claims: dict[str, object], name: str, state: str, message: str, examine: Examine, world: World
) -> None:
    world.configure(CONFIG.replace(SANDBOX, "environment: production"))
    token = jwt({"typ": "rt+jwt"}, claims)
    world.write(f"{world.config_directory}/live.refresh-token", token)
    check = examine("--offline").checks[name]
    assert check["state"] == state
    assert message in check["message"]
    assert token not in json.dumps(check)


@pytest.mark.parametrize(
    ("added", "state"), [("", "warned"), ("    stands_for: production\n", "passed")]
)
def test_real_money_that_counts_as_a_sandbox_is_a_warning(
    added: str, state: str, examine: Examine, world: World
) -> None:
    world.configure(CONFIG + added)
    token = jwt({"typ": "rt+jwt"}, {"iss": "https://api.tastyworks.com"})
    world.write(f"{world.config_directory}/live.refresh-token", token)
    check = examine("--offline").checks["issuer"]
    assert check["state"] == state
    assert ("set stands_for: production" in check.get("hint", "")) == (state == "warned")


# -- the report -----------------------------------------------------------------------------------


def test_the_report_for_programs_is_versioned(examine: Examine) -> None:
    document = examine("--cron").document
    assert document["format_version"] == 1
    assert set(document) == {"format_version", "checks", "cron"}
    assert set(document["cron"]) == {"checks", "line"}
    for check in document["checks"]:
        assert list(check) == ["name", "state", "message", "hint", "outcome", "seconds"]
        assert check["seconds"] >= 0
    assert "cron" not in examine("--offline").document


def test_the_report_for_people_begins_and_ends_with_what_matters(
    examine: Examine, world: World
) -> None:
    world.simulator.fail = "grant-revoked"
    lines = examine(output="human").text.splitlines()
    assert re.match("config +passed: ~/.config/tastyauth/tastyauth.yaml, profile live", lines[0])
    culprit = next(i for i, line in enumerate(lines) if line.startswith("exchange       failed: "))
    assert lines[culprit + 1].startswith("               hint: ")
    assert "accounts, market_data  skipped: exchange failed" in lines
    assert lines[-1] == "1 failed, 17 passed, 2 skipped; start with exchange"


def test_quiet_reports_show_only_what_failed_or_warned(examine: Examine, world: World) -> None:
    assert examine("-q", output="human").text == ""
    os.unlink(f"{world.config_directory}/live.client-secret")
    lines = examine("-q", "--offline", "--cron", output="human").text.splitlines()
    assert [line.split(":")[0] for line in lines if line.strip() and line[0] != " "] == [
        "client_secret  failed",
        "as cron would run it",
        "client_secret  failed",
    ]


def test_quiet_reports_are_empty_when_all_is_well(examine: Examine, world: World) -> None:
    token = jwt({"typ": "rt+jwt"}, {"scope": "read"})
    world.write(f"{world.config_directory}/live.refresh-token", token)
    assert examine("-q", "--offline", "--cron", output="human") == Report(0, "")
    assert examine("-q", "--offline").document["checks"]


def test_colours_are_for_terminals_and_on_request(examine: Examine) -> None:
    assert "\x1b" not in examine("--offline", output="human").text
    painted = examine("--offline", output="human", FORCE_COLOR="1").text
    assert "\x1b[32mpassed\x1b[0m" in painted


def test_verbose_reports_show_the_time_of_every_check_and_others_only_of_slow_ones(
    examine: Examine,
) -> None:
    assert "agrees with the server's (0.0" in examine("-v", output="human").text
    quick = examine(output="human").text
    assert "agrees with the server's\n" in quick
    assert "live.client-secret\n" in quick


def test_the_sandbox_is_not_asked_for_market_data(world: World) -> None:
    """Its answer would be an error, and the token is still good."""
    surroundings = Surroundings({}, interactive=False, home="/")
    findings = Findings(None, None, surroundings, Console({}), lambda *_: pytest.fail("asked"))
    text = IN_SANDBOX.format(client_id=OTHER_ID)
    findings.profile = config.parse(text.encode(), world.config, home="/").profile(None)
    assert online.check_market_data(findings).message == "the sandbox has no market data"


# -- which profile --------------------------------------------------------------------------------

SECOND = profile_named("other")


def test_the_profile_to_check_can_be_chosen(examine: Examine, world: World) -> None:
    world.configure(CONFIG + SECOND)
    for report in (examine("-p", "other"), examine(TASTYAUTH_PROFILE="other")):
        assert "profile other" in report.checks["config"]["message"]


@pytest.mark.parametrize("words", [(), ("-p", "nobody")])
def test_without_a_known_profile_it_is_a_usage_error(
    words: tuple[str, ...], examine: Examine, world: World
) -> None:
    world.configure(CONFIG + SECOND)
    with pytest.raises(UsageError):
        examine(*words)
    done = world.run("doctor", *words)
    assert (done.code, done.out) == (2, "")
    assert "live, other" in done.err


# -- cron -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("secret", "outcome", "words"), DESK, ids=lambda it: it.strip("{ }"))
def test_the_report_predicts_what_a_source_does_in_cron(
    secret: str, outcome: str, words: str, examine: Examine, world: World
) -> None:
    """And at the desk all of them answer, but for a keyring that is not there."""
    furnish(world)
    world.configure(config_with(secret))
    report = examine("--offline", "--cron")
    assert (report.state("client_secret") == "passed") == ("keyring" not in secret)
    check = report.document["cron"]["checks"][0]
    assert (check["name"], check["outcome"]) == ("client_secret", outcome)
    assert check["message"].startswith(SAID[outcome])
    assert words in check["message"]
    assert check["state"] == ("passed" if outcome == "resolved" else "failed")
    assert bool(check["hint"]) == (outcome != "resolved")
    assert report.code == (0 if outcome == "resolved" else 1)


SAID = {
    "resolved": "would resolve: ",
    "absent": "would be absent: ",
    "asks": "would prompt, with nobody there to answer: ",
    "hangs": "would hang, and be stopped: ",
    "fails": "would fail: ",
}


@pytest.mark.parametrize(
    ("extra", "variables", "flag"),
    [
        ("", {}, ""),
        ("config", {}, "--config {config} "),
        (
            "XDG",
            {"XDG_CONFIG_HOME": "{root}/project"},
            "--config {root}/project/tastyauth/tastyauth.yaml ",
        ),
        ("in the way", {}, "--config {config} "),
    ],
)
def test_the_line_for_the_crontab_finds_program_and_config(
    extra: str, variables: dict[str, str], flag: str, examine: Examine, world: World
) -> None:
    """Wherever it is run from, which in cron is the home directory."""
    if extra == "XDG":
        world.configure(directory=f"{world.project}/tastyauth")
    if extra == "in the way":
        world.write(f"{world.home}/tastyauth.yaml", "")
    if extra == "config":
        world.configure(directory=f"{world.home}/elsewhere")
    path = world.config if extra != "config" else f"{world.home}/elsewhere/tastyauth.yaml"
    words = ("--config", path) if extra == "config" else ()
    given = {name: value.format(root=world.root) for name, value in variables.items()}
    line = examine("--offline", "--cron", *words, **given).document["cron"]["line"]
    flag = flag.format(config=path, root=world.root)
    assert line.partition("  ")[2] == f"{shlex.quote(COMMAND)} exec {flag}-p live -- CMD"
    words_of_line = shlex.split(line.partition("  ")[2].replace("CMD", "true"))
    assert world.run_program("/usr/bin/env", "-i", f"HOME={world.home}", *words_of_line).code == 0


def test_a_line_holds_together_in_a_crontab() -> None:
    """Spaces are quoted, and a bare % would end the command."""
    line = cron.line(["/opt/my apps/tastyauth", "exec", "--config", "/a%b"])
    assert line.endswith(r"  '/opt/my apps/tastyauth' exec --config /a\%b -- CMD")


def test_variables_that_cron_will_miss_are_named(examine: Examine) -> None:
    report = examine("--offline", "--cron", https_proxy="http://127.0.0.1:1", XDG_CACHE_HOME="/x")
    check = report.document["cron"]["checks"][-1]
    assert (check["name"], check["state"]) == ("variables", "warned")
    assert check["message"] == "set here but not in cron: https_proxy, XDG_CACHE_HOME"
    assert report.code == 0


def test_the_report_ends_with_the_line_to_paste(examine: Examine) -> None:
    lines = examine("--offline", "--cron", output="human").text.splitlines()
    assert "as cron would run it:" in lines
    assert lines[-2].endswith(f"  {shlex.quote(COMMAND)} exec -p live -- CMD")


@pytest.mark.parametrize(
    ("zone", "name", "open_here", "schedules"),
    [
        ("America/New_York", "EST, UTC-0500", "09:30 to 16:00", ["9-16 * * 1-5"]),
        ("America/Chicago", "CST, UTC-0600", "08:30 to 15:00", ["8-15 * * 1-5"]),
        # for two weeks of spring an hour earlier
        ("Europe/Berlin", "CET, UTC+0100", "15:30 to 22:00", ["14-22 * * 1-5"]),
        ("UTC", "UTC", "14:30 to 21:00", ["13-21 * * 1-5"]),
        ("Asia/Tokyo", "JST, UTC+0900", "23:30 to 06:00", ["22-23 * * 1-5", "0-6 * * 2-6"]),
        ("Australia/Sydney", "AEDT, UTC+1100", "01:30 to 08:00", ["23 * * 1-5", "0-8 * * 2-6"]),
        ("Pacific/Auckland", "NZDT, UTC+1300", "03:30 to 10:00", ["1-10 * * 2-6"]),
    ],
)
def test_market_hours_are_shown_in_the_time_zone_of_the_machine(
    zone: str, name: str, open_here: str, schedules: list[str], world: World
) -> None:
    program = (
        "from tastyauth.doctor import cron;"
        " print(cron.clock(1_768_000_000)); print(cron.line(['a']))"
    )
    done = world.run_program(sys.executable, "-c", program, TZ=zone)
    clock, *lines = done.out.splitlines()
    assert f"this machine's time zone ({name}), " in clock
    assert clock.endswith(f" in New York, today {open_here} here")
    assert lines == [f"*/5 {schedule}  a -- CMD" for schedule in schedules]


def test_a_time_zone_that_is_none_leaves_the_hours_open(world: World) -> None:
    program = "from tastyauth.doctor import cron; print(cron.clock(0)); print(cron.line(['a']))"
    done = world.run_program(sys.executable, "-c", program, TZ="XYZ-99")
    assert done.out == "TZ is not a time zone: check the hours of your job\n*/5 * * * *  a -- CMD\n"


def test_cron_gives_a_job_four_variables(world: World) -> None:
    given = cron.environment({**world.environ, "DBUS_SESSION_BUS_ADDRESS": "x"})
    assert set(given) == {"HOME", "LOGNAME", "SHELL", "PATH"}
    assert (given["HOME"], given["PATH"]) == (world.home, "/usr/bin:/bin")


def test_status_names_the_command_that_checks_a_program(world: World) -> None:
    move(world, "command: [vault]")
    assert "client_secret  not checked (tastyauth doctor): command vault" in world.run("status").out
    assert '"state": "not checked"' in world.run("status", "--format", "json").out


def test_a_program_that_somebody_else_could_replace_is_reported(world: World) -> None:
    program = world.script("vault", f"echo {world.client_secret}")
    move(world, "command: [vault]")
    assert permissions(world, world.config)[0] == "passed"
    os.chmod(program, 0o777)
    state, message, hint = permissions(world, world.config)
    assert (state, message) == ("warned", "~/bin/vault can be written by everybody")
    assert "chmod go-w" in hint
