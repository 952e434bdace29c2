"""Texts as the models see them: one spelling for what people spell in many ways."""

from __future__ import annotations

import html
import re
import unicodedata

LONGEST = 2_000
"""Characters that are looked at: who writes more has said what it is about at the beginning or the end."""

URL, MENTION = "\ue000", "\ue001"
"""Stand for a web address and for the sign before a handle; no keyboard writes these characters."""

_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,300}>")
_URL = re.compile(r"(?:https?://|www\.)\S+|\b[\w-]+\.(?:com|de|net|org|info|ru|ly|co|at|ch)(?:/\S*)?\b")
_MENTION = re.compile(r"(?<![\w.])@(?=\w)")
_DIGITS = re.compile(r"\d+")
_LONG = re.compile(r"(.)\1{2,}", re.DOTALL)
_GENDER = re.compile(r"(?<=[a-zäöüß])(?:[*:_]|/-?)in(nen)?\b")
# Combining marks that no letter has swallowed, joiners, variation selectors, skin tones, marks of direction.
_INVISIBLE = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
    "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe0e\ufe0f\ufeff\U0001f3fb-\U0001f3ff]+"
)
_FOLD = str.maketrans(
    {
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
        "ß": "ss",
        "é": "e",
        "è": "e",
        "ê": "e",
        "á": "a",
        "à": "a",
        "ç": "c",
        "ñ": "n",
        "ó": "o",
        "ò": "o",
        "í": "i",
        "ú": "u",
        "ø": "o",
        "å": "a",
        "“": '"',
        "”": '"',
        "„": '"',
        "«": '"',
        "»": '"',
        "’": "'",
        "‘": "'",
        "‚": "'",
        "´": "'",
        "`": "'",
        "–": "-",
        "—": "-",
        "…": " .. ",
    }
)


def visible(text: str) -> str:
    """The text without markup and without what nobody sees, in composed characters, cut to `LONGEST`."""
    if len(text) > 5 * LONGEST:
        text = f"{text[: 3 * LONGEST]} {text[-2 * LONGEST :]}"
    if "&" in text:
        text = html.unescape(text)
    if "<" in text:
        text = _TAG.sub(" ", text)
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    if len(text) > LONGEST:
        text = f"{text[: LONGEST * 2 // 3]} {text[-(LONGEST // 3) :]}"
    return text


def folded(text: str) -> str:
    """A visible text in small letters, umlauts written out, digits as 0, addresses and handles marked,
    letters and signs repeated at most twice.
    """
    if "." in text:
        text = _URL.sub(URL, text)
    if "@" in text:
        text = _MENTION.sub(MENTION, text)
    text = _DIGITS.sub(lambda found: "0" * min(3, len(found[0])), text.lower())
    text = _GENDER.sub(r"in\1", text)
    if not text.isascii():
        text = text.translate(_FOLD)
    return _LONG.sub(r"\1\1", text)
