"""A shell script that does the same with curl, with references as shell words.

The script holds no secrets, only where they are. No program that it starts gets one as an argument,
which every user of the machine could read: they go through stdin.
"""

import shlex

from tastyauth.config import Profile
from tastyauth.shells import filled
from tastyauth.sources import Reference, Surroundings

_SCRIPT = r"""#!/bin/sh
# What tastyauth does for profile @PROFILE@ (@ENVIRONMENT@), as a script. Needs curl.
(
set -eu
unset SSLKEYLOGFILE
client_id=@ID@
client_secret=@SECRET@
refresh_token=@TOKEN@
: "${client_id:?is empty}" "${client_secret:?is empty}" "${refresh_token:?is empty}"

# text inside a JSON string; here-documents keep values out of the arguments of programs
json() { sed 's/[\\"]/\\&/g' <<EOF
$1
EOF
}

# what a server said, cut short, without secrets or control characters
harmless() {
case $1 in
*"$client_secret"* | *"$refresh_token"*) echo 'an answer that holds a secret'; return ;;
esac
LC_ALL=C tr -c ' -~' ' ' <<EOF | sed 's/[^ ",:{}]\{20,\}/[hidden]/g' | cut -c 1-300
$1
EOF
}

# the token request (RFC 6749, section 6)
answer=$(curl --disable --silent --show-error@PROXY@ --max-time @TIMEOUT@ \
    --request POST @ENDPOINT@ --header @AGENT@ --header 'Accept: application/json' \
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
no token: $(harmless "$answer")
EOF

# a call with it
accounts=$(curl --disable --silent --show-error@PROXY@ --max-time @TIMEOUT@ \
    --header @AGENT@ --header @- @ACCOUNTS@ <<EOF
Authorization: Bearer $access_token
EOF
)
LC_ALL=C tr -c '\t\n\r -~' '?' <<EOF
$accounts
EOF
)
"""


def script(profile: Profile, surroundings: Surroundings) -> str:
    """A script for sh that gets a token of `profile` and asks for its accounts."""

    def word(value: str | Reference) -> str:
        return shlex.quote(value) if isinstance(value, str) else value.shell_word(surroundings)

    return filled(
        _SCRIPT,
        PROFILE=profile.name,
        ENVIRONMENT=profile.server,
        ID=word(profile.client_id),
        SECRET=word(profile.client_secret),
        TOKEN=word(profile.refresh_token),
        ENDPOINT=shlex.quote(profile.token_endpoint),
        ACCOUNTS=shlex.quote(f"{profile.api_url}/customers/me/accounts"),
        AGENT=shlex.quote(f"User-Agent: {profile.user_agent}"),
        TIMEOUT=f"{profile.timeout:g}",
        # plain http stays on this machine, and uses no proxy
        PROXY=" --noproxy '*'" if profile.api_url.startswith("http:") else "",
    )
