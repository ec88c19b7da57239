"""The project's balance at SkinsBack, in US dollars: kept as it is told, and how long it will last."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Context, Decimal
from itertools import pairwise

from django.db.models import F
from django.utils.translation import gettext as _

from ... import conf
from ...connection import get_client
from ...models import BalanceSnapshot
from ...models.fields import utc_now
from ...money import amount_text
from ...ratelimit import background
from ...signals import balance_low
from ..ledger.database import database, run
from ..ledger.edit import after_commit, log_after_commit

RUNWAY_WINDOW = timedelta(days=7)
RUNWAY_OBSERVED_ATLEAST = timedelta(days=1)
"""A shorter time says more about the hour of the day than about the days to come."""

SNAPSHOTS_READ = 2000
"""Of a site whose balance changes more often than this in a week, the newest tell as much, be it in an hour."""

BUSY_OBSERVED_ATLEAST = timedelta(hours=1)

_SECONDS_A_DAY = 86400
_EXACT = Context(prec=64)  # a site may have set a smaller precision for the whole process


def snapshot_balance(account: str = conf.DEFAULT_ACCOUNT) -> BalanceSnapshot:
    """Ask for the balance and keep it; sends ``balance_low`` when it has just fallen below ``LOW_BALANCE``.

    Raises what the client raises.
    """
    with background():
        usd = get_client(account).get_balance().usd
    return keep_balance(account, usd)


def keep_balance(account: str, usd: Decimal) -> BalanceSnapshot:
    """Keep a balance SkinsBack told, in an answer or an event.

    A balance that stays the same takes two rows however long it does: when it was told first and when last. Part of
    applying an event, so two statements, and five more where it falls below ``LOW_BALANCE``.
    """
    now = utc_now()
    snapshots = BalanceSnapshot.objects.using(database())
    newest = list(snapshots.filter(account=account).order_by("-pk")[:2])
    if [kept.balance for kept in newest] == [usd, usd] and snapshots.filter(pk=newest[0].pk).update(taken_at=now):
        newest[0].taken_at = now
        return newest[0]

    def keep() -> BalanceSnapshot:
        return snapshots.create(account=account, balance=usd, taken_at=now)

    limit = conf.low_balance()
    if limit is None or usd >= limit:
        return keep()

    def block() -> BalanceSnapshot:
        snapshot = keep()
        if _crosses(snapshot, limit):
            log_after_commit(logging.WARNING, "skinsback.balance_low", account=account, balance=amount_text(usd))
            after_commit(balance_low, sender=BalanceSnapshot, account=account, balance=usd)
        return snapshot

    return run(block)


def _crosses(snapshot: BalanceSnapshot, limit: Decimal) -> bool:
    """Whether it is this balance that falls below the limit, and not one that another process keeps at this moment.

    Whoever locks the one before it by a write, and finds that it still is the one before it, crosses. The very first
    balance of an account has none before it and is told if it is low.
    """
    others = BalanceSnapshot.objects.using(database()).filter(account=snapshot.account).exclude(pk=snapshot.pk)
    before = others.order_by("-pk").first()
    while before is not None and before.balance >= limit:
        others.filter(pk=before.pk).update(balance=F("balance"))
        newest = others.order_by("-pk").first()
        if newest == before:
            return True
        before = newest
    return before is None


def runway(account: str = conf.DEFAULT_ACCOUNT, *, now: datetime | None = None) -> Decimal | None:
    """For how many days the balance will last, judged by the last seven; None where that cannot be said."""
    since = (now or utc_now()) - RUNWAY_WINDOW
    snapshots = BalanceSnapshot.objects.using(database()).filter(account=account, taken_at__gte=since)
    told = snapshots.order_by("-pk").values_list("taken_at", "balance")[:SNAPSHOTS_READ]
    oldest_first = list(reversed(told))
    busy = len(oldest_first) == SNAPSHOTS_READ
    return days_left(oldest_first, observed_atleast=BUSY_OBSERVED_ATLEAST if busy else RUNWAY_OBSERVED_ATLEAST)


def days_left(
    told: Sequence[tuple[datetime, Decimal]], *, observed_atleast: timedelta = RUNWAY_OBSERVED_ATLEAST
) -> Decimal | None:
    """For how many days a balance will last if it goes on falling as it did and nothing comes in.

    ``told`` are balances and when they were told, oldest first. What made the balance rise is left out: top-ups, and
    users' skins, come as they please. None if nothing was spent or a shorter time was seen than ``observed_atleast``.
    """
    if len(told) < 2:
        return None
    observed = told[-1][0] - told[0][0]
    spent = sum((max(before - after, Decimal(0)) for (_, before), (_, after) in pairwise(told)), Decimal(0))
    if not spent or observed < observed_atleast:
        return None
    seconds = Decimal(observed // timedelta(seconds=1))
    return (max(told[-1][1], Decimal(0)) * seconds / spent / _SECONDS_A_DAY).quantize(Decimal("0.1"), context=_EXACT)


def lasting(days: Decimal | None) -> str:
    """``days_left`` in words; empty where it cannot be said."""
    if days is None:
        return ""
    if days > 365:
        return _("lasts for more than a year")
    return _("lasts for about %(days)s days") % {"days": days}
