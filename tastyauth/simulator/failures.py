"""The failures that the simulator's token endpoint can be set to."""

from collections.abc import Callable
from dataclasses import replace

from tastyauth.simulator.messages import (
    USER_AGENT_MISSING,
    Answer,
    Request,
    json_answer,
    page,
    refusal,
)

RETRY_AFTER = 30
"""Seconds that the 429 asks for: more than a client waits within its usual time limit."""

ELSEWHERE = "/elsewhere/oauth/token"
"""Where the redirect points: no request may arrive there."""

_DRIP = 1.0
"""Seconds between bytes: every limit per read is met, and the end takes minutes."""


def _echo(request: Request) -> Answer:
    head = "".join(f"{name}: {value}\n" for name, value in request.headers.items())
    text = f"{request.method} {request.target}\n{head}\n{request.body.decode('utf-8', 'replace')}"
    return json_answer(400, {"error_code": "invalid_grant", "error_description": text})


_NOT_JSON = Answer(
    200,
    (("Content-Type", "text/html"),),
    b"<!DOCTYPE html><title>Welcome</title><p>Please accept the terms of this network.\n",
)

_TABLE: dict[str, tuple[str, Callable[[Request], Answer]]] = {
    "grant-revoked": (
        "400, the grant was deleted or belongs to the other environment",
        lambda _: refusal("invalid_grant", "Grant revoked"),
    ),
    "secret-mismatch": (
        "400, the client secret is that of another application",
        lambda _: refusal("invalid_grant", "Client secret mismatch"),
    ),
    "invalid-jwt": (
        "400, the refresh token is not one",
        lambda _: refusal("invalid_grant", "Invalid JWT"),
    ),
    "not-a-customer": (
        "400, the user is not a customer (in the sandbox: for some minutes)",
        lambda _: refusal("invalid_request", "User is not a TastyTrade customer"),
    ),
    "429": (
        f"429, too many requests, with Retry-After: {RETRY_AFTER}",
        lambda _: page(429, headers=(("Retry-After", str(RETRY_AFTER)),)),
    ),
    "503": (
        "503, the HTML page of a gateway during an outage",
        lambda _: page(503, "Service Temporarily Unavailable"),
    ),
    "html-401": (
        "401, the HTML page of a gateway that misses the User-Agent",
        lambda _: USER_AGENT_MISSING,
    ),
    "slow": (
        "an answer that arrives byte by byte, one a second",
        lambda _: replace(page(504, "Gateway Time-out"), drip=_DRIP),
    ),
    "redirect": (
        "307, a redirect to another path, which no token request may follow",
        lambda _: page(307, headers=(("Location", ELSEWHERE),)),
    ),
    "not-json": (
        "200, the sign-in page of a network instead of JSON",
        lambda _: _NOT_JSON,
    ),
    "echo": (
        "400, an error that repeats the whole request, secrets included",
        _echo,
    ),
}


def failure(kind: str, request: Request) -> Answer:
    """The answer to a token request under a failure of `FAILURES`; KeyError for another."""
    return _TABLE[kind][1](request)


FAILURES = {kind: description for kind, (description, _) in _TABLE.items()}
"""Kind of failure to what the token endpoint then answers, in one line."""
