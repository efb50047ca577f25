"""What the figures were measured on: kinds and versions, nothing that identifies a machine."""

import os
import platform
import re
import subprocess
from collections.abc import Iterator

from .world import NotHere, World, find

_IN_VENV = """\
import platform, ssl
from importlib.metadata import version
for name in "tastyauth", "httpx", "jsonschema", "pyyaml":
    print(name, version(name))
print(platform.python_implementation(), platform.python_version())
print(ssl.OPENSSL_VERSION.rpartition("  ")[0] or ssl.OPENSSL_VERSION)
"""

_PROGRAMS = ("curl", "oidc-token", "pass", "gh", "aws", "check-jsonschema", "node")

_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)*")


def notes(world: World, load: float) -> str:
    """A Markdown list; `load` is how many processes wanted to run when it began."""
    release = _VERSION.match(platform.release())
    system = f"{platform.system()} {release[0] if release else ''}".strip()
    versions = world.output_of(world.python("-I", "-c", _IN_VENV)).splitlines()
    machine = f"{system}, {platform.machine()}, {os.cpu_count()} processors"
    lines = (
        f"{machine}, load {load:.1f} at the start",
        ", ".join((*versions, *_programs())),
        "a median of the ratios of each round; whole processes, in shuffled order; ms and MiB are"
        " medians, for comparison only",
    )
    return "".join(f"* {line}\n" for line in lines)


def _programs() -> Iterator[str]:
    for name in _PROGRAMS:
        try:
            said = subprocess.run(
                [find(name), "--version"], capture_output=True, text=True, check=False
            ).stdout
        except NotHere:
            continue
        if version := _VERSION.search(said):
            yield f"{name} {version[0]}"
