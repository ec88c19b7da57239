"""Movements through SkinsBack: the sums of the ledger entries of each day, account and currency.

The movements are not the site's liabilities: the site may also change balances of users without SkinsBack.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ...models import DailyFigure, LedgerEntry
from ...models.fields import utc_now
from ...money import add_to, exact_sum
from ...statuses import EntryKind
from ..figures.daily_figures import WRITTEN
from ..figures.queries import DAY, Part, count_figures, day_of
from ..ledger.database import database

COLUMNS = ["day", "account", "currency", "credits", "reversals", "charges", "refunds", "net"]
"""The exported columns. ``net`` is the sum of the four columns before it."""

FIELDS = {
    EntryKind.CREDIT: "credits",
    EntryKind.REVERSAL: "reversals",
    EntryKind.CHARGE: "charges",
    EntryKind.REFUND: "refunds",
}


@dataclass(slots=True)
class Movement:
    """The movements of one day, account and currency. ``reversals`` and ``charges`` are zero or below zero."""

    day: date
    account: str
    currency: str
    credits: Decimal = Decimal(0)
    reversals: Decimal = Decimal(0)
    charges: Decimal = Decimal(0)
    refunds: Decimal = Decimal(0)

    @property
    def net(self) -> Decimal:
        """What users were given minus what was taken from them."""
        return exact_sum([self.credits, self.reversals, self.charges, self.refunds])

    def values(self) -> list[object]:
        """Return the values in the order of ``COLUMNS``."""
        return [getattr(self, name) for name in COLUMNS]


def today() -> date:
    """Return the present day in ``TIME_ZONE``."""
    return day_of(utc_now())


def first_day() -> date:
    """Return the day of the oldest ledger entry. Return today if there is none."""
    entries = LedgerEntry.objects.using(database()).order_by("created_at")
    oldest = entries.values_list("created_at", flat=True).first()
    return today() if oldest is None else day_of(oldest)


def days_between(first: date, last: date) -> list[date]:
    """Return the days from ``first`` to ``last``, both included. Days after today are left out."""
    return [first + DAY * number for number in range((min(last, today()) - first).days + 1)]


def written_days(days: Sequence[date]) -> set[date]:
    """Return those of these days whose sums are stored in DailyFigure. The other days must be counted."""
    if not days:
        return set()
    figures = DailyFigure.objects.using(database()).filter(day__gte=days[0], day__lte=days[-1])
    return set(figures.filter(kind=WRITTEN, account="", game="", currency="").values_list("day", flat=True))


def read_movements(days: Sequence[date], account: str | None = None) -> Iterator[list[Movement]]:
    """Yield the movements of each day in the order of ``days``, by account and currency.

    With ``account``, yield only the movements of this account.

    This takes one query for each day. The sums of closed days are read from DailyFigure if they are written there.
    The sums of other days are counted.
    """
    written = written_days(days)
    for day in days:
        found: dict[tuple[str, str], Movement] = {}
        sums = _stored(day) if day in written else _counted(day)
        for (alias, currency, kind), amount in sums.items():
            if account in {None, alias}:
                movement = found.setdefault((alias, currency), Movement(day, alias, currency))
                setattr(movement, FIELDS[EntryKind(kind)], amount)
        yield [movement for _key, movement in sorted(found.items())]


Sums = dict[tuple[str, str, str], Decimal]


def _stored(day: date) -> Sums:
    figures = DailyFigure.objects.using(database()).filter(day=day, kind__in=list(EntryKind))
    return _added(figures.values_list("account", "currency", "kind", "amount"))


def _counted(day: date) -> Sums:
    totals = count_figures([day], [Part.MONEY]).items()
    kinds = set(EntryKind)
    return _added((key.account, key.currency, key.kind, total.amount) for key, total in totals if key.kind in kinds)


def _added(figures: Iterable[tuple[str, str, str, Decimal]]) -> Sums:
    """Add up the figures of all games."""
    sums: Sums = {}
    for account, currency, kind, amount in figures:
        add_to(sums, (account, currency, kind), amount)
    return sums
