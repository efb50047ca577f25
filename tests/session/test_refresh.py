"""A refresh in this process: the secrets it needs, what it sends, keeps and says."""

import errno
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from exchange_fakes import http, says, serving
from gated import Meddling
from machines import sharing
from refreshing import Machine
from tables import for_each
from world import CONFIG, World, content

from tastyauth.config import parse
from tastyauth.errors import (
    APPLICATIONS_PAGE,
    CREATE_GRANT,
    RefusedError,
    SecretAbsent,
    SecretError,
    TastyauthError,
    TemporaryError,
)
from tastyauth.posix import files
from tastyauth.secret import Secret
from tastyauth.session import exchanging, refresh
from tastyauth.session.rotation import Grant, MovedError
from tastyauth.sources import OPEN

FROM_ENV = CONFIG.replace("{{ file: live.refresh-token }}", "{{ env: TT_REFRESH }}")
ROTATED = "the server rotated the refresh token"


@pytest.fixture
def simulator() -> Any:
    with Meddling() as simulator:
        yield simulator


@pytest.fixture
def machine(world: World) -> Machine:
    world.environ["TT_REFRESH"] = world.refresh_token
    return Machine(world)


# A rotated refresh token.


def test_a_rotated_token_goes_to_its_source_and_a_holder_of_the_old_one_learns_where(
    machine: Machine,
) -> None:
    before, where = machine.world.refresh_token, f"file {machine.source}"
    assert machine.refresh().moved
    assert content(machine.source) == f"{machine.world.refresh_token}\n"
    assert machine.listener.warnings == []
    assert machine.listener.details == [f"{ROTATED}; the new one is in {where}"]
    with pytest.raises(MovedError, match="the newest one is in") as moved:
        machine.grant(before).newest()
    assert where in moved.value.message


def read_only(machine: Machine) -> None:
    machine.configure(FROM_ENV)


def no_room(machine: Machine) -> None:
    machine.configure(FROM_ENV)
    machine.world.write(os.path.dirname(machine.grants), "a file where a directory should be")


def replaced_by_hand(machine: Machine) -> None:
    machine.world.simulator.meanwhile = lambda: machine.world.write(machine.source, "by-hand")  # type: ignore[attr-defined]


def gone(machine: Machine) -> None:
    machine.world.simulator.meanwhile = lambda: os.unlink(machine.source)  # type: ignore[attr-defined]


def nothing(machine: Machine) -> None:
    """The secrets are not those of the source: `init` tries what it is to store afterwards."""


USED_FROM_THERE = (
    ROTATED + "; env TT_REFRESH cannot be written, so the new one is kept in {grants}"
    " and used from there"
)
IN_ITS_FILE = ROTATED + "; the new one is kept in {grants}"
ODD_PLACES: dict[Callable[[Machine], None], tuple[bool, str, str]] = {
    read_only: (True, USED_FROM_THERE, ""),
    no_room: (
        True,
        ROTATED + " and the new one cannot be stored anywhere: make {grants} writable only by you,"
        f" then create a new grant on {APPLICATIONS_PAGE}",
        "",
    ),
    gone: (True, USED_FROM_THERE.replace("env TT_REFRESH", "file {source}"), ""),
    replaced_by_hand: (True, "", IN_ITS_FILE),
    nothing: (False, "", IN_ITS_FILE),
}


@pytest.mark.parametrize("prepare", ODD_PLACES)
def test_a_rotated_token_is_kept_wherever_it_can_be_and_that_is_said(
    prepare: Callable[[Machine], None], machine: Machine
) -> None:
    is_stored, warning, detail = ODD_PLACES[prepare]
    before = machine.world.refresh_token
    prepare(machine)
    assert not machine.refresh(is_stored=is_stored).moved
    said = [it.format(grants=machine.grants, source=machine.source) for it in (warning, detail)]
    assert [machine.listener.warnings, machine.listener.details] == [[i] if i else [] for i in said]
    if prepare is not no_room:
        assert machine.grant(before).newest().reveal() == machine.world.refresh_token
    with suppress(FileNotFoundError):
        assert content(machine.source) in (before, "by-hand")


@pytest.mark.parametrize("full", ["the source", "everywhere"])
def test_a_source_is_written_over_only_where_a_rotated_token_would_be_lost(
    full: str, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, write = content(machine.source), files.write

    def no_space(path: str, *more: Any, **options: Any) -> None:
        if full == "everywhere" or path == machine.source:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, *more, **options)

    monkeypatch.setattr(files, "write", no_space)  # stands in for a disk that has just filled up
    assert machine.refresh().moved == (full == "everywhere")
    newest = f"{machine.world.refresh_token}\n"
    assert content(machine.source) == (newest if full == "everywhere" else before)


def test_the_newest_token_is_sent_until_its_source_has_another(machine: Machine) -> None:
    machine.configure(FROM_ENV)
    for _ in range(3):
        machine.refresh()
    assert machine.world.simulator.exchanges == 3
    machine.world.environ["TT_REFRESH"] = machine.world.refresh_token
    machine.stored()
    machine.world.environ["TT_REFRESH"] = "eyJ.not.one"
    with pytest.raises(RefusedError):
        machine.stored()


def test_who_has_read_the_source_before_the_newest_token_came_there_reads_it_again(
    machine: Machine,
) -> None:
    """Its writer was killed before it had tidied up."""
    before, secrets = machine.world.refresh_token, machine.secrets()
    machine.refresh(is_stored=False)
    newest = machine.world.refresh_token
    machine.world.write(machine.source, newest)
    with pytest.raises(MovedError, match=f"^file {machine.source} no longer has the refresh token"):
        machine.refresh(secrets)
    with pytest.raises(MovedError, match="the newest one is in") as moved:
        machine.grant(before).newest()
    assert machine.source in moved.value.message
    assert machine.stored(secrets).moved
    assert machine.world.simulator.exchanges == 2


def test_a_caller_sent_elsewhere_that_finds_the_same_token_there_gets_an_error(
    machine: Machine,
) -> None:
    machine.configure(FROM_ENV)
    declared = machine.world.refresh_token
    machine.grant(declared).keep(Secret("eyJ.newer.one"))
    machine.grant(declared).moved(Secret("eyJ.newer.one"), "env OTHER")
    with pytest.raises(MovedError, match="env OTHER"):
        machine.stored()
    assert machine.world.simulator.token_requests == 0


def test_secrets_that_are_in_no_source_yet_are_used_as_they_are(machine: Machine) -> None:
    secrets = machine.secrets()
    os.unlink(machine.source)
    for _ in range(2):
        machine.refresh(secrets, is_stored=False)
    assert machine.world.simulator.exchanges == 2


def test_a_server_may_come_back_to_the_token_that_is_declared(machine: Machine) -> None:
    def answer(new: str) -> Callable[[Any], None]:
        fields = {"access_token": "abc.def", "token_type": "Bearer", "refresh_token": new}
        return says(http("200 OK", json.dumps(fields | {"expires_in": 900}).encode()))

    declared = machine.world.refresh_token
    with serving(answer("eyJ.newer.one"), answer(declared), answer("eyJ.newest.one")) as server:
        origin = f"http://127.0.0.1:{server.port}"
        machine.configure(FROM_ENV.replace("{origin}", origin))
        for _ in range(3):
            machine.refresh()
    sent = [json.loads(it.partition(b"\r\n\r\n")[2])["refresh_token"] for it in server.requests]
    assert sent == [declared, "eyJ.newer.one", declared]


def test_a_token_of_another_server_is_another_grant(machine: Machine) -> None:
    declared = machine.world.refresh_token
    machine.grant(declared).keep(Secret("eyJ.newer.one"))
    assert machine.grant(declared).newest().reveal() == "eyJ.newer.one"
    machine.configure(CONFIG.replace("{origin}", "http://127.0.0.1:1"))
    assert machine.grant(declared).newest().reveal() == declared


def test_a_store_is_asked_no_more_often_than_a_rotation_needs(machine: Machine) -> None:
    """Each time may be a question for a password."""
    world, kept = machine.world, f"{machine.world.root}/kept"
    machine.configure(CONFIG.replace("file: live.refresh-token", "pass: bots/live"))
    world.write(kept, world.refresh_token)
    body = f"echo $1 >>{world.root}/asked; if [ $1 = show ]; then cat {kept}; else cat >{kept}; fi"
    world.script("pass", body)
    assert machine.refresh().moved
    assert content(kept).strip() == world.refresh_token
    assert content(f"{world.root}/asked").split() == ["show", "show", "insert"]


def test_a_grant_in_use_elsewhere_is_waited_for_as_long_as_an_exchange_may_take(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    sole_use = Grant.sole_use

    def noted(grant: Grant, seconds: float) -> Any:
        waits.append(seconds)
        return sole_use(grant, seconds)

    monkeypatch.setattr(Grant, "sole_use", noted)
    machine.configure(CONFIG + "    timeout: 7\n")
    machine.refresh()
    machine.refresh(in_a_hurry=True)
    machine.configure(CONFIG + "    timeout: 2\n")
    machine.refresh(in_a_hurry=True)
    assert waits == [7.0, 3.0, 2.0]


@for_each(("in_a_hurry", "requests"), [(False, 3), (True, 1)])
def test_a_server_that_is_busy_is_asked_again_unless_there_is_a_hurry(
    in_a_hurry: bool, requests: int, machine: Machine
) -> None:
    simulator = machine.world.simulator
    simulator.fail, before = "503", simulator.token_requests
    with pytest.raises(TemporaryError):
        machine.stored(in_a_hurry=in_a_hurry)
    assert simulator.token_requests == before + requests


# Secrets that have just been replaced.


def test_while_new_secrets_are_untried_a_refusal_says_how_to_go_back_and_success_ends_that(
    machine: Machine,
) -> None:
    task = machine.task()
    mark = refresh.untried_mark(task.profile, task.around.environ)
    assert os.path.dirname(mark) == f"{os.path.dirname(machine.grants)}/untried"
    other = parse(
        content(machine.world.config).replace("live.client", "other.client").encode(),
        machine.world.config,
        home=machine.world.home,
    ).profile(None)
    assert refresh.untried_mark(other, task.around.environ) != mark
    back = "to go back to the secrets before these: tastyauth secret set --undo"
    machine.world.simulator.fail = "grant-revoked"
    with pytest.raises(RefusedError) as plain:
        machine.stored()
    files.make_directory(os.path.dirname(mark))
    machine.world.write(mark, "")
    earlier = [machine.world.write(f"{it}.old", "earlier") for it in (machine.source,)]
    with pytest.raises(RefusedError) as told:
        machine.stored()
    assert told.value.hint == f"{plain.value.hint}\n{back}"
    machine.world.simulator.fail = None
    machine.stored()
    assert not any(map(os.path.exists, (mark, *earlier)))


def test_earlier_secrets_that_cannot_be_removed_are_no_reason_to_withhold_a_token(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither is a store that asks for its password: nobody is to answer for this."""
    monkeypatch.setattr(exchanging, "HURRY", 0.3)
    world = machine.world
    machine.configure(CONFIG.replace("file: live.client-secret", "pass: bots/live"))
    told = f"{world.root}/told"
    world.script(
        "pass", f"[ $1 = show ] && exec echo {world.client_secret}; echo $* | tee {told} >&2"
    )
    mark = refresh.untried_mark(machine.profile, machine.around.environ)
    for slow in (False, True):
        files.make_directory(os.path.dirname(mark))
        world.write(mark, "")
        os.mkdir(f"{machine.source}.old")
        if slow:
            world.script("pass", "exec sleep 20")
        started = time.monotonic()
        at_a_terminal = replace(machine.around, interactive=True)
        refresh.forget_earlier(replace(machine.task(), around=at_a_terminal))
        assert time.monotonic() - started < 10
        assert content(told) == "rm --force bots/live.old\n"
        assert not os.path.exists(mark)
        os.rmdir(f"{machine.source}.old")
    os.mkdir(mark)
    refresh.forget_earlier(machine.task())
    assert capfd.readouterr().err == ""  # where only a person would look for it


# The secrets, and errors about them.


LOST = {
    "client_id": "the client ID is shown beside the OAuth application on ",
    "client_secret": "the client secret was shown once, when the OAuth application was made;",
    "refresh_token": "a new refresh token comes from Manage → Create Grant on ",
}


@for_each(
    ("place", "name", "advice"),
    [
        ("client_id: {client_id}", "client_id", "it there"),
        ("{{ file: live.client-secret }}", "client_secret", "it: tastyauth secret set --only "),
        ("{{ file: live.refresh-token }}", "refresh_token", "it: tastyauth secret set --only "),
    ],
)
def test_a_secret_that_is_absent_is_named_with_where_a_new_one_comes_from(
    place: str, name: str, advice: str, machine: Machine
) -> None:
    file = f"{machine.world.root}/absent"
    of = f"{{{{ file: {file} }}}}"
    machine.configure(CONFIG.replace(place, f"client_id: {of}" if name == "client_id" else of))
    with pytest.raises(SecretAbsent) as absent:
        machine.secrets()
    assert absent.value.message.startswith(f"{name}: file {file} ")
    first, *_, last = absent.value.hint.split("\n")
    assert first.startswith(f"store {advice}{name if name != 'client_id' else ''}; or ")
    assert last.startswith(f"if it is lost: {LOST[name]}")
    assert last.endswith(APPLICATIONS_PAGE if name == "client_id" else CREATE_GRANT)
    assert absent.value.__suppress_context__


def test_a_secret_that_others_could_read_is_not_lost(machine: Machine) -> None:
    os.chmod(machine.source, 0o644)
    with pytest.raises(SecretError) as error:
        machine.secrets()
    assert error.value.reason == OPEN
    assert "if it is lost" not in error.value.hint


UUID = "0c7b8898-a2f1-49bb-a23d-843e47b68631"


@for_each(
    ("value", "kind", "says"),
    [
        (UUID, None, ""),
        ("eyJ.a.b", RefusedError, "contains a token, not a client ID"),
        ("0c7b8898", SecretError, "contains no UUID"),
    ],
)
def test_a_client_id_may_come_from_a_source_and_must_be_a_uuid(
    value: str, kind: type[TastyauthError] | None, says: str, machine: Machine
) -> None:
    machine.configure(CONFIG.replace("{client_id}", "{{ env: TT_CLIENT }}"))
    machine.world.environ["TT_CLIENT"] = value
    if kind is None:
        assert machine.secrets().client_id == value
        return
    with pytest.raises(kind) as error:
        machine.secrets()
    assert error.value.message == f"client_id: env TT_CLIENT {says}"
    assert error.value.hint == (
        "a client ID is a UUID; the client ID is shown beside the OAuth application on"
        f" {APPLICATIONS_PAGE}"
    )


def test_a_source_that_is_waited_for_is_named_and_gets_no_other_secret(machine: Machine) -> None:
    """Each variable that holds a secret is withheld from the programs of the other sources."""
    world = machine.world
    config = CONFIG.replace("{{ file: live.client-secret }}", "{{ command: [other] }}")
    config = config.replace("{{ file: live.refresh-token }}", "{{ first_of: [{first}, {last}] }}")
    machine.configure(
        config.replace("{first}", "{{ command: [seen] }}").replace(
            "{last}", "{{ env: TT_REFRESH }}"
        )
    )
    shows = "${TT_REFRESH-nothing}"
    for name in ("other", "seen"):
        world.script(name, f"echo {shows}")
    assert machine.secrets()[1:] == (Secret("nothing"), Secret("nothing"))
    assert [it.partition(" from ")[0] for it in machine.listener.waits] == [
        "client_secret",
        "refresh_token",
    ]


def test_the_limit_of_a_refresh_is_that_of_its_server_and_its_sources(machine: Machine) -> None:
    command = "{{ command: {{ argv: [x], timeout: 20 }} }}"
    machine.configure(
        CONFIG.replace("{{ file: live.client-secret }}", command) + "    timeout: 7\n"
    )
    assert refresh.time_limit(machine.task()) == 7.0 + 20.0 + 30.0
    assert refresh.time_limit(machine.task(in_a_hurry=True)) == 7.0 + 3.0 + 3.0
    assert refresh.longest(machine.profile) == 7.0
    assert refresh.longest(machine.profile, 3.0) == 3.0
    machine.configure(sharing("valkey://127.0.0.1:1", "    timeout: 7\n"))
    engine = machine.profile.shared
    assert engine is not None
    assert refresh.longest(machine.profile) == engine.longest(7.0) > 7.0
    assert refresh.longest(machine.profile, 3.0) == engine.longest(3.0)
