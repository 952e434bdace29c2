"""How notes look."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.safestring import SafeString

from kuemmerer.inbox.mentions import Names
from kuemmerer.inbox.models import Note

register = template.Library()


@register.simple_tag(takes_context=True)
def marked_note(context: dict[str, Any], note: Note, names: Names) -> SafeString:
    """The text of a note, in which those who are mentioned stand out."""
    return names.marked(note.text, context["request"].user)
