"""The desktop's keyring, asked in a child process with a time limit (extra `keyring`).

A keyring that waits for somebody to unlock it waits for ever, and takes no limit; so it is asked
where it can be ended. Back ends that keep nothing, or keep it in plain text, are refused by name.
"""

import json
import sys

from tastyauth.errors import SecretAbsent, SecretError
from tastyauth.posix import process
from tastyauth.secret import Secret
from tastyauth.sources.label import describe, printable
from tastyauth.sources.reference import Keyring
from tastyauth.sources.surroundings import Surroundings
from tastyauth.sources.value import accept

_INSTALL = "install the extra: pipx inject tastyauth keyring"

_ABSENT = {
    "no extra": ("needs keyring, which is not installed", _INSTALL),
    "no keyring": (
        "is not available here: there is no keyring",
        "cron and servers have none (no session bus); use a file or a systemd credential there",
    ),
    "no entry": ("does not exist", "store it: tastyauth secret set"),
}
_BROKEN = {
    "locked": ("is locked", "unlock the keyring: log in to the desktop, or unlock it by hand"),
    "denied": ("was denied", "allow it when the keyring asks"),
    "refused": (
        "is kept by a back end that is not a keyring",
        "choose another with PYTHON_KEYRING_BACKEND, or use a file reference instead",
    ),
}


def resolve_keyring(reference: Keyring, surroundings: Surroundings) -> Secret:
    """The password of that service and user name.

    Raises SecretAbsent without the extra, a keyring or the entry, SecretError when it is locked,
    denied or late.
    """
    label = describe(reference, surroundings.home)
    answer = _ask(["get", reference.service, reference.username], "", label, surroundings)
    if answer.get("state") == "found":
        return accept(answer.get("secret", "").encode("utf-8", "surrogatepass"), label)
    raise _failure(answer, label)


def is_available(surroundings: Surroundings) -> bool:
    """Whether there is a keyring that could be written."""
    label = "keyring"
    try:
        answer = _ask(["get", "tastyauth", "is there a keyring"], "", label, surroundings)
    except SecretError:
        return False
    return answer.get("state") in ("found", "no entry")


def put_keyring(reference: Keyring, value: Secret, surroundings: Surroundings) -> None:
    """Replaces the password; raises SecretError."""
    label = describe(reference, surroundings.home)
    words = ["set", reference.service, reference.username]
    answer = _ask(words, value.reveal(), label, surroundings)
    if answer.get("state") != "stored":
        raise _failure(answer, label)


def remove_keyring(reference: Keyring, surroundings: Surroundings) -> None:
    """Removes the password; raises SecretError."""
    label = describe(reference, surroundings.home)
    _ask(["delete", reference.service, reference.username], "", label, surroundings)


def _ask(words: list[str], secret: str, label: str, surroundings: Surroundings) -> dict[str, str]:
    argv = [sys.executable, "-P", "-m", "tastyauth.sources.keyring_child", *words]
    try:
        completed = process.run(
            argv,
            environ=surroundings.passed_on,
            interactive=surroundings.interactive,
            directory="/",
            timeout=surroundings.limit,
            stdin=secret.encode(),
        )
    except process.TimedOut:
        raise SecretError(
            f"{label} did not answer within {surroundings.limit:g} s",
            "the keyring may be waiting to be unlocked; unlock it first",
        ) from None
    except process.ProcessError as error:
        raise SecretError(f"{label} cannot be asked: {error}", _INSTALL) from None
    try:
        answer = json.loads(completed.stdout)
    except ValueError:
        return {}
    if not isinstance(answer, dict):  # a back end has written to stdout, and ended
        return {}
    return {str(key): str(value) for key, value in answer.items()}


def _failure(answer: dict[str, str], label: str) -> SecretError:
    state, backend = answer.get("state", ""), printable(answer.get("backend", ""))
    by = f" ({backend})" if backend else ""
    if state in _ABSENT:
        what, cure = _ABSENT[state]
        return SecretAbsent(f"{label} {what}{by}", cure)
    what, cure = _BROKEN.get(state, ("cannot be used", "try it by hand: keyring get …"))
    return SecretError(f"{label} {what}{by}", cure)
