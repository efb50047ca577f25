"""A file that one program reads its access token from: private, always whole, gone at the end."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from shutil import rmtree

from tastyauth import locate
from tastyauth.errors import OutputError, reason_of
from tastyauth.posix import files
from tastyauth.secret import Secret


@contextmanager
def token_file(token: Secret, environ: locate.Environ, prefix: str) -> Iterator[str]:
    """The path of a new file that holds `token` and nothing else, until the context is left.

    It lies in a directory of its own (mode 0700): below `$XDG_RUNTIME_DIR`, which is in memory and
    ends with the session, where that is there and private, else among the temporary files. Raises
    OutputError when there is room in neither.
    """
    directory = _directory(environ, prefix)
    try:
        path = os.path.join(directory, "access-token")
        try:
            write(path, token)
        except OSError as error:
            raise _no_room(error) from None
        yield path
    finally:
        rmtree(directory, ignore_errors=True)


def write(path: str, token: Secret) -> None:
    """Replaces the token: a reader sees the old or the new one, whole. Raises OSError."""
    files.write(path, token.reveal().encode("ascii"))


def _directory(environ: locate.Environ, prefix: str) -> str:
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    try:
        if runtime.startswith("/"):
            locate.check_private(runtime)
            return tempfile.mkdtemp(prefix=prefix, dir=runtime)
    except OSError:
        pass  # the temporary files are the second choice
    try:
        return tempfile.mkdtemp(prefix=prefix)
    except OSError as error:
        raise _no_room(error) from None


def _no_room(error: OSError) -> OutputError:
    return OutputError(
        f"the token file cannot be written: {reason_of(error)}",
        "let TMPDIR name a directory that can be written to",
    )
