"""Which program a command means: the same answer for the plan and for the run."""

import os
from collections.abc import Mapping

from tastyauth.sources.reference import expand


def resolve_program(argv0: str, environ: Mapping[str, str], home: str) -> str | None:
    """The absolute path of the program that `argv0` names, or None when it is not here.

    A bare name is looked up on PATH, of which empty and relative entries are dropped: they mean
    the working directory, and with it whoever wrote the project in it. A path is absolute or
    begins with `~/`; whether it can be executed shows when it is started.
    """
    if "/" in argv0:
        path = expand(argv0, home)
        return path if os.path.isabs(path) and os.path.exists(path) else None
    for entry in environ.get("PATH", os.defpath).split(os.pathsep):
        candidate = os.path.join(entry, argv0)
        if os.path.isabs(entry) and os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return candidate
    return None
