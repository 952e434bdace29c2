from django.apps import AppConfig
from django.utils.translation import pgettext_lazy


class NotifyConfig(AppConfig):
    name = "kuemmerer.notify"
    label = "notify"

    def ready(self) -> None:
        from kuemmerer.notify import kinds, notices, pages  # noqa: F401 - pages declare their banner
        from kuemmerer.web import shell

        kinds.register(*kinds.FIRST)
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
