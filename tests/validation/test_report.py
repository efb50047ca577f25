"""What is told about a config, to the letter; and that nothing told can hold a secret."""

import base64
import json
import os
import re
import traceback

import pytest
from golden import Golden
from tables import for_each
from told import EXAMPLES, INVALID, VALID, beside, checked, of, text

from tastyauth import config
from tastyauth.errors import ConfigError
from tastyauth.validation import report


def human(content: str) -> str:
    return report.FORMATS["human"]([of(content)], False)


@for_each("path", INVALID)
def test_the_report_is_the_one_beside_the_example(path: str, golden: Golden) -> None:
    golden(beside(path), text(path))


def test_no_report_lies_about_without_its_example() -> None:
    directory = f"{EXAMPLES}/invalid"
    assert sorted(os.listdir(directory)) == sorted(
        os.path.basename(path) for example in INVALID for path in (example, beside(example))
    )


def test_there_is_nothing_to_say_about_a_valid_file() -> None:
    assert report.FORMATS["human"]([checked(f"{EXAMPLES}/valid/smallest.yaml")], False) == ""


def test_colours_change_nothing_else() -> None:
    for path in INVALID:
        colourful = report.FORMATS["human"]([checked(path)], True)
        assert "\x1b[" in colourful
        assert re.sub(r"\x1b\[[0-9;]*m", "", colourful) == text(path)


def test_reports_are_printable_ascii() -> None:
    for path in INVALID:
        assert re.fullmatch(r"[\n -~]*", text(path))


def test_several_files_are_reported_one_after_the_other() -> None:
    both = [of("x: 1\n", "one.yaml"), of("", "two.yaml")]
    told = report.FORMATS["human"](both, False)
    assert (
        told.index("one.yaml: 2 errors\n") < told.index("two.yaml:1:1") < told.index("two.yaml: 1")
    )


def test_a_long_line_is_cut_around_what_is_wrong() -> None:
    told = human("{" + "a: 1, " * 500 + "version: 2, " + "b: 1, " * 500 + "}\n")
    assert max(map(len, told.splitlines())) < 200


# For programs


def test_json_says_the_same_with_pointers_and_ranges() -> None:
    found = of("version: 2\nprofiles:\n  a/b~: { environment: prod }\n", "some.yaml")
    content = json.loads(report.FORMATS["json"]([found], False))
    assert content["format_version"] == 1
    assert content["files"] == [
        {"path": "some.yaml", "valid": False, "errors": len(content["problems"]), "warnings": 0}
    ]
    first = content["problems"][0]
    assert first == {
        "code": "TA105",
        "severity": "error",
        "path": "some.yaml",
        "pointer": "/version",
        "line": 1,
        "column": 10,
        "end_line": 1,
        "end_column": 11,
        "message": '"version" must be 1',
        "label": "not a version of this format",
        "labels": [],
        "help": ["write version: 1"],
    }


def test_json_of_valid_files_has_no_problems() -> None:
    content = json.loads(report.FORMATS["json"]([checked(path) for path in VALID], False))
    assert all(file["valid"] for file in content["files"])
    assert all(problem["severity"] == "warning" for problem in content["problems"])


def test_second_places_are_in_json_as_well() -> None:
    content = json.loads(report.FORMATS["json"]([of("version: 1\nversion: 1\n")], False))
    (label,) = content["problems"][0]["labels"]
    assert (label["line"], label["column"], label["end_column"]) == (1, 1, 8)


MISTYPED = {
    "environment: prodction": True,
    "environment: live2prod": False,
    "environment: staging": True,
    "environment: x7Jq92kLmPz0": False,
    "environment: correcthorsebattery": False,
    "environment: hunter2": False,
    "scopes: [reed]": True,
    "stands_for: bcdfghj": False,
    "enviroment: sandbox": True,
    "passwrod: sandbox": False,
}
"""Lines of a profile, and whether the value is shown."""


@for_each("line", MISTYPED)
def test_a_value_is_shown_where_it_is_a_mistyped_word(line: str) -> None:
    said = human(f"version: 1\nprofiles:\n  live:\n    {line}\n")
    assert (f"    {line}\n" in said) == MISTYPED[line]


def test_a_pointer_hides_what_may_be_a_secret() -> None:
    content = json.loads(report.FORMATS["json"]([of("version: 1\nZ9x8Y7w6V5u4: 1\n")], False))
    assert "/[hidden]" in [problem["pointer"] for problem in content["problems"]]


def test_github_gets_one_command_for_each_problem() -> None:
    found = of("version: 2\nprofiles: {}\n", "a,b:c%.yaml")
    lines = report.FORMATS["github"]([found], False).splitlines()
    assert len(lines) == len(found.problems)
    assert lines[0] == (
        "::error file=a%2Cb%3Ac%25.yaml,line=1,col=10,endLine=1,endColumn=11,title=TA105::"
        '"version" must be 1: not a version of this format%0Awrite version: 1'
    )


def test_a_warning_is_a_warning_for_github() -> None:
    told = report.FORMATS["github"]([checked(f"{EXAMPLES}/valid/everything.yaml")], False)
    assert {line.split(" ")[0] for line in told.splitlines()} == {"::warning"}


# Nothing leaks


def _segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


REFRESH_TOKEN = ".".join(
    (
        _segment({"alg": "EdDSA", "typ": "rt+jwt", "kid": "k9Q2"}),
        _segment({"iss": "https://api.tastytrade.com", "sub": "U0a1b2c3"}),
        "q7Zp0Xc9Vb8Nm1As2Df3Gh4Jk5Lw6Er7Ty8Ui9Op0",
    )
)
CANARIES = {
    "client secret": "9c4e1d7a3b8f2065e9c4d1b7a3f82065e1d9c4b7",
    "refresh token": REFRESH_TOKEN,
    "password": "Xk9$Qz4-Lw7!Rt2.Vb8",
    "word and digits": "swordfish84613077",
    "digits": "860154372918",
    "upper case": "ZQ7XK2V9LW4M8T1R",
}

EVERYTHING = f"{EXAMPLES}/valid/everything.yaml"

MISTAKES = {
    "no other": "",
    "an unknown key": "  paper2: { environment: sandbox }\nunknown: 1\n",
    "a key twice": "version: 1\n",
    "no YAML": "  - : [\n",
    "an open quote": '  x: "\n',
    "a second document": "---\na: 1\n",
    "a tab": "\tx: 1\n",
    "a control character": "x: \x01\n",
}


def _positions() -> list[tuple[str, str]]:
    """The valid example with CANARY at each scalar, key, argument and comment, once each."""
    with open(EVERYTHING, encoding="utf-8") as file:
        lines = file.read().split("\n")
    found = []
    for scalar in checked(EVERYTHING).document.scalars:
        line = lines[scalar.span.line - 1]
        start, end = scalar.span.column - 1, scalar.span.end_column - 1
        for before, after in (("", ""), ('"', '"'), ("x", "y"), ("~/", "/x"), ("$", "")):
            changed = [*lines]
            changed[scalar.span.line - 1] = f"{line[:start]}{before}CANARY{after}{line[end:]}"
            where = f"{scalar.span.line}:{scalar.span.column} {before}"
            found.append((where, "\n".join(changed)))
    for number, line in enumerate(lines):
        changed = [*lines]
        changed[number] = f"{line.partition('#')[0]} # CANARY"
        found.append((f"comment {number + 1}", "\n".join(changed)))
    return found


POSITIONS = _positions()


def _leaks(canary: str, told: str) -> bool:
    return any(canary[i : i + 6] in told for i in range(len(canary) - 5))


@pytest.mark.parametrize("shape", CANARIES)
def test_a_secret_is_never_echoed_wherever_it_is(shape: str) -> None:
    """No six characters of it in any format, in an exception, or in what `repr` shows.

    The first shape is tried at every position, each of the others at every fourth.
    What has the shape of a secret is always an error, also where it would be valid.
    """
    canary = CANARIES[shape]
    assert len(POSITIONS) > 200
    at = list(CANARIES).index(shape)
    for where, content in POSITIONS if at == 0 else POSITIONS[at::4]:
        found = of(content.replace("CANARY", canary))
        for output, render in report.FORMATS.items():
            assert not _leaks(canary, render([found], False)), (where, output)
        assert not _leaks(canary, repr(found)), where
        if shape in ("client secret", "refresh token"):
            assert any(problem.code.startswith("TA2") for problem in found.problems), where


@for_each("mistake", MISTAKES.values())
def test_a_secret_is_never_echoed_beside_another_mistake(mistake: str) -> None:
    for canary in CANARIES.values():
        for where, content in POSITIONS[::21]:
            found = of(content.replace("CANARY", canary) + mistake)
            for output, render in report.FORMATS.items():
                assert not _leaks(canary, render([found], False)), (where, output)


@for_each("canary", CANARIES.values())
def test_a_secret_is_not_in_the_exception_for_an_invalid_config(canary: str) -> None:
    told = [_refusal(content.replace("CANARY", canary)) for _, content in POSITIONS[::6]]
    assert sum(map(bool, told)) > 20
    assert not _leaks(canary, "\n".join(told))


def _refusal(text: str) -> str:
    """Everything that could be printed of the exception for `text`; nothing when there is none."""
    try:
        config.parse(text.encode(), "/x/tastyauth.yaml", home="/home/me")
    except ConfigError as error:
        return "\n".join([error.hint, repr(error), *traceback.format_exception(error)])
    return ""
