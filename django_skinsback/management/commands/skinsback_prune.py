from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import CommandParser

from ...flows.retention import prune
from ..command import SkinsBackCommand


class Command(SkinsBackCommand):
    help = (
        "Delete deliveries, balances, and repaired or resolved discrepancies that are older than RETENTION_DAYS, and "
        "quotes that were not used and have expired more than a day ago. Deposits, purchases, their history and ledger "
        "entries are never deleted. Also kept are deliveries that failed or will be tried again, and discrepancies "
        "that are open or that an operator closed. Deliveries that matched no row, had an unknown status or "
        "contradictory IDs are deleted. The Celery schedule runs this once a day."
    )
    examples = (
        ("", "delete rows that are older than RETENTION_DAYS"),
        ("--days 30", "delete rows that are older than 30 days"),
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=_days, help="delete older rows than this (default: RETENTION_DAYS)")

    def work(self, *_args: Any, days: int | None, account: str | None, **_options: Any) -> None:
        with self.progress.bar("deleting") as on_progress:
            pruned = prune(days, account=account, on_progress=on_progress)
        self.tell(
            f"{pruned.deliveries} deliveries, {pruned.balances} balances, {pruned.discrepancies} discrepancies and "
            f"{pruned.quotes} quotes deleted",
            **pruned._asdict(),
        )


def _days(text: str) -> int:
    days = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if not days:
        raise ArgumentTypeError(f"{text!r} is not a number of days such as 30")
    return days
