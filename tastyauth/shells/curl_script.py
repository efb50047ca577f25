"""The same by hand: a shell script around curl, with references as shell words.

The script holds no secret: it says where they are. Nor does any program that it starts get one as
an argument, which every user of the machine can read: they go through stdin.
"""

import os
import shlex
import sys

from tastyauth.config import Profile
from tastyauth.shells.template import filled
from tastyauth.sources import (
    Command,
    Dotenv,
    Env,
    File,
    FirstOf,
    Keyring,
    Reference,
    Single,
    Surroundings,
    SystemdCredential,
    command_of,
    resolve_program,
)

_SCRIPT = r"""#!/bin/sh
# What tastyauth does for profile @PROFILE@ (@ENVIRONMENT@), by hand. Needs curl.
(
set -eu
client_id=@ID@
client_secret=@SECRET@
refresh_token=@TOKEN@
: "${client_id:?is empty}" "${client_secret:?is empty}" "${refresh_token:?is empty}"

# text inside a JSON string; here-documents keep values out of the arguments of programs
json() { sed 's/[\\"]/\\&/g' <<EOF
$1
EOF
}

# the token request (RFC 6749, section 6)
answer=$(curl --silent --show-error --max-time @TIMEOUT@ --request POST @ENDPOINT@ \
    --header @AGENT@ --header 'Accept: application/json' \
    --header 'Content-Type: application/json' --data @- <<EOF
{"grant_type":"refresh_token","client_id":"$(json "$client_id")",
"client_secret":"$(json "$client_secret")","refresh_token":"$(json "$refresh_token")"}
EOF
)
access_token=$(sed -n 's/.*"access_token" *: *"\([^"]*\)".*/\1/p' <<EOF
$answer
EOF
)
[ -n "$access_token" ] || { cat >&2 <<EOF; exit 77; }
no token: $answer
EOF

# a call with it
curl --silent --show-error --max-time @TIMEOUT@ --header @AGENT@ --header @- \
    @ACCOUNTS@ <<EOF
Authorization: Bearer $access_token
EOF
)
"""


def script(profile: Profile, surroundings: Surroundings) -> str:
    """A script for sh that gets a token of `profile` and asks for its accounts."""

    def word(value: str | Reference) -> str:
        return shlex.quote(value) if isinstance(value, str) else _word(value, surroundings)

    return filled(
        _SCRIPT,
        PROFILE=profile.name,
        ENVIRONMENT=profile.environment,
        ID=word(profile.client_id),
        SECRET=word(profile.client_secret),
        TOKEN=word(profile.refresh_token),
        ENDPOINT=shlex.quote(profile.token_endpoint),
        ACCOUNTS=shlex.quote(f"{profile.api_url}/customers/me/accounts"),
        AGENT=shlex.quote(f"User-Agent: {profile.user_agent}"),
        TIMEOUT=f"{profile.timeout:g}",
    )


def _word(reference: Reference, surroundings: Surroundings) -> str:
    if isinstance(reference, FirstOf):
        return _word(_likely(reference, surroundings), surroundings)
    match reference:
        case Env(name):
            return f'"${name}"'
        case File(path):
            return _output(shlex.join(["cat", path]))
        case SystemdCredential(name):
            return _output(f'cat "$CREDENTIALS_DIRECTORY"/{shlex.quote(name)}')
        case Dotenv(path, name):
            return _output(shlex.join([sys.executable, "-P", "-c", _DOTENV, path, name]))
        case Keyring(service, username):
            return _output(shlex.join([*_keyring(surroundings), "get", service, username]))
    command = command_of(reference)
    assert command is not None
    return _output(_pipeline(command))


_DOTENV = (
    "import sys, dotenv; print(dotenv.dotenv_values(sys.argv[1], interpolate=False)[sys.argv[2]])"
)
"""What quotes and comments mean in a .env is known to its reader, not to sed."""

_JSON = (
    "import functools, json, sys; step = lambda v, k: v[int(k)] if isinstance(v, list)"
    " else v[k]; print(functools.reduce(step, sys.argv[1:], json.load(sys.stdin)))"
)


def _keyring(surroundings: Surroundings) -> list[str]:
    """The program, or the module beside this one: pipx does not link an injected program."""
    found = resolve_program("keyring", surroundings.environ, surroundings.home)
    return ["keyring"] if found else [sys.executable, "-P", "-m", "keyring"]


def _pipeline(command: Command) -> str:
    stages = [shlex.join(command.argv)]
    if command.line is not None:
        stages.append(f"sed -n {command.line}p")
    if command.json is not None:
        keys = [part.replace("~1", "/").replace("~0", "~") for part in command.json.split("/")[1:]]
        stages.append(shlex.join(["python3", "-I", "-c", _JSON, *keys]))
    return f"cd && {' | '.join(stages)}"


def _output(command: str) -> str:
    return f'"$({command})"'


def _likely(reference: FirstOf, surroundings: Surroundings) -> Single:
    """The first member that is not plainly absent: a script has no `first_of`."""
    members = reference.references
    return next((it for it in members if not _is_absent(it, surroundings)), members[0])


def _is_absent(reference: Single, surroundings: Surroundings) -> bool:
    match reference:
        case Env(name):
            return not surroundings.environ.get(name)
        case File(path) | Dotenv(path):
            return not os.path.exists(path)
        case SystemdCredential(name):
            directory = surroundings.environ.get("CREDENTIALS_DIRECTORY", "")
            return not directory or not os.path.exists(f"{directory}/{name}")
        case Keyring():
            return False  # nobody is asked here
    command = command_of(reference)
    assert command is not None
    return resolve_program(command.argv[0], surroundings.environ, surroundings.home) is None
