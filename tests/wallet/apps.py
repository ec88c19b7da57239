import os

from django.apps import AppConfig


class WalletConfig(AppConfig):
    name = "tests.wallet"
    label = "wallet"

    def ready(self) -> None:
        from . import receivers  # noqa: F401 - connects the receiver

        if "TEST_API_URL" in os.environ:  # a child process of a test, which talks to the test's sandbox
            from django_skinsback.testing import allow_sandbox_secret

            allow_sandbox_secret()
