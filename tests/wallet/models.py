from django.conf import settings
from django.db import models


class Wallet(models.Model):
    """A site's own money: what the tests compare with the ledger."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    balance = models.DecimalField(max_digits=20, decimal_places=6, default=0)

    def __str__(self) -> str:
        return f"{self.balance}"
