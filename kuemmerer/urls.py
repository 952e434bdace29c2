"""The root mounts everything."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from kuemmerer.web import pages

urlpatterns: list[URLPattern | URLResolver] = [
    path("", pages.home, name="home"),
    path("healthz", pages.healthz, name="healthz"),
    path("", include("kuemmerer.accounts.urls")),
    path("accounts/", include("allauth.urls")),
    path("w/<slug:workspace>/", include("kuemmerer.inbox.urls")),
    path("w/<slug:workspace>/", include("kuemmerer.channels.urls")),
    path("w/<slug:workspace>/", include("kuemmerer.publishing.urls")),
    path("api/", include("kuemmerer.api.urls")),
]
