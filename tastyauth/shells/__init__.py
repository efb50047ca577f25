"""Shells and formats: what is printed for each, the hook, and the curl script."""

import re

_PLACE = re.compile("@([A-Z]+)@")


def filled(text: str, **values: str) -> str:
    """`text` with every `@NAME@` replaced, in one pass: a value may look like a place."""
    return _PLACE.sub(lambda place: values[place[1]], text)
