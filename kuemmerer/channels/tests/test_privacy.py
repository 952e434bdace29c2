"""Export and erasure of everything about a person."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as django_settings

from kuemmerer.accounts.models import Role
from kuemmerer.audience import contacts
from kuemmerer.audience.models import Contact
from kuemmerer.channels import connections, interactions, privacy
from kuemmerer.channels.export import export
from kuemmerer.channels.models import Author, Channel, Erased, Interaction, PrivacyRecord, Thread
from kuemmerer.core.encryption import fingerprint
from kuemmerer.core.errors import Conflict, Forbidden, Invalid
from kuemmerer.core.models import AuditRecord
from kuemmerer.inbox import notes, replies, sweeps
from kuemmerer.inbox.models import Case, Note, Reply
from kuemmerer.networks.base import Item, Kind, Person
from kuemmerer.networks.demo import Demo
from kuemmerer.notify import notices
from kuemmerer.notify.models import Notice
from kuemmerer.publishing import ideas
from tests.factories import Clock, Desk

NAME = "Zaphod Plantagenet"
HANDLE = "zz9plural@far.example"
REMOTE = "https://far.example/users/zz9plural"
PLANTED = (
    NAME,
    HANDLE,
    "zz9plural",
    REMOTE,
    "plantedtown",
    "plantedquestion",
    "plantedroot",
    "plantedanswer",
    "plantednote",
    "plantedwithdrawn",
    "plantedphone",
    "plantedentry",
    "plantedips",
)
PERSON = Person(
    remote_id=REMOTE,
    handle=HANDLE,
    name=NAME,
    url="https://far.example/@zz9plural",
    avatar_url="https://far.example/zz9plural.png",
    about="lives in plantedtown",
)
OTHER = Person(
    remote_id="https://near.example/users/other", handle="other@near.example", name="Otto Andersmann"
)
OURS = Person(remote_id="baker", handle="baker", name="Bäckerei Probe")


def item(remote_id: str, author: Person, text: str, **more: Any) -> Item:
    fields: dict[str, Any] = {"kind": Kind.COMMENT, "thread_id": "our-post", "created_at": more.pop("at")}
    return Item(remote_id=remote_id, author=author, text=text, **{**fields, **more})


def conversation(desk: Desk) -> list[Item]:
    """Our post with the person's question, what others say to it, our answer; and a post of the person's."""
    at = desk.now() - timedelta(hours=3)
    asked, root = f"{REMOTE}/1", f"{REMOTE}/2"
    mentions = {"mentions": [{"acct": HANDLE, "id": REMOTE}]}
    return [
        item("our-post", OURS, "Frisch aus dem Ofen", kind=Kind.POST, ours=True, at=at),
        item(
            asked,
            PERSON,
            "plantedquestion @other@near.example: und Otto Andersmann?",
            parent_id="our-post",
            raw={"ip": "plantedips", "account": {"id": REMOTE, "likes": 3}, "to": {"id": OTHER.remote_id}},
            at=at,
        ),
        item("o1", OTHER, f"@{HANDLE} genau, {NAME}, so ist es", parent_id=asked, raw=mentions, at=at),
        item("o2", OTHER, "Etwas ganz anderes", parent_id="our-post", raw=mentions, at=at),
        item("us1", OURS, f"@{HANDLE} plantedanswer", parent_id=asked, ours=True, raw=mentions, at=at),
        item(root, PERSON, "plantedroot", thread_id=root, kind=Kind.MENTION, at=at),
        item("o3", OTHER, "Ich auch", thread_id=root, parent_id=root, raw={"in_reply_to": root}, at=at),
        item(f"{REMOTE}/3", PERSON, "plantedentry", kind=Kind.ENTRY, title="plantedentry", at=at),
    ]


@pytest.fixture
def planted(desk: Desk) -> Desk:
    """A desk that has had to do with the person in every way that it can."""
    interactions.store(channel=desk.channel, items=conversation(desk), now=desk.now())
    sweeps.open_cases(desk.now())
    ideas.collect_from_channel(desk.channel, desk.now())
    me, now = desk.actor, desk.now()
    for case in Case.objects.filter(author__remote_id=REMOTE):
        notes.add(actor=me, case_id=case.pk, text="plantednote", now=now)
        taken_back = replies.write(actor=me, case_id=case.pk, text="plantedwithdrawn", now=now)
        replies.withdraw(actor=me, reply_id=taken_back.pk, now=now)
    theirs = Case.objects.filter(author__remote_id=OTHER.remote_id, thread__remote_id="our-post").get()
    notes.add(actor=me, case_id=theirs.pk, text=f"Streitet mit {NAME}", now=now)
    _told(desk, Case.objects.filter(author__remote_id=REMOTE))
    contact = contacts.make(actor=me, author_id=person().pk, now=now)
    details = contacts.Details(name=NAME, phone="plantedphone", notes="plantednote", language="de")
    contacts.change(actor=me, contact_id=contact.pk, details=details, now=now)
    return desk


def _told(desk: Desk, about: Iterable[Case]) -> None:
    """Notices about these cases, and a summary that also tells of another."""
    me, base = desk.actor, f"/w/{desk.actor.workspace.slug}/inbox/"
    paths = [f"{base}{case.pk}/" for case in about]
    for path in paths:
        notices.tell(
            workspace=me.workspace,
            user=me.user,
            kind="assigned",
            title=NAME,
            path=path,
            key=path,
            now=desk.now(),
        )
    lines = [{"text": NAME, "path": paths[0]}, {"text": "Etwas anderes", "path": base}]
    Notice.objects.create(
        workspace=me.workspace,
        user=me.user,
        kind="digest",
        title="2",
        path=base,
        lines=lines,
        key="digest",
        created_at=desk.now(),
    )


def person() -> Author:
    return Author.objects.get(remote_id=REMOTE)


def erase(desk: Desk, **more: Any) -> PrivacyRecord:
    subject = contacts.subject_of(actor=desk.actor, contact_id=Contact.objects.get().pk)
    return privacy.erase(actor=desk.actor, subject=subject, sure=True, now=desk.now(), **more)


def everywhere(words: tuple[str, ...]) -> list[str]:
    """In which columns of which tables any of `words` stands, in whatever spelling."""
    found = set()
    for model in apps.get_models(include_auto_created=True):
        for row in model._default_manager.values():
            for column, value in row.items():
                text = json.dumps(value, default=str, ensure_ascii=False).lower()
                found |= {f"{model._meta.label}.{column}: {w}" for w in words if w.lower() in text}
    return sorted(found)


# --- erasing


def test_after_erasure_no_column_of_any_table_names_the_person_or_holds_their_words(planted: Desk) -> None:
    before = "\n".join(everywhere(PLANTED))
    for table in ("channels.Author", "channels.Interaction", "inbox.Case", "inbox.Note", "audience.Contact"):
        assert table in before
    assert "core.AuditRecord.details: plantedwithdrawn" in before
    assert "publishing.Idea.title: plantedentry" in before
    erase(planted)
    assert everywhere(PLANTED) == []


def test_summaries_keep_the_lines_about_others(planted: Desk) -> None:
    erase(planted)
    assert [line["text"] for line in Notice.objects.get().lines] == ["Etwas anderes"]


def test_what_others_wrote_stays_without_what_leads_back(planted: Desk) -> None:
    erase(planted)
    assert Interaction.objects.get(remote_id="o1").text == "[…] genau, […], so ist es"
    quiet = Interaction.objects.get(remote_id="o2")
    assert (quiet.text, quiet.parent_remote_id, quiet.raw) == ("Etwas ganz anderes", "our-post", {})
    assert Interaction.objects.get(remote_id="o3").parent_remote_id == ""
    assert Note.objects.get().text == "Streitet mit […]"
    assert not Interaction.objects.filter(remote_id="us1").exists()
    assert Case.objects.filter(author__remote_id=OTHER.remote_id).count() == 2


def test_the_next_sync_does_not_bring_back_what_was_erased(planted: Desk) -> None:
    erase(planted)
    before = Interaction.objects.count()
    stored = interactions.store(channel=planted.channel, items=conversation(planted), now=planted.now())
    assert stored.new == 0
    assert Interaction.objects.count() == before
    assert everywhere(PLANTED) == []
    new = item(f"{REMOTE}/9", PERSON, "plantedquestion", at=planted.now())
    answer = item("us9", OURS, "Hallo", parent_id=f"{REMOTE}/1", ours=True, at=planted.now())
    assert interactions.store(channel=planted.channel, items=[new, answer], now=planted.now()).new == 0


def test_a_conversation_that_the_person_began_goes_on_for_others(planted: Desk) -> None:
    erase(planted)
    thread = Interaction.objects.get(remote_id="o3").thread
    root = f"{REMOTE}/2"
    more = item("o4", OTHER, "Noch etwas", thread_id=root, parent_id=root, raw={"re": root}, at=planted.now())
    assert interactions.store(channel=planted.channel, items=[more], now=planted.now()).new == 1
    stored = Interaction.objects.get(remote_id="o4")
    assert (stored.thread, stored.parent_remote_id, stored.raw) == (thread, "", {})
    assert everywhere(PLANTED) == []


def test_not_even_after_the_channel_was_taken_off_and_connected_again(planted: Desk) -> None:
    erase(planted)
    connections.disconnect(actor=planted.actor, channel_id=planted.channel.pk, erase=True, now=planted.now())
    again = connections.keep(
        actor=planted.actor, connector=Demo(), connected=planted.login(), name="", days=30, now=planted.now()
    )
    assert again.has_erased
    interactions.store(channel=again, items=conversation(planted), now=planted.now())
    assert not Author.objects.filter(remote_id=REMOTE).exists()
    assert Author.objects.filter(remote_id=OTHER.remote_id).exists()


def test_readers_learn_of_redacted_words_by_their_change_number(planted: Desk) -> None:
    seq = planted.state.seq
    erase(planted)
    changed = set(Interaction.objects.changed_since(planted.channel, seq).values_list("remote_id", flat=True))
    assert {"o1", "o2", "o3"} <= changed
    assert planted.state.seq == max(Interaction.objects.values_list("seq", flat=True))


def test_a_record_stays_that_says_who_when_and_how_much_and_names_nobody(planted: Desk) -> None:
    made = erase(planted)
    assert (made.actor, made.at, made.kind) == (planted.actor.user.email, planted.now(), "erasure")
    assert made.counts == {
        "accounts": 1,
        "interactions": 3,
        "own_answers": 1,
        "contacts": 1,
        "cases": 2,
        "notes": 2,
        "ideas": 1,
    }
    assert len(made.hashes) == 1
    assert len(made.hashes[0]) == 64
    assert AuditRecord.objects.filter(verb="erased a person", subject_id=made.pk).exists()


def test_the_hash_cannot_be_guessed_without_the_key_of_the_installation(settings: Any) -> None:
    before = fingerprint("author", REMOTE)
    assert before == fingerprint("author", REMOTE)
    assert fingerprint("author", REMOTE[:-1], REMOTE[-1]) != before
    settings.SECRET_KEY = django_settings.SECRET_KEY + "x"
    assert fingerprint("author", REMOTE) != before


def test_others_with_nearly_the_same_name_are_left_alone(planted: Desk) -> None:
    near = Person(remote_id=f"{REMOTE}x", handle="zz9pluralx@far.example", name=f"{NAME}x")
    ask = item("n1", near, f"Ich bin {NAME}x, @zz9pluralx@far.example", at=planted.now())
    interactions.store(channel=planted.channel, items=[ask], now=planted.now())
    erase(planted)
    assert Interaction.objects.get(remote_id="n1").text == f"Ich bin {NAME}x, @zz9pluralx@far.example"
    assert interactions.store(channel=planted.channel, items=[ask], now=planted.now()).new == 0
    assert Author.objects.filter(remote_id=near.remote_id).exists()


def test_while_an_answer_is_on_its_way_nobody_is_erased(planted: Desk) -> None:
    case = Case.objects.filter(author__remote_id=REMOTE).first()
    assert case is not None
    reply = planted.reply(case, "Bis gleich")
    with pytest.raises(Conflict, match="on its way"):
        erase(planted)
    assert person()
    replies.withdraw(actor=planted.actor, reply_id=reply.pk, now=planted.now())
    erase(planted)
    assert not Reply.objects.exists()


def test_the_own_account_of_a_channel_is_not_erased(planted: Desk) -> None:
    own = Author.objects.get(channel=planted.channel, remote_id="baker")
    subject = contacts.subject_of_author(actor=planted.actor, author_id=own.pk)
    with pytest.raises(Conflict, match="disconnect the channel"):
        privacy.erase(actor=planted.actor, subject=subject, sure=True, now=planted.now())


def test_only_who_may_and_is_sure_erases_or_exports(planted: Desk) -> None:
    subject = contacts.subject_of_author(actor=planted.actor, author_id=person().pk)
    agent = planted.member(Role.AGENT)
    for refused in (
        lambda: privacy.erase(actor=agent, subject=subject, sure=True, now=planted.now()),
        lambda: privacy.inventory(actor=agent, subject=subject),
        lambda: export(actor=agent, subject=subject, now=planted.now()),
    ):
        with pytest.raises(Forbidden):
            refused()
    with pytest.raises(Invalid):
        privacy.erase(actor=planted.actor, subject=subject, sure=False, now=planted.now())
    assert person()


def test_of_several_accounts_one_can_be_erased_alone(planted: Desk) -> None:
    other = Author.objects.get(remote_id=OTHER.remote_id)
    contact = Contact.objects.get()
    contacts.link(actor=planted.actor, contact_id=contact.pk, author_id=other.pk, now=planted.now())
    subject = contacts.subject_of_author(actor=planted.actor, author_id=other.pk)
    privacy.erase(actor=planted.actor, subject=subject, sure=True, now=planted.now())
    assert contacts.accounts_of(contact) == [person()]
    assert not Author.objects.filter(remote_id=OTHER.remote_id).exists()


def test_erasing_leaves_no_empty_conversation(planted: Desk) -> None:
    erase(planted)
    assert not Thread.objects.filter(interactions=None).exists()


def test_a_channel_that_erased_nobody_asks_for_no_hashes(desk: Desk, django_assert_num_queries: Any) -> None:
    interactions.store(channel=desk.channel, items=conversation(desk), now=desk.now())
    assert not desk.state.has_erased
    assert not Erased.objects.exists()
    # Savepoint and its release, the channel's row, what is known, authors, threads.
    with django_assert_num_queries(6):
        interactions.store(channel=desk.channel, items=conversation(desk), now=desk.now())


# --- exporting


def unpacked(desk: Desk) -> tuple[dict[str, Any], str, str]:
    """What the ZIP holds: the JSON, the page, and all of it as one text."""
    subject = contacts.subject_of(actor=desk.actor, contact_id=Contact.objects.get().pk)
    made = export(actor=desk.actor, subject=subject, now=desk.now())
    with zipfile.ZipFile(io.BytesIO(made.content)) as archive:
        assert archive.namelist() == ["index.html", "style.css", "data.json"]
        page = archive.read("index.html").decode()
        text = archive.read("data.json").decode()
    return json.loads(text), page, page + text


def test_an_export_holds_all_that_is_known_in_the_language_of_the_person(planted: Desk) -> None:
    data, page, whole = unpacked(planted)
    for one in set(PLANTED) - {"plantedwithdrawn"}:
        assert one in whole, one
    assert '<html lang="de">' in page
    assert "Notizen" in page
    assert [row["text"] for row in data["interactions"]][1] == "plantedroot"
    assert data["interactions"][0]["raw"]["account"] == {"id": REMOTE, "likes": 3}
    assert data["contacts"][0]["phone"] == "plantedphone"


def test_an_export_names_nobody_else_and_says_so(planted: Desk) -> None:
    data, page, whole = unpacked(planted)
    for theirs in ("Otto Andersmann", OTHER.handle, OTHER.remote_id, planted.actor.user.email):
        assert theirs not in whole
    assert data["interactions"][0]["text"] == (
        "plantedquestion [eine andere Person]: und [eine andere Person]?"
    )
    assert "Etwas ganz anderes" not in whole
    assert "ausgelassen" in page


def test_an_export_is_recorded_and_changes_nothing_else(planted: Desk) -> None:
    rows = Interaction.objects.count()
    unpacked(planted)
    made = PrivacyRecord.objects.get()
    assert (made.kind, made.counts["interactions"]) == ("export", 3)
    assert Interaction.objects.count() == rows


def test_without_a_known_language_it_is_that_of_the_company(desk: Desk) -> None:
    quiet = replace(PERSON, about="")
    interactions.store(channel=desk.channel, items=[item("q", quiet, "Hm", at=desk.now())], now=desk.now())
    subject = contacts.subject_of_author(actor=desk.actor, author_id=person().pk)
    assert export(actor=desk.actor, subject=subject, now=desk.now()).language == "de"
    english = item("q2", quiet, "Hello", language="en-GB", at=desk.now())
    interactions.store(channel=desk.channel, items=[english], now=desk.now())
    subject = contacts.subject_of_author(actor=desk.actor, author_id=person().pk)
    assert export(actor=desk.actor, subject=subject, now=desk.now()).language == "en"


# --- statistics of employees


def test_statistics_stop_at_teams_until_an_owner_allows_more(desk: Desk, time: Clock) -> None:
    workspace = desk.actor.workspace
    assert not privacy.may_show_person(workspace)
    manager = desk.member(Role.MANAGER)
    with pytest.raises(Forbidden):
        privacy.set_personal_statistics(actor=manager, on=True, now=desk.now())
    assert privacy.set_personal_statistics(actor=desk.actor, on=True, now=desk.now())
    assert privacy.may_show_person(workspace)
    privacy.set_personal_statistics(actor=desk.actor, on=True, now=desk.now())
    privacy.set_personal_statistics(actor=desk.actor, on=False, now=desk.now())
    assert not privacy.may_show_person(workspace)
    verbs = AuditRecord.objects.filter(subject_type="dataprotection").order_by("pk")
    assert list(verbs.values_list("verb", "actor")) == [
        ("allowed personal statistics", desk.actor.user.email),
        ("forbade personal statistics", desk.actor.user.email),
    ]


def test_a_hash_is_kept_for_one_workspace_only(planted: Desk, tmp_path: Any) -> None:
    erase(planted)
    elsewhere = Desk(tmp_path)
    interactions.store(channel=elsewhere.channel, items=conversation(elsewhere), now=elsewhere.now())
    assert Author.objects.filter(channel=elsewhere.channel, remote_id=REMOTE).exists()
    assert not Channel.objects.get(pk=elsewhere.channel.pk).has_erased
    elsewhere.village.close()
