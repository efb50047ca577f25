"""The whole simulator as one pure function: a request and a state to an answer and a state."""

from tastyauth.simulator.account_endpoints import call
from tastyauth.simulator.broker import Broker
from tastyauth.simulator.failures import failure
from tastyauth.simulator.messages import USER_AGENT_MISSING, Answer, Request
from tastyauth.simulator.token_endpoint import exchange


def asks_for_token(request: Request) -> bool:
    """Whether this is a request to the token endpoint."""
    return (request.method, request.path) == ("POST", "/oauth/token")


def respond(
    request: Request, broker: Broker, now: float, fail: str | None = None
) -> tuple[Answer, Broker]:
    """The answer to `request` at `now` (epoch seconds), and the broker after it.

    `fail` is a kind of `FAILURES` and concerns the token endpoint alone, so that what happens to
    a token that is still valid can be watched meanwhile.
    """
    if not request.headers.get("user-agent", "").strip():
        return USER_AGENT_MISSING, broker
    if not asks_for_token(request):
        return call(request, broker, now), broker
    if fail is not None:
        return failure(fail, request), broker
    return exchange(request, broker, now)
