from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "kuemmerer.accounts"
    label = "accounts"
