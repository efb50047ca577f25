"""Text where a reference belongs: a pasted secret, or a reference that is spelt another way."""

import re

from tastyauth.errors import APPLICATIONS_PAGE
from tastyauth.validation import example, pasted_secrets, place
from tastyauth.validation.masking import SOURCE_KINDS, quoted
from tastyauth.validation.problem import Document, Path, Problem, error

_LEAKED = {
    "client_secret": f"regenerate it: {APPLICATIONS_PAGE}",
    "refresh_token": f"delete its grant and create a new one: {APPLICATIONS_PAGE}",
    "client_id": f"delete the grant and regenerate the client secret: {APPLICATIONS_PAGE}",
}

_SPELLINGS: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (re.compile(r"op://.*", re.DOTALL), "onepassword", "a 1Password reference"),
    (re.compile(r"\$\(.*\)|`.*`", re.DOTALL), "command", "a command of a shell"),
    (re.compile(r"\$?\{?\{?[ ]?(?:env[.:])?[A-Z][A-Z0-9_]{2,40}\s?\}?\}?"), "env", "a variable"),
    (re.compile(r"(?:~|\.{1,2})?/[\w./ -]{1,80}"), "file", "a path"),
)


def problem(document: Document, path: Path, text: str) -> Problem:
    """What to say about the string `text` at `path`, where a mapping with a source belongs."""
    shape = pasted_secrets.shape(text)
    if shape is None:
        spelling = _spelling(text)
        if spelling:
            return _misspelt(document, path, *spelling)
    label = "hidden; text stands where a mapping belongs"
    if shape:
        label = f"{len(text)} characters, hidden; looks like {pasted_secrets.looks_like(shape)}"
    credential = place.credential(path)
    return error(
        "TA201",
        f"{quoted(path)} holds a secret itself, not a reference to one",
        path,
        document.value_span(path),
        label,
        help=(
            f"write where to read it from, for example\n{example.reference('file', path)}",
            "treat the value as leaked if this file was ever committed or shared: "
            + _LEAKED[credential],
        ),
    )


def _spelling(text: str) -> tuple[str, str] | None:
    prefix, colon, _ = text.partition(":")
    if colon and prefix in SOURCE_KINDS:
        return prefix, f"a {prefix} reference in one word"
    for pattern, kind, what in _SPELLINGS:
        if pattern.fullmatch(text):
            return kind, what
    return None


def _misspelt(document: Document, path: Path, kind: str, what: str) -> Problem:
    return error(
        "TA102",
        f"{quoted(path)} must be a mapping with one source kind",
        path,
        document.value_span(path),
        f"hidden; looks like {what}",
        help=(
            f"if it is, write\n{example.reference(kind, path)}",
            "if it is the secret itself, treat it as leaked and never write it here",
        ),
    )
