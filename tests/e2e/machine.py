"""A real systemd that boots in a container, over a copy-on-write view of this machine's root."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from needs import missing

from .credentials import Credentials
from .parts import REPOSITORY, program, tastyauth
from .processes import Place
from .recipes import adapted, recipe

USER = 1234
"""The user ID of `me`, whose home is /home/me."""

# The network is the machine's own, for the broker on its loopback. `me` must be able to go down to
# the program under test, wherever this tree lies: on the view, not in the real directories.
_BRING_UP = """
cd "$0"
mount -t tmpfs tmpfs /run
mount --bind / low
mount -t overlay overlay -o lowerdir=low,upperdir=up,workdir=work root
for directory in $DIRECTORIES; do chmod a+x "root$directory"; done
exec systemd-nspawn --quiet --register=no --keep-unit --console=pipe --link-journal=no \
    --machine=tastyauth-test --bind="$PWD/out:/out" $BINDS \
    --directory=root --boot systemd.unit=test.target
"""

_TARGET = """
[Unit]
Requires=basic.target
After=basic.target
Wants=test.service {wants}
"""

_SERVICE = """
[Unit]
After=basic.target
[Service]
Type=oneshot
ExecStartPre=touch /out/begun
ExecStart=-/bin/sh /out/script
ExecStartPost=touch /out/over
ExecStopPost=systemctl poweroff --force --no-wall
TimeoutStartSec=150
"""


@dataclass(frozen=True, slots=True)
class File:
    """A file of the machine: what is in it, whose it is, who may read it."""

    text: str
    mode: int = 0o644
    owner: int = 0


def configured(credentials: Credentials, origin: str, report: str) -> dict[str, File]:
    """The documented config with its secrets, whose broker is at `origin`, and a bot: `report`."""
    config = adapted(
        recipe("yaml", "# /etc/tastyauth/tastyauth.yaml"),
        {
            "environment: production": f"environment: custom\n    api_url: {origin}",
            "0c7b8898-a2f1-49bb-a23d-843e47b68631": credentials.client_id,
        },
    )
    return {
        "/etc/tastyauth/tastyauth.yaml": File(config),
        "/etc/tastyauth/live.client-secret": File(credentials.client_secret, 0o600),
        "/etc/tastyauth/live.refresh-token": File(credentials.refresh_token, 0o600),
        "/home/me/bot/report": File(report, 0o755, USER),
    }


def boot(directory: str, files: Mapping[str, File], wants: str, script: str) -> dict[str, str]:
    """Boots a machine with `files` in it, starts the units of `wants`, and runs a shell script.

    What the script leaves in /out, by name. The machine is off when this returns.
    """
    if os.geteuid() != 0:
        missing("a container takes root")
    for name in ("systemd-nspawn", "unshare"):
        program(name)
    for name in ("low", "up", "work", "root", "out"):
        os.mkdir(os.path.join(directory, name), 0o755)
    with open("/etc/passwd", encoding="utf-8") as file:
        users = f"{file.read()}me:*:{USER}:{USER}::/home/me:/bin/sh\n"
    units = "/etc/systemd/system"
    own = {
        "/etc/passwd": File(users),
        f"{units}/test.target": File(_TARGET.format(wants=wants)),
        f"{units}/test.service": File(_SERVICE),
        "/home/me/.keep": File("", owner=USER),
        **files,
    }
    for path, it in own.items():
        _write(f"{directory}/up", path, it)
    os.chown(f"{directory}/up/home/me", USER, USER)
    os.symlink(tastyauth(), _parent(f"{directory}/up/usr/local/bin/tastyauth"))
    _write(f"{directory}/out", "/script", File(script))

    there = (REPOSITORY, sys.base_prefix)
    elsewhere = [REPOSITORY]  # the machine's /tmp is its own, and the tree may lie in this one
    if os.stat(sys.base_prefix).st_dev != os.stat("/").st_dev:
        elsewhere.append(sys.base_prefix)
    private = ("unshare", "--mount", "--propagation", "private", "sh", "-eu", "-c", _BRING_UP)
    finished = Place(directory).run_program(
        *(*private, directory),
        DIRECTORIES=" ".join(ancestors(*there)),
        BINDS=" ".join(f"--bind-ro={path}" for path in elsewhere),
    )
    found = {name: _read(f"{directory}/out/{name}") for name in os.listdir(f"{directory}/out")}
    if "begun" not in found:
        missing(f"no systemd boots here: {finished.out[-500:]}{finished.err[-500:]}")
    assert "over" in found, "the script does not end"
    return found


def _write(root: str, path: str, it: File) -> None:
    with open(_parent(root + path), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), it.mode)
        os.fchown(file.fileno(), it.owner, it.owner)
        file.write(it.text)


def _parent(path: str) -> str:
    """Makes the directory of a path, which it gives back."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    return path


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def ancestors(*paths: str) -> list[str]:
    """These paths and the directories above them, but for the root."""
    found = []
    for path in paths:
        while path != "/":
            found.append(path)
            path = os.path.dirname(path)
    return found
