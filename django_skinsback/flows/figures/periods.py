"""The figures of today, of 7 days and of 30 days by game. Closed days come from DailyFigure, today is counted now."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from ... import conf
from ...models import DailyFigure
from ...models.fields import utc_now
from ...money import EXACT, add_to
from ...schedule import HOLD
from ...statuses import EntryKind
from ..ledger.database import database
from .daily_figures import WRITTEN
from .queries import DAY, FAILED, Key, Kind, Part, Total, count_figures, day_of
from .solvency import MEASURED, MEASURED_AT

PERIOD_DAYS = {"today": 1, "week": 7, "month": 30}
"""The code of a period -> its number of days. The last day of every period is today."""

LIVE_DAYS = 3
"""At most this many days are counted for one page: today, and the newest closed days that are not written yet."""

Amounts = Mapping[str, Decimal]
"""Currency -> amount. Amounts of different currencies are never added."""

_COUNTED: dict[str, str] = {
    Kind.DEPOSITS: "deposits",
    Kind.DEPOSITS_PAID: "deposits_paid",
    Kind.PURCHASES: "purchases",
    Kind.PURCHASES_ACCEPTED: "purchases_accepted",
    Kind.ACCEPT_SECONDS: "accept_count",
}
_ADDED: dict[str, str] = {
    EntryKind.CREDIT: "credits",
    EntryKind.REVERSAL: "reversals",
    EntryKind.CHARGE: "charges",
    EntryKind.REFUND: "refunds",
    Kind.EARNED: "earned",
    Kind.CREDITED: "credited",
    Kind.EARNED_OTHER: "earned_other",
    Kind.CREDITED_OTHER: "credited_other",
    Kind.CHARGED: "charged",
    Kind.DEBITED: "debited",
    Kind.CHARGED_OTHER: "charged_other",
    Kind.DEBITED_OTHER: "debited_other",
}


@dataclass(slots=True)
class Figures:
    """The figures of one or all games on some days.

    * ``deposits``, ``deposits_paid``: deposits created on these days, and how many of them are credited now.
    * ``purchases``, ``purchases_accepted``, ``failed``: purchases created on these days, how many of them are accepted
      now, and how many have failed or were rolled back, by status.
    * ``credits``, ``reversals``, ``charges``, ``refunds``: sums of the ledger entries of these days by currency. The
      sums of reversals and charges are below zero.
    * ``earned`` and ``credited``, ``charged`` and ``debited``: the two sides of the margins, by currency. In the fields
      with ``_other``, the two sides have different currencies, so they have no margin.
    """

    deposits: int = 0
    deposits_paid: int = 0
    purchases: int = 0
    purchases_accepted: int = 0
    failed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    accept_count: int = 0
    accept_seconds: Decimal = Decimal(0)
    credits: dict[str, Decimal] = field(default_factory=dict)
    reversals: dict[str, Decimal] = field(default_factory=dict)
    charges: dict[str, Decimal] = field(default_factory=dict)
    refunds: dict[str, Decimal] = field(default_factory=dict)
    earned: dict[str, Decimal] = field(default_factory=dict)
    credited: dict[str, Decimal] = field(default_factory=dict)
    earned_other: dict[str, Decimal] = field(default_factory=dict)
    credited_other: dict[str, Decimal] = field(default_factory=dict)
    charged: dict[str, Decimal] = field(default_factory=dict)
    debited: dict[str, Decimal] = field(default_factory=dict)
    charged_other: dict[str, Decimal] = field(default_factory=dict)
    debited_other: dict[str, Decimal] = field(default_factory=dict)

    @property
    def conversion(self) -> Decimal | None:
        """The share of the created deposits that are paid, from 0 to 1. None if no deposit was created."""
        return EXACT.divide(Decimal(self.deposits_paid), Decimal(self.deposits)) if self.deposits else None

    @property
    def seconds_to_accept(self) -> int | None:
        """The average time from the creation of a purchase to its acceptance. None if none was accepted."""
        if not self.accept_count:
            return None
        seconds = EXACT.divide(self.accept_seconds, Decimal(self.accept_count))
        return int(seconds.quantize(Decimal(1), rounding=ROUND_HALF_EVEN, context=EXACT))

    @property
    def deposit_margin(self) -> Amounts:
        """What the site earned minus what it credited, by currency."""
        return _difference(self.earned, self.credited)

    @property
    def purchase_margin(self) -> Amounts:
        """What the site charged minus what SkinsBack debited, in US dollars."""
        return _difference(self.charged, self.debited)

    def add(self, key: Key, total: Total) -> None:
        """Add one figure. Figures of an unknown kind, which another version may have written, are left out."""
        if (name := _COUNTED.get(key.kind)) is not None:
            setattr(self, name, getattr(self, name) + total.number)
        elif (name := _ADDED.get(key.kind)) is not None:
            add_to(getattr(self, name), key.currency, total.amount)
        elif key.kind.startswith(FAILED):
            self.failed[key.kind.removeprefix(FAILED)] += total.number
        if key.kind == Kind.ACCEPT_SECONDS:
            self.accept_seconds = EXACT.add(self.accept_seconds, total.amount)


def _difference(first: Amounts, second: Amounts) -> Amounts:
    nothing = Decimal(0)
    currencies = dict.fromkeys([*first, *second])
    return {each: EXACT.subtract(first.get(each, nothing), second.get(each, nothing)) for each in currencies}


@dataclass(frozen=True, slots=True)
class Period:
    """The figures of the days from ``first_day`` to ``last_day``, which is today.

    ``games`` contains the figures of each game, and ``total`` those of all games.
    """

    code: str
    first_day: date
    last_day: date
    games: dict[str, Figures]
    total: Figures


@dataclass(frozen=True, slots=True)
class Measured:
    """The money that was measured last on one day, by kind and currency: ``("liabilities", "usd")`` -> amount."""

    day: date
    amounts: dict[tuple[str, str], Decimal]


@dataclass(frozen=True, slots=True)
class Periods:
    """The result of ``read_periods``.

    ``periods`` contains a Period for each code of ``PERIOD_DAYS``. ``days`` contains the figures of each of the 30
    days, the oldest first. ``measured`` contains the days whose solvency was kept, the oldest first. ``uncounted`` are
    the days that are neither written nor counted now: their figures are missing in all sums. ``currencies`` are those
    of the ledger entries.
    """

    periods: dict[str, Period]
    days: dict[date, Figures]
    measured: tuple[Measured, ...]
    uncounted: tuple[date, ...]
    currencies: tuple[str, ...]

    def is_so_far(self, day: date) -> bool:
        """Return whether the conversion of this day may still change, because Steam's hold is not over."""
        return day > max(self.days) - HOLD


def read_periods(
    accounts: Sequence[str], parts: Sequence[Part] = tuple(Part), *, now: datetime | None = None
) -> Periods:
    """Return the figures of these accounts for today, 7 days and 30 days, and the kept solvency of all accounts.

    This takes one query for the written days, and one for each part of the days that are counted now. ``parts`` limits
    what is counted now; the figures of other parts are not complete.
    """
    today = day_of(now or utc_now())
    span = PERIOD_DAYS["month"]
    days = [today - DAY * number for number in reversed(range(span))]
    stored = _stored({*accounts, *conf.accounts()}, days[0])
    written = {key.day for key, _ in stored if key.kind == WRITTEN}
    not_written = [day for day in reversed(days) if day not in written]
    live = not_written[:LIVE_DAYS]
    counted = count_figures(live, parts)
    not_counted = {*MEASURED, MEASURED_AT, WRITTEN}
    kept = [(key, total) for key, total in stored if key.kind not in not_counted and key.day not in live]
    totals = [(key, total) for key, total in (*kept, *counted.items()) if key.account in accounts]
    return Periods(
        periods={code: _period(code, today, length, totals) for code, length in PERIOD_DAYS.items()},
        days=_by_day(days, totals),
        measured=_measured((key, total) for key, total in stored if key.kind in MEASURED),
        uncounted=tuple(sorted(not_written[LIVE_DAYS:])),
        currencies=tuple(sorted({key.currency for key, _ in totals if key.kind in set(EntryKind)})),
    )


def _stored(accounts: Iterable[str], first: date) -> list[tuple[Key, Total]]:
    """Return the stored figures of these accounts since ``first``, and those that belong to no account."""
    rows = DailyFigure.objects.using(database()).filter(day__gte=first, account__in=[*accounts, ""])
    values = rows.values_list("account", "day", "game", "currency", "kind", "count", "amount")
    return [(Key(*value[:5]), Total(*value[5:])) for value in values]


def _period(code: str, today: date, length: int, totals: Iterable[tuple[Key, Total]]) -> Period:
    first = today - DAY * (length - 1)
    games: dict[str, Figures] = {}
    total = Figures()
    for key, each in totals:
        if key.day >= first:
            games.setdefault(key.game, Figures()).add(key, each)
            total.add(key, each)
    return Period(code, first, today, dict(sorted(games.items())), total)


def _by_day(days: Iterable[date], totals: Iterable[tuple[Key, Total]]) -> dict[date, Figures]:
    figures = {day: Figures() for day in days}
    for key, total in totals:
        if key.day in figures:
            figures[key.day].add(key, total)
    return figures


def _measured(totals: Iterable[tuple[Key, Total]]) -> tuple[Measured, ...]:
    by_day: dict[date, dict[tuple[str, str], Decimal]] = {}
    for key, total in totals:
        add_to(by_day.setdefault(key.day, {}), (key.kind, key.currency), total.amount)
    return tuple(Measured(day, amounts) for day, amounts in sorted(by_day.items()))


def solvency_currencies(periods: Periods) -> set[str]:
    """Return the currencies of the liabilities: ``QUOTE_CURRENCY``, and those of the ledger entries of 30 days."""
    return {conf.quote_currency(), *periods.currencies}
