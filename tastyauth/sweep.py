"""What nothing asks for any more leaves the cache: tokens of old configs, and what a crash left."""

import os

from tastyauth import store
from tastyauth.cache import View
from tastyauth.journal import remove_unless_held

_UNUSED = 7 * 24 * 3600.0
"""Seconds after which an entry, its record and its lock go."""

_UNFINISHED = 3600.0
"""Seconds after which a temporary file belongs to nobody."""


def sweep(view: View, now: float) -> None:
    """Removes what is too old from the cache, and nothing of others; raises OSError.

    The outline in `view` has just been used, and says so by its time.
    """
    os.utime(f"{view.directory}/{view.outline_name}.outline")
    for name in store.names(view.directory):
        path = f"{view.directory}/{name}"
        try:
            age = now - os.lstat(path).st_mtime
        except FileNotFoundError:
            continue  # somebody's, who was just done with it
        if age > (_UNFINISHED if path.endswith(".new") else _UNUSED):
            remove_unless_held(path)
