"""What to write instead: small pieces of config that can be pasted as they are."""

from collections.abc import Iterable

from tastyauth.validation import masking
from tastyauth.validation.problem import Path

_CLIENT_ID = "11111111-2222-4333-8444-555555555555"

_VALUES = {
    "version": "1",
    "environment": "sandbox",
    "client_id": _CLIENT_ID,
    "client_secret": "{ file: PROFILE.client-secret }",
    "refresh_token": "{ file: PROFILE.refresh-token }",
    "api_url": "http://127.0.0.1:8000",
    "default_profile": "PROFILE",
    "env": "TASTYTRADE_REFRESH_TOKEN",
    "file": "PROFILE.refresh-token",
    "path": "PROFILE.refresh-token",
    "name": "TT_SECRET",
    "systemd_credential": "tastytrade-refresh-token",
    "dotenv": "{ path: ~/bot/.env, name: TT_SECRET }",
    "keyring": "{ service: tastyauth, username: PROFILE/refresh_token }",
    "service": "tastyauth",
    "username": "PROFILE/refresh_token",
    "command": "[pass, show, brokers/tastytrade]",
    "argv": "[pass, show, brokers/tastytrade]",
    "onepassword": '"op://Trading/tastytrade/refresh-token"',
    "pass": "brokers/tastytrade",
    "first_of": "[{ env: TASTYTRADE_REFRESH_TOKEN }, { file: PROFILE.refresh-token }]",
    "line": "1",
    "json": "/data/value",
    "timeout": "15",
    "permissions": "any",
    "user_agent": "my-bot/1.0",
    "exports": "{ TASTYTRADE_ACCESS_TOKEN: access_token }",
}


def has(key: str) -> bool:
    """Whether there is an example for `key`."""
    return key in _VALUES or key == "profiles"


def line(key: str, path: Path = ()) -> str:
    """`key: value` as it could stand in the mapping at `path`."""
    value = _VALUES[key].replace("PROFILE", _profile_name(path))
    if key in {"env", "file", "path", "name"} and "client_secret" in path:
        value = value.replace("refresh-token", "client-secret")
        value = value.replace("REFRESH_TOKEN", "CLIENT_SECRET")
    if key in masking.SOURCE_KINDS and "client_id" in path:
        value = value.replace("REFRESH_TOKEN", "CLIENT_ID").replace("refresh-token", "client-id")
    return f"{key}: {value}"


def reference(kind: str, path: Path) -> str:
    """The reference at `path` as a mapping with this source kind, on one line."""
    key = "-" if isinstance(path[-1], int) else f"{path[-1]}:"
    return f"{key} {{ {line(kind, path)} }}"


def lines(keys: Iterable[str], path: Path = ()) -> str:
    """`for example`, and below it a block with all of `keys`."""
    return "\n".join(["for example", *(text for key in keys for text in _block(key, path))])


def _block(key: str, path: Path) -> list[str]:
    if key != "profiles":
        return [line(key, path)]
    profile = ("environment", "client_id", "client_secret", "refresh_token")
    return ["profiles:", "  live:", *(f"    {line(name)}" for name in profile)]


def _profile_name(path: Path) -> str:
    if len(path) < 2 or path[0] != "profiles":
        return "live"
    name = masking.shown(str(path[1]))
    return "live" if name == masking.HIDDEN or "*" in name else name
