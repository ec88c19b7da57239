"""The one place where the shop's users gain and lose money."""

from typing import Any

from django.db.models import F

from django_skinsback.models import LedgerEntry
from django_skinsback.signals import entry_posted
from django_skinsback.statuses import EntryKind

from .models import InsufficientBalanceError, Wallet, in_millionths


def connect() -> None:
    entry_posted.connect(move_money, sender=LedgerEntry, dispatch_uid="wallet")


def move_money(sender: type[LedgerEntry], entry: LedgerEntry, **_options: Any) -> None:
    """Runs in the database transaction that posts ``entry``, once for each entry: both are saved, or neither.

    Raises InsufficientBalanceError for a charge that the wallet does not cover: the purchase is undone.
    A reversal is never refused: the skins are gone, so the wallet may fall below zero.
    """
    if entry.user is None:
        return
    moved = in_millionths(entry.amount)
    wallet, _created = Wallet.objects.get_or_create(user=entry.user, currency=entry.currency)
    wallets = Wallet.objects.filter(pk=wallet.pk)
    if entry.kind == EntryKind.CHARGE:
        wallets = wallets.filter(millionths__gte=-moved)
    if not wallets.update(millionths=F("millionths") + moved):
        raise InsufficientBalanceError
