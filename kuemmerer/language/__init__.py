"""What a comment is: its language, mood, intents, offence and urgency. Free of Django, usable alone.

    from kuemmerer import language
    language.classify(["Wo bleibt mein Paket?"])[0].intent   # ("question", "complaint")

The shipped model reads German and English on the CPU and sends nothing anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kuemmerer.language.verdict import Reason, Verdict

if TYPE_CHECKING:
    from kuemmerer.language.model import Model

__all__ = ["Reason", "Verdict", "classify", "explain"]


def classify(
    texts: Sequence[str], parents: Sequence[str | None] | None = None, *, model: Model | None = None
) -> list[Verdict]:
    """A verdict for each text, in their order; `parents` are what each one answers.

    Without a model the shipped one is taken. Raises BrokenModel when its file is damaged.
    """
    from kuemmerer.language.model import shipped

    return (model or shipped()).classify(texts, parents)


def explain(
    text: str, parent: str | None = None, *, model: Model | None = None
) -> tuple[Verdict, list[Reason]]:
    """The verdict on a text, and the words that decided; see `reasons.explained`."""
    from kuemmerer.language.model import shipped
    from kuemmerer.language.reasons import explained

    return explained(text, model or shipped(), parent)
