"""The config: found, valid, trusted, and whether anybody else could change what it stands on."""

import os
from collections.abc import Iterator
from contextlib import suppress

from tastyauth import config as configs
from tastyauth import document, exposure, locate, schema, sources, trust
from tastyauth.cache import Asked
from tastyauth.config import Config
from tastyauth.doctor.check import Verdict, passed, warned
from tastyauth.doctor.findings import Findings
from tastyauth.sources import Dotenv, File

_PLACES = {
    locate.FLAG: "named by --config",
    locate.USER: "in your own config directory",
    locate.SYSTEM: "in the config directory of this machine",
}


def check_config(findings: Findings) -> Verdict:
    """It is found and valid, and has the profile; raises UsageError when it has not."""
    environ = findings.surroundings.environ
    path, origin = locate.find_config(findings.flag, environ)
    content = locate.read_config(path)
    config = configs.parse(content, path, home=findings.home)
    findings.profile = config.profile(findings.wanted)
    findings.asked = Asked((path, origin), content, findings.profile.name, environ)
    problems = schema.check(document.read(content, path))
    if problems:  # warnings: with an error it would not have been parsed
        first = problems[0]
        more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
        return warned(
            f"{path}:{first.span.line}: {first.message} [{first.code}]{more}",
            f"see all of it: tastyauth validate {path}",
        )
    profile = findings.profile
    return passed(f"{path}, profile {profile.name}: {profile.environment}, {profile.api_url}")


def check_trust(findings: Findings) -> Verdict:
    """It may act: for its place, or because somebody approved it."""
    approval = trust.require(_parsed(findings), findings.asked.origin, findings.surroundings)
    if not approval:
        return passed(_PLACES[findings.asked.origin])
    by = "tastyauth allow" if approval.startswith("/") else f"${trust.HASH_VARIABLE}"
    return passed(f"approved by {by}")


def check_permissions(findings: Findings) -> Verdict:
    """Nobody else could replace the config or a file that it reads."""
    exposures = dict.fromkeys(
        reason for path in _files(findings) if (reason := _exposure(path)) is not None
    )
    if not exposures:
        return passed("only you and root could replace the config and the files it names")
    return warned(
        "; ".join(exposures),
        "take that right away (chmod go-w), or move the files: whoever has it can change what is"
        " used",
    )


def check_cache(findings: Findings) -> Verdict:
    """Access tokens can be kept."""
    directory = locate.cache_directory(findings.surroundings.environ)
    reason = _unusable(directory)
    if reason is None:
        return passed(directory)
    return warned(
        f"access tokens cannot be cached: {reason}",
        "until that is mended, every call asks the broker for a token of its own; another place"
        " can be named with TASTYAUTH_CACHE_DIR",
    )


def check_state(findings: Findings) -> Verdict:
    """Approvals and rotated refresh tokens can be kept."""
    directory = locate.state_directory(findings.surroundings.environ)
    for name in ("", "/allowed", "/grants"):
        reason = _unusable(directory + name)
        if reason is not None:
            return warned(
                f"approvals and rotated refresh tokens cannot be kept: {reason}",
                "mend that, or name another place with XDG_STATE_HOME",
            )
    return passed(directory)


def _parsed(findings: Findings) -> Config:
    asked = findings.asked
    return configs.parse(asked.content, asked.path, home=findings.home, known_valid=True)


def _files(findings: Findings) -> Iterator[str]:
    yield findings.asked.path
    for reference in findings.profile.references:
        for member in sources.members(reference):
            if isinstance(member, File | Dotenv) and os.path.exists(member.path):
                yield member.path


def _exposure(path: str) -> str | None:
    with suppress(OSError):  # what may not be looked at, the reference itself will say
        return exposure.of(path)
    return None


def _unusable(directory: str) -> str | None:
    """Why nothing can be kept in `directory`, which is not made for that; None when it can."""
    try:
        if os.path.lexists(directory):
            locate.check_private(directory)
            if not os.path.isdir(directory):
                return f"{directory} is not a directory"
            return _unwritable(directory)
        above = os.path.dirname(directory)
        while not os.path.lexists(above):
            above = os.path.dirname(above)
        if os.geteuid() == 0 and os.stat(above).st_uid != 0:
            return f"{above} belongs to another user, and this is root"
        return _unwritable(above)
    except OSError as error:
        return error.strerror or "no reason given"


def _unwritable(directory: str) -> str | None:
    fits = os.path.isdir(directory) and os.access(directory, os.W_OK | os.X_OK)
    return None if fits else f"{directory} cannot be written"
