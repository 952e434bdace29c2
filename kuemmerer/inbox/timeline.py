"""What a case went through, from the audit log: who did what, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import formats, timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from kuemmerer.accounts.models import Team, User, Workspace
from kuemmerer.core.models import AuditRecord
from kuemmerer.core.prepared import PreparedRows
from kuemmerer.inbox import merging
from kuemmerer.inbox.models import Case, Intent, Priority

NEWEST = 100
"""Of a case that went through more, the newest so many are shown."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One deed: `text` is a whole sentence with the name of who did it."""

    id: int
    at: datetime
    icon: str
    text: str


class _Names:
    """Whom and what the records mean: they hold ids and addresses, and who has left has neither any more."""

    def __init__(self, workspace: Workspace, records: Sequence[AuditRecord]) -> None:
        details = [record.details for record in records]
        self._teams = Team.objects.filter(workspace=workspace).in_bulk(
            {d["team"] for d in details if d.get("team")}
        )
        people = {person for d in details for key in ("user", "assigned") if (person := d.get(key))}
        self._users = User.objects.in_bulk(people)
        addresses = {record.actor.partition(" ")[0] for record in records}
        self._by_address = {u.email: str(u) for u in User.objects.filter(email__in=addresses)}

    def actor(self, record: AuditRecord) -> str:
        address, _space, token = record.actor.partition(" ")
        name = self._by_address.get(address, record.actor)
        return f"{name} {token}" if token and address in self._by_address else name

    def user(self, user_id: int) -> str:
        found = self._users.get(user_id)
        return str(found) if found else _("somebody who has left")

    def team(self, details: Mapping[str, Any]) -> str:
        found = self._teams.get(details["team"])
        return str(found) if found else _("a team that was deleted")


def _assigned(who: str, d: Mapping[str, Any], names: _Names) -> str:
    if not d.get("user"):
        return _("%(who)s took the case from its owner") % {"who": who}
    return _("%(who)s gave the case to %(whom)s") % {"who": who, "whom": names.user(d["user"])}


def _to_team(who: str, d: Mapping[str, Any], names: _Names) -> str:
    if not d.get("team"):
        return _("%(who)s took the case from its team") % {"who": who}
    return _("%(who)s handed the case to the team %(team)s") % {"who": who, "team": names.team(d)}


def _classified(who: str, d: Mapping[str, Any], names: _Names) -> str:
    intent = dict(Intent.choices).get(d.get("intent", ""), _("no intent"))
    return _("%(who)s sorted the case: %(intent)s, priority %(priority)s") % {
        "who": who,
        "intent": intent,
        "priority": _priority(d),
    }


def _snoozed(who: str, d: Mapping[str, Any], names: _Names) -> str:
    until = parse_datetime(d["until"])
    said = formats.date_format(timezone.localtime(until), "SHORT_DATETIME_FORMAT") if until else d["until"]
    return _("%(who)s snoozed the case until %(until)s") % {"who": who, "until": said}


def _rule(who: str, d: Mapping[str, Any], names: _Names) -> str:
    done = [
        *(_("label %(label)s") % {"label": label} for label in d.get("labels", ())),
        *([_("given to %(whom)s") % {"whom": names.user(d["assigned"])}] if d.get("assigned") else ()),
        *([_("priority %(priority)s") % {"priority": _priority(d)}] if d.get("priority") else ()),
        *([_("suggested “%(name)s”") % {"name": d["suggested"]}] if d.get("suggested") else ()),
        *([_("to be hidden as spam")] if d.get("spam") else ()),
        *([_("closed")] if d.get("closed") else ()),
    ]
    told = ", ".join(done) or _("nothing to do")
    return _("Rule “%(rule)s”: %(done)s") % {"rule": d["rule"], "done": told}


def _set_priority(who: str, d: Mapping[str, Any], names: _Names) -> str:
    return _("%(who)s set the priority: %(priority)s") % {"who": who, "priority": _priority(d)}


def _priority(d: Mapping[str, Any]) -> str:
    return str(dict(Priority.choices).get(d.get("priority", Priority.NORMAL), ""))


def _plain(sentence: Callable[[], str]) -> Callable[[str, Mapping[str, Any], _Names], str]:
    return lambda who, d, names: sentence() % {**d, "who": who}


_SENTENCES: dict[str, tuple[str, Callable[[str, Mapping[str, Any], _Names], str]]] = {
    "assigned": ("user-check", _assigned),
    "handed to team": ("users", _to_team),
    "classified": ("tag", _classified),
    "snoozed": ("alarm-clock", _snoozed),
    "woken": ("alarm-clock", _plain(lambda: _("The snooze is over"))),
    "closed": ("check", _plain(lambda: _("%(who)s closed the case"))),
    "reopened": ("rotate-ccw", _plain(lambda: _("%(who)s reopened the case"))),
    "labelled": ("tag", _plain(lambda: _("%(who)s put the label %(label)s on"))),
    "unlabelled": ("tag", _plain(lambda: _("%(who)s took the label %(label)s off"))),
    "withdrew reply": ("x", _plain(lambda: _("%(who)s withdrew an answer"))),
    "sent again": ("send-horizontal", _plain(lambda: _("%(who)s sent an answer again"))),
    "changed answer": ("pencil", _plain(lambda: _("%(who)s changed the answer"))),
    "confirmed arrival": ("check-check", _plain(lambda: _("%(who)s saw that the answer has arrived"))),
    "ran rule": ("zap", _rule),
    "could not hide": ("circle-alert", _plain(lambda: _("A message could not be hidden at the network"))),
    "set priority": ("flag", _set_priority),
    "undid": ("rotate-ccw", _plain(lambda: _("%(who)s undid what was done to many cases at once"))),
    "merged": ("merge", _plain(lambda: _("%(who)s merged another case into this one"))),
    "split": ("split", _plain(lambda: _("%(who)s made a case of its own of some of this"))),
    "split from": ("split", _plain(lambda: _("%(who)s split this off another case"))),
    "approved answer": ("check", _plain(lambda: _("%(who)s approved the answer"))),
    "returned answer": ("rotate-ccw", _plain(lambda: _("%(who)s returned the answer: %(remark)s"))),
}
_SHOWN_OTHERWISE = {"replied", "noted", "merged into"}
"""What stands in the conversation itself, and what the record of the other case says as well."""


def _about(workspace_id: int, case_ids: Sequence[int]) -> QuerySet[AuditRecord]:
    found = AuditRecord.objects.filter(
        workspace_id=workspace_id, subject_type="case", subject_id__in=case_ids
    )
    return found.order_by("-id")[:NEWEST]


_records = PreparedRows(lambda workspace, case: _about(workspace, [case]))


def events(case: Case) -> list[Event]:
    """What people and sweeps did with a case, the oldest first; the newest 100 of them."""
    records = (
        list(_about(case.workspace_id, merging.all_ids(case)))
        if case.regrouped
        else _records(workspace=case.workspace_id, case=case.pk)
    )
    shown = [record for record in reversed(records) if record.verb not in _SHOWN_OTHERWISE]
    if not shown:
        return []
    names = _Names(case.workspace, shown)
    return [_event(record, names) for record in shown]


def _event(record: AuditRecord, names: _Names) -> Event:
    icon, sentence = _SENTENCES.get(record.verb, ("circle", _unknown(record.verb)))
    who = names.actor(record)
    try:
        text = sentence(who, record.details, names)
    except KeyError:
        # Of an erased person the details are gone; that it happened stays.
        text = _("%(who)s: %(verb)s") % {"who": who, "verb": record.verb}
    return Event(id=record.pk, at=record.at, icon=icon, text=text)


def _unknown(verb: str) -> Callable[[str, Mapping[str, Any], _Names], str]:
    return lambda who, d, names: _("%(who)s: %(verb)s") % {"who": who, "verb": verb}
