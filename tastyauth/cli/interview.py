"""What a new profile says: from flags, from a bot's old .env, and from questions."""

import importlib.util
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from tastyauth import locate
from tastyauth.cli.command import Arguments
from tastyauth.cli.console import Console
from tastyauth.cli.secret import SECRETS, entered, is_available
from tastyauth.config import new_profile
from tastyauth.errors import CREATE_GRANT, RefusedError, SecretAbsent, SecretError
from tastyauth.exchange.claims import (
    Claims,
    check_audience,
    check_issuer,
    check_shape,
    clients_of,
    environment_of,
    read_claims,
    scopes_of,
)
from tastyauth.secret import Secret, with_tilde
from tastyauth.sources import accept, dotenv

STORES = {
    "file": "files beside the config, mode 0600; works everywhere, cron included",
    "keyring": "the desktop's keyring; not in cron",
    "pass": "the password store of pass; in cron only with a key that has no passphrase",
}
"""Where secrets can be kept, and what to know about each place."""

_TO_HAVE = {
    "keyring": "a desktop session",
    "pass": "a password store, `pass init GPG-ID`",
}
"""What a store that is not available needs."""

_SANDBOX_PAGE = "https://developer.tastytrade.com/docs/sandbox/tools"

_ENVIRONMENTS = {
    "production": "real money",
    "sandbox": f"tastytrade's test system; its users and credentials: {_SANDBOX_PAGE}",
}


class Entered(NamedTuple):
    """The credentials of a new profile, and where they belong."""

    environment: str
    client_id: str
    secrets: dict[str, Secret]


def ask(
    old: Mapping[str, Secret], before: Entered | None, arguments: Arguments, console: Console
) -> Entered:
    """Gathers a profile from flags, `old` credentials, the refresh token and the user.

    The refresh token comes first, since it says most of the rest. `before` was refused: Enter keeps
    each part of it. Raises UsageError for what is missing where nobody can be asked.
    """
    known = before.secrets if before else {it: old[it] for it in SECRETS if it in old}
    client_id = arguments.client_id or (old["client_id"].reveal() if "client_id" in old else None)
    enter = partial(entered, console=console, is_custom=arguments.environment == "custom")
    if not console.interactive:
        secrets = {it: known[it] if it in known else enter(it) for it in SECRETS}
        client_id = client_id or _sole_client(read_claims(secrets["refresh_token"]))
        client_id = client_id or console.ask_text("client ID", "--client-id")
        return Entered(arguments.environment, client_id, secrets)
    token, secret = known.get("refresh_token"), known.get("client_secret")
    if before or token is None:
        token = enter("refresh_token", kept=token)
    given = (before.environment, before.client_id) if before else (arguments.environment, client_id)
    claims, is_open = read_claims(token), before is not None
    while (where := _belongs(claims, console, *given, is_open=is_open)) is None:
        console.say(
            "paste a different token, or press Enter to change the environment or client ID"
        )
        last, token = token, enter("refresh_token", kept=token)
        claims, is_open = read_claims(token), token == last
        if is_open:
            is_custom = given[0] == "custom"
            given = ("custom" if is_custom else environment_of(claims), _sole_client(claims))
            claims = Claims("", {})
    if before or secret is None:
        secret = enter("client_secret", kept=secret)
    return Entered(*where, {"client_secret": secret, "refresh_token": token})


def _belongs(
    claims: Claims,
    console: Console,
    environment: str | None,
    client_id: str | None,
    *,
    is_open: bool,
) -> tuple[str, str] | None:
    """Environment and client ID: as given, as the token says and the user confirms, or as typed.

    With `is_open` what was given, and is not in the token, can be corrected. None when the user
    does not confirm.
    """
    is_custom = environment == "custom"
    said = None if is_custom else environment_of(claims), _sole_client(claims)
    try:
        check_issuer(claims, environment or "custom")
        if client_id:
            check_audience(claims, client_id)
    except RefusedError as error:
        console.warn(error.message)
        environment, client_id = ("custom" if is_custom else None), None
    facts = []
    if said[0] and not environment:
        facts.append(f"  environment  {said[0]}: {_ENVIRONMENTS[said[0]].partition(';')[0]}")
    if said[1] and not client_id:
        facts.append(f"  client ID    {said[1]}")
    heading = "according to the refresh token:"
    if facts and not console.ask("\n".join([heading, *facts]), "is that right?", usual=True):
        return None
    environment, client_id = environment or said[0], client_id or said[1]
    if not environment or (is_open and not said[0] and not is_custom):
        flag = "--environment"
        environment = console.choose("environment", _ENVIRONMENTS, flag, environment or "")
    if not client_id or (is_open and not said[1]):
        client_id = _client_id(console, client_id or "")
    return environment, client_id


def old_bot(path: str, console: Console) -> dict[str, Secret]:
    """The credentials in a bot's .env, by field; says under which names, never what they are.

    Raises SecretError for a file or a value that cannot be used, RefusedError for a mix-up.
    """
    path = locate.absolute(path, console.environ)
    shown = with_tilde(path, locate.home_directory(console.environ))
    found = new_profile.taken_over(dotenv.variables(path, console.surroundings))
    if not found:
        hint = f"rename them, for example to {', '.join(new_profile.USUAL_NAMES)}"
        raise SecretAbsent(f"{shown} has no credentials under the usual names", hint)
    old = {}
    for field, (name, value) in found.items():
        old[field] = accept(value.encode(), f"{name} in {shown}")
        try:
            check_shape(field, old[field])
        except RefusedError as error:
            raise RefusedError(f"{name} in {shown}: {error.message}", error.hint) from None
        console.say(f"{field} comes from {name} in {shown}")
    return old


def scopes(flag: str | None, before: tuple[str, ...] | None, console: Console) -> tuple[str, ...]:
    """What the grant may do: only read, unless the profile is to place orders.

    Enter keeps what was answered `before`.
    """
    if flag is None and console.interactive:
        question = "will this profile place orders?"
        flag = "any" if console.ask("", question, usual=before == ()) else None
    return () if flag == "any" else tuple((flag or "read").split(","))


def warn_if_it_cannot_trade(found: Entered, declared: tuple[str, ...], console: Console) -> None:
    """Warns of a grant without orders for a profile that is to place them."""
    may = scopes_of(read_claims(found.secrets["refresh_token"]).fields.get("scope"))
    if may and not declared and "trade" not in may:
        allowed = " and ".join(it for it in may if it != "openid") or "openid"
        console.warn(
            f"this grant allows only {allowed}, so the broker will refuse orders; for orders,"
            f" make a grant with read and trade ticked: {CREATE_GRANT}"
        )


def _sole_client(claims: Claims) -> str | None:
    clients = clients_of(claims)
    return clients[0] if len(clients) == 1 else None


def _client_id(console: Console, default: str) -> str:
    """Asks until the answer looks like a client ID."""
    while True:
        text = console.ask_text("client ID", "--client-id", default)
        try:
            check_shape("client_id", Secret(text))
        except RefusedError as error:
            console.error(error)
        else:
            return text


def _to_have(store: str) -> str:
    """What that store, which is not available, needs."""
    lacks = store == "keyring" and importlib.util.find_spec("keyring") is None
    return _TO_HAVE[store] + ", and `pipx inject tastyauth keyring`" * lacks


def store(flag: str | None, console: Console) -> str:
    """Where the secrets are to be kept; raises SecretError for a store that is not here."""
    if flag is not None:
        if not is_available(flag, console):
            raise SecretError(f"{flag} is not available here", f"it needs {_to_have(flag)}")
        return flag
    if not console.interactive:
        return console.choose("store", STORES, "--store")
    here = {store: about for store, about in STORES.items() if is_available(store, console)}
    for store in (store for store in STORES if store not in here):
        console.say(f"{store}: not available (needs {_to_have(store)})")
    return console.choose("store", here, "--store", default="file")
