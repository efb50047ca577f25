"""Coverage-guided fuzzing of the response reader: any answer is a token or one of three errors."""

import os
import sys

import atheris  # type: ignore[import-untyped]

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))

with atheris.instrument_imports(include=["tastyauth", "json", "email"]):
    from exchange_fakes import grant, holds_a_secret

    from tastyauth.errors import ProtocolError, RefusedError, TemporaryError
    from tastyauth.exchange.response import read_response
    from tastyauth.exchange.server_text import Answer

ENVIRONMENTS = ("production", "sandbox", "custom")
NOW = 1_800_000_000.0


def check(answer: bytes) -> None:
    """What `tests/exchange/test_response.py` says of any answer.

    An input is the answer as it would come over the wire, but for its first line: a status and the
    number of an environment.
    """
    head, _, body = answer.partition(b"\n\n")
    first, *lines = head.decode("latin-1").split("\n")
    status, _, number = first.partition(" ")
    if not (status.isascii() and status.isdigit() and len(status) == 3):
        return
    environment = ENVIRONMENTS[len(number) % 3]
    headers = dict(line.split(": ", 1) for line in lines if ": " in line)
    try:
        response = read_response(
            Answer(int(status), headers, body), grant(environment=environment), NOW
        )
    except (RefusedError, TemporaryError, ProtocolError) as error:
        message, hint = error.message, error.hint
    else:
        assert status == "200"
        assert 1 <= response.expires_in <= 86_400
        assert response.access_token.reveal().isascii()
        return
    assert hint
    assert message.isprintable(), message
    assert not holds_a_secret(f"{message} {hint}"), message


def main() -> None:
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
