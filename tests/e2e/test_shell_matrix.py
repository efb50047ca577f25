"""Every shell has the very bytes after a success; after a failure it fails, and nothing is left."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import product

import pytest
from hostile import FOREIGN, VALUES, emission, variables
from tables import for_each

from tastyauth import export, shells
from tastyauth.simulator import Simulator

from .credentials import Credentials, configure
from .parts import PATH, tastyauth
from .processes import Place
from .shells import CODE, REACHED, SHELLS

LINES = [(name, label) for name, shell in SHELLS.items() for label in shell.lines]
CASES = [(*it, setting) for it in LINES for setting in SHELLS[it[0]].settings]
LOCALES = ("C", "C.UTF-8")
DECOYS = ("a", "b", "ab", "-n", "=ls", "decoy", "V1=b", "V2='*';")
"""Files that a glob would find."""

STALE = dict.fromkeys(export.DEFAULT_NAMES, "stale")
"""What an earlier run has left behind."""

FAILURES = {
    "refused": ("refused", "tastyauth env", 77),
    "offline": ("offline", "tastyauth env", 75),
    "mistyped": ("good", "tastyauth env --fromat", 2),
}
"""Where, what is typed instead of `tastyauth env`, and the true code."""

Outcomes = dict[tuple[str, str, str], "Future[dict[str, str]]"]


@pytest.fixture
def printed(place: Place) -> Place:
    """A place full of decoys whose `tastyauth` prints the file `printed`, whatever it gets."""
    for name in DECOYS:
        _write(os.path.join(place.home, name), "")
    _write(os.path.join(place.home, "bin", "tastyauth"), "#!/bin/sh\nexec cat ./printed\n")
    place.variables["PATH"] = f"{place.home}/bin:{PATH}"
    return place


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Place]]:
    """Homes of users of a broker that works, of one that refuses, and of one that is down."""
    found = {}
    with Simulator() as well, Simulator(fail="grant-revoked") as refusing:
        urls = {"good": well.origin, "refused": refusing.origin, "offline": "http://127.0.0.1:1"}
        for name, url in urls.items():
            place = Place(os.fspath(tmp_path_factory.mktemp(name)))
            patience = 1 if name == "offline" else 60
            configure(place, Credentials.of(well), "custom", url, timeout=patience)
            os.mkdir(os.path.join(place.home, "bin"))
            os.symlink(tastyauth(), os.path.join(place.home, "bin", "tastyauth"))
            place.variables["PATH"] = f"{place.home}/bin:{PATH}"
            found[name] = place
        yield found


@pytest.fixture(scope="module")
def outcomes(places: dict[str, Place]) -> Iterator[Outcomes]:
    """What each shell has after each failure; side by side, for those that take a second."""
    with ThreadPoolExecutor(8) as pool:
        found = {}
        for failure, (where, command, _) in FAILURES.items():
            for name, label in LINES:
                shell = SHELLS[name]
                line = shell.lines[label].replace("tastyauth env", command)
                ask = partial(shell.variables_after, places[where], line, **STALE)
                found[name, label, failure] = pool.submit(ask)
        yield found


def test_there_are_enough_values() -> None:
    assert len(VALUES) >= 200
    assert all(value.isascii() and (value.isprintable() or not value) for value in VALUES)


@pytest.mark.parametrize(("name", "label", "setting"), CASES)
def test_values_arrive_byte_for_byte(printed: Place, name: str, label: str, setting: str) -> None:
    shell = SHELLS[name]
    for locale, first in product(LOCALES, range(0, len(VALUES), shell.batch)):
        values = VALUES[first : first + shell.batch]
        _write(f"{printed.home}/printed", shells.RENDER[shell.format](emission(values)))
        line = setting + shell.lines[label]
        seen = shell.variables_after(printed, line, LC_ALL=locale, **{FOREIGN[0]: "stale"})
        expected = {**variables(values), CODE: "0"}
        assert {name: seen.get(name) for name in expected} == expected
        assert shell.format == "json" or seen.keys().isdisjoint(FOREIGN)


@pytest.fixture(scope="module")
def exports(places: dict[str, Place]) -> dict[str, str]:
    """What `env` hands out where all is well."""
    said = places["good"].run_program(tastyauth(), "env", "--format", "json").out
    return dict(json.loads(said)["exports"])


@pytest.mark.parametrize(("name", "label"), LINES)
def test_a_success_sets_the_four_variables(
    places: dict[str, Place], exports: dict[str, str], name: str, label: str
) -> None:
    shell, place = SHELLS[name], places["good"]
    seen = shell.variables_after(place, shell.lines[label], **STALE)
    assert {name: seen[name] for name in exports} == exports
    assert exports.keys() == dict(export.DEFAULT_EXPORTS).keys()
    assert seen[CODE] == "0"
    assert shell.stop_or_go_on(place, shell.lines[label]).out == f"{REACHED}\n"


@for_each("failure", FAILURES)
@for_each(("name", "label"), LINES)
def test_a_failure_leaves_its_code_and_no_variable(
    outcomes: Outcomes, name: str, label: str, failure: str
) -> None:
    seen = outcomes[name, label, failure].result()
    assert seen[CODE] == str(FAILURES[failure][2])
    assert STALE.keys() & seen.keys() == set()


@pytest.mark.parametrize(("name", "label"), LINES)
def test_a_failure_stops_a_script(places: dict[str, Place], name: str, label: str) -> None:
    """Shells that have a code of their own for a script that fails end with that."""
    where, command, code = FAILURES["mistyped"]
    shell = SHELLS[name]
    line = shell.lines[label].replace("tastyauth env", command)
    finished = shell.stop_or_go_on(places[where], line)
    assert REACHED not in finished.out
    assert finished.code == code if shell.ends_truly else finished.code != 0
    assert "tastyauth: error: " in finished.err


@pytest.mark.parametrize("name", [name for name, it in SHELLS.items() if it.format == "sh"])
def test_where_tastyauth_is_missing_only_the_careful_line_fails(name: str, place: Place) -> None:
    """Nothing that it prints could help; this is why the docs write `|| echo false`."""
    shell = SHELLS[name]
    careful = 'eval "$(tastyauth env || echo false)"'
    assert shell.variables_after(place, careful)[CODE] == "1"
    assert shell.variables_after(place, shell.lines["quoted"])[CODE] == "0"


@pytest.mark.parametrize("failure", FAILURES)
def test_in_fish_the_line_of_another_shell_fails_too(
    places: dict[str, Place], failure: str
) -> None:
    """With a code of fish's own: it cannot read the words."""
    where, command, _ = FAILURES[failure]
    line = f"eval $({command})"
    assert SHELLS["fish"].variables_after(places[where], line)[CODE] != "0"


def _write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
        os.fchmod(file.fileno(), 0o755)
