"""The documented step, as GitHub's runner would run it; a stand-in, since there is no runner."""

import os
import re
from select import select

import pytest
import yaml
from world import Completed, with_references

from tastyauth import export
from tastyauth.simulator import Simulator

from .credentials import Credentials
from .parts import PATH, program, tastyauth
from .processes import Place
from .recipes import recipe

_CONFIG = with_references("env: TASTYTRADE_CLIENT_SECRET", "env: TASTYTRADE_REFRESH_TOKEN")
_MASK = "::add-mask::"


class Job:
    """A job in a checkout whose config names two variables; its owner has approved this config."""

    def __init__(self, place: Place, broker: Simulator) -> None:
        self.place = place
        self.credentials = Credentials.of(broker)
        self.workspace = os.path.join(place.home, "work")
        self.file = os.path.join(place.home, "github-env")
        os.makedirs(os.path.join(self.workspace, ".git"))
        config = _CONFIG.format(origin=broker.origin, client_id=self.credentials.client_id)
        with open(os.path.join(self.workspace, "tastyauth.yaml"), "w", encoding="ascii") as file:
            file.write(config)
        os.mkdir(os.path.join(place.home, "bin"))
        os.symlink(tastyauth(), os.path.join(place.home, "bin", "tastyauth"))
        place.variables |= {"CI": "true", "PATH": f"{place.home}/bin:{PATH}"}
        self._hash = self._run("tastyauth allow --print").out.split("sha256: ")[1].strip()

    @property
    def step(self) -> tuple[str, dict[str, str]]:
        """What the documented step runs, and its variables."""
        ((step,)) = yaml.safe_load(recipe("yaml", "# .github/workflows/bot.yml, a step"))
        stored = {
            "vars.TASTYAUTH_TRUST_SHA256": self._hash,
            "secrets.TASTYTRADE_CLIENT_SECRET": self.credentials.client_secret,
            "secrets.TASTYTRADE_REFRESH_TOKEN": self.credentials.refresh_token,
        }
        expressions = {
            name: re.fullmatch(r"\$\{\{ (.*) }}", it) for name, it in step["env"].items()
        }
        return step["run"], {name: stored[it[1]] for name, it in expressions.items() if it}

    def run_step(self, **changes: str) -> Completed:
        """Runs the step to its end, with some variables of another value."""
        command, variables = self.step
        return self._run(command, **(variables | {"GITHUB_ENV": self.file} | changes))

    def _run(self, command: str, **variables: str) -> Completed:
        inside = ("env", f"--chdir={self.workspace}")
        return self.place.run_program(*inside, program("bash"), "-e", "-c", command, **variables)


@pytest.fixture
def job(place: Place, simulator: Simulator) -> Job:
    return Job(place, simulator)


def variables_in(path: str) -> dict[str, str]:
    """What the runner gives to later steps (docs.github.com, workflow commands, GITHUB_ENV)."""
    with open(path, encoding="ascii") as file:
        return dict(line.rstrip("\n").split("=", 1) for line in file)


def masked_in(out: str) -> list[str]:
    """What the runner hides in its log from then on; no line may be anything but a command."""
    lines = out.splitlines()
    assert all(line.startswith(_MASK) for line in lines)
    return [line.removeprefix(_MASK) for line in lines]


def test_later_steps_have_the_variables_and_the_log_hides_the_token(
    job: Job, simulator: Simulator
) -> None:
    done = job.run_step()
    assert (done.code, done.err) == (0, "")
    seen = variables_in(job.file)
    assert tuple(seen) == tuple(dict(export.DEFAULT_EXPORTS))
    assert seen["TASTYTRADE_API_URL"] == simulator.origin
    assert seen["TASTYTRADE_ACCESS_TOKEN"] in masked_in(done.out)
    assert simulator.exchanges == 1


def test_what_earlier_steps_have_written_stays(job: Job) -> None:
    with open(job.file, "w", encoding="ascii") as file:
        file.write("EARLIER=1\n")
    assert job.run_step().code == 0
    assert {"EARLIER", *dict(export.DEFAULT_EXPORTS)} == set(variables_in(job.file))


def test_the_masks_come_before_the_file(job: Job) -> None:
    """The file is a FIFO here, which cannot be written until it is read; the masks do not wait."""
    os.mkfifo(job.file)
    command, variables = job.step
    shell = (program("bash"), "-e", "-c", command)
    inside = ("env", f"--chdir={job.workspace}")
    with job.place.started(*inside, *shell, **variables, GITHUB_ENV=job.file) as step:
        assert step.stdout is not None
        assert select([step.stdout], [], [], 20)[0]
        written = job.place.run_program("cat", job.file).out
        assert step.wait(20) == 0
        token = masked_in(step.stdout.read())[0]
    assert f"TASTYTRADE_ACCESS_TOKEN={token}\n" in written


def test_a_changed_config_gets_nothing(job: Job, simulator: Simulator) -> None:
    """Whoever may change the file may not choose where the secrets go."""
    with open(f"{job.workspace}/tastyauth.yaml", "a", encoding="ascii") as file:
        file.write("    exports: { OTHER: access_token }\n")
    assert_nothing(job, job.run_step(), 78)
    assert simulator.token_requests == 0


def test_a_pull_request_from_a_fork_gets_nothing(job: Job, simulator: Simulator) -> None:
    """Its secrets are empty."""
    assert_nothing(job, job.run_step(TASTYTRADE_CLIENT_SECRET="", TASTYTRADE_REFRESH_TOKEN=""), 69)
    assert simulator.token_requests == 0


def test_a_refused_grant_stops_the_job(job: Job, simulator: Simulator) -> None:
    simulator.fail = "grant-revoked"
    assert_nothing(job, job.run_step(), 77)


def assert_nothing(job: Job, done: Completed, code: int) -> None:
    """Neither masks nor variables, and the reason where the log shows it."""
    assert (done.code, done.out) == (code, "")
    assert "tastyauth: hint: " in done.err
    assert not os.path.exists(job.file)
    for secret in (job.credentials.client_secret, job.credentials.refresh_token):
        assert secret not in done.err
