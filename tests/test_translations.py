"""German is complete: no text without a translation, none that says something else with other variables."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.servers import Missing

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = Path("locale/de/LC_MESSAGES")
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|%[sd]|\{(\w*)\}")


@dataclass
class Message:
    """One entry of a catalogue."""

    line: int
    flags: set[str] = field(default_factory=set)
    context: str | None = None
    id: str = ""
    plural: str | None = None
    texts: dict[int, str] = field(default_factory=dict)
    obsolete: bool = False

    @property
    def key(self) -> tuple[str | None, str]:
        return self.context, self.id


def read(path: Path) -> list[Message]:
    """The entries of a .po file, without its header."""
    found: list[Message] = []
    current = Message(0)
    target = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        obsolete = line.startswith("#~")
        line = line.removeprefix("#~").strip()
        if line.startswith("#"):
            if target.startswith("msgstr"):
                found.append(current)
                current, target = Message(number), ""
            if line.startswith("#,"):
                current.flags = {flag.strip() for flag in line[2:].split(",")}
            continue
        keyword, _, text = line.partition(" ") if not line.startswith('"') else (target, "", line)
        if keyword in {"msgctxt", "msgid"} and target.startswith("msgstr"):
            found.append(current)
            current = Message(number)
        target, current.obsolete = keyword, current.obsolete or obsolete
        _add(current, keyword, _unquoted(text))
    found.append(current)
    return [message for message in found if message.id and not message.obsolete]


def _unquoted(text: str) -> str:
    body = text.strip()[1:-1]
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t", "r": "\r"}.get(m.group(1), m.group(1)), body)


def _add(message: Message, keyword: str, text: str) -> None:
    if keyword == "msgctxt":
        message.context = (message.context or "") + text
    elif keyword == "msgid":
        message.id += text
    elif keyword == "msgid_plural":
        message.plural = (message.plural or "") + text
    else:
        index = int(keyword[7:-1]) if "[" in keyword else 0
        message.texts[index] = message.texts.get(index, "") + text


def placeholders(text: str) -> set[str]:
    return {match.group() for match in PLACEHOLDER.finditer(text.replace("%%", ""))}


def needs_gettext() -> None:
    if shutil.which("xgettext") is None:
        raise Missing("gettext is not on this machine: python -m tests.servers install gettext")


def django(*command: str, cwd: Path) -> None:
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": f"{cwd.parent}:{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-m", "django", *command],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> list[Message]:
    """What the code says now, with the translations of the catalogue that is in the repository."""
    needs_gettext()
    copy = tmp_path_factory.mktemp("code") / "kuemmerer"
    shutil.copytree(
        ROOT / "kuemmerer",
        copy,
        ignore=shutil.ignore_patterns("tests", "static", "__pycache__", "migrations", "*.sqlite3", "*.json"),
    )
    (copy / CATALOGUE).mkdir(parents=True, exist_ok=True)
    django("makemessages", "-l", "de", "--no-obsolete", "--no-wrap", cwd=copy)
    return read(copy / CATALOGUE / "django.po")


def test_there_are_texts_to_translate(extracted: list[Message]) -> None:
    assert len(extracted) > 200


def test_every_text_has_its_german(extracted: list[Message]) -> None:
    forms = {True: 2, False: 1}
    missing = [
        message.id
        for message in extracted
        if len(message.texts) < forms[message.plural is not None] or not all(message.texts.values())
    ]
    assert missing == []


def test_no_translation_is_only_a_guess(extracted: list[Message]) -> None:
    assert [message.id for message in extracted if "fuzzy" in message.flags] == []


def test_a_translation_has_the_variables_of_its_text(extracted: list[Message]) -> None:
    wrong = []
    for message in extracted:
        wanted = placeholders(message.id) | placeholders(message.plural or "")
        for index, text in message.texts.items():
            # “one comment” may leave out its number.
            optional = {"%(count)s", "%(count)d", "%(counter)s"} if message.plural and index == 0 else set()
            if text and not wanted - optional <= placeholders(text) <= wanted:
                wrong.append((message.id, text))
    assert wrong == []


def test_a_translation_begins_and_ends_as_its_text(extracted: list[Message]) -> None:
    wrong = [
        (message.id, text)
        for message in extracted
        for text in message.texts.values()
        if text
        and (text.startswith("\n"), text.endswith("\n"))
        != (message.id.startswith("\n"), message.id.endswith("\n"))
    ]
    assert wrong == []


def test_the_catalogue_in_use_is_the_one_that_can_be_read(tmp_path: Path) -> None:
    needs_gettext()
    source = ROOT / "kuemmerer" / CATALOGUE / "django.po"
    compiled = tmp_path / "django.mo"
    subprocess.run(["msgfmt", "--check-format", "-o", compiled, source], check=True, capture_output=True)
    ours = ROOT / "kuemmerer" / CATALOGUE / "django.mo"

    def texts(path: Path) -> str:
        done = subprocess.run(
            ["msgunfmt", "--no-wrap", "--sort-output", path], check=True, capture_output=True, text=True
        )
        return done.stdout

    assert texts(ours) == texts(compiled)


def test_the_reader_of_catalogues_reads(tmp_path: Path) -> None:
    path = tmp_path / "x.po"
    path.write_text(
        'msgid ""\nmsgstr "Language: de\\n"\n\n#, fuzzy, python-format\nmsgctxt "verb"\nmsgid "a %(n)s"\n'
        'msgstr ""\n"b "\n"%(n)s"\n\nmsgid "one"\nmsgid_plural "%d many"\nmsgstr[0] "eins"\nmsgstr[1] ""\n\n'
        '#~ msgid "old"\n#~ msgstr "alt"\n',
        encoding="utf-8",
    )
    first, second = read(path)
    assert (first.key, first.texts, first.flags) == (
        ("verb", "a %(n)s"),
        {0: "b %(n)s"},
        {"fuzzy", "python-format"},
    )
    assert (second.plural, second.texts) == ("%d many", {0: "eins", 1: ""})
    assert placeholders("%(n)s of {m} and 100%% %d") == {"%(n)s", "{m}", "%d"}
