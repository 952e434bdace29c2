"""Which language a text is in, where our own model is not sure.

It is trained on comments and reads dialects and slips of the pen better than any package; other languages it
knows only from programs' translations. A package that knows a hundred languages is asked where it wavers:
that takes longer than all else together, so not always.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from kuemmerer.language.features import Floats
from kuemmerer.language.normal import visible
from kuemmerer.language.verdict import LANGUAGES

SURE = 0.97
_OWN_SHARE = 0.53
_LONGEST = 300
"""Characters that the package gets."""


@cache
def _package() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def settle(texts: Sequence[str], own: Floats) -> Floats:
    """The probabilities of `LANGUAGES` for each text, from those of our own model.

    Without a letter there is no language: such texts are read as German ones, at even odds.
    """
    found = own.copy()
    for place in np.flatnonzero(own.max(axis=1) < SURE).tolist():
        text = visible(texts[place])
        if any(map(str.isalpha, text)):
            found[place] = _OWN_SHARE * own[place] + (1 - _OWN_SHARE) * _asked(text)
        else:
            found[place] = (0.5, 0.25, 0.25)
    return found


def _asked(text: str) -> Floats:
    known = dict(_package().rank(text[:_LONGEST]))
    german, english = (float(known.get(name, 0.0)) for name in LANGUAGES[:2])
    return np.array([german, english, max(0.0, 1 - german - english)], np.float32)
