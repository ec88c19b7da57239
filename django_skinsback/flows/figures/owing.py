"""Finds the users whose balance on this site is below zero after a reversal."""

import logging
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db.models import QuerySet

from ...models import LedgerEntry, OwingUser
from ...models.fields import utc_now
from ...statuses import EntryKind
from ..ledger.database import database, run
from ..progress import OnProgress, no_progress
from .hooks import is_set, read_amount

logger = logging.getLogger("django_skinsback")

REVERSAL_AGE = timedelta(days=90)
"""The balance of a user is not read if the last reversal of the user is older than this."""

KEPT = 100
"""At most this many balances are kept, the lowest ones."""

ASKED_AT_MOST = 5000
"""A run asks for at most this many balances, those with the newest reversals first."""

FAILURES_AT_MOST = 20
"""A run stops asking after this many balances could not be read. The rows of all other balances stay as they are."""

READ_AT_MOST = 1000
"""``users_with_reversals`` looks at most at this many reversals, the newest ones."""

_PAGE = 500

Balance = tuple[Any, str]
"""The primary key of a user, and a currency."""


class OwingFound(NamedTuple):
    """The result of ``find_owing_users``: the numbers of balances asked for, kept, and not readable."""

    balances: int
    owing: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class Reversals:
    """The number of reversals of one user in the last 90 days."""

    user: Any
    count: int


def find_owing_users(*, now: datetime | None = None, on_progress: OnProgress = no_progress) -> OwingFound:
    """Ask ``BALANCE`` for the users with a reversal in the last 90 days, and keep those below zero in OwingUser.

    Users who do not owe any more are removed. If a balance cannot be read, its row stays as it is. ``on_progress`` is
    called with the number of balances of each batch. If the site has not set ``BALANCE``, all rows are removed. Two
    runs may run at once.
    """
    now = now or utc_now()
    balances = _balances_to_ask(now) if is_set("BALANCE") else []
    answers: dict[Balance, Decimal] = {}
    unreadable = 0
    for start in range(0, len(balances), _PAGE):
        page = balances[start : start + _PAGE]
        users = _users(key for key, _ in page)
        for key, currency in page:
            if key in users and unreadable < FAILURES_AT_MOST:
                amount = read_amount("BALANCE", users[key], currency)
                if amount is None:
                    unreadable += 1
                else:
                    answers[key, currency] = amount
        on_progress(len(page))
    below = [(amount, balance) for balance, amount in answers.items() if amount < 0]
    owing = sorted(below, key=lambda each: each[0])
    kept = run(partial(_replace, owing, {*balances} - {*answers}, now))
    found = OwingFound(len(answers) + unreadable, kept, unreadable)
    logger.info("skinsback.owing_users_found", extra=found._asdict())
    return found


def users_with_reversals(now: datetime | None = None) -> list[Reversals]:
    """Return the users with a reversal in the last 90 days, and how many reversals each has. Most reversals first.

    Only the newest 1,000 reversals are counted. This takes one query.
    """
    counts = Counter(entry.user for entry in _reversals(now or utc_now()).select_related("user")[:READ_AT_MOST])
    return [Reversals(user, count) for user, count in counts.most_common()]


def _reversals(now: datetime) -> QuerySet[LedgerEntry]:
    rows = LedgerEntry.objects.using(database()).filter(kind=EntryKind.REVERSAL, created_at__gte=now - REVERSAL_AGE)
    return rows.exclude(user=None).order_by("-created_at", "-pk")


def _balances_to_ask(now: datetime) -> list[Balance]:
    """Return the balances that are kept, then those with a reversal in the last 90 days, the newest reversal first."""
    rows = _reversals(now)
    kept = OwingUser.objects.using(database()).order_by("balance").values_list("user", "currency")
    recent = set(rows.filter(user__in=[user for user, _ in kept]).order_by().values_list("user", "currency").distinct())
    balances: dict[Balance, None] = dict.fromkeys(balance for balance in kept if balance in recent)
    while len(balances) < ASKED_AT_MOST and (
        page := list(rows.values_list("user", "currency", "created_at", "pk")[:_PAGE])
    ):
        balances.update(dict.fromkeys((user, currency) for user, currency, *_ in page))
        *_, time, last = page[-1]
        rows = _reversals(now).filter(created_at__lte=time).exclude(created_at=time, pk__gte=last)
    return list(balances)[:ASKED_AT_MOST]


def _users(keys: Any) -> dict[Any, Any]:
    users: dict[Any, Any] = get_user_model()._default_manager.using(database()).in_bulk(list(set(keys)))
    return users


def _replace(owing: list[tuple[Decimal, Balance]], unread: set[Balance], now: datetime) -> int:
    """Replace the rows by the balances in ``owing``, and return how many rows there are now.

    Rows of balances in ``unread`` stay. If two runs insert the same row at once, the unique constraint refuses the
    second row, and ``run`` repeats the block.
    """
    rows = OwingUser.objects.using(database())
    rows.filter(balance__gte=0).delete()  # the block begins with a write
    stored = rows.values_list("pk", "user", "currency")
    kept = [pk for pk, user, currency in stored if (user, currency) in unread]
    rows.exclude(pk__in=kept).delete()
    new = [
        OwingUser(user_id=key, currency=currency, balance=balance, checked_at=now)
        for balance, (key, currency) in owing[: max(KEPT - len(kept), 0)]
    ]
    rows.bulk_create(new)
    return len(new) + len(kept)
