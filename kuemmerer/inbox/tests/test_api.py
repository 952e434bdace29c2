"""The inbox for programs: the whole loop without a browser, and what is done with a case on the way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kuemmerer.api.tests.client import MONDAY, Program, playground, program, with_conversation
from kuemmerer.channels import interactions
from kuemmerer.channels.delivery import State
from kuemmerer.channels.models import Channel
from kuemmerer.core import clock
from kuemmerer.inbox import search
from kuemmerer.inbox.models import Reply
from kuemmerer.jobs import sweeps
from kuemmerer.networks import registry
from kuemmerer.networks.base import Delivered, Item, Kind, Person
from kuemmerer.networks.errors import Rejected

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_nine(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.DATA_DIR = tmp_path
    with clock.frozen(MONDAY):
        yield


@pytest.fixture
def desk() -> Program:
    """A program in a workspace with a connected channel that has fetched nothing yet."""
    program_ = program()
    program_.post("/channels", {"network": playground(), "days": 0})
    return program_


def comments(desk: Program, *numbers: int, minutes: int = 0, thread: str = "") -> None:
    """Comments come in, each in a thread of its own by an author of its own."""
    channel = Channel.objects.get(workspace=desk.membership.workspace)
    items = [
        Item(
            kind=Kind.COMMENT,
            remote_id=f"comment-{number}",
            thread_id=thread or f"thread-{number}",
            author=Person(remote_id=f"author-{number}", name=f"Author {number}", handle=f"a{number}"),
            created_at=MONDAY + timedelta(minutes=minutes),
            text=f"Question {number}",
        )
        for number in numbers
    ]
    interactions.store(channel=channel, items=items, now=clock.now())
    sweeps.sweeps()["inbox.open_cases"].run(clock.now())


def one_case(desk: Program) -> Any:
    comments(desk, 1)
    (case,) = desk.get("/cases")["items"]
    return case


@pytest.fixture
def accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network takes every answer, though it does not know the comments that were stored here by hand."""

    def publish(self: Any, session: Any, draft: Any, *, key: str) -> Delivered:
        return Delivered(remote_id=f"answer-{key}")

    monkeypatch.setattr(type(registry.get(playground())), "publish", publish)


def deliver() -> None:
    sweeps.sweeps()["inbox.deliver"].run(clock.now())


# --- the whole loop


def test_a_program_connects_a_channel_answers_a_case_and_sees_the_answer_arrive() -> None:
    desk = program()
    (network,) = (n for n in desk.get("/networks")["items"] if n["key"] == playground())
    assert network["capabilities"]["reply"]
    channel = desk.post("/channels", {"network": network["key"], "days": 30})
    desk.post(f"/channels/{channel['id']}/sync", status=200)
    sweeps.run_until_quiet(clock.now())
    assert desk.get(f"/channels/{channel['id']}")["synced_at"] == "2024-05-06T09:00:00Z"

    case = desk.get(f"/cases?status=open&channel={channel['id']}")["items"][0]
    detail = desk.get(f"/cases/{case['id']}")
    own = [i for i in detail["thread"]["items"] if i["id"] in detail["own_interaction_ids"]]
    assert own
    assert all(i["author"]["id"] == case["author"]["id"] for i in own)
    text = f"{detail['opening']}Danke, wir kümmern uns darum!"
    reply = desk.post(f"/cases/{case['id']}/replies", {"text": text, "close": True})
    assert (reply["state"], reply["text"]) == ("pending", text.strip())

    sweeps.run_until_quiet(clock.now())
    reply = desk.get(f"/replies/{reply['id']}")
    assert (reply["state"], reply["needs_person"], reply["problem"]) == ("delivered", False, None)
    assert reply["delivered_at"] == "2024-05-06T09:00:00Z"
    case = desk.get(f"/cases/{case['id']}")
    assert case["status"] == "closed"
    assert case["assignee"]["id"] == desk.membership.user_id
    assert [r["id"] for r in case["replies"]] == [reply["id"]]
    later = MONDAY + timedelta(minutes=20)
    with clock.frozen(later):
        sweeps.run_until_quiet(later)
        seen = [i for i in desk.all_of("/interactions") if i["ours"] and text.strip() in i["text"]]
    assert [i["remote_id"] for i in seen] == [reply["remote_id"]]


# --- replies


@pytest.mark.usefixtures("accepted")
def test_the_same_idempotency_key_twice_is_one_answer(desk: Program) -> None:
    path = f"/cases/{one_case(desk)['id']}/replies"
    first = desk.post(path, {"text": "Yes!"}, **{"Idempotency-Key": "order 66"})
    again = desk.post(path, {"text": "Yes!"}, **{"Idempotency-Key": "order 66"})
    deliver()
    after_delivery = desk.post(path, {"text": "Yes!"}, **{"Idempotency-Key": "order 66"})
    assert first["id"] == again["id"] == after_delivery["id"]
    assert after_delivery["state"] == "delivered"
    assert Reply.objects.count() == 1
    assert desk.post(path, {"text": "Yes!"}, **{"Idempotency-Key": "order 67"})["id"] != first["id"]


def test_an_idempotency_key_that_cannot_mean_the_same_answer_is_refused_with_a_sentence(
    desk: Program,
) -> None:
    path, key = f"/cases/{one_case(desk)['id']}/replies", {"Idempotency-Key": "order 66"}
    first = desk.post(path, {"text": "Yes!"}, **key)
    assert desk.post(path, {"text": "Yes!"}, **key) == first
    problem = desk.post(path, {"text": "No!"}, status=409, **key)
    assert (problem["code"], problem["title"]) == ("key_reused", "Conflict")
    assert "differs from it" in problem["detail"]
    desk.delete(f"/replies/{first['id']}")
    problem = desk.post(path, {"text": "Yes!"}, status=409, **key)
    assert problem["code"] == "withdrawn"
    assert not Reply.objects.exists()


def test_the_same_idempotency_key_on_two_cases_is_two_answers(desk: Program) -> None:
    comments(desk, 1, 2)
    one, two = desk.get("/cases")["items"]
    for case in (one, two):
        desk.post(f"/cases/{case['id']}/replies", {"text": "Yes!"}, **{"Idempotency-Key": "same"})
    assert Reply.objects.count() == 2
    assert all(len(reply.key) == 32 for reply in Reply.objects.all())


def test_two_workspaces_may_use_the_same_idempotency_key(desk: Program) -> None:
    other = program()
    other.post("/channels", {"network": playground(), "days": 0})
    for each in (desk, other):
        case = one_case(each)
        reply = each.post(f"/cases/{case['id']}/replies", {"text": "Yes!"}, **{"Idempotency-Key": "1"})
        assert reply["case_id"] == case["id"]


def test_an_empty_or_too_long_answer_is_refused_with_the_words_of_the_network(desk: Program) -> None:
    path = f"/cases/{one_case(desk)['id']}/replies"
    assert desk.post(path, {"text": "  "}, status=400)["code"] == "network_empty"
    problem = desk.post(path, {"text": "x" * 501}, status=400)
    assert (problem["code"], problem["field"]) == ("network_too_long", "text")


def test_an_answer_may_refer_to_one_interaction_of_the_case_only(desk: Program) -> None:
    comments(desk, 1, 2)
    one, two = desk.get("/cases")["items"]
    (foreign,) = desk.get(f"/cases/{two['id']}")["own_interaction_ids"]
    body = {"text": "Yes!", "interaction": foreign}
    assert desk.post(f"/cases/{one['id']}/replies", body, status=409)["code"] == "conflict"
    assert desk.post(f"/cases/{two['id']}/replies", body)["interaction_id"] == foreign


@pytest.mark.usefixtures("accepted")
def test_a_refused_answer_tells_why_and_is_sent_again_with_another_text(
    desk: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **more: Any) -> None:
        raise Rejected("refused", "No links, please")

    case = one_case(desk)
    reply = desk.post(f"/cases/{case['id']}/replies", {"text": "See https://example.org"})
    path = f"/replies/{reply['id']}"
    assert desk.post(f"{path}/send-again", {}, status=409)["code"] == "conflict"
    with monkeypatch.context() as patch:
        patch.setattr(type(registry.get(playground())), "publish", refuse)
        deliver()
    reply = desk.get(path)
    assert (reply["state"], reply["needs_person"]) == ("rejected", True)
    assert reply["problem"]["code"] == "refused"
    assert "No links, please" in reply["problem"]["detail"]
    assert desk.post(f"{path}/send-again", {"text": "Gladly!"}, status=200)["state"] == "pending"
    deliver()
    reply = desk.get(path)
    assert (reply["state"], reply["text"]) == ("delivered", "Gladly!")


@pytest.mark.parametrize(("arrived", "state"), [(True, "delivered"), (False, "pending")])
def test_a_person_decides_about_an_uncertain_answer(desk: Program, arrived: bool, state: str) -> None:
    case = one_case(desk)
    reply = desk.post(f"/cases/{case['id']}/replies", {"text": "Yes!"})
    path = f"/replies/{reply['id']}"
    assert desk.post(f"{path}/decide", {"arrived": arrived}, status=409)["code"] == "conflict"
    Reply.objects.update(state=State.UNKNOWN, next_at=None)
    assert desk.get(path)["needs_person"] is True
    assert desk.post(f"{path}/decide", {"arrived": arrived}, status=200)["state"] == state


@pytest.mark.usefixtures("accepted")
def test_an_answer_that_has_not_gone_out_is_taken_back_and_one_that_has_is_not(desk: Program) -> None:
    case = one_case(desk)
    replies = f"/cases/{case['id']}/replies"
    path = f"/replies/{desk.post(replies, {'text': 'Wait'})['id']}"
    desk.delete(path)
    desk.get(path, status=404)
    path = f"/replies/{desk.post(replies, {'text': 'Yes!'})['id']}"
    deliver()
    assert desk.delete(path, status=409)["code"] == "conflict"
    assert [reply["text"] for reply in desk.get(replies)["items"]] == ["Yes!"]


# --- what is done with a case


def test_a_case_gets_an_owner_and_loses_it(desk: Program) -> None:
    path = f"/cases/{one_case(desk)['id']}"
    colleague = program("agent", desk.membership.workspace)
    stranger = program()
    me = desk.post(f"{path}/assign", {"assignee": "me"}, status=200)["assignee"]
    assert me == {"id": desk.membership.user_id, "name": desk.membership.user.name}
    other = {"assignee": colleague.membership.user_id}
    assert desk.post(f"{path}/assign", other, status=200)["assignee"]["id"] == other["assignee"]
    assert len(colleague.get("/cases?view=mine")["items"]) == 1
    assert desk.post(f"{path}/assign", {"assignee": None}, status=200)["assignee"] is None
    nobody = {"assignee": stranger.membership.user_id}
    assert desk.post(f"{path}/assign", nobody, status=400)["field"] == "assignee"
    assert desk.post(f"{path}/assign", {"assignee": "you"}, status=422)["code"] == "invalid_input"
    assert desk.post(f"{path}/assign", {}, status=422)["code"] == "invalid_input"


def test_a_case_is_snoozed_closed_and_opened_again(desk: Program) -> None:
    path = f"/cases/{one_case(desk)['id']}"
    snoozed = desk.post(f"{path}/snooze", {"until": "2024-05-08T10:00:00+02:00"}, status=200)
    assert (snoozed["status"], snoozed["snoozed_until"]) == ("snoozed", "2024-05-08T08:00:00Z")
    past = desk.post(f"{path}/snooze", {"until": "2024-05-01T10:00:00Z"}, status=400)
    assert past["field"] == "until"
    for wrong in ("2024-05-08T10:00:00", "tomorrow", "0001-01-01T00:00:00+14:00"):
        assert desk.post(f"{path}/snooze", {"until": wrong}, status=422)["field"] == "until"
    closed = desk.post(f"{path}/close", status=200)
    assert (closed["status"], closed["due_at"], closed["closed_at"]) == (
        "closed",
        None,
        "2024-05-06T09:00:00Z",
    )
    opened = desk.post(f"{path}/reopen", status=200)
    assert opened["status"] == "open"
    assert opened["due_at"] is not None


def test_a_case_with_an_answer_on_its_way_cannot_be_closed(desk: Program) -> None:
    path = f"/cases/{one_case(desk)['id']}"
    desk.post(f"{path}/replies", {"text": "Yes!"})
    assert desk.post(f"{path}/close", status=409)["code"] == "conflict"


def test_labels_are_made_used_changed_and_deleted(desk: Program) -> None:
    path = f"/cases/{one_case(desk)['id']}"
    label = desk.post("/labels", {"name": "Urgent", "color": 3})
    assert desk.post("/labels", {"name": "urgent"}, status=409)["field"] == "name"
    assert desk.put(f"{path}/labels/{label['id']}")["labels"] == [label]
    assert desk.put(f"{path}/labels/{label['id']}")["labels"] == [label]
    assert len(desk.get(f"/cases?label={label['id']}")["items"]) == 1
    changed = desk.patch(f"/labels/{label['id']}", {"name": "Very urgent"})
    assert changed == label | {"name": "Very urgent"}
    assert desk.delete(f"{path}/labels/{label['id']}", status=200)["labels"] == []
    assert desk.get(f"/cases?label={label['id']}")["items"] == []
    desk.put(f"{path}/labels/{label['id']}")
    desk.delete(f"/labels/{label['id']}")
    assert desk.get("/labels")["items"] == []
    assert desk.get(path)["labels"] == []


def test_saved_replies_are_made_filled_in_changed_and_deleted(desk: Program) -> None:
    case = one_case(desk)
    saved = desk.post("/saved-replies", {"name": "Thanks", "text": "Thank you, {first_name}!"})
    path = f"/saved-replies/{saved['id']}"
    assert desk.get("/saved-replies")["items"] == [saved]
    assert desk.get(f"/cases/{case['id']}{path}") == {"text": "Thank you, Author!"}
    changed = desk.patch(path, {"text": "Thanks, {name}!", "language": "en"})
    assert changed == saved | {"text": "Thanks, {name}!", "language": "en"}
    assert desk.patch(path, {"text": "{nonsense}"}, status=400)["field"] == "text"
    desk.delete(path)
    assert desk.get("/saved-replies")["items"] == []


def test_notes_are_written_by_guests_too_and_read_with_the_case(desk: Program) -> None:
    case = one_case(desk)
    guest = program("guest", desk.membership.workspace)
    note = guest.post(f"/cases/{case['id']}/notes", {"text": "Known to us"})
    assert note["author"]["name"] == guest.membership.user.name
    assert desk.get(f"/cases/{case['id']}/notes")["items"] == [note]
    assert desk.get(f"/cases/{case['id']}")["notes"] == [note]
    assert desk.post(f"/cases/{case['id']}/notes", {"text": ""}, status=400)["field"] == "text"


def test_an_interaction_is_liked_and_hidden_at_its_network() -> None:
    desk = program()
    with_conversation(desk)
    (comment,) = desk.get("/interactions?kind=comment&limit=1")["items"]
    path = f"/interactions/{comment['id']}/actions"
    assert "like" in desk.get(path)["actions"]
    assert desk.post(path, {"action": "like"}, status=200)["liked"] is True
    assert desk.post(path, {"action": "like"}, status=200)["liked"] is True
    assert "unlike" in desk.get(path)["actions"]
    assert desk.post(path, {"action": "hide"}, status=200)["status"] == "hidden"
    assert desk.get(f"/interactions/{comment['id']}")["status"] == "hidden"
    assert desk.post(path, {"action": "applaud"}, status=422)["field"] == "action"


# --- lists


def test_the_views_show_what_they_say(desk: Program) -> None:
    comments(desk, 1, 2, 3)
    ids = {case["author"]["remote_id"]: case["id"] for case in desk.get("/cases")["items"]}
    desk.post(f"/cases/{ids['author-1']}/assign", {"assignee": "me"}, status=200)
    desk.post(f"/cases/{ids['author-2']}/close", status=200)

    def shown(query: str) -> set[str]:
        return {case["author"]["remote_id"] for case in desk.get(f"/cases?{query}")["items"]}

    assert shown("") == {"author-1", "author-2", "author-3"}
    assert shown("view=mine") == shown("assignee=me&status=open") == {"author-1"}
    assert shown("view=unassigned") == shown("assignee=none") == {"author-3"}
    assert shown(f"assignee={desk.membership.user_id}") == {"author-1"}
    assert shown("status=closed") == {"author-2"}
    assert shown("view=overdue") == set()
    search.fill(clock.now())
    assert shown("search=question 3") == {"author-3"}
    (found,) = desk.get("/cases?search=question -1 -2")["items"]
    assert found["match"]["kind"] == "interaction"
    assert [part["text"] for part in found["match"]["parts"] if part["marked"]] == ["Question"]
    assert desk.get("/cases")["items"][0]["match"] is None
    assert desk.get("/cases?search=-", status=400)["field"] == "search"
    assert desk.get("/cases/counts") == {"open": 2, "mine": 1, "unassigned": 1, "due": 0, "overdue": 0}
    with clock.frozen(MONDAY + timedelta(days=3)):
        assert shown("view=overdue") == shown("view=due") == {"author-1", "author-3"}
        assert desk.get("/cases?view=overdue")["items"][0]["overdue"] is True
    assert desk.get("/cases?view=due&assignee=none", status=400)["field"] == "assignee"


def test_a_view_is_saved_counted_changed_and_deleted(desk: Program) -> None:
    comments(desk, 1, 2)
    search.fill(clock.now())
    made = desk.post("/saved-views", {"name": "Questions", "search": "question", "shared": True})
    assert desk.get("/saved-views")["items"] == [made]
    assert desk.get("/saved-views/counts")["items"] == [{"id": made["id"], "count": 2, "more": False}]
    path = f"/saved-views/{made['id']}"
    changed = desk.patch(path, {"name": "Mine", "view": "mine", "shared": False})
    assert changed == {**made, "name": "Mine", "view": "mine", "shared": False}
    desk.delete(path)
    assert desk.get("/saved-views")["items"] == []
    assert desk.get("/cases?assignee=somebody", status=422)["field"] == "assignee"


@pytest.mark.parametrize("query", ["", "view=unassigned", "status=open", "status=open&assignee=none"])
def test_paging_through_cases_meets_each_once_though_new_ones_come(desk: Program, query: str) -> None:
    # Several at the same moment, so that the order does not hang on the moment alone.
    for number in range(5):
        comments(desk, *range(number * 4, number * 4 + 4), minutes=number)
    seen: list[str] = []
    after = ""
    for page_number in range(100):
        page = desk.get(f"/cases?limit=3&{query}&after={after}")
        seen += [case["author"]["remote_id"] for case in page["items"]]
        comments(desk, 100 + page_number, minutes=10)
        after = page["next"]
        if after is None:
            break
    old = [name for name in seen if int(name.removeprefix("author-")) < 100]
    assert sorted(old) == sorted(f"author-{number}" for number in range(20))
    assert len(set(seen)) == len(seen)


def test_a_long_conversation_is_read_page_by_page(desk: Program) -> None:
    comments(desk, *range(130), thread="long")
    case = desk.get("/cases?limit=1")["items"][0]
    detail = desk.get(f"/cases/{case['id']}")
    rest = desk.get(f"/cases/{case['id']}/thread?after={detail['thread']['next']}")
    ids = [one["id"] for one in detail["thread"]["items"] + rest["items"]]
    assert (len(ids), len(set(ids)), rest["next"]) == (130, 130, None)
    assert ids == sorted(ids, reverse=True)
    assert len(detail["own_interaction_ids"]) == 1


def test_a_list_of_cases_costs_the_same_few_queries_however_long_it_is(desk: Program) -> None:
    comments(desk, *range(40))
    counts = []
    for limit in (5, 40):
        with CaptureQueriesContext(connection) as queries:
            desk.get(f"/cases?limit={limit}")
        counts.append(len(queries))
        assert not any("OFFSET" in query["sql"] for query in queries)
    assert counts[0] == counts[1] <= 4
