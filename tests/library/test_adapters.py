"""The recipes for requests and aiohttp, as a reader would copy them, across expiries."""

import asyncio
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from documents import recipe
from needs import missing

from tastyauth.simulator import Simulator
from tastyauth.testing import Tastytrade

ACCOUNTS = "/customers/me/accounts"


@pytest.fixture
def tastytrade() -> Iterator[Tastytrade]:
    with Tastytrade() as running:
        yield running


@pytest.fixture
def elsewhere() -> Iterator[Simulator]:
    """Another server, which no token is for."""
    with Simulator() as running:
        yield running


def made(text: str, library: str) -> dict[str, Any]:
    """What a recipe defines."""
    try:
        import_module(library)
    except ImportError:
        missing(f"{library} is not installed")
    names: dict[str, Any] = {}
    exec(text, names)
    return names


def test_requests_are_signed_across_expiries(tastytrade: Tastytrade, elsewhere: Simulator) -> None:
    names = made(recipe("python", "# requests"), "requests")
    with names["requests"].Session() as session:
        session.auth = names["TastytradeBearer"]()
        for _ in range(4):
            assert session.get(tastytrade.origin + ACCOUNTS).status_code == 200
            tastytrade.expire()
        session.get(elsewhere.origin + ACCOUNTS)
    assert "authorization" not in elsewhere.requests[0].headers
    assert tastytrade.exchanges == 5  # the last one for nothing


def test_aiohttp_is_signed_across_expiries(tastytrade: Tastytrade, elsewhere: Simulator) -> None:
    names = made(recipe("python", "# aiohttp"), "aiohttp")

    async def ask() -> None:
        async with names["client"]() as client:
            for _ in range(4):
                async with client.get(tastytrade.origin + ACCOUNTS) as answer:
                    assert answer.status == 200
                tastytrade.expire()
            async with client.get(elsewhere.origin + ACCOUNTS) as answer:
                assert answer.status == 401

    asyncio.run(ask())
    assert "authorization" not in elsewhere.requests[0].headers
