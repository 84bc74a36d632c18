"""The ASGI entry: pages over HTTP, events over a websocket from this site's own pages."""

from __future__ import annotations

import os

import django
from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import OriginValidator
from django.conf import settings
from servestatic import ServeStaticASGI

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# This loads the rooms: nothing that needs models may be imported before.
django.setup(set_prefix=False)

from approvals.live.routing import websocket_urlpatterns  # noqa: E402
from config.handler import SiteHandler  # noqa: E402
from config.static import is_immutable, secure_headers  # noqa: E402

application = ServeStaticASGI(
    ProtocolTypeRouter(
        {
            "http": SiteHandler(),
            "websocket": OriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)), [settings.SITE_ROOT]),
        }
    ),
    root=settings.BASE_DIR / "static" if settings.DEBUG else settings.STATIC_ROOT,
    prefix="static/",
    autorefresh=settings.DEBUG,
    allow_all_origins=False,
    immutable_file_test=is_immutable,
    add_headers_function=secure_headers,
)
