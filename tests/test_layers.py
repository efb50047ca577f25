"""The architecture, drawn: who may import whom, and what a start may cost."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from world import REPOSITORY

from tastyauth.sources import KINDS

PACKAGE = Path(REPOSITORY) / "tastyauth"

PAGE = Path(REPOSITORY) / "docs" / "architecture.md"
"""Holds the table of parts, which are the modules and folders in the root, and of their imports."""

HOT = {"tastyauth", "_entry", "cache", "export", "locate"}
"""Modules that every start loads."""

# What the package itself hands out, late, to those who ask for it; all others import it for less.
FACE = {"errors", "library", "secret"}

# What hot modules may import besides each other and what a bare interpreter has loaded.
SMALL = {"_blake2", "_imp", "_signal", "gc"}

# Who may import what is neither ours nor in the standard library.
LIBRARIES = {
    "validation.document": {"yaml"},
    "validation.yaml_problems": {"yaml"},
    "validation": {"jsonschema"},
    "exchange": {"httpx", "httpcore", "certifi"},
    "shared.engine": {"valkey"},
    "shared.sealing": {"cryptography"},
    "sources.dotenv": {"dotenv"},
    "sources.keyring_child": {"keyring"},
    "testing": {"httpx", "pytest"},
    "library.auth": {"httpx"},  # for the type checker
    "library.sdk": {"tastytrade"},
}

# Who may print and read the command line: the command line, its fast lane, and a program of its own
# that another module starts and talks to.
SPEAKERS = {"cli", "_entry", "sources.keyring_child"}

# Who may catch whatever comes.
BOUNDARIES = {"cli", "_entry", "sources.keyring_child"}


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name; `late` when it waits in a function, `typing` when it never happens."""

    module: str
    line: int
    late: bool
    typing: bool

    @property
    def now(self) -> bool:
        """Whether it happens when the module is imported."""
        return not self.late and not self.typing

    @property
    def root(self) -> str:
        return self.module.partition(".")[0]

    @property
    def is_ours(self) -> bool:
        return self.root == "tastyauth"


def table() -> dict[str, set[str]]:
    """The table of the page: each part, and the parts that it may import."""
    rows = re.findall(r"^\| `(\w+)` \| ([`\w ]*)\|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: set(re.findall(r"\w+", cell)) for name, cell in rows}


TABLE = table()


@cache
def modules() -> dict[str, ast.Module]:
    """Every module by its name within the package, the package itself under its own."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts).removesuffix("__init__").removesuffix(".") or "tastyauth"
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def part(module: str) -> str:
    """The module or folder in the root of the package that a module belongs to."""
    return module.partition(".")[0]


@cache
def imports(module: str) -> tuple[Import, ...]:
    return tuple(_imports(modules()[module], late=False, typing=False))


def _imports(node: ast.AST, *, late: bool, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, late, typing)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute"
            for name in _named_by(child):
                yield Import(name, child.lineno, late, typing)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for inner in child.body:
                yield from _imports(ast.Module([inner], []), late=late, typing=True)
            for inner in child.orelse:
                yield from _imports(ast.Module([inner], []), late=late, typing=typing)
        else:
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, late=late or function, typing=typing)


def _named_by(statement: ast.ImportFrom) -> Iterator[str]:
    """The modules behind `from a import b, c`: `b` may be one itself, or a name in `a`."""
    assert statement.module
    for alias in statement.names:
        inner = f"{statement.module}.{alias.name}"
        yield inner if inner.removeprefix("tastyauth.") in modules() else statement.module


def ours(module: str) -> list[tuple[str, Import]]:
    """What a module imports of the package, by the names used here."""
    return [
        (each.module.removeprefix("tastyauth."), each) for each in imports(module) if each.is_ours
    ]


def belongs(module: str, names: set[str]) -> bool:
    return module in names or module.partition(".")[0] in names


def nothing(strays: Iterator[str]) -> None:
    """Fails with all of `strays` at once."""
    found = list(strays)
    assert not found, "\n" + "\n".join(found)


# -- the drawing ----------------------------------------------------------------------------------


def test_the_table_names_what_is_there() -> None:
    assert set(TABLE) == {part(module) for module in modules()} - {"tastyauth"}


def test_a_part_imports_what_its_row_says() -> None:
    """Late imports too, and those for the type checker."""
    nothing(
        f"{module}, line {each.line}: {name}"
        for module in modules()
        for name, each in ours(module)
        if name != "tastyauth"
        and part(name) != part(module)
        and not (module == "tastyauth" and part(name) in FACE and not each.now)
        and part(name) not in TABLE.get(part(module), set())
    )


def test_no_row_allows_more_than_is_needed() -> None:
    used = {(part(module), part(name)) for module in modules() for name, _ in ours(module)}
    nothing(
        f"{name} does not import {each}"
        for name, allowed in TABLE.items()
        for each in sorted(allowed)
        if (name, each) not in used
    )


def test_a_row_imports_only_from_rows_above() -> None:
    """So there is no cycle."""
    above: set[str] = set()
    for name, allowed in TABLE.items():
        assert allowed <= above, f"{name} imports {sorted(allowed - above)}, which stand below it"
        above.add(name)


def test_a_hot_module_imports_at_the_top_only_hot_ones() -> None:
    nothing(
        f"{module}, line {each.line}: {name}"
        for module in HOT
        for name, each in ours(module)
        if each.now and name not in HOT
    )


# -- the world outside ----------------------------------------------------------------------------


def bare_interpreter() -> frozenset[str]:
    """What is loaded before the first line of any program."""
    program = "import sys; print(*sys.modules, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    )
    return frozenset(done.stdout.split())


def test_a_hot_module_imports_at_the_top_what_is_loaded_anyway() -> None:
    free = bare_interpreter() | SMALL
    nothing(
        f"{module}, line {each.line}: {each.module}"
        for module in modules()
        if module in HOT
        for each in imports(module)
        if each.now and not each.is_ours and each.module not in free
    )


def owner_of(library: str, module: str) -> bool:
    return any(library in LIBRARIES.get(name, set()) for name in (module, module.partition(".")[0]))


def test_a_library_is_imported_by_the_module_that_owns_it() -> None:
    nothing(
        f"{module}, line {each.line}: {each.module}"
        for module in modules()
        for each in imports(module)
        if not each.is_ours
        and each.root not in sys.stdlib_module_names
        and not owner_of(each.root, module)
    )


def test_every_library_is_used_where_it_belongs() -> None:
    """No line above outlives its reason."""
    for owner, libraries in LIBRARIES.items():
        used = {
            each.root
            for module in modules()
            if belongs(module, {owner})
            for each in imports(module)
        }
        assert libraries <= used


_STREAMS = {"argv", "stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__"}


def speech(module: str) -> Iterator[str]:
    """Where a module prints, asks, or looks at the command line or a standard stream."""
    for node in ast.walk(modules()[module]):
        match node:
            case ast.Call(func=ast.Name(id="print" | "input" | "breakpoint" as name)):
                yield f"{module}, line {node.lineno}: {name}()"
            case ast.Attribute(value=ast.Name(id="sys"), attr=name) if name in _STREAMS:
                yield f"{module}, line {node.lineno}: sys.{name}"
            case ast.ImportFrom(module="sys", names=names):
                yield from (f"{module}, line {node.lineno}: {each.name}" for each in names)
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="os"), attr="write" | "read"),
                args=[ast.Constant(value=0 | 1 | 2), *_],
            ):
                yield f"{module}, line {node.lineno}: a standard stream by its number"


def test_only_the_command_line_prints_and_reads_its_arguments() -> None:
    nothing(
        said for module in modules() if not belongs(module, SPEAKERS) for said in speech(module)
    )


def test_every_module_that_may_print_does() -> None:
    for speaker in SPEAKERS:
        assert any(list(speech(module)) for module in modules() if belongs(module, {speaker}))


def catches(module: str) -> Iterator[str]:
    """Where a module catches whatever comes and does not pass it on."""
    for node in ast.walk(modules()[module]):
        if not isinstance(node, ast.ExceptHandler):
            continue
        kind = ast.unparse(node.type) if node.type else ""
        last = node.body[-1]
        passed_on = isinstance(last, ast.Raise) or "set_exception" in ast.unparse(last)
        if kind in {"", "Exception", "BaseException"} and not passed_on:
            yield f"{module}, line {node.lineno}: except {kind}"


def test_only_the_command_line_catches_whatever_comes() -> None:
    nothing(
        caught
        for module in modules()
        if not belongs(module, BOUNDARIES)
        for caught in catches(module)
    )


def test_modules_are_not_imported_by_a_made_up_name() -> None:
    """But the commands and the kinds of sources, of which one start needs one or two."""
    nothing(
        f"{module}, line {each.line}: {each.module}"
        for module in modules()
        for each in imports(module)
        if each.module in {"importlib", "runpy"} and module not in {"cli", "sources"}
    )


def test_no_module_has_a_name_of_the_standard_library() -> None:
    """Within a package it can be told apart; at the top, every reader would be misled."""
    at_the_top = {module for module in modules() if "." not in module} - {"__main__"}
    at_the_top -= {"posix"}  # the inner side of `os`, which nobody imports by this name
    assert not at_the_top & sys.stdlib_module_names


def test_every_module_opens_with_a_sentence() -> None:
    for module, tree in modules().items():
        first = (ast.get_docstring(tree) or "").split("\n\n")[0]
        assert first.endswith((".", ":", ";")), f"{module}: {first!r}"


def test_a_frozen_program_finds_every_kind_of_source() -> None:
    """A freezer takes what import statements name, those for the type checker included."""
    named = {each.module for each in imports("sources") if each.typing}
    assert {f"tastyauth.sources.{place.partition('.')[0]}" for place in KINDS.values()} == named
