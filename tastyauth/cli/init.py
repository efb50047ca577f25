"""The way in: `init` makes the config, or adds a profile to it."""

import argparse
import os
from collections.abc import Mapping
from contextlib import suppress

from tastyauth import config as configs
from tastyauth import locate, onboarding, private, sources, trust
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
from tastyauth.cli.loading import surroundings_of
from tastyauth.config import Config, Profile
from tastyauth.errors import (
    APPLICATIONS_PAGE,
    ConfigError,
    SecretAbsent,
    UsageError,
)
from tastyauth.onboarding import NewProfile
from tastyauth.secret import Secret
from tastyauth.sources import Reference, Surroundings
from tastyauth.sources.value import accept

_STORES = {
    "file": "files beside the config, mode 0600; works everywhere, cron included",
    "keyring": "the desktop's keyring; not in cron",
    "pass": "the password store of pass; in cron only with a key that needs no passphrase",
}
"""Where secrets can be kept, and what is to be known about it."""


def register(commands: Commands) -> None:
    """`init`."""
    init = commands.add(
        "init",
        "make the config, or add a profile with -p NAME",
        run_init,
        group="set up",
        details=_DETAILS,
    )
    init.add_argument("--environment", choices=("production", "sandbox", "custom"))
    init.add_argument("--api-url", metavar="URL", help="with --environment custom only")
    init.add_argument("--client-id", metavar="UUID", help="the public ID of the OAuth application")
    init.add_argument("--store", choices=tuple(_STORES), help="where the secrets are kept")
    init.add_argument(
        "--from", metavar="FILE", dest="dotenv", help="take over the credentials of a bot's .env"
    )
    init.add_argument("--browser", action="store_true", help="open the OAuth Applications page")
    init.add_argument(
        "--print", action="store_true", dest="only_print", help="print an annotated example"
    )


_DETAILS = """\
asks for what is missing; everything but the secrets can be given by flags. Where nobody can be
asked, the client secret and the refresh token are read from stdin, a line each:
  tastyauth init -p live --environment production --client-id UUID --store file < two-lines
"""


def run_init(arguments: argparse.Namespace, console: Console) -> int:
    """From nothing to a config that has got a token once; nothing is written before that."""
    if arguments.only_print:
        console.out(_example())
        return 0
    path = _config_path(arguments, console)
    name = arguments.profile
    before = _read_if_there(path)
    if before is not None:
        config = configs.parse(before, path, home=locate.home_directory(console.environ))
        if name is None or name in {profile.name for profile in config.profiles}:
            return _complete(config, config.profile(name), console)
    profile, values = _asked(name or "live", arguments, console)
    text = (
        onboarding.with_profile(before, path, profile)
        if before is not None
        else onboarding.new_config(profile)
    )
    config = configs.parse(text.encode(), path, home=locate.home_directory(console.environ))
    made = config.profile(profile.name)
    try_out(made, values, console)
    _write(config, made, values, text, console)
    console.say(f"wrote {path}, profile {made.name}")
    chosen = "" if config.default_name == made.name else f" -p {made.name}"
    console.say(f"next, type: eval $(tastyauth env{chosen})")
    return 0


def _example() -> str:
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for path in (f"{here}/tastyauth.yaml.example", f"{here}/../tastyauth.yaml.example"):
        with suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
            return file.read()
    raise FileNotFoundError("tastyauth.yaml.example")


def _config_path(arguments: argparse.Namespace, console: Console) -> str:
    named = arguments.config or console.environ.get("TASTYAUTH_CONFIG")
    if named:
        return locate.absolute(named, console.environ)
    return f"{locate.config_directory(console.environ)}/{locate.CONFIG_NAME}"


def _read_if_there(path: str) -> bytes | None:
    return locate.read_config(path) if os.path.lexists(path) else None


def _complete(config: Config, profile: Profile, console: Console) -> int:
    """Asks for what an existing profile cannot resolve, and for nothing else."""
    surroundings = surroundings_of(console).withholding(profile.variables)
    missing = tuple(field for field in SECRETS if _is_absent(getattr(profile, field), surroundings))
    if not missing:
        console.say(f"{config.path}: profile {profile.name} is complete")
        console.say("another profile: tastyauth init -p NAME; what is there: tastyauth status")
        return 0
    targets = {field: writable(field, profile, console) for field in missing}
    entered = enter(missing, console)
    try_out(profile, with_the_other(entered, profile, console), console)
    put_all(targets, entered, console)
    forget(config.path, console)
    return 0


def _is_absent(reference: Reference, surroundings: Surroundings) -> bool:
    try:
        sources.resolve(reference, surroundings)
    except SecretAbsent:
        return True
    return False


def _asked(
    name: str, arguments: argparse.Namespace, console: Console
) -> tuple[NewProfile, dict[str, Secret]]:
    """What the new profile says, and its secrets: from flags, an old .env, and questions."""
    old = _old_bot(arguments.dotenv, console) if arguments.dotenv else {}
    if console.interactive:
        console.say(onboarding.EXPLANATION)
    if arguments.browser:
        _open_page(console)
    environment = arguments.environment or console.choose(
        "environment",
        {"production": "real money", "sandbox": "tastytrade's test system"},
        "--environment",
    )
    if (environment == "custom") != (arguments.api_url is not None):
        raise UsageError(
            "--api-url goes with --environment custom, and only with it",
            "give both: --environment custom --api-url http://127.0.0.1:8000",
        )
    secrets = {field: old[field] for field in SECRETS if field in old}
    client_id = arguments.client_id or (old["client_id"].reveal() if "client_id" in old else None)
    if client_id is None:
        client_id = console.ask_text("client ID", "--client-id")
    onboarding.check_shape("client_id", Secret(client_id))
    store = arguments.store or console.choose("store", _stores_here(console), "--store")
    missing = tuple(field for field in SECRETS if field not in secrets)
    secrets |= enter(missing, console)
    profile = NewProfile(
        name,
        environment,
        arguments.api_url,
        client_id,
        onboarding.reference(store, name, "client_secret"),
        onboarding.reference(store, name, "refresh_token"),
    )
    return profile, secrets


def _old_bot(path: str, console: Console) -> dict[str, Secret]:
    from tastyauth.sources import dotenv

    path = locate.absolute(path, console.environ)
    found = onboarding.taken_over(dotenv.variables(path, surroundings_of(console)))
    if not found:
        raise SecretAbsent(f"{path} has none of the usual names", "enter them by hand")
    for field, (name, _) in found.items():
        console.say(f"{field} comes from {name}")
    secrets = {field: accept(value.encode(), name) for field, (name, value) in found.items()}
    for field, value in secrets.items():
        onboarding.check_shape(field, value)
    return secrets


def _open_page(console: Console) -> None:
    import webbrowser

    if not webbrowser.open(APPLICATIONS_PAGE):
        console.warn(f"no browser could be opened; the page is {APPLICATIONS_PAGE}")


def _stores_here(console: Console) -> dict[str, str]:
    """What can keep secrets on this machine, and what is to be known about it."""
    surroundings = surroundings_of(console)
    return {
        store: about
        for store, about in _STORES.items()
        if sources.is_available(store, surroundings)
    }


def _write(
    config: Config,
    profile: Profile,
    values: Mapping[str, Secret],
    text: str,
    console: Console,
) -> None:
    """The secrets, the schema for editors, the config; in this order, each whole."""
    directory = os.path.dirname(config.path)
    targets = {field: sources.members(getattr(profile, field))[0] for field in SECRETS}
    try:
        private.make_ancestors(config.path)
        put_all(targets, values, console)
        from tastyauth import schema

        private.write(f"{directory}/tastyauth.schema.json", schema.text().encode())
        private.write(config.path, text.encode(), durable=True)
        trust.allow(config, surroundings_of(console))  # found from below, it is approved already
    except OSError as error:
        raise ConfigError(
            f"the config cannot be written: {error.strerror or error}", f"look at {directory}"
        ) from None
    forget(config.path, console)
