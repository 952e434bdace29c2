"""The settings tab “Deadlines”: what is promised, and who is warned when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kuemmerer.accounts.access import Actor
from kuemmerer.channels.models import Channel
from kuemmerer.core import clock
from kuemmerer.inbox import promises
from kuemmerer.inbox.deadlines import RuleBook, promised_until
from kuemmerer.inbox.models import DeadlinePolicy, DeadlineRule, Intent, Label, Priority, Promise
from kuemmerer.inbox.promises import Conditions, Given
from kuemmerer.web.forms import DeskForm
from kuemmerer.web.page import WorkspaceRequest, page

FORM = ("GET", "HEAD", "POST")


class PromiseForm(DeskForm):
    promise = forms.ChoiceField(label=gettext_lazy("An answer is promised"), choices=Promise.choices)
    hours = forms.DecimalField(
        label=gettext_lazy("Hours of open time"),
        help_text=gettext_lazy("Counts for the first choice only."),
        min_value=0,
        max_value=1000,
        decimal_places=2,
    )

    def given(self) -> Given:
        return Given(
            promise=self.cleaned_data["promise"], minutes=round(float(self.cleaned_data["hours"]) * 60)
        )


class PolicyForm(PromiseForm):
    warn_assignee = forms.IntegerField(label=gettext_lazy("Warn the owner at"), min_value=0, max_value=500)
    warn_team = forms.IntegerField(label=gettext_lazy("Warn the team at"), min_value=0, max_value=500)
    warn_managers = forms.IntegerField(
        label=gettext_lazy("Warn the managers at"),
        help_text=gettext_lazy("Percent of the promised time. 100 is the moment of the deadline."),
        min_value=0,
        max_value=500,
    )

    def warnings(self) -> dict[str, int]:
        names = ("warn_assignee", "warn_team", "warn_managers")
        return {name: self.cleaned_data[name] for name in names}


class RuleForm(PromiseForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    intents = forms.MultipleChoiceField(
        label=gettext_lazy("What it is about"),
        choices=Intent.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    priorities = forms.MultipleChoiceField(
        label=gettext_lazy("Priority"),
        choices=Priority.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    field_order = ("name", "intents", "priorities", "channels", "labels", "promise", "hours")

    def __init__(self, *args: Any, actor: Actor, rule: DeadlineRule | None = None, **kwargs: Any) -> None:
        kwargs["initial"] = _initial(rule)
        kwargs["auto_id"] = f"rule-{rule.pk}-%s" if rule else "rule-%s"
        super().__init__(*args, **kwargs)
        rows = {
            "channels": (gettext_lazy("Channels"), Channel.objects.filter(workspace=actor.workspace)),
            "labels": (gettext_lazy("Labels"), Label.objects.filter(workspace=actor.workspace)),
        }
        for name, (label, found) in rows.items():
            choices = [(str(row.pk), str(row)) for row in found.order_by("name")]
            choices += _deleted(getattr(rule, name, ()), (value for value, _label in choices))
            self.fields[name] = forms.MultipleChoiceField(
                label=label, choices=choices, required=False, widget=forms.CheckboxSelectMultiple
            )
        self.order_fields(self.field_order)

    def conditions(self) -> Conditions:
        values = self.cleaned_data
        return Conditions(
            channels=[int(pk) for pk in values["channels"]],
            labels=[int(pk) for pk in values["labels"]],
            intents=values["intents"],
            priorities=[int(value) for value in values["priorities"]],
        )


def _deleted(ids: Iterable[int], known: Iterable[str]) -> list[tuple[str, str]]:
    """A rule keeps what was deleted since; without it, it would suddenly hold for everything."""
    present = set(known)
    return [(str(pk), _("(deleted)")) for pk in ids if str(pk) not in present]


def _initial(rule: DeadlineRule | None) -> dict[str, Any]:
    if rule is None:
        return {"promise": Promise.MINUTES, "hours": 4}
    return {
        "name": rule.name,
        "intents": rule.intents,
        "priorities": [str(value) for value in rule.priorities],
        "channels": [str(pk) for pk in rule.channels],
        "labels": [str(pk) for pk in rule.labels],
        "promise": rule.promise,
        "hours": rule.minutes / 60,
    }


@page("inbox.configure", methods=FORM)
def deadlines(request: WorkspaceRequest) -> HttpResponse:
    """Rules and policy. `do` says what a form is for: policy, rule, preset, delete, up."""
    if request.method != "POST":
        return _show(request)
    actor, now, form = request.actor, clock.now(), request.POST
    rule_id = int(form["rule"]) if form.get("rule", "").isascii() and form.get("rule", "").isdigit() else 0
    match form.get("do", ""):
        case "policy":
            policy = PolicyForm(form, auto_id="policy-%s")
            done = policy.run(
                lambda: promises.save_policy(actor=actor, given=policy.given(), **policy.warnings(), now=now)
            )
            if done is None:
                return _show(request, policy_form=policy)
        case "rule":
            rule = DeadlineRule.objects.filter(workspace=actor.workspace, pk=rule_id).first()
            edited = RuleForm(form, actor=actor, rule=rule)
            saved = edited.run(
                lambda: promises.save_rule(
                    actor=actor,
                    name=edited.cleaned_data["name"],
                    conditions=edited.conditions(),
                    given=edited.given(),
                    rule_id=rule_id or None,
                    now=now,
                )
            )
            if saved is None:
                return _show(request, edited=edited, edited_id=rule_id)
        case "preset":
            promises.add_preset(actor=actor, preset=form.get("preset", ""), now=now)
        case "delete":
            promises.delete_rule(actor=actor, rule_id=rule_id, now=now)
        case "up":
            promises.order_rules(actor=actor, rule_ids=_moved_up(actor, rule_id), now=now)
    messages.success(request, _("Saved. Open deadlines are being counted anew."))
    return redirect("settings-deadlines", actor.workspace.slug)


def _moved_up(actor: Actor, rule_id: int) -> list[int]:
    ids = list(DeadlineRule.objects.filter(workspace=actor.workspace).values_list("pk", flat=True))
    place = ids.index(rule_id) if rule_id in ids else 0
    if place:
        ids[place - 1], ids[place] = ids[place], ids[place - 1]
    return ids


def _show(
    request: WorkspaceRequest,
    policy_form: PolicyForm | None = None,
    edited: RuleForm | None = None,
    edited_id: int = 0,
) -> HttpResponse:
    actor, now = request.actor, clock.now()
    book = RuleBook(actor.workspace)
    rules = [
        {
            "rule": rule,
            "promise": promises.in_words(rule),
            "example": _example(book, rule, now),
            "form": edited if edited and edited_id == rule.pk else RuleForm(actor=actor, rule=rule),
            "is_open": edited_id == rule.pk,
        }
        for rule in book.rules
    ]
    names = {rule.name for rule in book.rules}
    context = {
        "rules": rules,
        "policy": book.policy,
        "policy_promise": promises.in_words(book.policy),
        "policy_example": _example(book, book.policy, now),
        "policy_form": policy_form or PolicyForm(initial=_policy(book.policy), auto_id="policy-%s"),
        "new_form": edited if edited and not edited_id else RuleForm(actor=actor),
        "presets": [
            (key, name) for key, (name, *_rest) in promises.PRESETS.items() if str(name) not in names
        ],
        "now": now,
    }
    failed = policy_form or edited
    return render(request, "inbox/deadlines.html", context, status=failed.status if failed else 200)


def _example(book: RuleBook, promised: Any, now: datetime) -> datetime:
    return promised_until(promised, book.calendar(None), now)


def _policy(policy: DeadlinePolicy) -> dict[str, Any]:
    return {
        "promise": policy.promise,
        "hours": policy.minutes / 60,
        "warn_assignee": policy.warn_assignee,
        "warn_team": policy.warn_team,
        "warn_managers": policy.warn_managers,
    }
