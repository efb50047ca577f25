"""The README's recipes, as a reader would copy them."""

import os
import re
from collections.abc import Mapping

from .parts import REPOSITORY

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def recipe(language: str, beginning: str = "") -> str:
    """The one fenced block of this language that begins so."""
    with open(os.path.join(REPOSITORY, "README.md"), encoding="utf-8") as file:
        blocks = _BLOCK.findall(file.read())
    found = [text for kind, text in blocks if kind == language and text.startswith(beginning)]
    assert len(found) == 1, f"README.md has {len(found)} blocks of {language} like {beginning!r}"
    return str(found[0])


def adapted(text: str, changes: Mapping[str, str]) -> str:
    """A recipe with what differs here; a word that it does not say is a failure."""
    for word, here in changes.items():
        assert word in text, f"the recipe does not say {word!r}"
        text = text.replace(word, here)
    return text
