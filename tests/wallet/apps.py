from django.apps import AppConfig


class WalletConfig(AppConfig):
    name = "tests.wallet"
    label = "wallet"

    def ready(self) -> None:
        from . import receivers  # noqa: F401 - connects the receiver
