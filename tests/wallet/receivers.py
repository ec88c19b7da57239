from django.db.models import F
from django.dispatch import receiver

from django_skinsback.signals import entry_posted
from tests.wallet.models import Wallet


class NotEnoughMoney(Exception):
    pass


@receiver(entry_posted)
def move_money(entry, **_kwargs):
    """Change the balance; a charge above the balance raises NotEnoughMoney, a reversal is always applied."""
    if entry.user_id is None:
        return
    wallets = Wallet.objects.filter(user_id=entry.user_id)
    if entry.kind == "charge":
        if not wallets.filter(balance__gte=-entry.amount).update(balance=F("balance") + entry.amount):
            raise NotEnoughMoney
    elif not wallets.update(balance=F("balance") + entry.amount):
        Wallet.objects.create(user_id=entry.user_id, balance=entry.amount)
