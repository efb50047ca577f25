"""Secrets in 1Password, read with its program `op`."""

import shlex
from dataclasses import dataclass

from tastyauth.sources.command import Command, Program


@dataclass(frozen=True, slots=True)
class OnePassword(Program):
    """An item field of 1Password, as its own `op://vault/item/field`."""

    uri: str
    kind = "onepassword"
    variables = {"OP_LOAD_DESKTOP_APP_SETTINGS": "false"}  # noqa: RUF012  # else the app asks
    absent = ("isn't an item", "isn't a vault", "isn't a field", "could not find item")  # op 2
    if_absent = "correct the entry in the config"
    advice = (
        ("not currently signed in", "sign in first: eval $(op signin)"),
        ("session expired", "sign in again: eval $(op signin)"),
        ("no accounts configured", "cron needs a service account: OP_SERVICE_ACCOUNT_TOKEN"),
        ("authorization", "unlock the 1Password app, or use a service account"),
    )

    @property
    def command(self) -> Command:
        return Command(("op", "read", "--no-newline", self.uri))

    def how_to_store(self) -> str:
        vault, item, *field = self.uri.removeprefix("op://").split("/")
        return (
            f"change {'/'.join(field)} in 1Password's app, or: op item edit {shlex.quote(item)}"
            f" --vault {shlex.quote(vault)} --template FILE"
        )
