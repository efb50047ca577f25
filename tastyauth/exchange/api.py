"""What the API answers to the bearer of an access token, read strictly and shown masked."""

import time
from collections.abc import Mapping
from typing import cast

from tastyauth.errors import APPLICATIONS_PAGE, ProtocolError, RefusedError, TemporaryError
from tastyauth.exchange.refusal import is_temporary, server_words
from tastyauth.exchange.server_text import is_html, read_body, shown
from tastyauth.exchange.transport import Answer, Channel
from tastyauth.secret import Secret


def get(
    url: str,
    access_token: Secret | None,
    *,
    user_agent: str,
    seconds: float,
    environ: Mapping[str, str],
) -> Answer:
    """Whatever is answered at `url` within so many seconds; None as access token asks as nobody.

    It goes the way of an exchange: the same proxy, roots and rules. Raises TemporaryError,
    ProtocolError or ConfigError.
    """
    deadline = time.monotonic() + seconds
    channel = Channel(url, environ)
    return channel.get(url, access_token, user_agent, lambda: deadline - time.monotonic())


def read_data(answer: Answer, access_token: Secret) -> Mapping[str, object]:
    """The `data` of an answer (developer.tastytrade.com, API overview); pure.

    Raises RefusedError, TemporaryError or ProtocolError.
    """
    fields = _fields(answer)
    said = shown(server_words(fields), (access_token,))
    what = f"the API answered {answer.status}" + (said and f": {said}")
    if is_temporary(answer.status):
        raise TemporaryError(what, "try again in a few minutes; nothing needs to be changed")
    if answer.status in (401, 403) and not is_html(answer.headers, answer.body):
        raise RefusedError(
            what,
            "the token is good, as it came from the exchange just now, but not for this; make a"
            f" grant with the scope read: Manage → Create Grant on {APPLICATIONS_PAGE}",
        )
    data = fields.get("data")
    if answer.status != 200 or not isinstance(data, dict):
        raise ProtocolError(
            what if answer.status != 200 else "the API answered without data",
            "is it the API of tastytrade that answers there, and not a proxy or a sign-in page?",
        )
    return cast(Mapping[str, object], data)


def _fields(answer: Answer) -> Mapping[str, object]:
    try:
        return read_body(answer.headers, answer.body)
    except ValueError:
        return {}
