"""tinyproxy, a third-party forward proxy."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .parts import program
from .processes import Place

PROXY = "http://127.0.0.1:8888"

_CONFIG = """
Listen 127.0.0.1
Port 8888
Allow 127.0.0.1
ConnectPort 443
Timeout 10
LogLevel Connect
LogFile "{log}"
PidFile "{pid}"
"""


@dataclass(frozen=True, slots=True)
class Log:
    """What the proxy has been asked to do."""

    path: str

    def count(self, request: str) -> int:
        """How many requests begin like this: `CONNECT host:443`, or `GET http://…`."""
        with open(self.path, encoding="utf-8") as file:
            return sum(f"): {request}" in line for line in file if "Request (" in line)


@contextmanager
def tinyproxy(place: Place) -> Iterator[Log]:
    """The proxy in `place`, until the context ends."""
    log, pid, config = (os.path.join(place.home, f"proxy.{it}") for it in ("log", "pid", "conf"))
    with open(config, "w", encoding="utf-8") as file:
        file.write(_CONFIG.format(log=log, pid=pid))
    with place.started(program("tinyproxy"), "-d", "-c", config):
        deadline = time.monotonic() + 10
        while not _is_listening(place):
            assert time.monotonic() < deadline, "tinyproxy does not listen"
            time.sleep(0.05)
        yield Log(log)


def _is_listening(place: Place) -> bool:
    listening = place.run_program("ss", "--numeric", "--listening", "--tcp", "--no-header").out
    return "127.0.0.1:8888 " in listening
