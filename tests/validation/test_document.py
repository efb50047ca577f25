"""YAML to data with positions: nothing is constructed, nothing hostile is run, nothing hangs."""

import time

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tables import for_each

from tastyauth.validation import document
from tastyauth.validation.problem import Document, Span


def document_of(text: str) -> Document:
    return document.read(text.encode(), "tastyauth.yaml")


def codes(text: str | bytes) -> list[str]:
    content = text if isinstance(text, bytes) else text.encode()
    return [problem.code for problem in document.read(content, "tastyauth.yaml").problems]


def test_data_is_what_json_would_hold() -> None:
    found = document_of("a: {b: [1, 2.5, true, ~, text, 'on']}\nc: >-\n  folded\n  text\n")
    assert found.data == {"a": {"b": [1, 2.5, True, None, "text", "on"]}, "c": "folded text"}
    assert found.problems == ()


def test_keys_and_values_have_their_positions() -> None:
    found = document_of("a:\n  b: [x, 'yy']\n  # a comment\n\nc: {d: 1}\n")
    assert found.key_span(("a", "b")) == Span(2, 3, 2, 4)
    assert found.value_span(("a", "b")) == Span(2, 6, 2, 15)
    assert found.value_span(("a", "b", 1)) == Span(2, 10, 2, 14)
    assert found.value_span(("a",)) == Span(2, 3, 2, 15)
    assert found.value_span(("c", "d")) == Span(5, 8, 5, 9)


def test_columns_count_code_points() -> None:
    assert document_of("'é😀': ü\n").value_span(("é😀",)) == Span(1, 7, 1, 8)


@for_each("end", ["\n", "\r\n"])
def test_lines_are_counted_alike_whatever_ends_them(end: str) -> None:
    assert document_of(f"a: 1{end}# two{end}b: 2{end}").key_span(("b",)) == Span(3, 1, 3, 2)


def test_a_byte_order_mark_moves_nothing() -> None:
    found = document.read(b"\xef\xbb\xbfa: 1\n", "x")
    assert found.data == {"a": 1}
    assert found.key_span(("a",)) == Span(1, 1, 1, 2)


def test_an_empty_value_has_a_place() -> None:
    found = document_of("a:\nb: 1\n")
    assert found.is_empty(("a",))
    assert found.value_span(("a",)) == Span(1, 3, 1, 3)


def test_both_places_of_a_key_given_twice_are_reported() -> None:
    (problem,) = document_of("a: 1\nb: 2\na: 3\n").problems
    assert problem.code == "TA003"
    assert problem.span == Span(3, 1, 3, 2)
    assert [label.span for label in problem.labels] == [Span(1, 1, 1, 2)]


def test_equal_keys_of_two_mappings_are_no_duplicates() -> None:
    assert codes("a: {x: 1}\nb: {x: 1}\nc: [{x: 1}, {x: 1}]\n") == []


def test_tags_are_refused_and_never_run() -> None:
    found = document_of(
        "a: !!python/object/apply:sys.exit [3]\nb: !!int abc\nc: !own {d: !!timestamp x}\n"
    )
    assert [problem.code for problem in found.problems] == ["TA010"] * 4
    assert found.data == {"a": [3], "b": "abc", "c": {"d": "x"}}


def test_an_alias_is_reported_at_its_place_and_never_followed() -> None:
    found = document_of("a: &x [1]\nb: *x\nc: &y [*y]\n<<: *x\n")
    assert [(problem.code, problem.span.line) for problem in found.problems] == [
        ("TA009", 1),
        ("TA009", 2),
        ("TA009", 3),
        ("TA009", 3),
        ("TA009", 4),
        ("TA009", 4),
    ]
    assert found.data == {"a": [1], "b": None, "c": [None]}


@for_each(
    ("content", "code"),
    [
        (b"a: \xff\n", "TA001"),
        ("a: 1\n".encode("utf-16"), "TA001"),
        ("a: 1\n".encode("utf-16-le"), "TA013"),
        (b"#" * (64 * 1024 + 1), "TA002"),
        (b"", "TA004"),
        (b"\n  \n# only a comment\n", "TA004"),
        (b"---\n", "TA004"),
        (b"a: [\n", "TA005"),
        (b"a: b: c\n", "TA005"),
        (b"a: 'b\n", "TA005"),
        (b"a\nb: 1\n", "TA005"),
        (b'a: "\\UFFFFFFFF"\n', "TA005"),
        (b"%YAML 1." + b"9" * 5000 + b"\n---\na: 1\n", "TA005"),
        (b"a:\n\t- b\n", "TA006"),
        (b"a:\tb\n", "TA006"),
        (b"[" * 21 + b"]" * 21, "TA007"),
        (b"a: 1\n---\nb: 2\n", "TA008"),
        (b"? [a]\n: b\n", "TA011"),
        (b"1: a\n", "TA011"),
        (b"~: a\n", "TA011"),
        (b"true: a\n", "TA011"),
        (b"a: on\n", "TA012"),
        (b"on: a\n", "TA012"),
        (b"a: 1\x00\n", "TA013"),
        (b"a: 1\x1b[31m\n", "TA013"),
        (b'a: "\\0"\n', "TA013"),
        (b'a: "\\ud800"\n', "TA013"),
        ("a: b\u2028\n".encode(), "TA014"),
        ("a: b\x85".encode(), "TA014"),
        (b"a: b\rc: d\n", "TA014"),
        (b"\xef\xbb\xbfa: 1\n", "TA015"),
        (b"a: 1\r\n", "TA016"),
    ],
)
def test_awkward_yaml_is_a_problem_with_a_code(content: bytes, code: str) -> None:
    assert codes(content) == [code]


def test_twenty_levels_are_fine() -> None:
    found = document.read(b"[" * 20 + b"]" * 20, "x")
    assert found.problems == ()


def test_the_largest_size_is_fine() -> None:
    assert codes(b"a: 1\n#" + b"x" * (64 * 1024 - 6)) == []


UNIT = {
    "brackets": "[",
    "braces": "{",
    "question marks": "? ",
    "list in list": "- ",
    "key after key": "a: ",
    "aliases": "- *a\n",
    "flow list": "[a,",
    "quotes": '"a\n',
    "colons": "::",
    "tags": "- !a!b c\n",
    "anchors": "&a ",
    "documents": "---\n",
    "line ends": "\r",
    "blank lines": "\n",
    "tabs": "\t",
    "escapes": '"\\x41',
}


@for_each("unit", UNIT.values())
def test_64_kib_of_nonsense_are_read_at_once(unit: str) -> None:
    text = unit * (64 * 1024 // len(unit))
    started_at = time.process_time()
    found = document_of(text)
    assert time.process_time() - started_at < 2
    assert found.problems


def test_64_kib_of_one_list_are_read_in_time() -> None:
    started_at = time.process_time()
    found = document_of("a: [" + "b," * 32000 + "]")
    assert time.process_time() - started_at < 4  # half a second on an idle machine
    assert found.problems == ()


def test_syntax_problems_never_repeat_the_line() -> None:
    found = document_of("client_secret: hunter2hunter2: 'hunter2hunter2\n")
    assert found.problems
    assert "hunter" not in repr(found)
    assert "hunter" not in repr(found.problems) + repr(found.scalars)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_data_or_a_problem(content: bytes) -> None:
    found = document.read(content, "x")
    assert found.data is not None or found.problems


YAML_CHARACTERS = "ab1: -[]{},?&*!|>'\"%@`#\\\n\t\r~<=.\x85\u2028\ufeffé"


@settings(deadline=None)
@given(st.text(st.sampled_from(YAML_CHARACTERS), max_size=80))
def test_any_yaml_is_data_or_a_problem(text: str) -> None:
    found = document_of(text)
    assert found.data is not None or found.problems
    for problem in found.problems:
        assert 1 <= problem.span.line <= len(found.lines)
        assert problem.span[:2] <= problem.span[2:]


PLAIN = st.one_of(
    st.text(st.sampled_from("0123456789+-._:eExobaf_"), min_size=1, max_size=14),
    st.from_regex(r"[-+]?[0-9]{1,4}([.:eE_-][0-9]{0,3}){0,3}", fullmatch=True),
    st.sampled_from(["yes", "No", "ON", "off", "Null", "~", "true", "FALSE", ".inf", "-.INF", "="]),
)


@settings(deadline=None)
@given(PLAIN)
@example("0:0.")
@example("-.0")
def test_what_is_not_doubtful_is_what_pyyaml_reads(text: str) -> None:
    value = document.plain(text)
    if isinstance(value, document.Doubtful) or text in {"-", "?", ":"}:
        return
    try:
        pyyamls = yaml.safe_load(f'- !!str ""\n- {text}\n')[1]
    except yaml.YAMLError:
        return  # no plain scalar at all, as "- -"
    if isinstance(pyyamls, dict | list):
        return
    assert (type(pyyamls), pyyamls) == (type(value), value)


@for_each(
    "text",
    [
        *("on", "Off", "YES", "no", "y", "N", "="),
        *("012", "0o17", "08", "00", "0b1", "1_000", "0x_1", "+0x1f", "-0x1"),
        *("1e3", "1E3", "1e+3", "1.5e3", "01.5", ".inf", "-.Inf", ".NaN"),
        *("12:30", "1:30:45", "2024-01-01", "2024-1-1 10:00:00", "2001-12-14t21:59:43.10-05:00"),
        *("1234567890123456", "0.1234567890123456", "1.0e+999"),
    ],
)
def test_what_programs_read_differently_is_doubtful(text: str) -> None:
    assert isinstance(document.plain(text), document.Doubtful)


@for_each(
    ("text", "value"),
    [
        ("1", 1),
        ("-5", -5),
        ("+5", 5),
        ("0x1F", 31),
        ("15.5", 15.5),
        (".5", 0.5),
        ("True", True),
        ("FALSE", False),
        ("", None),
        ("NULL", None),
        ("127.0.0.1", "127.0.0.1"),
        ("1.2.3", "1.2.3"),
        ("11111111-2222-4333-8444-555555555555", "11111111-2222-4333-8444-555555555555"),
        ("yess", "yess"),
        ("-", "-"),
        (".", "."),
        ("--clip", "--clip"),
    ],
)
def test_what_programs_read_alike_has_its_value(text: str, value: object) -> None:
    assert document.plain(text) == value
    assert type(document.plain(text)) is type(value)
