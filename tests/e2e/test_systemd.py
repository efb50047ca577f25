"""The documented units under a real systemd: a timer, credentials, a file of variables."""

import os
import re
from collections.abc import Mapping

import pytest
from hostile import agreed, emission, variables

from tastyauth import export, shells
from tastyauth.simulator import Simulator

from .credentials import Credentials
from .machine import File, boot, configured
from .recipes import recipe

UNITS = "/etc/systemd/system"
SOON = "[Timer]\nOnActiveSec=100ms\nAccuracySec=1ms\n"
"""A drop-in, since no test waits for Monday morning."""

READER = """
[Service]
Type=oneshot
EnvironmentFile=/etc/hostile.env
ExecStart=env -0
StandardOutput=file:/out/read
"""

# What the program of the recipes does: leave behind its environment, and who may see the file.
_PROGRAM = """#!/bin/sh
env -0 >"$HOME/ran"
[ ! -e /run/bot ] || stat -c '%a %U' /run/bot >"$HOME/directory"
"""

_SCRIPT = """
cd /out
until [ "$(systemctl show -P ExecMainExitTimestampMonotonic bot)" != 0 ]; do sleep 0.05; done
systemctl show -p Result -p ExecMainStatus bot >bot.end
mv /home/me/ran bot.ran
systemctl start --wait bot-with-file
echo $? >bot-with-file.end
mv /home/me/ran bot-with-file.ran
mv /home/me/directory .
journalctl --sync
for unit in bot bot-with-file; do
    journalctl -u $unit -o cat --no-pager >$unit.journal
done
systemctl start reader
systemd-analyze verify bot.timer bot.service bot-with-file.service >verified 2>&1
ls -d /run/bot >left
"""

Report = Mapping[str, str]
"""What a machine has left behind, by name."""


def booted(directory: str, broker: Simulator) -> Report:
    """Boots a machine with the documented units, whose broker is this one."""
    credentials = Credentials.of(broker)
    files = {
        **configured(credentials, broker.origin, _PROGRAM),
        f"{UNITS}/bot.timer.d/soon.conf": File(SOON),
        f"{UNITS}/reader.service": File(READER),
        "/etc/hostile.env": File(shells.dotenv(emission(agreed()))),
    }
    for name in ("bot.service", "bot.timer", "bot-with-file.service"):
        files[f"{UNITS}/{name}"] = File(recipe("ini", f"# {UNITS}/{name}"))
    return boot(directory, files, "bot.timer", _SCRIPT)


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> Report:
    with Simulator() as broker:
        return booted(os.fspath(tmp_path_factory.mktemp("well")), broker)


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Report:
    with Simulator(fail="grant-revoked") as broker:
        return booted(os.fspath(tmp_path_factory.mktemp("refused")), broker)


def test_the_units_are_well_formed(well: Report) -> None:
    """In the eyes of systemd itself, the calendar of the timer included."""
    assert well["verified"] == ""


def test_the_timer_runs_the_program_with_a_token(well: Report) -> None:
    """The secrets come as systemd's credentials, and the program sees neither."""
    seen = variables_of(well["bot.ran"])
    assert seen["TRIGGER_UNIT"] == "bot.timer"
    assert seen["USER"] == "me"
    assert seen["TASTYTRADE_ACCESS_TOKEN"].startswith("eyJ")
    assert {name for name in seen if name.startswith("TASTY")} == set(dict(export.DEFAULT_EXPORTS))
    assert well["bot.end"] == "Result=success\nExecMainStatus=0\n"


def test_a_refused_grant_is_the_status_of_the_unit(refused: Report) -> None:
    assert refused["bot.end"] == "Result=exit-code\nExecMainStatus=77\n"
    assert ": the server refused the grant: " in refused["bot.journal"]
    assert "tastyauth: hint: " in refused["bot.journal"]
    assert "bot.ran" not in refused


def test_a_file_of_variables_reaches_the_program(well: Report) -> None:
    """It lies where only its user can see it, and is gone when the program has ended."""
    seen = variables_of(well["bot-with-file.ran"])
    assert seen["TASTYTRADE_ACCESS_TOKEN"].startswith("eyJ")
    assert {name for name in seen if name.startswith("TASTY")} == set(dict(export.DEFAULT_EXPORTS))
    assert well["bot-with-file.end"] == "0\n"
    assert well["directory"] == "700 me\n"
    assert well["left"] == ""


def test_without_a_token_the_program_does_not_run(refused: Report) -> None:
    assert "bot-with-file.ran" not in refused
    assert refused["bot-with-file.end"] != "0\n"
    assert "status=77" in refused["bot-with-file.journal"]


@pytest.mark.parametrize("unit", ["bot", "bot-with-file"])
def test_no_journal_holds_a_secret(well: Report, refused: Report, unit: str) -> None:
    """All tokens begin alike; a client secret is forty hexadecimal digits."""
    for report in (well, refused):
        journal = report[f"{unit}.journal"]
        assert journal
        assert "eyJ" not in journal
        assert re.search("[0-9a-f]{40}", journal) is None


def test_systemd_reads_a_file_of_variables_to_the_byte(well: Report) -> None:
    assert variables_of(well["read"]).items() >= variables(agreed()).items()


def variables_of(text: str) -> dict[str, str]:
    """What `env -0` wrote."""
    return dict(pair.split("=", 1) for pair in text.split("\0") if pair)
