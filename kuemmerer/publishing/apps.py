from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PublishingConfig(AppConfig):
    name = "kuemmerer.publishing"
    label = "publishing"

    def ready(self) -> None:
        from kuemmerer.channels import privacy
        from kuemmerer.publishing import day
        from kuemmerer.publishing.own_data import IdeaData
        from kuemmerer.web import day as day_page
        from kuemmerer.web import shell

        day_page.add_suggestions(day.suggestions)
        privacy.register(IdeaData())
        shell.add_entry(
            shell.Entry(
                label=_("Ideas"), url_name="ideas", icon="lightbulb", permission="ideas.view", order=20
            )
        )
