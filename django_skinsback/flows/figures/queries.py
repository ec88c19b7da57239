"""Counts the figures of days from the stored rows: deposits, purchases, ledger entries and their exact sums."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    FilteredRelation,
    Func,
    IntegerField,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.utils import timezone

from ...models import Deposit, LedgerEntry, Purchase
from ...money import EXACT
from ...statuses import PURCHASE_FINAL, EntryKind, PurchaseStatus
from ..ledger.database import database
from ..ledger.sums import ExactSum
from .hooks import read_amount

DAY = timedelta(days=1)
FAILED = "failed:"
"""The first part of the kind of failed purchases. The second part is the status: ``failed:timeout``."""

_MICROSECOND = timedelta(microseconds=1)


class Kind(StrEnum):
    """The kinds of figures. Further kinds are the values of ``EntryKind``, and ``FAILED`` plus a status.

    Deposits and purchases count on the day of their creation, with their present status. Entries, and the two sides
    of the margin of deposits, count on the day of the entry. Amounts have the sign of the ledger entry.

    * ``deposits_paid``: credited and not reversed.
    * ``earned``, ``credited``: the amounts and the credits of deposits that are credited and not reversed, where both
      have the same currency. The difference is the margin. All other such deposits: ``earned_other`` in the amount's
      currency and ``credited_other`` in the credit's currency.
    * ``accept_seconds``: the number of accepted purchases, and the sum of the seconds from creation to acceptance.
    * ``charged``, ``debited``: the charges in US dollars and the debits of purchases that are accepted and not
      refunded. Charges in another currency are converted by ``TO_USD``. Without it, they are ``charged_other`` in
      their currency, and the debits are ``debited_other`` in US dollars.
    """

    DEPOSITS = "deposits"
    DEPOSITS_PAID = "deposits_paid"
    EARNED = "earned"
    CREDITED = "credited"
    EARNED_OTHER = "earned_other"
    CREDITED_OTHER = "credited_other"
    PURCHASES = "purchases"
    PURCHASES_ACCEPTED = "purchases_accepted"
    ACCEPT_SECONDS = "accept_seconds"
    CHARGED = "charged"
    DEBITED = "debited"
    CHARGED_OTHER = "charged_other"
    DEBITED_OTHER = "debited_other"


class Part(StrEnum):
    """A part of the figures. Each part is counted by one query."""

    DEPOSITS = "deposits"
    PURCHASES = "purchases"
    MONEY = "money"


class Key(NamedTuple):
    account: str
    day: date
    game: str
    currency: str
    kind: str


class Total(NamedTuple):
    number: int = 0
    amount: Decimal = Decimal(0)

    def plus(self, number: int, amount: Decimal) -> "Total":
        return Total(self.number + number, EXACT.add(self.amount, amount))


Totals = dict[Key, Total]


def day_of(instant: datetime) -> date:
    """Return the day of ``TIME_ZONE`` that contains an instant. ``instant`` is an aware datetime."""
    return instant.astimezone(timezone.get_default_timezone()).date()


def day_start(day: date) -> datetime:
    """Return the first instant of a day of ``TIME_ZONE``, in UTC.

    The end of a day is the start of the next day. A day has 23 or 25 hours if the clock is changed on it.
    """
    return datetime.combine(day, time.min, tzinfo=timezone.get_default_timezone()).astimezone(UTC)


def count_figures(days: Sequence[date], parts: Sequence[Part] = tuple(Part)) -> Totals:
    """Return the figures of these days, read from the stored rows. The result contains no figure that is zero.

    This takes one query for each part. The database adds up, so no row is loaded. The time of the queries grows with
    the number of rows of these days.
    """
    totals: defaultdict[Key, Total] = defaultdict(Total)
    if days:
        counted = sorted(set(days))
        found = {Part.DEPOSITS: _deposits, Part.PURCHASES: _purchases, Part.MONEY: _money}
        for part in parts:
            for key, number, amount in found[part](counted):
                if number or amount:
                    totals[key] = totals[key].plus(number, amount)
    return dict(totals)


Figures = Iterator[tuple[Key, int, Decimal]]


def _of_days(rows: QuerySet[Any], days: list[date]) -> QuerySet[Any]:
    """Return the rows that were created on these days, with ``day_index``: the position of their day in ``days``."""
    starts = [day_start(day) for day in days]
    ends = [day_start(day + DAY) for day in days]
    inside = Q()
    first = 0
    for position in range(len(days)):
        if position + 1 == len(days) or days[position + 1] != days[position] + DAY:
            inside |= Q(created_at__gte=starts[first], created_at__lt=ends[position])
            first = position + 1
    before = [When(created_at__lt=end, then=Value(position)) for position, end in enumerate(ends[:-1])]
    index = Case(*before, default=Value(len(days) - 1), output_field=IntegerField())
    found: QuerySet[Any] = rows.filter(inside).annotate(day_index=index)
    return found


def _first_of(rows: QuerySet[Any], column: str) -> Subquery:
    """Return the lowest value of a key column in these rows, as a subquery.

    The entries that are joined to these rows have keys from this value on. With this condition, a database that joins
    by merging reads the newest part of the index of the entries. PostgreSQL otherwise read all credits of a site for
    the deposits of one day. Without ``+ 0``, it would look for the minimum from the lowest key of the table on.
    """
    lowest = Func(F(column) + 0, function="MIN", output_field=BigIntegerField())
    return Subquery(rows.order_by().annotate(lowest_key=lowest).values("lowest_key"))


def _deposits(days: list[date]) -> Figures:
    rows = _of_days(Deposit.objects.using(database()), days)
    newest = Q(entries__deposit__gte=_first_of(rows, "pk"))
    rows = rows.annotate(
        credit=FilteredRelation("entries", condition=Q(entries__kind=EntryKind.CREDIT) & newest),
        reversal=FilteredRelation("entries", condition=Q(entries__kind=EntryKind.REVERSAL) & newest),
    )
    groups = rows.order_by().values("account", "game", "day_index")
    for row in groups.annotate(number=Count("pk"), paid=Count("credit", filter=Q(reversal__isnull=True))):
        key = Key(row["account"], days[row["day_index"]], row["game"], "", Kind.DEPOSITS)
        yield key, row["number"], Decimal(0)
        yield key._replace(kind=Kind.DEPOSITS_PAID), row["paid"], Decimal(0)


def _money(days: list[date]) -> Figures:
    rows = _of_days(LedgerEntry.objects.using(database()), days)
    newest = Q(deposit__entries__deposit__gte=_first_of(rows, "deposit"))
    is_reversal = Q(deposit__entries__kind=EntryKind.REVERSAL)
    rows = rows.annotate(reversal=FilteredRelation("deposit__entries", condition=is_reversal & newest))
    names = ("account", "game")
    groups = rows.order_by().values(
        *(f"{model}__{name}" for model in ("deposit", "purchase") for name in names),
        "kind",
        "currency",
        "deposit__amount_currency",
        "day_index",
    )
    kept, comparable = Q(reversal__isnull=True), Q(deposit__amount__isnull=False)
    groups = groups.annotate(
        number=Count("pk"),
        total=ExactSum("amount"),
        kept_number=Count("pk", filter=kept & comparable),
        kept_total=ExactSum("amount", filter=kept & comparable),
        earned=ExactSum("deposit__amount", filter=kept),
        other_number=Count("pk", filter=kept & ~comparable),
        other_total=ExactSum("amount", filter=kept & ~comparable),
    )
    for row in groups:
        model = "purchase" if row["deposit__account"] is None else "deposit"
        account, game = (row[f"{model}__{name}"] for name in names)
        key = Key(account, days[row["day_index"]], game, row["currency"], row["kind"])
        yield key, row["number"], row["total"]
        if row["kind"] != EntryKind.CREDIT:
            continue
        amount_currency = str(row["deposit__amount_currency"]).lower()
        is_same = amount_currency == row["currency"]
        earned, credited = (Kind.EARNED, Kind.CREDITED) if is_same else (Kind.EARNED_OTHER, Kind.CREDITED_OTHER)
        yield key._replace(kind=earned, currency=amount_currency), row["kept_number"], row["earned"]
        yield key._replace(kind=credited), row["kept_number"], row["kept_total"]
        yield key._replace(kind=Kind.CREDITED_OTHER), row["other_number"], row["other_total"]


def _purchases(days: list[date]) -> Figures:
    rows = _of_days(Purchase.objects.using(database()), days)
    newest = Q(entries__purchase__gte=_first_of(rows, "pk"))
    rows = rows.annotate(
        charge=FilteredRelation("entries", condition=Q(entries__kind=EntryKind.CHARGE) & newest),
        refund=FilteredRelation("entries", condition=Q(entries__kind=EntryKind.REFUND) & newest),
    )
    waited = ExpressionWrapper(F("accepted_at") - F("created_at"), output_field=DurationField())
    in_order = Q(accepted_at__gte=F("created_at"))
    paid = Q(status=PurchaseStatus.ACCEPTED, refund__isnull=True, charge__isnull=False, debited_amount__isnull=False)
    groups = rows.order_by().values("account", "game", "status", "charge__currency", "day_index")
    groups = groups.annotate(
        number=Count("pk"),
        accepted=Count("pk", filter=in_order),
        waited=Sum(waited, filter=in_order),
        paid_number=Count("pk", filter=paid),
        charged=ExactSum("charge__amount", filter=paid),
        debited=ExactSum("debited_amount", filter=paid),
    )
    for row in groups:
        key = Key(row["account"], days[row["day_index"]], row["game"], "", Kind.PURCHASES)
        yield key, row["number"], Decimal(0)
        if row["status"] == PurchaseStatus.ACCEPTED:
            yield key._replace(kind=Kind.PURCHASES_ACCEPTED), row["number"], Decimal(0)
        if row["status"] in PURCHASE_FINAL:
            yield key._replace(kind=FAILED + row["status"]), row["number"], Decimal(0)
        if row["accepted"]:
            seconds = Decimal(row["waited"] // _MICROSECOND).scaleb(-6, context=EXACT)
            yield key._replace(kind=Kind.ACCEPT_SECONDS), row["accepted"], seconds
        if row["paid_number"]:
            yield from _purchase_margin(key, row)


def _purchase_margin(key: Key, row: Mapping[str, Any]) -> Figures:
    currency, charged = row["charge__currency"], EXACT.minus(row["charged"])
    in_usd = charged if currency == "usd" else read_amount("TO_USD", charged, currency)
    if in_usd is None:
        yield key._replace(kind=Kind.CHARGED_OTHER, currency=currency), row["paid_number"], charged
        yield key._replace(kind=Kind.DEBITED_OTHER, currency="usd"), row["paid_number"], row["debited"]
    else:
        yield key._replace(kind=Kind.CHARGED, currency="usd"), row["paid_number"], in_usd
        yield key._replace(kind=Kind.DEBITED, currency="usd"), row["paid_number"], row["debited"]
