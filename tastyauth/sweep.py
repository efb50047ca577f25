"""What nothing asks for any more leaves the cache: tokens of old configs, and what a crash left."""

import os

from tastyauth import lock, private
from tastyauth.cache import View

_UNUSED = 7 * 24 * 3600.0
"""Seconds after which an entry, its record and its lock go."""

_UNFINISHED = 3600.0
"""Seconds after which a temporary file belongs to nobody."""


def sweep(view: View, now: float) -> None:
    """Removes what is too old from the cache directory; raises OSError.

    The outline in `view` has just been used, and says so by its time.
    """
    os.utime(f"{view.directory}/{view.outline_name}.outline")
    with os.scandir(view.directory) as found:
        paths = [file.path for file in found]
    for path in paths:
        try:
            age = now - os.lstat(path).st_mtime
        except FileNotFoundError:
            continue  # somebody's, who was just done with it
        if age > (_UNFINISHED if path.endswith(".new") else _UNUSED):
            _remove(path)


def _remove(path: str) -> None:
    if path.endswith(".lock"):
        held = lock.try_acquire(path)
        if held is None:
            return
        with held:
            private.remove(path)
    else:
        private.remove(path)
