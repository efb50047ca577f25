"""Secrets pasted where they do not belong: found by shape, reported without being shown.

The shapes are those of tastytrade: a refresh token is a JWT whose header says `rt+jwt`, a client
secret 40 hexadecimal digits, a client ID a UUID (and public). A config should hold no secret and is
searched for anything of the kind, everywhere; `other_files` is about all others.
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from itertools import islice
from typing import Literal, NamedTuple, TypeAlias

from tastyauth.errors import APPLICATIONS_PAGE
from tastyauth.validation.problem import Document, Path, Problem, Span, problem

Shape: TypeAlias = Literal["refresh token", "access token", "JWT", "client secret"]

_LEAKED = "treat it as leaked if this file was ever committed or shared"
KNOWN: dict[Shape | None, tuple[str, str, str]] = {  # code, what it looks like, what to do
    None: ("", "", ""),
    "refresh token": (
        "TA202",
        "a tastytrade refresh token (JWT, typ rt+jwt)",
        f"{_LEAKED}: delete its grant and create a new one: {APPLICATIONS_PAGE}",
    ),
    "access token": (
        "TA203",
        "an access token (JWT, typ at+jwt)",
        "it expires 15 minutes after it was issued",
    ),
    "JWT": (
        "TA203",
        "a token (JWT)",
        f"{_LEAKED}: if it is a refresh token, delete its grant: {APPLICATIONS_PAGE}",
    ),
    "client secret": (
        "TA204",
        "a tastytrade client secret (hexadecimal)",
        f"{_LEAKED}: regenerate it: {APPLICATIONS_PAGE}",
    ),
}

_TOKEN_RUN = re.compile(r"[A-Za-z0-9_.-]{20,}")
_JWT_BEGIN = re.compile(r"eyJ")
_MOST_BEGINNINGS = 8
"""How often one run of token characters is tried; a token does not begin more often."""

_JWTS: dict[str, Shape] = {"rt": "refresh token", "at": "access token", "": "JWT"}
_JWT_HEADER = r'"(?:alg|typ|kid|jku)"'
_SHORTEST_JWT = 30
_LONGEST_HEADER = 1024
_LONG_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]{32,}")


class Find(NamedTuple):
    """Where in a text something is that looks like a secret."""

    start: int
    end: int
    shape: Shape


def shape(text: str) -> Shape | None:
    """The secret-looking part of `text`, if any."""
    return next((find.shape for find in _finds(text)), None)


def in_document(document: Document) -> list[Problem]:
    """Whatever is shaped like a secret in a config: values, keys, arguments, paths, comments."""
    problems = []
    reported: dict[int, list[Span]] = {}
    for scalar in document.scalars:
        wrapped = scalar.span.line != scalar.span.end_line
        found = shape("".join(scalar.text.split()) if wrapped else scalar.text)
        if found is None:
            continue
        is_client_id = scalar.path[-1:] == ("client_id",)
        # A client ID without its dashes is public, and is reported by the schema.
        if not (is_client_id and re.fullmatch(r"[0-9A-Fa-f]{32}", scalar.text)):
            name = "secret as client ID" if is_client_id else "secret"
            name = "secret as key" if scalar.is_key else name
            place = (scalar.span, found, _remedy(scalar.path), scalar.path)
            problems.append(pasted(name, *place, on_key=scalar.is_key))
        for line in range(scalar.span.line, scalar.span.end_line + 1):
            reported.setdefault(line, []).append(scalar.span)
    for number, text in enumerate(document.lines, 1):
        for find in _finds(text):
            span = Span(number, find.start + 1, number, find.end + 1)
            around = reported.get(number, ())
            if not any(each[:2] <= span[:2] and span[2:] <= each[2:] for each in around):
                where = "a comment" if "#" in text[: find.start] else "this line"
                problems.append(pasted("secret in a line", span, find.shape, where))
    return problems


def tokens(text: str) -> Iterator[Find]:
    """Every JWT in `text`."""
    for run in _TOKEN_RUN.finditer(text):
        for begin in islice(_JWT_BEGIN.finditer(text, *run.span()), _MOST_BEGINNINGS):
            start, end = begin.start(), run.end()
            header, *rest = text[start:end].split(".", 3)
            claimed = _decoded(header[:_LONGEST_HEADER])
            begins_word = start == run.start() or not text[start - 1].isalpha()
            in_parts = len(rest) >= 2 and all(rest[:2]) and end - start >= _SHORTEST_JWT
            if re.search(_JWT_HEADER, claimed) or (begins_word and in_parts):
                kind = re.search(r'"typ"\s*:\s*"(?:application\\?/)?(rt|at)\+', claimed.lower())
                yield Find(start, end, _JWTS[kind[1] if kind else ""])
                break


def _finds(text: str) -> Iterator[Find]:
    yield from tokens(text)
    for found in _LONG_HEXADECIMAL.finditer(text):
        yield Find(found.start(), found.end(), "client secret")


def _decoded(segment: str) -> str:
    """The decoded base64url segment (RFC 7515, section 2); the complete bytes of a cut one."""
    whole = segment[: len(segment) // 4 * 4]
    rest = segment[len(whole) :]
    try:
        end = rest + "=" * (4 - len(rest)) if len(rest) > 1 else ""
        return urlsafe_b64decode(whole + end).decode("latin-1")
    except ValueError:
        return ""


def _remedy(path: Path) -> str:
    last = path[-1] if path else ""
    if last == "env":
        what = "CLIENT_SECRET" if "client_secret" in path else "REFRESH_TOKEN"
        return f"write the NAME of the variable, for example  env: TASTYTRADE_{what}"
    if last in {"file", "path"}:
        return "write the path of the file that holds it"
    if "argv" in path or "command" in path:
        return (
            "let the program read it from its own store: every user of this machine can"
            " see a command line"
        )
    return "remove it: a config contains references to secrets, never the secrets"


def pasted(
    name: str, span: Span, found: Shape, word: str, path: Path = (), *, on_key: bool = False
) -> Problem:
    """The problem called `name` that a secret of the shape `found` is at `span`.

    `word` is what to do about it, or for one in a line, where that is.
    """
    code, shape, advice = KNOWN[found]
    words = {"shape": shape, "advice": advice, "remedy": word, "where": word}
    said = problem(name, span, path, on_key=on_key, labels=(), **words)
    return said if said.code == "TA205" else said._replace(code=code)
