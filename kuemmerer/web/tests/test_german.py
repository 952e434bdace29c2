"""The German catalogue is complete: every text in code and templates is translated, in the polite form."""

from __future__ import annotations

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils.translation.template import templatize

PACKAGE = Path(__file__).resolve().parents[2]
CATALOGUES = ("locale", "locale_allauth")
CONTEXT = "\x04"
"""What gettext puts between a context and a text."""

NAMES = {"_": "", "gettext": "", "gettext_lazy": "", "ngettext": "", "pgettext": "p", "pgettext_lazy": "p"}
LITERAL = r"""u?('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")"""
IN_TEMPLATE = re.compile(rf"\b(_|gettext|ngettext|pgettext)\({LITERAL}(?:, {LITERAL})?")


def in_code(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
        if name in NAMES and isinstance(node, ast.Call):
            words = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            if words:
                yield CONTEXT.join(words[:2]) if NAMES[name] else words[0]


def in_template(source: str) -> Iterator[str]:
    for name, first, second in IN_TEMPLATE.findall(templatize(source)):
        words = [ast.literal_eval(one) for one in (first, second) if one]
        yield CONTEXT.join(words) if NAMES[name] else words[0]


def texts() -> Iterator[tuple[str, str]]:
    """The place and text of everything that is marked for translation."""
    for path in sorted(PACKAGE.rglob("*")):
        if path.suffix not in {".py", ".html", ".txt"} or "tests" in path.parts:
            continue
        if path.suffix != ".py" and "templates" not in path.parts:
            continue
        find = in_code if path.suffix == ".py" else in_template
        for text in find(path.read_text(encoding="utf-8")):
            yield str(path.relative_to(PACKAGE)), text


def catalogue(name: str) -> dict[str, str]:
    with (PACKAGE / name / "de" / "LC_MESSAGES" / "django.mo").open("rb") as file:
        found = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    return {key if isinstance(key, str) else key[0]: text for key, text in found.items()}


def test_every_text_has_a_german_one() -> None:
    known = catalogue("locale")
    missing = [f"{place}: {text!r}" for place, text in texts() if not known.get(text)]
    assert not missing, "run `make messages`, then translate:\n" + "\n".join(missing)


@pytest.mark.parametrize("name", CATALOGUES)
def test_the_german_texts_say_sie(name: str) -> None:
    wrong = re.compile(r"\b(du|dir|dich|dein\w*)\b", re.IGNORECASE)
    assert [text for key, text in catalogue(name).items() if key and wrong.search(text)] == []


@pytest.mark.parametrize("name", CATALOGUES)
def test_the_german_texts_have_typographic_quotation_marks(name: str) -> None:
    tags = re.compile(r"<[^>]*>")
    assert [text for key, text in catalogue(name).items() if key and '"' in tags.sub("", text)] == []
