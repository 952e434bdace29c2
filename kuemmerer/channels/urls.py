from __future__ import annotations

from django.urls import path

from kuemmerer.channels import pages, privacy_pages

urlpatterns = [
    path("channels/", pages.channels, name="channels"),
    path("channels/connect/", pages.choose, name="channel-choose"),
    path("channels/connect/<slug:network>/", pages.connect, name="channel-connect"),
    path("channels/<int:channel_id>/", pages.deed, name="channel-do"),
    path("channels/<int:channel_id>/reconnect/", pages.reconnect, name="channel-reconnect"),
    path("channels/<int:channel_id>/disconnect/", pages.disconnect, name="channel-disconnect"),
    path("channels/<int:channel_id>/retention/", privacy_pages.retention_page, name="channel-retention"),
    path("settings/privacy/", privacy_pages.data_protection, name="settings-privacy"),
    path("settings/privacy/statistics/", privacy_pages.statistics, name="settings-privacy-statistics"),
]
