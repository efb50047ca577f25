"""What is configured, present and missing, found without resolving anything by running it."""

import os
from pathlib import Path

import pytest
from world import CONFIG, World

from tastyauth.cache import Asked
from tastyauth.config import Config, parse
from tastyauth.sources import Surroundings
from tastyauth.status import FieldStatus, ProfileStatus, status

CLIENT_ID = "0c7b8898-a2f1-49bb-a23d-843e47b68631"
SECRET = "5f1c9a7e3b8d2046c7a1e95b0d4f8326a1b2c3d4"


def config_of(home: Path, reference: str, *more: str) -> Config:
    text = f"""\
version: 1
profiles:
  live:
    environment: production
    client_id: {CLIENT_ID}
    client_secret: {reference}
    refresh_token: {{ env: TT_TOKEN }}
{"".join(more)}"""
    return parse(text.encode(), f"{home}/tastyauth.yaml", home=str(home))


def status_of(home: Path, config: Config, **environ: str) -> tuple[ProfileStatus, ...]:
    variables = {"HOME": str(home), "PATH": os.defpath, **environ}
    asked = Asked((config.path, "user"), b"", None, variables)
    surroundings = Surroundings(variables, interactive=True, home=str(home))
    return status(config, asked, surroundings, now=1764000000.0)


def secret_of(home: Path, reference: str, **environ: str) -> FieldStatus:
    [profile] = status_of(home, config_of(home, reference), **environ)
    return profile.fields[1]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "here").write_text(SECRET)
    (tmp_path / "closed").write_text(SECRET)
    (tmp_path / "closed").chmod(0)
    (tmp_path / "open").write_text(SECRET)
    (tmp_path / "open").chmod(0o666)
    (tmp_path / "dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")  # to open it would be to wait
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials/tt").write_text(SECRET)
    return tmp_path


@pytest.mark.parametrize(
    ("reference", "state"),
    [
        ("{ env: HERE }", "present"),
        ("{ env: EMPTY }", "missing"),
        ("{ env: NOWHERE }", "missing"),
        ("{ file: here }", "present"),
        ("{ file: closed }", "present"),
        ("{ file: { path: open, permissions: any } }", "present"),
        ("{ file: pipe }", "present"),
        ("{ file: nowhere }", "missing"),
        ("{ file: dangling }", "missing"),
        ("{ dotenv: { path: here, name: TT_SECRET } }", "present"),
        ("{ dotenv: { path: nowhere, name: TT_SECRET } }", "missing"),
        ("{ systemd_credential: tt }", "present"),
        ("{ systemd_credential: nowhere }", "missing"),
        ("{ keyring: { service: a, username: b } }", "not checked"),
        ("{ command: [touch, ran] }", "not checked"),
        ("{ command: [no-such-program] }", "not checked"),
        ("{ onepassword: 'op://a/b/c' }", "not checked"),
        ("{ pass: a/b }", "not checked"),
    ],
)
def test_a_source_is_looked_at_and_never_opened_or_run(
    home: Path, reference: str, state: str
) -> None:
    found = secret_of(
        home, reference, HERE=SECRET, EMPTY="", CREDENTIALS_DIRECTORY=f"{home}/credentials"
    )
    assert (found.field, found.state) == ("client_secret", state)
    assert SECRET not in repr(found)
    assert not (home / "ran").exists()


def test_without_its_directory_a_credential_is_missing(home: Path) -> None:
    assert secret_of(home, "{ systemd_credential: tt }").state == "missing"


@pytest.mark.parametrize(
    ("members", "source", "state"),
    [
        ("{ env: NOWHERE }, { env: HERE }", "env HERE", "present"),
        ("{ env: HERE }, { env: NOWHERE }", "env HERE", "present"),
        ("{ env: NOWHERE }, { pass: a/b }, { env: HERE }", "pass a/b", "not checked"),
        ("{ env: NOWHERE }, { env: EMPTY }", "first_of (env NOWHERE, env EMPTY)", "missing"),
    ],
)
def test_of_a_list_the_one_that_would_answer_is_told(
    home: Path, members: str, source: str, state: str
) -> None:
    found = secret_of(home, f"{{ first_of: [{members}] }}", HERE=SECRET, EMPTY="")
    assert (found.source, found.state) == (source, state)


def test_a_profile_is_told_as_it_is_configured(home: Path) -> None:
    config = config_of(home, "{ file: here }")
    [profile] = status_of(home, config)
    assert (profile.name, profile.environment) == ("live", "production")
    assert profile.api_url == "https://api.tastyworks.com"
    assert profile.is_default
    assert [field.field for field in profile.fields] == [
        "client_id",
        "client_secret",
        "refresh_token",
    ]
    assert profile.fields[0] == FieldStatus("client_id", CLIENT_ID, "present")


def test_without_a_cache_nothing_has_happened_yet(home: Path) -> None:
    [profile] = status_of(home, config_of(home, "{ file: here }"))
    assert (profile.expires_at, profile.failures) == (0, 0)
    assert profile.last_success_at == profile.last_failure_at == profile.asks_again_at == 0
    assert not (home / ".cache").exists()


def test_of_several_profiles_the_default_one_is_marked(home: Path) -> None:
    second = f"""\
  paper:
    environment: sandbox
    client_id: {CLIENT_ID}
    client_secret: {{ env: PAPER_SECRET }}
    refresh_token: {{ env: PAPER_TOKEN }}
"""
    config = config_of(home, "{ file: here }", second)
    assert [each.is_default for each in status_of(home, config)] == [False, False]
    config = config_of(home, "{ file: here }", second, "default_profile: paper\n")
    found = status_of(home, config)
    assert [(each.name, each.is_default) for each in found] == [("live", False), ("paper", True)]


def test_a_report_abbreviates_only_what_is_below_the_home_directory(world: World) -> None:
    copy = f"{world.root}/copy{world.home}/secret"
    world.configure(CONFIG.replace("file: live.client-secret", f"file: {copy}"))
    done = world.run("status")
    assert copy in done.out
    assert "file ~/.config/tastyauth/live.refresh-token" in done.out


TWO = CONFIG + CONFIG.partition("profiles:\n")[2].replace("live:", "paper:", 1)


def test_one_profile_alone_can_be_looked_at(world: World) -> None:
    world.configure(f"default_profile: live\n{TWO}")
    alone = world.run("status", "-p", "paper")
    assert alone.code == 0
    assert "\npaper: custom" in alone.out
    assert "live" not in alone.out.replace("live.", "")
    unknown = world.run("status", "-p", "nope")
    assert (unknown.code, unknown.out) == (2, "")
    everything = world.run("status", TASTYAUTH_PROFILE="paper")  # which is no question
    assert "\nlive (default): custom" in everything.out
