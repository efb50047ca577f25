"""Checks of the config and of what is kept on this machine; nobody else may change either."""

import os
from collections.abc import Iterable
from contextlib import suppress

from tastyauth import config as configs
from tastyauth import locate, sources, validation
from tastyauth.cache import Asked
from tastyauth.config import new_profile, plan, trust
from tastyauth.doctor.findings import Findings, Verdict, passed, warned
from tastyauth.errors import reason_of
from tastyauth.posix import files, process, quote
from tastyauth.sources import Surroundings
from tastyauth.validation import document

_PLACES = {
    locate.FLAG: "named by --config",
    locate.USER: "in your own config directory",
    locate.SYSTEM: "in the config directory of this machine",
}

_PATIENCE = 2.0
"""Seconds for git's answer, which takes a few milliseconds."""


def check_config(findings: Findings) -> Verdict:
    """It is found, valid and has the profile; raises UsageError for an unknown profile."""
    environ = findings.around.environ
    path, origin = locate.find_config(findings.flag, environ)
    content = locate.read_config(path)
    problems = validation.check(document.read(content, path))
    is_valid = all(problem.severity != "error" for problem in problems)
    findings.config = configs.parse(content, path, home=findings.around.home, known_valid=is_valid)
    findings.profile = findings.config.profile(findings.wanted)
    findings.around = findings.around.withholding(findings.profile.withheld)
    findings.asked = Asked((path, origin), content, findings.profile.name, environ)
    if problems:  # warnings: with an error it would not have been parsed
        first = problems[0]
        more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
        what = f"{path}:{first.span.line}: {first.message} [{first.code}]{more}"
        return warned(what, f"see the whole report: tastyauth validate {quote(path)}")
    profile = findings.profile
    return passed(f"{path}, profile {profile.name}: {profile.server}, {profile.api_url}")


def check_trust(findings: Findings) -> Verdict:
    """It may be used: because of where it is, or because somebody approved it."""
    _, approval = trust.admitted(
        findings.config, findings.asked.origin, findings.around, findings.profile.name
    )
    findings.is_trusted = True
    if not approval:
        return passed(_PLACES[findings.asked.origin])
    by = "tastyauth allow" if approval.startswith("/") else f"${trust.HASH_VARIABLE}"
    return passed(f"approved by {by}")


def check_permissions(findings: Findings) -> Verdict:
    """Nobody else could replace the config, or what it names; git ignores its secrets."""
    secrets = tuple(filter(os.path.exists, findings.profile.files))
    programs = plan.programs((findings.profile,), findings.around)
    reasons = map(files.writable_by_others, (findings.asked.path, *secrets, *programs))
    found = list(dict.fromkeys(reason for reason in reasons if reason))
    hints = [files.how_to_close(it) for it in found]
    # before the config is trusted, nothing that it names may start a program
    committed = not_ignored(secrets, findings.around) if findings.is_trusted else ()
    if committed:
        found.append(f"git does not ignore {', '.join(committed)}")
        hints.append(
            f"make git ignore them: {new_profile.to_ignore(committed)}; if one is committed"
            " already: git rm --cached FILE, and make a new secret"
        )
    if not found:
        return passed("only you and root could replace the config and the files it names")
    return warned("; ".join(found), "\n".join(hints))


def check_cache(findings: Findings) -> Verdict:
    """Access tokens can be kept."""
    directory = locate.cache_directory(findings.around.environ)
    reason = _unusable(directory)
    if reason is not None:
        return warned(
            f"access tokens cannot be cached: {reason}",
            "fix this, or set TASTYAUTH_CACHE_DIR to another directory; until then every call"
            " fetches its own token",
        )
    ignored = locate.ignored_cache_directory(findings.around.environ)
    return warned(ignored, "write an absolute path") if ignored else passed(directory)


def check_state(findings: Findings) -> Verdict:
    """Approvals and rotated refresh tokens can be kept."""
    directory = locate.state_directory(findings.around.environ)
    for name in ("", "/allowed", "/grants"):
        reason = _unusable(directory + name)
        if reason is not None:
            what = f"approvals and rotated refresh tokens cannot be kept: {reason}"
            return warned(what, "fix that, or name another directory with XDG_STATE_HOME")
    return passed(directory)


def _unusable(directory: str) -> str | None:
    """Why nothing can be kept in `directory`, None when it can; it need not exist yet."""
    try:
        place = directory
        if os.path.lexists(directory):
            locate.check_private(directory)
        else:
            while not os.path.lexists(place):
                place = os.path.dirname(place)
            if os.geteuid() == 0 and os.stat(place).st_uid != 0:
                return f"{place} belongs to another user, and you are root"
    except OSError as error:
        return reason_of(error)
    fits = os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK)
    return None if fits else f"{place} cannot be written"


def not_ignored(paths: Iterable[str], around: Surroundings) -> tuple[str, ...]:
    """Those of the files at `paths`, links followed, that the next commit would include.

    None of them where git cannot tell: it is not installed, takes too long, or refuses to look into
    the repository of another user.
    """
    repositories: dict[str, list[str]] = {}
    for path in dict.fromkeys(map(os.path.realpath, paths)):
        repository = locate.repository_of(path)
        if repository is not None and os.path.isfile(path):
            repositories.setdefault(repository, []).append(path)
    found: list[str] = []
    git = sources.resolve_program("git", around.environ, around.home)
    places = (git, os.path.dirname(git)) if git else ()
    # Git runs no program that the repository names: neither core.fsmonitor, nor what would fetch
    # the .gitignore that a partial clone has left out.
    environ = {k: v for k, v in around.passed_on.items() if not k.startswith("GIT_")}
    for repository, within in repositories.items():
        # a program, or a link to it, that the next pull could change, is not run
        if not git or any(f"{os.path.realpath(it)}/".startswith(f"{repository}/") for it in places):
            continue
        with suppress(process.ProcessError):
            completed = process.run(
                [git, "-c", "core.fsmonitor=false", "check-ignore", "--stdin", "-z"],
                environ=environ | {"GIT_ALLOW_PROTOCOL": "none"},
                interactive=False,
                directory=repository,
                timeout=_PATIENCE,
                stdin=b"\0".join(map(os.fsencode, within)),
            )
            if completed.returncode in (0, 1):  # some are ignored, or none: git-check-ignore(1)
                ignored = completed.stdout.split(b"\0")
                found += [path for path in within if os.fsencode(path) not in ignored]
    return tuple(found)
