from __future__ import annotations

from django.urls import path

from kuemmerer.insights import day

urlpatterns = [path("today/figures/", day.figures_part, name="today-figures")]
