"""The tabs above every page of a workspace's settings."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse

from kuemmerer.accounts.access import Actor
from kuemmerer.web.settings_tabs import tabs

register = template.Library()


@register.inclusion_tag("settings/_tabs.html", takes_context=True)
def settings_tabs(context: dict[str, Any]) -> dict[str, Any]:
    """The tabs that the actor may open."""
    actor: Actor = context["request"].actor
    path = context["request"].path
    links = [
        {"label": tab.label, "url": reverse(tab.url_name, args=[actor.workspace.slug])}
        for tab in tabs()
        if actor.can(tab.permission)
    ]
    return {"links": [{**link, "current": path.startswith(link["url"])} for link in links]}
