"""The root mounts everything."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from kuemmerer import api_v1, demo
from kuemmerer.channels.pages import signed_in
from kuemmerer.inbox import urls as inbox
from kuemmerer.notify import urls as notify
from kuemmerer.web import pages

urlpatterns: list[URLPattern | URLResolver] = [
    path("", pages.home, name="home"),
    path("healthz", pages.healthz, name="healthz"),
    path("", include("kuemmerer.web.urls")),
    path("accounts/", include("allauth.urls")),
    path("demo/", demo.look_around, name="demo"),
    path("channels/signed-in/", signed_in, name="channel-signed-in"),
    path("", include(notify.outside)),
    path("", include(inbox.outside)),
    path("w/<slug:workspace>/", include(notify)),
    path("w/<slug:workspace>/", include(inbox)),
    path("w/<slug:workspace>/", include("kuemmerer.channels.urls")),
    path("w/<slug:workspace>/", include("kuemmerer.audience.urls")),
    path("w/<slug:workspace>/", include("kuemmerer.publishing.urls")),
    path("w/<slug:workspace>/", include("kuemmerer.insights.urls")),
    path("api/v1/", api_v1.urls),
]
