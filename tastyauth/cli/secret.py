"""The command that stores secrets: `secret set`."""

import argparse

from tastyauth.cli.console import Console
from tastyauth.cli.enter_secrets import (
    SECRETS,
    client_id_of,
    enter,
    forget,
    put_all,
    tell,
    try_out,
    undone_on_failure,
    writable,
)
from tastyauth.cli.grammar import Commands
from tastyauth.cli.inputs import open_session

_DETAILS = """\
asks for the secret without showing it, or for both; tries them at the server; stores all or none
where the profile says. Where nobody can be asked, they are read from stdin, a line each, the
client secret first:
  pass show brokers/tastytrade | tastyauth secret set client_secret
"""


def register(commands: Commands) -> None:
    """`secret`."""
    parser = commands.add(
        "secret",
        "store the secrets: secret set [NAME]",
        run_secret,
        group="set up",
        details=_DETAILS,
    )
    parser.add_argument("action", choices=("set",), metavar="set")
    parser.add_argument("name", nargs="?", choices=SECRETS, help="default: both")


def run_secret(arguments: argparse.Namespace, console: Console) -> int:
    """Asks for a secret, or for both; tries them; stores all or none."""
    session = open_session(arguments, console)
    profile = session.config().profile(session.asked.profile)
    wanted = (arguments.name,) if arguments.name else SECRETS
    targets = {field: writable(field, profile, console) for field in wanted}
    client_id = client_id_of(profile, console)
    entered = enter(wanted, console)
    try_out(profile, client_id, entered, console)
    with undone_on_failure() as undo:
        put_all(targets, entered, profile, undo, console)
    forget(session.asked.path, console)
    tell(profile, targets, console)
    return 0
