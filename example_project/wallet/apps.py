from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WalletConfig(AppConfig):
    name = "example_project.wallet"
    verbose_name = _("Wallets")

    def ready(self) -> None:
        from . import receivers

        receivers.connect()
