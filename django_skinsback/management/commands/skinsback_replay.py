from collections import Counter
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...flows.ledger.database import database
from ...flows.webhooks.replay import is_processed, replay
from ...models import WebhookEvent
from ..command import NOT_DONE, USAGE, SkinsBackCommand
from ..dates import date_or_time


class Command(SkinsBackCommand):
    help = (
        "Apply stored deliveries of SkinsBack again. Select them by ID, time or outcome. A delivery that was processed "
        "before is skipped, so it is safe to replay a whole day."
    )
    examples = (
        ("17 18", "the deliveries with these IDs, as shown in the admin"),
        ("--outcome failed", "all deliveries that could not be applied"),
        ("--since 2026-05-01 --until 2026-05-02", "the deliveries of one day"),
    )
    exit_codes = {
        USAGE: "an argument is wrong, or a delivery does not exist: nothing was replayed",
        NOT_DONE: "at least one delivery could not be applied; it is tried again automatically",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="*", type=int, help="IDs of deliveries, as shown in the admin")
        parser.add_argument(
            "--since", type=date_or_time, help="only deliveries received at or after: 2026-05-01, or 2026-05-01T12:00"
        )
        parser.add_argument("--until", type=date_or_time, help="only deliveries received before this time")
        parser.add_argument("--outcome", choices=WebhookEvent.Outcome.values, help="only deliveries with this outcome")

    def work(self, *_args: Any, ids: list[int], account: str | None, **options: Any) -> int | None:
        conditions = {
            "pk__in": ids,
            "received_at__gte": options["since"],
            "received_at__lt": options["until"],
            "outcome": options["outcome"],
            "account": account,
        }
        selected = {name: value for name, value in conditions.items() if value}
        if not selected:
            message = "Select deliveries: ids, --since, --until, --outcome or --account. See --help."
            raise CommandError(message, returncode=USAGE)
        events = WebhookEvent.objects.using(database()).filter(**selected)
        if missing := sorted({*ids} - {*events.values_list("pk", flat=True)} if ids else ()):
            message = f"These deliveries do not exist: {', '.join(map(str, missing))}. Nothing was replayed."
            raise CommandError(message, returncode=USAGE)
        counts: Counter[str] = Counter()
        skipped = 0
        try:
            with self.progress.bar("deliveries", total=events.count, unit="deliveries") as advance:
                for event, result in replay(events):
                    if isinstance(result, Exception):
                        counts["failed"] += 1
                        self.warn(f"Delivery {event.pk} could not be applied: {type(result).__name__}")
                    elif is_processed(event):
                        skipped += 1
                    else:
                        counts[str(result)] += 1
                    advance(1)
        finally:  # the counts are also printed after an error or Ctrl-C
            outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())) or "none"
            if skipped:
                outcomes += f"; skipped because they were processed before: {skipped}"
            values = {"skipped": skipped} if skipped else {}
            self.tell(f"deliveries replayed: {outcomes}", replayed=counts.total(), outcomes=dict(counts), **values)
        return NOT_DONE if counts["failed"] else None
