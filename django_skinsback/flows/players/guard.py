"""Checks whether a user may start a deposit or a purchase. The freeze, the game and the ``LIMITS`` are checked."""

from collections.abc import Collection, Sequence
from datetime import datetime, time
from decimal import Decimal
from typing import Any, Literal, TypeVar

from django.db import connections
from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ... import conf
from ...exceptions import GameSwitchedOff, LimitReached, UserFrozen
from ...models import Deposit, Freeze, LedgerEntry, Purchase, UserGuard
from ...models.fields import utc_now
from ...money import add_to, amount_text
from ...statuses import DepositStatus, PurchaseStatus
from ..ledger.database import current, database

M = TypeVar("M", bound=Model)

Direction = Literal["deposits", "purchases"]


def allow(
    direction: Direction,
    user: Any,
    *,
    games: Collection[str],
    charges: Sequence[tuple[Decimal, str]] = (),
    count: int = 1,
) -> None:
    """Check that ``user`` may start ``count`` deposits or purchases of these games now.

    Call ``allow`` as the first statement of the database transaction that inserts the rows. ``allow`` locks the user.
    So a second transaction of the same user waits until the first transaction ends, and then counts the rows of the
    first transaction too. ``charges`` are the amounts and currencies of the new purchases.

    Raises UserFrozen, GameSwitchedOff or LimitReached if the user may not. The message of LimitReached is translated
    and contains the limit.
    """
    lock_user(user)
    if current(Freeze.objects.using(database()).filter(user_id=user.pk)).values_list("pk", flat=True):
        raise UserFrozen
    if not set(games) <= set(conf.games(direction)):
        raise GameSwitchedOff
    if limits := conf.limits(direction):
        start = start_of_day()
        if direction == "deposits":
            _check_deposits(user, limits, start, count)
        else:
            _check_purchases(user, limits, start, count, charges)


def lock_user(user: Any) -> None:
    """Lock a user until the database transaction ends, by a write of the user's UserGuard row.

    The write is one upsert, not an UPDATE and an INSERT. The reason is MariaDB under REPEATABLE READ: an UPDATE of a
    row that does not exist locks a gap in the index. Then the first purchases of two users would block each other.
    """
    using = database()
    has_target = connections[using].features.supports_update_conflicts_with_target
    UserGuard.objects.using(using).bulk_create(
        [UserGuard(user_id=user.pk, updated_at=utc_now())],
        update_conflicts=True,
        unique_fields=["user"] if has_target else None,
        update_fields=["updated_at"],
    )


def start_of_day() -> datetime:
    """Return the time at which the current day began, in the time zone of the setting ``TIME_ZONE``."""
    zone = timezone.get_default_timezone()
    return datetime.combine(utc_now().astimezone(zone).date(), time.min, tzinfo=zone)


def _check_deposits(user: Any, limits: Any, start: datetime, count: int) -> None:
    if "count" in limits:
        today = Deposit.objects.using(database()).filter(user_id=user.pk, created_at__gte=start)
        rows = _newest(today).values_list("status", "transaction_id")
        opened = sum(status != DepositStatus.ABANDONED or transaction_id is not None for status, transaction_id in rows)
        if opened + count > limits["count"]:
            raise LimitReached(_count_text("deposits", limits["count"]))
    if limits.get("sum"):
        entries = LedgerEntry.objects.using(database()).filter(
            user_id=user.pk, deposit__isnull=False, created_at__gte=start
        )
        credited = _sums(_newest(entries).values_list("amount", "currency"))
        for currency, limit in limits["sum"].items():
            if credited.get(currency, Decimal(0)) >= limit:
                raise LimitReached(_sum_text("deposits", limit, currency))


def _check_purchases(
    user: Any, limits: Any, start: datetime, count: int, charges: Sequence[tuple[Decimal, str]]
) -> None:
    """Raise LimitReached if the user would exceed a limit. Purchases of an operator (``by``) are not counted."""
    today = Purchase.objects.using(database()).filter(user_id=user.pk, by=None, created_at__gte=start)
    rows = list(_newest(today).values_list("pk", "status"))
    if "count" in limits:
        bought = sum(status != PurchaseStatus.REFUSED for _pk, status in rows)
        if bought + count > limits["count"]:
            raise LimitReached(_count_text("purchases", limits["count"]))
    if limits.get("sum"):
        entries = LedgerEntry.objects.using(database()).filter(purchase__in=[pk for pk, _status in rows])
        stored = _newest(entries).values_list("amount", "currency")
        charged = _sums([*((amount.copy_negate(), currency) for amount, currency in stored), *charges])
        for currency, limit in limits["sum"].items():
            if charged.get(currency, Decimal(0)) > limit:
                raise LimitReached(_sum_text("purchases", limit, currency))


def _newest(rows: QuerySet[M]) -> QuerySet[M]:
    """Return the query ``rows``, changed if necessary so that it reads the newest version of the rows.

    On MariaDB, inside a database transaction of the caller, the query needs a row lock to read the newest version. In
    all other cases, a plain SELECT after ``lock_user`` reads all committed rows, so the query is returned unchanged. An
    unnecessary row lock could cause a deadlock between a caller that has locked the user's wallet and a webhook that
    refunds one of these rows.
    """
    connection = connections[database()]
    is_inside_callers = bool(connection.savepoint_ids)
    return current(rows) if connection.vendor == "mysql" and is_inside_callers else rows


def _sums(amounts: Any) -> dict[str, Decimal]:
    """Return a dict: currency -> sum. The sums are calculated in Python, because SQLite adds decimals as floats."""
    sums: dict[str, Decimal] = {}
    for amount, currency in amounts:
        add_to(sums, currency, amount)
    return sums


def _count_text(direction: Direction, limit: int) -> str:
    text = (
        ngettext(
            "You can start %(count)s deposit a day. Try again tomorrow.",
            "You can start %(count)s deposits a day. Try again tomorrow.",
            limit,
        )
        if direction == "deposits"
        else ngettext(
            "You can buy %(count)s skin a day. Try again tomorrow.",
            "You can buy %(count)s skins a day. Try again tomorrow.",
            limit,
        )
    )
    return text % {"count": limit}


def _sum_text(direction: Direction, limit: Decimal, currency: str) -> str:
    text = (
        _("You can deposit up to %(amount)s %(currency)s a day. Try again tomorrow.")
        if direction == "deposits"
        else _("You can buy skins for up to %(amount)s %(currency)s a day. Try again tomorrow.")
    )
    return text % {"amount": amount_text(limit), "currency": currency.upper()}
