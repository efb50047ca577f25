"""Entries and outlines of the token cache, written and cleared."""

import _thread  # built in, where `threading` is a module to load
import os
import re
from typing import NamedTuple

from tastyauth import cache, locate
from tastyauth.cache import Asked, Entry, Outline, ProfileOutline, View, last_attempt, name_of
from tastyauth.cache.last_attempt import Attempt
from tastyauth.cache.lock import remove_unless_held
from tastyauth.posix import files

_OURS = re.compile(
    r"[0-9a-f]{16}(?:\.[0-9a-f]{16})?\.(?:outline|entry|attempt|lock)"
    r"(?:\.[0-9]+\.[0-9]+\.new)?"  # left by an unfinished `files.write`
)
"""The names of cache files; other files in the directory are not touched."""

_UNUSED = 7 * 24 * 3600.0
"""Seconds after which an entry, its record and its lock are deleted."""


def write_outline(directory: str, config: str, outline: Outline) -> None:
    """Writes the outline that belongs to `config`.

    It grows in proportion to its config: 64 KiB of the shortest profiles make some 320 KiB, and a
    file of `locate.LARGEST_FILE` can still be read. Raises OSError, or ValueError for a path that a
    line cannot hold.
    """
    names = {name for profile in outline.profiles.values() for name in profile.names}
    lines = [
        f"size\t{len(outline.config)}",
        f"salt\t{outline.salt}",
        f"approval\t{outline.approval}",
        f"default\t{outline.default}",
        f"data\t{outline.data}",
        f"names\t{' '.join(sorted(names))}",
    ]
    for profile in outline.profiles.values():
        lines.append(f"profile\t{profile.name}\t{profile.behind}")
        lines += [f"own\t{name}" for name in sorted(names.difference(profile.names))]
        lines += [f"export\t{name}\t{field}" for name, field in profile.exports]
        lines += [f"input\t{kind}\t{name}" for kind, name in profile.inputs]
    head = _content([f"{cache.OUTLINE_MAGIC} {config}", *lines])
    path = f"{directory}/{name_of(config)}.outline"
    files.write(path, head.removesuffix(b"\n") + cache.END + outline.config)


def write_entry(path: str, belongs_to: str, entry: Entry) -> None:
    """Writes an entry; raises OSError, or ValueError for a field that a line cannot hold."""
    times = {"issued_at": entry.issued_at, "stored_at": entry.stored_at, "ahead": entry.ahead}
    content = _content([f"{key}\t{value}" for key, value in (entry.fields | times).items()])
    head = f"{cache.ENTRY_MAGIC} {belongs_to}\n".encode("utf-8", "surrogateescape")
    files.write(path, head + cache.checksum_of(content) + b"\n" + content)


def clear(directory: str, config: str = "") -> int:
    """Removes entries and records of attempts: all, or those that belong to `config`.

    Returns how many tokens there were; raises OSError. Locks stay, somebody may hold one.
    """
    tokens = 0
    of_config = name_of(config) if config else ""
    for name in names(directory):
        if name.startswith(of_config) and name.endswith((".entry", ".attempt", ".outline")):
            files.remove(f"{directory}/{name}")
            tokens += name.endswith(".entry")
    return tokens


def clear_profile(view: View, config: str, profile: str) -> int:
    """Removes the tokens of one profile, whatever its variables held when they were fetched.

    The record of attempts that `view` has found goes too. Returns how many tokens there were;
    raises OSError.
    """
    own = tokens_of(view.directory, config, profile)
    for path in own:
        files.remove(path)
        files.remove(f"{path.removesuffix('.entry')}.attempt")
    files.remove(view.attempt_path)
    return len(own)


def tokens_of(directory: str, config: str, profile: str, salt: str = "") -> list[str]:
    """The entries of one profile, whatever its inputs held; with `salt` those of one outline."""
    own, of_config = [], name_of(config)
    for name in names(directory):
        if name.startswith(of_config) and name.endswith(".entry"):
            path = f"{directory}/{name}"
            try:  # the first line says a salt, the profile, and its inputs
                first = (locate.read_private(path) or b"").partition(b"\n")[0]
                head, of, *_ = first.split(b"\0")
            except (OSError, ValueError):
                continue
            if of == profile.encode() and head.endswith(salt.encode()):
                own.append(path)
    return own


def same_secrets(view: View, record: Attempt, secrets: str) -> Attempt:
    """The last failure with these `secrets`, also of a file that was only written again since.

    `record`, of the inputs as they are now, where there is none after the last success.
    """
    own = [it for it in names(view.directory) if it.startswith(view.outline_name)]
    records = [last_attempt.read(f"{view.directory}/{it}") for it in own if it[-8:] == ".attempt"]
    tried = [it for it in records if it.secrets == secrets]
    latest = max(tried, key=lambda it: it.ended_at, default=record)
    is_last = latest.ended_at > max((it.succeeded_at for it in records), default=0)
    return latest.having(soft_at=record.soft_at) if is_last else record


def names(directory: str) -> list[str]:
    """The files of the cache in `directory`, none of what else is there; raises OSError."""
    try:
        found = os.listdir(directory)
    except FileNotFoundError:
        return []
    return [name for name in found if _OURS.fullmatch(name)]


def _content(lines: list[str]) -> bytes:
    content = "\n".join((*lines, "")).encode("utf-8", "surrogateescape")
    if content.count(b"\n") != len(lines):
        raise ValueError("a line break in a field")
    return content


def prune(view: View) -> None:
    """Deletes cache files that are no longer used; raises OSError.

    The outline in `view` has just been used, and gets the time of this use.
    """
    os.utime(f"{view.directory}/{view.outline_name}.outline")
    for name in names(view.directory):
        path = f"{view.directory}/{name}"
        if files.is_older(path, files.UNFINISHED if path.endswith(".new") else _UNUSED):
            remove_unless_held(path)


class Kept(NamedTuple):
    """A token that only this process has, since it could not be stored."""

    outline: Outline
    profile: ProfileOutline
    belongs_to: str
    entry: Entry


_kept: dict[tuple[str, str | None], Kept] = {}
"""By config and profile; the default one also as None."""

_alone: dict[str, _thread.LockType] = {}
os.register_at_fork(after_in_child=_alone.clear)  # the child has no thread that frees them


def alone(place: str) -> _thread.LockType:
    """A context that one thread of this process is in at a time."""
    return _alone.setdefault(place, _thread.allocate_lock())


def keep(asked: Asked, outline: Outline, profile: ProfileOutline, entry: Entry) -> None:
    """Keeps a token for this process, as long as config and inputs stay what they are."""
    held = Kept(outline, profile, cache.belongs_to(outline, profile, asked.environ), entry)
    for name in _names(outline, profile):
        _kept[asked.config, name] = held


def kept(asked: Asked) -> Kept | None:
    """What `keep` has kept, if it fits the request and is still approved."""
    found = _kept.get((asked.config, asked.profile))
    if found is None or found.outline.config != asked.content:
        return None
    same = found.belongs_to == cache.belongs_to(found.outline, found.profile, asked.environ)
    approval = found.outline.approval
    is_approved = same and locate.is_approved(approval, asked.origin, asked.environ)
    return found if is_approved else None


def forget(asked: Asked, outline: Outline, profile: ProfileOutline) -> None:
    """Drops what `keep` has kept: it is in the cache now."""
    for name in _names(outline, profile):
        _kept.pop((asked.config, name), None)


def forget_all(path: str) -> None:
    """Drops whatever `keep` has kept of the config at `path`."""
    for key in [it for it in _kept if it[0].startswith(f"{path}\0")]:
        del _kept[key]


def _names(outline: Outline, profile: ProfileOutline) -> tuple[str | None, ...]:
    return (profile.name, None) if profile.name == outline.default else (profile.name,)
