"""The community's Python client refreshes and lists accounts; run by .e2e/tastytrade's Python.

Nothing of it is replaced. BASE_URL, where given, is put into the module's own two constants;
without it the client goes to the broker's real host names.
"""

import asyncio
import json
import os

from tastytrade import Account, Session, session


async def refresh_and_list() -> dict[str, object]:
    base_url = os.environ.get("BASE_URL")
    if base_url:
        session.API_URL = session.CERT_URL = base_url
    sandbox = os.environ["ENVIRONMENT"] == "sandbox"
    async with Session(is_test=sandbox, timeout=60) as live:  # more from TT_SECRET, TT_REFRESH
        for _ in range(int(os.environ["LISTS"])):
            accounts = await Account.get(live)
        return {
            "access_token": live.session_token,
            "expires_at": live.session_expiration,
            "accounts": [account.account_number for account in accounts],
        }


try:
    answer: dict[str, object] = asyncio.run(refresh_and_list())
except Exception as problem:  # noqa: BLE001 - whatever it raises is what the test wants to see
    answer = {"raised": type(problem).__name__, "message": str(problem)}
print(json.dumps(answer))
