"""Reconciliation of deposits, against a comparison row by row and against only reading the rows."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest import mock

import msgspec
from django.utils import timezone

from benchmarks.deliveries import make_deposits, make_users
from benchmarks.results import Result, of_times
from benchmarks.scale import Scale
from benchmarks.statements import count
from benchmarks.timing import paired
from django_skinsback.flows.reconciliation import run as reconciliation
from django_skinsback.flows.reconciliation.run import reconcile
from django_skinsback.models import Deposit, Discrepancy, LedgerEntry
from django_skinsback.wire.types import DepositReport, Page

PAGE = 1000
COLUMNS = ("order_id", "transaction_id", "status", "amount", "user_amount", "amount_currency", "payer_steam_id")
FIELDS = (*COLUMNS[:-1], "steam_id")
DIFFERENCES = 20


class SkinsBack:
    """A client that returns the list of deposits from memory."""

    def __init__(self, reports: Sequence[DepositReport]) -> None:
        self.listed = list(reports)

    def list_deposits(self, _starting: Any, _ending: Any, start_from: str | None = None) -> Page[DepositReport]:
        begin = int(start_from or 0)
        more = begin + PAGE < len(self.listed)
        start_from = str(begin + PAGE) if more else "0"
        items = self.listed[begin : begin + PAGE]
        return Page(items=items, start_from=start_from, has_more=more, total_count=len(self.listed))


def measure(scale: Scale) -> Iterator[Result]:
    """Measure lists without a difference, then lists with some."""
    reports = make_paid(scale.deposits)
    skinsback = SkinsBack(reports)
    with mock.patch.object(reconciliation, "get_client", return_value=skinsback):
        times = paired(_reconcile, lambda: _read_and_compare(reports), pairs=scale.rounds * 3, warm_up=1)
        yield of_times("against reading and comparing the same columns", times, "<= 1.5")
        times = paired(_reconcile, lambda: _row_by_row(reports), pairs=scale.rounds, warm_up=0)
        yield Result(
            "times faster than row by row",
            1 / times.ratio,
            ">= 20",
            low=1 / times.quartiles[1],
            high=1 / times.quartiles[0],
            samples=len(times.ratios),
            about=f"{times.a_seconds:.2f} against {times.b_seconds:.2f} s",
        )
        all_pages = len(count(_reconcile))
        half = len(reports) // 2 // PAGE * PAGE or PAGE
        skinsback.listed = reports[:half]
        some_pages = len(count(_reconcile))
        pages = -(-len(reports) // PAGE) - half // PAGE
        about = f"{all_pages} statements for {len(reports):,} deposits"
        if pages:
            yield Result("statements for a page of 1,000", (all_pages - some_pages) / pages, about=about)
        skinsback.listed = list(reports)
        yield from _differences(skinsback)


def make_paid(number: int) -> list[DepositReport]:
    """Create credited deposits, and return reports that agree with them."""
    deposits = make_deposits(number, make_users(100))
    for deposit in deposits:
        deposit.status, deposit.payer_steam_id = "success", "76561198827262007"
        deposit.amount, deposit.user_amount, deposit.amount_currency = Decimal("10.5"), Decimal("12.6"), "usd"
        deposit.finished_at = deposit.created_at
        deposit.next_poll_at = None
    columns = [*COLUMNS[2:], "finished_at", "next_poll_at"]
    Deposit.objects.bulk_update(deposits, columns, batch_size=500)
    LedgerEntry.objects.bulk_create(
        [
            LedgerEntry(user_id=row.user_id, deposit=row, kind="credit", amount=row.user_amount, currency="usd")
            for row in deposits
        ],
        batch_size=500,
    )
    return [
        DepositReport(**dict(zip(FIELDS, (getattr(row, name) for name in COLUMNS), strict=True))) for row in deposits
    ]


def _reconcile(*, differing: int = 0, missed: int = 0) -> None:
    now = timezone.now()
    counts = reconcile("default", lists=["orders"], since=now - timedelta(days=2), until=now)[0]
    if counts.stopped_by or counts.differing != differing or counts.missed != missed:
        raise AssertionError(f"{counts}, but {differing} differ and {missed} were missed.")


def _row_by_row(reports: Sequence[DepositReport]) -> None:
    for report in reports:
        row = Deposit.objects.get(account="default", order_id=report.order_id)
        reported = [getattr(report, name) for name in FIELDS]
        if [getattr(row, name) for name in COLUMNS] != reported:
            raise AssertionError(report)


def _read_and_compare(reports: Sequence[DepositReport]) -> None:
    for start in range(0, len(reports), PAGE):
        page = reports[start : start + PAGE]
        ids = [report.order_id for report in page]
        rows = Deposit.objects.filter(account="default", order_id__in=ids).values_list(*COLUMNS)
        known = {row[0]: row for row in rows}
        for report in page:
            if known[report.order_id] != tuple(getattr(report, name) for name in FIELDS):
                raise AssertionError(report)


def _differences(skinsback: SkinsBack) -> Iterator[Result]:
    """Count the additional statements for each contradicting row, and for each lost credit that is posted."""
    number = max(min(DIFFERENCES, len(skinsback.listed) // 4), 1)
    agreeing = list(skinsback.listed)

    def contradict(rows: int) -> int:
        Discrepancy.objects.all().delete()
        Deposit.objects.update(needs_review=False, review_reasons=[])
        changed = [msgspec.structs.replace(row, user_amount=Decimal("99.5")) for row in agreeing[:rows]]
        skinsback.listed = [*changed, *agreeing[rows:]]
        return len(count(lambda: _reconcile(differing=rows)))

    def lose(rows: int) -> int:
        Discrepancy.objects.all().delete()
        skinsback.listed = agreeing
        keys = Deposit.objects.order_by("pk").values_list("pk", flat=True)[:rows]
        lost = Deposit.objects.filter(pk__lte=keys[rows - 1])
        LedgerEntry._base_manager.filter(deposit__in=lost)._raw_delete(using=lost.db)
        nothing = {"amount": None, "user_amount": None, "amount_currency": "", "payer_steam_id": ""}
        lost.update(status="pending", finished_at=None, **nothing)
        statements = count(lambda: _reconcile(missed=rows))
        return sum("wallet" not in text for text in statements.texts)

    each = (contradict(2 * number) - contradict(number)) / number
    yield Result("additional statements for each contradicting row", each, "<= 7")
    each = (lose(2 * number) - lose(number)) / number
    about = "without those of the site's receiver"
    yield Result("additional statements for each lost credit", each, "<= 7", about=about)
