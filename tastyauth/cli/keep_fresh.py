"""`exec --keep-fresh`: the command, and a file that holds a fresh token for as long as it runs."""

import argparse
import gc
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from tastyauth import keeper, token_file
from tastyauth.cache import Asked, Entry
from tastyauth.cli.console import Console
from tastyauth.cli.loading import surroundings_of
from tastyauth.errors import TastyauthError
from tastyauth.keeper import Renewal, Supply
from tastyauth.secret import Secret
from tastyauth.session import Session, Terms
from tastyauth.stopping import raise_when_stopped


class _Notes:
    """An audience for what happens in the background: warnings are kept, the rest is not said."""

    verbose = False

    def __init__(self) -> None:
        self.warnings: tuple[str, ...] = ()

    def waiting(self, what: str) -> AbstractContextManager[None]:  # noqa: ARG002
        """Says nothing: the terminal is the command's."""
        return nullcontext()

    def warn(self, text: str) -> None:
        self.warnings += (text,)

    def detail(self, text: str) -> None:
        """Says nothing."""


def run(
    arguments: argparse.Namespace,
    console: Console,
    asked: Asked,
    entry: Entry,
    environment: dict[str, str],
) -> int:
    """Runs the command with `environment` and the path of the file; returns its exit code."""
    gc.enable()  # this one may stay for days
    min_valid: float | None = arguments.min_valid
    surroundings = replace(surroundings_of(console), interactive=False)

    def renew() -> Renewal:
        raise_when_stopped()  # whoever stops a service stops all of its processes
        notes = _Notes()
        terms = Terms(min_valid, refresh=False, started_at=time.time())
        try:
            renewed = Session(asked, terms, surroundings, notes).obtain().entry
        except TastyauthError as error:
            return Renewal(None, (*notes.warnings, _told(error)))
        return Renewal(renewed, notes.warnings)

    with token_file.token_file(_token(entry), console.environ) as path:
        supply = Supply(
            entry,
            min_valid,
            renew=renew,
            hand_over=lambda renewed: token_file.write(path, _token(renewed)),
            report=console.warn,
        )
        return keeper.keep(arguments.argv, environment | {token_file.VARIABLE: path}, supply)


def _token(entry: Entry) -> Secret:
    return Secret(entry.fields["access_token"])


def _told(error: TastyauthError) -> str:
    hint = f"\nhint: {error.hint}" if error.hint else ""
    return f"no new token for the running command, trying again: {error.message}{hint}"
