"""Saved replies in several languages: what the composer offers, what is counted, and files of them."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kuemmerer.accounts import workspaces
from kuemmerer.accounts.models import Role, Workspace
from kuemmerer.channels.models import Interaction
from kuemmerer.core.errors import Conflict, Forbidden, Invalid
from kuemmerer.core.models import AuditRecord
from kuemmerer.inbox import library, reply_files
from kuemmerer.inbox.automation import rules
from kuemmerer.inbox.automation.actions import Actions
from kuemmerer.inbox.automation.conditions import Conditions
from kuemmerer.inbox.models import Case, SavedReply
from kuemmerer.inbox.reply_files import BrokenFile, Imported, plain, safe
from tests.factories import Clock, Desk, fresh


def save(desk: Desk, name: str = "Gruß", text: str = "Hallo", language: str = "") -> SavedReply:
    return library.save_reply(actor=desk.actor, name=name, text=text, language=language, now=desk.now())


def offered(desk: Desk, case: Case) -> list[tuple[str, str]]:
    return [(offer.name, offer.text) for offer in library.offers(actor=desk.actor, case=case)]


def take_in(desk: Desk, content: str | bytes, existing: str = "skip") -> Imported:
    data = content.encode() if isinstance(content, str) else content
    return reply_files.take_in(actor=desk.actor, content=data, existing=existing, now=desk.now())


def problems(desk: Desk, content: str | bytes) -> list[tuple[int, str]]:
    """What is said to be wrong with a file; nothing of it is stored."""
    before = list(SavedReply.objects.values())
    with pytest.raises(BrokenFile) as caught:
        take_in(desk, content)
    assert list(SavedReply.objects.values()) == before
    return [(problem.line, str(problem.message)) for problem in caught.value.problems]


# --- languages


def test_a_name_may_have_one_text_in_each_language(desk: Desk) -> None:
    for language in ("", "de", "en"):
        save(desk, language=language)
    with pytest.raises(Conflict):
        save(desk, "gruß".upper().replace("SS", "ß"), language="EN")
    with pytest.raises(Invalid):
        save(desk, language="klingon")


@pytest.mark.parametrize(
    ("there", "words", "workspace", "chosen"),
    [
        (["de", "en", ""], "en", "de", "en"),
        (["de", "en", ""], "en-GB", "de", "en"),
        (["de", "en", ""], "fr", "de", "de"),
        (["en", ""], "fr", "de", ""),
        (["en", "fr"], "it", "de", "en"),
        (["de", "en"], "", "en", "en"),
    ],
)
def test_the_composer_takes_the_language_of_the_words_then_the_workspaces_then_any(
    desk: Desk, there: list[str], words: str, workspace: str, chosen: str
) -> None:
    for language in there:
        save(desk, text=f"Text {language}", language=language)
    Workspace.objects.update(language=workspace)
    desk.actor.workspace.refresh_from_db()
    case = desk.asked("?")[1]
    Interaction.objects.update(language=words)
    assert offered(desk, case) == [("Gruß", f"Text {chosen}".strip())]


def test_what_a_rule_suggests_comes_first_in_the_language_that_fits_then_what_is_used_most(
    desk: Desk,
) -> None:
    for name, used in (("A", 1), ("B", 5), ("C", 3)):
        SavedReply.objects.filter(pk=save(desk, name).pk).update(used=used)
    german = save(desk, "Z", "deutsch", "de")
    save(desk, "Z", "english", "en")
    rules.save(
        actor=desk.actor,
        name="Regel",
        conditions=Conditions(),
        actions=Actions(saved_reply=german.pk),
        now=desk.now(),
    )
    case = desk.asked("Hello")[1]
    Interaction.objects.update(language="en")
    found = library.offers(actor=desk.actor, case=case, suggestion=german)
    assert [offer.name for offer in found] == ["Z", "B", "C", "A"]
    assert [offer.suggested for offer in found] == [True, False, False, False]
    assert found[0].text == "english"


# --- use


def test_a_saved_reply_is_counted_once_an_answer_is_written_with_it(desk: Desk, time: Clock) -> None:
    saved, other = save(desk), save(desk, "Anderer")
    case = desk.asked("?")[1]
    time.forward(minutes=1)
    for _ in range(2):
        desk.reply(case, "Hallo!", saved_ids=[saved.pk, 999], key="same")
    saved, other = fresh(saved), fresh(other)
    assert (saved.used, saved.last_used_at) == (1, desk.now())
    assert (other.used, other.last_used_at) == (0, None)


def test_one_of_another_workspace_is_not_counted(desk: Desk, tmp_path: Any) -> None:
    stranger = Desk(tmp_path)
    theirs = save(stranger)
    desk.reply(desk.asked("?")[1], "Hallo!", saved_ids=[theirs.pk])
    assert fresh(theirs).used == 0
    stranger.village.close()


def browser(desk: Desk) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(desk.actor.user)
    return client


def url(desk: Desk, name: str, *args: object) -> str:
    return reverse(name, args=[desk.actor.workspace.slug, *args])


def test_the_composer_offers_them_and_says_which_was_used(desk: Desk) -> None:
    saved = save(desk, "Gruß", "Hallo {first_name}!", "de")
    case = desk.asked("?")[1]
    text = browser(desk).get(url(desk, "case", case.pk)).content.decode()
    assert f'data-saved="{saved.pk}"' in text
    assert "Hallo Ada!" in text
    assert "data-filter" not in text
    browser(desk).post(url(desk, "case-write", case.pk), {"text": "Hallo!", "saved": [saved.pk, "x"]})
    assert fresh(saved).used == 1
    browser(desk).post(
        url(desk, "case-write", case.pk), {"text": "intern", "kind": "note", "saved": [saved.pk]}
    )
    assert fresh(saved).used == 1
    refused = browser(desk).post(url(desk, "case-write", case.pk), {"text": "x" * 9999, "saved": [saved.pk]})
    assert f'name="saved" value="{saved.pk}"' in refused.content.decode()
    assert fresh(saved).used == 1
    assert "used once" in browser(desk).get(url(desk, "texts")).content.decode()


def test_more_than_eight_have_a_field_that_filters_them(desk: Desk) -> None:
    for number in range(9):
        save(desk, f"Text {number}")
    case = desk.asked("?")[1]
    assert "data-filter" in browser(desk).get(url(desk, "case", case.pk)).content.decode()


# --- files

HEAD = "name;language;text\n"


@pytest.mark.parametrize(
    "content",
    [
        "name;language;text\nGruß;de;Grüße an {first_name}\n".encode(),
        "name,language,text\r\nGruß,de,Grüße an {first_name}\r\n".encode("utf-8-sig"),
        "name\tlanguage\ttext\nGruß\tDE\tGrüße an {first_name}".encode("utf-16"),
        "Text;Name;Sprache;Notiz\nGrüße an {first_name};Gruß;de;egal\n".encode("cp1252"),
        json.dumps([{"name": "Gruß", "language": "de", "text": "Grüße an {first_name}"}]).encode(),
        b"\xfe\xff" + "name;language;text\n\n;;\nGruß;de;Grüße an {first_name}".encode("utf-16-be"),
    ],
    ids=["utf-8", "mark", "utf-16", "windows", "json", "big-endian"],
)
def test_files_are_read_as_spreadsheets_and_programs_write_them(desk: Desk, content: bytes) -> None:
    assert take_in(desk, content) == Imported(added=1, changed=0, left=0)
    saved = SavedReply.objects.get()
    assert (saved.name, saved.language, saved.text) == ("Gruß", "de", "Grüße an {first_name}")
    assert AuditRecord.objects.filter(verb="imported saved replies").count() == 1


def test_what_is_wrong_is_said_line_by_line_and_nothing_is_imported(desk: Desk) -> None:
    content = (
        HEAD + "gut;de;Hallo\n" + "falsch;de;Hallo {vorname}\n" + ";de;ohne Namen\n"
        '"lang";de;"über\nzwei Zeilen"\n'
        + "leer;de;\n"
        + "gut;de;noch einmal\n"
        + "fremd;xx;Hallo\n"
        + "zu;de;viele;Zellen\n"
    )
    assert problems(desk, content) == [
        (3, "There is no variable {vorname}."),
        (4, "A saved reply needs a name of at most 80 characters."),
        (7, "Please write a text of at most 20,000 characters."),
        (8, "The same name in the same language stands in line 2 already."),
        (9, "There is no such language. Use a code such as “de” or “en”."),
        (10, "There are more cells than columns. Put a text with separators in quotation marks."),
    ]
    assert not SavedReply.objects.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "This file is empty"),
        (b"\xef\xbb\xbf  \n", "This file is empty"),
        (b"x" * 2_000_001, "too large"),
        (b"name;language;text\n", "There is no saved reply"),
        (b"[]", "There is no saved reply"),
        (b"name;language\na;de\n", "has to name the columns"),
        (b"Hallo Welt", "has to name the columns"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "no text we can read"),
        (b"\xff\xfen\x00a", "no text we can read"),
        ("name;text\na;ä".encode("utf-16-le"), "no text we can read"),
        (b"name;text\na;\x81\n", "no text we can read"),
        (b'[{"name": "a", "text": "b"}', "no JSON from here on"),
        (b'{"name": "a"}', "no list of saved replies"),
        (b"[" * 100_000, "no list of saved replies"),
        (b'["a"]', "has to be an object of texts"),
        (b'[{"name": 1, "text": "b"}]', "has to be an object of texts"),
        (b'name;text\na;"b\n', "quotation marks do not fit"),
        (b"name;text\n" + b"a;b\n" * 1001, "At most 1,000"),
        (b"name;text\na;" + b"x" * 200_000 + b"\n", "quotation marks do not fit"),
    ],
    ids=range(19),
)
def test_a_file_that_is_none_is_refused_with_a_sentence(desk: Desk, content: bytes, said: str) -> None:
    ((_line, message),) = problems(desk, content)
    assert said in message


def test_those_that_are_there_are_left_or_replaced_as_one_chooses(desk: Desk, time: Clock) -> None:
    saved, english = save(desk, "Gruß", "alt", "de"), save(desk, "Gruß", "old", "en")
    SavedReply.objects.update(used=7)
    content = HEAD + "GRUß;de;neu\nNeu;;Hallo\n"
    assert take_in(desk, content, "skip") == Imported(added=1, changed=0, left=1)
    assert fresh(saved).text == "alt"
    assert take_in(desk, content, "update") == Imported(added=0, changed=1, left=1)
    assert (fresh(saved).name, fresh(saved).text, fresh(saved).used) == ("GRUß", "neu", 7)
    assert fresh(english).text == "old"
    with pytest.raises(Invalid):
        take_in(desk, content, "whatever")


def test_only_who_configures_imports_and_exports(desk: Desk) -> None:
    agent = desk.member(Role.AGENT)
    with pytest.raises(Forbidden):
        reply_files.take_in(actor=agent, content=b"", existing="skip", now=desk.now())
    with pytest.raises(Forbidden):
        reply_files.written(agent)


WRITTEN = st.text(st.characters(codec="utf-8", exclude_characters="{}\x00"), min_size=1, max_size=40)
AWKWARD = st.sampled_from(["=1+1", "'=1", "''", "'", "@SUM(A1)", "-5", "+49", "a;b\nc", '"', '=cmd|"/c"!A1'])


@settings(
    max_examples=60, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@example(texts=[("=1+1", "de", "'=HYPERLINK()"), ("=1+1", "en", "\t=x\r\ny")])
@given(
    texts=st.lists(
        st.tuples(WRITTEN | AWKWARD, st.sampled_from(["", "de", "en"]), WRITTEN | AWKWARD), max_size=5
    )
)
def test_what_is_exported_comes_back_as_it_was_and_holds_no_formula(
    desk: Desk, texts: list[tuple[str, str, str]]
) -> None:
    SavedReply.objects.all().delete()
    names: set[tuple[str, str]] = set()
    for name, language, text in texts:
        try:
            checked = library.checked_reply(name=name, text=text, language=language)
        except Invalid:
            continue
        if (checked.name.casefold(), language) not in names:
            names.add((checked.name.casefold(), language))
            SavedReply.objects.create(workspace=desk.actor.workspace, **vars(checked))
    before = sorted(SavedReply.objects.values_list("name", "language", "text"))
    content = reply_files.written(desk.actor)
    for cells in csv.reader(io.StringIO(content, newline=""), delimiter=";"):
        assert not any(cell[:1] in {*"=+-@"} for cell in cells)
    SavedReply.objects.all().delete()
    if before:
        take_in(desk, content.encode("utf-8-sig"))
    assert sorted(SavedReply.objects.values_list("name", "language", "text")) == before


@given(text=WRITTEN | AWKWARD)
def test_a_cell_is_made_safe_and_plain_again(text: str) -> None:
    assert plain(safe(text)) == text


def test_a_file_is_imported_on_the_page_and_exported_again(desk: Desk) -> None:
    def upload(content: bytes, existing: str = "skip") -> Any:
        data = {"file": SimpleUploadedFile("texts.csv", content, "text/csv"), "existing": existing}
        return browser(desk).post(url(desk, "texts-import"), data, follow=True)

    answer = upload(b"name;text\na;{x}\nb;{y}\n")
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "Nothing was imported: 2 lines are wrong." in text
    assert "Line 2: There is no variable {x}." in text
    assert "too large" in upload(b"x" * 3_000_000).content.decode()
    assert "empty" in browser(desk).post(url(desk, "texts-import"), {"existing": "skip"}).content.decode()
    text = upload("name;language;text\nGruß;de;=Hallo\n".encode("cp1252")).content.decode()
    assert "Imported: 1 new, 0 changed, 0 left as they were." in text
    answer = browser(desk).get(url(desk, "texts-export"))
    assert answer.content.decode("utf-8") == "\ufeffname;language;text\r\nGruß;de;'=Hallo\r\n"
    assert 'filename="' in answer["Content-Disposition"]


def test_a_program_imports_exports_and_asks_what_fits_a_case(desk: Desk) -> None:
    _row, token = workspaces.make_token(actor=desk.actor, name="test", now=desk.now())
    client = Client(headers={"authorization": f"Bearer {token}"})

    def post(path: str, data: Any) -> Any:
        return client.post(f"/api/v1{path}", data, content_type="application/json")

    wrong = post("/saved-replies/import", {"content": HEAD + "a;de;{x}\n"})
    assert wrong.status_code == 400
    assert wrong.json()["code"] == "broken_file"
    assert wrong.json()["problems"] == [{"line": 2, "detail": "There is no variable {x}."}]
    content = HEAD + "Gruß;de;Hallo\nGruß;en;Hello {first_name}\n"
    done = post("/saved-replies/import", {"content": content, "existing": "update"}).json()
    assert done == {"added": 2, "changed": 0, "left": 0}
    assert client.get("/api/v1/saved-replies/export").json()["content"] == content.replace("\n", "\r\n")
    case = desk.asked("Hi")[1]
    Interaction.objects.update(language="en")
    (offer,) = client.get(f"/api/v1/cases/{case.pk}/saved-replies").json()["items"]
    assert (offer["text"], offer["language"], offer["suggested"]) == ("Hello Ada", "en", False)
    post(f"/cases/{case.pk}/replies", {"text": "Hello!", "saved_replies": [offer["id"]]})
    found = {entry["id"]: entry for entry in client.get("/api/v1/saved-replies").json()["items"]}
    assert found[offer["id"]]["used"] == 1
    assert found[offer["id"]]["last_used_at"] is not None
