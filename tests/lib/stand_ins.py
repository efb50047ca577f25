"""Stores that are not the real ones, for tests that are about something else: a keyring, and pass.

The real ones are met in `tests/e2e`.
"""

import os

from world import LIMIT, PYTHON, World

_KEYRING = """\
import os
from keyring.backend import KeyringBackend

class Folder(KeyringBackend):
    priority = 1
    def get_password(self, service, username):
        try:
            with open(self.path(service, username)) as file:
                return file.read()
        except FileNotFoundError:
            return None
    def set_password(self, service, username, password):
        with open(self.path(service, username), "w") as file:
            file.write(password)
    def delete_password(self, service, username):
        os.unlink(self.path(service, username))
    def path(self, service, username):
        return os.path.join(os.environ["FOLDER"], f"{service} {username}".replace("/", "-"))
"""

_PASS = """\
entry="$HOME/.password-store/$(echo "$*" | sed 's/.* //').gpg"
mkdir -p "${entry%/*}"
case $1 in
show)
    [ -e "$entry" ] || { echo "Error: $2 is not in the password store." >&2; exit 1; }
    exec cat "$entry" ;;
insert) exec cat >"$entry" ;;
rm) exec rm "$entry" ;;
esac"""


def keyring_in(world: World) -> str:
    """A back end of keyring's that keeps each password in a file of the directory given back."""
    folder = f"{world.root}/ring"
    os.mkdir(folder, 0o700)
    world.write(f"{world.root}/lib/folder_keyring.py", _KEYRING)
    world.environ |= {
        "PYTHONPATH": f"{world.root}/lib",
        "PYTHON_KEYRING_BACKEND": "folder_keyring.Folder",
        "PYTHONDONTWRITEBYTECODE": "1",
        "FOLDER": folder,
    }
    return folder


def pass_in(world: World) -> str:
    """A script called pass that keeps each entry in a file of the directory given back."""
    world.script("pass", _PASS)
    world.write(f"{world.home}/.password-store/.gpg-id", "me\n")
    return f"{world.home}/.password-store"


def patient(world: World) -> World:
    """Lets a prompt wait for as long as a busy machine takes, instead of two seconds."""
    program = f"""\
'''exec' {PYTHON} "$0" "$@"
' '''  # a path with a space cannot follow #!
import sys
from tastyauth import _entry
if "--answer" in sys.argv:
    from tastyauth.cli import hook
    hook._PATIENCE = {LIMIT}
_entry.main()"""
    world.write(f"{world.home}/patient/tastyauth", f"#!/bin/sh\n{program}\n", mode=0o700)
    os.unlink(f"{world.home}/bin/tastyauth")
    os.symlink(f"{world.home}/patient/tastyauth", f"{world.home}/bin/tastyauth")
    return world
