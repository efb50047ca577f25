"""The few account endpoints that tell whether an access token is worth anything."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tastyauth.simulator.broker import Broker, accepts
from tastyauth.simulator.messages import Answer, Request, api_error, json_answer

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


def call(request: Request, broker: Broker, now: float) -> Answer:
    """The answer to a request that needs an access token (RFC 6750, section 2.1)."""
    endpoint = _ENDPOINTS.get((request.method, request.path))
    if endpoint is None:
        return api_error(404, "not_found", "There is nothing at this path")
    scheme, _, access_token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not accepts(broker, access_token.strip(), now):
        return api_error(401, "token_invalid", "This token is invalid or has expired")
    return endpoint(request, broker, now)


def _accounts(request: Request, _broker: Broker, _now: float) -> Answer:
    accounts = (_OPEN_ACCOUNT, _CLOSED_ACCOUNT)
    items = [{"account": account, "authority-level": "owner"} for account in accounts]
    return _data(request, {"items": items})


def _quote_token(request: Request, broker: Broker, now: float) -> Answer:
    if broker.environment == "sandbox":  # which has no market data
        return api_error(
            404, "quote_streamer.customer_not_found_error", "Customer is not found for streamer"
        )
    issued = datetime.fromtimestamp(int(now), UTC)
    token = hmac.digest(broker.key, issued.isoformat().encode(), hashlib.sha256).hex()
    return _data(
        request,
        {
            "token": token,
            "dxlink-url": "wss://streamer.invalid/realtime",  # RFC 2606: leads nowhere
            "level": "api",
            "issued-at": issued.isoformat(),
            "expires-at": (issued + timedelta(days=1)).isoformat(),
        },
    )


def _session(request: Request, _broker: Broker, _now: float) -> Answer:
    user = {"username": "simulated", "email": "simulated@example.invalid"}
    return _data(request, {**user, "external-id": "U0000000001"})


def _data(request: Request, content: dict[str, object]) -> Answer:
    return json_answer(200, {"data": content, "context": request.path})


_ENDPOINTS: dict[tuple[str, str], Callable[[Request, Broker, float], Answer]] = {
    ("GET", "/customers/me/accounts"): _accounts,
    ("GET", "/api-quote-tokens"): _quote_token,
    ("POST", "/sessions/validate"): _session,
}
