"""Search: what is found, in which order, for whom, and what has gone from the index."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kuemmerer.accounts.models import Role
from kuemmerer.channels import interactions
from kuemmerer.channels.models import Author, Interaction
from kuemmerer.core.errors import Invalid
from kuemmerer.inbox import cases, library, lists, notes, replies, search, sweeps
from kuemmerer.inbox.models import Case, CaseInteraction, Note, Passage, SearchMark, SearchWalk
from kuemmerer.networks.base import Item, Kind, Person
from kuemmerer.networks.base import Status as Shown
from tests.factories import MONDAY, Clock, Desk, actor, close


def write(desk: Desk, *texts: str, start: int = 0, thread: str | None = None, **more: Any) -> list[int]:
    """A mention for each text, one minute after the other, each in a case of its own (or all in `thread`);
    returns the ids of the cases.
    """
    items = [
        Item(
            kind=Kind.MENTION,
            remote_id=f"s{number}",
            thread_id=thread or f"s{number}",
            author=more.get("author") or Person(remote_id=f"w{number}", handle=f"w{number}", name="Wer"),
            created_at=MONDAY + timedelta(minutes=number),
            text=text,
        )
        for number, text in enumerate(texts, start=start)
    ]
    interactions.store(channel=desk.channel, items=items, now=desk.now() + timedelta(days=1))
    cases.open_from_channel(desk.state)
    search.fill(desk.now())
    ids = [item.remote_id for item in items]
    links = CaseInteraction.objects.filter(interaction__channel=desk.channel, interaction__remote_id__in=ids)
    return list(links.order_by("interaction__created_at").values_list("case_id", flat=True))


def find(desk: Desk, text: str, **filters: Any) -> list[int]:
    filters = {"view": "all", **filters}
    page = lists.case_list(actor=desk.actor, now=desk.now(), search=text, **filters)
    return [case.pk for case in page.cases]


def finds(desk: Desk, query: str, text: str) -> bool:
    (case,) = write(desk, text)
    return find(desk, query) == [case]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("Lieferung", "Wann kommen die Lieferungen?"),
        ("Lieferung", "Die Lieferzeit ist zu lang"),
        ("liefer", "Eure Lieferantin war da"),
        ("Haus", "Zwei Häuser weiter"),
        ("Häuser", "Vor dem Haus"),
        ("mueller", "Frau Müller fragt"),
        ("Müller", "Frau Mueller fragt"),
        ("STRASSE", "Neue Straße 5"),
        ("Straße", "NEUE STRASSE"),
        ("delivery", "Where are my deliveries?"),
        ("cafe", "Ein schönes Café"),
        ("Rech*", "Eine Rechnung"),
        ("Bestellung Rechnung", "Die Rechnung zur Bestellung fehlt"),
        ('"rechnung zur"', "Die Rechnung zur Bestellung fehlt"),
        ("„Rechnung zur“", "Die Rechnung zur Bestellung fehlt"),
        ("Bestellung -Lob", "Die Rechnung zur Bestellung fehlt"),
        ('Bestellung -"fehlt rechnung"', "Rechnung fehlt zur Bestellung"),
        ("E-Mail", "Schickt mir eine e-mail"),
        ("ada@example.org", "Ich bin ada@example.org"),
        ("😡", "So nicht 😡!"),
        ("שלום", "שלום עולם"),
        ("日本", "日本から"),
        ("Wer", "ohne den Namen"),
        ("@w0", "ohne den Namen"),
    ],
)
def test_a_search_finds(desk: Desk, query: str, text: str) -> None:
    assert finds(desk, query, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("Bestellung Lob", "Die Rechnung zur Bestellung fehlt"),
        ('"zur rechnung"', "Die Rechnung zur Bestellung fehlt"),
        ('"Rechnungen"', "Die Rechnung zur Bestellung fehlt"),
        ('"fehlt wer"', "Die Rechnung fehlt"),
        ("Bestellung -Rechnung", "Die Rechnung zur Bestellung fehlt"),
        ('Bestellung -"zur Bestellung"', "Die Rechnung zur Bestellung fehlt"),
        ("an", "Die Angst"),
        ("100%5", "100 sind 6"),
        ("forms : fehlt", "Die Rechnung fehlt"),
    ],
)
def test_a_search_does_not_find(desk: Desk, query: str, text: str) -> None:
    write(desk, text)
    assert find(desk, query) == []


@pytest.mark.parametrize("text", ["-", "***", '""', '"', "-wort", '-"ein wort"', "()", "…", "?!"])
def test_a_search_for_nothing_says_so_or_finds_nothing(desk: Desk, text: str) -> None:
    write(desk, "ein Wort")
    with pytest.raises(Invalid, match=r"\.$") as error:
        find(desk, text)
    assert error.value.field == "search"


def test_an_endless_search_is_refused(desk: Desk) -> None:
    with pytest.raises(Invalid, match="too long"):
        find(desk, "wort " * 2000)


def test_results_come_with_the_newest_match_first(desk: Desk) -> None:
    first, second, _third = write(desk, "Brot heute", "Brot morgen", "Kuchen")
    assert find(desk, "brot") == [second, first]
    assert find(desk, "kuchen OR brot") == []
    write(desk, "noch ein Brot", start=3, thread="s0", author=Person(remote_id="w0", handle="w0", name="Wer"))
    assert find(desk, "brot") == [first, second]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_paging_shows_each_case_once_even_with_many_matches(desk: Desk, limit: int) -> None:
    people = [Person(remote_id=f"w{n}", handle=f"w{n}", name="Wer") for n in range(4)]
    for number in range(12):
        write(desk, f"Brot {number}", start=number, thread="eins", author=people[number * 7 % 4])
    found: list[int] = []
    mark = None
    while True:
        page = lists.case_list(
            actor=desk.actor, now=desk.now(), view="all", search="brot", after=mark, limit=limit
        )
        found += [case.pk for case in page.cases]
        mark = page.next
        if mark is None:
            break
    newest = Case.objects.filter(channel=desk.channel).order_by("-last_at")
    assert found == [case.pk for case in newest]


def test_what_hardly_ever_fits_the_filters_is_found_too(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kuemmerer.inbox.search.finding.STEPS", (2, 3))
    monkeypatch.setattr("kuemmerer.inbox.search.finding.NEWEST", (2, 3))
    made = write(desk, *[f"Brot {number}" for number in range(15)])
    label = library.save_label(actor=desk.actor, name="Lob", color=1, now=desk.now())
    cases.label(actor=desk.actor, case_id=made[0], label_id=label.pk, on=True, now=desk.now())
    assert find(desk, "brot", label_id=label.pk) == [made[0]]
    monkeypatch.setattr("kuemmerer.inbox.search.finding.FEW", 0)
    found, mark, pages = [], None, 0
    while pages == 0 or mark:
        page = lists.case_list(
            actor=desk.actor, now=desk.now(), view="all", search="brot", label_id=label.pk, after=mark
        )
        found += [case.pk for case in page.cases]
        mark, pages = page.next, pages + 1
        assert pages < 15
    assert found == [made[0]]


def test_a_search_goes_together_with_all_filters(desk: Desk) -> None:
    made = write(desk, *["Brot"] * 6)
    label = library.save_label(actor=desk.actor, name="Lob", color=1, now=desk.now())
    cases.label(actor=desk.actor, case_id=made[3], label_id=label.pk, on=True, now=desk.now())
    cases.assign(actor=desk.actor, case_id=made[2], user_id=desk.actor.user.pk, now=desk.now())
    close(Case.objects.get(pk=made[1]), desk.actor)
    assert find(desk, "brot", label_id=label.pk) == [made[3]]
    assert find(desk, "brot", assignee_id=desk.actor.user.pk) == [made[2]]
    assert find(desk, "brot", view="mine") == [made[2]]
    assert find(desk, "brot", status="closed") == [made[1]]
    assert find(desk, "brot", channel_id=desk.channel.pk) == made[::-1]
    assert find(desk, "brot", channel_id=desk.channel.pk + 1) == []
    assert find(desk, "kuchen", view="mine") == []


def test_notes_replies_and_names_are_found_in_their_case(desk: Desk, time: Clock) -> None:
    _uid, case = desk.asked("Bis wann habt ihr offen?")
    notes.add(actor=desk.actor, case_id=case.pk, text="Stammkundin, Kulanz!", now=time.now)
    desk.reply(case, "Bis 18 Uhr, Öffnungszeiten im Netz.")
    sweeps.index(time.now)
    for text in ("kulanz", "öffnungszeit", "krüger", "@ada", "ada kulanz", "Krueger wann"):
        assert find(desk, text) == [case.pk], text
    page = lists.case_list(actor=desk.actor, now=time.now, view="all", search="kulanz")
    match = page.matches[case.pk]
    assert (match.kind, match.anchor) == ("note", f"note-{Note.objects.get().pk}")
    assert [(part.text, part.marked) for part in match.parts] == [
        ("Stammkundin, ", False),
        ("Kulanz", True),
        ("!", False),
    ]


def test_a_late_note_is_not_overlooked(desk: Desk, time: Clock) -> None:
    """Ids become visible in another order than they were given out: a long transaction comes late."""
    _uid, case = desk.asked()
    early = notes.add(actor=desk.actor, case_id=case.pk, text="früh", now=time.now)
    late = notes.add(actor=desk.actor, case_id=case.pk, text="spät", now=time.now)
    Note.objects.filter(pk=early.pk).delete()
    sweeps.index(time.now)
    assert find(desk, "spät") == [case.pk]
    early.save(force_insert=True)
    assert early.pk < late.pk
    time.forward(minutes=9)
    sweeps.index(time.now)
    assert find(desk, "früh") == [case.pk]


def test_a_reply_that_was_changed_is_found_with_its_new_words_only(desk: Desk, time: Clock) -> None:
    _uid, case = desk.asked()
    reply = desk.reply(case, "Altes Versprechen")
    sweeps.index(time.now)
    time.forward(minutes=20)
    sweeps.index(time.now)
    assert find(desk, "versprechen") == [case.pk]
    type(reply).objects.filter(pk=reply.pk).update(state="rejected", next_at=None)
    replies.send_again(actor=desk.actor, reply_id=reply.pk, text="Neue Auskunft", now=time.now)
    assert find(desk, "versprechen") == []
    sweeps.index(time.now)
    assert find(desk, "auskunft") == [case.pk]
    type(reply).objects.filter(pk=reply.pk).update(state="rejected", next_at=None)
    replies.withdraw(actor=desk.actor, reply_id=reply.pk, now=time.now)
    assert find(desk, "auskunft") == []


def test_an_edit_replaces_the_words(desk: Desk) -> None:
    uid, case = desk.asked("Das alte Brot")
    item = desk.interaction(uid)
    fresh = Item(
        kind=Kind(item.kind),
        remote_id=uid,
        thread_id=item.thread.remote_id,
        author=Person(remote_id="ada", handle="ada", name="Ada Krüger"),
        created_at=item.created_at,
        text="Der neue Kuchen",
    )
    interactions.store(channel=desk.channel, items=[fresh], now=desk.now())
    sweeps.open_cases(desk.now())
    sweeps.index(desk.now())
    assert (find(desk, "brot"), find(desk, "kuchen")) == ([], [case.pk])


@pytest.mark.parametrize("how", ["deleted", "spam"])
def test_what_is_withdrawn_leaves_the_index_with_its_case(desk: Desk, how: str) -> None:
    uid, _case = desk.asked("Das alte Brot")
    item = desk.interaction(uid)
    if how == "deleted":
        interactions.store(channel=desk.channel, items=[], gone=[uid], now=desk.now())
    else:
        interactions.changed_by_us(item, status=Shown.SPAM)
    sweeps.open_cases(desk.now())
    assert find(desk, "brot") == []
    assert entries(desk) == 0


def entries(desk: Desk) -> int:
    """Entries of the index that hold the word Brot, looked at below the search."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            form = f"'{desk.actor.workspace.pk:x}/brot'"
            cursor.execute("SELECT COUNT(*) FROM inbox_passage WHERE forms @@ %s::tsquery", [form])
        else:
            cursor.execute(
                "SELECT COUNT(*) FROM inbox_passage_forms WHERE inbox_passage_forms MATCH %s", ["brot"]
            )
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize("what", ["interaction", "author", "channel", "case"])
def test_what_is_erased_is_gone_from_the_index_in_the_same_transaction(desk: Desk, what: str) -> None:
    uid, case = desk.asked("Das alte Brot")
    notes.add(actor=desk.actor, case_id=case.pk, text="Brot", now=desk.now())
    desk.reply(case, "Neues Brot")
    sweeps.index(desk.now())
    assert entries(desk) == 3
    interaction = desk.interaction(uid)
    with transaction.atomic():
        rows = {"interaction": interaction, "author": interaction.author, "channel": desk.channel}
        {**rows, "case": case}[what].delete()
        assert entries(desk) == (1 if what == "interaction" else 0)


def test_the_words_of_one_company_are_nothing_to_another(desk: Desk, tmp_path: Any) -> None:
    other = Desk(tmp_path, owner=actor())
    (mine,) = write(desk, "Brot hier")
    (theirs,) = write(other, "Brot dort")
    assert (find(desk, "brot"), find(other, "brot")) == ([mine], [theirs])
    assert find(other, "hier") == find(desk, "dort") == []
    other.village.close()


def test_a_new_name_reaches_the_older_texts(desk: Desk) -> None:
    uid, case = desk.asked("Das alte Brot")
    Author.objects.filter(pk=desk.interaction(uid).author_id).update(name="Ada Neumann", handle="neu")
    search.fill(desk.now())
    assert find(desk, "neumann brot") == find(desk, "@neu") == [case.pk]
    assert find(desk, "krüger") == []


def test_a_crash_goes_on_where_it_stopped(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kuemmerer.inbox.search.index.BATCH", 3)
    calls = []

    def dies(*args: Any) -> None:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        original(*args)

    from kuemmerer.inbox.search import index

    original = index._note_names
    monkeypatch.setattr(index, "_note_names", dies)
    with pytest.raises(KeyboardInterrupt):
        write(desk, *["Brot"] * 8)
    assert 0 < Passage.objects.count() < 8
    monkeypatch.setattr(index, "_note_names", original)
    search.fill(desk.now())
    assert Passage.objects.count() == 8
    assert search.fill(desk.now()) == 0


def test_texts_of_the_same_second_have_room(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kuemmerer.inbox.search.index._NUMBER_BITS", 2)
    monkeypatch.setattr("kuemmerer.inbox.search.index.BATCH", 5)
    items = [
        Item(
            kind=Kind.MENTION,
            remote_id=f"s{number}",
            thread_id=f"s{number}",
            author=Person(remote_id=f"w{number}"),
            created_at=MONDAY,
            text="Brot",
        )
        for number in range(30)
    ]
    interactions.store(channel=desk.channel, items=items, now=desk.now())
    cases.open_from_channel(desk.state)
    search.fill(desk.now())
    assert len(find(desk, "brot")) == 30


@pytest.mark.parametrize("year", [1, 1969, 1999, 2300])
def test_a_text_with_an_impossible_time_is_found(desk: Desk, year: int) -> None:
    uid, case = desk.asked("Das alte Brot")
    Interaction.objects.filter(remote_id=uid).update(created_at=MONDAY.replace(year=year))
    Passage.objects.all().delete()
    list(search.rebuild(desk.now()))
    assert find(desk, "brot") == [case.pk]


def test_a_rebuild_brings_back_what_was_lost_and_can_be_searched_meanwhile(desk: Desk) -> None:
    made = write(desk, *["Brot"] * 4)
    notes.add(actor=desk.actor, case_id=made[0], text="Kulanz", now=desk.now())
    search.fill(desk.now())
    Passage.objects.filter(case_id=made[1]).delete()
    for _count in search.rebuild(desk.now()):
        assert len(find(desk, "brot")) >= 3
    assert sorted(find(desk, "brot")) == made
    assert find(desk, "kulanz") == [made[0]]
    assert SearchMark.objects.get().seq == desk.state.seq
    assert SearchWalk.objects.filter(what="note").exists()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=220) | st.text(alphabet="\"-*:()^{}+ANDORNEAR'\\|&!<> äßé\u202e😡\x00", max_size=60))
@example("x" * 10_000)
@example('"' * 199)
@example("NEAR(a b, 5)")
@example("forms:brot")
@example("\ud800 brot")
def test_whatever_is_typed_gets_a_clear_answer(desk: Desk, text: str) -> None:
    if not Passage.objects.exists():
        write(desk, "Das alte Brot AND NEAR(a b) ist hart -")
    with suppress(Invalid):
        assert len(find(desk, text)) <= 1


_VOCABULARY = ["brot", "brote", "brotzeit", "haus", "häuser", "an", "ein", "kuchen"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(st.sampled_from(_VOCABULARY), max_size=5), min_size=1, max_size=8),
    st.lists(st.sampled_from(_VOCABULARY), min_size=1, max_size=2),
    st.lists(st.sampled_from(_VOCABULARY), max_size=1),
    st.lists(st.sampled_from(_VOCABULARY), max_size=2),
)
def test_what_is_found_is_what_a_slow_reader_finds(
    desk: Desk, texts: list[list[str]], wanted: list[str], unwanted: list[str], phrase: list[str]
) -> None:
    finds_too = {
        "brot": {"brot", "brote", "brotzeit"},
        "brote": {"brot", "brote", "brotzeit"},
        "brotzeit": {"brotzeit"},
        "haus": {"haus", "häuser"},
        "häuser": {"haus", "häuser"},
        "an": {"an"},
        "ein": {"ein"},
        "kuchen": {"kuchen"},
    }

    def fits(text: list[str]) -> bool:
        pairs = [text[n : n + len(phrase)] for n in range(len(text))]
        return (
            all(finds_too[word] & set(text) for word in wanted)
            and not any(finds_too[word] & set(text) for word in unwanted)
            and (not phrase or phrase in pairs)
        )

    with transaction.atomic():
        made = write(desk, *[" ".join(text) for text in texts])
        query = " ".join([*wanted, *(f"-{word}" for word in unwanted), f'"{" ".join(phrase)}"'])
        assert find(desk, query) == [
            pk for pk, text in reversed(list(zip(made, texts, strict=True))) if fits(text)
        ]
        transaction.set_rollback(True)


def test_who_may_not_see_the_inbox_may_not_search_it(desk: Desk) -> None:
    write(desk, "Brot")
    guest = desk.member(Role.GUEST)
    page = lists.case_list(actor=guest, now=desk.now(), view="all", search="brot")
    assert len(page.cases) == 1
