from __future__ import annotations

from django.urls import path

from kuemmerer.publishing import pages

urlpatterns = [
    path("ideas/", pages.ideas_page, name="ideas"),
    path("ideas/<int:idea_id>/", pages.decide, name="idea-do"),
]
