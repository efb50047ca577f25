"""The broker's hosts as they are called in the world, inside a private network."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .certificates import Authority
from .credentials import Credentials
from .network import Network
from .parts import HERE, REPOSITORY
from .processes import Place

HOSTS = {"production": "api.tastyworks.com", "sandbox": "api.cert.tastyworks.com"}
"""Environment to host (developer.tastytrade.com, OAuth2)."""

_ADDRESSES = {
    "production": "127.0.0.11",
    "sandbox": "127.0.0.12",
    "misnamed": "127.0.0.13",
    "expired": "127.0.0.14",
    "plain": "127.0.0.1",
}
PLAIN_URL = "http://127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class Brokers:
    """Simulators by name: one for each environment, one for each thing that can be wrong.

    `plain` speaks http; `misnamed` and `expired` are productions with a bad certificate.
    """

    network: Network
    authority: Authority
    credentials: dict[str, Credentials]
    _process: "subprocess.Popen[str]"

    def seen_from(self, home: str, **named: str) -> Place:
        """A place where `production` and `sandbox` lead to the simulators of these names."""
        targets = {environment: environment for environment in HOSTS} | named
        hosts = {HOSTS[host]: _ADDRESSES[target] for host, target in targets.items()}
        return self.network.knowing(home, hosts)

    def requests(self, name: str) -> list[dict[str, Any]]:
        """The requests that have reached the simulator of this name since the last time."""
        requests = _ask(self._process, name)
        assert isinstance(requests, list)
        return requests


@contextmanager
def brokers_in(network: Network, directory: str) -> Iterator[Brokers]:
    """The brokers, for as long as the context lasts."""
    authority = Authority(os.path.join(directory, "authority"))
    good = authority.issue(*HOSTS.values())
    certificates = {
        "production": good,
        "sandbox": good,
        "misnamed": authority.issue("api.tastytrade.example"),
        "expired": authority.issue(*HOSTS.values(), ended=datetime(2021, 1, 1, tzinfo=UTC)),
    }
    wanted = {
        name: {
            "environment": "sandbox" if name == "sandbox" else "production",
            "address": address,
            "port": 443 if name in certificates else 8080,
            "certificate": certificates.get(name),
        }
        for name, address in _ADDRESSES.items()
    }
    python = os.path.join(REPOSITORY, ".venv", "bin", "python")
    program = os.path.join(HERE, "programs", "simulators.py")
    place = network.knowing(directory, {})
    with place.started(python, program) as process:
        credentials = _ask(process, json.dumps(wanted))
        assert isinstance(credentials, dict)
        by_name = {name: Credentials(**each) for name, each in credentials.items()}
        yield Brokers(network, authority, by_name, process)


def _ask(process: "subprocess.Popen[str]", line: str) -> object:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    assert answer, process.stderr.read()
    return json.loads(answer)
