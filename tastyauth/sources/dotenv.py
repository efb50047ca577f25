"""One variable of a .env file, read by python-dotenv (extra `dotenv`)."""

import io
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING

from tastyauth.errors import SecretAbsent, SecretError
from tastyauth.secret import Secret
from tastyauth.sources.file import look_at_file, read_file
from tastyauth.sources.label import describe
from tastyauth.sources.reference import Dotenv, File
from tastyauth.sources.surroundings import Surroundings
from tastyauth.sources.value import accept

if TYPE_CHECKING:
    from dotenv.parser import Binding


def variables(path: str, surroundings: Surroundings) -> dict[str, str]:
    """Everything a .env file sets, as it is written; raises SecretAbsent and SecretError."""
    bindings = _bindings(Dotenv(path, "(any)"), surroundings)
    return {name: value for name, value in bindings if name and value}


def resolve_dotenv(reference: Dotenv, surroundings: Surroundings) -> Secret:
    """The value as it is written: nothing in it is expanded.

    Raises SecretAbsent without the extra, the file or the name, SecretError for a name that is
    given twice, since readers disagree about which one counts.
    """
    label = describe(reference, surroundings.home)
    found = [value for name, value in _bindings(reference, surroundings) if name == reference.name]
    if not found or not found[0]:
        raise SecretAbsent(f"{label} has no such name, or nothing for it", "add it to the file")
    if len(found) > 1:
        raise SecretError(f"{label} is given {len(found)} times", "keep one of the lines")
    return accept(found[0].encode("utf-8"), label)


def look_at_dotenv(reference: Dotenv, surroundings: Surroundings) -> None:
    """Raises what `resolve_dotenv` raises, as far as it shows without opening the file."""
    label = describe(reference, surroundings.home)
    _parser(label)
    look_at_file(File(reference.path), surroundings, label)


def _bindings(reference: Dotenv, surroundings: Surroundings) -> list[tuple[str | None, str | None]]:
    label = describe(reference, surroundings.home)
    parse_stream = _parser(label)
    try:
        text = read_file(File(reference.path), surroundings, label).decode("utf-8")
    except UnicodeDecodeError:
        raise SecretError(f"{label} is not UTF-8 text", "store it again as plain text") from None
    return [(it.key, it.value) for it in parse_stream(io.StringIO(text))]


def _parser(label: str) -> "Callable[[IO[str]], Iterator[Binding]]":
    try:
        from dotenv.parser import parse_stream
    except ImportError:
        raise SecretAbsent(
            f"{label} needs python-dotenv, which is not installed",
            "install the extra: pipx inject tastyauth python-dotenv",
        ) from None
    return parse_stream
