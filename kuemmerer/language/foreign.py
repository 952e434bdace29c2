"""Short texts in languages that are neither German nor English, for telling those apart.

Django carries its messages in a hundred languages (BSD licence), and it is installed wherever the model is
trained. The package itself does not import Django: it only reads its catalogues.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

LANGUAGES = """
    af bg bs ca cs cy da el eo es et eu fi fr ga gl he hr hu hy id is it ka kk lb lt lv mk mn nb nl nn pl pt
    ro ru sk sl sq sr sv ta te th tr uk ur uz vi zh_Hans ja ko ar fa hi
""".split()
EACH = 160
_LEFT_OUT = re.compile(r"%[({a-z]|[{<>]|\n")


def texts() -> list[str]:
    """Messages of at least three words, or six characters where no spaces are written, from each language."""
    found = find_spec("django")
    if found is None or found.origin is None:
        raise FileNotFoundError("Django is not installed")
    catalogues = sorted(Path(found.origin).parent.glob("**/LC_MESSAGES/django.mo"))
    return [
        text
        for language in LANGUAGES
        for text in _of([path for path in catalogues if path.parts[-3] == language])
    ]


def _of(catalogues: Iterable[Path]) -> Iterator[str]:
    count = 0
    for path in catalogues:
        with path.open("rb") as file:
            catalogue = gettext.GNUTranslations(file)
        messages: dict[object, str] = getattr(catalogue, "_catalog", {})
        for original, text in sorted(messages.items(), key=str):
            if original and text != original and not _LEFT_OUT.search(text) and _long_enough(text):
                yield text
                count += 1
                if count == EACH:
                    return


def _long_enough(text: str) -> bool:
    return len(text.split()) >= 3 or (len(text) >= 6 and not text.isascii() and " " not in text)
