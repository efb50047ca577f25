"""Credentials that are not what they were stored as, for every kind of source."""

import json

from exchange_fakes import OTHER_ID, jwt
from world import CONFIG, World

SOURCES = {
    "file": "{{ file: live.FIELD }}",
    "env": "{{ env: TT_FIELD }}",
    "dotenv": "{{ dotenv: {{ path: .env, name: TT_FIELD }} }}",
    "command": "{{ command: [vault, live.FIELD] }}",
    "pass": "{{ pass: live.FIELD }}",
    "keyring": "{{ keyring: {{ service: tastyauth, username: live.FIELD }} }}",
}

MIXED_UP = {
    "swapped": ("TOKEN", "SECRET", "client_secret"),
    "the token twice": ("TOKEN", "TOKEN", "client_secret"),
    "the secret twice": ("SECRET", "SECRET", "refresh_token"),
    "the client ID": ("CLIENT_ID", "TOKEN", "client_secret"),
    "quotes": ("'SECRET'", "TOKEN", "client_secret"),
    "double quotes": ("SECRET", '"TOKEN"', "refresh_token"),
    "back quotes": ("`SECRET`", "TOKEN", "client_secret"),
    "curly quotes": ("SECRET", "\u201cTOKEN\u201d", "refresh_token"),
    "a name": ("TT_SECRET=SECRET", "TOKEN", "client_secret"),
    "a header": ("SECRET", "Bearer TOKEN", "refresh_token"),
    "an access token": ("SECRET", jwt({"typ": "at+jwt"}, {}), "refresh_token"),
    "another application": ("SECRET", jwt({"typ": "rt+jwt"}, {"aud": OTHER_ID}), "audience"),
    "another environment": ("SECRET", "TOKEN", "issuer"),
    "a placeholder": ("<client secret>", "TOKEN", "client_secret"),
    "made-up digits": ("deadbeef" * 5, "TOKEN", "client_secret"),
    "a filler": ("my-client-secret", "TOKEN", "client_secret"),
    "half a token": ("SECRET", "TOKEN[:-9]", "refresh_token"),
}
"""Client secret and refresh token, and the check of the doctor that fails."""

RIGHT = "nothing"
"""For comparison: the values that belong together."""

OF_TASTYTRADE = {
    "another environment": "production",
    **dict.fromkeys(("made-up digits", "a filler", "half a token"), "sandbox"),
}
"""Mix-ups that a custom server might accept, and the environment of tastytrade that cannot.

No request may reach the proxy of these.
"""


def values(world: World, name: str) -> tuple[str, str]:
    """What is stored as client secret and as refresh token."""
    secret, token = (
        value.replace("TT_SECRET=", "\0")
        .replace("CLIENT_ID", world.simulator.application.client_id.upper())
        .replace("SECRET", world.client_secret)
        .replace("TOKEN[:-9]", world.refresh_token[:-9])
        .replace("TOKEN", world.refresh_token)
        .replace("\0", "TT_SECRET=")
        for value in MIXED_UP.get(name, ("SECRET", "TOKEN"))[:2]
    )
    return secret, token


def configure(world: World, source: str, name: str, prefix: str = "live") -> None:
    """A config whose secrets come from this kind of source, for this mix-up.

    In a keyring they are called by `prefix`.
    """
    config = CONFIG
    for field in ("client-secret", "refresh-token"):
        variable = f"TT_{field.upper().replace('-', '_')}"
        reference = SOURCES[source].replace("live.FIELD", f"{prefix}.{field}")
        reference = reference.replace("TT_FIELD", variable)
        config = config.replace(f"{{{{ file: live.{field} }}}}", reference)
    if name in OF_TASTYTRADE:
        config = config.replace("custom\n    api_url: {origin}", OF_TASTYTRADE[name])
    world.configure(config)


def store(world: World, name: str) -> None:
    """Puts the values wherever a source of a configured world may look, but for a keyring."""
    lines = []
    for field, value in zip(("client-secret", "refresh-token"), values(world, name), strict=True):
        variable = f"TT_{field.upper().replace('-', '_')}"
        world.environ[variable] = value
        lines.append(f"{variable}={json.dumps(value, ensure_ascii=False)}\n")
        world.write(f"{world.config_directory}/live.{field}", value)
    world.write(f"{world.config_directory}/.env", "".join(lines))
    world.script("vault", f'cat "{world.config_directory}/$1"')
    world.script("pass", f'cat "{world.config_directory}/$2"')
