"""The project's balance at SkinsBack, in US dollars."""

from decimal import Decimal

from .. import conf
from ..connection import get_client
from ..models import BalanceSnapshot
from ..models.fields import utc_now
from ..signals import balance_low
from .database import database
from .records import after_commit


def snapshot_balance(account: str = conf.DEFAULT_ACCOUNT) -> BalanceSnapshot:
    """Ask for the balance and keep it; sends ``balance_low`` when it has just fallen below ``LOW_BALANCE``.

    Raises what the client raises.
    """
    return keep_balance(account, get_client(account).get_balance().usd)


def keep_balance(account: str, usd: Decimal) -> BalanceSnapshot:
    """Keep a balance SkinsBack told, in an answer or an event."""
    snapshots = BalanceSnapshot.objects.using(database())
    snapshot = snapshots.create(account=account, balance=usd, taken_at=utc_now())
    before = snapshots.filter(account=account, pk__lt=snapshot.pk).order_by("pk").last()
    limit = conf.low_balance()
    if limit is not None and usd < limit and (before is None or before.balance >= limit):
        after_commit(balance_low, sender=BalanceSnapshot, account=account, balance=usd)
    return snapshot
