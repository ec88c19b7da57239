"""Balances of the shop's users."""

from decimal import Decimal

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import models
from django.utils.translation import gettext_lazy as _

MILLION = 10**6


class Wallet(models.Model):
    """One user's money in one currency.

    The balance is stored as a whole number of millionths, because SQLite stores decimals as binary floats. The balance
    falls below zero only if a credit is reversed after the user has spent it.
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
        """Return the balance in units of the currency, such as dollars."""
        return Decimal(self.millionths) / MILLION


def in_millionths(amount: Decimal) -> int:
    """Return an amount as a whole number of millionths. All amounts of the ledger have at most six decimals."""
    return int(amount * MILLION)


def liabilities(currency: str) -> Decimal:
    """Return what the shop owes its users in ``currency``. The setting ``LIABILITIES`` names this function."""
    owed = Wallet.objects.filter(currency=currency, millionths__gt=0).aggregate(sum=models.Sum("millionths"))["sum"]
    return Decimal(owed or 0) / MILLION


def balance_of(user: AbstractBaseUser, currency: str) -> Decimal:
    """Return the balance of ``user`` in ``currency``; zero without a wallet. The setting ``BALANCE`` names it."""
    wallet = Wallet.objects.filter(user_id=user.pk, currency=currency).first()
    return wallet.balance if wallet else Decimal(0)
