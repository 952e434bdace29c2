from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "kuemmerer.core"
    label = "core"
