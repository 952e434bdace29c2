"""The settings tab “Automation”: rules for what is done with new words by itself."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import dates
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kuemmerer.accounts.access import Actor
from kuemmerer.core import clock
from kuemmerer.inbox.automation import rules, shown, trial
from kuemmerer.inbox.automation.actions import Actions
from kuemmerer.inbox.automation.conditions import Conditions, Hours
from kuemmerer.inbox.models import AutomationRule, Intent, Priority
from kuemmerer.inbox.query_string import number
from kuemmerer.web.forms import Choices, DeskForm
from kuemmerer.web.page import WorkspaceRequest, page

FORM = ("GET", "HEAD", "POST")
LANGUAGES = ("de", "en", "fr", "it", "nl", "es", "pl", "tr", "uk", "ru", "ar", "ro")
"""Offered by themselves; a rule made by a program may ask for any other one, too."""
WHEN = (
    "words", "intents", "priorities", "channels", "languages", "authors", "first_time", "at_least",
    "at_most", "hours", "weekdays",
)  # fmt: skip
THEN = ("labels", "priority", "owner", "saved_reply", "spam", "close", "stop")
DAYS = 30


def _boxes(label: Any, choices: Any = (), **more: Any) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label=label, choices=choices, required=False, widget=forms.CheckboxSelectMultiple, **more
    )


def _lines(label: Any, help_text: Any) -> forms.CharField:
    area = forms.Textarea({"rows": 3})
    return forms.CharField(label=label, required=False, max_length=12_000, widget=area, help_text=help_text)


def _gone(message: Any) -> dict[str, Any]:
    """What is said of a choice that was deleted while the form was open."""
    return {"invalid_choice": message}


class RuleForm(DeskForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    active = forms.BooleanField(label=gettext_lazy("Switched on"), required=False)
    words = _lines(
        gettext_lazy("The text holds"),
        gettext_lazy(
            "One word or phrase a line; one of them is enough, also with another usual ending. "
            "A star stands for further letters: *torte finds the Hochzeitstorte, bestell* also bestellt."
        ),
    )
    intents = _boxes(
        gettext_lazy("What it is about"),
        Intent.choices,
        help_text=gettext_lazy("As the case says at that moment; new cases may not have it yet."),
    )
    priorities = _boxes(gettext_lazy("Priority of the case"), Priority.choices)
    authors = _lines(gettext_lazy("Written by"), gettext_lazy("One handle or name a line."))
    first_time = forms.BooleanField(label=gettext_lazy("Writes for the first time"), required=False)
    at_least = forms.IntegerField(label=gettext_lazy("Followers at least"), required=False, min_value=0)
    at_most = forms.IntegerField(label=gettext_lazy("Followers at most"), required=False, min_value=0)
    hours = forms.ChoiceField(
        label=gettext_lazy("Written"),
        choices=[("", gettext_lazy("at any time")), *Hours.choices],
        required=False,
    )
    weekdays = _boxes(gettext_lazy("Weekdays"), list(dates.WEEKDAYS.items()))
    priority = forms.ChoiceField(
        label=gettext_lazy("Set the priority"),
        choices=[("", gettext_lazy("leave as it is")), *Priority.choices],
        required=False,
    )
    spam = forms.BooleanField(label=gettext_lazy("Hide as spam at the network"), required=False)
    close = forms.BooleanField(
        label=gettext_lazy("Close the case"),
        help_text=gettext_lazy("Not where older words still wait for an answer."),
        required=False,
    )
    stop = forms.BooleanField(label=gettext_lazy("No further rule after this one"), required=False)
    days = forms.IntegerField(
        label=gettext_lazy("Try it on the last so many days"), min_value=1, max_value=trial.MOST_DAYS
    )

    def __init__(
        self, *args: Any, actor: Actor, rule: AutomationRule | None, words: shown.Words, **kwargs: Any
    ) -> None:
        kwargs["initial"] = _initial(rule)
        super().__init__(*args, **kwargs)
        initial, means = kwargs["initial"], words.means
        channels = {channel.pk: channel.name for channel in words.channels}
        self.fields["channels"] = _boxes(
            gettext_lazy("Channels"),
            _choices(channels, initial.get("channels", [])),
            error_messages=_gone(gettext_lazy("This channel does not exist (any more).")),
        )
        codes = sorted({*LANGUAGES, *initial.get("languages", [])}, key=shown.language_name)
        self.fields["languages"] = _boxes(
            gettext_lazy("Language"), [(code, shown.language_name(code)) for code in codes]
        )
        self.fields["labels"] = _boxes(
            gettext_lazy("Put on labels"),
            _choices(means.labels, initial.get("labels", [])),
            error_messages=_gone(gettext_lazy("This label does not exist (any more).")),
        )
        self.fields["owner"] = forms.ChoiceField(
            label=gettext_lazy("Give the case to"),
            choices=_owners(words, initial.get("owner", "")),
            required=False,
            error_messages=_gone(gettext_lazy("Who should get the cases does not answer here any more.")),
            help_text=gettext_lazy(
                "Only a case that nobody looks after yet. Who is away is left out; the deputy stands in."
            ),
        )
        kept = [initial["saved_reply"]] if initial.get("saved_reply") else []
        self.fields["saved_reply"] = forms.ChoiceField(
            label=gettext_lazy("Offer this saved reply first"),
            choices=[("", gettext_lazy("none")), *_choices(means.saved_replies, kept)],
            required=False,
            error_messages=_gone(gettext_lazy("This saved reply does not exist (any more).")),
        )

    def wrong(self) -> list[forms.BoundField]:
        """The fields with something wrong."""
        return [self[name] for name in self.fields if name in self.errors]

    def when(self) -> list[forms.BoundField]:
        return [self[name] for name in WHEN]

    def then(self) -> list[forms.BoundField]:
        return [self[name] for name in THEN]

    def conditions(self) -> Conditions:
        values = self.cleaned_data
        return Conditions(
            channels=[int(pk) for pk in values["channels"]],
            words=values["words"].splitlines(),
            languages=values["languages"],
            intents=values["intents"],
            priorities=[int(value) for value in values["priorities"]],
            authors=values["authors"].splitlines(),
            first_time=values["first_time"],
            at_least=values["at_least"],
            at_most=values["at_most"],
            hours=values["hours"],
            weekdays=[int(day) for day in values["weekdays"]],
        )

    def actions(self) -> Actions:
        values = self.cleaned_data
        how, _colon, who = values["owner"].partition(":")
        return Actions(
            labels=[int(pk) for pk in values["labels"]],
            priority=int(values["priority"]) if values["priority"] else None,
            assign=int(who) if how == "user" else None,
            in_turn=how == "turn",
            team=int(who) if how == "turn" and who else None,
            saved_reply=int(values["saved_reply"]) if values["saved_reply"] else None,
            spam=values["spam"],
            close=values["close"],
        )


def _choices(names: Any, kept: Any) -> Choices:
    """All by their names, and what a rule keeps though it was deleted."""
    known = [(str(pk), name) for pk, name in names.items()]
    return [*known, *((str(pk), shown.DELETED) for pk in kept if int(pk) not in names)]


def _owners(words: shown.Words, kept: str) -> Choices:
    means = words.means
    choices: Choices = [
        ("", _("nobody")),
        ("turn", words.turn(None)),
        *((f"turn:{pk}", words.turn(pk)) for pk in means.teams),
        *((f"user:{pk}", name) for pk, name in means.people.items()),
    ]
    return choices if kept in dict(choices) else [*choices, (kept, shown.DELETED)]


def _initial(rule: AutomationRule | None) -> dict[str, Any]:
    if rule is None:
        return {"active": True, "days": DAYS}
    conditions, actions = Conditions.of(rule.conditions), Actions.of(rule.actions)
    texts = {name: "\n".join(getattr(conditions, name)) for name in ("words", "authors")}
    owner = f"turn:{actions.team}" if actions.team else "turn" if actions.in_turn else ""
    return {
        **asdict(conditions),
        **asdict(actions),
        **texts,
        "owner": f"user:{actions.assign}" if actions.assign else owner,
        "name": rule.name,
        "active": rule.active,
        "stop": rule.stop,
        "days": DAYS,
    }


@page("inbox.configure", methods=FORM)
def automation(request: WorkspaceRequest) -> HttpResponse:
    """The rules in their order. `do` says what a form is for: up, down, on, off, delete."""
    actor, now = request.actor, clock.now()
    if request.method != "POST":
        return _list(request)
    rule_id = number(request.POST.get("rule", "")) or 0
    match request.POST.get("do", ""):
        case "up" | "down" as way:
            rules.move(actor=actor, rule_id=rule_id, step=-1 if way == "up" else 1, now=now)
        case "on" | "off" as state:
            rules.switch(actor=actor, rule_id=rule_id, on=state == "on", now=now)
        case "delete":
            rules.delete(actor=actor, rule_id=rule_id, now=now)
            messages.success(request, _("The rule is deleted. What it has done stays."))
    return redirect("settings-automation", actor.workspace.slug)


def _list(request: WorkspaceRequest) -> HttpResponse:
    actor, now = request.actor, clock.now()
    words = shown.Words(actor.workspace)
    hits = rules.hits(actor=actor, now=now)
    rows = [
        {
            "rule": rule,
            "conditions": words.conditions(Conditions.of(rule.conditions)),
            "actions": words.actions(rule),
            "troubles": words.troubles(rule),
            "hits": hits.get(rule.pk, 0),
        }
        for rule in AutomationRule.objects.filter(workspace=actor.workspace)
    ]
    return render(request, "inbox/automation.html", {"rows": rows})


@page("inbox.configure", methods=FORM)
def new_rule(request: WorkspaceRequest) -> HttpResponse:
    return _edit(request, None)


@page("inbox.configure", methods=FORM)
def rule(request: WorkspaceRequest, rule_id: int) -> HttpResponse:
    return _edit(request, rules.get(actor=request.actor, rule_id=rule_id))


def _edit(request: WorkspaceRequest, rule: AutomationRule | None) -> HttpResponse:
    """The form of a rule; `do` is save or test, and a test saves nothing."""
    actor, now = request.actor, clock.now()
    words = shown.Words(actor.workspace)
    data = request.POST if request.method == "POST" else None
    form = RuleForm(data, actor=actor, rule=rule, words=words)
    tried = None
    if data is not None and data.get("do") == "test":
        tried = form.run(
            lambda: trial.would_have_held(
                actor=actor, conditions=form.conditions(), days=form.cleaned_data["days"], now=now
            )
        )
    elif data is not None:
        saved = form.run(
            lambda: rules.save(
                actor=actor,
                name=form.cleaned_data["name"],
                conditions=form.conditions(),
                actions=form.actions(),
                active=form.cleaned_data["active"],
                stop=form.cleaned_data["stop"],
                rule_id=rule.pk if rule else None,
                now=now,
            )
        )
        if saved is not None:
            messages.success(request, _("Saved. The rule holds for what comes in from now on."))
            return redirect("settings-automation", actor.workspace.slug)
    context = {
        "form": form,
        "rule": rule,
        "troubles": words.troubles(rule) if rule else [],
        "trial": tried,
        "now": now,
    }
    return render(request, "inbox/automation_rule.html", context, status=form.status)
