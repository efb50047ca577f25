"""`exec --keep-fresh`: the command, and a file that holds a fresh token for as long as it runs."""

import gc
import time
from contextlib import nullcontext, suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from tastyauth import cache, export, locate
from tastyauth.cache import Asked, Entry, Terms
from tastyauth.cli.command import Arguments
from tastyauth.cli.console import Console
from tastyauth.cli.inputs import flags_of
from tastyauth.errors import TastyauthError, TemporaryError
from tastyauth.posix import raise_when_stopped
from tastyauth.secret import Secret, addressed
from tastyauth.session import Session, keep_fresh
from tastyauth.session.keep_fresh import Renewal, Supply

if TYPE_CHECKING:  # what a fresh token does not need
    from tastyauth.session.refresh import Audience


def noting(warnings: list[str]) -> "Audience":
    """An audience for what happens in the background: warnings are kept, the rest is not said."""
    audience = SimpleNamespace(about="", verbose=False, warn=warnings.append)  # the console says it
    audience.waiting, audience.detail = lambda _: nullcontext(), lambda _: None
    return cast("Audience", audience)


def run(
    arguments: Arguments,
    console: Console,
    session: Session,
    entry: Entry,
    environment: dict[str, str],
) -> int:
    """Runs the command with `environment` and the path of the file; returns its exit code."""
    asked = session.asked
    gc.enable()  # this process may run for days
    min_valid: float | None = arguments.min_valid
    surroundings = replace(console.surroundings, interactive=False)

    def renew() -> Renewal:
        raise_when_stopped()  # stopping a service stops all of its processes
        warnings, renewed = list[str](), None
        terms = Terms(min_valid, refresh=False, started_at=time.time())
        try:
            renewed = Session(asked, terms, surroundings, noting(warnings)).obtain()
        except TastyauthError as error:
            told = f"no new token for the running command yet, will try again: {error.message}"
            flags = flags_of(entry.fields["profile"], arguments.config)
            hint = addressed(_hint(error, asked, arguments.argv[0]), flags)
            warnings.append(f"{told}\nhint: {hint}" if hint else told)
        return renewed, tuple(warnings)

    prefix = cache.file_prefix(asked, session.profile)
    with keep_fresh.token_file(_token(entry), console.environ, prefix) as path:
        supply = Supply(
            entry,
            min_valid,
            renew=renew,
            hand_over=lambda renewed: keep_fresh.write_token(path, _token(renewed)),
            report=console.warn,
        )
        return keep_fresh.keep(arguments.argv, environment | {export.TOKEN_FILE: path}, supply)


def _token(entry: Entry) -> Secret:
    return Secret(entry.fields["access_token"])


def _hint(error: TastyauthError, asked: Asked, command: str) -> str:
    """What to do. The command never gets a config that was changed: it may be another account's."""
    if isinstance(error, TemporaryError):
        return error.hint
    with suppress(TastyauthError):  # the config is gone
        if locate.read_config(asked.path) == asked.content:
            return error.hint
    return (
        f"the config has changed since {command} was started; {command} still uses the old"
        " one: restart it"
    )
