"""The schema and what is checked beside it: one mistake is one problem, and the schema is sound."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import reserved_names
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from tables import for_each, words
from told import EXAMPLES, INVALID, VALID, beyond_a_schema, checked, errors, of

from tastyauth import config, validation
from tastyauth.errors import ConfigError
from tastyauth.validation import document, schema
from tastyauth.validation.schema import meant as recognised

REPOSITORY = os.path.dirname(os.path.dirname(EXAMPLES))

SCHEMA: dict[str, Any] = json.loads(validation.text())


def subschemas(node: object = SCHEMA) -> Iterator[dict[str, Any]]:
    """Every mapping in the schema, but for what is in our own keywords."""
    if isinstance(node, dict):
        yield node
        node = [value for key, value in node.items() if not key.startswith("x-")]
    for each in node if isinstance(node, list) else ():
        yield from subschemas(each)


def profile(**keys: str) -> str:
    """A config of one profile that is valid, but for `keys` (YAML each)."""
    valid = {
        "environment": "production",
        "client_id": "0c7b8898-a2f1-49bb-a23d-843e47b68631",
        "client_secret": "{ file: live.client-secret }",
        "refresh_token": "{ file: live.refresh-token }",
    }
    lines = [f"    {key}: {value}\n" for key, value in (valid | keys).items()]
    return "version: 1\nprofiles:\n  live:\n" + "".join(lines)


@for_each("path", VALID)
def test_a_valid_example_has_no_errors(path: str) -> None:
    assert not checked(path).errors


def test_an_invalid_example_has_errors() -> None:
    """Its report says so too, but can be renewed."""
    assert [path for path in INVALID if not checked(path).errors] == []


def test_the_annotated_example_is_valid() -> None:
    with open(f"{REPOSITORY}/tastyauth.yaml.example", "rb") as file:
        found = of(file.read())
    assert not found.errors


def test_the_annotated_example_shows_every_key() -> None:
    with open(f"{REPOSITORY}/tastyauth.yaml.example", encoding="utf-8") as file:
        text = file.read()
    rare = {"argv", "json", "service", "username", "path", "name", "any"}
    assert not [word for word in schema.vocabulary() - rare if word not in text]


@for_each("path", VALID)
def test_what_is_valid_can_be_typed(path: str) -> None:
    """A config that is found valid is one that the rest of tastyauth can read."""
    with open(path, "rb") as file:
        found = config.parse(file.read(), "/x/tastyauth.yaml", home="/home/me", known_valid=True)
    assert found.profiles


# The schema itself


def test_the_schema_satisfies_its_metaschema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_text_is_the_file_of_the_repository() -> None:
    with open(f"{REPOSITORY}/schema/tastyauth.schema.json", encoding="utf-8") as file:
        assert validation.text() == file.read()


def test_every_pattern_says_where_it_begins_and_ends() -> None:
    patterns = [each["pattern"] for each in subschemas() if isinstance(each.get("pattern"), str)]
    assert patterns
    assert [pattern for pattern in patterns if not re.fullmatch(r"\^.*\$", pattern)] == []


def test_the_schema_keeps_to_keywords_that_mean_the_same_everywhere() -> None:
    """No `format`, nothing that drafts or editors understand differently."""
    assertions = {
        *SCHEMA["x-usual-problems"],
        "additionalProperties",
        "if",
        "then",
        "else",
        "allOf",
        "items",
        "properties",
        "propertyNames",
        "$ref",
    }
    annotations = {"$schema", "$id", "$defs", "title", "description", "examples"}
    editors = {"markdownDescription", "defaultSnippets", "errorMessage"}
    ours = {*words("x-problems x-usual-problems x-help x-aliases x-extra x-meant x-leaked")}
    ours |= {"x-programs", "x-unneeded"}
    names_of_things = {"properties", "$defs", "defaultSnippets", "examples"}

    def keywords(node: object, *, named: bool) -> Iterator[str]:
        if isinstance(node, list):
            for each in node:
                yield from keywords(each, named=named)
        if isinstance(node, dict):
            for key, value in node.items():
                if not named:
                    yield key
                if key not in {"defaultSnippets", "examples"} and not key.startswith("x-"):
                    yield from keywords(value, named=not named and key in names_of_things)

    used = set(keywords(SCHEMA, named=False))
    assert used <= assertions | annotations | editors | ours


def test_every_property_is_described_for_editors() -> None:
    bare = [
        name
        for node in subschemas()
        if isinstance(node.get("properties"), dict)
        for name, each in node["properties"].items()
        if "$ref" not in each and "description" not in each
    ]
    assert bare == []


def test_every_keyword_that_can_refuse_has_its_message() -> None:
    """And messages have no word in braces that nobody fills in."""
    usual = SCHEMA["x-usual-problems"]
    for entry in usual.values():
        assert entry.keys() >= {"code", "message", "label", "help"}
    for node in subschemas():
        assert set(node.get("x-problems", ())) <= set(usual) & set(node)
    ours = [value for node in subschemas() for key, value in node.items() if key.startswith("x-")]
    words = set(re.findall(r"\{([a-z]+)\}", json.dumps(ours)))
    assert words
    assert words <= set(validation.WORDS)


def test_the_bare_schema_agrees_on_every_example() -> None:
    """But for what a schema cannot say."""
    schema_alone = Draft202012Validator(SCHEMA)
    for path in VALID + INVALID:
        found = checked(path)
        codes = {problem.code for problem in found.problems}
        if found.document.data is None or codes & {"TA008", "TA011"}:
            continue  # other parsers refuse the file before a schema is asked
        if schema_alone.is_valid(found.document.data):
            assert codes <= beyond_a_schema(path), path
        else:
            assert found.errors, path


# Names that may be exported


@for_each(
    "name",
    [
        *words("PATH HOME IFS ENV UID PPID SECONDS RANDOM LINENO OPTIND PS1 PROMPT_COMMAND CDPATH"),
        *words("BASH_ENV BASHOPTS SHELLOPTS ZSH_NAME LD_PRELOAD DYLD_INSERT_LIBRARIES PYTHONPATH"),
        *words("NODE_OPTIONS PERL5OPT RUBYOPT GIT_SSH_COMMAND SSL_CERT_FILE HTTPS_PROXY NO_PROXY"),
        *words("TASTYAUTH_CONFIG GITHUB_ENV"),
    ],
)
def test_names_that_change_how_programs_behave_are_refused(name: str) -> None:
    assert errors(profile(exports=f"{{ {name}: access_token }}")) == ["TA112"]


@for_each(
    "name",
    [
        *("TASTYTRADE_ACCESS_TOKEN", "TT_TOKEN", "ACCESS_TOKEN", "TOKEN", "BEARER", "X"),
        *words("PATHS MY_PATH HOMEPAGE ENVIRONMENT PROXY MY_GIT_TOKEN TASTY API_URL"),
    ],
)
def test_other_names_may_be_exported(name: str) -> None:
    assert errors(profile(exports=f"{{ {name}: access_token }}")) == []


@settings(deadline=None)
@given(
    st.one_of(
        st.sampled_from(sorted(reserved_names.REFUSED)),
        st.builds(
            "{}{}".format, st.sampled_from(reserved_names.REFUSED_BEGINNINGS), st.just("A_1")
        ),
        st.from_regex(r"[A-Z_]{0,3}[A-Z]{0,8}(_PROXY)?[A-Z_]{0,2}\n?", fullmatch=True),
        st.text(max_size=12),
    )
)
@example("")
@example("PATH\n")
@example("X_PROXY")
@example("_PROXY")
def test_the_rule_and_the_pattern_of_the_schema_agree(name: str) -> None:
    rule = SCHEMA["$defs"]["profile"]["properties"]["exports"]["propertyNames"]
    keywords = {key: value for key, value in rule.items() if not key.startswith("x-")}
    assert keywords == {"type": "string", **reserved_names.export_keywords()}
    pattern = rule["pattern"].removesuffix("$") + r"\Z"
    fits = re.search(pattern, name) is not None and name not in rule["not"]["enum"]
    refused = name in reserved_names.REFUSED or name.startswith(reserved_names.REFUSED_BEGINNINGS)
    assert fits == (
        reserved_names.is_variable_name(name)
        and not refused
        and not name.endswith(reserved_names.REFUSED_ENDS)
    )


def test_a_refused_name_is_refused_once() -> None:
    """Two keywords that both say no would be two problems."""
    assert not [
        name
        for name in reserved_names.REFUSED
        if name.startswith(reserved_names.REFUSED_BEGINNINGS)
    ]
    assert not [
        name for name in reserved_names.REFUSED if name.endswith(reserved_names.REFUSED_ENDS)
    ]


# What a schema cannot say, beyond the examples


@for_each(
    ("text", "codes"),
    [
        (profile(client_secret="{ env: TASTYTRADE_ENV }"), ["TA122"]),
        (profile(client_secret="{ env: A }", exports="{ A: client_secret }"), []),
        (profile(client_secret="{ env: A }", exports="{ A: refresh_token }"), ["TA122"]),
        (profile(client_id="{ env: A }", exports="{ A: client_id, B: client_id }"), []),
        (profile(client_secret="{ first_of: [{ env: TASTYTRADE_API_URL }] }"), ["TA122"]),
        (profile(client_secret="{ command: [a/b] }"), ["TA116"]),
        (profile(client_secret="{ command: ['~me/b'] }"), ["TA116"]),
        (profile(client_secret="{ command: [''] }"), ["TA116"]),
        (profile(client_secret="{ command: [~/b, ./c, a/b] }"), []),
        (profile(environment="custom", api_url="https://api.tastytrade.com"), ["TA123"]),
        (profile(environment="custom", api_url="https://API.TastyWorks.com:443"), ["TA123"]),
        (profile(environment="custom", api_url="https://cert.api.tastyworks.com"), ["TA123"]),
        (profile(environment="custom", api_url="https://tastyworks.com.example.com"), []),
        (profile(environment="custom", api_url="https://nottastyworks.com"), []),
        (profile(environment="custom", api_url="https://api.sandbox.tastytrade.com"), []),
        (profile(environment="custom", api_url="https://api.sandbox.tastyworks.com"), ["TA123"]),
        (profile(environment="custom", api_url="https://signin.tastytrade.com"), ["TA123"]),
        (profile(environment="sandbox", api_url="https://api.tastyworks.com"), ["TA121", "TA123"]),
        (profile().replace("version: 1", "version: 1\ndefault_profile: live"), []),
        (profile().replace("version: 1", "version: 1\ndefault_profile: Live"), ["TA120"]),
    ],
)
def test_parts_must_fit_together(text: str, codes: list[str]) -> None:
    assert errors(text) == codes


LITERAL = ("$HOME/x", "${HOME}/x", "~me/x", "C:\\x", "c:/x", "$(cat x)", "`cat x`")


@for_each("text", LITERAL)
@for_each(
    "reference",
    [
        "{ file: 'X' }",
        "{ file: { path: 'X' } }",
        "{ dotenv: { path: 'X', name: A } }",
        "{ command: [a, 'X'] }",
        "{ command: { argv: [a, b, 'X'] } }",
        "{ first_of: [{ env: A }, { file: 'X' }] }",
    ],
)
def test_what_only_a_shell_or_windows_understands_is_a_warning(text: str, reference: str) -> None:
    found = of(profile(client_secret=reference.replace("X", text)))
    assert [problem.code for problem in found.problems if problem.code != "TA124"] == ["TA125"]
    assert not found.errors


def test_in_pre_commit_the_hint_is_about_its_own_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What pipx installs is not there."""
    config = profile(client_secret="{ keyring: { service: a, username: b } }")
    config += "    shared: { valkey: rediss://valkey.example }\n"
    monkeypatch.setenv("PRE_COMMIT", "1")
    found = validation.check(document.read(config.encode(), "a.yaml"), lambda _: False)
    assert [problem.help for problem in found] == [
        (
            f"to have it here, give this hook additional_dependencies: [{packages}]",
            f"where tokens are fetched, install it: pipx inject tastyauth {words}",
        )
        for packages, words in [
            ("keyring", "keyring"),
            ("valkey, cryptography", "valkey cryptography"),
        ]
    ]


@for_each("word", ["|", "||", "&&", ";", "&", ">", ">>", "<", "2>", "2>/dev/null"])
def test_an_operator_of_a_shell_is_a_warning_as_an_argument(word: str) -> None:
    found = of(profile(client_secret=f"{{ command: [a, '{word}', b] }}"))
    assert [problem.code for problem in found.problems] == ["TA125"]


@for_each(
    "command",
    [
        "[sh, -c, '$HOME/x | head']",
        "[/bin/bash, -c, '`x`', '|']",
        "[awk, '$1 == 2', '{ print $2 }']",
        "[jq, -r, '.a | .b', '>=1']",
        "[a, '~', -, 'a:b', 'x$HOME', '100$']",
    ],
)
def test_other_arguments_raise_no_warning(command: str) -> None:
    assert of(profile(client_secret=f"{{ command: {command} }}")).problems == ()


@for_each(
    ("written", "line", "column", "label", "fixed"),
    [
        (
            "environment:production",
            4,
            5,
            'add a space after "environment:"',
            "environment: production",
        ),
        ("environment\uff1aproduction", 4, 16, "full-width colon", "environment: production"),
        ("environment\uff1a sandbox", 4, 16, "full-width colon", "environment: sandbox"),
        ("environment:\xa0production", 4, 17, "no-break space", "environment: production"),
        ("environment: \xa0production", 4, 18, "no-break space", "environment: production"),
        ("environment: production\xa0", 4, 28, "no-break space", "environment: production"),
        ("\xa0environment: production", 4, 5, "no-break space", "environment: production"),
        ("environment: \u201cproduction\u201d", 4, 18, "curly quote", "environment: production"),
        ("environment: \u2018x9y\u2019", 4, 18, "curly quote", "environment: ..."),
        ("\u201cenvironment\u201d: sandbox", 4, 5, "curly quote", "environment: sandbox"),
        ("environment :sandbox", 4, 5, 'add a space after "environment:"', "environment: sandbox"),
        ("environment sandbox", 4, 5, 'add a colon after "environment"', "environment: sandbox"),
        ("environment = sandbox", 4, 5, 'add a colon after "environment"', "environment: sandbox"),
        ("environment; sandbox", 4, 5, 'add a colon after "environment"', "environment: sandbox"),
        ("environment: \uff02sandbox\uff02", 4, 18, "full-width quotation", "environment: sandbox"),
        ("environment: sandbox \uff03 mine", 4, 26, "full-width number", "environment: sandbox"),
        ("enviro\u200bnment: sandbox", 4, 11, "zero-width space", "environment: ..."),
        ("\ufeffenvironment: sandbox", 4, 5, "byte order mark", "environment: ..."),
        ("environment: pro\xadduction", 4, 21, "soft hyphen", "environment: production"),
        ("environment: sandbox\u200f", 4, 25, "right-to-left mark", "environment: sandbox"),
        ("environment: s\u0430ndbox", 4, 19, 'Cyrillic small letter a (U+0430), not "a"', None),
    ],
)
def test_a_character_that_looks_right_is_named_on_its_line(
    written: str, line: int, column: int, label: str, fixed: str | None
) -> None:
    fixed = fixed or "environment: sandbox"
    text = profile().replace("environment: production", written)
    problem, *_ = of(text).problems
    assert (problem.span.line, problem.span.column) == (line, column)
    assert label in problem.label
    assert problem.help == (f"write {fixed}",)
    assert len(of(text).problems) == 1


@for_each(
    ("lines", "number", "fixed"),
    [
        ("first_of:|-env: A|-file: b", 8, "- env: ..."),
        ("first_of:|- env: A|-file: b", 9, "- file: ..."),
        ("first_of:|-env: A|- file: b", 8, "- env: ..."),
        ("command:|-op|- read", 8, "- op"),
        ("command:|- op|-read|- --flag", 9, "- read"),
        ("command:|- op|-x7Q9zK2m", 9, "- ..."),
        ("command:|-op|-read", 8, "- op"),
    ],
)
def test_a_dash_without_a_space_is_named_on_its_line(lines: str, number: int, fixed: str) -> None:
    above, *items = lines.split("|")
    block = f"\n      {above}\n" + "\n".join(f"        {item}" for item in items)
    problem, *more = of(profile(client_secret=block)).problems
    assert (problem.span.line, problem.span.column, more) == (number, 9, [])
    assert problem.label == 'add a space after "-"'
    assert problem.help == (f"write {fixed}",)


def test_a_dash_without_a_space_is_named_in_a_list_of_words() -> None:
    problem, *more = of(profile() + "    scopes:\n      -read\n").problems
    assert (problem.span.line, problem.help, more) == (9, ("write - read",), [])


def test_an_odd_space_or_dash_is_named_before_keys_that_nobody_knows() -> None:
    for text, line, label in (
        (profile().replace("  live", "\xa0\xa0live"), 3, "no-break space"),
        (profile(client_secret="\n      first_of:\n        \u2013 env: A"), 8, "en dash"),
        (profile(client_secret="{ command: [a, \u201cb\u201d] }"), 6, "curly quote"),
    ):
        problem, *_ = of(text).problems
        assert (problem.code, problem.span.line) == ("TA018", line)
        assert label in problem.label


@for_each(
    ("secret", "column", "label", "fixed"),
    [
        ("\uff5b file: a \uff5d", 20, "full-width left curly bracket", "client_secret: { ... }"),
        ("\uff5b file: a }", 20, "full-width left curly bracket", "client_secret: { ... }"),
        ("{ file: a \uff5d", 30, "full-width right curly bracket", "client_secret: { ... }"),
        ("{ file\uff1aa }", 26, "full-width colon", "file: ..."),
        ("{ command: \uff3ba, b\uff3d }", 31, "full-width left square", "client_secret: { ... }"),
        ("{ command: \u3010a, b] }", 31, "left black lenticular", "client_secret: { ... }"),
        ("{ command: [a\uff0c b] }", 33, "full-width comma", "client_secret: { ... }"),
        ("{ keyring: { service: a\u3001username: b } }", 43, "ideographic comma", "{ ... }"),
        ("\n      first_of:\n        \u2011 env: A", 9, "non-breaking hyphen", "- env: ..."),
    ],
)
def test_brackets_and_commas_of_another_width_are_named(
    secret: str, column: int, label: str, fixed: str
) -> None:
    problem, *others = of(profile(client_secret=secret)).problems
    assert (problem.code, problem.span.column, others) == ("TA018", column, [])
    assert label in problem.label
    assert problem.help[0].endswith(fixed)


@for_each(
    ("text", "line", "name"),
    [
        (profile().replace("live:", "live"), 3, "live"),
        (profile().replace("live:", "ira-2  # mine"), 3, "ira-2"),
        (profile().replace("live:", "live\n\n    # mine"), 3, "live"),
        (profile().replace("live:", "live\n  paper:"), 3, "live"),
        (profile() + "  paper\n    environment: sandbox\n", 8, "paper"),
        (profile().replace("profiles:", "profiles"), 2, "profiles"),
    ],
)
def test_a_name_without_its_colon_is_found_above_its_keys(text: str, line: int, name: str) -> None:
    problem, *others = of(text).problems
    assert (problem.span.line, problem.label, problem.help, others) == (
        line,
        f'add a colon after "{name}"',
        (f"write {name}:",),
        [],
    )


@for_each("position", range(5))
def test_a_missing_space_is_found_on_whichever_line_it_is(position: int) -> None:
    keys = ["version", "environment", "client_id", "client_secret", "refresh_token"]
    text = profile().replace(f"{keys[position]}: ", f"{keys[position]}:")
    line = text[: text.index(f"{keys[position]}:")].count("\n") + 1
    problem, *_ = of(text).problems
    assert problem.span.line == line
    assert problem.label == f'add a space after "{keys[position]}:"'


@for_each(
    "text",
    [
        profile() + "# it\u2019s \u201cmine\u201d\uff1a\xa0\u2026\n",
        profile(client_secret="{ keyring: { service: 'a\uff1a b', username: O\u2019Brien } }"),
        profile(client_secret="{ command: [a, '\u201cb\u201d', \"version\\u00a0: 1\"] }"),
        profile(client_secret="{ file: caf\xe9 }"),
        profile(client_secret="{ file: \u540d\u524d\uff3b1\uff3d\uff0cx\u200dy }"),
        profile(client_secret="{ file: live.client\u2011secret }"),
    ],
)
def test_such_characters_are_allowed_in_comments_and_quotes(text: str) -> None:
    assert not of(text).errors


@for_each(
    ("written", "meant"),
    [
        ("client-secret", "client_secret"),
        ("clientSecret", "client_secret"),
        ("CLIENT_SECRET", "client_secret"),
        ("clinet_secret", "client_secret"),
        ("secret", "client_secret"),
        ("token", "refresh_token"),
        ("refresh_tokens", "refresh_token"),
        ("id", "client_id"),
        ("export", "exports"),
        ("user-agent", "user_agent"),
        ("url", "api_url"),
        ("access_token", None),
        ("x", None),
        ("retries", None),
    ],
)
def test_a_mistyped_key_is_recognised(written: str, meant: str | None) -> None:
    assert recognised(written, schema.keys(schema.ANY_PROFILE)) == meant


@for_each(
    ("written", "meant"),
    [
        *(("evn", "env"), ("en", None), ("cmd", "command"), ("flie", "file"), ("path", "file")),
        *(("var", "env"), ("op", "onepassword"), ("keychain", "keyring"), ("any_of", "first_of")),
    ],
)
def test_a_mistyped_source_is_recognised(written: str, meant: str | None) -> None:
    assert recognised(written, schema.source_kinds()) == meant


@for_each("piece", ["", "5", "true", "text", "[a]", "[[a]]", "{ b: c }", "{ b: 1 }"])
def test_any_value_in_any_place_gets_a_message(piece: str) -> None:
    """Each value of a valid file replaced by each kind of value."""
    with open(f"{EXAMPLES}/valid/everything.yaml", encoding="utf-8") as file:
        text = file.read()
    lines = text.split("\n")
    for scalar in of(text).document.scalars:
        line, start, end = scalar.span.line - 1, scalar.span.column - 1, scalar.span.end_column - 1
        changed = [*lines]
        changed[line] = f"{lines[line][:start]}{piece}{lines[line][end:]}"
        for problem in of("\n".join(changed)).problems:
            assert problem.message
            assert "{" not in problem.message
            assert "{}" not in "".join(problem.help)


def test_a_trailing_line_break_is_no_part_of_a_name() -> None:
    """`$` of a pattern is the very end, in Python as in editors."""
    assert errors(profile(client_secret='{ env: "A\\n" }')) == ["TA108"]
    assert errors(profile(client_id='"0c7b8898-a2f1-49bb-a23d-843e47b68631\\n"')) == ["TA107"]


# Time and imports


def loaded_by(code: str) -> set[str]:
    """The modules that a fresh interpreter has imported after `code`."""
    program = f"{code}\nimport sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_a_config_that_is_known_to_be_valid_is_read_without_the_schema_library() -> None:
    path = VALID[0]
    loaded = loaded_by(
        f"from tastyauth import config\n"
        f"config.parse(open({path!r}, 'rb').read(), {path!r}, home='/', known_valid=True)"
    )
    assert "tastyauth.validation.document" in loaded
    assert "jsonschema" not in loaded


def test_validating_loads_neither_http_nor_keyring() -> None:
    loaded = loaded_by(f"from tastyauth import cli\ncli.main(['validate', {VALID[0]!r}])")
    assert "jsonschema" in loaded
    itself = loaded_by("import jsonschema, yaml")  # before 4.26 it loads ssl
    assert not (loaded - itself) & {"httpx", "keyring", "dotenv", "ssl"}


HOSTILE = {
    "unknown keys": "".join(f"client_sec{i:04d}: 1\n" for i in range(3400)),
    "one key again and again": "{" + "a, " * 21800 + "}",
    "profiles": "version: 1\nprofiles:\n" + "".join(f"  p{i}: {{}}\n" for i in range(5200)),
    "names to export": "version: 1\nprofiles:\n  a:\n    exports:\n"
    + "".join(f"      A{i}: x\n" for i in range(4000)),
    "secrets": "- eyJhbGciOi.eyJhbGciOi.abcdefghijklm\n" * 1600,
    "hexadecimal digits": "a1b2c3d4" * 8192,
    "the beginning of a token": "eyJ" * 21845,
    "an endless word": "a" * 65535,
    "an endless list": "[" + "a, " * 21800 + "]",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_judged_in_time(text: str) -> None:
    assert len(text) <= document.LARGEST
    started_at = time.process_time()
    assert of(text).errors
    assert time.process_time() - started_at < 4  # less than one on an idle machine


def test_too_many_problems_end_with_a_word_and_drop_no_secret() -> None:
    keys = "".join(f"key-{chr(97 + i // 26)}{chr(97 + i % 26)}: 1\n" for i in range(300))
    problems = of(f"{keys}# {'0123456789abcdef' * 2}\n").problems
    assert len(problems) == 201
    assert [problem.code for problem in problems[-2:]] == ["TA204", "TA017"]


# Anything at all

PIECES = [
    *("a", "on", "12", "~", '""', "[]", "{}", "[a, b]", "{ a: b }", "{ env: A }", "{ file: a }"),
    *(
        "{ env: A, file: b }",
        "{ command: [a] }",
        "{ command: { argv: [a], line: 0 } }",
        "&a b",
        "*a",
    ),
    *("!!int 1", "- a", "a: b", '"\\n"', "'", "#", "1e999", "-0", "{ first_of: [{ env: PATH }] }"),
    *(
        "{ first_of: [[]] }",
        "{ keyring: {} }",
        "{ dotenv: [] }",
        "{ file: { path: 1 } }",
        "\t",
        "😀",
    ),
]


@settings(deadline=None)
@given(st.data())
def test_any_change_of_a_valid_file_is_judged(data: st.DataObject) -> None:
    """No exception, codes that are explained, places that exist; and what is valid can be typed."""
    with open(data.draw(st.sampled_from(VALID)), "rb") as file:
        text = file.read().decode("utf-8-sig")
    for _ in range(data.draw(st.integers(1, 3))):
        scalars = of(text).document.scalars
        piece = data.draw(st.sampled_from(PIECES))
        if not scalars:
            break
        at = data.draw(st.sampled_from(scalars)).span
        lines = text.split("\n")
        change = data.draw(st.sampled_from(["replace", "insert", "delete", "repeat", "indent"]))
        line = lines[at.line - 1]
        if change == "replace":
            lines[at.line - 1] = line[: at.column - 1] + piece + line[at.end_column - 1 :]
        elif change == "insert":
            lines[at.line - 1] = line[: at.column - 1] + f"{piece}: " + line[at.column - 1 :]
        elif change == "delete":
            del lines[at.line - 1]
        elif change == "repeat":
            lines.insert(at.line, line)
        else:
            lines[at.line - 1] = f" {line}"
        text = "\n".join(lines)
    found = of(text)
    for problem in found.problems:
        assert problem.span.line <= len(found.document.lines)
        assert problem.message
        assert problem.label
        assert problem.help
    if not found.errors:
        config.parse(text.encode(), "/x/tastyauth.yaml", home="/home/me", known_valid=True)
    else:
        with pytest.raises(ConfigError):
            config.parse(text.encode(), "/x/tastyauth.yaml", home="/home/me")
