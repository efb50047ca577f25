"""The same on asyncio, with several requests at once."""

import asyncio
import os
from importlib import import_module

from pace import alive  # type: ignore[import-not-found]

import tastyauth

package = import_module(os.environ["PACKAGE"])
origin = os.environ["ORIGIN"]


async def main() -> None:
    auth = tastyauth.TastytradeAuth("live")
    async with package.AsyncClient(base_url=origin, auth=auth) as client:

        async def call() -> None:
            paths = ["/customers/me/accounts"] * 3
            for answer in await asyncio.gather(*map(client.get, paths)):
                answer.raise_for_status()

        await alive(call)


asyncio.run(main())
