"""Where secrets live: references that say where a secret is, never what; a class for each kind."""

import os
import re
import shlex
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from json import dumps
from typing import TYPE_CHECKING, ClassVar, TypeVar

from tastyauth.errors import ConfigError, SecretAbsent, SecretError
from tastyauth.secret import Secret, mask, printable, with_tilde

if TYPE_CHECKING:  # this is also where freezers such as PyInstaller find these modules
    from tastyauth.sources import (  # noqa: F401
        command,
        dotenv,
        env,
        file,
        first_of,
        keyring,
        onepassword,
        pass_store,
    )

T = TypeVar("T")

KINDS = {
    "env": "env.Env",
    "file": "file.File",
    "systemd_credential": "file.SystemdCredential",
    "dotenv": "dotenv.Dotenv",
    "keyring": "keyring.Keyring",
    "command": "command.Command",
    "onepassword": "onepassword.OnePassword",
    "pass": "pass_store.Pass",
    "first_of": "first_of.FirstOf",
}
"""Each kind of reference, and its class in this folder: imported when a config uses it."""

LIMIT = 16 * 1024
"""Characters. Larger than any client secret or refresh token seen, smaller than a pasted file."""

LINE_ENDING = r"\r?\n\Z"
"""The one that editors and programs add to a value."""

GUARD = "TASTYAUTH_SOURCE"
"""Set for every program run for a secret: if one ran tastyauth again, it would never end."""

ASKS, HANGS, OPEN = "asks", "hangs", "open"
"""Reasons of a SecretError: nobody is there to answer; the time limit ended it; others can read."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a source may look at besides its reference."""

    environ: Mapping[str, str] = field(repr=False)
    interactive: bool  # whether a program may ask the user
    home: str
    patience: float | None = None  # seconds for a source that names none of its own
    withheld: frozenset[str] = frozenset()  # variables that no program gets

    @property
    def passed_on(self) -> Mapping[str, str]:
        """The environment of a source's program: without the variables that hold other secrets."""
        return {k: v for k, v in self.environ.items() if k not in self.withheld}

    @property
    def limit(self) -> float:
        """Seconds: two minutes for a person to find a password, half a minute for a program."""
        usual = 120.0 if self.interactive else 30.0
        return usual if self.patience is None else self.patience

    def withholding(self, names: Iterable[str]) -> "Surroundings":
        """The same, with more variables that no program gets."""
        return replace(self, withheld=self.withheld.union(names))


class Reference(ABC):
    """Where one secret lives. Each kind is a frozen subclass, listed in `KINDS`."""

    __slots__: tuple[str, ...] = ()

    kind: ClassVar[str]
    reads: ClassVar[str] = ""  # env, file or credential: what its first field names, for `inputs`
    waits: ClassVar[bool] = True  # whether `resolve` may take time
    can_store: ClassVar[bool] = False
    in_shell: ClassVar[str] = ""  # for `shell_word`, with its fields
    by_hand: ClassVar[str] = "store it yourself"  # for `how_to_store`, with its fields
    spelling: ClassVar[str] = ""  # YAML that `init` writes, with {profile}, {name} and {dashed}

    @classmethod
    def parse(cls, value: object, directory: str, home: str) -> "Reference | None":
        """The reference that the config spells as `value`, None when `value` does not fit.

        `directory` (the config's) and `home` are absolute: relative paths and `~` start there.
        """
        make: Callable[[str], Reference] = cls  # most kinds take one text
        return make(value) if isinstance(value, str) else None

    @classmethod
    def is_available(cls, around: Surroundings) -> bool:
        """Whether secrets can be stored in this kind of source on this machine."""
        return cls.can_store

    def detail(self, home: str) -> str:
        """What `describe` adds to the kind."""
        return shown(getattr(self, self.__slots__[0]), home)

    def describe(self, home: str = "") -> str:
        """A short label: `env TT_SECRET`, `file ~/x`, with `~` for `home`, fit to be shown."""
        return f"{self.kind} {self.detail(home)}"

    @abstractmethod
    def resolve(self, around: Surroundings) -> Secret:
        """The secret.

        Raises SecretAbsent when it is not available here (no such variable, file, program), and
        SecretError when it is here but locked, denied, malformed, late or broken.
        """

    @contextmanager
    def begin(self, around: Surroundings) -> Iterator[Callable[[], Secret]]:
        """Starts what takes time, and yields the function that collects the secret, once.

        What has not been collected is ended with the context. Both raise what `resolve` raises.
        """
        yield partial(self.resolve, around)

    def look(self, around: Surroundings) -> bool:
        """Raises what `resolve` would, as far as that shows without opening or running anything.

        False when only resolving can tell.
        """
        return False

    def is_absent(self, around: Surroundings) -> bool:
        """Whether it is certainly not available here."""
        try:
            self.look(around)
        except SecretError as error:
            return isinstance(error, SecretAbsent)
        return False

    def store(self, value: Secret, around: Surroundings) -> None:
        """Writes `value` to where this points; raises SecretError when that is not possible."""
        raise self._not_ours(around.home)

    def file_to_store(self, around: Surroundings) -> str | None:
        """The file that `store` writes, None where it writes none; raises SecretError."""
        return None

    def remove(self, around: Surroundings) -> None:
        """Removes what `store` has written; raises SecretError or OSError."""
        raise self._not_ours(around.home)

    def earlier(self) -> "Reference":
        """The place beside it where the value that `store` replaces is kept; raises SecretError."""
        raise self._not_ours()

    def _not_ours(self, home: str = "") -> SecretError:
        label = self.describe(home)
        return SecretError(f"{label} cannot be written by tastyauth", "store the secret yourself")

    def how_to_store(self) -> str:
        """What to type if `store` does not work."""
        return self._filled(self.by_hand)

    def inputs(self) -> tuple[tuple[str, str], ...]:
        """What can be compared on every start: pairs of `env`, `file` or `credential` and a name.

        Variables are compared by value, files by their stat.
        """
        return ((self.reads, getattr(self, self.__slots__[0])),) if self.reads else ()

    def time_limit(self, around: Surroundings) -> float:
        """Seconds after which `resolve` has ended, well or badly."""
        return around.limit if self.waits else 0.0

    def program(self, around: Surroundings) -> str | None:
        """The path of the program that `resolve` runs; None without one, or when it is missing."""
        return None

    def plan(self, prefix: str, around: Surroundings) -> Iterator[str]:
        """The kind and all its settings, a line of the plan: `command ["x"], line 1`."""
        (_, first), *others = ((name, getattr(self, name)) for name in self.__slots__)
        given = [f"{n} {spelled(v)}" for n, v in others if v is not None and v is not False]
        yield prefix + ", ".join([f"{self.kind} {spelled(first)}", *given])

    def shell_word(self, around: Surroundings) -> str:
        """A word of sh that expands to the secret."""
        return self._filled(self.in_shell)

    def _filled(self, line: str) -> str:
        """A line of sh with what its fields in braces hold, quoted."""
        fields = {name: shlex.quote(str(getattr(self, name))) for name in self.__slots__}
        return line.format(**fields)

    @property
    def members(self) -> "tuple[Reference, ...]":
        """What `first_of` lists, or this reference alone."""
        return (self,)

    def first(self, act: Callable[["Reference"], T]) -> tuple[T | None, list[SecretAbsent]]:
        """The result of `act` for the first member that exists, and why those before it do not.

        None when `act` raised SecretAbsent for all of them.
        """
        reasons: list[SecretAbsent] = []
        for member in self.members:
            try:
                return act(member), reasons
            except SecretAbsent as absent:
                reasons.append(absent)
        return None, reasons

    def overwrite(self, value: Secret, around: Surroundings) -> None:
        """Like `store`, on a full disk; may leave half of it where that is interrupted."""
        raise self._not_ours(around.home)

    def replace(
        self, old: Secret, new: Secret, around: Surroundings, *, is_last_resort: bool = False
    ) -> bool:
        """Replaces `old` by `new` in the member that holds it; False when that is not possible.

        With `is_last_resort`, `new` is lost otherwise.
        """
        for member in self.members:
            with suppress(SecretError):
                if member.can_store and member.resolve(around) == old:
                    break
        else:
            return False
        for write in (member.store, member.overwrite)[: 1 + is_last_resort]:
            with suppress(SecretError, OSError):
                write(new, around)
                return True
        return False


def kind_of(name: str) -> type[Reference]:
    """The class of a kind of `KINDS`."""
    module, _, attribute = KINDS[name].partition(".")
    found: type[Reference] = getattr(import_module(f"tastyauth.sources.{module}"), attribute)
    return found


def parse(value: object, *, directory: str, home: str) -> Reference:
    """The reference in `value`, a one-key mapping that the schema has found valid.

    Raises ConfigError for any other value.
    """
    if isinstance(value, dict) and len(value) == 1:
        [(kind, content)] = value.items()
        found = kind_of(kind).parse(content, directory, home) if kind in KINDS else None
        if found is not None:
            return found
    what = "a reference must be a mapping with one known source kind"
    raise ConfigError(what, "see: tastyauth validate")


def accept(raw: bytes, label: str, several_lines: str = "") -> Secret:
    """The secret in `raw`, without the one line ending that editors and programs add.

    It is 1 to 16384 characters of printable ASCII (RFC 6749, appendix A) with no space at the
    ends. Otherwise raises SecretError: what is wrong with the value of `label` and what to do;
    `several_lines` is the advice for more than one line. The value is never shown.
    """
    what, hint = "is not UTF-8 text", "store it again as plain text"
    with suppress(UnicodeDecodeError):
        text = re.sub(LINE_ENDING, "", raw.decode("utf-8"))
        defect = _defect(text, several_lines or "keep only the secret there, on one line")
        if defect is None:
            return Secret(text)
        what, hint = defect
    raise SecretError(f"the value of {label} {what}", hint) from None  # its cause holds the value


_CURLY_QUOTES = "\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u201b\xab\xbb"


def _defect(text: str, several_lines: str) -> tuple[str, str] | None:
    """What is wrong with a value, and what to do about it."""
    if not text:
        return "is empty", "store the secret there"
    if line_breaks := text.count("\n"):
        return f"has {line_breaks + 1} lines, not one", several_lines
    if len(text) > LIMIT:
        return f"is longer than {LIMIT} characters", "store only the secret there"
    if position := text.find("\r") + 1:
        advice = "store it without Windows line endings"
        return f"has a carriage return at position {position}", advice
    if text[0] == "\ufeff":
        return "begins with a byte order mark", "store it as UTF-8 without a byte order mark"
    if text[0].isspace() or text[-1].isspace():
        where = "begins" if text[0].isspace() else "ends"
        return f"{where} with a space", "store it without spaces around it"
    for position, character in enumerate(text, 1):
        if character in _CURLY_QUOTES:
            return f"has a curly quote at position {position}", "store it without quotes"
        if not " " <= character <= "~":
            what = "a control" if character.isascii() else "a non-ASCII"
            return f"has {what} character at position {position}", "copy it again from the original"
    return None


def resolve_program(argv0: str, environ: Mapping[str, str], home: str) -> str | None:
    """The absolute path of the program that `argv0` names, or None when it is not here.

    The plan and the run both ask this. A bare name is looked up on PATH, of which empty and
    relative entries are dropped: they mean the working directory, and with it a project's files.
    A path is absolute or begins with `~/`; whether it can be executed shows when it is started.
    """
    if "/" in argv0:
        path = expand(argv0, home)
        return path if os.path.isabs(path) and os.path.exists(path) else None
    for entry in environ.get("PATH", os.defpath).split(os.pathsep):
        candidate = os.path.join(entry, argv0)
        if os.path.isabs(entry) and os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return candidate
    return None


def expand(path: str, home: str) -> str:
    """`path` with a leading `~/` replaced by `home`; `~name` of other users is not read."""
    return home + path[1:] if path == "~" or path.startswith("~/") else path


def absolute(path: str, directory: str, home: str) -> str:
    """`path` as the config means it: from `directory`, or from `home` after `~/`."""
    joined = os.path.join(directory, expand(path, home))
    # `..` after a symbolic link is for the kernel to follow; spelling it away may lead elsewhere.
    return joined if ".." in joined.split("/") else os.path.normpath(joined)


def shown(text: str, home: str = "") -> str:
    """`text`, which may hold paths, for a label: `home` as `~`, secrets masked, all printable."""
    # Between slashes: a whole path is as long, and made of the same characters, as a secret.
    return printable("/".join(map(mask, with_tilde(text, home).split("/"))))


def spelled(value: object) -> str:
    """JSON in which nothing is hidden: ASCII, and no row of spaces pushes a part out of sight."""
    return re.sub("  +", lambda found: r"\u0020" * len(found[0]), dumps(value))
