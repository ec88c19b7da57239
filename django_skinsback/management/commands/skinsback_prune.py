from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import CommandParser

from ...flows.retention import prune
from ..command import SkinsBackCommand


class Command(SkinsBackCommand):
    help = (
        "Forget raw deliveries, balances, and discrepancies that were repaired or agree now, older than "
        "RETENTION_DAYS. Rows about money stay for ever, and so do deliveries that failed or are still to be tried "
        "and discrepancies that are open or that an operator has closed. Deliveries of which nothing could be made "
        "(no such row here, a status not known, ids that do not belong together) go like those that were applied. "
        "Run it once a day; Celery's beat does."
    )
    examples = (
        ("", "forget what is older than RETENTION_DAYS"),
        ("--days 30", "forget what is older than 30 days"),
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=_days, help="older than this many days (default: RETENTION_DAYS)")

    def work(self, *_args: Any, days: int | None, account: str | None, **_options: Any) -> None:
        with self.progress.bar("forgetting") as advance:
            pruned = prune(days, account=account, report=advance)
        self.tell(
            f"{pruned.deliveries} deliveries, {pruned.balances} balances and {pruned.discrepancies} discrepancies "
            "forgotten",
            **pruned._asdict(),
        )


def _days(text: str) -> int:
    days = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if not days:
        raise ArgumentTypeError(f"{text!r} is not a number of days such as 30")
    return days
