"""Who else could change a file: a config is trusted only where the answer is nobody."""

import os
import stat

_LONGEST_WAY = 1000
"""Steps to a file; more are a loop of links."""


def of(path: str) -> str | None:
    """Who else could replace `path`: a sentence, or None when only its user and root could.

    The file, the directories above it, and those of what its symbolic links point to must belong
    to this user or root. Nobody else may write to them, but a group without other members, and
    whoever may write to a directory of root's with the sticky bit.
    """
    try:
        for step in _way_to(path):
            reason = _of_step(step)
            if reason:
                return reason
    except OSError:
        return f"{path} cannot be judged"
    return None


def _way_to(path: str) -> list[str]:
    """Every directory and link that is passed on the way to `path`, and what is at its end."""
    way = ["/"]
    here, ahead = "", path.split("/")
    while ahead:
        name = ahead.pop(0)
        if name in ("", "."):
            continue
        here = os.path.dirname(here).rstrip("/") if name == ".." else f"{here}/{name}"
        way.append(here or "/")
        if len(way) > _LONGEST_WAY:
            raise OSError("too many links")
        if here and os.path.islink(here):
            target = os.readlink(here)
            ahead = target.split("/") + ahead
            here = "" if target.startswith("/") else os.path.dirname(here).rstrip("/")
    return way


def _of_step(path: str) -> str | None:
    found = os.lstat(path)
    if found.st_uid not in (0, os.geteuid()):
        return f"{path} belongs to another user"
    if stat.S_ISLNK(found.st_mode):
        return None  # its mode means nothing; its directory and its target are looked at
    if stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX and found.st_uid == 0:
        return None
    if found.st_mode & stat.S_IWOTH:
        return f"{path} can be written by everybody"
    if found.st_mode & stat.S_IWGRP and _has_other_members(found.st_gid):
        return f"{path} can be written by its group"
    return None


def _has_other_members(group: int) -> bool:
    import grp
    import pwd

    try:
        own = pwd.getpwuid(os.geteuid())
        members = set(grp.getgrgid(group).gr_mem) - {own.pw_name, "root"}
    except KeyError:
        return True
    others = {user.pw_name for user in pwd.getpwall() if user.pw_gid == group}
    return bool(members or others - {own.pw_name, "root"})
