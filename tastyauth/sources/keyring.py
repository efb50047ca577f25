"""Secrets in the desktop's keyring, asked in a child process (extra `keyring`).

A keyring that waits to be unlocked waits forever; a child can be ended at its time limit. Back ends
that keep nothing, or keep it in plain text, are refused by name.
"""

import json
import shlex
from dataclasses import dataclass

from tastyauth.errors import SecretAbsent, SecretError
from tastyauth.posix import how_to_install, interpreter, process
from tastyauth.secret import Secret, mask, printable
from tastyauth.sources import GUARD, HANGS, Reference, Surroundings, accept, resolve_program, shown
from tastyauth.sources.command import reason_in

_IN_CHILD = "keyring"
"""The value of the guard variable in the child."""

_INSTALL = how_to_install("keyring")

_STATES = {
    "no extra": ("needs keyring, which is not installed", _INSTALL),
    "no keyring": (
        "is not available here: there is no keyring",
        "cron and servers have none (no session bus); use a file or a systemd credential there",
    ),
    "no entry": ("does not exist", "store it: tastyauth secret set"),
    "locked": (
        "is locked",
        "unlock the keyring: log in to the desktop, or open the keyring's own app",
    ),
    "denied": ("was denied", "allow it when the keyring asks"),
    "refused": (
        "would come from a back end that is not a keyring",
        "choose another with PYTHON_KEYRING_BACKEND, or use a file reference instead",
    ),
}
_UNUSABLE = ("cannot be used", "see what is wrong: keyring diagnose")
"""What the child reports, and what it means."""


@dataclass(frozen=True, slots=True)
class Keyring(Reference):
    """An entry of the desktop's keyring."""

    service: str
    username: str
    kind = "keyring"
    can_store = True
    spelling = "{{ keyring: {{ service: tastyauth, username: {profile}/{name} }} }}"

    @classmethod
    def parse(cls, value: object, directory: str, home: str) -> Reference | None:
        match value:
            case {"service": str(service), "username": str(username)}:
                return cls(service, username)
        return None

    @classmethod
    def is_available(cls, around: Surroundings) -> bool:
        """Whether a keyring answers."""
        try:
            cls("tastyauth", "is there a keyring")._ask("get", "", around, "found", "no entry")
        except SecretError:
            return False
        return True

    def detail(self, home: str) -> str:
        return shown(f"{self.service} {self.username}")

    def resolve(self, around: Surroundings) -> Secret:
        answer = self._ask("get", "", around, "found")
        return accept(answer.get("secret", "").encode("utf-8", "surrogatepass"), self.describe())

    def store(self, value: Secret, around: Surroundings) -> None:
        self._ask("set", value.reveal(), around, "stored")

    def remove(self, around: Surroundings) -> None:
        self._ask("delete", "", around)

    def earlier(self) -> Reference:
        return Keyring(self.service, f"{self.username}.old")

    def shell_word(self, around: Surroundings) -> str:
        """Through the program or the module: pipx does not link programs of injected packages."""
        program = ["keyring"]
        if not resolve_program("keyring", around.environ, around.home):
            program = [interpreter() or "python3", "-P", "-m", "keyring"]
        return f'"$({shlex.join([*program, "get", self.service, self.username])})"'

    def _ask(self, action: str, secret: str, around: Surroundings, *allowed: str) -> dict[str, str]:
        """The answer; raises SecretError when its state is not `allowed`, if any are named."""
        label, python = self.describe(), interpreter()
        if python is None or around.environ.get(GUARD) == _IN_CHILD:
            raise SecretAbsent(
                f"{label} is not available here: this program has no bundled Python to open"
                " the keyring with",
                f"use a command instead: [keyring, get, {self.service}, {self.username}]",
            )
        child = [python, "-P", "-m", "tastyauth.sources.keyring_child"]
        try:
            completed = process.run(
                [*child, action, self.service, self.username],
                environ={**around.passed_on, GUARD: _IN_CHILD},
                interactive=around.interactive,
                directory="/",
                timeout=around.limit,
                stdin=secret.encode(),
            )
            answer = json.loads(completed.stdout)
        except process.TimedOut:
            raise SecretError(
                f"{label} did not answer within {around.limit:g} s",
                "the keyring may be waiting to be unlocked; unlock it first",
                reason=HANGS,
            ) from None
        except process.ProcessError as error:
            raise SecretError(f"{label} cannot be read: {error}", _INSTALL) from None
        except ValueError:  # a back end has written to stdout
            answer = None
        said = {k: str(v) for k, v in answer.items()} if isinstance(answer, dict) else {}
        if not allowed or said.get("state") in allowed:
            return said
        reason = mask(said.get("reason", ""), [Secret(secret)])
        more = ": ".join(filter(None, (said.get("backend"), reason)))
        state = said.get("state", "")
        kind = SecretAbsent if state.startswith("no ") else SecretError
        what, hint = _STATES.get(state, _UNUSABLE)
        message = f"{label} {what}" + (f" ({printable(more)})" if more else "")
        raise kind(message, hint, reason=reason_in(message, label))
