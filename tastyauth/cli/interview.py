"""What a new profile says: from flags, from a bot's old .env, and from questions."""

import webbrowser

from tastyauth import locate
from tastyauth.cli.command import Arguments
from tastyauth.cli.console import Console
from tastyauth.cli.secret import SECRETS, is_available
from tastyauth.config import new_profile
from tastyauth.config.new_profile import NewProfile
from tastyauth.errors import APPLICATIONS_PAGE, RefusedError, SecretAbsent, SecretError, UsageError
from tastyauth.exchange.claims import check_shape, clients_of, read_claims
from tastyauth.secret import Secret, with_tilde
from tastyauth.sources import accept, dotenv, kind_of

STORES = {
    "file": "files beside the config, mode 0600; works everywhere, cron included",
    "keyring": "the desktop's keyring; not in cron",
    "pass": "the password store of pass; in cron only with a key that needs no passphrase",
}
"""Where secrets can be kept, and what is to be known about it."""

_TO_HAVE = {
    "keyring": "a desktop session, and the extra: pipx inject tastyauth keyring",
    "pass": "a password store: pass init GPG-ID",
}
"""What a store that is not available takes."""

_SANDBOX_PAGE = "https://developer.tastytrade.com/docs/sandbox/tools"

_ENVIRONMENTS = {
    "production": "real money",
    "sandbox": f"tastytrade's test system; its users and credentials: {_SANDBOX_PAGE}",
}

_NAMES = {"sandbox": "paper"}
"""What a profile is called that nobody has named, where `live` would mislead."""


def ask(
    name: str | None, old: dict[str, Secret], arguments: Arguments, console: Console
) -> NewProfile:
    """The new profile; `old` are credentials that are known already.

    Raises UsageError where nobody can be asked, RefusedError for what is no client ID.
    """
    if console.interactive and any(field not in old for field in SECRETS):
        console.say(new_profile.EXPLANATION)
    if arguments.browser and not webbrowser.open(APPLICATIONS_PAGE):
        console.warn(f"no browser could be opened; the page is {APPLICATIONS_PAGE}")
    environment = arguments.environment or console.choose(
        "environment", _ENVIRONMENTS, "--environment"
    )
    if (environment == "custom") != (arguments.api_url is not None):
        raise UsageError(
            "--api-url goes with --environment custom, and only with it",
            "give both: --environment custom --api-url http://127.0.0.1:8000",
        )
    store = _store(arguments.store, console)
    # the last thing that is shown: whoever pastes ahead from here on pastes into hidden questions
    known = old["client_id"].reveal() if "client_id" in old else None
    client_id = _client_id(arguments.client_id or known, console)
    profile = name or _NAMES.get(environment, "live")
    return NewProfile(
        profile,
        environment,
        arguments.api_url,
        client_id,
        kind_of(store).spell(profile, "client_secret"),
        kind_of(store).spell(profile, "refresh_token"),
    )


def old_bot(path: str, console: Console) -> dict[str, Secret]:
    """The credentials in a bot's .env, by field; says under which names, never what they are.

    Raises SecretError for a file or a value that cannot be used, RefusedError for a mix-up.
    """
    path = locate.absolute(path, console.environ)
    shown = with_tilde(path, locate.home_directory(console.environ))
    found = new_profile.taken_over(dotenv.variables(path, console.surroundings))
    if not found:
        raise SecretAbsent(
            f"{shown} has none of the names that bots use",
            f"rename them, for example to {', '.join(new_profile.USUAL_NAMES)}",
        )
    old = {}
    for field, (name, value) in found.items():
        old[field] = accept(value.encode(), f"{name} in {shown}")
        try:
            check_shape(field, old[field])
        except RefusedError as error:
            raise RefusedError(f"{name} in {shown}: {error.message}", error.hint) from None
        console.say(f"{field} comes from {name} in {shown}")
    if "client_id" not in old and "refresh_token" in old:  # of a bot that sends none
        clients = clients_of(read_claims(old["refresh_token"]))
        if len(clients) == 1:
            console.say(f"client_id is {clients[0]}, says the refresh token")
            old["client_id"] = Secret(clients[0])
    return old


def _client_id(given: str | None, console: Console) -> str:
    """The given one, or what is typed until it looks like one; raises RefusedError."""
    while True:
        text = given or console.ask_text("client ID", "--client-id")
        try:
            check_shape("client_id", Secret(text))
        except RefusedError as error:
            if given:
                raise
            console.error(error)
        else:
            return text


def _store(flag: str | None, console: Console) -> str:
    if flag is not None:
        if not is_available(flag, console):
            raise SecretError(f"no secret can be kept in {flag} here", f"it takes {_TO_HAVE[flag]}")
        return flag
    if not console.interactive:
        return console.choose("store", STORES, "--store")
    here = {store: about for store, about in STORES.items() if is_available(store, console)}
    for store in (store for store in STORES if store not in here):
        console.say(f"not here: {store}, which takes {_TO_HAVE[store]}")
    return console.choose("store", here, "--store", default="file")
