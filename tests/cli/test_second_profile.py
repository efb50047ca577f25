"""`init` where there is a config: a profile more, all else as it was; or what is missing."""

import json
import os
import stat
from collections.abc import Iterator

import pytest
from allowing import allow
from sitting import SECRET, STORE, TOKEN, answer_all, custom, everything, holding, sitting
from world import CONFIG, World

from tastyauth.simulator import Simulator

pytestmark = pytest.mark.warm

NEW = "-p paper --environment custom --api-url {url} --client-id {id} --store file"

COMMENTED = """\
# mine   \n\
version: 1

profiles: # all of them

    # the one that earns
    live:
        environment: custom
        api_url: {origin}
        client_id: "{client_id}"
        client_secret:
            file: live.client-secret
        refresh_token: {{ file: live.refresh-token }}   # beside this file
    # the end"""

FORMS = {
    "as init writes it": CONFIG,
    "commented, four deep, no last line end": COMMENTED,
    "Windows": CONFIG.replace("\n", "\r\n"),
    "a default profile": CONFIG + "default_profile: live\n",
    "a default profile first": "default_profile: live\n" + CONFIG,
    "a document mark": "---\n" + CONFIG,
    "quoted keys": CONFIG.replace("profiles:", '"profiles":').replace("  live:", '  "live":'),
}


def run_init(world: World, words: str = NEW, **variables: str) -> tuple[int, str]:
    application = world.simulator.application
    filled = words.format(url=world.simulator.origin, id=application.client_id)
    given = f"{world.client_secret}\n{world.refresh_token}\n"
    done = world.run("init", *filled.split(), given=given, **variables)
    return done.code, done.err


def content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def write(world: World, form: str) -> bytes:
    """Puts a form of the config in place, bytes as they are."""
    application = world.simulator.application
    text = form.format(origin=world.simulator.origin, client_id=application.client_id)
    with open(world.config, "wb") as file:
        file.write(text.encode())
    return text.encode()


def without(lines: bytes, new: bytes) -> bytes:
    """What is left of `new` when the lines that were put in are taken out again."""
    rest: Iterator[bytes] = iter(lines.splitlines(keepends=True))
    expected = next(rest, None)
    kept = b""
    for line in new.splitlines(keepends=True):
        if line == expected:
            kept += line
            expected = next(rest, None)
    return kept


# -- a profile more -------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_a_profile_is_added_and_every_other_byte_is_left(form: str, world: World) -> None:
    before = write(world, form)
    code, said = run_init(world)
    assert code == 0, said
    assert said.endswith("next, type: eval $(tastyauth env -p paper)\n")
    after = content(world.config)
    assert without(before, after) == before
    added = len(after.splitlines()) - len(before.splitlines())
    assert added == (7 if b"default_profile" in before else 8)
    assert (b"\r\n" in before) == (after.count(b"\r\n") == after.count(b"\n"))
    assert world.run("validate", world.config).code == 0
    assert json.loads(world.run("env", "--format", "json").out)["profile"] == "live"
    assert world.run("env", "-p", "paper").code == 0


def test_it_is_added_in_a_sitting_too(world: World) -> None:
    before = content(world.config)
    with sitting(world, "init", "-p", "paper", *custom(world)) as it:
        answer_all(it, world)
        it.expect(
            "this adds default_profile to the config: which profile should be used without -p?"
        )
        it.answer("default_profile (live, paper) [live]: ", "")
        it.expect("next, type: eval $(tastyauth env -p paper)")
        assert it.end() == 0
    assert without(before, content(world.config)) == before
    assert world.shell("eval $(tastyauth env -p paper)").code == 0


def test_the_new_profile_may_become_the_one_that_is_meant_without_a_name(world: World) -> None:
    with sitting(world, "init", "-p", "paper", *custom(world)) as it:
        answer_all(it, world)
        it.answer("default_profile (live, paper) [live]: ", "Paper ")
        it.expect("next, type: eval $(tastyauth env)\r")
        assert it.end() == 0
    assert json.loads(world.run("env", "--format", "json").out)["profile"] == "paper"


def test_the_profile_may_be_named_by_the_variable(world: World) -> None:
    code, said = run_init(world, NEW.replace("-p paper ", ""), TASTYAUTH_PROFILE="paper")
    assert (code, "profile paper" in said) == (0, True)


def test_a_config_that_is_a_link_stays_one(world: World) -> None:
    dotfiles = f"{world.home}/dotfiles.yaml"
    os.rename(world.config, dotfiles)
    os.symlink(dotfiles, world.config)
    assert run_init(world)[0] == 0
    assert os.path.islink(world.config)
    assert b"paper" in content(dotfiles)


BRACES = """\
version: 1
profiles: {{ live: {{ environment: custom, api_url: "{origin}", client_id: {client_id},
  client_secret: {{ file: live.client-secret }}, refresh_token: {{ file: live.refresh-token }} }} }}
"""


@pytest.mark.parametrize(
    "form", [BRACES, BRACES.replace("profiles: {{ live", "profiles:\n  {{ live")]
)
def test_where_no_line_can_be_added_nothing_is_asked(form: str, world: World) -> None:
    before = write(world, form)
    with sitting(world, "init", "-p", "paper", *custom(world)) as it:
        it.expect("are in braces")
        assert it.end() == 78
    assert "client ID:" not in it.shown
    assert content(world.config) == before


def test_an_invalid_config_is_reported_before_anything_is_asked(world: World) -> None:
    world.write(world.config, "version: 2\n")
    with sitting(world, "init", "-p", "paper") as it:
        it.expect("tastyauth validate")
        assert it.end() == 78


# -- what is missing ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missing", "asked", "not_asked"),
    [("live.refresh-token", TOKEN, SECRET), ("live.client-secret", SECRET, TOKEN)],
)
def test_only_what_does_not_resolve_is_asked_for(
    world: World, missing: str, asked: str, not_asked: str
) -> None:
    before = everything(world.config_directory)
    path = f"{world.config_directory}/{missing}"
    with open(path, encoding="utf-8") as file:
        value = file.read()
    os.unlink(path)
    with sitting(world, "init") as it:
        it.answer(asked, value)
        it.expect(f"~/.config/tastyauth/{missing}")
        it.expect("next, type: eval $(tastyauth env)")
        assert it.end() == 0
    for question in (not_asked, STORE, "client ID"):
        assert question not in it.shown
    assert {**everything(world.config_directory), path: value.encode()} == before
    assert world.run("env").code == 0


def test_a_complete_profile_asks_nothing(world: World) -> None:
    before = everything(world.home)
    done = world.run("init")
    assert (done.code, "profile live is complete" in done.err) == (0, True)
    assert "tastyauth init -p NAME" in done.err
    assert everything(world.home) == before
    assert world.simulator.token_requests == 0


@pytest.mark.parametrize(
    "words",
    [
        "--environment production",
        "--client-id 11111111-2222-4333-8444-555555555555",
        "-p live --store pass",
        "--environment custom --api-url http://127.0.0.1:1",
        "--from {root}/.env",
    ],
)
def test_flags_that_contradict_the_profile_are_not_ignored(world: World, words: str) -> None:
    world.write(f"{world.root}/.env", f"TT_SECRET={world.client_secret}\n")
    before = everything(world.home)
    done = world.run("init", *words.format(root=world.root).split())
    assert (done.code, "is left alone" in done.err) == (2, True)
    assert "tastyauth secret set -p live" in done.err
    assert everything(world.home) == before


def test_flags_that_say_the_same_may_be_given_again(world: World) -> None:
    """As somebody who sets up machines does each time."""
    client_id = world.simulator.application.client_id
    flags = (*custom(world), "--client-id", client_id, "--store", "file")
    assert world.run("init", "-p", "live", *flags).code == 0


def test_the_mode_of_an_existing_config_is_kept(world: World) -> None:
    """As the machine's own in /etc, which all of its users read."""
    os.chmod(world.config, 0o644)
    os.rename(f"{world.config_directory}/tastyauth.yaml", f"{world.root}/real.yaml")
    os.symlink(f"{world.root}/real.yaml", world.config)
    schema = f"{world.config_directory}/tastyauth.schema.json"
    world.write(f"{world.root}/schema.json", "{}")
    os.chmod(f"{world.root}/schema.json", 0o640)
    os.symlink(f"{world.root}/schema.json", schema)
    assert run_init(world, NEW)[0] == 0
    assert stat.S_IMODE(os.stat(f"{world.root}/real.yaml").st_mode) == 0o644
    assert stat.S_IMODE(os.stat(f"{world.root}/schema.json").st_mode) == 0o640
    assert os.path.islink(world.config)
    assert os.path.islink(schema)


def test_what_cannot_be_stored_comes_with_what_to_type(world: World) -> None:
    world.configure(CONFIG.replace("file: live.refresh-token", "env: TT_REFRESH"))
    done = world.run("init", given=f"{world.refresh_token}\n")
    assert done.code == 69
    assert "read -rs TT_REFRESH && export TT_REFRESH" in done.err


def test_a_missing_client_id_is_reported_before_a_secret_is_asked_for(world: World) -> None:
    world.configure(CONFIG.replace("client_id: {client_id}", "client_id: {{ env: TT_ID }}"))
    os.unlink(f"{world.config_directory}/live.refresh-token")
    with sitting(world, "init") as it:
        it.expect("env TT_ID is not set")
        assert it.end() == 69
    assert TOKEN not in it.shown


# -- whose config it is ---------------------------------------------------------------------------

STRANGE = CONFIG.replace("file: live.client-secret", "command: [sh, -c, 'touch {{ran}}; echo x']")


@pytest.fixture
def strange(world: World) -> str:
    """A config of somebody else: it runs a program, and would be sent the secrets."""
    path = f"{world.project}/tastyauth.yaml"
    text = STRANGE.replace("{{ran}}", f"{world.root}/ran")
    return world.configure(text, directory=os.path.dirname(path))


@pytest.mark.parametrize("words", ["", NEW])
def test_a_config_named_by_a_variable_does_nothing_before_it_is_allowed(
    world: World, strange: str, words: str
) -> None:
    """Any .env that is loaded can set the variable."""
    before = content(strange)
    code, said = run_init(world, words, TASTYAUTH_CONFIG=strange)
    assert (code, f"tastyauth allow {strange}" in said) == (78, True)
    assert content(strange) == before
    assert not os.path.exists(f"{world.root}/ran")
    assert world.simulator.token_requests == 0


def test_adding_a_profile_approves_none_of_the_others(world: World, strange: str) -> None:
    code, said = run_init(world, f"--config {strange} {NEW}")
    assert code == 0
    assert said.endswith(f"next, type: eval $(tastyauth env --config {strange} -p paper)\n")
    assert world.run("env").code == 78
    assert not os.path.exists(f"{world.root}/ran")


def test_what_was_approved_stays_so_with_a_profile_more(world: World, strange: str) -> None:
    plan = world.run("allow", "--print", strange).out
    trusted = plan.rpartition("sha256: ")[2].strip()
    code, said = run_init(world, NEW, TASTYAUTH_CONFIG=strange, TASTYAUTH_TRUST_SHA256=trusted)
    assert code == 0, said
    assert said.endswith("next, type: eval $(tastyauth env -p paper)\n")
    assert world.run("env", "-p", "paper", TASTYAUTH_CONFIG=strange).code == 0


def test_nothing_of_the_secrets_is_left_when_the_config_cannot_be_written(
    simulator: Simulator, tmp_path: os.PathLike[str]
) -> None:
    world = World(os.fspath(tmp_path), simulator)
    os.makedirs(f"{world.config_directory}/tastyauth.schema.json", mode=0o700)
    code, said = run_init(world)
    assert (code, "the config cannot be written" in said) == (78, True)
    assert holding(world.root, world) == []
    assert os.listdir(world.config_directory) == ["tastyauth.schema.json"]


def test_the_old_secret_comes_back_when_the_second_cannot_be_written(world: World) -> None:
    world.write(f"{world.config_directory}/paper.client-secret", "the old one, without an Enter")
    os.mkdir(f"{world.config_directory}/paper.refresh-token")
    before = everything(world.config_directory)
    code, said = run_init(world)
    assert (code, "is not a regular file that you own" in said) == (69, True)
    assert everything(world.config_directory) == before


# -- links that a repository has brought ----------------------------------------------------------


def test_nothing_is_written_through_a_link_out_of_the_directory(world: World) -> None:
    """A clone may hold `tastyauth.schema.json -> ../../.bashrc`."""
    precious = world.write(f"{world.home}/.bashrc", "precious\n")
    os.symlink("../../.bashrc", f"{world.config_directory}/tastyauth.schema.json")
    code, said = run_init(world)
    assert (code, content(precious)) == (0, b"precious\n")
    assert "tastyauth.schema.json is a link that leads elsewhere, and is left alone" in said
    assert world.run("env", "-p", "paper").code == 0


def test_no_secret_is_written_through_a_link_out_of_the_directory(world: World) -> None:
    os.mkdir(f"{world.home}/.ssh", 0o700)
    os.symlink(f"{world.home}/.ssh", f"{world.config_directory}/secrets")
    world.configure(CONFIG.replace("file: live.", "file: secrets/live."))
    for words in (["init"], ["secret", "set"]):
        done = world.run(*words, given=f"{world.client_secret}\n{world.refresh_token}\n")
        assert (done.code, "is behind a link that leads out of" in done.err) == (69, True)
    assert os.listdir(f"{world.home}/.ssh") == []


def test_a_profile_that_a_project_hides_is_said_to_be_in_the_users_own_config(world: World) -> None:
    """Nobody is to add their account to the config of a project."""
    world.configure()
    world.configure(CONFIG.replace("live:", "theirs:"), directory=world.project)
    assert allow(world, "y")[0] == 0
    for name, hint in {
        "live": f"hint: your own config has it: --config {world.config}\n",
        "paper": f"to add it: tastyauth init --config {world.project}/tastyauth.yaml -p paper\n",
    }.items():
        done = world.run("env", "-p", name)
        assert (done.code, done.err.endswith(hint)) == (2, True), done.err
    done = world.run("env", "-p", "live", "--config", f"{world.project}/tastyauth.yaml")
    assert "to add it" in done.err


def test_no_profile_is_added_through_a_link_that_the_environment_names(world: World) -> None:
    path = f"{world.project}/tastyauth.yaml"
    os.symlink(world.config, path)
    before = content(world.config)
    plan = world.run("allow", "--print", path).out
    variables = {"TASTYAUTH_CONFIG": path}
    variables["TASTYAUTH_TRUST_SHA256"] = plan.rpartition("sha256: ")[2].strip()
    code, said = run_init(world, NEW, **variables)
    assert (code, f"--config {world.config}" in said) == (78, True)
    assert content(world.config) == before
