"""Other programs that hand out a secret they hold, each at its fastest: unlocked and warm."""

import http.server
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from .measure import Command
from .world import NotHere, World, find

_LONGEST = 10.0
"""Seconds for a daemon to come up."""


def oidc_token(world: World, name: str) -> Command:
    """A C client whose agent has the token."""
    socket = f"{world.home}/oidc-agent"
    environ = {**world.environ, "OIDC_SOCK": socket}
    _daemon(world, (find("oidc-agent"), "-d", "-a", socket), environ, creates=socket)
    issuer = world.until_left.enter_context(_Issuer(("127.0.0.1", 0), _Answers))
    threading.Thread(target=issuer.serve_forever, daemon=True).start()
    world.until_left.callback(issuer.shutdown)
    client = ("--client-id=x", "--client-secret=x", "--rt=x", "--scope=openid")
    where = (f"--issuer={issuer.origin}/", "--redirect-uri=http://localhost:4242")
    how = ("--manual", "--no-save", "--prompt=none", "--pw-cmd=echo x")
    _quietly((find("oidc-gen"), *how, *where, *client, "bench"), environ)
    return Command(name, (find("oidc-token"), "bench"), environ)


def secret_tool(world: World, name: str) -> Command:
    """A C client of an unlocked keyring."""
    address = f"unix:path={world.home}/bus"
    environ = {**world.environ, "DBUS_SESSION_BUS_ADDRESS": address}
    bus = ("--session", f"--address={address}", "--nofork", "--nopidfile")
    _daemon(world, (find("dbus-daemon"), *bus), environ, creates=f"{world.home}/bus")
    _quietly((find("gnome-keyring-daemon"), "--unlock", "--components=secrets"), environ, "x")
    what = ("service", "bench", "username", "bench")
    _quietly((find("secret-tool"), "store", "--label=bench", *what), environ, "x" * 300)
    return Command(name, (find("secret-tool"), "lookup", *what), environ)


def pass_show(world: World, name: str) -> Command:
    """A shell script over gpg, whose key has no passphrase and whose agent is warm."""
    keys = f"{world.home}/gnupg"
    environ = {**world.environ, "GNUPGHOME": keys, "PASSWORD_STORE_DIR": f"{world.home}/store"}
    os.mkdir(keys, 0o700)
    key = "bench <bench@example.invalid>"
    generate = ("--quick-gen-key", key, "default", "default", "never")
    world.until_left.callback(_quietly, (find("gpgconf"), "--kill", "gpg-agent"), environ)
    _quietly((find("gpg"), "--batch", "--quiet", "--passphrase", "", *generate), environ)
    _quietly((find("pass"), "init", key), environ)
    _quietly((find("pass"), "insert", "--multiline", "bench"), environ, "x" * 300)
    return Command(name, (find("pass"), "show", "bench"), environ)


def gh_auth_token(world: World, name: str) -> Command:
    """A Go program that reads its token from a file."""
    world.write(".config/gh/hosts.yml", "github.com:\n  user: x\n  oauth_token: x\n")
    return Command(name, (find("gh"), "auth", "token"), world.environ)


def keyring_get(world: World, name: str) -> Command:
    """A Python program; its plain file, since every other back end imports more."""
    back_end = "keyrings.alt.file.PlaintextKeyring"
    environ = {**world.environ, "PYTHON_KEYRING_BACKEND": back_end}
    _quietly((find("keyring"), "set", "bench", "bench"), environ, "x" * 300)
    return Command(name, (find("keyring"), "get", "bench", "bench"), environ)


def aws_export_credentials(world: World, name: str) -> Command:
    """A Python program that reads its credentials from a file."""
    lines = ("[default]", "aws_access_key_id = x", "aws_secret_access_key = x", "")
    world.write(".aws/credentials", "\n".join(lines))
    words = ("configure", "export-credentials", "--format", "env")
    return Command(name, (find("aws"), *words), world.environ)


NEIGHBOURS: dict[str, Callable[[World, str], Command]] = {
    "`oidc-token`": oidc_token,
    "`secret-tool lookup`": secret_tool,
    "`pass show`": pass_show,
    "`gh auth token`": gh_auth_token,
    "`keyring get`": keyring_get,
    "`aws configure export-credentials`": aws_export_credentials,
}
"""Each sets itself up in a world, whose end it does not outlive, or raises NotHere."""


class _Issuer(http.server.ThreadingHTTPServer):
    """As much of an OpenID provider as oidc-agent asks for."""

    daemon_threads = True

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answers(http.server.BaseHTTPRequestHandler):
    server: _Issuer

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        origin = self.server.origin
        self._answer(
            issuer=f"{origin}/",
            token_endpoint=f"{origin}/token",
            authorization_endpoint=f"{origin}/authorization",
            scopes_supported=["openid"],
            grant_types_supported=["refresh_token"],
        )

    def do_POST(self) -> None:
        self._answer(access_token="x" * 300, token_type="Bearer", expires_in=86400)

    def _answer(self, **content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _daemon(world: World, argv: Sequence[str], environ: Mapping[str, str], creates: str) -> None:
    """Starts what runs until the world is left, and waits for its socket."""
    process = subprocess.Popen(
        argv,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    world.until_left.callback(process.wait)
    world.until_left.callback(process.terminate)
    deadline = time.monotonic() + _LONGEST
    while not os.path.exists(creates) and time.monotonic() < deadline:
        time.sleep(0.01)


def _quietly(argv: Sequence[str], environ: Mapping[str, str], given: str = "") -> None:
    """Runs a step of setting up; raises NotHere when it fails."""
    done = subprocess.run(argv, env=environ, input=given.encode(), capture_output=True, check=False)
    if done.returncode:
        raise NotHere(f"{os.path.basename(argv[0])} ended with {done.returncode}")
