"""The recipes of README and docs, as a reader would copy them."""

from collections.abc import Mapping

from documents import recipe

__all__ = ["adapted", "recipe"]


def adapted(text: str, changes: Mapping[str, str]) -> str:
    """A recipe with what differs here; a word that it does not say is a failure."""
    for word, here in changes.items():
        assert word in text, f"the recipe does not say {word!r}"
        text = text.replace(word, here)
    return text
