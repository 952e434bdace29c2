from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChannelsConfig(AppConfig):
    name = "kuemmerer.channels"
    label = "channels"

    def ready(self) -> None:
        from kuemmerer.channels import pages  # noqa: F401 - declares its banners
        from kuemmerer.web import shell

        shell.add_entry(
            shell.Entry(
                label=_("Channels"), url_name="channels", icon="radio", permission="channels.view", order=50
            )
        )
