"""The plan says everything that a config would do, and nothing else changes it."""

import hashlib
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import CLIENT_ID, OTHER_ID, PROFILES, configs, effect
from tables import for_each, words

from tastyauth import export
from tastyauth.config import ENVIRONMENTS, Config, Profile, parse, plan
from tastyauth.errors import ConfigNotAllowed
from tastyauth.sources import Surroundings
from tastyauth.sources.command import Command
from tastyauth.sources.file import File

CONFIG = f"""\
version: 1
default_profile: live
profiles:
  live:
    environment: production
    client_id: {{ env: TT_CLIENT }}
    client_secret: {{ file: live.client-secret }}
    refresh_token:
      first_of:
        - {{ systemd_credential: tt-token }}
        - {{ command: {{ argv: [vault, read, tt], line: 2, timeout: 20 }} }}
        - {{ pass: brokers/tastytrade }}
    timeout: 30
    user_agent: my-bot/2.0
  paper:
    environment: sandbox
    client_id: {CLIENT_ID}
    client_secret: {{ keyring: {{ service: tastyauth, username: paper/client_secret }} }}
    refresh_token: {{ dotenv: {{ path: ~/bot/.env, name: TT_TOKEN }} }}
    exports:
      TOKEN: access_token
      BOT_EXPIRES: expires_at
"""


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Two directories of programs, the first of them empty."""
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    install(tmp_path / "second/vault")
    return tmp_path


def install(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)


def around(*path: Path | str, home: str = "/home/me") -> Surroundings:
    environ = {"PATH": ":".join(map(str, path)) or "/nowhere"}
    return Surroundings(environ, interactive=False, home=home)


def config_of(text: str, path: str = "/project/tastyauth.yaml") -> Config:
    return parse(text.encode(), path, home="/home/me")


def plan_of(text: str, surroundings: Surroundings | None = None) -> plan.Lines:
    return plan.lines(config_of(text), surroundings or around())


def test_the_plan_is_whole(programs: Path) -> None:
    surroundings = around(programs / "first", programs / "second")
    assert plan_of(CONFIG, surroundings) == (
        "default profile: live",
        "profile live: production",
        "  token endpoint: https://api.tastyworks.com/oauth/token",
        '  client_id: env "TT_CLIENT"',
        '  client_secret: file "/project/live.client-secret"',
        '  refresh_token: 1. systemd_credential "tt-token"',
        '  refresh_token: 2. command ["vault", "read", "tt"], line 2, timeout 20.0',
        f'                    runs: "{programs}/second/vault"',
        '  refresh_token: 3. pass "brokers/tastytrade"',
        "                    runs: nothing, not found here",
        "  exports TASTYTRADE_ACCESS_TOKEN: access_token",
        "  exports TASTYTRADE_ACCESS_TOKEN_EXPIRES_AT: expires_at",
        "  exports TASTYTRADE_API_URL: api_url",
        "  exports TASTYTRADE_ENV: environment",
        "  exports TASTYTRADE_PROFILE: profile",
        "  timeout: 30.0 s",
        "  user agent: my-bot/2.0",
        "profile paper: sandbox",
        "  token endpoint: https://api.cert.tastyworks.com/oauth/token",
        f"  client_id: {CLIENT_ID}",
        '  client_secret: keyring "tastyauth", username "paper/client_secret"',
        '  refresh_token: dotenv "/home/me/bot/.env", name "TT_TOKEN"',
        "  exports BOT_EXPIRES: expires_at",
        "  exports TOKEN: access_token",
    )
    without = replace(config_of(CONFIG), default_profile=None)
    assert plan.lines(without, around())[0] == "default profile: (none)"


def test_the_digest_is_the_sha256_of_the_lines_so_that_approvals_outlast_a_release() -> None:
    assert plan.digest(("a", "  b")) == hashlib.sha256(b"a\n  b").hexdigest()


def test_the_plan_says_what_is_shared_and_what_a_server_of_ones_own_stands_for(
    programs: Path,
) -> None:
    custom = MINIMAL.replace("sandbox", "custom\n    api_url: http://127.0.0.1:1")
    custom += "    scopes: [read, trade]\n    stands_for: production\n"
    shared = "    shared: {{ valkey: {{ url: valkeys://h{} }} }}\n"
    secured = ", password: { command: [vault] }, certificate_authorities: /ca"
    lines = plan_of(custom + shared.format(secured), around(programs / "second"))
    assert lines[1] == "profile live: custom, stands for production"
    assert lines[3] == "  scopes: read trade, and no more"
    assert lines[-3:] == (
        "  shares access tokens, sealed, through: valkeys://h, trusting /ca",
        '  password of valkeys://h: command ["vault"]',
        f'                           runs: "{programs}/second/vault"',
    )
    assert plan_of(custom + shared.format(""))[-2:] == (
        "  shares access tokens, sealed, through: valkeys://h",
        "  password of valkeys://h: none",
    )


# -- what needs no new approval -------------------------------------------------------------------

MINIMAL = f"""\
version: 1
profiles:
  live:
    environment: sandbox
    client_id: {CLIENT_ID}
    client_secret: {{ file: a/secret }}
    refresh_token: {{ command: [vault, read, tt] }}
"""

SAME = {
    "a comment": f"# look here\n{MINIMAL}",
    "blank lines": MINIMAL.replace("\n", "\n\n"),
    "quotes": MINIMAL.replace("sandbox", '"sandbox"')
    .replace("file: a", "file: 'a")
    .replace("secret }", "secret' }"),
    "another layout": MINIMAL.replace(
        "{ command: [vault, read, tt] }", "\n      command:\n        argv: [vault, read, tt]"
    ),
    "a longer way to say it": MINIMAL.replace("file: a/secret", "file: { path: ./a//secret }"),
    "the absolute path": MINIMAL.replace("a/secret", "/project/a/secret"),
    "the default profile named": MINIMAL.replace("profiles:", "default_profile: live\nprofiles:"),
    "the default timeout named": MINIMAL.replace("    env", "    timeout: 15\n    env"),
    "the default exports named": MINIMAL
    + "    exports:\n"
    + "".join(f"      {name}: {field}\n" for name, field in reversed(export.DEFAULT_EXPORTS)),
    "keys in another order": "\n".join(
        ["profiles:", "  live:", *reversed(MINIMAL.splitlines()[3:]), "version: 1", ""]
    ),
}


@for_each("name", SAME)
def test_what_changes_nothing_changes_no_plan(name: str) -> None:
    assert SAME[name] != MINIMAL
    assert plan_of(SAME[name]) == plan_of(MINIMAL)


def test_the_order_of_profiles_and_exports_changes_no_plan() -> None:
    config = config_of(CONFIG)
    profiles = (it._replace(exports=it.exports[::-1]) for it in config.profiles[::-1])
    turned = replace(config, profiles=tuple(profiles))
    assert turned != config
    assert plan.lines(turned, around()) == plan.lines(config, around())


# -- what does ------------------------------------------------------------------------------------

ARGV = "[vault, read, tt]"
PAPER = MINIMAL.partition("profiles:\n")[2].replace("live", "paper")


def first_of(members: str) -> str:
    return MINIMAL.replace("{ file: a/secret }", f"{{ first_of: [{members}] }}")


CHANGED = {
    "the environment": MINIMAL.replace("sandbox", "production"),
    "a host": MINIMAL.replace("sandbox", "custom\n    api_url: http://127.0.0.1:1"),
    "another port": MINIMAL.replace("sandbox", "custom\n    api_url: http://127.0.0.1:2"),
    "the client ID": MINIMAL.replace(CLIENT_ID, OTHER_ID),
    "where the client ID comes from": MINIMAL.replace(CLIENT_ID, "{ env: TT_CLIENT }"),
    "the name of the profile": MINIMAL.replace("live:", "prod:"),
    "a path": MINIMAL.replace("a/secret", "b/secret"),
    "a path in the home directory": MINIMAL.replace("a/secret", "~/a/secret"),
    "whose file it may be": MINIMAL.replace("a/secret", "{ path: a/secret, permissions: any }"),
    "another source": MINIMAL.replace("file: a/secret", "systemd_credential: secret"),
    "the same in a list": first_of("{ file: a/secret }"),
    "one more source": first_of("{ file: a/secret }, { env: B }"),
    "sources in another order": first_of("{ env: B }, { file: a/secret }"),
    "the program": MINIMAL.replace("[vault,", "[walt,"),
    "an argument": MINIMAL.replace("tt]", "t]"),
    "one more argument": MINIMAL.replace("tt]", "tt, x]"),
    "arguments joined": MINIMAL.replace("read, tt]", '"read, tt"]'),
    "an empty argument": MINIMAL.replace("tt]", "tt, '']"),
    "which line": MINIMAL.replace(ARGV, f"{{ argv: {ARGV}, line: 1 }}"),
    "which value": MINIMAL.replace(ARGV, f"{{ argv: {ARGV}, json: /a }}"),
    "how long it may take": MINIMAL.replace(ARGV, f"{{ argv: {ARGV}, timeout: 3 }}"),
    "an exported name": f"{MINIMAL}    exports: {{ TOKEN: access_token }}\n",
    "an exported field": f"{MINIMAL}    exports: {{ TOKEN: authorization }}\n",
    "an exported secret": f"{MINIMAL}    exports: {{ TOKEN: client_secret }}\n",
    "the timeout": f"{MINIMAL}    timeout: 16\n",
    "a fraction of a second": f"{MINIMAL}    timeout: 15.5\n",
    "a hair of a second": f"{MINIMAL}    timeout: 15.0000001\n",
    "the user agent": f"{MINIMAL}    user_agent: other/1.0\n",
    "one more profile": f"default_profile: live\n{MINIMAL}{PAPER}",
    "the default profile": f"default_profile: paper\n{MINIMAL}{PAPER}",
    "no default profile": MINIMAL + PAPER,
}


@for_each("name", CHANGED)
def test_any_effective_change_changes_the_plan(name: str) -> None:
    changed = plan_of(CHANGED[name])
    assert changed != plan_of(MINIMAL)
    assert plan.digest(changed) != plan.digest(plan_of(MINIMAL))


def test_no_two_changes_have_the_same_plan() -> None:
    plans = {plan.digest(plan_of(text)) for text in CHANGED.values()}
    assert len(plans) == len(CHANGED)


def test_no_default_profile_is_not_a_profile_called_none() -> None:
    without = CHANGED["no default profile"].replace("paper", "none")
    named = without.replace("version: 1", "version: 1\ndefault_profile: none")
    assert plan_of(named) != plan_of(without)


def test_a_program_that_came_first_on_the_path_or_is_gone_changes_the_plan(programs: Path) -> None:
    surroundings = around(programs / "first", programs / "second")
    before = plan_of(MINIMAL, surroundings)
    install(programs / "first/vault")
    assert plan_of(MINIMAL, surroundings) != before
    only_second = around(programs / "second")
    assert plan_of(MINIMAL, only_second) == before
    (programs / "second/vault").unlink()
    assert plan_of(MINIMAL, only_second) != before


@settings(deadline=None)
@given(one=configs(), other=configs())
def test_two_configs_have_one_plan_exactly_when_they_do_the_same(
    one: Config, other: Config
) -> None:
    same = plan.lines(one, around()) == plan.lines(other, around())
    assert same == (effect(one) == effect(other))


@settings(deadline=None)
@given(config=configs(), data=st.data())
def test_one_changed_field_changes_the_plan(config: Config, data: st.DataObject) -> None:
    """One field of one profile at a time, where two random configs differ in everything."""
    index = data.draw(st.integers(0, len(config.profiles) - 1))
    before, other = config.profiles[index], data.draw(PROFILES)
    together = {"name", "environment", "api_url"}  # and withheld follows from the references
    fields = sorted({*Profile._fields} - together - {"withheld"})
    field = data.draw(st.sampled_from(fields))
    after = before._replace(**{field: getattr(other, field)})
    profiles = (*config.profiles[:index], after, *config.profiles[index + 1 :])
    changed = replace(config, profiles=profiles)
    same = plan.lines(config, around()) == plan.lines(changed, around())
    assert same == (effect(config) == effect(changed))


# -- shown whole and harmless ---------------------------------------------------------------------


def facts(lines: plan.Lines) -> list[object]:
    """What the references of a plan are given, read back."""
    given = (line.partition(": ")[2].partition(" ") for line in lines)
    return [json.loads(value) for kind, _, value in given if kind in ("file", "command")]


@settings(deadline=None)
@given(argv=st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=3))
def test_whatever_is_in_a_reference_is_shown_whole_and_in_plain_ascii(argv: list[str]) -> None:
    """No escape sequence, mark from right to left or look-alike hides a part of it."""
    profile = config_of(MINIMAL).profiles[0]
    config = Config(
        "/project/tastyauth.yaml",
        (profile._replace(client_secret=File(argv[0]), refresh_token=Command(tuple(argv))),),
        None,
    )
    lines = plan.lines(config, around())
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert facts(lines) == [argv[0], argv]


@for_each(
    ("argument", "shown"),
    [
        ('"a\\u202eb"', "a\\u202eb"),  # from right to left
        ('"a\\u200bb"', "a\\u200bb"),  # of no width
        ('"\\u0430pi"', "\\u0430pi"),  # a Cyrillic letter that looks like another
        ('"a\\nb"', "a\\nb"),
        ('"a   b"', "a\\u0020\\u0020\\u0020b"),  # as wide as one likes
        ("'a\\x1b[2Kb'", "a\\\\x1b[2Kb"),
    ],
)
def test_odd_arguments_are_spelled_out(argument: str, shown: str) -> None:
    lines = plan_of(MINIMAL.replace("[vault, read, tt]", f"[vault, {argument}]"))
    assert any(f'["vault", "{shown}"]' in line for line in lines)


def test_a_program_with_an_odd_name_is_spelled_out(programs: Path) -> None:
    """The name of a directory on PATH can be anything."""
    odd = programs / "a\x1b[2K\u202eb"
    install(odd / "vault")
    lines = plan_of(MINIMAL, around(odd))
    assert all(line.isascii() and line.isprintable() for line in lines)
    runs = next(line for line in lines if "runs: " in line)
    assert json.loads(runs.partition("runs: ")[2]) == str(odd / "vault")


# -- what a project file may never do -------------------------------------------------------------


def refusal(config: Config, surroundings: Surroundings | None = None) -> ConfigNotAllowed:
    with pytest.raises(ConfigNotAllowed) as caught:
        plan.refuse_outlaws(config, surroundings or around())
    assert caught.value.exit_code == 78
    assert caught.value.hint
    return caught.value


def at(url: str) -> Config:
    return config_of(MINIMAL.replace("sandbox", f"custom\n    api_url: {url}"))


@for_each(
    "url",
    [
        *words("https://evil.example https://evil.example:443 https://localhost.evil.example"),
        *words("https://127.0.0.1.evil.example:8000 https://10.0.0.1 https://[2001:db8::1]:8000"),
        "https://[::1:0]",
    ],
)
def test_a_project_file_sends_to_no_host_of_its_choosing(url: str) -> None:
    error = refusal(at(url))
    assert url in error.message
    assert "--config /project/tastyauth.yaml" in error.hint


@for_each(
    "url",
    [
        *words("http://127.0.0.1 http://127.0.0.1:8000 http://localhost http://localhost:8000"),
        *words("https://localhost:8443 http://[::1]:8000 http://[::1]"),
    ],
)
def test_a_project_file_may_use_this_machine(url: str) -> None:
    plan.refuse_outlaws(at(url), around())


def test_a_project_file_shares_through_no_other_machine() -> None:
    shared = "    shared: {{ valkey: {{ url: {} }} }}\n"
    error = refusal(config_of(MINIMAL + shared.format("valkeys://192.0.2.1")))
    assert error.message.endswith("shares tokens through another machine: valkeys://192.0.2.1")
    plan.refuse_outlaws(config_of(MINIMAL + shared.format("valkey://127.0.0.1")), around())


@for_each("environment", ENVIRONMENTS)
def test_a_project_file_may_use_the_brokers_hosts(environment: str) -> None:
    plan.refuse_outlaws(config_of(MINIMAL.replace("sandbox", environment)), around())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository whose config lies in a directory of its own."""
    (tmp_path / "repo/.git").mkdir(parents=True)
    (tmp_path / "repo/conf").mkdir()
    (tmp_path / "repo/conf/tastyauth.yaml").touch()
    install(tmp_path / "repo/bin/vault")
    install(tmp_path / "bin/tool")
    return tmp_path


PLACES_OF_A_PROGRAM = [
    "client_id: {reference}",
    "client_secret: {reference}",
    "refresh_token: {reference}",
    "refresh_token: {{ first_of: [{{ env: A }}, {reference}] }}",
]


def running(project: Path, program: str, place: str = PLACES_OF_A_PROGRAM[1]) -> Config:
    line = place.format(reference=f"{{ command: ['{program}', x] }}")
    key = line.partition(":")[0]
    text = re.sub(rf"{key}: .*", lambda _: line, MINIMAL.replace("[vault, read, tt]", "[cat]"))
    return config_of(text, f"{project}/repo/conf/tastyauth.yaml")


@pytest.mark.parametrize("place", PLACES_OF_A_PROGRAM)
def test_a_program_of_the_project_is_refused(project: Path, place: str) -> None:
    program = f"{project}/repo/bin/vault"
    error = refusal(running(project, program, place))
    assert "live" in error.message
    assert program in error.message


def test_a_program_of_the_project_is_refused_on_the_path_too(project: Path) -> None:
    """Whether PATH names the directory of the project, or a link to it."""
    os.symlink(project / "repo/bin", project / "linked")
    for directory in (project / "repo/bin", project / "linked"):
        error = refusal(running(project, "vault"), around(directory))
        assert "vault" in error.message


def test_a_link_to_a_program_of_the_project_is_refused(project: Path) -> None:
    os.symlink(project / "repo/bin/vault", project / "bin/vault")
    refusal(running(project, f"{project}/bin/vault"))
    refusal(running(project, "vault"), around(project / "bin"))


def test_a_link_in_the_project_is_refused_wherever_it_leads(project: Path) -> None:
    """The next pull can turn it."""
    os.symlink("/bin/sh", project / "repo/bin/sh")
    refusal(running(project, f"{project}/repo/bin/sh"))


def test_a_preset_is_a_program_too(project: Path) -> None:
    install(project / "repo/bin/pass")
    config = config_of(
        MINIMAL.replace("command: [vault, read, tt]", "pass: brokers/tastytrade"),
        f"{project}/repo/conf/tastyauth.yaml",
    )
    refusal(config, around(project / "repo/bin"))


@pytest.mark.parametrize("name", ["conf", "X", "a "])
def test_without_version_control_the_project_may_begin_one_directory_up(
    tmp_path: Path, name: str
) -> None:
    """As in an archive that was unpacked; two directories up may be anything."""
    install(tmp_path / "tree" / name / "bin/vault")
    install(tmp_path / "tree/bin/vault")
    install(tmp_path / "bin/vault")
    for place in (f"tree/{name}", "tree"):
        text = MINIMAL.replace("vault", f"{tmp_path}/{place}/bin/vault")
        refusal(config_of(text, f"{tmp_path}/tree/{name}/tastyauth.yaml"))
    text = MINIMAL.replace("vault", f"{tmp_path}/bin/vault")
    plan.refuse_outlaws(config_of(text, f"{tmp_path}/tree/{name}/tastyauth.yaml"), around())


def test_ones_home_directory_and_what_is_above_it_are_no_project(tmp_path: Path) -> None:
    """`~/bin` is fine for `~/project/tastyauth.yaml`, also where dotfiles are kept in git."""
    for directory in ("", "home/me", "home/me/project"):
        (tmp_path / directory / ".git").mkdir(parents=True)
    install(tmp_path / "home/me/bin/vault")
    text = MINIMAL.replace("vault", f"{tmp_path}/home/me/bin/vault")
    for path in ("project/tastyauth.yaml", "unpacked/tastyauth.yaml"):
        config = config_of(text, f"{tmp_path}/home/me/{path}")
        around_me = around(home=f"{tmp_path}/home/me")
        if path.startswith("project"):
            plan.refuse_outlaws(config, around_me)
        else:  # a config that the dotfiles themselves came with
            refusal(config, around_me)


@pytest.mark.parametrize("directory", ["/opt", "/usr/local", "/not-there", "{sticky}"])
def test_what_many_things_lie_in_is_no_unpacked_tree(tmp_path: Path, directory: str) -> None:
    (tmp_path / "sticky").mkdir()
    os.chmod(tmp_path / "sticky", 0o1777)
    directory = directory.replace("{sticky}", f"{tmp_path}/sticky")
    program = f"{tmp_path}/sticky/bin/vault" if "sticky" in directory else "/bin/sh"
    install(tmp_path / "sticky/bin/vault")
    config = config_of(MINIMAL.replace("vault", program), f"{directory}/project/tastyauth.yaml")
    plan.refuse_outlaws(config, around())
    directory = os.path.realpath(directory)
    assert plan._projects_of(config.path, "/home/me") == {f"{directory}/project"}


@pytest.mark.parametrize("mark", plan._VERSION_CONTROL)
def test_a_tree_of_any_version_control_is_a_project(tmp_path: Path, mark: str) -> None:
    install(tmp_path / "tree/bin/vault")
    (tmp_path / "tree" / mark).mkdir()
    text = MINIMAL.replace("vault", f"{tmp_path}/tree/bin/vault")
    refusal(config_of(text, f"{tmp_path}/tree/a/b/c/tastyauth.yaml"))


@pytest.mark.parametrize("program", ["tree/bin/vault", "tree/inner/vault"])
def test_the_tree_around_a_submodule_is_the_project_too(tmp_path: Path, program: str) -> None:
    install(tmp_path / program)
    (tmp_path / "tree/.git").mkdir(exist_ok=True, parents=True)
    (tmp_path / "tree/inner/deep").mkdir(parents=True)
    (tmp_path / "tree/inner/.git").write_text("gitdir: ../.git/modules/inner")
    text = MINIMAL.replace("vault", f"{tmp_path}/{program}")
    refusal(config_of(text, f"{tmp_path}/tree/inner/deep/tastyauth.yaml"))


@pytest.mark.parametrize("place", ["", "bin", "bin/vault"])
def test_a_program_that_somebody_else_could_replace_is_refused(tmp_path: Path, place: str) -> None:
    install(tmp_path / "elsewhere/bin/vault")
    config = config_of(MINIMAL, f"{tmp_path}/project/tastyauth.yaml")
    surroundings = around(tmp_path / "elsewhere/bin")
    plan.refuse_replaceable(config, surroundings)
    os.chmod(tmp_path / "elsewhere" / place, 0o777)
    with pytest.raises(ConfigNotAllowed) as caught:
        plan.refuse_replaceable(config, surroundings)
    assert f"{tmp_path}/elsewhere/bin/vault" in caught.value.message
    assert "can be written by everybody" in caught.value.message
    assert "chmod go-w" in caught.value.hint


def test_of_a_config_in_the_root_directory_every_program_is_one_of_the_project() -> None:
    refusal(config_of(MINIMAL.replace("vault", "/bin/sh"), "/tastyauth.yaml"))


def test_a_program_from_elsewhere_is_no_program_of_the_project(project: Path) -> None:
    install(project / "repository/vault")  # a longer name that begins alike
    for program in (f"{project}/bin/tool", f"{project}/repository/vault", "/bin/sh"):
        plan.refuse_outlaws(running(project, program), around())
    # nor is one that is not here: when it comes, the plan changes
    plan.refuse_outlaws(running(project, "vault"), around("/nowhere"))


@pytest.mark.parametrize("program", ["other/vault", "repo/bin/vault"])
def test_a_config_that_is_a_link_is_of_the_project_it_lies_in_and_of_that_it_leads_to(
    project: Path, program: str
) -> None:
    install(project / "other/vault")
    os.rename(project / "repo/conf/tastyauth.yaml", project / "other/tastyauth.yaml")
    os.symlink(project / "other/tastyauth.yaml", project / "repo/conf/tastyauth.yaml")
    refusal(running(project, f"{project}/{program}"))
