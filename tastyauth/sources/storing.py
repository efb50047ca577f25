"""Writing a secret to where a reference points, where that can be done safely."""

import os
import stat
import time
from contextlib import suppress

from tastyauth.errors import SecretError, reason_of
from tastyauth.posix import files, process
from tastyauth.secret import Secret
from tastyauth.sources.command import complaint
from tastyauth.sources.label import describe
from tastyauth.sources.preset import store_of
from tastyauth.sources.program import resolve_program
from tastyauth.sources.reference import File, Pass
from tastyauth.sources.surroundings import Surroundings

_UNFINISHED = 3600.0
"""Seconds after which a temporary file belongs to nobody; it holds a secret."""


def put_file(reference: File, value: Secret, surroundings: Surroundings) -> None:
    """Makes the file, or replaces it by one of mode 0600; raises SecretError.

    A pipe, a link (a mounted secret is one) or a file of another user stays as it is.
    """
    label = describe(reference, surroundings.home)
    try:
        files.make_ancestors(reference.path)
        if os.path.lexists(reference.path):
            found = os.lstat(reference.path)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
                raise SecretError(f"{label} is not a plain file of yours", "write it by hand")
        files.write(reference.path, value.reveal().encode() + b"\n", durable=True)
        with suppress(OSError):
            files.remove_unfinished(reference.path, time.time() - _UNFINISHED)
    except OSError as error:
        raise SecretError(
            f"{label} cannot be written: {reason_of(error)}", "look at its directory"
        ) from None


def put_pass(reference: Pass, value: Secret, surroundings: Surroundings) -> None:
    """Replaces the first line of the entry, or makes the entry; raises SecretError.

    The lines below the first are other fields (pass(1)), and stay as they are.
    """
    label = describe(reference, surroundings.home)
    rest = b""
    if os.path.exists(f"{store_of(surroundings)}/{reference.entry}.gpg"):
        shown = _pass(("show", reference.entry), reference, surroundings)
        if shown.returncode:
            raise SecretError(
                f"{label} cannot be read, and so not be written: its other lines would be lost",
                "unlock it first: pass show ...; or change it there: pass edit ...",
            )
        rest = shown.stdout.partition(b"\n")[2]
    words = ("insert", "--multiline", "--force", reference.entry)
    content = value.reveal().encode() + b"\n" + rest
    completed = _pass(words, reference, surroundings, content)
    if completed.returncode != 0:
        raise SecretError(
            f"{label} cannot be written: pass ended with {completed.returncode}"
            f"{complaint(completed.stderr, content)}",
            "try it by hand: pass insert …; a new password store: pass init GPG-ID",
        )


def remove_pass(reference: Pass, surroundings: Surroundings) -> None:
    """Removes the entry from the password store; raises SecretError."""
    _pass(("rm", "--force", reference.entry), reference, surroundings)


def _pass(
    words: tuple[str, ...], reference: Pass, surroundings: Surroundings, stdin: bytes = b""
) -> process.Completed:
    label = describe(reference, surroundings.home)
    program = resolve_program("pass", surroundings.environ, surroundings.home)
    if program is None:
        raise SecretError(f"{label} cannot be written: there is no program pass", "install pass")
    try:
        return process.run(
            [program, *words],
            environ=surroundings.passed_on,
            interactive=surroundings.interactive,
            directory=surroundings.home,
            timeout=surroundings.limit,
            stdin=stdin,
        )
    except process.ProcessError as error:
        raise SecretError(f"{label} cannot be written: {error}", "try: pass insert …") from None
