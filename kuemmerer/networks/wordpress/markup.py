"""Between the HTML of a blog and plain text, in both directions."""

from __future__ import annotations

import html
import re

from kuemmerer.networks.text import MAX_CHARACTERS, plain, tidy

# Tags are taken whole, with no `<` in them, and searched then: a pattern across tags is slow on hostile text.
_IMAGE = re.compile(r"<img\b[^<>]{0,2000}>", re.I)
_ALT = re.compile(r"""\balt\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.I)
_LINK = re.compile(r"<a\b([^<>]{0,2000})>((?:(?!<a\b).){0,1000}?)</a>", re.I | re.S)
_HREF = re.compile(r"""\bhref\s*=\s*["']?([^"'\s>]+)""", re.I)
_TAGS = re.compile(r"<[^>]{0,2000}>")
_AFTER_BREAK = re.compile(r"(<br\s*/?>)[ \t]*\n?[ \t]*", re.I)
_PARAGRAPH_END = re.compile(r"(</(?:p|blockquote|pre|ul|ol|h[1-6]|figure|table)\s*>)\s*", re.I)
_SPACE = re.compile(r"\s+")

# What wptexturize, convert_smilies, make_clickable and do_shortcode would turn into something else.
_RESHAPED = re.compile(
    r"""[&<>"'`\[\]\U00010000-\U0010ffff]
    | (?<!\w)- | -(?!\w)
    | \.(?=\.) | (?<=\.)\.
    | (?<=\d)x(?=-?\d)
    | \((?=tm\))
    | (?<!\S)[:;8](?=[^\s\d])
    | (?<=\bwww)\.
    """,
    re.VERBOSE | re.IGNORECASE,
)
_URL = re.compile(r"https?://[^\s<>\"']+", re.IGNORECASE)
_TRAILING = ".,;:!?…)]}*_"


def readable(markup: str, *, raw: bool) -> str:
    """Plain text of a blog's HTML: `raw` as typed, where line breaks count; else as rendered."""
    text = markup[: 4 * MAX_CHARACTERS]
    if not raw:
        text = _SPACE.sub(" ", text)
    text = _AFTER_BREAK.sub(r"\1", text)
    text = _PARAGRAPH_END.sub(r"\1\n", text)
    text = _IMAGE.sub(_described, text)
    text = _LINK.sub(_spell_out, text)
    return re.sub(r"\n +", "\n", plain(text)) if not raw else plain(text)


def _described(match: re.Match[str]) -> str:
    """An image by its description: emoji and smileys are images with the sign itself in there."""
    alt = _ALT.search(match.group())
    return (alt.group(1) or alt.group(2) or "") if alt else ""


def _spell_out(match: re.Match[str]) -> str:
    """A link whose text hides its target gets the target behind it."""
    attributes, shown = match.groups()
    href = _HREF.search(attributes)
    target = href.group(1) if href else ""
    seen = html.unescape(_TAGS.sub("", shown)).strip()
    aim = html.unescape(target)
    if not aim.lower().startswith(("http://", "https://")) or _bare(seen) in {"", _bare(aim)}:
        return shown
    return f"{shown} ({target})"


def _bare(url: str) -> str:
    return re.sub(r"^https?://", "", url.lower()).rstrip("/")


def exactly(text: str) -> str:
    """HTML that a blog shows as just these characters.

    WordPress rewrites quotation marks, dashes, dots, smileys and more when it shows a text. Written as
    numeric entities they stay what was approved. Characters beyond the basic plane are written so as well,
    because the tables of old blogs cannot store them.
    """
    return _RESHAPED.sub(lambda match: f"&#{ord(match.group())};", text)


def linked(text: str) -> str:
    """Like `exactly`, with web addresses as links.

    Left bare, one that stands alone in its line would become an embedded page.
    """
    parts: list[str] = []
    end = 0
    for match in _URL.finditer(text):
        url = _trim(match.group())
        parts.append(exactly(text[end : match.start()]))
        parts.append(f'<a href="{html.escape(url)}">{exactly(url)}</a>')
        end = match.start() + len(url)
    parts.append(exactly(text[end:]))
    return "".join(parts)


def _trim(url: str) -> str:
    while url and url[-1] in _TRAILING:
        if url[-1] == ")" and url.count("(") >= url.count(")"):
            break
        url = url[:-1]
    return url


def comment_html(text: str) -> str:
    """A comment's content: WordPress makes paragraphs of its line breaks by itself."""
    return linked(tidy(text))


def post_html(text: str) -> str:
    """A post's content: blank lines part paragraphs, single line breaks stay."""
    paragraphs = re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n").strip())
    return "\n\n".join(
        "<p>" + "<br />\n".join(linked(line) for line in paragraph.split("\n")) + "</p>"
        for paragraph in paragraphs
        if paragraph.strip()
    )


def comparable(text: str) -> str:
    """What two texts are compared by: everything but white space."""
    return _SPACE.sub("", text)


def roughly(text: str) -> str:
    """What a rendered text is compared by: letters and digits. Typography may have changed the rest."""
    return "".join(character for character in text.casefold() if character.isalnum()) or comparable(text)
