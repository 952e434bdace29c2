"""Rules of the building that no single part can see to."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command

from kuemmerer.config import KNOWN, PREFIX
from kuemmerer.networks.registry import connectors

ROOT = Path(__file__).resolve().parent.parent
CODE = ROOT / "kuemmerer"
TEMPLATES = sorted(CODE.rglob("*.html"))
PYTHON = sorted(path for path in CODE.rglob("*.py") if not {"tests", "migrations"} & set(path.parts))
OUR_APPS = [config for config in apps.get_app_configs() if config.name.startswith("kuemmerer.")]


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_a_higher_app_may_import_a_lower_one_never_the_other_way() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.django_db
def test_every_change_of_a_model_has_its_migration() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


# --- a network's name appears only in its own folder and in one line of the registry


def words_of(path: Path) -> Iterator[tuple[int, str]]:
    """The words of a file that the machine or a user reads: no comments, no docstrings."""
    if path.suffix != ".py":
        yield from enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        return
    documentation = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else []:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                documentation |= set(range(statement.lineno, (statement.end_lineno or 0) + 1))
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type in {tokenize.NAME, tokenize.STRING} and token.start[0] not in documentation:
                yield token.start[0], token.string


def names_of_networks() -> set[str]:
    """Keys and labels; the demo network's key is an English word and stands for the demo company, too."""
    found = {word for c in connectors().values() for word in (c.key, str(c.label)) if not c.local_file}
    found |= {str(c.label) for c in connectors().values() if c.local_file}
    return found - {"RSS / Atom"} | {"atom"}


ALLOWED = {
    "kuemmerer/networks/registry.py",
    "kuemmerer/networks/contract.py",
    "kuemmerer/networks/world.py",
    "kuemmerer/networks/scene.py",
}


def test_a_networks_name_appears_only_in_its_folder_and_in_the_registry() -> None:
    folders = {CODE / "networks" / c.__class__.__module__.split(".")[2] for c in connectors().values()}
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, sorted(names_of_networks())))})\b", re.IGNORECASE)
    found = [
        f"{shown(path)}:{number}: {match.group()}"
        for path in [*PYTHON, *TEMPLATES, *sorted(CODE.glob("web/static/web/*.js"))]
        if shown(path) not in ALLOWED and not folders & set(path.parents)
        for number, words in words_of(path)
        if (match := pattern.search(words))
    ]
    assert found == []


def test_each_network_has_one_line_in_the_registry() -> None:
    text = (CODE / "networks" / "registry.py").read_text(encoding="utf-8")
    for connector in connectors().values():
        assert text.count(f'{type(connector).__name__}"') == 1


def test_every_folder_of_a_network_is_registered() -> None:
    folders = {path.parent.name for path in (CODE / "networks").glob("*/__init__.py")} - {"tests"}
    assert folders == {type(c).__module__.split(".")[2] for c in connectors().values()}


# --- models


HANGS_ON_ANOTHER = {
    "accounts.user": "belongs to several workspaces",
    "accounts.workspace": "is one",
    "core.auditrecord": "outlives what it is about; has the number of its workspace",
    "jobs.schedule": "belongs to the installation",
    "jobs.heartbeat": "belongs to the installation",
    "notify.mailtrouble": "belongs to the installation",
    "notify.pushsubscription": "belongs to a person, whatever company they look after",
    "inbox.searchwalk": "belongs to the installation",
}


def test_every_model_belongs_to_a_workspace_or_hangs_on_one_that_does() -> None:
    models = {model._meta.label_lower: model for config in OUR_APPS for model in config.get_models()}
    assert set(HANGS_ON_ANOTHER) <= set(models)
    lost = []
    for label, model in models.items():
        fields = {field.name: field for field in model._meta.get_fields() if field.concrete}
        if label in HANGS_ON_ANOTHER or "workspace" in fields:
            continue
        parents = [f.related_model for f in fields.values() if f.many_to_one or f.one_to_one]
        if not any("workspace" in {f.name for f in parent._meta.get_fields()} for parent in parents):
            lost.append(label)
    assert lost == []


# --- templates and code


MAILS = {"kuemmerer/notify/templates/notify/mail.html"}
"""No pages: mail programs read nothing but inline styles, and no content security policy holds there."""
WITHOUT_TOKEN = {
    "kuemmerer/notify/templates/notify/unsubscribe.html": "mail programs post it; its address is signed",
}
SAFE = {"kuemmerer/web/templates/web/_field_notes.html": "the help of a form's field, which is written by us"}


@pytest.mark.parametrize("path", TEMPLATES, ids=shown)
def test_templates_have_no_inline_style_or_script(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert shown(path) in MAILS or not re.search(r"\sstyle\s*=", text), (
        "the content security policy forbids it"
    )
    assert not re.search(r"<style\b", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", text)
    assert "javascript:" not in text
    assert "hx-on" not in text
    if shown(path) not in SAFE:
        assert not re.search(r"\|\s*safe\b|autoescape\s+off", text), "nothing of a stranger's is safe"


def test_forms_that_change_something_carry_their_token() -> None:
    for path in TEMPLATES:
        for form in re.findall(r"<form\b.*?</form>", path.read_text(encoding="utf-8"), re.DOTALL):
            if re.search(r"method=[\"']post", form, re.IGNORECASE) and shown(path) not in WITHOUT_TOKEN:
                assert "csrf_token" in form or "{% include" in form or "{% block" in form, shown(path)


SPEAKS = {
    "kuemmerer/cli.py",
    "kuemmerer/language/commands.py",
    "kuemmerer/supervisor.py",
    "kuemmerer/bench.py",
}


def test_nothing_but_a_command_prints() -> None:
    found = []
    for path in PYTHON:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                found.append(shown(path))
    assert set(found) <= SPEAKS


def test_the_time_is_asked_of_the_clock_alone() -> None:
    allowed = {"kuemmerer/core/clock.py", "kuemmerer/web/templatetags/desk.py"}
    pattern = re.compile(r"\b(datetime\.now|datetime\.utcnow|timezone\.now|date\.today|time\.time)\(")
    found = {shown(path) for path in PYTHON if pattern.search(path.read_text(encoding="utf-8"))}
    assert found - allowed - {name for name in found if name.startswith("kuemmerer/networks/")} == set()


def test_only_the_client_of_the_house_calls_out() -> None:
    allowed = {"kuemmerer/core/http.py", "kuemmerer/supervisor.py"}
    pattern = re.compile(r"httpx\.(?:Client|get|post|request|stream)\(|urlopen\(|requests\.|http\.client")
    found = {shown(path) for path in PYTHON if pattern.search(path.read_text(encoding="utf-8"))}
    assert found <= allowed


# --- documents


@pytest.mark.parametrize("name", KNOWN)
def test_the_manual_for_operations_explains_every_setting(name: str) -> None:
    manual = ROOT / "docs" / "operations.md"
    assert manual.exists()
    assert PREFIX + name in manual.read_text(encoding="utf-8")
