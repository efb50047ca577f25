"""The exchange, and what its token is worth: the accounts it may see, and market data."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from tastyauth.doctor.check import FAILED, Verdict, passed, skipped, warned
from tastyauth.doctor.findings import Findings
from tastyauth.doctor.network import limit
from tastyauth.errors import TastyauthError
from tastyauth.exchange import api
from tastyauth.exchange.response import THE_CLOCK
from tastyauth.exchange.server_text import shown
from tastyauth.secret import Secret
from tastyauth.session.refresh import Audience, Secrets


@dataclass(slots=True)
class _Listener:
    """An audience that keeps warnings for the report and passes on the rest."""

    audience: Audience
    warnings: list[str] = field(default_factory=list)

    @property
    def verbose(self) -> bool:
        return self.audience.verbose

    def waiting(self, what: str) -> AbstractContextManager[None]:
        return self.audience.waiting(what)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def detail(self, text: str) -> None:
        self.audience.detail(text)


def check_exchange(findings: Findings) -> Verdict:
    """One real exchange, by the way of every command, lock, cache and attempt record included.

    A cached token proves nothing of the grant, so a new one is asked for; but what the server
    refused a moment ago is not asked again.
    """
    found = findings.secrets
    secrets = Secrets(found["client_id"].reveal(), found["client_secret"], found["refresh_token"])
    listener = _Listener(findings.audience)
    try:
        entry = findings.obtain(findings.asked, secrets, listener)
    except TastyauthError as error:
        # what is remembered was written for commands that have this flag
        hint = error.hint.replace(" --refresh ", " tastyauth token --refresh ")
        return Verdict(FAILED, error.message, hint)
    findings.access_token = Secret(entry.fields["access_token"])
    said = f"the server gave an access token for {entry.life} s"
    # The clock has a check of its own.
    warnings = [it for it in listener.warnings if not it.startswith(THE_CLOCK)]
    if warnings:
        return warned(f"{said}; {'; '.join(warnings)}", "the token can be used; look at the rest")
    return passed(said)


def check_accounts(findings: Findings) -> Verdict:
    """The API lists the accounts of the user."""
    accounts = [
        _described(account) for account in _accounts(_called("/customers/me/accounts", findings))
    ]
    if accounts:
        noun = "account" if len(accounts) == 1 else "accounts"
        return passed(f"{len(accounts)} {noun}: {', '.join(accounts)}")
    return warned(
        "the token is good, but the user has no account",
        "in the sandbox, make one on developer.tastytrade.com; elsewhere, log in and look",
    )


def check_market_data(findings: Findings) -> Verdict:
    """The API grants a token for quotes, which is dropped at once."""
    if findings.profile.environment == "sandbox":
        return skipped("the sandbox has no market data")
    try:
        level = _called("/api-quote-tokens", findings).get("level")
    except TastyauthError as error:
        return warned(
            f"no token for quotes: {error.message}",
            "accounts and orders work without; a login without an account has no market data",
        )
    said = shown(level, (findings.access_token,)) if isinstance(level, str) else "unknown"
    return passed(f"a token for quotes was granted, level {said}")


def _called(path: str, findings: Findings) -> Mapping[str, object]:
    profile = findings.profile
    with findings.audience.waiting(profile.api_url + path):
        answer = api.get(
            profile.api_url + path,
            findings.access_token,
            user_agent=profile.user_agent,
            seconds=limit(findings),
            environ=findings.surroundings.environ,
        )
    return api.read_data(answer, findings.access_token)


def _accounts(data: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    items = data.get("items")
    for item in items if isinstance(items, list) else []:
        account = item.get("account") if isinstance(item, dict) else None
        if isinstance(account, dict):
            yield account


def _described(account: Mapping[str, object]) -> str:
    """The last four characters of its number, and whether it is closed."""
    number = account.get("account-number")
    last = number[-4:] if isinstance(number, str) and len(number) > 4 and number.isalnum() else ""
    return f"****{last}" + (" (closed)" if account.get("is-closed") is True else "")
