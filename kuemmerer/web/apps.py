from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WebConfig(AppConfig):
    name = "kuemmerer.web"
    label = "web"

    def ready(self) -> None:
        # Only now: models cannot be imported before all apps are known.
        from kuemmerer.web.settings_tabs import add_tab
        from kuemmerer.web.shell import Entry, add_entry

        add_entry(Entry(label=_("Today"), url_name="today", icon="sun", permission="inbox.view", order=0))
        add_entry(
            Entry(
                label=_("Settings"),
                url_name="settings",
                icon="settings",
                permission="members.manage",
                order=90,
            )
        )
        tabs = [
            (_("Company"), "settings-general", "workspace.manage", 10),
            (_("Members"), "settings-members", "members.manage", 20),
            (_("Teams"), "settings-teams", "teams.manage", 30),
            (_("API tokens"), "settings-tokens", "tokens.manage", 80),
            (_("Security"), "settings-security", "members.manage", 90),
        ]
        for label, url_name, permission, order in tabs:
            add_tab(Entry(label=label, url_name=url_name, icon="", permission=permission, order=order))
