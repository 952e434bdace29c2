from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "kuemmerer.api"
    label = "api"
