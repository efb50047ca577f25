"""A bot on the community's SDK, with tastyauth's session in place of the SDK's own."""

import asyncio

from pace import alive  # type: ignore[import-not-found]
from tastytrade import Account  # type: ignore[import-not-found, unused-ignore]

import tastyauth


async def main() -> None:
    async with tastyauth.sdk.session("live") as session:
        await alive(lambda: Account.get(session))


asyncio.run(main())
