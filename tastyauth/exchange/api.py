"""Requests to the API with an access token, and their answers."""

import time
from collections.abc import Mapping
from typing import cast

from tastyauth.errors import CREATE_GRANT, ProtocolError, RefusedError, TemporaryError
from tastyauth.exchange import Channel, api_request
from tastyauth.exchange.response import is_temporary, server_words
from tastyauth.exchange.server_text import Answer, shown
from tastyauth.secret import Secret


def get(
    url: str,
    access_token: Secret | None,
    *,
    user_agent: str,
    seconds: float,
    environ: Mapping[str, str],
) -> Answer:
    """The answer at `url` within so many seconds; without an access token, nobody logs in.

    It takes the same route as an exchange, under the same rules. Raises TemporaryError,
    ProtocolError or ConfigError.
    """
    deadline = time.monotonic() + seconds
    return Channel(url, environ).send(
        lambda: api_request(url, access_token, user_agent),
        lambda: deadline - time.monotonic(),
        seconds,
    )


def read_data(answer: Answer, access_token: Secret) -> Mapping[str, object]:
    """The `data` of an answer (developer.tastytrade.com, API overview); pure.

    Raises RefusedError, TemporaryError or ProtocolError.
    """
    fields = answer.fields_or_none()
    said = shown(server_words(fields), (access_token,))
    what = f"the API answered {answer.status}" + (said and f": {said}")
    if is_temporary(answer.status):
        raise TemporaryError(what, "try again in a few minutes; nothing needs to be changed")
    if answer.status in (401, 403) and not answer.is_html:
        raise RefusedError(
            what,
            "this token was issued just now, but it is not allowed to do this; make a grant"
            f" with the scope read: {CREATE_GRANT}",
        )
    if answer.status == 200:
        data = fields.get("data")
        if isinstance(data, dict):
            return cast(Mapping[str, object], data)
        what = "the API answered without data"
    hint = "is that tastytrade's API, or did a proxy or sign-in page answer?"
    raise ProtocolError(what, hint)
