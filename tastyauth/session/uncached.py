"""A token where there can be no cache: this process keeps it, and how the last attempt ended."""

import time

from tastyauth import cache
from tastyauth.cache import Entry, store
from tastyauth.cache import last_attempt as attempts
from tastyauth.cache.last_attempt import Attempt
from tastyauth.config import Profile
from tastyauth.errors import TastyauthError
from tastyauth.session import Session, refresh


def obtain(session: Session) -> Entry:
    """A token that only this process keeps, as it does the outcome of the last attempt.

    Raises whatever prevents a token.
    """
    found = session.config()
    profile = found.profile(session.asked.profile)
    outline = found.outline(session.asked.content, session._approval, "")
    session.profile = outline.profiles[profile.name]
    session.require(session.profile)
    place = session._place(profile.name)
    kept, lock = store.kept(session.asked), store.alone(place)
    is_good = kept is not None and session._decide(kept.entry, None) == cache.AHEAD
    if kept is not None and is_good and lock.locked():  # another thread may be renewing it
        return kept.entry
    with lock:
        entry = session._kept()
        if entry is not None:  # another thread has fetched it meanwhile
            return entry
        record = attempts.read(place)
        kept = store.kept(session.asked)
        if kept is None or session._decide(kept.entry, None) != cache.AHEAD:
            entry = _ask(session, profile, place, record)
        else:
            record = record.having(soft_at=time.time())
            attempts.remember(place, record)
            try:
                entry = _ask(session, profile, place, record, in_a_hurry=True)
            except TastyauthError as error:
                session._not_renewed(error)
                return kept.entry
        store.keep(session.asked, outline, session.profile, entry)
    return entry


def _ask(
    session: Session, profile: Profile, place: str, record: Attempt, *, in_a_hurry: bool = False
) -> Entry:
    """One exchange, its outcome remembered at `place`."""
    task = refresh.Task.of(profile, session._surroundings, session._audience, in_a_hurry=in_a_hurry)
    session._hold_back(record)
    secrets = session._secrets or refresh.resolve_secrets(task)
    used = secrets.digest(b"", profile.name)
    session._hold_back(record, used)
    with session._recorded(place, record, used, attempts.remember, in_a_hurry=in_a_hurry):
        refreshed = refresh.refresh_stored(task, secrets, session._policy(used))
    attempts.remember(place, record.succeeded(time.time()))
    return session._granted(refreshed, record)
