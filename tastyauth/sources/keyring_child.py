"""Asks the keyring, in a process of its own: `get|set|delete SERVICE USERNAME`, JSON on stdout."""

import json
import sys

_NOT_KEYRINGS = ("keyring.backends.null", "keyrings.alt.file")
"""Back ends that keep nothing, or keep it in plain text; chosen silently if there is no other."""

_MACOS_LOCKED, _MACOS_DENIED = "-25308", "-128"
"""errSecInteractionNotAllowed, userCanceledErr (Security framework, SecBase.h)."""

_REASON = 200
"""Characters of an error that are passed on."""


def answer(action: str, service: str, username: str) -> dict[str, str]:
    """The state, and the secret when it was found."""
    try:
        import keyring.errors

        backend = keyring.get_keyring()
    except Exception as error:  # noqa: BLE001  # a back end that was chosen, and cannot be loaded
        if isinstance(error, ImportError) and error.name in (None, "keyring"):
            return {"state": "no extra"}
        return {"state": "no keyring", "reason": _reason(error)}
    chain = getattr(backend, "backends", [backend])
    names = [f"{type(it).__module__}.{type(it).__name__}" for it in chain]
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
    except keyring.errors.KeyringLocked:
        return state | {"state": "locked"}
    except Exception as error:  # noqa: BLE001  # each back end has errors of its own
        return state | _state_of(error, (keyring.errors.NoKeyringError, keyring.errors.InitError))
    if secret is None:
        return state | {"state": "no entry"}
    return state | {"state": "found", "secret": secret}


def _state_of(error: Exception, no_keyring: tuple[type[Exception], ...]) -> dict[str, str]:
    text = f"{type(error).__name__} {error}"
    if not isinstance(error, no_keyring):
        if _MACOS_LOCKED in text or "locked" in text.lower():
            return {"state": "locked"}
        if _MACOS_DENIED in text or "denied" in text.lower() or "cancel" in text.lower():
            return {"state": "denied"}
        if isinstance(error, RuntimeError):
            return {"state": "no keyring"}  # its text may quote anything
        missing = isinstance(error, FileNotFoundError | ConnectionError)  # there is a session bus
        if not missing and "NotAvailable" not in text:
            return {"state": "broken"}
    return {"state": "no keyring", "reason": _reason(error)}


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _REASON else f"{text[:_REASON]}…"


sys.stdout.write(json.dumps(answer(*sys.argv[1:])))
