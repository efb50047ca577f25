"""Requests to the simulator, its answers, and the failures that it can be set to; no I/O."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """One HTTP request; names of headers are lower-case. Its repr shows method and path only."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path}>"

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response; `drip` is the number of seconds between its bytes, 0 for all at once."""

    status: int
    headers: Headers = ()
    body: bytes = field(default=b"", repr=False)
    drip: float = 0.0


def json_answer(status: int, content: Mapping[str, object], headers: Headers = ()) -> Answer:
    """An answer of the API itself."""
    body = json.dumps(content, separators=(",", ":")).encode()
    return Answer(status, (("Content-Type", "application/json; charset=utf-8"), *headers), body)


def api_error(status: int, code: str, message: str) -> Answer:
    """An error as every endpoint but the token endpoint words it (API overview, Error Codes)."""
    return json_answer(status, {"error": {"code": code, "message": message}})


def refusal(code: str, description: str) -> Answer:
    """An error as the token endpoint words it: RFC 6749, section 5.2, but for `error_code`."""
    return json_answer(400, {"error_code": code, "error_description": description})


def page(status: int, title: str = "", headers: Headers = ()) -> Answer:
    """The answer of the web server in front of the API, when a request never gets past it."""
    heading = f"{status} {title or HTTPStatus(status).phrase}"
    body = (
        f"<html>\r\n<head><title>{heading}</title></head>\r\n<body>\r\n"
        f"<center><h1>{heading}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return Answer(status, (("Content-Type", "text/html"), *headers), body.encode())


USER_AGENT_MISSING = page(401, "Authorization Required")
"""The answer to every request without a User-Agent (developer.tastytrade.com, FAQ)."""

RETRY_AFTER = 30
"""Seconds that the 429 asks for: more than a client waits within its usual time limit."""

ELSEWHERE = "/elsewhere/oauth/token"
"""Where the redirect points: no request may arrive there."""

_DRIP = 1.0
"""Seconds between bytes: every limit per read is met, and the end takes minutes."""

_SIGN_IN_PAGE = b"""\
<!DOCTYPE html><title>Welcome</title><p>Please accept the terms of this network.
"""

_TABLE: dict[str, tuple[str, Answer | None]] = {
    "grant-revoked": (
        "400, the grant was deleted or belongs to the other environment",
        refusal("invalid_grant", "Grant revoked"),
    ),
    "secret-mismatch": (
        "400, the client secret is that of another application",
        refusal("invalid_grant", "Client secret mismatch"),
    ),
    "invalid-jwt": (
        "400, the refresh token is not a JWT",
        refusal("invalid_grant", "Invalid JWT"),
    ),
    "not-a-customer": (
        "400, the user is not a customer (in the sandbox: for some minutes)",
        refusal("invalid_request", "User is not a TastyTrade customer"),
    ),
    "429": (
        f"429, too many requests, with Retry-After: {RETRY_AFTER}",
        page(429, headers=(("Retry-After", str(RETRY_AFTER)),)),
    ),
    "503": (
        "503, the HTML page of a gateway during an outage",
        page(503, "Service Temporarily Unavailable"),
    ),
    "html-401": (
        "401, the HTML page of a gateway that found no User-Agent",
        USER_AGENT_MISSING,
    ),
    "slow": (
        "an answer that arrives byte by byte, one a second",
        replace(page(504, "Gateway Time-out"), drip=_DRIP),
    ),
    "redirect": (
        "307, a redirect to another path, which no token request may follow",
        page(307, headers=(("Location", ELSEWHERE),)),
    ),
    "not-json": (
        "200, the sign-in page of a network instead of JSON",
        Answer(200, (("Content-Type", "text/html"),), _SIGN_IN_PAGE),
    ),
    "echo": ("400, an error that repeats the whole request, secrets included", None),
}

FAILURES = {kind: description for kind, (description, _) in _TABLE.items()}
"""Kind of failure to what the token endpoint then answers, in one line."""


def failure(kind: str, request: Request) -> Answer:
    """The answer to a token request under a failure of `FAILURES`; KeyError for another."""
    answer = _TABLE[kind][1]
    if answer is not None:
        return answer
    head = "".join(f"{name}: {value}\n" for name, value in request.headers.items())
    body = request.body.decode("utf-8", "replace")
    return refusal("invalid_grant", f"{request.method} {request.target}\n{head}\n{body}")
