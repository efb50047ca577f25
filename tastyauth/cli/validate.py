"""The commands that check files, and say what they check them against.

`validate`, `no-secrets`, `schema` and `explain` touch no secret, run nothing and stay offline.
"""

import gc
import os
import re
import stat
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from tastyauth import locate, validation
from tastyauth.cli.command import Arguments
from tastyauth.cli.console import Console
from tastyauth.errors import ConfigNotFound, UsageError, reason_of
from tastyauth.secret import mask, with_tilde
from tastyauth.validation import pasted_secrets
from tastyauth.validation.problem import Checked, Document
from tastyauth.validation.schema import HIDDEN

_STDIN = "-"

_MOST_SEARCHED = 64 << 20
"""Bytes. Each takes four of memory."""

_KINDS = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
_KINDS |= {stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


def run_validate(arguments: Arguments, console: Console) -> int:
    """Checks each file, whatever its name; returns 1 if any has errors, 66 if it cannot be read."""
    gc.disable()  # the run is short, and collecting between imports would take 5 % of it

    def check(content: bytes, name: str) -> Checked:
        config = _config(content, name)
        return Checked(config, validation.check(config))

    files = arguments.files or [locate.find_config(arguments.config, dict(console.environ))[0]]
    return _check_each(files, locate.LARGEST_CONFIG, check, arguments.format, console)


def run_no_secrets(arguments: Arguments, console: Console) -> int:
    """Looks for secrets in each file; returns 1 if one holds any, 66 if one cannot be read."""
    return _check_each(arguments.files, _MOST_SEARCHED, _search, arguments.format, console)


def run_schema(_: Arguments, console: Console) -> int:
    """Prints the JSON Schema, for an editor or another validator."""
    console.out(validation.text())
    return 0


def run_explain(arguments: Arguments, console: Console) -> int:
    """Prints the page of a diagnostic, exit code or topic, or the list of all."""
    if arguments.topic is None:
        console.out("".join(f"{each.code:<6} {each.title}\n" for each in pages().values()))
        return 0
    found = page(arguments.topic)
    if found is None:
        hint = "see all of them: tastyauth explain"
        raise UsageError(f"there is no topic {mask(arguments.topic)!r}", hint)
    console.out(f"{found.code}: {found.title}\n\n{found.text}\n")
    return 0


class Page(NamedTuple):
    """The explanation of one code."""

    code: str
    title: str
    text: str


def pages() -> dict[str, Page]:
    """All pages by code: diagnostics, exit codes, topics, in their order."""
    path = os.path.join(os.path.dirname(validation.__file__), "explain.md")
    with open(path, encoding="utf-8") as file:
        _, *parts = re.split(r"^## (\S+) (.+)$", file.read(), flags=re.MULTILINE)
    each = zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    return {code: Page(code, title, text.strip()) for code, title, text in each}


def page(code: str) -> Page | None:
    """The page of `code` (`TA101`, `ta101`, `75`, `cron`), or None; all signals are on one."""
    code = code.strip().lower()
    code = "130" if code in ("129", "131", "143") else code
    return next((page for name, page in pages().items() if name.lower() == code), None)


def _check_each(
    files: Sequence[str],
    most: int,
    check: Callable[[bytes, str], Checked],
    output: str,
    console: Console,
) -> int:
    """Reports what `check` says of each file that can be read; returns the exit code.

    On a terminal, files without problems are named too.
    """
    checked, unread = [], False
    for file in dict.fromkeys(files):
        name = _name(file, console)
        try:
            content = _read(file, name, most)
        except ConfigNotFound as error:
            console.error(error)
            unread = True
        else:
            checked.append(check(content, name))
    if output != "human" or any(each.problems for each in checked):
        from tastyauth.validation import report  # late: most runs find nothing

        console.out(report.FORMATS[output](checked, console.colors(1)))
    if console.stdout_is_terminal or console.verbose:
        for each in checked:
            if not each.problems:
                console.say(f"{each.document.name}: valid")
    return ConfigNotFound.exit_code if unread else int(any(each.errors for each in checked))


def _read(file: str, name: str, most: int) -> bytes:
    """The first bytes of a file, one more than `most` at the most; raises ConfigNotFound.

    Also for a FIFO or a device, which may have no end, or never begin. A pipe that the shell has
    opened (`<(command)`) has a name that leads nowhere, and is read.
    """
    is_stdin = file == _STDIN
    if is_stdin and sys.stdin is None:  # nothing was searched, and that is no success
        raise ConfigNotFound(f"cannot read {name}: it is closed", "give it the text to read")
    try:
        kind = stat.S_IFREG if is_stdin else stat.S_IFMT(os.stat(file).st_mode)
        if kind not in (stat.S_IFREG, stat.S_IFDIR) and os.path.exists(os.path.realpath(file)):
            raise OSError(0, f"it is {_KINDS.get(kind, 'not a file')}")
        with open(0 if is_stdin else file, "rb", closefd=not is_stdin) as opened:
            content = opened.read(most + 1)
    except OSError as error:
        advice = "check the name and its permissions"
        advice = advice if error.errno else "name a file, or - for stdin"
        raise ConfigNotFound(f"cannot read {name}: {reason_of(error)}", advice) from None
    if len(content) > _MOST_SEARCHED:
        what = f"{name} is larger than {_MOST_SEARCHED >> 20} MiB, and was not searched"
        raise ConfigNotFound(what, f"search it in pieces: split -C 32m {file} PIECE-")
    return content


def _name(file: str, console: Console) -> str:
    """What the report calls a file: as it was named, home as ~, nothing that forges a line.

    A file below the working directory is named from there, as GitHub and people want it.
    """
    if file == _STDIN:
        return "<stdin>"
    with suppress(OSError):
        file = file.removeprefix(f"{os.getcwd()}/")
    name = with_tilde(file, locate.home_directory(console.environ))
    printable = "".join(letter if letter.isprintable() else "?" for letter in name)
    return HIDDEN if pasted_secrets.shape(printable) else printable


def _config(content: bytes, name: str) -> Document:
    from tastyauth.validation import document  # late: most of the files searched are not configs

    return document.read(content, name)


def _search(content: bytes, name: str) -> Checked:
    """What looks like a secret; a file that is called like a config is searched like one."""
    if os.path.basename(name).lstrip(".") in {"tastyauth.yaml", "tastyauth.yml"}:
        config = _config(content, name)
        return Checked(config, tuple(pasted_secrets.in_document(config)))
    from tastyauth.validation import other_files

    text = other_files.decoded(content)
    found = other_files.problems(text, os.path.basename(name))
    lines = tuple(text.split("\n")) if found else ()  # of many lines, a list takes a second
    return Checked(Document(name, text, lines, None), tuple(found))
