"""The two tastytrade clients that know OAuth, as their authors published them."""

import json
import os
from collections.abc import Callable
from typing import Any

from .credentials import Credentials
from .parts import HERE, installed, program, text_of
from .processes import Place

Client = Callable[..., dict[str, Any]]


def pypi_client(
    place: Place, credentials: Credentials, environment: str, base_url: str = "", lists: int = 1
) -> dict[str, Any]:
    """PyPI `tastytrade`: what it got, or what it raised. It `lists` the accounts so often."""
    finished = place.run_program(
        installed("tastytrade/bin/python"),
        os.path.join(HERE, "programs", "pypi_client.py"),
        TT_SECRET=credentials.client_secret,
        TT_REFRESH=credentials.refresh_token,
        ENVIRONMENT=environment,
        BASE_URL=base_url,
        LISTS=str(lists),
    )
    return _answer(finished.out, finished.err)


def npm_client(
    place: Place, credentials: Credentials, environment: str, base_url: str = ""
) -> dict[str, Any]:
    """npm `@tastytrade/api`, the broker's own client: what it got, or what it threw."""
    finished = place.run_program(
        "env",
        f"--chdir={os.path.dirname(installed('npm/node_modules'))}",
        program("node"),
        "--input-type=module",
        "-",
        given=text_of("programs/npm_client.mjs"),
        CLIENT_SECRET=credentials.client_secret,
        REFRESH_TOKEN=credentials.refresh_token,
        ENVIRONMENT=environment,
        BASE_URL=base_url,
    )
    return _answer(finished.out, finished.err)


CLIENTS: dict[str, Client] = {"pypi": pypi_client, "npm": npm_client}


def _answer(out: str, err: str) -> dict[str, Any]:
    lines = out.splitlines()
    assert lines, err
    answer = json.loads(lines[-1])
    assert isinstance(answer, dict)
    return answer
