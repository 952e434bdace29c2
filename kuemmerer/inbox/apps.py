from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class InboxConfig(AppConfig):
    name = "kuemmerer.inbox"
    label = "inbox"

    def ready(self) -> None:
        from kuemmerer.accounts import workspaces
        from kuemmerer.channels import privacy
        from kuemmerer.inbox import cases, day, pages, summary
        from kuemmerer.inbox.own_data import InboxData
        from kuemmerer.notify import digest, kinds
        from kuemmerer.web import day as day_page
        from kuemmerer.web import settings_tabs, shell

        shell.add_entry(
            shell.Entry(
                label=_("Inbox"),
                url_name="inbox",
                icon="inbox",
                permission="inbox.view",
                order=10,
                count=pages.open_count,
            )
        )
        shell.add_entry(
            shell.Entry(
                label=_("Texts"),
                url_name="texts",
                icon="tag",
                permission="inbox.configure",
                order=60,
            )
        )
        settings_tabs.add_tab(
            shell.Entry(
                label=_("Deadlines"),
                url_name="settings-deadlines",
                icon="",
                permission="inbox.configure",
                order=40,
            )
        )
        for part in day.PARTS:
            day_page.add_part(part)
        day_page.add_suggestions(day.suggestions)
        settings_tabs.add_tab(
            shell.Entry(
                label=_("Automation"),
                url_name="settings-automation",
                icon="",
                permission="inbox.configure",
                order=45,
            )
        )
        settings_tabs.add_tab(
            shell.Entry(
                label=_("Approval"),
                url_name="settings-approval",
                icon="",
                permission="inbox.configure",
                order=46,
            )
        )
        kinds.register(
            kinds.Kind(
                key="approval_wanted",
                label=_("An answer waits for my approval"),
                permission="inbox.approve",
                order=15,
            ),
            kinds.Kind(
                key="unsent",
                label=_("An answer of mine or in my case was not sent or may not have arrived"),
                order=14,
            ),
            kinds.Kind(key="approval_decided", label=_("My answer was approved or returned"), order=16),
        )
        privacy.register(InboxData())
        digest.add_part(summary.lines)
        workspaces.hours_changed.append(cases.deadlines_changed)
