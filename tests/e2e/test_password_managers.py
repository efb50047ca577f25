"""The documented recipes for password managers: Bitwarden's own program, and a stand-in for `op`.

There is no server of Bitwarden here, so its program is met logged out and locked. 1Password's
cannot be had at all.
"""

import json
from collections.abc import Iterator

import pytest
from world import World

from .parts import installed
from .recipes import adapted, recipe
from .stores import assert_foretold, assert_refused, assert_served, link, point_at, set_up

_USER = "11111111-2222-4333-8444-555555555555"

_LOCKED = {
    "stateVersion": 79,
    "global_account_accounts": {
        _USER: {"email": "me@example.com", "emailVerified": True, "name": "me"}
    },
    "global_account_activeAccountId": _USER,
    f"user_{_USER}_token_accessToken": "e30.eyJleHAiOjk5OTk5OTk5OTl9.x",
}
"""What Bitwarden's program keeps of somebody who has logged in, as far as being locked goes."""

_OP = """\
# A stand-in for 1Password's op, in what it is called with and what it says (op 2).
[ "$1 $2" = "read --no-newline" ] || exit 2
if [ -z "${OP_SERVICE_ACCOUNT_TOKEN-}" ]; then
    echo "[ERROR] You are not currently signed in. Please run \\`op signin --help\\`" >&2
    exit 1
fi
case $3 in
op://Trading/tastytrade/client-secret) printf %s CLIENT_SECRET ;;
op://Trading/tastytrade/refresh-token) printf %s REFRESH_TOKEN ;;
*)
    echo "[ERROR] could not read secret '$3': \\"x\\" isn't an item in the \\"Trading\\" vault" >&2
    exit 1
    ;;
esac
"""


# Bitwarden


@pytest.fixture
def bitwarden_user() -> Iterator[World]:
    with set_up() as world:
        link(world, installed("npm/node_modules/.bin/bw"))
        point_at(world, recipe("yaml", "# Bitwarden"))
        yield world


def lock(world: World) -> None:
    """Logs in, as far as being locked goes."""
    world.write(f"{world.home}/.config/Bitwarden CLI/data.json", json.dumps(_LOCKED))
    status = json.loads(world.run_program("bw", "status").out)
    assert status["status"] == "locked"


def test_the_config_for_bitwarden_is_valid(bitwarden_user: World) -> None:
    checked = bitwarden_user.run("validate", bitwarden_user.config)
    assert (checked.code, checked.err) == (0, "")


def test_bitwarden_says_that_nobody_has_logged_in(bitwarden_user: World) -> None:
    assert_refused(bitwarden_user, "You are not logged in", "run it yourself")


def test_bitwarden_says_that_it_is_locked(bitwarden_user: World) -> None:
    lock(bitwarden_user)
    assert_refused(bitwarden_user, "Vault is locked", "run it yourself")


def test_bitwarden_does_not_work_in_cron(bitwarden_user: World) -> None:
    lock(bitwarden_user)
    assert_foretold(bitwarden_user, "Bitwarden")
    references = adapted(recipe("yaml", "# Bitwarden"), {"[bw,": "[~/bin/bw,"})
    point_at(bitwarden_user, references)
    assert_foretold(bitwarden_user, "Bitwarden")


def test_without_its_flag_bitwarden_asks_nobody_and_calls_that_success(
    bitwarden_user: World,
) -> None:
    """The reason for `--nointeraction` in the recipe; what it asked is still reported."""
    lock(bitwarden_user)
    references = adapted(recipe("yaml", "# Bitwarden"), {" --nointeraction,": ""})
    point_at(bitwarden_user, references)
    alone = bitwarden_user.run_program("bw", "get", "password", "tastytrade-client-secret")
    assert (alone.code, alone.out.strip()) == (0, "")
    assert_refused(bitwarden_user, "is empty: ? Master password:", "run it yourself")


# 1Password


@pytest.fixture
def op_user() -> Iterator[World]:
    """Somebody with a stand-in for `op` on the PATH."""
    with set_up() as world:
        secrets = {"CLIENT_SECRET": world.client_secret, "REFRESH_TOKEN": world.refresh_token}
        world.script("op", adapted(_OP, secrets))
        point_at(world, recipe("yaml", "# 1Password"))
        yield world


def test_onepassword_gives_what_is_in_the_item(op_user: World) -> None:
    assert_served(op_user, OP_SERVICE_ACCOUNT_TOKEN="ops_x")


def test_onepassword_wants_somebody_to_sign_in(op_user: World) -> None:
    assert_refused(op_user, "not currently signed in", "sign in first: eval $(op signin)")


def test_onepassword_does_not_have_such_an_item(op_user: World) -> None:
    op_user.environ["OP_SERVICE_ACCOUNT_TOKEN"] = "ops_x"
    references = adapted(recipe("yaml", "# 1Password"), {"/tastytrade/client": "/x/client"})
    point_at(op_user, references)
    assert_refused(op_user, "isn't an item", "correct the entry in the config")


def test_onepassword_does_not_work_in_cron(op_user: World) -> None:
    op_user.environ["OP_SERVICE_ACCOUNT_TOKEN"] = "ops_x"
    assert_foretold(op_user, "1Password")
