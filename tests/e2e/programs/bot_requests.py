"""A bot that knows nothing of tastyauth but the file with the token, which it reads each time."""

import os

import requests  # type: ignore[import-untyped, unused-ignore]
from pace import live  # type: ignore[import-not-found]


def call() -> None:
    with open(os.environ["TASTYTRADE_ACCESS_TOKEN_FILE"], encoding="ascii") as file:
        headers = {"Authorization": f"Bearer {file.read().strip()}"}
    url = os.environ["TASTYTRADE_API_URL"] + "/customers/me/accounts"
    requests.get(url, headers=headers, timeout=10).raise_for_status()


live(call)
