from django.apps import AppConfig


class ChannelsConfig(AppConfig):
    name = "kuemmerer.channels"
    label = "channels"
