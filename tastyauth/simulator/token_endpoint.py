"""The token endpoint: a refresh token for an access token (RFC 6749, sections 5 and 6)."""

import json
from collections.abc import Mapping
from urllib.parse import parse_qsl

from tastyauth.broker import REFRESH_TOKEN_TYPE
from tastyauth.secret import Secret
from tastyauth.simulator.broker import Broker, hand_out
from tastyauth.simulator.messages import Answer, Request, json_answer, refusal
from tastyauth.simulator.tokens import decode

_NOT_STORED = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))
"""RFC 6749, section 5.1."""


def exchange(request: Request, broker: Broker, now: float) -> tuple[Answer, Broker]:
    """The answer to a token request, and the broker after it."""
    refused = _refused(request, broker)
    if refused is not None:
        return refused, broker
    access_token, after = hand_out(broker, now)
    content: dict[str, object] = {
        "access_token": access_token.reveal(),
        "token_type": "Bearer",
        "expires_in": broker.lifetime,
    }
    if broker.rotate:
        content["refresh_token"] = after.application.refresh_token.reveal()
    return json_answer(200, content, _NOT_STORED), after


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

    What is not a string of ASCII (RFC 6749, appendix A) counts as missing.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/json":
        return _json_parameters(request.body)
    if media_type == "application/x-www-form-urlencoded":
        return _form_parameters(request.body)
    return None


def _json_parameters(body: bytes) -> dict[str, str] | None:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    return {k: v for k, v in content.items() if isinstance(v, str) and v.isascii()}


def _form_parameters(body: bytes) -> dict[str, str] | None:
    pairs = parse_qsl(body.decode("ascii", "replace"), keep_blank_values=True)
    parameters = {name: value for name, value in pairs if value.isascii()}
    repeated = len({name for name, _ in pairs}) < len(pairs)
    return None if repeated else parameters  # RFC 6749, section 3.2: at most once
