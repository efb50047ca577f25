"""The command that looks: `status`."""

import argparse
import json
from dataclasses import asdict

from tastyauth import locate
from tastyauth.cli.console import Console
from tastyauth.cli.grammar import Commands
from tastyauth.cli.loading import surroundings_of, trusted_config
from tastyauth.status import ProfileStatus, status


def register(commands: Commands) -> None:
    """`status`."""
    parser = commands.add(
        "status", "what is configured, present and missing", run_status, group="look closer"
    )
    parser.add_argument("--format", choices=("human", "json"), default="human")


def run_status(arguments: argparse.Namespace, console: Console) -> int:
    """The config and its profiles, fit to be pasted: home is shown as ~."""
    config = trusted_config(arguments.config, console)
    profiles = status(config, surroundings_of(console))
    render = _as_json if arguments.format == "json" else _as_text
    text = render(config.path, profiles)
    home = locate.home_directory(console.environ)
    console.out(text if home == "/" else text.replace(f"{home}/", "~/"))
    return 0


def _as_json(path: str, profiles: tuple[ProfileStatus, ...]) -> str:
    document = {
        "format_version": 1,
        "config": path,
        "profiles": [asdict(profile) for profile in profiles],
    }
    return json.dumps(document, indent=2) + "\n"


def _as_text(path: str, profiles: tuple[ProfileStatus, ...]) -> str:
    lines = [f"config {path}"]
    for profile in profiles:
        default = " (default)" if profile.is_default else ""
        lines += ["", f"{profile.name}{default}: {profile.environment}, {profile.api_url}"]
        lines += [f"  {field.field:<13}  {field.state}: {field.source}" for field in profile.fields]
    return "\n".join(lines) + "\n"
