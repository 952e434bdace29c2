from django.apps import AppConfig


class InboxConfig(AppConfig):
    name = "kuemmerer.inbox"
    label = "inbox"
