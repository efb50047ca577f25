"""Where the measured programs run: a scratch home, a broker behind TLS, and nobody's settings."""

import glob
import os
import re
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Self

import trustme

from tastyauth.exchange.route import authorities_for
from tastyauth.simulator.messages import Answer, Request
from tastyauth.simulator.simulator import Simulator

from .measure import Command, nothing

HERE = os.path.dirname(os.path.abspath(__file__))
BELOW = os.path.join(os.path.dirname(os.path.dirname(HERE)), ".e2e", "bench")
"""Where `install` puts things."""

PATH = "/usr/local/bin:/usr/bin:/bin"
_SEARCHED = f"{BELOW}/pypi/bin:{BELOW}/npm/node_modules/.bin:{PATH}"

_LIFETIME = 24 * 3600
"""Seconds. No token is nearly over while hits are measured."""

_CONFIG = """\
version: 1
profiles:
  live:
    environment: custom
    api_url: {origin}
    client_id: {client_id}
    client_secret: {{ file: live.client-secret }}
    refresh_token: {{ file: live.refresh-token }}
"""

_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", re.DOTALL)


class NotHere(Exception):
    """A program is not installed or cannot be used: it is reported and left out."""


class Broker(Simulator):
    """A simulator that is `pause` seconds away."""

    pause = 0.0

    def answer(self, request: Request) -> Answer:
        time.sleep(self.pause)
        return super().answer(request)


class World:
    """A home with a valid config, whose broker answers, from entering the context to leaving it.

    `venv` is where the measured tastyauth is installed.
    """

    def __init__(self, venv: str) -> None:
        self.venv = venv
        self.until_left = ExitStack()

    def __enter__(self) -> Self:
        with self.until_left:  # what a mistake below leaves behind
            self.home = self.until_left.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
            self.until_left.callback(os.chdir, os.getcwd())
            os.chdir(self.home)  # outside of any repository
            self.environ = {"HOME": self.home, "PATH": PATH, "LANG": "C.UTF-8"}
            self.broker = self.until_left.enter_context(
                Broker(host="localhost", lifetime=_LIFETIME, tls=self._certified())
            )
            self._configure()
            self.until_left = self.until_left.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.until_left.close()

    @property
    def token_endpoint(self) -> str:
        """Where the broker exchanges refresh tokens."""
        return f"{self.broker.origin}/oauth/token"

    def tastyauth(
        self, *words: str, name: str = "", before: Callable[[], None] = nothing, together: int = 1
    ) -> Command:
        """The program under test."""
        # A directory of hashed certificates, which is what systems have; see exchange.roots.
        environ = {**self.environ, "SSL_CERT_DIR": self.hashed}
        name = name or f"`tastyauth {' '.join(words)}`"
        return Command(name, (f"{self.venv}/bin/tastyauth", *words), environ, before, together)

    def python(self, *words: str, name: str = "") -> Command:
        """The interpreter that the program under test is installed with."""
        name = name or f"`python3 {' '.join(words)}`"
        return Command(name, (f"{self.venv}/bin/python3", *words), self.environ)

    def write(self, name: str, content: str) -> str:
        """A private file below the home; its absolute path."""
        path = os.path.join(self.home, name)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
        return path

    def output_of(self, command: Command, given: str = "") -> str:
        """What `command` prints, not measured; `given` is its standard input."""
        done = subprocess.run(
            command.argv,
            env=command.environ,
            input=given,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return done.stdout

    def forget_token(self) -> None:
        """Makes the next start get a new token, from a config that is known to be valid."""
        for entry in glob.glob(f"{self.home}/.cache/tastyauth/*.entry"):
            os.unlink(entry)

    def forget_everything(self) -> None:
        """Makes the next start the first one ever."""
        shutil.rmtree(f"{self.home}/.cache/tastyauth", ignore_errors=True)

    def _certified(self) -> ssl.SSLContext:
        """A server context; `bundle` and `hashed` hold its authority and those of the system."""
        authority = trustme.CA()
        system = authorities_for({})
        with open((system.otherwise or system).file or os.devnull, encoding="utf-8") as file:
            known = _CERTIFICATE.findall(file.read())
        known.append(authority.cert_pem.bytes().decode())
        self.bundle = self.write("bundle.pem", "".join(known))
        for number, certificate in enumerate(known):
            path = self.write(f"hashed/{number}.pem", certificate)
        self.hashed = os.path.dirname(path)
        subprocess.run([find("openssl"), "rehash", self.hashed], check=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        return context

    def _configure(self) -> None:
        application = self.broker.application
        directory = ".config/tastyauth"
        config = _CONFIG.format(origin=self.broker.origin, client_id=application.client_id)
        self.write(f"{directory}/tastyauth.yaml", config)
        self.write(f"{directory}/live.client-secret", application.client_secret.reveal())
        self.write(f"{directory}/live.refresh-token", application.refresh_token.reveal())


def find(program: str) -> str:
    """The path of a program of this machine, or of one that was installed for this; NotHere."""
    path = shutil.which(program, path=_SEARCHED)  # not the caller's PATH: a shim costs 9 starts
    if path is None:
        raise NotHere(f"{program} is not here")
    return path
