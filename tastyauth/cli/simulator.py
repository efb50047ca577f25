"""The command that stands in for tastytrade: `simulator`."""

import argparse
import json
import threading

from tastyauth.cli.console import Console
from tastyauth.cli.grammar import Commands
from tastyauth.simulator import FAILURES

_DETAILS = """\
prints one line of JSON with the origin and the credentials it accepts, made for this run,
and serves on the loopback address until it is interrupted. In a config:
  environment: custom
  api_url: http://127.0.0.1:PORT

kinds of failure, all of the token endpoint:
""" + "".join(f"  {kind:<16} {description}\n" for kind, description in FAILURES.items())


def register(commands: Commands) -> None:
    """`simulator`."""
    parser = commands.add(
        "simulator",
        "a local stand-in for tastytrade's token and account endpoints",
        run_simulator,
        group="look closer",
        details=_DETAILS,
    )
    parser.add_argument(
        "--port", type=_port, default=0, metavar="N", help="where to listen (default: any free one)"
    )
    parser.add_argument(
        "--fail", choices=tuple(FAILURES), metavar="KIND", help="how token requests fail"
    )
    parser.add_argument(
        "--lifetime",
        type=_seconds,
        default=900,
        metavar="S",
        help="seconds that an access token lives (default: 900)",
    )
    parser.add_argument(
        "--environment",
        choices=("production", "sandbox"),
        default="sandbox",
        help="whose tokens it makes (default: sandbox)",
    )


def run_simulator(arguments: argparse.Namespace, console: Console) -> int:
    """Serves until a signal ends this run; the credentials on stdout are its product."""
    from tastyauth.simulator import Simulator

    with Simulator(
        environment=arguments.environment,
        port=arguments.port,
        fail=arguments.fail,
        lifetime=arguments.lifetime,
    ) as simulator:
        application = simulator.application
        accepted = {
            "origin": simulator.origin,
            "client_id": application.client_id,
            "client_secret": application.client_secret.reveal(),
            "refresh_token": application.refresh_token.reveal(),
        }
        console.say(f"serving {simulator.origin} until interrupted")
        console.out(json.dumps(accepted) + "\n")
        threading.Event().wait()
    return 0


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) > 0):
        raise argparse.ArgumentTypeError("seconds are a positive whole number")
    return int(text)
