"""What a model says of itself: a version that follows from its texts and code, and what it was trained on."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kuemmerer.language.corpora import SETS, Example

_CODE = ("normal.py", "tokens.py", "features.py", "lexicon.py", "train.py", "model.py")


def version(examples: Sequence[Example]) -> str:
    """Eight digits that change with any text, label, word of the lexicon or line of the code that counts."""
    digest = hashlib.sha256()
    folder = Path(__file__).parent
    for path in (*(folder / name for name in _CODE), *sorted((folder / "lexicon").glob("*.tsv"))):
        digest.update(path.read_bytes())
    for one in examples:
        labels = sorted(
            (task, sorted(value) if isinstance(value, frozenset) else value)
            for task, value in one.labels.items()
        )
        digest.update(repr((one.text, one.parent, one.language, one.source, labels)).encode())
    return digest.hexdigest()[:8]


def about(examples: Sequence[Example]) -> dict[str, Any]:
    """How many texts of which set, with origin and licence."""
    counts = Counter((one.source, one.language) for one in examples)
    known = {each.folder: each for each in SETS}
    return {
        "texts": [
            {
                "set": source,
                "language": language,
                "texts": count,
                "origin": known[source].origin if source in known else "written for Kümmerer",
                "licence": known[source].licence if source in known else "as Kümmerer",
            }
            for (source, language), count in sorted(counts.items())
        ]
    }
