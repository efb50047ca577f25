"""What a report may repeat of a file, and the examples that it gives instead.

A config can hold a secret by mistake, in any place. So nothing out of a file is ever repeated
unless it is a word of the schema, a usual word for one, or shaped like a name that people give to
things; everything else is `[hidden]`.
"""

import re
from collections.abc import Iterable

from tastyauth.validation import schema
from tastyauth.validation.schema import Path

HIDDEN = "[hidden]"

_LONGEST_SHOWN = 48
# Not compiled until there is a problem to report: most files have none.
_PIECE = r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])"
_WORD_LIKE = r"[A-Za-z]+(?:[_. -][A-Za-z]+)*(?:[_.-]?[0-9]{1,2})?"
_LONGEST_PIECE = 14
_PRONOUNCEABLE_FROM = 6
_ACCOUNT_NUMBER = r"[0-9][A-Z]{2}[0-9]{5}"
_HARMLESS = r"(?i:[-+]?[0-9]{1,4}(?:\.[0-9]{0,3})?|~|null|true|false|yes|no|on|off|y|n)"


def is_harmless(text: str) -> bool:
    """Whether `text` is too short a number, or too plain a word, to be anybody's secret."""
    return re.fullmatch(_HARMLESS, text) is not None


def shown(text: str) -> str:
    """`text` when it reads like a name somebody gave to a thing, else `[hidden]`.

    A name is made of words: letters with vowels, at most 14 in a row, with at most two digits at
    the end. Keys, tokens and generated passwords are not. An account number keeps its last four,
    and a known word what it is when more follows it.
    """
    if len(text) > _LONGEST_SHOWN:
        first, space, _ = text[: _LONGEST_SHOWN + 1].partition(" ")
    else:
        if is_known(text) or _reads_like_a_name(text):
            return text
        if re.fullmatch(_ACCOUNT_NUMBER, text):
            return f"****{text[-4:]}"
        first, space, _ = text.partition(" ")
    return f"{first} {HIDDEN}" if space and first in schema.vocabulary() else HIDDEN


def _reads_like_a_name(text: str) -> bool:
    def is_word(piece: str) -> bool:
        vowels = sum(letter in "aeiouy" for letter in piece.lower())
        return len(piece) <= _LONGEST_PIECE and (
            len(piece) < _PRONOUNCEABLE_FROM or vowels * 5 >= len(piece)
        )

    return bool(re.fullmatch(_WORD_LIKE, text)) and all(map(is_word, re.findall(_PIECE, text)))


def is_known(text: str) -> bool:
    """Whether `text` is a word of a config, or one that people use for such a word."""
    return text in schema.vocabulary() or (
        text.isascii() and normalized(text) in schema.alias_words()
    )


def normalized(word: str) -> str:
    """`word` without case and without what separates its parts."""
    return "".join(character for character in word.lower() if character.isalnum())


def shown_path(text: str) -> str:
    """A path of the file system when all its steps read like names, else `[hidden]`.

    Home directories name people, and are hidden.
    """
    if len(text) > _LONGEST_SHOWN:
        return HIDDEN
    steps = text.removeprefix("~").split("/")
    if steps[1:2] in (["home"], ["Users"], ["root"]):
        return HIDDEN
    readable = all(not step.strip(".") or shown(step.lstrip(".")) != HIDDEN for step in steps)
    return text if readable else HIDDEN


def place(path: Path) -> str:
    """How a report calls the value at `path`: `live.refresh_token.env`, `[hidden]` where needed."""
    steps = path[1:] if len(path) > 1 and path[0] == "profiles" else path
    name = ""
    for step in steps:
        if isinstance(step, int):
            name += f"[{step}]"
        else:
            name += f".{shown(step)}" if name else shown(step)
    return name


def quoted(path: Path) -> str:
    """The place in quotes, or "the file" for the root."""
    return f'"{place(path)}"' if path else "the file"


def pointer(path: Path) -> str:
    """The place as a JSON Pointer (RFC 6901, section 5), `[hidden]` where needed."""
    steps = (str(step) if isinstance(step, int) else shown(step) for step in path)
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def examples(keys: Iterable[str | int], path: Path = ()) -> str:
    """`for example`, and below it lines with all of `keys` for the mapping at `path`."""
    return "\n".join(["for example", *(example((*path, key)) for key in keys)])


def example(path: Path, source: str = "") -> str:
    """The key at `path` with the schema's example, ready to paste; a reference of kind `source`."""
    value = schema.at((*path, source) if source else path)["examples"][0]
    return "\n".join(_yaml(path[-1], {source: value} if source else value, path))


def _yaml(key: str | int, value: object, path: Path) -> list[str]:
    if isinstance(key, int):
        return [f"- {_flow(value, path)}"]
    if isinstance(value, dict) and any(isinstance(each, dict) for each in value.values()):
        inner = (line for name, each in value.items() for line in _yaml(name, each, path))
        return [f"{key}:", *(f"  {line}" for line in inner)]
    return [f"{key}: {_flow(value, path)}"]


def _flow(value: object, path: Path) -> str:
    if isinstance(value, dict):
        pairs = (f"{key}: {_flow(each, path)}" for key, each in value.items())
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list):
        return f"[{', '.join(_flow(each, path) for each in value)}]"
    return _suited(str(value), path)


def _suited(text: str, path: Path) -> str:
    """An example in the schema, with the profile and the credential that `path` is about."""
    if len(path) > 1 and path[0] == "profiles":
        profile = shown(str(path[1]))
        if HIDDEN not in profile and "*" not in profile:
            text = re.sub(r"\blive\b", profile, text)
    if len(path) > 2 and path[2] in schema.CREDENTIALS:
        first, second = str(path[2]).split("_")
        for one, two in ((first, second), (first.upper(), second.upper())):
            old = "(?:client|refresh)([-_])(?:secret|token)"
            text = re.sub(old.upper() if one.isupper() else old, rf"{one}\1{two}", text)
    return text
