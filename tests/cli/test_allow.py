"""`tastyauth allow` and `deny` as they are typed: the plan is seen, and only a yes is recorded."""

import os
import re
import stat

import pexpect
import pytest
from allowing import allow, ended, records, terminal
from world import CONFIG, UNSET_NAMES, Completed, World, profile_named

pytestmark = pytest.mark.warm

FAILED = f"unset {' '.join(UNSET_NAMES)};! :;(exit 78);\n"


@pytest.fixture
def project(world: World) -> str:
    """A config in the project, found from there; its path."""
    return world.configure(directory=world.project)


def refused(done: Completed, path: str) -> None:
    """As somebody who evals it sees it: stopped, with a hint, and without a token."""
    assert done.code == 78
    assert done.out == FAILED
    assert re.search(rf"^tastyauth: hint: .*tastyauth allow {re.escape(path)}$", done.err, re.M)


# -- before and after -----------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["env"], ["token"], ["exec", "--", "true"], ["status"]])
def test_until_it_is_allowed_a_found_config_is_inert(
    world: World, project: str, command: list[str]
) -> None:
    ran = world.script("source", f"touch {world.root}/ran; echo secret")
    world.configure(
        CONFIG.replace("file: live.client-secret", f"command: [{ran}]"), directory=world.project
    )
    done = world.run(*command)
    assert done.code == 78
    assert "tastyauth allow" in done.err
    assert done.out == (FAILED if command == ["env"] else "")
    assert not os.path.exists(f"{world.root}/ran")
    assert world.simulator.token_requests == 0


def test_a_yes_is_recorded_and_the_config_works(world: World, project: str) -> None:
    refused(world.run("env"), project)
    code, _, said = allow(world, "y")
    assert (code, said.strip().splitlines()[-1]) == (0, "tastyauth: allowed")
    [record] = records(world)
    path = f"{world.home}/.local/state/tastyauth/allowed/{record}"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    done = world.run("env")
    assert done.code == 0
    assert "export TASTYTRADE_ACCESS_TOKEN=" in done.out


def test_the_plan_is_shown_before_the_question(world: World, project: str) -> None:
    _, shown, _ = allow(world, "n")
    lines = shown.splitlines()
    assert lines[0] == f"tastyauth: {project} would do this:"
    assert all(line.startswith("tastyauth: ") for line in lines)
    for fact in (
        "default profile: live",
        "profile live: custom",
        f"token endpoint: {world.simulator.origin}/oauth/token",
        f"client_id: {world.simulator.application.client_id}",
        f'client_secret: file "{world.project}/live.client-secret"',
        f'refresh_token: file "{world.project}/live.refresh-token"',
        "exports TASTYTRADE_ACCESS_TOKEN: access_token",
    ):
        assert fact in shown


@pytest.mark.parametrize("answer", ["", "no", "yess\nn", "\x04"])
def test_anything_but_a_yes_records_nothing(world: World, project: str, answer: str) -> None:
    """Return alone and the end of input among them."""
    code, _, said = allow(world, answer)
    assert code == 78
    assert "not approved" in said
    assert records(world) == []


@pytest.mark.parametrize("answer", ["Y", "yes", " y "])
def test_a_yes_may_be_spelled_as_one_likes(world: World, project: str, answer: str) -> None:
    assert allow(world, answer)[0] == 0
    assert len(records(world)) == 1


def test_an_interrupt_records_nothing(world: World, project: str) -> None:
    with terminal(world, "allow") as child:
        child.expect_exact("[y/N] ")
        for _ in range(5):  # one that comes just before the read begins is seen with the next
            child.sendintr()
            if child.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=5) == 0:
                break
        child.close()
    assert child.exitstatus == 130
    assert records(world) == []


def test_a_config_can_be_named(world: World, project: str) -> None:
    assert allow(world, "y", project)[0] == 0
    assert allow(world, "y", "tastyauth.yaml")[0] == 0
    assert len(records(world)) == 1
    assert world.run("env").code == 0


def test_what_a_variable_names_can_be_allowed(world: World) -> None:
    path = world.configure(directory=f"{world.root}/elsewhere")
    refused(world.run("env", TASTYAUTH_CONFIG=path), path)
    assert allow(world, "y", TASTYAUTH_CONFIG=path)[0] == 0
    assert world.run("env", TASTYAUTH_CONFIG=path).code == 0
    assert world.run("token", TASTYAUTH_CONFIG=path).code == 0


def test_ones_own_config_needs_no_approval(world: World) -> None:
    with terminal(world, "allow") as child:
        code, said = ended(child)
    assert code == 0
    assert "needs no approval" in said
    assert records(world) == []


# -- again ----------------------------------------------------------------------------------------


def test_the_second_time_the_difference_is_shown(world: World, project: str) -> None:
    allow(world, "y")
    world.configure(CONFIG + "    user_agent: bot/1\n    timeout: 20\n", directory=world.project)
    refused(world.run("env"), project)
    allow(world, "y")
    world.configure(CONFIG + "    timeout: 30\n", directory=world.project)
    refused(world.run("env"), project)
    _, shown, _ = allow(world, "y")
    lines = [line.removeprefix("tastyauth: ") for line in shown.splitlines()]
    assert "-   timeout: 20.0 s" in lines
    assert "+   timeout: 30.0 s" in lines
    assert "-   user agent: bot/1" in lines
    assert "  default profile: live" in lines  # what stays is there, too
    assert not any(line.startswith("?") for line in lines)
    assert world.run("env").code == 0
    assert len(records(world)) == 3


def test_what_one_profile_loses_is_not_found_again_in_another(world: World, project: str) -> None:
    allow(world, "y")
    prod = profile_named("prod")
    exports = "    exports: {{ TOKEN: access_token }}\n"
    world.configure(f"default_profile: live\n{CONFIG}{exports}{prod}", directory=world.project)
    _, shown, _ = allow(world, "y")
    lines = [line.removeprefix("tastyauth: ") for line in shown.splitlines()]
    lost = lines.index("-   exports TASTYTRADE_ACCESS_TOKEN: access_token")
    assert lost < lines.index("+ profile prod: custom")
    assert "+   exports TASTYTRADE_ACCESS_TOKEN: access_token" in lines


def test_a_comment_needs_no_new_approval(world: World, project: str) -> None:
    allow(world, "y")
    world.configure("# a comment\n" + CONFIG, directory=world.project)
    assert world.run("env").code == 0


def test_another_program_of_that_name_needs_a_new_approval(world: World, project: str) -> None:
    """The one on PATH changes, and not a byte of the config."""
    world.script("source", f"cat {world.project}/live.client-secret")
    text = CONFIG.replace("file: live.client-secret", "command: [source]")
    world.configure(text, directory=world.project)
    allow(world, "y")
    assert world.run("token", "--refresh").code == 0
    os.mkdir(f"{world.root}/first")
    os.symlink(f"{world.home}/bin/source", f"{world.root}/first/source")
    done = world.run("token", "--refresh", PATH=f"{world.root}/first:{world.environ['PATH']}")
    assert done.code == 78


def test_what_is_denied_is_inert_again(world: World, project: str) -> None:
    allow(world, "y")
    assert world.run("env").code == 0
    done = world.run("deny")
    assert (done.code, done.out) == (0, "")
    assert f"removed 1 approval of {project}" in done.err
    refused(world.run("env"), project)
    assert records(world) == []
    assert "0 approvals" in world.run("deny").err


def test_an_approval_that_cannot_be_forgotten_is_reported(world: World, project: str) -> None:
    allow(world, "y")
    [record] = records(world)
    path = f"{world.home}/.local/state/tastyauth/allowed/{record}"
    os.unlink(path)
    os.mkdir(path)
    done = world.run("deny")
    assert (done.code, done.out) == (78, "")
    assert "the approval cannot be removed: " in done.err


def test_a_config_that_is_gone_can_be_denied(world: World, project: str) -> None:
    allow(world, "y")
    os.unlink(project)
    assert "1 approval" in world.run("deny", "tastyauth.yaml").err
    assert records(world) == []


def test_a_failure_of_a_config_that_is_not_allowed_unsets_the_default_names(
    world: World, project: str
) -> None:
    """An untrusted file chooses no names; once it is allowed, its own are unset too."""
    text = CONFIG + "    exports: {{ BOT_TOKEN: access_token }}\n"
    world.configure(text, directory=world.project)
    refused(world.run("env"), project)
    allow(world, "y")
    names = ("BOT_TOKEN", *sorted(UNSET_NAMES), "TASTYAUTH_HOOK")
    assert world.run("env", "-p", "nobody").out == f"unset {' '.join(names)};! :;(exit 2);\n"


# -- without a terminal ---------------------------------------------------------------------------


@pytest.mark.parametrize("variables", [{}, {"CI": "true"}, {"TASTYAUTH_NON_INTERACTIVE": "1"}])
def test_without_a_terminal_nothing_is_asked(
    world: World, project: str, variables: dict[str, str]
) -> None:
    done = world.run("allow", given="y\n", **variables)
    assert (done.code, done.out) == (78, "")
    assert f"tastyauth allow --print {project}" in done.err
    assert "TASTYAUTH_TRUST_SHA256" in done.err
    assert records(world) == []


@pytest.mark.parametrize("variable", ["CI", "TASTYAUTH_NON_INTERACTIVE"])
def test_in_ci_a_terminal_is_none(world: World, project: str, variable: str) -> None:
    with terminal(world, "allow", **{variable: "1"}) as child:
        code, said = ended(child)
    assert code == 78
    assert "TASTYAUTH_TRUST_SHA256" in said


def printed_hash(world: World) -> str:
    done = world.run("allow", "--print")
    assert (done.code, done.err) == (0, "")
    found = re.search(r"^sha256: ([0-9a-f]{64})$", done.out, re.M)
    assert found
    return found[1]


def test_the_plan_and_its_hash_can_be_printed(world: World, project: str) -> None:
    done = world.run("allow", "--print")
    assert done.out.startswith("default profile: live\nprofile live: custom\n")
    assert done.out.endswith(f"sha256: {printed_hash(world)}\n")
    assert done.out == world.run("allow", "--print", project).out
    assert records(world) == []
    assert world.simulator.token_requests == 0


def test_the_hash_allows_a_run_without_a_terminal(world: World, project: str) -> None:
    right = printed_hash(world)
    done = world.run("env", TASTYAUTH_TRUST_SHA256=right)
    assert done.code == 0
    other = world.run("env", TASTYAUTH_TRUST_SHA256="0" * 64)
    assert (other.code, other.out) == (78, FAILED)
    assert "$TASTYAUTH_TRUST_SHA256 is for another plan" in other.err
    assert other.err.endswith(f"the hash at its end: tastyauth allow --print {project}\n")
    refused(world.run("env"), project)  # not even the cached token is handed out
    assert world.run("env", TASTYAUTH_TRUST_SHA256=right).out == done.out
    assert records(world) == []


def test_at_a_terminal_the_hash_does_not_count(world: World, project: str) -> None:
    with terminal(world, "token", TASTYAUTH_TRUST_SHA256=printed_hash(world)) as child:
        code, said = ended(child)
    assert code == 78
    assert f"tastyauth allow {project}" in said


# -- what must not be -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{origin}", "https://evil.example", "sends secrets to https://evil.example"),
        ("file: live.client-secret", "command: ['{project}/x']", "runs a program from the project"),
    ],
)
def test_what_goes_too_far_is_not_even_asked(world: World, old: str, new: str, said: str) -> None:
    program = world.write("project/x", "#!/bin/sh\n", mode=0o700)
    text = CONFIG.replace(old, new.replace("{project}/x", program))
    path = world.configure(text, directory=world.project)
    for words in (["allow", path], ["allow", "--print"], ["token"]):
        with terminal(world, *words) as child:
            code, shown = ended(child)
        assert code == 78
        assert said in shown
        assert "[y/N]" not in shown
    done = world.run("token", TASTYAUTH_TRUST_SHA256="0" * 64)
    assert said in done.err


def test_an_odd_config_cannot_steer_the_terminal(world: World) -> None:
    text = CONFIG.replace(
        "file: live.client-secret", 'command: [printf, "a\\u202eb", "c\\td", "e\\u200bf"]'
    )
    world.configure(text, directory=world.project)
    _, shown, _ = allow(world, "n")
    assert '["printf", "a\\u202eb", "c\\td", "e\\u200bf"]' in shown
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert shown.isascii()


def test_an_odd_directory_cannot_steer_the_terminal(world: World) -> None:
    """It is part of a project that somebody else has made."""
    directory = f"{world.root}/a\x1b[8mb"
    path = world.configure(directory=directory)
    _, shown, _ = allow(world, "n", path)
    assert "\x1b" not in shown


def test_what_was_judged_is_what_is_recorded(world: World, project: str) -> None:
    """The file is swapped while the question is open."""
    with terminal(world, "allow") as child:
        child.expect_exact("[y/N] ")
        world.configure(CONFIG + "    timeout: 20\n", directory=world.project)
        child.sendline("y")
        assert ended(child)[0] == 0
    refused(world.run("env"), project)
    world.configure(directory=world.project)
    assert world.run("env").code == 0


def test_what_was_shown_is_what_is_recorded(world: World, project: str) -> None:
    """A program appears first on the PATH while the question is open."""
    world.script("source", f"cat {world.project}/live.client-secret")
    text = CONFIG.replace("file: live.client-secret", "command: [source]")
    world.configure(text, directory=world.project)
    os.mkdir(f"{world.root}/first")
    path = f"{world.root}/first:{world.environ['PATH']}"
    with terminal(world, "allow", PATH=path) as child:
        child.expect_exact("[y/N] ")
        world.write("first/source", "#!/bin/sh\necho other-secret\n", mode=0o700)
        child.sendline("y")
        ended(child)
    assert world.run("env", PATH=path).code == 78


def test_what_was_judged_is_what_runs(world: World, project: str) -> None:
    """The file is swapped between the look at it and its use; nothing goes to the other host."""
    swap = world.script("swap", f"cp {world.root}/other.yaml {project}; cat {world.project}/secret")
    world.write("project/secret", world.client_secret)
    text = CONFIG.replace("file: live.client-secret", f"command: ['{swap}']")
    world.configure(text, directory=world.project)
    with open(project, encoding="utf-8") as file:
        swapped = file.read().replace(world.simulator.origin, "http://127.0.0.1:1")
    world.write("other.yaml", swapped)
    allow(world, "y")
    done = world.run("env")
    assert done.code == 0
    assert f"export TASTYTRADE_API_URL={world.simulator.origin}&&" in done.out
    refused(world.run("env"), project)  # what lies there now is another config


def test_a_record_that_cannot_be_used_is_no_obstacle(world: World, project: str) -> None:
    """As a backup may have left it."""
    allow(world, "y")
    [record] = records(world)
    os.chmod(f"{world.home}/.local/state/tastyauth/allowed/{record}", 0o644)
    refused(world.run("env"), project)
    with terminal(world, "allow") as child:
        child.expect_exact("allow it? [y/N] ")


def test_an_approval_that_cannot_be_recorded_is_reported(world: World, project: str) -> None:
    code, _, said = allow(world, "y", XDG_STATE_HOME="/proc/self/nowhere")
    assert code == 78
    assert "cannot be recorded" in said


def test_the_way_that_is_named_for_an_exposed_file_leads_there(world: World) -> None:
    """A custom host is the user's own business in a file that the user names."""
    path = world.configure(
        CONFIG.replace("{origin}", "https://broker.example"), directory=f"{world.root}/shared"
    )
    os.chmod(path, 0o666)
    done = world.run("status", "--config", path)
    assert done.code == 78
    assert world.shell(done.err.partition("hint: ")[2]).code == 0
    assert world.run("status", "--config", path).code == 0


def test_being_in_ones_own_directory_changes_nothing(world: World) -> None:
    """Where the config is edited, it is also tried."""
    done = world.shell(f"cd {world.config_directory} && tastyauth env")
    assert done.code == 0


def test_the_hash_of_one_profile_serves_it_and_no_other(world: World) -> None:
    """With a cached token too, and where the one that is meant must be named."""
    paper = CONFIG.partition("  live:")[2]
    world.configure(f"{CONFIG}  paper:{paper}", directory=world.project)
    printed = world.run("allow", "--print", "-p", "live").out
    assert printed.startswith("profile live: custom\n")
    assert "paper" not in printed
    given = {"TASTYAUTH_TRUST_SHA256": printed.rpartition("sha256: ")[2].strip()}
    for _ in range(2):
        done = world.run("token", "-p", "live", **given)
        assert (done.code, done.out[:3]) == (0, "eyJ")
        assert world.run("token", "-p", "paper", **given).code == 78
        assert world.run("token", **given).code in (2, 78)
    assert world.simulator.exchanges == 1
    assert world.run("allow", "--print", "-p", "nobody").code == 2
