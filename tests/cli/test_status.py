"""What is configured, present and missing, found without resolving anything by running it."""

import json
import os
import re
import tempfile
from pathlib import Path

import needs
import pytest
from needs import as_nobody
from world import CONFIG, World, profile_named

from tastyauth.cache import Asked
from tastyauth.cli.status import FieldStatus, ProfileStatus, status
from tastyauth.config import Config, parse
from tastyauth.sources import Surroundings

pytestmark = pytest.mark.warm

CLIENT_ID = "0c7b8898-a2f1-49bb-a23d-843e47b68631"
SECRET = "5f1c9a7e3b8d2046c7a1e95b0d4f8326a1b2c3d4"
NOBODY = 65534


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
    (tmp_path / "credentials").mkdir()
    for name, mode in (("here", 0o600), ("open", 0o666), ("credentials/tt", 0o444)):
        (tmp_path / name).write_text(SECRET)
        (tmp_path / name).chmod(mode)
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "credentials/link").symlink_to("tt")
    os.mkfifo(tmp_path / "pipe", 0o600)  # to open it would be to wait
    return tmp_path


@pytest.mark.parametrize(
    ("reference", "state"),
    [
        ("{ env: HERE }", "present"),
        ("{ env: EMPTY }", "missing"),
        ("{ env: NOWHERE }", "missing"),
        ("{ env: TWO_LINES }", "unusable"),
        ("{ file: here }", "present"),
        ("{ file: credentials }", "unusable"),
        ("{ file: /dev/null }", "unusable"),
        ("{ file: loop }", "unusable"),
        ("{ file: { path: open, permissions: any } }", "present"),
        ("{ file: pipe }", "present"),
        ("{ file: nowhere }", "missing"),
        ("{ file: dangling }", "missing"),
        ("{ dotenv: { path: here, name: TT_SECRET } }", "present"),
        ("{ dotenv: { path: nowhere, name: TT_SECRET } }", "missing"),
        ("{ systemd_credential: tt }", "present"),
        ("{ systemd_credential: nowhere }", "missing"),
        ("{ systemd_credential: link }", "unusable"),
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
    variables = {"HERE": SECRET, "EMPTY": "", "TWO_LINES": f"{SECRET}\n{SECRET}"}
    found = secret_of(home, reference, **variables, CREDENTIALS_DIRECTORY=f"{home}/credentials")
    assert (found.field, found.state) == ("client_secret", state)
    assert bool(found.reason) == (state in ("missing", "unusable"))
    assert SECRET not in repr(found)
    assert not (home / "ran").exists()


def test_a_file_that_may_not_be_read_is_unusable() -> None:
    """Its directory is open to everybody."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        path.chmod(0o755)
        (path / "closed").write_text(SECRET)
        (path / "closed").chmod(0)
        with as_nobody():
            found = secret_of(path, "{ file: closed }")
    assert (found.state, found.reason) == ("unusable", "file ~/closed is not readable by this user")


UNFIT = {
    "a directory": "{{ file: . }}",
    "a device": "{{ file: {{ path: /dev/zero, permissions: any }} }}",
    "open to others": "{{ file: open }}",
    "a .env that is open": "{{ dotenv: {{ path: open, name: TT }} }}",
    "too long a name": f"{{{{ file: {'x' * 300} }}}}",
    "missing": "{{ file: nowhere }}",
    "no service": "{{ systemd_credential: tt }}",
    "an empty variable": "{{ env: EMPTY }}",
    "a broken variable": "{{ env: BLANK }}",
    "none of several": "{{ first_of: [{{ env: EMPTY }}, {{ file: nowhere }}] }}",
    "broken before good": "{{ first_of: [{{ file: . }}, {{ env: GOOD }}] }}",
}


@pytest.mark.parametrize("unfit", UNFIT)
def test_what_yields_no_token_is_reported_in_the_words_of_the_error(
    unfit: str, world: World
) -> None:
    world.environ |= {"EMPTY": "", "BLANK": " x", "GOOD": world.client_secret}
    world.configure(CONFIG.replace("{{ file: live.client-secret }}", UNFIT[unfit]))
    world.write(f"{world.config_directory}/open", f"TT={world.client_secret}", 0o644)
    if "open" in unfit:
        needs.is_on_disk(world.root)
    token = world.run("token")
    assert token.code == 69
    line = "^  client_secret  ([a-z]+)(?: .tastyauth doctor.)?: (.*)$"
    told = re.search(line, world.run("status").out, re.M)
    assert told
    assert told[1] in ("missing", "unusable")
    assert told[2] in token.err


def test_without_its_library_an_env_file_is_missing(world: World) -> None:
    """And the next of a list would answer."""
    dotenv = "{{ dotenv: {{ path: live.client-secret, name: TT }} }}"
    world.configure(CONFIG.replace("{{ file: live.client-secret }}", dotenv))
    world.write(f"{world.root}/lib/dotenv/__init__.py", "")  # an empty one in its place
    out = world.run("status", PYTHONPATH=f"{world.root}/lib").out
    assert "client_secret  missing: dotenv ~/.config/tastyauth/live.client-secret TT needs" in out


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
def test_of_a_list_the_member_that_would_be_used_is_shown(
    home: Path, members: str, source: str, state: str
) -> None:
    found = secret_of(home, f"{{ first_of: [{members}] }}", HERE=SECRET, EMPTY="")
    assert (found.source, found.state) == (source, state)


def test_a_profile_is_described_as_it_is_configured_and_without_a_cache_nothing_has_happened(
    home: Path,
) -> None:
    [profile] = status_of(home, config_of(home, "{ file: here }"))
    assert (profile.name, profile.environment) == ("live", "production")
    assert profile.api_url == "https://api.tastyworks.com"
    assert profile.is_default
    names = ["client_id", "client_secret", "refresh_token"]
    assert [field.field for field in profile.fields] == names
    assert profile.fields[0] == FieldStatus("client_id", CLIENT_ID, "present")
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


@pytest.mark.parametrize(("output", "home"), [("human", "~"), ("json", "{home}")])
def test_a_report_is_fit_to_paste_even_with_commands_and_failures_in_it(
    output: str, home: str, world: World
) -> None:
    """But for the paths in JSON, which are whole: a program opens them."""
    world.script("vault", "echo locked for 5WT00001 >&2; exit 1")
    command = "command: [vault, get, ~/a, --key=~/b, {home}/c]"
    world.configure(CONFIG.replace("file: live.client-secret", command.format(home=world.home)))
    assert world.run("token").code == 69
    out = world.run("status", "--format", output).out
    home = home.format(home=world.home)
    assert f"command vault get '~/a' '--key=~/b' {home}/c" in out
    assert "failed with exit code 1: locked for ****0001" in out
    assert output == "json" or world.home not in out


def test_commands_in_a_report_name_the_config_that_a_flag_has_named(world: World) -> None:
    path = world.configure(directory=f"{world.home}/my bots")
    world.write(f"{world.home}/my bots/live.client-secret", "0" * 40)
    assert world.run("token", "--config", path).code == 77
    out = world.run("status", "--config", path).out
    assert "to retry now: tastyauth exec -p live --config ~/'my bots/tastyauth.yaml'" in out


def test_an_account_number_in_a_path_is_masked_wherever_it_is_shown(home: Path) -> None:
    found = secret_of(home, "{ file: of 5WT00001 }")
    assert found.source == "file ~/of ****0001"
    assert found.reason == "file ~/of ****0001 does not exist"


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("file: live.client-secret", "none yet; the next command gets one"),
        ("command: [vault]", "none yet; the next command gets one"),
        ("file: nowhere", "none yet"),
        ("file: .", "none yet"),
    ],
)
def test_before_the_first_token_it_says_how_to_get_one(
    secret: str, said: str, world: World
) -> None:
    world.configure(CONFIG.replace("file: live.client-secret", secret))
    assert f"  access_token   {said}\n" in world.run("status").out


@pytest.mark.parametrize("profile", ["live", "paper"])
def test_what_is_not_asked_for_a_while_comes_with_the_command_that_ends_that(
    profile: str, world: World
) -> None:
    world.configure(f"default_profile: live\n{TWO}")
    world.simulator.fail = "grant-revoked"
    assert world.run("token", "-p", profile).code == 77
    out = world.run("status", "-p", profile).out
    assert "  access_token   none yet\n" in out
    words = re.search("no retry +for .* with the same secrets; to retry now: (.*)$", out, re.M)
    assert words
    asked = world.simulator.token_requests
    world.shell(words[1])
    assert world.run("token", "-p", profile).code == 77
    assert world.simulator.token_requests == asked + 1
    world.simulator.fail = None
    world.shell(words[1])
    assert world.run("token", "-p", profile).code == 0
    assert "cached" in world.run("status", "-p", profile).out


def test_for_programs_every_credential_has_the_same_keys(world: World) -> None:
    world.configure(CONFIG.replace("file: live.client-secret", "file: ."))
    document = json.loads(world.run("status", "--format", "json").out)
    assert (document["format_version"], document["config"]) == (1, world.config)
    fields = document["profiles"][0]["fields"]
    assert {tuple(field) for field in fields} == {("field", "source", "state", "reason")}
    assert fields[1] == {
        "field": "client_secret",
        "source": f"file {world.config_directory}",
        "state": "unusable",
        "reason": "file ~/.config/tastyauth is neither a file nor a named pipe",
    }


TWO = CONFIG + profile_named("paper")


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


# -- what has changed, and what this shell holds -------------------------------------------------


BOTH = f"default_profile: live\n{CONFIG}" + profile_named("paper").replace(
    "    client_id", "    stands_for: production\n    client_id"
)


def access_token(world: World, profile: str = "live") -> str:
    """What is said of its token."""
    said = world.run("status", "-p", profile).out.partition("  access_token   ")[2]
    return said.partition("\n")[0]


def test_a_config_or_secret_that_changed_is_reported(world: World) -> None:
    world.configure()
    assert access_token(world) == "none yet; the next command gets one"
    assert world.run("token").code == 0
    assert access_token(world).startswith("cached, ")
    world.write(f"{world.config_directory}/live.refresh-token", world.refresh_token + "\n")
    said = "none since a secret or its source changed"
    assert access_token(world) == f"{said}; the next command gets one"
    world.configure(BOTH)
    assert access_token(world) == "none since the config changed; the next command gets one"
    assert access_token(world, "paper") == "none yet; the next command gets one"
    os.unlink(f"{world.config_directory}/live.refresh-token")
    assert access_token(world) == "none since the config changed"
    profiles = json.loads(world.run("status", "--format", "json").out)["profiles"]
    assert [it["changed"] for it in profiles] == ["config", ""]


def test_tokens_of_an_earlier_config_do_not_count_as_changed_secrets(world: World) -> None:
    world.configure()
    assert world.run("token").code == 0
    world.configure(BOTH)
    world.simulator.fail = "grant-revoked"
    assert world.run("token").code == 77
    assert access_token(world) == "none yet"


HOOKED = 'eval "$(tastyauth hook bash --answer first)"'
HELD = "export TASTYTRADE_ACCESS_TOKEN=x"
SHELLS = {
    "by hand": ("eval $(tastyauth env)", "live", "sandbox", "hand"),
    "the other one": ("eval $(tastyauth env -p paper)", "paper", "production", "hand"),
    "the hook": (HOOKED, "live", "sandbox", "hook"),
    "by hand after the hook": (
        f"{HOOKED}; eval $(tastyauth env -p paper)",
        *("paper", "production", "hand"),
    ),
    "of another config": (
        f"{HELD} TASTYTRADE_PROFILE=theirs TASTYTRADE_ENV=production",
        *("theirs", "production", "hand"),
    ),
    "of another config's profile of that name": (
        f"{HELD} TASTYTRADE_PROFILE=live TASTYTRADE_ENV=production",
        *("live", "production", "hand"),
    ),
    "of nobody known": (HELD, "", "", "hand"),
    "nothing": ("", "", "", ""),
}


@pytest.mark.parametrize("name", SHELLS)
def test_it_says_what_this_shell_holds(name: str, world: World) -> None:
    script, *expected = SHELLS[name]
    profile, environment, set_by = expected
    world.configure(BOTH)
    assert world.run("token").code == 0  # for the hook, which waits for nothing long
    done = world.shell(f"{script}\ntastyauth status --format json; tastyauth status", "/bin/bash")
    assert done.err == ""
    found, end = json.JSONDecoder().raw_decode(done.out)
    whose = f"{profile}, {environment}" if profile else "a profile that is not in this config"
    left = "" if HELD in script else "15 min left, "
    said = f"{whose}: {left}{'not ' * (set_by == 'hand')}set by the hook" if set_by else "no token"
    assert f"this shell holds {said}\n" in done.out[end:]
    shell = found["shell"] or {"profile": "", "environment": "", "set_by": ""}
    assert [shell["profile"], shell["environment"], shell["set_by"]] == expected
    assert (found["shell"] is None) == (not set_by)


def test_what_this_shell_holds_is_known_before_a_project_is_approved(world: World) -> None:
    world.configure()
    world.configure(directory=world.project)
    script = f"eval $(tastyauth env --config {world.config}); tastyauth status"
    done = world.shell(script, "/bin/bash")
    assert (done.code, done.out) == (78, "")
    assert "this shell holds live, sandbox: 15 min left, not set by the hook\n" in done.err
    assert "is not approved" in done.err


def test_an_expired_token_in_a_shell_is_reported_as_expired(world: World) -> None:
    world.configure(BOTH)
    held = {
        "TASTYTRADE_ACCESS_TOKEN": "old",
        "TASTYTRADE_PROFILE": "paper",
        "TASTYTRADE_ACCESS_TOKEN_EXPIRES_AT": "1764000000",
    }
    said = r"this shell holds paper, production: expired \d+ h ago, not set by the hook\n"
    assert re.search(said, world.run("status", **held).out)


def test_under_names_of_its_own_a_profile_is_known_by_its_token(world: World) -> None:
    world.configure(BOTH + "    exports: {{ BOT: authorization }}\n")
    script = "eval $(tastyauth env -p paper); tastyauth status"
    out = world.shell(script, "/bin/bash").out
    assert "this shell holds paper, production: 15 min left, not set by the hook\n" in out
