"""What holds for any answer, reference, emission and approval.

Each is tried with a hundred cases, and with ten thousand by

    scripts/test tests/test_properties.py --hypothesis-profile=long
"""

import json
import os
import re
import string
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from echoes import ECHOED
from exchange_fakes import grant, holds_a_secret
from hypothesis import assume, example, given
from hypothesis import strategies as st
from plans import configs, effect

from tastyauth import config
from tastyauth.config import Config, plan, trust
from tastyauth.errors import (
    ConfigError,
    ConfigNotAllowed,
    ProtocolError,
    RefusedError,
    SecretError,
    TemporaryError,
)
from tastyauth.exchange.response import read_response
from tastyauth.exchange.server_text import Answer
from tastyauth.shells import RENDER, Emission
from tastyauth.sources import Reference, Surroundings
from tastyauth.sources.command import Command
from tastyauth.sources.dotenv import Dotenv
from tastyauth.sources.env import Env
from tastyauth.sources.file import File, SystemdCredential
from tastyauth.sources.first_of import FirstOf
from tastyauth.sources.keyring import Keyring
from tastyauth.sources.onepassword import OnePassword
from tastyauth.sources.pass_store import Pass

PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))

# -- answers --------------------------------------------------------------------------------------

NOW = 1_800_000_000.0
WORDS = st.sampled_from([*ECHOED.values(), "invalid_grant", "Grant revoked", "", "Bearer", "900"])
TEXTS = WORDS | st.text(max_size=40)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(TEXTS, v, max_size=3), max_leaves=6
)
KEYS = ("access_token", "expires_in", "token_type", "refresh_token")
ERROR_KEYS = ("error", "error_code", "error_description", "message")
FIELDS = st.dictionaries(st.sampled_from([*KEYS, *ERROR_KEYS]), VALUES)
BODIES = st.one_of(
    st.binary(max_size=200),
    FIELDS.map(lambda fields: json.dumps(fields).encode()),
    TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")),
)
HEADERS = st.dictionaries(
    st.sampled_from(["Date", "Retry-After", "Location", "Content-Type", "Content-Encoding", "x"]),
    TEXTS,
)


@given(
    status=st.sampled_from([200, 302, 400, 401, 429, 503]) | st.integers(0, 999),
    headers=HEADERS,
    body=BODIES,
    environment=st.sampled_from(["production", "sandbox", "custom"]),
    now=st.floats(0, 4e9),
)
def test_any_answer_is_a_token_or_one_of_three_errors_without_a_secret(
    status: int, headers: dict[str, str], body: bytes, environment: str, now: float
) -> None:
    try:
        response = read_response(Answer(status, headers, body), grant(environment=environment), now)
    except (RefusedError, TemporaryError, ProtocolError) as error:
        message, hint = error.message, error.hint
    else:
        assert status == 200
        assert 1 <= response.expires_in <= 86_400
        assert response.access_token.reveal().isascii()
        return
    assert hint
    assert message.isprintable()
    assert not holds_a_secret(f"{message} {hint}")


B64TOKEN = string.ascii_letters + string.digits + "-._~+/"  # RFC 6750, section 2.1


@given(
    token=st.builds("{}{}".format, st.text(B64TOKEN, min_size=1), st.text("=", max_size=2)),
    kind=st.sampled_from(["Bearer", "bearer", "BEARER"]),
    seconds=st.integers(1, 10**9),
    spelled=st.sampled_from([int, float, str]),
    rotated=st.none() | st.text(PRINTABLE[1:], min_size=1),
    more=st.dictionaries(st.text(min_size=20), VALUES, max_size=2),
)
def test_what_the_server_grants_is_what_is_read(
    token: str, kind: str, seconds: int, spelled: type, rotated: str | None, more: dict[str, object]
) -> None:
    # a refresh token that is handed out as access token is refused
    assume(rotated is None or rotated.lower() not in token.lower())
    fields = more | {"access_token": token, "token_type": kind, "expires_in": spelled(seconds)}
    body = json.dumps(fields | {"refresh_token": rotated}).encode()
    try:
        response = read_response(Answer(200, {}, body), grant(), NOW)
    except ProtocolError:
        assert "NaN" in body.decode() or "Infinity" in body.decode()  # no JSON
        return
    assert response.access_token.reveal() == token
    assert response.expires_in == min(seconds, 86_400)
    assert (response.refresh_token and response.refresh_token.reveal()) == rotated
    assert response.warnings == ()


# -- references -----------------------------------------------------------------------------------

PATHS = {
    "a": "/project/a",
    "./a": "/project/a",
    "b/../a": "/project/b/../a",
    "../a": "/project/../a",
    "/etc/a b": "/etc/a b",
    "~/a": "/home/me/a",
    "~me/a": "/project/~me/a",
    "b//a": "/project/b/a",
}
"""Paths as they may be written in /project/tastyauth.yaml, and what they mean."""

NAME = st.from_regex(r"[A-Z][A-Z0-9_]{0,20}", fullmatch=True)
LABEL = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Cn", "Zl", "Zp"], exclude_characters="/\ufeff"),
    min_size=1,
    max_size=20,
).filter(lambda text: text[0] != "-" and text not in {".", ".."})

Written = tuple[object, Reference]
"""What stands in a config, and what it means."""


def _commands() -> st.SearchStrategy[Written]:
    def command(argv: list[str], line: int | None, timeout: int | None) -> Written:
        options = {"line": line, "timeout": timeout}
        given = {name: value for name, value in options.items() if value is not None}
        seconds = None if timeout is None else float(timeout)
        meant = Command(tuple(argv), line=line, timeout=seconds)
        return {"command": {"argv": argv, **given} if given else argv}, meant

    return st.builds(
        command,
        st.lists(ARGUMENT, max_size=3).map(lambda arguments: ["vault", *arguments]),
        st.none() | st.integers(1, 9),
        st.none() | st.integers(1, 60),
    )


ARGUMENT = st.sampled_from(["show", "--clip", "", "€", "~/x", "$(reboot)"]) | LABEL.filter(
    lambda word: not word.startswith("./")
)
PATH = st.sampled_from(sorted(PATHS.items()))
SINGLES: st.SearchStrategy[Written] = st.one_of(
    NAME.map(lambda name: ({"env": name}, Env(name))),
    PATH.map(lambda path: ({"file": path[0]}, File(path[1]))),
    PATH.map(lambda path: ({"file": {"path": path[0], "permissions": "any"}}, File(path[1], True))),
    st.builds(
        lambda path, name: ({"dotenv": {"path": path[0], "name": name}}, Dotenv(path[1], name)),
        PATH,
        NAME,
    ),
    LABEL.map(lambda label: ({"systemd_credential": label}, SystemdCredential(label))),
    st.builds(
        lambda one, two: ({"keyring": {"service": one, "username": two}}, Keyring(one, two)),
        LABEL,
        LABEL,
    ),
    LABEL.map(lambda label: ({"pass": label}, Pass(label))),
    LABEL.map(
        lambda label: ({"onepassword": f"op://a/{label}/c"}, OnePassword(f"op://a/{label}/c"))
    ),
    _commands(),
)
WRITTEN: st.SearchStrategy[tuple[object, Reference]] = SINGLES | st.lists(
    SINGLES, min_size=1, max_size=4
).map(
    lambda several: (
        {"first_of": [one for one, _ in several]},
        FirstOf(tuple(meant for _, meant in several)),
    )
)


@given(secret=WRITTEN, token=WRITTEN)
def test_a_reference_means_what_is_written(
    secret: tuple[object, Reference], token: tuple[object, Reference]
) -> None:
    """Read from the file, and recalled from what the cache keeps of it."""
    profile = {
        "environment": "sandbox",
        "client_id": "11111111-2222-4333-8444-555555555555",
        "client_secret": secret[0],
        "refresh_token": token[0],
    }
    text = json.dumps({"version": 1, "profiles": {"live": profile}}, ensure_ascii=False)
    found = config.parse(text.encode(), "/project/tastyauth.yaml", home="/home/me")
    for it in (found, config.recall(found.data, found.path, home="/home/me")):
        read = it.profile("live")
        assert (read.client_secret, read.refresh_token) == (secret[1], token[1])
    for reference in (secret[1], token[1]):
        assert reference.describe("/home/me").isprintable()


MARKS = "0123456789#%&"
"""Of these no eight stand together in anything that we say."""

BLANKS = st.sampled_from([" ", "\t", "\n", "\r\n", "\u00a0"])

CONTENT = st.one_of(
    st.binary(max_size=40),
    st.text(PRINTABLE, max_size=60).map(str.encode),
    st.builds("{}{}".format, st.text(MARKS), BLANKS).map(str.encode),
    st.builds("{}{}".format, BLANKS, st.text(MARKS)).map(str.encode),
    st.lists(st.text(MARKS, min_size=8) | st.text(max_size=3), max_size=4).map(
        lambda parts: "".join(parts).encode("utf-8", "surrogatepass")
    ),
    st.builds("TT={}\nA='{}'\n".format, *[st.text(f"{MARKS}'\"\n ", min_size=8)] * 2).map(
        str.encode
    ),
)


@contextmanager
def leading_to(content: bytes) -> Iterator[tuple[Surroundings, list[Reference]]]:
    """References of every kind that needs no other program, and lists of them."""
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/it"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(content)
        variable = content.replace(b"\0", b"").decode("utf-8", "surrogateescape")
        environ = {"TT": variable, "CREDENTIALS_DIRECTORY": directory, "PATH": directory}
        here = (Env("TT"), File(path), SystemdCredential("it"), Dotenv(path, "TT"))
        absent = (Env("NO"), File(f"{directory}/no"), Command(("no",)), Pass("no"))
        lists = [FirstOf((*absent, reference)) for reference in here]
        surroundings = Surroundings(environ, interactive=False, home=directory, patience=5)
        yield surroundings, [*here, *lists, *absent]


@given(content=CONTENT)
def test_any_content_is_a_secret_or_an_error_that_does_not_tell_it(content: bytes) -> None:
    text = content.decode("utf-8", "replace")
    pieces = {text[i : i + 8] for i in range(len(text) - 7) if set(text[i : i + 8]) <= set(MARKS)}
    with leading_to(content) as (surroundings, references):
        for reference in references:
            try:
                value = reference.resolve(surroundings).reveal()
            except SecretError as error:
                said = f"{error.message} {error.hint}"
                assert said.isprintable()
                assert not any(piece in said for piece in pieces), said
            else:
                assert 1 <= len(value) <= 16 * 1024
                assert set(value) <= set(PRINTABLE)
                assert value == value.strip()


# -- emissions ------------------------------------------------------------------------------------

BARE = r"[A-Za-z0-9_./+:@%,][A-Za-z0-9_./+:@%,=-]*"
OCTAL = r"(?:[A-Za-z0-9_./]|\\[0-7]{3})*"
HEXADECIMAL = r"(?:[A-Za-z0-9_./]|\\X[0-9a-f]{2})+"


@dataclass(frozen=True, slots=True)
class Language:
    """What a shell form is made of, in regular expressions, and nothing else.

    A value is what is found in the first group, as it is, or in the second, spelled in numbers.
    """

    unset: str
    export: str
    number: str
    base: int


LANGUAGES = {
    "sh": Language(
        r"unset {names}&&",
        rf"""export {{name}}=(?:({BARE})|"\$\(printf '({OCTAL})'\)")(?:&&|;)""",
        r"\\([0-7]{3})",
        8,
    ),
    "fish": Language(
        "{each}true;",
        rf"set -gx {{name}} (?:({BARE.replace('%', '')})|({HEXADECIMAL})|'');",
        r"\\X([0-9a-f]{2})",
        16,
    ),
    "csh": Language(
        "{each}", rf"""setenv {{name}} (?:({BARE})|"`printf '({OCTAL})'`");""", r"\\([0-7]{3})", 8
    ),
}


def read_back(text: str, names: list[str], unset: list[str], language: Language) -> list[str]:
    """The values in a shell form, which is of the language to the last character."""
    first = unset if language is LANGUAGES["csh"] else [*unset, *names]
    one = "unsetenv {};" if language is LANGUAGES["csh"] else "while set -e {};end;"
    each = "".join(map(one.format, first))
    before = language.unset.format(names=" ".join(first), each=each) if first else ""
    pattern = "".join(re.sub(r"\{name\}", name, language.export) for name in names)
    checks = "(?:test [^&]*&&)*"  # which a shell with an odd IFS does not pass
    found = re.fullmatch(f"{checks}{re.escape(before)}{pattern}\n", text)
    assert found, text

    def character(number: re.Match[str]) -> str:
        return chr(int(number[1], language.base))

    groups = found.groups()
    return [
        bare or re.sub(language.number, character, spelled or "")
        for bare, spelled in zip(groups[::2], groups[1::2], strict=True)
    ]


PAIRS = st.dictionaries(NAME, st.text(PRINTABLE, max_size=60), min_size=1, max_size=5)
NAMES = st.lists(NAME, max_size=3)


@pytest.mark.parametrize("shell", LANGUAGES)
@given(pairs=PAIRS, unset=NAMES)
@example(pairs={"A": "%self"}, unset=["B"])
@example(pairs={"A": "=a", "B": "", "C": "~"}, unset=[])
def test_a_shell_form_is_safe_and_holds_the_values(
    shell: str, pairs: dict[str, str], unset: list[str]
) -> None:
    emission = Emission("live", 1, list(pairs.items()), tuple(unset))
    text = RENDER[shell](emission)
    assert read_back(text, list(pairs), unset, LANGUAGES[shell]) == list(pairs.values())


@given(pairs=PAIRS)
def test_a_data_form_holds_the_values_or_is_refused(pairs: dict[str, str]) -> None:
    emission = Emission("live", 1, list(pairs.items()), ())
    assert json.loads(RENDER["json"](emission))["exports"] == pairs
    is_odd = any(set(it) & set("'\"\\$`#") or it != it.strip() for it in pairs.values())
    if is_odd:
        with pytest.raises(ConfigError):
            RENDER["dotenv"](emission)
        return
    lines = RENDER["dotenv"](emission).splitlines()
    assert [line.split("=", 1) for line in lines] == list(map(list, pairs.items()))


# -- approvals ------------------------------------------------------------------------------------

TRUSTED = ("flag", "user", "system")


@dataclass(frozen=True, slots=True)
class Attempt:
    """A config that wants to act, and what there is to allow it."""

    config: Config
    origin: str
    mode: int
    outlaw: str
    approved: tuple[Config, ...]
    elsewhere: bool
    hash_of: Config | None
    interactive: bool


def attempts() -> st.SearchStrategy[Attempt]:
    @st.composite
    def draw_one(draw: st.DrawFn) -> Attempt:
        several = draw(st.lists(configs(), min_size=1, max_size=2))
        return Attempt(
            config=several[0],
            origin=draw(st.sampled_from([*TRUSTED, "project", "environment"])),
            mode=draw(st.sampled_from([0o600, 0o644, 0o666, 0o602])),
            outlaw=draw(st.sampled_from(["", "", "", "host", "program"])),
            approved=tuple(draw(st.lists(st.sampled_from(several), max_size=2))),
            elsewhere=draw(st.booleans()) and draw(st.booleans()),
            hash_of=draw(st.none() | st.sampled_from(several)),
            interactive=draw(st.booleans()),
        )

    return draw_one()


@given(it=attempts())
def test_a_config_acts_where_it_is_trusted_or_approved_and_nowhere_else(it: Attempt) -> None:
    with tempfile.TemporaryDirectory() as home:
        path = place(home, it.mode)
        wanted = at(it.config, path, home, it.outlaw)
        approved = [at(one, path, home, it.outlaw) for one in it.approved]
        hashed = it.hash_of and at(it.hash_of, path, home, it.outlaw)
        around = surroundings(home, hashed, it.interactive)
        for one in approved:
            trust.allow(replace(one, path=f"{path}2") if it.elsewhere else one, around)
        is_exposed = bool(it.mode & 0o022)
        shares_elsewhere = any(one.shared and not one.shared.is_here for one in wanted.profiles)
        may = (it.origin in TRUSTED and not is_exposed) or (
            (it.origin in TRUSTED or not (it.outlaw or shares_elsewhere))
            and (
                (not it.elsewhere and any(effect(one) == effect(wanted) for one in approved))
                or (hashed is not None and not it.interactive and effect(hashed) == effect(wanted))
            )
        )
        if may:
            trust.require(wanted, it.origin, around)
        else:
            with pytest.raises(ConfigNotAllowed):
                trust.require(wanted, it.origin, around)


def place(home: str, mode: int) -> str:
    """A project in a home, with a config of this mode and a program."""
    os.mkdir(f"{home}/project", 0o700)
    for name, bits in (("tastyauth.yaml", mode), ("tool", 0o700)):
        with open(f"{home}/project/{name}", "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), bits)
    return f"{home}/project/tastyauth.yaml"


def at(config: Config, path: str, home: str, outlaw: str) -> Config:
    """`config` at a path, with something in it that no project file may do."""
    first, *others = config.profiles
    if outlaw == "host":
        first = first._replace(environment="custom", api_url="https://broker.example")
    elif outlaw == "program":
        first = first._replace(client_secret=Command((f"{home}/project/tool",)))
    return replace(config, path=path, profiles=(first, *others))


def surroundings(home: str, hashed: Config | None, interactive: bool) -> Surroundings:
    environ = {"HOME": home, "PATH": "/nowhere"}
    around = Surroundings(environ, interactive=interactive, home=home)
    if hashed is not None:
        environ[trust.HASH_VARIABLE] = plan.digest(plan.lines(hashed, around))
    return around
