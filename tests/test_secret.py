"""The masked type gives nothing away, and `mask` takes secrets out of foreign text."""

import base64
import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from tables import for_each

from tastyauth.errors import UsageError
from tastyauth.secret import (
    MASK,
    Secret,
    fit_to_paste,
    has_credential,
    is_made_up,
    is_uuid,
    mask,
    shown,
    with_tilde,
)

CLIENT_SECRET = (
    "5f1c9a7e3b8d2046c7a1e95b0d4f8326a1b2c3d4"  # as tastytrade makes them: 40 hex digits
)
REFRESH_TOKEN = (
    "eyJhbGciOiJFZERTQSIsInR5cCI6InJ0K2p3dCIsImtpZCI6ImstMSJ9"
    ".eyJpc3MiOiJodHRwczovL2FwaS50YXN0eXRyYWRlLmNvbSIsInN1YiI6IlUxIn0"
    ".c2lnbmF0dXJlLW9mLWEtcmVmcmVzaC10b2tlbi1mb3ItdGVzdHMtb25seS0xMjM0"
)
PASSPHRASE = 'Tr0ub4dor&3 "correct" horse\\battery/staple'
VALUES = (CLIENT_SECRET, REFRESH_TOKEN, PASSPHRASE)


def slices(value: str, width: int = 8) -> set[str]:
    """Every run of `width` characters of `value`, the whole of a shorter one."""
    width = min(width, len(value))
    return {value[start : start + width] for start in range(len(value) - width + 1)}


def shows(text: str, value: str) -> bool:
    return any(part in text for part in slices(value))


@dataclass
class Holder:
    """What a careless caller keeps a secret in."""

    name: str
    secret: Secret
    more: list[Secret] = field(default_factory=list)


@for_each(
    "show",
    [
        repr,
        str,
        format,
        ascii,
        lambda secret: f"{secret}",
        lambda secret: f"{secret!r:>40}",
        lambda secret: f"{secret:x}",
        lambda secret: f"{secret:>3000}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031  # that form is what is tested
        lambda secret: "{secret}{secret!a}".format_map({"secret": secret}),
        lambda secret: repr({"a": [secret, (secret,)]}),
        lambda secret: repr(Holder("live", secret, [secret])),
        lambda secret: json.dumps({"secret": secret}, default=str),
        lambda secret: json.dumps({"secret": secret}, default=repr),
        lambda secret: logging.Formatter().format(
            logging.LogRecord("a", logging.INFO, "f", 1, "got %s and %r", (secret, secret), None)
        ),
        lambda secret: repr(ValueError(secret)) + str(KeyError(secret)),
    ],
)
@for_each("value", VALUES)
def test_no_rendering_shows_the_value(show: Callable[[Secret], str], value: str) -> None:
    text = show(Secret(value))
    assert MASK in text
    assert not shows(text, value)


def test_a_traceback_with_the_variables_of_every_frame_does_not_show_it() -> None:
    """The variables that a debugger, pytest or an error reporter prints beside each frame."""

    def fails(secret: Secret, holder: Holder) -> None:
        raise RuntimeError("in here")

    secret = Secret(CLIENT_SECRET)
    try:
        fails(secret, Holder("live", secret))
    except RuntimeError as error:
        captured = traceback.TracebackException.from_exception(error, capture_locals=True)
    frame = list(captured.format())[-2]
    assert "secret = " in frame  # the variables are there
    assert "holder = " in frame
    assert CLIENT_SECRET not in frame


@for_each("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@for_each("wrap", [lambda secret: secret, lambda secret: Holder("live", secret)])
def test_it_is_not_pickled(protocol: int, wrap: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError, match="cannot be pickled") as caught:
        pickle.dumps(wrap(Secret(CLIENT_SECRET)), protocol)
    assert CLIENT_SECRET not in str(caught.value)


def test_a_copy_is_the_same_secret() -> None:
    secret = Secret(CLIENT_SECRET)
    assert copy.copy(secret) is secret
    assert copy.deepcopy(Holder("live", secret)).secret is secret


def test_json_refuses_it() -> None:
    with pytest.raises(TypeError):
        json.dumps(Secret(CLIENT_SECRET))


def test_it_has_no_other_attributes() -> None:
    secret = Secret(CLIENT_SECRET)
    assert not hasattr(secret, "__dict__")
    with pytest.raises(AttributeError):
        secret.other = CLIENT_SECRET  # type: ignore[attr-defined]


def test_reveal_is_the_way_to_the_value() -> None:
    assert Secret(CLIENT_SECRET).reveal() == CLIENT_SECRET


def test_secrets_compare_by_value_and_only_with_secrets() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert Secret("ä") != Secret("a")


def test_it_has_no_hash() -> None:
    """A hash in a log would be a fingerprint."""
    with pytest.raises(TypeError):
        hash(Secret(CLIENT_SECRET))


def is_cut(value: str) -> str:
    return f"invalid secret '{value[:13]}' given"


ECHOES: dict[str, Callable[[str], str]] = {
    "whole": lambda value: f"bad value {value}!",
    "twice": lambda value: f"{value}{value}",
    "beginning": is_cut,
    "end": lambda value: f"...{value[-12:]}",
    "middle": lambda value: f"near {value[7:17]}",
    "with a hole": lambda value: f"{value[:9]}...{value[-9:]}",
    "repr": lambda value: f"ValueError: {value!r}",
    "JSON": lambda value: json.dumps({"refresh_token": value, "x": [value]}),
    "percent-encoded": lambda value: f"/cb?token={quote(value, safe='')}&x=1",
    "a line break": lambda value: f"{value[:20]}\n{value[20:]}",
}


@for_each("value", VALUES)
@for_each("name", ECHOES)
def test_an_echo_shows_no_part_of_a_secret(name: str, value: str) -> None:
    text = ECHOES[name](value)
    assert shows(text, value)
    masked = mask(text, [Secret("another secret"), Secret(value)])
    assert MASK in masked
    assert not shows(masked, value)


CODES: dict[str, Callable[[str], str]] = {
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64 for URLs": lambda value: base64.urlsafe_b64encode(value.encode()).decode().rstrip("="),
    "HTTP Basic": lambda value: base64.b64encode(f"some-client:{value}".encode()).decode(),
    "hex": lambda value: value.encode().hex(),
    "capitals": str.upper,
    "backwards": lambda value: value[::-1],
    "as it is": str,
}


@for_each("value", [CLIENT_SECRET, REFRESH_TOKEN])
@for_each("name", CODES)
def test_what_looks_like_a_credential_goes_whoever_it_belongs_to(name: str, value: str) -> None:
    """No secret needs to be known for that: it may be one of another profile, or re-encoded."""
    coded = CODES[name](value)
    masked = mask(f"the server says: {coded} (really)")
    assert masked.startswith("the server says: [hidden]")
    assert masked.endswith(" (really)")
    assert not shows(masked, coded)


ORDINARY = (
    "",
    "the grant was revoked; create a new one",
    "User is not a TastyTrade customer",
    "0c7b8898-a2f1-49bb-a23d-843e47b68631",
    "0c7b8898-a2f1-49bb-a23d-843e47b68631 is unknown, not 11111111-2222-4333-8444-555555555555",
    "https://api.cert.tastyworks.com/oauth/token answered 503 after 12.5 s",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "/usr/local/bin/op: line 3: exec: not found",
    "Kennwort für den Schlüsselbund fehlt – bitte entsperren",
    "no credential found for brokers/tastytrade (in /home/me/.password-store)",
)


@for_each("text", ORDINARY)
def test_public_identifiers_and_ordinary_sentences_stay_readable(text: str) -> None:
    assert mask(text, [Secret(CLIENT_SECRET), Secret(REFRESH_TOKEN)]) == text


@for_each(
    ("text", "expected"),
    [
        ("11111111-2222-4333-8444-5555555555556666", MASK),  # a UUID with more to it
        ("a11111111-2222-4333-8444-555555555555", MASK),
        ("eyJhbGciOi", MASK),  # the beginning of a JWT
        ("token=eyJh.eyJi.c: no", f"token={MASK}: no"),
        ("a" * 31, "a" * 31),
        ("a" * 32, MASK),
    ],
)
def test_the_shape_of_a_credential(text: str, expected: str) -> None:
    assert mask(text) == expected


@for_each("value", ["a", "abc", "1234567"])
def test_a_short_secret_goes_whole(value: str) -> None:
    masked = mask(f"<{value}>", [Secret(value)])
    assert masked == f"<{MASK}>"


def test_an_empty_secret_masks_nothing() -> None:
    assert mask("a sentence", [Secret("")]) == "a sentence"


def test_neighbouring_fragments_become_one_mask() -> None:
    assert mask("x abcdefghijkl y", [Secret("abcdefgh"), Secret("efghijkl")]) == f"x {MASK} y"


TEXT = st.text(st.characters(codec="utf-8"), max_size=60)
VALUE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=60)


@settings(deadline=None)
@given(before=TEXT, value=VALUE, after=TEXT, data=st.data())
@example(before="abcdefg", value="abcdefghabcdefgX", after="hX", data=None)
def test_mask_leaves_no_eight_characters_of_a_secret(
    before: str, value: str, after: str, data: st.DataObject | None
) -> None:
    """Wherever a secret is cut, and whatever stands around it."""
    start = data.draw(st.integers(0, len(value) - 1)) if data else 0
    end = data.draw(st.integers(start, len(value))) if data else len(value)
    assume(not slices(value) & slices(MASK))
    masked = mask(f"{before}{value[start:end]}{after}{value[::-1]}", [Secret(value)])
    for found in slices(value):
        assert found not in masked


@settings(deadline=None)
@given(text=TEXT, values=st.lists(VALUE, max_size=3))
def test_mask_changes_nothing_but_what_it_hides(text: str, values: list[str]) -> None:
    """What stays is the text, in its order."""
    kept = mask(text, map(Secret, values)).split(MASK)
    position = 0
    for part in kept:
        position = text.index(part, position) + len(part)


@pytest.mark.parametrize(
    ("path", "home", "expected"),
    [
        ("/home/me/x", "/home/me", "~/x"),
        ("/home/me", "/home/me", "~"),
        ("/home/me/x", "/home/me/", "~/x"),
        ("/home/meat/x", "/home/me", "/home/meat/x"),
        ("/srv/home/me/x", "/home/me", "/srv/home/me/x"),
        ("/x", "/", "/x"),
        ("/home/X/y", "/home/X", "~/y"),
    ],
)
def test_a_report_shows_the_home_directory_as_a_tilde(path: str, home: str, expected: str) -> None:
    assert with_tilde(path, home) == expected


@for_each(
    ("text", "expected"),
    [
        ("file /home/me/x, /home/me/y", "file ~/x, ~/y"),
        ("A=/home/me", "A=~"),
        ("'/home/me/a b'", "~/'a b'"),
        ("/copy/home/me/x", "/copy/home/me/x"),
        ("/home/meer/x", "/home/meer/x"),
        ("account 5WT00001 is closed", "account ****0001 is closed"),
        ("15WT00001, 5WT000011 and 5wt00001", "15WT00001, 5WT000011 and 5wt00001"),
        ("one\nline\x1b[0m", "one\\nline\\x1b[0m"),
    ],
)
def test_a_report_is_fit_to_paste(text: str, expected: str) -> None:
    assert fit_to_paste(text, "/home/me") == expected


def test_a_home_at_the_root_hides_nothing() -> None:
    assert fit_to_paste("/etc/x '//x'", "/") == "/etc/x '//x'"
    assert fit_to_paste("'/X/a b'", "/X") == "~/'a b'"


@for_each(
    ("text", "expected"),
    [
        ("0C7B8898-a2f1-49bb-a23d-843e47b68631", True),
        ("0c7b8898-a2f1-49bb-a23d-843e47b68631 ", False),
        ("0c7b8898-a2f1-49bb-a23d-843e47b6863", False),
        ("0c7b8898a2f149bba23d843e47b68631", False),
        ("gc7b8898-a2f1-49bb-a23d-843e47b68631", False),
    ],
)
def test_a_client_id_is_recognized_by_its_shape(text: str, expected: bool) -> None:
    assert is_uuid(text) is expected


@for_each(
    ("text", "expected"),
    [
        ("a mistyped --fromat", "a mistyped --fromat"),
        (f"no profile {REFRESH_TOKEN}", f"no profile {MASK}"),
        (f"no profile {CLIENT_SECRET}", f"no profile {MASK}"),
        (f"/a/{'x' * 40}/b", f"/a/{'x' * 40}/b"),  # long names of directories stay
        (f"x{CLIENT_SECRET}", f"x{CLIENT_SECRET}"),
        ("a\x1b[2K\u202e\nb", "a\\x1b[2K\\u202e\\nb"),
        ("C:\\Schlüssel", "C:\\Schlüssel"),
    ],
)
def test_what_a_message_quotes_is_tame_and_holds_no_credential(text: str, expected: str) -> None:
    assert shown(text) == expected


@for_each(
    ("text", "expected"),
    [
        (f"client_secret: {CLIENT_SECRET}", True),
        (CLIENT_SECRET.upper(), True),
        (f"x{CLIENT_SECRET}", False),
        (CLIENT_SECRET[1:], False),
        (f"a cut one: {REFRESH_TOKEN[:11]}", True),
        ("eyJhbGciOi", False),
        ("0c7b8898-a2f1-49bb-a23d-843e47b68631", False),
    ],
)
def test_a_line_that_surely_holds_a_credential_is_recognized(text: str, expected: bool) -> None:
    assert has_credential(text) is expected


OF_EIGHT = CLIENT_SECRET.translate(str.maketrans("456789ef", "0123abcd"))
"""In no order, of eight different digits."""


@for_each(
    ("digits", "expected"),
    [
        ("0" * 40, True),
        ("DEADBEEF" * 5, True),
        ("0123456789abcdef" * 2 + "01234567", True),
        ("3141592653589793238462643383279502884197", True),
        (OF_EIGHT.replace("d", "c"), True),
        (OF_EIGHT, False),
        (CLIENT_SECRET, False),
        (CLIENT_SECRET[:21] + CLIENT_SECRET[:19], False),  # it may begin again by chance
        ("0" * 39, False),
        ("g" * 40, False),
    ],
)
def test_filler_is_told_from_what_may_be_a_client_secret(digits: str, expected: bool) -> None:
    assert is_made_up(digits) is expected


@for_each("value", [None, 5, b"bytes", Secret("another")])
def test_only_text_is_a_secret(value: object) -> None:
    with pytest.raises(UsageError) as caught:
        Secret(value)  # type: ignore[arg-type]
    assert caught.value.message.endswith(f"is text, not {type(value).__name__}")
    assert caught.value.hint
