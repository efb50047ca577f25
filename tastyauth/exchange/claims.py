"""A grant, and the mix-ups of credentials that are found before anything is sent."""

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

from tastyauth.errors import (
    APPLICATIONS_PAGE,
    CREATE_GRANT,
    ENVIRONMENTS,
    REFRESH_TOKEN_TYPE,
    RefusedError,
    steps,
)
from tastyauth.exchange.server_text import read_object, shown
from tastyauth.secret import Secret, is_made_up, is_uuid

LONGEST_TOKEN = 16 * 1024
"""Characters; a longer token could not be read back from a reference, or exported."""

ONE_APPLICATION = (
    f"take the client ID, client secret and refresh token from the same application: {CREATE_GRANT}"
)
_INSTEAD = {
    "client_secret": steps(
        "use the one shown when the application was created",
        "only if that is lost, regenerate it, which ends all grants, and make a new grant:"
        f" {CREATE_GRANT}",
    ),
    "refresh_token": f"use the refresh token that was shown after {CREATE_GRANT}",
    "client_id": f"a client ID is a UUID, shown beside the OAuth application: {APPLICATIONS_PAGE}",
}
"""What to do about a value that is something else."""

_PLACEHOLDER = re.compile(
    r"<.*>|\[.*\]|\{.*\}|\$\w+|\$\{\w+\}|%\w+%|[*.x_-]{3,64}|eyJ[\w-]{0,12}\.{3}.*"
    r"|(?:your|the|insert|paste|enter)[ _-].*|(?:change|replace)[ _-]?me|placeholder|redacted"
    r"|op://.*|enc\[.*",
    re.IGNORECASE,
)
"""Placeholders from READMEs and templates, and references that nobody resolved."""

_FILLER = re.compile(
    r"(?:my|some|example|sample|dummy|fake|test)(?:[ _-].*)?|null|none|undefined|todo|tbd"
    r"|(?:(?:client|app|api|provider|refresh|access)[ _-]?)?(?:secret|token)",
    re.IGNORECASE,
)
"""More placeholders, which a server other than tastytrade's might accept."""

_NAMED = re.compile(
    r"(?:export |set )?[\"']?[\w-]*(?:secret|token|refresh|client)[\w-]*[\"']?\s*[:=]\s*\S"
    r"|(?:authorization\s*:|bearer|basic)\s",
    re.IGNORECASE,
)
"""The beginning of an assignment or a header, pasted with its value."""

_MORE = re.compile(r"[ =:;,\"']")
"""What neither a client secret nor a JWT contains."""

_FITTING = {
    "client_secret": ("a tastytrade client secret",),
    "refresh_token": ("a tastytrade refresh token", "a JWT"),
}


class RefreshGrant(NamedTuple):
    """A refresh token and the client it was issued to (RFC 6749, section 6).

    `environment` is "production", "sandbox" or "custom". `timeout` is that of the whole exchange in
    seconds: every try, and the pauses between them. `scopes` are the only ones that it may have;
    none where nothing is declared.
    """

    token_endpoint: str
    environment: str
    client_id: str
    client_secret: Secret
    refresh_token: Secret
    user_agent: str
    timeout: float
    scopes: tuple[str, ...] = ()

    @property
    def secrets(self) -> tuple[Secret, Secret]:
        """The secrets that no message may show, even if a server repeats them."""
        return self.client_secret, self.refresh_token


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says about itself (RFC 7519): its media type, and the claims.

    `kind` is in lower case and without `application/`. Both are empty for what is not a JWT.
    """

    kind: str
    fields: Mapping[str, object] = field(repr=False)


def read_claims(token: Secret) -> Claims:
    """Decodes the token; the server verifies it."""
    header, _, rest = token.reveal()[:LONGEST_TOKEN].partition(".")
    kind = _part(header).get("typ")
    # `application/` may be left out (RFC 7515, section 4.1.9)
    kind = kind.lower().removeprefix("application/") if isinstance(kind, str) else ""
    return Claims(kind, _part(rest.partition(".")[0]))


def check_offline(grant: RefreshGrant) -> None:
    """Raises RefusedError when the server is certain to refuse `grant`.

    Anything unknown passes, since the vendor documents none of this, and a custom server may
    issue anything.
    """
    claims = read_claims(grant.refresh_token)
    check_type(claims)
    if grant.client_secret == grant.refresh_token:
        hint = f"the same value was stored in both places; {_INSTEAD['refresh_token']}"
        raise RefusedError("the client secret and the refresh token are the same value", hint)
    for name, value in zip(("client_secret", "refresh_token"), grant.secrets, strict=True):
        try:
            check_shape(name, value, grant.client_id, is_custom=grant.environment == "custom")
            if grant.environment != "custom":
                check_genuine(name, value)
        except RefusedError as error:
            raise RefusedError(f"{name}: {error.message}", error.hint) from None
    check_issuer(claims, grant.environment)
    check_audience(claims, grant.client_id)
    check_scopes(scopes_of(claims.fields.get("scope")), grant.scopes, grant.secrets)


def check_shape(name: str, value: Secret, client_id: str = "", *, is_custom: bool = False) -> None:
    """Raises RefusedError when `value` is certain to be something other than the credential `name`.

    With `is_custom` a credential may have any shape, but not that of a different tastytrade
    credential, and it may not be the `client_id` itself.
    """
    text = value.reveal()[:LONGEST_TOKEN]
    spoken = "client ID" if name == "client_id" else name.replace("_", " ")
    if text[:1] == "{" and '"' in text:
        raise RefusedError("this is JSON", f"paste only the value of {name}, without quotes")
    if _PLACEHOLDER.fullmatch(text):
        raise RefusedError(f"this is a placeholder, not a {spoken}", _INSTEAD[name])
    if re.fullmatch(r"[\"'`][^=:]*|[^=:]*[\"'`]", text):
        raise RefusedError(f"the {spoken} has quotes around it", "give it without them")
    looks = _looks_like(text)
    if name == "client_id":
        if is_uuid(text):
            return
        if re.fullmatch("[0-9a-f]{32}", text, re.IGNORECASE):
            raise RefusedError("this client ID has lost its dashes", "enter it as it is shown")
        what = f"this is not a client ID{f', it looks like {looks}' if looks else ''}"
        raise RefusedError(what, _INSTEAD[name])
    if looks == "a client ID" and (not is_custom or text.lower() == client_id.lower()):
        raise RefusedError(f"this is a client ID, not a {spoken}", _INSTEAD[name])
    fits = looks in (None, "a client ID", *_FITTING[name])
    if not fits and not (is_custom and looks in ("a JWT", "a tastytrade client secret")):
        raise RefusedError(f"this is not a {spoken}, it looks like {looks}", _INSTEAD[name])
    if _NAMED.match(text) or (looks is not None and _MORE.search(text)):
        hint = "give the value alone, without NAME= or Bearer"
        raise RefusedError(f"this is more than the {spoken}", hint)


def check_entered(name: str, value: Secret, *, is_custom: bool) -> None:
    """Raises RefusedError for what a user cannot have meant to enter as the credential `name`."""
    check_shape(name, value)
    if not is_custom:
        check_genuine(name, value)
    is_tastytrades = not is_custom or read_claims(value).kind == REFRESH_TOKEN_TYPE
    if name == "refresh_token" and is_tastytrades:
        check_complete(value)


def check_genuine(name: str, value: Secret) -> None:
    """Raises RefusedError for what tastytrade cannot have issued as `name`: filler, or half a JWT.

    A refresh token that is no JWT passes: tastytrade may issue others some day.
    """
    text = value.reveal()[:LONGEST_TOKEN]
    if _FILLER.fullmatch(text) or (name == "client_secret" and is_made_up(text)):
        what = f"this is a placeholder, not a {name.replace('_', ' ')}"
        raise RefusedError(what, _INSTEAD[name])
    if name == "refresh_token" and re.search(r"(?:^|\.)eyJ", text):
        check_complete(value)


def check_complete(token: Secret) -> None:
    """Raises RefusedError for what cannot be a complete tastytrade refresh token, a signed JWT."""
    header, *rest = token.reveal().split(".")
    sizes = (86, 152) if _part(header).get("alg") == "EdDSA" else ()  # RFC 8037, section 3.1
    is_signed = rest and re.fullmatch(r"[\w-]+", rest[-1], re.ASCII) and len(rest[-1]) % 4 != 1
    is_signed = is_signed and (not sizes or len(rest[-1]) in sizes)
    are_objects = all(
        re.match(rb"\s*\{.*\}\s*$", _decoded(it), re.DOTALL) for it in (header, *rest[:1])
    )
    if len(rest) < 2 or (len(rest) == 2 and not (are_objects and is_signed)):
        what = "this is not a complete refresh token (three parts separated by dots)"
        hint = "copy it again, to its last character; if it is not shown any more, make a new grant"
        raise RefusedError(what, f"{hint}: {CREATE_GRANT}")


def doubt(client_secret: Secret) -> str:
    """What a client secret is that is unlike all that tastytrade has issued; "" for a usual one."""
    text = client_secret.reveal()
    usual = "the 40 hexadecimal digits that tastytrade has issued so far"
    is_usual = re.fullmatch("[0-9a-f]{40}", text, re.IGNORECASE)
    return "" if is_usual else f"not {usual}, but {len(text)} character{'s' * (len(text) != 1)}"


def _looks_like(text: str) -> str | None:
    """Which tastytrade credential `text` contains, in words."""
    if is_uuid(text):
        return "a client ID"
    jwt = re.search(r"(?<![\w-])eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?", text)
    claims = read_claims(Secret(jwt[0])) if jwt else None
    if claims and (claims.kind or claims.fields):
        if claims.kind == REFRESH_TOKEN_TYPE:
            return "a tastytrade refresh token"
        return "an access token" if claims.kind.startswith("at+") else "a JWT"
    if re.search("(?<![0-9A-Za-z])[0-9a-f]{40}(?![0-9A-Za-z])", text, re.IGNORECASE):
        return "a tastytrade client secret"
    return None


def check_type(claims: Claims) -> None:
    """Raises RefusedError for an access token."""
    if claims.kind.startswith("at+"):  # RFC 9068, section 2.1
        raise RefusedError("the refresh token is an access token", _INSTEAD["refresh_token"])


def check_issuer(claims: Claims, environment: str) -> None:
    """Raises RefusedError for a refresh token of tastytrade's other environment."""
    issued_by = environment_of(claims)
    if environment != "custom" and issued_by not in (None, environment):
        raise RefusedError(
            f"the refresh token was issued by {issued_by}, not {environment}",
            f"set environment: {issued_by}, or make a grant for {environment}: {CREATE_GRANT}",
        )


def environment_of(claims: Claims) -> str | None:
    """The environment of tastytrade that issued a refresh token; None for another issuer."""
    issuer = claims.fields.get("iss")
    if claims.kind != REFRESH_TOKEN_TYPE or not isinstance(issuer, str):
        return None
    try:
        return ENVIRONMENTS.get(urlsplit(issuer).hostname or "")
    except ValueError:
        return None


def scopes_of(said: object) -> tuple[str, ...] | None:
    """The scopes in `said`, the `scope` of a token or an answer; None where it does not say.

    Words in one text (RFC 6749, section 3.3), or a list of them, as some servers write it.
    """
    words = said.split() if isinstance(said, str) else said if isinstance(said, list) else []
    return tuple(sorted({it for it in words if isinstance(it, str)})) or None


def check_scopes(
    found: tuple[str, ...] | None, declared: tuple[str, ...], secrets: Iterable[Secret]
) -> None:
    """Raises RefusedError for a grant that may do more or less than is declared.

    With none declared, it may do anything. `openid` makes no difference: it is for signing in. No
    fragment of `secrets` is quoted.
    """
    if not declared or found is None or set(found) - {"openid"} == set(declared):
        return
    wanted, counted = " and ".join(declared), sorted({*found} - {"openid"})
    has = shown(" and ".join(counted or found), secrets)
    boxes = wanted + (" alone" if len(declared) == 1 else "")
    known = sorted({"read", "trade"}.intersection(found))
    what = f"the grant allows only {has}, but the profile's scopes ask for {wanted}"
    if {*counted} - {*declared}:
        what = f"the grant allows {has}, but the profile's scopes allow only {wanted}"
    hint = steps(
        f"tick {boxes} (openid makes no difference) and make a new grant: {CREATE_GRANT}",
        "store its refresh token: tastyauth secret set --only refresh_token",
    )
    hint += f"\nor declare what it has, scopes: [{', '.join(known)}]" if known else ""
    raise RefusedError(what, hint)


def check_audience(claims: Claims, client_id: str) -> None:
    """Raises RefusedError for a refresh token of another OAuth application."""
    clients = clients_of(claims)
    if clients and client_id.lower() not in clients:
        raise RefusedError(
            f"the refresh token belongs to client ID {clients[0]}, not to {client_id}:"
            " these are different OAuth applications",
            ONE_APPLICATION,
        )


def clients_of(claims: Claims) -> tuple[str, ...]:
    """The client IDs that a refresh token was issued to, in lower case; empty when not known."""
    if claims.kind != REFRESH_TOKEN_TYPE:
        return ()
    audience = claims.fields.get("aud")
    listed = audience if isinstance(audience, list) else [audience]
    return tuple(it.lower() for it in listed if isinstance(it, str) and is_uuid(it))


def _part(segment: str) -> dict[str, object]:
    """A part of a JWT (RFC 7519), or {} when it is not one."""
    try:
        return read_object(_decoded(segment))
    except ValueError:
        return {}


def _decoded(segment: str) -> bytes:
    """The bytes of a part (RFC 7515, section 2); none when it is not base64url."""
    padded = segment + "=" * (-len(segment) % 4)
    try:
        return base64.b64decode(padded, altchars=b"-_", validate=True)
    except ValueError:
        return b""
