"""Makes the contents of a cache older, without changing the clock of the machine."""

import os

from tastyauth import cache
from tastyauth.cache import Entry, last_attempt, store
from tastyauth.cache.last_attempt import Attempt

_TIMES_OF_ATTEMPTS = ("ended_at", "not_before", "soft_at", "succeeded_at", "failed_at")


def entries(directory: str) -> dict[str, Entry]:
    """Every entry in a cache directory, by its name."""
    names = _names(directory, ".entry")
    found = {name: cache.read_entry(path, belongs_to(path)) for name, path in names.items()}
    return {name: entry for name, entry in found.items() if entry is not None}


def belongs_to(path: str) -> str:
    """What the entry at `path` says that it belongs to."""
    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        return file.readline().rstrip("\n").removeprefix(f"{cache.ENTRY_MAGIC} ")


def records(directory: str) -> dict[str, Attempt]:
    """Every record of attempts in a cache directory, by the name of its entry."""
    names = _names(directory, ".attempt")
    return {name: last_attempt.read(path) for name, path in names.items()}


def only_entry(directory: str) -> Entry:
    """The entry in a cache directory that holds one."""
    (entry,) = entries(directory).values()
    return entry


def only_record(directory: str) -> Attempt:
    """The record in a cache directory that holds one."""
    (record,) = records(directory).values()
    return record


def grow_older(directory: str, seconds: float) -> None:
    """Moves all times in a cache directory into the past, by that many seconds."""
    for name, entry in entries(directory).items():
        path = f"{directory}/{name}.entry"
        store.write_entry(path, belongs_to(path), _older_entry(entry, seconds))
    for name, record in records(directory).items():
        last_attempt.write(f"{directory}/{name}.attempt", _older_record(record, seconds))


def set_left(directory: str, seconds: float, now: float) -> None:
    """Lets time pass until the one token of a cache directory has that many seconds left."""
    grow_older(directory, only_entry(directory).expires_at - now - seconds)


def _older_entry(entry: Entry, seconds: float) -> Entry:
    whole = round(seconds)
    fields = entry.fields | {"expires_at": str(entry.expires_at - whole)}
    return Entry(fields, entry.issued_at - whole, entry.stored_at - seconds)


def _older_record(record: Attempt, seconds: float) -> Attempt:
    values = {name: getattr(record, name) for name in last_attempt.FIELDS}
    for name in _TIMES_OF_ATTEMPTS:
        values[name] = values[name] and values[name] - seconds
    return Attempt(**values)


def _names(directory: str, ending: str) -> dict[str, str]:
    """The files of one kind and their paths."""
    try:
        found = sorted(os.listdir(directory))
    except FileNotFoundError:
        return {}
    return {
        name.removesuffix(ending): f"{directory}/{name}" for name in found if name.endswith(ending)
    }
