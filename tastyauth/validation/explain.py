"""Every diagnostic, exit code and topic explained at length, offline; docs/ shows the same text."""

import os
import re
from typing import NamedTuple

_HEADING = re.compile(r"^## (\S+) (.+)$", re.MULTILINE)


class Page(NamedTuple):
    """The explanation of one code."""

    code: str
    title: str
    text: str


def pages() -> dict[str, Page]:
    """All pages by code: diagnostics, exit codes, topics, in their order."""
    path = os.path.join(os.path.dirname(__file__), "explain.md")
    with open(path, encoding="utf-8") as file:
        _, *parts = _HEADING.split(file.read())
    each = zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    return {code: Page(code, title, text.strip()) for code, title, text in each}


def page(code: str) -> Page | None:
    """The page of `code` (`TA101`, `ta101`, `75`, `cron`), or None; all signals are on one."""
    code = code.strip().lower()
    code = "130" if code in ("129", "131", "143") else code
    return next((page for name, page in pages().items() if name.lower() == code), None)
