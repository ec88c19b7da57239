"""Compares what the site owes its users (``LIABILITIES``) with the balance at SkinsBack, and keeps both daily."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial

from django.db.models import Q, QuerySet

from ... import conf
from ...models import BalanceSnapshot, DailyFigure
from ...models.fields import utc_now
from ...money import EXACT, add_to, exact_sum
from ...statuses import EntryKind
from ..ledger.database import database, run
from ..monitoring import exposure
from .hooks import is_set, read_amount
from .queries import DAY, day_of

BALANCE, RESERVED, EXPOSURE, LIABILITIES = MEASURED = ("balance", "reserved", "exposure", "liabilities")
"""The kinds of the figures that are measured. They cannot be counted again later, so ``daily_figures`` keeps them."""

MEASURED_AT = "measured"
"""The kind of the row that is locked while the measured figures of a day are replaced."""

CURRENCY_DAYS = 30


@dataclass(frozen=True, slots=True)
class Liability:
    """What the site owes its users in one currency. ``amount`` is None if ``LIABILITIES`` could not be read.

    ``usd`` is the amount in US dollars. It is None if the amount is None or cannot be converted.
    """

    currency: str
    amount: Decimal | None
    usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Solvency:
    """The money of all accounts together, and what the site owes.

    ``balances`` contains the newest known balance of each account in US dollars. ``reserved`` is what purchases may
    still take from the balance; it is a minimum if ``reserved_is_minimum``. ``exposure`` contains the credits of
    approved holds by currency, which may still be rolled back.
    """

    liabilities: tuple[Liability, ...]
    balances: dict[str, Decimal]
    unknown_balances: tuple[str, ...]
    reserved: Decimal
    reserved_is_minimum: bool
    exposure: dict[str, Decimal]

    @property
    def balance(self) -> Decimal:
        """The sum of the known balances."""
        return exact_sum(self.balances.values())

    @property
    def free(self) -> Decimal:
        """The balance minus what is reserved."""
        return EXACT.subtract(self.balance, self.reserved)

    @property
    def unreadable(self) -> tuple[str, ...]:
        """The currencies whose liabilities could not be read."""
        return tuple(liability.currency for liability in self.liabilities if liability.amount is None)

    @property
    def not_comparable(self) -> tuple[str, ...]:
        """The currencies whose liabilities could be read, but cannot be converted to US dollars."""
        return tuple(each.currency for each in self.liabilities if each.amount is not None and each.usd is None)

    @property
    def missing(self) -> Decimal | None:
        """The known liabilities minus the free balance, in US dollars. Zero if the free balance covers them.

        None if a balance is unknown, or if no liability is known in US dollars.
        """
        known = [liability.usd for liability in self.liabilities if liability.usd is not None]
        if self.unknown_balances or not known:
            return None
        return max(EXACT.subtract(exact_sum(known), self.free), Decimal(0))

    @property
    def is_short(self) -> bool:
        """Whether the free balance is smaller than the known liabilities."""
        return bool(self.missing)

    @property
    def is_complete(self) -> bool:
        """Whether all balances and all liabilities are known in US dollars."""
        return not (self.unknown_balances or self.unreadable or self.not_comparable) and bool(self.liabilities)


def read_solvency(currencies: Iterable[str]) -> Solvency | None:
    """Read the solvency of all accounts now. Return None if the site has not set ``LIABILITIES``.

    ``LIABILITIES`` is called once for each currency. SkinsBack is not called. This takes three queries.
    """
    if not is_set("LIABILITIES"):
        return None
    accounts = conf.accounts()
    balances = newest_balances(accounts)
    reserved = exposure.reserved_by_account(accounts).values()
    exposed: dict[str, Decimal] = {}
    for summary in exposure.holds_by_account(accounts).values():
        for currency, amount in summary.exposure.items():
            add_to(exposed, currency, amount)
    return Solvency(
        liabilities=tuple(_liability(currency) for currency in sorted(set(currencies))),
        balances=balances,
        unknown_balances=tuple(account for account in accounts if account not in balances),
        reserved=exact_sum(each.amount for each in reserved),
        reserved_is_minimum=any(each.is_minimum for each in reserved),
        exposure=exposed,
    )


def _liability(currency: str) -> Liability:
    amount = read_amount("LIABILITIES", currency)
    usd = amount if amount is None or currency == "usd" else read_amount("TO_USD", amount, currency)
    return Liability(currency, amount, usd)


def newest_balances(accounts: Sequence[str]) -> dict[str, Decimal]:
    """Return the newest known balance of these accounts in US dollars, with one query."""
    snapshots = BalanceSnapshot.objects.using(database())
    newest = Q(pk__in=[])
    for account in accounts:
        newest |= Q(pk=snapshots.filter(account=account).order_by("-pk").values("pk")[:1])
    return dict(snapshots.filter(newest).values_list("account", "balance"))


def liability_currencies(now: datetime) -> set[str]:
    """Return the currencies that the site uses: ``QUOTE_CURRENCY``, and those of the entries of the last 30 days."""
    figures = DailyFigure.objects.using(database()).filter(
        day__gte=day_of(now) - DAY * CURRENCY_DAYS, kind__in=list(EntryKind)
    )
    return {conf.quote_currency(), *figures.order_by().values_list("currency", flat=True).distinct()}


def keep_solvency(now: datetime | None = None) -> None:
    """Store the present solvency as figures of today. Earlier figures of today are replaced.

    So a closed day keeps the last measurement of the day. If a value cannot be read, it is not stored. Does nothing if
    the site has not set ``LIABILITIES``.
    """
    now = now or utc_now()
    found = read_solvency(liability_currencies(now))
    if found is None:
        return
    day = day_of(now)
    figures = [_figure(day, BALANCE, amount, "usd", account) for account, amount in found.balances.items()]
    figures.append(_figure(day, RESERVED, found.reserved, "usd"))
    figures += [_figure(day, EXPOSURE, amount, currency) for currency, amount in found.exposure.items()]
    figures += [
        _figure(day, LIABILITIES, each.amount, each.currency) for each in found.liabilities if each.amount is not None
    ]
    for figure in figures:
        figure.written_at = now
    run(partial(_replace, day, figures, now))


def _figure(day: date, kind: str, amount: Decimal, currency: str, account: str = "") -> DailyFigure:
    return DailyFigure(account=account, day=day, kind=kind, currency=currency, amount=amount)


def _replace(day: date, figures: list[DailyFigure], now: datetime) -> None:
    """Replace the measured figures of a day. The row of the kind ``measured`` is locked first."""
    rows: QuerySet[DailyFigure] = DailyFigure.objects.using(database()).filter(day=day)
    if not rows.filter(account="", game="", currency="", kind=MEASURED_AT).update(written_at=now):
        rows.create(account="", day=day, kind=MEASURED_AT, written_at=now)
    rows.filter(kind__in=MEASURED).delete()
    rows.bulk_create(figures)
