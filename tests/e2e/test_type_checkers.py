"""mypy and pyright read a program alike, whether or not httpx2 is there."""

import os
import re
import sys
from collections.abc import Callable, Iterator

import pytest

from .parts import REPOSITORY, installed, program
from .processes import Place

RIGHT = """\
import httpx
import tastyauth
from tastyauth import TastytradeAuth, errors, testing


class Logged(tastyauth.TastytradeAuth):
    def __init__(self, profile: str) -> None:
        super().__init__(profile, on_renewed=self.renewed)

    def renewed(self, credential: tastyauth.Credential) -> None:
        self.last: int = credential.expires_at


headers: dict[str, str] = tastyauth.get_credential("live").headers()
client = httpx.Client(auth=TastytradeAuth("live", lazy=True))
other = httpx.AsyncClient(auth=Logged("live"))
made: tastyauth.Credential = testing.credential(life=30)
with testing.Tastytrade() as tastytrade:
    tastytrade.fail = "503"
try:
    names: list[str] = [each.name for each in tastyauth.profiles()]
except errors.WrongOrigin as error:
    wait: float | None = error.retry_after
"""

ALSO_RIGHT = """\
import httpx2
import tastyauth

client = httpx2.Client(auth=tastyauth.TastytradeAuth())
other = httpx2.AsyncClient(auth=tastyauth.TastytradeAuth())
"""

WRONG = """\
import tastyauth
tastyauth.TastytradeAuth(profil="live")
tastyauth.TastytradeAuth("live", on_renewed=5)
tastyauth.Credential("token")
tastyauth.nothing()
count: int = tastyauth.TastytradeAuth("live")
tastyauth.TastytradeAuth("live").nothing()
"""

NEEDED = ("httpx", "httpcore", "h11", "anyio", "idna", "certifi", "typing_extensions.py")


@pytest.fixture(params=["httpx", "httpx and httpx2"])
def python(request: pytest.FixtureRequest, place: Place) -> Iterator[str]:
    """An interpreter with tastyauth and these clients."""
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    if request.param != "httpx":
        yield sys.executable
        return
    there = os.path.join(place.home, "venv")
    made = place.run_program(sys.executable, "-m", "venv", "--without-pip", there)
    assert made.code == 0, made.err
    inside = os.path.join(there, "lib", os.path.basename(os.path.dirname(packages)))
    for name in NEEDED:
        os.symlink(os.path.join(packages, name), os.path.join(inside, "site-packages", name))
    ours = os.path.join(inside, "site-packages", "tastyauth")
    os.symlink(os.path.join(REPOSITORY, "tastyauth"), ours)
    yield os.path.join(there, "bin", "python")


def mypy(python: str) -> list[str]:
    return [
        os.path.join(REPOSITORY, ".venv", "bin", "mypy"),
        *("--strict", "--no-error-summary", "--python-executable", python),
    ]


def pyright(python: str) -> list[str]:
    checker = installed("npm/node_modules/pyright/index.js")
    return [program("node"), checker, "--pythonpath", python]


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_a_program_is_right_and_each_mistake_is_found(
    place: Place, python: str, checker: Callable[[str], list[str]]
) -> None:
    texts = {"right.py": RIGHT, "wrong.py": WRONG}
    if python == sys.executable:
        texts["right2.py"] = ALSO_RIGHT
    for name, text in texts.items():
        with open(os.path.join(place.home, name), "x", encoding="ascii") as file:
            file.write(text)
    done = place.run_program(*checker(python), *texts, MYPYPATH="")
    found = re.findall(r"(\w+\.py):(\d+)(?::\d+)?(?::| -) error", done.out)
    assert found == [("wrong.py", str(line)) for line in range(2, 8)], done.out
