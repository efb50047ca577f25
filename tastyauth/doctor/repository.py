"""Secrets that the next commit would take along: files in a repository that git does not ignore."""

import os
from collections.abc import Iterable, Iterator

from tastyauth import locate, sources
from tastyauth.posix import process
from tastyauth.sources import Surroundings

_PATIENCE = 2.0
"""Seconds for git's answer, which takes a few milliseconds."""

_SOME, _NONE = 0, 1
"""How git ends when it ignores some of the files, or none; else it cannot tell
(git-check-ignore(1))."""


def not_ignored(paths: Iterable[str], surroundings: Surroundings) -> tuple[str, ...]:
    """Those of the files at `paths`, links followed, that git would pick up.

    Where git is not installed, late, or refuses to look (the repository of another user), nothing
    is known, and nothing is said.
    """
    repositories: dict[str, list[str]] = {}
    for path in dict.fromkeys(map(os.path.realpath, paths)):
        repository = locate.repository_of(path)
        if repository is not None and os.path.isfile(path):
            repositories.setdefault(repository, []).append(path)
    return tuple(
        path
        for repository, files in repositories.items()
        for path in _not_ignored_in(repository, files, surroundings)
    )


def _not_ignored_in(repository: str, files: list[str], surroundings: Surroundings) -> Iterator[str]:
    git = sources.resolve_program("git", surroundings.environ, surroundings.home)
    if git is None or _lies_in(repository, git):
        return
    names = {path: os.fsencode(path) for path in files}
    try:
        completed = process.run(
            [git, "-c", "core.fsmonitor=false", "check-ignore", "--stdin", "-z"],
            environ=_environment(surroundings),
            interactive=False,
            directory=repository,
            timeout=_PATIENCE,
            stdin=b"\0".join(names.values()),
        )
    except process.ProcessError:
        return
    if completed.returncode in (_SOME, _NONE):
        ignored = completed.stdout.split(b"\0")
        yield from (path for path in files if names[path] not in ignored)


def _lies_in(repository: str, program: str) -> bool:
    """Whether the next pull could change `program`, or the link to it."""
    places = (program, os.path.dirname(program))
    return any(f"{os.path.realpath(it)}/".startswith(f"{repository}/") for it in places)


def _environment(surroundings: Surroundings) -> dict[str, str]:
    """That of git, which judges the repository that it is in, and runs no program for it.

    The settings of a repository can name two: core.fsmonitor, and what fetches a .gitignore that a
    partial clone has left behind; so there is no protocol to fetch by.
    """
    passed_on = surroundings.passed_on.items()
    kept = {name: value for name, value in passed_on if not name.startswith("GIT_")}
    return kept | {"GIT_ALLOW_PROTOCOL": "none"}
