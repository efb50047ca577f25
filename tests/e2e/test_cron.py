"""Each documented crontab under a real cron: its job runs with a valid token, or not at all.

What is captured by a stand-in for sendmail says what is wrong, and holds no secret.
"""

import os
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tastyauth.simulator import Simulator

from .credentials import Credentials, configure
from .cron import Mail, run_cron
from .parts import tastyauth
from .processes import Place
from .recipes import adapted, recipe

NOON = "2026-11-02 11:59:58"
"""A Monday, two seconds before every recipe is due."""

RECIPES = {
    "exec": recipe("crontab", "# a program"),
    "eval": recipe("crontab", "# with eval"),
    "log": recipe("crontab", "# a log for each day"),
    "check": recipe("crontab", "# the credentials, every six hours"),
    "quiet": recipe("crontab", "# the credentials, silent about what is temporary"),
}
JOBS = ("exec", "eval", "log")
"""Those that start a program."""

TROUBLES = ("refused", "offline", "missing")
FAR_AWAY = "http://127.0.0.1:1"
"""Where nothing listens."""

# What the programs of the recipes do: leave behind the environment they got.
_PROGRAM = (
    "import os; open('ran', 'wb').write(b'\\0'.join(b'='.join(it) for it in os.environb.items()))\n"
)
_REPORT = '#!/bin/sh\nenv -0 >"$HOME/ran"\necho done\n'
_ASKING = "#!/bin/sh\nread -r answer </dev/tty || echo no terminal >&2\nread -r answer\n"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run has left in the home directory of a user of cron's, and in the mail."""

    home: str
    mail: Mail | None

    @property
    def variables(self) -> dict[str, str]:
        """Those of the program that was started; none when none was."""
        if not os.path.exists(f"{self.home}/ran"):
            return {}
        with open(f"{self.home}/ran", encoding="utf-8") as file:
            return dict(pair.split("=", 1) for pair in file.read().split("\0") if pair)


def config_of(home: str) -> str:
    return f"{home}/.config/tastyauth/tastyauth.yaml"


def rewrite(path: str, old: str, new: str) -> None:
    with open(path, encoding="utf-8") as file:
        text = adapted(file.read(), {old: new})
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


SPOILED: dict[str, tuple[Callable[[str], None], str]] = {
    "no config": (lambda home: os.unlink(config_of(home)), "no config"),
    "another profile": (lambda home: rewrite(config_of(home), "live:", "paper:"), "live"),
    "invalid config": (
        lambda home: rewrite(config_of(home), "timeout:", "timeuot:"),
        "tastyauth validate",
    ),
    "no secret": (
        lambda home: os.unlink(f"{home}/.config/tastyauth/refresh-token"),
        "refresh-token",
    ),
    "open secret": (
        lambda home: os.chmod(f"{home}/.config/tastyauth/refresh-token", 0o644),
        "chmod 600",
    ),
    "asking": (lambda home: ask_for_the_token(home), "no terminal"),
}
"""What is done to a home, and what the mail must name."""


def ask_for_the_token(home: str) -> None:
    """Has the refresh token come from a program that wants somebody at a terminal."""
    executable(f"{home}/bin/ask", _ASKING)
    rewrite(config_of(home), "{ file: refresh-token }", "{ command: [~/bin/ask] }")


def executable(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o755)
        file.write(text)


def user_of(name: str, trouble: str = "fine") -> str:
    return f"{name}-{trouble}".replace(" ", "-")


class Village:
    """The homes of users of cron's, each with a crontab and, perhaps, a trouble of its own."""

    def __init__(self, directory: str, brokers: dict[str, Simulator]) -> None:
        self.directory = directory
        self._brokers = brokers
        self.crontabs: dict[str, tuple[str, str]] = {}

    def settle(self, user: str, crontab: str, trouble: str = "fine") -> str:
        """Makes a home, below a directory whose name no ASCII locale can read."""
        place = Place(os.path.join(self.directory, "häuser", user))
        os.makedirs(place.home)
        broker = self._brokers["refused" if trouble == "refused" else "fine"]
        url = FAR_AWAY if trouble == "offline" else broker.origin
        patience = 1 if trouble == "offline" else 60
        configure(place, Credentials.of(broker), "custom", url, timeout=patience, profile="live")
        if trouble != "missing":
            os.makedirs(f"{place.home}/.local/bin")
            os.symlink(tastyauth(), f"{place.home}/.local/bin/tastyauth")
        os.makedirs(f"{place.home}/bot/.venv/bin")
        os.symlink(sys.executable, f"{place.home}/bot/.venv/bin/python")
        executable(f"{place.home}/bot/bot.py", _PROGRAM)
        executable(f"{place.home}/bot/report", _REPORT)
        self.crontabs[user] = (place.home, crontab.replace("/home/me", place.home))
        return place.home


@pytest.fixture(scope="module")
def brokers() -> Iterator[dict[str, Simulator]]:
    with ExitStack() as stack:
        yield {
            "fine": stack.enter_context(Simulator()),
            "refused": stack.enter_context(Simulator(fail="grant-revoked")),
        }


@pytest.fixture(scope="module")
def outcomes(
    brokers: dict[str, Simulator], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Outcome]:
    """One noon in a village where all run the recipes, each with one trouble."""
    village = Village(os.fspath(tmp_path_factory.mktemp("cron")), brokers)
    for name, crontab in RECIPES.items():
        for trouble in ("fine", *TROUBLES):
            village.settle(user_of(name, trouble), crontab, trouble)
    for trouble, (spoil, _) in SPOILED.items():
        spoil(village.settle(user_of("exec", trouble), RECIPES["exec"]))
    village.settle("silent", f'MAILTO=""\n{RECIPES["exec"]}', "refused")
    careless = adapted(
        RECIPES["eval"], {'"$(tastyauth env -p live || echo false)"': "$(tastyauth env)"}
    )
    village.settle("careless", careless, "missing")
    mail = run_cron(village.directory, village.crontabs, NOON)
    return {user: Outcome(home, mail.get(user)) for user, (home, _) in village.crontabs.items()}


@pytest.mark.parametrize("name", JOBS)
def test_a_job_runs_with_a_valid_token(outcomes: dict[str, Outcome], name: str) -> None:
    variables = outcomes[user_of(name)].variables
    request = urllib.request.Request(
        f"{variables['TASTYTRADE_API_URL']}/customers/me/accounts",
        headers={"Authorization": f"Bearer {variables['TASTYTRADE_ACCESS_TOKEN']}"},
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("name", JOBS)
def test_cron_gives_hardly_anything(outcomes: dict[str, Outcome], name: str) -> None:
    """So nothing of it was needed: no terminal, bus, locale or user's name."""
    given = {"HOME", "LOGNAME", "PATH", "SHELL", "PWD", "_"}
    given.add("LC_CTYPE")  # what a job in Python finds in its own environment (PEP 538)
    variables = outcomes[user_of(name)].variables
    assert {it for it in variables if not it.startswith("TASTYTRADE_")} <= given


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("name", JOBS)
def test_without_a_token_no_job_runs(outcomes: dict[str, Outcome], name: str, trouble: str) -> None:
    assert outcomes[user_of(name, trouble)].variables == {}


@pytest.mark.parametrize("trouble", SPOILED)
def test_whatever_is_wrong_no_job_runs_and_the_mail_says_it(
    outcomes: dict[str, Outcome], trouble: str
) -> None:
    outcome = outcomes[user_of("exec", trouble)]
    assert outcome.variables == {}
    assert_explained(outcome.mail, SPOILED[trouble][1])


@pytest.mark.parametrize("name", ["exec", "log", "check", "quiet"])
def test_all_is_well_without_mail(outcomes: dict[str, Outcome], name: str) -> None:
    assert outcomes[user_of(name)].mail is None


def test_what_a_job_says_is_mailed(outcomes: dict[str, Outcome]) -> None:
    mail = outcomes[user_of("eval")].mail
    assert mail is not None
    assert (mail.to, mail.body) == (user_of("eval"), "done\n")


@pytest.mark.parametrize("name", RECIPES)
def test_a_refused_grant_is_mailed(outcomes: dict[str, Outcome], name: str) -> None:
    """With the page and the button for the person who must act."""
    mail = outcomes[user_of(name, "refused")].mail
    assert_explained(mail, "invalid_grant")
    assert_explained(mail, "https://my.tastytrade.com/")


@pytest.mark.parametrize("name", ["exec", "eval", "log", "check"])
def test_a_network_that_is_down_is_mailed(outcomes: dict[str, Outcome], name: str) -> None:
    assert_explained(outcomes[user_of(name, "offline")].mail, "127.0.0.1")


def test_what_is_temporary_can_be_left_out(outcomes: dict[str, Outcome]) -> None:
    assert outcomes[user_of("quiet", "offline")].mail is None


@pytest.mark.parametrize("name", RECIPES)
def test_a_missing_tastyauth_is_mailed(outcomes: dict[str, Outcome], name: str) -> None:
    """By the shell."""
    mail = outcomes[user_of(name, "missing")].mail
    assert mail is not None
    assert "tastyauth: not found" in mail.body


@pytest.mark.parametrize("name", ["check", "quiet"])
def test_mail_goes_where_the_crontab_says(outcomes: dict[str, Outcome], name: str) -> None:
    mail = outcomes[user_of(name, "refused")].mail
    assert mail is not None
    assert mail.to == "me@example.com"


def test_a_crontab_can_ask_for_no_mail(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["silent"] == Outcome(outcomes["silent"].home, None)


def test_the_log_has_the_date_in_its_name(outcomes: dict[str, Outcome]) -> None:
    """Which is why its % has a backslash."""
    names = os.listdir(f"{outcomes[user_of('log')].home}/bot")
    (log,) = (name for name in names if name.endswith(".log"))
    assert len(log) == len("2026-11-02.log")


def test_without_echo_false_a_missing_tastyauth_starts_the_job(
    outcomes: dict[str, Outcome],
) -> None:
    """The reason for the recipe: it runs, and has no token."""
    variables = outcomes["careless"].variables
    assert "HOME" in variables
    assert "TASTYTRADE_ACCESS_TOKEN" not in variables


def test_no_mail_holds_a_secret(
    outcomes: dict[str, Outcome], brokers: dict[str, Simulator]
) -> None:
    mails = [outcome.mail.text for outcome in outcomes.values() if outcome.mail]
    secrets = ["eyJ"]  # how all tokens begin
    for broker in brokers.values():
        credentials = Credentials.of(broker)
        secrets += [credentials.client_secret, credentials.refresh_token]
    assert len(mails) >= 20
    assert [secret for secret in secrets for text in mails if secret in text] == []


def assert_explained(mail: Mail | None, part: str) -> None:
    """An error and a hint of tastyauth's and nothing else, with `part` in it."""
    assert mail is not None
    lines = mail.body.splitlines()
    assert all(line.startswith("tastyauth: ") for line in lines)
    assert "\ntastyauth: hint: " in mail.body
    assert "tastyauth: error: " in mail.body
    assert part in mail.body
