from __future__ import annotations

from django.urls import path

from kuemmerer.notify import pages

urlpatterns = [
    path("notices/", pages.notices_page, name="notices"),
    path("notices/seen/", pages.see_all, name="notices-seen"),
    path("notices/preferences/", pages.preferences_page, name="notice-preferences"),
    path("notices/preferences/test/", pages.send_test, name="notice-test"),
    path("notices/<int:notice_id>/", pages.notice, name="notice"),
]
outside = [
    path("preferences/notices/", pages.to_preferences, name="notice-preferences-home"),
    path("unsubscribe/<str:token>/", pages.unsubscribe, name="notice-unsubscribe"),
]
