"""Language by user, then browser; a content security policy without inline code."""

from __future__ import annotations

from collections.abc import Callable

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

SEEN_EVERY = 300
"""Seconds between two notes that a session is in use."""

Handler = Callable[[HttpRequest], HttpResponse]

POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'self'; frame-ancestors 'none'; form-action 'self' https: http:"
)


def language(get_response: Handler) -> Handler:
    """The user's own choice, else what the browser asks for."""

    def middleware(request: HttpRequest) -> HttpResponse:
        chosen = request.user.language if request.user.is_authenticated else ""
        code = (
            chosen if chosen in dict(settings.LANGUAGES) else translation.get_language_from_request(request)
        )
        # Each request begins in UTC; a page of a workspace changes to its zone, and threads are used again.
        timezone.deactivate()
        with translation.override(code):
            request.LANGUAGE_CODE = translation.get_language()
            response = get_response(request)
        response.headers.setdefault("Content-Language", code)
        return response

    return middleware


def content_security_policy(get_response: Handler) -> Handler:
    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    return middleware


def sessions_seen(get_response: Handler) -> Handler:
    """Note in the list of sessions that this one is in use; not with every request, since each note is a
    write.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        key = request.session.session_key
        if key and request.user.is_authenticated and cache.add(f"session-seen-{key}", 1, SEEN_EVERY):
            UserSession.objects.create_from_request(request)
        return get_response(request)

    return middleware
