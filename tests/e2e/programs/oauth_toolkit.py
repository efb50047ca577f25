"""django-oauth-toolkit as a token endpoint that speaks JSON; run by .e2e/django's Python.

Prints one line of JSON when it listens: where it is, and credentials that it will take and refuse.
Ends when its standard input does, so that it does not outlive the tests.
"""

import json
import os
import sys
import threading
import uuid
from datetime import timedelta
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django  # type: ignore[import-not-found]
from django.conf import settings  # type: ignore[import-not-found]

settings.configure(
    SECRET_KEY="only for this process",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "oauth2_provider",
    ],
    OAUTH2_PROVIDER={
        "OAUTH2_BACKEND_CLASS": "oauth2_provider.oauth2_backends.JSONOAuthLibCore",
        "ACCESS_TOKEN_EXPIRE_SECONDS": 900,
        "ROTATE_REFRESH_TOKEN": False,
        "SCOPES": {"read": "read", "trade": "trade"},
    },
)
django.setup()

from django.contrib.auth.models import User  # type: ignore[import-not-found]  # noqa: E402
from django.core.management import call_command  # type: ignore[import-not-found]  # noqa: E402
from django.core.wsgi import get_wsgi_application  # type: ignore[import-not-found]  # noqa: E402
from django.http import JsonResponse  # type: ignore[import-not-found]  # noqa: E402
from django.urls import path  # type: ignore[import-not-found]  # noqa: E402
from django.utils import timezone  # type: ignore[import-not-found]  # noqa: E402
from oauth2_provider.decorators import (  # type: ignore[import-not-found]  # noqa: E402
    protected_resource,
)
from oauth2_provider.models import (  # type: ignore[import-not-found]  # noqa: E402
    AccessToken,
    Application,
    RefreshToken,
)
from oauth2_provider.views import TokenView  # type: ignore[import-not-found]  # noqa: E402


@protected_resource(scopes=["read"])  # type: ignore[untyped-decorator]
def whoami(request: object) -> object:
    """Answers only to an access token of this server."""
    return JsonResponse({"user": "trader"})


urlpatterns = [
    path("oauth/token", TokenView.as_view()),
    path("whoami", whoami),
]


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def mint(user: object, client: object) -> RefreshToken:
    """A refresh token as the authorization code grant would have left it."""
    access = AccessToken.objects.create(
        user=user,
        application=client,
        token=uuid.uuid4().hex,
        scope="read trade",
        expires=timezone.now() + timedelta(minutes=15),
    )
    return RefreshToken.objects.create(
        user=user, application=client, token=uuid.uuid4().hex, access_token=access
    )


def end_with_the_input() -> None:
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_the_input, daemon=True).start()
call_command("migrate", verbosity=0)
user = User.objects.create_user("trader")
client_id, client_secret = str(uuid.uuid4()), uuid.uuid4().hex
client = Application.objects.create(
    client_id=client_id,
    client_secret=client_secret,
    client_type=Application.CLIENT_CONFIDENTIAL,
    authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
    redirect_uris="https://client.invalid/",
    user=user,
)
good, revoked = mint(user, client), mint(user, client)
revoked.revoke()

server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet)
print(
    json.dumps(
        {
            "url": f"http://127.0.0.1:{server.server_port}",
            "client_id": client_id,
            "client_secret": client_secret,
            "refresh_token": good.token,
            "revoked_token": revoked.token,
        }
    ),
    flush=True,
)
server.serve_forever()
