"""Writes the figures of closed days, so that the desk does not count old rows again."""

import logging
from datetime import date, datetime
from functools import partial
from typing import Any, NamedTuple

from django.db.models import FilteredRelation, Q

from ...models import DailyFigure, Deposit, LedgerEntry, Purchase
from ...models.fields import utc_now
from ...schedule import CLOCK_SKEW, HOUR
from ...statuses import EntryKind
from ..ledger.database import database, run
from ..progress import OnProgress, no_progress
from .queries import DAY, Totals, count_figures, day_of, day_start
from .solvency import MEASURED, MEASURED_AT, keep_solvency

logger = logging.getLogger("django_skinsback")

CLOSED_FOR = HOUR
"""A day is written after it has been closed for this long. A slow database transaction has committed by then."""

REWRITTEN_DAYS = 9
"""The newest closed days are written again by every run: deposits are paid and rolled back for about eight days."""

SHOWN_DAYS = 31
"""At least this many days are written, even if nothing happened on them. The desk shows the last 30 days."""

BACKFILLED_DAYS = 31
"""A run writes at most this many missing older days, the newest first. The next run continues."""

LATE_ENTRIES = 5000
"""A run looks at most at this many new entries of older days, the newest first."""

WRITTEN = "written"
"""The kind of the row that says that the figures of a day are written. ``count`` is the number of the figures."""


class FiguresWritten(NamedTuple):
    """The result of ``write_daily_figures``: the number of written days, and of missing days for the next runs."""

    days: int
    missing: int


def write_daily_figures(*, now: datetime | None = None, on_progress: OnProgress = no_progress) -> FiguresWritten:
    """Write the figures of the closed days of all accounts into DailyFigure, and store the present solvency.

    These days are written: the newest nine closed days, older days with a credit, reversal or refund of the last nine
    days, and up to 31 missing older days. Earlier figures of these days are replaced. Two runs may run at once.
    ``on_progress`` is called with 1 after each day. If it raises an exception, the run ends between two days.
    """
    now = now or utc_now()
    keep_solvency(now)
    last = day_of(now - CLOSED_FOR) - DAY
    recent = [last - DAY * number for number in range(REWRITTEN_DAYS)]
    oldest = min(_first_day() or last, last - DAY * (SHOWN_DAYS - 1))
    written = dict(_markers().filter(day__gte=oldest).values_list("day", "written_at"))
    older = [recent[-1] - DAY * number for number in range(1, (recent[-1] - oldest).days + 1)]
    missing = [day for day in older if day not in written]
    late = [day for day, changed_at in _late_days(recent[-1]).items() if written.get(day, now) < changed_at + HOUR]
    days = [*recent, *sorted(late, reverse=True), *missing[:BACKFILLED_DAYS]]
    for day in days:
        write_day(day)
        on_progress(1)
    result = FiguresWritten(days=len(days), missing=max(len(missing) - BACKFILLED_DAYS, 0))
    logger.info("skinsback.daily_figures_written", extra=result._asdict())
    return result


def write_day(day: date) -> bool:
    """Count the figures of a day and replace the earlier figures. Return False if another run wrote newer figures."""
    read_at = utc_now()
    totals = count_figures([day])
    return run(partial(_replace, day, totals, read_at))


def _markers() -> Any:
    return DailyFigure.objects.using(database()).filter(account="", game="", currency="", kind=WRITTEN)


def _replace(day: date, totals: Totals, read_at: datetime) -> bool:
    """Replace the figures of a day. The row of the kind ``written`` is locked first, so that one run waits for another.

    If two runs insert this row at once, the unique constraint refuses the second row, and ``run`` repeats the block.
    """
    rows = DailyFigure.objects.using(database())
    marker = _markers().filter(day=day)
    earlier = Q(written_at__lte=read_at) | Q(written_at__gt=utc_now() + CLOCK_SKEW)  # a wrong clock wrote the future
    if not marker.filter(earlier).update(written_at=read_at, count=len(totals)):
        if marker.exists():
            return False
        rows.create(account="", day=day, kind=WRITTEN, count=len(totals), written_at=read_at)
    rows.filter(day=day).exclude(kind__in=[*MEASURED, MEASURED_AT, WRITTEN]).delete()
    rows.bulk_create(
        [
            DailyFigure(**key._asdict(), count=total.number, amount=total.amount, written_at=read_at)
            for key, total in sorted(totals.items())
        ],
        batch_size=500,
    )
    return True


def _first_day() -> date | None:
    """Return the day of the oldest deposit, purchase or ledger entry. Return None if there is none."""
    oldest: list[datetime] = []
    for model in (Deposit, Purchase, LedgerEntry):
        times = model._default_manager.using(database()).order_by("created_at").values_list("created_at", flat=True)
        oldest += times[:1]
    return day_of(min(oldest)) if oldest else None


def _late_days(first_recent: date) -> dict[date, datetime]:
    """Return the days before ``first_recent`` whose figures a new entry has changed, with the time of that entry.

    A credit and a reversal change the day on which the deposit was created. A reversal also changes the day of the
    credit. A refund changes the day on which the purchase was created.
    """
    start = day_start(first_recent)
    entries = LedgerEntry.objects.using(database()).filter(created_at__gte=start).exclude(kind=EntryKind.CHARGE)
    entries = entries.annotate(
        credit=FilteredRelation("deposit__entries", condition=Q(deposit__entries__kind=EntryKind.CREDIT))
    )
    sources = ("deposit__created_at", "purchase__created_at", "credit__created_at")
    is_late = Q(deposit__created_at__lt=start) | Q(purchase__created_at__lt=start) | Q(credit__created_at__lt=start)
    late: dict[date, datetime] = {}
    for changed_at, *times in (
        entries.filter(is_late).order_by("-created_at").values_list("created_at", *sources)[:LATE_ENTRIES]
    ):
        for time in times:
            if time is not None and time < start:
                late.setdefault(day_of(time), changed_at)
    return late
