"""Functions that store the project's balance at SkinsBack in US dollars, and estimate how many days it will last."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from django.db.models import F
from django.utils.translation import gettext as _

from ... import conf
from ...connection import get_client
from ...models import BalanceSnapshot
from ...models.fields import utc_now
from ...money import EXACT, amount_text, exact_sum
from ...ratelimit import background
from ...signals import balance_low
from ..ledger.database import after_commit, database, log_after_commit, run

ESTIMATE_WINDOW = timedelta(days=7)
MINIMUM_OBSERVED = timedelta(days=1)
"""If the snapshots cover less time than this, no estimate is made, because spending depends on the hour of the day."""

MAX_SNAPSHOTS_READ = 2000
"""The estimate uses at most this many snapshots, the newest ones."""

MINIMUM_OBSERVED_BUSY = timedelta(hours=1)
"""The value that replaces ``MINIMUM_OBSERVED`` if there are ``MAX_SNAPSHOTS_READ`` snapshots or more."""

_SECONDS_A_DAY = 86400


def snapshot_balance(account: str = conf.DEFAULT_ACCOUNT) -> BalanceSnapshot:
    """Ask SkinsBack for the balance, store the balance, and return the stored row.

    Sends the signal ``balance_low`` if the balance has fallen below ``LOW_BALANCE`` since the last snapshot. Raises the
    errors of the client.
    """
    with background():
        usd = get_client(account).get_balance().usd
    return store_balance(account, usd)


def store_balance(account: str, usd: Decimal) -> BalanceSnapshot:
    """Store a balance from an answer or an event, and return the stored row.

    Sends the signal ``balance_low`` if the balance has fallen below ``LOW_BALANCE`` since the last snapshot.

    While the balance does not change, only two rows are stored: the first and the newest snapshot of this balance.
    Storing takes two statements, and five more if the balance is below ``LOW_BALANCE``.
    """
    now = utc_now()
    snapshots = BalanceSnapshot.objects.using(database())
    newest = list(snapshots.filter(account=account).order_by("-pk")[:2])
    if [snapshot.balance for snapshot in newest] == [usd, usd] and snapshots.filter(pk=newest[0].pk).update(
        taken_at=now
    ):
        newest[0].taken_at = now
        return newest[0]

    def create() -> BalanceSnapshot:
        return snapshots.create(account=account, balance=usd, taken_at=now)

    limit = conf.low_balance()
    if limit is None or usd >= limit:
        return create()

    def block() -> BalanceSnapshot:
        snapshot = create()
        if _is_first_below(snapshot, limit):
            log_after_commit(logging.WARNING, "skinsback.balance_low", account=account, balance=amount_text(usd))
            after_commit(balance_low, sender=BalanceSnapshot, account=account, balance=usd)
        return snapshot

    return run(block)


def _is_first_below(snapshot: BalanceSnapshot, limit: Decimal) -> bool:
    """Return True if the snapshot before ``snapshot`` was not below the limit, or if there is no snapshot before it.

    The earlier snapshot is locked by a write and compared again. So only one of several processes returns True.
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


def estimate_days_left(account: str = conf.DEFAULT_ACCOUNT, *, now: datetime | None = None) -> Decimal | None:
    """Estimate how many days the balance will last, from the spending of the last seven days, and return the number.

    Return None if no estimate is possible: see ``days_left``.
    """
    since = (now or utc_now()) - ESTIMATE_WINDOW
    snapshots = BalanceSnapshot.objects.using(database()).filter(account=account, taken_at__gte=since)
    return _days_left_from(list(snapshots.order_by("-pk").values_list("taken_at", "balance")[:MAX_SNAPSHOTS_READ]))


def newest_balance(
    account: str = conf.DEFAULT_ACCOUNT, *, now: datetime | None = None
) -> tuple[datetime, Decimal, Decimal | None] | None:
    """Return the newest known balance: when it was reported, the balance, and the result of ``estimate_days_left``.

    Return None if no balance is known. This takes one query.
    """
    since = (now or utc_now()) - ESTIMATE_WINDOW
    snapshots = BalanceSnapshot.objects.using(database()).filter(account=account)
    newest = list(snapshots.order_by("-pk").values_list("taken_at", "balance")[:MAX_SNAPSHOTS_READ])
    if not newest:
        return None
    return *newest[0], _days_left_from([snapshot for snapshot in newest if snapshot[0] >= since])


def _days_left_from(newest_first: list[tuple[datetime, Decimal]]) -> Decimal | None:
    is_busy = len(newest_first) == MAX_SNAPSHOTS_READ
    minimum = MINIMUM_OBSERVED_BUSY if is_busy else MINIMUM_OBSERVED
    return days_left(newest_first[::-1], minimum_observed=minimum)


def days_left(
    balances: Sequence[tuple[datetime, Decimal]], *, minimum_observed: timedelta = MINIMUM_OBSERVED
) -> Decimal | None:
    """Return how many days the newest balance lasts at the average daily spending.

    ``balances`` are pairs of time and balance, oldest first. Increases of the balance are ignored, because top-ups and
    users' deposits cannot be predicted. Return None if nothing was spent, or if the balances cover less time than
    ``minimum_observed``.
    """
    if len(balances) < 2:
        return None
    observed = balances[-1][0] - balances[0][0]
    spent = exact_sum(max(EXACT.subtract(before, after), Decimal(0)) for (_, before), (_, after) in pairwise(balances))
    if not spent or observed < minimum_observed:
        return None
    seconds = Decimal(observed // timedelta(seconds=1))
    left = EXACT.multiply(max(balances[-1][1], Decimal(0)), seconds)
    days = EXACT.divide(left, EXACT.multiply(spent, _SECONDS_A_DAY))
    return days.quantize(Decimal("0.1"), context=EXACT)


def days_left_text(days: Decimal | None) -> str:
    """Return the result of ``days_left`` as text for a page. Return empty text for None."""
    if days is None:
        return ""
    if days > 365:
        return _("lasts for more than a year")
    return _("lasts for about %(days)s days") % {"days": days}
