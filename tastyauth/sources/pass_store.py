"""Secrets in the password store of `pass`."""

import os
import shlex
from dataclasses import dataclass

from tastyauth.errors import SecretError
from tastyauth.posix import process
from tastyauth.secret import Secret
from tastyauth.sources import GUARD, Reference, Surroundings, resolve_program
from tastyauth.sources.command import Command, Program, complaint


@dataclass(frozen=True, slots=True)
class Pass(Program):
    """An entry of the password store, of which the first line counts (pass(1))."""

    entry: str
    kind = "pass"
    can_store = True
    spelling = "{{ pass: tastyauth/{profile}/{name} }}"
    absent = ("is not in the password store",)  # pass 1.7
    if_absent = "store it: tastyauth secret set; or correct the entry in the config"
    advice = (
        (
            "no secret key",  # which gpg --quiet, as pass calls it, also says when it cannot ask
            "gpg has no key for the store (see: gpg -K), or cannot ask for its passphrase here"
            " (cron needs a key without one); unlock it first: pass show {entry} >/dev/null",
        ),
        (
            "ioctl",
            "gpg cannot ask for the passphrase here (cron needs a key without one);"
            " unlock it first: pass show {entry} >/dev/null",
        ),
        (
            "no pinentry",
            "gpg cannot ask for the passphrase here; unlock it first: pass show {entry} >/dev/null",
        ),
        ("cancelled", "the passphrase was not given"),
    )

    @classmethod
    def is_available(cls, around: Surroundings) -> bool:
        program = resolve_program("pass", around.environ, around.home)
        return program is not None and os.path.exists(f"{_store(around)}/.gpg-id")

    @property
    def command(self) -> Command:
        return Command(("pass", "show", self.entry), line=1)

    def store(self, value: Secret, around: Surroundings) -> None:
        """The lines below the first are other fields, and stay as they are."""
        label, word, rest = self.describe(), shlex.quote(self.entry), b""
        if os.path.exists(f"{_store(around)}/{self.entry}.gpg"):
            there = self._pass(("show", self.entry), around)
            if there.returncode:
                raise SecretError(
                    f"{label} cannot be read, so it cannot be written without losing its"
                    " other lines",
                    f"unlock it first: pass show {word} >/dev/null; or change it there:"
                    f" pass edit {word}",
                )
            rest = there.stdout.partition(b"\n")[2]
        content = value.reveal().encode() + b"\n" + rest
        done = self._pass(("insert", "--multiline", "--force", self.entry), around, content)
        if done.returncode:
            raise SecretError(
                f"{label} cannot be written: pass exited with {done.returncode}"
                f"{complaint(done.stderr, content)}",
                f"try it yourself: pass insert -m {word}; a new store: pass init GPG-ID",
            )

    def remove(self, around: Surroundings) -> None:
        self._pass(("rm", "--force", self.entry), around)

    def earlier(self) -> Reference:
        return Pass(f"{self.entry}.old")

    def _pass(
        self, words: tuple[str, ...], around: Surroundings, stdin: bytes = b""
    ) -> process.Completed:
        label = self.describe()
        program = self.program(around)
        if program is None:
            what = f"{label} cannot be written: there is no program pass"
            raise SecretError(what, "install pass")
        try:
            return process.run(
                [program, *words],
                environ={**around.passed_on, GUARD: "1"},
                interactive=around.interactive,
                directory=around.home,
                timeout=around.limit,
                stdin=stdin,
            )
        except process.ProcessError as error:
            what = f"{label} cannot be written: {error}"
            raise SecretError(what, f"try: pass insert -m {shlex.quote(self.entry)}") from None


def _store(around: Surroundings) -> str:
    """The directory of the password store (pass(1), PASSWORD_STORE_DIR)."""
    return around.environ.get("PASSWORD_STORE_DIR") or f"{around.home}/.password-store"
