"""Polling open purchases without a change: calls, statements and time, against polling one by one."""

import statistics
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest import mock

import msgspec
from django.utils import timezone

from benchmarks.deliveries import make_users
from benchmarks.results import Result
from benchmarks.scale import Scale
from benchmarks.statements import count
from django_skinsback.flows.polling import purchases as polling
from django_skinsback.flows.polling import sweep as sweeping
from django_skinsback.flows.polling.purchases import poll_purchases
from django_skinsback.flows.purchases import ask as asking
from django_skinsback.flows.purchases.report import record_report
from django_skinsback.models import Purchase
from django_skinsback.wire.types import Page, PurchaseReport

BATCH = 100
CHANGES = 50


class SkinsBack:
    """A client that answers from memory. With ``history`` its list contains the purchases."""

    def __init__(self, reports: Sequence[PurchaseReport]) -> None:
        self.listed = list(reports)
        self.by_id = {report.custom_id: report for report in reports}
        self.history = False
        self.calls = 0

    def get_purchases(self, *, custom_ids: Sequence[str]) -> list[PurchaseReport]:
        self.calls += 1
        return [self.by_id[custom_id] for custom_id in custom_ids]

    def list_purchases(self, _starting: Any, _ending: Any, start_from: str | None = None) -> Page[PurchaseReport]:
        self.calls += 1
        begin = int(start_from or 0)
        items = self.listed[begin : begin + 1000] if self.history else []
        more = bool(items) and begin + 1000 < len(self.listed)
        return Page(items=items, start_from=str(begin + 1000) if more else "0", has_more=more, total_count=None)


def measure(scale: Scale) -> Iterator[Result]:
    """Measure batches of two sizes, ``market_history``, and one call per purchase."""
    few, many = scale.purchases
    skinsback = SkinsBack(make_purchases(many))
    with (
        mock.patch.object(polling, "get_client", return_value=skinsback),
        mock.patch.object(asking, "get_client", return_value=skinsback),
        mock.patch.object(sweeping, "LONGEST_SWEEP", timedelta(hours=1)),  # so that a slow machine polls all rows too
    ):
        one_by_one = _one_by_one(skinsback, few)
        rates: dict[int, list[float]] = {few: [], many: []}
        calls, statements = {}, {}
        for _round in range(scale.rounds):
            for number in (few, many, few):
                seconds, calls[number], statements[number] = sweep(skinsback, number)
                rates[number].append(seconds / number)
        each = {number: statistics.median(seconds) for number, seconds in rates.items()}
        yield Result(
            f"{many:,} due, in batches: calls, of those one by one",
            calls[many] / many,
            f"<= {1 / 90:.4f}",
            about=f"{calls[many]:,} calls",
        )
        batches = (many - few) / BATCH
        yield Result(
            "statements for a batch without a change",
            (statements[many] - statements[few]) / batches,
            "<= 4",
            about=f"{statements[few]:,} for {few:,} purchases, {statements[many]:,} for {many:,}",
        )
        ratios = [
            large / statistics.mean(rates[few][2 * turn : 2 * turn + 2]) for turn, large in enumerate(rates[many])
        ]
        yield Result(
            f"time for a purchase at {many:,}, of that at {few:,}",
            statistics.median(ratios),
            "<= 1.1",
            low=min(ratios),
            high=max(ratios),
            samples=len(ratios),
            about=f"{each[many] * 1e6:.0f} against {each[few] * 1e6:.0f} µs",
        )
        yield Result(
            "time for a purchase, of that one by one",
            each[many] / one_by_one,
            about=f"{each[many] * 1e6:.0f} against {one_by_one * 1e6:.0f} µs",
        )
        skinsback.history = True
        seconds, listed, _statements = sweep(skinsback, many)
        yield Result(
            f"{many:,} due, by market_history: calls, of those one by one",
            listed / many,
            f"<= {1 / 900:.5f}",
            about=f"{listed:,} calls, {seconds / many * 1e6:.0f} µs a purchase",
        )
        skinsback.history = False
        yield _changes(skinsback, few, statements[few])


def make_purchases(number: int) -> list[PurchaseReport]:
    """Create accepted purchases in hold, and return reports that agree with them."""
    users, now = make_users(100), timezone.now()
    reports = []
    for start in range(0, number, 5000):
        rows = [
            Purchase(
                user_id=users[key % len(users)],
                custom_id=f"{key:032x}",
                buy_id=str(key + 1),
                status="accepted",
                partner="90382795",
                token="i1ArBZey",
                steam_id="76561198050648523",
                game="cs2",
                skin_id=str(key),
                market_hash_name="AK-47 | Safari Mesh (Minimal Wear)",
                max_price=Decimal(10),
                price=Decimal("9.5"),
                debited_amount=Decimal("9.5"),
                trade_offer_id=str(key),
                in_hold=True,
                in_hold_until=now.replace(microsecond=0) + timedelta(days=5),
                attempts=1,
                submitted_at=now - timedelta(days=3),
                accepted_at=now - timedelta(days=3),
            )
            for key in range(start, min(start + 5000, number))
        ]
        Purchase.objects.bulk_create(rows, batch_size=1000)
        reports += [_report(row) for row in rows]
    return reports


def _report(row: Purchase) -> PurchaseReport:
    names = ("custom_id", "buy_id", "status", "skin_id", "market_hash_name", "price", "debited_amount", "steam_id")
    values = {name: getattr(row, name) for name in (*names, "trade_offer_id", "in_hold", "in_hold_until")}
    return PurchaseReport(**values)


def make_due(number: int) -> None:
    """Make this number of rows due, and the others due in a day."""
    now = timezone.now()
    Purchase.objects.update(next_poll_at=now + timedelta(days=1), poll_count=0)
    keys = Purchase.objects.order_by("pk").values_list("pk", flat=True)[:number]
    Purchase.objects.filter(pk__lte=keys[number - 1]).update(next_poll_at=now - timedelta(minutes=1))


def sweep(skinsback: SkinsBack, number: int) -> tuple[float, int, int]:
    """Return seconds, calls and statements of a sweep over this number of due rows."""
    make_due(number)
    skinsback.calls = 0
    taken: list[float] = []

    def run() -> None:
        start = time.perf_counter()
        counts = poll_purchases("default")
        taken.append(time.perf_counter() - start)
        if counts.asked != number or counts.stopped_by:
            raise AssertionError(f"Of {number} purchases {counts}.")

    statements = len(count(run))
    if Purchase.objects.filter(next_poll_at__lte=timezone.now()).exists():
        raise AssertionError("Some purchases are still due.")
    return taken[0], skinsback.calls, statements


def _one_by_one(skinsback: SkinsBack, number: int) -> float:
    """Return seconds per purchase when each one is polled and recorded by itself."""
    make_due(number)
    start = time.perf_counter()
    for row in Purchase.objects.filter(next_poll_at__lte=timezone.now()):
        report = skinsback.get_purchases(custom_ids=[row.custom_id])[0]
        record_report(report, "poll", account=row.account)
    return (time.perf_counter() - start) / number


def _changes(skinsback: SkinsBack, number: int, unchanged: int) -> Result:
    """Return the additional statements for each changed purchase."""
    changes = min(CHANGES, number // 2)
    for report in skinsback.listed[:changes]:
        skinsback.by_id[report.custom_id] = msgspec.structs.replace(report, status="rollback_supplier")
    _seconds, _calls, statements = sweep(skinsback, number)
    if Purchase.objects.filter(status="rollback_supplier").count() != changes:
        raise AssertionError("What changed was not recorded.")
    return Result("additional statements for each changed purchase", (statements - unchanged) / changes, "<= 7")
