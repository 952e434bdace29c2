from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.db.models import F, Q
from django.test.utils import CaptureQueriesContext

from kuemmerer.accounts.models import Membership, Role, User
from kuemmerer.core.models import AuditRecord, record
from kuemmerer.core.prepared import Prepared, PreparedRows
from tests.factories import Desk, actor

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 10, 10, 0, 30, 123456, tzinfo=UTC)


def noted(count: int) -> list[AuditRecord]:
    """Records a minute apart, the newest of now."""
    who = actor(Role.OWNER)
    for number in range(count):
        at = NOW - timedelta(minutes=count - 1 - number)
        record(workspace_id=who.workspace.pk, actor="x", verb=f"v{number}", subject=who.user, now=at)
    return list(AuditRecord.objects.filter(actor="x").order_by("pk"))


def test_the_answer_is_that_of_the_query_for_numbers_texts_and_moments() -> None:
    rows = noted(5)
    asked = Prepared(
        lambda after, verb, before, since: (
            AuditRecord.objects.filter(Q(pk__gt=after) | Q(verb=verb), at__lte=before)
            .filter(at__gte=since - timedelta(minutes=2))
            .order_by("pk")
            .values_list("pk", "verb")[:10]
        )
    )
    for after, verb, before, since in (
        (rows[2].pk, "v0", NOW, NOW - timedelta(hours=1)),
        (rows[3].pk, "v1", NOW - timedelta(seconds=1), NOW),
        (rows[0].pk, "none", NOW, NOW - timedelta(minutes=1)),
    ):
        expected = [
            (row.pk, row.verb)
            for row in rows
            if (row.pk > after or row.verb == verb) and since - timedelta(minutes=2) <= row.at <= before
        ]
        assert asked(after=after, verb=verb, before=before, since=since) == expected


def test_whole_rows_come_with_what_was_joined_and_without_what_was_left_out() -> None:
    who = actor(Role.AGENT)
    other = actor(Role.OWNER, who.workspace)
    asked = PreparedRows(
        lambda workspace: (
            Membership.objects.filter(workspace=workspace)
            .select_related("workspace", "user")
            .defer("created_at", "workspace__hours")
            .order_by("pk")
        )
    )
    for _again in range(2):
        found = asked(workspace=who.workspace.pk)
        assert [member.user for member in found] == [who.user, other.user]
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert {member.workspace.zone for member in found} == {who.workspace.zone}
            assert found[0].user.joined_at == who.user.joined_at
        assert len(queries) == 0
        assert found[0].get_deferred_fields() == {"created_at"}
        assert found[0].created_at == who.membership.created_at
    assert asked(workspace=actor().workspace.pk) != found
    assert asked(workspace=10**30) == []


def test_what_is_joined_and_is_not_there_is_none(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    _, case = desk.asked()
    author = case.author
    asked = PreparedRows(lambda pk: type(case).objects.select_related("assignee", "author").filter(pk=pk))
    with CaptureQueriesContext(connection) as queries:
        (found,) = asked(pk=case.pk)
        assert (found.assignee, found.author, found.last_at) == (None, author, case.last_at)
    assert len(queries) == 1
    desk.village.close()


@pytest.mark.parametrize(
    ("build", "argument"),
    [
        (lambda verb: AuditRecord.objects.filter(verb=f"{verb}!").values_list("pk"), "a"),
        (lambda at: AuditRecord.objects.filter(at__gte=at.replace(hour=0)).values_list("pk"), NOW),
        (lambda pk: AuditRecord.objects.filter(pk=pk + 1).values_list("pk"), 1),
        (lambda pk: AuditRecord.objects.filter(pk=pk).values_list("pk"), True),
        (lambda pk: AuditRecord.objects.filter(pk=pk).values_list("pk"), None),
        (lambda pk: AuditRecord.objects.filter(pk__in=[pk]).values_list("pk"), [1]),
        (lambda pk: AuditRecord.objects.order_by("pk" if pk % 2 else "-pk").values_list("pk"), 1),
    ],
)
def test_a_query_that_cannot_be_prepared_says_so_at_once(build: Any, argument: Any) -> None:
    (name,) = build.__code__.co_varnames[:1]
    with pytest.raises(TypeError):
        Prepared(build)(**{name: argument})


def test_what_the_database_computes_is_no_argument() -> None:
    rows = noted(2)
    asked = Prepared(lambda pk: AuditRecord.objects.filter(pk=pk, at=F("at"), verb="v1").values_list("verb"))
    assert asked(pk=rows[1].pk) == [("v1",)]
    assert asked(pk=rows[0].pk) == []


@pytest.mark.django_db(transaction=True)
def test_another_thread_asks_its_own_connection() -> None:
    who = actor(Role.OWNER)
    asked = PreparedRows(lambda user: User.objects.filter(pk=user))
    assert asked(user=who.user.pk) == [who.user]
    found: list[Any] = []

    def elsewhere() -> None:
        try:
            found.extend(asked(user=who.user.pk))
            found.append(found[0].joined_at)
        finally:
            connections.close_all()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert found == [who.user, who.user.joined_at]
