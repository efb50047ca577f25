"""The parts of the pages that are made from the product: each between two marks in its page."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from documents import table, text
from page import usage
from world import REPOSITORY

from tastyauth.cli import validate as explain
from tastyauth.cli.commands import COMMANDS
from tastyauth.cli.parser import main_help

Node = Mapping[str, Any]

_MADE = re.compile(r"^(<!-- made: ([\w ]+) -->\n).*?^(<!-- end -->)$", re.MULTILINE | re.DOTALL)


def current(page: str) -> str:
    """A page with everything in it that is made, made now."""
    return _MADE.sub(lambda found: f"{found[1]}{part(found[2])}{found[3]}", text(page))


def part(title: str) -> str:
    if title.startswith("explain "):
        return _explained(title.removeprefix("explain "))
    return _PARTS[title]()


def schema() -> Node:
    with open(f"{REPOSITORY}/schema/tastyauth.schema.json", encoding="utf-8") as file:
        found: Node = json.load(file)
    return found


def sources() -> Node:
    """What the schema says of each kind of reference."""
    found: Node = schema()["$defs"]["reference"]["properties"]
    return found


def _keys(rules: Node) -> str:
    rows = [
        [f"`{name}`", "yes" if name in rules["required"] else "", described(each)]
        for name, each in rules["properties"].items()
    ]
    return table(("key", "required", "meaning"), rows)


def _sources() -> str:
    rows = [
        [f"`{kind}`", f"`{{ {kind}: {flow(each['examples'][0])} }}`", described(each)]
        for kind, each in sources().items()
    ]
    return table(("kind", "example", "what is read"), rows)


def _settings() -> str:
    rows = []
    for kind, each in sources().items():
        mapping = each.get("then", each)
        for name, rules in mapping.get("properties", {}).items():
            rules = schema()["$defs"]["argv"] if "$ref" in rules else rules
            needed = "yes" if name in mapping["required"] else ""
            rows.append([f"`{kind}`", f"`{name}`", needed, described(rules)])
    return table(("kind", "setting", "required", "meaning"), rows)


def described(rules: Node) -> str:
    text: str = rules.get("markdownDescription") or rules["description"]
    return text


def flow(value: object) -> str:
    """An example as a config has it on one line."""
    match value:
        case dict():
            return f"{{ {', '.join(f'{key}: {flow(each)}' for key, each in value.items())} }}"
        case list():
            return f"[{', '.join(map(flow, value))}]"
        case str() if ":" in value:
            return f'"{value}"'
    return str(value)


def _commands() -> str:
    return "\n".join("\n".join(_command(name)) for name in COMMANDS)


def _command(name: str) -> Iterator[str]:
    command = COMMANDS[name]
    yield f"### {name}\n"
    yield f"{command.summary[0].upper()}{command.summary[1:]}.\n"
    rows = [
        [f"`{usage(each).strip('[]')}`", each.help]
        for each in command.arguments
        if each.help and not each.hidden
    ]
    if rows:
        yield table(("", "meaning"), rows)
    if command.details:
        yield f"```text\n{command.details.strip()}\n```\n"


def _exit_codes() -> str:
    pages = [page for page in explain.pages().values() if page.code.isdigit()]
    return table(("code", "meaning"), [[page.code, page.title] for page in pages])


def _explained_all(*, digits: bool) -> str:
    pages = [page for page in explain.pages().values() if page.code.isdigit() is digits]
    pages = [page for page in pages if digits or page.code.startswith("TA")]
    return "\n".join(f"### {page.code} {page.title}\n\n{page.text}\n" for page in pages)


def _explained(topic: str) -> str:
    page = explain.page(topic)
    assert page, f"there is no page on {topic}"
    return f"{page.text}\n"


_PARTS: Mapping[str, Callable[[], str]] = {
    "top keys": lambda: _keys(schema()),
    "profile keys": lambda: _keys(schema()["$defs"]["profile"]),
    "sources": _sources,
    "settings": _settings,
    "help": lambda: f"```text\n{main_help()}```\n",
    "commands": _commands,
    "exit codes": _exit_codes,
    "exit codes explained": lambda: _explained_all(digits=True),
    "diagnostics": lambda: _explained_all(digits=False),
}
