"""From the HTML that networks send to the plain text that the desk stores."""

from __future__ import annotations

import html
import re

import nh3

_BREAKS = re.compile(r"<\s*br\s*/?\s*>|</\s*(?:p|div|li|blockquote|h[1-6])\s*>", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_CODE = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
# Only from the beginning of a run of spaces: tried from each of them, a long run takes for ever.
_TRAILING = re.compile(r"(?<![ \t\u00a0])[ \t\u00a0]+\n")
MAX_CHARACTERS = 100_000
MOST_TAGS = 5000
"""The HTML parser needs a minute for 80,000 nested elements; so many are cut out by a pattern instead."""


def plain(markup: str) -> str:
    """Plain text of hostile HTML: scripts, styles and tags gone, paragraphs and line breaks kept."""
    # Cut first: a parser fed with megabytes is the cheapest attack there is.
    text = _BREAKS.sub(lambda match: match.group() + "\n", markup[: 4 * MAX_CHARACTERS])
    if text.count("<") > MOST_TAGS:
        text = _TAG.sub("", _CODE.sub("", text))
    return tidy(html.unescape(nh3.clean(text, tags=set(), attributes={})))


def tidy(text: str) -> str:
    """Text that every database and page can take: no control characters or lone surrogates, at most 100,000
    characters.
    """
    if text.isprintable():
        # The shortcut for names and one-line comments, of which a sync brings thousands.
        text = text.strip()
        return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"
    text = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = _TRAILING.sub("\n", text)
    text = re.sub(r"\n{3,}", "\n\n", text).strip()
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"
