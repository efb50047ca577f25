"""The same by hand: a shell script around curl, with references as shell words.

Secrets go to curl through its stdin, never through its arguments, which any user of the machine
can read. The script holds none: it says where they are.
"""

import os
import shlex

from tastyauth.config import Profile
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
)

_SCRIPT = """\
#!/bin/sh
# What tastyauth does for profile {profile} ({environment}), by hand. Needs curl.
set -eu
client_id={client_id}
client_secret={client_secret}
refresh_token={refresh_token}

# the token request (RFC 6749, section 6); the body goes through stdin, not through arguments
answer=$(curl --silent --show-error --max-time {timeout:g} --request POST {token_endpoint} \\
    --header {user_agent} --header 'Accept: application/json' \\
    --header 'Content-Type: application/json' --data @- <<EOF
{{"grant_type":"refresh_token","client_id":"$client_id","client_secret":"$client_secret",\
"refresh_token":"$refresh_token"}}
EOF
)
access_token=$(printf '%s' "$answer" | sed -n 's/.*"access_token" *: *"\\([^"]*\\)".*/\\1/p')
[ -n "$access_token" ] || {{ printf '%s\\n' "$answer" >&2; exit 77; }}

# a call with it; the header goes through stdin, too
curl --silent --show-error --max-time {timeout:g} {accounts} --header {user_agent} --header @- <<EOF
Authorization: Bearer $access_token
EOF
"""


def script(profile: Profile, surroundings: Surroundings) -> str:
    """A script for sh that gets a token of `profile` and asks for its accounts."""

    def word(value: str | Reference) -> str:
        return shlex.quote(value) if isinstance(value, str) else _word(value, surroundings)

    return _SCRIPT.format(
        profile=profile.name,
        environment=profile.environment,
        client_id=word(profile.client_id),
        client_secret=word(profile.client_secret),
        refresh_token=word(profile.refresh_token),
        token_endpoint=shlex.quote(profile.token_endpoint),
        accounts=shlex.quote(f"{profile.api_url}/customers/me/accounts"),
        user_agent=shlex.quote(f"User-Agent: {profile.user_agent}"),
        timeout=profile.timeout,
    )


def _word(reference: Reference, surroundings: Surroundings) -> str:
    if isinstance(reference, FirstOf):
        return _word(_likely(reference, surroundings), surroundings)
    match reference:
        case Env(name):
            return f'"${{{name}:?}}"'
        case File(path):
            return _output(f"cat {shlex.quote(path)}")
        case SystemdCredential(name):
            return _output(f'cat "$CREDENTIALS_DIRECTORY"/{shlex.quote(name)}')
        case Dotenv(path, name):
            pattern = rf"s/^\(export \)\{{0,1\}}{name}=//p"
            return _output(f"sed -n {shlex.quote(pattern)} {shlex.quote(path)}")
        case Keyring(service, username):
            return _output(f"keyring get {shlex.quote(service)} {shlex.quote(username)}")
    command = command_of(reference)
    assert command is not None
    return _output(_pipeline(command))


def _pipeline(command: Command) -> str:
    stages = [shlex.join(command.argv)]
    if command.line is not None:
        stages.append(f"sed -n {command.line}p")
    if command.json is not None:
        keys = [part.replace("~1", "/").replace("~0", "~") for part in command.json.split("/")[1:]]
        program = (
            "import functools, json, sys; step = lambda v, k: v[int(k)] if isinstance(v, list)"
            " else v[k]; print(functools.reduce(step, sys.argv[1:], json.load(sys.stdin)))"
        )
        stages.append(shlex.join(["python3", "-c", program, *keys]))
    return f"cd && {' | '.join(stages)}"


def _output(command: str) -> str:
    return f'"$({command})"'


def _likely(reference: FirstOf, surroundings: Surroundings) -> Single:
    """The first member that is not plainly absent: a script has no `first_of`."""
    for member in reference.references:
        match member:
            case Env(name) if not surroundings.environ.get(name):
                continue
            case File(path) | Dotenv(path) if not os.path.exists(path):
                continue
            case SystemdCredential() if not surroundings.environ.get("CREDENTIALS_DIRECTORY"):
                continue
            case _:
                return member
    return reference.references[0]
