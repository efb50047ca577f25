"""The profile key `shared`: how it is read, shown, approved, and what it costs a start."""

import json
import os
import shutil
import sys

import needs
import pytest
from engines import Running, engine
from machines import forget, machines, sharing
from valkey import Valkey
from world import COMMAND, CONFIG, World

from tastyauth.config import parse
from tastyauth.shared import Engine
from tastyauth.simulator import Simulator
from tastyauth.sources.env import Env
from tastyauth.sources.file import File

CLIENT_ID = "0c7b8898-a2f1-49bb-a23d-843e47b68631"


def profile(shared: str) -> Engine:
    """The engine of a config whose profile says so."""
    text = CONFIG.replace("{origin}", "http://127.0.0.1:1")
    text = text.replace("{client_id}", CLIENT_ID)
    text = text.replace("{{", "{").replace("}}", "}") + f"    shared: {shared}\n"
    found = parse(text.encode(), "/etc/bot/tastyauth.yaml", home="/home/me").profiles[0].shared
    assert found is not None
    return found


# -- reading --------------------------------------------------------------------------------------

URLS = {
    "valkeys://bot@cache.example.com:6380/3": ("cache.example.com", 6380, "bot", 3, True, False),
    "rediss://cache.example.com": ("cache.example.com", 6379, "", 0, True, False),
    "valkey://127.0.0.1": ("127.0.0.1", 6379, "", 0, False, True),
    "redis://localhost/": ("localhost", 6379, "", 0, False, True),
    "valkey://[::1]:1": ("::1", 1, "", 0, False, True),
    "valkey://10.0.0.1": ("10.0.0.1", 6379, "", 0, False, False),
}


@pytest.mark.parametrize(("url", "expected"), URLS.items())
def test_a_url_says_where_the_engine_is(
    url: str, expected: tuple[str, int, str, int, bool, bool]
) -> None:
    it = profile(f'{{ valkey: "{url}" }}')
    found = (*it.address, it.user, it.database, it.is_encrypted, it.is_here)
    assert found == expected


def test_a_socket_is_on_this_machine() -> None:
    it = profile('{ valkey: "unix://bot@/run/valkey.sock" }')
    assert (it.socket, it.user, it.database, it.is_here) == ("/run/valkey.sock", "bot", 0, True)


def test_paths_begin_beside_the_config() -> None:
    it = profile(
        '{ valkey: { url: "valkeys://h", password: { file: p }, certificate_authorities: ~/ca } }'
    )
    assert (it.password, it.authorities) == (File("/etc/bot/p"), "/home/me/ca")


def test_a_variable_with_the_password_is_kept_from_programs() -> None:
    """And of a file with it a hit knows nothing, since a new password makes no token useless."""
    text = CONFIG.format(
        origin="http://127.0.0.1:1", client_id="0" * 8 + "-0000" * 3 + "-" + "0" * 12
    )
    for password, inputs in (("env: PW", [("env", "PW")]), ("file: pw", [])):
        shared = f'    shared: {{ valkey: {{ url: "valkey://h", password: {{ {password} }} }} }}\n'
        [bare] = parse(text.encode(), "/x/tastyauth.yaml", home="/").profiles
        [it] = parse((text + shared).encode(), "/x/tastyauth.yaml", home="/").profiles
        assert [each for each in it.inputs if each not in bare.inputs] == inputs
        assert ("PW" in it.withheld) == bool(inputs)
        assert it.shared is not None
        assert isinstance(it.shared.password, Env | File)


# -- approval -------------------------------------------------------------------------------------

REMOTE = "valkeys://bot@cache.example.com:6379/0"


@pytest.mark.warm
def test_a_plan_says_what_is_shared_through_where_and_where_its_password_comes_from(
    world: World,
) -> None:
    given = f'{{{{ url: "{REMOTE}", password: {{{{ file: pw }}}}, certificate_authorities: ca }}}}'
    world.configure(f"{CONFIG}    shared: {{{{ valkey: {given} }}}}\n")
    plan = world.run("allow", "--print").out
    trusting = f"{world.config_directory}/ca"
    assert f"  shares access tokens, sealed, through: {REMOTE}, trusting {trusting}\n" in plan
    assert f'  password of {REMOTE}: file "{world.config_directory}/pw"\n' in plan
    world.configure(sharing(REMOTE))
    assert f"  password of {REMOTE}: none\n" in world.run("allow", "--print").out


@pytest.mark.warm
@pytest.mark.parametrize("words", [("allow", "--print"), ("token",), ("status",)])
def test_an_engine_elsewhere_is_refused_in_a_project(words: tuple[str, ...], world: World) -> None:
    """It could be given any secret as its password; approved or not, it is never contacted."""
    world.configure(sharing("valkey://192.0.2.1"), directory=world.project)
    ended = world.run(*words, TASTYAUTH_TRUST_SHA256="0" * 64)
    assert (ended.code, ended.out) == (78, "")
    said = "live, custom: this profile of a project file shares tokens through another machine:"
    assert f"{said} valkey://192.0.2.1" in ended.err


@pytest.mark.warm
def test_an_engine_of_this_machine_may_be_used_by_a_project(world: World, valkey: Running) -> None:
    world.configure(sharing(valkey.url), directory=world.project)
    printed = world.run("allow", "--print").out
    approval = printed.rpartition("sha256: ")[2].strip()
    assert world.run("token", TASTYAUTH_TRUST_SHA256=approval).code == 0
    assert valkey.client.keys("*token") != []


# -- status and doctor ----------------------------------------------------------------------------


@pytest.mark.warm
def test_status_says_without_going_online_how_sharing_goes(
    tmp_path: os.PathLike[str], simulator: Simulator, valkey: Running
) -> None:
    first, second = machines(tmp_path, simulator, 2, valkey.url)
    first.run("token")
    second.run("token")
    assert (
        f"shared         {valkey.url}: no token from another machine yet\n"
        in first.run("status").out
    )
    assert f"{valkey.url}: last token from another machine " in second.run("status").out
    [told] = json.loads(second.run("status", "--format", "json").out)["profiles"]
    assert told["shared"] == valkey.url
    assert told["shared_at"] == told["last_success_at"] > 0
    assert (told["alone_since"], told["alone_because"]) == (0, "")


@pytest.mark.warm
def test_status_says_since_when_the_engine_is_not_used_until_it_is_used_again(
    world: World, valkey: Running
) -> None:
    with engine("--requirepass", "x") as it:
        world.configure(sharing(it.url))
        world.run("token")
        [before] = json.loads(world.run("status", "--format", "json").out)["profiles"]
        world.run("token", "--refresh")
        [after] = json.loads(world.run("status", "--format", "json").out)["profiles"]
        assert after["alone_because"] == "it asks for a password"
        assert after["alone_since"] == before["alone_since"] > 0
        Valkey(port=it.port, password="x").config_set("requirepass", "")
        world.run("token", "--refresh")
        [again] = json.loads(world.run("status", "--format", "json").out)["profiles"]
        assert (again["alone_since"], again["alone_because"]) == (0, "")


@pytest.mark.warm
def test_doctor_runs_the_real_scripts_and_leaves_nothing_behind(
    world: World, valkey: Running
) -> None:
    world.configure(sharing(valkey.url))
    report = json.loads(world.run("doctor", "--format", "json").out)
    [check] = [each for each in report["checks"] if each["name"] == "shared"]
    assert check["state"] == "passed"
    assert check["message"].startswith(f"{valkey.url} answers in ")
    assert len(valkey.client.keys("*")) <= 2  # its own ends after a second


@pytest.mark.warm
def test_doctor_warns_of_an_engine_that_is_not_used_and_once(world: World) -> None:
    world.configure(sharing("valkey://127.0.0.1:1"))
    ended = world.run("doctor")
    assert ended.code == 0
    assert ended.out.count("is not used: nothing listens there; this machine goes on alone") == 1
    assert "exchange       passed" in ended.out
    world.configure()
    assert "shared " not in world.run("doctor").out


# -- what a start costs ---------------------------------------------------------------------------

LOADED = """\
import os, sys
leave = os._exit
os._exit = lambda code: (os.write(2, " ".join(sys.modules).encode()), leave(code))
from tastyauth._entry import main
main()
"""


def loaded(world: World) -> set[str]:
    """The modules of a start that hands out a token."""
    ended = world.run_program(sys.executable, "-I", "-c", LOADED, "token")
    assert ended.code == 0
    return set(ended.err.split())


def test_a_hit_loads_the_same_modules_and_opens_no_socket(world: World, valkey: Running) -> None:
    world.configure()
    assert world.run("token").code == 0
    without = loaded(world)
    world.configure(sharing(valkey.url))
    assert world.run("token").code == 0
    assert loaded(world) == without
    if shutil.which("strace") is None:
        needs.missing("strace is missing: apt-get install strace")
    trace = f"{world.root}/trace"
    argv = ("strace", "-f", "-qq", "-e", "trace=%network", "-o", trace, COMMAND, "token")
    assert world.run_program(*argv).code == 0
    with open(trace, encoding="utf-8", errors="replace") as file:
        assert "socket(" not in file.read()


def test_who_adopts_a_token_loads_no_http_library(
    tmp_path: os.PathLike[str], simulator: Simulator, valkey: Running
) -> None:
    first, second = machines(tmp_path, simulator, 2, valkey.url)
    assert first.run("token").code == 0
    found = loaded(second)
    assert "tastyauth.shared.fleet" in found
    assert not found & {"httpx", "httpcore", "tastyauth.exchange"}
    forget([second])
    assert not loaded(second) & {"httpx", "yaml", "jsonschema"}


def test_who_does_not_share_loads_nothing_of_it(world: World) -> None:
    found = loaded(world)
    assert not found & {"valkey", "cryptography", "tastyauth.shared.fleet"}
