"""What the documents say is what the code does."""

from __future__ import annotations

import argparse
import re
from gettext import GNUTranslations
from pathlib import Path
from urllib.parse import unquote

import pytest

from kuemmerer import cli, config
from kuemmerer.accounts.access import PERMISSIONS
from kuemmerer.accounts.models import Role
from kuemmerer.networks.errors import SENTENCES
from kuemmerer.networks.registry import connectors

ROOT = Path(__file__).resolve().parent.parent
DOCS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
READMES = [ROOT / "README.md", ROOT / "README.de.md"]
GUIDES = [ROOT / "docs/user-guide.md", ROOT / "docs/user-guide.de.md"]
OPERATIONS = ROOT / "docs/operations.md"

FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|<img[^>]* src=\"([^\"]+)\"")


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def rows(path: Path) -> list[list[str]]:
    """The cells of all rows of all tables."""
    lines = [line.strip() for line in text(path).splitlines()]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def first_cells(path: Path) -> set[str]:
    return {name for row in rows(path) for name in re.findall(r"`([^`]+)`", row[0])}


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


each_doc = pytest.mark.parametrize("path", DOCS, ids=names(DOCS))
each_readme = pytest.mark.parametrize("path", READMES, ids=names(READMES))
each_guide = pytest.mark.parametrize("path", GUIDES, ids=names(GUIDES))


# ---- settings, commands, codes


@pytest.mark.parametrize("path", [*READMES, OPERATIONS], ids=names([*READMES, OPERATIONS]))
def test_every_setting_has_its_row_and_no_other_has(path: Path) -> None:
    described = {name for name in first_cells(path) if name.startswith(config.PREFIX)}
    assert described == {config.PREFIX + name for name in config.KNOWN}


def test_the_documents_name_no_setting_that_does_not_exist() -> None:
    known = {config.PREFIX + name for name in (*config.KNOWN, "RECORD")}
    named = {name for path in DOCS for name in re.findall(r"\bKUEMMERER_[A-Z_]+\b", text(path))}
    assert named <= known


def commands() -> dict[str, argparse.ArgumentParser]:
    found = [a for a in cli._parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(found[0].choices)


@each_readme
def test_every_command_has_its_row(path: Path) -> None:
    assert set(commands()) <= first_cells(path)


@each_doc
def test_commands_that_are_named_exist_with_their_options(path: Path) -> None:
    known = commands()
    for command, rest in re.findall(r"(?<![\w=])kuemmerer ([a-z]+)((?: +--?[^`\n]*)?)", _code(text(path))):
        assert command in known, f"kuemmerer {command}"
        options = set(re.findall(r"--[a-z-]+", rest))
        assert options <= set(known[command]._option_string_actions), f"kuemmerer {command} {rest}"


@each_doc
def test_make_targets_that_are_named_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text(ROOT / "Makefile"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", _code(text(path)))) <= targets


@each_readme
def test_every_make_target_for_people_is_named(path: Path) -> None:
    phony = re.search(r"^\.PHONY: (.*)$", text(ROOT / "Makefile"), re.MULTILINE)
    assert phony is not None
    declared = set(phony[1].split())
    made = set(re.findall(r"^([a-z-]+):", text(ROOT / "Makefile"), re.MULTILINE))
    named = set(re.findall(r"`(?:make )?([a-z-]+)`", text(path)))
    assert declared & made <= named


def test_every_code_of_healthz_is_explained_and_no_other() -> None:
    code = "\n".join(text(path) for path in (ROOT / "kuemmerer").rglob("*.py") if "tests" not in path.parts)
    given = set(re.findall(r"\bProblem\(\s*code=\"(\w+)\"", code))
    assert given
    section = text(OPERATIONS).split("## Health")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == given


def _code(markdown: str) -> str:
    """What is set as code: blocks and inline."""
    blocks = [match.group() for match in FENCE.finditer(markdown)]
    return "\n".join(blocks + re.findall(r"`([^`\n]+)`", FENCE.sub("", markdown)))


# ---- roles and networks


@each_guide
def test_the_table_of_roles_is_the_one_of_the_code(path: Path) -> None:
    order = [Role.OWNER, Role.MANAGER, Role.AGENT, Role.AUTHOR, Role.GUEST]
    table: dict[str, set[str]] = {role: set() for role in order}
    for row in rows(path):
        permission = re.match(r"`(\w+\.\w+)`", row[0])
        if permission:
            cells = row[1:] + [""] * (len(order) - len(row) + 1)
            for role, cell in zip(order, cells, strict=True):
                if cell == "✓":
                    table[role].add(permission[1])
    assert table == PERMISSIONS


@pytest.mark.parametrize("path", GUIDES + READMES, ids=names(GUIDES + READMES))
def test_every_network_is_described(path: Path) -> None:
    for connector in connectors().values():
        assert str(connector.label) in text(path)


@each_guide
def test_every_network_has_its_section_and_moderation_its_column(path: Path) -> None:
    headings = "\n".join(re.findall(r"^### (.*)$", text(path), re.MULTILINE))
    columns = next(row for row in rows(path) if len(row) == 5 and row[1] == "Mastodon")
    for connector in connectors().values():
        assert str(connector.label) in headings
        if connector.can.actions:
            assert str(connector.label) in columns


@each_guide
def test_the_table_of_moderation_is_the_one_of_the_connectors(path: Path) -> None:
    start = next(n for n, row in enumerate(rows(path)) if len(row) == 5 and row[1] == "Mastodon")
    head, lines = rows(path)[start], rows(path)[start + 2 : start + 8]
    labels = {str(connector.label): connector for connector in connectors().values()}
    for action, row in zip(("like", "share", "approve", "hide", "spam", "trash"), lines, strict=True):
        can = {label for label, cell in zip(head[1:], row[1:], strict=True) if cell == "✓"}
        assert can == {label for label in head[1:] if action in labels[label].can.actions}, action


# ---- what is clicked

ELSEWHERE = {
    *(
        "Users",
        "Application Passwords",
        "Add Application Password",
        "Development",
        "New application",
        "Submit",
    ),
    *("Submit", "Your access token", "Privacy and security", "App passwords", "Add App Password"),
    *("Benutzer", "Anwendungspasswörter", "Entwicklung", "Neue Anwendung", "Datenschutz und Sicherheit"),
    *("App-Passwörter", "App-Passwort hinzufügen"),
}
"""Menus of the networks' own pages."""
NO_BUTTONS = {"Kümmerer", "case", "Vorgang", "…"}
CATALOGUE = ROOT / "kuemmerer/locale/de/LC_MESSAGES/django.mo"


@pytest.mark.parametrize("path", GUIDES + READMES, ids=names(GUIDES + READMES))
def test_what_is_in_italics_is_a_text_of_the_pages(path: Path) -> None:
    with CATALOGUE.open("rb") as file:
        catalogue = GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    pairs = [(k[0] if isinstance(k, tuple) else k, v) for k, v in catalogue.items()]
    shown = {re.sub(r"\W+$", "", (v if ".de." in path.name else k).rpartition("\x04")[2]) for k, v in pairs}
    shown |= {str(connector.label) for connector in connectors().values()} | ELSEWHERE | NO_BUTTONS
    plain = re.sub(r"\*\*[^*]*\*\*", "", FENCE.sub("", text(path)))
    named = re.findall(r"(?<![\w*])\*([^* ][^*]*?)\*(?!\*)", " ".join(plain.split()))
    parts = {part.strip() for words in named for part in words.split("→")}
    assert {part for part in parts if re.sub(r"(?<=\w)\W+$", "", part) not in shown} == set()


# ---- links, and both languages


def _anchors(path: Path) -> set[str]:
    """The anchors of headings as the usual code hosts make them."""
    found = set()
    for heading in re.findall(r"^#+ (.*)$", FENCE.sub("", text(path)), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", heading).strip().lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


@each_doc
def test_links_lead_somewhere(path: Path) -> None:
    for first, second in LINK.findall(FENCE.sub("", text(path))):
        target, _, anchor = unquote(first or second).partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), f"{path.name}: {first or second}"
        if anchor:
            assert anchor in _anchors(file), f"{path.name}: {first or second}"


def test_every_document_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [READMES[0]]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for first, _ in LINK.findall(FENCE.sub("", text(path))):
            target = (path.parent / unquote(first.partition("#")[0])).resolve()
            target = target / "README.md" if target.is_dir() else target
            if target.suffix == ".md" and target.is_file():
                waiting.append(target)
    assert set(DOCS) <= seen


@pytest.mark.parametrize(("english", "german"), [READMES, GUIDES], ids=["README", "user-guide"])
def test_the_german_text_has_the_same_parts_as_the_english(english: Path, german: Path) -> None:
    def shape(path: Path) -> list[list[object]]:
        levels = re.findall(r"^(#+) ", FENCE.sub("", text(path)), re.MULTILINE)
        return [levels, [len(row) for row in rows(path)]]

    assert shape(english) == shape(german)


def test_the_sentence_about_private_addresses_names_a_setting_that_exists() -> None:
    named = re.findall(r"KUEMMERER_([A-Z_]+)", str(SENTENCES["private_address"]))
    assert named == ["ALLOW_PRIVATE_ADDRESSES"]
    assert set(named) <= set(config.KNOWN)
