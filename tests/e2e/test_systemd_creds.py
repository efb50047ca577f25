"""The documented encrypted credentials under a real systemd; plain ones are in test_systemd.py."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from tastyauth.simulator import Simulator

from .credentials import Credentials
from .machine import File, boot, configured
from .recipes import adapted, recipe

UNITS = "/etc/systemd/system"

# What the program of the unit does: leave behind its environment.
_PROGRAM = '#!/bin/sh\nenv >"$HOME/ran"\n'

# The unit runs with both credentials, and again when one is not there.
_SCRIPT = """
cd /etc/tastyauth
RECIPE
rm live.client-secret live.refresh-token
cat /etc/credstore.encrypted/* >/out/stored
systemctl start --wait bot
systemctl show -P ExecMainStatus bot >/out/well.end
mv /home/me/ran /out/well.ran
rm /etc/credstore.encrypted/tastytrade-refresh-token
systemctl start --wait bot
systemctl show -P ExecMainStatus bot >/out/lost.end
[ ! -e /home/me/ran ] || mv /home/me/ran /out/lost.ran
journalctl --sync
journalctl -u bot -o cat --no-pager >/out/journal
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """What a machine has left behind, by name, and the secrets that it was given."""

    left: Mapping[str, str]
    credentials: Credentials


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """One on which root has followed the recipe."""
    with Simulator() as broker:
        credentials = Credentials.of(broker)
        files = {
            **configured(credentials, broker.origin, _PROGRAM),
            f"{UNITS}/bot.service": File(recipe("ini", f"# {UNITS}/bot.service")),
            f"{UNITS}/bot.service.d/encrypted.conf": File(recipe("ini", "# a drop-in")),
        }
        script = adapted(_SCRIPT, {"RECIPE": recipe("sh", "# systemd")})
        left = boot(os.fspath(tmp_path_factory.mktemp("machine")), files, "", script)
    return Machine(left, credentials)


def test_the_unit_runs_the_program_with_a_token(machine: Machine) -> None:
    assert machine.left["well.end"] == "0\n"
    assert "\nTASTYTRADE_ACCESS_TOKEN=eyJ" in machine.left["well.ran"]


def test_a_credential_that_is_not_there_is_the_status_of_the_unit(machine: Machine) -> None:
    """A token is still cached then, and no answer to a secret that is gone."""
    assert machine.left["lost.end"] == "69\n"
    assert "lost.ran" not in machine.left
    journal = machine.left["journal"]
    assert "tastyauth: error: live, custom: refresh_token: systemd_credential " in journal
    assert "LoadCredentialEncrypted=tastytrade-refresh-token" in journal


@pytest.mark.parametrize("name", ["stored", "journal", "well.ran"])
def test_no_secret_is_seen(machine: Machine, name: str) -> None:
    """In the store, in the journal, or by the program."""
    assert machine.left[name]
    for secret in (machine.credentials.client_secret, machine.credentials.refresh_token):
        assert secret not in machine.left[name]
