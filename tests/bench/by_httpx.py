"""The shortest script with httpx that gets an access token; its argument is a CA bundle."""

import os
import ssl
import sys

import httpx

response = httpx.post(
    os.environ["TOKEN_ENDPOINT"],
    headers={"User-Agent": "tastyauth/1.0"},
    json={
        "grant_type": "refresh_token",
        "client_id": os.environ["CLIENT_ID"],
        "client_secret": os.environ["CLIENT_SECRET"],
        "refresh_token": os.environ["REFRESH_TOKEN"],
    },
    verify=ssl.create_default_context(cafile=sys.argv[1]),
)
response.raise_for_status()
print(f"export TASTYTRADE_ACCESS_TOKEN={response.json()['access_token']}")
