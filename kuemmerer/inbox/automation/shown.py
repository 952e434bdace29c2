"""Automation rules in words, for pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils import dates
from django.utils.formats import number_format
from django.utils.translation import get_language_info, gettext_lazy, pgettext
from django.utils.translation import gettext as _

from kuemmerer.accounts.models import Workspace
from kuemmerer.channels.models import Channel
from kuemmerer.inbox.automation.actions import Actions, Means, spam_action
from kuemmerer.inbox.automation.conditions import Conditions, Hours
from kuemmerer.inbox.models import AutomationRule, Intent, Priority

Fact = tuple[str, str]
DELETED = gettext_lazy("(deleted)")


def language_name(code: str) -> str:
    """“German” for “de”, in the language of the page."""
    return str(get_language_info(code)["name_translated"])


class Words:
    """Says what the rules of a workspace ask and do; names are read once for all of them."""

    def __init__(self, workspace: Workspace) -> None:
        self.means = Means(workspace)
        self.channels = list(Channel.objects.filter(workspace=workspace).order_by("name"))
        self._channel_names = {channel.pk: channel.name for channel in self.channels}

    def conditions(self, wanted: Conditions) -> list[Fact]:
        """What has to hold; empty for a rule that holds for everything."""
        said = [
            (_("Text"), ", ".join(_("“%(text)s”") % {"text": text} for text in wanted.words)),
            (_("Channels"), _named(wanted.channels, self._channel_names)),
            (_("What it is about"), _named(wanted.intents, dict(Intent.choices))),
            (_("Priority"), _named(wanted.priorities, dict(Priority.choices))),
            (_("Language"), ", ".join(map(language_name, wanted.languages))),
            (pgettext("case", "Author"), ", ".join(wanted.authors)),
            (pgettext("case", "Author"), _("writes for the first time") if wanted.first_time else ""),
            (_("Followers"), _followers(wanted)),
            (_("Written"), ", ".join(str(dates.WEEKDAYS[day]) for day in wanted.weekdays)),
            (_("Written"), str(Hours(wanted.hours).label) if wanted.hours else ""),
        ]
        return [(name, text) for name, text in said if text]

    def actions(self, rule: AutomationRule) -> list[Fact]:
        """What a rule does."""
        wanted, means = Actions.of(rule.actions), self.means
        said = [
            (_("Labels"), _named(wanted.labels, means.labels)),
            (_("Priority"), str(Priority(wanted.priority).label) if wanted.priority else ""),
            (pgettext("case", "Owner"), _named(_some(wanted.assign), means.people)),
            (pgettext("case", "Owner"), self.turn(wanted.team) if wanted.in_turn else ""),
            (_("Saved reply"), _named(_some(wanted.saved_reply), means.saved_replies)),
            (_("At the network"), _("hide as spam") if wanted.spam else ""),
            (_("Status"), pgettext("what a rule does", "close") if wanted.close else ""),
            (_("Then"), _("no further rule") if rule.stop else ""),
        ]
        return [(name, text) for name, text in said if text]

    def turn(self, team: int | None) -> str:
        """Who gets cases in turn."""
        if team is None:
            return _("in turn: all who answer")
        return _("in turn: team %(name)s") % {"name": self.means.teams.get(team, str(DELETED))}

    def troubles(self, rule: AutomationRule) -> list[str]:
        """What a rule asks for and cannot get (any more). That part does nothing; the rest works."""
        wanted, means = Actions.of(rule.actions), self.means
        lost = [
            (
                set(wanted.labels) - set(means.labels),
                _("A label that it should put on was deleted."),
            ),
            (
                _some(wanted.assign, means.people),
                _("Who should get the cases does not answer here any more."),
            ),
            (_some(wanted.team, means.teams), _("The team that should get the cases was deleted.")),
            (
                _some(wanted.saved_reply, means.saved_replies),
                _("The saved reply it offers was deleted."),
            ),
            (
                set(Conditions.of(rule.conditions).channels) - set(self._channel_names),
                _("A channel of this rule is gone; nothing comes from there any more."),
            ),
        ]
        said = [text for missing, text in lost if missing]
        return [*said, *([text] if wanted.spam and (text := self.spam_trouble(rule)) else [])]

    def spam_trouble(self, rule: AutomationRule) -> str:
        """Which channels, of those the rule is about, cannot hide anything; empty if all can."""
        wanted = Conditions.of(rule.conditions).channels
        concerned = [c for c in self.channels if not wanted or c.pk in wanted]
        names = ", ".join(channel.name for channel in concerned if spam_action(channel) is None)
        return (
            _("These channels cannot hide anything, so nothing happens there: %(names)s.") % {"names": names}
            if names
            else ""
        )


def _some(value: int | None, known: Mapping[int, str] | None = None) -> set[int]:
    return set() if value is None or (known and value in known) else {value}


def _named(values: Iterable[object], names: Mapping[Any, Any]) -> str:
    return ", ".join(str(names.get(value, DELETED)) for value in values)


def _followers(wanted: Conditions) -> str:
    bounds = ((_("at least %(number)s"), wanted.at_least), (_("at most %(number)s"), wanted.at_most))
    return ", ".join(
        text % {"number": number_format(bound, force_grouping=True)}
        for text, bound in bounds
        if bound is not None
    )
