"""The project's balance at SkinsBack, in US dollars."""

from .. import conf
from ..connection import get_client
from ..models import BalanceSnapshot
from ..models.fields import utc_now
from ..signals import balance_low
from .database import database


def snapshot_balance(account: str = conf.DEFAULT_ACCOUNT) -> BalanceSnapshot:
    """Ask for the balance and keep it; sends ``balance_low`` when it has just fallen below ``LOW_BALANCE``.

    Raises what the client raises.
    """
    usd = get_client(account).get_balance().usd
    snapshots = BalanceSnapshot.objects.using(database())
    before = snapshots.filter(account=account).order_by("taken_at", "pk").last()
    snapshot = snapshots.create(account=account, balance=usd, taken_at=utc_now())
    limit = conf.low_balance()
    if limit is not None and usd < limit and (before is None or before.balance >= limit):
        balance_low.send_robust(sender=BalanceSnapshot, account=account, balance=usd)
    return snapshot
