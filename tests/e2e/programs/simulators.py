"""Simulators for a private network: started with one line of JSON, then asked by their names.

Given `{NAME: {"environment": …, "address": …, "port": …, "certificate": …}}` it serves each, over
TLS where there is a certificate, and answers with their credentials. Given a line with a NAME it
answers with the requests that have reached that one since it was last asked.
"""

import json
import ssl
import sys
from contextlib import ExitStack

from tastyauth.simulator import Simulator


def simulator(environment: str, address: str, port: int, certificate: str | None) -> Simulator:
    tls = None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
    return Simulator(environment=environment, host=address, port=port, tls=tls)


def credentials(broker: Simulator) -> dict[str, str]:
    application = broker.application
    return {
        "client_id": application.client_id,
        "client_secret": application.client_secret.reveal(),
        "refresh_token": application.refresh_token.reveal(),
    }


def requests(broker: Simulator) -> list[dict[str, object]]:
    return [
        {
            "method": request.method,
            "path": request.path,
            "headers": dict(request.headers),
            "body": request.body.decode(),
        }
        for request in broker.requests
    ]


def say(answer: object) -> None:
    print(json.dumps(answer), flush=True)


with ExitStack() as running:
    wanted = json.loads(sys.stdin.readline())
    brokers = {name: running.enter_context(simulator(**each)) for name, each in wanted.items()}
    told = dict.fromkeys(brokers, 0)
    say({name: credentials(broker) for name, broker in brokers.items()})
    for line in sys.stdin:
        name = line.strip()
        arrived = requests(brokers[name])
        say(arrived[told[name] :])
        told[name] = len(arrived)
