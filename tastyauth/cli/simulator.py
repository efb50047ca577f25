"""The command `simulator`."""

import json
import threading

from tastyauth.cli.command import Arguments
from tastyauth.cli.console import Console
from tastyauth.simulator import Simulator


def run_simulator(arguments: Arguments, console: Console) -> int:
    """Serves until a signal ends this run; the credentials on stdout are its product."""
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
