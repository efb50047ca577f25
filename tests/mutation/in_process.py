"""Goes at the end of tests/conftest.py: a command that a test runs is a fork of its process.

There the change is active as well; and which functions it meets, is noted as if the test met them.
"""

import json
import signal
import sys
from collections.abc import Mapping, Sequence
from tempfile import TemporaryFile

from tastyauth._entry import main


class Here(Warm):
    """Forks of this process."""

    def __init__(self) -> None:
        """There is no line to another."""

    def run(
        self, words: Sequence[str], given: bytes, directory: str, environ: Mapping[str, str]
    ) -> tuple[int, bytes, bytes]:
        with (
            TemporaryFile() as stdin,
            TemporaryFile() as stdout,
            TemporaryFile() as stderr,
            TemporaryFile() as met,
        ):
            stdin.write(given)
            stdin.seek(0)
            child = os.fork()
            if child == 0:
                leave = os._exit

                def left(code: int) -> None:
                    from mutmut.state import state

                    os.pwrite(met.fileno(), json.dumps(list(state()._stats)).encode(), 0)
                    leave(code)

                os._exit = left  # type: ignore[assignment]
                code = 70
                try:
                    for number, stream in enumerate((stdin, stdout, stderr)):
                        os.dup2(stream.fileno(), number)
                    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115, PTH123
                    signal.signal(signal.SIGALRM, signal.SIG_DFL)
                    signal.alarm(60)
                    os.chdir(directory)
                    os.environ.clear()
                    os.environ.update(environ)
                    sys.argv = ["tastyauth", *words]
                    main()
                    code = 0
                except SystemExit as error:
                    code = int(error.code or 0)
                finally:
                    for stream in (sys.stdout, sys.stderr):
                        stream.flush()
                    os._exit(code)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            for stream in (stdout, stderr, met):
                stream.seek(0)
            found = met.read()
            if found:
                from mutmut.state import state

                state()._stats.update(json.loads(found))
            return code, stdout.read(), stderr.read()


@pytest.fixture(autouse=True)
def _run_here(_warmed: None) -> None:
    World.warm = Here()
