"""Credentials that were mixed up end a run before a request, whatever source they come from."""

import json

import pytest
from exchange_fakes import OTHER_ID, jwt
from world import CONFIG, World

SOURCES = {
    "file": "{{ file: live.FIELD }}",
    "env": "{{ env: TT_FIELD }}",
    "dotenv": "{{ dotenv: {{ path: .env, name: TT_FIELD }} }}",
    "command": "{{ command: [vault, live.FIELD] }}",
    "pass": "{{ pass: live.FIELD }}",
}

MIXED_UP = {
    "swapped": ("TOKEN", "SECRET", "client_secret"),
    "the token twice": ("TOKEN", "TOKEN", "client_secret"),
    "the secret twice": ("SECRET", "SECRET", "refresh_token"),
    "quotes": ("'SECRET'", "TOKEN", "client_secret"),
    "double quotes": ("SECRET", '"TOKEN"', "refresh_token"),
    "a name": ("TT_SECRET=SECRET", "TOKEN", "client_secret"),
    "a header": ("SECRET", "Bearer TOKEN", "refresh_token"),
    "an access token": ("SECRET", jwt({"typ": "at+jwt"}, {}), "refresh_token"),
    "another application": ("SECRET", jwt({"typ": "rt+jwt"}, {"aud": OTHER_ID}), "audience"),
    "a placeholder": ("<client secret>", "TOKEN", "client_secret"),
}
"""Client secret and refresh token, and the check of the doctor that fails."""


def mixed_up(world: World, source: str, name: str) -> str:
    """A world with this mix-up in this kind of source; the check that has to fail."""
    secret, token, culprit = MIXED_UP[name]
    config = CONFIG
    lines = []
    for field, value in (("client-secret", secret), ("refresh-token", token)):
        value = value.replace("SECRET", "\0").replace("TOKEN", world.refresh_token)
        value = value.replace("TT_\0", "TT_SECRET").replace("\0", world.client_secret)
        reference = SOURCES[source]
        reference = reference.replace("live.FIELD", f"live.{field}")
        variable = f"TT_{field.upper().replace('-', '_')}"
        reference = reference.replace("TT_FIELD", variable)
        config = config.replace(f"{{{{ file: live.{field} }}}}", reference)
        world.environ[variable] = value
        lines.append(f"{variable}={json.dumps(value)}")
        (secret, token) = (value, token) if field == "client-secret" else (secret, value)
    world.configure(config)
    world.write(f"{world.config_directory}/live.client-secret", secret)
    world.write(f"{world.config_directory}/live.refresh-token", token)
    world.write(f"{world.config_directory}/.env", "".join(f"{line}\n" for line in lines))
    world.script("vault", f'cat "{world.config_directory}/$1"')
    world.script("pass", f'cat "{world.config_directory}/$2"')
    return culprit


@pytest.mark.parametrize(
    ("name", "source"),
    sorted(
        {*((name, "file") for name in MIXED_UP)}
        | {(name, source) for name in ("swapped", "double quotes") for source in SOURCES}
    ),
)
def test_nothing_is_sent(name: str, source: str, world: World) -> None:
    """It ends with 77, or with 69 where the source refuses the value, and says what to do."""
    mixed_up(world, source, name)
    done = world.run("token")
    assert done.code in (69, 77), done.err
    assert "hint: " in done.err
    assert world.client_secret not in done.err
    assert world.simulator.token_requests == 0


@pytest.mark.parametrize("name", MIXED_UP)
def test_the_doctor_names_it_as_the_first_broken_link(name: str, world: World) -> None:
    culprit = mixed_up(world, "command", name)
    done = world.run("doctor", "--format", "json")
    assert done.code == 1
    checks = json.loads(done.out)["checks"]
    assert next(it["name"] for it in checks if it["state"] == "failed") == culprit
    assert world.simulator.token_requests == 0
