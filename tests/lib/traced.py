"""What an error tracker finds in the traceback of a failure."""

import os
import traceback
from collections.abc import Mapping
from typing import Any

_TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def locals_of(error: BaseException) -> str:
    """The local variables of every frame, as error trackers (Sentry) log them.

    Of a value they keep the repr, but tuples, lists and mappings are taken apart.
    """

    def spelled(value: Any) -> str:
        if isinstance(value, Mapping):
            return " ".join(f"{name}={spelled(each)}" for name, each in value.items())
        if isinstance(value, tuple | list | set):
            return " ".join(map(spelled, value))
        return repr(value)

    frames = traceback.walk_tb(error.__traceback__)
    shown = [
        spelled(value)
        for frame, _ in frames
        if not frame.f_code.co_filename.startswith(_TESTS)
        for value in frame.f_locals.values()
    ]
    after = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return " ".join(shown) + (locals_of(after) if after else "")
