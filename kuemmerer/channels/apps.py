from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChannelsConfig(AppConfig):
    name = "kuemmerer.channels"
    label = "channels"

    def ready(self) -> None:
        from kuemmerer.channels import day, pages, privacy, trouble  # noqa: F401 - declares its banners
        from kuemmerer.channels.own_data import OwnData
        from kuemmerer.notify import digest
        from kuemmerer.web import day as day_page
        from kuemmerer.web import settings_tabs, shell

        for part in day.PARTS:
            day_page.add_part(part)
        digest.add_part(trouble.lines)
        privacy.register(OwnData())
        settings_tabs.add_tab(
            shell.Entry(
                label=_("Data protection"),
                url_name="settings-privacy",
                icon="",
                permission="privacy.manage",
                order=70,
            )
        )

        shell.add_entry(
            shell.Entry(
                label=_("Channels"), url_name="channels", icon="radio", permission="channels.view", order=50
            )
        )
