"""Turns a parsed command line into a session: finds and reads the config, names the profile."""

import os
import sys
from typing import TYPE_CHECKING

from tastyauth import cache, locate
from tastyauth.cache import Asked, Terms, View
from tastyauth.cli.command import Arguments
from tastyauth.cli.console import Console
from tastyauth.posix import quote
from tastyauth.secret import printable
from tastyauth.session import Session

if TYPE_CHECKING:  # what a hit does not need
    from tastyauth.config import Config
    from tastyauth.session.refresh import Audience


def open_session(
    arguments: Arguments, console: Console, audience: "Audience | None" = None
) -> Session:
    """A session for the profile and terms of this command line; raises ConfigNotFound.

    It reports to `audience`, or else to the console.
    """
    found = find(arguments.config, console)
    profile = arguments.profile or console.environ.get("TASTYAUTH_PROFILE") or None
    required = getattr(arguments, "required", None) or ""
    asked = Asked(found, locate.read_config(found[0]), profile, console.environ, required)
    terms = Terms(
        min_valid=getattr(arguments, "min_valid", None),
        refresh=getattr(arguments, "refresh", False),
        started_at=arguments.started_at,
    )
    console.detail(f"config {printable(asked.path)} ({asked.origin})")
    return Session(asked, terms, console.surroundings, audience or console)


def find(flag: str | None, console: Console) -> tuple[str, str]:
    """The path of the config and how it was found; raises ConfigNotFound."""
    passed_over: list[str] = []
    found = locate.find_config(flag, console.environ, passed_over)
    for path in passed_over:
        console.warn(f"{printable(path)} belongs to another user, and is ignored")
    return found


def cached(asked: Asked) -> View:
    """What is cached, without reading any YAML; empty where there can be no cache."""
    try:
        return cache.look(asked)
    except OSError:
        return View("", "")  # the session reports it where it matters


def read_config(
    flag: str | None, console: Console, *, trusted: bool = False
) -> "tuple[Config, str]":
    """The config and how it was found, checked; when `trusted`, also allowed to act.

    Raises ConfigNotFound, ConfigError, ConfigNotAllowed.
    """
    from tastyauth.config import parse, trust  # late: a hit needs neither

    path, origin = find(flag, console)
    config = parse(locate.read_config(path), path, home=locate.home_directory(console.environ))
    if trusted:
        trust.require(config, origin, console.surroundings)
    return config, origin


def flags_of(profile: str | None, config: str | None) -> str:
    """The flags that name this profile and this config."""
    flags = (("-p", profile), ("--config", config))
    return " ".join(f"{flag} {quote(value)}" for flag, value in flags if value)


def shipped(name: str, folder: str = "") -> str:
    """The text of a file of this repository; in a wheel it is inside the package."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for directory in (package, os.path.dirname(package)):
        path = os.path.join(directory, folder, name)
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                return file.read()
    raise FileNotFoundError(name)


def this_program() -> tuple[str, ...]:
    """The words that start this very tastyauth, from anywhere and with any PATH."""
    beside = os.path.join(os.path.dirname(sys.executable), "tastyauth")
    for candidate in (sys.argv[0], beside):
        path = os.path.abspath(candidate)
        if os.path.basename(path) == "tastyauth" and os.path.isfile(path):
            return (path,)
    return (sys.executable, "-P", "-m", "tastyauth")
