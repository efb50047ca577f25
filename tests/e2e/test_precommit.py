"""Both hooks in a git repository of somebody else, run by the real pre-commit and by prek."""

import os
import shutil
import subprocess
from dataclasses import dataclass

import pytest
from needs import missing
from told import EXAMPLES, beside

import tastyauth

from .parts import REPOSITORY, installed, program
from .recipes import adapted, recipe

LIMIT = 300.0
"""Seconds: packages may have to be fetched."""

VALID = f"{EXAMPLES}/valid/smallest.yaml"
MISSPELT = f"{EXAMPLES}/invalid/ta101-misspelt-key.yaml"
HEXADECIMAL = "4d1e0c9b7a52f83e6d0b9c1a7e5f3d2b8a6c4e0f"

TOOLS = ("pre-commit", "prek")

PINNED = {
    "uv.lock": (
        '[[package]]\nname = "tastytrade"\n'
        f'source = {{ git = "https://example.com/tastytrade?rev={HEXADECIMAL}#{HEXADECIMAL}" }}\n'
    ),
    "package-lock.json": (
        '{"node_modules/@tastytrade/api": {"resolved": '
        f'"git+ssh://git@example.com/tastytrade-api-js.git#{HEXADECIMAL}"}}}}\n'
    ),
    "requirements.txt": f"tastytrade @ git+https://example.com/tastytrade@{HEXADECIMAL}\n",
    ".github/workflows/ci.yaml": (
        f"jobs:\n  a:\n    steps:\n      - uses: example/secret-scanner@{HEXADECIMAL}\n"
        f"      - uses: tastyauth/setup@{HEXADECIMAL} # v1\n"
    ),
    "SHA1SUMS": f"{HEXADECIMAL}  tastytrade-1.0.tar.gz\n{HEXADECIMAL} *client_secret.txt\n",
    "Dockerfile": f"ARG TASTYAUTH_COMMIT={HEXADECIMAL}\n",
    "poetry.lock": f'resolved_reference = "{HEXADECIMAL}"  # tastytrade\n',
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended and all that it said."""

    code: int
    said: str


@dataclass(frozen=True, slots=True)
class Project:
    """A git repository, the environment in which programs run there, and what leads to them."""

    path: str
    environ: dict[str, str]

    def run_program(self, *argv: str) -> Ended:
        done = subprocess.run(
            argv,
            cwd=self.path,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        return Ended(done.returncode, done.stdout)

    def git(self, *words: str) -> None:
        done = self.run_program(program("git"), *words)
        assert done.code == 0, done.said

    def put(self, name: str, content: str) -> None:
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        self.git("add", "--all")

    def copy(self, source: str, name: str) -> None:
        with open(source, encoding="utf-8") as file:
            self.put(name, file.read())

    def tool(self, name: str, *words: str) -> Ended:
        return self.run_program(installed(f"validators/bin/{name}"), *words)


@pytest.fixture(scope="module")
def environ(
    tmp_path_factory: pytest.TempPathFactory, callers_environment: dict[str, str]
) -> dict[str, str]:
    """The caller's way to packages, but a home, caches, git settings and uv of these tests.

    Where prek finds no uv, it asks the first `python3` for its pip, and Debian's has none.
    """
    home = os.fspath(tmp_path_factory.mktemp("home"))
    os.mkdir(f"{home}/bin")
    os.symlink(installed("validators/bin/uv"), f"{home}/bin/uv")
    with open(f"{home}/.gitconfig", "w", encoding="utf-8") as file:
        file.write("[user]\nname = t\nemail = t@example.com\n[init]\ndefaultBranch = main\n")
    kept = {
        name: value
        for name, value in callers_environment.items()
        if not name.startswith(("GIT_", "TASTY", "TT_", "XDG_", "PRE_COMMIT", "PREK"))
    }
    ours = {"PATH": f"{home}/bin:{kept['PATH']}", "HOME": home, "GIT_CONFIG_NOSYSTEM": "1"}
    return {**kept, **ours, "LANG": "C.UTF-8", "NO_COLOR": "1"}


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory, environ: dict[str, str]) -> Project:
    """A git repository with this project as it is, tagged v1."""
    project = Project(os.fspath(tmp_path_factory.mktemp("hooks")), environ)
    listed = subprocess.run(
        [program("git"), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        source, target = f"{REPOSITORY}/{name}", f"{project.path}/{name}"
        if os.path.isfile(source) and not name.startswith("tests/"):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(source, target)
    project.git("init", "--quiet")
    project.git("add", "--all")
    project.git("commit", "--quiet", "--message", "as it is")
    project.git("tag", "v1")
    return project


@pytest.fixture
def project(tmp_path: os.PathLike[str], environ: dict[str, str], hooks: Project) -> Project:
    """Somebody's repository, with both hooks configured and nothing else in it."""
    path = os.path.join(tmp_path, "project")
    os.mkdir(path)
    project = Project(path, environ)
    project.git("init", "--quiet")
    adaptations = {
        "https://github.com/tastyauth/tastyauth": f"file://{hooks.path}",
        f"v{tastyauth.__version__}": "v1",
    }
    project.put(".pre-commit-config.yaml", adapted(recipe("yaml", "repos:"), adaptations))
    return project


def test_pre_commit_tries_the_hooks_as_they_are(project: Project, hooks: Project) -> None:
    project.copy(MISSPELT, "ta101-misspelt-key.yaml")
    project.copy(MISSPELT, "sub/tastyauth.yaml")
    tried = project.tool(
        "pre-commit", "try-repo", hooks.path, "tastyauth-validate", "--all-files", "--verbose"
    )
    assert tried.code == 1, tried.said
    assert "error[TA101]" in tried.said
    assert " --> sub/tastyauth.yaml:6:5" in tried.said


@pytest.mark.parametrize("tool", TOOLS)
def test_a_config_is_refused_until_it_is_right(project: Project, tool: str) -> None:
    project.copy(MISSPELT, "tastyauth.yaml")
    refused = project.tool(tool, "run", "--all-files")
    assert refused.code == 1, refused.said
    with open(beside(MISSPELT), encoding="utf-8") as file:
        report = file.read().replace("ta101-misspelt-key.yaml", "tastyauth.yaml")
    for line in filter(str.strip, report.splitlines()):
        assert line in refused.said
    project.copy(VALID, "tastyauth.yaml")
    passed = project.tool(tool, "run", "--all-files")
    assert passed.code == 0, passed.said


@pytest.mark.parametrize("tool", TOOLS)
def test_what_the_hook_lacks_is_to_be_added_to_the_hook(project: Project, tool: str) -> None:
    project.copy(f"{EXAMPLES}/invalid/ta124-extras.yaml", "tastyauth.yaml")
    said = project.tool(tool, "run", "--all-files").said
    for package in ("keyring", "python-dotenv"):
        assert f"give this hook additional_dependencies: [{package}]" in said


@pytest.mark.parametrize("tool", TOOLS)
def test_a_secret_in_any_text_file_is_refused_and_not_shown(project: Project, tool: str) -> None:
    project.put("src/bot.py", f"TT_SECRET = '{HEXADECIMAL}'\n")
    refused = project.tool(tool, "run", "--all-files")
    assert refused.code == 1, refused.said
    assert "src/bot.py:1:14" in refused.said
    assert HEXADECIMAL[:6] not in refused.said
    project.put("src/bot.py", f"TT_SECRET = '{HEXADECIMAL}'  # tastyauth: allow\n")
    assert project.tool(tool, "run", "--all-files").code == 0


@pytest.mark.parametrize("tool", TOOLS)
def test_lock_files_and_pins_raise_no_alarm(project: Project, tool: str) -> None:
    for name, content in PINNED.items():
        project.put(name, content)
    done = project.tool(tool, "run", "--all-files")
    assert done.code == 0, done.said


@pytest.mark.parametrize("tool", TOOLS)
def test_an_installed_hook_refuses_a_commit(project: Project, tool: str) -> None:
    project.copy(MISSPELT, "tastyauth.yaml")
    assert project.tool(tool, "install").code == 0
    refused = project.run_program(program("git"), "commit", "--message", "x")
    assert refused.code == 1, refused.said
    assert "error[TA101]" in refused.said
    project.copy(VALID, "tastyauth.yaml")
    accepted = project.run_program(program("git"), "commit", "--message", "x")
    assert accepted.code == 0, accepted.said


@pytest.mark.parametrize("tool", TOOLS)
def test_a_warm_hook_needs_no_network(project: Project, tool: str) -> None:
    if os.geteuid() != 0:
        missing("cutting off the network needs root")
    project.copy(VALID, "tastyauth.yaml")
    assert project.tool(tool, "run", "--all-files").code == 0
    project.copy(MISSPELT, "tastyauth.yaml")
    binary = installed(f"validators/bin/{tool}")
    refused = project.run_program(program("unshare"), "--net", binary, "run", "--all-files")
    assert refused.code == 1, refused.said
    assert "error[TA101]" in refused.said


@pytest.mark.parametrize("tool", ["pre-commit"])
def test_the_manifest_is_valid(hooks: Project, tool: str) -> None:
    done = hooks.tool(tool, "validate-manifest", ".pre-commit-hooks.yaml")
    assert done.code == 0, done.said
