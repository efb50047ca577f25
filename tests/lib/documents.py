"""The README and the pages in docs/, as a reader sees them: blocks, tables, sections, links."""

import os
import re
from collections.abc import Iterator, Sequence
from glob import glob
from typing import NamedTuple

from world import REPOSITORY

README = "README.md"
PAGES = (
    README,
    *sorted(f"docs/{os.path.basename(path)}" for path in glob(f"{REPOSITORY}/docs/*.md")),
)
"""Every page, by its path in the repository."""

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(([^()\s]+)\)")


class Block(NamedTuple):
    """A fenced block: the page that has it, its language, and what it holds."""

    page: str
    language: str
    text: str


def text(page: str) -> str:
    with open(f"{REPOSITORY}/{page}", encoding="utf-8") as file:
        return file.read()


def blocks(page: str = "") -> list[Block]:
    """The fenced blocks of a page, or of all of them."""
    return [
        Block(each, language, body)
        for each in ([page] if page else PAGES)
        for language, body in _BLOCK.findall(text(each))
    ]


def recipe(language: str, beginning: str = "") -> str:
    """The one block of this language that begins so; pages may repeat it, to the letter."""
    found = {
        block.text
        for block in blocks()
        if block.language == language and block.text.startswith(beginning)
    }
    assert len(found) == 1, f"there are {len(found)} blocks of {language} like {beginning!r}"
    return found.pop()


def prose(page: str) -> str:
    """A page without its blocks and code."""
    return re.sub(r"`[^`\n]*`", "", _BLOCK.sub("", text(page)))


def section(page: str, title: str) -> str:
    """What is below a heading, up to the next one of its level or above."""
    found = re.search(
        rf"^(##+) {re.escape(title)}\n(.*?)(?=^##? |\Z)", text(page), re.MULTILINE | re.DOTALL
    )
    assert found, f"{page} has no section {title}"
    return found[2]


def anchors(page: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", _BLOCK.sub("", text(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links(page: str) -> list[str]:
    """Where the links and pictures of a page lead."""
    return _LINK.findall(_BLOCK.sub("", text(page)))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(_in_cell, line))} |\n" for line in lines)


def _in_cell(words: str) -> str:
    return words.replace("|", "\\|")


def rows(page: str, title: str) -> Iterator[list[str]]:
    """The rows of the tables in a section, without their heads."""
    for line in section(page, title).splitlines():
        if line.startswith("| ") and not line.startswith("| ---"):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
