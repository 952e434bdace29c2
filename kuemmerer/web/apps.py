from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "kuemmerer.web"
    label = "web"
