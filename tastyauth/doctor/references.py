"""The references: each is resolved, and it is said which source answered, and how soon."""

import re
import time
from collections.abc import Callable

from tastyauth.broker import REFRESH_TOKEN_TYPE
from tastyauth.doctor.findings import FAILED, PASSED, WARNED, Findings, Verdict
from tastyauth.errors import RefusedError, SecretAbsent, SecretError
from tastyauth.exchange import claims
from tastyauth.secret import Secret
from tastyauth.session.refresh import if_lost
from tastyauth.sources import Reference
from tastyauth.sources.first_of import none_of

FIELDS = ("client_id", "client_secret", "refresh_token")

RESOLVED, ABSENT, ASKS, HANGS, FAILS = OUTCOMES = ("resolved", "absent", "asks", "hangs", "fails")
"""What became of a reference: it gave a value; it is not here; it wants somebody to answer (a
passphrase, a login, an unlocked keyring); its time limit ended it; anything else."""

_ASKING = re.compile(
    r"passw|passphrase|pass code|\bpin\b|pinentry|\bioctl\b|\btty\b|terminal|prompt|askpass"
    r"|no secret key|\block(?:ed)?\b|unlock|sign(?:ed)?[ -]?in|log(?:ged)?[ -]?in|interacti"
    r"|session (?:key|exp)",
    re.IGNORECASE,
)
"""How programs complain that there is nobody to answer (gpg, ssh, sudo, op, bw, vault, age).

`no secret key` is all that is left of it when pass calls gpg with --quiet.
"""


def check_of(field: str) -> Callable[[Findings], Verdict]:
    """The check of `client_id`, `client_secret` or `refresh_token`."""

    def check(findings: Findings) -> Verdict:
        value: str | Reference = getattr(findings.profile, field)
        if isinstance(value, str):
            findings.secrets[field] = Secret(value)
            return Verdict(PASSED, f"{value}, in the config")
        return _resolved(field, value, findings)

    return check


def _resolved(field: str, reference: Reference, findings: Findings) -> Verdict:
    """The first member that is here at all, as `resolve` has it, but reported one by one."""
    around = findings.surroundings.withholding(findings.profile.withheld)

    def ask(member: Reference) -> Verdict | tuple[str, Secret]:
        began = time.monotonic()
        label = member.describe(findings.home)
        try:
            with findings.audience.waiting(f"{field} from {label}"):
                return label, member.resolve(around)
        except SecretAbsent:
            raise
        except SecretError as error:
            took = time.monotonic() - began
            hint = f"{error.hint}; {if_lost(field)}"
            return Verdict(FAILED, error.message, hint, _outcome(error, member, took, findings))

    found, absences = reference.first(ask)
    if found is None:
        absent = absences[0] if len(absences) == 1 else none_of(absences)
        return Verdict(FAILED, absent.message, f"{absent.hint}; {if_lost(field)}", ABSENT)
    if isinstance(found, Verdict):
        return found
    answered, findings.secrets[field] = found
    if absences:
        answered += f" (before it: {'; '.join(it.message for it in absences)})"
    return _judged(field, findings.secrets[field], answered, findings)


def _judged(field: str, value: Secret, answered: str, findings: Findings) -> Verdict:
    """Names a mix-up; what a custom server may really issue gets a warning."""
    is_same = field == "refresh_token" and findings.secrets.get("client_secret") == value
    # a client secret that is a refresh token has been reported already
    if is_same and claims.read_claims(value).kind != REFRESH_TOKEN_TYPE:
        message = f"{answered}: this is the client secret, too"
        return Verdict(FAILED, message, "one of them was stored in both places", RESOLVED)
    for is_custom in (True, False) if findings.is_custom else (False,):
        try:
            claims.check_shape(field, value, is_custom=is_custom)
        except RefusedError as error:
            state = WARNED if findings.is_custom and not is_custom else FAILED
            state = FAILED if field == "client_id" else state
            return Verdict(state, f"{answered}: {error.message}", error.hint, RESOLVED)
    return Verdict(PASSED, answered, outcome=RESOLVED)


def _outcome(error: SecretError, member: Reference, took: float, findings: Findings) -> str:
    if 0 < member.time_limit(findings.surroundings) <= took:
        return HANGS
    # where a secret is may be called anything
    said = error.message.replace(member.describe(findings.home), "")
    return ASKS if _ASKING.search(said) else FAILS
