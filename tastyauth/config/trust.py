"""Which configs may act: because of where they are, or because somebody approved what they do."""

import os
import re
from contextlib import suppress
from hashlib import sha256
from json import dumps

from tastyauth import locate
from tastyauth.config import Config, plan
from tastyauth.errors import ConfigNotAllowed, steps
from tastyauth.posix import files, quote
from tastyauth.sources import Surroundings

HASH_VARIABLE = "TASTYAUTH_TRUST_SHA256"
"""Approval where nobody can be asked: the hash that `tastyauth allow --print` shows."""

_HASH = re.compile("[0-9a-f]{64}")


def needs_approval(path: str, origin: str) -> str | None:
    """Why the config at `path` needs approval, or None when it does not.

    A file named by `--config`, or in the user's or the machine's own directory, is trusted as long
    as nobody else could have written it. One that was found, or named by the environment, which any
    loaded `.env` can set, is not.
    """
    if origin not in locate.TRUSTED_ORIGINS:
        where = "was found in the project" if origin == locate.PROJECT else "is named by a variable"
        return f"{path} {where}"
    return files.writable_by_others(path)


def approvable(
    config: Config, origin: str, around: Surroundings, profile: str | None = None
) -> plan.Lines:
    """The plan of a config that needs approval; raises ConfigNotAllowed if it can have none.

    With `profile` that of one profile, in which nothing depends on the others.
    """
    if profile is not None:
        return approvable(config.only(profile), origin, around)[1:]
    if origin not in locate.TRUSTED_ORIGINS:
        plan.refuse_outlaws(config, around)
    plan.refuse_replaceable(config, around)
    return plan.lines(config, around)


def admitted(
    config: Config, origin: str, around: Surroundings, profile: str | None
) -> tuple[Config, str]:
    """The part of a config that may act for `profile`, and what allows it, as `require` says it.

    The hash of one profile's plan allows that one alone. Raises ConfigNotAllowed.
    """
    name = profile or config.default_name
    given = "" if around.interactive else locate.approved_hash(around.environ)
    if given and any(it.name == name for it in config.profiles):
        only = config.only(name)
        is_meant = given == plan.digest(plan.lines(only, around)[1:])
        if is_meant and needs_approval(config.path, origin) is not None:
            approvable(only, origin, around)
            return only, given
    return config, require(config, origin, around)


def require(config: Config, origin: str, around: Surroundings) -> str:
    """What allows this config to act: the path of an approval, a hash, or "" for its place.

    Raises ConfigNotAllowed.
    """
    reason = needs_approval(config.path, origin)
    if reason is None:
        return ""
    lines = approvable(config, origin, around)
    earlier = plan.lines(config, around, plan.FIRST_EXPORTS)
    plans = {plan.digest(it): it for it in (lines, earlier)}
    word = quote(config.path)
    # a config named by the user may do more than one that was found
    named = f"--config {word}" if origin in locate.TRUSTED_ORIGINS else word
    look = f"look at what it would do and approve it: tastyauth allow {named}"
    if " can be written " in reason:
        look = files.how_to_close(reason)
    for digest, approved in plans.items():
        record = _record(config.path, digest, around.environ)
        if not os.path.lexists(record):
            continue
        doubt = files.writable_by_others(record)
        if doubt:
            what = f"the approval of {config.path} is not trusted: {doubt}"
            raise ConfigNotAllowed(what, steps(f"{files.how_to_close(doubt)}", look))
        with suppress(OSError):
            if locate.read_private(record) == _content(config.path, approved):
                return record
    given = "" if around.interactive else locate.approved_hash(around.environ)
    if given in plans:
        return given
    raise _not_approved(reason, given, named, look, around.environ)


def _not_approved(
    reason: str, given: str, named: str, look: str, environ: locate.Environ
) -> ConfigNotAllowed:
    """The error for a config without approval; `given` is the hash that approves another plan."""
    by_hash = f"read the plan, and set ${HASH_VARIABLE} to the hash at its end:"
    by_hash += f" tastyauth allow --print {named}"
    is_silenced = environ.get("CI") or environ.get("TASTYAUTH_NON_INTERACTIVE")
    if given:
        what = "for another plan" if _HASH.fullmatch(given) else "not a SHA-256 of 64 hex digits"
        reason += f", and ${HASH_VARIABLE} is {what}"
        look = by_hash
    elif environ.get(HASH_VARIABLE):
        reason += f"; at a terminal, ${HASH_VARIABLE} is ignored"
        if is_silenced:
            look = f"unset CI and TASTYAUTH_NON_INTERACTIVE, then {look}"
    elif is_silenced:
        look = by_hash
    return ConfigNotAllowed(f"the config is not approved: {reason}", look)


def allow(config: Config, around: Surroundings, shown: plan.Lines = ()) -> None:
    """Approves the plan that was `shown`, or what the config would do now.

    Raises OSError when it cannot be recorded.
    """
    lines = shown or plan.lines(config, around)
    record = _record(config.path, plan.digest(lines), around.environ)
    files.make_directory(os.path.dirname(record))
    doubt = files.writable_by_others(os.path.dirname(record))
    if doubt:
        raise locate.not_private(doubt)
    files.write(record, _content(config.path, lines), durable=True)


def deny(path: str, environ: locate.Environ) -> int:
    """Forgets every approval of the config at `path`; returns how many there were.

    Raises OSError for one that stays.
    """
    records = _records(path, environ)
    for record in records:
        files.remove(record)
    return len(records)


def last_approved(path: str, environ: locate.Environ) -> plan.Lines:
    """The plan that was approved last for this path, empty when there is none."""
    try:
        latest = max(_records(path, environ), key=os.path.getmtime, default=None)
        if latest is None or files.writable_by_others(latest):
            return ()
        content = locate.read_private(latest)
    except OSError:
        return ()
    return tuple(content.decode().split("\n")[1:-1]) if content else ()


def _content(path: str, lines: plan.Lines) -> bytes:
    return "\n".join((dumps(path), *lines, "")).encode()


def _record(path: str, digest: str, environ: locate.Environ) -> str:
    """Where the approval of a plan of the config at `path` is recorded."""
    name = sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return f"{locate.state_directory(environ)}/allowed/{name}.{digest}"


def _records(path: str, environ: locate.Environ) -> list[str]:
    directory, beginning = os.path.split(_record(path, "", environ))
    try:
        names = os.listdir(directory)
    except OSError:
        return []
    return [f"{directory}/{name}" for name in names if name.startswith(beginning)]
