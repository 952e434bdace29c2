from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class NotifyConfig(AppConfig):
    name = "kuemmerer.notify"
    label = "notify"

    def ready(self) -> None:
        from kuemmerer.notify import events, kinds, notices, pages  # noqa: F401 - pages declare a banner
        from kuemmerer.web import settings_tabs, shell

        kinds.register(*kinds.FIRST)
        events.register(*events.FIRST, events.TEST)
        settings_tabs.add_tab(
            shell.Entry(
                label=_("Webhooks"), url_name="webhooks", icon="", permission="webhooks.manage", order=85
            )
        )
        shell.add_entry(
            shell.Entry(
                label=pgettext_lazy("what one is told", "Notices"),
                url_name="notices",
                icon="bell",
                permission="inbox.view",
                order=15,
                count=notices.shown_count,
            )
        )
