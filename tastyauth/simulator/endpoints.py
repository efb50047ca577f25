"""The endpoints as one pure function: a request and a broker in, an answer and a broker out."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

from tastyauth.errors import REFRESH_TOKEN_TYPE
from tastyauth.secret import Secret
from tastyauth.simulator.broker import Broker, accepts, decode, hand_out
from tastyauth.simulator.messages import (
    USER_AGENT_MISSING,
    Answer,
    Request,
    api_error,
    failure,
    json_answer,
    refusal,
)

_OPEN_ACCOUNT: dict[str, object] = {
    "account-number": "5WT00001",
    "external-id": "A0000000001",
    "opened-at": "2021-06-01T14:30:00.000+00:00",
    "nickname": "Individual",
    "account-type-name": "Individual",
    "day-trader-status": False,
    "is-closed": False,
    "is-firm-error": False,
    "is-firm-proprietary": False,
    "is-futures-approved": True,
    "is-test-drive": False,
    "margin-or-cash": "Margin",
    "is-foreign": False,
    "funding-date": "2021-06-02",
    "investment-objective": "SPECULATION",
    "suitable-options-level": "No Restrictions",
    "created-at": "2021-06-01T14:30:00.000+00:00",
}
_CLOSED_ACCOUNT = _OPEN_ACCOUNT | {
    "account-number": "5WT00002",
    "external-id": "A0000000002",
    "nickname": "Old",
    "is-closed": True,
    "closed-at": "2023-01-31T21:00:00.000+00:00",
    "is-futures-approved": False,
    "margin-or-cash": "Cash",
}
_CONTENT: dict[tuple[str, str], dict[str, object] | None] = {
    ("GET", "/customers/me"): {
        "id": "me",
        "first-name": "Simulated",
        "last-name": "Customer",
        "email": "simulated@example.invalid",
        "external-id": "U0000000001",
        "is-professional": False,
    },
    ("GET", "/customers/me/accounts"): {
        "items": [
            {"account": it, "authority-level": "owner"} for it in (_OPEN_ACCOUNT, _CLOSED_ACCOUNT)
        ]
    },
    ("GET", "/api-quote-tokens"): None,
    ("POST", "/sessions/validate"): {
        "username": "simulated",
        "email": "simulated@example.invalid",
        "external-id": "U0000000001",
    },
}
"""What each endpoint of the API answers; None is a token for quotes, new for every request."""


def asks_for_token(request: Request) -> bool:
    """Whether this is a request to the token endpoint."""
    return (request.method, request.path) == ("POST", "/oauth/token")


def respond(
    request: Request, broker: Broker, now: float, fail: str | None = None
) -> tuple[Answer, Broker]:
    """The answer to `request` at `now` (epoch seconds), and the broker after it.

    `fail` is a kind of `FAILURES` and concerns the token endpoint only, so that one can watch what
    happens to a token that is still valid.
    """
    if not request.headers.get("user-agent", "").strip():
        return USER_AGENT_MISSING, broker
    if not asks_for_token(request):
        return _call(request, broker, now), broker
    refused = _refused(request, broker) if fail is None else failure(fail, request)
    if refused is not None:
        return refused, broker
    access_token, after = hand_out(broker, now)  # RFC 6749, sections 5 and 6
    content: dict[str, object] = {
        "access_token": access_token.reveal(),
        "token_type": "Bearer",
        "expires_in": broker.lifetime,
    }
    if broker.rotate:
        content["refresh_token"] = after.application.refresh_token.reveal()
    headers = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))  # RFC 6749, section 5.1
    return json_answer(200, content, headers), after


def _refused(request: Request, broker: Broker) -> Answer | None:
    # A left-over bearer header is what once broke every second refresh of a well-known client.
    # The real body is unknown; more than one way to authenticate is RFC 6749's invalid_request.
    if "authorization" in request.headers:
        return refusal("invalid_request", "Authorization header not allowed")
    parameters = _parameters(request)
    if parameters is None:
        return refusal("invalid_request", "Malformed request body")
    for name in ("grant_type", "refresh_token", "client_secret"):
        if not parameters.get(name):
            return refusal("invalid_request", f"Missing or malformed parameter {name}")
    if parameters["grant_type"] != "refresh_token":
        return refusal("unsupported_grant_type", "Unsupported grant type")
    reason = _grant_refused(parameters, broker)
    return refusal("invalid_grant", reason) if reason else None


def _grant_refused(parameters: Mapping[str, str], broker: Broker) -> str | None:
    application = broker.application
    token = decode(parameters["refresh_token"], broker.key)
    if token is None or token.typ != REFRESH_TOKEN_TYPE:
        return "Invalid JWT"
    # Not verified first: to the sandbox, a token of production is one whose grant it cannot find.
    if token.claims.get("iss") != broker.issuer:
        return "Grant revoked"
    if not token.genuine:
        return "Invalid JWT"
    if Secret(parameters["refresh_token"]) != application.refresh_token:
        return "Grant revoked"
    if Secret(parameters["client_secret"]) != application.client_secret:
        return "Client secret mismatch"
    # Documented as optional, and as having to match; the words are a guess after the secret's.
    if parameters.get("client_id", application.client_id) != application.client_id:
        return "Client id mismatch"
    return None


def _parameters(request: Request) -> dict[str, str] | None:
    """The parameters of a JSON or a form body, both of which are in use; None for neither.

    Anything but a string of ASCII (RFC 6749, appendix A) counts as missing.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/json":
        try:
            content = json.loads(request.body)
        except (ValueError, RecursionError):
            return None
    elif media_type == "application/x-www-form-urlencoded":
        pairs = parse_qsl(request.body.decode("ascii", "replace"), keep_blank_values=True)
        content = dict(pairs)
        if len(content) < len(pairs):  # RFC 6749, section 3.2: at most once
            return None
    else:
        return None
    if not isinstance(content, dict):
        return None
    return {k: v for k, v in content.items() if isinstance(v, str) and v.isascii()}


def _call(request: Request, broker: Broker, now: float) -> Answer:
    """The answer to a request that needs an access token (RFC 6750, section 2.1)."""
    endpoint = (request.method, request.path)
    if endpoint not in _CONTENT:
        return api_error(404, "not_found", "There is nothing at this path")
    scheme, _, access_token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not accepts(broker, access_token.strip(), now):
        return api_error(401, "token_invalid", "This token is invalid or has expired")
    content = _CONTENT[endpoint]
    if content is None:
        if broker.environment == "sandbox":  # the sandbox has no market data
            return api_error(
                404, "quote_streamer.customer_not_found_error", "Customer is not found for streamer"
            )
        issued = datetime.fromtimestamp(int(now), UTC)
        content = {
            "token": hmac.digest(broker.key, issued.isoformat().encode(), hashlib.sha256).hex(),
            "dxlink-url": "wss://streamer.invalid/realtime",  # RFC 2606: leads nowhere
            "level": "api",
            "issued-at": issued.isoformat(),
            "expires-at": (issued + timedelta(days=1)).isoformat(),
        }
    return json_answer(200, {"data": content, "context": request.path})
