from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "tests.hosts.accounts"
    label = "accounts"
