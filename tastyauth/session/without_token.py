"""What `exec` hands out without a token: a profile's long-lived secrets, and where they belong."""

from tastyauth import cache, locate
from tastyauth.cache import ProfileOutline, lock
from tastyauth.posix import files
from tastyauth.session import Session


def outlined(session: Session) -> ProfileOutline:
    """What the cache knows of the profile, without a token; never waits.

    Raises UsageError for an unknown profile, ConfigError and ConfigNotAllowed.
    """
    with lock.handed_on() as held:
        try:
            files.make_directory(locate.cache_directory(session.asked.environ))
            view = cache.look(session.asked)
            if view.profile is None and (
                held.path == view.lock_path or held.try_take(view.lock_path)
            ):
                session._write_outline(view)
                view = cache.look(session.asked)
            found = view.profile
        except OSError:  # the profile is read from the config each time
            found = None
    if found is None:
        config = session.config()
        name = config.profile(session.asked.profile).name
        found = config.outline(b"", "", "").profiles[name]
    session.require(found)
    return found


def secret_fields(session: Session) -> dict[str, str]:
    """What `exec` hands out without a token: the long-lived secrets, resolved anew each time.

    No cache holds them. With them comes what their program must know to send them there.
    """
    from tastyauth.session import refresh  # most that `exec` starts need none of it

    profile = session.config().profile(session.asked.profile)
    task = refresh.Task.of(profile, session._surroundings, session._audience)
    secrets = refresh.resolve_secrets(task)
    grant = refresh.grant_of(task, secrets.client_id, secrets.refresh_token)
    return {
        "environment": profile.exported_environment,
        "profile": profile.name,
        "api_url": profile.api_url,
        "client_id": secrets.client_id,
        "client_secret": secrets.client_secret.reveal(),
        "refresh_token": grant.newest().reveal(),
    }
