"""Scanners of secrets find none here, in no commit, and none in any valid config."""

import glob
import hashlib
import json
import os
import shutil
import subprocess
import tomllib

import pytest
from exchange_fakes import jwt
from needs import missing

from .parts import REPOSITORY, installed

VALID = (
    *sorted(glob.glob(f"{REPOSITORY}/tests/examples/valid/*.yaml")),
    f"{REPOSITORY}/tastyauth.yaml.example",
)

LISTED = f"{REPOSITORY}/.gitleaks.toml"

DIGITS = hashlib.sha1(b"a client secret of nobody", usedforsecurity=False).hexdigest()
"""The same ones each time: gitleaks passes over digits that by chance do not look random."""

NO_SECRETS = ("^[^0-9]*$", "^TA[0-9]{3}$")
"""detect-secrets takes any word for a password that follows `secret` or `password`, also as a
part of another word, like a key of a config. Every secret of tastytrade has digits, and the codes
of our diagnostics have three."""


def git(*words: str) -> str:
    """What git says of this repository."""
    if not os.path.exists(f"{REPOSITORY}/.git"):
        missing("this is no repository")
    everywhere = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory"}
    return subprocess.run(
        ["git", *words],
        cwd=REPOSITORY,
        env={**os.environ, **everywhere, "GIT_CONFIG_VALUE_0": "*"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.fixture
def tree(tmp_path: os.PathLike[str]) -> str:
    """The files that git tracks, or would, as they lie here."""
    top = os.fspath(tmp_path)
    for name in git("ls-files", "-z", "-c", "-o", "--exclude-standard").split("\0"):
        if name and os.path.isfile(f"{REPOSITORY}/{name}"):
            os.makedirs(os.path.dirname(f"{top}/{name}"), exist_ok=True)
            shutil.copyfile(f"{REPOSITORY}/{name}", f"{top}/{name}")
    return top


def gitleaks(directory: str, *words: str) -> list[str]:
    """What gitleaks finds: the rule and the place of each."""
    argv = (installed("scanners/bin/gitleaks"), *words, "--no-banner", "--redact", "-f", "json")
    done = subprocess.run(
        [*argv, "-r", "-"], cwd=directory, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(done.stdout or "[]")
    assert bool(found) == bool(done.returncode)
    return [f"{each['RuleID']} {each['File']}:{each['StartLine']}" for each in found]


def detect_secrets(directory: str, *words: str) -> list[str]:
    """What detect-secrets finds: the kind and the place of each."""
    program = installed("scanners/bin/detect-secrets")
    done = subprocess.run(
        [program, "scan", "--all-files", *words],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["results"]
    return [f"{it['type']} {name}:{it['line_number']}" for name in found for it in found[name]]


def allowed() -> list[str]:
    """The list of .gitleaks.toml in the words of detect-secrets."""
    with open(LISTED, "rb") as file:
        lists = tomllib.load(file)["allowlists"]
    paths = [path for each in lists for path in each.get("paths", [])]
    values = [value for each in lists for value in each.get("regexes", [])]
    return [
        *(word for path in paths for word in ("--exclude-files", path)),
        *(word for value in (*values, *NO_SECRETS) for word in ("--exclude-secrets", value)),
    ]


def test_gitleaks_finds_nothing_in_any_commit() -> None:
    git("status")  # is there a history at all?
    assert gitleaks(REPOSITORY, "git", ".") == []


def test_gitleaks_finds_nothing_in_the_files(tree: str) -> None:
    assert gitleaks(tree, "dir", ".", "--config", LISTED) == []


def test_detect_secrets_finds_nothing_in_the_files(tree: str) -> None:
    assert detect_secrets(tree, *allowed()) == []


@pytest.mark.parametrize("path", VALID, ids=os.path.basename)
def test_a_valid_config_alarms_no_scanner(path: str, tmp_path: os.PathLike[str]) -> None:
    """As anybody runs them, without the lists of this repository."""
    shutil.copyfile(path, os.path.join(tmp_path, "tastyauth.yaml"))
    assert detect_secrets(os.fspath(tmp_path), "tastyauth.yaml") == []
    assert gitleaks(os.fspath(tmp_path), "dir", ".") == []


@pytest.mark.parametrize("line", ["client_secret: {hex}", 'token: "{jwt}"'])
def test_a_real_secret_would_be_found(line: str, tmp_path: os.PathLike[str]) -> None:
    """The lists let through what they name, and no more."""
    token = jwt({"alg": "EdDSA", "typ": "rt+jwt"}, {"iss": "https://api.tastytrade.com"})
    with open(os.path.join(tmp_path, "bot.yaml"), "w", encoding="ascii") as file:
        file.write(line.format(hex=DIGITS, jwt=token))
    assert detect_secrets(os.fspath(tmp_path), "bot.yaml", *allowed())
    assert gitleaks(os.fspath(tmp_path), "dir", ".", "--config", LISTED)
