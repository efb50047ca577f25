"""Checks of the client ID, the client secret and the refresh token, before any of them is sent."""

import time
from datetime import UTC, datetime

from tastyauth.doctor.findings import (
    FAILED,
    PASSED,
    WARNED,
    Findings,
    Verdict,
    passed,
    skipped,
    warned,
)
from tastyauth.errors import (
    CREATE_GRANT,
    REFRESH_TOKEN_TYPE,
    RefusedError,
    SecretAbsent,
    SecretError,
)
from tastyauth.exchange import claims
from tastyauth.exchange.server_text import shown
from tastyauth.secret import Secret
from tastyauth.session import refresh
from tastyauth.sources import ASKS, HANGS, Reference
from tastyauth.sources.first_of import none_of

FIELDS = ("client_id", "client_secret", "refresh_token")

RESOLVED, ABSENT, FAILS = "resolved", "absent", "fails"
"""What became of a reference, or the reason of its SecretError: ASKS or HANGS."""

_CLOCK_TOLERANCE = 60
"""Seconds by which a token may come from the future."""

_SAYS_NOTHING = "the token does not say"


def check_secret(field: str, findings: Findings) -> Verdict:
    """The check of `client_id`, `client_secret` or `refresh_token`.

    The first member that exists here, as in `resolve`, but each one is reported.
    """
    value: str | Reference = getattr(findings.profile, field)
    if isinstance(value, str):
        findings.secrets[field] = Secret(value)
        return passed(f"{value}, in the config")

    def ask(member: Reference) -> Verdict | tuple[str, Secret]:
        label = member.describe(findings.around.home)
        try:
            with findings.audience.waiting(f"{field} from {label}"):
                return label, member.resolve(findings.around)
        except SecretAbsent:
            raise
        except SecretError as error:
            hint = refresh.or_if_lost(field, error)
            outcome = error.reason if error.reason in (ASKS, HANGS) else FAILS
            return Verdict(FAILED, error.message, hint, outcome)

    found, absences = value.first(ask)
    if found is None:
        absent = absences[0] if len(absences) == 1 else none_of(absences)
        return Verdict(FAILED, absent.message, refresh.or_if_lost(field, absent), ABSENT)
    if isinstance(found, Verdict):
        return found
    answered, findings.secrets[field] = found
    if absences:
        answered += f" (tried first: {'; '.join(it.message for it in absences)})"
    return _judged(field, findings.secrets[field], answered, findings)


def _judged(field: str, value: Secret, answered: str, findings: Findings) -> Verdict:
    """Reports a mix-up; for what a custom server might really issue, only warns."""
    is_same = field == "refresh_token" and findings.secrets.get("client_secret") == value
    # a client secret that is a refresh token has been reported already
    if is_same and claims.read_claims(value).kind != REFRESH_TOKEN_TYPE:
        message = f"{answered}: the client secret has the same value"
        return Verdict(FAILED, message, "the same value was stored in both places", RESOLVED)
    client_id = findings.secrets.get("client_id", Secret("")).reveal()
    for is_custom in (True, False) if findings.is_custom else (False,):
        try:
            claims.check_shape(field, value, client_id, is_custom=is_custom)
            if not findings.is_custom:
                claims.check_genuine(field, value)
        except RefusedError as error:
            state = WARNED if findings.is_custom and not is_custom else FAILED
            state = FAILED if field == "client_id" else state
            return Verdict(state, f"{answered}: {error.message}", error.hint, RESOLVED)
    if field == "client_secret" and not findings.is_custom and (unlike := claims.doubt(value)):
        hint = "if it came from tastytrade, store it again exactly as shown"
        return Verdict(WARNED, f"{answered}: {unlike}", hint, RESOLVED)
    return Verdict(PASSED, answered, outcome=RESOLVED)


def check_type(findings: Findings) -> Verdict:
    """It is a refresh token, the newest of its grant."""
    declared = findings.secrets["refresh_token"]
    client_id = findings.secrets["client_id"].reveal()
    task = refresh.Task(findings.profile, findings.around, findings.audience)
    newest = refresh.grant_of(task, client_id, declared).newest()
    findings.claims = claims.read_claims(newest)
    claims.check_type(findings.claims)
    rotated = "" if newest == declared else "; the server replaced it, and the newest one is used"
    if findings.claims.kind == REFRESH_TOKEN_TYPE:
        return passed(f"a refresh token ({REFRESH_TOKEN_TYPE}){rotated}")
    return warned(
        f"not the kind that tastytrade issues ({REFRESH_TOKEN_TYPE}){rotated}",
        "if it came from tastytrade, store it again exactly as shown, or make a new one:"
        f" {CREATE_GRANT}",
    )


def check_audience(findings: Findings) -> Verdict:
    """It belongs to the client ID of the profile."""
    clients = claims.clients_of(findings.claims)
    client_id = findings.secrets["client_id"].reveal()
    claims.check_audience(findings.claims, client_id)
    return passed(f"client ID {client_id}") if clients else skipped(_SAYS_NOTHING)


def check_issuer(findings: Findings) -> Verdict:
    """It was issued by the environment of the profile."""
    claims.check_issuer(findings.claims, findings.profile.environment)
    issuer = findings.claims.fields.get("iss")
    if not isinstance(issuer, str):
        return skipped(_SAYS_NOTHING)
    said = shown(issuer, findings.secrets.values())
    environment = claims.environment_of(findings.claims)
    if environment == "production" != findings.profile.behind:
        hint = "if the server of this profile trades with real money, set stands_for: production"
        return warned(f"{said}: production, but the profile counts as a sandbox", hint)
    if environment is not None:
        return passed(f"{said}: {environment}")
    if findings.is_custom:
        return passed(said)
    what = f"{said} is not a known tastytrade issuer"
    return warned(what, f"if the exchange fails, make a new one: {CREATE_GRANT}")


def check_age(findings: Findings) -> Verdict:
    """It was issued in the past, and has not expired."""
    now = time.time()
    issued, ends = (  # NumericDates (RFC 7519, section 2) that a calendar can show
        float(it)
        if isinstance(it, int | float) and not isinstance(it, bool) and 0 <= it < 1e11
        else None
        for it in map(findings.claims.fields.get, ("iat", "exp"))
    )
    on, until = (f"{datetime.fromtimestamp(it or 0, UTC):%Y-%m-%d}" for it in (issued, ends))
    if ends is not None and ends <= now:
        return warned(f"it expired on {until}", f"make a new one: {CREATE_GRANT}")
    if issued is None:
        return skipped(_SAYS_NOTHING)
    if issued > now + _CLOCK_TOLERANCE:
        return warned(f"issued on {on}, which is in the future", "set the clock of this machine")
    days = int(max(now - issued, 0) // 86400)
    ago = f"{days} day{'s' if days > 1 else ''} ago" if days else "today"
    end = "it never expires" if ends is None else f"it expires on {until}"
    return passed(f"issued on {on}, {ago}; {end}")


def check_scope(findings: Findings) -> Verdict:
    """It may do what the profile declares; if nothing is declared, it may read and not trade."""
    declared, secrets = findings.profile.scopes, tuple(findings.secrets.values())
    words = claims.scopes_of(findings.claims.fields.get("scope"))
    if words is None:
        if not declared:
            return skipped(_SAYS_NOTHING)
        hint = "the server's answer is checked, too; see the exchange"
        return warned(f"{_SAYS_NOTHING}; the profile declares {' '.join(declared)}", hint)
    claims.check_scopes(words, declared, secrets)
    said = shown(" ".join(words), secrets)
    if declared:
        return passed(f"{said}, as declared")
    if "trade" in words:
        what = f"this grant can place orders ({said})"
        return warned(what, f"unless your bot does, make one that can only read: {CREATE_GRANT}")
    if "read" not in words:
        what = f"this grant cannot read accounts ({said})"
        return warned(what, f"tick read when you make one: {CREATE_GRANT}")
    return passed(said)
