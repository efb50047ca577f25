"""Every code that tastyauth can show has its page, and every page its code."""

import os
import re
from glob import glob

from tables import for_each
from told import INVALID, checked

import tastyauth
from tastyauth import errors, validation
from tastyauth.cli import validate as explain

PACKAGE = os.path.dirname(tastyauth.__file__)
DIAGNOSTICS = {code for code in explain.pages() if code.startswith("TA")}
EXIT_CODES = {code for code in explain.pages() if code.isdigit()}


def test_every_code_in_the_source_has_a_page_and_the_reverse() -> None:
    used = set(re.findall(r'"(TA\d{3})"', validation.text()))
    for path in glob(f"{PACKAGE}/**/*.py", recursive=True) + glob(f"{PACKAGE}/validation/*.txt"):
        with open(path, encoding="utf-8") as file:
            used |= set(
                re.findall(r'(?:"|^\[.*\] )(TA\d{3})(?:"|$| warning$)', file.read(), re.MULTILINE)
            )
    assert used == DIAGNOSTICS


def test_every_code_has_an_invalid_example() -> None:
    shown = {problem.code for path in INVALID for problem in checked(path).problems}
    assert shown == DIAGNOSTICS


def test_an_example_shows_the_code_it_is_called_after() -> None:
    for path in INVALID:
        named = re.match(r"ta\d{3}", os.path.basename(path))
        codes = [problem.code for problem in checked(path).problems]
        assert named is None or named.group().upper() in codes


def test_warnings_and_only_they_are_called_so() -> None:
    severities = {
        problem.code: problem.severity for path in INVALID for problem in checked(path).problems
    }
    warnings = {code for code, severity in severities.items() if severity == "warning"}
    assert warnings == {
        code for code in DIAGNOSTICS if explain.pages()[code].title.endswith("(warning)")
    }


def _tree(branch: type[errors.TastyauthError]) -> set[int]:
    return {branch.exit_code}.union(*(_tree(each) for each in branch.__subclasses__()))


def test_every_exit_code_has_a_page() -> None:
    assert {str(code) for code in _tree(errors.TastyauthError)} <= EXIT_CODES
    promised = {0, 1, 2, 66, 69, 70, 74, 75, 76, 77, 78, 130}
    assert {str(code) for code in promised} <= EXIT_CODES


@for_each("code", ["129", "131", "143"])
def test_every_signal_that_ends_a_run_has_a_page(code: str) -> None:
    page = explain.page(code)
    assert page is not None
    assert code in page.text


def test_a_page_has_a_title_and_a_text_that_fits_a_terminal() -> None:
    for code, page in explain.pages().items():
        assert page.title, code
        assert len(page.text) > 60, code
        assert max(map(len, page.text.splitlines())) <= 100, code


@for_each("asked", ["TA101", "ta101", " Ta101 "])
def test_a_code_is_found_however_it_is_written(asked: str) -> None:
    page = explain.page(asked)
    assert page is not None
    assert page.code == "TA101"


def test_there_is_no_page_for_anything_else() -> None:
    assert explain.page("TA999") is None
    assert explain.page("") is None
