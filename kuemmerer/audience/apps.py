from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AudienceConfig(AppConfig):
    name = "kuemmerer.audience"
    label = "audience"

    def ready(self) -> None:
        from kuemmerer.audience.own_data import ContactData
        from kuemmerer.channels import privacy
        from kuemmerer.web import shell

        privacy.register(ContactData())
        shell.add_entry(
            shell.Entry(
                label=_("Contacts"), url_name="contacts", icon="users", permission="contacts.view", order=30
            )
        )
