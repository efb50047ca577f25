"""The config: found, valid, trusted, and whether anybody else could change what it stands on."""

import os

from tastyauth import config as configs
from tastyauth import locate, validation
from tastyauth.cache import Asked
from tastyauth.config import new_profile, trust
from tastyauth.doctor import repository
from tastyauth.doctor.check import Verdict, passed, warned
from tastyauth.doctor.findings import Findings
from tastyauth.posix import files
from tastyauth.validation import document

_PLACES = {
    locate.FLAG: "named by --config",
    locate.USER: "in your own config directory",
    locate.SYSTEM: "in the config directory of this machine",
}

_TAKE_AWAY = (
    "take that right away (chmod go-w), or move the files: whoever has it can change what is used"
)
_ALREADY = "what is committed already: git rm --cached it, and make a new secret"


def check_config(findings: Findings) -> Verdict:
    """It is found and valid, and has the profile; raises UsageError when it has not."""
    environ = findings.surroundings.environ
    path, origin = locate.find_config(findings.flag, environ)
    content = locate.read_config(path)
    problems = validation.check(document.read(content, path))
    is_valid = all(problem.severity != "error" for problem in problems)
    findings.config = configs.parse(content, path, home=findings.home, known_valid=is_valid)
    findings.profile = findings.config.profile(findings.wanted)
    findings.asked = Asked((path, origin), content, findings.profile.name, environ)
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
    approval = trust.require(findings.config, findings.asked.origin, findings.surroundings)
    findings.is_trusted = True
    if not approval:
        return passed(_PLACES[findings.asked.origin])
    by = "tastyauth allow" if approval.startswith("/") else f"${trust.HASH_VARIABLE}"
    return passed(f"approved by {by}")


def check_permissions(findings: Findings) -> Verdict:
    """Nobody else could replace the config or a file that it reads, and git commits no secret."""
    secrets = tuple(filter(os.path.exists, findings.profile.files))
    reasons = map(files.writable_by_others, (findings.asked.path, *secrets))
    found = list(dict.fromkeys(reason for reason in reasons if reason))
    hints = [_TAKE_AWAY] if found else []
    around = findings.surroundings.withholding(findings.profile.variables)
    # before the config is trusted, what it names makes nothing start
    committed = repository.not_ignored(secrets, around) if findings.is_trusted else ()
    if committed:
        found.append(f"git does not ignore {', '.join(committed)}")
        hints.append(f"keep git from them: {new_profile.to_ignore(committed)}; {_ALREADY}")
    if not found:
        return passed("only you and root could replace the config and the files it names")
    return warned("; ".join(found), "; ".join(hints))


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


def _unusable(directory: str) -> str | None:
    """Why nothing can be kept in `directory`, which is not made for that; None when it can."""
    try:
        if os.path.lexists(directory):
            locate.check_private(directory)
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
