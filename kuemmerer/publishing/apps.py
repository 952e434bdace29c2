from django.apps import AppConfig


class PublishingConfig(AppConfig):
    name = "kuemmerer.publishing"
    label = "publishing"
