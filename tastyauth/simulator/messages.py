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

_SIGN_IN_PAGE = b"""\
<!DOCTYPE html><title>Welcome</title><p>Please accept the terms of this network.
"""

_TABLE = {
    "grant-revoked": refusal("invalid_grant", "Grant revoked"),
    "secret-mismatch": refusal("invalid_grant", "Client secret mismatch"),
    "invalid-jwt": refusal("invalid_grant", "Invalid JWT"),
    "not-a-customer": refusal("invalid_request", "User is not a TastyTrade customer"),
    # more seconds than a client waits within its usual time limit
    "429": page(429, headers=(("Retry-After", "30"),)),
    "503": page(503, "Service Temporarily Unavailable"),
    "html-401": USER_AGENT_MISSING,
    # a byte a second: every limit per read is met, and the end takes minutes
    "slow": replace(page(504, "Gateway Time-out"), drip=1.0),
    "redirect": page(307, headers=(("Location", "/elsewhere/oauth/token"),)),
    "not-json": Answer(200, (("Content-Type", "text/html"),), _SIGN_IN_PAGE),
}

FAILURES = (*_TABLE, "echo")
"""The kinds of failure; `tastyauth simulator --help` says what the token endpoint then answers."""


def failure(kind: str, request: Request) -> Answer:
    """The answer to a token request under a failure of `FAILURES`; KeyError for another."""
    if kind != "echo":
        return _TABLE[kind]
    head = "".join(f"{name}: {value}\n" for name, value in request.headers.items())
    body = request.body.decode("utf-8", "replace")
    return refusal("invalid_grant", f"{request.method} {request.target}\n{head}\n{body}")
