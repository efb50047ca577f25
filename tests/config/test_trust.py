"""Which configs may act: because of where they are, or because somebody approved what they do."""

import hashlib
import json
import os
import re
import stat
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import needs
import pytest

from tastyauth.config import Config, parse, plan, trust
from tastyauth.errors import ConfigNotAllowed
from tastyauth.sources import Surroundings

NOBODY = 65534
TRUSTED = ("flag", "user", "system")
FOUND = ("project", "environment")

CONFIG = """\
version: 1
default_profile: live
profiles:
  live:
    environment: production
    client_id: 0c7b8898-a2f1-49bb-a23d-843e47b68631
    client_secret: { file: live.client-secret }
    refresh_token: { command: [vault, read, tt] }
  paper:
    environment: sandbox
    client_id: 11111111-2222-4333-8444-555555555555
    client_secret: { env: PAPER_SECRET }
    refresh_token: { env: PAPER_TOKEN }
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home directory with a project and a program in it, all of them safe."""
    os.chmod(tmp_path, 0o700)
    (tmp_path / "project").mkdir(mode=0o700)
    (tmp_path / "bin").mkdir(mode=0o700)
    (tmp_path / "project/tastyauth.yaml").touch(mode=0o600)
    (tmp_path / "bin/vault").touch(mode=0o700)
    return tmp_path


def around(home: Path, *, interactive: bool = False, **environ: str) -> Surroundings:
    variables = {"HOME": str(home), "PATH": f"{home}/bin", **environ}
    return Surroundings(variables, interactive=interactive, home=str(home))


def config_in(home: Path, text: str = CONFIG, path: str = "project/tastyauth.yaml") -> Config:
    return parse(text.encode(), f"{home}/{path}", home=str(home))


def refusal(config: Config, origin: str, surroundings: Surroundings) -> ConfigNotAllowed:
    with pytest.raises(ConfigNotAllowed) as caught:
        trust.require(config, origin, surroundings)
    assert caught.value.exit_code == 78
    assert caught.value.hint
    return caught.value


def digest(config: Config, surroundings: Surroundings) -> str:
    return plan.digest(plan.lines(config, surroundings))


# -- by where it lies -----------------------------------------------------------------------------


@pytest.mark.parametrize("origin", TRUSTED)
def test_what_only_the_user_can_write_is_trusted_where_it_belongs(home: Path, origin: str) -> None:
    config = config_in(home)
    assert trust.needs_approval(config.path, origin) is None
    assert trust.require(config, origin, around(home)) == ""


@pytest.mark.parametrize(("origin", "how"), [("project", "found"), ("environment", "variable")])
def test_what_is_found_or_named_by_a_variable_waits_for_approval(
    home: Path, origin: str, how: str
) -> None:
    config = config_in(home)
    reason = trust.needs_approval(config.path, origin) or ""
    assert config.path in reason
    assert how in reason.removeprefix(config.path)
    error = refusal(config, origin, around(home))
    assert reason in error.message
    assert error.hint.endswith(f"tastyauth allow {config.path}")


def writable(home: Path) -> None:
    os.chmod(home / "project/tastyauth.yaml", 0o666)


def in_a_writable_directory(home: Path) -> None:
    os.chmod(home / "project", 0o777)


def of_another_user(home: Path) -> None:
    os.chown(home / "project/tastyauth.yaml", NOBODY, NOBODY)


@pytest.mark.parametrize("origin", TRUSTED)
@pytest.mark.parametrize(
    "expose",
    [writable, in_a_writable_directory, pytest.param(of_another_user, marks=needs.needs_root)],
)
def test_what_somebody_else_could_have_written_waits_for_approval(
    home: Path, origin: str, expose: Callable[[Path], None]
) -> None:
    expose(home)
    config, surroundings = config_in(home), around(home)
    error = refusal(config, origin, surroundings)
    if expose is of_another_user:
        assert error.hint.endswith(f"tastyauth allow --config {config.path}")
    else:
        subprocess.run(["/bin/sh", "-c", error.hint], check=True)
        assert trust.require(config, origin, surroundings) == ""
        expose(home)
    trust.allow(config, surroundings)
    assert trust.require(config, origin, surroundings) != ""


OUTLAWS = {
    "a host": CONFIG.replace("sandbox", "custom\n    api_url: https://evil.example"),
    "a program": CONFIG.replace("env: PAPER_TOKEN", "command: [{home}/project/vault]"),
    "an open program": CONFIG.replace("env: PAPER_TOKEN", "command: [{home}/vault]"),
}


@pytest.fixture(autouse=True)
def _programs(home: Path) -> None:
    for path, mode in (("project/vault", 0o700), ("vault", 0o777)):
        (home / path).touch()
        (home / path).chmod(mode)


@pytest.mark.parametrize("name", OUTLAWS)
def test_a_found_file_that_goes_too_far_cannot_be_approved(home: Path, name: str) -> None:
    config = config_in(home, OUTLAWS[name].replace("{home}", str(home)))
    trust.allow(config, around(home))
    hashed = around(home, TASTYAUTH_TRUST_SHA256=digest(config, around(home)))
    for origin in FOUND:
        for surroundings in (around(home), hashed):
            assert "not approved" not in refusal(config, origin, surroundings).message


@pytest.mark.parametrize("name", OUTLAWS)
def test_ones_own_file_may_do_all_that(home: Path, name: str) -> None:
    config = config_in(home, OUTLAWS[name].replace("{home}", str(home)))
    for origin in TRUSTED:
        assert trust.require(config, origin, around(home)) == ""


# -- by approval ----------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", FOUND)
def test_an_approved_config_may_act_and_its_record_holds_the_path_and_the_plan(
    home: Path, origin: str
) -> None:
    config, surroundings = config_in(home), around(home)
    trust.allow(config, surroundings)
    record = trust.require(config, origin, surroundings)
    assert os.path.dirname(record) == f"{home}/.local/state/tastyauth/allowed"
    assert stat.S_IMODE(os.stat(record).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(record)).st_mode) == 0o700
    assert re.fullmatch(r"[0-9a-f]{32}\.[0-9a-f]{64}", os.path.basename(record))
    path, *lines = Path(record).read_text().splitlines()
    assert json.loads(path) == config.path
    assert lines == list(plan.lines(config, surroundings))


def test_an_approval_outlasts_a_power_cut(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record and its directory are on the disk when `allow` ends."""
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_mode))
    trust.allow(config_in(home), around(home))
    assert [stat.S_IFMT(mode) for mode in synced] == [stat.S_IFREG, stat.S_IFDIR]


def test_the_state_can_be_elsewhere(home: Path) -> None:
    config, surroundings = config_in(home), around(home, XDG_STATE_HOME=f"{home}/state")
    trust.allow(config, surroundings)
    assert trust.require(config, "project", surroundings).startswith(f"{home}/state/tastyauth/")


def test_an_approval_is_one_of_a_plan_not_of_bytes(home: Path) -> None:
    """What changes a plan, and what does not, is tested with plans."""
    surroundings = around(home)
    trust.allow(config_in(home), surroundings)
    assert trust.require(config_in(home, f"# a comment\n{CONFIG}"), "project", surroundings)
    refusal(config_in(home, CONFIG.replace("tt]", "tt2]")), "project", surroundings)
    (home / "bin/vault").unlink()
    refusal(config_in(home), "project", surroundings)


def test_several_plans_of_one_path_may_be_approved(home: Path) -> None:
    """As on two branches of a repository."""
    surroundings = around(home)
    configs = [config_in(home, CONFIG.replace("tt]", f"{branch}]")) for branch in ("a", "b", "c")]
    for config in configs[:2]:
        trust.allow(config, surroundings)
    records = {trust.require(config, "project", surroundings) for config in configs[:2]}
    assert len(records) == 2
    refusal(configs[2], "project", surroundings)


def test_the_same_file_elsewhere_needs_an_approval_of_its_own(home: Path) -> None:
    trust.allow(config_in(home), around(home))
    copy = replace(config_in(home, CONFIG), path=f"{home}/copy/tastyauth.yaml")
    refusal(copy, "project", around(home))


def test_to_deny_forgets_every_plan_of_one_path(home: Path) -> None:
    surroundings = around(home)
    one, two = config_in(home), config_in(home, CONFIG.replace("tt]", "b]"))
    elsewhere = replace(one, path=f"{home}/elsewhere/tastyauth.yaml")
    assert trust.deny(one.path, surroundings.environ) == 0
    for config in (one, two, elsewhere, elsewhere):
        trust.allow(config, surroundings)
    assert trust.deny(one.path, surroundings.environ) == 2
    refusal(one, "project", surroundings)
    refusal(two, "project", surroundings)
    assert trust.require(elsewhere, "project", surroundings)
    assert trust.deny(one.path, surroundings.environ) == 0
    assert trust.deny(elsewhere.path, surroundings.environ) == 1


def open_to_others(record: str) -> None:
    os.chmod(record, 0o644)


def linked(record: str) -> None:
    os.rename(record, f"{record}.moved")
    os.symlink(f"{record}.moved", record)


def made_a_directory(record: str) -> None:
    os.unlink(record)
    os.mkdir(record, 0o700)


def given_away(record: str) -> None:
    os.chown(record, NOBODY, NOBODY)


@pytest.mark.parametrize(
    "tamper",
    [open_to_others, linked, made_a_directory, pytest.param(given_away, marks=needs.needs_root)],
)
def test_a_record_that_others_could_have_made_approves_nothing(
    home: Path, tamper: Callable[[str], None]
) -> None:
    config, surroundings = config_in(home), around(home)
    trust.allow(config, surroundings)
    tamper(trust.require(config, "project", surroundings))
    refusal(config, "project", surroundings)


def directory_of_records(home: Path) -> str:
    return f"{home}/.local/state/tastyauth/allowed"


@pytest.mark.parametrize("place", [".local", ".local/state", ".local/state/tastyauth/allowed"])
def test_records_in_a_directory_that_others_can_write_approve_nothing(
    home: Path, place: str
) -> None:
    """Anyone who can rename a directory can replace it with another, with their own files."""
    config, surroundings = config_in(home), around(home)
    trust.allow(config, surroundings)
    os.chmod(home / place, 0o777)
    error = refusal(config, "project", surroundings)
    assert f"{home}/{place} can be written by everybody" in error.message
    assert "chmod" in error.hint
    assert error.hint.endswith(f"tastyauth allow {config.path}")
    assert trust.last_approved(config.path, surroundings.environ) == ()
    with pytest.raises(OSError, match=f"{place} (can be written by everybody|is open to other)"):
        trust.allow(config, surroundings)
    os.chmod(home / place, 0o700)
    assert trust.require(config, "project", surroundings)


@pytest.mark.parametrize("forge", ["", "{content}\n", "{other}"])
def test_a_record_approves_the_plan_that_it_holds_and_no_other(home: Path, forge: str) -> None:
    """Its name alone is no approval: an empty file of that name is easily made."""
    config, surroundings = config_in(home), around(home)
    trust.allow(config, surroundings)
    record = Path(trust.require(config, "project", surroundings))
    content = record.read_text()
    other = content.replace("vault", "walt")
    record.write_text(forge.replace("{content}", content).replace("{other}", other))
    refusal(config, "project", surroundings)


def test_an_approval_of_the_first_version_is_one_still(home: Path) -> None:
    """Byte for byte what `allow` wrote there."""
    config, surroundings = config_in(home), around(home)
    text = FIRST_RECORD.replace("{home}", str(home))
    hashed = hashlib.sha256(text.partition("\n")[2].removesuffix("\n").encode()).hexdigest()
    name = hashlib.sha256(config.path.encode()).hexdigest()[:32]
    os.makedirs(directory_of_records(home), mode=0o700)
    record = Path(directory_of_records(home), f"{name}.{hashed}")
    record.touch(mode=0o600)
    record.write_text(text)
    assert trust.require(config, "project", surroundings) == str(record)


FIRST_RECORD = """\
"{home}/project/tastyauth.yaml"
default profile: live
profile live: production
  token endpoint: https://api.tastyworks.com/oauth/token
  client_id: 0c7b8898-a2f1-49bb-a23d-843e47b68631
  client_secret: file "{home}/project/live.client-secret"
  refresh_token: command ["vault", "read", "tt"]
                 runs: "{home}/bin/vault"
  exports TASTYTRADE_ACCESS_TOKEN: access_token
  exports TASTYTRADE_ACCESS_TOKEN_EXPIRES_AT: expires_at
  exports TASTYTRADE_API_URL: api_url
  exports TASTYTRADE_ENV: environment
profile paper: sandbox
  token endpoint: https://api.cert.tastyworks.com/oauth/token
  client_id: 11111111-2222-4333-8444-555555555555
  client_secret: env "PAPER_SECRET"
  refresh_token: env "PAPER_TOKEN"
  exports TASTYTRADE_ACCESS_TOKEN: access_token
  exports TASTYTRADE_ACCESS_TOKEN_EXPIRES_AT: expires_at
  exports TASTYTRADE_API_URL: api_url
  exports TASTYTRADE_ENV: environment
"""


def test_where_nothing_can_be_recorded_nothing_is_approved(home: Path) -> None:
    config = config_in(home)
    surroundings = around(home, XDG_STATE_HOME="/proc/self/nowhere")
    with pytest.raises(OSError):
        trust.allow(config, surroundings)
    refusal(config, "project", surroundings)


def test_a_path_may_be_no_text_at_all(home: Path) -> None:
    """File names are bytes."""
    config = replace(config_in(home), path=os.fsdecode(os.fsencode(home) + b"/\xff/tastyauth.yaml"))
    trust.allow(config, around(home))
    assert trust.require(config, "project", around(home))


# -- by hash --------------------------------------------------------------------------------------


def test_without_a_terminal_the_hash_of_the_plan_is_an_approval(home: Path) -> None:
    config = config_in(home)
    right = digest(config, around(home))
    assert re.fullmatch("[0-9a-f]{64}", right)
    surroundings = around(home, TASTYAUTH_TRUST_SHA256=right)
    assert trust.require(config, "project", surroundings) == right
    assert not os.path.exists(home / ".local")  # nothing is recorded
    assert trust.require(config_in(home, f"# a comment\n{CONFIG}"), "project", surroundings)
    refusal(config_in(home, CONFIG.replace("tt]", "x]")), "project", surroundings)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "was found in the project"),
        ("0" * 64, "$TASTYAUTH_TRUST_SHA256 is for another plan"),
        ("{right}0", "$TASTYAUTH_TRUST_SHA256 is not a SHA-256 of 64 hex digits"),
        ("sha1:{right}", "$TASTYAUTH_TRUST_SHA256 is not a SHA-256 of 64 hex digits"),
        ("yes", "$TASTYAUTH_TRUST_SHA256 is not a SHA-256 of 64 hex digits"),
    ],
)
def test_another_hash_is_none(home: Path, given: str, said: str) -> None:
    config = config_in(home)
    value = given.replace("{right}", digest(config, around(home)))
    error = refusal(config, "project", around(home, TASTYAUTH_TRUST_SHA256=value))
    assert "was found in the project" in error.message
    assert error.message.endswith(said)
    assert error.hint.endswith(f": tastyauth allow --print {config.path}") == bool(value)


@pytest.mark.parametrize(
    "spelled", [" {right}\n", "sha256:{right}", "sha256: {right}", "SHA256:{RIGHT}", "{RIGHT}"]
)
def test_a_hash_may_be_spelled_as_tools_spell_it(home: Path, spelled: str) -> None:
    config = config_in(home)
    right = digest(config, around(home))
    given = spelled.replace("{right}", right).replace("{RIGHT}", right.upper())
    surroundings = around(home, TASTYAUTH_TRUST_SHA256=given)
    assert trust.require(config, "project", surroundings) == right


@pytest.mark.parametrize("variable", ["CI", "TASTYAUTH_NON_INTERACTIVE"])
def test_in_ci_the_hint_is_what_can_be_done_there(home: Path, variable: str) -> None:
    """`allow` asks nobody there."""
    surroundings = replace(around(home), environ={**around(home).environ, variable: "1"})
    error = refusal(config_in(home), "project", surroundings)
    assert "tastyauth allow --print" in error.hint
    assert "and set $TASTYAUTH_TRUST_SHA256 to the hash at its end: " in error.hint


@pytest.mark.parametrize("number", [0, 1, 2])
def test_whatever_variables_say_a_hash_does_not_count_at_a_terminal(
    home: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A `.env` that sets CI, too, must not approve its own config."""
    config = config_in(home)
    variables = {"CI": "1", "TASTYAUTH_TRUST_SHA256": digest(config, around(home))}
    surroundings = around(home, interactive=False, **variables)
    monkeypatch.setattr(os, "isatty", lambda descriptor: descriptor == number)
    error = refusal(config, "project", surroundings)
    assert "at a terminal" in error.message
    assert error.hint.startswith("unset CI")


def test_at_a_terminal_the_hash_does_not_count(home: Path) -> None:
    """Where somebody can be asked, they are asked: any `.env` can set a variable."""
    config = config_in(home)
    right = digest(config, around(home))
    error = refusal(config, "project", around(home, interactive=True, TASTYAUTH_TRUST_SHA256=right))
    said = "was found in the project; at a terminal, $TASTYAUTH_TRUST_SHA256 is ignored"
    assert error.message.endswith(said)


# -- what was approved ----------------------------------------------------------------------------


def test_the_last_approved_plan_is_remembered(home: Path) -> None:
    surroundings = around(home)
    one, two = config_in(home), config_in(home, CONFIG.replace("tt]", "b]"))
    assert trust.last_approved(one.path, surroundings.environ) == ()
    trust.allow(one, surroundings)
    assert trust.last_approved(one.path, surroundings.environ) == plan.lines(one, surroundings)
    trust.allow(two, surroundings)
    for last, before in ((one, two), (two, one)):
        os.utime(trust.require(before, "project", surroundings), (1, 1))
        os.utime(trust.require(last, "project", surroundings), (2, 2))
        assert trust.last_approved(one.path, surroundings.environ) == plan.lines(last, surroundings)
    trust.deny(one.path, surroundings.environ)
    assert trust.last_approved(one.path, surroundings.environ) == ()


def test_of_another_path_nothing_is_remembered(home: Path) -> None:
    trust.allow(config_in(home), around(home))
    assert trust.last_approved(f"{home}/other/tastyauth.yaml", around(home).environ) == ()


@pytest.mark.parametrize("tamper", [open_to_others, made_a_directory])
def test_a_record_that_cannot_be_used_is_not_remembered(
    home: Path, tamper: Callable[[str], None]
) -> None:
    config, surroundings = config_in(home), around(home)
    trust.allow(config, surroundings)
    tamper(trust.require(config, "project", surroundings))
    assert trust.last_approved(config.path, surroundings.environ) == ()


def test_a_path_with_a_line_break_is_not_taken_for_a_plan(home: Path) -> None:
    config = replace(config_in(home), path=f"{home}/a\nb/tastyauth.yaml")
    trust.allow(config, around(home))
    expected = plan.lines(config, around(home))
    assert trust.last_approved(config.path, around(home).environ) == expected


# -- one profile by hash --------------------------------------------------------------------------


def test_the_hash_of_one_profile_allows_it_alone_whatever_the_others_are(home: Path) -> None:
    """So that a teammate's new profile changes nothing for CI."""
    one = plan.digest(trust.approvable(config_in(home), "project", around(home), "live"))
    surroundings = around(home, TASTYAUTH_TRUST_SHA256=one)
    evil = CONFIG.replace("sandbox", "custom\n    api_url: https://evil.example")
    for text in (CONFIG, evil, CONFIG.replace("default_profile: live", ""), f"{CONFIG}{MORE}"):
        part, approval = trust.admitted(config_in(home, text), "project", surroundings, "live")
        assert ([profile.name for profile in part.profiles], approval) == (["live"], one)
        with pytest.raises(ConfigNotAllowed):
            trust.admitted(config_in(home, text), "project", surroundings, "paper")
    changed = config_in(home, CONFIG.replace("tt]", "x]"))
    with pytest.raises(ConfigNotAllowed):
        trust.admitted(changed, "project", surroundings, "live")
    with pytest.raises(ConfigNotAllowed):
        trust.admitted(config_in(home), "project", replace(surroundings, interactive=True), "live")


def test_the_hash_of_one_profile_allows_nothing_that_goes_too_far(home: Path) -> None:
    evil = CONFIG.replace("production", "custom\n    api_url: https://evil.example")
    config = config_in(home, evil)
    one = plan.digest(plan.lines(config.only("live"), around(home))[1:])
    surroundings = around(home, TASTYAUTH_TRUST_SHA256=one)
    with pytest.raises(ConfigNotAllowed, match=r"evil\.example"):
        trust.admitted(config, "project", surroundings, "live")


def test_the_hash_of_one_profile_counts_where_one_is_needed_and_that_of_all_still_does(
    home: Path,
) -> None:
    config, alone = config_in(home), config_in(home, CONFIG.partition("  paper:")[0])
    one = plan.digest(trust.approvable(config, "project", around(home), "live"))
    of_one = around(home, TASTYAUTH_TRUST_SHA256=one)
    assert trust.admitted(config, "flag", of_one, "live") == (config, "")
    assert trust.admitted(alone, "project", of_one, "live")[1] == one
    of_all = around(home, TASTYAUTH_TRUST_SHA256=digest(config, around(home)))
    for profile in ("live", "paper", "none of them"):
        approval = trust.admitted(config, "project", of_all, profile)
        assert approval == (config, digest(config, around(home)))


def test_ones_own_file_that_others_can_write_may_do_with_a_hash_what_a_found_one_may_not(
    home: Path,
) -> None:
    writable(home)
    config = config_in(home, OUTLAWS["a host"])
    own = trust.approvable(config, "flag", around(home), "paper")
    assert own == plan.lines(config.only("paper"), around(home))[1:]
    for lines, approved in (
        (plan.lines(config, around(home)), config),
        (own, config.only("paper")),
    ):
        given = around(home, TASTYAUTH_TRUST_SHA256=plan.digest(lines))
        assert trust.admitted(config, "flag", given, "paper") == (approved, plan.digest(lines))
        with pytest.raises(ConfigNotAllowed, match=r"evil\.example"):
            trust.admitted(config, "project", given, "paper")


MORE = """\
  more:
    environment: production
    client_id: 0c7b8898-a2f1-49bb-a23d-843e47b68631
    client_secret: { command: [anything] }
    refresh_token: { env: MORE_TOKEN }
"""
