"""The command that stores secrets: `secret set`."""

from tastyauth.cli.command import Arguments
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
from tastyauth.cli.inputs import open_session


def run_secret(arguments: Arguments, console: Console) -> int:
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
