"""From what was asked to a session: the config found and read, the profile and the terms named."""

import argparse

from tastyauth import config as configs
from tastyauth import locate, trust
from tastyauth.cli.console import Console
from tastyauth.config import Config
from tastyauth.session import Asked, Session
from tastyauth.sources import Surroundings


def open_session(arguments: argparse.Namespace, console: Console) -> Session:
    """A session for the profile and terms of this command line; raises ConfigNotFound."""
    found = locate.find_config(arguments.config, console.environ)
    asked = Asked(
        found=found,
        content=locate.read_config(found[0]),
        profile=wanted_profile(arguments, console),
        min_valid=getattr(arguments, "min_valid", None),
        refresh=getattr(arguments, "refresh", False),
        started_at=arguments.started_at,
    )
    console.detail(f"config {found[0]} ({found[1]})")
    return Session(asked, surroundings_of(console), console)


def wanted_profile(arguments: argparse.Namespace, console: Console) -> str | None:
    """The profile that was named, None for the default."""
    return arguments.profile or console.environ.get("TASTYAUTH_PROFILE") or None


def trusted_config(flag: str | None, console: Console) -> Config:
    """The config that `flag` names or that is found, checked and trusted.

    Raises ConfigNotFound, ConfigError, ConfigNotAllowed.
    """
    config, origin = read_config(flag, console)
    trust.require(config, origin, surroundings_of(console))
    return config


def read_config(flag: str | None, console: Console) -> tuple[Config, str]:
    """The config and how it was found, checked but not yet trusted."""
    environ = console.environ
    path, origin = locate.find_config(flag, environ)
    content = locate.read_config(path)
    return configs.parse(content, path, home=locate.home_directory(environ)), origin


def surroundings_of(console: Console) -> Surroundings:
    """What sources may look at in this run."""
    return Surroundings(
        environ=console.environ,
        interactive=console.interactive,
        home=locate.home_directory(console.environ),
    )
