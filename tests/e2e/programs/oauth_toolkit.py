"""django-oauth-toolkit as a token endpoint that speaks JSON; run by .e2e/django's Python.

Prints one line of JSON when it listens: where it is, and credentials that it will take and refuse.
Ends when its standard input does, so that it does not outlive the tests.

With an argument it replaces the refresh token at each exchange, and a client that presents a
replaced one, after that many seconds, loses the grant. /grant reports the state of the grant;
requests are answered one after the other, so every earlier one has been answered by then.
"""

import json
import os
import sys
import threading
import uuid
from datetime import timedelta
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django  # type: ignore[import-not-found]
from django.conf import settings  # type: ignore[import-not-found]

GRACE = int(sys.argv[1]) if len(sys.argv) > 1 else None

settings.configure(
    SECRET_KEY="only for this process",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],  # the others take long
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
        "ROTATE_REFRESH_TOKEN": GRACE is not None,
        "REFRESH_TOKEN_REUSE_PROTECTION": True,
        "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": GRACE or 0,
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
from django.views.decorators.csrf import (  # type: ignore[import-not-found]  # noqa: E402
    csrf_exempt,
)
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


refusals: list[str] = []


def token(request: object) -> object:
    """The token endpoint, which keeps what it has refused in mind."""
    answer = TokenView.as_view()(request)
    if answer.status_code != 200:
        refusals.append(answer.content.decode())
    return answer


def grant(request: object) -> object:
    """Its newest refresh token, empty when it is dead, and how often it was replaced."""
    family = RefreshToken.objects.filter(token_family=good.token_family)
    newest = family.filter(revoked__isnull=True).first()
    return JsonResponse(
        {
            "newest": newest.token if newest else "",
            "rotations": family.count() - 1,
            "refusals": refusals,
        }
    )


urlpatterns = [
    path("oauth/token", csrf_exempt(token)),
    path("whoami", whoami),
    path("grant", grant),
]


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


class Patient(WSGIServer):
    request_queue_size = 64  # where a queue is full, those who wait change places


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
        user=user,
        application=client,
        token=uuid.uuid4().hex,
        access_token=access,
        token_family=uuid.uuid4(),
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

server = make_server("127.0.0.1", 0, get_wsgi_application(), Patient, Quiet)
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
