"""`secret set`: asked for unseen, tried at the server, stored both or neither."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from sitting import SECRET, TOKEN, everything, holding, sitting
from stand_ins import keyring_in, pass_in
from world import CONFIG, World, content, with_references

from tastyauth.simulator import Simulator

pytestmark = pytest.mark.warm

FILES = ("live.client-secret", "live.refresh-token")


@pytest.fixture
def awaiting(world: World) -> World:
    """A world whose config is complete but for the two secrets."""
    for name in FILES:
        os.unlink(f"{world.config_directory}/{name}")
    return world


def make_read_only(path: str) -> None:
    """As a mounted secret: a link, which is left as it is."""
    os.rename(path, f"{path}.elsewhere")
    os.symlink(f"{path}.elsewhere", path)


def both(world: World) -> str:
    return f"{world.client_secret}\n{world.refresh_token}\n"


# -- on a terminal and from stdin -----------------------------------------------------------------


def test_both_are_asked_for_unseen_and_stored_where_it_says(awaiting: World) -> None:
    with sitting(awaiting, "secret", "set") as it:
        it.answer(SECRET, awaiting.client_secret)
        it.answer(TOKEN, awaiting.refresh_token)
        it.expect("tested: the server issued a token")
        it.expect("stored the client secret in file ~/.config/tastyauth/live.client-secret")
        it.expect("stored the refresh token in file ~/.config/tastyauth/live.refresh-token")
        assert it.end() == 0
    assert awaiting.client_secret not in it.shown
    assert awaiting.refresh_token not in it.shown
    for name in FILES:
        mode = os.stat(f"{awaiting.config_directory}/{name}").st_mode
        assert stat.S_IMODE(mode) == 0o600
    assert awaiting.run("env").code == 0


def test_what_is_refused_is_asked_for_again_and_enter_keeps_what_is_right(awaiting: World) -> None:
    with sitting(awaiting, "secret", "set") as it:
        it.answer(SECRET, "0" * 40)
        it.answer(TOKEN, awaiting.refresh_token)
        it.expect("Client secret mismatch")
        it.expect("nothing was stored")
        it.answer(SECRET, awaiting.client_secret)
        it.answer(TOKEN, "")
        it.expect("stored the refresh token")
        assert it.end() == 0
    assert awaiting.run("env").code == 0


def test_what_only_the_config_can_change_is_not_proposed_in_the_middle(awaiting: World) -> None:
    """One has to quit for that, and it says so."""
    config = content(awaiting.config)
    origin = f"custom\n    api_url: {awaiting.simulator.origin}"
    assert origin in config
    awaiting.write(awaiting.config, config.replace(origin, "production"))
    with sitting(awaiting, "secret", "set") as it:
        it.answer(SECRET, awaiting.client_secret)
        it.answer(TOKEN, awaiting.refresh_token)
        it.expect("nothing was stored; quit and set environment: sandbox, or make a grant")
        it.expect(SECRET)


@pytest.mark.parametrize("ending", ["\n", "\r\n", ""])
def test_from_stdin_they_are_a_line_each(awaiting: World, ending: str) -> None:
    secret, token = awaiting.client_secret, awaiting.refresh_token
    done = awaiting.run("secret", "set", given=f"{secret}{ending or chr(10)}{token}{ending}")
    assert (done.code, done.out) == (0, "")
    assert awaiting.run("env").code == 0


@pytest.mark.parametrize(
    ("name", "question", "other"),
    [("client_secret", SECRET, TOKEN), ("refresh_token", TOKEN, SECRET)],
)
def test_one_alone_is_tried_with_the_other_that_is_there(
    world: World, name: str, question: str, other: str
) -> None:
    value = world.client_secret if name == "client_secret" else world.refresh_token
    with sitting(world, "secret", "set", "--only", name) as it:
        it.answer(question, value)
        it.expect("tested: the server issued a token")
        assert it.end() == 0
    assert other not in it.shown
    assert it.shown.count("stored the ") == 1


def test_the_first_of_two_is_stored_untested(awaiting: World) -> None:
    done = awaiting.run("secret", "set", "--only", "client_secret", given=awaiting.client_secret)
    assert done.code == 0
    assert "not tested: the refresh token is not there yet" in done.err
    done = awaiting.run("secret", "set", "--only", "refresh_token", given=awaiting.refresh_token)
    assert "tested: the server issued a token" in done.err
    assert awaiting.run("env").code == 0


@pytest.mark.parametrize("given", [b"", b"\n\n", b"\xff\xfe\n", b"x" * 70_000, b"a b\tc\n"])
@pytest.mark.parametrize("encoding", ["utf-8:strict", "utf-8:surrogateescape"])
def test_a_value_that_cannot_be_a_secret_is_an_error_and_not_a_crash(
    world: World, given: bytes, encoding: str
) -> None:
    before = everything(world.home)
    Path(f"{world.root}/given").write_bytes(given)
    done = world.shell("tastyauth secret set <../given", PYTHONIOENCODING=encoding)
    assert done.code in (2, 69)
    assert "hint: " in done.err
    assert everything(world.home) == before


# -- both or neither ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["grant-revoked", "secret-mismatch", "not-json"])
def test_what_is_refused_replaces_nothing(world: World, kind: str) -> None:
    before = everything(world.config_directory)
    world.simulator.fail = kind
    done = world.run("secret", "set", given="another-secret\nanother-token\n")
    assert done.code in (76, 77)
    assert "nothing was stored" in done.err
    assert everything(world.config_directory) == before


def test_when_the_second_cannot_be_stored_the_first_comes_back(world: World) -> None:
    make_read_only(f"{world.config_directory}/live.refresh-token")
    before = everything(world.config_directory)
    done = world.run("secret", "set", given=both(world))
    assert (done.code, "is not a regular file that you own" in done.err) == (69, True)
    assert everything(world.config_directory) == before
    assert "stored the" not in done.err


@pytest.mark.parametrize("store", ["keyring", "pass"])
def test_what_was_not_in_a_store_before_is_not_there_after_a_failure(
    world: World, store: str
) -> None:
    kept = keyring_in(world) if store == "keyring" else pass_in(world)
    entry = {"keyring": "keyring: {{ service: a, username: b }}", "pass": "pass: a/b"}[store]
    world.configure(with_references(entry, "file: live.refresh-token"))
    make_read_only(f"{world.config_directory}/live.refresh-token")
    assert world.run("secret", "set", given=both(world)).code == 69
    assert holding(kept, world) == []


def test_in_an_outage_they_are_stored_untested(awaiting: World) -> None:
    awaiting.simulator.fail = "429"
    done = awaiting.run("secret", "set", given=both(awaiting))
    assert (done.code, "could not be tested now" in done.err) == (0, True)
    awaiting.simulator.fail = None
    assert awaiting.run("env").code == 0


def contents(world: World) -> dict[str, str]:
    """Name to content of the files beside the config whose names begin with `live.`."""
    found = everything(world.config_directory).items()
    return {
        os.path.basename(path): (content or b"").decode().strip()
        for path, content in found
        if "/live." in path
    }


def test_untried_secrets_replace_the_old_ones_which_are_kept_until_a_token_comes(
    world: World,
) -> None:
    before = contents(world)
    world.simulator.fail = "not-a-customer"
    done = world.run("secret", "set", given="new-secret\nnew-token\n")
    assert done.code == 0, done.err
    assert done.err.endswith("to go back to them: tastyauth secret set --undo -p live\n")
    new = {"live.client-secret": "new-secret", "live.refresh-token": "new-token"}
    kept = {f"{name}.old": value for name, value in before.items()}
    assert contents(world) == new | kept
    untested = (
        "untested       to go back to the earlier secrets: tastyauth secret set --undo -p live"
    )
    assert untested in world.run("status").out
    done = world.run("secret", "set", given="newer-secret\nnewer-token\n")
    assert "tastyauth secret set --undo -p live" in done.err
    assert contents(world).items() >= kept.items()  # what has worked, not what came in between
    world.simulator.fail = "grant-revoked"
    done = world.run("token", "--refresh")
    assert (done.code, "tastyauth secret set -p live --undo" in done.err) == (77, True)
    assert contents(world).items() >= kept.items()
    world.simulator.fail = None
    done = world.run("secret", "set", "--undo")
    assert (done.code, done.err.endswith(": these are the earlier ones again\n")) == (0, True)
    assert "untested" not in world.run("status").out
    assert contents(world) == before
    assert world.run("token", "--refresh").code == 0
    done = world.run("secret", "set", "--undo")
    assert (done.code, "no earlier secrets" in done.err) == (69, True)


def test_what_to_type_next_names_the_config_that_was_named(world: World) -> None:
    flags = f"--config {world.config}"
    world.simulator.fail = "not-a-customer"
    done = world.run("secret", "set", *flags.split(), given="new-secret\nnew-token\n")
    assert done.err.endswith(f"tastyauth secret set --undo -p live {flags}\n")
    world.simulator.fail = None
    assert world.run("secret", "set", "--undo", *flags.split()).code == 0
    done = world.run("secret", "set", "--undo", *flags.split())
    assert f"store new ones: tastyauth secret set {flags} -p live\n" in done.err
    done = world.run("init", *flags.split())
    assert f"tastyauth secret set {flags} -p live; for another" in done.err
    assert done.err.endswith(f"tastyauth init {flags} -p NAME\n")


@pytest.mark.parametrize("store", ["file", "keyring", "pass"])
def test_replaced_secrets_are_removed_once_a_token_has_come(world: World, store: str) -> None:
    if store != "file":
        kept = keyring_in(world) if store == "keyring" else pass_in(world)
        entry = {"keyring": "keyring: {{ service: a, username: NAME }}", "pass": "pass: a/NAME"}
        world.configure(
            with_references(*(entry[store].replace("NAME", name) for name in ("a", "b")))
        )
        assert world.run("secret", "set", given=both(world)).code == 0
    else:
        kept = world.config_directory
    world.simulator.fail = "not-a-customer"
    assert world.run("secret", "set", given="new-secret\nnew-token\n").code == 0
    assert world.run("secret", "set", given=both(world)).code == 0
    assert len(holding(kept, world)) == 4
    world.simulator.fail = None
    assert world.run("token", "--refresh").code == 0
    assert len(holding(kept, world)) == 2
    assert not any(name.endswith(".old") or ".old." in name for name in os.listdir(kept))


def test_what_is_kept_in_a_repository_is_kept_from_git(world: World) -> None:
    os.mkdir(f"{world.config_directory}/.git")
    world.simulator.fail = "not-a-customer"
    done = world.run("secret", "set", given="new-secret\nnew-token\n")
    line = done.err.partition("make git ignore them: ")[2].partition("\n")[0]
    assert world.shell(line).code == 0
    assert content(f"{world.config_directory}/.gitignore").split() == [
        "live.client-secret.old",
        "live.refresh-token.old",
    ]


# -- what was there before ------------------------------------------------------------------------


@pytest.fixture(params=["file", "pass"])
def stored(request: pytest.FixtureRequest, world: World) -> World:
    """A world whose secrets are in files, which show that they have changed, or in pass."""
    if request.param == "pass":
        pass_in(world)
        world.configure(with_references("pass: tt/client_secret", "pass: tt/refresh_token"))
        assert world.run("secret", "set", given=both(world)).code == 0
    return world


def test_the_token_of_the_test_replaces_the_cached_one(stored: World) -> None:
    before = stored.run("token").out
    assert stored.run("secret", "set", given=both(stored)).code == 0
    exchanges = stored.simulator.exchanges
    after = stored.run("token")
    assert (after.code, after.out == before) == (0, False)
    assert stored.simulator.exchanges == exchanges


def test_a_remembered_refusal_is_forgotten(stored: World) -> None:
    """The same secrets may be right again, when the account was confirmed or restored."""
    assert stored.run("clear").code == 0
    stored.simulator.fail = "grant-revoked"
    assert stored.run("token").code == 77
    stored.simulator.fail = None
    assert stored.run("token").code == 77  # remembered, not asked
    assert stored.run("secret", "set", given=both(stored)).code == 0
    assert stored.run("token").code == 0


def test_what_to_do_when_something_leaked(tmp_path: os.PathLike[str]) -> None:
    """The grant is deleted, a new one made: from then on only the new secrets are used."""
    with Simulator() as simulator:
        world = World(os.fspath(tmp_path), simulator)
        world.configure()
        files = [f"{world.config_directory}/{name}" for name in FILES]
        for path in files:
            world.write(path, "the-leaked-one")
        simulator.fail = "grant-revoked"
        assert world.run("token").code == 77
        simulator.fail = None
        done = world.run("secret", "set", given=both(world))
        assert done.code == 0, done.err
        assert world.run("token").code == 0
        for path in files:
            assert "leaked" not in content(path)


# -- where to -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "reference", "entry"),
    [
        (keyring_in, "keyring: {{ service: tastyauth, username: live/NAME }}", "tastyauth live/a"),
        (pass_in, "pass: tt/NAME", "tt/a"),
    ],
)
def test_a_keyring_or_pass_gets_both(
    made: Callable[[World], str], reference: str, entry: str, world: World
) -> None:
    store = made(world)
    world.configure(with_references(*(reference.replace("NAME", name) for name in ("a", "b"))))
    done = world.run("secret", "set", given=both(world))
    assert done.code == 0, done.err
    assert f"stored the client secret in {reference.partition(':')[0]} {entry}\n" in done.err
    assert "stored the refresh token in " in done.err
    assert len(holding(store, world)) == 2
    assert world.run("env").code == 0


def test_while_a_store_is_chosen_its_program_sees_no_secret_of_any_profile(world: World) -> None:
    """It is asked whether it answers before the first value is typed."""
    folder = keyring_in(world)
    look = "\nimport os\nopen(os.environ['FOLDER'] + '/seen', 'a').write(str(dict(os.environ)))\n"
    module = Path(f"{world.root}/lib/folder_keyring.py")
    module.write_text(module.read_text() + look)
    keyring = "{{ keyring: {{ service: tastyauth, username: live }} }}"
    secret = f"{{{{ first_of: [{{{{ env: TT_SECRET }}}}, {keyring}, {{{{ file: a }}}}] }}}}"
    world.configure(CONFIG.replace("{{ file: live.client-secret }}", secret))
    world.run("secret", "set", "--only", "client_secret", given=f"{SECRET}\n", TT_SECRET="x" * 40)
    seen = content(f"{folder}/seen")
    assert "PYTHON_KEYRING_BACKEND" in seen
    assert "TT_SECRET" not in seen


def test_the_other_lines_of_an_entry_of_pass_stay(world: World) -> None:
    store = pass_in(world)
    world.configure(with_references("pass: tt", "file: live.refresh-token"))
    path = world.write(f"{store}/tt.gpg", "old\nuser: me\nurl: x\n")
    done = world.run("secret", "set", "--only", "client_secret", given=world.client_secret)
    assert done.code == 0, done.err
    assert content(path) == f"{world.client_secret}\nuser: me\nurl: x\n"


FIRST_OF = """\
first_of: [{{ env: TT_SECRET }}, {{ keyring: {{ service: a, username: b }} }},
        {{ file: live.client-secret }}]"""


def test_of_several_sources_the_first_that_can_be_written_here_is(awaiting: World) -> None:
    """No keyring is here, so it answers nothing and cannot be written."""
    awaiting.configure(with_references(FIRST_OF, "file: live.refresh-token"))
    os.unlink(f"{awaiting.config_directory}/live.client-secret")
    done = awaiting.run("secret", "set", given=both(awaiting))
    assert done.code == 0, done.err
    assert "stored the client secret in file ~/.config/tastyauth/live.client-secret" in done.err
    assert "comes first" not in done.err


@pytest.mark.parametrize(
    ("earlier", "first"),
    [
        ("{{ env: TT_SECRET }}", "env TT_SECRET"),
        ("{{ env: TT_ABSENT }}, {{ env: TT_SECRET }}", "env TT_SECRET"),
        ("{{ command: ['false'] }}", "command false"),  # it fails, and that is what is told
    ],
)
def test_it_says_when_another_source_answers_first(world: World, earlier: str, first: str) -> None:
    several = f"first_of: [{earlier}, {{{{ file: live.client-secret }}}}]"
    world.configure(with_references(several, "file: live.refresh-token"))
    done = world.run("secret", "set", given=both(world), TT_SECRET="old")
    assert done.code == 0
    assert f"warning: live, custom: the client secret in {first} comes first" in done.err
    assert "cached" not in world.run("status", TT_SECRET="old").out


NOT_WRITABLE = (
    ("env: TT_SECRET", "read -rs TT_SECRET && export TT_SECRET"),
    ("dotenv: {{ path: ~/.env, name: TT_SECRET }}", "change the line TT_SECRET=... yourself: "),
    ("systemd_credential: tt-secret", "systemd-creds encrypt --name=tt-secret - "),
    ("onepassword: 'op://My Vault/tt/secret'", "op item edit tt --vault 'My Vault' --template"),
    ("command: [pass, show, brokers/tt]", "pass edit brokers/tt"),
    ("command: [/usr/bin/secret-tool, lookup, a, b]", "secret-tool store --label=tastyauth a b"),
    ("command: [security, find-generic-password, -s, a, -w]", "add-generic-password -U -s a -w"),
    ("command: [vault, kv, get, secret/tt]", "store it with vault"),
    ("first_of: [{{ env: TT_A }}, {{ command: [vault] }}]", "read -rs TT_A && export TT_A"),
)


@pytest.mark.parametrize(("reference", "command"), NOT_WRITABLE)
def test_where_it_cannot_write_it_says_what_to_type_before_it_asks(
    world: World, reference: str, command: str
) -> None:
    world.configure(with_references(reference, "file: live.refresh-token"))
    with sitting(world, "secret", "set") as it:
        it.expect("cannot be written by tastyauth")
        it.expect(command)
        assert it.end() == 69
    assert "not shown" not in it.shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("secret", "set"),
        ("secret get", "set"),
        ("secret set paper", "did you mean: tastyauth secret set -p paper"),
        ("secret set refresh_token", "did you mean: tastyauth secret set --only refresh_token"),
        *(
            (f"secret set {words}", "did you mean: tastyauth secret set " + meant)
            for words, meant in [
                ("paper refresh_token", "-p paper --only refresh_token"),
                ("refresh_token paper", "--only refresh_token -p paper"),
            ]
        ),
    ],
)
def test_a_mistyped_command_says_what_there_is(world: World, words: str, said: str) -> None:
    done = world.run(*words.split())
    assert (done.code, said in done.err) == (2, True)
