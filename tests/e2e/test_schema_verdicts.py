"""The schema is read by validators that nobody here wrote, and they say what tastyauth says."""

import json
import os
import shutil
from collections.abc import Iterator

import pytest
from told import INVALID, VALID, beyond_a_schema, checked

from .editor import Editor, editor_in
from .parts import HERE, REPOSITORY, installed, program
from .processes import Place

SCHEMA = os.path.join(REPOSITORY, "schema", "tastyauth.schema.json")
EXAMPLES = VALID + INVALID

MODELINE = "# yaml-language-server: $schema=tastyauth.schema.json\n"
ACCOUNT = f"""\
{MODELINE}version: 1
profiles:
  live:
    environment: sandbox
    client_id: 11111111-2222-4333-8444-555555555555
"""


def codes(path: str) -> set[str]:
    """The errors that tastyauth finds."""
    return {problem.code for problem in checked(path).problems if problem.severity == "error"}


def only_tastyauth_can_say_so(path: str, found: set[str]) -> bool:
    """Whether a schema says nothing about these: they are about the file, the YAML, the whole."""
    beyond = beyond_a_schema(path)
    return all(code in beyond or code.startswith("TA0") for code in found)


def disagreements(refused: set[str]) -> list[str]:
    """The examples of which the others think differently."""
    return [
        os.path.basename(path)
        for path in EXAMPLES
        if (path in refused) != bool(codes(path))
        and not only_tastyauth_can_say_so(path, codes(path))
    ]


def test_ajv_in_strict_mode_says_the_same(place: Place) -> None:
    packages = installed("npm/package.json")
    judge = os.path.join(HERE, "programs", "ajv_verdicts.mjs")
    done = place.run_program(program("node"), judge, packages, SCHEMA, *EXAMPLES)
    assert done.code == 0, done.err
    verdicts = json.loads(done.out)
    assert disagreements({path for path in EXAMPLES if verdicts[path] != "valid"}) == []
    assert {verdicts[path] for path in VALID} == {"valid"}


def test_check_jsonschema_says_the_same(place: Place) -> None:
    checker = installed("validators/bin/check-jsonschema")
    # one of the files that are no YAML crashes it
    readable = [path for path in EXAMPLES if checked(path).document.data is not None]
    done = place.run_program(checker, "--output-format", "json", "--schemafile", SCHEMA, *readable)
    assert done.code == 1, done.err
    said = json.loads(done.out)
    refused = {each["filename"] for each in (*said["errors"], *said["parse_errors"])}
    assert disagreements(refused) == []
    assert not refused & set(VALID)


def test_the_schema_satisfies_the_metaschema_of_check_jsonschema(place: Place) -> None:
    checker = installed("validators/bin/check-jsonschema")
    assert place.run_program(checker, "--check-metaschema", SCHEMA).code == 0


# Editors


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    """An editor in a folder with the schema beside the configs, as `init` leaves it."""
    folder = os.fspath(tmp_path_factory.mktemp("editor"))
    shutil.copy(SCHEMA, folder)
    with editor_in(Place(folder), folder) as editor:
        yield editor


def test_an_editor_underlines_nothing_in_a_valid_file(editor: Editor) -> None:
    for path in VALID:
        with open(path, encoding="utf-8-sig", newline="") as file:
            text = file.read()
        text = text if text.startswith(MODELINE.strip()) else MODELINE + text
        assert editor.diagnostics(os.path.basename(path), text) == [], path


SHOWN_ELSEWHERE = {
    "TA101": "an editor shows the missing key of a misspelt one as well",
    "TA103": "an editor underlines the mapping, tastyauth the source to remove",
}


def test_an_editor_underlines_the_lines_that_tastyauth_reports(editor: Editor) -> None:
    compared = 0
    for path in INVALID:
        found = checked(path)
        if found.document.data is None or only_tastyauth_can_say_so(path, codes(path)):
            continue
        if "TA017" in codes(path):
            continue  # it has more than are told
        with open(path, encoding="utf-8-sig", newline="") as file:
            text = file.read()
        shown = editor.diagnostics(os.path.basename(path), MODELINE + text)
        theirs = {each["range"]["start"]["line"] for each in shown}
        ours = {
            span.line
            for problem in found.problems
            if not only_tastyauth_can_say_so(path, {problem.code})
            for span in (problem.span, *(label.span for label in problem.labels))
        }
        if codes(path) & SHOWN_ELSEWHERE.keys():
            assert theirs & ours, path
        else:
            assert theirs == ours, path
            compared += 1
    assert compared > 50


KINDS = {
    *("env", "file", "systemd_credential", "dotenv", "keyring", "command", "onepassword", "pass"),
    "first_of",
}


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        (f"{ACCOUNT}    client_secret:\n      |\n", KINDS),
        (f"{ACCOUNT}    client_secret: |\n", KINDS),
        (f"{ACCOUNT}    refresh_token:\n      first_of:\n        - |\n", KINDS),
        (f"{ACCOUNT}    |\n", {"client_secret", "refresh_token", "exports", "timeout"}),
        (f"{ACCOUNT}    exports:\n      A: |\n", {"access_token", "expires_at", "authorization"}),
        (ACCOUNT.replace("sandbox", "|"), {"production", "sandbox", "custom"}),
        (f"{MODELINE}|\n", {"version", "profiles", "default_profile"}),
    ],
    ids=["below", "beside", "in a list", "profile", "exports", "environment", "top"],
)
def test_an_editor_completes(editor: Editor, text: str, offered: set[str]) -> None:
    name = f"completed-{abs(hash(text))}.yaml"
    assert offered <= set(editor.completions(name, text))


@pytest.mark.parametrize(
    "key", ["client_secret", "refresh_token", "client_id", "environment", "exports", "timeout"]
)
def test_a_hover_shows_the_name_and_the_description_of_a_key(editor: Editor, key: str) -> None:
    """Also where keys share what they refer to."""
    values = {
        "client_secret": "{ env: A }",
        "refresh_token": "{ env: B }",
        "exports": "{ C: profile }",
    }
    text = ACCOUNT + "".join(f"    {name}: {value}\n" for name, value in values.items())
    text += "    timeout: 15\n"
    before, _, after = text.partition(f"    {key}:")
    shown = editor.hover("hover.yaml", f"{before}    {key[:2]}|{key[2:]}:{after}")
    shown = shown.replace("\\", "")  # Markdown's
    with open(SCHEMA, encoding="utf-8") as file:
        properties = json.load(file)["$defs"]["profile"]["properties"]
    assert shown.startswith(f"#### {key}\n")
    assert properties[key]["description"].partition(".")[0][:30] in shown
