"""A bot on a client of the package PACKAGE, httpx or httpx2, that leaves tokens to its `auth`."""

import os
from importlib import import_module

from pace import live  # type: ignore[import-not-found]

import tastyauth

package = import_module(os.environ["PACKAGE"])
origin = os.environ["ORIGIN"]

with package.Client(base_url=origin, auth=tastyauth.TastytradeAuth("live")) as client:
    live(lambda: client.get("/customers/me/accounts").raise_for_status())
