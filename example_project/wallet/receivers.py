"""Change the balance of a user when a ledger entry is posted. Nothing else changes a balance."""

from typing import Any

from django.db.models import F
from django.utils.translation import gettext as _

from django_skinsback.exceptions import PurchaseVetoed
from django_skinsback.models import LedgerEntry
from django_skinsback.signals import entry_posted
from django_skinsback.statuses import EntryKind

from .models import Wallet, in_millionths


def connect() -> None:
    entry_posted.connect(move_money, sender=LedgerEntry, dispatch_uid="wallet")


def move_money(sender: type[LedgerEntry], entry: LedgerEntry, **_options: Any) -> None:
    """Add the amount of ``entry`` to the wallet, in the database transaction that posts the entry.

    Raise PurchaseVetoed if a charge is larger than the balance. The purchase is not saved then, and the page shows why.
    A reversal is always applied, so it can make the balance negative.
    """
    if entry.user is None:
        return
    millionths = in_millionths(entry.amount)
    wallet, _created = Wallet.objects.get_or_create(user=entry.user, currency=entry.currency)
    wallets = Wallet.objects.filter(pk=wallet.pk)
    if entry.kind == EntryKind.CHARGE:
        wallets = wallets.filter(millionths__gte=-millionths)
    if not wallets.update(millionths=F("millionths") + millionths):
        raise PurchaseVetoed("insufficient_balance", _("Your balance does not cover this. Deposit some skins first."))
