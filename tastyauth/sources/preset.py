"""Password managers with a command line of their own: a command each, and what to do about it."""

import os

from tastyauth.errors import SecretAbsent, SecretError
from tastyauth.secret import Secret
from tastyauth.sources.label import describe
from tastyauth.sources.program import resolve_program
from tastyauth.sources.reference import Command, OnePassword, Pass
from tastyauth.sources.surroundings import Surroundings

_ABSENT = {
    "onepassword": ("isn't an item", "isn't a vault", "isn't a field", "could not find item"),
    "pass": ("is not in the password store",),
}
"""What each program says when the entry does not exist (op 2, pass 1.7)."""

_MISSING = {
    "onepassword": "correct the entry in the config",
    "pass": "store it: tastyauth secret set; or correct the entry in the config",
}
"""What helps then: tastyauth writes to pass, and not to 1Password."""

_ADVICE = {
    "onepassword": (
        ("not currently signed in", "sign in first: eval $(op signin)"),
        ("session expired", "sign in again: eval $(op signin)"),
        ("no accounts configured", "cron needs a service account: OP_SERVICE_ACCOUNT_TOKEN"),
        ("authorization", "unlock the 1Password app, or use a service account"),
    ),
    "pass": (
        (
            "no secret key",  # which gpg --quiet, as pass calls it, also says when it cannot ask
            "gpg has no key for the store (see: gpg -K), or cannot ask for its passphrase here:"
            " unlock it first; cron needs a key without one",
        ),
        (
            "ioctl",
            "gpg cannot ask for the passphrase here; unlock it first, or without one in cron",
        ),
        ("no pinentry", "gpg cannot ask for the passphrase here; unlock it first: pass show …"),
        ("cancelled", "the passphrase was not given"),
    ),
}
"""What its complaint contains, in lower case, and what helps."""


def command_of(reference: OnePassword | Pass) -> Command:
    """What the preset runs."""
    match reference:
        case OnePassword(uri):
            return Command(("op", "read", "--no-newline", uri))
        case Pass(entry):
            return Command(("pass", "show", entry), line=1)


def store_of(surroundings: Surroundings) -> str:
    """The directory of the password store (pass(1), PASSWORD_STORE_DIR)."""
    return surroundings.environ.get("PASSWORD_STORE_DIR") or f"{surroundings.home}/.password-store"


def is_pass_available(surroundings: Surroundings) -> bool:
    """Whether there is a password store that could be written."""
    program = resolve_program("pass", surroundings.environ, surroundings.home)
    return program is not None and os.path.exists(f"{store_of(surroundings)}/.gpg-id")


def resolve_preset(reference: OnePassword | Pass, surroundings: Surroundings) -> Secret:
    """What the password manager gives; SecretAbsent when it, or the entry, is not there."""
    from tastyauth.sources import command

    if isinstance(reference, OnePassword) and not surroundings.interactive:
        surroundings = surroundings.with_variable("OP_LOAD_DESKTOP_APP_SETTINGS", "false")
    try:
        label = describe(reference, surroundings.home)
        return command.resolve(command_of(reference), surroundings, label)
    except SecretAbsent:
        raise
    except SecretError as error:
        complaint = error.message.lower()
        if any(words in complaint for words in _ABSENT[reference.kind]):
            raise SecretAbsent(error.message, _MISSING[reference.kind]) from None
        for words, advice in _ADVICE[reference.kind]:
            if words in complaint:
                raise SecretError(error.message, advice) from None
        raise
