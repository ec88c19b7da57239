"""What a user has in the shop."""

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

MILLION = 10**6


class InsufficientBalanceError(Exception):
    """The wallet does not cover the price."""


class Wallet(models.Model):
    """One user's money in one currency.

    Kept as a whole number of millionths, because SQLite would make a decimal into a binary float. Below zero
    only after SkinsBack took back a deposit that the user had spent.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.PROTECT, related_name="wallets"
    )
    currency = models.CharField(_("currency"), max_length=8)
    millionths = models.BigIntegerField(_("millionths"), default=0)

    class Meta:
        verbose_name = _("wallet")
        verbose_name_plural = _("wallets")
        constraints = [models.UniqueConstraint(fields=["user", "currency"], name="wallet_user_currency")]

    def __str__(self) -> str:
        return f"{self.user}: {self.balance} {self.currency}"

    @property
    def balance(self) -> Decimal:
        """In whole units of the currency."""
        return Decimal(self.millionths) / MILLION


def in_millionths(amount: Decimal) -> int:
    """``amount`` has at most six decimals, as all amounts of the ledger."""
    return int(amount * MILLION)
