"""What the inbox knows about people: their cases, our answers to them, the team's notes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kuemmerer.accounts.models import Workspace
from kuemmerer.channels.delivery import State
from kuemmerer.channels.models import Interaction
from kuemmerer.channels.privacy import Part, Section, Subject, pieces
from kuemmerer.core.errors import Conflict
from kuemmerer.core.models import forget
from kuemmerer.inbox import merging, search
from kuemmerer.inbox.automation import rules
from kuemmerer.inbox.models import Case, CaseInteraction, MergedCase, Note, Reply, SavedView, Status
from kuemmerer.notify import forgetting

_ON_ITS_WAY = Q(state__in=[State.PENDING, State.SENDING]) | Q(state=State.UNKNOWN, next_at__isnull=False)


class InboxData(Part):
    labels: ClassVar[Mapping[str, str | Promise]] = {
        "cases": pgettext_lazy("of a person", "cases"),
        "replies": pgettext_lazy("of a person", "answers of ours"),
        "notes": pgettext_lazy("of a person", "notes of the team"),
    }

    def refuse(self, subject: Subject) -> None:
        if _replies(subject).filter(_ON_ITS_WAY).exists():
            raise Conflict(
                _("An answer to this person is still on its way. Wait until it has arrived, or withdraw it.")
            )

    def count(self, subject: Subject) -> Mapping[str, int]:
        return {
            "cases": _cases(subject).count(),
            "replies": _replies(subject).count(),
            "notes": Note.objects.filter(case__author__in=subject.author_ids).count(),
        }

    def sections(self, subject: Subject) -> list[Section]:
        return [_case_section(subject), _reply_section(subject), _note_section(subject)]

    def erase(self, subject: Subject, now: datetime) -> None:
        _erase_cases(list(_cases(subject).values_list("pk", flat=True)), subject.workspace)
        _redact(subject)

    def holds(self, interaction_ids: Sequence[int]) -> set[int]:
        """What waits for us, and what an answer on its way refers to."""
        links = CaseInteraction.objects.filter(interaction__in=interaction_ids)
        waiting = links.filter(case__status__in=[Status.OPEN, Status.SNOOZED])
        under_way = Reply.objects.filter(_ON_ITS_WAY, interaction__in=interaction_ids)
        return {
            *waiting.values_list("interaction", flat=True),
            *under_way.values_list("interaction", flat=True),
        }

    def answered_at(self, interaction_ids: Sequence[int]) -> Mapping[int, datetime]:
        """By the first answer in the case that was written after the words."""
        links = CaseInteraction.objects.filter(interaction__in=interaction_ids)
        written = dict(links.values_list("interaction", "interaction__created_at"))
        found: dict[int, datetime] = {}
        answers = links.filter(case__replies__state=State.DELIVERED).values_list(
            "interaction", "case__replies__written_at", "case__replies__delivered_at"
        )
        for pk, at, arrived in answers:
            if at >= written[pk]:
                found[pk] = min(found.get(pk, arrived or at), arrived or at)
        return found

    def expire(self, interaction_ids: Sequence[int]) -> None:
        """The cases of which no words are left go."""
        touched = set(
            CaseInteraction.objects.filter(interaction__in=interaction_ids).values_list("case", flat=True)
        )
        staying = CaseInteraction.objects.filter(case__in=touched).exclude(interaction__in=interaction_ids)
        ids = touched - set(staying.values_list("case", flat=True))
        _stay_at_home(touched - ids, interaction_ids)
        for workspace in Workspace.objects.filter(cases__in=ids).distinct():
            _erase_cases(list(ids), workspace)


def _stay_at_home(case_ids: Iterable[int], gone: Sequence[int]) -> None:
    """A merged case must not go with one of its conversations while it has words in another one."""
    for case in Case.objects.filter(pk__in=case_ids, regrouped=True):
        left = Interaction.objects.filter(case_interaction__case=case).exclude(pk__in=gone)
        merging.at_home(case, list(left.only("pk", "thread_id").order_by("created_at", "pk")))
        case.save(update_fields=["thread", "part"])


def _cases(subject: Subject) -> QuerySet[Case]:
    return Case.objects.filter(author__in=subject.author_ids)


def _replies(subject: Subject) -> QuerySet[Reply]:
    """Answers in the person's cases, and to the person's words in whatever case."""
    return Reply.objects.filter(
        Q(case__author__in=subject.author_ids) | Q(interaction__author__in=subject.author_ids)
    )


def _erase_cases(ids: Sequence[int], workspace: Workspace) -> None:
    """With answers, notes, notices and what the audit log says of them: that something was done stays, not
    what.
    """
    merged = list(MergedCase.objects.filter(case__in=ids).values_list("old_id", flat=True))
    paths = [_place(workspace, pk) for pk in [*ids, *merged]]
    for some in pieces(ids):
        once = merging.ids_of_words(some)
        for name, model in (("reply", Reply), ("note", Note)):
            rows = dict(model.objects.filter(case__in=some).values_list("pk", "case"))
            forget(workspace_id=workspace.pk, subject_type=name, subject_ids=rows)
            paths += [
                f"{_place(workspace, known)}#{name}-{pk}" for pk, at in rows.items() for known in once[at]
            ]
        Case.objects.filter(pk__in=some).delete()
    forget(workspace_id=workspace.pk, subject_type="case", subject_ids=[*ids, *merged])
    if paths:
        forgetting.forget(workspace_id=workspace.pk, paths=paths)


def _place(workspace: Workspace, case_id: int) -> str:
    return reverse("case", args=[workspace.slug, case_id])


def _redact(subject: Subject) -> None:
    """Others' cases in the same conversations stay, without the person's names."""
    redactor = subject.redactor
    for view in SavedView.objects.filter(workspace=subject.workspace):
        if redactor.text(view.search) != view.search or redactor.text(view.name) != view.name:
            view.delete()
    rules.redact(subject.workspace, redactor.text)
    for some in pieces(subject.thread_ids):
        notes, replies = [], []
        around = _cases_around(some)
        for case in Case.objects.filter(pk__in=around).only("pk", "excerpt"):
            if (text := redactor.text(case.excerpt)) != case.excerpt:
                Case.objects.filter(pk=case.pk).update(excerpt=text[:200])
        for note in Note.objects.filter(case__in=around).only("pk", "case_id", "text"):
            if (text := redactor.text(note.text)) != note.text:
                Note.objects.filter(pk=note.pk).update(text=text)
                for known in merging.ids_of_words([note.case_id])[note.case_id]:
                    path = f"{_place(subject.workspace, known)}#note-{note.pk}"
                    forgetting.reword(workspace_id=subject.workspace.pk, path=path, text=text)
                notes.append(note.pk)
        # What is about to be sent goes out exactly as it was written.
        for reply in Reply.objects.filter(case__in=around).exclude(_ON_ITS_WAY).only("pk", "text"):
            if (text := redactor.text(reply.text)) != reply.text:
                Reply.objects.filter(pk=reply.pk).update(text=text)
                replies.append(reply.pk)
        links = Interaction.objects.filter(case_interaction__case__in=around).only("pk", "text", "title")
        named = [i.pk for i in links if redactor.text(i.text) != i.text or redactor.text(i.title) != i.title]
        search.changed(replies=replies, notes=notes, interactions=named)


def _cases_around(thread_ids: Sequence[int]) -> set[int]:
    """The cases in these conversations, also those that stand in another one since they were merged."""
    merged = Case.objects.filter(regrouped=True, case_interactions__interaction__thread__in=thread_ids)
    here = Case.objects.filter(thread__in=thread_ids)
    return {*here.values_list("pk", flat=True), *merged.values_list("pk", flat=True)}


# --- export


def _case_section(subject: Subject) -> Section:
    return Section(
        key="cases",
        title=pgettext_lazy("of a person", "Cases"),
        rows=[
            {
                "channel": case.channel.name,
                "status": case.get_status_display(),
                "labels": ", ".join(label.name for label in case.labels.all()),
                "rules": ", ".join(sorted({hit.rule.name for hit in case.rule_hits.all()})),
                "opened_at": case.opened_at,
                "answered_at": case.answered_at,
                "closed_at": case.closed_at,
            }
            for case in _cases(subject)
            .select_related("channel")
            .prefetch_related("labels", "rule_hits__rule")
            .order_by("opened_at")
        ],
        labels={
            "channel": _("Channel"),
            "status": _("Status"),
            "labels": _("Labels"),
            "rules": _("Automation rules that held"),
            "opened_at": _("Opened"),
            "answered_at": _("Answered"),
            "closed_at": _("Closed"),
        },
    )


def _reply_section(subject: Subject) -> Section:
    return Section(
        key="replies",
        title=_("Our answers to you"),
        rows=[
            {
                "channel": reply.channel.name,
                "text": reply.text,
                "state": reply.get_state_display(),
                "written_at": reply.written_at,
                "delivered_at": reply.delivered_at,
                "url": reply.url,
            }
            for reply in _replies(subject).select_related("channel").order_by("written_at")
        ],
        labels={
            "channel": _("Channel"),
            "text": _("Text"),
            "state": _("Status"),
            "written_at": _("Written"),
            "delivered_at": _("Delivered"),
            "url": _("Address"),
        },
    )


def _note_section(subject: Subject) -> Section:
    notes = Note.objects.filter(case__author__in=subject.author_ids).order_by("created_at")
    return Section(
        key="notes",
        title=_("Notes of our team about it"),
        rows=[{"text": note.text, "created_at": note.created_at} for note in notes],
        labels={"text": _("Text"), "created_at": _("Written")},
    )
