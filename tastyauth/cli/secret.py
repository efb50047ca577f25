"""The command that stores secrets: `secret set`."""

import argparse

from tastyauth.cli.console import Console
from tastyauth.cli.entering import (
    SECRETS,
    enter,
    forget,
    put_all,
    try_out,
    with_the_other,
    writable,
)
from tastyauth.cli.grammar import Commands
from tastyauth.cli.loading import open_session


def register(commands: Commands) -> None:
    """`secret`."""
    parser = commands.add(
        "secret", "store the secrets: secret set [NAME]", run_secret, group="set up"
    )
    parser.add_argument("action", choices=("set",))
    parser.add_argument("name", nargs="?", choices=SECRETS, help="default: both")


def run_secret(arguments: argparse.Namespace, console: Console) -> int:
    """Asks for a secret, or for both; tries them; stores all or none."""
    session = open_session(arguments, console)
    profile = session.config().profile(session.asked.profile)
    wanted = (arguments.name,) if arguments.name else SECRETS
    targets = {field: writable(field, profile, console) for field in wanted}
    entered = enter(wanted, console)
    try_out(profile, with_the_other(entered, profile, console), console)
    put_all(targets, entered, console)
    forget(session.asked.path, console)
    return 0
