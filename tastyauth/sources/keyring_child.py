"""Asks the keyring, in a process of its own: `get|set|delete SERVICE USERNAME`, JSON on stdout."""

import json
import sys

_NOT_KEYRINGS = ("keyring.backends.null", "keyrings.alt.file")
"""Back ends that keep nothing, or keep it in plain text; both are taken silently where no other
is there."""

_MACOS_LOCKED, _MACOS_DENIED = "-25308", "-128"
"""errSecInteractionNotAllowed, userCanceledErr (Security framework, SecBase.h)."""


def main() -> None:
    """Prints the state, and the secret when it was found."""
    action, service, username = sys.argv[1:]
    answer = _answer(action, service, username)
    sys.stdout.write(json.dumps(answer))


def _answer(action: str, service: str, username: str) -> dict[str, str]:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return {"state": "no extra"}
    backend = keyring.get_keyring()
    names = [_name(each) for each in getattr(backend, "backends", [backend])]
    state = {"backend": ", ".join(names)}
    if any(name.startswith("keyring.backends.fail") for name in names):
        return state | {"state": "no keyring"}
    if any(name.startswith(_NOT_KEYRINGS) for name in names):
        return state | {"state": "refused"}
    try:
        if action == "set":
            backend.set_password(service, username, sys.stdin.read())
            return state | {"state": "stored"}
        if action == "delete":
            backend.delete_password(service, username)
            return state | {"state": "no entry"}
        secret = backend.get_password(service, username)
    except (keyring.errors.NoKeyringError, keyring.errors.InitError):
        return state | {"state": "no keyring"}
    except keyring.errors.KeyringLocked:
        return state | {"state": "locked"}
    except Exception as error:  # noqa: BLE001  # each back end has errors of its own
        return state | {"state": _state_of(error)}
    return state | (
        {"state": "no entry"} if secret is None else {"state": "found", "secret": secret}
    )


def _state_of(error: Exception) -> str:
    text = f"{type(error).__name__} {error}"
    if _MACOS_LOCKED in text or "locked" in text.lower():
        return "locked"
    if _MACOS_DENIED in text or "denied" in text.lower() or "cancel" in text.lower():
        return "denied"
    if isinstance(error, RuntimeError | FileNotFoundError | ConnectionError):
        return "no keyring"  # a back end that was chosen by name, and a bus that is not there
    return "broken"


def _name(backend: object) -> str:
    return f"{type(backend).__module__}.{type(backend).__name__}"


main()
