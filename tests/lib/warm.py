"""The command in forks of one process that has imported everything, which saves the imports."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from tempfile import TemporaryFile

_SERVER = """\
import importlib, json, os, pkgutil, socket, sys

import tastyauth
from tastyauth._entry import main

for found in pkgutil.walk_packages(tastyauth.__path__, "tastyauth."):
    if not found.name.endswith(("__main__", "_child", ".sdk")):
        importlib.import_module(found.name)
line = socket.socket(fileno=int(sys.argv[1]))
while True:
    message, descriptors, _, _ = socket.recv_fds(line, 1 << 20, 3)
    if not message:
        break
    pid = os.fork()
    if pid == 0:
        line.close()
        words, directory, environ = json.loads(message)
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.chdir(directory)
        os.environ.clear()
        os.environ.update(environ)
        sys.argv = ["tastyauth", *words]
        main()
    for descriptor in descriptors:
        os.close(descriptor)
    line.send(b"%d" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""

_OF_THE_INTERPRETER = ("PYTHON", "LANG", "LC_", "LD_")
"""Variables that count when Python starts."""


class Warm:
    """Runs `tastyauth words…`; what depends on how Python starts is not for it."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line

    def can_run(self, words: Sequence[str], variables: Mapping[str, str]) -> bool:
        """`exec` looks at the environment with which its process began."""
        return "exec" not in words and not any(
            name.startswith(_OF_THE_INTERPRETER) for name in variables
        )

    def run(
        self, words: Sequence[str], given: bytes, directory: str, environ: Mapping[str, str]
    ) -> tuple[int, bytes, bytes]:
        """The exit code, what went to stdout, and what went to stderr."""
        with TemporaryFile() as stdin, TemporaryFile() as stdout, TemporaryFile() as stderr:
            stdin.write(given)
            stdin.seek(0)
            message = json.dumps([words, directory, dict(environ)]).encode()
            streams = [it.fileno() for it in (stdin, stdout, stderr)]
            socket.send_fds(self.line, [message], streams)
            code = int(self.line.recv(64))
            for it in (stdout, stderr):
                it.seek(0)
            return code, stdout.read(), stderr.read()


@contextmanager
def warmed_up(limit: float) -> Iterator[Warm]:
    """One process, until the context is left; no run may take more than `limit` seconds."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(limit)
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
        yield Warm(ours)
        ours.shutdown(socket.SHUT_RDWR)
