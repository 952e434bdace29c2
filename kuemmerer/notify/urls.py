from __future__ import annotations

from django.urls import path

from kuemmerer.notify import pages, push_pages, webhook_pages

urlpatterns = [
    path("notices/", pages.notices_page, name="notices"),
    path("notices/seen/", pages.see_all, name="notices-seen"),
    path("notices/preferences/", pages.preferences_page, name="notice-preferences"),
    path("notices/preferences/test/", pages.send_test, name="notice-test"),
    path("notices/<int:notice_id>/", pages.notice, name="notice"),
    path("settings/webhooks/", webhook_pages.webhooks_page, name="webhooks"),
    path("settings/webhooks/<int:webhook_id>/", webhook_pages.webhook, name="webhook"),
    path("settings/webhooks/<int:webhook_id>/do/", webhook_pages.deed, name="webhook-do"),
    path(
        "settings/webhooks/<int:webhook_id>/deliveries/<int:delivery_id>/",
        webhook_pages.send_again,
        name="webhook-again",
    ),
]
outside = [
    path("preferences/notices/", pages.to_preferences, name="notice-preferences-home"),
    path("preferences/push/", push_pages.subscribe, name="push-subscribe"),
    path("preferences/push/<int:subscription_id>/", push_pages.unsubscribe, name="push-unsubscribe"),
    path("push-worker.js", push_pages.worker, name="push-worker"),
    path("unsubscribe/<str:token>/", pages.unsubscribe, name="notice-unsubscribe"),
]
