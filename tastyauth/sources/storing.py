"""Writing a secret to where a reference points, where that can be done safely."""

import os
import stat

from tastyauth import private, process
from tastyauth.errors import SecretError
from tastyauth.secret import Secret
from tastyauth.sources.label import describe
from tastyauth.sources.program import resolve_program
from tastyauth.sources.reference import File, Pass
from tastyauth.sources.surroundings import Surroundings


def put_file(reference: File, value: Secret, surroundings: Surroundings) -> None:
    """Makes the file, or replaces it by one of mode 0600; raises SecretError.

    A pipe, a link (a mounted secret is one) or a file of another user stays as it is.
    """
    label = describe(reference, surroundings.home)
    try:
        private.make_ancestors(reference.path)
        if os.path.lexists(reference.path):
            found = os.lstat(reference.path)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
                raise SecretError(f"{label} is not a plain file of yours", "write it by hand")
        private.write(reference.path, value.reveal().encode() + b"\n", durable=True)
    except OSError as error:
        raise SecretError(
            f"{label} cannot be written: {error.strerror or error}", "look at its directory"
        ) from None


def put_pass(reference: Pass, value: Secret, surroundings: Surroundings) -> None:
    """Replaces the entry in the password store; raises SecretError."""
    label = describe(reference, surroundings.home)
    program = resolve_program("pass", surroundings.environ, surroundings.home)
    if program is None:
        raise SecretError(f"{label} cannot be written: there is no program pass", "install pass")
    try:
        completed = process.run(
            [program, "insert", "--multiline", "--force", reference.entry],
            environ=surroundings.passed_on,
            interactive=surroundings.interactive,
            directory=surroundings.home,
            timeout=surroundings.limit,
            stdin=value.reveal().encode() + b"\n",
        )
    except process.ProcessError as error:
        raise SecretError(f"{label} cannot be written: {error}", "try: pass insert …") from None
    if completed.returncode != 0:
        raise SecretError(
            f"{label} cannot be written: pass ended with {completed.returncode}",
            "is the password store initialized? try: pass init GPG-ID",
        )
