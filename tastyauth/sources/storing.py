"""Writing a secret back to where it came from, where that can be done safely."""

import os
import stat

from tastyauth import private
from tastyauth.secret import Secret
from tastyauth.sources.reference import File
from tastyauth.sources.surroundings import Surroundings


def store_file(reference: File, value: Secret, surroundings: Surroundings) -> bool:
    """Replaces the file by one of mode 0600; False when it is not ours to replace.

    A pipe, a link (a mounted secret is one), a file of another user, or a directory that cannot
    be written stays as it is.
    """
    del surroundings
    try:
        found = os.lstat(reference.path)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            return False
        private.write(reference.path, value.reveal().encode() + b"\n", durable=True)
    except OSError:
        return False
    return True
