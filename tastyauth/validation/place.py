"""What stands where in a config: which values are references, and which keys belong together."""

from tastyauth.validation.masking import CREDENTIALS
from tastyauth.validation.problem import Path


def is_profile(path: Path) -> bool:
    """Whether `path` leads to one profile."""
    return len(path) == 2 and path[0] == "profiles"


def is_reference(path: Path) -> bool:
    """Whether `path` leads to a reference (or, for a client ID, may do so)."""
    if len(path) == 3 and path[0] == "profiles":
        return path[2] in CREDENTIALS
    return len(path) > 4 and path[-2] == "first_of" and isinstance(path[-1], int)


def credential(path: Path) -> str:
    """Which of the three credentials `path` is about."""
    return str(path[2]) if len(path) > 2 else "client_secret"
