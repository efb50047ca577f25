"""The command in forks of one process that has imported everything, which saves the imports."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from select import select
from tempfile import TemporaryFile

_SERVER = """\
import contextlib, gc, importlib, json, os, pkgutil, select, signal, socket, sys

import tastyauth
from tastyauth._entry import main

for found in pkgutil.walk_packages(tastyauth.__path__, "tastyauth."):
    if not found.name.endswith(("__main__", "_child", ".sdk")):
        with contextlib.suppress(ImportError):  # without the library of an extra
            importlib.import_module(found.name)
gc.freeze()
line = socket.socket(fileno=int(sys.argv[1]))
running = {}  # process to the pipe on which its end is reported
# A handler in Python would not run when the signal comes just before `recv_fds` begins to wait.
woken, waker = socket.socketpair()
waker.setblocking(False)
signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
signal.signal(signal.SIGCHLD, lambda *_: None)


def tell():
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            break
        ended = running.pop(pid)
        with contextlib.suppress(BrokenPipeError):
            os.write(ended, b"%d" % os.waitstatus_to_exitcode(status))
        os.close(ended)


while True:
    ready, _, _ = select.select([line, woken], [], [])
    if woken in ready:
        woken.recv(4096)
        tell()
    if line not in ready:
        continue
    message, descriptors, _, _ = socket.recv_fds(line, 1 << 20, 4)
    if not message:
        break
    *streams, ended = descriptors
    pid = os.fork()
    if pid == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        woken.close()
        waker.close()
        line.close()
        for descriptor in (ended, *running.values()):
            os.close(descriptor)
        words, directory, environ = json.loads(message)
        for number, descriptor in enumerate(streams):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.chdir(directory)
        os.environ.clear()
        os.environ.update(environ)
        sys.argv = ["tastyauth", *words]
        main()
    running[pid] = ended
    for descriptor in streams:
        os.close(descriptor)
"""

_OF_THE_INTERPRETER = ("PYTHON", "LANG", "LC_", "LD_")
"""Variables that count when Python starts."""


class Warm:
    """Runs `tastyauth words…`; what depends on how Python starts is not for it."""

    def __init__(self, line: socket.socket, limit: float) -> None:
        self.line = line
        self.limit = limit

    def can_run(self, variables: Mapping[str, str]) -> bool:
        return not any(name.startswith(_OF_THE_INTERPRETER) for name in variables)

    def fork(
        self, words: Sequence[str], given: bytes, directory: str, environ: Mapping[str, str]
    ) -> tuple[int, bytes, bytes]:
        """The exit code, what went to stdout, and what went to stderr."""
        with TemporaryFile() as stdin, TemporaryFile() as stdout, TemporaryFile() as stderr:
            stdin.write(given)
            stdin.seek(0)
            message = json.dumps([words, directory, dict(environ)]).encode()
            reading, writing = os.pipe()
            with open(reading, "rb") as ended:
                streams = [it.fileno() for it in (stdin, stdout, stderr)]
                socket.send_fds(self.line, [message], [*streams, writing])
                os.close(writing)
                assert select([ended], [], [], self.limit)[0], f"{words} does not end"
                code = int(ended.read())
            for it in (stdout, stderr):
                it.seek(0)
            return code, stdout.read(), stderr.read()


@contextmanager
def warmed_up(limit: float) -> Iterator[Warm]:
    """One process, until the context is left; no run may take more than `limit` seconds."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with (
        ours,
        subprocess.Popen(
            [sys.executable, "-c", _SERVER, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={"LANG": "C.UTF-8", "HOME": "/nonexistent"},
            cwd="/",
        ),
    ):
        theirs.close()
        yield Warm(ours, limit)
        ours.shutdown(socket.SHUT_RDWR)
