"""Credentials that were mixed up in a real keyring: gnome-keyring, on a bus of its own."""

import json
import shutil
import sys

import mixed_up
import pytest
from mixed_up import MIXED_UP

from .parts import program
from .stores import set_up

_UNLOCK = "printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1"

_ASK = """\
$PYTHON -c "$STORE" <values
for name in $NAMES; do
    tastyauth token --config "$name/tastyauth.yaml" </dev/null
    echo "$name $?"
done
"""

_STORE = """\
import json, sys, keyring
for username, value in json.load(sys.stdin).items():
    keyring.set_password("tastyauth", username, value)
"""

_HALVES = (tuple(MIXED_UP)[::2], tuple(MIXED_UP)[1::2])


@pytest.mark.parametrize("names", _HALVES, ids=["one half", "the other"])
def test_nothing_is_sent_from_a_keyring(names: tuple[str, ...]) -> None:
    for name in ("dbus-run-session", "gnome-keyring-daemon"):
        program(name)
    with set_up() as world:
        world.environ["XDG_DATA_HOME"] = f"{world.home}/data"
        stored: dict[str, str] = {}
        for name in names:
            word = name.replace(" ", "-")
            mixed_up.configure(world, "keyring", name, prefix=word)
            shutil.copytree(world.config_directory, f"{world.project}/{word}")
            secret, token = mixed_up.values(world, name)
            stored |= {f"{word}.client-secret": secret, f"{word}.refresh-token": token}
        world.write(f"{world.project}/values", json.dumps(stored))
        asked = " ".join(name.replace(" ", "-") for name in names)
        words = ("dbus-run-session", "--", "/bin/sh", "-c", f"{_UNLOCK}\n{_ASK}")
        done = world.run_program(*words, PYTHON=sys.executable, STORE=_STORE, NAMES=asked)
        lines = map(str.split, done.out.splitlines())  # a second daemon may print its socket
        codes = {it[0]: it[-1] for it in lines if it and it[0] in asked.split()}
        # curly quotes are in no secret, and refused by the source itself
        assert codes == {it: "69" if "curly" in it else "77" for it in asked.split()}, done.err
        assert done.err.count("hint: ") == len(names)
        assert world.client_secret not in done.err
        assert world.simulator.token_requests == 0
